"""Bugs to be planted into a worker's process, to see that the rig tells them from the truth.

Each breaks one promise, by putting something else in the place of a method; the product has no hook for
it. A name that is gone raises as the worker starts, so that a bug which is not planted is not "caught".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any

from connectkit.api import SinkTask, TopicPartition
from connectkit.errors import ConnectError
from connectkit.record import SourceRecord


def _swap(owner: Any, name: str, made: Callable[[Any], Any]) -> None:
    """Put ``made(what was there)`` in the place of a method that must be there."""
    setattr(owner, name, made(getattr(owner, name)))


def commit_before_flush() -> None:
    """P1: offsets are committed at once, and flushed only when the next are."""
    promised: dict[int, dict[TopicPartition, int]] = {}

    def pre_commit(
        self: SinkTask[Any], offsets: Mapping[TopicPartition, int]
    ) -> Mapping[TopicPartition, int]:
        before = promised.get(id(self))
        promised[id(self)] = dict(offsets)
        if before is not None:
            self.flush(before)
        return offsets

    _swap(SinkTask, "pre_commit", lambda _: pre_commit)


def stored_before_acknowledged() -> None:
    """P2: a source offset counts as safe as soon as its record is on the way."""
    from connectkit.runner.ledger import Ledger

    def made(enter: Callable[..., Any]) -> Any:
        def enter_and_settle(self: Ledger, records: Sequence[SourceRecord]) -> Any:
            submission = enter(self, records)
            for entry in submission._entries:
                self._set(entry.queue.key, entry.place)
            return submission

        return enter_and_settle

    _swap(Ledger, "enter", made)


def dead_letter_error_swallowed() -> None:
    """P8: whatever becomes of a dead letter, it counts as written."""
    from connectkit.runner.reporters import DeadLetters

    def made(send: Callable[..., Any]) -> Any:
        def send_and_forget(self: DeadLetters, record: Any) -> Future[None]:
            try:
                send(self, record)
            except ConnectError:
                pass
            written: Future[None] = Future()
            written.set_result(None)
            return written

        return send_and_forget

    _swap(DeadLetters, "send", made)
    _swap(DeadLetters, "check", lambda _: lambda self: None)


def aborted_sent_twice() -> None:
    """P3: after a transaction that was never committed, what was in it is sent once too often."""
    from connectkit.runner.eos_task import ExactlyOnce

    def made(send: Callable[..., Any]) -> Any:
        def send_twice(self: Any, out: Any, originals: Sequence[SourceRecord], *rest: Any) -> None:
            send(self, out, originals, *rest)
            offset = originals[-1].source_offset or {}
            # The first batch of a life that did not begin at the beginning.
            if id(self) not in told and offset["seq"] > len(originals):
                send(self, out, originals, *rest)
            told[id(self)] = self

        told: dict[int, Any] = {}
        return send_twice

    _swap(ExactlyOnce, "send", made)


PLANTED: dict[str, Callable[[], None]] = {
    "commit-before-flush": commit_before_flush,
    "stored-before-acknowledged": stored_before_acknowledged,
    "dead-letter-error-swallowed": dead_letter_error_swallowed,
    "aborted-sent-twice": aborted_sent_twice,
}


def plant(name: str) -> None:
    """Plant one bug into this process."""
    PLANTED[name]()

"""Where the transactions of a source end (KIP-618): a poll, an interval, or its own word.

Threads: a task's own; only what it asks for through its ``TransactionContext`` may come from any thread.
"""

from __future__ import annotations

import enum
import threading
from collections.abc import Callable, Sequence
from typing import Protocol

from connectkit.errors import FatalTaskError
from connectkit.record import Checkpoint, SourceRecord
from connectkit.runner.configs.connector import Boundary


class End(enum.Enum):
    """How a transaction shall end."""

    COMMIT = "commit"
    ABORT = "abort"


class Requests:
    """The ends that a task asks for (``TransactionContext``). Thread-safe.

    A record is the object that ``poll`` returned, not one that equals it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._batch: set[End] = set()
        self._records: dict[int, tuple[SourceRecord, set[End]]] = {}

    def commit_transaction(self, record: SourceRecord | None = None) -> None:
        self._ask(End.COMMIT, record)

    def abort_transaction(self, record: SourceRecord | None = None) -> None:
        self._ask(End.ABORT, record)

    def _ask(self, end: End, record: SourceRecord | None) -> None:
        with self._lock:
            if record is None:
                self._batch.add(end)
            else:
                self._records.setdefault(id(record), (record, set()))[1].add(end)

    def cut(self, batch: Sequence[SourceRecord | Checkpoint]) -> list[int]:
        """The numbers of the records in a batch with which a transaction ends."""
        with self._lock:
            if not self._records:
                return []
            return [number for number, record in enumerate(batch) if id(record) in self._records]

    def take_record(self, record: SourceRecord) -> End | None:
        """What was asked for this record; asking for both is the task's mistake."""
        with self._lock:
            found = self._records.pop(id(record), None)
        return None if found is None else _one_of(found[1], "record")

    def take_batch(self) -> End | None:
        """What was asked for the batch; asking for both is the task's mistake."""
        with self._lock:
            found, self._batch = self._batch, set()
        return _one_of(found, "batch") if found else None


def _one_of(ends: set[End], what: str) -> End:
    if len(ends) > 1:
        raise FatalTaskError(
            f"The source task asked for one {what} both to commit and to abort its transaction; only one of "
            "them can be done"
        )
    return next(iter(ends))


class Boundaries(Protocol):
    """Says when a transaction ends. Each answer is given once."""

    @property
    def context(self) -> Requests | None:
        """What the task may ask with; None where it has no say."""
        ...

    def begin(self) -> None:
        """A task begins, or goes on after a pause."""
        ...

    def after_batch(self) -> End | None:
        """A batch has been sent, or there was none."""
        ...

    def at_end(self) -> End | None:
        """The task pauses or stops."""
        ...


class PollBoundaries:
    """A transaction a batch."""

    context = None

    def begin(self) -> None:
        """Nothing to remember."""

    def after_batch(self) -> End | None:
        return End.COMMIT

    at_end = after_batch


class IntervalBoundaries:
    """A transaction an interval, looked at after each batch."""

    context = None

    def __init__(self, interval_s: float, clock: Callable[[], float]) -> None:
        self._interval_s = interval_s
        self._clock = clock
        self._next = clock() + interval_s

    def begin(self) -> None:
        self._next = self._clock() + self._interval_s

    def after_batch(self) -> End | None:
        if self._clock() < self._next:
            return None
        self.begin()
        return End.COMMIT

    def at_end(self) -> End | None:
        return End.COMMIT


class OwnBoundaries:
    """Transactions as the task defines them."""

    def __init__(self) -> None:
        self.context = Requests()

    def begin(self) -> None:
        """What was asked for before is forgotten with the task that asked."""

    def after_batch(self) -> End | None:
        return self.context.take_batch()

    at_end = after_batch


def boundaries(boundary: Boundary, interval_s: float, clock: Callable[[], float]) -> Boundaries:
    """The boundaries that a connector's options ask for, as new."""
    if boundary is Boundary.INTERVAL:
        return IntervalBoundaries(interval_s, clock)
    return OwnBoundaries() if boundary is Boundary.CONNECTOR else PollBoundaries()

"""What a task is doing right now: which call of its plugin, and on which records.

Written by the task's thread a few times per batch (an attribute and, where the worker keeps a crash journal,
a byte of a mapped file) and read by anybody: the status, the watchdog of hung calls, the journal's reader
after a crash. Calls are named as the plugin's methods are.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

CALLS = (
    "",
    "start",
    "poll",
    "send",
    "convert",
    "put",
    "empty put",
    "flush",
    "open",
    "close",
    "stop",
    "commit",
)
"""What a task may be doing; the journal keeps the position in this list."""


class Placed(Protocol):
    """What is needed of a message here."""

    def topic(self) -> str: ...
    def partition(self) -> int: ...
    def offset(self) -> int: ...


class Slot(Protocol):
    """A place of the crash journal. Task thread, cheap, never raises."""

    @property
    def careful(self) -> bool:
        """The task shall take one record at a time, as a batch of it has ended the process."""
        ...

    def runs_here(self) -> None: ...
    def doing(self, call: str) -> None: ...
    def batch(self, first: Placed, last: Placed, count: int) -> None: ...


class Activity:
    """The present call of one task."""

    __slots__ = ("_clock", "call", "since", "slot", "thread_id")

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.call = ""
        """The call that runs; empty between calls."""
        self.since = clock()
        self.slot: Slot | None = None
        self.thread_id = 0
        """The task's thread, once it runs."""

    @property
    def careful(self) -> bool:
        """Whether records are taken one at a time for now."""
        return self.slot is not None and self.slot.careful

    def runs_here(self) -> None:
        self.thread_id = threading.get_ident()
        if self.slot is not None:
            self.slot.runs_here()

    def enter(self, call: str) -> None:
        """The plugin is called."""
        self.since = self._clock()
        self.call = call
        if self.slot is not None:
            self.slot.doing(call)

    def leave(self) -> None:
        """The call has returned, one way or the other."""
        self.call = ""
        if self.slot is not None:
            self.slot.doing("")

    def batch(self, messages: Sequence[Placed]) -> None:
        """These are converted now, and put next."""
        self.since = self._clock()
        self.call = "convert"
        if self.slot is not None:
            self.slot.batch(messages[0], messages[-1], len(messages))

    @contextmanager
    def calling(self, call: str) -> Iterator[None]:
        """``enter`` and ``leave`` around a block; for what is not done for every batch."""
        self.enter(call)
        try:
            yield
        finally:
            self.leave()

    def lasts_s(self, now: float) -> tuple[str, float] | None:
        """The call that runs, and how long it has; None between calls. Any thread."""
        call, since = self.call, self.since
        return (call, max(now - since, 0.0)) if call else None

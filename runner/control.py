"""How other threads tell a task to pause, to stop and to give up.

Source: KIP-875's target states, and the rule that stopping has a deadline at every level: ``stop`` asks,
``cancel`` tells the task that nobody waits for it any more and that it must not commit or report.
"""

from __future__ import annotations

import enum
import threading
import time
from collections.abc import Callable
from typing import Final, NamedTuple


class TaskId(NamedTuple):
    """One task of one connector; printed as Kafka Connect does: ``orders-0``."""

    connector: str
    task: int

    def __str__(self) -> str:
        return f"{self.connector}-{self.task}"


class Target(enum.Enum):
    """What an operator wants a connector to do."""

    STARTED = "STARTED"
    PAUSED = "PAUSED"
    STOPPED = "STOPPED"


TARGETS: Final = {"RUNNING": Target.STARTED, "PAUSED": Target.PAUSED, "STOPPED": Target.STOPPED}
"""What an initial state (KIP-980) asks for."""


class Control:
    """Flags that a task reads and other threads set. Reading is an attribute; waiting wakes at any change.

    ``stopping``, ``cancelled``, ``paused`` and ``draining`` may be read without a lock: each goes through
    its life in one assignment.
    """

    __slots__ = ("_changed", "_clock", "_stop_by", "_wakes", "cancelled", "draining", "paused", "stopping")

    def __init__(self, *, paused: bool = False, clock: Callable[[], float] = time.monotonic) -> None:
        self._changed = threading.Condition()
        self._clock = clock
        self._stop_by: float | None = None
        self._wakes = 0
        self.stopping = False
        self.cancelled = False
        self.paused = paused
        self.draining = False
        """The worker will end when everything has been read (``--until-done``)."""

    def stop(self, within_s: float | None = None) -> None:
        """Ask the task to end after what it is doing; ``within_s``: when it will be abandoned."""
        with self._changed:
            if within_s is not None:
                self._stop_by = self._clock() + within_s
            self.stopping = True
            self._notify()

    def share_s(self, most_s: float) -> float:
        """How long one step of ending may take: three quarters of the time left, at most ``most_s``."""
        if self._stop_by is None:
            return most_s
        return min(most_s, max(self._stop_by - self._clock(), 0.0) * 0.75)

    def cancel(self) -> None:
        """Nobody waits for the task any more: no commits, no retries, no status from here on."""
        with self._changed:
            self.stopping = self.cancelled = True
            self._notify()

    def pause(self) -> None:
        with self._changed:
            self.paused = True
            self._notify()

    def resume(self) -> None:
        with self._changed:
            self.paused = False
            self._notify()

    def drain(self) -> None:
        with self._changed:
            self.draining = True
            self._notify()

    def wake(self) -> None:
        """End a wait early, without any change of state."""
        with self._changed:
            self._notify()

    def _notify(self) -> None:
        self._wakes += 1
        self._changed.notify_all()

    def wait(self, seconds: float | None) -> bool:
        """Wait until something changes, but not longer than this; returns ``stopping``."""
        with self._changed:
            if not self.stopping:
                seen = self._wakes
                self._changed.wait_for(lambda: self._wakes != seen, seconds)
            return self.stopping

    def sleep(self, seconds: float) -> bool:
        """Wait this long, or until the task shall end, pauses or not; returns ``stopping``."""
        with self._changed:
            self._changed.wait_for(lambda: self.stopping, seconds)
            return self.stopping

    def wait_while_paused(self) -> bool:
        """Wait until resumed or stopping; returns ``stopping``."""
        with self._changed:
            self._changed.wait_for(lambda: self.stopping or not self.paused)
            return self.stopping

"""How connectors and tasks have fared: starts that went well or not, and the time spent in each state.

What Kafka Connect's worker metrics count (spec runtime 8): a start has succeeded once the state is RUNNING
and has failed if it was FAILED before that; ratios are of the time since the first state. Written by the
store of statuses, read by ``/metrics``. Thread-safe.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from connectkit.runner.control import TaskId
from connectkit.runner.counters import Windowed

Subject = str | TaskId
"""A connector's name, or a task."""


class Starts:
    """Starts of one kind. Written under the lock of :class:`Lifetimes`."""

    __slots__ = ("attempts", "failed", "succeeded")

    def __init__(self, now: float) -> None:
        self.attempts = 0
        self.succeeded = Windowed(now)
        self.failed = Windowed(now)

    def metrics(self, kind: str, now: float) -> dict[str, float]:
        """By Connect's names; percentages are those of the last half to whole minute."""
        good, bad = self.succeeded.rate(now), self.failed.rate(now)
        both = good + bad
        return {
            f"{kind}-startup-attempts-total": self.attempts,
            f"{kind}-startup-success-total": self.succeeded.total,
            f"{kind}-startup-success-percentage": good / both if both else 0.0,
            f"{kind}-startup-failure-total": self.failed.total,
            f"{kind}-startup-failure-percentage": bad / both if both else 0.0,
        }


@dataclass(slots=True)
class _Life:
    state: str
    since: float
    spent_s: dict[str, float] = field(default_factory=dict)


class Lifetimes:
    """Of all connectors and tasks of one worker."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        now = clock()
        self._starts = {"connector": Starts(now), "task": Starts(now)}
        self._starting: set[Subject] = set()
        self._lives: dict[TaskId, _Life] = {}

    def begins(self, subject: Subject) -> None:
        """It is being started."""
        with self._lock:
            self._starts[_kind(subject)].attempts += 1
            self._starting.add(subject)

    def moved(self, subject: Subject, state: str) -> None:
        """It is in this state (its name) from now on."""
        now = self._clock()
        with self._lock:
            if subject in self._starting and state in ("RUNNING", "FAILED"):
                self._starting.discard(subject)
                starts = self._starts[_kind(subject)]
                (starts.succeeded if state == "RUNNING" else starts.failed).record(1, now)
            if isinstance(subject, TaskId):
                life = self._lives.get(subject)
                if life is None:
                    self._lives[subject] = _Life(state, now)
                elif life.state != state:
                    life.spent_s[life.state] = life.spent_s.get(life.state, 0.0) + now - life.since
                    life.state, life.since = state, now

    def forget(self, connector: str, *, keep: int = 0) -> None:
        """The connector's tasks from number ``keep`` on are gone; with 0, so is a start of its own."""
        with self._lock:
            for task in [t for t in self._lives if t.connector == connector and t.task >= keep]:
                del self._lives[task]
            self._starting = {
                each
                for each in self._starting
                if not (isinstance(each, TaskId) and each.connector == connector and each.task >= keep)
            }

    def ratios(self, task: TaskId) -> Mapping[str, float]:
        """Which part of its time the task has been in each state, 0 to 1; empty for one that is not known."""
        now = self._clock()
        with self._lock:
            life = self._lives.get(task)
            if life is None:
                return {}
            spent = {**life.spent_s, life.state: life.spent_s.get(life.state, 0.0) + now - life.since}
        whole = sum(spent.values())
        return {state: seconds / whole if whole else 0.0 for state, seconds in spent.items()}

    def starts(self) -> dict[str, float]:
        """The metrics of all starts."""
        now = self._clock()
        with self._lock:
            return {
                name: value
                for kind, starts in self._starts.items()
                for name, value in starts.metrics(kind, now).items()
            }


def _kind(subject: Subject) -> str:
    return "task" if isinstance(subject, TaskId) else "connector"

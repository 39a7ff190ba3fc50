"""Failed tasks and connectors start again: when, how often, and when no more.

``task.restart.policy``: ``transient`` (the default) restarts after passing faults, hung calls and the death
of a task's process; ``backoff`` also after unexpected errors; ``none`` leaves what failed as it is, as Kafka
Connect does. A record that cannot pass, a wrong configuration and a newer owner are never tried again: a
restart would end the same way, or make it worse. Waits double up to a maximum, minus some jitter; a budget
of restarts in a window ends loops, except for passing faults, which may last as long as an outage does.

Threads: ``failed`` is called by the thread that failed, restarts are handed to the herder's lanes. Clock
(seconds, monotonic) and randomness are arguments.
"""

from __future__ import annotations

import heapq
import logging
import random as random_module
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from itertools import count
from typing import Any, Literal

from connectkit.runner.causes import Cause, cause_of, wait_of
from connectkit.runner.control import TaskId

log = logging.getLogger(__name__)

Mode = Literal["none", "transient", "backoff"]

_PASSING = frozenset((Cause.TRANSIENT, Cause.HUNG, Cause.DIED))
_ANY = _PASSING | {Cause.UNKNOWN, Cause.FATAL}


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartPolicy:
    """``task.restart.*`` of a connector. Seconds."""

    mode: Mode = "transient"
    delay_s: float = 1.0
    delay_max_s: float = 30.0
    jitter: float = 0.2
    """The share of a wait that chance may take away."""
    budget: int = 10
    """Restarts in a window, beyond which what fails stays failed; -1 for no end."""
    window_s: float = 600.0
    healthy_s: float = 60.0
    """After running so long, the next failure is the first one again."""

    def restarts_after(self, cause: Cause) -> bool:
        """Whether such a failure is one to restart after."""
        if self.mode == "none":
            return False
        return cause in (_PASSING if self.mode == "transient" else _ANY)


@dataclass(slots=True)
class _History:
    """What the healer remembers of one task or connector."""

    restarts: int = 0
    in_a_row: int = 0
    at: deque[float] | None = None
    """When it was restarted, within the window."""
    due: float | None = None
    ticket: int = -1
    note: str | None = None


class Healer:
    """Restarts what failed, when its policy says so. Thread-safe.

    Keys are task ids and connector names; a restart is a callable that is run outside of all locks.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        random: Callable[[], float] = random_module.random,
        bounded: bool = False,
    ) -> None:
        self._clock = clock
        self._random = random
        self.bounded = bounded
        """Passing faults have a budget too: for a worker that shall come to an end by itself."""
        self._changed = threading.Condition()
        self._known: dict[Hashable, _History] = {}
        self._due: list[tuple[float, int, Hashable, Callable[[], None]]] = []
        self._tickets = count()
        self._thread: threading.Thread | None = None
        self._stopped = False

    # --- what failed -----------------------------------------------------------------------------

    def failed(
        self,
        key: Hashable,
        policy: RestartPolicy,
        error: BaseException,
        restart: Callable[[], None],
        *,
        ran_s: float = 0.0,
    ) -> float | None:
        """Something failed after running so long: when it is restarted, in seconds from now, or None."""
        cause = cause_of(error)
        with self._changed:
            if self._stopped:
                return None
            history = self._known.setdefault(key, _History())
            if ran_s >= policy.healthy_s:
                history.in_a_row = 0
            history.due = None
            history.note = self._refusal(policy, cause, history)
            if history.note is not None:
                log.warning("%s is not restarted by itself: %s", _called(key), history.note)
                return None
            wait_s = self._wait_s(policy, history, wait_of(error))
            history.in_a_row += 1
            history.ticket = next(self._tickets)
            history.due = self._clock() + wait_s
            heapq.heappush(self._due, (history.due, history.ticket, key, restart))
            nth = history.in_a_row
            self._begin()
        log.warning(
            "%s failed because of %s and is restarted in %.1f s (%d in a row)",
            _called(key),
            cause.value,
            wait_s,
            nth,
        )
        return wait_s

    def _refusal(self, policy: RestartPolicy, cause: Cause, history: _History) -> str | None:
        """Why it shall stay as it is; a sentence, or None."""
        if policy.mode == "none":
            return "task.restart.policy is none"
        if not policy.restarts_after(cause):
            if cause in (Cause.UNKNOWN, Cause.FATAL):
                return f"it failed because of {cause.value}; task.restart.policy=backoff would restart it"
            return f"it failed because of {cause.value}, which a restart does not change"
        if policy.budget < 0 or (cause is Cause.TRANSIENT and not self.bounded):
            return None
        now = self._clock()
        recent = [at for at in history.at or () if now - at < policy.window_s]
        if len(recent) >= policy.budget:
            return (
                f"it was restarted {len(recent)} times within {policy.window_s:g} s, which is all that "
                "task.restart.max allows"
            )
        return None

    def _wait_s(self, policy: RestartPolicy, history: _History, asked_s: float | None) -> float:
        doubled = policy.delay_s * float(1 << min(history.in_a_row, 40))
        wait_s = min(doubled, policy.delay_max_s) * (1.0 - policy.jitter * self._random())
        return wait_s if asked_s is None else max(wait_s, asked_s)

    # --- what others ask -------------------------------------------------------------------------

    def forget(self, key: Hashable) -> None:
        """An operator has taken over: nothing is pending any more, and counting begins anew."""
        with self._changed:
            self._known.pop(key, None)

    def forget_all(self, which: Callable[[Hashable], bool]) -> None:
        """The same for every key of which this is true."""
        with self._changed:
            for key in [key for key in self._known if which(key)]:
                del self._known[key]

    def pending(self) -> bool:
        """Whether a restart of anything is planned, or just being handed over."""
        with self._changed:
            return any(history.due is not None for history in self._known.values())

    def heals(self, key: Hashable) -> bool:
        """Whether its last failure is one that it is, or was, restarted after."""
        with self._changed:
            history = self._known.get(key)
            return history is not None and history.note is None

    def restarts(self, key: Hashable) -> int:
        """How often it was restarted by itself."""
        with self._changed:
            history = self._known.get(key)
            return history.restarts if history is not None else 0

    def next_restart_s(self, key: Hashable) -> float | None:
        """In how many seconds it will be restarted; None if it will not."""
        with self._changed:
            history = self._known.get(key)
            if history is None or history.due is None:
                return None
            return max(history.due - self._clock(), 0.0)

    def note(self, key: Hashable) -> str | None:
        """Why it is not restarted by itself, after its last failure."""
        with self._changed:
            history = self._known.get(key)
            return history.note if history is not None else None

    def stop(self) -> None:
        """Restart nothing any more."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    # --- the timer -------------------------------------------------------------------------------

    def run_due(self) -> float | None:
        """Restart what is due; returns how long until the next, None if nothing waits."""
        while True:
            with self._changed:
                if self._stopped or not self._due:
                    return None
                due, ticket, key, restart = self._due[0]
                now = self._clock()
                history = self._known.get(key)
                stale = history is None or history.ticket != ticket or history.due is None
                if not stale and due > now:
                    return due - now
                heapq.heappop(self._due)
                if stale or history is None:
                    continue
                history.restarts += 1
                if history.at is None:
                    history.at = deque(maxlen=1_000)
                history.at.append(now)
            try:
                restart()
            except Exception:
                log.exception("%s could not be restarted", _called(key))
            with self._changed:
                if history.ticket == ticket:  # it has not failed once more already
                    history.due = None

    def _begin(self) -> None:
        """Start the timer with the first failure; wake it for a later one. Under the lock."""
        self._changed.notify_all()
        if self._thread is None:
            thread = threading.Thread(target=self._run, name="healer", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # no more threads; the next failure tries again
                log.error("The timer of restarts could not be begun")  # noqa: TRY400 - no stack helps
                return
            self._thread = thread

    def _run(self) -> None:
        while True:
            wait_s = self.run_due()
            with self._changed:
                if self._stopped:
                    return
                head = self._due[0][0] - self._clock() if self._due else None
                if head is None or head > 0:
                    self._changed.wait(head if wait_s is None or head is None else min(head, wait_s))


def _called(key: Hashable) -> str:
    return f"Task {key}" if isinstance(key, TaskId) else f"Connector {key}"


def policy_of(config: Any) -> RestartPolicy:
    """The policy that a parsed connector configuration asks for."""
    return RestartPolicy(
        mode=config.task_restart_policy,
        delay_s=config.task_restart_delay_ms / 1000,
        delay_max_s=config.task_restart_delay_max_ms / 1000,
        jitter=config.task_restart_jitter,
        budget=config.task_restart_max,
        window_s=config.task_restart_window_ms / 1000,
        healthy_s=config.task_restart_healthy_ms / 1000,
    )

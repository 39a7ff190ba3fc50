"""Joins the healer to the herder: who failed, under which policy, how it restarts.

Restarts by the healer go through the herder's lanes, one change of a connector at a time, and only if what
failed is still FAILED when its turn comes. Whatever an operator does to a connector or task (a restart, a
change, a stop) puts an end to what was planned for it, and begins its counting anew.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Protocol

from connectkit.errors import ConfigError
from connectkit.runner.configs.healing import HealingOptions
from connectkit.runner.control import TaskId
from connectkit.runner.healing import Healer, RestartPolicy, policy_of
from connectkit.runner.health import Failure, Restarts
from connectkit.runner.tolerance import describe

Key = TaskId | str
"""What can fail: a task, or a connector by its name."""


class Healed(Protocol):
    """What the mender asks of the herder. Thread-safe."""

    def raw_config(self, name: str) -> Mapping[str, str | None] | None:
        """The connector's configuration, None if there is no such connector."""
        ...

    def forgive(self, key: Key) -> None:
        """Hold no crash against this task, or against any of this connector's."""
        ...

    def heal(self, key: Key) -> None:
        """Restart this in the background if it is still FAILED."""
        ...


class Mender:
    """Has what fails restarted by its connector's policy. Thread-safe."""

    def __init__(
        self,
        herder: Healed,
        healer: Healer | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._herder = herder
        self._clock = clock
        self._last: dict[Key, Failure] = {}
        self.healer = healer or Healer()

    def failed(self, key: Key, error: BaseException, ran_s: float) -> None:
        """Something failed, after running so long. Called by the thread that failed."""
        name = key if isinstance(key, str) else key.connector
        self._last[key] = Failure(describe(error), self._clock())
        config = self._herder.raw_config(name)
        if config is not None:
            self.healer.failed(
                key, options_policy(config), error, lambda: self._herder.heal(key), ran_s=ran_s
            )

    def taken_over(self, name: str, *, tasks: int | None = None) -> None:
        """An operator deals with the connector: with all of it, or with its instance only (``tasks=0``)."""
        self.healer.forget(name)
        self._last.pop(name, None)
        if tasks is None:
            self._herder.forgive(name)
        if tasks is None:
            self._last = {
                key: failure
                for key, failure in list(self._last.items())
                if isinstance(key, str) or key.connector != name
            }
            self.healer.forget_all(lambda key: isinstance(key, TaskId) and key.connector == name)

    def task_taken_over(self, task_id: TaskId) -> None:
        """An operator deals with one task."""
        self.healer.forget(task_id)
        self._last.pop(task_id, None)
        self._herder.forgive(task_id)

    def restarts_of(self, key: Key) -> Restarts:
        """What was and will be done about the failures of this."""
        healer = self.healer
        return Restarts(
            healer.restarts(key), healer.next_restart_s(key), healer.note(key), self._last.get(key)
        )

    def heals(self, key: Key) -> bool:
        """Whether this has failed, and is or was restarted for it."""
        return self.healer.heals(key)

    def pending(self) -> bool:
        """Whether anything waits to be restarted."""
        return self.healer.pending()

    def stop(self) -> None:
        self.healer.stop()


def options_policy(raw: Mapping[str, str | None]) -> RestartPolicy:
    """The policy in a connector's configuration as it was given; what cannot be read is the default."""
    given = {key: value for key, value in raw.items() if key.startswith("task.") and value is not None}
    try:
        return policy_of(HealingOptions.parse(given, known=lambda key: True))
    except ConfigError:
        return RestartPolicy()

"""The states of connectors and tasks, kept in memory. Names and rules are Kafka Connect's."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from connectkit.errors import ConnectError
from connectkit.runner.control import TaskId
from connectkit.runner.lifetimes import Lifetimes


class State(Enum):
    """What a connector or task is doing; STOPPED is for connectors only."""

    UNASSIGNED = "UNASSIGNED"
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    FAILED = "FAILED"
    RESTARTING = "RESTARTING"
    STOPPED = "STOPPED"


StatusListener = Callable[[TaskId, State, str | None], None]
"""Told of each change of a task's state; the text is the trace of a failure. Any thread."""


@dataclass(frozen=True, slots=True)
class Status:
    """The state of one connector or task, as ``GET …/status`` shows it."""

    state: State
    worker_id: str
    trace: str | None = None
    version: str | None = None
    """The plugin's, as far as it is known."""


class StatusStore:
    """Latest status by connector name or task id. Thread-safe."""

    def __init__(self, worker_id: str) -> None:
        self.worker_id = worker_id
        self._lock = threading.Lock()
        self._connectors: dict[str, Status] = {}
        self._tasks: dict[TaskId, Status] = {}
        self._versions: dict[str, str] = {}
        self._listeners: list[Callable[[], None]] = []
        self.lifetimes = Lifetimes()

    def set_connector(self, name: str, state: State, trace: str | None = None) -> None:
        with self._lock:
            self._connectors[name] = Status(state, self.worker_id, trace, self._versions.get(name))
        self.lifetimes.moved(name, state.value)
        self._tell()

    def set_task(self, task: TaskId, state: State, trace: str | None = None) -> None:
        with self._lock:
            version = self._versions.get(task.connector)
            self._tasks[task] = Status(state, self.worker_id, trace, version)
        self.lifetimes.moved(task, state.value)
        self._tell()

    def set_version(self, name: str, version: str) -> None:
        """The version of a connector's plugin, for the statuses that follow."""
        with self._lock:
            self._versions[name] = version

    def connector(self, name: str) -> Status | None:
        with self._lock:
            return self._connectors.get(name)

    def task(self, task: TaskId) -> Status | None:
        with self._lock:
            return self._tasks.get(task)

    def tasks(self, connector: str) -> dict[TaskId, Status]:
        """The statuses of a connector's tasks, in order."""
        with self._lock:
            return {t: s for t, s in sorted(self._tasks.items()) if t.connector == connector}

    def forget_tasks(self, connector: str, *, keep: int = 0) -> None:
        """Drop the statuses of tasks from number ``keep`` on."""
        with self._lock:
            self._tasks = {t: s for t, s in self._tasks.items() if t.connector != connector or t.task < keep}
        self.lifetimes.forget(connector, keep=keep)

    def forget(self, connector: str) -> None:
        with self._lock:
            self._connectors.pop(connector, None)
            self._versions.pop(connector, None)
            self._tasks = {t: s for t, s in self._tasks.items() if t.connector != connector}
        self.lifetimes.forget(connector)

    def listen(self, listener: Callable[[], None]) -> None:
        """Call this after every change, on the thread that made it."""
        self._listeners.append(listener)

    def _tell(self) -> None:
        for listener in self._listeners:
            listener()


@dataclass(frozen=True, slots=True)
class ConnectorStatus:
    """A connector's state and its tasks', as ``GET /connectors/NAME/status`` shows them."""

    name: str
    type: str
    connector: Status
    tasks: Mapping[TaskId, Status]


def failed(status: ConnectorStatus) -> list[Any]:
    """What of a connector has failed: its name, the ids of its tasks."""
    found: list[Any] = [status.name] if status.connector.state is State.FAILED else []
    return found + [task for task, seen in status.tasks.items() if seen.state is State.FAILED]


def trace_of(error: BaseException) -> str:
    """What a status shows of a failure: sentences and places in code, never a foreign message.

    Messages of foreign exceptions may carry values of records; they are in the log, not here.
    """
    from connectkit.runner.causes import RemoteError
    from connectkit.runner.tolerance import describe

    if isinstance(error, RemoteError) and error.trace is not None:
        return error.trace
    parts: list[str] = []
    seen: BaseException | None = error
    while seen is not None and len(parts) < 8:
        name = type(seen).__name__
        told = describe(seen)
        head = f"{name}: {told}" if isinstance(seen, ConnectError | OSError) and told != name else name
        frames = traceback.extract_tb(seen.__traceback__)[-12:]
        lines = [f"    at {Path(f.filename).name}:{f.lineno} in {f.name}" for f in reversed(frames)]
        parts.append("\n".join([head, *lines]))
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
    return "\nCaused by: ".join(parts)

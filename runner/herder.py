"""The connectors of a standalone worker: their configurations, target states, tasks, and restarts.

Everything is kept in memory, as in Kafka Connect's StandaloneHerder: only source offsets survive the
process. The methods are those of Connect's REST interface and may be called by any thread; one change at
a time (a lock), except that a connector's request for new task configurations is carried out by the
herder's own thread, so that a plugin never waits for itself.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connectkit.errors import ConflictError, ConnectError, NotFoundError
from connectkit.runner.control import Target, TaskId
from connectkit.runner.status import State, Status
from connectkit.runner.worker import Worker
from connectkit.runner.worker_connector import WorkerConnector, answer, check_task_count
from connectkit.runner.worker_task import WorkerTask

log = logging.getLogger(__name__)

RawConnector = Mapping[str, str | None]

START_TIMEOUT_S = 90.0
"""How long a connector may take to start or to answer, as REST requests have."""


@dataclass(slots=True)
class _Entry:
    """What the herder knows of one connector."""

    config: dict[str, str | None]
    target: Target
    connector: WorkerConnector
    task_configs: list[dict[str, str]] = field(default_factory=list)
    tasks: dict[int, WorkerTask] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ConnectorInfo:
    """A connector as ``GET /connectors/NAME`` shows it."""

    name: str
    type: str
    config: Mapping[str, str | None]
    tasks: Sequence[TaskId]


@dataclass(frozen=True, slots=True)
class ConnectorStatus:
    """A connector's state and its tasks', as ``GET /connectors/NAME/status`` shows them."""

    name: str
    type: str
    connector: Status
    tasks: Mapping[TaskId, Status]


class Herder:
    """Runs connectors on one worker."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self._lock = threading.RLock()
        self._entries: dict[str, _Entry] = {}
        self._requests: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._serve, name="herder", daemon=True)
        self._stopped = False

    def start(self, give_up: threading.Event | None = None) -> None:
        """Open what the worker needs; raises if it cannot, or once it shall ``give_up``."""
        self.worker.start(give_up)
        self._thread.start()

    def stop(self) -> bool:
        """Stop everything inside the worker's budgets; False if something had to be abandoned."""
        with self._lock:
            if self._stopped:
                return True
            self._stopped = True
            self._requests.put(None)
            entries = list(self._entries.values())
            # Connectors first: no new task configurations while tasks stop.
            clean = self.worker.stop_connectors([entry.connector for entry in entries])
            tasks = [task for entry in entries for task in entry.tasks.values()]
            clean = self.worker.stop_tasks(tasks) and clean
            self.worker.stop()
            return clean

    # --- reading ---------------------------------------------------------------------------------

    def connectors(self) -> list[str]:
        with self._lock:
            return sorted(self._entries)

    def info(self, name: str) -> ConnectorInfo:
        with self._lock:
            entry = self._entry(name)
            ids = [TaskId(name, number) for number in range(len(entry.task_configs))]
            return ConnectorInfo(name, self.worker.connector_type(entry.config), dict(entry.config), ids)

    def status(self, name: str) -> ConnectorStatus:
        with self._lock:
            entry = self._entry(name)
            status = self.worker.status
            own = status.connector(name) or Status(State.UNASSIGNED, status.worker_id)
            return ConnectorStatus(name, self.worker.connector_type(entry.config), own, status.tasks(name))

    def task_configs(self, name: str) -> list[dict[str, str]]:
        """The configurations of a connector's tasks, variables unresolved."""
        with self._lock:
            return [dict(config) for config in self._entry(name).task_configs]

    def tasks(self) -> list[WorkerTask]:
        """The tasks that run, or have failed, here: for displays and summaries."""
        with self._lock:
            return [task for entry in self._entries.values() for task in entry.tasks.values()]

    # --- changing --------------------------------------------------------------------------------

    def put(
        self,
        config: RawConnector,
        *,
        replace: bool = False,
        target: Target | None = None,
    ) -> bool:
        """Create a connector, or with ``replace`` change it; True if it is new.

        Raises ``ConfigError`` with every problem, ``ConflictError`` if it exists, and what its start raised.
        """
        name = self.worker.check_connector(config)
        with self._lock:
            self._check_running()
            old = self._entries.get(name)
            if old is not None:
                if not replace:
                    raise ConflictError(f"Connector {name} already exists; change it or delete it first")
                self._stop_entry(old)
            goal = target or (old.target if old is not None else Target.STARTED)
            entry = _Entry(dict(config), goal, self._new_connector(name, config))
            if old is not None:
                entry.task_configs = old.task_configs
            self._entries[name] = entry
            if old is not None and goal is not Target.STOPPED:
                self.worker.status.forget_tasks(name, keep=len(old.task_configs))
            answer(entry.connector.move_to(goal), START_TIMEOUT_S, f"Starting connector {name}")
            self._update_tasks(name, entry, force=True)
            return old is None

    def delete(self, name: str) -> None:
        with self._lock:
            entry = self._entry(name)
            self._stop_entry(entry)
            del self._entries[name]
            self.worker.status.forget(name)

    def set_target(self, name: str, target: Target) -> None:
        """Pause, resume or stop a connector and its tasks (KIP-52, KIP-875)."""
        with self._lock:
            entry = self._entry(name)
            entry.target = target
            if target is Target.STOPPED:
                self.worker.stop_tasks(list(entry.tasks.values()))
                entry.tasks.clear()
                entry.task_configs = []
                self.worker.status.forget_tasks(name)
            for task in entry.tasks.values():
                if target is Target.PAUSED:
                    task.control.pause()
                else:
                    task.control.resume()
            answer(
                entry.connector.move_to(target), START_TIMEOUT_S, f"Moving connector {name} to {target.value}"
            )
            if target is Target.STARTED:
                self._update_tasks(name, entry, force=not entry.tasks)

    def restart_connector(self, name: str, *, include_tasks: bool = False, only_failed: bool = False) -> None:
        """Restart the instance, and its (failed) tasks if asked to (KIP-745)."""
        with self._lock:
            entry = self._entry(name)
            status = self.worker.status
            own = status.connector(name)
            if not only_failed or (own is not None and own.state is State.FAILED):
                status.set_connector(name, State.RESTARTING)
                self.worker.stop_connectors([entry.connector])
                entry.connector = self._new_connector(name, entry.config)
                answer(entry.connector.move_to(entry.target), START_TIMEOUT_S, f"Starting connector {name}")
                self._update_tasks(name, entry)
            if include_tasks:
                for number in range(len(entry.task_configs)):
                    found = status.task(TaskId(name, number))
                    if not only_failed or (found is not None and found.state is State.FAILED):
                        self._restart(entry, TaskId(name, number))

    def restart_task(self, task_id: TaskId) -> None:
        """Stop a task if it runs, and start it again with the same configuration."""
        with self._lock:
            entry = self._entry(task_id.connector)
            if task_id.task >= len(entry.task_configs):
                raise NotFoundError(f"Connector {task_id.connector} has no task {task_id.task}")
            self._restart(entry, task_id)

    def _restart(self, entry: _Entry, task_id: TaskId) -> None:
        self.worker.status.set_task(task_id, State.RESTARTING)
        running = entry.tasks.get(task_id.task)
        if running is not None:
            self.worker.stop_tasks([running])
        self._start_task(entry, task_id)

    # --- inside ----------------------------------------------------------------------------------

    def _entry(self, name: str) -> _Entry:
        try:
            return self._entries[name]
        except KeyError:
            raise NotFoundError(f"There is no connector {name} on this worker") from None

    def _check_running(self) -> None:
        if self._stopped:
            raise ConnectError("The worker is stopping")

    def _new_connector(self, name: str, config: RawConnector) -> WorkerConnector:
        return self.worker.start_connector(name, config, self._requests.put)

    def _stop_entry(self, entry: _Entry) -> None:
        self.worker.stop_connectors([entry.connector])
        self.worker.stop_tasks(list(entry.tasks.values()))
        entry.tasks.clear()

    def _update_tasks(self, name: str, entry: _Entry, *, force: bool = False) -> None:
        """Ask the connector for its tasks and, if they changed, replace the ones that run."""
        if entry.target is Target.STOPPED:
            return
        plan = self.worker.plan(entry.config)
        try:
            made = answer(
                entry.connector.task_configs(plan.config.tasks_max),
                START_TIMEOUT_S,
                f"Asking connector {name} for its tasks",
            )
            check_task_count(name, made, plan.config.tasks_max, enforce=plan.config.tasks_max_enforce)
        except Exception as exc:
            entry.connector.fail(exc)
            raise
        configs = [self.worker.complete_task_config(entry.config, config) for config in made]
        if configs == entry.task_configs and not force:
            return
        self.worker.stop_tasks(list(entry.tasks.values()))
        entry.tasks.clear()
        entry.task_configs = configs
        self.worker.status.forget_tasks(name, keep=len(configs))
        for number in range(len(configs)):
            self._start_task(entry, TaskId(name, number))

    def _start_task(self, entry: _Entry, task_id: TaskId) -> None:
        """Start a task; one that cannot even be built is FAILED, and the others run."""
        task = self.worker.start_task(
            task_id,
            entry.config,
            entry.task_configs[task_id.task],
            paused=entry.target is Target.PAUSED,
        )
        if task is not None:
            entry.tasks[task_id.task] = task
        else:
            entry.tasks.pop(task_id.task, None)

    def _serve(self) -> None:
        """Carry out the connectors' own requests for new task configurations."""
        while (name := self._requests.get()) is not None:
            with self._lock:
                entry = self._entries.get(name)
                if entry is None or self._stopped:
                    continue
                try:
                    self._update_tasks(name, entry)
                except ConnectError as exc:
                    log.error("Connector %s could not be reconfigured: %s", name, exc)  # noqa: TRY400 - a sentence
                except Exception:
                    log.exception("Connector %s could not be reconfigured", name)


def failed(status: ConnectorStatus) -> list[Any]:
    """What of a connector has failed: its name, the ids of its tasks."""
    found: list[Any] = [status.name] if status.connector.state is State.FAILED else []
    return found + [task for task, seen in status.tasks.items() if seen.state is State.FAILED]

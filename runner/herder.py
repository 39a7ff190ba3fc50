"""The connectors of a standalone worker: their configurations, target states, tasks, and restarts.

Everything is kept in memory, as in Kafka Connect's StandaloneHerder; with a
:class:`~connectkit.runner.state_folder.StateFolder` configurations and target states survive the process.
The methods are those of Connect's REST interface and may be called by any thread.

Locks, so that a plugin that hangs delays only its own connector: ``_lock`` guards the table of connectors
and is held for an instant, never while code of a plugin runs, so reading never waits. A change takes the
connector's turn (``lanes.Turns``) while it stops and starts things, inside the budgets of stopping; while a
connector starts or names its tasks nobody's turn is held, so it can be deleted or changed meanwhile.
Whoever comes back from such a wait looks whether the connector is still the one it waited for.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass, field, replace

from connectkit.errors import ConfigError, ConflictError, ConnectError, FatalTaskError, NotFoundError
from connectkit.runner.connector_offsets import ConnectorOffsets, InitialOffsets, OffsetPair
from connectkit.runner.control import Target, TaskId
from connectkit.runner.health import TaskHealth, health_of
from connectkit.runner.lanes import Lanes, Turns
from connectkit.runner.mending import Key, Mender
from connectkit.runner.state_folder import Kept, StateFolder
from connectkit.runner.status import ConnectorStatus, State, Status
from connectkit.runner.tolerance import describe
from connectkit.runner.worker import Worker
from connectkit.runner.worker_connector import (
    OvertakenError,
    WorkerConnector,
    answer,
    check_task_count,
)
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
    tasks: Mapping[int, WorkerTask] = field(default_factory=dict)
    """Replaced and never changed, so that readers need no lock."""
    stale: bool = True
    """The tasks must be started anew even if their configurations turn out to be the same."""
    asked: int = 0
    """How often the connector was asked for its tasks; an older answer never replaces a newer one."""
    applied: int = 0


@dataclass(frozen=True, slots=True)
class ConnectorInfo:
    """A connector as ``GET /connectors/NAME`` shows it."""

    name: str
    type: str
    config: Mapping[str, str | None]
    tasks: Sequence[TaskId]


@dataclass(frozen=True, slots=True)
class _Restart:
    """What a restart is about: the instance, and these tasks."""

    connector: bool
    tasks: frozenset[int]


class Herder:
    """Runs connectors on one worker."""

    def __init__(self, worker: Worker, *, state: StateFolder | None = None) -> None:
        self.worker = worker
        self._state = state
        self._from_files: set[str] = set()
        self._lock = threading.Lock()
        self._turns = Turns(START_TIMEOUT_S)
        self._lanes = Lanes("herder")
        self._entries: dict[str, _Entry] = {}
        self._stopped = False
        self.mender = Mender(self)
        worker.on_failed = self.mender.failed

    def start(self, give_up: threading.Event | None = None) -> None:
        """Open what the worker needs; raises if it cannot, or once it shall ``give_up``."""
        self.worker.start(give_up)

    def stop(self) -> bool:
        """Stop everything inside the worker's budgets; False if something had to be abandoned."""
        with self._lock:
            if self._stopped:
                return True
            self._stopped = True
        self._lanes.stop()
        self.mender.stop()
        # Changes under way end in time, or what they start is stopped by themselves.
        self._turns.quiet(self.worker.config.task_shutdown_graceful_timeout_ms / 1000)
        with self._lock:
            entries = list(self._entries.values())
        # Connectors first: no new task configurations while tasks stop.
        clean = self.worker.stop_connectors([entry.connector for entry in entries])
        tasks = [task for entry in entries for task in entry.tasks.values()]
        clean = self.worker.stop_tasks(tasks) and clean
        self.worker.stop()
        if self._state is not None:
            self._state.release()
        return clean

    # --- reading ---------------------------------------------------------------------------------

    @property
    def stopping(self) -> bool:
        """Whether it stops, or has stopped; nothing is started any more. Any thread."""
        return self._stopped

    def connectors(self) -> list[str]:
        with self._lock:
            return sorted(self._entries)

    def info(self, name: str) -> ConnectorInfo:
        entry = self._entry(name)
        ids = [TaskId(name, number) for number in range(len(entry.task_configs))]
        return ConnectorInfo(name, self.worker.connector_type(entry.config), dict(entry.config), ids)

    def status(self, name: str) -> ConnectorStatus:
        entry = self._entry(name)
        status = self.worker.status
        own = status.connector(name) or Status(State.UNASSIGNED, status.worker_id)
        return ConnectorStatus(name, self.worker.connector_type(entry.config), own, status.tasks(name))

    def task_configs(self, name: str) -> list[dict[str, str]]:
        """The configurations of a connector's tasks, variables unresolved."""
        return [dict(config) for config in self._entry(name).task_configs]

    def task_status(self, task_id: TaskId) -> Status | None:
        """The state of one task; None if it has, or had, none."""
        return self.worker.status.task(task_id)

    def active_topics(self, name: str) -> list[str]:
        """The topics that a connector has used (KIP-558); none of one that is not known."""
        return self.worker.topics.of(name)

    def reset_active_topics(self, name: str) -> None:
        self.worker.topics.forget(name)

    def answers(self, within_s: float = 10.0) -> bool:
        """Whether changes can still be made: the table of connectors is not held by anybody for ever."""
        if not self._lock.acquire(timeout=within_s):
            return False
        self._lock.release()
        return True

    def health(self, name: str) -> dict[TaskId, TaskHealth]:
        """What each task of a connector is really doing."""
        entry, status, now = self._entry(name), self.worker.status, self.worker.clock()
        found: dict[TaskId, TaskHealth] = {}
        for number in range(len(entry.task_configs)):
            task_id = TaskId(name, number)
            seen = status.task(task_id)
            found[task_id] = health_of(
                entry.tasks.get(number),
                seen.state if seen is not None else State.UNASSIGNED,
                self.mender.restarts_of(task_id),
                now,
            )
        return found

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
        offsets: InitialOffsets | None = None,
        from_file: bool = False,
    ) -> bool:
        """Create a connector, or with ``replace`` change it; True if it is new.

        While a connector is replaced its tasks run on, until it has named the new ones; those of one that
        is paused are replaced when it is resumed. One created paused or stopped has no tasks yet.
        ``offsets`` are those that a new one begins with, in place of what is stored under its name
        (KIP-995). ``from_file``: the command line names it, so its configuration need not be kept.
        Raises ``ConfigError`` with every problem, ``ConflictError`` if it exists, and what its start raised.
        """
        name = self.worker.check_connector(config)
        with self._turns.of(name):
            self._check_running()
            old = self._entries.get(name)
            if old is not None:
                if not replace:
                    raise ConflictError(f"Connector {name} already exists; change it or delete it first")
            goal = target or (old.target if old is not None else Target.STARTED)
            if from_file:
                self._from_files.add(name)
            self._keep(name, config, goal)
            if old is not None:
                self.mender.taken_over(name)
                self.worker.stop_connectors([old.connector])
            if offsets is not None:
                initial = ConnectorOffsets(self.worker, name, config)
                initial.check(offsets.pairs)
                initial.reset()
                offsets.told = initial.alter(offsets.pairs)
            entry = _Entry(dict(config), goal, self._new_connector(name, config))
            if old is not None:
                entry.task_configs = old.task_configs
                entry.tasks = old.tasks
            with self._lock:
                self._entries[name] = entry
            moved = entry.connector.move_to(goal)
        if self._moved(name, entry, entry.connector, moved):
            self._update_tasks(name, entry)
        return old is None

    def restore(self, kept: Kept) -> None:
        """Create a connector as it was kept; whether it starts shows in its status alone."""
        name = self.worker.check_connector(kept.config)
        with self._turns.of(name):
            self._check_running()
            if name in self._entries:
                return
            entry = _Entry(dict(kept.config), kept.target, self._new_connector(name, kept.config))
            with self._lock:
                self._entries[name] = entry
            moved = entry.connector.move_to(kept.target)
        moved.add_done_callback(lambda done: self._follow(name, entry, entry.connector, done))

    def kept(self) -> list[Kept]:
        """What the state folder holds from an earlier start."""
        return self._state.load() if self._state is not None else []

    def forget_kept(self, name: str) -> None:
        """Take a connector out of the state folder that is not here any more."""
        if self._state is not None:
            self._state.forget(name)

    def _keep(self, name: str, config: RawConnector, target: Target) -> None:
        """Write down what the connector shall be from now on; what cannot be kept is not done."""
        if self._state is not None:
            self._state.keep(Kept(name, config, target, name in self._from_files))

    def patch(self, name: str, changes: RawConnector) -> None:
        """Change some options of a connector; None takes one out (KIP-477)."""
        with self._turns.of(name):
            config = {**self._entry(name).config, **changes}
            kept = {key: value for key, value in config.items() if key not in changes or value is not None}
        self.put(kept, replace=True)

    def delete(self, name: str) -> None:
        with self._turns.of(name):
            entry = self._entry(name)
            if self._state is not None:
                self._state.forget(name)
            self.mender.taken_over(name)
            self._stop_entry(entry)
            with self._lock:
                del self._entries[name]
            self.worker.status.forget(name)
            self.worker.topics.forget(name)

    def set_target(self, name: str, target: Target) -> None:
        """Pause, resume or stop a connector and its tasks (KIP-52, KIP-875); returns when that is done."""
        entry, connector, moved = self._retarget(name, target)
        if self._moved(name, entry, connector, moved):
            self._update_tasks(name, entry)

    def request_target(self, name: str, target: Target) -> None:
        """The same, but whether the connector obeys shows in its status alone."""
        entry, connector, moved = self._retarget(name, target)

        moved.add_done_callback(lambda done: self._follow(name, entry, connector, done))

    def _follow(self, name: str, entry: _Entry, connector: WorkerConnector, moved: Future[Target]) -> None:
        """A connector that nobody waits for is in its new state, or has not got there."""
        if moved.cancelled() or not self._is(name, entry, connector):
            return
        if (error := moved.exception()) is not None:
            log.warning("Connector %s is not %s: %s", name, entry.target.value, describe(error))
        elif moved.result() is Target.STARTED:
            self._reconfigure(name)

    def _retarget(self, name: str, target: Target) -> tuple[_Entry, WorkerConnector, Future[Target]]:
        with self._turns.of(name):
            entry = self._entry(name)
            if target is not entry.target:
                self._keep(name, entry.config, target)
            entry.target = target
            if target is Target.STOPPED:
                self.mender.taken_over(name)
                self.worker.stop_tasks(list(entry.tasks.values()))
                entry.tasks = {}
                entry.task_configs = []
                self.worker.status.forget_tasks(name)
            for task in entry.tasks.values():
                if target is Target.PAUSED:
                    task.control.pause()
                else:
                    task.control.resume()
            entry.stale = entry.stale or not entry.tasks
            return entry, entry.connector, entry.connector.move_to(target)

    def restart_connector(self, name: str, *, include_tasks: bool = False, only_failed: bool = False) -> None:
        """Restart the instance, and its (failed) tasks if asked to (KIP-745); returns when that is done."""
        self._restart_planned(name, self._plan_restart(name, include_tasks, only_failed))

    def request_restart(self, name: str, *, include_tasks: bool, only_failed: bool) -> ConnectorStatus:
        """The same in the background; the status says what will be restarted."""
        plan = self._plan_restart(name, include_tasks, only_failed)
        status = self.status(name)
        if plan.connector:
            self.worker.status.set_connector(name, State.RESTARTING)
        for number in plan.tasks:
            self.worker.status.set_task(TaskId(name, number), State.RESTARTING)
        self._lanes.submit(name, ("restart", plan), lambda: self._restart_later(name, plan))
        return replace(
            status,
            connector=_restarting(status.connector) if plan.connector else status.connector,
            tasks={
                task: _restarting(seen) if task.task in plan.tasks else seen
                for task, seen in status.tasks.items()
            },
        )

    def _plan_restart(self, name: str, include_tasks: bool, only_failed: bool) -> _Restart:
        entry, status = self._entry(name), self.status(name)
        self.mender.taken_over(name, tasks=None if include_tasks else 0)
        return _Restart(
            connector=not only_failed or status.connector.state is State.FAILED,
            tasks=frozenset(
                number
                for number in range(len(entry.task_configs) if include_tasks else 0)
                if not only_failed or _has_failed(status.tasks.get(TaskId(name, number)))
            ),
        )

    def _restart_later(self, name: str, plan: _Restart) -> None:
        """In its lane, where nobody waits: a connector that was deleted meanwhile is not missed."""
        try:
            self._restart_planned(name, plan)
        except NotFoundError:
            if name in self._entries:
                raise

    def _restart_planned(self, name: str, plan: _Restart) -> None:
        moved = None
        with self._turns.of(name):
            entry = self._entry(name)
            if plan.connector:
                self.worker.status.set_connector(name, State.RESTARTING)
                self.worker.stop_connectors([entry.connector])
                entry.connector = self._new_connector(name, entry.config)
                moved = entry.connector.move_to(entry.target)
            connector = entry.connector
        try:
            if moved is not None and self._moved(name, entry, connector, moved):
                self._update_tasks(name, entry)
        finally:
            with self._turns.of(name):
                for number in sorted(plan.tasks):
                    if self._is(name, entry) and number < len(entry.task_configs):
                        self._restart(entry, TaskId(name, number))

    # --- offsets ---------------------------------------------------------------------------------

    def offsets(self, name: str) -> list[OffsetPair]:
        """What a connector would resume from: source partitions with offsets, or its group's (KIP-875)."""
        return ConnectorOffsets(self.worker, name, self._entry(name).config).read()

    def alter_offsets(self, name: str, pairs: Sequence[OffsetPair]) -> str:
        """Set offsets of a stopped connector; a sentence says what came of it."""
        with self._turns.of(name):
            return self._stopped_offsets(name).alter(pairs)

    def reset_offsets(self, name: str) -> str:
        """Take all offsets of a stopped connector away."""
        with self._turns.of(name):
            return self._stopped_offsets(name).reset()

    def _stopped_offsets(self, name: str) -> ConnectorOffsets:
        entry = self._entry(name)
        if entry.target is not Target.STOPPED or entry.tasks:
            raise ConfigError(
                "Connectors must be in the STOPPED state before their offsets can be modified: send PUT to"
                f" /connectors/{name}/stop first"
            )
        return ConnectorOffsets(self.worker, name, entry.config)

    def restart_task(self, task_id: TaskId) -> None:
        """Stop a task if it runs, and start it again with the same configuration."""
        with self._turns.of(task_id.connector):
            self._check_running()
            entry = self._entry(task_id.connector)
            if not 0 <= task_id.task < len(entry.task_configs):
                raise NotFoundError(f"Connector {task_id.connector} has no task {task_id.task}")
            self.mender.task_taken_over(task_id)
            self._restart(entry, task_id)

    # --- healing ---------------------------------------------------------------------------------

    def raw_config(self, name: str) -> RawConnector | None:
        """A connector's configuration as it was given, None if there is none of that name."""
        entry = self._entries.get(name)
        return None if entry is None else entry.config

    def forgive(self, key: Key) -> None:
        """An operator restarts this: no crash is held against it any more."""
        if self.worker.journal is not None:
            self.worker.journal.forgive(key)

    def heal(self, key: Key) -> None:
        """Restart this in its lane, if it is still FAILED when its turn comes."""
        if isinstance(key, str):
            self._lanes.submit(key, ("heal", key), lambda: self._heal_connector(key))
        else:
            self._lanes.submit(key.connector, ("heal", key), lambda: self._heal_task(key))

    def unsettled(self) -> bool:
        """Whether a restart is planned, or a change is being made that nobody waits for."""
        return self.mender.pending() or self._lanes.busy()

    def _heal_connector(self, name: str) -> None:
        own = self.worker.status.connector(name)
        if own is not None and own.state is State.FAILED:
            self._restart_later(name, _Restart(connector=True, tasks=frozenset()))

    def _heal_task(self, task_id: TaskId) -> None:
        with self._turns.of(task_id.connector):
            entry = self._entries.get(task_id.connector)
            if entry is None or self._stopped or task_id.task >= len(entry.task_configs):
                return
            if _has_failed(self.worker.status.task(task_id)):
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

    def _is(self, name: str, entry: _Entry, connector: WorkerConnector | None = None) -> bool:
        """Whether this is still the connector of that name, and still this instance of it."""
        return self._entries.get(name) is entry and connector in (None, entry.connector)

    def _check_running(self) -> None:
        if self._stopped:
            raise ConnectError("The worker is stopping")

    def _new_connector(self, name: str, config: RawConnector) -> WorkerConnector:
        return self.worker.start_connector(name, config, self._reconfigure)

    def _stop_entry(self, entry: _Entry) -> None:
        self.worker.stop_connectors([entry.connector])
        self.worker.stop_tasks(list(entry.tasks.values()))
        entry.tasks = {}

    def _moved(self, name: str, entry: _Entry, connector: WorkerConnector, moved: Future[Target]) -> bool:
        """Wait until a connector is in its new state; whether it has started and shall name its tasks.

        Raises what its start raised. One that is late goes on by itself: its tasks follow when it is there.
        """
        try:
            target = moved.result(START_TIMEOUT_S)
        except FutureTimeoutError:
            moved.add_done_callback(lambda done: self._arrived_late(name, done))
            raise FatalTaskError(
                f"Connector {name} has not reached its state within {START_TIMEOUT_S:g} s; look into its "
                "log, or restart it"
            ) from None
        except OvertakenError:
            return False
        except Exception:
            if self._is(name, entry):  # also if it is being healed already
                raise
            return False
        return target is Target.STARTED and self._is(name, entry, connector)

    def _arrived_late(self, name: str, moved: Future[Target]) -> None:
        if not moved.cancelled() and moved.exception() is None:
            self._reconfigure(name)

    def _reconfigure(self, name: str) -> None:
        """A connector asks for new tasks; done in its lane, so that a plugin never waits for itself."""

        def update() -> None:
            entry = self._entries.get(name)
            if entry is not None:
                self._update_tasks(name, entry)

        self._lanes.submit(name, "reconfigure", update)

    def _update_tasks(self, name: str, entry: _Entry) -> None:
        """Ask the connector for its tasks and, if they changed, replace the ones that run."""
        if entry.target is not Target.STARTED:
            return
        plan = self.worker.plan(entry.config)
        with self._lock:  # answers come in the order of the questions
            connector = entry.connector
            entry.asked += 1
            asked = entry.asked
            made = connector.task_configs(plan.config.tasks_max)
        try:
            configs = answer(made, START_TIMEOUT_S, f"Asking connector {name} for its tasks")
            check_task_count(name, configs, plan.config.tasks_max, enforce=plan.config.tasks_max_enforce)
        except OvertakenError:
            return
        except Exception as exc:
            if not self._is(name, entry, connector):
                return
            connector.fail(exc)
            raise
        self._apply(name, entry, connector, asked, configs)

    def _apply(
        self,
        name: str,
        entry: _Entry,
        connector: WorkerConnector,
        asked: int,
        made: Sequence[Mapping[str, str]],
    ) -> None:
        """Run these tasks in place of the ones that run, if they differ and nothing has overtaken them."""
        configs = [self.worker.complete_task_config(entry.config, config) for config in made]
        with self._turns.of(name):
            if not self._is(name, entry, connector) or entry.applied > asked:
                return
            if entry.target is Target.STOPPED or self._stopped:
                return
            entry.applied = asked
            if configs == entry.task_configs and not entry.stale:
                return
            entry.stale = False
            self.worker.stop_tasks(list(entry.tasks.values()))
            entry.tasks = {}
            entry.task_configs = configs
            self.worker.status.forget_tasks(name, keep=len(configs))
            if self.worker.fencing is not None:
                self.worker.fencing.expect(name, len(configs))
            for number in range(len(configs)):
                if self._stopped:  # the worker waits for this turn: what it would build it would only stop
                    return
                self._start_task(entry, TaskId(name, number))

    def _start_task(self, entry: _Entry, task_id: TaskId) -> None:
        """Start a task; one that cannot even be built is FAILED, and the others run. In its turn."""
        task = self.worker.start_task(
            task_id,
            entry.config,
            entry.task_configs[task_id.task],
            paused=entry.target is Target.PAUSED,
        )
        others = {number: other for number, other in entry.tasks.items() if number != task_id.task}
        entry.tasks = others if task is None else {**others, task_id.task: task}
        if task is not None and self._stopped:  # the worker has begun to stop and may not have seen it
            self.worker.stop_tasks([task])


def _restarting(status: Status) -> Status:
    return replace(status, state=State.RESTARTING)


def _has_failed(status: Status | None) -> bool:
    return status is not None and status.state is State.FAILED

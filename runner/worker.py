"""A worker: what its connectors and tasks share, and how they are started and stopped.

It holds the log, the source offsets, the statuses and the commit thread. Stopping has a budget at every
level: connectors 5 s in all, tasks ``task.shutdown.graceful.timeout.ms`` in all; whoever is late is fenced
and abandoned. Threads: called by the herder, which makes one change at a time.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, wait
from functools import partial
from typing import Any

from connectkit.api import Connector
from connectkit.errors import ConfigError, ConnectError
from connectkit.plugin import Registry
from connectkit.runner.active_topics import ActiveTopics
from connectkit.runner.build import Plan, TaskBuilder, make_connector, plan_connector
from connectkit.runner.clients import ClientConfigs
from connectkit.runner.commit_schedule import CommitSchedule
from connectkit.runner.configs.connector import SourceConnectorConfig
from connectkit.runner.configs.worker import WorkerConfig
from connectkit.runner.control import Control, TaskId
from connectkit.runner.fencing import Fencing
from connectkit.runner.journal import Journal
from connectkit.runner.launch import BUILD_TIMEOUT_S, launch
from connectkit.runner.log.api import Admin, Log
from connectkit.runner.observe import log_context
from connectkit.runner.offset_stores import OffsetStores
from connectkit.runner.offset_topic import OffsetTopic
from connectkit.runner.offsets import OffsetStore
from connectkit.runner.source_task import WorkerSourceTask
from connectkit.runner.status import State, StatusStore, trace_of
from connectkit.runner.tolerance import describe
from connectkit.runner.variables import Resolver, has_variables
from connectkit.runner.watchdog import Watchdog
from connectkit.runner.worker_connector import WorkerConnector
from connectkit.runner.worker_task import WorkerTask

log = logging.getLogger(__name__)

START_TIMEOUT_MS = "30000"
"""How long the log may take to answer at the start, where the worker's file does not say."""

CONNECTOR_STOP_S = 5.0
"""How long all connectors together may take to stop."""


class Worker:
    """Starts and stops connectors and tasks."""

    def __init__(
        self,
        config: WorkerConfig,
        *,
        log: Log,
        store: OffsetStore,
        registry: Registry,
        resolver: Resolver,
        worker_id: str = "standalone",
        journal: Journal | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.config = config
        self.status = StatusStore(worker_id)
        self.log = log
        self.store = store
        self._registry = registry
        self.resolver = resolver
        self.clock = clock
        self.on_failed: Callable[[TaskId | str, BaseException, float], None] = lambda key, error, ran_s: None
        """Told of each task and connector that fails, and after how many seconds; any thread."""
        self.journal = journal
        """What its tasks were at when the process died, if that is kept."""
        self._running: dict[TaskId, WorkerTask] = {}
        self._watchdog = Watchdog(
            lambda: list(self._running.values()),
            on_tick=journal.tick if journal is not None else lambda: None,
            stacks=journal.stacks if journal is not None else None,
            clock=clock,
        )
        self.cluster_id = ""
        """What the log calls itself, once it has answered."""
        self._stores = OffsetStores(config, log, store)
        clients = ClientConfigs(config)
        self.fencing = (
            Fencing(store, lambda *task: log.producer(clients.fencing_producer(TaskId(*task))))
            if config.exactly_once and isinstance(store, OffsetTopic)
            else None
        )
        """Keeps earlier tasks of exactly-once sources out."""
        self._schedule = CommitSchedule(config.offset_flush_interval_ms / 1000)
        self.topics = ActiveTopics(enabled=config.topic_tracking_enable)
        self._builder = TaskBuilder(
            config, log, self._stores, registry, self.status.set_task, fencing=self.fencing
        )

    def start(self, give_up: threading.Event | None = None) -> None:
        """Read the stored offsets and see that the log answers; raises what is wrong.

        ``give_up``: whether to go on waiting is looked at time and again.
        """
        asked: Future[str] = Future()
        admin = self.log.admin(
            {"default.api.timeout.ms": START_TIMEOUT_MS, **ClientConfigs(self.config).admin()}
        )

        def ask() -> None:
            try:
                self.store.start()
                asked.set_result(admin.cluster_id())
            except BaseException as exc:  # noqa: BLE001 - raised again below
                asked.set_exception(exc)
            finally:
                admin.close()

        # Aside, because the main thread hears of signals only between the calls of a client library.
        threading.Thread(target=ask, name="log-answers", daemon=True).start()
        while not wait([asked], 0.1).done:
            if give_up is not None and give_up.is_set():
                raise ConnectError(f"stopped before {self.config.bootstrap} had answered")
        self.cluster_id = asked.result()
        if self.journal is not None:
            self.journal.open()

    def stop(self) -> None:
        """After connectors and tasks: let go of what they shared."""
        self._schedule.stop()
        self._watchdog.stop()
        self._stores.stop()
        self.store.stop()
        self.resolver.close()
        self.log.close()
        if self.journal is not None:
            self.journal.close()

    def admin(self) -> Admin:
        """A new admin client of the worker's own."""
        return self.log.admin(ClientConfigs(self.config).admin())

    # --- configurations --------------------------------------------------------------------------

    def check_connector(self, raw: Mapping[str, str | None]) -> str:
        """The connector's name, if its configuration has no problem; ``ConfigError`` with all it has."""
        from connectkit.runner.hiding import hide_from_logs
        from connectkit.runner.validation import validate_connector

        hide_from_logs(raw, self._registry)
        report = validate_connector(raw, self.config, self._registry)
        for key, sentences in report.warnings.items():
            for sentence in sentences:
                log.warning("Connector %s: %s %s", raw.get("name"), key, sentence)
        if report.errors:
            raise ConfigError(problems=report.errors)
        return (raw.get("name") or "").strip()

    def plan(self, raw: Mapping[str, str | None]) -> Plan:
        """What the framework reads of a connector's configuration, variables resolved."""
        return plan_connector(self.resolver.resolve(raw).config, self._registry)

    def connector_type(self, raw: Mapping[str, str | None]) -> str:
        """``source``, ``sink`` or ``unknown``."""
        try:
            return self._registry.find_connector(raw.get("connector.class") or "").kind
        except ConfigError:
            return "unknown"

    def connector_version(self, raw: Mapping[str, str | None]) -> str | None:
        """The version of a connector's plugin, None where its class cannot be found."""
        try:
            resolved = self.resolver.resolve(raw).config
            return self._registry.find_connector(resolved.get("connector.class") or "").info.version
        except (ConnectError, OSError):
            return None

    def complete_task_config(
        self, connector: Mapping[str, str | None], task: Mapping[str, str]
    ) -> dict[str, str]:
        """A task configuration as it is kept: with the framework's keys, and variables put back."""
        found = self._registry.find_connector(connector.get("connector.class") or "").cls
        made = dict(task)
        task_class: Any = getattr(found, "task_class", None)
        made["task.class"] = f"{task_class.__module__}.{task_class.__qualname__}"
        for key in ("topics", "topics.regex"):
            value = connector.get(key)
            if value is not None:
                made[key] = value
        for key, value in connector.items():
            if key in made and has_variables(value):
                made[key] = value or ""
        return made

    def make_connector(self, raw: Mapping[str, str | None]) -> Connector[Any]:
        """An instance of the connector, variables resolved; it is neither initialized nor started."""
        return make_connector(self.resolver.resolve(raw).config, self._registry)

    def source_offsets(self, name: str, raw: Mapping[str, str | None]) -> OffsetStore:
        """Where the offsets of this source connector are kept."""
        config = self.plan(raw).config
        return self._stores.of(config) if isinstance(config, SourceConnectorConfig) else self.store

    # --- connectors ------------------------------------------------------------------------------

    def start_connector(
        self, name: str, raw: Mapping[str, str | None], reconfigure: Callable[[str], None]
    ) -> WorkerConnector:
        """A connector instance with its thread; the caller moves it to its state."""
        if (version := self.connector_version(raw)) is not None:
            self.status.set_version(name, version)
        self.status.lifetimes.begins(name)
        return WorkerConnector(
            name,
            lambda: make_connector(self.resolver.resolve(raw).config, self._registry),
            self.status,
            reconfigure,
            on_failed=lambda error, ran_s: self.on_failed(name, error, ran_s),
        )

    def stop_connectors(self, connectors: Sequence[WorkerConnector]) -> bool:
        """Stop these; False if one had to be abandoned."""
        for connector in connectors:
            connector.shutdown()
        until = self.clock() + CONNECTOR_STOP_S
        clean = True
        for connector in connectors:
            if not connector.wait(until - self.clock()):
                connector.abandon()
                clean = False
        return clean

    # --- tasks -----------------------------------------------------------------------------------

    def start_task(
        self,
        task_id: TaskId,
        connector: Mapping[str, str | None],
        task_config: Mapping[str, str],
        *,
        paused: bool,
    ) -> WorkerTask | None:
        """Build and start a task; None if it could not be built, which its status tells."""
        self.status.lifetimes.begins(task_id)
        try:
            task = launch(
                task_id,
                lambda: self._build(task_id, connector, task_config, paused=paused),
                self.journal,
                within_s=BUILD_TIMEOUT_S,
            )
        except BaseException as exc:  # noqa: BLE001 - whatever a plugin's constructor raises
            self._not_started(task_id, exc)
            return None
        task.on_failed = lambda error, ran_s: self.on_failed(task_id, error, ran_s)
        task.on_topics = partial(self.topics.add, task_id.connector)
        self._watchdog.begin()
        self._running[task_id] = task
        try:
            task.start()
        except ConnectError as exc:
            task.control.cancel()
            task.close()
            self._not_started(task_id, exc)
            return None
        if isinstance(task, WorkerSourceTask) and task.outlet.scheduled:
            self._schedule.add(task)
        return task

    def _build(
        self,
        task_id: TaskId,
        connector: Mapping[str, str | None],
        task_config: Mapping[str, str],
        *,
        paused: bool,
    ) -> WorkerTask:
        """The task, for a thread or a process of its own. Variables are resolved here, just before."""
        resolved, task_resolved = (
            self.resolver.resolve(connector).config,
            self.resolver.resolve(task_config).config,
        )
        plan = plan_connector(resolved, self._registry)
        if plan.config.task_isolation == "thread":
            return self._builder.build(task_id, resolved, task_resolved, Control(paused=paused), self.clock())
        from connectkit.runner.isolation.hosting import host_task
        from connectkit.runner.isolation.parent import RemoteControl

        return host_task(
            task_id,
            plan,
            resolved,
            task_resolved,
            RemoteControl(paused=paused),
            config=self.config,
            registry=self._registry,
            store=self.store,
            status=self.status.set_task,
            journal=self.journal,
            fencing=self.fencing,
        )

    def _not_started(self, task_id: TaskId, error: BaseException) -> None:
        with log_context(f"[{task_id.connector}|task-{task_id.task}] "):
            log.error("Task %s could not be started: %s", task_id, describe(error))
            log.debug("Where starting task %s failed", task_id, exc_info=error)
        self.status.set_task(task_id, State.FAILED, trace_of(error))
        self.on_failed(task_id, error, 0.0)

    def stop_tasks(self, tasks: Sequence[WorkerTask]) -> bool:
        """Stop these within the graceful timeout; False if one had to be abandoned."""
        within_s = self.config.task_shutdown_graceful_timeout_ms / 1000
        for task in tasks:
            task.control.stop(within_s)
        until = self.clock() + within_s
        clean = True
        for task in tasks:
            if not task.wait(until - self.clock()):
                task.abandon()
                clean = False
            if self._running.get(task.id) is task:
                del self._running[task.id]
            if isinstance(task, WorkerSourceTask):
                self._schedule.remove(task)
        return clean

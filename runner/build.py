"""Builds connectors and tasks out of their configurations: plugins, converters, chain, clients.

Everything here may raise; nothing is started. Variables are resolved just before, by the worker.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from connectkit.api import Connector, SinkTask, SourceTask
from connectkit.errors import ConfigError
from connectkit.plugin import Found, PluginKind, Registry
from connectkit.runner.at_least_once import AtLeastOnce
from connectkit.runner.boundaries import boundaries
from connectkit.runner.breaker import BreakerPolicy
from connectkit.runner.chain import Chain
from connectkit.runner.clients import TRANSACTION_MS, ClientConfigs
from connectkit.runner.configs.connector import (
    ConnectorConfig,
    SinkConnectorConfig,
    SourceConnectorConfig,
)
from connectkit.runner.configs.topics import creation_groups
from connectkit.runner.configs.worker import WorkerConfig
from connectkit.runner.control import Control, TaskId
from connectkit.runner.counters import ErrorCounters, SinkCounters, SourceCounters
from connectkit.runner.creation import TopicCreator
from connectkit.runner.dlq.source_letters import SourceLetters
from connectkit.runner.encode import Converters
from connectkit.runner.eos_task import ExactlyOnce
from connectkit.runner.errant import ErrantReporter
from connectkit.runner.fencing import Fencing
from connectkit.runner.gather import LINGER_S, MOST_BYTES, BatchBounds
from connectkit.runner.log.api import Log
from connectkit.runner.offset_stores import OffsetStores
from connectkit.runner.outlet import Outlet, Owner, SourceTimes
from connectkit.runner.registry_url import trial_registry, with_registry
from connectkit.runner.reporters import DeadLetters, LogReporter, create_dead_letter_topic
from connectkit.runner.sink_task import SinkSettings, WorkerSinkTask
from connectkit.runner.source_task import WorkerSourceTask
from connectkit.runner.status import StatusListener
from connectkit.runner.tolerance import ErrorPolicy, Tolerance


def _batch_bounds(config: SinkConnectorConfig) -> BatchBounds | None:
    """How batches are gathered; None if they are not."""
    linger_ms = config.batch_linger_ms
    if config.batch_records is None and config.batch_bytes is None and linger_ms is None:
        return None
    return BatchBounds(
        records=config.batch_records,
        size_bytes=config.batch_bytes or MOST_BYTES,
        linger_s=LINGER_S if linger_ms is None else linger_ms / 1000,
    )


MAX_POLL_INTERVAL_MS = 300_000
"""Kafka's default of ``max.poll.interval.ms``."""
DEFAULT_POLL_RECORDS = 500
"""Kafka's default of ``max.poll.records``."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A connector's class and its parsed framework options."""

    found: Found
    config: ConnectorConfig

    @property
    def is_source(self) -> bool:
        return self.found.kind == "source"


def plan_connector(raw: Mapping[str, Any], registry: Registry) -> Plan:
    """Find the connector's class and parse what the framework reads of its configuration."""
    name = raw.get("connector.class")
    if not isinstance(name, str) or not name.strip():
        raise ConfigError(problems={"connector.class": ["is required and is missing"]})
    found = registry.find_connector(name)
    kind = SourceConnectorConfig if found.kind == "source" else SinkConnectorConfig
    return Plan(found, kind.parse(raw, known=lambda key: True))


def make_connector(raw: Mapping[str, Any], registry: Registry) -> Connector[Any]:
    """The connector instance."""
    cls: type[Any] = plan_connector(raw, registry).found.cls
    connector: Connector[Any] = cls(cls.config_type.parse(raw, known=lambda key: True))
    return connector


def make_converters(
    config: ConnectorConfig, worker: WorkerConfig, registry: Registry, *, trial: bool = False
) -> Converters:
    """The connector's converters, each with the options of whoever names its class.

    ``trial``: what they write is only looked at, so no schema is registered where others would see it.
    """

    def make(which: str, **extra: Any) -> Any:
        name, options = config.converter(which) or worker.converter(which)
        kind: PluginKind = "header_converter" if which == "header" else "converter"
        config_type = registry.find(kind, name).cls.config_type
        options = with_registry(options, config_type, worker.bootstrap)
        if trial:
            options = trial_registry(options, config_type)
        return registry.create(kind, name, options, where=f"{which}.converter", **extra)

    return Converters(make("key", is_key=True), make("value", is_key=False), make("header"))


class TaskBuilder:
    """Builds the tasks of one worker."""

    def __init__(
        self,
        worker: WorkerConfig,
        log: Log,
        stores: OffsetStores,
        registry: Registry,
        status: StatusListener,
        *,
        fencing: Fencing | None = None,
    ) -> None:
        """``fencing`` keeps out the earlier tasks of sources that deliver exactly once."""
        self._worker = worker
        self._log = log
        self._stores = stores
        self._fencing = fencing
        self._registry = registry
        self._status = status
        self._clients = ClientConfigs(worker)

    def build(
        self,
        task_id: TaskId,
        connector: Mapping[str, Any],
        task_config: Mapping[str, Any],
        control: Control,
        now: float,
    ) -> WorkerSourceTask | WorkerSinkTask:
        """A task that is ready to start."""
        plan = plan_connector(connector, self._registry)
        cls: Any = plan.found.cls
        task_class = cls.task_class

        def make() -> tuple[Any, Chain]:
            made = task_class(task_class.config_type.parse(task_config, known=lambda key: True))
            return made, Chain.build(connector, self._registry)

        task, chain = make()
        converters = make_converters(plan.config, self._worker, self._registry)
        configs = {key: value for key, value in task_config.items() if value is not None}
        built: WorkerSourceTask | WorkerSinkTask
        if isinstance(plan.config, SourceConnectorConfig):
            built = self._source(task_id, task, plan.config, configs, chain, converters, control, now, make)
        else:
            assert isinstance(plan.config, SinkConnectorConfig)
            built = self._sink(task_id, task, plan.config, configs, chain, converters, control, now)
        if plan.config.task_call_timeout_ms:
            built.call_timeout_s = plan.config.task_call_timeout_ms / 1000
        return built

    def _tolerance(
        self, task_id: TaskId, config: ConnectorConfig, errors: ErrorCounters, control: Control
    ) -> Tolerance:
        timeout_ms = config.errors_retry_timeout
        policy = ErrorPolicy(
            tolerate_all=config.errors_tolerance == "all",
            retry_timeout_s=None if timeout_ms < 0 else timeout_ms / 1000,
            retry_delay_max_s=config.errors_retry_delay_max_ms / 1000,
        )
        breaker = BreakerPolicy(
            failures=config.errors_breaker_failures if policy.tolerate_all else 0,
            counts_data_errors=config.errors_breaker_counts == "all",
            wait_s=config.errors_breaker_delay_ms / 1000,
            wait_max_s=max(config.errors_breaker_delay_max_ms, config.errors_breaker_delay_ms) / 1000,
        )
        tolerance = Tolerance(policy, errors, control, breaker=breaker)
        if config.errors_log_enable:
            tolerance.reporters.append(
                LogReporter(task_id, errors, include_places=config.errors_log_include_messages)
            )
        return tolerance

    def _source(
        self,
        task_id: TaskId,
        task: SourceTask[Any],
        config: SourceConnectorConfig,
        configs: Mapping[str, str],
        chain: Chain,
        converters: Converters,
        control: Control,
        now: float,
        remake: Callable[[], tuple[SourceTask[Any], Chain]],
    ) -> WorkerSourceTask:
        counters = SourceCounters(now)
        creator = None
        groups = creation_groups(config.originals)[0] if self._worker.topic_creation_enable else []
        if groups:
            admin = self._log.admin(self._clients.admin(config, client_id=f"connector-adminclient-{task_id}"))
            creator = TopicCreator(admin, groups)
        tolerance = self._tolerance(task_id, config, counters.errors, control)
        letters = self._dead_letters(task_id, config, counters.errors, converters)
        if letters is not None:
            tolerance.reporters.append(letters)
            tolerance.letters = letters
        times = SourceTimes(flush_timeout_s=self._worker.offset_flush_timeout_ms / 1000)
        return WorkerSourceTask(
            task_id,
            task,
            configs=configs,
            chain=chain,
            converters=converters,
            outlet=self._outlet(task_id, config, creator, times),
            store=self._stores.of(config),
            tolerance=tolerance,
            counters=counters,
            control=control,
            status=self._status,
            times=times,
            remake=remake,
        )

    def _outlet(
        self,
        task_id: TaskId,
        config: SourceConnectorConfig,
        creator: TopicCreator | None,
        times: SourceTimes,
    ) -> Callable[[Owner], Outlet]:
        """At least once, or exactly once if the worker says so."""
        if self._fencing is None:
            producer = self._log.producer(self._clients.producer(task_id, config))
            store = self._stores.of(config)
            return lambda owner: AtLeastOnce(owner, producer, creator, store, times)
        client = self._clients.transactional_producer(task_id, config)
        fencing = self._fencing
        interval_ms = config.transaction_boundary_interval_ms
        interval_s = (self._worker.offset_flush_interval_ms if interval_ms is None else interval_ms) / 1000
        return lambda owner: ExactlyOnce(
            owner,
            make_producer=lambda: self._log.producer(client),
            make_boundaries=lambda: boundaries(config.transaction_boundary, interval_s, owner.clock),
            creator=creator,
            store=self._stores.transactional(config),
            fence=lambda: fencing.before_task(task_id.connector),
            timeout_s=float(client.get("transaction.timeout.ms", TRANSACTION_MS)) / 1000,
        )

    def _sink(
        self,
        task_id: TaskId,
        task: SinkTask[Any],
        config: SinkConnectorConfig,
        configs: Mapping[str, str],
        chain: Chain,
        converters: Converters,
        control: Control,
        now: float,
    ) -> WorkerSinkTask:
        counters = SinkCounters(now)
        tolerance = self._tolerance(task_id, config, counters.errors, control)
        letters = self._dead_letters(task_id, config, counters.errors)
        if letters is not None:
            tolerance.reporters.append(letters)
            tolerance.letters = letters
        errant = ErrantReporter(tolerance, converters) if tolerance.reporters else None
        client = self._clients.consumer(task_id, config)
        return WorkerSinkTask(
            task_id,
            task,
            configs=configs,
            chain=chain,
            converters=converters,
            consumer=self._log.consumer(client),
            tolerance=tolerance,
            counters=counters,
            control=control,
            status=self._status,
            settings=SinkSettings(
                topics=config.topics,
                pattern=config.topics_regex or None,
                group=client["group.id"],
                flush_interval_s=self._worker.offset_flush_interval_ms / 1000,
                flush_timeout_s=self._worker.offset_flush_timeout_ms / 1000,
                max_poll_records=int(client.get("max.poll.records", DEFAULT_POLL_RECORDS)),
                max_poll_interval_s=float(client.get("max.poll.interval.ms", MAX_POLL_INTERVAL_MS)) / 1000,
                bisects=config.put_bisect == "always"
                or (config.put_bisect == "auto" and type(task).put_is_repeatable),
                batch=_batch_bounds(config),
            ),
            errant=errant,
        )

    def _dead_letters(
        self,
        task_id: TaskId,
        config: SourceConnectorConfig | SinkConnectorConfig,
        errors: ErrorCounters,
        converters: Converters | None = None,
    ) -> DeadLetters | None:
        """``converters``: those of a source task."""
        topic = config.dead_letter_topic
        if topic is None:
            return None
        admin = self._log.admin(self._clients.admin(config, client_id=f"connector-dlq-adminclient-{task_id}"))
        try:
            create_dead_letter_topic(admin, topic, config.errors_deadletterqueue_topic_replication_factor)
        finally:
            admin.close()
        producer = self._log.producer(
            self._clients.producer(task_id, config, client_id="connector-dlq-producer")
        )
        with_context = config.errors_deadletterqueue_context_headers_enable
        if converters is None:
            return DeadLetters(topic, task_id, producer, errors, context_headers=with_context)
        return SourceLetters(
            topic, task_id, producer, errors, converters=converters, context_headers=with_context
        )

"""The options of a standalone worker, with Kafka Connect's names and defaults.

Source: spec runtime 1.2 (``StandaloneConfig``). Where a default is safer than Kafka's, the option says
so. Options of Kafka Connect that have no effect here are known, so that a worker file of a Java
installation is read without complaint but for a word about each. Immutable.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from connectkit.checks import at_least, at_most, no_duplicates, non_empty_list, non_empty_string
from connectkit.config import HIGH, LOW, MEDIUM, Kind, Width, option
from connectkit.runner.configs.client_keys import CLIENT_KEYS
from connectkit.runner.configs.offsets import TOPIC_PREFIX, OffsetOptions, topic_setting_warning
from connectkit.runner.configs.overrides import GREEN_LIST, is_policy
from connectkit.runner.configs.rest import DEFAULT_LISTENER, are_listeners, is_header_rules
from connectkit.suggest import did_you_mean

CLIENT_PREFIXES = ("producer.", "consumer.", "admin.")
SIMPLE_HEADER_CONVERTER = "org.apache.kafka.connect.storage.SimpleHeaderConverter"


class WorkerConfig(OffsetOptions):
    """A standalone worker. Keys under ``key.converter.`` and so on belong to the converters."""

    prefixes = (
        *CLIENT_PREFIXES,
        "key.converter.",
        "value.converter.",
        "header.converter.",
        "config.providers.",
        "metrics.context.",
        "rest.principals.",
        "ssl.",
        "listeners.https.",
        "admin.listeners.https.",
    )

    bootstrap_servers: list[str] = option(
        doc="The brokers, as host:port,host:port; or embedded:DIR for the log that lives in a folder.",
        check=non_empty_list,
        importance=HIGH,
    )
    key_converter: str = option(
        doc="The converter of record keys; its options follow as key.converter.*.",
        kind=Kind.CLASS,
        check=non_empty_string,
        importance=HIGH,
    )
    value_converter: str = option(
        doc="The converter of record values; its options follow as value.converter.*.",
        kind=Kind.CLASS,
        check=non_empty_string,
        importance=HIGH,
    )
    header_converter: str = option(
        SIMPLE_HEADER_CONVERTER,
        doc="The converter of header values; its options follow as header.converter.*.",
        kind=Kind.CLASS,
        check=non_empty_string,
        importance=LOW,
    )
    offset_flush_interval_ms: int = option(
        60_000,
        doc="How often offsets are committed, in milliseconds.",
        kind=Kind.LONG,
        check=at_least(1),
        importance=LOW,
    )
    offset_flush_timeout_ms: int = option(
        5_000,
        doc="How long a commit of offsets may wait for records under way, in milliseconds.",
        kind=Kind.LONG,
        check=at_least(0),
        importance=LOW,
    )
    task_shutdown_graceful_timeout_ms: int = option(
        5_000,
        doc="How long all tasks together may take to stop, in milliseconds.",
        kind=Kind.LONG,
        check=at_least(0),
        importance=LOW,
    )
    topic_creation_enable: bool = option(
        True,
        doc="Whether source connectors may create topics by their topic.creation.* options.",
        importance=LOW,
    )
    config_providers: list[str] = option(
        [],
        doc="Names of config providers; each has config.providers.NAME.class and .param.* options.",
        check=no_duplicates,
        importance=LOW,
    )
    connector_client_config_override_policy: str = option(
        "Allowlist",
        doc="Which client options a connector may override: None, Allowlist (the default), Principal or "
        "All. Options that read files, load code or change where and as whom a client connects are "
        "refused under All too.",
        check=is_policy,
        importance=LOW,
    )
    connector_client_config_override_allowlist: list[str] = option(
        list(GREEN_LIST),
        doc="The client options that the Allowlist policy allows; NAME.* allows all that begin so. An "
        "option that every policy refuses is allowed if its full name stands here.",
        default_doc="harmless tuning options",
        importance=LOW,
    )
    secrets_require_providers: bool = option(
        False,
        doc="Whether a connector with a secret written out, and not as ${provider:…}, is refused.",
        importance=LOW,
    )
    plugins_allow: list[str] | None = option(
        None,
        doc="The only plugins that may be used, by name; left out, all that are installed.",
        importance=LOW,
        width=Width.LONG,
    )

    listeners: list[str] | None = option(
        None,
        doc="Where the REST interface listens, as http://HOST:PORT or https://HOST:PORT; with nothing after "
        "the = there is none. Without this option it listens on this machine alone.",
        check=are_listeners,
        default_doc=DEFAULT_LISTENER,
        importance=LOW,
    )
    rest_advertised_host_name: str | None = option(
        None,
        doc="The host name that this worker gives for itself, in worker_id.",
        importance=LOW,
    )
    rest_advertised_port: int | None = option(
        None,
        doc="The port that this worker gives for itself, in worker_id.",
        check=(at_least(1), at_most(65535)),
        importance=LOW,
    )
    rest_advertised_listener: Literal["http", "https"] | None = option(
        None,
        doc="Which kind of listener the worker's own address is one of: http or https.",
        importance=LOW,
    )
    admin_listeners: list[str] | None = option(
        None,
        doc="Where /admin is served, apart from the rest; with nothing after the = it is not served.",
        check=are_listeners,
        importance=LOW,
    )
    access_control_allow_origin: str = option(
        "",
        doc="Origins of web pages that may read the REST interface's answers (CORS), with commas between; * "
        "is any.",
        importance=LOW,
    )
    access_control_allow_methods: str = option(
        "",
        doc="Methods that such pages may use; empty for GET, POST and HEAD.",
        importance=LOW,
    )
    response_http_headers_config: str = option(
        "",
        doc="Headers to put on every answer: 'set NAME:VALUE', 'add NAME:VALUE', with commas between.",
        check=is_header_rules,
        importance=LOW,
    )
    topic_tracking_enable: bool = option(
        True,
        doc="Whether the worker keeps which topics its connectors use.",
        importance=LOW,
    )
    topic_tracking_allow_reset: bool = option(
        True,
        doc="Whether PUT /connectors/NAME/topics/reset is allowed.",
        importance=LOW,
    )
    state_dir: str | None = option(
        None,
        doc="The folder that keeps the connectors created over REST, and which are paused or stopped, from "
        "one start to the next. Empty: they are gone with the process, as in Kafka Connect.",
        default_doc="connectors beside the offset file",
        importance=LOW,
        extension=True,
    )

    registry_urls: list[str] = option(
        [],
        doc="The schema registries (and token endpoints) whose hosts connectors may name, beside those that "
        "the worker's own converters name; * is any. If neither names one, connectors may name any.",
        importance=LOW,
        extension=True,
    )
    rest_principals: list[str] = option(
        [],
        doc="Who may use the REST interface: names, each with rest.principals.NAME.roles (read, operate or "
        "admin, perhaps :PREFIX of connectors' names behind it) and rest.principals.NAME.token.hash (as "
        "'connectkit token' prints it) or .certificate.cn. With none, nobody is asked who they are.",
        check=no_duplicates,
        importance=MEDIUM,
        extension=True,
    )
    rest_allow_unauthenticated: bool = option(
        False,
        doc="Whether the REST interface may listen beyond this machine without asking who somebody is.",
        importance=MEDIUM,
        extension=True,
    )
    rest_allowed_hosts: list[str] = option(
        [],
        doc="Names that requests may be sent to (their Host header) beside loopback, addresses and "
        "rest.advertised.host.name; * allows any.",
        importance=LOW,
        extension=True,
    )
    rest_max_body_bytes: int = option(
        1024 * 1024,
        doc="The largest body of a REST request.",
        check=at_least(1024),
        importance=LOW,
        extension=True,
    )
    rest_max_header_bytes: int = option(
        16 * 1024,
        doc="The largest head of a REST request: its line and headers together.",
        check=at_least(1024),
        importance=LOW,
        extension=True,
    )
    rest_max_connections: int = option(
        100,
        doc="How many connections the REST interface keeps open; beyond, it closes those that wait longest "
        "for a request.",
        check=at_least(1),
        importance=LOW,
        extension=True,
    )
    rest_header_timeout_ms: int = option(
        10_000,
        doc="How long the head of a REST request may take to arrive, in milliseconds.",
        check=at_least(1),
        importance=LOW,
        extension=True,
    )
    rest_body_timeout_ms: int = option(
        30_000,
        doc="How long the body of a REST request may take to arrive, in milliseconds.",
        check=at_least(1),
        importance=LOW,
        extension=True,
    )
    rest_writes_per_second: float = option(
        10.0,
        doc="How many changes a second the REST interface takes over a longer time (a hundred times as "
        "many at once); more wait their turn, for 5 s at most. 0 is no limit.",
        check=at_least(0),
        importance=LOW,
        extension=True,
    )

    @property
    def bootstrap(self) -> str:
        """The brokers as one text."""
        return ",".join(self.bootstrap_servers)

    def converter(self, which: str) -> tuple[str, Mapping[str, Any]]:
        """Class name and options of the ``key``, ``value`` or ``header`` converter."""
        return getattr(self, f"{which}_converter"), self.with_prefix(f"{which}.converter.")

    def client(self, which: str) -> Mapping[str, Any]:
        """The options for ``producer``, ``consumer`` or ``admin`` clients, without their prefix."""
        return self.with_prefix(f"{which}.")


# Options of Kafka Connect's workers that have no effect in a standalone worker here (runtime 1.2, 1.3).
WITHOUT_EFFECT = frozenset(
    """
    client.dns.lookup key.converter.plugin.version value.converter.plugin.version
    header.converter.plugin.version metric.reporters metrics.num.samples metrics.recording.level
    metrics.sample.window.ms plugin.discovery plugin.path rest.extension.classes rest.host.name
    rest.port internal.key.converter internal.value.converter config.storage.replication.factor
    config.storage.topic connect.protocol heartbeat.interval.ms inter.worker.key.generation.algorithm
    inter.worker.key.size inter.worker.key.ttl.ms inter.worker.signature.algorithm
    inter.worker.verification.algorithms rebalance.timeout.ms scheduled.rebalance.max.delay.ms
    session.timeout.ms status.storage.partitions status.storage.replication.factor status.storage.topic
    worker.sync.timeout.ms worker.unsync.backoff.ms
    """.split()
)


def worker_warnings(raw: Mapping[str, Any]) -> dict[str, list[str]]:
    """A sentence for each key of a worker's file that has no effect, or that is nobody's."""
    definition = WorkerConfig.definition()
    known = definition.accepted_names | CLIENT_KEYS
    warnings: dict[str, list[str]] = {}
    for key in raw:
        if key in WITHOUT_EFFECT or key.startswith(("internal.key.converter.", "internal.value.converter.")):
            warnings[key] = ["is an option of Kafka Connect that has no effect in this worker"]
        elif key.startswith(CLIENT_PREFIXES):
            client, _, name = key.partition(".")
            if name not in CLIENT_KEYS and (hint := did_you_mean(name, CLIENT_KEYS)):
                warnings[key] = [f"is no {client} option that is known here{hint}"]
        elif key.startswith(TOPIC_PREFIX) and key not in known:
            if sentence := topic_setting_warning(key, known):
                warnings[key] = [sentence]
        elif key not in known and not key.startswith(WorkerConfig.prefixes):
            warnings[key] = [f"is no option of a worker{did_you_mean(key, known | WITHOUT_EFFECT)}"]
    return warnings

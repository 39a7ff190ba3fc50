"""The options that every connector has, and those of sources and of sinks, with Kafka Connect's names.

Source: spec runtime 1.4-1.6 and data 5.5: names, types, defaults, groups and order are those of Kafka
4.3's validate answer. The rules between options (topics, the dead letter topic) are in ``problems``.
Transforms, predicates and the converters' own options are looked at in
:mod:`connectkit.runner.validation`, ``topic.creation.*`` in :mod:`connectkit.runner.configs.topics`.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from connectkit.checks import (
    at_least,
    max_characters,
    no_control_characters,
    no_duplicates,
    no_empty_items,
    non_empty_string,
    regex,
)
from connectkit.config import HIGH, LOW, MEDIUM, Kind, Width, option
from connectkit.javaregex import compile_java
from connectkit.runner.configs.failures import BreakerOptions, SinkBatchOptions, SourceLetterOptions
from connectkit.runner.configs.healing import HealingOptions
from connectkit.suggest import shortened

COMMON, TRANSFORMS, PREDICATES, ERRORS = "Common", "Transforms", "Predicates", "Error Handling"
CLIENT_OVERRIDES = ("producer.override.", "consumer.override.", "admin.override.")
CONVERTERS = ("key.converter", "value.converter", "header.converter")
MAX_NAME_CHARS = 1_000
"""Of a connector's name, so that its path over REST, however encoded, fits into the head of a request."""


class ConnectorConfig(HealingOptions, BreakerOptions):
    """What sources and sinks have in common."""

    prefixes = ("transforms.", "predicates.", *CLIENT_OVERRIDES, *(f"{each}." for each in CONVERTERS))

    name: str = option(
        doc="The connector's name, unique in the cluster.",
        check=(no_control_characters, max_characters(MAX_NAME_CHARS)),
        importance=HIGH,
        group=COMMON,
        order=1,
        width=Width.MEDIUM,
        display_name="Connector name",
    )
    connector_class: str = option(
        doc="The connector: its short name or its full Java class name.",
        check=non_empty_string,
        importance=HIGH,
        group=COMMON,
        order=2,
        width=Width.LONG,
        display_name="Connector class",
    )
    connector_plugin_version: str | None = option(
        None,
        doc="The version of the connector: latest, a version, or a range such as [1.0,2.0).",
        importance=MEDIUM,
        group=COMMON,
        order=3,
        width=Width.MEDIUM,
        display_name="Connector version",
    )
    tasks_max: int = option(
        1,
        doc="How many tasks the connector may use at most.",
        check=at_least(1),
        importance=HIGH,
        group=COMMON,
        order=4,
        width=Width.SHORT,
        display_name="Tasks max",
    )
    tasks_max_enforce: bool = option(
        True,
        doc="Whether a connector that makes more tasks than tasks.max fails. Deprecated in Kafka.",
        importance=LOW,
        group=COMMON,
        order=5,
        width=Width.SHORT,
        display_name="Enforce tasks max",
    )
    key_converter: str | None = option(
        None,
        doc="The converter of keys, with options as key.converter.*; left out, the worker's.",
        kind=Kind.CLASS,
        check=non_empty_string,
        importance=LOW,
        group=COMMON,
        order=6,
        width=Width.SHORT,
        display_name="Key converter class",
    )
    key_converter_plugin_version: str | None = option(
        None,
        doc="The version of the key converter.",
        importance=LOW,
        group=COMMON,
        order=7,
        width=Width.SHORT,
        display_name="Key converter version",
    )
    value_converter: str | None = option(
        None,
        doc="The converter of values, with options as value.converter.*; left out, the worker's.",
        kind=Kind.CLASS,
        check=non_empty_string,
        importance=LOW,
        group=COMMON,
        order=8,
        width=Width.SHORT,
        display_name="Value converter class",
    )
    value_converter_plugin_version: str | None = option(
        None,
        doc="The version of the value converter.",
        importance=LOW,
        group=COMMON,
        order=9,
        width=Width.SHORT,
        display_name="Value converter version",
    )
    header_converter: str | None = option(
        None,
        doc="The converter of headers, with options as header.converter.*; left out, the worker's.",
        kind=Kind.CLASS,
        check=non_empty_string,
        importance=LOW,
        group=COMMON,
        order=10,
        width=Width.SHORT,
        display_name="Header converter class",
    )
    header_converter_plugin_version: str | None = option(
        None,
        doc="The version of the header converter.",
        importance=LOW,
        group=COMMON,
        order=11,
        width=Width.SHORT,
        display_name="Header converter version",
    )
    transforms: list[str] = option(
        [],
        doc="Aliases of the transforms to apply, in order; each has transforms.ALIAS.type and its options.",
        check=(no_duplicates, no_empty_items),
        importance=LOW,
        group=TRANSFORMS,
        order=12,
        width=Width.LONG,
        display_name="Transforms",
    )
    predicates: list[str] = option(
        [],
        doc="Aliases of predicates that transforms name; each has predicates.ALIAS.type and its options.",
        check=(no_duplicates, no_empty_items),
        importance=LOW,
        group=PREDICATES,
        order=13,
        width=Width.LONG,
        display_name="Predicates",
    )
    config_action_reload: Literal["none", "restart"] = option(
        "restart",
        doc="What happens when a config provider's value has outlived its time.",
        importance=LOW,
        group=COMMON,
        order=14,
        width=Width.MEDIUM,
        display_name="Reload Action",
    )
    errors_retry_timeout: int = option(
        0,
        doc="How long a failed operation is tried again, in milliseconds; 0 never, -1 for ever.",
        kind=Kind.LONG,
        importance=MEDIUM,
        group=ERRORS,
        order=1,
        width=Width.MEDIUM,
        display_name="Retry Timeout for Errors",
    )
    errors_retry_delay_max_ms: int = option(
        60_000,
        doc="The longest wait between two tries, in milliseconds.",
        kind=Kind.LONG,
        importance=MEDIUM,
        group=ERRORS,
        order=2,
        width=Width.MEDIUM,
        display_name="Maximum Delay Between Retries for Errors",
    )
    errors_tolerance: Literal["none", "all"] = option(
        "none",
        doc="Whether a record that cannot be processed fails the task (none) or is skipped (all).",
        importance=MEDIUM,
        group=ERRORS,
        order=3,
        width=Width.SHORT,
        display_name="Error Tolerance",
    )
    errors_log_enable: bool = option(
        False,
        doc="Whether tolerated errors are logged.",
        importance=MEDIUM,
        group=ERRORS,
        order=4,
        width=Width.SHORT,
        display_name="Log Errors",
    )
    errors_log_include_messages: bool = option(
        False,
        doc="Whether such log lines say which record it was (never what was in it).",
        importance=MEDIUM,
        group=ERRORS,
        order=5,
        width=Width.SHORT,
        display_name="Log Error Details",
    )

    def converter(self, which: str) -> tuple[str, Mapping[str, Any]] | None:
        """Class and options of the ``key``, ``value`` or ``header`` converter, None for the worker's."""
        name = getattr(self, f"{which}_converter")
        return None if name is None else (name, self.with_prefix(f"{which}.converter."))

    def overrides(self, client: str) -> Mapping[str, Any]:
        """The overridden options of the ``producer``, ``consumer`` or ``admin`` client."""
        return self.with_prefix(f"{client}.override.")


class ExactlyOnce(enum.Enum):
    """Whether a source must support exactly-once delivery."""

    REQUESTED = "requested"
    REQUIRED = "required"


class Boundary(enum.Enum):
    """Where a source's transactions end."""

    POLL = "poll"
    INTERVAL = "interval"
    CONNECTOR = "connector"


class SourceConnectorConfig(ConnectorConfig, SourceLetterOptions):
    """The options of every source connector."""

    prefixes = (*ConnectorConfig.prefixes, "topic.creation.")

    topic_creation_groups: list[str] = option(
        [],
        doc="Groups of topics that are created in their own way; each has topic.creation.GROUP.* options.",
        check=(no_duplicates, no_empty_items),
        importance=LOW,
        group="Topic Creation",
        order=1,
        width=Width.LONG,
        display_name="Topic Creation Groups",
    )
    exactly_once_support: ExactlyOnce = option(
        ExactlyOnce.REQUESTED,
        doc="Whether the connector must support exactly-once delivery (required) or may (requested).",
        importance=MEDIUM,
        group="Exactly Once Support",
        order=2,
        width=Width.SHORT,
        display_name="Exactly once support",
    )
    transaction_boundary: Boundary = option(
        Boundary.POLL,
        doc="Where transactions end: after each poll, after an interval, or where the connector says.",
        importance=MEDIUM,
        group="Exactly Once Support",
        order=3,
        width=Width.SHORT,
        display_name="Transaction Boundary",
    )
    transaction_boundary_interval_ms: int | None = option(
        None,
        doc="The interval of transaction.boundary=interval; left out, the worker's offset.flush.interval.ms.",
        kind=Kind.LONG,
        check=at_least(0),
        importance=LOW,
        group="Exactly Once Support",
        order=4,
        width=Width.SHORT,
        display_name="Transaction boundary interval",
    )
    offsets_storage_topic: str | None = option(
        None,
        doc="A topic of its own for this connector's offsets, which go before the worker's.",
        check=non_empty_string,
        importance=LOW,
        group="offsets.topic",
        order=1,
        width=Width.LONG,
        display_name="Offsets topic",
    )

    @property
    def dead_letter_topic(self) -> str | None:
        """The topic for records that cannot be processed, or None."""
        return self.errors_deadletterqueue_topic_name or None


class SinkConnectorConfig(ConnectorConfig, SinkBatchOptions):
    """The options of every sink connector."""

    topics: list[str] = option(
        [],
        doc="The topics to read; either this or topics.regex.",
        check=(no_duplicates, no_empty_items),
        importance=HIGH,
        group=COMMON,
        order=4,
        width=Width.LONG,
        display_name="Topics",
    )
    topics_regex: str = option(
        "",
        doc="A regular expression (Java's syntax) for the whole names of the topics to read.",
        check=regex,
        importance=HIGH,
        group=COMMON,
        order=4,
        width=Width.LONG,
        display_name="Topics regex",
    )
    errors_deadletterqueue_topic_name: str = option(
        "",
        doc="The topic that takes the records that cannot be processed; empty for none.",
        importance=MEDIUM,
        group=ERRORS,
        order=6,
        width=Width.MEDIUM,
        display_name="Dead Letter Queue Topic Name",
    )
    errors_deadletterqueue_topic_replication_factor: int = option(
        3,
        doc="The replication factor of that topic, if it has to be created.",
        kind=Kind.SHORT,
        importance=MEDIUM,
        group=ERRORS,
        order=7,
        width=Width.MEDIUM,
        display_name="Dead Letter Queue Topic Replication Factor",
    )
    errors_deadletterqueue_context_headers_enable: bool = option(
        False,
        doc="Whether those records get headers that say what went wrong and where.",
        importance=MEDIUM,
        group=ERRORS,
        order=8,
        width=Width.MEDIUM,
        display_name="Enable Error Context Headers",
    )

    @property
    def topics_pattern(self) -> re.Pattern[str] | None:
        """``topics.regex``, compiled; a topic is meant if its whole name matches."""
        return compile_java(self.topics_regex) if self.topics_regex else None

    @property
    def dead_letter_topic(self) -> str | None:
        """The topic for records that cannot be processed, or None."""
        return self.errors_deadletterqueue_topic_name or None

    def problems(self) -> Mapping[str, str | Sequence[str]]:
        return topic_problems(self.topics, self.topics_pattern, self.dead_letter_topic)


def topic_problems(
    topics: Sequence[str], pattern: re.Pattern[str] | None, dead: str | None
) -> dict[str, str]:
    """What is wrong between the options that say which topics a sink reads and where its failures go."""
    problems: dict[str, str] = {}
    if topics and pattern:
        for key in ("topics", "topics.regex"):
            problems[key] = "topics and topics.regex are both set, and only one of them may be"
    elif not topics and not pattern:
        for key in ("topics", "topics.regex"):
            problems[key] = "a sink must have topics or topics.regex"
    elif dead and dead in topics:
        problems["topics"] = (
            f"the dead letter topic '{shortened(dead)}' must not be among the topics that are read"
        )
    elif dead and pattern and pattern.fullmatch(dead):
        problems["topics.regex"] = (
            f"the dead letter topic '{shortened(dead)}' must not be matched by the topics that are read"
        )
    return problems


FRAMEWORK: Mapping[str, type[ConnectorConfig]] = {
    "source": SourceConnectorConfig,
    "sink": SinkConnectorConfig,
}
"""The options of the framework by the kind of connector."""

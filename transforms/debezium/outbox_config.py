"""Options of the outbox event router. Source: Debezium's documentation of the transform."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from connectkit.checks import regex as is_regex
from connectkit.config import HIGH, LOW, MEDIUM, Width, option
from connectkit.javaregex import compile_java
from connectkit.javareplace import Replacement
from connectkit.suggest import did_you_mean, shortened
from connectkit.transforms.base import java_split
from connectkit.transforms.debezium.json_payload import EmptyArrayBehavior, NullBehavior
from connectkit.transforms.debezium.options import DebeziumConfig


class InvalidOperation(enum.Enum):
    """What to do about an update of the outbox table, which is not meant to be updated."""

    WARN = "warn"
    ERROR = "error"
    FATAL = "fatal"


class Missing(enum.Enum):
    """What to do where an additional field is missing."""

    ERROR = "error"
    IGNORE = "ignore"


class Placement(enum.Enum):
    """Where an additional field goes."""

    HEADER = "header"
    ENVELOPE = "envelope"
    PARTITION = "partition"


@dataclass(frozen=True, slots=True)
class Additional:
    """A column of the outbox table, where it goes, and what it is called there."""

    field: str
    placement: Placement
    alias: str

    @classmethod
    def parse(cls, text: str) -> Additional:
        """Read ``column:placement`` or ``column:placement:alias``; ``ValueError`` says what is wrong."""
        parts = [part.strip() for part in java_split(text, ":")]
        if len(parts) not in (2, 3):
            raise ValueError(
                f"has '{shortened(text)}', which is neither column:placement nor column:placement:alias"
            )
        known = {each.value: each for each in Placement}
        placement = known.get(parts[1].lower())
        if placement is None:
            raise ValueError(
                f"has the placement '{shortened(parts[1])}', which is none of {', '.join(known)}"
                f"{did_you_mean(parts[1], known)}"
            )
        return cls(parts[0], placement, parts[-1] if len(parts) == 3 else parts[0])


class EventRouterConfig(DebeziumConfig):
    """Which columns of the outbox table mean what."""

    table_field_event_id: str = option(
        "id", doc="The column with the event's id, which becomes the header id.", importance=LOW,
        group="Table", trim=False,
        order=1, width=Width.MEDIUM, display_name="Event ID Field",
    )  # fmt: skip
    table_field_event_key: str = option(
        "aggregateid", doc="The column that becomes the record's key.", importance=LOW,
        group="Table", trim=False,
        order=2, width=Width.MEDIUM, display_name="Event Key Field",
    )  # fmt: skip
    table_field_event_type: str = option(
        "type", doc="The column with the event's type; kept for older configurations, and not used.",
        importance=LOW, group="Table", trim=False,
        order=3, width=Width.MEDIUM, display_name="Event Type Field",
    )  # fmt: skip
    table_field_event_payload: str = option(
        "payload", doc="The column that becomes the record's value.", importance=LOW,
        group="Table", trim=False,
        order=4, width=Width.MEDIUM, display_name="Event Payload Field",
    )  # fmt: skip
    table_field_event_timestamp: str | None = option(
        None,
        doc="A column that becomes the record's timestamp; by default, and where it is null, that is the "
        "time at which Debezium saw the event.",
        importance=MEDIUM, group="Table", trim=False,
        order=5, width=Width.MEDIUM, display_name="Event Timestamp Field",
    )  # fmt: skip
    table_fields_additional_placement: list[str] = option(
        [],
        doc="More columns to take over, as column:header, column:envelope or column:partition, with :alias "
        "behind it if the header or field is to be called otherwise. With one in the envelope, the value is "
        "a struct with the payload and these columns.",
        importance=HIGH, group="Table",
        order=6, width=Width.MEDIUM,
    )  # fmt: skip
    table_field_additional_missing: Missing = option(
        Missing.ERROR,
        doc="What to do where such a column is missing: error: fail; ignore: leave it out.",
        importance=MEDIUM, group="Table",
        order=7, width=Width.MEDIUM,
    )  # fmt: skip
    table_field_event_schema_version: str | None = option(
        None, doc="A column with the version of the value's schema, if the value is a struct with columns.",
        importance=LOW, group="Table", trim=False,
        order=8, width=Width.MEDIUM, display_name="Event Schema Version Field",
    )  # fmt: skip
    table_op_invalid_behavior: InvalidOperation = option(
        InvalidOperation.WARN,
        doc="What to do about updates of the outbox table: warn or error: drop them and say so in the log at "
        "that level; fatal: fail.",
        importance=MEDIUM, group="Table",
        order=9, width=Width.MEDIUM,
    )  # fmt: skip
    table_expand_json_payload: bool = option(
        False,
        doc="Whether a payload that is JSON in a text becomes a struct. One that cannot be expanded stays a "
        "text, with a warning.",
        importance=MEDIUM, group="Table",
        order=10, width=Width.MEDIUM,
    )  # fmt: skip
    table_json_payload_null_behavior: NullBehavior = option(
        NullBehavior.IGNORE,
        doc="What becomes of nulls in such JSON. ignore: they are left out; optional_bytes: they are kept as "
        "null in a field of bytes.",
        importance=MEDIUM, group="Table",
        order=11, width=Width.MEDIUM,
    )  # fmt: skip
    table_json_payload_empty_array_behavior: EmptyArrayBehavior = option(
        EmptyArrayBehavior.IGNORE,
        doc="What becomes of empty arrays in such JSON. ignore: they are left out; optional_string: they are "
        "kept as arrays of texts.",
        importance=MEDIUM, group="Table",
    )  # fmt: skip
    route_by_field: str = option(
        "aggregatetype", doc="The column that the topic is made of.", importance=HIGH,
        group="Router", trim=False,
        order=1, width=Width.MEDIUM, display_name="Field to route events by",
    )  # fmt: skip
    route_topic_regex: str = option(
        "(?<routedByValue>.*)",
        doc="A regular expression (Java's syntax) for the whole value of that column.",
        check=is_regex, importance=LOW, group="Router", trim=False,
        order=2, width=Width.MEDIUM, display_name="The name of the routed topic",
    )  # fmt: skip
    route_topic_replacement: str = option(
        "outbox.event.${routedByValue}",
        doc="The topic, with $1 or ${name} for groups of the expression.",
        importance=HIGH, group="Router", trim=False,
        order=3, width=Width.MEDIUM, display_name="The name of the routed topic",
    )  # fmt: skip
    route_tombstone_on_empty_payload: bool = option(
        False, doc="Whether an event without a payload, or with a blank one, becomes a tombstone.",
        importance=HIGH, group="Router",
        order=4, width=Width.MEDIUM, display_name="Empty payloads cause a tombstone message",
    )  # fmt: skip
    tracing_span_context_field: str = option(
        "tracingspancontext",
        doc="Accepted for configurations written for Debezium with OpenTelemetry; there is no tracing here.",
        importance=HIGH, group="Tracing",
        order=1, width=Width.MEDIUM, display_name="Serialized tracing span context field",
    )  # fmt: skip
    tracing_operation_name: str = option(
        "debezium-read",
        doc="Accepted likewise, without effect.",
        importance=HIGH,
        group="Tracing",
        order=2,
        width=Width.MEDIUM,
        display_name="Tracing operation name",
    )
    tracing_with_context_field_only: bool = option(
        False,
        doc="Accepted likewise, without effect.",
        importance=HIGH,
        group="Tracing",
        order=3,
        width=Width.MEDIUM,
    )

    def problems(self) -> Mapping[str, str | Sequence[str]]:
        found: dict[str, str] = {}
        try:
            self.additional()
        except ValueError as error:
            found["table.fields.additional.placement"] = str(error)
        try:
            Replacement(self.route_topic_replacement, compile_java(self.route_topic_regex))
        except ValueError as error:
            found["route.topic.replacement"] = str(error)
        return found

    def additional(self) -> tuple[Additional, ...]:
        """The additional columns; ``ValueError`` if one is wrong."""
        return tuple(Additional.parse(text) for text in self.table_fields_additional_placement)

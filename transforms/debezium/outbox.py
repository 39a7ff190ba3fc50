"""EventRouter: what an application writes into an outbox table becomes an event on a topic of its own.

Each row inserted into the table is one event: columns say its id, key, topic and payload. Without columns
in the value's envelope, all is decided once per schema; with them the schema is named after the topic
(and may have a version), so a variant is compiled for each. JSON in texts is expanded record by record.
Source: Debezium's documentation of the outbox event router.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from connectkit.builder import SchemaBuilder
from connectkit.draft import Draft, Kind
from connectkit.edit import EditTransform
from connectkit.errors import ConnectError, DataError
from connectkit.headers import Header, Headers
from connectkit.javaregex import compile_java
from connectkit.javareplace import Replacement
from connectkit.program import NONE, Var
from connectkit.record import ConnectRecord
from connectkit.schema import Field, Schema, Type
from connectkit.struct import Struct
from connectkit.suggest import did_you_mean
from connectkit.transforms.debezium.envelope import (
    AFTER,
    DELETE,
    OP,
    UPDATE,
    attempt,
    envelope_of,
    field_of,
    is_envelope,
    or_own_default,
    typed_field,
    when_present,
)
from connectkit.transforms.debezium.json_payload import ExpansionError, JsonExpander
from connectkit.transforms.debezium.outbox_config import (
    Additional,
    EventRouterConfig,
    InvalidOperation,
    Missing,
    Placement,
)
from connectkit.transforms.debezium.variants import Variants
from connectkit.transforms.route import Topics

PAYLOAD = "payload"
"""The field with the payload, where the value has columns beside it."""
_TIME = "ts_ms"
KEPT_SCHEMAS = 1000
"""Topics (with versions) and expanded payloads for which schemas are kept."""
_PER_MS = {
    "io.debezium.time.Timestamp": 1,
    "io.debezium.time.MicroTimestamp": 1_000,
    "io.debezium.time.NanoTimestamp": 1_000_000,
}

log = logging.getLogger(__name__)


class Naming(NamedTuple):
    """What the value's schema is named after: the routed value, and its version if there is one."""

    routed: str
    version: int | None


class EventRouter(EditTransform[EventRouterConfig]):
    """Route the events of an outbox table to topics, each with its payload as value."""

    java_names = ("io.debezium.transforms.outbox.EventRouter",)
    reads = frozenset(("value",))
    purpose = "routing of outbox events"

    def __init__(self, config: EventRouterConfig, *, naming: Naming | None = None) -> None:
        """``naming`` is given for the variant of one topic and version."""
        self._naming = naming
        self._additional = config.additional()
        self._in_envelope = [each for each in self._additional if each.placement is Placement.ENVELOPE]
        self._versioned = bool(self._in_envelope) and bool(config.table_field_event_schema_version)
        pattern = compile_java(config.route_topic_regex)
        replacement = Replacement(config.route_topic_replacement, pattern)
        # As in Java: the whole text must match, but the first match inside it is what is replaced.
        self._topics = Topics(
            lambda text: replacement.replace_first(text, pattern) if pattern.fullmatch(text) else text
        )
        self._expander = (
            JsonExpander(
                config.table_json_payload_null_behavior, config.table_json_payload_empty_array_behavior
            )
            if config.table_expand_json_payload
            else None
        )
        self._by_naming: Variants[Naming, EventRouter] = Variants(self._variant, size=KEPT_SCHEMAS)
        self._expanded: Variants[tuple[Schema, Schema], Schema] = Variants(_with_payload, size=KEPT_SCHEMAS)
        super().__init__(config)

    def _variant(self, naming: Naming) -> EventRouter:
        made = EventRouter(self.config, naming=naming)
        made._told, made.alias = self._told, self.alias
        return made

    def edit(self, draft: Draft) -> None:
        if draft.value.is_null:
            draft.drop()  # the tombstone after a deletion from the outbox table
            return
        if not is_envelope(draft.value.schema):
            return
        schema, slots = envelope_of(draft.value, self.purpose)
        op = typed_field(schema, OP, Type.STRING, "the change event")
        inserted, other = draft.split(draft.call(self._is_event, slots[op.index]))
        other.drop()
        attempt(inserted, lambda half: self._edit_event(half, schema, slots))

    def _is_event(self, op: str | None) -> bool:
        """Whether that was no deletion; an update is not meant to be, and is told of."""
        if op is None:
            raise DataError("A change event does not say which operation it is of", path=f"$.{OP}")
        if op == UPDATE:
            behavior = self.config.table_op_invalid_behavior
            if behavior is InvalidOperation.FATAL:
                raise DataError(
                    "A row of the outbox table was updated, and table.op.invalid.behavior forbids that"
                )
            level = logging.WARNING if behavior is InvalidOperation.WARN else logging.ERROR
            log.log(level, "%s: an update of a row of the outbox table was dropped", self.label)
        return op not in (DELETE, UPDATE)

    def _edit_event(self, draft: Draft, schema: Schema, slots: list[Var]) -> None:
        after = field_of(schema, AFTER, "the change event")
        row = or_own_default(draft, slots, after)
        there, missing = when_present(draft, row, after.schema)
        missing.fail(DataError("An event of the outbox table has no row", path=f"$.{AFTER}"))
        attempt(there, lambda half: self._edit_row(half, row, after, schema, slots))

    def _edit_row(self, draft: Draft, row: Var, after: Field, envelope: Schema, outer: Sequence[Var]) -> None:
        if after.schema.type is not Type.STRUCT:
            raise DataError("The row of an outbox event must be a struct", path=f"$.{AFTER}")
        if self._in_envelope and self._naming is None:
            draft.hand_over(self._by_route)
            return
        table = after.schema
        draft.value.take(table, row)
        raw = draft.value.read(self.purpose, with_defaults=False)
        columns = draft.value.read(self.purpose, with_defaults=True)
        payload = _needed(table, self.config.table_field_event_payload, "table.field.event.payload")
        draft.timestamp = self._timestamp(draft, envelope, outer, table, raw)
        self._add_headers(draft, table, columns)
        draft.partition = self._partition(table, raw)
        routed = _text_column(table, self.config.route_by_field)
        draft.topic = draft.call(self._topic, raw[routed.index])
        key = _column(table, self.config.table_field_event_key)
        draft.key.put(key.schema, columns[key.index])
        self._put_value(draft, payload, table, columns)

    # --- parts of the record

    def _topic(self, routed: str | None) -> str:
        if routed is None:
            raise DataError(
                "An outbox event has no value to route by", path=f"$.{AFTER}.{self.config.route_by_field}"
            )
        return self._topics[routed]

    def _timestamp(
        self, draft: Draft, envelope: Schema, outer: Sequence[Var], table: Schema, raw: Sequence[Var]
    ) -> Var:
        name = self.config.table_field_event_timestamp
        if name is None and envelope.field(_TIME) is None:
            field_of(envelope, _TIME, "the change event")
        seen = (
            NONE
            if envelope.field(_TIME) is None
            else outer[typed_field(envelope, _TIME, Type.INT64, "the change event").index]
        )
        if name is None:
            return seen
        _needed(table, name, "table.field.event.timestamp")
        field = typed_field(table, name, Type.INT64, "the outbox table")
        per_ms = _PER_MS.get(field.schema.name or "")
        return draft.call(_time_reader(name, per_ms), raw[field.index], seen)

    def _add_headers(self, draft: Draft, table: Schema, columns: Sequence[Var]) -> None:
        event_id = _column(table, self.config.table_field_event_id)
        wanted = [each for each in self._additional if each.placement is Placement.HEADER]
        known = [(each.alias, self._known(each, table)) for each in wanted]
        fields = [("id", event_id), *((name, field) for name, field in known if field is not None)]
        values = [columns[field.index] for _, field in fields]
        add = _header_adder([(name, field.schema) for name, field in fields])
        draft.headers = draft.call(add, draft.headers, *values)

    def _known(self, wanted: Additional, table: Schema) -> Field | None:
        """The column; where it is missing, None or an error, as the option says."""
        if self.config.table_field_additional_missing is Missing.IGNORE and table.field(wanted.field) is None:
            return None
        return _column(table, wanted.field)

    def _partition(self, table: Schema, raw: Sequence[Var]) -> Var:
        found: Var = NONE  # that of the table's topic means nothing on another
        for each in self._additional:
            if each.placement is Placement.PARTITION and self._known(each, table) is not None:
                found = raw[typed_field(table, each.field, Type.INT32, "the outbox table").index]
        return found

    def _put_value(self, draft: Draft, payload: Field, table: Schema, columns: Sequence[Var]) -> None:
        value = columns[payload.index]
        if self.config.route_tombstone_on_empty_payload:
            empty, full = draft.split(draft.call(_is_empty, value))
            empty.value.put(None, NONE, Kind.NULL)
            attempt(full, lambda half: self._put_payload(half, payload, table, columns))
        else:
            self._put_payload(draft, payload, table, columns)

    def _put_payload(self, draft: Draft, payload: Field, table: Schema, columns: Sequence[Var]) -> None:
        if self._naming is None:
            draft.value.put(payload.schema, columns[payload.index])
        else:
            builder = SchemaBuilder.struct().name(_schema_name(table, self._naming.routed))
            if self._naming.version is not None:
                builder.version(self._naming.version)
            builder.field(PAYLOAD, payload.schema)
            slots = [columns[payload.index]]
            for each in self._in_envelope:
                if self.config.table_field_additional_missing is Missing.ERROR:
                    _needed(table, each.field, "table.fields.additional.placement")
                field = self._known(each, table)
                if field is not None:
                    builder.field(each.alias, field.schema)
                    slots.append(columns[field.index])
            draft.value.write(builder.build(), slots)
        if self._expander is not None:
            draft.hand_over(self._expand)

    # --- what depends on values

    def _by_route(self, record: Any) -> Any:
        """An event whose value has columns: by the variant for its topic and version."""
        row = record.value.get(AFTER)
        routed = row.get_typed(self.config.route_by_field, Type.STRING)
        if routed is None:
            raise DataError(
                "An outbox event has no value to route by", path=f"$.{AFTER}.{self.config.route_by_field}"
            )
        version = self.config.table_field_event_schema_version
        number = row.get_typed(version, Type.INT32) if self._versioned and version else None
        return self._by_naming[Naming(routed, number)].apply(record)

    def _expand(self, record: ConnectRecord) -> ConnectRecord:
        """Replace a payload that is JSON in a text by what it says."""
        struct: Struct | None = record.value if self._naming is not None else None
        payload = record.value if struct is None else struct.values[0]
        if not isinstance(payload, str):
            if payload is not None:
                self.warn_once("payload", "the payload is no text, so there is no JSON in it to expand")
            return record
        assert self._expander is not None
        try:
            schema, value = self._expander.expand(self.config.table_field_event_payload, payload)
        except ExpansionError as error:
            reason = str(error)
            self.warn_once(f"json {reason}", "payloads that are no JSON of one shape stay texts: %s", reason)
            return record
        if struct is None:
            return record.new_record(value_schema=schema, value=value)
        made = self._expanded[struct.schema, schema]
        return record.new_record(value_schema=made, value=Struct.of(made, [value, *struct.values[1:]]))


def _column(table: Schema, name: str) -> Field:
    return field_of(table, name, "the outbox table")


def _needed(table: Schema, name: str, key: str) -> Field:
    """The column that an option names: without it no event of this table can ever be routed."""
    found = table.field(name)
    if found is None:
        hint = did_you_mean(name, [field.name for field in table.fields])
        raise ConnectError(f"The outbox table has no column '{name}', which the option {key} names{hint}")
    return found


def _text_column(table: Schema, name: str) -> Field:
    return typed_field(table, name, Type.STRING, "the outbox table")


def _schema_name(table: Schema, routed: str) -> str:
    """The name of the table's schema with the routed value before its last part."""
    if table.name is None:
        return routed
    head, dot, last = table.name.rpartition(".")
    return f"{head}{dot}{routed}.{last}"


def _with_payload(schemas: tuple[Schema, Schema]) -> Schema:
    """A schema with another one for the payload, its first field."""
    schema, payload = schemas
    builder = SchemaBuilder.struct().name(schema.name).version(schema.version).field(PAYLOAD, payload)
    for field in schema.fields[1:]:
        builder.field(field.name, field.schema)
    return builder.build()


def _is_empty(payload: Any) -> bool:
    return payload is None or (isinstance(payload, str) and not payload.strip(_JAVA_BLANKS))


_JAVA_BLANKS = "".join(map(chr, range(0x21)))


def _time_reader(name: str, per_ms: int | None) -> Callable[[Any, int | None], int | None]:
    def read(value: Any, seen: int | None) -> int | None:
        if value is None:
            return seen
        if per_ms is None:
            raise ConnectError(
                f"The column '{name}', named by table.field.event.timestamp, is no timestamp of "
                "Debezium's (io.debezium.time.Timestamp, MicroTimestamp or NanoTimestamp)"
            )
        if not isinstance(value, int):
            raise DataError(f"The column '{name}' does not hold a number", path=f"$.{AFTER}.{name}")
        return value // per_ms if value >= 0 else -(-value // per_ms)

    return read


def _header_adder(names: Sequence[tuple[str, Schema]]) -> Callable[..., Headers]:
    pairs = list(names)

    def added(headers: Headers, *values: Any) -> Headers:
        made = headers.duplicate()
        for (name, schema), value in zip(pairs, values):
            if value is None:
                made.add(name, None, schema)  # which checks that it may be
            else:
                made.add_header(Header(name, schema, value))
        return made

    return added

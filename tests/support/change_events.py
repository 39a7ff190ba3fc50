"""Change events as Debezium makes them, for tests of its transforms."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from connectkit.builder import SchemaBuilder
from connectkit.headers import Headers
from connectkit.record import ConnectRecord, SinkRecord, SourceRecord
from connectkit.schema import Schema
from connectkit.struct import Struct
from connectkit.validation import validate_value

ROW = (
    SchemaBuilder.struct().name("srv.shop.customers.Value").optional()
    .field("id", Schema.INT32)
    .field("name", Schema.STRING)
    .field("note", SchemaBuilder.string().optional().default("none").build())
    .field("score", Schema.OPTIONAL_INT64)
    .build()
)  # fmt: skip
SOURCE = (
    SchemaBuilder.struct().name("io.debezium.connector.postgresql.Source")
    .field("version", Schema.STRING)
    .field("ts_ms", Schema.INT64)
    .field("table", Schema.STRING)
    .field("lsn", Schema.OPTIONAL_INT64)
    .build()
)  # fmt: skip
TRANSACTION = (
    SchemaBuilder.struct().name("event.block").optional()
    .field("id", Schema.STRING).field("total_order", Schema.INT64)
    .build()
)  # fmt: skip
KEY = SchemaBuilder.struct().name("srv.shop.customers.Key").field("id", Schema.INT32).build()


def envelope_schema(row: Schema = ROW, *, name: str = "srv.shop.customers.Envelope") -> Schema:
    """The schema of events about such rows."""
    return (
        SchemaBuilder.struct().name(name).version(1)
        .field("before", row).field("after", row).field("source", SOURCE).field("op", Schema.STRING)
        .field("ts_ms", Schema.OPTIONAL_INT64).field("transaction", TRANSACTION)
        .build()
    )  # fmt: skip


ENVELOPE = envelope_schema()


def row(number: int = 1, name: str = "Anne", **fields: Any) -> Struct:
    """A customer."""
    made = Struct(ROW).put("id", number).put("name", name)
    for field, value in fields.items():
        made.put(field, value)
    return made


def event(
    op: str, *, before: Any = None, after: Any = None, schema: Schema = ENVELOPE, table: str = "customers"
) -> Struct:
    """A change event."""
    source = Struct(SOURCE).put("version", "3.6").put("ts_ms", 1_600).put("table", table).put("lsn", 7)
    made = Struct(schema).put("before", before).put("after", after)
    return made.put("source", source).put("op", op).put("ts_ms", 1_700)


def sink(
    value: Any, schema: Schema | None = ENVELOPE, *, topic: str = "srv.shop.customers", **parts: Any
) -> SinkRecord:
    """The event as a sink gets it."""
    parts.setdefault("headers", Headers().add_string("trace", "abc"))
    parts.setdefault("timestamp", 5)
    key = parts.pop("key", Struct(KEY).put("id", 1))
    key_schema = parts.pop("key_schema", KEY)
    return SinkRecord(topic, 0, key_schema, key, None if value is None else schema, value, 42, **parts)


def source(
    value: Any, schema: Schema | None = ENVELOPE, *, topic: str = "srv.shop.customers"
) -> SourceRecord:
    """The event as a source connector makes it."""
    return SourceRecord(
        {"server": "srv"}, {"lsn": 7}, topic, schema, value,
        key_schema=KEY, key=Struct(KEY).put("id", 1), kafka_partition=3, timestamp=5,
        headers=Headers().add_string("trace", "abc"),
    )  # fmt: skip


def applied(transform: Any, record: ConnectRecord) -> Any:
    """What the transform makes of the record, however often it has seen such a one.

    The first time it interprets, then it compiles for the very schemas, then for their identity: all must
    agree, must leave the record as it was, and must make values that suit their schemas.
    """
    before = deepcopy(record)
    outcomes = [transform.apply(record) for _ in range(4)]
    assert outcomes == [outcomes[0]] * 4
    assert record == before
    found = outcomes[0]
    if found is not None:
        agree(found)
    return found


def agree(record: ConnectRecord) -> None:
    """Raise unless key, value and headers suit the schemas beside them."""
    sides = [(record.key_schema, record.key), (record.value_schema, record.value)]
    for schema, value in [*sides, *((header.schema, header.value) for header in record.headers)]:
        # A deletion keeps the schema of the row, which need not be optional.
        if schema is not None and value is not None:
            validate_value(schema, value, None)
            if isinstance(value, Struct):
                assert value.schema == schema
                value.validate()


def plain(value: Any) -> Any:
    """Structs as dicts, for comparison."""
    if isinstance(value, Struct):
        return {f.name: plain(v) for f, v in zip(value.schema.fields, value.values, strict=True)}
    return [plain(item) for item in value] if isinstance(value, list) else value


def headers_of(record: ConnectRecord) -> list[tuple[str, Any]]:
    """Names and values."""
    return [(header.key, plain(header.value)) for header in record.headers]

"""Runs one transform over one record, in each of the ways a record can be run."""

from __future__ import annotations

from typing import Any

from connectkit.builder import SchemaBuilder
from connectkit.headers import Headers
from connectkit.plugin import plugins
from connectkit.record import SinkRecord
from connectkit.schema import Schema
from connectkit.struct import Struct


def struct_of(**fields: tuple[Schema, Any]) -> tuple[Schema, Struct]:
    """A struct schema and a value of it: ``struct_of(id=(Schema.INT64, 7))``."""
    builder = SchemaBuilder.struct()
    for name, (schema, _) in fields.items():
        builder.field(name, schema)
    schema = builder.build()
    return schema, Struct.of(schema, [value for _, value in fields.values()])


def sink_record(value: Any, schema: Schema | None = None, **parts: Any) -> SinkRecord:
    """A record of a sink connector; ``parts`` replace what it has otherwise."""
    made = SinkRecord(
        "orders", 3, Schema.STRING, "k", schema, value, 42, timestamp=1609459200123, headers=Headers()
    )
    return made.new_record(**parts) if parts else made


def apply(name: str, config: dict[str, Any], record: SinkRecord) -> Any:
    """What the transform makes of the record: interpreted, looked at exactly, and guarded, all the same."""
    transform = plugins.create("transform", name, config)
    made = [transform.apply(record) for _ in range(3)]
    assert made[0] == made[1] == made[2]
    return made[0]


def fields_of(struct: Struct) -> dict[str, Any]:
    """Names and values of a struct's fields."""
    return {field.name: struct.values[field.index] for field in struct.schema.fields}

"""What the transforms share: how Connect copies schemas and splits texts, and names of classes."""

from __future__ import annotations

from typing import Any

from connectkit.builder import SchemaBuilder
from connectkit.schema import Schema, Type


def copy_of(schema: Schema, *, fields: bool = True, as_type: Type | None = None) -> SchemaBuilder:
    """A builder with name, version, doc and parameters, and the fields (but not optional, no default).

    That is what Connect copies when it makes a new schema out of one.
    """
    builder = SchemaBuilder(as_type or schema.type)
    builder.name(schema.name).version(schema.version).doc(schema.doc)
    if schema.parameters:
        builder.parameters(schema.parameters)
    if fields and as_type is None:
        for field in schema.fields:
            builder.field(field.name, field.schema)
    return builder


def optional_form(schema: Schema) -> Schema:
    """The same schema, optional."""
    return schema if schema.optional else schema.to_builder().optional().build()


def java_split(text: str, separator: str) -> list[str]:
    """The parts as Java's ``String.split`` gives them: empty ones at the end are dropped."""
    if not text:
        return [text]
    parts = text.split(separator)
    while parts and not parts[-1]:
        parts.pop()
    return parts


def class_name(value: Any) -> str:
    """A value's class for a message (never the value)."""
    return "null" if value is None else type(value).__name__

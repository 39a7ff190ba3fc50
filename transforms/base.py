"""What the transforms share: how Connect copies schemas and splits texts, and names of classes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from connectkit.builder import SchemaBuilder
from connectkit.schema import Schema, Type
from connectkit.validation import validate_value


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


def java_hash_order(names: Iterable[str]) -> list[str]:
    """The names in the order in which Java's ``HashMap`` goes through them, put in as they come here.

    Where several entries claim the same place, that order decides in Connect which one gets it.
    """
    distinct = list(dict.fromkeys(names))
    size = 16
    while len(distinct) > size * 3 // 4:
        size *= 2
    return sorted(distinct, key=lambda name: _java_hash(name) & (size - 1))


def _java_hash(text: str) -> int:
    found = 0
    units = text.encode("utf-16-le", "surrogatepass")
    for low, high in zip(units[::2], units[1::2]):
        found = (found * 31 + (high << 8 | low)) & 0xFFFFFFFF
    return found ^ found >> 16


def checker(schema: Schema, name: str) -> Callable[[Any], Any]:
    """What returns a value that fits the schema, and raises ``SchemaError`` for others, as ``put`` does."""

    def checked(value: Any) -> Any:
        validate_value(schema, value, name)
        return value

    return checked


def class_name(value: Any) -> str:
    """A value's class for a message (never the value)."""
    return "null" if value is None else type(value).__name__

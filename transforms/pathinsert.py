"""Putting a new field at a path: into a nested struct or map, which is made where there is none.

A nested struct that is null stays null. Nothing is changed in place; pure, hence thread-safe.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from connectkit.builder import SchemaBuilder
from connectkit.errors import DataError
from connectkit.schema import Schema, Type
from connectkit.struct import Struct
from connectkit.transforms.base import class_name, copy_of

Put = Callable[[Any, Any], Any]
"""``put(parent, value)``: the parent with the value in it."""


def insert_into(schema: Schema | None, names: Sequence[str], leaf: Schema) -> tuple[Schema, Put]:
    """The struct schema with a field of the leaf's schema below it, and what puts the value there.

    ``schema`` None: there is no such struct yet, and one is made for every record.
    """
    name, rest = names[0], names[1:]
    if schema is None:
        inner, put = insert_into(None, rest, leaf) if rest else (leaf, _value)
        made = SchemaBuilder.struct().field(name, inner).build()
        return made, lambda _, value: Struct.of(made, [put(None, value)])
    if schema.type is not Type.STRUCT:
        raise DataError(
            f"A field cannot be inserted into a value of type {schema.type.value}", path=f"$.{name}"
        )
    field = schema.field(name)
    builder = copy_of(schema, fields=False)
    if schema.optional:
        builder.optional()
    if rest and field is not None:
        inner, put = insert_into(field.schema, rest, leaf)
        for each in schema.fields:
            builder.field(each.name, inner if each is field else each.schema)
        return _replacing(builder.build(), field.index, put)
    inner, put = insert_into(None, rest, leaf) if rest else (leaf, _value)
    for each in schema.fields:
        builder.field(each.name, each.schema)
    return _appending(builder.field(name, inner).build(), put)


def _value(_: Any, value: Any) -> Any:
    return value


def _replacing(schema: Schema, index: int, put: Put) -> tuple[Schema, Put]:
    def replaced(parent: Any, value: Any) -> Any:
        if parent is None:
            return None
        values = list(parent.values)
        values[index] = put(values[index], value)
        return Struct.of(schema, values)

    return schema, replaced


def _appending(schema: Schema, put: Put) -> tuple[Schema, Put]:
    def appended(parent: Any, value: Any) -> Any:
        return None if parent is None else Struct.of(schema, [*parent.values, put(None, value)])

    return schema, appended


def put_in_map(parent: Any, names: Sequence[str], value: Any) -> dict[Any, Any]:
    """The map with the value below it; maps on the way are made where there is none, or a null."""
    if parent is not None and not isinstance(parent, Mapping):
        raise DataError(f"A field cannot be inserted into a value of class {class_name(parent)}")
    made = {} if parent is None else dict(parent)
    name, rest = names[0], names[1:]
    made[name] = put_in_map(made.get(name), rest, value) if rest else value
    return made

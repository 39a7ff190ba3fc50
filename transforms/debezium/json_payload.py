"""JSON in a text becomes a struct (or a list), with a schema told from the text.

Objects become optional structs, named after the path to them; arrays have one schema for all items, which
for objects is the union of their fields; whole numbers are INT32 or INT64, others FLOAT64. What is null
has no type: it is left out, or is taken for bytes. So is an empty array: left out, or an array of texts.
:class:`ExpansionError` says that a text cannot be expanded. Bounded by the text: every step consumes some
of it, items of the same shape share their schema, and nesting ends at :mod:`connectkit.limits`. Source:
Debezium's documentation of ``table.expand.json.payload`` and of the two options on nulls and empty arrays.
"""

from __future__ import annotations

import enum
import json
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from connectkit.builder import SchemaBuilder
from connectkit.limits import DEFAULT_LIMITS
from connectkit.schema import Schema, Type
from connectkit.struct import Struct

KEPT_SHAPES = 256
"""Shapes of payloads whose schemas are remembered; beyond it the memory starts anew."""
KEPT_CHARS = 64 * 1024
"""Length of a payload up to which its shape is remembered."""
_INT32, _INT64 = 1 << 31, 1 << 63


class NullBehavior(enum.Enum):
    """What becomes of a null in an object."""

    IGNORE = "ignore"
    OPTIONAL_BYTES = "optional_bytes"


class EmptyArrayBehavior(enum.Enum):
    """What becomes of an empty array."""

    IGNORE = "ignore"
    OPTIONAL_STRING = "optional_string"


class ExpansionError(Exception):
    """A text cannot be expanded; the message says why, without any of it."""


def _refuse(name: str) -> NoReturn:
    raise ExpansionError(f"JSON has no {name}")


_decoder = json.JSONDecoder(parse_constant=_refuse)


class JsonExpander:
    """Expands texts, and remembers the schemas of their shapes. Used by one thread at a time."""

    __slots__ = ("_empty_arrays", "_known", "_nulls")

    def __init__(self, nulls: NullBehavior, empty_arrays: EmptyArrayBehavior) -> None:
        self._nulls = Schema.OPTIONAL_BYTES if nulls is NullBehavior.OPTIONAL_BYTES else None
        strings = SchemaBuilder.array(Schema.OPTIONAL_STRING).optional().build()
        self._empty_arrays = strings if empty_arrays is EmptyArrayBehavior.OPTIONAL_STRING else None
        self._known: dict[Any, Schema] = {}

    def expand(self, name: str, text: str) -> tuple[Schema, Any]:
        """Schema and value of an object or array that begins with the text's first character."""
        if text[:1] not in ("{", "["):
            raise ExpansionError("it begins with neither { nor [")
        try:
            found, _ = _decoder.raw_decode(text)  # what stands behind it is not looked at
        except RecursionError as exc:
            raise ExpansionError("it is nested too deeply") from exc
        except ValueError as exc:
            raise ExpansionError("it is no JSON, or has a number with thousands of digits") from exc
        shape = (name, _shape(found, 0))
        schema = self._known.get(shape)
        if schema is None:
            schema = self._schema(name, found, 0)
            if schema is None:
                raise ExpansionError("an empty array has no type")
            if len(text) <= KEPT_CHARS:
                if len(self._known) >= KEPT_SHAPES:
                    self._known.clear()
                self._known[shape] = schema
        return schema, _value(found, schema)

    def _schema(self, name: str | None, found: Any, depth: int) -> Schema | None:
        """The schema of a value; None: it is left out."""
        if depth > DEFAULT_LIMITS.depth:
            raise ExpansionError("it is nested too deeply")
        if isinstance(found, dict):
            return self._object_schema(name, found, depth)
        if isinstance(found, list):
            if not found:
                return self._empty_arrays
            return SchemaBuilder.array(self._item_schema(name, found, depth)).optional().build()
        return self._nulls if found is None else _SCALARS[_kind(found)]

    def _object_schema(self, name: str | None, found: Mapping[str, Any], depth: int) -> Schema:
        builder = SchemaBuilder.struct().name(name).optional()
        for key, item in found.items():
            if not key:
                raise ExpansionError("it has a field whose name is empty")
            path = f"{name}.{key}" if name and name.strip() else key
            schema = self._schema(path, item, depth + 1)
            if schema is not None:
                builder.field(key, schema)
        return builder.build()

    def _item_schema(self, name: str | None, items: Sequence[Any], depth: int) -> Schema:
        present = [item for item in items if item is not None]
        if len({_kind(item) for item in present}) > 1:
            raise ExpansionError("an array has items of different types")
        if present and isinstance(present[0], dict):
            shapes = {_shape(item, depth): item for item in present}
            schemas = [self._object_schema(name, item, depth + 1) for item in shapes.values()]
            return _union(schemas, optional=len(present) < len(items))
        schema = self._schema(None, present[0] if present else None, depth + 1)
        if schema is None:
            raise ExpansionError("an array has no item with a type")
        return schema


def _kind(found: Any) -> str:
    if isinstance(found, int) and not isinstance(found, bool):
        return "int32" if -_INT32 <= found < _INT32 else "int64" if -_INT64 <= found < _INT64 else "float"
    return _KINDS[type(found)]


_KINDS = {
    bool: "boolean", float: "float", str: "string", list: "array", dict: "object", type(None): "null",
}  # fmt: skip


def _shape(found: Any, depth: int) -> Any:
    """Something hashable that is the same for values of the same schema."""
    if depth > DEFAULT_LIMITS.depth:
        raise ExpansionError("it is nested too deeply")
    if isinstance(found, dict):
        return tuple([(key, _shape(item, depth + 1)) for key, item in found.items()])
    if isinstance(found, list):
        return frozenset([_shape(item, depth + 1) for item in found])
    return _kind(found)


_SCALARS = {
    "boolean": Schema.OPTIONAL_BOOLEAN,
    "int32": Schema.OPTIONAL_INT32,
    "int64": Schema.OPTIONAL_INT64,
    "float": Schema.OPTIONAL_FLOAT64,
    "string": Schema.OPTIONAL_STRING,
}


def _union(schemas: Sequence[Schema], *, optional: bool) -> Schema:
    """A struct with the fields of all of them."""
    first = schemas[0]
    if all(schema is first for schema in schemas):
        return first
    fields: dict[str, Schema] = {}
    for schema in schemas:
        for field in schema.fields:
            known = fields.get(field.name)
            fields[field.name] = field.schema if known is None else _both(known, field.schema)
    builder = SchemaBuilder.struct().name(first.name)
    for name, schema in fields.items():
        builder.field(name, schema)
    return builder.optional().build() if optional else builder.build()


def _both(one: Schema, other: Schema) -> Schema:
    """One schema for a field that has these two: the first, unless it came of a null; structs are joined."""
    if one.type is Type.BYTES:
        return other
    if one.type is not other.type:
        return one
    if one.type is Type.STRUCT:
        return _union([one, other], optional=one.optional or other.optional)
    if one.type is Type.ARRAY and one.value_schema and other.value_schema:
        return SchemaBuilder.array(_both(one.value_schema, other.value_schema)).optional().build()
    return one


def _value(found: Any, schema: Schema | None) -> Any:
    """The value for a schema that was made of it, alone or together with others of the same array."""
    if found is None or schema is None:
        return None
    if schema.type is Type.STRUCT and isinstance(found, dict):
        values = [_value(found.get(field.name), field.schema) for field in schema.fields]
        return Struct.of(schema, values)
    if schema.type is Type.ARRAY and isinstance(found, list):
        return [_value(item, schema.value_schema) for item in found]
    if schema.type is Type.FLOAT64 and _kind(found) == "float":
        return float(found)
    if _SCALARS.get(_kind(found)) is not schema:
        raise ExpansionError("a field has different types in the items of an array")
    return found

"""Values: text to typed values and back, and conversions between types (Connect's ``Values``).

``parse_string`` finds the type of a text, ``convert_to_string`` writes what it can read again, the
``convert_to_*`` functions cast as Java does, ``infer_schema`` gives the schema of a bare value. All are
pure. Source: ``org.apache.kafka.connect.data.Values``; spec data 1.8.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectkit._values_convert import (
    convert_to,
    convert_to_boolean,
    convert_to_byte,
    convert_to_date,
    convert_to_decimal,
    convert_to_double,
    convert_to_float,
    convert_to_integer,
    convert_to_list,
    convert_to_long,
    convert_to_map,
    convert_to_short,
    convert_to_struct,
    convert_to_time,
    convert_to_timestamp,
)
from connectkit._values_parse import parse_string
from connectkit._values_text import convert_to_string, temporal_text
from connectkit.builder import SchemaBuilder
from connectkit.errors import LimitError, SchemaError
from connectkit.limits import DEFAULT_LIMITS, Limits
from connectkit.schema import INT_BITS, Schema, StructValue, Type

__all__ = [
    "convert_to", "convert_to_boolean", "convert_to_byte", "convert_to_date", "convert_to_decimal",
    "convert_to_double", "convert_to_float", "convert_to_integer", "convert_to_list", "convert_to_long",
    "convert_to_map", "convert_to_short", "convert_to_string", "convert_to_struct", "convert_to_time",
    "convert_to_timestamp", "infer_schema", "parse_string", "temporal_text",
]  # fmt: skip

_INT64_BOUND = 1 << (INT_BITS[Type.INT64] - 1)


def infer_schema(value: Any, *, limits: Limits = DEFAULT_LIMITS) -> Schema | None:
    """The schema of a bare value, or None if it has none (Decimal, moments, mixed and empty collections).

    Integers are int64 and floats float64, having no width. As in Connect, the element schema of a list
    or map knows the type only, and one of nulls alone raises ``SchemaError``.
    """
    return _infer(value, limits.depth)


def _infer(value: Any, depth: int) -> Schema | None:
    if isinstance(value, str):
        return Schema.STRING
    if isinstance(value, bool):
        return Schema.BOOLEAN
    if isinstance(value, int):
        return Schema.INT64 if -_INT64_BOUND <= value < _INT64_BOUND else None
    if isinstance(value, float):
        return Schema.FLOAT64
    if isinstance(value, bytes | bytearray | memoryview):
        return Schema.BYTES
    if isinstance(value, StructValue):
        return value.schema
    if depth <= 0:
        raise LimitError("A value is nested too deeply to find its schema.")
    if isinstance(value, list | tuple):
        items = _OneType(depth - 1)
        if not value or not all(map(items.takes, value)):
            return None
        return SchemaBuilder.array_of(items.schema()).build()
    if isinstance(value, Mapping):
        keys, items = _OneType(depth - 1), _OneType(depth - 1)
        # Entry by entry, as in Connect: keys of several types end it before a value is found wanting.
        if not value or not all(keys.takes(k) and items.takes(v) for k, v in value.items()):
            return None
        return SchemaBuilder.map_of(keys.schema(), items.schema()).build()
    return None


class _OneType:
    """The one type that values share."""

    __slots__ = ("_depth", "_found", "_optional")

    def __init__(self, depth: int) -> None:
        self._depth = depth
        self._found: Type | None = None
        self._optional = False

    def takes(self, value: Any) -> bool:
        """Whether the value has a type, and that of the values before it. Null has any."""
        if value is None:
            self._optional = True
            return True
        schema = _infer(value, self._depth)
        if schema is None or (self._found is not None and schema.type is not self._found):
            return False
        self._found = schema.type
        return True

    def schema(self) -> Schema:
        if self._found is None:
            raise SchemaError("A collection of nulls has no type.")
        builder = SchemaBuilder(self._found)
        return builder.optional().build() if self._optional else builder.build()

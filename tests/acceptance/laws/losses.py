"""What formats lose of a value, for the declarations of the built-in converters."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from connectkit.schema import Schema
from connectkit.struct import Struct


def each_leaf(schema: Schema | None, value: Any, change: Callable[[Schema | None, Any], Any]) -> Any:
    """The value with every part that contains no others changed."""
    if isinstance(value, Struct):
        fields = zip(value.schema.fields, value.values, strict=True)
        return Struct.of(value.schema, [each_leaf(f.schema, item, change) for f, item in fields])
    inner = schema.value_schema if schema is not None and isinstance(value, list | dict) else None
    if isinstance(value, list):
        return [each_leaf(inner, item, change) for item in value]
    if isinstance(value, dict):
        keys = schema.key_schema if schema is not None else None
        return {each_leaf(keys, k, change): each_leaf(inner, item, change) for k, item in value.items()}
    return change(schema, value)


def json_number(schema: Schema | None, value: Any) -> Any:
    """Jackson reads fractions as decimals, which have one zero, and what is no number as zero."""
    return value if not isinstance(value, float) or (value != 0 and math.isfinite(value)) else 0.0

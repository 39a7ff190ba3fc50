"""Any value of a record as JSON text, for people and for dead letters. Pure functions.

Bytes are base64, moments ISO 8601, decimals text, numbers that JSON does not have their names. It cannot be
read back as what it was: it has no schema.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping
from typing import Any

from connectkit.javatext import float32_text
from connectkit.schema import Schema, Type
from connectkit.struct import Struct

MAX_DEPTH = 100


def plain_text(value: Any) -> str:
    """The value as JSON."""
    return json.dumps(plain(value), ensure_ascii=False)


def plain(value: Any, schema: Schema | None = None, *, depth: int = 0) -> Any:
    """The value as what JSON has."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            return str(value)
        # As many digits as a float32 has, and not those of the float64 that holds it.
        return float(float32_text(value)) if schema is not None and schema.type is Type.FLOAT32 else value
    if depth > MAX_DEPTH:
        return f"({type(value).__name__}, nested too deep)"
    if isinstance(value, Struct):
        return {
            field.name: plain(value.get(field.name), field.schema, depth=depth + 1)
            for field in value.schema.fields
        }
    if isinstance(value, Mapping):
        return {str(key): plain(each, depth=depth + 1) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each, depth=depth + 1) for each in value]
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(value).decode()
    isoformat = getattr(value, "isoformat", None)
    return str(isoformat() if isoformat is not None else value)

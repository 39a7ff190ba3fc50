"""Values as text that ``Values`` can read again (Connect's ``Values.convertToString``)."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from connectkit.dateformat import DateFormat
from connectkit.errors import ConversionError, LimitError
from connectkit.instant import DAY_MS, TEMPORAL_TYPES, Temporal, millis_of
from connectkit.javatext import decimal_text, float32_text, float_text, int_text
from connectkit.limits import DEFAULT_LIMITS, Limits
from connectkit.moments import fine_text
from connectkit.schema import FINE_NAMES, Schema, StructValue, Type

DATE_FORMAT = DateFormat("yyyy-MM-dd")
TIME_FORMAT = DateFormat("HH:mm:ss.SSS'Z'")
TIMESTAMP_FORMAT = DateFormat("yyyy-MM-dd'T'HH:mm:ss.SSS'Z'")


def convert_to_string(schema: Schema | None, value: Any, *, limits: Limits = DEFAULT_LIMITS) -> str | None:
    """The value as text; None stays None, and a string is given as it is.

    Inside lists, maps and structs, strings and bytes are quoted and null is ``null``. The schema is only
    used to tell float32 from float64, and timestamps finer than milliseconds from Connect's.
    Raises ``ConversionError`` for what no schema describes.
    """
    if value is None or type(value) is str:
        return value
    return _text(schema, value, limits.depth, embedded=False)


def _text(schema: Schema | None, value: Any, depth: int, *, embedded: bool = True) -> str:
    if value is None:
        return "null"
    if isinstance(value, str):
        return _quoted(value) if embedded else value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return int_text(value)
    if isinstance(value, float):
        return (
            float32_text(value) if schema is not None and schema.type is Type.FLOAT32 else float_text(value)
        )
    if isinstance(value, Decimal):
        return decimal_text(value)
    if isinstance(value, bytes | bytearray | memoryview):
        text = b64encode(value).decode("ascii")
        return f'"{text}"' if embedded else text
    if isinstance(value, TEMPORAL_TYPES):
        if schema is not None and schema.name in FINE_NAMES:
            return fine_text(value, schema.name)
        return temporal_text(value)
    if depth <= 0:
        raise LimitError("A value is nested too deeply to be made into text.")
    if isinstance(value, StructValue):
        shown = (
            f"{_quoted(field.name)}:{_text(field.schema, _or_default(item, field.schema), depth - 1)}"
            for field, item in zip(value.schema.fields, value.values)
        )
        return f"{{{','.join(shown)}}}"
    if isinstance(value, Mapping):
        key, item = _parts(schema, Type.MAP)
        entries = (f"{_text(key, k, depth - 1)}:{_text(item, v, depth - 1)}" for k, v in value.items())
        return f"{{{','.join(entries)}}}"
    if isinstance(value, list | tuple):
        element = _parts(schema, Type.ARRAY)[1]
        return f"[{','.join(_text(element, item, depth - 1) for item in value)}]"
    raise ConversionError(f"A value of class {type(value).__name__} has no text form that can be read again.")


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _or_default(value: Any, schema: Schema) -> Any:
    return schema.default if value is None else value


def _parts(schema: Schema | None, wanted: Type) -> tuple[Schema | None, Schema | None]:
    """Key and element schema, where the schema is of that type."""
    if schema is None or schema.type is not wanted:
        return None, None
    return schema.key_schema if wanted is Type.MAP else None, schema.value_schema


def temporal_text(value: Temporal) -> str:
    """A moment in the format that its value suggests: a time before 2 January 1970, a day at midnight."""
    millis = millis_of(value)
    if millis < DAY_MS:
        return TIME_FORMAT.format(millis)
    return (TIMESTAMP_FORMAT if millis % DAY_MS else DATE_FORMAT).format(millis)

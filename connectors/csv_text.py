"""Values as the text of CSV fields, a column at a time, in forms that CsvSource reads back.

Booleans are ``true`` and ``false``, numbers plain, dates and times ISO 8601 (timestamps in UTC), bytes
Base64, and arrays, maps and structs JSON. A null stays None for the writer to turn into text.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, Final

from connectkit.errors import ConversionError
from connectkit.instant import DAY_MS, Instant, Temporal
from connectkit.javatext import float32_text
from connectkit.moments import fine_text
from connectkit.schema import DATE_NAME, FINE_NAMES, LOGICAL_NAMES, TIME_NAME, Schema, StructValue, Type

ColumnText = Callable[[Sequence[Any]], Sequence[Any]]

_BOOLEANS: Final = {True: "true", False: "false", None: None}
_AS_IT_IS: Final = frozenset((Type.INT8, Type.INT16, Type.INT32, Type.INT64, Type.FLOAT64, Type.STRING))
_MAX_ZEROS: Final = 1_000  # more make a text out of proportion: 1E+2000000000 stays as it is
_NESTED: Final = frozenset((Type.ARRAY, Type.MAP, Type.STRUCT))


def column_text(schema: Schema, *, nested: bool) -> ColumnText | None:
    """The function for the values of a field; None where the CSV writer needs no help.

    ``nested`` says whether arrays, maps and structs become JSON; else they raise ``ConversionError``.
    """
    if schema.name in LOGICAL_NAMES:
        name = schema.name
        return lambda values: [None if value is None else _logical(value, name) for value in values]
    if schema.type in _AS_IT_IS:
        return None
    if schema.type is Type.BOOLEAN:
        return lambda values: list(map(_BOOLEANS.__getitem__, values))
    if schema.type is Type.FLOAT32:
        return lambda values: [None if value is None else _float32(value) for value in values]
    if schema.type is Type.BYTES:
        return lambda values: [
            None if value is None else base64.b64encode(value).decode() for value in values
        ]
    return lambda values: [None if value is None else _json(value, nested) for value in values]


def value_text(value: Any, *, nested: bool) -> Any:
    """The same for one value without a schema."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, Decimal | date | time | Instant):
        return _logical(value, None)
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(value).decode()
    return _json(value, nested)


def _float32(value: float) -> str:
    return repr(value) if not math.isfinite(value) else float32_text(value)


def _logical(value: Decimal | Temporal, name: str | None) -> str:
    if isinstance(value, Decimal):
        exponent = value.as_tuple().exponent
        plain = isinstance(exponent, int) and abs(exponent) <= _MAX_ZEROS
        return f"{value:f}" if plain else str(value)
    if name in FINE_NAMES:
        return fine_text(value, name)
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ConversionError("it holds a datetime without a time zone; use datetime.UTC")
        if value.tzinfo is not UTC:
            value = value.astimezone(UTC)
        if name == DATE_NAME:
            return value.date().isoformat()
        if name == TIME_NAME:
            return _time(value.timetz().replace(tzinfo=None))
        return value.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, time):
        return _time(value)
    return _beyond(value.millis, name)


def _time(value: time) -> str:
    return value.replace(tzinfo=None).isoformat(timespec="milliseconds" if value.microsecond else "seconds")


def _beyond(millis: int, name: str | None) -> str:
    """A moment outside of the years 1 to 9999, in the expanded form of ISO 8601 (``+12345-01-01``)."""
    if name == TIME_NAME:
        raise ConversionError("a time of day must lie within the day")
    days, rest = divmod(millis, DAY_MS)
    # 400 years have 146,097 days: moved by whole cycles the day has a date, and only the year differs.
    cycles = (days + 719_162) // 146_097
    day = date.fromordinal((days + 719_162) % 146_097 + 1)
    year = day.year + 400 * cycles
    text = f"{'-' if year < 0 else '+'}{abs(year):04d}-{day.month:02d}-{day.day:02d}"
    if name == DATE_NAME:
        return text
    seconds, ms = divmod(rest, 1000)
    return f"{text}T{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{ms:03d}Z"


def _json(value: Any, nested: bool) -> str:
    if not nested:
        raise ConversionError("it holds an array, map or struct; set nested=json, or flatten it with Flatten")
    return json.dumps(_plain(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, StructValue):
        return {f.name: _plain_of(f.schema, item) for f, item in zip(value.schema.fields, value.values)}
    if isinstance(value, Mapping):
        return {
            key if isinstance(key, str) else str(_plain(key)): _plain(item) for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return repr(value)
    if value is None or isinstance(value, bool | str | int | float):
        return value
    return value_text(value, nested=True)


def _plain_of(schema: Schema, value: Any) -> Any:
    if value is not None and schema.name in LOGICAL_NAMES:
        return _logical(value, schema.name)
    return _plain(value)

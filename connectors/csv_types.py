"""Column types of CSV files: from text to typed values, a whole column at a time.

Every type turns a list of texts into a list of values in one go, at the speed of C loops, and raises
if any of them does not fit; the caller then asks again text by text to find which. Values have the
classes of the data model (:mod:`connectkit.validation`); times finer than a millisecond are cut,
since no Connect schema can carry more.
"""

from __future__ import annotations

import base64
import binascii
import functools
from array import array
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from decimal import Context, Decimal, InvalidOperation
from typing import Any, Final
from zoneinfo import ZoneInfo

from connectkit.instant import timestamp_from
from connectkit.schema import DATE_NAME, DECIMAL_NAME, INT_BITS, TIME_NAME, TIMESTAMP_NAME, Schema, Type

Convert = Callable[[list[str]], list[Any]]
"""Texts to values; raises ``ValueError``, ``ArithmeticError`` or ``KeyError`` if one does not fit."""
MISFITS: Final = (ValueError, ArithmeticError, KeyError, TypeError)

PLAIN: Final = {
    "int8": Type.INT8,
    "int16": Type.INT16,
    "int32": Type.INT32,
    "int64": Type.INT64,
    "float32": Type.FLOAT32,
    "float64": Type.FLOAT64,
    "boolean": Type.BOOLEAN,
    "string": Type.STRING,
    "bytes": Type.BYTES,
}
TYPE_NAMES: Final = (*PLAIN, "decimal", "date", "time", "timestamp")
EPOCH_UNITS: Final = {"epoch_s": 1000, "epoch_ms": 1}

_INFINITE = float("inf")
_BOOLEANS: Final = {
    "true": True, "t": True, "yes": True, "y": True, "1": True,
    "false": False, "f": False, "no": False, "n": False, "0": False,
}  # fmt: skip
_BOOLEANS_ANY_CASE: Final = {
    form(text): value for text, value in _BOOLEANS.items() for form in (str.lower, str.upper, str.title)
}


def schema_of(kind: str, *, optional: bool, scale: int = 0, precision: int | None = None) -> Schema:
    """The schema of a column; a decimal's precision is the parameter other connectors look for."""
    plain = PLAIN.get(kind)
    if plain is not None:
        found: Schema = getattr(Schema, f"OPTIONAL_{plain.name}" if optional else plain.name)
        return found
    builder = {
        "decimal": lambda: Schema(Type.BYTES, name=DECIMAL_NAME, version=1).to_builder(),
        "date": lambda: Schema(Type.INT32, name=DATE_NAME, version=1).to_builder(),
        "time": lambda: Schema(Type.INT32, name=TIME_NAME, version=1).to_builder(),
        "timestamp": lambda: Schema(Type.INT64, name=TIMESTAMP_NAME, version=1).to_builder(),
    }[kind]()
    if kind == "decimal":
        builder.parameter("scale", str(scale))
        if precision is not None:
            builder.parameter("connect.decimal.precision", str(precision))
    return builder.optional().build() if optional else builder.build()


def converter(
    kind: str, *, pattern: str | None = None, scale: int = 0, precision: int | None = None, zone: tzinfo = UTC
) -> Convert | None:
    """The function for a type; None where the text itself is the value."""
    if kind == "string":
        return None
    plain = PLAIN.get(kind)
    if plain in INT_BITS:
        return functools.partial(_integers, 1 << (INT_BITS[plain] - 1))
    if kind == "decimal":
        return functools.partial(_decimals, scale, precision)
    if kind == "date":
        return _dates if pattern is None else functools.partial(_dates_like, pattern)
    if kind == "time":
        return _times if pattern is None else functools.partial(_times_like, pattern)
    if kind == "timestamp":
        if pattern in EPOCH_UNITS:
            return functools.partial(_epoch_timestamps, EPOCH_UNITS[pattern])
        parse = datetime.fromisoformat if pattern is None else functools.partial(_parse, pattern)
        return functools.partial(_timestamps, parse, zone)
    return _REST[kind]


def zone_of(name: str) -> tzinfo:
    """The time zone of that name; ``ValueError`` if there is none."""
    if name.upper() in {"UTC", "Z", "GMT"}:
        return UTC
    try:
        return ZoneInfo(name)
    except (KeyError, OSError) as error:
        raise ValueError(f"there is no time zone {name}") from error


def _plain_digits(texts: list[str]) -> None:
    # Python's numbers may hold underscores and the digits of any script; those of a data file may not.
    joined = "".join(texts)
    if not joined.isascii() or "_" in joined:
        raise ValueError


def _integers(limit: int, texts: list[str]) -> list[int]:
    values = list(map(int, texts))
    _plain_digits(texts)
    if values and (max(values) >= limit or min(values) < -limit):
        raise ValueError
    return values


def _floats(texts: list[str]) -> list[float]:
    values = list(map(float, texts))
    _plain_digits(texts)
    return values


def _floats32(texts: list[str]) -> list[float]:
    wide = _floats(texts)
    values = array("f", wide).tolist()
    if (_INFINITE in values or -_INFINITE in values) and any(
        abs(narrow) == _INFINITE and abs(value) != _INFINITE for narrow, value in zip(values, wide)
    ):
        raise ValueError
    return values


def _booleans(texts: list[str]) -> list[bool]:
    try:
        return list(map(_BOOLEANS_ANY_CASE.__getitem__, texts))
    except KeyError:
        return [_BOOLEANS[text.strip().lower()] for text in texts]


def _bytes(texts: list[str]) -> list[bytes]:
    try:
        return [base64.b64decode(text, validate=True) for text in texts]
    except binascii.Error as error:
        raise ValueError from error


def _decimals(scale: int, precision: int | None, texts: list[str]) -> list[Decimal]:
    _plain_digits(texts)
    unit = Decimal(1).scaleb(-scale)
    # Digits beyond the scale are refused, not rounded: an amount is never silently another amount.
    exact = Context(prec=1000, traps=[InvalidOperation])
    values = []
    for text in texts:
        value = exact.create_decimal(text.strip())
        if not value.is_finite() or abs(value.adjusted()) > 900:
            raise ValueError
        scaled = value.quantize(unit, context=exact)
        if scaled != value or (precision is not None and len(scaled.as_tuple().digits) > precision):
            raise ValueError
        values.append(scaled)
    return values


def _dates(texts: list[str]) -> list[date]:
    return list(map(date.fromisoformat, texts))


def _parse(pattern: str, text: str) -> datetime:
    return datetime.strptime(text, pattern)  # noqa: DTZ007 - the zone is decided by the caller


def _dates_like(pattern: str, texts: list[str]) -> list[date]:
    return [_parse(pattern, text).date() for text in texts]


def _times(texts: list[str]) -> list[time]:
    return [_whole_ms(time.fromisoformat(text)) for text in texts]


def _times_like(pattern: str, texts: list[str]) -> list[time]:
    return [_whole_ms(_parse(pattern, text).timetz()) for text in texts]


def _whole_ms(value: time) -> time:
    if value.tzinfo is not None:
        raise ValueError  # a time of day has no offset from UTC: nobody knows the day it would need
    return value.replace(microsecond=value.microsecond // 1000 * 1000)


def _timestamps(parse: Callable[[str], datetime], zone: tzinfo, texts: list[str]) -> list[datetime]:
    values = []
    for text in texts:
        value = parse(text)
        if value.tzinfo is None:
            value = value.replace(tzinfo=zone)
        if value.tzinfo is not UTC:
            value = value.astimezone(UTC)
        finer = value.microsecond % 1000
        values.append(value - timedelta(microseconds=finer) if finer else value)
    return values


def _epoch_timestamps(unit_ms: int, texts: list[str]) -> list[Any]:
    return [timestamp_from(value * unit_ms) for value in _integers(1 << 62, texts)]


_REST: Final[dict[str, Convert]] = {
    "float32": _floats32,
    "float64": _floats,
    "boolean": _booleans,
    "bytes": _bytes,
}

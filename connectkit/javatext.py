"""Values as text, exactly as Java's ``toString`` writes them.

Connect prints numbers, lists, maps and dates this way wherever it makes text of a value, so topics,
headers and files depend on it. Bytes are the exception: Java shows an address in memory, here they
are Base64. Sources: spec data 6.1; Javadoc of Double, BigDecimal, AbstractMap and Date.
"""

from __future__ import annotations

import struct
from base64 import b64encode
from collections.abc import Mapping
from datetime import date, datetime, time
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from math import frexp, isfinite
from typing import Any

from connectkit._calendar import civil_of
from connectkit.errors import LimitError
from connectkit.instant import DAY_MS, Instant, Temporal, millis_of
from connectkit.moments import fine_text
from connectkit.schema import FINE_NAMES, Schema, SchemaAndValue, StructValue, Type

_FLOAT32 = struct.Struct(">f")
_WEEKDAYS = ("Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed")  # 1 January 1970 was a Thursday
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MIN_NORMAL_32 = 2.0**-126


def float_text(x: float) -> str:
    """A float64 as Java's ``Double.toString`` writes it: ``1.0E10``, ``100.0``, ``NaN``."""
    if 1e-3 <= x < 1e7 or -1e7 < x <= -1e-3 or x == 0.0:  # where Python writes no exponent either
        return repr(x)
    return _java_form(repr(x), x)


def float32_text(x: float) -> str:
    """A float32 as Java's ``Float.toString`` writes it. ``x`` is rounded to binary32 by the caller."""
    if not isfinite(x) or x == 0.0:
        return _java_form(repr(x), x)
    if frexp(x)[0] in (0.5, -0.5) or abs(x) < _MIN_NORMAL_32:
        return _java_form(_shortest32(x), x)
    # Six digits tell all shorter texts apart, nine tell all numbers apart.
    for digits in (6, 7, 8):
        text = f"{x:.{digits}g}"
        if _is_float32(float(text), x):
            return _java_form(text, x)
    return _java_form(f"{x:.9g}", x)


def _is_float32(candidate: float, x: float) -> bool:
    try:
        return bool(_FLOAT32.unpack(_FLOAT32.pack(candidate))[0] == x)
    except OverflowError:
        return False


def _shortest32(x: float) -> str:
    """The fewest digits by trial: at powers of two and below the normal range the gaps are uneven."""
    exact = Decimal(x)
    for digits in range(1, 10):
        tried = {
            Context(prec=digits, rounding=rounding).plus(exact) for rounding in (ROUND_FLOOR, ROUND_CEILING)
        }
        good = [d for d in tried if _is_float32(float(d), x)]
        if good:
            found = min(good, key=lambda d: abs(d - exact))
            if digits == 1:  # Java writes two digits at least, and then the nearest two
                found = Context(prec=2).plus(exact)
            return str(found)
    return repr(x)


def _java_form(text: str, x: float) -> str:
    """Digits and exponent of a number's text, arranged as Java arranges them."""
    if not isfinite(x):
        return "NaN" if x != x else "Infinity" if x > 0 else "-Infinity"
    sign = "-" if text[0] == "-" else ""
    mantissa, _, exponent_text = text.lstrip("-").lower().partition("e")
    whole, _, fraction = mantissa.partition(".")
    exponent = int(exponent_text or 0) + len(whole)  # the number is 0.DIGITS times ten to this
    digits = whole + fraction
    stripped = digits.lstrip("0")
    exponent -= len(digits) - len(stripped)
    digits = stripped.rstrip("0")
    if not digits:
        return f"{sign}0.0"
    if -3 < exponent <= 7:  # 0.001 up to, not including, ten million
        if exponent <= 0:
            return f"{sign}0.{'0' * -exponent}{digits}"
        digits = digits.ljust(exponent, "0")
        return f"{sign}{digits[:exponent]}.{digits[exponent:] or '0'}"
    if len(digits) == 1 and abs(x) < 1e-300:
        # Two digits at least, the nearest two: only numbers with next to no digits have others than 0.
        digits = f"{abs(x):.1e}".partition("e")[0].replace(".", "").rstrip("0")
        exponent = int(f"{x:.1e}".partition("e")[2]) + 1
    return f"{sign}{digits[0]}.{digits[1:] or '0'}E{exponent - 1}"


def int_text(number: int) -> str:
    """An integer in decimal digits, as many as it has: Python's own limit on digits is not Connect's."""
    try:
        return str(number)
    except ValueError:
        return str(Decimal(number))


def decimal_text(d: Decimal) -> str:
    """A decimal as Java's ``BigDecimal.toString`` writes it: ``1.50``, ``1E+3``, ``0E-10``; no ``-0``."""
    return str(d.copy_abs() if d.is_signed() and not d else d)


def date_text(value: Temporal) -> str:
    """A moment as Java's ``Date.toString`` writes it in UTC: ``Thu Jan 01 00:00:00 UTC 1970``."""
    day, ms = divmod(millis_of(value), DAY_MS)
    year, month, day_of_month = civil_of(day)
    hour, seconds = divmod(ms // 1000, 3600)
    return (
        f"{_WEEKDAYS[day % 7]} {_MONTHS[month - 1]} {day_of_month:02}"
        f" {hour:02}:{seconds // 60:02}:{seconds % 60:02} UTC {year if year > 0 else 1 - year}"
    )


def text_of(value: Any, schema: Schema | None = None) -> str:
    """Any value of a record as text; ``schema`` is only needed to tell float32 from float64.

    Raises ``LimitError`` where values are nested too deeply for that.
    """
    try:
        return _text(value, schema)
    except RecursionError:
        raise LimitError("A value is nested too deeply to be made into text.") from None


def _text(value: Any, schema: Schema | None) -> str:
    if value is None:
        return "null"
    if isinstance(value, str):
        return value
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
    if isinstance(value, datetime | date | time | Instant):
        if schema is not None and schema.name in FINE_NAMES:
            return fine_text(value, schema.name)
        return date_text(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return b64encode(value).decode("ascii")
    if isinstance(value, StructValue):
        shown = (
            f"{field.name}={_text(item, field.schema)}"
            for field, item in zip(value.schema.fields, value.values)
            if item is not None
        )
        return f"Struct{{{','.join(shown)}}}"
    if isinstance(value, Mapping):
        key_schema = value_schema = None
        if schema is not None and schema.type is Type.MAP:
            key_schema, value_schema = schema.key_schema, schema.value_schema
        entries = (f"{_text(k, key_schema)}={_text(v, value_schema)}" for k, v in value.items())
        return f"{{{', '.join(entries)}}}"
    if isinstance(value, list | tuple | set | frozenset) and not isinstance(value, SchemaAndValue):
        element = schema.value_schema if schema is not None and schema.type is Type.ARRAY else None
        return f"[{', '.join(_text(item, element) for item in value)}]"
    return str(value)

"""Conversions that expressions call: ``int()``, ``str()``, ``round()`` …, and declared types.

They follow Python's functions of these names, inside bounds: integers have 64 bits, texts that are numbers
have ASCII digits and no underscores. Texts are Python's too, but for booleans (``true``, ``false``) and
moments (ISO 8601). A value that cannot be converted raises ``DataError``. Pure, hence thread-safe.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal, DecimalException
from typing import Any

from connectkit.errors import DataError
from connectkit.float32 import round32
from connectkit.instant import TEMPORAL_TYPES, Instant, millis_of, timestamp_from
from connectkit.moments import fine_text
from connectkit.schema import INT_BITS, TIMESTAMP_NANOS_NAME, Schema, Type
from connectkit.transforms.base import class_name
from connectkit.transforms.expression.runtime import (
    EXACT,
    MAX_CHARS,
    MAX_DIGITS,
    ROUNDED,
    fit_scale,
    overflow,
    too_long,
    whole,
)
from connectkit.transforms.expression.types import of_schema
from connectkit.validation import validate_value

_INTEGER = re.compile(r"[+-]?[0-9]{1,40}\Z")
_FLOAT = re.compile(
    r"[+-]?(?:[0-9]{1,400}\.?[0-9]{0,400}|\.[0-9]{1,400})(?:[eE][+-]?[0-9]{1,6})?\Z"
    r"|[+-]?(?:inf(?:inity)?|nan)\Z",
    re.IGNORECASE,
)
_LARGEST_EXPONENT = 1_000
"""Powers of ten that a decimal is written out with."""


def _refused(value: Any, what: str) -> DataError:
    return DataError(f"A value of class {class_name(value)} cannot be made {what}")


def to_int(value: Any) -> int:
    """``int(value)``: cut off towards zero."""
    if isinstance(value, int):
        return whole(int(value))
    if isinstance(value, float):
        if not math.isfinite(value) or not -9.3e18 < value < 9.3e18:
            raise overflow()
        return whole(int(value))
    if isinstance(value, Decimal):
        if not value.is_finite() or value.adjusted() > 18:
            raise overflow()
        return whole(int(value)) if value.adjusted() >= 0 else 0
    if isinstance(value, str):
        text = value.strip()
        if _INTEGER.match(text) is None:
            raise DataError("The text is no integer")
        return whole(int(text))
    hint = "; millis() counts milliseconds" if isinstance(value, TEMPORAL_TYPES) else ""
    raise DataError(f"A value of class {class_name(value)} cannot be made an integer{hint}")


def to_float(value: Any) -> float:
    """``float(value)``."""
    if isinstance(value, int | float | Decimal):
        return float(value)
    if isinstance(value, str):
        text = value.strip()
        if _FLOAT.match(text) is None:
            raise DataError("The text is no number")
        return float(text)
    raise _refused(value, "a float")


def to_text(value: Any) -> str:
    """``str(value)``."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(whole(value))
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, Instant):
        return fine_text(value, TIMESTAMP_NANOS_NAME)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z") if value.tzinfo else value.isoformat()
    if isinstance(value, date | time):
        return value.isoformat()
    raise _refused(value, "text")


def to_millis(value: Any) -> int:
    """Milliseconds since 1970 (of a time of day: since midnight)."""
    if isinstance(value, TEMPORAL_TYPES):
        return whole(millis_of(value))
    raise _refused(value, "milliseconds: it is no date, time or timestamp")


def to_moment(value: Any) -> Any:
    """The timestamp that many milliseconds after 1970."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise _refused(value, "a timestamp: milliseconds are an integer")
    return timestamp_from(whole(value))


def length(value: Any) -> int:
    """``len(value)`` of a text, bytes, an array or a map."""
    if isinstance(value, str | bytes | bytearray | memoryview | list | tuple | Mapping):
        return len(value)
    raise _refused(value, "a length: len() takes a text, bytes, an array or a map")


def absolute(value: Any) -> Any:
    """``abs(value)``."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise _refused(value, "an absolute value")
    if isinstance(value, int):
        return whole(abs(value))
    return EXACT.abs(value) if isinstance(value, Decimal) else abs(value)


def rounded(value: Any, *digits: Any) -> Any:
    """``round(value)`` to an integer, or ``round(value, digits)``; half to even, as Python."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise _refused(value, "a rounded number")
    if not digits:
        if isinstance(value, int):
            return whole(value)
        if not math.isfinite(value) or not -(10**19) < value < 10**19:
            raise overflow()
        return whole(round(value))
    places = digits[0]
    if isinstance(places, bool) or not isinstance(places, int) or abs(places) > 400:
        raise DataError("round() takes a number of digits from -400 to 400")
    if isinstance(value, Decimal):
        try:
            return value.quantize(Decimal((0, (1,), -places)), context=ROUNDED)
        except DecimalException:
            raise DataError(f"A decimal of more than {MAX_DIGITS} digits cannot be rounded") from None
    made = round(value, places)
    return whole(made) if isinstance(made, int) else made


def formatted(value: Any, spec: str) -> str:
    """``format(value, spec)``; the spec was checked when the expression was read."""
    if not spec:
        return to_text(value)
    if isinstance(value, Decimal) and value.is_finite() and abs(value.adjusted()) > _LARGEST_EXPONENT:
        raise DataError("A decimal with so large an exponent cannot be formatted")
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        if isinstance(value, date | time | datetime | bool) and spec.strip("<>^0123456789") == "":
            return format(to_text(value), spec)
        raise _refused(value, "text of a format")
    try:
        return format(value, spec)
    except (ValueError, TypeError):
        raise DataError(f"A value of class {class_name(value)} does not fit the format") from None


def joined(*parts: str) -> str:
    """Texts in a row."""
    if sum(map(len, parts)) > MAX_CHARS:
        raise too_long()
    return "".join(parts)


# --- declared types


def fit(schema: Schema) -> Callable[[Any], Any]:
    """What makes a value of any class one of a declared schema, without losing anything.

    Integers may become wider or narrower if they fit, numbers without a fraction integers, and integers
    floats; texts never become numbers by themselves. Null passes an optional schema.
    """
    kind = of_schema(schema)
    convert = _fitting(schema, kind.name, kind.scale)
    spoken = "decimal" if kind.name == "decimal" else schema.type.value

    def fitted(value: Any) -> Any:
        if value is None:
            if not schema.optional:
                raise DataError(
                    "The result is null, and its declared type does not allow that; coalesce() helps"
                )
            return None
        try:
            made = convert(value)
            validate_value(schema, made, None)
        except DataError as error:
            if type(error) is DataError:
                raise
            raise DataError(
                f"A value of class {class_name(value)} does not fit the declared type {spoken}"
            ) from error
        return made

    return fitted


def _fitting(schema: Schema, name: str, scale: int) -> Callable[[Any], Any]:
    if name == "int":
        bits = INT_BITS[schema.type]
        return lambda value: _as_int(value, bits)
    if name == "float":
        single = schema.type is Type.FLOAT32
        return lambda value: _as_float(value, single)
    if name == "decimal":
        exact = fit_scale(scale)
        return lambda value: exact(_countable(value))
    return lambda value: value


def _as_int(value: Any, bits: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise DataError(f"A value of class {class_name(value)} is no integer; int() makes one of a text")
    number = to_int(value)
    if number != value:
        raise DataError(
            "The result has a fraction, and its declared type is an integer; round() or int() cut it"
        )
    if not -(1 << bits - 1) <= number < 1 << bits - 1:
        raise DataError(f"The result needs more than the {bits} bits of its declared type")
    return number


def _as_float(value: Any, single: bool) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise DataError(f"A value of class {class_name(value)} is no number; float() makes one of a text")
    return round32(float(value)) if single else float(value)


def _countable(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise DataError(
            f"A value of class {class_name(value)} is no exact number; decimal(…, scale) rounds it to one"
        )
    return value

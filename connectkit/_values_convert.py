"""One value as another type (Connect's ``Values.convertTo…``), with Java's casts and truncations.

Texts are read as ``parse_string`` reads them, or as one number; moments become the number that their
schema stores. What cannot be converted raises ``ConversionError``. Source: spec data 1.8.3.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from connectkit._numbers import cast_to_bits, cast_to_long, parse_decimal, to_float
from connectkit._values_text import convert_to_string
from connectkit.errors import ConversionError
from connectkit.float32 import round32
from connectkit.instant import (
    DAY_MS,
    TEMPORAL_TYPES,
    Temporal,
    date_from,
    millis_of,
    timestamp_from,
    timestamp_from_nanos,
)
from connectkit.javatext import float_text
from connectkit.limits import DEFAULT_LIMITS
from connectkit.logical import (
    DATE,
    TIME,
    TIMESTAMP,
    decimal_of,
    decimal_schema,
    from_decimal,
    from_logical,
    schema_scale,
    to_date,
    to_logical,
    to_time,
    to_timestamp,
)
from connectkit.moments import parse_iso
from connectkit.schema import (
    DATE_NAME,
    DECIMAL_NAME,
    FINE_NAMES,
    INT_BITS,
    TEMPORAL_NAMES,
    TIME_NAME,
    TIMESTAMP_MICROS_NAME,
    TIMESTAMP_NAME,
    TIMESTAMP_NANOS_NAME,
    Schema,
    StructValue,
    Type,
)

_ARRAY = "a list"
_MAP = "a map"


def convert_to(target: Schema, source: Schema | None, value: Any) -> Any:
    """The value as the target schema wants it; ``source`` is its own schema, if known.

    Raises ``ConversionError`` where that is impossible, also for null where the target requires a value.
    """
    if value is None:
        if target.optional:
            return None
        raise ConversionError("Unable to convert a null value to a schema that requires a value")
    return _CONVERSIONS[target.type](target, source, value)


def _to_bytes(target: Schema, source: Schema | None, value: Any) -> Any:
    if target.name == DECIMAL_NAME:
        if isinstance(value, bytes | bytearray | memoryview):
            return decimal_of(value, schema_scale(target))
        if isinstance(value, Decimal):
            return value
        if isinstance(value, int | float) and not isinstance(value, bool):
            return _decimal_from_text(float_text(to_float(value)))
        if isinstance(value, str):
            return _decimal_from_text(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    if isinstance(value, Decimal):
        return from_decimal(target, value)
    raise _impossible(value, "bytes")


def _decimal_from_text(text: str) -> Decimal:
    number = parse_decimal(text, DEFAULT_LIMITS.digits)
    if number is None:
        raise ConversionError("Unable to convert a text that is no number to a decimal")
    return number


def _to_string(target: Schema, source: Schema | None, value: Any) -> str | None:
    return convert_to_string(source, value)


def _to_boolean(target: Schema, source: Schema | None, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        parsed = _parsed(value)
        if isinstance(parsed, bool):
            return parsed
    return as_long(value, source) != 0


def _to_integer(target: Schema, source: Schema | None, value: Any) -> Any:
    convert = _TEMPORALS.get((target.name, target.type))
    if convert is not None:
        return convert(target, source, value)
    return cast_to_bits(as_long(value, source), INT_BITS[target.type])


def _to_float32(target: Schema, source: Schema | None, value: Any) -> float:
    return round32(as_double(value, source))


def _to_float64(target: Schema, source: Schema | None, value: Any) -> float:
    return as_double(value, source)


def _to_array(target: Schema, source: Schema | None, value: Any) -> Any:
    found = _parsed(value) if isinstance(value, str) else value
    if isinstance(found, list | tuple):
        return found
    raise _impossible(value, _ARRAY)


def _to_map(target: Schema, source: Schema | None, value: Any) -> Any:
    found = _parsed(value) if isinstance(value, str) else value
    if isinstance(found, Mapping):
        return found
    raise _impossible(value, _MAP)


def _to_struct(target: Schema, source: Schema | None, value: Any) -> Any:
    if isinstance(value, StructValue):
        return value
    raise _impossible(value, "a struct")


_CONVERSIONS: dict[Type, Callable[[Schema, Schema | None, Any], Any]] = {
    Type.BYTES: _to_bytes, Type.STRING: _to_string, Type.BOOLEAN: _to_boolean, Type.INT8: _to_integer,
    Type.INT16: _to_integer, Type.INT32: _to_integer, Type.INT64: _to_integer, Type.FLOAT32: _to_float32,
    Type.FLOAT64: _to_float64, Type.ARRAY: _to_array, Type.MAP: _to_map, Type.STRUCT: _to_struct,
}  # fmt: skip


# --- dates, times, timestamps ---


def _to_date(target: Schema, source: Schema | None, value: Any) -> Temporal:
    value = _parsed(value) if isinstance(value, str) else value
    if isinstance(value, TEMPORAL_TYPES):
        if source is None or source.name == DATE_NAME:
            return value
        if source.name in _MOMENTS:
            return date_from(_quotient(millis_of(value), DAY_MS))  # as Java divides: before 1970 it rounds up
    return to_date(target, cast_to_bits(as_long(value, source), 32))


def _to_time(target: Schema, source: Schema | None, value: Any) -> Temporal:
    value = _parsed(value) if isinstance(value, str) else value
    if isinstance(value, TEMPORAL_TYPES):
        if source is None or source.name == TIME_NAME:
            return value
        if source.name in _MOMENTS:
            return to_time(target, millis_of(value) % DAY_MS)
    return to_time(target, cast_to_bits(as_long(value, source), 32))


def _to_timestamp(target: Schema, source: Schema | None, value: Any) -> Temporal:
    value = _parsed(value) if isinstance(value, str) else value
    if isinstance(value, TEMPORAL_TYPES):
        if source is None or source.name == TIMESTAMP_NAME:
            return value
        if source.name in FINE_NAMES:
            return timestamp_from(millis_of(value))
        if source.name == DATE_NAME:
            return timestamp_from(from_logical(source, value) * DAY_MS)
        if source.name == TIME_NAME:
            return timestamp_from(from_logical(source, value))
    return to_timestamp(target, as_long(value, source))


def _to_fine(target: Schema, source: Schema | None, value: Any) -> Temporal:
    """A TimestampMicros or TimestampNanos: any moment, cut to its unit; a number is in its unit."""
    if isinstance(value, str):
        try:
            value = timestamp_from_nanos(parse_iso(value))
        except ConversionError:
            value = _parsed(value)
    if isinstance(value, TEMPORAL_TYPES):
        return to_logical(target, from_logical(target, value))  # type: ignore[no-any-return]
    return to_logical(target, as_long(value, source))  # type: ignore[no-any-return]


_MOMENTS = FINE_NAMES | {TIMESTAMP_NAME}
_TEMPORALS: dict[tuple[str | None, Type], Callable[[Schema, Schema | None, Any], Temporal]] = {
    (DATE_NAME, Type.INT32): _to_date,
    (TIME_NAME, Type.INT32): _to_time,
    (TIMESTAMP_NAME, Type.INT64): _to_timestamp,
    (TIMESTAMP_MICROS_NAME, Type.INT64): _to_fine,
    (TIMESTAMP_NANOS_NAME, Type.INT64): _to_fine,
}


def _quotient(number: int, by: int) -> int:
    return number // by if number >= 0 else -(-number // by)


# --- numbers ---


def as_long(value: Any, source: Schema | None) -> int:
    """The value as a long: cut off after the point, 64 bits of it. Moments give what ``source`` stores."""
    number = _number(value, source)
    return cast_to_long(number)


def as_double(value: Any, source: Schema | None) -> float:
    """The value as a float64; what is too large is infinite."""
    return to_float(_number(value, source))


def _number(value: Any, source: Schema | None) -> float | Decimal:
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return value
    if isinstance(value, str):
        number = parse_decimal(value, DEFAULT_LIMITS.digits)
        if number is not None:
            return number
    if isinstance(value, TEMPORAL_TYPES) and source is not None and source.name in TEMPORAL_NAMES:
        stored: int = from_logical(source, value)
        return stored
    raise _impossible(value, "a number" if source is None else str(source))


def _impossible(value: Any, wanted: str) -> ConversionError:
    return ConversionError(f"Unable to convert a value of class {type(value).__name__} to {wanted}")


def _parsed(text: str) -> Any:
    from connectkit._values_parse import parse_string  # the parser aligns elements with conversions

    return parse_string(text).value


# --- the functions of Values ---


def convert_to_boolean(schema: Schema | None, value: Any) -> bool | None:
    """True for a number that is not 0; None stays None."""
    return convert_to(Schema.OPTIONAL_BOOLEAN, schema, value)  # type: ignore[no-any-return]


def convert_to_byte(schema: Schema | None, value: Any) -> int | None:
    """An int8, of the low bits; None stays None. The same holds for the wider ones."""
    return convert_to(Schema.OPTIONAL_INT8, schema, value)  # type: ignore[no-any-return]


def convert_to_short(schema: Schema | None, value: Any) -> int | None:
    return convert_to(Schema.OPTIONAL_INT16, schema, value)  # type: ignore[no-any-return]


def convert_to_integer(schema: Schema | None, value: Any) -> int | None:
    return convert_to(Schema.OPTIONAL_INT32, schema, value)  # type: ignore[no-any-return]


def convert_to_long(schema: Schema | None, value: Any) -> int | None:
    return convert_to(Schema.OPTIONAL_INT64, schema, value)  # type: ignore[no-any-return]


def convert_to_float(schema: Schema | None, value: Any) -> float | None:
    """A number rounded to binary32; None stays None."""
    return convert_to(Schema.OPTIONAL_FLOAT32, schema, value)  # type: ignore[no-any-return]


def convert_to_double(schema: Schema | None, value: Any) -> float | None:
    return convert_to(Schema.OPTIONAL_FLOAT64, schema, value)  # type: ignore[no-any-return]


_SOME_ARRAY = Schema(Type.ARRAY)
_SOME_MAP = Schema(Type.MAP)
_SOME_STRUCT = Schema(Type.STRUCT)


def convert_to_list(schema: Schema | None, value: Any) -> list[Any]:
    """The list itself, or the one a text stands for. Its elements are not converted; null is an error."""
    return convert_to(_SOME_ARRAY, schema, value)  # type: ignore[no-any-return]


def convert_to_map(schema: Schema | None, value: Any) -> dict[Any, Any]:
    """The map itself, or the one a text stands for. Its entries are not converted; null is an error."""
    return convert_to(_SOME_MAP, schema, value)  # type: ignore[no-any-return]


def convert_to_struct(schema: Schema | None, value: Any) -> StructValue:
    """The struct itself; nothing else can be made into one."""
    return convert_to(_SOME_STRUCT, schema, value)  # type: ignore[no-any-return]


def convert_to_date(schema: Schema | None, value: Any) -> Temporal:
    """A day; numbers are days since 1970. Without a schema, a moment stays as it is."""
    return convert_to(DATE, schema, value)  # type: ignore[no-any-return]


def convert_to_time(schema: Schema | None, value: Any) -> Temporal:
    """A time of day; numbers are milliseconds after midnight."""
    return convert_to(TIME, schema, value)  # type: ignore[no-any-return]


def convert_to_timestamp(schema: Schema | None, value: Any) -> Temporal:
    """A moment; numbers are milliseconds since the epoch."""
    return convert_to(TIMESTAMP, schema, value)  # type: ignore[no-any-return]


def convert_to_decimal(schema: Schema | None, value: Any, scale: int) -> Decimal:
    """A decimal; ``scale`` is only used for bytes, others keep their own."""
    return convert_to(decimal_schema(scale), schema, value)  # type: ignore[no-any-return]

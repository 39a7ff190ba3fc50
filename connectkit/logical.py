"""The logical types: Connect's Decimal, Date, Time and Timestamp, and timestamps finer than those.

Each has a schema (``decimal_schema``, ``DATE``, ``TIME``, ``TIMESTAMP``, ``TIMESTAMP_MICROS``,
``TIMESTAMP_NANOS``), a builder for one with other attributes, and two functions between the Python value
and what is stored: ``from_*`` makes bytes or an integer of a value, ``to_*`` the value of those. Digits
finer than the type are cut off where it is stored. All raise ``DataError``; none keeps state.
Source: ``org.apache.kafka.connect.data`` (Decimal, Date, Time, Timestamp); spec data 1.6.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, ROUND_DOWN, Context, Decimal, InvalidOperation
from typing import Any, Final

from connectkit.builder import SchemaBuilder
from connectkit.errors import DataError, LimitError
from connectkit.instant import (
    DAY_MS,
    TEMPORAL_TYPES,
    Temporal,
    date_from,
    micros_of,
    millis_of,
    nanos_of,
    time_from,
    timestamp_from,
    timestamp_from_micros,
    timestamp_from_nanos,
)
from connectkit.limits import DEFAULT_LIMITS, Limits
from connectkit.schema import (
    DATE_NAME,
    DECIMAL_NAME,
    TIME_NAME,
    TIMESTAMP_MICROS_NAME,
    TIMESTAMP_NAME,
    TIMESTAMP_NANOS_NAME,
    Schema,
)

SCALE_PARAMETER: Final = "scale"
_INT32_MIN, _INT32_MAX = -(1 << 31), (1 << 31) - 1
_INT64_MIN, _INT64_MAX = -(1 << 63), (1 << 63) - 1
_JAVA_INT = re.compile(r"[+-]?\d{1,100}")  # digits of any script, as in Java, if they are one char there
_EXACT = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN, rounding=ROUND_DOWN)


# --- schemas ---------------------------------------------------------------------------------------


def decimal_builder(scale: int) -> SchemaBuilder:
    """A builder for decimals with that many digits after the point (negative: zeros before it)."""
    return SchemaBuilder.bytes().name(DECIMAL_NAME).version(1).parameter(SCALE_PARAMETER, str(scale))


def decimal_schema(scale: int) -> Schema:
    """The schema of required decimals of that scale."""
    return decimal_builder(scale).build()


def date_builder() -> SchemaBuilder:
    """A builder for dates."""
    return SchemaBuilder.int32().name(DATE_NAME).version(1)


def time_builder() -> SchemaBuilder:
    """A builder for times of day."""
    return SchemaBuilder.int32().name(TIME_NAME).version(1)


def timestamp_builder() -> SchemaBuilder:
    """A builder for timestamps."""
    return SchemaBuilder.int64().name(TIMESTAMP_NAME).version(1)


def timestamp_micros_builder() -> SchemaBuilder:
    """A builder for timestamps in microseconds, a type that Connect reads as a plain INT64."""
    return SchemaBuilder.int64().name(TIMESTAMP_MICROS_NAME).version(1)


def timestamp_nanos_builder() -> SchemaBuilder:
    """A builder for timestamps in nanoseconds (the years 1677 to 2262), a plain INT64 to Connect."""
    return SchemaBuilder.int64().name(TIMESTAMP_NANOS_NAME).version(1)


DATE: Final = date_builder().build()
TIME: Final = time_builder().build()
TIMESTAMP: Final = timestamp_builder().build()
TIMESTAMP_MICROS: Final = timestamp_micros_builder().build()
TIMESTAMP_NANOS: Final = timestamp_nanos_builder().build()


def schema_scale(schema: Schema) -> int:
    """The scale that a Decimal schema gives."""
    text = (schema.parameters or {}).get(SCALE_PARAMETER)
    if text is None:
        raise DataError("Invalid Decimal schema: scale parameter not found.")
    if _JAVA_INT.fullmatch(text) is None or max(text) > "\uffff" or not _INT32_MIN <= int(text) <= _INT32_MAX:
        raise DataError("Invalid scale parameter found in Decimal schema: it must be an integer of 32 bits.")
    return int(text)


def scale_of(value: Decimal) -> int:
    """Digits after the point of a finite decimal; negative for ``1E+3``."""
    if not isinstance(value, Decimal):
        raise DataError(f"A Decimal cannot be made of a value of class {type(value).__name__}.")
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int):
        raise DataError("A Decimal that is infinite or not a number has no scale.")
    return -exponent


# --- Decimal ---------------------------------------------------------------------------------------


def from_decimal(schema: Schema, value: Decimal) -> bytes:
    """The unscaled number in as few big-endian two's complement bytes as hold it (one for zero)."""
    wanted, found = schema_scale(schema), scale_of(value)
    if wanted != found:
        raise DataError(
            "Decimal value has mismatching scale for given Decimal schema."
            f" Schema has scale {wanted}, value has scale {found}."
        )
    return unscaled_bytes(unscaled(value))


def to_decimal(schema: Schema, data: bytes | bytearray | memoryview) -> Decimal:
    """The decimal of a schema's scale that those bytes stand for."""
    if not isinstance(data, bytes | bytearray | memoryview):
        raise DataError(f"A Decimal is stored as bytes, not as a value of class {type(data).__name__}.")
    return decimal_of(data, schema_scale(schema))


def unscaled(value: Decimal) -> int:
    """All digits of a decimal as one integer, without the point."""
    return int(value.scaleb(scale_of(value), _EXACT))


def unscaled_bytes(number: int) -> bytes:
    """An integer as Java's ``BigInteger.toByteArray`` writes it."""
    bits = number.bit_length() if number >= 0 else (~number).bit_length()
    return number.to_bytes(bits // 8 + 1, "big", signed=True)


def decimal_of(
    data: bytes | bytearray | memoryview, scale: int, *, limits: Limits = DEFAULT_LIMITS
) -> Decimal:
    """The decimal of an unscaled number in big-endian two's complement bytes, and a scale."""
    if not len(data):
        raise DataError("A Decimal cannot be made of no bytes; zero is one zero byte.")
    if len(data) * 12 > limits.digits * 5 + 12:  # 12 bytes hold 28.9 digits: none that fits is refused
        raise LimitError(f"A Decimal is longer than {limits.digits} digits.")
    number = int.from_bytes(data, "big", signed=True)
    try:
        return Decimal(number).scaleb(-scale, _EXACT)
    except InvalidOperation as error:
        raise DataError("A Decimal's scale is out of range.") from error


# --- Date, Time, Timestamp -------------------------------------------------------------------------


def from_date(schema: Schema, value: Temporal) -> int:
    """Days since 1 January 1970; the value must be at midnight UTC."""
    _check_name(schema, DATE_NAME, "Date")
    days, rest = divmod(_counted(value, "Date", millis_of), DAY_MS)
    if rest:
        raise DataError("Kafka Connect Date type should not have any time fields set to non-zero values.")
    if not _INT32_MIN <= days <= _INT32_MAX:
        raise DataError(
            "A Date is more than 2147483647 days from 1 January 1970, which Connect cannot store."
        )
    return days


def to_date(schema: Schema, days: int) -> Temporal:
    """The day that many days after 1 January 1970."""
    _check_name(schema, DATE_NAME, "Date")
    return date_from(_integer(days, "Date"))


def from_time(schema: Schema, value: Temporal) -> int:
    """Milliseconds after midnight. 24:00 is allowed, as in Connect."""
    _check_name(schema, TIME_NAME, "Time")
    millis = _counted(value, "Time", millis_of)
    if not 0 <= millis <= DAY_MS:
        raise DataError("Kafka Connect Time type should not have any date fields set to non-zero values.")
    return millis


def to_time(schema: Schema, millis: int) -> Temporal:
    """The time of day that many milliseconds after midnight, from 0 to 86400000."""
    _check_name(schema, TIME_NAME, "Time")
    if not 0 <= _integer(millis, "Time") <= DAY_MS:
        raise DataError("Time values must be a number of milliseconds from 0 to 86400000.")
    return time_from(millis)


def from_timestamp(schema: Schema, value: Temporal) -> int:
    """Milliseconds since the epoch."""
    _check_name(schema, TIMESTAMP_NAME, "Timestamp")
    return _fitting(_counted(value, "Timestamp", millis_of), "Timestamp")


def to_timestamp(schema: Schema, millis: int) -> Temporal:
    """The moment that many milliseconds after the epoch."""
    _check_name(schema, TIMESTAMP_NAME, "Timestamp")
    return timestamp_from(_integer(millis, "Timestamp"))


def from_timestamp_micros(schema: Schema, value: Temporal) -> int:
    """Microseconds since the epoch; nanoseconds are cut off."""
    _check_name(schema, TIMESTAMP_MICROS_NAME, "TimestampMicros")
    return _fitting(_counted(value, "TimestampMicros", micros_of), "TimestampMicros")


def to_timestamp_micros(schema: Schema, micros: int) -> Temporal:
    """The moment that many microseconds after the epoch."""
    _check_name(schema, TIMESTAMP_MICROS_NAME, "TimestampMicros")
    return timestamp_from_micros(_integer(micros, "TimestampMicros"))


def from_timestamp_nanos(schema: Schema, value: Temporal) -> int:
    """Nanoseconds since the epoch."""
    _check_name(schema, TIMESTAMP_NANOS_NAME, "TimestampNanos")
    return _fitting(_counted(value, "TimestampNanos", nanos_of), "TimestampNanos")


def to_timestamp_nanos(schema: Schema, nanos: int) -> Temporal:
    """The moment that many nanoseconds after the epoch."""
    _check_name(schema, TIMESTAMP_NANOS_NAME, "TimestampNanos")
    return timestamp_from_nanos(_integer(nanos, "TimestampNanos"))


def _check_name(schema: Schema, name: str, what: str) -> None:
    if schema.name != name:
        raise DataError(f"Requested conversion of {what} object but the schema does not match: {schema}.")


def _counted(value: Any, what: str, count: Callable[[Temporal], int]) -> int:
    if not isinstance(value, TEMPORAL_TYPES):
        raise DataError(f"A {what} cannot be made of a value of class {type(value).__name__}.")
    return count(value)


def _fitting(number: int, what: str) -> int:
    if not _INT64_MIN <= number <= _INT64_MAX:
        raise DataError(f"A {what} is too far from 1970 for 64 bits of its unit.")
    return number


def _integer(value: Any, what: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise DataError(f"A {what} is stored as an integer, not as a value of class {type(value).__name__}.")
    return value


# --- any of them -----------------------------------------------------------------------------------

_FROM: dict[str | None, Callable[[Schema, Any], Any]] = {
    DECIMAL_NAME: from_decimal, DATE_NAME: from_date, TIME_NAME: from_time, TIMESTAMP_NAME: from_timestamp,
    TIMESTAMP_MICROS_NAME: from_timestamp_micros, TIMESTAMP_NANOS_NAME: from_timestamp_nanos,
}  # fmt: skip
_TO: dict[str | None, Callable[[Schema, Any], Any]] = {
    DECIMAL_NAME: to_decimal, DATE_NAME: to_date, TIME_NAME: to_time, TIMESTAMP_NAME: to_timestamp,
    TIMESTAMP_MICROS_NAME: to_timestamp_micros, TIMESTAMP_NANOS_NAME: to_timestamp_nanos,
}  # fmt: skip


def from_logical(schema: Schema, value: Any) -> Any:
    """What is stored of a (non-null) value, by the schema's name; other schemas store the value itself."""
    convert = _FROM.get(schema.name)
    return value if convert is None else convert(schema, value)


def to_logical(schema: Schema, stored: Any) -> Any:
    """The value of what is stored (not null), by the schema's name; for other schemas the same."""
    convert = _TO.get(schema.name)
    return stored if convert is None else convert(schema, stored)

"""Values of logical types as messages: Decimal, Date, TimeOfDay, Timestamp.

Writers give the message's fields by the names of :mod:`runtime` (``f1`` …), zeros left out; readers take a
message. All raise ``DataError`` for what is out of range. Source: spec registry 3.5, 3.7. Pure functions.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import MAX_EMAX, MIN_EMIN, ROUND_HALF_UP, Context, Decimal
from typing import Any, Final

from connectkit import logical
from connectkit._calendar import civil_of, day_of
from connectkit.errors import ConversionError, DataError, LimitError
from connectkit.instant import (
    DAY_MS,
    TEMPORAL_TYPES,
    Temporal,
    date_from,
    millis_of,
    time_from,
    timestamp_from,
)
from connectkit.limits import Limits
from connectkit.schema import DATE_NAME, DECIMAL_NAME, TIME_NAME, TIMESTAMP_NAME

Parts = dict[str, Any]
_INT32: Final = 1 << 31
_MAX_YEAR: Final = 292_278_994
_MIN_SECOND, _MAX_SECOND = -62_135_596_800, 253_402_300_799
_SECOND_NS: Final = 1_000_000_000


def write_decimal(value: Any) -> Parts:
    """``confluent.type.Decimal``: the unscaled number, how many digits it has, the scale."""
    if not isinstance(value, Decimal):
        raise _wrong("Decimal", value)
    scale = logical.scale_of(value)
    number = logical.unscaled(value)
    if not -_INT32 <= scale < _INT32:
        raise DataError("A Decimal has a scale that does not fit 32 bits.")
    return {"f1": logical.unscaled_bytes(number), "f2": len(str(abs(number))), "f3": scale or None}


def write_date(value: Any) -> Parts:
    """``google.type.Date``."""
    days, rest = divmod(_millis("Date", value), DAY_MS)
    if rest:
        raise DataError("A Date has a time of day, which it must not have.")
    year, month, day = civil_of(days)
    if year < 1 or year > _MAX_YEAR:
        raise DataError("A Date is before the year 1, which google.type.Date cannot say.")
    return {"f1": year, "f2": month, "f3": day}


def write_time(value: Any) -> Parts:
    """``google.type.TimeOfDay``; 24:00 is written as 0:00, as with Confluent's converter."""
    millis = _millis("Time", value)
    if not 0 <= millis <= DAY_MS:
        raise DataError("A Time is not within one day.")
    seconds, ms = divmod(millis % DAY_MS, 1000)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    return {"f1": hour or None, "f2": minute or None, "f3": second or None, "f4": ms * 1_000_000 or None}


def write_timestamp(value: Any) -> Parts:
    """``google.protobuf.Timestamp``, in milliseconds."""
    seconds, ms = divmod(_millis("Timestamp", value), 1000)
    if not _MIN_SECOND <= seconds <= _MAX_SECOND:
        raise DataError(
            "A Timestamp is outside the years 1 to 9999, which google.protobuf.Timestamp cannot say."
        )
    return {"f1": seconds or None, "f2": ms * 1_000_000 or None}


def _millis(what: str, value: Any) -> int:
    if not isinstance(value, TEMPORAL_TYPES):
        raise _wrong(what, value)
    return millis_of(value)


def _wrong(what: str, value: Any) -> DataError:
    return DataError(f"A {what} cannot be made of a value of class {type(value).__name__}.")


WRITERS: Final[dict[str, Callable[[Any], Parts]]] = {
    DECIMAL_NAME: write_decimal,
    DATE_NAME: write_date,
    TIME_NAME: write_time,
    TIMESTAMP_NAME: write_timestamp,
}


def decimal_reader(limits: Limits) -> Callable[[Any], Decimal]:
    """Reads ``confluent.type.Decimal``, rounding to its precision if it says one that is smaller."""
    most = limits.digits * 5 // 12 + 1  # a byte holds 2.4 digits

    def read(message: Any) -> Decimal:
        data = message.f1
        if len(data) > most:
            raise LimitError(
                f"The Protobuf message has a decimal of more than {limits.digits} digits; "
                "if that is intended, raise the limit 'digits'"
            )
        found = logical.decimal_of(data, message.f3)
        precision = message.f2
        if precision and precision < len(found.as_tuple().digits):
            return Context(precision, ROUND_HALF_UP, MIN_EMIN, MAX_EMAX).plus(found)
        return found

    return read


def read_date(message: Any) -> Temporal:
    """The day, on the calendar that Java's dates have."""
    year, month, day = message.f1, message.f2, message.f3
    if not (1 <= year <= _MAX_YEAR and 1 <= month <= 12 and 1 <= day <= 31):
        raise ConversionError("The Protobuf message has a google.type.Date that is no full date")
    days = day_of(year, month, day)
    if civil_of(days) != (year, month, day):
        raise ConversionError("The Protobuf message has a google.type.Date of a day that does not exist")
    return date_from(days)


def read_time(message: Any) -> Temporal:
    """The time of day, cut to milliseconds."""
    hours, minutes, seconds, nanos = message.f1, message.f2, message.f3, message.f4
    if not (0 <= hours < 24 and 0 <= minutes < 60 and 0 <= seconds < 60 and 0 <= nanos < _SECOND_NS):
        raise ConversionError("The Protobuf message has a google.type.TimeOfDay that is no time of day")
    return time_from(((hours * 60 + minutes) * 60 + seconds) * 1000 + nanos // 1_000_000)


def read_timestamp(message: Any) -> Temporal:
    """The moment, cut to milliseconds."""
    seconds, nanos = message.f1, message.f2
    if not (_MIN_SECOND <= seconds <= _MAX_SECOND and 0 <= nanos < _SECOND_NS):
        raise ConversionError(
            "The Protobuf message has a google.protobuf.Timestamp that is outside the years 1 to 9999"
        )
    return timestamp_from(seconds * 1000 + nanos // 1_000_000)


def reader(name: str, limits: Limits) -> Callable[[Any], Any]:
    """The reader of a logical type's message."""
    if name == DECIMAL_NAME:
        return decimal_reader(limits)
    return {DATE_NAME: read_date, TIME_NAME: read_time, TIMESTAMP_NAME: read_timestamp}[name]

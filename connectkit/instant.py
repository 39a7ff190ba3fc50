"""Moments in time as Connect counts them: milliseconds since the epoch, in UTC; and finer ones.

Connect has one class for dates, times and timestamps (``java.util.Date``); Python has three, none of
which reaches beyond the years 1 to 9999 or knows nanoseconds. :class:`Instant` stands in for what they
cannot hold, and only for that: a moment that fits the Python type is always given as that type, so
equality works.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from connectkit.errors import ConversionError

DAY_MS = 86_400_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_MS = timedelta(milliseconds=1)
_US = timedelta(microseconds=1)
MS_NS = 1_000_000
"""Nanoseconds in a millisecond."""
_MIN_MS = (datetime(1, 1, 1, tzinfo=UTC) - EPOCH) // _MS
_MAX_MS = (datetime(9999, 12, 31, 23, 59, 59, 999000, tzinfo=UTC) - EPOCH) // _MS
_MIN_US = _MIN_MS * 1000
_MAX_US = _MAX_MS * 1000 + 999
_MIN_DAY = date.min.toordinal() - _EPOCH_DAY
_MAX_DAY = date.max.toordinal() - _EPOCH_DAY


class Instant:
    """A moment that ``date``, ``time`` or ``datetime`` cannot hold.

    ``millis`` are the milliseconds since the epoch (rounded down), ``nanos`` the nanoseconds above
    them, from 0 to 999999. ``ValueError`` for others.
    """

    __slots__ = ("millis", "nanos")

    def __init__(self, millis: int, *, nanos: int = 0) -> None:
        if not 0 <= nanos < MS_NS:
            raise ValueError("the nanoseconds of an Instant count from 0 to 999999 above its milliseconds")
        self.millis = millis
        self.nanos = nanos

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Instant) and (other.millis, other.nanos) == (self.millis, self.nanos)

    def __hash__(self) -> int:
        return hash((Instant, self.millis, self.nanos))

    def __repr__(self) -> str:
        return f"Instant({self.millis}, nanos={self.nanos})" if self.nanos else f"Instant({self.millis})"


Temporal = date | time | datetime | Instant
"""What a value of a Date, Time or Timestamp schema can be (``datetime`` must be aware)."""
TEMPORAL_TYPES = (date, time, datetime, Instant)


def millis_of(value: Temporal) -> int:
    """Milliseconds since the epoch; a ``time`` counts from midnight. Finer digits are cut off.

    Raises ``ConversionError`` for a ``datetime`` without a time zone: nobody knows which moment it is.
    """
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise _without_zone()
        return (value - EPOCH) // _MS
    if isinstance(value, date):
        return (value.toordinal() - _EPOCH_DAY) * DAY_MS
    if isinstance(value, time):
        if value.tzinfo not in (None, UTC):
            raise ConversionError("A time of day is taken as UTC and must not carry another time zone")
        seconds = (value.hour * 60 + value.minute) * 60 + value.second
        return seconds * 1000 + value.microsecond // 1000
    return value.millis


def _without_zone() -> ConversionError:
    return ConversionError("A datetime without a time zone is not a moment; use datetime.UTC")


def micros_of(value: Temporal) -> int:
    """Microseconds since the epoch, as :func:`millis_of` counts milliseconds."""
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise _without_zone()
        return (value - EPOCH) // _US
    if isinstance(value, time):
        return millis_of(value) * 1000 + value.microsecond % 1000
    return millis_of(value) * 1000 + (value.nanos // 1000 if isinstance(value, Instant) else 0)


def nanos_of(value: Temporal) -> int:
    """Nanoseconds since the epoch, as :func:`millis_of` counts milliseconds."""
    if isinstance(value, Instant):
        return value.millis * MS_NS + value.nanos
    return micros_of(value) * 1000


EXACT_MS = (1 << 32) * 1000
"""Below it the seconds as a float are so near that rounding to microseconds finds the millisecond."""
_from_seconds = datetime.fromtimestamp


def timestamp_from(millis: int) -> datetime | Instant:
    """The moment as an aware ``datetime`` where the years 1 to 9999 allow."""
    if 0 <= millis < EXACT_MS:
        return _from_seconds(millis / 1000, UTC)
    if _MIN_MS <= millis <= _MAX_MS:
        return EPOCH + timedelta(milliseconds=millis)
    return Instant(millis)


def timestamp_from_micros(micros: int) -> datetime | Instant:
    """The moment that many microseconds after the epoch, as a ``datetime`` where the years allow."""
    if _MIN_US <= micros <= _MAX_US:
        return EPOCH + timedelta(microseconds=micros)
    millis, rest = divmod(micros, 1000)
    return Instant(millis, nanos=rest * 1000)


def timestamp_from_nanos(nanos: int) -> datetime | Instant:
    """The moment that many nanoseconds after the epoch: a ``datetime`` if whole microseconds suffice."""
    micros, rest = divmod(nanos, 1000)
    if not rest:
        return timestamp_from_micros(micros)
    millis, above = divmod(nanos, MS_NS)
    return Instant(millis, nanos=above)


def date_from(days: int) -> date | Instant:
    """The day that many days after 1 January 1970, as a ``date`` where possible."""
    if _MIN_DAY <= days <= _MAX_DAY:
        return date.fromordinal(days + _EPOCH_DAY)
    return Instant(days * DAY_MS)


def time_from(millis: int) -> time | Instant:
    """The time of day that many milliseconds after midnight; 24:00, which Connect allows, is an Instant."""
    if 0 <= millis < DAY_MS:
        seconds, ms = divmod(millis, 1000)
        minutes, second = divmod(seconds, 60)
        hour, minute = divmod(minutes, 60)
        return time(hour, minute, second, ms * 1000)
    return Instant(millis)

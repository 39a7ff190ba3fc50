"""Times as texts with an offset: what Debezium's ZonedTimestamp and ZonedTime hold.

``2021-07-01T12:30:00.123456Z`` or ``10:20:30+05:30``, with up to nine digits of a second. Read and
written as Java does (documentation of ``java.time.format.DateTimeFormatter``, ``ISO_OFFSET_DATE_TIME``
and ``ISO_OFFSET_TIME``); years reach far beyond 9999. Pure functions; ``DataError`` for other texts,
which are not repeated in it.
"""

from __future__ import annotations

import re
from datetime import date
from typing import NamedTuple

from connectkit.errors import DataError

_DAY_S = 86_400
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_CYCLE_DAYS = 146_097
_MOST_OFFSET_S = 18 * 3600
_MOST_YEAR = 999_999_999
_TIME = r"(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{0,9}))?)?"
_STRICT_OFFSET = r"(?:[Zz]|([+-])(\d\d):(\d\d)(?::(\d\d))?)"
_TIMESTAMP = re.compile(
    rf"(\d{{4}}|-\d{{4,10}}|\+\d{{5,10}})-(\d\d)-(\d\d)[Tt]{_TIME}"
    r"(?:[Zz]|([+-])(\d\d)(?::(\d\d)(?::(\d\d))?|(\d\d))?)",
    re.ASCII,
)
_TIME_OF_DAY = re.compile(_TIME + _STRICT_OFFSET, re.ASCII)


class Zoned(NamedTuple):
    """A local time and how far it is from UTC. ``local_s`` counts from the local 1 January 1970."""

    local_s: int
    nanos: int
    offset_s: int

    def at_offset(self, offset_s: int) -> Zoned:
        """The same moment at another distance from UTC."""
        return Zoned(self.local_s - self.offset_s + offset_s, self.nanos, offset_s)


def parse_timestamp(text: str) -> Zoned:
    """Read a date, a time and an offset."""
    found = _TIMESTAMP.fullmatch(text)
    if found is None or found[1] == "-0000":
        raise DataError("A text is no timestamp with an offset, such as 2021-07-01T12:30:00Z")
    year = int(found[1])
    seconds, nanos = _of_day(found[4], found[5], found[6], found[7])
    offset = _offset(found[8], found[9], found[10] or found[12], found[11])
    same = 2000 + year % 400
    try:
        day = date(same, int(found[2]), int(found[3])).toordinal() - _EPOCH_DAY
    except ValueError as exc:
        raise DataError("A timestamp has a day that the calendar does not have") from exc
    if abs(year) > _MOST_YEAR:
        raise DataError("A timestamp is too many years from now")
    return Zoned((day + (year - same) // 400 * _CYCLE_DAYS) * _DAY_S + seconds, nanos, offset)


def parse_time(text: str) -> Zoned:
    """Read a time of day and an offset."""
    found = _TIME_OF_DAY.fullmatch(text)
    if found is None:
        raise DataError("A text is no time with an offset, such as 12:30:00Z")
    seconds, nanos = _of_day(found[1], found[2], found[3], found[4])
    return Zoned(seconds, nanos, _offset(found[5], found[6], found[7], found[8]))


def _of_day(hour: str, minute: str, second: str | None, fraction: str | None) -> tuple[int, int]:
    parts = int(hour), int(minute), int(second or 0)
    if parts[0] > 23 or parts[1] > 59 or parts[2] > 59:
        raise DataError("A time is outside the day")
    return (parts[0] * 60 + parts[1]) * 60 + parts[2], int((fraction or "").ljust(9, "0"))


def _offset(sign: str | None, hours: str | None, minutes: str | None, seconds: str | None) -> int:
    if sign is None:
        return 0
    parts = int(hours or 0), int(minutes or 0), int(seconds or 0)
    found = (parts[0] * 60 + parts[1]) * 60 + parts[2]
    if parts[1] > 59 or parts[2] > 59 or found > _MOST_OFFSET_S:
        raise DataError("An offset from UTC is outside -18:00 to +18:00")
    return -found if sign == "-" else found


def timestamp_text(zoned: Zoned) -> str:
    """Write a date, a time and an offset."""
    days, seconds = divmod(zoned.local_s, _DAY_S)
    cycles, rest = divmod(days + _EPOCH_DAY - 1, _CYCLE_DAYS)
    found = date.fromordinal(rest + 1)
    year = found.year + cycles * 400
    shown = f"{year:04d}" if 0 <= year <= 9999 else f"{'-' if year < 0 else '+'}{abs(year):04d}"
    return f"{shown}-{found.month:02d}-{found.day:02d}T{_clock(seconds, zoned)}"


def time_text(zoned: Zoned) -> str:
    """Write a time of day and an offset."""
    return _clock(zoned.local_s % _DAY_S, zoned)


def _clock(seconds: int, zoned: Zoned) -> str:
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    fraction = f".{zoned.nanos:09d}".rstrip("0") if zoned.nanos else ""
    return f"{hour:02d}:{minute:02d}:{second:02d}{fraction}{_offset_text(zoned.offset_s)}"


def _offset_text(offset_s: int) -> str:
    if not offset_s:
        return "Z"
    minutes, second = divmod(abs(offset_s), 60)
    hour, minute = divmod(minutes, 60)
    text = f"{'-' if offset_s < 0 else '+'}{hour:02d}:{minute:02d}"
    return f"{text}:{second:02d}" if second else text

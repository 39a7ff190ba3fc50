"""Time zones by name or offset, and their distance from UTC at any moment that 64 bits can say.

Names are those of the IANA database. ``datetime`` ends with the year 9999, so later moments are looked
up in the same year of the calendar's last 400, and moments before the year 1 have the first known
distance. Immutable, hence thread-safe. Source: ``java.time.ZoneId``; PEP 495 for local times that occur
twice or not at all (the offset before the change counts, in Java too).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

_OFFSET = re.compile(r"([+-])(\d\d):([0-5]\d)(?::([0-5]\d))?", re.ASCII)
_OFFSET_LIKE = re.compile(r"[+-]\d\d:\d\d(:\d\d)?", re.ASCII)
_MOST_S = 18 * 3600
_CYCLE_S = 146_097 * 86_400
"""400 years, after which dates fall on the same days of the week."""
_FIRST_S = int(datetime(1, 1, 2, tzinfo=UTC).timestamp())
_LAST_S = int(datetime(9999, 12, 30, tzinfo=UTC).timestamp())
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - local times are counted from here as well
_SECOND = timedelta(seconds=1)
_NOT_NAMES = frozenset(("Factory", "localtime", "posixrules"))


@cache
def _names() -> frozenset[str]:
    return frozenset(available_timezones()) - _NOT_NAMES


class Zone:
    """A time zone. ``Zone.parse`` reads a name (``Europe/Berlin``) or an offset (``+05:30``)."""

    __slots__ = ("_zone",)

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone

    @classmethod
    def parse(cls, text: str) -> Zone:
        """The zone; ``ValueError`` says what is wrong with the text."""
        if found := _OFFSET.fullmatch(text):
            seconds = int(found[2]) * 3600 + int(found[3]) * 60 + int(found[4] or 0)
            if seconds <= _MOST_S:
                return cls(timezone(timedelta(seconds=-seconds if found[1] == "-" else seconds)))
        if _OFFSET_LIKE.fullmatch(text):
            raise ValueError("is no offset from UTC: those reach from -18:00 to +18:00")
        if not _names():
            raise ValueError(
                "cannot be looked up: this machine has no time zone database; the package tzdata is one"
            )
        if text not in _names():
            raise ValueError(
                "must be the name of a time zone, such as Europe/Berlin, or an offset such as +02:00"
            )
        return cls(ZoneInfo(text))

    def offset_at_s(self, moment_s: int) -> int:
        """The distance from UTC in seconds at a moment, in seconds since the epoch."""
        moment = _EPOCH + timedelta(seconds=_within(moment_s))
        return (moment.replace(tzinfo=UTC).astimezone(self._zone).utcoffset() or timedelta()) // _SECOND

    def offset_of_local_s(self, local_s: int) -> int:
        """The same for a local time, in seconds since the local 1 January 1970."""
        local = _EPOCH + timedelta(seconds=_within(local_s))
        return (local.replace(tzinfo=self._zone).utcoffset() or timedelta()) // _SECOND


def _within(seconds: int) -> int:
    if seconds > _LAST_S:
        return seconds - -(-(seconds - _LAST_S) // _CYCLE_S) * _CYCLE_S
    return max(seconds, _FIRST_S)

"""Timestamps in logs: the formats they are written in, time zones, and the form they are given on in.

Everything is computed in milliseconds since the epoch; finer digits are cut off, as Connect's Timestamp
has none. A format is ``ISO8601``, ``CLF`` (``10/Oct/2000:13:55:36 -0700``), ``SYSLOG`` (``Oct 11
22:14:15``), ``UNIX`` (seconds, with a fraction or not), ``UNIX_MS``, or a pattern of SimpleDateFormat.
Parsers raise ``ValueError`` for a text that is no moment. Source: RFC 3164 4.1.2, RFC 3339, ISO 8601.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any, Final
from zoneinfo import ZoneInfo

from connectkit.dateformat import DateFormat
from connectkit.errors import ConfigError, ConversionError
from connectkit.instant import DAY_MS, EPOCH, timestamp_from
from connectkit.logical import TIMESTAMP
from connectkit.schema import Schema

Parse = Callable[[str, int | None], int]
"""Milliseconds of a text; the second argument is the moment that a year is inferred from."""

MONTHS: Final = {
    name: number
    for number, name in enumerate(
        ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), 1
    )
}
_KEPT = 4096
_MS = timedelta(milliseconds=1)
_OFFSET = re.compile(r"(?:UTC|GMT)?([+-])(\d{1,2})(?::?([0-5]\d))?", re.ASCII)
_CLF = re.compile(r"(\d\d)/([A-Z][a-z]{2})/(\d{4}):(\d\d):(\d\d):(\d\d) ([+-]\d{4})", re.ASCII)
_SYSLOG = re.compile(
    r"([A-Z][a-z]{2}) +(\d{1,2}) (?:(\d{4}) )?(\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9}))?", re.ASCII
)
_ISO = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[Tt ](\d\d:\d\d(?::\d\d)?)(?:[.,](\d{1,12}))?\s?([Zz]|[+-]\d\d(?::?\d\d)?)?)?",
    re.ASCII,
)
_UNIX = re.compile(r"(-?\d{1,15})(?:\.(\d{1,12}))?", re.ASCII)
_WHOLE = re.compile(r"-?\d{1,18}", re.ASCII)
_ZONE_LETTER = re.compile(r"'[^']*'|([zZX])")
_YEAR_MS = 364 * DAY_MS
"""For so long no later year can come before the reference."""


def zone_of(name: str) -> tzinfo:
    """The time zone of an IANA name or an offset such as ``+02:00``; ``ValueError`` if there is none."""
    if name in ("UTC", "GMT", "Z"):
        return UTC
    if found := _OFFSET.fullmatch(name):
        minutes = int(found[2]) * 60 + int(found[3] or 0)
        if minutes >= 24 * 60:
            raise ValueError("must be less than a day from UTC")
        return timezone(timedelta(minutes=-minutes if found[1] == "-" else minutes))
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError) as exc:
        raise ValueError("must be a time zone such as Europe/Berlin or +02:00") from exc


class Moments:
    """Reads timestamps and gives them on as ``form`` says. Used by one transform.

    ``form`` is ``timestamp`` (a datetime), ``millis`` or ``text`` (ISO 8601 in UTC). ``now_ms`` is the
    moment that a year is inferred from where the record has no timestamp.
    """

    def __init__(
        self,
        form: str,
        *,
        zone: tzinfo = UTC,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._zone = zone
        self._now_ms = now_ms
        self._known: dict[str, int] = {}
        schemas: dict[str, tuple[Schema, Callable[[int], Any] | None]] = {
            "timestamp": (TIMESTAMP.to_builder().optional().build(), timestamp_from),
            "millis": (Schema.OPTIONAL_INT64, None),
            "text": (Schema.OPTIONAL_STRING, _iso_text),
        }
        self.schema, self.shown = schemas[form]
        """The schema of what is given on, and the function that makes it of milliseconds, if any."""

    def parser(self, form: str) -> Callable[[str, int | None], Any]:
        """A function from text to the form given on; ``ValueError`` says what is wrong with the format."""
        parse, shown = self.millis_parser(form), self.shown
        if shown is None:
            return parse
        return lambda text, reference_ms: shown(parse(text, reference_ms))

    def millis_parser(self, form: str) -> Parse:
        """The same, in milliseconds."""
        known: dict[str, Parse] = {
            "ISO8601": lambda text, _: self.iso(text),
            "CLF": lambda text, _: self.clf(text),
            "SYSLOG": self.syslog,
            "UNIX": lambda text, _: _unix(text),
            "UNIX_MS": lambda text, _: _unix_ms(text),
        }
        return known[form] if form in known else self._java(form)

    def _java(self, pattern: str) -> Parse:
        try:
            parse = DateFormat(pattern).parse
        except ConfigError as exc:
            raise ValueError(str(exc).rstrip(".")) from exc
        has_zone = any(found[1] for found in _ZONE_LETTER.finditer(pattern))
        zone = None if has_zone or self._zone is UTC else self._zone

        def read(text: str, _: int | None) -> int:
            try:
                millis = parse(text)
            except ConversionError as exc:
                raise ValueError("not of the pattern") from exc
            return millis if zone is None else _local(EPOCH + millis * _MS, zone)

        return read

    def clf(self, text: str) -> int:
        """The time of the Common Log Format."""
        known = self._known.get(text)
        if known is not None:
            return known
        found = _CLF.fullmatch(text)
        if found is None or found[2] not in MONTHS:
            raise ValueError("no time of the Common Log Format")
        day, month, year, hour, minute, second = found.groups()[:6]
        leap = second == "60"
        local = datetime(
            int(year),
            MONTHS[month],
            int(day),
            int(hour),
            int(minute),
            59 if leap else int(second),
            tzinfo=UTC,
        )
        return self._keep(text, (local - EPOCH) // _MS + 1000 * leap - offset_minutes(found[7]) * 60_000)

    def _keep(self, text: str, millis: int) -> int:
        """Remember a moment: lines that follow each other share their times."""
        if len(self._known) >= _KEPT:
            self._known.clear()
        self._known[text] = millis
        return millis

    def iso(self, text: str) -> int:
        """A moment of ISO 8601; without a zone it is in the zone of the configuration."""
        known = self._known.get(text)
        if known is not None:
            return known
        found = _ISO.fullmatch(text)
        if found is None:
            raise ValueError("no moment of ISO 8601")
        day, clock, fraction, offset = found.groups()
        local = datetime.fromisoformat(day if clock is None else f"{day}T{_no_leap(clock)}")
        ms = int(f"{fraction}00"[:3]) if fraction else 0
        if clock is not None and clock[6:] == "60":
            ms += 1000
        if offset is None:
            return self._keep(text, _local(local, self._zone) + ms)
        millis = (local.replace(tzinfo=UTC) - EPOCH) // _MS + ms
        return self._keep(text, millis if offset in "Zz" else millis - offset_minutes(offset) * 60_000)

    def syslog(self, text: str, reference_ms: int | None) -> int:
        """A time of RFC 3164: the latest year in which it is no more than a day after the reference."""
        latest_ms = (self._now_ms() if reference_ms is None else reference_ms) + DAY_MS
        known = self._known.get(text)
        if known is not None and known <= latest_ms < known + _YEAR_MS:
            return known
        found = _SYSLOG.fullmatch(text)
        if found is None or found[1] not in MONTHS or int(found[6]) > 60:
            raise ValueError("no time of RFC 3164")
        month, day, year, hour, minute, second, fraction = found.groups()
        leap = second == "60"
        at = (MONTHS[month], int(day), int(hour), int(minute), 59 if leap else int(second))
        ms = (int(f"{fraction}00"[:3]) if fraction else 0) + 1000 * leap
        if year is not None:
            return _local(datetime(int(year), *at), self._zone) + ms  # noqa: DTZ001 - _local adds the zone
        last = timestamp_from(latest_ms)
        first_tried = min(last.year + 1, 9999) if isinstance(last, datetime) else 9999
        for tried in range(first_tried, max(first_tried - 10, 1), -1):  # 29 February: up to 8 years back
            try:
                millis = _local(datetime(tried, *at), self._zone) + ms  # noqa: DTZ001 - as above
            except ValueError:
                if at[:2] != (2, 29):
                    raise
                continue
            if millis <= latest_ms:
                return self._keep(text, millis)
        raise ValueError("no time of RFC 3164")


def offset_minutes(offset: str) -> int:
    """Minutes that ``+02:00``, ``+0200`` or ``+02`` is ahead of UTC."""
    digits = offset[1:].replace(":", "")
    hours, minutes = int(digits[:2]), int(digits[2:] or 0)
    if hours > 23 or minutes > 59:
        raise ValueError("no offset of a time zone")
    return (hours * 60 + minutes) * (-1 if offset[0] == "-" else 1)


def _no_leap(clock: str) -> str:
    """The clock time with 59 for the second 60, which the caller adds."""
    return clock[:6] + "59" if clock[6:] == "60" else clock


def _local(local: datetime, zone: tzinfo) -> int:
    try:
        return (local.replace(tzinfo=zone) - EPOCH) // _MS
    except OverflowError as exc:
        raise ValueError("no moment of the years 1 to 9999") from exc


def _unix(text: str) -> int:
    found = _UNIX.fullmatch(text)
    if found is None:
        raise ValueError("no seconds since 1970")
    ms = int(f"{found[2]}00"[:3]) if found[2] else 0
    return int(found[1]) * 1000 + (-ms if text.startswith("-") else ms)


def _unix_ms(text: str) -> int:
    if _WHOLE.fullmatch(text) is None:
        raise ValueError("no milliseconds since 1970")
    return int(text)


def _iso_text(millis: int) -> str:
    moment = timestamp_from(millis)
    if not isinstance(moment, datetime):
        raise ValueError("no moment of the years 1 to 9999")  # noqa: TRY004 - a text that does not fit
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"

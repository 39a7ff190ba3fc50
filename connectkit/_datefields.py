"""From calendar fields as text gave them to a moment, and back, as Java's GregorianCalendar does.

A text may give more fields than needed, contradicting ones, or ones out of range: the fields set last
decide, and ranges roll over. Weeks are those of the United States (from Sunday; the week of 1 January
is the first). Time zone UTC. Source: Javadoc of ``java.util.Calendar`` (field resolution, leniency).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from connectkit._calendar import civil_of, day_of
from connectkit.instant import DAY_MS

# Fields. Months count from 0, days of the week from Sunday = 1, eras are 0 (BC) and 1.
ERA: Final = "era"
YEAR: Final = "year"
WEEK_YEAR: Final = "week year"
MONTH: Final = "month"
DAY_OF_MONTH: Final = "day of month"
DAY_OF_YEAR: Final = "day of year"
DAY_OF_WEEK: Final = "day of week"
DAY_OF_WEEK_IN_MONTH: Final = "day of week in month"
WEEK_OF_YEAR: Final = "week of year"
WEEK_OF_MONTH: Final = "week of month"
AM_PM: Final = "am or pm"
HOUR: Final = "hour"
HOUR_OF_DAY: Final = "hour of day"
MINUTE: Final = "minute"
SECOND: Final = "second"
MILLISECOND: Final = "millisecond"
ZONE_OFFSET: Final = "zone offset"

_SUNDAY = 1


def moment_of(fields: Mapping[str, int]) -> int:
    """Milliseconds since the epoch. ``fields`` is ordered: what was set last stands last."""
    stamps = {name: stamp for stamp, name in enumerate(fields, 1)}
    year = 1 - fields.get(YEAR, 1970) if fields.get(ERA) == 0 else fields.get(YEAR, 1970)
    millis = _time_of_day(fields, stamps) - fields.get(ZONE_OFFSET, 0)
    if stamps.get(WEEK_YEAR, 0) > stamps.get(YEAR, 0):
        return _day_of_week_year(fields) * DAY_MS + millis
    return _day_of_fields(year, fields, stamps) * DAY_MS + millis


def _time_of_day(fields: Mapping[str, int], stamps: Mapping[str, int]) -> int:
    """Milliseconds since midnight, of the hour of 24 or the hour of 12, whichever was set later."""
    of_day = stamps.get(HOUR_OF_DAY, 0)
    of_half = max(stamps[HOUR], stamps[AM_PM]) if HOUR in stamps and AM_PM in stamps else 0
    if of_day and of_day >= of_half:
        hours = fields[HOUR_OF_DAY]
    else:
        hours = fields.get(HOUR, 0) + 12 * fields.get(AM_PM, 0)
    minutes = hours * 60 + fields.get(MINUTE, 0)
    return (minutes * 60 + fields.get(SECOND, 0)) * 1000 + fields.get(MILLISECOND, 0)


def _latest(stamps: Mapping[str, int], *group: str) -> int:
    """The stamp of a group of fields that count only together; 0 if one is missing."""
    return max(stamps[name] for name in group) if all(name in stamps for name in group) else 0


def _day_of_fields(year: int, fields: Mapping[str, int], stamps: Mapping[str, int]) -> int:
    """The day, from the group of fields that was set last."""
    by_month = stamps.get(DAY_OF_MONTH, 0)
    by_year = stamps.get(DAY_OF_YEAR, 0)
    by_week_of_month = _latest(stamps, WEEK_OF_MONTH, DAY_OF_WEEK)
    by_nth = _latest(stamps, DAY_OF_WEEK_IN_MONTH, DAY_OF_WEEK)
    by_week = _latest(stamps, WEEK_OF_YEAR, DAY_OF_WEEK)
    best = max(by_month, by_week_of_month, by_nth, by_year, by_week)
    if best == 0:
        by_week_of_month = stamps.get(WEEK_OF_MONTH, 0)
        by_nth = max(stamps.get(DAY_OF_WEEK_IN_MONTH, 0), stamps.get(DAY_OF_WEEK, 0))
        by_week = stamps.get(WEEK_OF_YEAR, 0)
        best = max(by_week_of_month, by_nth, by_week)
        if best == 0:
            best = by_month = stamps.get(MONTH, 0)
    weeks = stamps.get(WEEK_OF_YEAR, 0)
    if best == by_month:
        return day_of(year, fields.get(MONTH, 0) + 1, fields.get(DAY_OF_MONTH, 1))
    if best == by_week_of_month and stamps.get(WEEK_OF_MONTH, 0) >= weeks:
        if by_week_of_month != by_nth or stamps.get(WEEK_OF_MONTH, 0) >= stamps.get(DAY_OF_WEEK_IN_MONTH, 0):
            return _by_week_of_month(year, fields)
        return _by_nth(year, fields)
    if best == by_nth and stamps.get(DAY_OF_WEEK_IN_MONTH, 0) >= weeks:
        return _by_nth(year, fields)
    if best == by_year:
        return _first_of_year(year) + fields[DAY_OF_YEAR] - 1
    start = _first_week(_first_of_year(year))
    if DAY_OF_WEEK in fields:
        start = _on_or_before(start + 6, fields[DAY_OF_WEEK])
    return start + 7 * (fields.get(WEEK_OF_YEAR, 1) - 1)


def _by_week_of_month(year: int, fields: Mapping[str, int]) -> int:
    start = _first_week(day_of(year, fields.get(MONTH, 0) + 1, 1))
    if DAY_OF_WEEK in fields:
        start = _on_or_before(start + 6, fields[DAY_OF_WEEK])
    return start + 7 * (fields[WEEK_OF_MONTH] - 1)


def _by_nth(year: int, fields: Mapping[str, int]) -> int:
    month = fields.get(MONTH, 0) + 1
    first = day_of(year, month, 1)
    weekday, nth = fields.get(DAY_OF_WEEK, _SUNDAY), fields.get(DAY_OF_WEEK_IN_MONTH, 1)
    if nth >= 0:
        return _on_or_before(first + 7 * nth - 1, weekday)
    return _on_or_before(day_of(year, month + 1, 1) + 7 * (nth + 1) - 1, weekday)


def _day_of_week_year(fields: Mapping[str, int]) -> int:
    week, weekday = fields.get(WEEK_OF_YEAR, 1), fields.get(DAY_OF_WEEK, _SUNDAY)
    if not 1 <= weekday <= 7:
        carried, index = divmod(weekday - 1, 7)
        week += carried
        weekday = (index + 1) % 7 + 1  # a number beyond the week was an ISO one, counted from Monday
    return _first_week(_first_of_year(fields[WEEK_YEAR])) + weekday - 1 + 7 * (week - 1)


def _first_of_year(year: int) -> int:
    return day_of(year, 1, 1)


def _weekday(day: int) -> int:
    """Sunday = 1 … Saturday = 7."""
    return (day + 4) % 7 + 1


def _on_or_before(day: int, weekday: int) -> int:
    return day - (_weekday(day) - weekday) % 7


def _first_week(first: int) -> int:
    """The Sunday of the week that holds the first day of a month or year."""
    return _on_or_before(first, _SUNDAY)


def _week(first: int, day: int) -> int:
    """The number of a day's week, counted from the week of ``first``."""
    return (day - _first_week(first)) // 7 + 1


MONTH_NAMES: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
    "November", "December",
)  # fmt: skip
DAY_NAMES: Final = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")

DayValues = tuple[str, int, int, int, int, int, str, str, int, int, int, int, int, str, str, int]


@lru_cache(maxsize=512)
def day_values(day: int) -> DayValues:
    """What a pattern can ask of a day.

    Era; year of the era, and its last two digits; week year, and its last two digits; month (from 1),
    its short and its long name; week of year, week of month; day of year, day of month, which of its
    weekday in the month; short and long name of the weekday, and its number from Monday = 1.
    """
    year, month, day_of_month = civil_of(day)
    first = _first_of_year(year)
    week, week_year = _week(first, day), year
    if day >= _first_week(_first_of_year(year + 1)):
        week, week_year = 1, year + 1
    of_era = year if year > 0 else 1 - year
    weekday = _weekday(day)
    month_name, weekday_name = MONTH_NAMES[month - 1], DAY_NAMES[weekday - 1]
    return (
        "AD" if year > 0 else "BC", of_era, of_era % 100, week_year,
        week_year % 100 if week_year >= 0 else -(-week_year % 100),
        month, month_name[:3], month_name,
        week, _week(day_of(year, month, 1), day),
        day - first + 1, day_of_month, (day_of_month - 1) // 7 + 1,
        weekday_name[:3], weekday_name, weekday - 1 or 7,
    )  # fmt: skip

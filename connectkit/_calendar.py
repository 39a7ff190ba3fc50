"""The calendar of Java's dates: Julian before 15 October 1582, Gregorian from then on.

Days are counted from 1 January 1970. Years are astronomical: 0 is 1 BC, -1 is 2 BC. Pure functions
for any number, far outside the years 1 to 9999 of :mod:`datetime`.
Source: ``java.util.GregorianCalendar``, whose change of calendars is at the historical date.
"""

from __future__ import annotations

CUTOVER_DAY = -141_427
"""15 October 1582, the first day of the Gregorian calendar (the day before was 4 October)."""
_CUTOVER_YEAR = 1582
_GREGORIAN_SHIFT = 719_468  # days from 1 March of the year 0 to 1 January 1970
_JULIAN_SHIFT = 719_470  # the same, when both are counted on the Julian calendar
_GREGORIAN_ERA = 146_097  # days in 400 years
_JULIAN_ERA = 1_461  # days in 4 years


def civil_of(day: int) -> tuple[int, int, int]:
    """Year, month and day of month of a day."""
    # Years are counted from 1 March here, so that the leap day is the last of its year.
    if day >= CUTOVER_DAY:
        era, rest = divmod(day + _GREGORIAN_SHIFT, _GREGORIAN_ERA)
        of_era = (rest - rest // 1460 + rest // 36524 - rest // 146096) // 365
        of_year = rest - (365 * of_era + of_era // 4 - of_era // 100)
        year = of_era + era * 400
    else:
        era, rest = divmod(day + _JULIAN_SHIFT, _JULIAN_ERA)
        of_era = (rest - rest // 1460) // 365
        of_year = rest - 365 * of_era
        year = of_era + era * 4
    month = (5 * of_year + 2) // 153
    day_of_month = of_year - (153 * month + 2) // 5 + 1
    return (year, month + 3, day_of_month) if month < 10 else (year + 1, month - 9, day_of_month)


def day_of(year: int, month: int, day: int) -> int:
    """The day of a date. Month and day may lie outside their ranges: they roll over, as in Java.

    The ten dates that October 1582 does not have are taken as Julian ones.
    """
    gregorian = _day(year, month, day, julian=False)
    julian = _day(year, month, day, julian=True)
    if year < _CUTOVER_YEAR or gregorian < CUTOVER_DAY:
        return julian
    return gregorian


def _day(year: int, month: int, day: int, *, julian: bool) -> int:
    carried, since_march = divmod(month - 3, 12)
    year += carried
    days = 365 * year + (year // 4) + (153 * since_march + 2) // 5 + day - 1
    return days - _JULIAN_SHIFT if julian else days - year // 100 + year // 400 - _GREGORIAN_SHIFT

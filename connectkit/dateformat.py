"""Java's SimpleDateFormat, as far as its patterns can tell: US English, UTC.

``DateFormat(pattern)`` compiles a pattern once; ``format`` and ``parse`` go between its text and
milliseconds since the epoch. Parsing is lenient as in Java: fields out of range roll over, and text
behind what the pattern asks for is ignored. Days before 15 October 1582 are Julian. Immutable and
thread-safe. Source: Javadoc of ``java.text.SimpleDateFormat``; spec data 3.15.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any

from connectkit import _datefields as f
from connectkit._calendar import civil_of, day_of
from connectkit._dateparse import FIELDS, NUMERIC, Item, is_number, parse_fields
from connectkit.errors import ConfigError, ConversionError
from connectkit.instant import DAY_MS

_LETTERS = NUMERIC | frozenset("GMLEazZX")
_MAX_PATTERN_CHARS = 1_000
_INT64 = 1 << 63
HOUR_MS = 3_600_000

# Where the value of a letter stands among the values of a moment (day_values, then _time_values).
_DAY_PLACES = {
    "G": 0,
    "y": 1,
    "Y": 3,
    "M": 5,
    "L": 5,
    "w": 8,
    "W": 9,
    "D": 10,
    "d": 11,
    "F": 12,
    "E": 13,
    "u": 15,
}
_TIME_PLACES = {"H": 16, "k": 17, "K": 18, "h": 19, "a": 20, "m": 21, "s": 22, "S": 23}


class DateFormat:
    """A compiled pattern. Raises ``ConfigError`` for one that SimpleDateFormat would not take.

    ``now_ms`` (default: the clock) fixes the century of years in two digits: from 80 years before it.
    """

    __slots__ = ("_fast", "_getter", "_items", "_template", "_timed", "_window", "pattern")

    def __init__(self, pattern: str, *, now_ms: int | None = None) -> None:
        self.pattern = pattern
        self._items = _compile(pattern)
        self._template, self._getter, self._timed = _formatter(self._items)
        self._fast = _fast_parser(self._items)
        now = int(time.time() * 1000) if now_ms is None else now_ms
        year, month, day = civil_of(now // DAY_MS)
        self._window = (year - 80, day_of(year - 80, month, day) * DAY_MS + now % DAY_MS)

    def __repr__(self) -> str:
        return f"DateFormat({self.pattern!r})"

    @property
    def unit_ms(self) -> int:
        """Moments between two multiples of it have the same text."""
        letters = {item.letter for item in self._items}
        if "S" in letters:
            return 1
        if "s" in letters:
            return 1000
        if "m" in letters:
            return 60_000
        return HOUR_MS if letters & _TIME_PLACES.keys() else DAY_MS

    def format(self, millis: int) -> str:
        """The moment as text."""
        day, ms = divmod(millis, DAY_MS)
        values: tuple[Any, ...] = f.day_values(day)
        if self._timed:
            values += _time_values(ms)
        if values[3] < 0:  # a week year before the year 1, its sign beside the digits
            return str(_formatter(self._items, sign=1)[0] % self._getter(values))
        text: str = self._template % self._getter(values)
        return text

    def parse(self, text: str) -> int:
        """The moment that the text begins with, in milliseconds; ``ConversionError`` if there is none."""
        millis = None if self._fast is None else self._fast(text)
        if millis is None:
            millis = self._parse(text)
        if millis is None or not -_INT64 <= millis < _INT64:
            raise ConversionError(f"A text is no moment of the pattern {self.pattern}.")
        return millis

    def _parse(self, text: str) -> int | None:
        first_year, first_ms = self._window
        ambiguous = first_year % 100

        def century(value: int) -> int:
            return value + first_year // 100 * 100 + (100 if value < ambiguous else 0)

        found = parse_fields(self._items, text, century)
        if found is None:
            return None
        fields, short_year = found
        millis = f.moment_of(fields)
        if short_year is not None and fields[short_year] == first_year and millis < first_ms:
            fields[short_year] += 100
            millis = f.moment_of(fields)
        return millis


@lru_cache(maxsize=64)
def date_format(pattern: str) -> DateFormat:
    """A shared format of that pattern, for callers that meet the same pattern again and again."""
    return DateFormat(pattern)


def _compile(pattern: str) -> tuple[Item, ...]:
    """The items of a pattern. Quotes make text literal; two of them are one, inside and outside."""
    if len(pattern) > _MAX_PATTERN_CHARS:
        raise ConfigError(f"A date pattern is longer than {_MAX_PATTERN_CHARS} characters.")
    items: list[Item] = []
    literal = ""
    quoted = False
    i = 0
    while i < len(pattern):
        c = pattern[i]
        if c == "'":
            if pattern.startswith("'", i + 1):
                literal += c
                i += 1
            else:
                quoted = not quoted
            i += 1
        elif quoted or not ("a" <= c <= "z" or "A" <= c <= "Z"):
            literal += c
            i += 1
        else:
            count = len(pattern) - i - len(pattern[i:].lstrip(c))
            if c not in _LETTERS:
                raise ConfigError(f"Illegal pattern character '{c}' in the date pattern {pattern}.")
            if c == "X" and count > 3:
                raise ConfigError(f"The date pattern {pattern} has more than three X in a row.")
            if literal:
                items.append(Item("", 0, literal))
                literal = ""
            items.append(Item(c, count))
            i += count
    if quoted:
        raise ConfigError(f"Unterminated quote in the date pattern {pattern}.")
    if literal:
        items.append(Item("", 0, literal))
    return tuple(items)


# --- formatting ---


def _time_values(ms: int) -> tuple[Any, ...]:
    """Hour from 0 and from 1, of the half day from 0 and from 1, its half, minute, second, millisecond."""
    minutes, rest = divmod(ms, 60_000)
    hour, minute = divmod(minutes, 60)
    half = hour % 12
    second, millisecond = divmod(rest, 1000)
    return hour, hour or 24, half, half or 12, "AM" if hour < 12 else "PM", minute, second, millisecond


def _formatter(items: Sequence[Item], *, sign: int = 0) -> tuple[str, Callable[[tuple[Any, ...]], Any], bool]:
    """A template for ``%``, a getter of what to fill in, and whether that needs the time of day."""
    template: list[str] = []
    places: list[int] = []
    for letter, count, text in items:
        if not letter or letter in "zZX":
            template.append((text or _zone_text(letter, count)).replace("%", "%%"))
            continue
        place = _DAY_PLACES.get(letter, _TIME_PLACES.get(letter, -1))
        if letter in "yY" and count == 2:
            place += 1
        elif letter in "MLE" and count >= 4:
            place += 1 if letter == "E" else 2
        elif letter in "ML" and count == 3:
            place += 1
        places.append(place)
        is_text = letter in "GEa" or (letter in "ML" and count >= 3)
        width = count + sign if letter == "Y" else count
        template.append("%s" if is_text else f"%0{width}d")
    timed = any(place >= min(_TIME_PLACES.values()) for place in places)
    if len(places) == 1:
        only = places[0]
        return "".join(template), lambda values: (values[only],), timed
    return "".join(template), itemgetter(*places) if places else lambda _: (), timed


def _zone_text(letter: str, count: int) -> str:
    if letter == "z":
        return "UTC" if count < 4 else "Coordinated Universal Time"
    return "+0000" if letter == "Z" else "Z"


# --- parsing what has the usual shape ---


def _fast_parser(items: Sequence[Item]) -> Callable[[str], int | None] | None:
    """A parser by one regular expression, for patterns of plain numbers; it gives None when in doubt."""
    regex = ""
    names: list[str] = []
    for i, item in enumerate(items):
        if not item.letter:
            regex += re.escape(item.text)
            continue
        if item.letter not in "yMLdHmsS" or not is_number(item) or (item.letter == "y" and item.times < 3):
            return None
        names.append(FIELDS[item.letter])
        obey = i + 1 < len(items) and is_number(items[i + 1])
        regex += f"([0-9]{{{item.times}}})" if obey else r"([0-9]{1,9})(?![\dE])"
    if len(set(names)) != len(names) or not names:
        return None
    match = re.compile(regex).match
    order = [names.index(n) if n in names else -1 for n in (f.YEAR, f.MONTH, f.DAY_OF_MONTH)]
    clock = [names.index(n) if n in names else -1 for n in (f.HOUR_OF_DAY, f.MINUTE, f.SECOND, f.MILLISECOND)]
    defaults = ("1970", "1", "1")
    year_at, month_at, day_at = order
    hour_at, minute_at, second_at, ms_at = clock

    def parse(text: str) -> int | None:
        found = match(text)
        if found is None:
            return None
        values = (*found.groups(), "0")  # what the pattern lacks is at -1
        y = values[year_at] if year_at >= 0 else defaults[0]
        m = values[month_at] if month_at >= 0 else defaults[1]
        d = values[day_at] if day_at >= 0 else defaults[2]
        day = _day_of_text(y, m, d)
        minutes = int(values[hour_at]) * 60 + int(values[minute_at])
        return day * DAY_MS + minutes * 60_000 + int(values[second_at]) * 1000 + int(values[ms_at])

    return parse


@lru_cache(maxsize=512)
def _day_of_text(year: str, month: str, day: str) -> int:
    return day_of(int(year), int(month), int(day))

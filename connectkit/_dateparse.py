"""Text to calendar fields, item by item of a date pattern, with SimpleDateFormat's leniency.

Numbers take all digits there are, unless another number follows at once; blanks before a number are
skipped; names match in any case, the longest first. Pure functions for :mod:`connectkit.dateformat`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from connectkit import _datefields as f

_NUMBER = re.compile(r"(-?)(\d+)(?:E(-?\d+))?")  # Java reads exponents even here
_INT32 = 1 << 31
_MAX_DIGITS = 400  # more are beyond float64, and so beyond every field

_MONTHS = {name: i for i, name in enumerate(f.MONTH_NAMES)} | {n[:3]: i for i, n in enumerate(f.MONTH_NAMES)}
_DAYS = {name: i for i, name in enumerate(f.DAY_NAMES, 1)} | {n[:3]: i for i, n in enumerate(f.DAY_NAMES, 1)}
_ERAS = {"BC": 0, "AD": 1, "Before Christ": 0, "Anno Domini": 1}
_HALVES = {"AM": 0, "PM": 1}
_HOURS_WEST = {
    "EST": 5, "EDT": 4, "CST": 6, "CDT": 5, "MST": 7, "MDT": 6, "PST": 8, "PDT": 7, "AKST": 9, "HST": 10,
}  # fmt: skip
_HOURS_EAST = {"WET": 0, "CET": 1, "CEST": 2, "EET": 2, "EEST": 3, "MSK": 3, "JST": 9}
_HOUR_MS = 3_600_000
_ZONES = {
    **dict.fromkeys(("UTC", "Coordinated Universal Time", "Greenwich Mean Time"), 0),
    **{name: -hours * _HOUR_MS for name, hours in _HOURS_WEST.items()},
    **{name: hours * _HOUR_MS for name, hours in _HOURS_EAST.items()},
}
"""Abbreviations of time zones. Java knows hundreds, many of them with several meanings."""


class Item(NamedTuple):
    """A letter of a pattern and how often it stands there, or a literal text (letter "")."""

    letter: str
    times: int
    text: str = ""


NUMERIC = frozenset("yYdHkmsSDFwWKhu")
"""Letters that are numbers at any count; M and L are at one or two."""
FIELDS = {
    "y": f.YEAR, "Y": f.WEEK_YEAR, "M": f.MONTH, "L": f.MONTH, "d": f.DAY_OF_MONTH, "D": f.DAY_OF_YEAR,
    "F": f.DAY_OF_WEEK_IN_MONTH, "w": f.WEEK_OF_YEAR, "W": f.WEEK_OF_MONTH, "H": f.HOUR_OF_DAY,
    "k": f.HOUR_OF_DAY, "K": f.HOUR, "h": f.HOUR, "m": f.MINUTE, "s": f.SECOND, "S": f.MILLISECOND,
    "u": f.DAY_OF_WEEK, "E": f.DAY_OF_WEEK, "G": f.ERA, "a": f.AM_PM,
}  # fmt: skip
_NAMES = {"M": _MONTHS, "L": _MONTHS, "E": _DAYS, "G": _ERAS, "a": _HALVES}


def is_number(item: Item) -> bool:
    """Whether an item is read as a number, so that one just before it must not take its digits."""
    return item.letter in NUMERIC or (item.letter in ("M", "L") and item.times <= 2)


def parse_fields(
    items: Sequence[Item], text: str, century: Callable[[int], int]
) -> tuple[dict[str, int], str | None] | None:
    """The fields at the beginning of the text, in the order they were set; None if it does not match.

    ``century`` completes a year of two digits. The second result names the field (year or week year)
    that came from two digits, if one did.
    """
    fields: dict[str, int] = {}
    short_year: str | None = None
    at = 0
    for i, item in enumerate(items):
        letter = item.letter
        if not letter:
            if not text.startswith(item.text, at):
                return None
            at += len(item.text)
            continue
        start = at
        while at < len(text) and text[at] in " \t":
            at += 1
        if at >= len(text):
            return None
        value: int | None
        if letter in "zZX":
            value, at = _zone(text, at, item)
        elif is_number(item):
            end = start + item.times if i + 1 < len(items) and is_number(items[i + 1]) else len(text)
            if end > len(text):
                return None
            began = at
            value, at = _number(text, at, end)
            if value is not None and letter in "yY" and item.times <= 2 and text[began:at].isdecimal():
                if at - began == 2:
                    value, short_year = century(value), FIELDS[letter]
        else:
            value, at = _name(text, start, _NAMES[letter])
        if value is None:
            return None
        name = FIELDS.get(letter, f.ZONE_OFFSET)
        fields.pop(name, None)  # what is set again is set last
        fields[name] = _adjusted(letter, item.times, value)
    return fields, short_year


def _adjusted(letter: str, count: int, value: int) -> int:
    """The number of a text as the calendar counts it."""
    if letter in "ML" and count <= 2:
        return value - 1
    if letter == "u" and 1 <= value <= 7:
        return value % 7 + 1
    if (letter == "k" and value == 24) or (letter == "h" and value == 12):
        return 0
    return value


def _number(text: str, start: int, end: int) -> tuple[int | None, int]:
    found = _NUMBER.match(text, start, end)
    if found is None:
        return None, start
    sign, digits, exponent_text = found.groups()
    digits = digits.lstrip("0")
    exponent = 0 if exponent_text is None else _clipped(exponent_text)
    if len(digits) > _MAX_DIGITS or (digits and exponent > _MAX_DIGITS):
        value = 1 << 64
    elif exponent < 0:
        value = int(digits or 0) // 10 ** min(-exponent, _MAX_DIGITS)
    else:
        value = int(digits or 0) * 10**exponent
    if sign:
        value = -value
    if -(1 << 63) <= value < 1 << 63:
        return (value + _INT32) % (2 * _INT32) - _INT32, found.end()  # Java keeps the low 32 bits
    return (_INT32 - 1 if value > 0 else -_INT32), found.end()


def _clipped(text: str) -> int:
    return int(text) if len(text) < 6 else (-99_999 if text[0] == "-" else 99_999)


def _name(text: str, start: int, names: dict[str, int]) -> tuple[int | None, int]:
    best = ""
    for name in names:
        if len(name) > len(best) and text[start : start + len(name)].lower() == name.lower():
            best = name
    return (names[best], start + len(best)) if best else (None, start)


_OFFSET = re.compile(r"([0-9]{2})([0-9]{2})")
_OFFSET_COLON = re.compile(r"([0-9]{2}):([0-9]{2})")
_OFFSET_GMT = re.compile(r"([0-9]{1,2}):([0-9]{2})")
_OFFSET_HOURS = re.compile(r"([0-9]{2})()")


def _zone(text: str, at: int, item: Item) -> tuple[int | None, int]:
    """The offset in milliseconds, and where it ends."""
    if item.letter == "X":
        if text[at] == "Z":
            return 0, at + 1
        form = (_OFFSET_HOURS, _OFFSET, _OFFSET_COLON)[item.times - 1]
        return _offset(text, at, form) if text[at] in "+-" else (None, at)
    if text[at] in "+-":
        return _offset(text, at, _OFFSET)
    if text[at : at + 3].upper() == "GMT":
        at += 3
        return _offset(text, at, _OFFSET_GMT) if text[at : at + 1] in ("+", "-") else (0, at)
    return _name(text, at, _ZONES)


def _offset(text: str, at: int, form: re.Pattern[str]) -> tuple[int | None, int]:
    found = form.match(text, at + 1)
    if found is None:
        return None, at
    hours, minutes = int(found[1]), int(found[2] or 0)
    if hours > 23 or minutes > 59:
        return None, at
    millis = (hours * 60 + minutes) * 60_000
    return (-millis if text[at] == "-" else millis), found.end()

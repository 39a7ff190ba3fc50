"""Comparisons of a record's value with another: what conditions in JSONPath mean.

Numbers compare with numbers of any type, and with texts that are numbers; a moment is its milliseconds.
Values of kinds that do not compare satisfy nothing but ``!=``, ``nin`` and ``noneof``. A null equals null,
and satisfies nothing else. Pure functions.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from connectkit.instant import TEMPORAL_TYPES, millis_of

Operator = Callable[[Any, Any], bool]

LISTS = (list, tuple)
MAPS = (dict, Mapping)
_SIZED = (str, *LISTS, *MAPS)
_NUMBER = re.compile(r"\s*[+-]?(?:\d{1,40}(?:\.\d{0,40})?|\.\d{1,40})(?:[eE][+-]?\d{1,3})?\s*\Z", re.ASCII)


def number_of(value: Any) -> int | float | Decimal | None:
    """The number a value is, a text of a number or a moment included; None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float | Decimal):
        return value
    if isinstance(value, str):
        return Decimal(value.strip()) if _NUMBER.match(value) else None
    if isinstance(value, TEMPORAL_TYPES):
        return millis_of(value)
    return None


def _numbers(a: Any, b: Any) -> tuple[Any, Any] | None:
    """Both as numbers that compare as they are written; None unless both are, and not NaN."""
    x, y = number_of(a), number_of(b)
    if x is None or y is None or x != x or y != y:
        return None
    if isinstance(x, Decimal) and isinstance(y, float):
        return x, Decimal(repr(y))  # 0.1 is a tenth here, not the binary fraction beside it
    if isinstance(x, float) and isinstance(y, Decimal):
        return Decimal(repr(x)), y
    return x, y


def equal(a: Any, b: Any) -> bool:
    """The same number, text or truth; lists and the like must be equal as a whole."""
    if a is None or b is None:
        return a is b
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, str) and isinstance(b, str):
        return a == b
    pair = _numbers(a, b)
    if pair is not None:
        return bool(pair[0] == pair[1])
    return type(a) is type(b) and bool(a == b)


def differ(a: Any, b: Any) -> bool:
    """Not equal; a null does not differ from anything."""
    return a is not None and not equal(a, b)


def _ordered(holds: Callable[[Any, Any], bool]) -> Operator:
    def compare(a: Any, b: Any) -> bool:
        if isinstance(a, str) and isinstance(b, str):
            return holds(a, b)
        pair = _numbers(a, b)
        return pair is not None and holds(*pair)

    return compare


def matches(a: Any, b: Any) -> bool:
    """The whole text matches the regular expression, as ``=~`` means in JsonPath."""
    return isinstance(a, str) and isinstance(b, re.Pattern) and b.fullmatch(a) is not None


def is_in(a: Any, b: Any) -> bool:
    """The value is one of a list."""
    return isinstance(b, LISTS) and any(equal(a, each) for each in b)


def is_not_in(a: Any, b: Any) -> bool:
    """The value is there, and none of a list."""
    return a is not None and isinstance(b, LISTS) and not is_in(a, b)


def contains(a: Any, b: Any) -> bool:
    """A list has the element, or a text the part."""
    if isinstance(a, str):
        return isinstance(b, str) and b in a
    return is_in(b, a)


def has_any_of(a: Any, b: Any) -> bool:
    """A list shares an element with another."""
    return isinstance(a, LISTS) and any(is_in(each, b) for each in a)


def has_none_of(a: Any, b: Any) -> bool:
    """A list shares no element with another."""
    return isinstance(a, LISTS) and isinstance(b, LISTS) and not has_any_of(a, b)


def is_subset_of(a: Any, b: Any) -> bool:
    """All elements of a list are in another."""
    return isinstance(a, LISTS) and isinstance(b, LISTS) and all(is_in(each, b) for each in a)


def has_size(a: Any, b: Any) -> bool:
    """A text, list or map has so many characters, elements or entries."""
    return isinstance(a, _SIZED) and isinstance(b, int) and len(a) == b


def is_empty(a: Any, b: Any) -> bool:
    """Whether a text, list or map is empty is as asked for."""
    return isinstance(a, _SIZED) and (not a) is b


OPERATORS: dict[str, Operator] = {
    "==": equal,
    "!=": differ,
    "<": _ordered(lambda a, b: bool(a < b)),
    "<=": _ordered(lambda a, b: bool(a <= b)),
    ">": _ordered(lambda a, b: bool(a > b)),
    ">=": _ordered(lambda a, b: bool(a >= b)),
    "=~": matches,
    "in": is_in,
    "nin": is_not_in,
    "contains": contains,
    "anyof": has_any_of,
    "noneof": has_none_of,
    "subsetof": is_subset_of,
    "size": has_size,
    "empty": is_empty,
}


def prepared(operator: str, constant: Any) -> Callable[[Any], bool]:
    """The comparison with one constant, in a quicker form for the equality of texts."""
    if operator == "==" and isinstance(constant, str) and not _NUMBER.match(constant):
        return lambda value: isinstance(value, str) and value == constant
    holds = OPERATORS[operator]
    return lambda value: holds(value, constant)

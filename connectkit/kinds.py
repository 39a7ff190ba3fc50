"""The types of Kafka's ConfigDef, and how a text becomes a value of each: exactly Kafka's rules.

Source: spec data 5.1. Texts are trimmed as Java trims (everything up to U+0020); BOOLEAN is true or
false in any case; INT, SHORT and LONG are decimal with an optional sign and in range; DOUBLE is Java's
syntax; LIST is split at commas with the white space around them, keeping empty items. A value that is
of the wanted Python type already passes. Pure functions; they raise ``ValueError`` with a sentence that
does not hold the value.
"""

from __future__ import annotations

import enum
import re
from typing import Any

from connectkit.secret import Secret

JAVA_BLANKS = "".join(map(chr, range(0x21)))
"""What ``String.trim`` removes in Java."""


class Kind(enum.Enum):
    """The type of an option, as Kafka names it."""

    BOOLEAN = "BOOLEAN"
    STRING = "STRING"
    INT = "INT"
    SHORT = "SHORT"
    LONG = "LONG"
    DOUBLE = "DOUBLE"
    LIST = "LIST"
    CLASS = "CLASS"
    PASSWORD = "PASSWORD"  # noqa: S105 - the name of a type


class Importance(enum.Enum):
    """How much an option matters to most users."""

    HIGH = "HIGH"
    MEDIUM = "MEDIUM"
    LOW = "LOW"


class Width(enum.Enum):
    """How wide a form should draw an option."""

    NONE = "NONE"
    SHORT = "SHORT"
    MEDIUM = "MEDIUM"
    LONG = "LONG"


_BITS = {Kind.SHORT: 16, Kind.INT: 32, Kind.LONG: 64}
_INTEGER = re.compile(r"[+-]?\d+")
_DOUBLE = re.compile(
    r"[+-]?(?:NaN|Infinity|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?[fFdD]?)",
)
_HEX_DOUBLE = re.compile(r"([+-]?0[xX](?:[0-9a-fA-F]+\.?[0-9a-fA-F]*|\.[0-9a-fA-F]+)[pP][+-]?[0-9]+)[fFdD]?")
_COMMA = re.compile(r"[ \t\n\x0b\f\r]*,[ \t\n\x0b\f\r]*")
_MAX_DIGITS = 40


def trim(text: str) -> str:
    """The text without what Java's ``trim`` removes at both ends."""
    return text.strip(JAVA_BLANKS)


def split_list(text: str) -> list[str]:
    """A comma separated list; a blank text is an empty list, an item may be empty."""
    text = trim(text)
    return _COMMA.split(text) if text else []


def parse_kind(value: Any, kind: Kind, *, trimmed: bool = True) -> Any:
    """The value as its kind, or ``ValueError``; None must have been dealt with before."""
    match kind:
        case Kind.BOOLEAN:
            return _boolean(value)
        case Kind.STRING | Kind.CLASS:
            return _string(value, trimmed)
        case Kind.PASSWORD:
            return value if isinstance(value, Secret) else Secret(_string(value, trimmed))
        case Kind.LIST:
            return _list(value)
        case Kind.DOUBLE:
            return _double(value)
        case Kind.INT | Kind.SHORT | Kind.LONG:
            return _integer(value, kind)


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        text = trim(value).lower()
        if text in ("true", "false"):
            return text == "true"
    raise ValueError("must be true or false")


def _string(value: Any, trimmed: bool) -> str:
    if not isinstance(value, str):
        raise ValueError(f"must be a text, not {_article(value)}")  # noqa: TRY004 - a problem, not a bug
    return trim(value) if trimmed else value


def _list(value: Any) -> list[str]:
    if isinstance(value, str):
        return split_list(value)
    if isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value):
        return list(value)
    raise ValueError(f"must be a comma separated list, not {_article(value)}")


def _double(value: Any) -> float:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, str):
        text = trim(value)
        if _DOUBLE.fullmatch(text):
            return float(text if text.endswith(("NaN", "Infinity")) else text.rstrip("fFdD"))
        if found := _HEX_DOUBLE.fullmatch(text):
            try:
                return float.fromhex(found[1])
            except OverflowError:
                return float("-inf" if text.startswith("-") else "inf")
    raise ValueError("must be a number")


def _integer(value: Any, kind: Kind) -> int:
    bits = _BITS[kind]
    if isinstance(value, str):
        text = trim(value)
        if not _INTEGER.fullmatch(text):
            raise ValueError("must be a whole number")
        # A number of thousands of digits is out of range without being computed.
        number = int(text) if len(text.lstrip("+-").lstrip("0")) <= _MAX_DIGITS else 1 << 64
    elif isinstance(value, int) and not isinstance(value, bool):
        number = value
    else:
        raise ValueError(f"must be a whole number, not {_article(value)}")  # noqa: TRY004 - as above
    if not -(1 << bits - 1) <= number < 1 << bits - 1:
        raise ValueError(
            f"must be a whole number of {bits} bits ({-(1 << bits - 1)} to {(1 << bits - 1) - 1})"
        )
    return number


def _article(value: Any) -> str:
    names = {bool: "a boolean", int: "a number", float: "a number", list: "a list", dict: "an object"}
    return names.get(type(value), f"a {type(value).__name__}")

"""The columns of a CSV file: what is declared, what is inferred, and how both are written down.

The text form (``id:int64 not null,"odd, name":decimal(9,2),day:date:%d.%m.%Y``) is what ``columns``
takes and what a stored offset keeps, so that a file is read on after a restart with the schema it was
begun with. Inference knows six types and widens in one order only:

    boolean | int64 -> float64 | date -> timestamp, and string for everything else.

Texts that would not come back as they are stay strings: ``00123``, ``+49``, 20-digit numbers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo

from connectkit.connectors.csv_types import EPOCH_UNITS, MISFITS, TYPE_NAMES, Convert, converter, schema_of
from connectkit.schema import Schema
from connectkit.suggest import did_you_mean

_QUOTED = r'"(?:[^"]|"")*"'
_ITEM = re.compile(
    rf"\s*(?P<name>{_QUOTED}|[^,:\"]+?)\s*"
    r"(?::\s*(?P<kind>[A-Za-z_0-9]+)\s*(?:\(\s*(?P<digits>\d+)\s*(?:,\s*(?P<scale>\d+)\s*)?\))?"
    rf"(?:\s*:\s*(?P<pattern>{_QUOTED}|[^,\"]+?))?)?"
    r"(?P<required>\s+not\s+null)?\s*(?:,|$)",
    re.IGNORECASE,
)
_PLAIN_NAME = re.compile(r"[^\s,:\"](?:[^,:\"]*[^\s,:\"])?")
_WITH_PATTERN = ("date", "time", "timestamp")

_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,18}")
_NUMBER = re.compile(r"-?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIMESTAMP = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?(?:Z|[+-][0-9]{2}:?[0-9]{2})?)?"
)
_BOOLEAN = re.compile(r"true|false", re.IGNORECASE)
_INFERRED = (
    ("boolean", _BOOLEAN),
    ("int64", _INTEGER),
    ("float64", _NUMBER),
    ("date", _DATE),
    ("timestamp", _TIMESTAMP),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column: its name, and how its texts become values. ``kind`` None is still to be inferred."""

    name: str
    kind: str | None = None
    optional: bool = True
    scale: int = 0
    precision: int | None = None
    pattern: str | None = None

    @property
    def type_text(self) -> str:
        """The type as it is written in ``columns``."""
        if self.kind == "decimal":
            return f"decimal({self.precision if self.precision is not None else 0},{self.scale})"
        return self.kind or "string"

    def schema(self) -> Schema:
        return schema_of(
            self.kind or "string", optional=self.optional, scale=self.scale, precision=self.precision
        )

    def convert(self, zone: tzinfo) -> Convert | None:
        """The conversion of a list of texts; None where the text itself is the value."""
        return converter(
            self.kind or "string",
            pattern=self.pattern,
            scale=self.scale,
            precision=self.precision,
            zone=zone,
        )

    def __str__(self) -> str:
        parts = [_quoted(self.name)]
        if self.kind is not None:
            parts.append(self.type_text)
            if self.pattern is not None:
                parts.append('"' + self.pattern.replace('"', '""') + '"')
        return ":".join(parts) + ("" if self.optional else " not null")


def columns_text(columns: Iterable[Column]) -> str:
    """The columns in the form :func:`parse_columns` reads."""
    return ",".join(map(str, columns))


def parse_columns(text: str) -> list[Column]:
    """The columns of a text; ``ValueError`` says in words what is wrong with it ("must …")."""
    columns: list[Column] = []
    at = 0
    while at < len(text):
        found = _ITEM.match(text, at)
        if found is None:
            raise ValueError(
                f"must be name:type,name:type…, and item {len(columns) + 1} is not; "
                'a name or format with a comma, a colon or a quote stands in "double quotes"'
            )
        columns.append(_column(found))
        at = found.end()
    names = [column.name for column in columns]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"must name each column once, and {twice} stands there twice")
    return columns


def _column(found: re.Match[str]) -> Column:
    name, kind = _unquoted(found["name"]), found["kind"]
    required = found["required"] is not None
    if not name:
        raise ValueError("must not have a column without a name")
    if kind is None:
        return Column(name=name, optional=not required)
    kind = kind.lower()
    if kind not in TYPE_NAMES:
        raise ValueError(
            f"must give column {name} one of the types {', '.join(TYPE_NAMES)}"
            f"{did_you_mean(kind, TYPE_NAMES)}"
        )
    digits, scale = found["digits"], found["scale"]
    if (digits is not None) != (kind == "decimal"):
        raise ValueError(
            f"must give column {name} its digits as decimal(precision,scale)"
            if kind == "decimal"
            else f"must not give column {name} digits, which only decimal has"
        )
    precision = int(digits) if digits else None
    places = int(scale) if scale else 0
    if precision is not None and (precision > 500 or places > 500 or 0 < precision < places):
        raise ValueError(f"must give column {name} a scale no larger than its precision, and at most 500")
    pattern = _unquoted(found["pattern"]) if found["pattern"] is not None else None
    if pattern is not None:
        if kind not in _WITH_PATTERN:
            raise ValueError(f"must not give column {name} a format: only date, time and timestamp have one")
        if "%" not in pattern and not (kind == "timestamp" and pattern in EPOCH_UNITS):
            raise ValueError(
                f"must give column {name} a format of strptime codes such as %d.%m.%Y"
                + (f", or {' or '.join(EPOCH_UNITS)}" if kind == "timestamp" else "")
            )
    return Column(
        name=name,
        kind=kind,
        optional=not required,
        scale=places,
        precision=precision or None,  # decimal(0,s): any number of digits
        pattern=pattern,
    )


def _unquoted(text: str) -> str:
    if text.startswith('"'):
        return text[1:-1].replace('""', '"')
    return text


def _quoted(name: str) -> str:
    # " not null" at the end of a name would be taken for the mark
    if _PLAIN_NAME.fullmatch(name) and not name.lower().endswith("null"):
        return name
    return '"' + name.replace('"', '""') + '"'


def infer(
    columns: Sequence[Column], rows: Sequence[Sequence[str]], nulls: frozenset[str], zone: tzinfo = UTC
) -> list[Column]:
    """The columns with a type each: the narrowest that all their texts have.

    Rows of other lengths are not looked at; a column without any text is a string.
    """
    usable = [row for row in rows if len(row) == len(columns)]
    return [
        column if column.kind is not None else _inferred(column, {row[i] for row in usable} - nulls, zone)
        for i, column in enumerate(columns)
    ]


def _inferred(column: Column, texts: set[str], zone: tzinfo) -> Column:
    kind = "string"
    if texts:
        for name, pattern in _INFERRED:
            if all(map(pattern.fullmatch, texts)) and _fits(name, texts, zone):
                kind = name
                break
    return Column(name=column.name, kind=kind, optional=column.optional)


def _fits(kind: str, texts: set[str], zone: tzinfo) -> bool:
    """Whether the texts are values too: a 31 February and a 19-digit number beyond int64 are not."""
    if kind == "float64" and any(_is_long_integer(text) for text in texts):
        return False
    convert = converter(kind, zone=zone)
    assert convert is not None
    try:
        convert(list(texts))
    except MISFITS:
        return False
    return True


def _is_long_integer(text: str) -> bool:
    # As a float64 it would be another number.
    return text.lstrip("-").isdigit() and abs(int(text[:60])) > 1 << 53

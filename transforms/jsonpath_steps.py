"""What a JSONPath is made of, read and not yet compiled: its steps and conditions.

Immutable values; :mod:`connectkit.transforms.jsonpath_parse` makes them of a text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Name:
    """A field of that name."""

    name: str


@dataclass(frozen=True, slots=True)
class Index:
    """An element of a list, from the end if negative."""

    index: int


@dataclass(frozen=True, slots=True)
class Union:
    """Several fields, or several elements."""

    parts: tuple[Name | Index, ...]


@dataclass(frozen=True, slots=True)
class Slice:
    """Elements of a list from ``start`` up to ``end``."""

    start: int | None
    end: int | None


@dataclass(frozen=True, slots=True)
class Every:
    """All fields or elements."""


@dataclass(frozen=True, slots=True)
class Scan:
    """A step taken from a value and from everything inside it."""

    then: Step


@dataclass(frozen=True, slots=True)
class Filter:
    """The elements of a list, or the object itself, that satisfy a condition."""

    condition: Condition


@dataclass(frozen=True, slots=True)
class PathOperand:
    """A path inside a condition; as a condition it asks whether it leads anywhere."""

    from_root: bool
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant: text, number, boolean, None, list of these, or a regular expression."""

    value: Any


@dataclass(frozen=True, slots=True)
class Compare:
    """Two operands and what is asked of them."""

    operator: str
    left: Operand
    right: Operand


@dataclass(frozen=True, slots=True)
class Logic:
    """All, or any, of the parts."""

    every: bool
    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Negation:
    """The contrary."""

    inner: Condition


Step = Name | Index | Union | Slice | Every | Scan | Filter
Operand = PathOperand | Literal
Condition = Compare | Logic | Negation | PathOperand

"""Types of parsed fields: their names, their schemas, and what makes their values of text.

``name:type`` or ``name:timestamp:format``. A number has ASCII digits only and must fit its type; a
``float`` is rounded to 32 bits. Text that is no value of the type raises ``NotParsedError`` with the name
of the field. Pure functions.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from connectkit.builder import SchemaBuilder
from connectkit.float32 import round32
from connectkit.schema import INT_BITS, Schema, Type
from connectkit.suggest import did_you_mean, shortened
from connectkit.transforms.parse.moments import Moments
from connectkit.transforms.parse.reading import NotParsedError

Convert = Callable[[str, int | None], Any]
"""The value of a text that is not null; the second argument is the record's moment."""

TYPES: Final = {
    "string": Type.STRING,
    "boolean": Type.BOOLEAN,
    "int8": Type.INT8,
    "int16": Type.INT16,
    "int32": Type.INT32,
    "int": Type.INT32,
    "int64": Type.INT64,
    "long": Type.INT64,
    "float32": Type.FLOAT32,
    "float": Type.FLOAT32,
    "float64": Type.FLOAT64,
    "double": Type.FLOAT64,
}
TIMESTAMP_TYPE: Final = "timestamp"
TYPE_NAMES: Final = (*TYPES, TIMESTAMP_TYPE)

_INTEGER = re.compile(r"[+-]?[0-9]{1,40}")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,9})?")
_MAX_NUMBER_CHARS = 1000
_TRUE = frozenset(("true", "yes", "on", "1"))
_FALSE = frozenset(("false", "no", "off", "0"))


@dataclass(frozen=True, slots=True)
class TypedName:
    """A field's name and, where given, its type and the format of a timestamp."""

    name: str
    type: str | None = None
    format: str | None = None


def check_type(name: str) -> str:
    """The type's name in lower case; ``ValueError`` if there is none."""
    lower = name.strip().lower()
    if lower not in TYPE_NAMES:
        hint = did_you_mean(lower, TYPE_NAMES) or f"; types are {', '.join(TYPE_NAMES)}"
        raise ValueError(f"has '{shortened(name)}', which is no type{hint}")
    return lower


def parse_typed_names(items: Iterable[str]) -> list[TypedName]:
    """The items ``name``, ``name:type`` or ``name:timestamp:format``; ``ValueError`` says what is wrong."""
    found: list[TypedName] = []
    for item in items:
        name, _, rest = item.partition(":")
        kind, _, form = rest.partition(":")
        name = name.strip()
        if not name:
            raise ValueError("has an item without a name")
        if any(each.name == name for each in found):
            raise ValueError(f"names '{shortened(name)}' twice")
        given = check_type(kind) if kind.strip() else None
        if form.strip() and given != TIMESTAMP_TYPE:
            raise ValueError(f"gives '{shortened(name)}' a format, and only a timestamp has one")
        found.append(TypedName(name, given, form.strip() or None))
    return found


def typed_field(wanted: TypedName, moments: Moments, default_format: str) -> tuple[Schema, Convert | None]:
    """The field's schema and what makes its values; None: its text is its value.

    ``ValueError`` says what is wrong with the format of a timestamp.
    """
    name = wanted.name
    if wanted.type == TIMESTAMP_TYPE:
        parse = moments.parser(wanted.format or default_format)

        def moment(text: str, reference_ms: int | None) -> Any:
            try:
                return parse(text, reference_ms)
            except ValueError as exc:
                raise NotParsedError(f"has no timestamp of the format in field '{name}'") from exc

        return moments.schema, moment
    kind = TYPES[wanted.type or "string"]
    schema = SchemaBuilder(kind).optional().build()
    if kind is Type.STRING:
        return schema, None
    return schema, _converter(kind, name)


def _converter(kind: Type, name: str) -> Convert:
    reason = f"has no {kind.value} in field '{name}'"
    if kind is Type.BOOLEAN:

        def boolean(text: str, _: int | None) -> bool:
            lower = text.lower()
            if lower in _TRUE:
                return True
            if lower in _FALSE:
                return False
            raise NotParsedError(reason)

        return boolean
    if kind in INT_BITS:
        bound = 1 << INT_BITS[kind] - 1

        sure = len(str(bound)) - 1

        def integer(text: str, _: int | None) -> int:
            if len(text) <= sure and text.isdecimal() and text.isascii():
                return int(text)
            if _INTEGER.fullmatch(text) is None:
                raise NotParsedError(reason)
            number = int(text)
            if not -bound <= number < bound:
                raise NotParsedError(reason)
            return number

        return integer

    def floating(text: str, _: int | None) -> float:
        if len(text) > _MAX_NUMBER_CHARS or _NUMBER.fullmatch(text) is None:
            raise NotParsedError(reason)
        number = float(text)
        if kind is Type.FLOAT32:
            number = round32(number)
        if math.isinf(number):
            raise NotParsedError(reason)
        return number

    return floating

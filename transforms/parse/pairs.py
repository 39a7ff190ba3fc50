r"""What logfmt, key=value and JSON have in common: fields that stand in the text itself.

Declared fields are taken, in the declared order and with their types; others are left out. Without a
declaration every field is taken, as text (JSON: as it is). Pure functions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from connectkit.builder import SchemaBuilder
from connectkit.schema import Schema
from connectkit.transforms.parse.moments import Moments
from connectkit.transforms.parse.reading import OpenReader, Reader, ResultField
from connectkit.transforms.parse.typed import TypedName, typed_field

TEXTS: Final = SchemaBuilder.map(Schema.STRING, Schema.OPTIONAL_STRING).optional().build()
"""The schema of undeclared fields."""
MAX_FIELDS: Final = 10_000


def declared(
    split: Callable[[str], dict[str, Any]],
    fields: Sequence[TypedName],
    moments: Moments,
    default_format: str,
    *,
    empty_is_null: bool = False,
) -> Reader | OpenReader:
    """A reader of what ``split`` finds; it raises ``NotParsedError``."""
    if not fields:

        def read_open(text: str, _: int | None) -> dict[str, Any]:
            found = split(text)
            if empty_is_null and "" in found.values():
                return {name: value or None for name, value in found.items()}
            return found

        return OpenReader(TEXTS, read_open)
    made = [typed_field(each, moments, default_format) for each in fields]
    names = [each.name for each in fields]
    converts = [(place, convert) for place, (_, convert) in enumerate(made) if convert is not None]

    def read(text: str, reference_ms: int | None) -> Sequence[Any]:
        values: list[Any] = list(map(split(text).get, names))
        if empty_is_null and "" in values:
            values = [None if value == "" else value for value in values]
        for place, convert in converts:
            value = values[place]
            if value is not None:
                values[place] = convert(value, reference_ms) if value else None
        return values

    return Reader(tuple(ResultField(n, schema) for n, (schema, _) in zip(names, made)), read)

"""Texts to bytes and values, and structs with inferred fields: the hands of FromJson."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from connectkit.errors import ConversionError, LimitError
from connectkit.schema import Schema
from connectkit.struct import Struct
from connectkit.transforms.base import class_name, copy_of
from connectkit.transforms.json_infer import load

_BYTES = (bytes, bytearray, memoryview)
_KEPT = 1000
"""Schemas of records with inferred fields that are remembered; beyond it the memory starts anew."""


def loaded(data: bytes) -> Any:
    """What a JSON text in UTF-8 says."""
    return load(decoded(data))


def decoded(data: bytes) -> str:
    """The text of bytes in UTF-8."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise ConversionError(f"The bytes are not UTF-8, from byte {exc.start} on") from exc


def data_of(value: Any, most: int) -> bytes:
    """A string, or bytes, as bytes in UTF-8, of which there are at most so many."""
    if not isinstance(value, (str, *_BYTES)):
        raise ConversionError(f"A JSON text was expected, and a value of class {class_name(value)} found")
    if len(value) > most:
        raise LimitError(f"The JSON text is longer than max.bytes={most}")
    try:
        data = value.encode("utf-8") if isinstance(value, str) else bytes(value)
    except UnicodeEncodeError as exc:
        raise ConversionError("The text has half a surrogate pair") from exc
    if len(data) > most:
        raise LimitError(f"The JSON text is longer than max.bytes={most}")
    return data


class Remaker:
    """Makes structs in which some fields have each record's own schema."""

    __slots__ = ("_indexes", "_made", "_schema")

    def __init__(self, schema: Schema, indexes: Sequence[int]) -> None:
        self._schema = schema
        self._indexes = indexes
        self._made: dict[tuple[Schema | None, ...], Schema] = {}

    def make(self, *values: Any) -> Struct:
        """``values``: the slots, then a pair of schema and value for each replaced field."""
        width = len(self._schema.fields)
        slots, pairs = list(values[:width]), values[width:]
        for index, (_, value) in zip(self._indexes, pairs):
            slots[index] = value
        own = tuple(schema for schema, _ in pairs)
        made = self._made.get(own)
        if made is None:
            if len(self._made) >= _KEPT:
                self._made.clear()
            made = self._made[own] = self._new_schema(own)
        if None in own:
            replaced = dict(zip(self._indexes, own))
            slots = [each for i, each in enumerate(slots) if replaced.get(i, made) is not None]
        return Struct.of(made, slots)

    def _new_schema(self, own: Sequence[Schema | None]) -> Schema:
        """A field whose text says null, or that has none, is left out: nothing tells its type."""
        replaced = dict(zip(self._indexes, own))
        builder = copy_of(self._schema, fields=False)
        if self._schema.optional:
            builder.optional()
        for field in self._schema.fields:
            schema = replaced.get(field.index, field.schema)
            if schema is not None:
                builder.field(field.name, schema)
        return builder.build()

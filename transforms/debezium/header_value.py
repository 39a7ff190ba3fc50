"""HeaderToValue: headers become fields of the value, also of structs inside it.

The fields' schemas are those of the headers, so what is done is decided for each combination of value
schema and header schemas, and kept. Source: Debezium's documentation of the transform; KIP-145 for what
a header is.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connectkit.builder import SchemaBuilder
from connectkit.checks import each, no_empty_items, non_empty_list
from connectkit.compile import PerSchemas
from connectkit.config import HIGH, option
from connectkit.draft import Draft
from connectkit.edit import EditTransform
from connectkit.errors import DataError
from connectkit.float32 import round32
from connectkit.headers import Headers
from connectkit.schema import Schema, Type
from connectkit.struct import Struct
from connectkit.transforms.base import copy_of, java_split
from connectkit.transforms.debezium.options import DebeziumConfig
from connectkit.transforms.debezium.variants import Variants
from connectkit.validation import validate_value

KEPT_COMBINATIONS = 64
"""Combinations of headers that were there, and for each combinations of schemas, that are kept."""
MOST_STEPS = 64
"""Steps of a path into the value."""


class Operation(enum.Enum):
    """Whether the headers stay."""

    MOVE = "move"
    COPY = "copy"


def _no_space(text: str) -> str | None:
    return "has a space" if " " in text else None


def _not_too_deep(text: str) -> str | None:
    steps = java_split(text, ".")
    if not steps or "" in steps:
        return "is no path: it has an empty step"
    return f"has more than {MOST_STEPS} steps" if len(steps) > MOST_STEPS else None


class HeaderToValueConfig(DebeziumConfig):
    """Which headers go to which fields."""

    headers: list[str] = option(
        doc="Names of the headers.",
        check=[non_empty_list, no_empty_items, each(_no_space)],
        importance=HIGH,
        order=1,
        display_name="Header names list",
    )
    fields: list[str] = option(
        doc="The fields they go to, in the same order; with dots for fields of structs inside the value.",
        check=[non_empty_list, no_empty_items, each(_no_space), each(_not_too_deep)],
        importance=HIGH,
        order=1,
        display_name="Field names list",
    )
    operation: Operation = option(
        doc="move: the headers are removed; copy: they stay.",
        importance=HIGH,
        order=1,
        display_name="Operation: mover or copy",
    )

    def problems(self) -> Mapping[str, str | Sequence[str]]:
        if len(self.fields) != len(self.headers):
            return {
                "fields": f"must have as many items as 'headers': {len(self.headers)}, not {len(self.fields)}"
            }
        return {}


@dataclass(frozen=True, slots=True)
class _Entry:
    """Something to put: the steps left to go, and its place among the values of the headers."""

    steps: tuple[str, ...]
    schema: Schema | None
    at: int

    def below(self) -> _Entry:
        return _Entry(self.steps[1:], self.schema, self.at)


Fill = Callable[[Any, Sequence[Any]], Struct]
"""Makes the new struct of the old one (None where there was none) and the values of the headers."""
Plans = PerSchemas[tuple[Schema, Fill]]


class HeaderToValue(EditTransform[HeaderToValueConfig]):
    """Copy or move headers into fields of the value."""

    java_names = ("io.debezium.transforms.HeaderToValue",)
    reads = frozenset(("value",))
    purpose = "insertion of headers as fields"

    def __init__(self, config: HeaderToValueConfig) -> None:
        super().__init__(config)
        self._paths: dict[str, tuple[str, ...]] = {}
        for header, field in zip(config.headers, config.fields, strict=True):
            self._paths.setdefault(header, tuple(java_split(field, ".")))
        self._moves = config.operation is Operation.MOVE
        self._plans: Variants[tuple[tuple[str, ...], ...], Plans] = Variants(
            _plans_for, size=KEPT_COMBINATIONS
        )

    def edit(self, draft: Draft) -> None:
        if not draft.value.is_null:
            draft.value.require_struct(self.purpose)
            draft.hand_over(self._filled)

    def _filled(self, record: Any) -> Any:
        find = self._paths.get
        found = [(path, header) for header in record.headers if (path := find(header.key)) is not None]
        if not found:
            return record
        plans = self._plans[tuple(path for path, _ in found)]
        schema, fill = plans[record.value.schema, *(header.schema for _, header in found)]
        headers: Headers = record.headers
        if self._moves:
            headers = Headers(header for header in headers if header.key not in self._paths)
        else:
            headers = headers.duplicate()
        value = fill(record.value, [header.value for _, header in found])
        return record.new_record(value_schema=schema, value=value, headers=headers)


def _plans_for(paths: tuple[tuple[str, ...], ...]) -> Plans:
    def make(schemas: tuple[Any, ...]) -> tuple[Schema, Fill]:
        entries = [_Entry(path, schema, at) for at, (path, schema) in enumerate(zip(paths, schemas[1:]))]
        return _plan(schemas[0], entries, "$")

    return PerSchemas(make, size=KEPT_COMBINATIONS)


def _plan(
    old: Schema, entries: Sequence[_Entry], where: str, *, optional: bool = False
) -> tuple[Schema, Fill]:
    """The schema with the entries put in, and the function that does the same to values."""
    inner = {name: [e.below() for e in entries if len(e.steps) > 1 and e.steps[0] == name] for name in
             dict.fromkeys(e.steps[0] for e in entries)}  # fmt: skip
    builder = copy_of(old, fields=False)
    names: dict[str, Schema] = {}
    nested: list[tuple[int, Fill, bool]] = []

    def add(name: str, schema: Schema) -> None:
        builder.field(name, schema)
        names[name] = schema

    for field in old.fields:
        schema = field.schema
        if inner.get(field.name):
            if schema.type is not Type.STRUCT:
                raise DataError(
                    f"A header cannot become a field of '{field.name}', which is of type {schema.type.value}",
                    path=f"{where}.{field.name}",
                )
            # It stays optional, unlike in Debezium, since it can still be null.
            below = inner[field.name]
            schema, fill = _plan(schema, below, f"{where}.{field.name}", optional=schema.optional)
            nested.append((field.index, fill, True))
        add(field.name, schema)
    for entry in entries:
        if len(entry.steps) == 1 and entry.steps[0] not in names:
            if entry.schema is None:
                raise DataError(
                    f"A header without a schema cannot become the field '{entry.steps[0]}'",
                    path=f"{where}.{entry.steps[0]}",
                )
            add(entry.steps[0], entry.schema)
    for name, below in inner.items():
        if below and old.field(name) is None:
            schema, fill = _plan(_NO_FIELDS, below, f"{where}.{name}", optional=True)
            nested.append((len(names), fill, False))
            add(name, schema)
    made = builder.optional().build() if optional else builder.build()
    puts = [(e.steps[0], e.at) for e in entries if len(e.steps) == 1]
    return made, _filler(made, old, nested, [(made.field(name), at) for name, at in puts])


_NO_FIELDS = SchemaBuilder.struct().build()


def _filler(
    made: Schema, old: Schema, nested: Sequence[tuple[int, Fill, bool]], puts: Sequence[tuple[Any, int]]
) -> Fill:
    defaults = [(f.index, f.schema.default) for f in old.fields if f.schema.default is not None]
    added = [None] * (len(made.fields) - len(old.fields))

    def fill(struct: Any, values: Sequence[Any]) -> Struct:
        slots: list[Any] = [*struct.values, *added] if struct is not None else added[:]
        for index, default in defaults:
            if slots[index] is None:
                slots[index] = default
        for index, inside, existed in nested:
            if slots[index] is not None or not existed:
                slots[index] = inside(slots[index], values)
        for field, at in puts:
            value = values[at]
            validate_value(field.schema, value, field.name)
            if field.schema.type is Type.FLOAT32 and value is not None:
                value = round32(value)
            slots[field.index] = value
        return Struct.of(made, slots)

    return fill

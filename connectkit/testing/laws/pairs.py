"""Cases for the laws of converters: pairs of schema and value, copies of them, deep lists."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from connectkit.schema import Schema, SchemaAndValue, Type
from connectkit.struct import Struct
from connectkit.testing import strategies
from connectkit.testing.strategies.siblings import another_object


@st.composite
def with_value(
    draw: st.DrawFn,
    schemas: st.SearchStrategy[Schema],
    values: Callable[[Schema], st.SearchStrategy[Any]],
) -> SchemaAndValue:
    """A schema with one of the values that are tried for it."""
    schema = draw(schemas)
    return SchemaAndValue(schema, draw(values(schema)))


@st.composite
def with_values(
    draw: st.DrawFn, schemas: st.SearchStrategy[tuple[Schema, Schema]]
) -> tuple[SchemaAndValue, SchemaAndValue]:
    """An old and a new schema, each with a value."""
    old, new = draw(schemas)
    return SchemaAndValue(old, draw(strategies.values(old))), SchemaAndValue(
        new, draw(strategies.values(new))
    )


@st.composite
def alike_pairs(draw: st.DrawFn, schemas: st.SearchStrategy[tuple[Schema, Schema]]) -> list[SchemaAndValue]:
    """Values of two schemas."""
    first, second = draw(schemas)
    return [SchemaAndValue(schema, draw(strategies.values(schema))) for schema in (first, second)]


def copied(pair: SchemaAndValue) -> SchemaAndValue:
    """The same with a schema object of its own."""
    assert pair.schema is not None
    schema = another_object(pair.schema)
    value = Struct.of(schema, list(pair.value.values)) if isinstance(pair.value, Struct) else pair.value
    return SchemaAndValue(schema, value)


def reborn(
    first: SchemaAndValue, last: SchemaAndValue, use: Callable[[SchemaAndValue], object]
) -> SchemaAndValue | None:
    """The last pair with its schema at the place in memory where the first one's was when it was used.

    That is what a plugin meets that knows schemas by their ``id()``. None if no schema came to that place.
    """
    passing = copied(first)
    place = id(passing.schema)
    use(passing)
    del passing
    kept = []
    for _ in range(8):
        other = copied(last)
        if id(other.schema) == place:
            return other
        kept.append(other)
    return None


DEPTH = 20_000
"""More than Python's stack takes."""


def deep_list() -> list[Any]:
    """Lists in lists."""
    made: list[Any] = []
    for _ in range(DEPTH):
        made = [made]
    return made


def empty_out(value: Any) -> None:
    """Empty lists and maps, also those inside, as a transform that works in place may."""
    inner = (
        value.values
        if isinstance(value, Struct)
        else list(value.values())
        if isinstance(value, dict)
        else value
    )
    if isinstance(inner, list):
        for item in inner:
            empty_out(item)
    if isinstance(value, list | dict):
        value.clear()


def filled(schema: Schema | None, value: Any) -> Any:
    """The value with defaults in place of nulls."""
    if schema is None:
        return value
    if value is None:
        return schema.default
    if isinstance(value, Struct):
        fields = zip(schema.fields, value.values, strict=True)
        return Struct.of(schema, [filled(field.schema, item) for field, item in fields])
    if schema.type is Type.ARRAY and isinstance(value, list):
        return [filled(schema.value_schema, item) for item in value]
    if schema.type is Type.MAP and isinstance(value, dict):
        keys, items = schema.key_schema, schema.value_schema
        return {filled(keys, key): filled(items, item) for key, item in value.items()}
    return value


def has_map(value: Any) -> bool:
    """Whether entries of a map, which have no order, are in it."""
    if isinstance(value, dict):
        return len(value) > 1 or any(map(has_map, value.values()))
    if isinstance(value, Struct):
        return any(map(has_map, value.values))
    return isinstance(value, list) and any(map(has_map, value))

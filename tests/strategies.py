"""Hypothesis strategies: schemas of any shape, and values that fit them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from connectkit import logical
from connectkit.builder import SchemaBuilder
from connectkit.float32 import round32
from connectkit.instant import date_from, time_from, timestamp_from
from connectkit.schema import (
    DATE_NAME,
    DECIMAL_NAME,
    FINE_NAMES,
    INT_BITS,
    TIME_NAME,
    TIMESTAMP_NAME,
    Schema,
    Type,
)
from connectkit.struct import Struct

PRIMITIVES = [t for t in Type if t.is_primitive]
NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=6)


def _builders(depth: int) -> st.SearchStrategy[SchemaBuilder]:
    flat = st.sampled_from(PRIMITIVES).map(SchemaBuilder) | st.one_of(
        st.integers(-5, 20).map(logical.decimal_builder),
        st.builds(logical.date_builder),
        st.builds(logical.time_builder),
        st.builds(logical.timestamp_builder),
        st.builds(logical.timestamp_micros_builder),
        st.builds(logical.timestamp_nanos_builder),
    )
    if depth == 0:
        return flat
    inner = schemas(depth - 1)
    keys = schemas(0).filter(lambda s: s.type is not Type.BYTES)
    fields = st.dictionaries(NAMES, inner, max_size=4)
    return st.one_of(
        flat,
        inner.map(SchemaBuilder.array),
        st.builds(SchemaBuilder.map, keys, inner),
        fields.map(_struct_builder),
    )


def _struct_builder(fields: dict[str, Schema]) -> SchemaBuilder:
    builder = SchemaBuilder.struct()
    for name, schema in fields.items():
        builder.field(name, schema)
    return builder


@st.composite
def schemas(draw: st.DrawFn, depth: int = 2) -> Schema:
    """A schema nested at most so deep, with any attributes but a default."""
    builder = draw(_builders(depth))
    if draw(st.booleans()):
        builder.optional()
    if builder.build().name is None:
        builder.name(draw(st.none() | NAMES))
        builder.version(draw(st.none() | st.integers(1, 9)))
        if draw(st.booleans()):
            builder.parameters(draw(st.dictionaries(NAMES, NAMES, max_size=2)))
    builder.doc(draw(st.none() | NAMES))
    return builder.build()


def values(schema: Schema) -> st.SearchStrategy[Any]:
    """Values that fit the schema."""
    found = _values(schema)
    return st.none() | found if schema.optional else found


def _values(schema: Schema) -> st.SearchStrategy[Any]:
    if schema.name == DECIMAL_NAME:
        scale = logical.schema_scale(schema)
        return st.integers(-(10**25), 10**25).map(
            lambda n: Decimal((n < 0, tuple(map(int, str(abs(n)))), -scale))
        )
    if schema.name == DATE_NAME:
        return st.integers(-(10**7), 10**7).map(date_from)
    if schema.name == TIME_NAME:
        return st.integers(0, 86_400_000).map(time_from)
    if schema.name == TIMESTAMP_NAME:
        return st.integers(-(10**15), 10**15).map(timestamp_from)
    if schema.name in FINE_NAMES:
        return st.integers(-(1 << 63), (1 << 63) - 1).map(lambda n: logical.to_logical(schema, n))
    if schema.type in INT_BITS:
        bound = 1 << (INT_BITS[schema.type] - 1)
        return st.integers(-bound, bound - 1)
    if schema.type is Type.ARRAY:
        assert schema.value_schema is not None
        return st.lists(values(schema.value_schema), max_size=3)
    if schema.type is Type.MAP:
        assert schema.key_schema is not None
        assert schema.value_schema is not None
        return st.dictionaries(values(schema.key_schema), values(schema.value_schema), max_size=3)
    if schema.type is Type.STRUCT:
        return st.tuples(*(values(f.schema) for f in schema.fields)).map(lambda v: Struct.of(schema, list(v)))
    return {
        Type.FLOAT32: st.floats(width=32).map(round32),
        Type.FLOAT64: st.floats(),
        Type.BOOLEAN: st.booleans(),
        Type.STRING: st.text(max_size=8),
        Type.BYTES: st.binary(max_size=8),
    }[schema.type]


@st.composite
def pairs(draw: st.DrawFn, depth: int = 2) -> tuple[Schema, Any]:
    """A schema with a value that fits it."""
    schema = draw(schemas(depth))
    return schema, draw(values(schema))

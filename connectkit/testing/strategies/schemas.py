"""Schemas of any shape, shrinking towards few, short and plain parts."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Any, Literal

from hypothesis import strategies as st

from connectkit import logical
from connectkit.builder import SchemaBuilder
from connectkit.schema import LOGICAL_NAMES, Schema, Type
from connectkit.testing.strategies.names import identifiers, names
from connectkit.testing.strategies.values import filled_value

PRIMITIVES: tuple[Type, ...] = tuple(t for t in Type if t.is_primitive)
"""The types of schemas that contain no others."""

Kind = Literal["primitive", "logical", "fine", "array", "map", "struct", "recursive"]
KINDS: frozenset[Kind] = frozenset(("primitive", "logical", "fine", "array", "map", "struct", "recursive"))
"""What :func:`schemas` makes: ``logical`` are Connect's four, ``fine`` the micro- and nanoseconds."""


def schemas(
    *,
    depth: int = 2,
    kinds: Collection[Kind] = KINDS - {"recursive"},
    types: Collection[Type] = PRIMITIVES,
    field_names: st.SearchStrategy[str] | None = None,
    defaults: bool = True,
    attributes: bool = True,
    string_keys: bool = False,
    null_keys: bool = False,
) -> st.SearchStrategy[Schema]:
    """Schemas nested at most ``depth`` deep.

    ``kinds`` and ``types`` say of what; ``field_names`` how fields are named (:func:`names`);
    ``defaults`` whether some have one (those that contain no others); ``attributes`` whether some have a
    name, a version, a doc and parameters; ``string_keys`` whether keys of maps are required strings only;
    ``null_keys`` whether some may be null.
    """
    shape = _Shape(
        frozenset(kinds),
        tuple(types),
        names() if field_names is None else field_names,
        defaults,
        attributes,
        string_keys,
        null_keys,
    )
    plain = shape.of(depth)
    return plain | _recursive(shape) if "recursive" in shape.kinds else plain


class _Shape:
    """The arguments of :func:`schemas`, and one strategy a level."""

    def __init__(
        self,
        kinds: frozenset[Kind],
        types: tuple[Type, ...],
        field_names: st.SearchStrategy[str],
        defaults: bool,
        attributes: bool,
        string_keys: bool,
        null_keys: bool,
    ) -> None:
        self.kinds = kinds
        self.types = types
        self.field_names = field_names
        self.defaults = defaults
        self.attributes = attributes
        self.string_keys = string_keys
        self.null_keys = null_keys
        self._levels: dict[int, st.SearchStrategy[Schema]] = {}

    def of(self, depth: int) -> st.SearchStrategy[Schema]:
        if depth not in self._levels:
            self._levels[depth] = _finished(self, self._builders(depth))
        return self._levels[depth]

    def _builders(self, depth: int) -> st.SearchStrategy[SchemaBuilder]:
        ways: list[st.SearchStrategy[SchemaBuilder]] = []
        if "primitive" in self.kinds and self.types:
            ways.append(st.sampled_from(self.types).map(SchemaBuilder))
        if "logical" in self.kinds:
            ways.append(_logical_builders())
        if "fine" in self.kinds:
            fine = (logical.timestamp_micros_builder, logical.timestamp_nanos_builder)
            ways.append(st.sampled_from(fine).map(lambda make: make()))
        composite = self.kinds & {"array", "map", "struct"}
        if depth > 0 and composite:
            inner = self.of(depth - 1)
            if "array" in composite:
                ways.append(inner.map(SchemaBuilder.array))
            if "map" in composite:
                ways.append(st.builds(SchemaBuilder.map, self._keys(), inner))
            if "struct" in composite:
                fields = st.dictionaries(self.field_names, inner, max_size=4)
                ways.append(fields.map(struct_builder))
        elif not ways and "struct" in composite:
            ways.append(st.builds(SchemaBuilder.struct))
        if not ways:
            raise ValueError("no schema is left of these kinds, types and this depth")
        return st.one_of(ways)

    def _keys(self) -> st.SearchStrategy[Schema]:
        if self.string_keys:
            return st.just(Schema.STRING)
        found = self.of(0).filter(lambda s: s.type not in (Type.BYTES, Type.STRUCT))
        return found if self.null_keys else found.filter(lambda s: not s.optional)


def _logical_builders() -> st.SearchStrategy[SchemaBuilder]:
    return st.one_of(
        st.integers(-5, 20).map(logical.decimal_builder),
        st.builds(logical.date_builder),
        st.builds(logical.time_builder),
        st.builds(logical.timestamp_builder),
    )


def struct_builder(fields: dict[str, Schema]) -> SchemaBuilder:
    """A struct of these fields, in this order."""
    builder = SchemaBuilder.struct()
    for name, schema in fields.items():
        builder.field(name, schema)
    return builder


@st.composite
def _finished(draw: st.DrawFn, shape: _Shape, builders: st.SearchStrategy[SchemaBuilder]) -> Schema:
    builder = draw(builders)
    if draw(st.booleans()):
        builder.optional()
    if shape.attributes and draw(st.booleans()):
        if builder.build().name is None:
            builder.name(draw(st.none() | shape.field_names.filter(lambda n: n not in LOGICAL_NAMES)))
            builder.version(draw(st.none() | st.integers(1, 9)))
            builder.parameters(draw(st.dictionaries(names(), names(), max_size=2)))
        builder.doc(draw(st.none() | names()))
    if shape.defaults and builder.type.is_primitive and draw(st.integers(0, 3)) == 3:
        builder.default(default_value(draw, builder.build()))
    return builder.build()


def default_value(draw: st.DrawFn, schema: Schema) -> Any:
    """No NaN, infinity or minus zero: as defaults they tell more of texts than of converters."""
    value = filled_value(draw, schema, 0)
    odd = isinstance(value, float) and (not math.isfinite(value) or str(value) == "-0.0")
    return 0.0 if odd else value


@st.composite
def _recursive(draw: st.DrawFn, shape: _Shape) -> Schema:
    """A node with some fields and, somewhere, itself: optional, in an array or in a map."""
    node = SchemaBuilder.struct().name("Node").optional()
    for name, schema in draw(st.dictionaries(identifiers(), shape.of(0), max_size=2)).items():
        node.field(name, schema)
    way = draw(st.sampled_from(("itself", "array", "map")))
    inner = {
        "itself": lambda: node,
        "array": lambda: SchemaBuilder.array(node),
        "map": lambda: SchemaBuilder.map(Schema.STRING, node),
    }[way]()
    return node.field("next#", inner).build() if shape.attributes else node.field("next_", inner).build()

"""Hypothesis strategies: schemas of any shape, values that fit them or do not, records, evolutions, bytes.

Everything shrinks towards few, short and plain parts. Values can be printed as code with
:func:`connectkit.testing.code.code_of`.
"""

from __future__ import annotations

import gzip
import math
from collections.abc import Collection
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from hypothesis import strategies as st

from connectkit import logical
from connectkit.builder import SchemaBuilder
from connectkit.float32 import round32
from connectkit.headers import Headers
from connectkit.instant import DAY_MS, date_from, time_from, timestamp_from
from connectkit.record import SinkRecord, SourceRecord
from connectkit.schema import (
    DATE_NAME,
    DECIMAL_NAME,
    FINE_NAMES,
    INT_BITS,
    LOGICAL_NAMES,
    TIME_NAME,
    TIMESTAMP_NAME,
    Schema,
    SchemaAndValue,
    Type,
)
from connectkit.struct import Struct

PRIMITIVES: tuple[Type, ...] = tuple(t for t in Type if t.is_primitive)
"""The types of schemas that contain no others."""

Kind = Literal["primitive", "logical", "fine", "array", "map", "struct", "recursive"]
KINDS: frozenset[Kind] = frozenset(("primitive", "logical", "fine", "array", "map", "struct", "recursive"))
"""What :func:`schemas` makes: ``logical`` are Connect's four, ``fine`` the micro- and nanoseconds."""


# --- names -----------------------------------------------------------------------------------------


def identifiers() -> st.SearchStrategy[str]:
    """Names that every format allows: letters, digits and underscores, no digit first."""
    return st.from_regex(r"[a-z_][a-z0-9_]{0,7}", fullmatch=True)


_TRAPS = (
    "class", "None", "self", "__class__", "a.b", "a b", "a\"b", "a'b", "{x}", "a\\", "\n", "\x00", "0", "$",
    "ı", "\u202eabc", "e\u0301", "🐍", "a" * 300, "type", "__dict__", "${env:HOME}",
)  # fmt: skip


def hostile_names() -> st.SearchStrategy[str]:
    """Names that no format has to like: quotes, dots, keywords, control characters, long, other scripts."""
    return st.sampled_from(_TRAPS) | st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)


def names() -> st.SearchStrategy[str]:
    """Any name that is not empty: mostly short and strange, as Connect allows."""
    plain = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6)
    return identifiers() | plain | hostile_names()


# --- schemas ---------------------------------------------------------------------------------------


def schemas(
    *,
    depth: int = 2,
    kinds: Collection[Kind] = KINDS - {"recursive"},
    types: Collection[Type] = PRIMITIVES,
    field_names: st.SearchStrategy[str] | None = None,
    defaults: bool = True,
    attributes: bool = True,
    string_keys: bool = False,
) -> st.SearchStrategy[Schema]:
    """Schemas nested at most ``depth`` deep.

    ``kinds`` and ``types`` say of what; ``field_names`` how fields are named (:func:`names`);
    ``defaults`` whether some have one (those that contain no others); ``attributes`` whether some have a
    name, a version, a doc and parameters; ``string_keys`` whether keys of maps are required strings only.
    """
    shape = _Shape(
        frozenset(kinds),
        tuple(types),
        names() if field_names is None else field_names,
        defaults,
        attributes,
        string_keys,
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
    ) -> None:
        self.kinds = kinds
        self.types = types
        self.field_names = field_names
        self.defaults = defaults
        self.attributes = attributes
        self.string_keys = string_keys
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
                ways.append(fields.map(_struct_builder))
        elif not ways and "struct" in composite:
            ways.append(st.builds(SchemaBuilder.struct))
        if not ways:
            raise ValueError("no schema is left of these kinds, types and this depth")
        return st.one_of(ways)

    def _keys(self) -> st.SearchStrategy[Schema]:
        if self.string_keys:
            return st.just(Schema.STRING)
        return self.of(0).filter(lambda s: s.type not in (Type.BYTES, Type.STRUCT))


def _logical_builders() -> st.SearchStrategy[SchemaBuilder]:
    return st.one_of(
        st.integers(-5, 20).map(logical.decimal_builder),
        st.builds(logical.date_builder),
        st.builds(logical.time_builder),
        st.builds(logical.timestamp_builder),
    )


def _struct_builder(fields: dict[str, Schema]) -> SchemaBuilder:
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
        builder.default(draw(_values(builder.build()).filter(_is_plain)))
    return builder.build()


def _is_plain(value: Any) -> bool:
    """No NaN, no infinity, no minus zero: as defaults they tell more of texts than of converters."""
    return not isinstance(value, float) or (math.isfinite(value) and str(value) != "-0.0")


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


# --- values ----------------------------------------------------------------------------------------


def values(schema: Schema, *, depth: int = 3) -> st.SearchStrategy[Any]:
    """Values that fit the schema, bounds and all; of a recursive one, at most ``depth`` levels."""
    found = _values(schema, depth)
    return st.none() | found if schema.optional else found


def _values(schema: Schema, depth: int = 3) -> st.SearchStrategy[Any]:
    """Values that are not null."""
    plain = _logical_values(schema) if schema.name in LOGICAL_NAMES else None
    if plain is not None:
        return plain
    if schema.type in INT_BITS:
        bound = 1 << (INT_BITS[schema.type] - 1)
        return st.sampled_from((0, bound - 1, -bound)) | st.integers(-bound, bound - 1)
    if schema.type is Type.ARRAY:
        inner = _inner(schema.value_schema, depth)
        return st.builds(list) if inner is None else st.lists(inner, max_size=3)
    if schema.type is Type.MAP:
        inner = _inner(schema.value_schema, depth)
        assert schema.key_schema is not None
        keys = values(schema.key_schema, depth=depth - 1)
        return st.builds(dict) if inner is None else st.dictionaries(keys, inner, max_size=3)
    if schema.type is Type.STRUCT:
        fields = [_field_values(f.schema, depth) for f in schema.fields]
        return st.tuples(*fields).map(lambda found: Struct.of(schema, list(found)))
    return _SIMPLE[schema.type]


def _inner(schema: Schema | None, depth: int) -> st.SearchStrategy[Any] | None:
    """The elements of a collection; None where there can be none, as the value is deep enough."""
    if schema is None or depth <= 0:
        return None
    return values(schema, depth=depth - 1)


def _field_values(schema: Schema, depth: int) -> st.SearchStrategy[Any]:
    """A field's, which is null where the value is deep enough and allows it."""
    return st.none() if depth <= 0 and schema.optional else values(schema, depth=depth - 1)


_SIMPLE: dict[Type, st.SearchStrategy[Any]] = {
    Type.FLOAT32: (st.sampled_from((0.0, -0.0, 0.1, 3.4028234663852886e38)) | st.floats(width=32)).map(
        round32
    ),
    Type.FLOAT64: st.sampled_from((0.0, -0.0, 0.1, 5e-324, 1.7976931348623157e308)) | st.floats(),
    Type.BOOLEAN: st.booleans(),
    Type.STRING: st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    Type.BYTES: st.binary(max_size=8),
}


def _logical_values(schema: Schema) -> st.SearchStrategy[Any] | None:
    """The values of a logical type; None if a schema only has its name."""
    if schema.name == DECIMAL_NAME and schema.type is Type.BYTES:
        scale = logical.schema_scale(schema)
        return st.integers(-(10**25), 10**25).map(
            lambda n: Decimal((n < 0, tuple(map(int, str(abs(n)))), -scale))
        )
    if schema.name == DATE_NAME and schema.type is Type.INT32:
        return st.integers(-700_000, 2_900_000).map(date_from)
    if schema.name == TIME_NAME and schema.type is Type.INT32:
        return st.integers(0, DAY_MS - 1).map(time_from)
    if schema.name == TIMESTAMP_NAME and schema.type is Type.INT64:
        return st.integers(-62_000_000_000_000, 253_000_000_000_000).map(timestamp_from)
    if schema.name in FINE_NAMES and schema.type is Type.INT64:
        return st.integers(-(1 << 62), (1 << 62) - 1).map(lambda n: logical.to_logical(schema, n))
    return None


class _Alien:
    """A class that no schema knows."""

    def __repr__(self) -> str:
        return "object()"


def hostile_values(schema: Schema) -> st.SearchStrategy[Any]:
    """Values that do not fit: of another class, out of range, null where it is required, half a struct."""
    strange: list[Any] = [_Alien(), {1, 2}, complex(1, 2), range(3), datetime(2024, 1, 1), Decimal("NaN")]  # noqa: DTZ001 - a moment nobody knows
    ways: list[st.SearchStrategy[Any]] = [st.sampled_from(strange)]
    if not schema.optional:
        ways.append(st.none())
    if schema.type in INT_BITS and schema.name not in LOGICAL_NAMES:
        bound = 1 << (INT_BITS[schema.type] - 1)
        ways.append(st.sampled_from((bound, -bound - 1, True, 1.0, "1", 1 << 200)))
    elif schema.type is Type.STRING:
        ways.append(st.sampled_from((1, b"text", True, 1.5)))
    elif schema.type in (Type.FLOAT32, Type.FLOAT64):
        ways.append(st.sampled_from((1, "1.5", True)))
    elif schema.type is Type.BOOLEAN:
        ways.append(st.sampled_from((0, 1, "true")))
    elif schema.type is Type.BYTES:
        ways.append(st.sampled_from((1, "text", [1, 2])))
    elif schema.type is Type.STRUCT:
        other = SchemaBuilder.struct().field("other", Schema.STRING).build()
        ways.append(st.just(Struct.of(other, ["x"])))
        ways.append(st.sampled_from(({}, [], "struct")))
    else:
        ways.append(st.sampled_from((1, "text", object)))
    return st.one_of(ways)


@st.composite
def pairs(draw: st.DrawFn, of: st.SearchStrategy[Schema] | None = None) -> SchemaAndValue:
    """A schema with a value that fits it."""
    schema = draw(schemas() if of is None else of)
    return SchemaAndValue(schema, draw(values(schema)))


def schemaless(*, depth: int = 2) -> st.SearchStrategy[Any]:
    """Values that need no schema: null, booleans, integers, floats, texts, lists, maps of texts."""
    leaves = (
        st.none()
        | st.booleans()
        | st.integers(-(1 << 63), (1 << 63) - 1)
        | st.floats(allow_nan=False, allow_infinity=False)
        | _SIMPLE[Type.STRING]
    )
    return st.recursive(
        leaves,
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.text(st.characters(exclude_categories=["Cs"]), max_size=6), inner, max_size=3
            )
        ),
        max_leaves=2**depth + 2,
    )


# --- records ---------------------------------------------------------------------------------------


@st.composite
def headers(draw: st.DrawFn, *, max_size: int = 3) -> Headers:
    """Headers of simple types; a name may come twice."""
    made = Headers()
    plain = schemas(depth=0, kinds=("primitive", "logical"), defaults=False, attributes=False)
    for name in draw(st.lists(names(), max_size=max_size)):
        schema = draw(plain)
        made.add(name, draw(values(schema)), schema)
    return made


def _sides(
    draw: st.DrawFn,
    key: st.SearchStrategy[SchemaAndValue] | None,
    value: st.SearchStrategy[SchemaAndValue] | None,
) -> tuple[SchemaAndValue, SchemaAndValue]:
    nothing = st.just(SchemaAndValue(None, None))
    if key is None:
        key = nothing | pairs(schemas(depth=1))
    if value is None:
        value = pairs() | schemaless().map(lambda found: SchemaAndValue(None, found))
    return draw(key), draw(value)


@st.composite
def source_records(
    draw: st.DrawFn,
    *,
    key: st.SearchStrategy[SchemaAndValue] | None = None,
    value: st.SearchStrategy[SchemaAndValue] | None = None,
) -> SourceRecord:
    """Records of a source connector; ``key`` and ``value`` give pairs of schema and value."""
    (key_schema, key_value), (value_schema, found) = _sides(draw, key, value)
    return SourceRecord(
        {"part": draw(st.integers(0, 3))},
        {"at": draw(st.integers(0, 1000))},
        draw(st.sampled_from(("orders", "t", "a.b-c_d"))),
        value_schema,
        found,
        key_schema=key_schema,
        key=key_value,
        kafka_partition=draw(st.none() | st.integers(0, 3)),
        timestamp=draw(st.none() | st.integers(0, 253_000_000_000_000)),
        headers=draw(headers()),
    )


@st.composite
def sink_records(
    draw: st.DrawFn,
    *,
    key: st.SearchStrategy[SchemaAndValue] | None = None,
    value: st.SearchStrategy[SchemaAndValue] | None = None,
) -> SinkRecord:
    """Records of a sink connector; ``key`` and ``value`` give pairs of schema and value."""
    (key_schema, key_value), (value_schema, found) = _sides(draw, key, value)
    return SinkRecord(
        draw(st.sampled_from(("orders", "t", "a.b-c_d"))),
        draw(st.integers(0, 3)),
        key_schema,
        key_value,
        value_schema,
        found,
        draw(st.integers(0, 1000)),
        timestamp=draw(st.none() | st.integers(0, 253_000_000_000_000)),
        headers=draw(headers()),
    )


def records(
    *,
    key: st.SearchStrategy[SchemaAndValue] | None = None,
    value: st.SearchStrategy[SchemaAndValue] | None = None,
) -> st.SearchStrategy[SourceRecord | SinkRecord]:
    """Records of either kind."""
    return st.one_of(source_records(key=key, value=value), sink_records(key=key, value=value))


# --- schemas that change ---------------------------------------------------------------------------

Compatibility = Literal["BACKWARD", "FORWARD", "FULL", "NONE"]


@st.composite
def evolutions(
    draw: st.DrawFn,
    compatibility: Compatibility = "BACKWARD",
    *,
    of: st.SearchStrategy[Schema] | None = None,
    field_names: st.SearchStrategy[str] | None = None,
) -> tuple[Schema, Schema]:
    """An old and a new schema of one struct, related as a schema registry calls it.

    BACKWARD: who has the new one reads data of the old (fields go, and come with a default). FORWARD:
    the other way round. FULL: both (only fields with a default come and go). NONE: a field changes its type.
    """
    inner = (
        of if of is not None else schemas(depth=1, defaults=False, attributes=False, field_names=field_names)
    )
    named = field_names if field_names is not None else identifiers()
    wanted = st.dictionaries(named, inner, min_size=1, max_size=4)
    base: dict[str, Schema] = draw(wanted)
    fresh = draw(wanted)
    extra = {name: schema for name, schema in fresh.items() if name not in base}
    with_default = {name: _with_default(draw, schema) for name, schema in extra.items()}
    if compatibility == "NONE":
        name = draw(st.sampled_from(sorted(base)))
        other = Schema.INT64 if base[name].type is Type.STRING else Schema.STRING
        return _order(base), _order({**base, name: other})
    if compatibility == "FULL":
        gone = {f"{name}_gone": _with_default(draw, Schema.STRING) for name in sorted(base)[:1]}
        return _order({**base, **gone}), _order({**base, **with_default})
    kept = {n: s for n, s in base.items() if len(base) == 1 or draw(st.booleans())} or base
    wide, narrow = _order(base), _order({**kept, **with_default})
    return (wide, narrow) if compatibility == "BACKWARD" else (narrow, wide)


def _with_default(draw: st.DrawFn, schema: Schema) -> Schema:
    if schema.optional or schema.default is not None:
        return schema
    return schema.to_builder().default(draw(_values(schema).filter(_is_plain))).build()


def _order(fields: dict[str, Schema]) -> Schema:
    return _struct_builder(fields).name("Order").build()


# --- bytes -----------------------------------------------------------------------------------------

_BLOBS = (
    b"", b"\x00", b"\x00\x00\x00\x00\x01", b"\x00\x00\x00\x00\x01\x02a", b"\x00\xff\xff\xff\xff", b"\xff",
    b"null", b"{", b"[]", b'{"schema":null,"payload":null}', b'{"a":1,"a":2}', b"[" * 5000, b"NaN", b"-",
    b'"\\ud800"', b"\xef\xbb\xbf{}", "{}".encode("utf-16"), b"\xff\xfe", b"\x80" * 20, b"\x00" * 64,
    b"\xff" * 64, b"1" * 5000, b"1e999999999", gzip.compress(b"x" * 100, mtime=0), b"\x08\x96\x01", b"PAR1",
    b"Obj\x01",
)  # fmt: skip


def noise(*, near: st.SearchStrategy[bytes] | None = None) -> st.SearchStrategy[bytes]:
    """Bytes that nobody wrote: empty, cut, other formats, random; and, with ``near``, good ones damaged."""
    plain = st.sampled_from(_BLOBS) | st.binary(max_size=64)
    return plain if near is None else plain | _damaged(near)


@st.composite
def _damaged(draw: st.DrawFn, near: st.SearchStrategy[bytes]) -> bytes:
    data = draw(near)
    at = draw(st.integers(0, max(len(data) - 1, 0)))
    way = draw(st.sampled_from(("cut", "flip", "insert", "repeat", "append")))
    if way == "cut":
        return data[:at]
    if way == "flip":
        return data[:at] + bytes([data[at] ^ draw(st.integers(1, 255))]) + data[at + 1 :] if data else data
    if way == "insert":
        return data[:at] + draw(st.binary(min_size=1, max_size=4)) + data[at:]
    return data + data if way == "repeat" else data + draw(st.binary(min_size=1, max_size=4))

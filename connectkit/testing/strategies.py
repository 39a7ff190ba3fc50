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
from functools import cache
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


@cache
def identifiers() -> st.SearchStrategy[str]:
    """Names that every format allows: letters, digits and underscores, no digit first."""
    return st.from_regex(r"[a-z_][a-z0-9_]{0,7}", fullmatch=True)


_TRAPS = (
    "class", "None", "self", "__class__", "a.b", "a b", "a\"b", "a'b", "{x}", "a\\", "\n", "\x00", "0", "$",
    "ı", "\u202eabc", "e\u0301", "🐍", "a" * 300, "type", "__dict__", "${env:HOME}",
)  # fmt: skip


@cache
def hostile_names() -> st.SearchStrategy[str]:
    """Names that no format has to like: quotes, dots, keywords, control characters, long, other scripts."""
    return st.sampled_from(_TRAPS) | st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)


@cache
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
        return self.of(0).filter(lambda s: not s.optional and s.type not in (Type.BYTES, Type.STRUCT))


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
        builder.default(_default(draw, builder.build()))
    return builder.build()


def _default(draw: st.DrawFn, schema: Schema) -> Any:
    """No NaN, infinity or minus zero: as defaults they tell more of texts than of converters."""
    value = _filled_value(draw, schema, 0)
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


# --- values ----------------------------------------------------------------------------------------

# What is easily mistaken for something else, cut off, rounded or trimmed.
_AWKWARD_TEXTS = (
    "",
    " padded ",
    "null",
    "0",
    "true",
    "NaN",
    "a\x00b",
    "line\nbreak",
    "\u00e9",
    "e\u0301",
    "\U0001f40d",
    '"',
)
_AWKWARD_BYTES = (b"", b"\x00", b"\xff\xfe", b"text", b"\x80" * 3)
_AWKWARD_FLOATS = (0.0, -0.0, 0.1, 1 / 3, 1e-7, 123456789.12345679, 1e16, 5e-324, 1.7976931348623157e308)
_AWKWARD_INTEGERS = (0, 1, -1, 255, 256, 1 << 31, (1 << 53) + 1, -(1 << 53) - 1)

_TEXTS = st.sampled_from(_AWKWARD_TEXTS) | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
_FLOATS = st.sampled_from(_AWKWARD_FLOATS) | st.floats()
_SIMPLE: dict[Type, st.SearchStrategy[Any]] = {
    Type.FLOAT32: (
        st.sampled_from((0.0, -0.0, 0.1, 1 / 3, 1e-7, 16777217.0, 3.4028234663852886e38))
        | st.floats(width=32)
    ).map(round32),
    Type.FLOAT64: _FLOATS,
    Type.BOOLEAN: st.booleans(),
    Type.STRING: _TEXTS,
    Type.BYTES: st.sampled_from(_AWKWARD_BYTES) | st.binary(max_size=8),
}
for _type, _bits in INT_BITS.items():
    _bound = 1 << (_bits - 1)
    _awkward = [n for n in (*_AWKWARD_INTEGERS, _bound - 1, -_bound) if -_bound <= n < _bound]
    _SIMPLE[_type] = st.sampled_from(_awkward) | st.integers(-_bound, _bound - 1)
_LOGICAL: dict[tuple[str, Type], st.SearchStrategy[Any]] = {
    (DATE_NAME, Type.INT32): st.integers(-700_000, 2_900_000).map(date_from),
    (TIME_NAME, Type.INT32): st.integers(0, DAY_MS - 1).map(time_from),
    (TIMESTAMP_NAME, Type.INT64): st.integers(-62_000_000_000_000, 253_000_000_000_000).map(timestamp_from),
}
_UNSCALED = st.integers(-(10**25), 10**25)
_FINE = st.integers(-(1 << 62), (1 << 62) - 1)
_FEW = st.integers(0, 3)


@st.composite
def values(draw: st.DrawFn, schema: Schema, *, depth: int = 3) -> Any:
    """Values that fit the schema, bounds and all; of a recursive one, at most ``depth`` levels."""
    return _value(draw, schema, depth)


def _value(draw: st.DrawFn, schema: Schema, depth: int) -> Any:
    if schema.optional and (depth < 0 or draw(_FEW) == 0):
        return None
    return _filled_value(draw, schema, depth)


def _filled_value(draw: st.DrawFn, schema: Schema, depth: int) -> Any:
    """A value that is not null. Draws part by part: to build a strategy for each schema takes longer."""
    if schema.name in LOGICAL_NAMES:
        found = _LOGICAL.get((schema.name, schema.type))
        if found is not None:
            return draw(found)
        if schema.name == DECIMAL_NAME and schema.type is Type.BYTES:
            unscaled = draw(_UNSCALED)
            return Decimal((unscaled < 0, tuple(map(int, str(abs(unscaled)))), -logical.schema_scale(schema)))
        if schema.name in FINE_NAMES and schema.type is Type.INT64:
            return logical.to_logical(schema, draw(_FINE))
    if schema.type is Type.STRUCT:
        return Struct.of(schema, [_value(draw, field.schema, depth - 1) for field in schema.fields])
    if schema.type in (Type.ARRAY, Type.MAP):
        inner = schema.value_schema
        count = 0 if depth <= 0 or inner is None else draw(_FEW)
        items = [_value(draw, inner, depth - 1) for _ in range(count)] if inner is not None else []
        if schema.type is Type.ARRAY:
            return items
        assert schema.key_schema is not None
        return {_value(draw, schema.key_schema, depth - 1): item for item in items}
    return draw(_SIMPLE[schema.type])


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
    schema = draw(_any_schema() if of is None else of)
    return SchemaAndValue(schema, _value(draw, schema, 3))


@cache
def _any_schema() -> st.SearchStrategy[Schema]:
    return schemas()


_PLAIN_VALUES: st.SearchStrategy[Any] = st.one_of(
    st.none(), st.booleans(), _SIMPLE[Type.INT64], _FLOATS.filter(math.isfinite), _TEXTS
)


def schemaless(*, depth: int = 2) -> st.SearchStrategy[Any]:
    """Values that need no schema: null, booleans, integers, floats, texts, lists, maps of texts."""
    return _PLAIN_VALUES | _collections(depth) if depth > 0 else _PLAIN_VALUES


@st.composite
def _collections(draw: st.DrawFn, depth: int) -> Any:
    inner = schemaless(depth=depth - 1)
    if draw(st.booleans()):
        return [draw(inner) for _ in range(draw(_FEW))]
    return {draw(_TEXTS): draw(inner) for _ in range(draw(_FEW))}


# --- records ---------------------------------------------------------------------------------------


@st.composite
def headers(draw: st.DrawFn, *, max_size: int = 3) -> Headers:
    """Headers of simple types; a name may come twice."""
    made = Headers()
    for _ in range(draw(st.integers(0, max_size))):
        schema = draw(_header_schemas())
        made.add(draw(names()), _value(draw, schema, 0), schema)
    return made


@cache
def _header_schemas() -> st.SearchStrategy[Schema]:
    return schemas(depth=0, kinds=("primitive", "logical"), defaults=False, attributes=False)


_TOPICS = st.sampled_from(("orders", "t", "a.b-c_d"))
_PARTITIONS = st.integers(0, 3)
_SOME_PARTITION = st.none() | _PARTITIONS
_OFFSETS = st.integers(0, 1000)
_TIMESTAMPS = st.none() | st.integers(0, 253_000_000_000_000)


@cache
def _keys() -> st.SearchStrategy[SchemaAndValue]:
    return st.just(SchemaAndValue(None, None)) | pairs(schemas(depth=1))


@cache
def _any_value() -> st.SearchStrategy[SchemaAndValue]:
    return pairs() | schemaless().map(lambda found: SchemaAndValue(None, found))


@st.composite
def source_records(
    draw: st.DrawFn,
    *,
    key: st.SearchStrategy[SchemaAndValue] | None = None,
    value: st.SearchStrategy[SchemaAndValue] | None = None,
) -> SourceRecord:
    """Records of a source connector; ``key`` and ``value`` give pairs of schema and value."""
    key_schema, key_value = draw(_keys() if key is None else key)
    value_schema, found = draw(_any_value() if value is None else value)
    return SourceRecord(
        {"part": draw(_PARTITIONS)},
        {"at": draw(_OFFSETS)},
        draw(_TOPICS),
        value_schema,
        found,
        key_schema=key_schema,
        key=key_value,
        kafka_partition=draw(_SOME_PARTITION),
        timestamp=draw(_TIMESTAMPS),
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
    key_schema, key_value = draw(_keys() if key is None else key)
    value_schema, found = draw(_any_value() if value is None else value)
    return SinkRecord(
        draw(_TOPICS),
        draw(_PARTITIONS),
        key_schema,
        key_value,
        value_schema,
        found,
        draw(_OFFSETS),
        timestamp=draw(_TIMESTAMPS),
        headers=draw(headers()),
    )


def records(
    *,
    key: st.SearchStrategy[SchemaAndValue] | None = None,
    value: st.SearchStrategy[SchemaAndValue] | None = None,
) -> st.SearchStrategy[SourceRecord | SinkRecord]:
    """Records of either kind."""
    return st.one_of(source_records(key=key, value=value), sink_records(key=key, value=value))


_ADDRESS = SchemaBuilder.struct().optional().field("city", Schema.STRING).field("zip", Schema.OPTIONAL_STRING)
_ORDINARY: dict[str, tuple[Schema, st.SearchStrategy[Any]]] = {
    "id": (Schema.INT64, st.integers(1, 99_999)),
    "name": (Schema.STRING, st.sampled_from(("Ada Lovelace", "grace", " Bob ", "Ünal", ""))),
    "email": (Schema.OPTIONAL_STRING, st.sampled_from(("ada@example.org", "x@y.z", None))),
    "amount": (Schema.FLOAT64, st.sampled_from((0.1, 19.99, -3.5, 1e10 / 3))),
    "active": (Schema.OPTIONAL_BOOLEAN, st.sampled_from((True, False, None))),
    "tags": (
        SchemaBuilder.array(Schema.STRING).build(),
        st.lists(st.sampled_from(("red", "new")), max_size=2),
    ),
    "address": (_ADDRESS.build(), st.sampled_from((("Paris", "75001"), ("Ulm", None), None))),
}


@st.composite
def ordinary_records(draw: st.DrawFn) -> SourceRecord | SinkRecord:
    """What a pipeline sees every day: maps and structs of id, name, email, amount, tags, address."""
    chosen = draw(st.lists(st.sampled_from(sorted(_ORDINARY)), min_size=1, max_size=5, unique=True))
    plain = {name: draw(_ORDINARY[name][1]) for name in chosen}
    address = plain.get("address")
    headers_ = Headers().add("trace", "abc", Schema.STRING)
    schema: Schema | None = None
    value: Any = plain
    if draw(st.booleans()):
        if address is not None:
            plain["address"] = {"city": address[0], "zip": address[1]}
    else:
        if address is not None:
            plain["address"] = Struct.of(_ORDINARY["address"][0], list(address))
        schema = _struct_builder({name: _ORDINARY[name][0] for name in chosen}).name("Customer").build()
        value = Struct.of(schema, list(plain.values()))
    key = draw(st.sampled_from(("k1", "k2", None)))
    keys = Schema.STRING if key is not None else None
    if draw(st.booleans()):
        place = {"table": "customers"}, {"row": draw(_OFFSETS)}
        return SourceRecord(
            *place, "customers", schema, value, key_schema=keys, key=key, timestamp=7, headers=headers_
        )
    return SinkRecord("customers", 1, keys, key, schema, value, draw(_OFFSETS), timestamp=7, headers=headers_)


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
    return schema.to_builder().default(_default(draw, schema)).build()


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

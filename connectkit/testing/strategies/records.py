"""Pairs of schema and value, headers and records: any, and those of every day."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from hypothesis import strategies as st

from connectkit.builder import SchemaBuilder
from connectkit.headers import Headers
from connectkit.record import SinkRecord, SourceRecord
from connectkit.schema import Schema, SchemaAndValue
from connectkit.struct import Struct
from connectkit.testing.strategies.names import names
from connectkit.testing.strategies.schemas import schemas, struct_builder
from connectkit.testing.strategies.values import draw_value, schemaless


@st.composite
def pairs(draw: st.DrawFn, of: st.SearchStrategy[Schema] | None = None) -> SchemaAndValue:
    """A schema with a value that fits it."""
    schema = draw(_any_schema() if of is None else of)
    return SchemaAndValue(schema, draw_value(draw, schema, 3))


@cache
def _any_schema() -> st.SearchStrategy[Schema]:
    return schemas()


@st.composite
def headers(draw: st.DrawFn, *, max_size: int = 3) -> Headers:
    """Headers of simple types; a name may come twice."""
    made = Headers()
    for _ in range(draw(st.integers(0, max_size))):
        schema = draw(_header_schemas())
        made.add(draw(names()), draw_value(draw, schema, 0), schema)
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


_NEXT_TO_NOTHING: tuple[Any, ...] = (b"", b"\x00", "", " ", "\x00", 0, 0.0, False)
_SCHEMA_OF = {
    bytes: Schema.BYTES,
    str: Schema.STRING,
    int: Schema.INT64,
    float: Schema.FLOAT64,
    bool: Schema.BOOLEAN,
}
_EMPTY = SchemaBuilder.struct().build()


@cache
def bare_pairs() -> st.SearchStrategy[SchemaAndValue]:
    """Values that are next to nothing, with a schema and without: no bytes, a blank, zero, an empty list."""
    made = [SchemaAndValue(schema, v) for v in _NEXT_TO_NOTHING for schema in (_SCHEMA_OF[type(v)], None)]
    empty = st.sampled_from((list, dict)).map(lambda make: SchemaAndValue(None, make()))
    return st.sampled_from(made) | empty | st.builds(lambda: SchemaAndValue(_EMPTY, Struct(_EMPTY)))


_ADDRESS = SchemaBuilder.struct().optional().field("city", Schema.STRING).field("zip", Schema.OPTIONAL_STRING)
_ORDINARY: dict[str, tuple[Schema, st.SearchStrategy[Any]]] = {
    "id": (Schema.INT64, st.integers(1, 99_999)),
    "name": (Schema.STRING, st.sampled_from(("Ada Lovelace", "grace", " Bob ", "Ünal", ""))),
    "email": (Schema.OPTIONAL_STRING, st.sampled_from(("ada@example.org", "x@y.z", None))),
    "amount": (Schema.FLOAT64, st.sampled_from((0.1, 19.99, -3.5, 1e10 / 3))),
    "active": (Schema.OPTIONAL_BOOLEAN, st.sampled_from((True, False, None))),
    "tags": (
        SchemaBuilder.array(Schema.STRING).build(),
        st.sampled_from(("red new", "", "new", "red red", "b c a")).map(str.split),
    ),
    "address": (_ADDRESS.build(), st.sampled_from((("Paris", "75001"), ("Ulm", None), None))),
}


_ID = SchemaBuilder.struct().field("id", Schema.INT64).build()
_ORDINARY_KEYS: st.SearchStrategy[Callable[[], tuple[Schema | None, Any]]] = st.sampled_from(
    (
        lambda: (Schema.STRING, "k1"),
        lambda: (Schema.STRING, "k2"),
        lambda: (None, None),
        lambda: (_ID, Struct.of(_ID, [7])),
        lambda: (None, {"id": 7, "parts": ["b", "a"]}),
    )
)
"""Made anew for each record: one that is changed must not reach the next."""
_MORE_HEADERS = st.sampled_from(((), (("app", "web"),), (("app", "web"), ("trace", "def"))))


@st.composite
def ordinary_records(draw: st.DrawFn) -> SourceRecord | SinkRecord:
    """What a pipeline sees every day: maps and structs of id, name, email, amount, tags, address."""
    chosen = [name for name in _ORDINARY if draw(st.booleans())] or ["id"]
    plain = {name: draw(_ORDINARY[name][1]) for name in chosen}
    address = plain.get("address")
    headers_ = Headers().add("trace", "abc", Schema.STRING)
    for name, item in draw(_MORE_HEADERS):
        headers_.add(name, item, Schema.STRING)
    schema: Schema | None = None
    value: Any = plain
    if draw(st.booleans()):
        if address is not None:
            plain["address"] = {"city": address[0], "zip": address[1]}
    else:
        if address is not None:
            plain["address"] = Struct.of(_ORDINARY["address"][0], list(address))
        schema = struct_builder({name: _ORDINARY[name][0] for name in chosen}).name("Customer").build()
        value = Struct.of(schema, list(plain.values()))
    keys, key = draw(_ORDINARY_KEYS)()
    if draw(st.booleans()):
        place = {"table": "customers"}, {"row": draw(_OFFSETS)}
        return SourceRecord(
            *place, "customers", schema, value, key_schema=keys, key=key, timestamp=7, headers=headers_
        )
    return SinkRecord("customers", 1, keys, key, schema, value, draw(_OFFSETS), timestamp=7, headers=headers_)

"""The compiled Avro codec against its twin, the generated functions: the same bytes, values and errors."""

from __future__ import annotations

import gc
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from pathlib import Path
from shutil import which
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectkit import logical
from connectkit.builder import SchemaBuilder
from connectkit.converters import varint
from connectkit.converters.avro import decode as decode_module
from connectkit.converters.avro import encode as encode_module
from connectkit.converters.avro import native, plan
from connectkit.converters.avro.config import AvroConfig
from connectkit.converters.avro.decode import compile_decoder
from connectkit.converters.avro.encode import compile_encoder
from connectkit.converters.avro.from_avro import from_avro
from connectkit.converters.avro.parse import parse
from connectkit.converters.avro.to_avro import to_avro
from connectkit.errors import ConversionError, LimitError
from connectkit.instant import Instant
from connectkit.limits import Limits
from connectkit.schema import Schema
from connectkit.struct import Struct
from tests.support.avro_twins import COMPILED, NEEDS_COMPILED, both, outcome, using
from tests.unit.test_converters_avro_bombs import BOMBS
from tests.unit.test_converters_avro_roundtrip import FIELDS, RESOLUTIONS, avro_pairs, record, same

pytestmark = NEEDS_COMPILED

OPTIONS = AvroConfig.parse({"schema.registry.url": "mock://x"}).options
SMALL = Limits(depth=3, items=20, digits=5)
FOLDER = Path(native.__file__).parent
ALL = (
    SchemaBuilder.struct()
    .name("ns.All")
    .field("flag", Schema.BOOLEAN)
    .field("tiny", Schema.INT8)
    .field("small", Schema.INT16)
    .field("int", Schema.INT32)
    .field("long", Schema.INT64)
    .field("float", Schema.FLOAT32)
    .field("double", Schema.FLOAT64)
    .field("text", Schema.OPTIONAL_STRING)
    .field("raw", Schema.BYTES)
    .field("day", logical.DATE)
    .field("time", logical.TIME)
    .field("at", logical.TIMESTAMP)
    .field("fine", logical.TIMESTAMP_MICROS)
    .field("money", logical.decimal_schema(2))
    .field("list", SchemaBuilder.array(Schema.OPTIONAL_INT64).build())
    .field("map", SchemaBuilder.map(Schema.STRING, Schema.STRING).build())
    .field("pairs", SchemaBuilder.map(Schema.INT32, Schema.STRING).build())
    .field("inner", SchemaBuilder.struct().name("ns.In").field("x", Schema.INT32).build())
    .field("default", SchemaBuilder.string().default("d").build())
    .build()
)


def all_values() -> Struct:
    at = datetime(2024, 2, 29, 23, 59, 59, 999000, tzinfo=UTC)
    inner = ALL.field("inner")
    assert inner is not None
    values: list[Any] = [
        True, -128, 32767, -(1 << 31), 1 << 62, 0.5, -1.25, "häh\U0001f600", b"\0\xff", at.date(),
        at.time(), at, at, Decimal("-12.34"), [1, None, -(1 << 63)], {"b": "1", "a": "2", "c": ""},
        {1: "x", 300: "y"}, Struct.of(inner.schema, [7]), None,
    ]  # fmt: skip
    return Struct.of(ALL, values)


def no_twin(make: Callable[[], Any]) -> Callable[..., Any]:
    def refuse(*_: Any) -> Any:
        raise AssertionError("the compiled codec left it to its twin")

    return refuse


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The compiled codec without a twin to fall back on."""
    monkeypatch.setattr(decode_module, "later", no_twin)
    monkeypatch.setattr(encode_module, "later", no_twin)
    monkeypatch.setattr(native, "codec", COMPILED)


@pytest.mark.usefixtures("alone")
def test_every_kind_of_value_is_read_and_written_without_the_twin() -> None:
    avro = to_avro(ALL, OPTIONS)
    value = all_values()
    data = compile_encoder(avro, ALL, OPTIONS)(value, b"")
    with using(None):
        assert compile_encoder(avro, ALL, OPTIONS)(value, b"") == data
    found = compile_decoder(avro, avro, ALL, OPTIONS, strict_end=True)(data, 0)
    assert found.schema is ALL
    assert found.values == [*value.values[:-1], "d"]


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize(
    ("writer", "reader", "data"),
    [
        ('["null","int","string"]', '["null","int","string"]', b"\4\2x"),
        ('{"type":"enum","name":"E","symbols":["A","B"]}',
         '{"type":"enum","name":"E","symbols":["B"]}', b"\2"),
        ('{"type":"fixed","name":"F","size":3}', '{"type":"fixed","name":"F","size":3}', b"xyz"),
        ('"int"', '["null","double"]', b"\2"),
        ('"string"', '"string"', b"\4\xff\xfe"),
        (
            record('[{"name":"a","type":["null","string"]},{"name":"b","type":"int"}]'),
            record(
                '[{"name":"b","type":"long"},{"name":"c","type":{"type":"array","items":"int"},"default":[1]},'
                '{"name":"d","type":"int","default":5}]'
            ),
            b"\2\2x\6",
        ),
    ],
)  # fmt: skip
def test_schemas_are_resolved_without_the_twin(writer: str, reader: str, data: bytes) -> None:
    wrote, reads = parse(writer), parse(reader)
    schema = from_avro(reads, OPTIONS)
    found = compile_decoder(wrote, reads, schema, OPTIONS, strict_end=True)(data, 0)
    with using(None):
        assert found == compile_decoder(wrote, reads, schema, OPTIONS)(data, 0)


@settings(max_examples=150)
@given(avro_pairs(), st.data())
def test_values_good_and_bad_are_written_and_read_the_same(
    pair: tuple[Schema, Any], data: st.DataObject
) -> None:
    schema, value = pair
    avro = to_avro(schema, OPTIONS)
    encoders = both(lambda: compile_encoder(avro, schema, OPTIONS))
    decoders = both(lambda: compile_decoder(avro, avro, schema, OPTIONS, strict_end=True))
    generated, compiled = (outcome(encode, value, b"!") for encode in encoders)
    assert generated == compiled
    if generated[0] == "returned":
        written = bytearray(generated[1])
        assert same(*(decode(bytes(written), 1) for decode in decoders))
        for at in data.draw(st.lists(st.integers(0, len(written) - 1), max_size=3)):
            written[at] = data.draw(st.integers(0, 255))
        damaged = bytes(written)[: data.draw(st.integers(1, len(written)))]
        first, second = (outcome(decode, damaged, 1) for decode in decoders)
        assert first[0] == second[0]
        assert same(first[1], second[1]) or first[1] == second[1]
    odd = spoiled(value, data)
    first, second = (outcome(encode, odd, b"") for encode in encoders)
    assert first == second


ODD: st.SearchStrategy[Any] = st.sampled_from(
    [
        None, True, 5, 1 << 70, -129, 1e308, float("nan"), "x", "\ud800", b"x", bytearray(b"y"), [], [1],
        (1, 2), {}, {"k": 1}, object, Decimal("1E+9"), datetime(1, 1, 1, tzinfo=UTC), datetime(2020, 1, 1),  # noqa: DTZ001
        datetime(1969, 12, 31, 23, tzinfo=timezone(timedelta(hours=5))), Instant(1 << 60),
        Struct.of(SchemaBuilder.struct().field("x", Schema.INT32).build(), [1]),
    ]
)  # fmt: skip


def spoiled(value: Any, data: st.DataObject) -> Any:
    """The same with something else at some place."""
    inside = data.draw(st.booleans())
    if isinstance(value, Struct) and value.values and inside:
        values = value.values[:]
        at = data.draw(st.integers(0, len(values) - 1))
        values[at] = spoiled(values[at], data)
        return Struct.of(value.schema, values)
    if isinstance(value, list) and value and inside:
        at = data.draw(st.integers(0, len(value) - 1))
        return [*value[:at], spoiled(value[at], data), *value[at + 1 :]]
    if isinstance(value, dict) and value and inside:
        key = data.draw(st.sampled_from(list(value)))
        return value | {key: spoiled(value[key], data)}
    odd: Any = data.draw(ODD)
    return odd


TEXTS = [
    *(text for text, _ in BOMBS.values()),
    record('[{"name":"a","type":["null","string",{"type":"map","values":"R"}]},{"name":"b","type":"double"}]'),
    (
        '{"type":"array","items":{"type":"record","name":"E","fields":[{"name":"key","type":["null","int"]},'
        '{"name":"value","type":"boolean"}],"connect.internal.type":"MapEntry"}}'
    ),
    '{"type":"int","connect.type":"int8"}',
    '{"type":"long","logicalType":"timestamp-millis"}',
    '{"type":"int","logicalType":"date"}',
    '{"type":"int","logicalType":"time-millis"}',
    (
        '{"type":"fixed","name":"F","size":2,"logicalType":"decimal","precision":4,"scale":1,'
        '"connect.name":"org.apache.kafka.connect.data.Decimal"}'
    ),
]  # fmt: skip


@settings(max_examples=300)
@given(st.data(), st.sampled_from(TEXTS), st.sampled_from([Limits(), SMALL]), st.booleans())
def test_any_bytes_are_read_or_refused_the_same(
    data: st.DataObject, text: str, limits: Limits, strict_end: bool
) -> None:
    avro = parse(text)
    schema = from_avro(avro, OPTIONS)
    payload = data.draw(
        st.binary(max_size=60)
        | st.lists(st.integers(-70, 70).map(varint.write) | st.just(b"\2\2"), max_size=25).map(b"".join)
    )
    first, second = (
        outcome(decode, payload, 0)
        for decode in both(
            lambda: compile_decoder(avro, avro, schema, OPTIONS, limits=limits, strict_end=strict_end)
        )
    )
    assert first[0] == second[0]
    assert same(first[1], second[1]) or first[1] == second[1]


PAIRS = [(writer, reader) for writer, reader, _ in RESOLUTIONS] + [
    (record(writer), record(reader)) for writer, reader, _ in FIELDS
]


@settings(max_examples=200)
@given(st.sampled_from(PAIRS), st.sampled_from([Limits(), SMALL]), st.binary(max_size=30))
def test_any_bytes_are_resolved_or_refused_the_same(
    pair: tuple[str, str], limits: Limits, payload: bytes
) -> None:
    wrote, reads = map(parse, pair)
    schema = from_avro(reads, OPTIONS)
    first, second = (
        outcome(decode, payload, 0)
        for decode in both(lambda: compile_decoder(wrote, reads, schema, OPTIONS, limits=limits))
    )
    assert first[0] == second[0]
    assert same(first[1], second[1]) or first[1] == second[1]


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_get_the_same_words(name: str) -> None:
    text, data = BOMBS[name]
    avro = parse(text)
    schema = from_avro(avro, OPTIONS)
    first, second = (
        outcome(decode, data, 0) for decode in both(lambda: compile_decoder(avro, avro, schema, OPTIONS))
    )
    assert first == second
    assert first[0] in ("ConversionError", "LimitError")


NODE = '{"type":"record","name":"N","fields":[{"name":"next","type":["null","N"],"default":null}]}'


@pytest.mark.parametrize("limits", [Limits(), Limits(depth=0), Limits(depth=3), Limits(depth=900)])
def test_levels_are_counted_the_same(limits: Limits) -> None:
    """Also where the compiled codec goes less deep than it is allowed."""
    avro = parse(NODE)
    schema = from_avro(avro, OPTIONS)
    assert schema is not None
    decoders = both(lambda: compile_decoder(avro, avro, schema, OPTIONS, limits=limits, strict_end=True))
    encoders = both(lambda: compile_encoder(avro, schema, OPTIONS, limits=limits))
    with using(None):
        anything = compile_decoder(avro, avro, schema, OPTIONS, limits=Limits(depth=950))
    for levels in (*range(6), 63, 64, 65, 199, 200, 201):
        data = b"\2" * levels + b"\0"
        value = anything(data, 0)
        wanted = "returned" if levels <= limits.depth else "LimitError"
        for decode in decoders:
            assert outcome(decode, data, 0)[0] == wanted
        for encode in encoders:
            assert outcome(encode, value, b"")[0] == wanted


def test_a_struct_inside_itself_is_refused() -> None:
    avro = parse(NODE)
    schema = from_avro(avro, OPTIONS)
    assert schema is not None
    field = schema.field("next")
    assert field is not None
    value = Struct.of(field.schema, [None])
    value.values[0] = value
    value = Struct.of(schema, [value])
    for encode in both(lambda: compile_encoder(avro, schema, OPTIONS)):
        with pytest.raises(LimitError):
            encode(value, b"")


class Sly(tzinfo):
    """A time zone that changes a list or map while a moment in it is being written."""

    def __init__(self, change: Callable[[], Any]) -> None:
        self.change = change

    def utcoffset(self, dt: datetime | None, /) -> timedelta:
        self.change()
        return timedelta(0)

    def dst(self, dt: datetime | None, /) -> None:
        return None

    def tzname(self, dt: datetime | None, /) -> None:
        return None


@pytest.mark.parametrize("more", [True, False])
def test_a_value_that_changes_while_it_is_written_does_no_harm(more: bool) -> None:
    moments: dict[str, Any] = {}
    found: list[Any] = []
    values: list[Any] = []
    many = [datetime(2020, 1, 1, tzinfo=UTC)] * 50

    def change() -> None:
        if more:
            found.extend(many)
            moments.update({str(n): each for n, each in enumerate(many)})
            values.extend(many)
        else:
            found.clear()
            moments.clear()
            values.clear()
        gc.collect()

    schema = (
        SchemaBuilder.struct()
        .name("ns.Sly")
        .field("list", SchemaBuilder.array(logical.TIMESTAMP).build())
        .field("map", SchemaBuilder.map(Schema.STRING, logical.TIMESTAMP).build())
        .field("at", logical.TIMESTAMP)
        .build()
    )
    avro = to_avro(schema, OPTIONS)
    with using(COMPILED):
        encode = compile_encoder(avro, schema, OPTIONS)
    sly = datetime(2021, 1, 1, tzinfo=Sly(change))
    for _ in range(20):
        found[:] = [sly, sly, many[0]]
        moments.clear()
        moments.update({"a": sly, "b": sly})
        values[:] = [found, moments, sly]
        outcome(encode, Struct.of(schema, values), b"")


def test_nothing_is_leaked() -> None:
    """Objects that plans hold are counted before and after, on good ways and on all ways out."""
    avro = to_avro(ALL, OPTIONS)
    assert COMPILED is not None
    with using(COMPILED):
        encode = compile_encoder(avro, ALL, OPTIONS)
        decode = compile_decoder(avro, avro, ALL, OPTIONS, strict_end=True)
    value = all_values()
    data = encode(value, b"")
    bad = [Struct.of(ALL, [*value.values[:at], object, *value.values[at + 1 :]]) for at in range(19)]
    watched = [ALL, None, True, UTC, value, value.values, data, *value.values, *bad, encode, decode]
    watched += [field.schema for field in ALL.fields]

    def use() -> None:
        for _ in range(20):
            decode(encode(value, b""), 0)
            for size in range(len(data)):
                outcome(decode, data[:size], 0)
            for each in bad:
                outcome(encode, each, b"")

    def counted() -> list[int]:
        gc.collect()
        return [sys.getrefcount(each) for each in watched]

    use()
    counts, blocks = counted(), sys.getallocatedblocks()
    use()
    after, blocks_after = counted(), sys.getallocatedblocks()
    assert max(abs(a - b) for a, b in zip(counts, after, strict=True)) < 20, "fewer than one a turn"
    assert abs(blocks_after - blocks) < 500


def test_a_plan_is_freed_with_all_it_holds() -> None:
    schema = SchemaBuilder.struct().name("ns.X").field("x", Schema.STRING).build()
    avro = to_avro(schema, OPTIONS)
    with using(COMPILED):
        before = sys.getrefcount(schema)
        for _ in range(50):
            compile_encoder(avro, schema, OPTIONS)
            compile_decoder(avro, avro, schema, OPTIONS)
    gc.collect()
    assert sys.getrefcount(schema) - before < 10


NODES = st.tuples(
    st.integers(-1, 23), st.integers(-2, 40) | st.just(1 << 40), st.sampled_from([0, 8, 16, 5]),
    st.sampled_from([None, ALL, len, ("A", None), {"A": b"\0"}, b"x"]),
    st.lists(
        st.tuples(st.integers(-3, 4), st.integers(-2, 4), st.sampled_from([None, b"x", list])), max_size=3
    ).map(tuple),
)  # fmt: skip


@settings(max_examples=300)
@given(st.lists(NODES, max_size=4), st.binary(max_size=20), ODD)
def test_a_plan_that_makes_no_sense_is_refused_or_harmless(
    nodes: list[plan.Node], data: bytes, value: Any
) -> None:
    assert COMPILED is not None
    for kind in (COMPILED.Decoder, COMPILED.Encoder):
        try:
            made = kind(
                nodes, Struct, depth=5, items=50, empties=5, strict_end=False, fallback=lambda *_: None
            )
        except (ValueError, TypeError, OverflowError):
            continue
        args = (data, 0) if kind is COMPILED.Decoder else (value, b"")
        outcome(made, *args)


@pytest.mark.parametrize("code", [plan.C.UNION, plan.C.SUM, plan.C.NULLABLE])
def test_unions_that_go_round_and_round_are_refused(code: plan.C) -> None:
    """Only records, arrays and maps count levels."""
    assert COMPILED is not None
    kind = COMPILED.Encoder if code is plan.C.NULLABLE else COMPILED.Decoder
    node = (int(code), 1, 0, ALL, ((0, 0, b"x"),))
    with pytest.raises(ValueError, match="a union stands in a union"):
        kind([node], Struct, depth=5, items=5, empties=5, strict_end=False, fallback=len)


def test_what_is_no_struct_class_is_refused() -> None:
    assert COMPILED is not None
    for wrong in (int, Schema, tzinfo):
        with pytest.raises(TypeError):
            COMPILED.Decoder(
                [(0, 0, 0, None, ())], wrong, depth=1, items=1, empties=1, strict_end=False, fallback=len
            )


def test_wrong_arguments_are_refused() -> None:
    with using(COMPILED):
        avro = to_avro(Schema.INT64, OPTIONS)
        decode: Any = compile_decoder(avro, avro, Schema.INT64, OPTIONS)
    for args in ((), (b"\2",), (b"\2", 0, 0)):
        with pytest.raises(TypeError):
            decode(*args)
    with pytest.raises(TypeError):
        decode(b"\2", at=0)  # it has no names
    for at in (5, 1 << 80):
        with pytest.raises((ConversionError, IndexError, OverflowError)):
            decode(b"\2", at)


def test_an_interruption_is_not_swallowed() -> None:
    """What a called function raises besides errors goes through."""

    def interrupted(_: Any) -> Any:
        raise KeyboardInterrupt

    assert COMPILED is not None
    made = COMPILED.Encoder(
        [(int(plan.C.CALL_LONG), 0, 0, interrupted, ())],
        Struct, depth=1, items=1, empties=1, strict_end=False, fallback=lambda *_: b"",
    )  # fmt: skip
    with pytest.raises(KeyboardInterrupt):
        made(1, b"")


# --- when it is used ---------------------------------------------------------------------------------


def test_the_variable_turns_it_off() -> None:
    assert native.load({native.SWITCH: "1"}) is None
    assert native.load({native.SWITCH: "0"}) is COMPILED
    assert native.load({native.SWITCH: ""}) is COMPILED


def test_a_module_of_other_plans_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "VERSION", plan.VERSION + 1)
    assert native.load({}) is None


def test_the_codes_are_those_of_the_sources() -> None:
    text = (FOLDER / "_codec.h").read_text()
    body = text.partition("enum {")[2].partition("CODES")[0]
    assert [name.strip() for name in body.split(",") if name.strip()] == [f"C_{code.name}" for code in plan.C]
    assert [code.value for code in plan.C] == list(range(len(plan.C)))


COMPILER = which((sysconfig.get_config_var("CC") or "cc").split()[0])


@pytest.mark.skipif(COMPILER is None, reason="there is no C compiler here")
def test_the_sources_compile_without_a_warning() -> None:
    assert COMPILER is not None
    done = subprocess.run(
        [COMPILER, "-fsyntax-only", "-std=c11", "-O2", "-Wall", "-Wextra", "-Werror",
         f"-I{sysconfig.get_path('include')}", *map(str, FOLDER.glob("*.c"))],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr

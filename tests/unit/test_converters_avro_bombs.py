"""Avro data and schemas made to hurt: an error of ours, in little memory, whatever the bytes claim."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectkit.builder import SchemaBuilder
from connectkit.converters import varint
from connectkit.converters.avro.config import AvroConfig
from connectkit.converters.avro.converter import AvroConverter
from connectkit.converters.avro.decode import compile_decoder
from connectkit.converters.avro.from_avro import from_avro
from connectkit.converters.avro.parse import parse
from connectkit.converters.avro.rules import canonical, normalized, problems
from connectkit.converters.registry.opening import forget_mock_registry, mock_registry
from connectkit.converters.registry.port import SchemaText
from connectkit.errors import ConversionError, DataError, LimitError, SchemaError
from connectkit.schema import Schema
from connectkit.struct import Struct
from tests.support.memory import little_memory

pytestmark = pytest.mark.usefixtures("twin")

OPTIONS = AvroConfig.parse({"schema.registry.url": "mock://x"}).options
MAX_BYTES = 64 << 20
NODE = '{"type":"record","name":"N","fields":[{"name":"next","type":["null","N"],"default":null}]}'
TREE = '{"type":"record","name":"T","fields":[{"name":"c","type":{"type":"array","items":"T"}}]}'
DECIMAL = (
    '{"type":"record","name":"D","fields":[{"name":"d","type":{"type":"bytes","logicalType":"decimal",'
    '"precision":9,"scale":2}}]}'
)
BYTES = '{"type":"record","name":"B","fields":[{"name":"b","type":"bytes"}]}'
EMPTY = '{"type":"record","name":"E","fields":[]}'


def reader(text: str) -> Callable[[bytes], Any]:
    avro = parse(text)
    decode = compile_decoder(avro, avro, from_avro(avro, OPTIONS), OPTIONS)
    return lambda data: decode(data, 0)


def array(items: str) -> str:
    return f'{{"type":"array","items":{items}}}'


def long(number: int) -> bytes:
    return varint.write(number)


BOMBS: dict[str, tuple[str, bytes]] = {
    "nested 5,000 deep": (NODE, b"\2" * 5000 + b"\0"),
    "a tree 5,000 deep": (TREE, b"\2" * 5000 + b"\0" * 5000),
    "fifty million nulls in five bytes": (array(f"{EMPTY}"), long(50_000_000) + b"\0"),
    "nulls in blocks, each below the limit": (array(EMPTY), (long(900_000)) * 100 + b"\0"),
    "nulls in arrays of arrays": (array(array(EMPTY)), long(100) + (long(900_000) + b"\0") * 100 + b"\0"),
    "2^62 longs": (array('"long"'), long(1 << 62) + b"\0"),
    "fifty million longs": (array('"long"'), long(50_000_000) + b"\2\2\2"),
    "a negative count of -2^63": (array('"long"'), long(-(1 << 63)) + long(5)),
    "a block of negative size": (array('"long"'), long(-5) + long(-5)),
    "a map of 2^40": ('{"type":"map","values":"int"}', long(1 << 40) + b"\2a\2"),
    "a string of 2^60": ('"string"', long(1 << 60) + b"x"),
    "a string of -5": ('"string"', long(-5) + b"xxxxxx"),
    "a string of 17 MiB that is not there": ('"string"', long(17 << 20)),
    "bytes of 2^62": (BYTES, long(1 << 62)),
    "bytes of -1": (BYTES, long(-1)),
    "a number of 11 bytes": ('"long"', b"\xff" * 11),
    "a union's branch 7": ('["null","int"]', long(7)),
    "a union's branch -1": ('["null","int","string"]', long(-1)),
    "an enum's symbol 9": ('{"type":"enum","name":"E","symbols":["A"]}', long(9)),
    "an enum's symbol -1": ('{"type":"enum","name":"E","symbols":["A"]}', long(-1)),
    "an int of 40 bits": ('"int"', long(1 << 40)),
    "a fixed cut off": ('{"type":"fixed","name":"F","size":1000000000}', b"x"),
    "nothing": ('"long"', b""),
    "a decimal of 100,000 digits": (
        DECIMAL, long(50_000) + b"\x7f" * 50_000),
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_data_that_claim_more_than_there_is(name: str) -> None:
    text, data = BOMBS[name]
    decode = reader(text)
    with little_memory(MAX_BYTES), pytest.raises(DataError):
        decode(data)


@pytest.mark.parametrize(
    "name",
    [
        "nested 5,000 deep",
        "a tree 5,000 deep",
        "fifty million nulls in five bytes",
        "a decimal of 100,000 digits",
    ],
)
def test_what_is_only_too_large_is_a_limit(name: str) -> None:
    text, data = BOMBS[name]
    with pytest.raises(LimitError):
        reader(text)(data)


HARMLESS_UNREAD = (
    "an int of 40 bits",
    "an enum's symbol 9",
    "an enum's symbol -1",
    "a decimal of 100,000 digits",
    "nulls in blocks, each below the limit",
    "nulls in arrays of arrays",
)


def test_they_are_skipped_as_carefully_as_they_are_read() -> None:
    wants = '{"type":"record","name":"W","fields":[{"name":"z","type":"int","default":0}]}'
    reads = parse(wants)
    schema = from_avro(reads, OPTIONS)
    for name, (text, data) in BOMBS.items():
        if name in HARMLESS_UNREAD:
            continue  # they cost nothing where they are not made
        wrote = parse(f'{{"type":"record","name":"W","fields":[{{"name":"a","type":{text}}}]}}')
        with little_memory(MAX_BYTES):
            try:
                found = compile_decoder(wrote, reads, schema, OPTIONS)(data, 0)
            except DataError:
                continue
        raise AssertionError(f"{name} was skipped: {found.values}")


def nested(levels: int, kind: str) -> str:
    parts = {
        "array": ('{"type":"array","items":', "}"),
        "map": ('{"type":"map","values":', "}"),
        "union": ("[", "]"),
        "record": ('{"type":"record","name":"R%d","fields":[{"name":"f","type":', "}]}"),
    }[kind]
    begins = [parts[0] % number if "%d" in parts[0] else parts[0] for number in range(levels)]
    return "".join(begins) + '"int"' + parts[1] * levels


@pytest.mark.parametrize("kind", ["array", "map", "union", "record"])
@pytest.mark.parametrize("levels", [1_000, 5_000, 100_000])
def test_schemas_nested_deep(kind: str, levels: int) -> None:
    with little_memory(MAX_BYTES), pytest.raises((LimitError, SchemaError)):
        parse(nested(levels, kind))


def test_schemas_that_are_large() -> None:
    for text in (
        '{"type":"string","doc":"' + "x" * (10 << 20) + '"}',
        '{"type":"enum","name":"E","symbols":[' + ",".join(f'"S{n}"' for n in range(1_000_000)) + "]}",
        '{"type":"record","name":"R","fields":['
        + ",".join(f'{{"name":"f{n}","type":"int"}}' for n in range(20_000))
        + "]}",
    ):
        with pytest.raises((LimitError, SchemaError)):
            parse(text)


@pytest.mark.parametrize(
    "text",
    [
        '{"type":"bytes","logicalType":"decimal","precision":1000000000,"scale":999999999}',
        '{"type":"bytes","logicalType":"decimal","precision":9,"scale":-999999999}',
        '{"type":"bytes","logicalType":"decimal","precision":1e999,"scale":1}',
        '{"type":"bytes","logicalType":"decimal","precision":9,"scale":"x"}',
        '{"type":"fixed","name":"F","size":-1}',
        '{"type":"fixed","name":"F","size":1e30}',
        '{"type":"int","connect.version":' + "9" * 5000 + "}",
        '{"type":"int","connect.default":' + "9" * 5000 + "}",
        '{"type":"double","connect.default":1e99999}',
        '{"type":"int","connect.name":5}',
        '{"type":"int","connect.parameters":[1]}',
        '{"type":"long","logicalType":["timestamp-millis"]}',
    ],
)
def test_properties_that_make_no_sense(text: str) -> None:
    """They are refused, or taken in a way in which a value still costs little."""
    with little_memory(MAX_BYTES):
        try:
            decode = reader(text)
            str(decode(b"\2"))
        except DataError:
            pass


def test_defaults_that_are_large_or_do_not_fit() -> None:
    field = '{"type":"record","name":"R","fields":[{"name":"a","type":%s,"default":%s}]}'
    for kind, default in (
        ('"int"', '"x"'),
        ('"int"', "1e30"),
        ('"bytes"', "5"),
        ('["null",{"type":"array","items":"int"}]', "7"),
        ('"long"', "9" * 5000),
    ):
        with pytest.raises(DataError):
            canonical(field % (kind, default), [])


def test_compatibility_of_recursive_schemas_ends() -> None:
    assert problems(NODE, [], NODE, []) == []
    assert problems(TREE, [], TREE, []) == []
    assert normalized(NODE, []) == canonical(NODE, [])
    wide = '{"type":"record","name":"R0","fields":[' + ",".join(
        f'{{"name":"f{n}","type":{NODE if n == 0 else json.dumps("N")}}}' for n in range(200)
    ) + "]}"  # fmt: skip
    assert problems(wide, [], wide, []) == []


SAMPLE = (
    SchemaBuilder.struct()
    .name("ns.S")
    .field("l", Schema.INT64)
    .field("s", Schema.OPTIONAL_STRING)
    .field("d", Schema.FLOAT64)
    .field("b", Schema.BYTES)
    .field("a", SchemaBuilder.array(Schema.INT32).build())
    .field("m", SchemaBuilder.map(Schema.STRING, Schema.BOOLEAN).build())
    .build()
)


@pytest.fixture
def converter() -> Iterator[AvroConverter]:
    made = AvroConverter(AvroConfig.parse({"schema.registry.url": "mock://bombs"}))
    yield made
    made.close()
    forget_mock_registry("bombs")


def test_a_message_truncated_at_every_byte(converter: AvroConverter) -> None:
    value = Struct.of(SAMPLE, [1 << 40, "häh", 1.5, b"bytes", [1, 1000], {"k": True, "o": False}])
    data = converter.from_connect_data("t", SAMPLE, value)
    assert data is not None
    decode = converter.decoder("t")
    assert decode is not None
    assert decode(data)[1].values == value.values
    for size in range(len(data)):
        for way in (converter.to_connect_data, lambda topic, part: decode(part)):
            with pytest.raises(ConversionError):
                way("t", data[:size])


@settings(max_examples=500, deadline=None)
@given(st.data())
def test_any_bytes_are_read_or_refused(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from([text for text, _ in BOMBS.values()]))
    payload = data.draw(st.binary(max_size=60))
    try:
        reader(text)(payload)
    except DataError:
        pass


CANARY = "canary_was_called"
NAMES = st.text(max_size=30) | st.sampled_from(
    [
        "'",
        '"',
        '"""',
        "\\",
        "\n",
        "{x}",
        "a b",
        "__import__('os')",
        f"{CANARY}()",
        "class",
        "None",
        "é",
        "a" * 10_000,
    ]
)


@settings(max_examples=200, deadline=None)
@given(st.lists(NAMES.filter(bool), min_size=1, max_size=3, unique=True), NAMES, NAMES)
def test_names_are_data(fields: list[str], name: str, doc: str) -> None:
    """Names go through, scrubbed, or are refused; none of them is ever part of the code that is made."""
    builder = SchemaBuilder.struct().name(name or None).doc(doc)
    for field in fields:
        builder.field(field, Schema.OPTIONAL_STRING)
    schema = builder.build()
    value = Struct.of(schema, [f"v{number}" for number in range(len(fields))])
    for scrub in ("true", "false"):
        scope = "names"
        made = AvroConverter(
            AvroConfig.parse({"schema.registry.url": f"mock://{scope}", "scrub.invalid.names": scrub})
        )
        said = ""
        try:
            data = made.from_connect_data("t", schema, value)
            assert made.to_connect_data("t", data).value.values == value.values
        except DataError as error:
            said = str(error)
        finally:
            made.close()
            forget_mock_registry(scope)
        assert "'v0'" not in said


WORDS = """type name fields items values symbols size default aliases namespace logicalType scale precision
    connect.version connect.name connect.type connect.parameters connect.default"""


@given(st.text(max_size=40))
def test_any_text_is_a_schema_or_refused(text: str) -> None:
    try:
        canonical(text, [])
    except DataError:
        pass


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=6)
        | st.sampled_from(["record", "enum", "array", "map", "fixed", "int", "string", "null"]),
        lambda inner: st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(WORDS.split()), inner, max_size=5),
        max_leaves=12,
    )
)  # fmt: skip
@settings(max_examples=500, deadline=None)
def test_any_json_is_a_schema_or_refused(node: Any) -> None:
    try:
        avro = parse(json.dumps(node))
        canonical(json.dumps(node), [])
        from_avro(avro, OPTIONS)
    except DataError:
        pass


def test_decimals_keep_their_digits_up_to_the_limit() -> None:
    text = '{"type":"record","name":"D","fields":[{"name":"d","type":{"type":"bytes","logicalType":"decimal",'
    text += '"precision":999,"scale":2}}]}'
    number = int("9" * 999)
    raw = number.to_bytes((number.bit_length() + 8) // 8, "big", signed=True)
    found = reader(text)(long(len(raw)) + raw).get("d")
    assert found.as_tuple() == (0, (9,) * 999, -2)


def test_a_schema_in_the_registry_that_is_a_bomb() -> None:
    """A registry that lies hands out what no registry would take."""
    registry = mock_registry("lying")
    registry._canonical = lambda schema, *, normalize: schema  # type: ignore[method-assign]
    made = AvroConverter(AvroConfig.parse({"schema.registry.url": "mock://lying"}))
    try:
        registry.set_level("", "NONE")
        for number, text in enumerate(
            (nested(5000, "array"), '{"type":"string","doc":"' + "x" * (10 << 20) + '"}', "{")
        ):
            schema_id = registry.register(f"t{number}-value", SchemaText(text)).id
            with pytest.raises(DataError):
                made.to_connect_data(f"t{number}", b"\0" + schema_id.to_bytes(4, "big") + b"\2\2")
    finally:
        made.close()
        forget_mock_registry("lying")

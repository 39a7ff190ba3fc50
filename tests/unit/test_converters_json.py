import builtins
import importlib
import sys
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectkit import logical
from connectkit.builder import SchemaBuilder
from connectkit.converters.json import DecimalFormat, JsonConfig, JsonConverter
from connectkit.errors import ConfigError, ConversionError, DataError, LimitError
from connectkit.limits import Limits
from connectkit.plugin import plugins
from connectkit.schema import NULL, Schema, SchemaAndValue
from connectkit.struct import Struct

ORDER = (
    SchemaBuilder.struct()
    .field("id", Schema.INT64)
    .field("name", Schema.OPTIONAL_STRING)
    .field("tags", SchemaBuilder.array(Schema.STRING).optional().build())
    .build()
)
ORDER_TEXT = (
    b'{"type":"struct","fields":[{"type":"int64","optional":false,"field":"id"},'
    b'{"type":"string","optional":true,"field":"name"},'
    b'{"type":"array","items":{"type":"string","optional":false},"optional":true,"field":"tags"}],"optional":false}'
)
CANARY = "s3cr3t-canary"


def converter(**config: str) -> JsonConverter:
    return JsonConverter(JsonConfig.parse({key.replace("_", "."): value for key, value in config.items()}))


def order(number: int, name: str | None = "x", tags: list[str] | None = None) -> Struct:
    return Struct.of(ORDER, [number, name, tags])


def test_the_envelope() -> None:
    made = converter()
    data = made.from_connect_data("t", ORDER, order(1))
    assert data == b'{"schema":' + ORDER_TEXT + b',"payload":{"id":1,"name":"x","tags":null}}'
    assert made.to_connect_data("t", data) == SchemaAndValue(ORDER, order(1))
    assert made.from_connect_data("t", None, {"a": 1}) == b'{"schema":null,"payload":{"a":1}}'
    assert made.to_connect_data("t", b'{"payload":[1],"schema":null}') == (None, [1])


@pytest.mark.parametrize("schema", [b"null", b'{"type":"string"}'])
@pytest.mark.parametrize(
    "tail", [b'"a":[1]}', b'"a" "b"}', b'"a",}', b'"a","x":1}', b'"a"]}', b'"a"\\ud8}', b'"a"']
)
def test_an_envelope_ends_behind_its_payload(schema: bytes, tail: bytes) -> None:
    made = converter()
    for _ in range(3):
        assert made.to_connect_data("t", b'{"schema":' + schema + b',"payload":"a"}').value == "a"
        with pytest.raises(ConversionError):
            made.to_connect_data("t", b'{"schema":' + schema + b',"payload":' + tail)


@pytest.mark.parametrize("encoding", ["utf-16-be", "utf-16-le", "utf-16", "utf-32-be", "utf-8-sig"])
def test_wide_documents_are_envelopes_too(encoding: str) -> None:
    made = converter()
    assert made.to_connect_data("t", '{"schema":null,"payload":"\u00e9"}'.encode(encoding)) == (
        None,
        "\u00e9",
    )
    for text in ("[1]", '"a":1,"a"/*:2}', '{"schema":null,"payload":"\\\u00e9"}', '"\\\u2028"'):
        with pytest.raises(ConversionError):
            made.to_connect_data("t", text.encode(encoding))


def test_nothing_is_a_tombstone_only_without_a_schema() -> None:
    for made in (converter(), converter(schemas_enable="false")):
        assert made.from_connect_data("t", None, None) is None
        assert made.to_connect_data("t", None) == NULL
    assert converter(schemas_enable="false").from_connect_data("t", Schema.OPTIONAL_STRING, None) == b"null"
    assert converter().from_connect_data("t", Schema.OPTIONAL_INT8, None) == (
        b'{"schema":{"type":"int8","optional":true},"payload":null}'
    )


def test_every_form_gives_the_same_through_compiling() -> None:
    made = converter()
    encode, decode = made.encoder("t", ORDER), made.decoder("t")
    for number in range(5):
        value = order(number, None if number == 3 else "é\x1f😀", [] if number == 2 else None)
        data = made.from_connect_data("t", ORDER, value)
        assert encode(value) == data
        assert decode(data) == (ORDER, value)
        assert made.to_connect_header("t", "h", made.from_connect_header("t", "h", ORDER, value)) == (
            ORDER,
            value,
        )


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5), st.integers(0, 3)), min_size=1, max_size=12))
def test_messages_of_several_schemas_in_any_order(steps: list[tuple[int, int, int]]) -> None:
    """The memory of the last message's beginning must never lend its schema to another message."""
    texts = [
        b"null",
        b'{"type":"string"}',
        b'{"type":"int32"}',
        b'{"type":"struct","fields":[],"name":",\\"payload\\":"}',
    ]
    payloads = [b'"5"', b"5", b"{}", b'{"a":"}"}', b"5.5", b'{"schema":null,"payload":5}']
    frames = [
        b'{"schema":%b,"payload":%b}',
        b'{"schema":%b,"payload":%b} ',
        b'{ "schema" : %b , "payload" : %b }',
        b'{"schema":%b,"payload":%b,"payload":7}',
    ]
    decode = converter().decoder("t")
    for text, payload, frame in steps:
        data = frames[frame] % (texts[text], payloads[payload])
        assert _outcome(decode, data) == _outcome(converter().decoder("t"), data)


def _outcome(decode: Callable[[bytes], Any], data: bytes) -> Any:
    try:
        return repr(decode(data))
    except DataError as error:
        return str(error)


@pytest.mark.parametrize(
    "tail",
    [
        b"",
        b"}",
        b"1",
        b"1}}",
        b'1,"x":2}',
        b"1}x",
        b'1,"payload":2}',
        b"[1}",
        b'"}',
        b"1,2}",
        b"\xff}",
        b" }",
    ],
)
def test_a_known_beginning_does_not_excuse_a_bad_end(tail: bytes) -> None:
    head = b'{"schema":{"type":"int32"},"payload":'
    warm = converter().decoder("t")
    for number in range(3):
        assert warm(head + str(number).encode() + b"}") == (Schema.INT32, number)
    assert _outcome(warm, head + tail) == _outcome(converter().decoder("t"), head + tail)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" ",
        b"null",
        b"1",
        b"[]",
        b"{}",
        b'{"schema":null}',
        b'{"schema":null,"payload":1,"x":2}',
        b'{"a":1,"b":2}',
    ],
)
def test_what_is_no_envelope_is_told_how_to_be_read(data: bytes) -> None:
    with pytest.raises(ConversionError, match=r"schemas\.enable=false"):
        converter().to_connect_data("t", data)


def test_schema_content_takes_whole_messages() -> None:
    made = converter(schema_content=ORDER_TEXT.decode())
    decode = made.decoder("t")
    for data in (b'{"id":1,"name":"x"}', b'{"id":2,"tags":["a"]}', b'{"id":3,"other":1}', b'{"id":4.5}'):
        schema, value = decode(data)
        assert schema is ORDER or schema == ORDER
        assert SchemaAndValue(schema, value) == made.to_connect_data("t", data)
    assert decode(None) == NULL
    with pytest.raises(ConversionError) as caught:
        decode(b'{"name":1}')
    assert caught.value.path == "$.id"
    assert converter(schema_content='{"type":"int32"}').decoder("t")(b"") == (Schema.INT32, 0)
    assert converter(schema_content=" ").to_connect_data("t", b'{"schema":null,"payload":1}') == (None, 1)
    off = converter(schema_content='{"type":"int32"}', schemas_enable="false")
    assert off.to_connect_data("t", b"[1]") == (None, [1])


def test_decimals_both_ways() -> None:
    schema = logical.decimal_schema(2)
    numeric, base64 = converter(decimal_format="numeric"), converter(decimal_format=" Base64 ")
    written = (
        numeric.from_connect_data("t", schema, Decimal("1.50")),
        base64.from_connect_data("t", schema, Decimal("1.50")),
    )
    assert [(data or b"").rpartition(b":")[2] for data in written] == [b"1.50}", b'"AJY="}']
    for made in (numeric, base64):
        decode = made.decoder("t")
        for data in written * 3:
            assert str(decode(data)[1]) == "1.50"
    assert str(numeric.to_connect_data("t", (written[0] or b"").replace(b"1.50", b"-0.0"))[1]) == "0.0"


def test_null_and_default() -> None:
    schema = SchemaBuilder.struct().field("a", SchemaBuilder.int32().optional().default(5).build()).build()
    for replace, text, value in (("true", b'{"a":5}', 5), ("false", b'{"a":null}', None)):
        made = converter(replace_null_with_default=replace)
        data = made.from_connect_data("t", schema, Struct(schema))
        assert data is not None
        assert data.endswith(b',"payload":' + text + b"}")
        decode = made.decoder("t")
        for _ in range(3):
            assert decode(data.replace(text, b'{"a":null}'))[1].values == [value]


BAD_VALUES: list[tuple[list[Any], str]] = [
    ([CANARY, None, None], "$.id"),
    ([1 << 63, None, None], "$.id"),
    ([True, None, None], "$.id"),
    ([None, None, None], "$.id"),
    ([1, 5, None], "$.name"),
    ([1, None, CANARY], "$.tags"),
    ([1, None, ["a", None]], "$.tags[1]"),
    ([1, None, ["a", 5]], "$.tags[1]"),
]


@pytest.mark.parametrize(("values", "path"), BAD_VALUES)
def test_errors_name_the_place_and_never_the_value(values: list[Any], path: str) -> None:
    encode = converter().encoder("t", ORDER)
    for attempt in range(4):  # explaining, compiled, and again
        with pytest.raises(ConversionError) as caught:
            encode(Struct.of(ORDER, values))
        assert caught.value.path == path
        assert path in str(caught.value)
        assert CANARY not in str(caught.value)
        assert encode(order(attempt)) is not None


def test_a_struct_of_another_schema_is_refused() -> None:
    other = SchemaBuilder.struct().field("id", Schema.INT64).build()
    for made in (converter(), converter(schemas_enable="false")):
        for schema, value in ((ORDER, Struct(other)), (ORDER, {"id": 1}), (None, Struct(other))):
            for _ in range(3):
                with pytest.raises(ConversionError):
                    made.from_connect_data("t", schema, value)
    equal = SchemaBuilder.of(other).build().to_builder().build()
    for _ in range(3):
        assert (
            converter(schemas_enable="false").from_connect_data("t", equal, Struct(other).put("id", 1))
            == b'{"id":1}'
        )


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\x00\x00\x00\x00\x05\x02ab", "schema registry"),
        (b"\x1f\x8b\x08\x00\x00", "gzipped"),
        (b"\x28\xb5\x2f\xfd\x00", "zstd"),
        (b"{'a': 1}", "single quotes"),
        (b"Struct{a=1}", "StringConverter"),
        (b"<a/>", "XML"),
        (b"s3cr3t-canary", "plain text"),
        (b'{"a":"s3cr3t-canary"', "too early, at byte 20"),
        (b'{"a":"s3cr3t-canary\xff"}', "not UTF-8"),
    ],
)
def test_bytes_that_are_no_json_are_told_what_they_look_like(data: bytes, words: str) -> None:
    for made in (converter(), converter(schemas_enable="false"), converter(schema_content='{"type":"int8"}')):
        with pytest.raises(ConversionError, match=words) as caught:
            made.to_connect_data("t", data)
        assert CANARY not in str(caught.value)


def test_messages_may_be_too_large() -> None:
    limits = Limits(value_bytes=1200)
    for config in ({"schemas.enable": "false"}, {}, {"schema.content": '{"type":"string"}'}):
        made = JsonConverter(JsonConfig.parse(config), limits=limits)
        with pytest.raises(LimitError, match="1201 bytes"):
            made.to_connect_data("t", b'"' + b"a" * 1199 + b'"')


def test_limits_of_jackson_hold_in_large_envelopes() -> None:
    head = b'{"schema":null,"payload":'
    decode = converter().decoder("t")
    assert decode(head + b"[" * 999 + b"]" * 999 + b"}")[0] is None
    assert decode(head + b"1" * 1000 + b"}")[0] is None
    for payload in (b"[" * 1000 + b"]" * 1000, b"1" * 1001):
        with pytest.raises(ConversionError):
            decode(head + payload + b"}")


def test_caches_of_size_zero_work() -> None:
    made = converter(schemas_cache_size="0")
    for number in range(3):
        for schema, value in ((ORDER, order(number)), (Schema.INT8, number)):
            assert made.to_connect_data("t", made.from_connect_data("t", schema, value)) == (schema, value)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("schemas.enable", "yes"),
        ("schemas.cache.size", "1.5"),
        ("decimal.format", "x"),
        ("decimal.format", ""),
        ("schema.content", "{"),
        ("schema.content", '{"type":"array"}'),
        ("schema.content", '{"type":"int32","default":null}'),
    ],
)
def test_configuration_mistakes(key: str, value: str) -> None:
    with pytest.raises(ConfigError) as caught:
        JsonConfig.parse(
            {key: value, "schemas.cache.size" if key != "schemas.cache.size" else "decimal.format": "x"}
        )
    assert key in caught.value.problems
    assert len(caught.value.problems) == 2


def test_it_is_found_by_all_its_names() -> None:
    for name in ("JsonConverter", "Json", "org.apache.kafka.connect.json.JsonConverter"):
        assert plugins.create("converter", name, {"decimal.format": "NUMERIC"}, is_key=True).is_key
        made = plugins.create("header_converter", name, {"schemas.enable": "false"})
        assert made.to_connect_header("t", "h", b"1") == (None, 1)
        assert made.config.decimal_format is DecimalFormat.BASE64


def test_without_orjson_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name == "orjson":
            raise ModuleNotFoundError("No module named 'orjson'", name="orjson")
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    monkeypatch.delitem(sys.modules, "connectkit.converters.json_text")
    with pytest.raises(ModuleNotFoundError, match="extra 'json'"):
        importlib.import_module("connectkit.converters.json_text")

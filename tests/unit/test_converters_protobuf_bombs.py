"""Protobuf data and schemas made to hurt: an error of ours, soon, whatever they claim."""

from __future__ import annotations

import base64
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectkit.converters.protobuf import lexer
from connectkit.converters.protobuf.config import ProtobufConfig
from connectkit.converters.protobuf.converter import ProtobufConverter
from connectkit.converters.protobuf.decode import compile_decoder
from connectkit.converters.protobuf.encode import compile_encoder
from connectkit.converters.protobuf.from_proto import from_proto
from connectkit.converters.protobuf.linked import MessageType, link
from connectkit.converters.protobuf.options import ProtoOptions
from connectkit.converters.protobuf.parse import parse
from connectkit.converters.protobuf.rules import canonical, normalized, problems
from connectkit.converters.protobuf.texts import read_text
from connectkit.converters.registry.opening import forget_mock_registry, mock_registry
from connectkit.converters.registry.port import SchemaText
from connectkit.errors import ConversionError, DataError, LimitError, SchemaError
from connectkit.limits import Limits
from connectkit.struct import Struct

P3 = 'syntax = "proto3"; '
NODE = P3 + "message N { int32 v = 1; N next = 2; repeated N kids = 3; map<string, N> m = 4; }"
MANY = lexer.MAX_TOKENS

TEXTS = {
    "messages": P3 + "message A {" * 5000,
    "groups": "message X {" + "optional group G = 1 {" * 5000,
    "aggregates": P3 + "option a = " + "{a: " * 5000,
    "angle brackets": P3 + "option (a) = {a " + "<a " * 5000,
    "lists": P3 + "option a = {a: " + "[" * 5000,
    "size": P3 + "/*" + "x" * 5_000_000,
    "signs": P3 + ";" * (MANY + 10),
    "strings": P3 + "option a = " + '"a"' * (MANY + 10) + ";",
    "long name": P3 + "package " + "a." * 5000 + "b;",
    "fields": P3 + "message A {" + "".join(f"int32 f{i} = {i + 1};" for i in range(20_000)) + "}",
    "constants": P3 + "enum A {" + "".join(f"V{i} = {i};" for i in range(20_000)) + "}",
    "types": P3 + "".join(f"message A{i} {{}}" for i in range(20_000)),
}
BROKEN = (
    "", "{", "message", "message A {", "message A { int32 a = ", 'syntax = "proto3"; message A { int32 a = 1',
    '/* ', '"', "\\", 'syntax = "proto4";', 'edition = "2023"; message A {}', "message A { int32 a = 1; }",
    P3 + "message A { int32 a = 99999999999; }", P3 + "message A { int32 a = 1 [x = ; }",
    P3 + 'option a = "\\U99999999";', P3 + "message A { oneof o { repeated int32 a = 1; } }",
)  # fmt: skip


def message(text: str) -> MessageType:
    return link(parse(text)).at((0,))


def reader(text: str, options: ProtoOptions | None = None) -> Callable[[bytes], Any]:
    options = options or ProtoOptions()
    found = message(text)
    decode = compile_decoder(found, from_proto(found, options), options)
    return lambda data: decode(data, 0)


def nested(levels: int) -> bytes:
    data = b""
    for _ in range(levels):
        size, length = len(data), b""
        while size > 127:
            length += bytes([size & 127 | 128])
            size >>= 7
        data = b"\x12" + length + bytes([size]) + data
    return data


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_that_is_too_large_or_deep_is_refused(name: str) -> None:
    with pytest.raises(LimitError):
        parse(TEXTS[name])


@pytest.mark.parametrize("text", BROKEN)
def test_a_text_that_is_none_is_refused_with_a_sentence(text: str) -> None:
    if text:
        with pytest.raises(SchemaError, match="Protobuf"):
            parse(text)
    for rule in (
        lambda: canonical(text, []),
        lambda: normalized(text, []),
        lambda: problems(text, [], text, []),
    ):
        try:
            rule()
        except SchemaError:
            assert text


@given(st.text(alphabet="message A{}int32=1;oneof<>[]\"'()/*.,\\ \n", max_size=60))
def test_any_text_is_a_file_or_an_error_of_ours(text: str) -> None:
    with suppress(DataError):
        canonical(P3 + text, [])


def test_schemas_that_share_types_are_not_copied() -> None:
    text = P3 + "".join(
        f"message M{i} {{ M{i + 1} a = 1; M{i + 1} b = 2; repeated M{i + 1} c = 3; }}" for i in range(60)
    )
    text += "message M60 { int32 x = 1; }"
    assert reader(text)(b"").get("c") == []
    with pytest.raises(LimitError, match=r"generate\.struct\.for\.nulls"):
        reader(text, ProtoOptions(struct_for_nulls=True))


def test_a_chain_of_types_is_refused_where_it_is_too_long() -> None:
    text = P3 + "".join(f"message M{i} {{ M{i + 1} a = 1; }}" for i in range(2000)) + "message M2000 {}"
    canonical(text, [])
    assert problems(text, [], text, []) == []
    with pytest.raises(LimitError, match="64 levels"):
        reader(text)


def test_imports_in_a_circle_are_refused() -> None:
    files = {"a": parse('import "b";'), "b": parse('import "a";')}
    with pytest.raises(SchemaError, match="imports itself"):
        link(parse('import "a";'), files)


@pytest.mark.parametrize(
    "data",
    [
        b"\x12\x7f",
        b"\x12\xff\xff\xff\xff\x07",
        bytes(range(256)),
        b"\x08",
        b"\x00",
        b"\xff" * 20,
        nested(5000),
    ],
)
def test_damaged_messages_are_errors_of_ours(data: bytes) -> None:
    with pytest.raises(ConversionError, match="Protobuf message of type N"):
        reader(NODE)(data)


@given(st.binary(max_size=60))
def test_any_bytes_are_a_struct_or_an_error_of_ours(data: bytes) -> None:
    with suppress(DataError):
        assert isinstance(reader_of_node(data), Struct)


reader_of_node = reader(NODE)


def test_what_nests_deeper_than_the_limit_is_refused() -> None:
    assert reader(NODE)(nested(60)).get("v") == 0
    with pytest.raises(LimitError, match="64 levels"):
        reader(NODE)(nested(90))
    found = message(NODE)
    schema = from_proto(found, ProtoOptions())
    around, whole = Struct(schema.fields[1].schema), Struct(schema)
    around.values[1] = whole.values[1] = around
    with pytest.raises(LimitError, match="64 levels"):
        compile_encoder(found, schema, ProtoOptions())(whole, b"")


def test_a_list_longer_than_the_limit_is_refused() -> None:
    found = message(NODE)
    decode = compile_decoder(
        found, from_proto(found, ProtoOptions()), ProtoOptions(), limits=Limits(items=10)
    )
    assert len(decode(b"\x1a\x00" * 10, 0).get("kids")) == 10
    for field in (b"\x1a\x00", b"\x22\x00"):
        with pytest.raises(LimitError, match="more than 10 elements"):
            decode(field * 11, 0)


def test_decimals_are_bounded() -> None:
    text = P3 + 'import "confluent/type/decimal.proto"; message D { confluent.type.Decimal d = 1; }'
    read = reader(text)
    # one, with the scale of -2147483648: ten bytes of a negative varint
    far = b"\x0a\x0e\x0a\x01\x01\x18" + b"\x80\x80\x80\x80\xf8\xff\xff\xff\xff\x01"[:10]
    far = b"\x0a" + bytes([len(far) - 2]) + far[2:]
    assert read(far).get("d") == Decimal("1E+2147483648")
    big = b"\x0a" + b"\x84\x20" + b"\x0a\x81\x20" + b"\x01" * 4097
    with pytest.raises(LimitError, match="1000 digits"):
        read(big)
    with pytest.raises(DataError, match="no bytes"):
        read(b"\x0a\x00")


@pytest.mark.parametrize("number", [18_999, 19_000, 19_999, 536_870_911])
def test_field_numbers_up_to_the_largest_are_read(number: int) -> None:
    text = P3 + f"message A {{ int32 x = {number}; int32 y = 1; }}"
    assert reader(text)(b"\x08\x05").get("y") == 5


def test_a_field_number_that_no_message_can_have_is_refused() -> None:
    with pytest.raises(SchemaError, match="largest there is"):
        reader(P3 + "message A { int32 x = 536870912; }")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"\0", "cut off"),
        (b"\0\0\0\0\1", "path of message types"),
        (b"\0\0\0\0\1\xfe\xff\xff\xff\x0f", "damaged"),
        (b"\0\0\0\0\1\x02", "ends within"),
        (b"\0\0\0\0\1\x02\x04", "number 2"),
        (b"\0\0\0\0\1\x02\x01", "number -1"),
        (b"\0\0\0\0\1\x04\x00\x02", "number 0.1"),
        (b"\0\0\0\0\7\0", "id 7"),
        (b"\0\0\0\0\2\0", "AVRO"),
        (b'{"a": 1}', "JSON"),
    ],
)
def test_frames_that_lead_nowhere_say_so(data: bytes, words: str) -> None:
    forget_mock_registry("bombs")
    registry = mock_registry("bombs")
    registry.register("t-value", SchemaText(P3 + "message A { message B { int32 x = 1; } }", "PROTOBUF"))
    registry.set_level("", "NONE")
    registry.register("t-value", SchemaText('"int"'))
    converter = ProtobufConverter(ProtobufConfig.parse({"schema.registry.url": "mock://bombs"}))
    with pytest.raises(DataError, match=words):
        converter.to_connect_data("t", data)


@settings(max_examples=50)
@given(st.binary(max_size=200))
def test_base64_of_anything_is_a_file_or_an_error_of_ours(data: bytes) -> None:
    with suppress(DataError):
        read_text(base64.b64encode(data).decode())

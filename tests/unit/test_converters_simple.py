from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectkit import logical
from connectkit.builder import SchemaBuilder
from connectkit.config import Config, ConverterConfig
from connectkit.converters.header import SimpleHeaderConverter
from connectkit.converters.numbers import (
    DoubleConverter,
    FloatConverter,
    IntegerConverter,
    LongConverter,
    NumberConverter,
    ShortConverter,
)
from connectkit.converters.simple import BooleanConverter, ByteArrayConverter, StringConfig, StringConverter
from connectkit.errors import ConfigError, ConversionError
from connectkit.float32 import round32
from connectkit.plugin import plugins
from connectkit.schema import Schema
from connectkit.struct import Struct

CANARY = "s3cr3t-canary"
PLAIN = ConverterConfig.parse({})


def string(*, is_key: bool = False, **config: str) -> StringConverter:
    return StringConverter(
        StringConfig.parse({k.replace("_", "."): v for k, v in config.items()}), is_key=is_key
    )


@pytest.mark.parametrize(
    ("schema", "value", "text"),
    [
        (None, "é", "é"),
        (None, True, "true"),
        (None, 1e10, "1.0E10"),
        (Schema.FLOAT32, round32(0.1), "0.1"),
        (None, [1, None, "a"], "[1, null, a]"),
        (None, {"k": 1.0, "b": b"\1"}, "{k=1.0, b=AQ==}"),
        (None, Decimal("1E+3"), "1E+3"),
        (logical.TIMESTAMP, datetime(1970, 1, 1, tzinfo=UTC), "Thu Jan 01 00:00:00 UTC 1970"),
    ],
)
def test_any_value_as_text(schema: Schema | None, value: Any, text: str) -> None:
    made = string()
    assert made.from_connect_data("t", schema, value) == text.encode()
    assert made.encoder("t", schema)(value) == text.encode()
    assert made.from_connect_header("t", "h", schema, value) == text.encode()


def test_a_struct_as_text_and_nulls() -> None:
    schema = SchemaBuilder.struct().field("x", Schema.INT8).field("y", Schema.OPTIONAL_STRING).build()
    made = string()
    assert made.from_connect_data("t", schema, Struct(schema).put("x", 1)) == b"Struct{x=1}"
    assert made.from_connect_data("t", schema, None) is None
    assert made.encoder("t", None)(None) is None
    assert made.to_connect_data("t", None) == (Schema.OPTIONAL_STRING, None)
    assert made.decoder("t")(None) == (Schema.OPTIONAL_STRING, None)
    assert made.decoder("t")(b"") == made.to_connect_header("t", "h", b"") == (Schema.OPTIONAL_STRING, "")


def test_the_serializers_own_keys_go_before_the_common_one() -> None:
    config = {
        "converter_encoding": "ISO-8859-1",
        "key_serializer_encoding": "UTF-16BE",
        "value_deserializer_encoding": "UTF-16LE",
    }
    key, value = string(is_key=True, **config), string(is_key=False, **config)
    assert (key.from_connect_data("t", None, "é"), key.to_connect_data("t", b"\xe9").value) == (
        b"\0\xe9",
        "é",
    )
    assert (value.from_connect_data("t", None, "é"), value.to_connect_data("t", b"\xe9\0").value) == (
        b"\xe9",
        "é",
    )


def test_an_unknown_character_set_is_a_configuration_mistake() -> None:
    with pytest.raises(ConfigError, match="UTF-8") as caught:
        string(converter_encoding="UTF_8")
    assert set(caught.value.problems) == {"converter.encoding"}
    with pytest.raises(ConfigError) as caught:
        string(
            key_serializer_encoding="x", value_deserializer_encoding="UTF-8", value_serializer_encoding="y"
        )
    assert set(caught.value.problems) == {"key.serializer.encoding", "value.serializer.encoding"}


def test_keys_of_the_serializers_are_no_unknown_keys() -> None:
    config = StringConfig.parse({"key.serializer.encoding": "UTF-16", "converter.encodin": "x"})
    assert set(config.warnings) == {"converter.encodin"}
    assert [key.name for key in StringConfig.definition().keys] == ["converter.type", "converter.encoding"]


def test_bytes_as_they_are() -> None:
    made = ByteArrayConverter(PLAIN)
    for value in (b"ab", bytearray(b"ab"), memoryview(b"xaby")[1:3]):
        assert made.from_connect_data("t", Schema.BYTES, value) == b"ab"
        assert type(made.encoder("t", None)(value)) is bytes  # type: ignore[misc]  # it has one
    assert made.from_connect_header("t", "h", None, None) is None
    assert (
        made.decoder("t")(b"ab") == made.to_connect_header("t", "h", b"ab") == (Schema.OPTIONAL_BYTES, b"ab")
    )
    wrong: Any
    for schema, wrong in ((Schema.STRING, b"a"), (Schema.STRING, None), (None, CANARY), (Schema.BYTES, 5)):
        with pytest.raises(ConversionError) as caught:
            made.from_connect_data("t", schema, wrong)
        assert CANARY not in str(caught.value)


def test_booleans() -> None:
    made = BooleanConverter(PLAIN)
    for value, data in ((True, b"\1"), (False, b"\0"), (None, None)):
        assert made.from_connect_data("t", Schema.BOOLEAN, value) == data
        assert made.to_connect_data("t", data) == (Schema.OPTIONAL_BOOLEAN, value)
        assert (
            made.to_connect_header("t", "h", made.from_connect_header("t", "h", None, value)).value is value
        )
    wrong: Any
    for schema, wrong in ((Schema.INT8, True), (Schema.STRING, None), (None, 1), (None, CANARY)):
        with pytest.raises(ConversionError) as caught:
            made.from_connect_data("t", schema, wrong)
        assert CANARY not in str(caught.value)
    for data in (b"", b"\2", b"\0\1", CANARY.encode()):
        with pytest.raises(ConversionError) as caught:
            made.to_connect_data("t", data)
        assert CANARY not in str(caught.value)


NUMBERS: list[tuple[type[NumberConverter], int | None, int]] = [
    (ShortConverter, 16, 2),
    (IntegerConverter, 32, 4),
    (LongConverter, 64, 8),
    (FloatConverter, None, 4),
    (DoubleConverter, None, 8),
]


@pytest.mark.parametrize(("cls", "bits", "size"), NUMBERS)
@given(st.data())
def test_numbers_come_back(
    cls: type[NumberConverter], bits: int | None, size: int, data: st.DataObject
) -> None:
    made = cls(PLAIN, is_key=True)
    if bits:
        value: Any = data.draw(st.integers(-(1 << (bits - 1)), (1 << (bits - 1)) - 1))
    else:
        value = data.draw(st.floats(width=size * 8, allow_nan=False))  # type: ignore[arg-type]  # 32 or 64
    raw = made.from_connect_data("t", Schema.STRING, value)
    assert raw is not None
    assert len(raw) == size
    assert made.to_connect_data("t", raw) == made.to_connect_header("t", "h", raw) == (cls.schema, value)


@pytest.mark.parametrize(("cls", "bits", "size"), NUMBERS)
def test_what_is_no_such_number_is_refused(cls: type[NumberConverter], bits: int | None, size: int) -> None:
    made = cls(PLAIN)
    assert made.from_connect_data("t", None, None) is None
    assert made.to_connect_data("t", None) == (cls.schema, None)
    wrong: list[Any] = [True, CANARY, b"1", Decimal(1), 1.0 if bits else 1]
    if bits:
        wrong += [1 << (bits - 1), -(1 << (bits - 1)) - 1]
    for value in wrong:
        with pytest.raises(ConversionError) as caught:
            made.from_connect_data("t", None, value)
        assert CANARY not in str(caught.value)
    for data in (b"", b"1" * (size - 1), b"1" * (size + 1)):
        with pytest.raises(ConversionError, match=str(size)):
            made.to_connect_data("t", data)


def test_a_float64_beyond_float32_becomes_infinite() -> None:
    made = FloatConverter(PLAIN)
    assert made.to_connect_data("t", made.from_connect_data("t", None, 1e300)).value == float("inf")
    assert made.to_connect_data("t", made.from_connect_data("t", None, -1e300)).value == float("-inf")


def test_simple_headers_are_texts_whose_type_is_guessed() -> None:
    made = SimpleHeaderConverter(Config.parse({}))
    assert made.from_connect_header("t", "h", None, None) is None
    assert made.to_connect_header("t", "h", None) == (None, None)
    assert made.from_connect_header("t", "h", Schema.STRING, "é") == "é".encode()
    assert made.to_connect_header("t", "h", b"1") == (Schema.INT8, 1)
    assert made.to_connect_header("t", "h", b"\xed\xa0\x80x") == (Schema.STRING, "\ufffdx")
    with pytest.raises(ConversionError, match="'h'") as caught:
        made.from_connect_header("t", "h", None, {"a": object()})
    assert "object at" not in str(caught.value)


@given(st.binary())
def test_any_bytes_are_a_header(data: bytes) -> None:
    SimpleHeaderConverter(Config.parse({})).to_connect_header("t", "h", data)


@pytest.mark.parametrize(
    ("name", "package"),
    [
        ("StringConverter", "storage"),
        ("JsonConverter", "json"),
        *(
            (f"{each}Converter", "converters")
            for each in ("ByteArray", "Boolean", "Short", "Integer", "Long", "Float", "Double")
        ),
    ],
)
def test_all_serve_for_data_and_headers_by_all_their_names(name: str, package: str) -> None:
    java_name = f"org.apache.kafka.connect.{package}.{name}"
    for given_name in (name, name.removesuffix("Converter"), java_name):
        for kind in ("converter", "header_converter"):
            cls = plugins.find(kind, given_name).cls
            assert cls.java_names == (java_name,)
            assert plugins.create(kind, given_name, {}).to_connect_header("t", "h", None).value is None


def test_the_simple_header_converter_serves_for_headers_only() -> None:
    java_name = "org.apache.kafka.connect.storage.SimpleHeaderConverter"
    for name in ("SimpleHeaderConverter", "Simple", java_name):
        assert plugins.find("header_converter", name).cls is SimpleHeaderConverter
        with pytest.raises(ConfigError):
            plugins.find("converter", name)

"""Protobuf schemas and data: what a comparison with Confluent's converter found."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest

from connectkit import logical
from connectkit.builder import SchemaBuilder
from connectkit.converters.protobuf.config import ProtobufConfig
from connectkit.converters.protobuf.converter import ProtobufConverter
from connectkit.converters.protobuf.names import scrub
from connectkit.converters.protobuf.options import whole_number
from connectkit.converters.protobuf.rules import canonical, normalized
from connectkit.converters.registry.opening import forget_mock_registry, mock_registry
from connectkit.converters.registry.port import SchemaText
from connectkit.errors import ConversionError, SchemaError
from connectkit.schema import Schema
from connectkit.struct import Struct

SCOPE = "protobuf-schemas"
P2, P3 = 'syntax = "proto2";\n', 'syntax = "proto3";\n'
FIRST = b"\0\0\0\0\1\0"
"""In front of a payload of the first schema's first message."""


@pytest.fixture(autouse=True)
def _anew() -> Iterator[None]:
    forget_mock_registry(SCOPE)
    yield
    forget_mock_registry(SCOPE)


def converter(**options: str) -> ProtobufConverter:
    raw = {key.replace("_", "."): value for key, value in options.items()}
    return ProtobufConverter(ProtobufConfig.parse({"schema.registry.url": f"mock://{SCOPE}", **raw}))


def register(text: str) -> None:
    mock_registry(SCOPE).register("t-value", SchemaText(text, "PROTOBUF"))


@pytest.mark.parametrize(
    ("name", "scrubbed"),
    [
        ("abc", "abc"), ("_abc", "x_abc"), ("0abc", "x0abc"), ("a-b", "a_b"), ("é", "_C3_A9"),
        ("\U0001f600", "_F0_9F_98_80"), (".", "_"), ("", ""),
    ],
)  # fmt: skip
def test_names_are_scrubbed_as_by_javas_url_encoder(name: str, scrubbed: str) -> None:
    assert scrub(name) == scrubbed


@pytest.mark.parametrize(
    ("text", "number"),
    [("5", 5), ("-2", -2), ("+7", 7), ("x", None), ("", None), (" 5", None), ("2147483648", None)],
)
def test_numbers_are_read_as_by_javas_parser(text: str, number: int | None) -> None:
    assert whole_number(text) == number


def test_a_scale_that_is_no_number_is_none() -> None:
    register(
        P3 + 'import "confluent/meta.proto"; import "confluent/type/decimal.proto"; message M { '
        'confluent.type.Decimal d = 1 [(confluent.field_meta) = {params: [{key: "scale", value: "x"}, '
        '{key: "precision", value: "y"}]}]; }'
    )
    read = converter().to_connect_data("t", FIRST + b"\x0a\x03\x0a\x01\x05")
    assert read.schema is not None
    schema = read.schema.fields[0].schema
    assert schema.parameters == {"scale": "0", "io.confluent.connect.protobuf.Tag": "1"}
    assert read.value["d"] == Decimal(5)


def test_a_type_is_not_looked_for_beyond_the_package_that_has_its_first_part() -> None:
    # io.confluent is the nearest "confluent", so that there is no confluent.type.Decimal in this file.
    schema = SchemaBuilder.struct().name("io.confluent.x.R").field("d", logical.decimal_schema(2)).build()
    with pytest.raises(SchemaError, match=r"confluent\.type\.Decimal, which is not defined"):
        converter().from_connect_data("t", schema, Struct(schema).put("d", Decimal("1.50")))


def test_an_empty_name_is_none() -> None:
    inner = SchemaBuilder.struct().name("").field("a", Schema.STRING).build()
    schema = SchemaBuilder.struct().name("R").field("i", inner).build()
    made = converter()
    data = made.from_connect_data("t", schema, Struct(schema).put("i", Struct(inner).put("a", "x")))
    assert "ConnectDefault1 i = 1;" in mock_registry(SCOPE).version("t-value").schema.text
    assert made.to_connect_data("t", data).value["i"]["a"] == "x"


def test_a_struct_inside_another_of_its_name_and_other_fields_is_refused_by_a_sentence() -> None:
    inner = SchemaBuilder.struct().name("R").field("id", logical.decimal_schema(0)).build()
    schema = SchemaBuilder.struct().name("R").field("c", inner).field("id", Schema.INT32).build()
    value = Struct(schema).put("c", Struct(inner).put("id", Decimal(1))).put("id", 1)
    with pytest.raises(ConversionError, match=r"\$\.c\.id that does not fit the Protobuf type int32"):
        converter().from_connect_data("t", schema, value)


def test_data_without_a_field_that_is_required_are_refused() -> None:
    register(
        P2 + "message M { optional In in = 1; repeated In more = 2; message In { required int32 x = 1; } }"
    )
    made = converter()
    assert made.to_connect_data("t", FIRST + b"\x0a\x02\x08\x05").value["in"]["x"] == 5
    assert made.to_connect_data("t", FIRST).value["in"] is None
    for data in (b"\x0a\x00", b"\x12\x02\x08\x01\x12\x00"):
        with pytest.raises(ConversionError, match=r"lack a field that the Protobuf message M requires"):
            made.to_connect_data("t", FIRST + data)


def test_values_without_a_field_that_is_required_are_refused() -> None:
    register(P2 + "message M { required int32 x = 1; optional int32 y = 2; }")
    made = converter(
        auto_register_schemas="false", use_latest_version="true", latest_compatibility_strict="false"
    )
    schema = SchemaBuilder.struct().name("M").field("x", Schema.OPTIONAL_INT32).build()
    assert made.from_connect_data("t", schema, Struct(schema).put("x", 3)) == FIRST + b"\x08\x03"
    with pytest.raises(ConversionError, match=r"lacks a field that the Protobuf message M requires"):
        made.from_connect_data("t", schema, Struct(schema))


def test_the_keys_of_maps_in_proto2_may_lack() -> None:
    register(P2 + "message M { map<int32, string> m = 1; }")
    read = converter(optional_for_nullables="true").to_connect_data("t", FIRST + b"\x0a\x02\x08\x05")
    assert read.schema is not None
    schema = read.schema.fields[0].schema
    assert schema.key_schema is not None
    assert schema.key_schema.optional


def test_a_default_has_its_place_among_the_options_in_the_normal_form() -> None:
    text = P2 + "message M { optional bool a = 1 [deprecated = true, default = true]; }"
    inside = normalized(text, []).partition("a = 1 [")[2]
    assert inside.index("default = true") < inside.index("deprecated = true")
    assert normalized(normalized(text, []), []) == normalized(text, [])
    assert "default = true" in canonical(text, [])

"""Values of any shape through the three formats, and the properties that a JSON schema does not name."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings

from connectkit.builder import SchemaBuilder
from connectkit.converters.avro.config import AvroConfig
from connectkit.converters.avro.converter import AvroConverter
from connectkit.converters.json_schema.config import JsonSchemaConfig
from connectkit.converters.json_schema.converter import JsonSchemaConverter
from connectkit.converters.json_schema.names import REST
from connectkit.converters.protobuf.config import ProtobufConfig
from connectkit.converters.protobuf.converter import ProtobufConverter
from connectkit.converters.registry.opening import forget_mock_registry, mock_registry
from connectkit.converters.registry.port import SchemaText
from connectkit.converters.variant import VARIANT, encoded, from_struct, to_struct
from connectkit.errors import ConversionError, SchemaError
from connectkit.schema import Schema
from connectkit.struct import Struct
from tests.unit.test_converters_variant import TREES

URL = {"schema.registry.url": "mock://variants"}
OPTIONAL = (
    SchemaBuilder.struct().name(VARIANT.name).field("metadata", Schema.BYTES).field("value", Schema.BYTES)
)
HOLDER = (
    SchemaBuilder.struct()
    .name("x.Holder")
    .field("a", VARIANT)
    .field("b", OPTIONAL.optional().build())
    .build()
)
TREE = {"n": [1, 2.5, None, True, 2**70], "s": "ü"}


@pytest.fixture(autouse=True)
def registry() -> None:
    forget_mock_registry("variants")
    mock_registry("variants").set_level("", "NONE")


def text() -> str:
    return mock_registry("variants").version("t-value").schema.text


def json_converter(**options: str) -> JsonSchemaConverter:
    raw = {name.replace("_", "."): value for name, value in options.items()}
    return JsonSchemaConverter(JsonSchemaConfig.parse({**URL, **raw}))


def holder(tree: Any, second: Any = None) -> Struct:
    schema = HOLDER.fields[1].schema
    return Struct.of(
        HOLDER, [to_struct(VARIANT, tree), None if second is None else to_struct(schema, second)]
    )


@pytest.mark.parametrize("meta", ["true", "false"])
def test_avro_has_a_record_for_them(meta: str) -> None:
    made = AvroConverter(AvroConfig.parse({**URL, "connect.meta.data": meta}))
    value = holder(TREE, "x")
    data = made.from_connect_data("t", HOLDER, value)
    assert made.to_connect_data("t", data).value.values[0].values == value.values[0].values
    fields = json.loads(text())["fields"]
    first = fields[0]["type"]
    assert (first["name"], first["namespace"], first["logicalType"]) == (
        "Variant",
        "confluent.type",
        "variant",
    )
    assert [(each["name"], each["type"]) for each in first["fields"]] == [
        ("metadata", "bytes"),
        ("value", "bytes"),
    ]
    assert fields[1]["type"] == ["null", "confluent.type.Variant"], "two of them are one record"
    read = made.connect_schema(text())
    assert read is not None
    assert [each.schema for each in read.fields] == [each.schema for each in HOLDER.fields]


def test_a_record_that_only_says_so_is_a_record() -> None:
    made = AvroConverter(AvroConfig.parse(URL))
    schema = made.connect_schema(
        '{"type":"record","name":"V","logicalType":"variant","fields":[{"name":"value","type":"bytes"}]}'
    )
    assert schema is not None
    assert schema.name == "V"


def test_protobuf_has_a_message_for_them() -> None:
    made = ProtobufConverter(ProtobufConfig.parse(URL))
    value = holder(TREE)
    data = made.from_connect_data("t", HOLDER, value)
    assert 'import "confluent/type/variant.proto";' in text()
    found = made.to_connect_data("t", data).value
    assert from_struct(found["a"]) == TREE
    assert found["b"] is None


def test_json_has_them_as_what_they_are() -> None:
    made = json_converter()
    data = made.from_connect_data("t", HOLDER, holder(TREE))
    assert data is not None
    assert data[5:].decode() == '{"a":{"n":[1,2.5,null,true,1180591620717411303424],"s":"ü"},"b":null}'
    assert text() == (
        '{"type":"object","title":"x.Holder","properties":{"a":{"title":"org.apache.kafka.connect.data.Variant",'
        '"connect.index":0},"b":{"connect.index":1,"oneOf":[{"type":"null"},'
        '{"title":"org.apache.kafka.connect.data.Variant"}]}}}'
    )
    assert made.connect_schema(text()) == HOLDER
    back = made.to_connect_data("t", data).value
    assert back.values == holder(TREE).values


@settings(max_examples=60, deadline=None)
@given(TREES)
def test_any_json_comes_back(tree: Any) -> None:
    made = json_converter()
    data = made.from_connect_data("t", VARIANT, to_struct(VARIANT, tree))
    if "Infinity" in json.dumps(tree):
        return  # JSON has no such number: it is a text, as with all numbers
    assert data is not None
    assert json.loads(data[5:]) == tree
    decode = made.decoder("t")
    assert decode is not None
    assert from_struct(decode(data)[1]) == tree


@pytest.mark.parametrize(
    ("schema", "payload", "wanted"),
    [
        ("{}", "null", None),
        ("true", '{"a":[1]}', {"a": [1]}),
        ('{"oneOf":[{"type":"null"},{}]}', "7", 7),
        ('{"type":"object","properties":{"x":{}}}', '{"x":null}', None),
    ],
)
def test_whatever_allows_everything_is_one(schema: str, payload: str, wanted: Any) -> None:
    mock_registry("variants").register("t-value", SchemaText(schema, "JSON"))
    made = json_converter()
    decode = made.decoder("t")
    assert decode is not None
    for value in (
        made.to_connect_data("t", b"\0\0\0\0\1" + payload.encode()).value,
        decode(b"\0\0\0\0\1" + payload.encode())[1],
    ):
        found = value["x"] if value.schema.fields[0].name == "x" else value
        assert from_struct(found) == wanted


def test_in_a_union_it_is_what_fits_nothing_else() -> None:
    schema = '{"oneOf":[{"type":"integer","connect.type":"int64"},{}]}'
    mock_registry("variants").register("t-value", SchemaText(schema, "JSON"))
    made = json_converter()
    assert made.to_connect_data("t", b"\0\0\0\0\1" + b"7").value.values == [7, None]
    number, rest = made.to_connect_data("t", b"\0\0\0\0\1" + b'"x"').value.values
    assert (number, from_struct(rest)) == (None, "x")


def test_nothing_is_not_null() -> None:
    mock_registry("variants").register(
        "t-value", SchemaText('{"type":"object","properties":{"x":{}}}', "JSON")
    )
    assert json_converter().to_connect_data("t", b"\0\0\0\0\1{}").value["x"] is None


def test_what_is_no_variant_is_refused() -> None:
    made = json_converter()
    with pytest.raises(ConversionError, match="damaged"):
        made.from_connect_data("t", VARIANT, Struct.of(VARIANT, [b"\1\0\0", b"\xfc"]))
    with pytest.raises(ConversionError, match="is no variant"):
        made.from_connect_data("t", VARIANT, "text")


OPEN = '{"type":"object","properties":{"a":{"type":"integer","connect.type":"int64"},"in":{"type":"object"}}}'
PAYLOAD = '{"a":1,"in":{"z":2.5},"more":[1180591620717411303424,null],"b":"x"}'


def test_properties_that_a_schema_does_not_name_are_kept() -> None:
    mock_registry("variants").register("t-value", SchemaText(OPEN, "JSON"))
    data = b"\0\0\0\0\1" + PAYLOAD.encode()
    plain = json_converter().to_connect_data("t", data).value
    assert [field.name for field in plain.schema.fields] == ["a", "in"]
    made = json_converter(preserve_additional_properties="true")
    decode = made.decoder("t")
    assert decode is not None
    small = b"\0\0\0\0\1" + b'{"a":1,"in":{"z":2.5},"b":"x"}'
    for value in (made.to_connect_data("t", data).value, decode(data)[1]):
        assert [field.name for field in value.schema.fields] == ["a", "in", REST]
        assert {name: from_struct(each) for name, each in value[REST].items()} == {
            "more": [2**70, None],
            "b": "x",
        }
        assert from_struct(value["in"][REST]["z"]) == 2.5
    again = decode(small)[1]
    out = made.from_connect_data("u", again.schema, again)
    assert out is not None
    assert json.loads(out[5:]) == json.loads(small[5:])
    assert REST not in mock_registry("variants").version("u-value").schema.text
    assert decode(b"\0\0\0\0\1" + b'{"a":1,"in":{}}')[1][REST] is None


def test_closed_objects_have_no_such_field_and_a_taken_name_is_refused() -> None:
    made = json_converter(preserve_additional_properties="true")
    closed = made.connect_schema(
        '{"type":"object","properties":{"a":{"type":"string"}},"additionalProperties":false}'
    )
    assert closed is not None
    assert [field.name for field in closed.fields] == ["a"]
    with pytest.raises(SchemaError, match=REST):
        made.connect_schema(f'{{"type":"object","properties":{{"{REST}":{{"type":"string"}}}}}}')
    schema = made.connect_schema('{"type":"object","properties":{"a":{"type":"string"}}}')
    assert schema is not None
    with pytest.raises(ConversionError, match="one that the schema names"):
        made.from_connect_data("t", schema, Struct.of(schema, ["x", {"a": to_struct(VARIANT, 1)}]))


def test_decimals_of_other_writers_are_numbers() -> None:
    metadata, _ = encoded(None)
    value = b"\x20\x02" + (125).to_bytes(4, "little")
    data = json_converter().from_connect_data("t", VARIANT, Struct.of(VARIANT, [metadata, value]))
    assert data is not None
    assert json.loads(data[5:], parse_float=Decimal) == Decimal("1.25")

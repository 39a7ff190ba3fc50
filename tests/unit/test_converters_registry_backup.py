"""Backups: values with their schemas in an envelope, read from one registry and written to another."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from connectkit.builder import SchemaBuilder
from connectkit.converters.avro.config import AvroConfig
from connectkit.converters.avro.converter import AvroConverter
from connectkit.converters.json_schema.config import JsonSchemaConfig
from connectkit.converters.json_schema.converter import JsonSchemaConverter
from connectkit.converters.protobuf.config import ProtobufConfig
from connectkit.converters.protobuf.converter import ProtobufConverter
from connectkit.converters.registry.converter import RegistryConverter
from connectkit.converters.registry.opening import forget_mock_registry, mock_registry
from connectkit.converters.registry.port import Reference, SchemaKind, SchemaText
from connectkit.errors import ConversionError
from connectkit.schema import NULL, Schema
from connectkit.struct import Struct

KINDS: dict[str, tuple[type[Any], type[RegistryConverter[Any]], SchemaKind, str]] = {
    "avro": (AvroConfig, AvroConverter, "AVRO", "AVRO"),
    "protobuf": (ProtobufConfig, ProtobufConverter, "PROTOBUF", "PROTOBUF"),
    "json": (JsonSchemaConfig, JsonSchemaConverter, "JSON", "JSON_SCHEMA"),
}
EVERY = pytest.mark.parametrize("kind", list(KINDS))
ITEM: dict[str, tuple[str, str, str]] = {
    "avro": (
        "Item",
        '{"type":"record","name":"Item","fields":[{"name":"sku","type":"string"}]}',
        (
            '{"type":"record","name":"Order","doc":"as it was","fields":[{"name":"item","type":"Item"},'
            '{"name":"n","type":["null","int"],"default":null}]}'
        ),
    ),
    "protobuf": (
        "item.proto",
        'syntax = "proto3";\n\nmessage Item {\n  string sku = 1;\n}\n',
        'syntax = "proto3";\nimport "item.proto";\nmessage Order { Item item = 1; int32 n = 5; }\n',
    ),
    "json": (
        "item.json",
        '{"type":"object","title":"Item","properties":{"sku":{"type":"string"}}}',
        (
            '{"type":"object","title":"Order","description":"as it was","properties":{'
            '"item":{"$ref":"item.json"},"n":{"type":"integer","connect.type":"int32"}}}'
        ),
    ),
}


@pytest.fixture(autouse=True)
def registries() -> Iterator[None]:
    for scope in ("old", "new"):
        forget_mock_registry(scope)
    yield
    for scope in ("old", "new"):
        forget_mock_registry(scope)


def converter(kind: str, scope: str, **options: str) -> RegistryConverter[Any]:
    config, cls, *_ = KINDS[kind]
    raw = {name.replace("_", "."): value for name, value in options.items()}
    return cls(
        config.parse({"schema.registry.url": f"mock://{scope}", "schema.backup.enabled": "TRUE", **raw})
    )


def written(kind: str) -> tuple[bytes, int]:
    """A message of a schema with a reference, in the old registry."""
    name, inner, outer = ITEM[kind]
    old = mock_registry("old")
    old.register("other", SchemaText(inner, KINDS[kind][2]))
    old.register("items", SchemaText(inner, KINDS[kind][2]))
    schema = SchemaText(outer, KINDS[kind][2], (Reference(name, "items", 1),))
    found = old.register("t-value", schema)
    made = converter(kind, "old", auto_register_schemas="false", use_latest_version="true",
                     latest_compatibility_strict="false", schema_backup_enabled="false")  # fmt: skip
    data = made.to_connect_data  # the Connect schema comes from reading
    item = {
        "avro": b"\x06abc\x02\x0e",
        "protobuf": b"\x00\n\x05\n\x03abc(\x07",
        "json": b'{"item":{"sku":"abc"},"n":7}',
    }[kind]
    message = b"\0" + found.id.to_bytes(4, "big") + item
    assert data("t", message).value["n"] == 7
    return message, found.id


@EVERY
def test_a_message_moves_with_its_schemas(kind: str) -> None:
    message, number = written(kind)
    reader, writer = converter(kind, "old"), converter(kind, "new")
    found = reader.to_connect_data("t", message)
    value = found.value
    assert found.schema is not None
    assert [field.name for field in found.schema.fields] == [
        "data", "schemaId", "schemaVersion", "schemaGuid", "schemaType", "schemaSubject", "rawSchema",
        "referenceTree", "directRefs",
    ]  # fmt: skip
    assert found.schema.name == "io.confluent.connect.backup.Wrapper"
    assert (value["schemaId"], value["schemaVersion"], value["schemaType"]) == (number, 1, KINDS[kind][3])
    assert value["schemaSubject"] == "t-value"
    assert value["rawSchema"] == mock_registry("old").version("t-value").schema.text
    assert json.loads(value["directRefs"]) == [{"name": ITEM[kind][0], "subject": "items", "version": 1}]
    assert (
        json.loads(value["referenceTree"])[0]["schema"] == mock_registry("old").version("items").schema.text
    )
    assert value["data"]["item"]["sku"] == "abc"
    out = writer.from_connect_data("t", found.schema, value)
    assert out is not None
    assert out[5:] == message[5:]
    new = mock_registry("new")
    assert new.subjects() == ["items", "t-value"]
    assert new.version("t-value").schema.text == value["rawSchema"]
    encode = writer.encoder("t", found.schema)
    assert encode is not None
    assert encode(value) == out
    assert reader.to_connect_data("t", message).value == value
    decode = reader.decoder("t")
    assert decode is not None
    assert decode(message) == found


@EVERY
def test_tombstones_stay_tombstones(kind: str) -> None:
    made = converter(kind, "old")
    assert made.to_connect_data("t", None) == NULL
    message, _ = written(kind)
    found = made.to_connect_data("t", message)
    empty = Struct.of(found.schema, [None, *found.value.values[1:]])  # type: ignore[arg-type]
    assert made.from_connect_data("t", found.schema, empty) is None


@EVERY
def test_a_backup_of_another_format_or_without_a_schema_is_refused(kind: str) -> None:
    message, _ = written(kind)
    found = converter(kind, "old").to_connect_data("t", message)
    values = dict(zip([field.name for field in found.value.schema.fields], found.value.values, strict=True))
    for name, bad, words in (
        ("schemaType", "XML", "with the converter that it was made with"),
        ("rawSchema", None, "rawSchema"),
        ("referenceTree", "[{}]", "damaged"),
        ("referenceTree", "{", "damaged"),
    ):
        broken = Struct.of(found.value.schema, [bad if each == name else old for each, old in values.items()])
        with pytest.raises(ConversionError, match=words):
            converter(kind, "new").from_connect_data("t", found.schema, broken)


@EVERY
def test_other_values_are_written_as_ever(kind: str) -> None:
    schema = SchemaBuilder.struct().name("Plain").field("a", Schema.STRING).build()
    made = converter(kind, "old")
    data = made.from_connect_data("t", schema, Struct.of(schema, ["x"]))
    assert made.to_connect_data("t", data).value["data"]["a"] == "x"


def test_avro_data_without_a_schema_are_kept_as_bytes() -> None:
    made = converter("avro", "old")
    data = made.from_connect_data("t", None, {"a": 1})
    found = made.to_connect_data("t", data)
    assert data is not None
    assert found.value["data"] == data[5:]
    assert converter("avro", "new").from_connect_data("t", found.schema, found.value) == data
    assert converter("avro", "new", schema_backup_enabled="false").to_connect_data("t", data).value == {
        "a": 1
    }

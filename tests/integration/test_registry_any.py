"""What every schema registry has to do for the three converters: ours, or the one that is named.

``CONNECTKIT_TEST_REGISTRY=http://host:port/path make test-registry`` runs these against a server; without
it, against the embedded registry behind a real socket. Subjects are fresh and no id is assumed, so that any
server will do, and one that is in use is not disturbed.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

from connectkit.api import Converter
from connectkit.builder import SchemaBuilder
from connectkit.converters.registry.config import RegistryConfig
from connectkit.converters.registry.http import HttpRegistry
from connectkit.converters.registry.port import Reference, SchemaText
from connectkit.converters.registry.settings import client_settings
from connectkit.errors import ConflictError, ConversionError, NotFoundError
from connectkit.plugin import plugins
from connectkit.schema import Schema
from connectkit.struct import Struct
from tests.support.registry_server import served

# Their constructors' types are hidden from type checkers.
Serializer: Any = AvroSerializer
Deserializer: Any = AvroDeserializer
KINDS = ("AvroConverter", "ProtobufConverter", "JsonSchemaConverter")
ORDER = SchemaBuilder.struct().name("shop.Order")
ORDER.field("id", Schema.INT64).field("name", Schema.OPTIONAL_STRING).field("price", Schema.FLOAT64)
SCHEMA = ORDER.field("tags", SchemaBuilder.array(Schema.STRING).optional().build()).build()
AVRO = '{"type":"record","name":"Order","namespace":"shop","fields":[{"name":"id","type":"long"}]}'
BROKEN = AVRO.replace('"type":"long"}', '"type":"long"},{"name":"region","type":"string"}')
GROWN = AVRO.replace('"type":"long"}', '"type":"long"},{"name":"region","type":"string","default":""}')


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The registry's address."""
    named = os.environ.get("CONNECTKIT_TEST_REGISTRY")
    if named:
        yield named
        return
    with served() as found:
        yield found.url


@pytest.fixture
def topic() -> str:
    return f"connectkit-test-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def registry(url: str) -> Iterator[HttpRegistry]:
    made = HttpRegistry(client_settings(RegistryConfig.parse({"schema.registry.url": url})))
    yield made
    made.close()


@pytest.fixture
def make(url: str) -> Iterator[Callable[..., Converter[Any]]]:
    """Makes converters by name, and closes them."""
    made: list[Converter[Any]] = []

    def make_one(name: str, **options: str) -> Converter[Any]:
        raw = {"schema.registry.url": url, **{k.replace("_", "."): v for k, v in options.items()}}
        made.append(plugins.create("converter", name, raw, is_key=False))
        return made[-1]

    yield make_one
    for each in made:
        each.close()


def order() -> Struct:
    return Struct(SCHEMA).put("id", 7).put("name", "tea").put("price", 1.5).put("tags", ["a", "b"])


def fields(value: Any) -> dict[str, Any]:
    assert isinstance(value, Struct)
    return {field.name: value.get(field.name) for field in value.schema.fields}


@pytest.mark.parametrize("name", KINDS)
def test_what_one_converter_writes_another_reads(
    name: str, topic: str, make: Callable[..., Converter[Any]], registry: HttpRegistry
) -> None:
    data = make(name).from_connect_data(topic, SCHEMA, order())
    assert data is not None
    schema, value = make(name).to_connect_data(topic, data)
    assert schema is not None
    assert fields(value) == {"id": 7, "name": "tea", "price": 1.5, "tags": ["a", "b"]}
    assert registry.version(f"{topic}-value").version == 1


@pytest.mark.parametrize("name", KINDS)
def test_a_schema_that_is_not_registered_is_missed(
    name: str, topic: str, make: Callable[..., Converter[Any]]
) -> None:
    with pytest.raises(ConversionError, match=topic):
        make(name, auto_register_schemas="false").from_connect_data(topic, SCHEMA, order())
    make(name).from_connect_data(topic, SCHEMA, order())
    assert make(name, auto_register_schemas="false").from_connect_data(topic, SCHEMA, order())


def test_an_unknown_id_is_a_data_error(topic: str, make: Callable[..., Converter[Any]]) -> None:
    with pytest.raises(ConversionError, match=topic):
        make("AvroConverter").to_connect_data(topic, b"\0\x7f\xff\xff\xf0\x02")


def test_confluents_serializer_and_ours_read_each_other(
    url: str, topic: str, make: Callable[..., Converter[Any]]
) -> None:
    converter = make("AvroConverter")
    ours = converter.from_connect_data(topic, SCHEMA, order())
    expected = {"id": 7, "name": "tea", "price": 1.5, "tags": ["a", "b"]}
    with SchemaRegistryClient({"url": url}) as client:
        context = SerializationContext(topic, MessageField.VALUE)
        assert Deserializer(client)(ours, context) == expected
        text = client.get_latest_version(f"{topic}-value").schema.schema_str
        write = Serializer(client, text, conf={"auto.register.schemas": False})
        assert fields(converter.to_connect_data(topic, write(expected, context)).value) == expected


def test_registering_twice_is_once(topic: str, registry: HttpRegistry) -> None:
    first = registry.register(topic, SchemaText(AVRO))
    again = registry.register(topic, SchemaText(AVRO))
    assert first.id == again.id
    assert registry.lookup(topic, SchemaText(AVRO)).id == first.id
    assert registry.by_id(first.id).schema.kind == "AVRO"
    assert topic in registry.subjects()


def test_what_is_not_there_is_not_found(topic: str, registry: HttpRegistry) -> None:
    with pytest.raises(NotFoundError):
        registry.version(topic)
    with pytest.raises(NotFoundError):
        registry.lookup(topic, SchemaText(AVRO))
    registry.register(topic, SchemaText(AVRO))
    with pytest.raises(NotFoundError):
        registry.version(topic, 99)


def test_an_incompatible_schema_is_a_conflict(url: str, topic: str, registry: HttpRegistry) -> None:
    with SchemaRegistryClient({"url": url}) as client:
        registry.register(topic, SchemaText(AVRO))
        client.set_compatibility(topic, "BACKWARD")
        with pytest.raises(ConflictError):
            registry.register(topic, SchemaText(BROKEN))
        registry.register(topic, SchemaText(GROWN))
    assert registry.version(topic).schema.text == GROWN


def test_references_lead_to_their_schemas(topic: str, registry: HttpRegistry) -> None:
    registry.register(f"{topic}-order", SchemaText(AVRO))
    uses = SchemaText(
        '{"type":"record","name":"Bill","namespace":"shop","fields":[{"name":"order","type":"shop.Order"}]}',
        references=(Reference("shop.Order", f"{topic}-order", 1),),
    )
    found = registry.register(topic, uses)
    assert registry.by_id(found.id).schema.references == uses.references

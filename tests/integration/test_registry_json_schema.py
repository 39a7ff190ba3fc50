"""JSON Schema over HTTP with clients that nobody here wrote: confluent-kafka's serializers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from confluent_kafka.schema_registry import Schema as ClientSchema
from confluent_kafka.schema_registry import SchemaReference, SchemaRegistryClient
from confluent_kafka.schema_registry.error import SchemaRegistryError
from confluent_kafka.schema_registry.json_schema import JSONDeserializer, JSONSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

from connectkit import logical
from connectkit.builder import SchemaBuilder
from connectkit.converters.json_schema.config import JsonSchemaConfig
from connectkit.converters.json_schema.converter import JsonSchemaConverter
from connectkit.schema import Schema
from connectkit.struct import Struct
from tests.support.registry_server import Served, served

# Type checkers see an empty __init__ of these, as it is chosen when the module is loaded.
SERIALIZER: Any = JSONSerializer
DESERIALIZER: Any = JSONDeserializer
CONTEXT = SerializationContext("orders", MessageField.VALUE)
ORDER = (
    '{"$schema":"http://json-schema.org/draft-07/schema#","title":"Order","type":"object","required":["id"],'
    '"properties":{"id":{"type":"integer"},"name":{"type":["string","null"]},"lines":{"type":"array","items":'
    '{"$ref":"#/definitions/Line"}}},"definitions":{"Line":{"type":"object","properties":{"sku":'
    '{"type":"string"},"price":{"type":"number"}}}},"additionalProperties":false}'
)
SHOP = (
    SchemaBuilder.struct()
    .name("shop.Order")
    .field("id", Schema.INT64)
    .field("name", Schema.OPTIONAL_STRING)
    .field("price", logical.decimal_schema(2))
    .field("tags", SchemaBuilder.array(Schema.STRING).build())
    .build()
)
Make = Callable[..., JsonSchemaConverter]


@pytest.fixture
def server() -> Iterator[Served]:
    with served() as found:
        yield found


@pytest.fixture
def client(server: Served) -> Iterator[SchemaRegistryClient]:
    with SchemaRegistryClient({"url": server.url}) as made:
        yield made


@pytest.fixture
def converter(server: Served) -> Iterator[Make]:
    """Makes our converter with the registry of the test."""
    made: list[JsonSchemaConverter] = []

    def make(**options: str) -> JsonSchemaConverter:
        raw = {key.replace("_", "."): value for key, value in options.items()}
        made.append(JsonSchemaConverter(JsonSchemaConfig.parse({"schema.registry.url": server.url, **raw})))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_what_they_write_we_read(client: SchemaRegistryClient, converter: Make) -> None:
    value = {"id": 7, "name": None, "lines": [{"sku": "a", "price": 2.5}, {"sku": "é", "price": 3}]}
    data = SERIALIZER(ORDER, client)(value, CONTEXT)
    for options in ({}, {"json_fail_invalid_schema": "true"}):
        schema, found = converter(**options).to_connect_data("orders", data)
        assert schema is not None
        assert (schema.name, schema.version) == ("Order", 1)
        assert (found["id"], found["name"]) == (7, None)
        assert [(each["sku"], each["price"]) for each in found["lines"]] == [("a", 2.5), ("é", 3.0)]


def test_what_we_write_they_read(client: SchemaRegistryClient, converter: Make) -> None:
    value = Struct.of(SHOP, [7, "é", Decimal("12.50"), ["x"]])
    data = converter(decimal_format="NUMERIC").from_connect_data("orders", SHOP, value)
    assert data is not None
    found = DESERIALIZER(None, schema_registry_client=client)(data, CONTEXT)
    assert found == {"id": 7, "name": "é", "price": 12.5, "tags": ["x"]}


def test_they_write_with_the_schema_that_we_registered(
    client: SchemaRegistryClient, converter: Make, server: Served
) -> None:
    ours = converter(decimal_format="NUMERIC")
    ours.from_connect_data("orders", SHOP, Struct.of(SHOP, [7, None, Decimal("1.00"), []]))
    text = client.get_latest_version("orders-value").schema.schema_str
    write = SERIALIZER(text, client, conf={"auto.register.schemas": False})
    data = write({"id": 8, "name": None, "price": 2.25, "tags": ["y"]}, CONTEXT)
    found = ours.to_connect_data("orders", data)
    assert (found.value["id"], found.value["price"]) == (8, Decimal("2.25"))
    assert len(server.registry.versions("orders-value")) == 1


def test_schemas_with_references_are_registered_and_read(
    client: SchemaRegistryClient, converter: Make
) -> None:
    client.register_schema(
        "line", ClientSchema('{"type":"object","properties":{"n":{"type":"integer"}}}', "JSON")
    )
    text = '{"title":"L","type":"object","properties":{"line":{"$ref":"line.json"}}}'
    schema = ClientSchema(text, "JSON", [SchemaReference("line.json", "line", 1)])
    data = SERIALIZER(schema, client)({"line": {"n": 3}}, CONTEXT)
    found: Any = converter().to_connect_data("orders", data).value
    assert found["line"]["n"] == 3


def test_incompatible_schemas_are_refused(client: SchemaRegistryClient) -> None:
    client.register_schema("s", ClientSchema('{"type":"integer"}', "JSON"))
    assert client.test_compatibility("s", ClientSchema('{"type":"number"}', "JSON"))
    assert not client.test_compatibility("s", ClientSchema('{"type":"string"}', "JSON"))
    with pytest.raises(SchemaRegistryError) as caught:
        client.register_schema("s", ClientSchema('{"type":"string"}', "JSON"))
    assert caught.value.http_status_code == 409
    with pytest.raises(SchemaRegistryError) as caught:
        client.register_schema("s", ClientSchema('{"type":"no such type"}', "JSON"))
    assert (caught.value.http_status_code, caught.value.error_code) == (422, 42201)


def test_a_run_of_any_length_asks_only_once(converter: Make, server: Served) -> None:
    ours = converter()
    encode, decode = ours.encoder("orders", SHOP), ours.decoder("orders")
    assert encode is not None
    assert decode is not None
    for number in range(1000):
        data = encode(Struct.of(SHOP, [number, None, Decimal("1.00"), []]))
        assert decode(data)[1]["id"] == number
    assert len(server.requests) < 8

"""The embedded registry over HTTP with clients that nobody here wrote, and our converter as one of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, cast

import pytest
from confluent_kafka.schema_registry import Schema as ClientSchema
from confluent_kafka.schema_registry import SchemaReference, SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.error import SchemaRegistryError
from confluent_kafka.serialization import MessageField, SerializationContext

from connectkit import logical
from connectkit.builder import SchemaBuilder
from connectkit.converters.avro.config import AvroConfig
from connectkit.converters.avro.converter import AvroConverter
from connectkit.errors import ConflictError, ConversionError, RetriableError
from connectkit.schema import Schema
from connectkit.struct import Struct
from tests.support.registry_server import Served, served

ORDER = '{"type":"record","name":"Order","namespace":"shop","fields":[{"name":"id","type":"long"}]}'
WITH_REGION = ORDER.replace('"type":"long"}', '"type":"long"},{"name":"region","type":"string"}')
WITH_DEFAULT = ORDER.replace(
    '"type":"long"}', '"type":"long"},{"name":"region","type":"string","default":""}'
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


@pytest.fixture
def server() -> Iterator[Served]:
    with served() as found:
        yield found


@pytest.fixture
def client(server: Served) -> Iterator[SchemaRegistryClient]:
    with SchemaRegistryClient({"url": server.url}) as made:
        yield made


Make = Callable[..., AvroConverter]


@pytest.fixture
def converter(server: Served) -> Iterator[Make]:
    """Makes our converter with the registry of the test."""
    made = []

    def make(**options: str) -> AvroConverter:
        raw = {key.replace("_", "."): value for key, value in options.items()}
        made.append(AvroConverter(AvroConfig.parse({"schema.registry.url": server.url, **raw})))
        return made[-1]

    yield make
    for each in made:
        each.close()


def code_of(call: Any, *arguments: Any) -> tuple[int, int]:
    with pytest.raises(SchemaRegistryError) as caught:
        call(*arguments)
    return caught.value.http_status_code, caught.value.error_code


def test_a_client_registers_looks_up_and_lists(client: SchemaRegistryClient) -> None:
    first = client.register_schema_full_response("o-value", ClientSchema(ORDER))
    assert (first.schema_id, first.version) == (1, 1)
    assert client.register_schema("other-value", ClientSchema(f" {ORDER} ")) == 1, (
        "the same schema, the same id"
    )
    found = client.lookup_schema("o-value", ClientSchema(ORDER))
    assert (found.schema_id, found.version, found.subject) == (1, 1, "o-value")
    assert client.get_schema(1).schema_str == ORDER
    assert first.guid
    assert client.get_schema_by_guid(first.guid).schema_str == ORDER
    assert client.get_subjects() == ["o-value", "other-value"]
    assert client.get_versions("o-value") == [1]
    assert {(each.subject, each.version) for each in client.get_schema_versions(1)} == {
        ("o-value", 1),
        ("other-value", 1),
    }
    assert sorted(client.get_schema_types()) == ["AVRO", "JSON", "PROTOBUF"]
    assert client.get_contexts() == ["."]
    assert client.get_associations_by_resource_name("o", "-", "topic", ["value"]) == []


def test_what_is_not_there_has_its_code(client: SchemaRegistryClient) -> None:
    assert code_of(client.get_latest_version, "o-value") == (404, 40401)
    assert code_of(client.get_versions, "o-value") == (404, 40401)
    assert code_of(client.lookup_schema, "o-value", ClientSchema(ORDER)) == (404, 40401)
    client.register_schema("o-value", ClientSchema(ORDER))
    assert code_of(client.get_version, "o-value", 7) == (404, 40402)
    assert code_of(client.get_version, "o-value", 0) == (422, 42202)
    assert code_of(client.lookup_schema, "o-value", ClientSchema('"int"')) == (404, 40403)
    assert code_of(client.get_schema, 99) == (404, 40403)
    assert code_of(client.get_schema_by_guid, "1" * 8) == (404, 40403)
    assert code_of(client.register_schema, "o-value", ClientSchema("{")) == (422, 42201)
    assert code_of(client.register_schema, "o-value", ClientSchema(ORDER, "THRIFT")) == (422, 42201)
    assert code_of(client.register_schema, "x" * 2000, ClientSchema(ORDER)) == (422, 42208)
    missing = ClientSchema('"x.Y"', "AVRO", [SchemaReference("x.Y", "x-value", 1)])
    assert code_of(client.register_schema, "o-value", missing) == (422, 42201)
    large = ClientSchema('{"type":"string","doc":"' + "x" * (5 << 20) + '"}')
    assert code_of(client.register_schema, "o-value", large)[1] == 42209


def test_compatibility_levels(client: SchemaRegistryClient) -> None:
    client.register_schema("o-value", ClientSchema(ORDER))
    assert code_of(client.register_schema, "o-value", ClientSchema(WITH_REGION)) == (409, 40901)
    assert not client.test_compatibility("o-value", ClientSchema(WITH_REGION))
    assert client.test_compatibility("o-value", ClientSchema(WITH_DEFAULT))
    assert client.get_compatibility() == "BACKWARD"
    assert code_of(client.get_compatibility, "o-value") == (404, 40408)
    client.set_compatibility("o-value", "FORWARD")
    assert client.get_compatibility("o-value") == "FORWARD"
    assert client.test_compatibility("o-value", ClientSchema(WITH_REGION))
    client.register_schema("o-value", ClientSchema(WITH_REGION))
    assert client.get_latest_version("o-value").version == 2
    assert code_of(client.set_compatibility, "o-value", "SIDEWARD") == (422, 42203)
    client.delete_config("o-value")
    assert code_of(client.get_compatibility, "o-value") == (404, 40408)
    client.set_compatibility(level="NONE")
    assert client.get_compatibility() == "NONE"


def test_modes(client: SchemaRegistryClient) -> None:
    assert client.get_global_mode() == "READWRITE"
    assert code_of(client.get_mode, "o-value") == (404, 40409)
    client.update_mode("o-value", "READONLY")
    assert code_of(client.register_schema, "o-value", ClientSchema(ORDER)) == (422, 42205)
    assert code_of(client.update_mode, "o-value", "SIDEWARD") == (422, 42204)
    client.delete_mode("o-value")
    assert client.register_schema("o-value", ClientSchema(ORDER)) == 1


def test_deletion_is_soft_first(client: SchemaRegistryClient) -> None:
    client.register_schema("o-value", ClientSchema(ORDER))
    client.register_schema("o-value", ClientSchema(WITH_DEFAULT))
    assert client.delete_version("o-value", 1) == 1
    assert code_of(client.delete_version, "o-value", 1) == (404, 40406)
    assert client.get_versions("o-value") == [2]
    assert code_of(client.get_version, "o-value", 1) == (404, 40402)
    assert client.get_version("o-value", 1, True).schema_id == 1
    assert code_of(client.delete_version, "o-value", 2, True) == (404, 40407)
    assert client.delete_version("o-value", 1, True) == 1
    assert code_of(client.delete_subject, "o-value", True) == (404, 40405)
    assert client.delete_subject("o-value") == [2]
    assert client.get_subjects() == []
    assert client.get_subjects(deleted=True) == ["o-value"]
    assert code_of(client.delete_subject, "o-value") == (404, 40404)
    client.clear_caches()  # type: ignore[no-untyped-call]
    again = client.register_schema_full_response("o-value", ClientSchema(ORDER))
    assert (again.version, again.schema_id) == (3, 1), "a number is never given twice, and an id stays"


def test_references_and_subjects_with_slashes(client: SchemaRegistryClient) -> None:
    client.register_schema("shop/order.avsc", ClientSchema(ORDER))
    assert client.get_latest_version("shop/order.avsc").version == 1
    text = '{"type":"array","items":"shop.Order"}'
    uses = ClientSchema(text, "AVRO", [SchemaReference("shop.Order", "shop/order.avsc", 1)])
    assert client.register_schema("list-value", uses) == 2
    assert [each.subject for each in client.get_schema(2).references or ()] == ["shop/order.avsc"]
    assert client.get_referenced_by("shop/order.avsc", 1) == [2]
    assert code_of(client.delete_version, "shop/order.avsc", 1) == (422, 42206)
    assert code_of(client.delete_subject, "shop/order.avsc") == (422, 42206)


def fields_of(value: Struct) -> dict[str, Any]:
    return {field.name: value.get(field.name) for field in value.schema.fields}


def shop_order(number: int = 1) -> Struct:
    made = Struct(SHOP)
    made.put("id", number)
    made.put("name", "ä")
    made.put("price", Decimal("1.50"))
    made.put("tags", ["x", "y"])
    return made


def test_confluents_deserializer_reads_what_our_converter_writes(
    client: SchemaRegistryClient, converter: Make
) -> None:
    data = converter().from_connect_data("shop", SHOP, shop_order())
    deserialize = cast(Any, AvroDeserializer)(client)
    read = deserialize(data, SerializationContext("shop", MessageField.VALUE))
    assert read == {"id": 1, "name": "ä", "price": Decimal("1.50"), "tags": ["x", "y"]}


def test_our_converter_reads_what_confluents_serializer_writes(
    client: SchemaRegistryClient, converter: Make
) -> None:
    text = (
        '{"type":"record","name":"shop.Order","fields":[{"name":"id","type":"long"},{"name":"name","type":'
        '["null","string"]},{"name":"price","type":{"type":"bytes","logicalType":"decimal","precision":9,'
        '"scale":2}},{"name":"tags","type":{"type":"array","items":"string"}}]}'
    )
    serialize = cast(Any, AvroSerializer)(client, text)
    given = {"id": 1, "name": "ä", "price": Decimal("1.50"), "tags": ["x", "y"]}
    data = serialize(given, SerializationContext("shop", MessageField.VALUE))
    schema, value = converter().to_connect_data("shop", data)
    assert schema is not None
    assert schema.name == "shop.Order"
    assert schema.version == 1
    assert fields_of(value) == given


def test_schema_ids_in_headers(client: SchemaRegistryClient, converter: Make) -> None:
    package = "io.confluent.kafka.serializers.schema.id."
    ours = converter(value_schema_id_serializer=f"{package}HeaderSchemaIdSerializer")
    headers: list[tuple[str, bytes | None]] = []
    data = ours.from_connect_data("shop", SHOP, shop_order(), headers)
    assert [name for name, _ in headers] == ["__value_schema_id"]
    assert fields_of(ours.to_connect_data("shop", data, headers).value) == fields_of(shop_order())
    context = SerializationContext("shop", MessageField.VALUE, list(headers))
    deserialize = cast(Any, AvroDeserializer)(client)
    assert deserialize(data, context)["name"] == "ä"


def test_a_run_of_records_makes_a_handful_of_requests(server: Served, converter: Make) -> None:
    ours, other = converter(), converter()
    encode = ours.encoder("shop", SHOP)
    decode = other.decoder("shop")
    assert encode is not None
    assert decode is not None
    order = shop_order()
    for _ in range(100_000):
        decode(encode(order))
    assert server.requests == [
        "GET /associations/resources/-/shop",
        "POST /subjects/shop-value/versions",
        "GET /associations/resources/-/shop",
        "GET /schemas/ids/1",
        "POST /subjects/shop-value",
    ]


def test_what_the_registry_refuses_is_a_bad_record(server: Served, converter: Make) -> None:
    first = SchemaBuilder.struct().name("R").field("a", Schema.INT64).build()
    second = SchemaBuilder.struct().name("R").field("a", Schema.INT64).field("b", Schema.INT64).build()
    ours = converter()
    ours.from_connect_data("t", first, Struct(first).put("a", 1))
    with pytest.raises(ConversionError, match="READER_FIELD_MISSING_DEFAULT_VALUE") as caught:
        ours.from_connect_data("t", second, Struct(second).put("a", 1).put("b", 2))
    assert isinstance(caught.value.__cause__, ConflictError)
    before = len(server.requests)
    for _ in range(50):
        with pytest.raises(ConversionError):
            ours.from_connect_data("t", second, Struct(second).put("a", 1).put("b", 2))
    assert len(server.requests) - before <= 5, (
        "an error is asked for again after a second, not by each record"
    )


def test_the_newest_schema_is_asked_for_again_after_its_time(converter: Make) -> None:
    first = SchemaBuilder.struct().name("R").field("a", Schema.INT64).build()
    second = (
        SchemaBuilder.struct().name("R").field("a", Schema.INT64).field("b", Schema.OPTIONAL_STRING).build()
    )
    data = converter().from_connect_data("t", first, Struct(first).put("a", 1))
    asks, believes = (converter(use_latest_version="true", latest_cache_ttl_sec=ttl) for ttl in ("0", "-1"))
    for reads in (asks, believes):
        assert fields_of(reads.to_connect_data("t", data).value) == {"a": 1}
    converter().from_connect_data("t", second, Struct(second).put("a", 1))
    assert fields_of(asks.to_connect_data("t", data).value) == {"a": 1, "b": None}
    assert fields_of(believes.to_connect_data("t", data).value) == {"a": 1}


def test_known_schemas_flow_on_while_the_registry_is_down() -> None:
    first = SchemaBuilder.struct().name("R").field("a", Schema.INT64).build()
    second = SchemaBuilder.struct().name("R").field("b", Schema.OPTIONAL_STRING).build()
    with served() as server:
        options = {"schema.registry.url": server.url, "max.retries": "0", "http.read.timeout.ms": "2000"}
        ours = AvroConverter(AvroConfig.parse(options))
        data = ours.from_connect_data("t", first, Struct(first).put("a", 1))
        ours.to_connect_data("t", data)
    for _ in range(100):
        assert ours.from_connect_data("t", first, Struct(first).put("a", 1)) == data
        assert ours.to_connect_data("t", data).value.get("a") == 1
        with pytest.raises(RetriableError):
            ours.from_connect_data("t", second, Struct(second).put("b", "x"))
        with pytest.raises(RetriableError):
            ours.to_connect_data("t", b"\0\0\0\0\x09\2")
    ours.close()


def test_a_schema_a_record_keeps_to_the_bounds(server: Served, converter: Make) -> None:
    server.registry.set_level("", "NONE")
    ours = converter(schemas_cache_config="50", max_schemas_per_subject="50")
    for number in range(300):
        schema = SchemaBuilder.struct().name("R").field(f"f{number}", Schema.INT64).build()
        data = ours.from_connect_data("t", schema, Struct(schema).put(f"f{number}", number))
        assert ours.to_connect_data("t", data).value.get(f"f{number}") == number
    assert len(ours._writing["t"].table) <= 50
    assert len(ours._reading) <= 50
    assert max(map(len, ours._serde.client._answers.values())) <= 50

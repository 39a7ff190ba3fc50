"""JsonSchemaConverter beside confluent-kafka's: microseconds a record, ``python -m benchmarks.json_schema``.

One record of five fields. confluent-kafka's serializer gets and gives a dict and is told not to validate, as
the converter does by default; the libraries alone do without the five bytes in front. Each figure is the
least CPU time of several runs in one process. Confluent's JSON Schema converter for Java is not among the
packages that carry its Avro converter, so there is no Java figure.
"""

from __future__ import annotations

import json
from typing import Any

import orjson
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.json_schema import JSONDeserializer, JSONSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

from benchmarks.json_codec import best_us, order_schema
from benchmarks.workload import order
from connectkit.converters.json_schema.config import JsonSchemaConfig
from connectkit.converters.json_schema.converter import JsonSchemaConverter
from connectkit.struct import Struct
from tests.support.registry_server import served

# Their constructors' types are hidden from type checkers.
Serializer: Any = JSONSerializer
Deserializer: Any = JSONDeserializer
UNCHECKED = {"auto.register.schemas": False, "use.latest.version": True, "validate": False}


def report(way: str, figures: dict[str, float]) -> None:
    ours = figures["JsonSchemaConverter"]
    for name, us in figures.items():
        print(f"{way:<8} {name:<36} {us:7.3f} us {us / ours:6.1f} x {1e6 / us:12,.0f}/s")


def main() -> None:
    value = order(1_234_567)
    schema = order_schema()
    struct = Struct.of(schema, list(value.values()))
    with served() as server:
        made = JsonSchemaConverter(JsonSchemaConfig.parse({"schema.registry.url": server.url}))
        data = made.from_connect_data("orders", schema, struct) or b""
        text = server.registry.version("orders-value").schema.text
        encode, decode = made.encoder("orders", schema), made.decoder("orders")
        assert encode is not None
        assert decode is not None
        with SchemaRegistryClient({"url": server.url}) as client:
            context = SerializationContext("orders", MessageField.VALUE)
            serialize = Serializer(text, client, conf=UNCHECKED)
            deserialize = Deserializer(
                text, schema_registry_client=client, conf={"use.latest.version": False, "validate": False}
            )
            assert json.loads(serialize(value, context)[5:]) == json.loads(data[5:]) == value
            assert deserialize(data, context) == value
            report(
                "encode",
                {
                    "JsonSchemaConverter": best_us(encode, struct),
                    "confluent-kafka's serializer": best_us(lambda each: serialize(each, context), value),
                    "orjson alone, from a dict": best_us(orjson.dumps, value),
                },
            )
            report(
                "decode",
                {
                    "JsonSchemaConverter": best_us(decode, data),
                    "confluent-kafka's deserializer": best_us(lambda each: deserialize(each, context), data),
                    "orjson alone, to a dict": best_us(orjson.loads, data[5:]),
                },
            )
        made.close()


if __name__ == "__main__":
    main()

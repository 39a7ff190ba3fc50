"""ProtobufConverter beside confluent-kafka's: microseconds a record, ``python -m benchmarks.protobuf``.

One record of five fields. The library alone gets and gives a message of its own, without the six bytes
in front; the others frame and find the schema by its id, as a pipeline does. Each figure is the least CPU
time of several runs in one process.
"""

from __future__ import annotations

from typing import Any

from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer, ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from google.protobuf import descriptor_pool, message_factory

from benchmarks.json_codec import best_us, order_schema
from benchmarks.workload import order
from connectkit.converters.protobuf.config import ProtobufConfig
from connectkit.converters.protobuf.converter import ProtobufConverter
from connectkit.converters.protobuf.linked import link
from connectkit.converters.protobuf.parse import parse
from connectkit.converters.protobuf.to_descriptor import to_descriptor
from connectkit.struct import Struct
from tests.support.registry_server import served

# Their constructors' types are hidden from type checkers.
Serializer: Any = ProtobufSerializer
Deserializer: Any = ProtobufDeserializer


def report(way: str, figures: dict[str, float]) -> None:
    ours = figures["ProtobufConverter"]
    for name, us in figures.items():
        print(f"{way:<8} {name:<28} {us:7.3f} us {us / ours:6.1f} x {1e6 / us:12,.0f}/s")


def message_class(text: str) -> Any:
    file = parse(text)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(to_descriptor(file, {}, imported=file.all_imports()))
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(link(file).first_name))


def main() -> None:
    value = order(1_234_567)
    schema = order_schema()
    struct = Struct.of(schema, list(value.values()))
    with served() as server:
        made = ProtobufConverter(ProtobufConfig.parse({"schema.registry.url": server.url}))
        data = made.from_connect_data("orders", schema, struct) or b""
        kind = message_class(server.registry.version("orders-value").schema.text)
        message = kind(**value)
        encode, decode = made.encoder("orders", schema), made.decoder("orders")
        assert encode is not None
        assert decode is not None
        with SchemaRegistryClient({"url": server.url}) as client:
            context = SerializationContext("orders", MessageField.VALUE)
            serialize = Serializer(kind, client, {"use.deprecated.format": False})
            deserialize = Deserializer(kind, {"use.deprecated.format": False}, client)
            assert serialize(message, context)[5:] == data[5:] == b"\0" + message.SerializeToString()
            assert deserialize(data, context) == message
            report(
                "encode",
                {
                    "ProtobufConverter": best_us(encode, struct),
                    "confluent-kafka's serializer": best_us(lambda each: serialize(each, context), message),
                    "the library, from a dict": best_us(lambda each: kind(**each).SerializeToString(), value),
                },
            )
            report(
                "decode",
                {
                    "ProtobufConverter": best_us(decode, data),
                    "confluent-kafka's deserializer": best_us(lambda each: deserialize(each, context), data),
                    "the library, to a message": best_us(kind.FromString, data[6:]),
                },
            )
        made.close()


if __name__ == "__main__":
    main()

"""AvroConverter beside fastavro and confluent-kafka's: microseconds a record, ``python -m benchmarks.avro``.

One record of five fields. fastavro gets and gives a dict, without the five bytes in front; the others
frame and find the schema by its id, as a pipeline does. Each figure is the least CPU time of several runs
in one process. At the end: what a run of records asks an HTTP registry.
"""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Callable
from typing import Any, cast

import fastavro
from confluent_kafka.schema_registry import Schema as ClientSchema
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

from benchmarks.json_codec import best_us, order_schema
from benchmarks.workload import order
from connectkit.converters.avro.config import AvroConfig
from connectkit.converters.avro.converter import AvroConverter
from connectkit.struct import Struct
from tests.support.registry_server import served

RECORDS = 200_000


def converter(url: str) -> AvroConverter:
    return AvroConverter(AvroConfig.parse({"schema.registry.url": url}))


def report(way: str, figures: dict[str, float]) -> None:
    ours = figures["AvroConverter"]
    for name, us in figures.items():
        print(f"{way:<8} {name:<28} {us:7.3f} us {us / ours:6.1f} x {1e6 / us:12,.0f}/s")


def fast(text: str) -> tuple[Callable[[Any], Any], Callable[[bytes], Any]]:
    schema = fastavro.parse_schema(json.loads(text))

    def write(value: Any) -> bytes:
        out = io.BytesIO()
        fastavro.schemaless_writer(out, schema, value)
        return out.getvalue()

    return write, lambda data: fastavro.schemaless_reader(io.BytesIO(data), schema)


def main() -> None:
    value = order(1_234_567)
    schema = order_schema()
    struct = Struct.of(schema, list(value.values()))
    with served() as server:
        made = converter(server.url)
        data = made.from_connect_data("orders", schema, struct) or b""
        text = server.registry.version("orders-value").schema.text
        encode, decode = made.encoder("orders", schema), made.decoder("orders")
        assert encode is not None
        assert decode is not None
        fast_write, fast_read = fast(text)
        with SchemaRegistryClient({"url": server.url}) as client:
            context = SerializationContext("orders", MessageField.VALUE)
            serialize = cast(Any, AvroSerializer)(client, ClientSchema(text, "AVRO"))
            deserialize = cast(Any, AvroDeserializer)(client)
            assert serialize(value, context) == data == data[:5] + fast_write(value)
            assert deserialize(data, context) == fast_read(data[5:]) == value
            report(
                "encode",
                {
                    "AvroConverter": best_us(encode, struct),
                    "fastavro": best_us(fast_write, value),
                    "confluent-kafka's serializer": best_us(lambda each: serialize(each, context), value),
                },
            )
            report(
                "decode",
                {
                    "AvroConverter": best_us(decode, data),
                    "fastavro": best_us(fast_read, data[5:]),
                    "confluent-kafka's deserializer": best_us(lambda each: deserialize(each, context), data),
                },
            )
        made.close()
    requests()


def requests() -> None:
    """Encode and decode with a new registry, and count what it is asked."""
    schema = order_schema()
    with served() as server:
        made, other = converter(server.url), converter(server.url)
        encode, decode = made.encoder("orders", schema), other.decoder("orders")
        assert encode is not None
        assert decode is not None
        for number in range(RECORDS):
            decode(encode(Struct.of(schema, list(order(number).values()))))
        asked = Counter(request.partition(" ")[0] for request in server.requests)
        told = ", ".join(f"{count} {method}" for method, count in asked.items())
        print(f"{RECORDS:,} records written and read: {sum(asked.values())} HTTP requests ({told})")
        made.close()
        other.close()


if __name__ == "__main__":
    main()

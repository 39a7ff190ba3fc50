"""AvroConverter beside fastavro and confluent-kafka's: microseconds a record, ``python -m benchmarks.avro``.

One record of five fields; ours is measured compiled, where that is built, and in Python. fastavro gets
and gives a dict, without the five bytes in front; the others frame and find the schema by its id, as a
pipeline does. Each figure is the least CPU time of several runs in one process, and ``x`` is its ratio to
the first. At the end: what a run of records asks an HTTP registry.
"""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, cast

import fastavro
from confluent_kafka.schema_registry import Schema as ClientSchema
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

from benchmarks.json_codec import best_us, order_schema
from benchmarks.workload import order
from connectkit.converters.avro import native
from connectkit.converters.avro.config import AvroConfig
from connectkit.converters.avro.converter import AvroConverter
from connectkit.struct import Struct
from tests.support.registry_server import served

RECORDS = 200_000
OURS = "AvroConverter, compiled"
IN_PYTHON = "AvroConverter, in Python"


def converter(url: str) -> AvroConverter:
    return AvroConverter(AvroConfig.parse({"schema.registry.url": url}))


Coder = Callable[[Any], Any]


def coders(url: str, struct: Struct) -> Iterator[tuple[str, Coder, Coder]]:
    """Our encoder and decoder, as a worker gets them: the best there is, then the one in Python."""
    best = native.codec
    for name, codec in {OURS if best is not None else IN_PYTHON: best, IN_PYTHON: None}.items():
        native.codec = codec
        made = converter(url)
        encode, decode = made.encoder("orders", struct.schema), made.decoder("orders")
        assert encode is not None
        assert decode is not None
        assert decode(encode(struct))[1].values == struct.values  # both are made now, with this codec
        yield name, encode, decode
    native.codec = best


def report(way: str, figures: dict[str, float]) -> None:
    ours = next(iter(figures.values()))
    for name, us in figures.items():
        print(f"{way:<8} {name:<28} {us:7.3f} us {us / ours:6.1f} x {1e6 / us:12,.0f}/s")


def fast(text: str) -> tuple[Coder, Coder]:
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
        ours = list(coders(server.url, struct))
        data = ours[0][1](struct)
        text = server.registry.version("orders-value").schema.text
        fast_write, fast_read = fast(text)
        with SchemaRegistryClient({"url": server.url}) as client:
            context = SerializationContext("orders", MessageField.VALUE)
            serialize = cast(Any, AvroSerializer)(client, ClientSchema(text, "AVRO"))
            deserialize = cast(Any, AvroDeserializer)(client)
            assert serialize(value, context) == data == data[:5] + fast_write(value)
            assert deserialize(data, context) == fast_read(data[5:]) == value
            assert all(encode(struct) == data for _, encode, _ in ours)
            report(
                "encode",
                {name: best_us(encode, struct) for name, encode, _ in ours}
                | {
                    "fastavro": best_us(fast_write, value),
                    "confluent-kafka's serializer": best_us(lambda each: serialize(each, context), value),
                },
            )
            report(
                "decode",
                {name: best_us(decode, data) for name, _, decode in ours}
                | {
                    "fastavro": best_us(fast_read, data[5:]),
                    "confluent-kafka's deserializer": best_us(lambda each: deserialize(each, context), data),
                },
            )
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

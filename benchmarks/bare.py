"""The least a Python program can do: confluent-kafka and orjson or fastavro in one loop, no framework.

``python -m benchmarks.bare source|sink json|avro BOOTSTRAP TOPIC REGISTRY [transforms]``
"""

from __future__ import annotations

import io
import json
import sys
import time
from collections.abc import Callable
from typing import Any

import fastavro
import orjson
from confluent_kafka import Consumer, KafkaError, Message, Producer
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient

from benchmarks.plugins import say
from benchmarks.workload import AVRO_EDITED, AVRO_ORDER, RECORDS, avro_order, edit_sink, edit_source, order


def avro_dumps(topic: str, registry: str, transforms: bool) -> Callable[[dict[str, Any]], bytes]:
    """Fastavro behind the id that the registry gave the schema."""
    schema = AVRO_EDITED if transforms else AVRO_ORDER
    client = SchemaRegistryClient({"url": registry})
    number = client.register_schema(f"{topic}-value", Schema(json.dumps(schema), "AVRO"))
    prefix = b"\0" + number.to_bytes(4, "big")
    parsed, write = fastavro.parse_schema(schema), fastavro.schemaless_writer

    def dumps(value: dict[str, Any]) -> bytes:
        out = io.BytesIO()
        out.write(prefix)
        write(out, parsed, value)
        return out.getvalue()

    return dumps


def avro_loads(registry: str) -> Callable[[bytes], Any]:
    """Fastavro with the schema of the id in front, asked for once."""
    client = SchemaRegistryClient({"url": registry})
    known: dict[bytes, Any] = {}
    read = fastavro.schemaless_reader

    def loads(data: bytes) -> Any:
        head = data[1:5]
        schema = known.get(head)
        if schema is None:
            text = client.get_schema(int.from_bytes(head, "big")).schema_str
            assert text is not None
            schema = known[head] = fastavro.parse_schema(json.loads(text))
        return read(io.BytesIO(data[5:]), schema, None)

    return loads


def source(data_format: str, bootstrap: str, topic: str, registry: str, transforms: bool) -> None:
    """Make a dict, edit it, dump it, produce it with a delivery report each."""
    make: Callable[[int], Any] = avro_order if data_format == "avro" else order
    dumps = avro_dumps(topic, registry, transforms) if data_format == "avro" else orjson.dumps
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "acks": "all",
            "queue.buffering.max.messages": 200_000,
            "linger.ms": 5,
        }
    )
    acked = 0

    def delivered(error: KafkaError | None, message: Message) -> None:
        nonlocal acked
        if error is not None:
            raise SystemExit(f"delivery failed: {error}")
        acked += 1

    say("BENCH start", time.time())
    for number in range(RECORDS):
        value = make(number)
        if transforms:
            value = edit_source(value)
        while True:
            try:
                producer.produce(topic, dumps(value), on_delivery=delivered)
                break
            except BufferError:
                producer.poll(0.01)
        if number % 1000 == 0:
            producer.poll(0)
    producer.flush()
    if acked != RECORDS:
        raise SystemExit(f"{acked} of {RECORDS} records acknowledged")


class Slots:
    """What a framework must at least make of a message."""

    __slots__ = ("key", "offset", "partition", "timestamp", "topic", "value")
    topic: str | None
    partition: int | None
    offset: int | None
    key: bytes | None
    timestamp: tuple[int, int]
    value: Any


def sink(data_format: str, bootstrap: str, topic: str, registry: str, transforms: bool) -> None:
    """Consume, load, edit, and put what came into an object each."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": f"bare-{time.time()}",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "fetch.queue.backoff.ms": 2,  # the default of a second caps a fast loop
        }
    )
    consumer.subscribe([topic])
    count, began = 0, 0.0
    loads = avro_loads(registry) if data_format == "avro" else orjson.loads
    while count < RECORDS:
        messages = consumer.consume(500, 0.1)
        if messages and count == 0:
            began = time.perf_counter()
        records = []
        for message in messages:
            if message.error():
                raise SystemExit(str(message.error()))
            data = message.value()
            value: Any = loads(data) if data is not None else None
            record = Slots()
            record.topic, record.partition = message.topic(), message.partition()
            record.offset = message.offset()
            record.key, record.timestamp = message.key(), message.timestamp()
            record.value = edit_sink(value) if transforms else value
            records.append(record)
        count += len(records)
    say("BENCH sink", count, time.perf_counter() - began)
    consumer.close()


if __name__ == "__main__":
    side, data_format, bootstrap, topic, registry, *rest = sys.argv[1:]
    run = {"source": source, "sink": sink}[side]
    run(data_format, bootstrap, topic, registry, rest == ["transforms"])

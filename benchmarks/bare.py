"""The least a Python program can do: confluent-kafka and orjson in one loop, no framework.

``python -m benchmarks.bare source|sink BOOTSTRAP TOPIC [transforms]``
"""

from __future__ import annotations

import sys
import time
from typing import Any

import orjson
from confluent_kafka import Consumer, KafkaError, Message, Producer

from benchmarks.plugins import say
from benchmarks.workload import RECORDS, edit_sink, edit_source, order


def source(bootstrap: str, topic: str, transforms: bool) -> None:
    """Make a dict, edit it, dump it, produce it with a delivery report each."""
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
        value = order(number)
        if transforms:
            value = edit_source(value)
        while True:
            try:
                producer.produce(topic, orjson.dumps(value), on_delivery=delivered)
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


def sink(bootstrap: str, topic: str, transforms: bool) -> None:
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
    loads = orjson.loads
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
    side, bootstrap, topic, *rest = sys.argv[1:]
    {"source": source, "sink": sink}[side](bootstrap, topic, rest == ["transforms"])

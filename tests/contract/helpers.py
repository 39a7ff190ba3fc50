"""What the contract tests share: sending and reading until done, with deadlines but no waits."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from connectkit.api import TopicPartition
from connectkit.errors import ConnectError
from connectkit.runner.log.api import Consumer, Delivery, Message, OutRecord, Producer

DEADLINE_S = 60.0
# Members of a test's group look at each other often, so that rebalances are quick.
GROUP = {
    "auto.offset.reset": "earliest",
    "enable.auto.commit": "false",
    "session.timeout.ms": "6000",
    "heartbeat.interval.ms": "200",
}


def record(
    topic: str,
    value: bytes | None,
    *,
    key: bytes | None = None,
    partition: int | None = None,
    timestamp: int | None = None,
    headers: list[tuple[str, bytes | None]] | None = None,
) -> OutRecord:
    return OutRecord(topic, partition, key, value, timestamp, headers)


def send(producer: Producer, records: Sequence[OutRecord]) -> list[tuple[int, ConnectError]]:
    """Send a batch and wait for its outcome: the failures."""
    outcomes: list[list[tuple[int, ConnectError]]] = []
    producer.send(records, lambda failed: outcomes.append(list(failed)))
    assert producer.flush(DEADLINE_S) == 0
    producer.poll(0)
    assert len(outcomes) == 1, "on_done must be called exactly once"
    return outcomes[0]


def send_with_deliveries(producer: Producer, records: Sequence[OutRecord]) -> dict[int, Delivery]:
    deliveries: dict[int, Delivery] = {}
    done: list[object] = []
    producer.send(records, done.append, deliveries.__setitem__)
    assert producer.flush(DEADLINE_S) == 0
    producer.poll(0)
    assert len(done) == 1
    return deliveries


def read(consumer: Consumer, count: int) -> list[Message]:
    """Consume until there are ``count`` records."""
    found: list[Message] = []
    read_until(consumer, found, lambda: len(found) >= count)
    return found


def read_until(consumer: Consumer, found: list[Message], enough: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + DEADLINE_S
    while not enough():
        assert time.monotonic() < deadline_s, f"only {len(found)} records came"
        found.extend(consumer.consume(500, 0.2))


def values(messages: Sequence[Message]) -> list[bytes | None]:
    return [message.value() for message in messages]


class Recorder:
    """A rebalance listener that keeps what it is told, and the partitions held."""

    def __init__(self) -> None:
        self.events: list[tuple[str, list[TopicPartition]]] = []
        self.held: set[TopicPartition] = set()

    def on_assigned(self, partitions: Sequence[TopicPartition]) -> None:
        self.events.append(("assigned", list(partitions)))
        self.held.update(partitions)

    def on_revoked(self, partitions: Sequence[TopicPartition]) -> None:
        self.events.append(("revoked", list(partitions)))
        self.held.difference_update(partitions)

    def on_lost(self, partitions: Sequence[TopicPartition]) -> None:
        self.events.append(("lost", list(partitions)))
        self.held.difference_update(partitions)

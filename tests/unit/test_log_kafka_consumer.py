"""The Kafka log's consumer over a scripted client: what rebalances do in the middle of a batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from confluent_kafka import Message
from confluent_kafka import TopicPartition as KafkaPartition

from connectkit.api import TopicPartition
from connectkit.runner.log.kafka import consumer as module
from connectkit.runner.log.kafka.consumer import KafkaConsumer
from connectkit.runner.log.kafka.handles import Watch
from connectkit.runner.log.kafka.translate import translate
from tests.contract.helpers import Recorder

TOPIC = "t"
Taken = Callable[[Any, list[KafkaPartition]], None]


def message(partition: int, offset: int) -> Message:
    return Message(topic=TOPIC, partition=partition, offset=offset, value=b"v", key=None, error=None)


class ScriptedClient:
    """Hands out one record by ``poll``, then others by ``consume``, during which partitions go."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.first: Message | None = None
        self.rest: list[Message] = []
        self.taken: Sequence[int] = ()
        self.lost = False

    def subscribe(self, topics: list[str], *, on_assign: Taken, on_revoke: Taken, on_lost: Taken) -> None:
        self.on_assign, self.on_revoke, self.on_lost = on_assign, on_revoke, on_lost

    def poll(self, timeout_s: float) -> Message | None:
        first, self.first = self.first, None
        return first

    def consume(self, count: int, timeout_s: float) -> list[Message]:
        if self.first is not None:
            return []
        if self.taken:
            gone, self.taken = [KafkaPartition(TOPIC, number) for number in self.taken], ()
            (self.on_lost if self.lost else self.on_revoke)(self, gone)
        rest, self.rest = self.rest, []
        return rest

    def unassign(self) -> None: ...
    def incremental_unassign(self, partitions: list[KafkaPartition]) -> None: ...


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> tuple[KafkaConsumer, ScriptedClient, Recorder]:
    client = ScriptedClient({})
    monkeypatch.setattr(module, "make", lambda *args, **more: client)
    consumer = KafkaConsumer(translate("c", "b:1", {"group.id": "g"}), Watch("b:1"), group="g")
    listener = Recorder()
    consumer.subscribe(topics=[TOPIC], listener=listener)
    return consumer, client, listener


@pytest.mark.parametrize("lost", [False, True], ids=["revoked", "lost"])
def test_a_record_of_a_partition_that_goes_within_the_same_call_is_not_handed_out(
    reader: tuple[KafkaConsumer, ScriptedClient, Recorder], lost: bool
) -> None:
    consumer, client, listener = reader
    client.first, client.rest, client.taken, client.lost = message(2, 97), [message(1, 5)], [2], lost
    found = consumer.consume(500, 1.0)
    assert [(each.partition(), each.offset()) for each in found] == [(1, 5)]
    assert listener.events == [("lost" if lost else "revoked", [TopicPartition(TOPIC, 2)])]


def test_a_record_of_a_partition_that_stays_is_handed_out_first(
    reader: tuple[KafkaConsumer, ScriptedClient, Recorder],
) -> None:
    consumer, client, _ = reader
    client.first, client.rest, client.taken = message(1, 4), [message(1, 5)], [2]
    found = consumer.consume(500, 1.0)
    assert [each.offset() for each in found] == [4, 5]
    client.first, client.rest = message(2, 0), []
    assert [each.partition() for each in consumer.consume(500, 1.0)] == [2], "it has come back since"

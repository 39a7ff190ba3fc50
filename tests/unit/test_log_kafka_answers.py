"""The Kafka log over clients that answer with nothing: no error, and no offset either."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka import TopicPartition as KafkaPartition

from connectkit.api import TopicPartition
from connectkit.errors import DataError, RetriableError
from connectkit.runner.log.kafka import admin as admin_module
from connectkit.runner.log.kafka import consumer as consumer_module
from connectkit.runner.log.kafka import producer as producer_module
from connectkit.runner.log.kafka.admin import KafkaAdmin
from connectkit.runner.log.kafka.consumer import KafkaConsumer
from connectkit.runner.log.kafka.handles import Watch
from connectkit.runner.log.kafka.producer import KafkaProducer
from connectkit.runner.log.kafka.translate import translate

UNSET = -1001
WHERE = [TopicPartition("t", 0), TopicPartition("t", 1)]


class Admin:
    """Answers each question for ends with the next of these."""

    def __init__(self, answers: Iterable[Sequence[int]]) -> None:
        self.answers = iter(answers)

    def poll(self, timeout_s: float) -> int:
        return 0

    def list_offsets(self, request: Mapping[KafkaPartition, Any], **more: Any) -> dict[Any, Future[Any]]:
        made: dict[Any, Future[Any]] = {}
        for where, offset in zip(request, next(self.answers), strict=True):
            made[where] = Future()
            made[where].set_result(SimpleNamespace(offset=offset))
        return made


def admin(
    monkeypatch: pytest.MonkeyPatch, answers: Iterable[Sequence[int]], *, timeout_ms: int = 60_000
) -> KafkaAdmin:
    client = Admin(answers)
    monkeypatch.setattr(admin_module, "make", lambda *args, **more: client)
    monkeypatch.setattr(admin_module, "_RETRY_WAIT_S", 0.0)
    settings = {"default.api.timeout.ms": str(timeout_ms), "request.timeout.ms": str(min(timeout_ms, 30_000))}
    return KafkaAdmin(translate("a", "b:1", settings), Watch("b:1"))


def test_ends_that_were_not_answered_are_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    made = admin(monkeypatch, [[UNSET, UNSET], [7, UNSET], [7, 0]])
    assert made.offsets(WHERE) == {WHERE[0]: 7, WHERE[1]: 0}


def test_ends_that_are_never_answered_are_no_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(lambda: [UNSET, 3], None)
    with pytest.raises(RetriableError, match="reading the ends of t-0 and 1 more partitions failed for now"):
        admin(monkeypatch, answers, timeout_ms=50).offsets(WHERE)


class Committed:
    """A consumer's client that answers with these offsets of the group."""

    def __init__(self, found: Sequence[Any]) -> None:
        self.found = found

        self.unknown = 0
        """How often the ends of a partition are asked for before it is known."""

    def assignment(self) -> list[KafkaPartition]:
        return [KafkaPartition(*where) for where in WHERE]

    def position(self, partitions: Sequence[KafkaPartition]) -> Sequence[Any]:
        return [SimpleNamespace(offset=UNSET)]

    def committed(self, partitions: Sequence[KafkaPartition], timeout: float) -> Sequence[Any]:
        return self.found

    def get_watermark_offsets(self, where: KafkaPartition, timeout: float) -> tuple[int, int]:
        if self.unknown:
            raise KafkaException(KafkaError(KafkaError._UNKNOWN_PARTITION))
        return 3, 9

    def list_topics(self, topic: str, timeout: float) -> None:
        self.unknown -= 1


def consumer(
    monkeypatch: pytest.MonkeyPatch, *found: tuple[int, KafkaError | None], unknown: int = 0
) -> KafkaConsumer:
    client = Committed(
        [
            SimpleNamespace(topic="t", partition=number, offset=offset, error=error)
            for number, (offset, error) in enumerate(found)
        ]
    )
    client.unknown = unknown
    monkeypatch.setattr(consumer_module, "make", lambda *args, **more: client)
    monkeypatch.setattr(consumer_module, "_NEWS_WAIT_S", 0.0)
    return KafkaConsumer(translate("c", "b:1", {"group.id": "g"}), Watch("b:1"), group="g")


def test_an_offset_that_could_not_be_read_is_not_one_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    busy = KafkaError(KafkaError.COORDINATOR_LOAD_IN_PROGRESS)
    with pytest.raises(RetriableError, match="reading the offsets of group g failed"):
        consumer(monkeypatch, (5, None), (UNSET, busy)).committed(WHERE)


def test_partitions_without_an_offset_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART)
    assert consumer(monkeypatch, (5, None), (UNSET, None)).committed(WHERE) == {WHERE[0]: 5}
    assert consumer(monkeypatch, (5, None), (UNSET, gone)).committed(WHERE) == {WHERE[0]: 5}


def test_a_partition_that_the_client_has_not_heard_of_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert consumer(monkeypatch, (UNSET, None), (UNSET, None), unknown=3).position(WHERE[1]) == 9


def test_a_partition_that_is_not_found_may_come_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumer_module, "_NEWS_S", 0.0)
    with pytest.raises(RetriableError, match="finding the ends of t-1 failed: the brokers know no such"):
        consumer(monkeypatch, (UNSET, None), (UNSET, None), unknown=1_000_000).position(WHERE[1])


@pytest.mark.parametrize(("named", "kind"), [(True, DataError), (False, RetriableError)])
def test_whose_fault_a_missing_partition_is(
    monkeypatch: pytest.MonkeyPatch, named: bool, kind: type[Exception]
) -> None:
    monkeypatch.setattr(producer_module, "make", lambda *args, **more: SimpleNamespace())
    producer = KafkaProducer(translate("p", "b:1", {}), Watch("b:1"))
    error = KafkaError(KafkaError._UNKNOWN_PARTITION)
    assert type(producer.failure(error, "t", named=named)) is kind


def test_a_transaction_that_the_brokers_have_not_heard_of_ends_its_producers_life_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def abort(timeout_s: float) -> None:
        raise KafkaException(KafkaError(KafkaError.INVALID_TXN_STATE, fatal=True))

    monkeypatch.setattr(
        producer_module, "make", lambda *args, **more: SimpleNamespace(abort_transaction=abort)
    )
    producer = KafkaProducer(translate("p", "b:1", {"transactional.id": "i"}), Watch("b:1"))
    with pytest.raises(RetriableError, match="aborting a transaction of transactional id i failed"):
        producer.abort_transaction(1.0)

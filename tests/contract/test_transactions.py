"""Transactions: all or nothing for readers that ask for it, offsets included; one owner per id."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from connectkit.api import TopicPartition
from connectkit.errors import FatalTaskError, FencedError
from connectkit.runner.log.api import Consumer, Log, Message, Producer
from tests.contract.helpers import GROUP, read, read_until, record, send, send_with_deliveries, values

Unique = Callable[[str], str]


@pytest.fixture
def topic(log: Log, unique: Unique) -> str:
    name = unique("txn")
    admin = log.admin()
    admin.create_topic(name)
    admin.close()
    return name


@pytest.fixture
def transactional(log: Log, unique: Unique) -> Iterator[Callable[[], Producer]]:
    name = unique("txn-id")
    opened: list[Producer] = []

    def make() -> Producer:
        producer = log.producer({"transactional.id": name, "linger.ms": "1"})
        opened.append(producer)
        producer.init_transactions(60)
        return producer

    yield make
    for each in opened:
        each.close(5)


def reader(log: Log, topic: str, isolation: str) -> Consumer:
    consumer = log.consumer({"isolation.level": isolation})
    consumer.assign({TopicPartition(topic, 0): -2})
    return consumer


def test_a_committed_transaction_is_seen_whole(
    log: Log, transactional: Callable[[], Producer], topic: str
) -> None:
    producer = transactional()
    consumer = reader(log, topic, "read_committed")
    producer.begin_transaction()
    assert send(producer, [record(topic, b"%d" % i) for i in range(100)]) == []
    assert consumer.consume(10, 0.5) == []
    producer.commit_transaction(60)
    assert [int(v or b"") for v in values(read(consumer, 100))] == list(range(100))
    consumer.close()


def test_an_aborted_transaction_is_left_out(
    log: Log, transactional: Callable[[], Producer], topic: str
) -> None:
    producer = transactional()
    for outcome, text in (("commit", b"a"), ("abort", b"b"), ("commit", b"c")):
        producer.begin_transaction()
        assert send(producer, [record(topic, text)] * 3) == []
        (producer.commit_transaction if outcome == "commit" else producer.abort_transaction)(60)
    committed = reader(log, topic, "read_committed")
    assert values(read(committed, 6)) == [b"a"] * 3 + [b"c"] * 3
    assert committed.consume(1, 0.3) == []
    everything = reader(log, topic, "read_uncommitted")
    assert values(read(everything, 9)) == [b"a"] * 3 + [b"b"] * 3 + [b"c"] * 3
    committed.close()
    everything.close()


def test_readers_stop_below_the_first_open_transaction(
    log: Log, transactional: Callable[[], Producer], topic: str
) -> None:
    plain = log.producer({})
    producer = transactional()
    assert send(plain, [record(topic, b"before")]) == []
    producer.begin_transaction()
    assert send(producer, [record(topic, b"inside")]) == []
    assert send(plain, [record(topic, b"after")]) == []
    committed = reader(log, topic, "read_committed")
    assert values(read(committed, 1)) == [b"before"]
    assert committed.consume(10, 0.5) == []
    uncommitted = reader(log, topic, "read_uncommitted")
    assert values(read(uncommitted, 3)) == [b"before", b"inside", b"after"]
    producer.commit_transaction(60)
    assert values(read(committed, 2)) == [b"inside", b"after"]
    for each in (committed, uncommitted):
        each.close()
    plain.close(5)


def test_offsets_move_with_the_transaction(
    log: Log, transactional: Callable[[], Producer], topic: str, unique: Unique
) -> None:
    producer, group = transactional(), unique("g")
    admin = log.admin()
    # With read_committed a consumer waits for the end of a transaction that is just ending.
    consumer = log.consumer({**GROUP, "group.id": group, "isolation.level": "read_committed"})
    where = TopicPartition(topic, 0)
    producer.begin_transaction()
    assert send(producer, [record(topic, b"x")]) == []
    producer.send_offsets({where: 41}, group, 60)
    producer.abort_transaction(60)
    assert consumer.committed([where]) == {}
    producer.begin_transaction()
    producer.send_offsets({where: 42}, group, 60)
    producer.commit_transaction(60)
    assert consumer.committed([where]) == {where: 42}
    assert admin.group_offsets(group) == {where: 42}
    consumer.close()
    admin.close()


def test_a_newer_producer_fences_the_older(
    log: Log, transactional: Callable[[], Producer], topic: str
) -> None:
    older = transactional()
    older.begin_transaction()
    assert send(older, [record(topic, b"zombie")]) == []
    newer = transactional()
    with pytest.raises(FencedError):
        older.commit_transaction(60)
    newer.begin_transaction()
    assert send(newer, [record(topic, b"alive")]) == []
    newer.commit_transaction(60)
    consumer = reader(log, topic, "read_committed")
    assert values(read(consumer, 1)) == [b"alive"]
    assert consumer.consume(1, 0.3) == []
    consumer.close()


def test_a_transaction_tells_of_each_delivery(transactional: Callable[[], Producer], topic: str) -> None:
    producer = transactional()
    producer.begin_transaction()
    deliveries = send_with_deliveries(producer, [record(topic, b"x")] * 5)
    producer.commit_transaction(60)
    assert [deliveries[i].offset for i in range(5)] == list(range(5))


def test_steps_out_of_turn_are_refused(log: Log, transactional: Callable[[], Producer], topic: str) -> None:
    producer = transactional()
    with pytest.raises(FatalTaskError):
        producer.commit_transaction(5)
    plain = log.producer({})
    with pytest.raises(FatalTaskError, match=r"transactional\.id"):
        plain.begin_transaction()
    plain.close(1)


def test_an_empty_transaction_commits(transactional: Callable[[], Producer]) -> None:
    producer = transactional()
    producer.begin_transaction()
    producer.commit_transaction(60)
    producer.begin_transaction()
    producer.abort_transaction(60)


@pytest.mark.parametrize("outcomes", ["a", "c", "ca", "ac"])
def test_positions_pass_the_ends_of_transactions(
    log: Log, transactional: Callable[[], Producer], topic: str, outcomes: str
) -> None:
    """Who reads to the end must see that it is there, though the last thing in the log is no record."""
    producer = transactional()
    where = TopicPartition(topic, 0)
    consumer = log.consumer({"isolation.level": "read_committed"})
    consumer.assign({where: 0})
    for outcome in outcomes:
        producer.begin_transaction()
        assert send(producer, [record(topic, b"x")] * 5) == []
        (producer.commit_transaction if outcome == "c" else producer.abort_transaction)(60)
    admin = log.admin()
    end = admin.offsets([where])[where]
    admin.close()
    found: list[Message] = []
    read_until(consumer, found, lambda: consumer.position(where) >= end)
    assert len(found) == 5 * outcomes.count("c")
    consumer.close()

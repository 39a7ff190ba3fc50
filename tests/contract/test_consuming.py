"""Consumers: groups and rebalances, positions, pausing, offsets."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from connectkit.api import TopicPartition
from connectkit.errors import ConfigError, ConnectError, FatalTaskError
from connectkit.runner.log.api import Consumer, Log, Message
from tests.contract.helpers import DEADLINE_S, GROUP, Recorder, read, read_until, record, send, values

Unique = Callable[[str], str]


@pytest.fixture
def topic(log: Log, unique: Unique) -> str:
    """A topic of four partitions with 400 records: partition n has the numbers n, n + 4, …"""
    name = unique("consumed")
    admin = log.admin()
    admin.create_topic(name, partitions=4)
    admin.close()
    producer = log.producer({})
    assert send(producer, [record(name, b"%d" % i, partition=i % 4) for i in range(400)]) == []
    producer.close(10)
    return name


@pytest.fixture
def opened(log: Log) -> Iterator[Callable[..., Consumer]]:
    consumers: list[Consumer] = []

    def make(**config: str) -> Consumer:
        consumer = log.consumer({key.replace("_", "."): value for key, value in config.items()} | GROUP)
        consumers.append(consumer)
        return consumer

    yield make
    for each in consumers:
        each.close()


def numbers(messages: list[Message]) -> list[int]:
    return sorted(int(m.value() or b"") for m in messages)


def test_a_single_member_reads_everything(
    opened: Callable[..., Consumer], topic: str, unique: Unique
) -> None:
    consumer = opened(group_id=unique("g"))
    listener = Recorder()
    consumer.subscribe(topics=[topic], listener=listener)
    messages = read(consumer, 400)
    assert numbers(messages) == list(range(400))
    assert listener.held == {TopicPartition(topic, n) for n in range(4)} == set(consumer.assignment())
    assert consumer.consume(10, 0.0) == []
    consumer.close()
    assert listener.held == set()
    assert listener.events[-1][0] == "revoked"


def test_never_more_records_than_asked_for(
    opened: Callable[..., Consumer], topic: str, unique: Unique
) -> None:
    consumer = opened(group_id=unique("g"))
    consumer.subscribe(topics=[topic])
    found: list[Message] = []
    while len(found) < 400:
        batch = consumer.consume(7, 1.0)
        assert len(batch) <= 7
        found.extend(batch)
    assert numbers(found) == list(range(400))


def test_two_members_share_and_one_takes_over(
    opened: Callable[..., Consumer], topic: str, unique: Unique
) -> None:
    group = unique("g")
    first, second = opened(group_id=group), opened(group_id=group)
    one, two = Recorder(), Recorder()
    first.subscribe(topics=[topic], listener=one)
    second.subscribe(topics=[topic], listener=two)
    found: list[Message] = []

    def both(enough: Callable[[], bool]) -> None:
        deadline_s = time.monotonic() + DEADLINE_S
        while not enough():
            assert time.monotonic() < deadline_s, (one.held, two.held)
            found.extend(first.consume(100, 0.05))
            found.extend(second.consume(100, 0.05))

    both(lambda: len(one.held) == len(two.held) == 2)
    assert one.held | two.held == {TopicPartition(topic, n) for n in range(4)}
    assert one.held & two.held == set()
    left = {TopicPartition(m.topic(), m.partition()): m.offset() + 1 for m in found}
    assert left is not None
    second.close()
    read_until(first, found, lambda: len(one.held) == 4)


def test_committed_offsets_are_where_the_next_member_starts(
    opened: Callable[..., Consumer], topic: str, unique: Unique
) -> None:
    group = unique("g")
    consumer = opened(group_id=group)
    consumer.subscribe(topics=[topic])
    read(consumer, 400)
    where = [TopicPartition(topic, n) for n in range(4)]
    assert consumer.committed(where) == {}
    consumer.commit({where[0]: 90, where[1]: 100})
    outcomes: list[ConnectError | None] = []
    consumer.commit({where[2]: 95}, outcomes.append)
    deadline_s = time.monotonic() + DEADLINE_S
    while not outcomes:
        assert time.monotonic() < deadline_s
        consumer.consume(1, 0.05)
    assert outcomes == [None]
    assert consumer.committed(where) == {where[0]: 90, where[1]: 100, where[2]: 95}
    consumer.close()
    again = opened(group_id=group)
    listener = Recorder()
    again.subscribe(topics=[topic], listener=listener)
    messages = read(again, 10 + 0 + 5 + 100)
    offsets = {n: sorted(m.offset() for m in messages if m.partition() == n) for n in range(4)}
    assert offsets == {0: list(range(90, 100)), 1: [], 2: list(range(95, 100)), 3: list(range(100))}


def test_the_listener_may_look_at_positions_and_seek(
    opened: Callable[..., Consumer], topic: str, unique: Unique
) -> None:
    group = unique("g")
    where = [TopicPartition(topic, n) for n in range(4)]
    before = opened(group_id=group)
    before.subscribe(topics=[topic])
    read(before, 400)
    before.commit({where[1]: 40})
    before.close()

    class Seeker(Recorder):
        def on_assigned(self, partitions: object) -> None:
            self.positions = {each: consumer.position(each) for each in where}
            assert set(consumer.assignment()) == set(where)
            consumer.seek(where[0], 97)
            consumer.pause([where[3]])

    consumer = opened(group_id=group)
    listener = Seeker()
    consumer.subscribe(topics=[topic], listener=listener)
    messages = read(consumer, 3 + 60 + 100)
    assert listener.positions == {where[0]: 0, where[1]: 40, where[2]: 0, where[3]: 0}
    assert {m.partition() for m in messages} == {0, 1, 2}
    assert min(m.offset() for m in messages if m.partition() == 0) == 97
    assert min(m.offset() for m in messages if m.partition() == 1) == 40
    consumer.resume([where[3]])
    assert {m.partition() for m in read(consumer, 100)} == {3}


def test_an_error_of_the_listener_comes_out_of_consume(
    opened: Callable[..., Consumer], topic: str, unique: Unique
) -> None:
    class Broken(Recorder):
        def on_assigned(self, partitions: object) -> None:
            raise ArithmeticError("in the listener")

    consumer = opened(group_id=unique("g"))
    consumer.subscribe(topics=[topic], listener=Broken())
    with pytest.raises(ArithmeticError, match="in the listener"):
        read(consumer, 1000)


def test_seeking_back_and_forth(opened: Callable[..., Consumer], topic: str) -> None:
    where = TopicPartition(topic, 2)
    consumer = opened()
    consumer.assign({where: 10})
    assert consumer.position(where) == 10
    assert [m.offset() for m in read(consumer, 90)] == list(range(10, 100))
    assert consumer.position(where) == 100
    consumer.seek(where, 50)
    assert consumer.position(where) == 50
    assert [m.offset() for m in read(consumer, 50)] == list(range(50, 100))
    consumer.seek(where, 0)
    first = consumer.consume(1, 30.0)
    while not first:
        first = consumer.consume(1, 1.0)
    assert [m.offset() for m in first] == [0]
    assert consumer.position(where) == 1
    consumer.seek(where, 99)
    assert [m.offset() for m in read(consumer, 1)] == [99]


def test_assigning_by_end_and_beginning(log: Log, opened: Callable[..., Consumer], topic: str) -> None:
    consumer = opened()
    consumer.assign({TopicPartition(topic, 0): -1, TopicPartition(topic, 1): -2})
    assert len(read(consumer, 100)) == 100
    producer = log.producer({})
    assert consumer.position(TopicPartition(topic, 0)) == 100
    assert send(producer, [record(topic, b"new", partition=0)]) == []
    assert values(read(consumer, 1)) == [b"new"]
    producer.close(10)


def test_paused_partitions_bring_nothing(opened: Callable[..., Consumer], topic: str) -> None:
    where = [TopicPartition(topic, n) for n in range(4)]
    consumer = opened()
    consumer.assign(dict.fromkeys(where, 0))
    consumer.pause(where[1:])
    assert {m.partition() for m in read(consumer, 100)} == {0}
    assert consumer.consume(100, 0.3) == []
    consumer.pause(where[:1])
    consumer.resume(where[1:3])
    assert {m.partition() for m in read(consumer, 200)} == {1, 2}
    consumer.resume(where)
    assert numbers(read(consumer, 100)) == list(range(3, 400, 4))


def test_a_partition_not_assigned_is_refused(opened: Callable[..., Consumer], topic: str) -> None:
    consumer = opened()
    consumer.assign({TopicPartition(topic, 0): 0})
    for step in (
        lambda: consumer.seek(TopicPartition(topic, 1), 0),
        lambda: consumer.pause([TopicPartition(topic, 1)]),
        lambda: consumer.position(TopicPartition(topic, 1)),
    ):
        with pytest.raises(FatalTaskError, match="not assigned"):
            step()


def test_a_pattern_matches_whole_names_and_new_topics(
    log: Log, opened: Callable[..., Consumer], unique: Unique
) -> None:
    name = unique("orders")
    admin = log.admin()
    for each in (f"{name}-a", f"{name}-a-not", f"x{name}-a"):
        admin.create_topic(each)
    producer = log.producer({})
    for each in (f"{name}-a", f"{name}-a-not", f"x{name}-a"):
        assert send(producer, [record(each, each.encode())]) == []
    consumer = opened(group_id=unique("g"), metadata_max_age_ms="200")
    consumer.subscribe(pattern=f"{name}-[a-c]")
    assert values(read(consumer, 1)) == [f"{name}-a".encode()]
    consumer.commit({TopicPartition(f"{name}-a", 0): 1})
    admin.create_topic(f"{name}-b")
    assert send(producer, [record(f"{name}-b", b"b")]) == []
    assert values(read(consumer, 1)) == [b"b"]
    producer.close(10)
    admin.close()


def test_a_wrong_pattern_is_refused(opened: Callable[..., Consumer], unique: Unique) -> None:
    consumer = opened(group_id=unique("g"))
    with pytest.raises(ConfigError, match="regular expression"):
        consumer.subscribe(pattern="(unclosed")


def test_subscribing_needs_a_group(opened: Callable[..., Consumer], topic: str) -> None:
    with pytest.raises(ConfigError, match=r"group\.id"):
        opened().subscribe(topics=[topic])


def test_subscribing_may_create_the_topic(log: Log, opened: Callable[..., Consumer], unique: Unique) -> None:
    name = unique("made-by-subscribing")
    consumer = opened(group_id=unique("g"))
    listener = Recorder()
    consumer.subscribe(topics=[name], listener=listener)
    read_until(consumer, [], lambda: TopicPartition(name, 0) in listener.held)
    producer = log.producer({})
    assert send(producer, [record(name, b"x")]) == []
    assert values(read(consumer, 1)) == [b"x"]
    producer.close(10)


def test_lag_is_what_is_left(opened: Callable[..., Consumer], topic: str) -> None:
    consumer = opened()
    assert consumer.lag() is None
    consumer.assign({TopicPartition(topic, 0): 0})
    found = 0
    while found < 30:
        found += len(consumer.consume(30 - found, 1.0))
    assert consumer.lag() == 70
    read(consumer, 70)
    assert consumer.lag() == 0


def test_an_offset_out_of_range_follows_the_reset_policy(opened: Callable[..., Consumer], topic: str) -> None:
    consumer = opened()
    consumer.assign({TopicPartition(topic, 0): 100_000})
    assert len(read(consumer, 100)) == 100


def test_without_reset_policy_a_missing_offset_is_an_error(log: Log, topic: str, unique: Unique) -> None:
    consumer = log.consumer({**GROUP, "group.id": unique("g"), "auto.offset.reset": "none"})
    consumer.subscribe(topics=[topic])
    with pytest.raises(FatalTaskError, match=r"auto\.offset\.reset"):
        read(consumer, 1)
    consumer.close()


def test_a_closed_consumer_says_so(log: Log, topic: str) -> None:
    consumer = log.consumer({})
    consumer.assign({TopicPartition(topic, 0): 0})
    consumer.close()
    consumer.close()
    with pytest.raises(FatalTaskError, match="closed"):
        consumer.consume(1, 0)

"""What goes into a log comes out of it: order, partitions, keys, headers, timestamps, sizes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from connectkit.api import TopicPartition
from connectkit.errors import ConnectError, DataError
from connectkit.runner.log.api import Consumer, Log, OutRecord, Producer
from connectkit.runner.log.partitioner import murmur2, partition_for
from tests.contract.helpers import read, record, send, send_with_deliveries, values

Unique = Callable[[str], str]


@pytest.fixture
def topic(log: Log, unique: Unique) -> str:
    name = unique("records")
    admin = log.admin()
    assert admin.create_topic(name, partitions=3)
    admin.close()
    return name


@pytest.fixture
def producer(log: Log) -> Iterator[Producer]:
    opened = log.producer({"linger.ms": "1"})
    yield opened
    opened.close(10)


@pytest.fixture
def reader(log: Log, topic: str) -> Iterator[Consumer]:
    opened = log.consumer({})
    opened.assign({TopicPartition(topic, number): -2 for number in range(3)})
    yield opened
    opened.close()


def test_order_holds_within_a_partition_over_many_batches(
    producer: Producer, reader: Consumer, topic: str
) -> None:
    outcomes: list[object] = []
    for begin in range(0, 5000, 250):
        batch = [record(topic, b"%d" % i, partition=i % 3) for i in range(begin, begin + 250)]
        producer.send(batch, outcomes.append)
        producer.poll(0)
    assert producer.flush(60) == 0
    producer.poll(0)
    assert outcomes == [[]] * 20
    messages = read(reader, 5000)
    for number in range(3):
        mine = [m for m in messages if m.partition() == number]
        assert [int(m.value() or b"") for m in mine] == list(range(number, 5000, 3))
        assert [m.offset() for m in mine] == list(range(len(mine)))


def test_batches_of_several_topics_and_kinds_keep_their_order(
    log: Log, producer: Producer, unique: Unique
) -> None:
    names = [unique("one"), unique("two")]
    batch = []
    for i in range(600):
        stamp = 1_700_000_000_000 + i if i % 3 == 0 else None
        headers: list[tuple[str, bytes | None]] | None = [("n", b"%d" % i)] if i % 5 == 0 else None
        partition = 0 if i % 2 else None
        batch.append(record(names[i % 2], b"%d" % i, partition=partition, timestamp=stamp, headers=headers))
    assert send(producer, batch) == []
    for place, name in enumerate(names):
        consumer = log.consumer({})
        consumer.assign({TopicPartition(name, 0): -2})
        assert [int(m.value() or b"") for m in read(consumer, 300)] == list(range(place, 600, 2))
        consumer.close()


def test_keys_choose_the_partition_as_in_java(producer: Producer, reader: Consumer, topic: str) -> None:
    keys = [b"", b"a", b"key-17", "éü漢".encode(), bytes(range(256)), *(b"%d" % i for i in range(60))]
    assert send(producer, [record(topic, b"x", key=key) for key in keys]) == []
    for message in read(reader, len(keys)):
        key = message.key()
        assert key is not None
        assert message.partition() == (murmur2(key) & 0x7FFFFFFF) % 3 == partition_for(key, 3)


def test_records_without_key_reach_every_partition(producer: Producer, reader: Consumer, topic: str) -> None:
    count = 0
    seen: set[int] = set()
    while len(seen) < 3:
        assert count < 100_000
        assert send(producer, [record(topic, b"x") for _ in range(50)]) == []
        count += 50
        seen.update(m.partition() for m in read(reader, 50))


def test_nulls_empties_and_headers_survive(producer: Producer, reader: Consumer, topic: str) -> None:
    batch = [
        record(topic, None, key=b"gone", partition=0),
        record(topic, b"", key=b"", partition=0),
        record(topic, b"\x00\xff", partition=0),
        record(topic, b"h", partition=0, headers=[("a", b"1"), ("a", None), ("é", b""), ("b", b"\x00")]),
        record(topic, None, partition=0, headers=[]),
    ]
    assert send(producer, batch) == []
    messages = read(reader, 5)
    assert [m.key() for m in messages] == [b"gone", b"", None, None, None]
    assert values(messages) == [None, b"", b"\x00\xff", b"h", None]
    assert messages[3].headers() == [("a", b"1"), ("a", None), ("é", b""), ("b", b"\x00")]
    assert [m.headers() or None for m in messages[:3]] == [None] * 3
    assert not messages[4].headers()
    assert {(m.topic(), m.partition()) for m in messages} == {(topic, 0)}


def test_timestamps_are_the_records_own_or_the_present(
    producer: Producer, reader: Consumer, topic: str
) -> None:
    first = send_with_deliveries(producer, [record(topic, b"now", partition=0)])[0].timestamp
    assert first is not None
    assert send(producer, [record(topic, b"then", partition=0, timestamp=1_234_567_890_123)]) == []
    messages = read(reader, 2)
    assert messages[0].timestamp() == (1, first)
    assert messages[1].timestamp() == (1, 1_234_567_890_123)


def test_a_topic_may_stamp_records_itself(log: Log, producer: Producer, unique: Unique) -> None:
    name = unique("append-time")
    admin = log.admin()
    admin.create_topic(name, config={"message.timestamp.type": "LogAppendTime"})
    delivered = send_with_deliveries(producer, [record(name, b"x", timestamp=1_700_000_000_000)])[0]
    consumer = log.consumer({})
    consumer.assign({TopicPartition(name, 0): -2})
    (message,) = read(consumer, 1)
    kind, stamp_ms = message.timestamp()
    assert kind == 2
    assert stamp_ms > 1_700_000_000_000
    assert delivered.timestamp == stamp_ms
    consumer.close()
    admin.close()


def test_deliveries_say_where_each_record_stands(producer: Producer, reader: Consumer, topic: str) -> None:
    batch = [record(topic, b"%d" % i, partition=i % 3, headers=[("h", b"x")]) for i in range(90)]
    assert send(producer, batch) == []  # the producer changes its mode of reporting in between
    deliveries = send_with_deliveries(producer, batch)
    assert sorted(deliveries) == list(range(90))
    messages = {(m.partition(), m.offset()): m for m in read(reader, 180)}
    for index, delivery in deliveries.items():
        assert delivery.error is None
        assert delivery.topic == topic
        message = messages[delivery.partition, delivery.offset]
        assert message.value() == b"%d" % index
        assert delivery.offset >= 30
        assert delivery.timestamp == message.timestamp()[1]
    assert send(producer, batch) == []


def test_an_empty_batch_is_done(producer: Producer) -> None:
    assert send(producer, []) == []


def test_a_record_that_is_too_large_fails_alone(producer: Producer, reader: Consumer, topic: str) -> None:
    small = [record(topic, b"%d" % i, partition=0) for i in range(10)]
    large = record(topic, b"x" * 2_000_000, partition=0)
    ((index, error),) = send(producer, [*small[:4], large, *small[4:]])
    assert index == 4
    assert isinstance(error, DataError)
    assert "max.request.size" in str(error)
    assert topic in str(error)
    assert [int(v or b"") for v in values(read(reader, 10))] == list(range(10))
    with_headers = record(topic, b"x" * 2_000_000, headers=[("h", b"v")])
    deliveries = send_with_deliveries(producer, [small[0], with_headers])
    assert deliveries[0].error is None
    assert isinstance(deliveries[1].error, DataError)
    assert deliveries[1].offset == -1


def test_large_records_pass_where_allowed(log: Log, unique: Unique) -> None:
    name = unique("large")
    admin = log.admin()
    admin.create_topic(name, config={"max.message.bytes": "8000000"})
    producer = log.producer({"max.request.size": "8000000"})
    value = bytes(range(256)) * 20_000
    assert send(producer, [record(name, value)]) == []
    consumer = log.consumer({"max.partition.fetch.bytes": "8000000"})
    consumer.assign({TopicPartition(name, 0): -2})
    assert values(read(consumer, 1)) == [value]
    for each in (producer.close, lambda _: consumer.close(), lambda _: admin.close()):
        each(10)


def test_a_partition_that_is_not_there_fails_the_record(producer: Producer, topic: str) -> None:
    failed = send(producer, [record(topic, b"ok", partition=0), record(topic, b"no", partition=99)])
    assert [index for index, _ in failed] == [1]
    assert topic in str(failed[0][1])


def test_a_negative_timestamp_fails_the_record(producer: Producer, topic: str) -> None:
    ((index, error),) = send(producer, [record(topic, b"a"), record(topic, b"b", timestamp=-5)])
    assert index == 1
    assert isinstance(error, DataError)


def test_a_bad_topic_name_fails_the_record(producer: Producer, topic: str) -> None:
    failed: list[tuple[int, ConnectError]] = send(
        producer, [OutRecord("no spaces please", None, None, b"x", None, None), record(topic, b"ok")]
    )
    assert [index for index, _ in failed] == [0]
    assert isinstance(failed[0][1], DataError)


def test_sending_may_create_the_topic(log: Log, producer: Producer, unique: Unique) -> None:
    name = unique("made-by-sending")
    assert send(producer, [record(name, b"x")]) == []
    admin = log.admin()
    assert name in admin.topics()
    admin.close()


def test_equal_records_fail_with_their_places(producer: Producer, topic: str) -> None:
    same = record(topic, b"y" * 1_500_000, partition=0)
    failed = send(producer, [record(topic, b"a"), same, record(topic, b"b"), same])
    assert [index for index, _ in failed] == [1, 3]


def test_a_batch_is_called_back_after_send_has_returned(producer: Producer, topic: str) -> None:
    told: list[str] = []
    for records in ([record(topic, b"x")], [record(topic, b"x" * 2_000_000)], []):
        producer.send(records, lambda failed: told.append("done"))
        told.append("returned")
        assert producer.flush(60) == 0
        producer.poll(0)
    assert told == ["returned", "done"] * 3


def test_a_batch_may_be_changed_by_its_owner_after_send(producer: Producer, topic: str) -> None:
    outcomes: list[list[tuple[int, ConnectError]]] = []
    batch = [record(topic, b"a"), record(topic, b"x" * 2_000_000), record(topic, b"b")]
    producer.send(batch, lambda failed: outcomes.append(list(failed)))
    batch.clear()
    assert producer.flush(60) == 0
    producer.poll(0)
    assert [[index for index, _ in failed] for failed in outcomes] == [[1]]


def test_huge_records_pass_one_after_the_other(log: Log, unique: Unique) -> None:
    name = unique("huge")
    admin = log.admin()
    admin.create_topic(name, partitions=1, config={"max.message.bytes": "8000000"})
    admin.close()
    producer = log.producer({"linger.ms": "1", "max.request.size": "8000000"})
    texts = [bytes([65 + number]) * 5_000_000 for number in range(3)]
    outcomes: list[list[tuple[int, ConnectError]]] = []
    for text in texts:
        batch = [record(name, b"small"), record(name, text, headers=[("h", b"1")]), record(name, None)]
        producer.send(batch, lambda failed: outcomes.append(list(failed)))
    assert producer.flush(60) == 0
    producer.poll(0)
    assert outcomes == [[]] * 3
    assert send(producer, [record(name, b"y"), record(name, b"y" * 9_000_000)])[0][0] == 1
    producer.close(10)
    reader = log.consumer({"max.partition.fetch.bytes": "8000000"})
    reader.assign({TopicPartition(name, 0): -2})
    messages = read(reader, 10)
    assert [m.value() for m in messages] == [v for text in texts for v in (b"small", text, None)] + [b"y"]
    assert messages[1].headers() == [("h", b"1")]
    reader.close()

"""The Kafka log where a broker alone shows it: no broker, full buffers, closing, fatal errors, secrets."""

from __future__ import annotations

import logging
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from connectkit.api import TopicPartition
from connectkit.errors import ConfigError, ConnectError, DataError, FatalTaskError, RetriableError
from connectkit.runner.log.api import Log, OutRecord
from connectkit.runner.log.opening import open_log
from tests.contract.helpers import DEADLINE_S, GROUP, Recorder, read, read_until, record, send, values
from tests.kafka_server import KafkaServer, UnavailableError

pytestmark = pytest.mark.kafka

Unique = Callable[[str], str]


@pytest.fixture
def kafka(kafka_bootstrap: str) -> Log:
    return open_log(kafka_bootstrap, {})


@pytest.fixture
def nobody() -> Iterator[str]:
    """An address where nobody answers."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"


def test_without_a_broker_every_call_says_where_it_looked(nobody: str) -> None:
    log = open_log(nobody, {"default.api.timeout.ms": "600"})
    admin = log.admin()
    for step in (admin.topics, admin.cluster_id, lambda: admin.describe_topic("t")):
        with pytest.raises(RetriableError, match=nobody) as caught:
            step()
        assert "bootstrap.servers" in str(caught.value)
    producer = log.producer({"delivery.timeout.ms": "700", "linger.ms": "0"})
    outcomes: list[list[tuple[int, ConnectError]]] = []
    producer.send([record("t", b"%d" % i) for i in range(3)], lambda failed: outcomes.append(list(failed)))
    assert producer.flush(30) == 0
    assert [index for index, _ in outcomes[0]] == [0, 1, 2]
    assert all(isinstance(error, RetriableError) and nobody in str(error) for _, error in outcomes[0])
    consumer = log.consumer({**GROUP, "group.id": "g"})
    consumer.subscribe(topics=["t"])
    assert consumer.consume(1, 0.2) == []
    with pytest.raises(RetriableError, match=nobody):
        consumer.committed([TopicPartition("t", 0)])
    consumer.close()
    producer.close(1)
    admin.close()


def test_closing_settles_what_was_never_sent(nobody: str) -> None:
    producer = open_log(nobody, {}).producer({})
    outcomes: list[list[tuple[int, ConnectError]]] = []
    for begin in range(0, 30, 10):
        batch = [record("t", b"%d" % i, partition=i % 3) for i in range(begin, begin + 10)]
        producer.send(batch, lambda failed: outcomes.append(list(failed)))
    assert producer.flush(0.05) == 30
    assert outcomes == []
    producer.close(0)
    assert [[index for index, _ in failed] for failed in outcomes] == [list(range(10))] * 3
    assert all(isinstance(error, RetriableError) for failed in outcomes for _, error in failed)
    with pytest.raises(FatalTaskError, match="closed"):
        producer.send([record("t", b"x")], lambda failed: None)


@pytest.mark.parametrize("headers", [None, [("h", b"v")]])
def test_a_full_buffer_waits_and_then_fails(
    nobody: str, headers: list[tuple[str, bytes | None]] | None
) -> None:
    producer = open_log(nobody, {}).producer({"buffer.memory": "102400", "max.block.ms": "300"})
    outcomes: list[list[tuple[int, ConnectError]]] = []
    batch = [record("t", b"x" * 1000, headers=headers) for _ in range(200)]
    producer.send(batch, lambda failed: outcomes.append(list(failed)))
    producer.close(0)
    ((failed),) = outcomes
    assert [index for index, _ in failed] == list(range(200))
    assert "max.block.ms" in str(failed[-1][1])
    assert "closed" in str(failed[0][1])


@pytest.mark.parametrize("headers", [None, [("h", b"v")]])
def test_order_holds_through_a_buffer_far_too_small(
    kafka: Log, unique: Unique, headers: list[tuple[str, bytes | None]] | None
) -> None:
    topic = unique("small-buffer")
    producer = kafka.producer({"buffer.memory": "20480", "linger.ms": "0"})
    outcomes: list[object] = []
    batch = [record(topic, b"%04d" % i * 25, headers=headers) for i in range(3000)]
    producer.send(batch, outcomes.append)
    assert producer.flush(DEADLINE_S) == 0
    producer.poll(0)
    assert outcomes == [[]]
    consumer = kafka.consumer({})
    consumer.assign({TopicPartition(topic, 0): -2})
    assert [int((v or b"")[:4]) for v in values(read(consumer, 3000))] == list(range(3000))
    consumer.close()
    producer.close(5)


def test_without_acknowledgements_batches_are_still_settled(kafka: Log, unique: Unique) -> None:
    producer = kafka.producer({"acks": "0"})
    assert send(producer, [record(unique("acks-0"), b"x")] * 10) == []
    producer.close(5)


def test_a_listener_may_come_late_and_its_errors_come_out(kafka: Log, unique: Unique) -> None:
    topic = unique("listener")
    producer = kafka.producer({})
    assert send(producer, [record(topic, b"first")]) == []

    def broken(index: int, delivery: object) -> None:
        raise ArithmeticError("in the listener")

    producer.send([record(topic, b"x")], lambda failed: None, broken)
    with pytest.raises(ArithmeticError):
        producer.flush(DEADLINE_S)
    assert send(producer, [record(topic, b"last")]) == []
    producer.close(5)


def test_the_timestamp_zero_is_written_as_one(
    kafka: Log, unique: Unique, caplog: pytest.LogCaptureFixture
) -> None:
    topic = unique("epoch")
    producer = kafka.producer({})
    assert send(producer, [record(topic, b"x", timestamp=0)] * 3) == []
    consumer = kafka.consumer({})
    consumer.assign({TopicPartition(topic, 0): -2})
    assert [m.timestamp() for m in read(consumer, 3)] == [(1, 1)] * 3
    assert len([r for r in caplog.records if "timestamp 0" in r.getMessage()]) == 1
    consumer.close()
    producer.close(5)


def test_a_brokers_refusal_names_the_topic(kafka: Log, unique: Unique) -> None:
    topic = unique("refusing")
    admin = kafka.admin()
    admin.create_topic(topic, config={"max.message.bytes": "1000"})
    producer = kafka.producer({"linger.ms": "0", "batch.size": "1"})
    failed = send(producer, [record(topic, b"ok"), record(topic, os.urandom(5000)), record(topic, b"ok too")])
    assert [(index, type(error)) for index, error in failed] == [(1, DataError)]
    assert topic in str(failed[0][1])
    admin.create_topic(compacted := unique("compacted"), config={"cleanup.policy": "compact"})
    failed = send(producer, [record(compacted, b"keyless")])
    assert isinstance(failed[0][1], DataError)
    producer.close(5)
    admin.close()


def test_a_cooperative_group_moves_only_what_must_move(kafka: Log, unique: Unique) -> None:
    topic, group = unique("cooperative"), unique("g")
    admin = kafka.admin()
    admin.create_topic(topic, partitions=4)
    config = {
        **GROUP,
        "group.id": group,
        "partition.assignment.strategy": "org.apache.kafka.clients.consumer.CooperativeStickyAssignor",
    }
    first, second = kafka.consumer(config), kafka.consumer(config)
    one, two = Recorder(), Recorder()
    first.subscribe(topics=[topic], listener=one)
    read_until(first, [], lambda: len(one.held) == 4)
    second.subscribe(topics=[topic], listener=two)
    deadline_s = time.monotonic() + DEADLINE_S
    while not len(one.held) == len(two.held) == 2:
        assert time.monotonic() < deadline_s
        first.consume(1, 0.05)
        second.consume(1, 0.05)
    revoked = [where for name, partitions in one.events if name == "revoked" for where in partitions]
    assert len(revoked) == 2
    assert set(first.assignment()) == one.held
    for each in (first, second):
        each.close()
    admin.close()


def test_a_value_that_librdkafka_refuses_is_named_in_javas_words(kafka_bootstrap: str) -> None:
    log = open_log(kafka_bootstrap, {})
    with pytest.raises(ConfigError) as caught:
        log.producer({"acks": "hunter2-canary"})
    assert list(caught.value.problems) == ["acks"]
    with pytest.raises(ConfigError) as caught:
        log.consumer({"fetch.max.wait.ms": "999999999"})
    assert list(caught.value.problems) == ["fetch.max.wait.ms"]
    with pytest.raises(ConfigError) as caught:
        log.admin({"security.protocol": "SSL", "ssl.truststore.certificates": "hunter2-canary"})
    assert "hunter2" not in str(caught.value)


def test_denied_credentials_end_the_task_and_stay_secret(
    kafka_bootstrap: str, caplog: pytest.LogCaptureFixture
) -> None:
    jaas = (
        "org.apache.kafka.common.security.plain.PlainLoginModule required "
        'username="u" password="hunter2-canary";'
    )
    login = {
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "PLAIN",
        "sasl.jaas.config": jaas,
        "default.api.timeout.ms": "2000",
        "debug": "security",
    }
    with caplog.at_level(logging.DEBUG):
        consumer = open_log(kafka_bootstrap, login).consumer({**GROUP, "group.id": "g"})
        consumer.subscribe(topics=["t"])
        with pytest.raises(FatalTaskError, match="denied") as caught:
            read(consumer, 1)
        consumer.close()
    texts = [str(caught.value), *(record.getMessage() for record in caplog.records)]
    assert len(texts) > 5
    assert not any("hunter2" in text for text in texts)


def test_a_broker_that_restarts_is_found_again(tmp_path: Path, unique: Unique) -> None:
    try:
        server = KafkaServer(tmp_path / "own")
    except UnavailableError as exc:
        pytest.skip(f"no Kafka: {exc}")
    log = open_log(server.bootstrap, {})
    producer = log.producer(
        {"delivery.timeout.ms": "2147483647", "max.in.flight.requests.per.connection": "1"}
    )
    topic = unique("frozen")
    assert send(producer, [record(topic, b"before")]) == []
    try:
        server.signal(signal.SIGSTOP)
        outcomes: list[object] = []
        producer.send([OutRecord(topic, None, None, b"during", None, None)], outcomes.append)
        assert producer.flush(0.5) == 1
        assert outcomes == []
    finally:
        server.signal(signal.SIGCONT)
    assert producer.flush(DEADLINE_S) == 0
    assert outcomes == [[]]
    producer.close(5)
    server.stop()


def test_a_partition_that_went_paused_comes_back_reading(kafka: Log, unique: Unique) -> None:
    topic, group = unique("paused"), unique("group")
    admin = kafka.admin()
    admin.create_topic(topic, partitions=2)
    config = {
        "group.id": group,
        "auto.offset.reset": "earliest",
        "enable.auto.commit": "false",
        "session.timeout.ms": "6000",
        "heartbeat.interval.ms": "300",
    }
    first, second = kafka.consumer(config), kafka.consumer(config)
    seen: list[int] = []

    class Listener:
        def on_assigned(self, partitions: Sequence[TopicPartition]) -> None:
            seen.append(len(partitions))

        def on_revoked(self, partitions: Sequence[TopicPartition]) -> None: ...
        def on_lost(self, partitions: Sequence[TopicPartition]) -> None: ...

    first.subscribe(topics=[topic], listener=Listener())
    deadline = time.monotonic() + 60
    while seen != [2] and time.monotonic() < deadline:
        first.consume(10, 0.1)
    first.pause([TopicPartition(topic, n) for n in (0, 1)])
    second.subscribe(topics=[topic])
    while seen != [2, 1] and time.monotonic() < deadline:
        first.consume(10, 0.1)
        second.consume(10, 0.1)
    producer = kafka.producer({})
    producer.send([OutRecord(topic, n, None, b"x", None, None) for n in (0, 1)], lambda failures: None)
    assert producer.flush(30) == 0
    found: list[int] = []
    while len(found) < 2 and time.monotonic() < deadline:
        found += [m.partition() for m in (*first.consume(10, 0.1), *second.consume(10, 0.1))]
    assert sorted(found) == [0, 1]
    first.close()
    second.close()


@pytest.mark.parametrize("few", [True, False])
def test_a_record_that_the_buffer_can_never_hold_is_refused(kafka: Log, unique: Unique, few: bool) -> None:
    producer = kafka.producer({"max.request.size": "9000000", "buffer.memory": "3000000", "linger.ms": "0"})
    size = 5_000_000 if few else 3_500_000  # one by itself, or one of a batch that is taken as a whole
    failed = send(producer, [record(unique("buffer"), b"x" * size), record(unique("buffer"), b"y")])
    assert [index for index, _ in failed] == [0]
    assert isinstance(failed[0][1], DataError)
    assert "buffer.memory" in str(failed[0][1])
    producer.close(10)


def test_a_small_fetch_is_accepted(kafka: Log) -> None:
    kafka.consumer({"fetch.max.bytes": "65536"}).close()
    with pytest.raises(ConfigError, match=r"receive.message.max.bytes.*must be >= `fetch.max.bytes` \+ 512"):
        kafka.consumer({"receive.message.max.bytes": "1000", "fetch.max.bytes": "2000000"})

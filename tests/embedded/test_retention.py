"""Retention by age and size, compaction by key."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from connectkit.api import TopicPartition
from connectkit.errors import DataError
from connectkit.runner.log.api import OutRecord
from connectkit.runner.log.embedded import EmbeddedLog
from connectkit.runner.log.embedded.message import EmbeddedMessage
from tests.embedded.clocks import FakeClock

HOUR_MS = 3_600_000
CHECK_MS = 300_000


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def log(tmp_path: Path, clock: FakeClock) -> EmbeddedLog:
    return EmbeddedLog(tmp_path / "log", {}, clock=clock)


def create(log: EmbeddedLog, **config: str) -> None:
    admin = log.admin()
    admin.create_topic("t", config={key.replace("_", "."): value for key, value in config.items()})
    admin.close()


def append(
    log: EmbeddedLog, *records: tuple[bytes | None, bytes | None], stamp_ms: int | None = None
) -> None:
    producer = log.producer({})
    outcomes: list[object] = []
    batch = [OutRecord("t", None, key, value, stamp_ms, None) for key, value in records]
    producer.send(batch, outcomes.append)
    producer.close(1)
    assert outcomes == [[]]


def everything(log: EmbeddedLog, isolation: str = "read_uncommitted") -> list[EmbeddedMessage]:
    consumer = log.consumer({"isolation.level": isolation})
    consumer.assign({TopicPartition("t", 0): -2})
    found = []
    while messages := consumer.consume(100, 0):
        found += messages
    consumer.close()
    return found


def start_and_end(log: EmbeddedLog) -> tuple[int, int]:
    admin = log.admin()
    where = TopicPartition("t", 0)
    found = admin.offsets([where], end=False)[where], admin.offsets([where])[where]
    admin.close()
    return found


def test_old_batches_leave_and_offsets_stay(log: EmbeddedLog, clock: FakeClock) -> None:
    create(log, retention_ms=str(HOUR_MS))
    append(log, (None, b"0"), (None, b"1"))
    clock.move(HOUR_MS - 1)
    append(log, (None, b"2"))
    assert start_and_end(log) == (0, 3)
    clock.move(CHECK_MS)
    append(log, (None, b"3"))
    assert [m.value() for m in everything(log)] == [b"2", b"3"]
    assert start_and_end(log) == (2, 4)
    clock.move(2 * HOUR_MS)
    append(log)
    assert everything(log) == []
    assert start_and_end(log) == (4, 4)
    append(log, (None, b"4"))
    assert [m.offset() for m in everything(log)] == [4]


def test_age_goes_by_the_records_own_time(log: EmbeddedLog, clock: FakeClock) -> None:
    create(log, retention_ms=str(HOUR_MS))
    append(log, (None, b"historic"), stamp_ms=1_000)
    clock.move(CHECK_MS)
    append(log, (None, b"new"))
    assert [m.value() for m in everything(log)] == [b"new"]


def test_size_is_bounded(log: EmbeddedLog, clock: FakeClock) -> None:
    create(log, retention_ms="-1", retention_bytes="5000")
    for i in range(20):
        append(log, (None, b"%04d" % i * 250))
    clock.move(CHECK_MS)
    append(log, (None, b"last"))
    left = everything(log)
    assert 4000 <= sum(len(m.value() or b"") for m in left) <= 6000
    assert left[-1].value() == b"last"
    assert [m.offset() for m in left] == list(range(left[0].offset(), 21))
    clock.move(1000 * HOUR_MS)
    append(log)
    assert everything(log) == left


def test_a_reader_behind_the_start_goes_by_its_reset_policy(log: EmbeddedLog, clock: FakeClock) -> None:
    create(log, retention_ms=str(HOUR_MS))
    append(log, (None, b"0"))
    consumer = log.consumer({"auto.offset.reset": "earliest"})
    consumer.assign({TopicPartition("t", 0): 0})
    clock.move(2 * HOUR_MS)
    append(log, (None, b"1"))
    assert [m.value() for m in consumer.consume(10, 0)] == [b"1"]
    consumer.close()


def test_compaction_keeps_the_newest_of_each_key(log: EmbeddedLog, clock: FakeClock) -> None:
    create(log, cleanup_policy="compact")
    rng = random.Random(5)
    newest: dict[bytes, tuple[int, bytes]] = {}
    offset = 0
    for _ in range(30):
        batch = [(b"k%d" % rng.randrange(40), b"%d" % rng.randrange(10**6)) for _ in range(50)]
        append(log, *batch)
        for key, value in batch:
            newest[key] = (offset, value)
            offset += 1
    clock.move(CHECK_MS)
    append(log)
    found = {m.key(): (m.offset(), m.value()) for m in everything(log)}
    assert found == newest
    assert len(everything(log)) == len(newest)
    assert start_and_end(log) == (0, offset)
    consumer = log.consumer({})
    consumer.assign({TopicPartition("t", 0): offset - 10})
    assert all(m.offset() >= offset - 10 for m in consumer.consume(100, 0))
    assert consumer.position(TopicPartition("t", 0)) == offset
    assert consumer.lag() == 0
    consumer.close()
    append(log, (b"k0", b"again"))
    assert [m.offset() for m in everything(log)][-1] == offset


def test_tombstones_stay_for_a_while(log: EmbeddedLog, clock: FakeClock) -> None:
    create(log, cleanup_policy="compact", delete_retention_ms=str(2 * HOUR_MS))
    append(log, (b"a", b"1"), (b"b", b"1"), (b"a", None))
    clock.move(CHECK_MS)
    append(log)
    assert [(m.key(), m.value()) for m in everything(log)] == [(b"b", b"1"), (b"a", None)]
    clock.move(3 * HOUR_MS)
    append(log, (b"c", b"1"), (b"d", b"1"))
    append(log)
    assert [m.key() for m in everything(log)] == [b"b", b"c", b"d"]


def test_compacted_topics_take_no_record_without_key(log: EmbeddedLog) -> None:
    create(log, cleanup_policy="compact")
    producer = log.producer({})
    outcomes: list[list[tuple[int, Exception]]] = []
    batch = [OutRecord("t", None, key, b"x", None, None) for key in (b"k", None)]
    producer.send(batch, lambda failed: outcomes.append(list(failed)))
    producer.close(1)
    ((index, error),) = outcomes[0]
    assert index == 1
    assert isinstance(error, DataError)
    assert [m.key() for m in everything(log)] == [b"k"]


def test_compaction_drops_aborted_records_and_keeps_open_ones(log: EmbeddedLog, clock: FakeClock) -> None:
    create(log, cleanup_policy="compact")
    producer = log.producer({"transactional.id": "x", "transaction.timeout.ms": str(100 * HOUR_MS)})
    producer.init_transactions(1)

    def write(*records: tuple[bytes, bytes]) -> None:
        producer.send([OutRecord("t", None, k, v, None, None) for k, v in records], lambda failed: None)

    producer.begin_transaction()
    write((b"a", b"committed"), (b"b", b"old"), (b"b", b"committed"))
    producer.commit_transaction(1)
    producer.begin_transaction()
    write((b"a", b"aborted"))
    producer.abort_transaction(1)
    producer.begin_transaction()
    write((b"b", b"open"))
    clock.move(CHECK_MS)
    append(log)
    assert [(m.key(), m.value()) for m in everything(log)] == [
        (b"a", b"committed"),
        (b"b", b"committed"),
        (b"b", b"open"),
    ]
    producer.commit_transaction(1)
    assert [m.value() for m in everything(log, "read_committed")] == [b"committed", b"committed", b"open"]
    producer.close(1)


def test_log_append_time_survives_compaction(log: EmbeddedLog, clock: FakeClock) -> None:
    create(log, cleanup_policy="compact", message_timestamp_type="LogAppendTime")
    append(log, (b"a", b"1"), (b"a", b"2"), stamp_ms=5)
    written_ms = clock.now_ms()
    clock.move(CHECK_MS)
    append(log)
    assert [m.timestamp() for m in everything(log)] == [(2, written_ms)]

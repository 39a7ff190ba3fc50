"""Groups in detail: leases, dead members, what they may still commit."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from connectkit.api import TopicPartition
from connectkit.errors import ConnectError, RetriableError
from connectkit.runner.log.api import OutRecord
from connectkit.runner.log.embedded import EmbeddedLog
from connectkit.runner.log.embedded.consumer import EmbeddedConsumer
from tests.contract.helpers import Recorder
from tests.embedded.clocks import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def log(tmp_path: Path, clock: FakeClock) -> EmbeddedLog:
    opened = EmbeddedLog(tmp_path / "log", {}, clock=clock)
    admin = opened.admin()
    admin.create_topic("t", partitions=4)
    admin.close()
    return opened


def member(log: EmbeddedLog, listener: Recorder, **config: str) -> EmbeddedConsumer:
    more = {key.replace("_", "."): value for key, value in config.items()}
    consumer = log.consumer(
        {"group.id": "g", "enable.auto.commit": "false", "auto.offset.reset": "earliest", **more}
    )
    consumer.subscribe(topics=["t"], listener=listener)
    return consumer


def settle(*consumers: EmbeddedConsumer) -> None:
    for _ in range(4):
        for consumer in consumers:
            consumer.consume(100, 0)


def numbers(listener: Recorder) -> list[int]:
    return sorted(where.partition for where in listener.held)


def test_members_in_line_keep_what_they_have(log: EmbeddedLog) -> None:
    listeners = [Recorder() for _ in range(3)]
    members = []
    for listener in listeners:
        members.append(member(log, listener))
        settle(*members)
    assert sorted(len(listener.held) for listener in listeners) == [1, 1, 2]
    assert sorted(n for listener in listeners for n in numbers(listener)) == [0, 1, 2, 3]
    before = [set(listener.held) for listener in listeners]
    settle(*members)
    assert before == [listener.held for listener in listeners]
    for consumer in members:
        consumer.close()


def test_a_member_that_could_not_write_that_it_leaves_is_gone(log: EmbeddedLog, clock: FakeClock) -> None:
    first, second = Recorder(), Recorder()
    leaving, staying = member(log, first), member(log, second)
    settle(leaving, staying)
    leaving._connection.sql.execute(
        "CREATE TEMP TRIGGER full BEFORE DELETE ON members BEGIN SELECT RAISE(ABORT, 'full'); END"
    )
    with pytest.raises(ConnectError, match="cannot leave group g"):
        leaving.close()
    clock.move(2000)  # to the next look around, not to the end of its lease
    settle(staying)
    assert numbers(second) == [0, 1, 2, 3]
    staying.close()


def test_more_members_than_partitions_leaves_some_idle(log: EmbeddedLog) -> None:
    listeners = [Recorder() for _ in range(6)]
    members = [member(log, listener) for listener in listeners]
    settle(*members)
    assert sorted(len(listener.held) for listener in listeners) == [0, 0, 1, 1, 1, 1]
    for consumer in members:
        consumer.close()


def test_a_member_that_does_not_consume_loses_everything(log: EmbeddedLog, clock: FakeClock) -> None:
    slow, other = Recorder(), Recorder()
    first = member(log, slow, max_poll_interval_ms="60000")
    settle(first)
    second = member(log, other)
    settle(first, second)
    held = sorted(slow.held)
    assert len(held) == 2
    clock.move(61_000)
    settle(second)
    assert numbers(other) == [0, 1, 2, 3]
    outcomes: list[ConnectError | None] = []
    with pytest.raises(RetriableError, match="another member"):
        first.commit({held[0]: 5})
    first.commit({held[0]: 5}, outcomes.append)
    first.consume(1, 0)
    assert isinstance(outcomes[0], RetriableError)
    assert slow.events[-1] in (("lost", held), ("assigned", slow.events[-1][1]))
    assert ("lost", held) in slow.events
    settle(first, second)
    assert sorted([*numbers(slow), *numbers(other)]) == [0, 1, 2, 3]
    first.close()
    second.close()


def test_new_partitions_topics_and_deleted_ones_are_noticed(log: EmbeddedLog) -> None:
    listener = Recorder()
    consumer = log.consumer({"group.id": "g", "auto.offset.reset": "earliest"})
    consumer.subscribe(pattern="t|u", listener=listener)
    consumer.consume(1, 0)
    assert numbers(listener) == [0, 1, 2, 3]
    admin = log.admin()
    admin.create_topic("u")
    consumer.consume(1, 0)
    assert TopicPartition("u", 0) in listener.held
    admin.delete_topic("t")
    consumer.consume(1, 0)
    consumer.consume(1, 0)
    assert listener.held == {TopicPartition("u", 0)}
    assert consumer.assignment() == [TopicPartition("u", 0)]
    consumer.close()
    admin.close()


def test_the_listener_commits_while_it_loses_partitions(log: EmbeddedLog) -> None:
    class Committer(Recorder):
        def on_revoked(self, partitions: Sequence[TopicPartition]) -> None:
            super().on_revoked(partitions)
            first.commit(dict.fromkeys(partitions, 7))

    listener = Committer()
    first = member(log, listener)
    settle(first)
    other = Recorder()
    second = member(log, other)
    settle(first, second)
    assert {where: second.position(where) for where in other.held} == dict.fromkeys(other.held, 0)
    assert second.committed(other.held) == dict.fromkeys(other.held, 7)
    second.close()
    first.close()


def test_committing_in_the_background(log: EmbeddedLog, clock: FakeClock) -> None:
    producer = log.producer({})
    producer.send([OutRecord("t", n, None, b"x", None, None) for n in range(4)], lambda failed: None)
    producer.close(1)
    listener = Recorder()
    consumer = member(log, listener, enable_auto_commit="true", auto_commit_interval_ms="5000")
    assert len(consumer.consume(10, 0)) == 4
    clock.move(6000)
    consumer.consume(10, 0)
    admin = log.admin()
    assert admin.group_offsets("g") == {TopicPartition("t", n): 1 for n in range(4)}
    consumer.close()
    admin.close()

"""A put that takes longer than ``max.poll.interval.ms`` loses no partition, on either log."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from connectkit.api import TopicPartition
from connectkit.record import SinkRecord
from connectkit.runner.chain import Chain
from connectkit.runner.control import Control, TaskId
from connectkit.runner.counters import SinkCounters
from connectkit.runner.log.api import Log, OutRecord
from connectkit.runner.sink_task import SinkSettings, WorkerSinkTask
from connectkit.runner.status import State
from connectkit.runner.tolerance import ErrorPolicy, Tolerance
from tests.support.rig import ScriptedSink, converters

Unique = Callable[[str], str]


class Slow(ScriptedSink):
    """Takes its time over the first batch; knows what thread calls it."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds
        self.threads: set[int] = set()
        self.in_put = threading.Event()

    def start(self) -> None:
        super().start()
        self.threads.add(threading.get_ident())

    def put(self, records: list[SinkRecord]) -> None:
        super().put(records)
        if records and self.seconds:
            self.in_put.set()
            seconds, self.seconds = self.seconds, 0.0
            time.sleep(seconds)

    def open(self, partitions: Any) -> None:
        super().open(partitions)
        self.threads.add(threading.get_ident())

    def close(self, partitions: Any) -> None:
        super().close(partitions)
        self.threads.add(threading.get_ident())


class Running:
    """One task of a group, on a thread of its own."""

    def __init__(self, log: Log, task: Slow, topic: str, group: str, interval_ms: int, number: int) -> None:
        self.control = Control()
        self.states: list[State] = []
        counters = SinkCounters(time.monotonic())
        config = {
            "group.id": group,
            "enable.auto.commit": "false",
            "auto.offset.reset": "earliest",
            "max.poll.interval.ms": str(interval_ms),
            "session.timeout.ms": "6000",
            "heartbeat.interval.ms": "500",
        }
        self.task = WorkerSinkTask(
            TaskId(group, number),
            task,
            configs={},
            chain=Chain(),
            converters=converters(),
            consumer=log.consumer(config),
            tolerance=Tolerance(ErrorPolicy(), counters.errors, self.control),
            counters=counters,
            control=self.control,
            status=lambda task_id, state, trace: self.states.append(state),
            settings=SinkSettings(
                topics=[topic], group=group, flush_interval_s=0.5, max_poll_interval_s=interval_ms / 1000
            ),
        )
        self.task.start()

    def stop(self) -> None:
        self.control.stop()
        assert self.task.wait(30)
        assert self.states[-1] is State.UNASSIGNED


def until(true: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def fill(log: Log, topic: str, count: int) -> None:
    producer = log.producer({})
    batch = [OutRecord(topic, n % 2, None, str(n).encode(), None, None) for n in range(count)]
    producer.send(batch, lambda failures: None)
    assert producer.flush(30) == 0
    producer.close(5)


def interval_of(request: pytest.FixtureRequest) -> int:
    """Milliseconds; Kafka's brokers allow no session shorter than six seconds."""
    return 6_000 if "kafka" in request.node.callspec.id else 3_000


def test_a_slow_put_keeps_its_partitions(log: Log, unique: Unique, request: pytest.FixtureRequest) -> None:
    topic, group, interval_ms = unique("slow"), unique("group"), interval_of(request)
    log.admin().create_topic(topic, partitions=2)
    fill(log, topic, 10)
    task = Slow(interval_ms / 1000 * 1.7)
    running = Running(log, task, topic, group, interval_ms, 0)
    until(lambda: sum(log.admin().group_offsets(group).values()) == 10)
    fill(log, topic, 4)
    until(lambda: sum(log.admin().group_offsets(group).values()) == 14)
    running.stop()
    assert sorted(task.written) == sorted([*range(10), *range(4)])
    assert len([call for call in task.calls if call.startswith("open")]) == 1
    assert len(task.threads) == 1


def test_a_rebalance_during_a_slow_put_waits_for_it(
    log: Log, unique: Unique, request: pytest.FixtureRequest
) -> None:
    topic, group, interval_ms = unique("slow"), unique("group"), interval_of(request)
    log.admin().create_topic(topic, partitions=2)
    fill(log, topic, 10)
    first, second = Slow(interval_ms / 1000 * 0.9), Slow(0.0)
    running = Running(log, first, topic, group, interval_ms, 0)
    until(first.in_put.is_set)
    joined = Running(log, second, topic, group, interval_ms, 1)
    until(lambda: any(call.startswith("open") for call in second.calls))
    fill(log, topic, 10)
    until(lambda: log.admin().group_offsets(group) == {TopicPartition(topic, n): 10 for n in (0, 1)})
    running.stop()
    joined.stop()
    assert sorted(first.written + second.written) == sorted([*range(10)] * 2)
    assert len(first.threads) == len(second.threads) == 1

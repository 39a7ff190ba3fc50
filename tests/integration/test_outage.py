"""On either log: an outage of what a sink writes to, gathered batches and pauses lose and drain nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from connectkit.api import TopicPartition
from connectkit.record import SinkRecord
from connectkit.runner.breaker import BreakerPolicy
from connectkit.runner.chain import Chain
from connectkit.runner.control import Control, TaskId
from connectkit.runner.counters import SinkCounters
from connectkit.runner.errant import ErrantReporter
from connectkit.runner.gather import BatchBounds
from connectkit.runner.log.api import Log, OutRecord
from connectkit.runner.reporters import DeadLetters
from connectkit.runner.sink_task import SinkSettings, WorkerSinkTask
from connectkit.runner.tolerance import ErrorPolicy, Tolerance
from tests.support.rig import ScriptedSink, converters

Unique = Callable[[str], str]
COUNT = 2_000


class Store(ScriptedSink):
    """All or nothing, and down until told otherwise."""

    def __init__(self) -> None:
        super().__init__()
        self.is_up = threading.Event()
        self.stored: list[tuple[int, int]] = []

    def put(self, records: list[SinkRecord]) -> None:
        super().put(records)
        if records and not self.is_up.is_set():
            raise RuntimeError("disk full")
        if any(record.value == "bad" for record in records):
            raise ValueError("bad")
        self.stored += [(r.original_kafka_partition or 0, r.original_kafka_offset) for r in records]


def running(log: Log, task: Store, topic: str, batch: BatchBounds | None) -> tuple[WorkerSinkTask, Control]:
    control, counters, made = Control(), SinkCounters(time.monotonic()), converters()
    tolerance = Tolerance(
        ErrorPolicy(tolerate_all=True), counters.errors, control,
        breaker=BreakerPolicy(failures=20, wait_s=0.2, wait_max_s=0.5),
    )  # fmt: skip
    task_id = TaskId(topic, 0)
    letters = DeadLetters(f"{topic}-dead", task_id, log.producer({}), counters.errors, context_headers=True)
    tolerance.reporters.append(letters)
    tolerance.letters = letters
    config = {"group.id": topic, "enable.auto.commit": "false", "auto.offset.reset": "earliest"}
    worker = WorkerSinkTask(
        task_id, task, configs={}, chain=Chain(), converters=made, consumer=log.consumer(config),
        tolerance=tolerance, counters=counters, control=control, status=lambda *told: None,
        settings=SinkSettings(topics=[topic], group=topic, flush_interval_s=0.3, bisects=True, batch=batch),
        errant=ErrantReporter(tolerance, made),
    )  # fmt: skip
    worker.start()
    return worker, control


def fill(log: Log, topic: str) -> list[int]:
    """Bad ones among them; returns their numbers."""
    for name in (topic, f"{topic}-dead"):
        log.admin().create_topic(name, partitions=2 if name == topic else 1)
    producer = log.producer({})
    values = [b'"bad"' if n % 97 == 50 else str(n).encode() for n in range(COUNT)]
    producer.send(
        [OutRecord(topic, n % 2, None, value, None, None) for n, value in enumerate(values)],
        lambda failures: None,
    )
    assert producer.flush(30) == 0
    producer.close(5)
    return [n for n, value in enumerate(values) if value == b'"bad"']


def until(true: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def letters_of(log: Log, topic: str) -> int:
    place = TopicPartition(f"{topic}-dead", 0)
    return log.admin().offsets([place])[place]


def check(
    log: Log, task: Store, worker: WorkerSinkTask, control: Control, topic: str, bad: list[int]
) -> None:
    until(lambda: sum(log.admin().group_offsets(topic).values()) == COUNT)
    control.stop()
    assert worker.wait(30)
    assert worker.error is None
    gone = {(n % 2, n // 2) for n in bad}
    assert sorted(task.stored) == sorted({(n % 2, n // 2) for n in range(COUNT)} - gone)
    for partition in (0, 1):
        offsets = [offset for at, offset in task.stored if at == partition]
        assert offsets == sorted(offsets)
    assert letters_of(log, topic) == len(bad)


def test_an_outage(log: Log, unique: Unique) -> None:
    topic = unique("outage")
    bad = fill(log, topic)
    task = Store()
    worker, control = running(log, task, topic, None)
    until(lambda: worker.note is not None and "circuit breaker" in worker.note)
    until(lambda: len([put for put in task.puts if len(put) == 1]) > 25)  # it has been tried a few times
    assert task.stored == []
    assert letters_of(log, topic) == 0
    task.is_up.set()
    check(log, task, worker, control, topic, bad)
    assert worker.note is None


def test_gathered_batches_through_pauses(log: Log, unique: Unique) -> None:
    topic = unique("gathered")
    bad = fill(log, topic)
    task = Store()
    task.is_up.set()
    sizes: list[int] = []
    task.on_put = lambda records: sizes.append(len(records))
    worker, control = running(log, task, topic, BatchBounds(records=700, linger_s=1.0))
    until(lambda: len(task.stored) > 0)
    for _ in range(3):
        control.pause()
        time.sleep(0.15)
        control.resume()
    check(log, task, worker, control, topic, bad)
    assert max(sizes) <= 700
    assert any(size > 500 for size in sizes)


def test_a_task_that_is_stopped_in_an_outage_leaves_all_for_the_next(log: Log, unique: Unique) -> None:
    topic = unique("stopped")
    bad = fill(log, topic)
    down = Store()
    worker, control = running(log, down, topic, None)
    until(lambda: worker.note is not None)
    control.stop()
    assert worker.wait(30)
    assert down.stored == []
    task: Any = Store()
    task.is_up.set()
    worker, control = running(log, task, topic, None)
    check(log, task, worker, control, topic, bad)

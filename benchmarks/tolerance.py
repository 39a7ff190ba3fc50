"""What ``errors.tolerance=all`` with a dead letter queue costs while nothing fails, in one run.

A sink and a source task run their own loops (JSON, batches of 500) with a log that costs next to nothing, so
that whatever the machinery adds shows most. The rounds of both settings take turns, and the medians of their
rates are compared: 1.00 is no cost at all. Rates are per second of processor time: other work on the machine
is not measured.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connectkit.api import SinkTask, SourceTask, TopicPartition
from connectkit.config import Config
from connectkit.plugin import plugins
from connectkit.record import SinkRecord, SourceRecord
from connectkit.runner.at_least_once import AtLeastOnce
from connectkit.runner.breaker import BreakerPolicy
from connectkit.runner.chain import Chain
from connectkit.runner.control import Control, TaskId
from connectkit.runner.counters import ErrorCounters, SinkCounters, SourceCounters
from connectkit.runner.dlq.source_letters import SourceLetters
from connectkit.runner.encode import Converters
from connectkit.runner.errant import ErrantReporter
from connectkit.runner.log.api import BatchDone, OutRecord, RebalanceListener
from connectkit.runner.memory import tune_memory
from connectkit.runner.offsets import MemoryOffsets
from connectkit.runner.outlet import SourceTimes
from connectkit.runner.reporters import DeadLetters
from connectkit.runner.sink_task import SinkSettings, WorkerSinkTask
from connectkit.runner.source_task import WorkerSourceTask
from connectkit.runner.tolerance import ErrorPolicy, Tolerance

RECORDS, BATCH, ROUNDS = 100_000, 500, 25
TP = TopicPartition("t", 0)
TASK = TaskId("bench", 0)
ORDER = {"id": 1, "name": "hello world", "price": 3.14, "ts": 1234567890123, "active": True}


@dataclass(slots=True)
class _Message:
    at: int
    data: bytes

    def topic(self) -> str:
        return "t"

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return self.at

    def key(self) -> bytes | None:
        return None

    def value(self) -> bytes | None:
        return self.data

    def timestamp(self) -> tuple[int, int]:
        return 1, 1_700_000_000_000

    def headers(self) -> None:
        return None


class _Consumer:
    """Makes messages, which live as long as somebody keeps them."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._left = RECORDS
        self._data = json.dumps(ORDER).encode()
        self._listener: RebalanceListener | None = None

    def subscribe(self, *, listener: RebalanceListener | None = None, **more: object) -> None:
        self._listener = listener

    def consume(self, max_records: int, timeout_s: float) -> Sequence[_Message]:
        if self._listener is not None:
            told, self._listener = self._listener, None
            told.on_assigned([TP])
        if self._left <= 0:
            self._control.stop()
            return ()
        self._left -= BATCH
        return [_Message(at, self._data) for at in range(BATCH)]

    def position(self, partition: TopicPartition) -> int:
        return 0

    def lag(self) -> int | None:
        return None

    def commit(self, offsets: Mapping[TopicPartition, int], *arguments: object, **more: object) -> None: ...
    def pause(self, partitions: object) -> None: ...
    def resume(self, partitions: object) -> None: ...
    def close(self, timeout_s: float | None = None) -> None: ...


class _Producer:
    """Acknowledges at the next call."""

    def __init__(self) -> None:
        self._done: list[BatchDone] = []

    def send(self, batch: Sequence[OutRecord], on_done: BatchDone, on_each: object = None) -> None:
        self.poll()
        self._done.append(on_done)

    def poll(self, timeout_s: float = 0.0) -> None:
        done, self._done = self._done, []
        for each in done:
            each(())

    def flush(self, timeout_s: float) -> int:
        self.poll()
        return 0

    def close(self, timeout_s: float) -> None: ...


class _Sink(SinkTask[Config]):
    """Counts."""

    def start(self) -> None:
        self.count = 0

    def put(self, records: list[SinkRecord]) -> None:
        self.count += len(records)

    def stop(self) -> None: ...


class _Source(SourceTask[Config]):
    """Makes records."""

    control: Control

    def start(self) -> None:
        self.left = RECORDS

    def poll(self) -> list[SourceRecord] | None:
        if self.left <= 0:
            self.control.stop()
            return None
        self.left -= BATCH
        partition = {"p": 0}
        return [SourceRecord(partition, {"at": n}, "t", None, ORDER) for n in range(BATCH)]

    def stop(self) -> None: ...


def _converters() -> Converters:
    json_options = {"schemas.enable": "false"}
    return Converters(
        plugins.create("converter", "StringConverter", {}, is_key=True),
        plugins.create("converter", "JsonConverter", json_options, is_key=False),
        plugins.create("header_converter", "SimpleHeaderConverter", {}),
    )


def _tolerance(errors: ErrorCounters, control: Control, letters: DeadLetters | None) -> Tolerance:
    if letters is None:
        return Tolerance(ErrorPolicy(), errors, control)
    tolerance = Tolerance(ErrorPolicy(tolerate_all=True), errors, control, breaker=BreakerPolicy())
    tolerance.reporters.append(letters)
    tolerance.letters = letters
    return tolerance


def _sink(*, with_letters: bool) -> float:
    control, counters, converters = Control(), SinkCounters(0.0), _converters()
    producer: Any = _Producer()
    letters = (
        DeadLetters("dlq", TASK, producer, counters.errors, context_headers=True) if with_letters else None
    )
    tolerance = _tolerance(counters.errors, control, letters)
    consumer: Any = _Consumer(control)
    task = WorkerSinkTask(
        TASK, _Sink(Config()), configs={}, chain=Chain(), converters=converters, consumer=consumer,
        tolerance=tolerance, counters=counters, control=control, status=lambda *told: None,
        settings=SinkSettings(topics=["t"], bisects=with_letters),
        errant=ErrantReporter(tolerance, converters) if with_letters else None,
    )  # fmt: skip
    return _rate(task.run)


def _source(*, with_letters: bool) -> float:
    control, counters, converters = Control(), SourceCounters(0.0), _converters()
    producer: Any = _Producer()
    letters = None
    if with_letters:
        letters = SourceLetters(
            "dlq", TASK, producer, counters.errors, converters=converters, context_headers=True
        )
    store, times, plugin = MemoryOffsets(), SourceTimes(), _Source(Config())
    out: Any = _Producer()
    plugin.control = control
    task = WorkerSourceTask(
        TASK, plugin, configs={}, chain=Chain(), converters=converters, store=store,
        outlet=lambda owner: AtLeastOnce(owner, out, None, store, times),
        tolerance=_tolerance(counters.errors, control, letters), counters=counters, control=control,
        status=lambda *told: None, times=times,
    )  # fmt: skip
    return _rate(task.run)


def _rate(run: Callable[[], None]) -> float:
    began = time.thread_time()
    run()
    return RECORDS / (time.thread_time() - began)


def main() -> None:
    """Print rates and the ratio of each side."""
    tune_memory()
    for name, measure in (("sink", _sink), ("source", _source)):
        plain: list[float] = []
        guarded: list[float] = []
        for turn in range(ROUNDS + 1):
            pair = (plain, False), (guarded, True)
            for rates, with_letters in pair if turn % 2 else reversed(pair):
                rate = measure(with_letters=with_letters)
                if turn:  # the first round warms up
                    rates.append(rate)
        ratio = statistics.median(guarded) / statistics.median(plain)
        print(
            f"{name:6} without {statistics.median(plain):>10,.0f}/s   tolerance=all and a queue "
            f"{statistics.median(guarded):>10,.0f}/s   ratio {ratio:.3f}",
            flush=True,
        )


if __name__ == "__main__":
    main()

"""Source and sink tasks on a memory log, run on the test's own thread."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from connectkit.api import Converter, HeaderConverter, RawHeaders, SinkTask, SourceTask, TopicPartition
from connectkit.config import Config
from connectkit.errors import ConversionError
from connectkit.record import SinkRecord, SourceRecord
from connectkit.runner.at_least_once import AtLeastOnce
from connectkit.runner.breaker import BreakerPolicy
from connectkit.runner.chain import Chain
from connectkit.runner.control import Control, TaskId
from connectkit.runner.counters import SinkCounters, SourceCounters
from connectkit.runner.creation import TopicCreator
from connectkit.runner.dlq.source_letters import SourceLetters
from connectkit.runner.encode import Converters
from connectkit.runner.errant import ErrantReporter
from connectkit.runner.offsets import MemoryOffsets, OffsetStore
from connectkit.runner.outlet import SourceTimes
from connectkit.runner.reporters import DeadLetters, LogReporter
from connectkit.runner.sink_task import SinkSettings, WorkerSinkTask
from connectkit.runner.source_task import WorkerSourceTask
from connectkit.runner.status import State
from connectkit.runner.tolerance import ErrorPolicy, Tolerance
from connectkit.schema import Schema, SchemaAndValue
from tests.support.memory_log import MemoryConsumer, MemoryLog, MemoryProducer

TASK = TaskId("orders", 0)


class PlainConverter(Converter[Config]):
    """JSON without a schema; values in ``poison`` fail both ways."""

    def __init__(self, *, poison: Sequence[Any] = (), errors: Sequence[Exception] = ()) -> None:
        super().__init__(Config())
        self.poison = poison
        self.errors = list(errors)
        """Raised by the next calls, one each."""

    def from_connect_data(
        self, topic: str, schema: Schema | None, value: Any, headers: RawHeaders | None = None
    ) -> bytes | None:
        if self.errors:
            raise self.errors.pop(0)
        if value in self.poison:
            raise ConversionError("This value is poison", path="$")
        return None if value is None else json.dumps(value).encode()

    def to_connect_data(
        self, topic: str, data: bytes | None, headers: RawHeaders | None = None
    ) -> SchemaAndValue:
        if self.errors:
            raise self.errors.pop(0)
        value = None if data is None else json.loads(data)
        if value in self.poison:
            raise ConversionError("This value is poison", path="$")
        return SchemaAndValue(None, value)


class PlainHeaders(HeaderConverter[Config]):
    """Header values as UTF-8 text."""

    def __init__(self) -> None:
        super().__init__(Config())

    def from_connect_header(self, topic: str, key: str, schema: Schema | None, value: Any) -> bytes | None:
        return None if value is None else str(value).encode()

    def to_connect_header(self, topic: str, key: str, data: bytes | None) -> SchemaAndValue:
        return SchemaAndValue(Schema.STRING, None if data is None else data.decode())


def converters(value: PlainConverter | None = None) -> Converters:
    return Converters(PlainConverter(), value or PlainConverter(), PlainHeaders())


def record(number: int, *, part: str = "a", topic: str = "t", value: Any = None) -> SourceRecord:
    """A record whose offset is its number."""
    return SourceRecord({"part": part}, {"at": number}, topic, None, number if value is None else value)


class ScriptedSource(SourceTask[Config]):
    """Returns the given batches (or raises them), then ends the worker's loop."""

    def __init__(self, batches: Sequence[list[SourceRecord] | Exception | None]) -> None:
        super().__init__(Config())
        self.batches = list(batches)
        self.calls: list[str] = []
        self.at_end: Callable[[], None] = lambda: None

    def start(self) -> None:
        self.calls.append("start")

    def poll(self) -> list[SourceRecord] | None:
        if not self.batches:
            self.at_end()
            return None
        batch = self.batches.pop(0)
        if isinstance(batch, Exception):
            raise batch
        return batch

    def commit(self) -> None:
        self.calls.append("commit")

    def stop(self) -> None:
        self.calls.append("stop")


class SourceRig:
    """One source task and everything around it."""

    def __init__(
        self,
        task: SourceTask[Config],
        *,
        chain: Chain | None = None,
        value: PlainConverter | None = None,
        policy: ErrorPolicy | None = None,
        breaker: BreakerPolicy | None = None,
        store: OffsetStore | None = None,
        creator: Callable[[MemoryLog], TopicCreator] | None = None,
        dead_letters: bool = False,
        log: MemoryLog | None = None,
    ) -> None:
        self.log = log or MemoryLog()
        self.task = task
        self.control = Control()
        self.states: list[State] = []
        self.trace: str | None = None
        self.offsets = MemoryOffsets()
        self.counters = SourceCounters(0.0)
        self.producer: MemoryProducer = self.log.producer({})
        self.tolerance = Tolerance(
            policy or ErrorPolicy(),
            self.counters.errors,
            self.control,
            breaker=breaker,
            clock=self.log.clock,
        )
        made = converters(value)
        if dead_letters:
            letters = SourceLetters(
                "dlq",
                TASK,
                self.log.producer({}),
                self.counters.errors,
                converters=made,
                context_headers=True,
            )
            self.tolerance.reporters.append(letters)
            self.tolerance.letters = letters
        times = SourceTimes(retry_s=0.0)
        self.worker_task = WorkerSourceTask(
            TASK,
            task,
            configs={},
            chain=chain or Chain(),
            converters=made,
            outlet=lambda owner: AtLeastOnce(
                owner,
                self.producer,
                creator(self.log) if creator is not None else None,
                store or self.offsets,
                times,
            ),
            store=store or self.offsets,
            tolerance=self.tolerance,
            counters=self.counters,
            control=self.control,
            status=self._status,
            times=times,
        )
        if isinstance(task, ScriptedSource):
            task.at_end = self.control.stop

    def _status(self, task_id: TaskId, state: State, trace: str | None) -> None:
        self.states.append(state)
        self.trace = trace or self.trace

    def run(self) -> SourceRig:
        self.worker_task.run()
        return self

    def stored(self, part: str = "a") -> Any:
        """The stored offset of a partition."""
        found = self.offsets.read(TASK.connector, [json.dumps({"part": part}, separators=(",", ":"))])
        return next((offset["at"] for offset in found.values()), None)


class ScriptedSink(SinkTask[Config]):
    """Notes what is put; raises the given errors first."""

    def __init__(self, *, errors: Sequence[Exception] = ()) -> None:
        super().__init__(Config())
        self.errors = list(errors)
        self.puts: list[list[Any]] = []
        self.calls: list[str] = []
        self.flush_errors: list[Exception] = []
        self.held_back: Mapping[TopicPartition, int] | None = None
        self.on_put: Callable[[list[SinkRecord]], None] = lambda records: None

    def start(self) -> None:
        self.calls.append("start")

    def open(self, partitions: Any) -> None:
        self.calls.append(f"open {shown(partitions)}")

    def close(self, partitions: Any) -> None:
        self.calls.append(f"close {shown(partitions)}")

    def put(self, records: list[SinkRecord]) -> None:
        self.puts.append([r.value for r in records])
        if records and self.errors:
            raise self.errors.pop(0)
        self.on_put(records)

    def flush(self, offsets: Mapping[TopicPartition, int]) -> None:
        self.calls.append("flush")
        if self.flush_errors:
            raise self.flush_errors.pop(0)

    def pre_commit(self, offsets: Mapping[TopicPartition, int]) -> Mapping[TopicPartition, int]:
        self.flush(offsets)
        return offsets if self.held_back is None else self.held_back

    def stop(self) -> None:
        self.calls.append("stop")

    @property
    def written(self) -> list[Any]:
        return [value for values in self.puts for value in values]


def shown(partitions: Any) -> str:
    return ",".join(f"{tp.topic}-{tp.partition}" for tp in sorted(partitions))


class SinkRig:
    """One sink task and everything around it; the loop ends at the ``idle``-th empty poll."""

    def __init__(
        self,
        task: ScriptedSink,
        *,
        topics: Sequence[str] = ("t",),
        chain: Chain | None = None,
        value: PlainConverter | None = None,
        made: Converters | None = None,
        policy: ErrorPolicy | None = None,
        settings: SinkSettings | None = None,
        breaker: BreakerPolicy | None = None,
        dead_letters: bool = False,
        log_errors: bool = False,
        idle: int = 1,
        log: MemoryLog | None = None,
    ) -> None:
        self.log = log or MemoryLog()
        self.task = task
        self.control = Control()
        self.states: list[State] = []
        self.trace: str | None = None
        self.counters = SinkCounters(0.0)
        self.consumer: MemoryConsumer = self.log.consumer({"group.id": "connect-orders"})
        self.consumer.on_empty = self._on_empty
        self.at_empty: list[Callable[[], None]] = []
        self._idle = idle
        self.tolerance = Tolerance(
            policy or ErrorPolicy(),
            self.counters.errors,
            self.control,
            breaker=breaker,
            clock=self.log.clock,
        )
        made = made or converters(value)
        self.letters: DeadLetters | None = None
        if dead_letters:
            self.letters = DeadLetters(
                "dlq", TASK, self.log.producer({}), self.counters.errors, context_headers=True
            )
            self.tolerance.reporters.append(self.letters)
            self.tolerance.letters = self.letters
        if log_errors:
            self.tolerance.reporters.append(LogReporter(TASK, self.counters.errors, include_places=True))
        self.errant = ErrantReporter(self.tolerance, made) if self.tolerance.reporters else None
        self.worker_task = WorkerSinkTask(
            TASK,
            task,
            configs={},
            chain=chain or Chain(),
            converters=made,
            consumer=self.consumer,
            tolerance=self.tolerance,
            counters=self.counters,
            control=self.control,
            status=self._status,
            settings=settings or SinkSettings(topics=topics),
            errant=self.errant,
            clock=self.log.clock,
        )

    def _status(self, task_id: TaskId, state: State, trace: str | None) -> None:
        self.states.append(state)
        self.trace = trace or self.trace

    def _on_empty(self) -> None:
        if self.at_empty:
            self.at_empty.pop(0)()
            return
        self._idle -= 1
        if self._idle <= 0:
            self.control.stop()

    def fill(self, *values: Any, topic: str = "t", partition: int = 0) -> SinkRig:
        from connectkit.runner.log.api import OutRecord

        self.log.create(topic, partition + 1)
        for value in values:
            self.log.append(OutRecord(topic, partition, None, json.dumps(value).encode(), None, None))
        return self

    def more(self, *values: Any) -> None:
        """Records that come later."""
        self.fill(*values)

    def run(self) -> SinkRig:
        self.worker_task.run()
        return self

    def committed(self, partition: int = 0, topic: str = "t") -> int | None:
        return self.log.groups.get("connect-orders", {}).get(TopicPartition(topic, partition))

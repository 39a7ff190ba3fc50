"""Runs one task of a connector in memory: stored offsets, a virtual clock, crashes on demand.

The harness makes the calls that a worker makes, in its order, on the calling thread; nothing waits for
real time. For a whole worker see :mod:`connectkit.testing.worker`.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, Self

from connectkit.api import (
    ErrantRecordReporter,
    OffsetReader,
    Partition,
    RecordMetadata,
    SinkConnector,
    SinkTask,
    SourceConnector,
    SourceTask,
    TopicPartition,
    TransactionContext,
)
from connectkit.record import Checkpoint, SinkRecord, SourceRecord
from connectkit.schema import Schema

Polled = SourceRecord | Checkpoint


class VirtualClock:
    """A clock that moves only when somebody sleeps. Seconds."""

    def __init__(self, now_s: float = 1_000_000.0) -> None:
        self.now_s = now_s

    def __call__(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += max(seconds, 0.0)


class StoredOffsets:
    """The offsets of a source connector, as they outlive its tasks."""

    def __init__(self) -> None:
        self.by_partition: dict[tuple[tuple[str, Any], ...], dict[str, Any]] = {}

    def offset(self, partition: Partition) -> dict[str, Any] | None:
        found = self.by_partition.get(tuple(sorted(partition.items())))
        return None if found is None else dict(found)

    def offsets(self, partitions: Collection[Partition]) -> list[dict[str, Any] | None]:
        return [self.offset(partition) for partition in partitions]

    def store(self, records: Iterable[Polled]) -> None:
        """The records arrived: their offsets are stored, in this order."""
        for record in records:
            if record.source_partition is not None and record.source_offset is not None:
                key = tuple(sorted(record.source_partition.items()))
                self.by_partition[key] = copy.deepcopy(dict(record.source_offset))


class _SourceContext:
    """What a source task may ask of its worker; notes what was asked."""

    def __init__(self, stored: StoredOffsets, clock: VirtualClock, configs: Mapping[str, str]) -> None:
        self.configs = configs
        self.offset_reader: OffsetReader = stored
        self.transaction_context: TransactionContext | None = None
        self.stopping = False
        self.done = False
        self.slept_s: list[float] = []
        self._clock = clock

    def sleep(self, seconds: float) -> bool:
        self.slept_s.append(seconds)
        self._clock.sleep(seconds)
        return self.stopping

    def finished(self) -> None:
        self.done = True


class SourceHarness:
    """One task of a source connector. ``with`` starts and stops it.

    ``stored`` are offsets of an earlier life; ``index`` says which of at most ``tasks_max`` tasks.
    """

    def __init__(
        self,
        connector: type[SourceConnector[Any]],
        config: Mapping[str, str],
        *,
        stored: StoredOffsets | None = None,
        index: int = 0,
        tasks_max: int = 1,
        clock: VirtualClock | None = None,
    ) -> None:
        self.stored = StoredOffsets() if stored is None else stored
        self.clock = clock or VirtualClock()
        configs = connector(connector.config_type.parse(dict(config))).task_configs(tasks_max)
        task_class: type[SourceTask[Any]] = connector.task_class  # type: ignore[assignment]  # a source's
        self.task = task_class(task_class.config_type.parse(dict(configs[index])))
        self.context = _SourceContext(self.stored, self.clock, dict(configs[index]))

    def start(self) -> Self:
        """Begin, from the stored offsets."""
        self.task.initialize(self.context)
        self.task.start()
        return self

    def poll(self) -> list[Polled]:
        """What one ``poll`` brings."""
        return list(self.task.poll() or ())

    def drain(self, *, most: int = 10_000, idle_polls: int = 3) -> list[Polled]:
        """Everything until that many polls in a row bring nothing, the task is done, or ``most`` are read."""
        found: list[Polled] = []
        idle = 0
        while idle < idle_polls and len(found) < most:
            batch = self.poll()
            found += batch
            idle = 0 if batch else idle + 1
            if self.context.done and not batch:
                break
        return found

    def commit(self, records: Sequence[Polled]) -> None:
        """The worker's part after these records were acknowledged: their offsets are stored."""
        for number, record in enumerate(records):
            if isinstance(record, SourceRecord):
                place = RecordMetadata(
                    record.topic or "", record.kafka_partition or 0, number, record.timestamp
                )
                self.task.commit_record(record, place)
        self.stored.store(records)
        self.task.commit()

    def stop(self) -> None:
        """A clean end."""
        self.context.stopping = True
        self.task.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.stop()


class Reported(ErrantRecordReporter):
    """Collects what a sink task could not write."""

    def __init__(self) -> None:
        self.records: list[tuple[SinkRecord, Exception]] = []

    def report(self, record: SinkRecord, error: Exception) -> Future[None]:
        self.records.append((record, error))
        done: Future[None] = Future()
        done.set_result(None)
        return done


class _SinkContext:
    """What a sink task may ask of its worker; notes what was asked."""

    def __init__(self, reporter: Reported | None, clock: VirtualClock, configs: Mapping[str, str]) -> None:
        self.configs = configs
        self.assignment: frozenset[TopicPartition] = frozenset()
        self.errant_record_reporter: ErrantRecordReporter | None = reporter
        self.stopping = False
        self.paused: set[TopicPartition] = set()
        self.rewound: dict[TopicPartition, int] = {}
        self.timeouts_ms: list[int] = []
        self.commits_requested = 0
        self._clock = clock

    def sleep(self, seconds: float) -> bool:
        self._clock.sleep(seconds)
        return self.stopping

    def offset(self, offsets: Mapping[TopicPartition, int]) -> None:
        self.rewound.update(offsets)

    def timeout(self, timeout_ms: int) -> None:
        self.timeouts_ms.append(timeout_ms)

    def pause(self, *partitions: TopicPartition) -> None:
        self.paused.update(partitions)

    def resume(self, *partitions: TopicPartition) -> None:
        self.paused.difference_update(partitions)

    def request_commit(self) -> None:
        self.commits_requested += 1


class SinkHarness:
    """One task of a sink connector. ``with`` starts and stops it.

    ``committed`` are the group's offsets, which outlive a task; ``partitions`` are opened at the start.
    """

    def __init__(
        self,
        connector: type[SinkConnector[Any]],
        config: Mapping[str, str],
        *,
        partitions: Iterable[TopicPartition] = (TopicPartition("t", 0),),
        committed: dict[TopicPartition, int] | None = None,
        reporter: Reported | None = None,
        clock: VirtualClock | None = None,
    ) -> None:
        self.committed: dict[TopicPartition, int] = {} if committed is None else committed
        self.clock = clock or VirtualClock()
        configs = connector(connector.config_type.parse(dict(config))).task_configs(1)
        task_class: type[SinkTask[Any]] = connector.task_class  # type: ignore[assignment]  # a sink's
        self.task = task_class(task_class.config_type.parse(dict(configs[0])))
        self.context = _SinkContext(reporter, self.clock, dict(configs[0]))
        self.delivered: dict[TopicPartition, int] = {}
        """The offset behind the last record put, by partition."""
        self._partitions = list(partitions)

    def start(self) -> Self:
        """Begin, with the partitions assigned."""
        self.task.initialize(self.context)
        self.task.start()
        self.assign(self._partitions)
        return self

    def assign(self, partitions: Iterable[TopicPartition]) -> None:
        """These partitions come to the task."""
        added = list(partitions)
        self.context.assignment |= frozenset(added)
        for tp in added:
            self.delivered[tp] = self.committed.get(tp, 0)
        self.task.open(added)
        for tp, offset in self.context.rewound.items():
            self.delivered[tp] = offset
        self.context.rewound.clear()

    def revoke(self, partitions: Iterable[TopicPartition], *, lost: bool = False) -> None:
        """These partitions go: after a last commit, or without it if they are lost."""
        gone = list(partitions)
        if not lost:
            self.commit(gone)
        self.task.close(gone)
        self.context.assignment -= frozenset(gone)
        for tp in gone:
            self.delivered.pop(tp, None)

    def put(self, *records: SinkRecord) -> None:
        """One ``put``. Once it has returned, the records count as delivered."""
        self.task.put(list(records))
        for record in records:
            tp = TopicPartition(record.original_topic or "", record.original_kafka_partition or 0)
            self.delivered[tp] = record.original_kafka_offset + 1

    def commit(self, partitions: Iterable[TopicPartition] | None = None) -> dict[TopicPartition, int]:
        """Ask the task what is safe, and commit that; returns what it said."""
        asked = self.delivered if partitions is None else {tp: self.delivered[tp] for tp in partitions}
        safe = dict(self.task.pre_commit(dict(asked)))
        self.committed.update(safe)
        return safe

    def stop(self) -> None:
        """A clean end: a last commit, the partitions given back."""
        self.context.stopping = True
        if self.context.assignment:
            self.revoke(sorted(self.context.assignment))
        self.task.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.stop()


def sink_record(
    value: Any,
    schema: Schema | None = None,
    *,
    topic: str = "t",
    partition: int = 0,
    offset: int = 0,
    key: Any = None,
    key_schema: Schema | None = None,
) -> SinkRecord:
    """A record as a sink task gets it."""
    return SinkRecord(topic, partition, key_schema, key, schema, value, offset)

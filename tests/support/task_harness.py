"""Runs one source or sink task in memory: stored offsets, sleeping without time, a transcript of requests."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import Future
from typing import Any

from connectkit.api import (
    ErrantRecordReporter,
    OffsetReader,
    Partition,
    SinkConnector,
    SinkTask,
    SourceConnector,
    SourceTask,
    TopicPartition,
    TransactionContext,
)
from connectkit.record import SinkRecord, SourceRecord
from connectkit.schema import Schema


class Stored:
    """Stored offsets, by partition."""

    def __init__(self) -> None:
        self.by_partition: dict[tuple[tuple[str, Any], ...], dict[str, Any]] = {}

    def offset(self, partition: Partition) -> dict[str, Any] | None:
        found = self.by_partition.get(tuple(sorted(partition.items())))
        return None if found is None else dict(found)

    def offsets(self, partitions: Collection[Partition]) -> list[dict[str, Any] | None]:
        return [self.offset(partition) for partition in partitions]

    def commit(self, record: SourceRecord) -> None:
        assert record.source_partition is not None
        assert record.source_offset is not None
        self.by_partition[tuple(sorted(record.source_partition.items()))] = dict(record.source_offset)


class SourceContext:
    """A source task's context whose sleep returns at once."""

    def __init__(self, stored: Stored) -> None:
        self.configs: Mapping[str, str] = {}
        self.offset_reader: OffsetReader = stored
        self.transaction_context: TransactionContext | None = None
        self.stopping = False
        self.slept: list[float] = []
        self.done = False

    def sleep(self, seconds: float) -> bool:
        self.slept.append(seconds)
        return self.stopping

    def finished(self) -> None:
        self.done = True


class SourceRun:
    """One task of a source connector, begun from stored offsets."""

    def __init__(
        self,
        connector: type[SourceConnector[Any]],
        raw: Mapping[str, str],
        stored: Stored | None = None,
        *,
        index: int = 0,
        tasks: int = 1,
    ) -> None:
        self.stored = stored or Stored()
        self.context = SourceContext(self.stored)
        configs = connector(connector.config_type.parse(raw)).task_configs(tasks)
        task_class: type[SourceTask[Any]] = connector.task_class  # type: ignore[assignment]  # a source's
        self.task = task_class(task_class.config_type.parse(configs[index]))
        self.task.initialize(self.context)
        self.task.start()

    def poll(self) -> list[SourceRecord]:
        return [each for each in self.task.poll() or [] if isinstance(each, SourceRecord)]

    def drain(self, *, commit: bool = True) -> list[SourceRecord]:
        """Everything there is until a poll brings nothing twice in a row."""
        records: list[SourceRecord] = []
        empty = 0
        while empty < 2:
            batch = self.poll()
            empty = 0 if batch else empty + 1
            records += batch
            if commit and batch:
                for record in batch:
                    self.stored.commit(record)
        return records

    def stop(self) -> None:
        self.task.stop()


class Reporter:
    """Collects what a sink task could not write."""

    def __init__(self) -> None:
        self.reported: list[tuple[SinkRecord, Exception]] = []

    def report(self, record: SinkRecord, error: Exception) -> Future[None]:
        self.reported.append((record, error))
        done: Future[None] = Future()
        done.set_result(None)
        return done


class SinkContext:
    """A sink task's context that notes what is asked for."""

    def __init__(self, reporter: Reporter | None) -> None:
        self.configs: Mapping[str, str] = {}
        self.assignment: frozenset[TopicPartition] = frozenset()
        self.errant_record_reporter: ErrantRecordReporter | None = reporter
        self.stopping = False
        self.timeouts_ms: list[int] = []
        self.commits_requested = 0

    def sleep(self, seconds: float) -> bool:
        return self.stopping

    def offset(self, offsets: Mapping[TopicPartition, int]) -> None:
        raise AssertionError("no sink here moves its offsets")

    def timeout(self, timeout_ms: int) -> None:
        self.timeouts_ms.append(timeout_ms)

    def pause(self, *partitions: TopicPartition) -> None: ...
    def resume(self, *partitions: TopicPartition) -> None: ...

    def request_commit(self) -> None:
        self.commits_requested += 1


class SinkRun:
    """One task of a sink connector; ``change`` may set up the task before it starts."""

    def __init__(
        self,
        connector: type[SinkConnector[Any]],
        raw: Mapping[str, str],
        *,
        reporter: Reporter | None = None,
        change: Callable[[Any], None] = lambda task: None,
        partitions: Iterable[TopicPartition] = (TopicPartition("t", 0),),
    ) -> None:
        self.context = SinkContext(reporter)
        configs = connector(connector.config_type.parse(raw)).task_configs(1)
        task_class: type[SinkTask[Any]] = connector.task_class  # type: ignore[assignment]  # a sink's
        self.task = task_class(task_class.config_type.parse(configs[0]))
        change(self.task)
        self.task.initialize(self.context)
        self.task.start()
        self.partitions = list(partitions)
        self.task.open(self.partitions)
        self.next_offset: dict[TopicPartition, int] = {}

    def put(self, *records: SinkRecord) -> None:
        self.task.put(list(records))
        for record in records:
            place = TopicPartition(record.original_topic or "", record.original_kafka_partition or 0)
            self.next_offset[place] = record.original_kafka_offset + 1

    def flush(self) -> Mapping[TopicPartition, int]:
        return self.task.pre_commit(dict(self.next_offset))

    def stop(self) -> None:
        """A clean end: a last flush, the partitions given back."""
        self.flush()
        self.task.close(self.partitions)
        self.task.stop()


def sink_record(
    value: Any, schema: Schema | None = None, *, topic: str = "t", partition: int = 0, offset: int = 0
) -> SinkRecord:
    return SinkRecord(topic, partition, None, None, schema, value, offset)

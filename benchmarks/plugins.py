"""The bench connectors for our worker: the Python twins of the Java sources in ``peer/src``."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from benchmarks.workload import order
from connectkit.api import SinkConnector, SinkTask, SourceConnector, SourceTask
from connectkit.builder import SchemaBuilder
from connectkit.config import Config, option
from connectkit.logical import TIMESTAMP
from connectkit.record import SinkRecord, SourceRecord
from connectkit.schema import Schema
from connectkit.struct import Struct


def say(*words: object) -> None:
    """One line for the process that measures."""
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


ORDER = (
    SchemaBuilder.struct()
    .name("order")
    .field("id", Schema.INT64)
    .field("name", Schema.OPTIONAL_STRING)
    .field("price", Schema.FLOAT64)
    .field("ts", TIMESTAMP)
    .field("active", Schema.BOOLEAN)
    .build()
)


def struct_order(number: int) -> Struct:
    """The order with its schema, as a connector that knows its columns makes it."""
    moment = datetime.fromtimestamp(1234567890.123, UTC)
    return Struct.of(ORDER, [number, "hello world", 3.14, moment, True])


class BenchSourceConfig(Config):
    topic: str = option(doc="Where to.")
    records: int = option(1_000_000, doc="How many records.")
    batch: int = option(1000, doc="Records a poll.")
    format: str = option("json", doc="json: maps without a schema; avro: structs.")


class BenchSourceTask(SourceTask[BenchSourceConfig]):
    """Emits ready-made orders as fast as the worker takes them."""

    def start(self) -> None:
        self._sent = 0
        self._partition = {"task": "0"}

    def poll(self) -> list[SourceRecord] | None:
        first, records = self._sent, self.config.records
        if first == 0:
            say("BENCH start", time.time())
        if first >= records:
            self.context.sleep(0.1)
            return None
        self._sent = min(first + self.config.batch, records)
        partition, topic = self._partition, self.config.topic
        numbers = range(first, self._sent)
        if self.config.format == "avro":
            return [SourceRecord(partition, {"pos": n}, topic, ORDER, struct_order(n)) for n in numbers]
        return [SourceRecord(partition, {"pos": n}, topic, None, order(n)) for n in numbers]

    def stop(self) -> None:
        pass


class BenchSource(SourceConnector[BenchSourceConfig]):
    """One task that emits orders."""

    task_class = BenchSourceTask

    def task_configs(self, max_tasks: int) -> Sequence[Mapping[str, str]]:
        return [{k: v for k, v in self.config.originals.items() if v is not None}]


class BenchSinkConfig(Config):
    records: int = option(1_000_000, doc="How many records to wait for.")


class BenchSinkTask(SinkTask[BenchSinkConfig]):
    """Looks at every record's value; prints the seconds from the first record to the last."""

    def start(self) -> None:
        self._count, self._began = 0, 0.0

    def put(self, records: list[SinkRecord]) -> None:
        if not records:
            return
        if self._count == 0:
            self._began = time.perf_counter()
        before = self._count
        for record in records:
            self._last = record.value
        self._count += len(records)
        if before < self.config.records <= self._count:
            say("BENCH sink", self._count, time.perf_counter() - self._began)

    def stop(self) -> None:
        pass


class BenchSink(SinkConnector[BenchSinkConfig]):
    """One task that counts."""

    task_class = BenchSinkTask

    def task_configs(self, max_tasks: int) -> Sequence[Mapping[str, str]]:
        return [{k: v for k, v in self.config.originals.items() if v is not None}]

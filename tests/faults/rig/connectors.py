"""The rig's connectors: a source that emits the oracle's ids, a sink that writes to the oracle.

They are found like anyone's, by the entry points of a small distribution that the rig writes. They are as
simple as an honest connector can be: what is lost or doubled is the worker's doing. At each step they tell
the oracle where they are, which is when it may kill the worker.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Collection, Mapping, Sequence

from connectkit.api import (
    SinkConnector,
    SinkTask,
    SourceConnector,
    SourceTask,
    Support,
    TopicPartition,
)  # fmt: skip
from connectkit.config import Config, option
from connectkit.errors import RetriableError
from connectkit.record import SinkRecord, SourceRecord
from tests.faults.rig.asking import Asking
from tests.faults.rig.ids import identify, payload


class RigConfig(Config):
    """What both sides need to know."""

    oracle: int = option(doc="The oracle's port.")
    task: int = option(0, doc="The number of the task.")
    slow_ms: int = option(0, doc="A flush, or a poll with records, takes up to so long.")


class SourceConfig(RigConfig):
    """What the source needs to know."""

    topic: str = option(doc="Where to.")
    most: int = option(100, doc="Records of one poll.")
    size: int = option(0, doc="Characters of a record's text; 0: a few.")


class SinkConfig(RigConfig):
    """What the sink needs to know."""

    topics: str = option("", doc="Where from.")
    direct: bool = option(False, doc="Write in put and not in flush.")


def _own(config: Config, max_tasks: int) -> Sequence[Mapping[str, str]]:
    given = {key: str(value) for key, value in config.originals.items()}
    return [{**given, "task": str(number)} for number in range(max_tasks)]


class VerifiableSourceTask(SourceTask[SourceConfig]):
    """Emits the ids of one task, each once, from where its offset says."""

    def start(self) -> None:
        self.ask = Asking(self.config.oracle)
        self.partition = {"task": self.config.task}
        found = self.context.offset_reader.offset(self.partition)
        self.next = 0 if found is None else found["seq"]

    def poll(self) -> list[SourceRecord] | None:
        config = self.config
        task, start = config.task, self.next
        count = self.ask("ids", task=task, start=start, most=config.most, pid=os.getpid())["count"]
        if not count:
            self.context.sleep(0.02)
            return None
        if config.slow_ms:
            time.sleep(random.uniform(0, config.slow_ms / 1000))
        self.next += count
        return [
            SourceRecord(
                self.partition,
                {"seq": seq + 1},
                config.topic,
                None,
                payload(task, seq, config.size),
                kafka_partition=task,
            )
            for seq in range(start, start + count)
        ]

    def commit(self) -> None:
        self.ask("point", name="commit")

    def stop(self) -> None:
        self.ask.close()


class VerifiableSource(SourceConnector[SourceConfig]):
    """As many tasks as allowed."""

    task_class = VerifiableSourceTask

    def task_configs(self, max_tasks: int) -> Sequence[Mapping[str, str]]:
        return _own(self.config, max_tasks)

    def exactly_once_support(self) -> Support:
        return Support.SUPPORTED


class VerifiableSinkTask(SinkTask[SinkConfig]):
    """Keeps what it is put in memory, and writes it in ``flush``, as a sink of files or rows does."""

    def start(self) -> None:
        self.ask = Asking(self.config.oracle)
        self.held: list[list[object]] = []

    def put(self, records: list[SinkRecord]) -> None:
        if not records:
            return
        self.ask("point", name="put")
        batch: list[list[object]] = []
        for record in records:
            found = identify(record.value) or (-1, -1, False)
            batch.append([record.original_kafka_partition, record.original_kafka_offset, *found])
        if self.config.direct:
            self.write(batch)
        else:
            self.held += batch

    def write(self, batch: list[list[object]]) -> None:
        if batch:
            if self.ask("write", task=self.config.task, pid=os.getpid(), records=batch).get("refused"):
                raise RetriableError("the system that the rig's sink writes to is down", wait_s=0.2)

    def flush(self, offsets: Mapping[TopicPartition, int]) -> None:
        self.ask("point", name="flush")
        if self.config.slow_ms:
            time.sleep(random.uniform(0, self.config.slow_ms / 1000))
        self.write(self.held)
        self.held = []
        self.ask("point", name="flushed")

    def close(self, partitions: Collection[TopicPartition]) -> None:
        gone = {partition.partition for partition in partitions}
        self.held = [record for record in self.held if record[0] not in gone]

    def stop(self) -> None:
        self.ask.close()


class VerifiableSink(SinkConnector[SinkConfig]):
    """As many tasks as allowed."""

    task_class = VerifiableSinkTask

    def task_configs(self, max_tasks: int) -> Sequence[Mapping[str, str]]:
        return _own(self.config, max_tasks)

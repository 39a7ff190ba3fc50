"""F1 and F2 without processes: a task on a log in memory, killed at any of its steps, a thousand times.

Every step that the outside could see (a poll, a send, an acknowledgement, a stored offset, a put, a flush,
a commit) first asks the ``World`` whether it is the last. After that nothing that the dead task does has
any effect. Of what was on its way to the log then, a part arrives. One thread, no clock but the log's, so
that a seed gives the same run to the last step.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from connectkit.api import Offset, Partition, SinkTask, SourceTask, TopicPartition
from connectkit.config import Config
from connectkit.record import SinkRecord, SourceRecord
from connectkit.runner.log.api import BatchDone, CommitDone, Delivery, OutRecord
from connectkit.runner.offsets import MemoryOffsets
from connectkit.runner.sink_task import SinkSettings
from tests.faults.rig.backends import Found
from tests.faults.rig.ids import encoded, identify, payload
from tests.faults.rig.judge import judge_sink, judge_source
from tests.faults.rig.verdict import LEAST, Verdict
from tests.support.memory_log import MemoryConsumer, MemoryLog, MemoryProducer
from tests.support.rig import TASK, ScriptedSink, SinkRig, SourceRig

GROUP = "connect-orders"


class DeadError(BaseException):
    """The process is no more: nothing catches this but the rig."""


class World:
    """What outlives a task: the chance that kills it, and the oracle's notes."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.events: list[dict[str, Any]] = []
        self.left: int | None = None
        """Steps until the next death; None: it lives on."""
        self.dead = False

    def step(self) -> None:
        """One more step of the task; it may be one too many."""
        if self.dead:
            raise DeadError
        if self.left is not None:
            self.left -= 1
            if self.left <= 0:
                self.dead = True
                raise DeadError

    def note(self, event: str, **more: Any) -> None:
        self.events.append({"event": event, **more})


# --- sources ---------------------------------------------------------------------------------------


class MortalProducer(MemoryProducer):
    """Acknowledges when the world says; what was sent before a death arrives in part."""

    def __init__(self, log: MemoryLog, world: World) -> None:
        super().__init__(log)
        self.world = world

    def send(
        self,
        batch: Sequence[OutRecord],
        on_done: BatchDone,
        on_each: Callable[[int, Delivery], None] | None = None,
    ) -> None:
        self.world.step()
        super().send(batch, on_done, on_each)

    def acknowledge(self, count: int | None = None) -> None:
        self.world.step()
        super().acknowledge(count)

    def arrive(self) -> None:
        """The process is dead: so much of what was on its way is written, and nobody is told."""
        waiting = [record for sent in self.waiting for record in sent.batch]
        for record in waiting[: self.world.rng.randint(0, len(waiting))]:
            self._log.append(record)


class MortalOffsets(MemoryOffsets):
    """The offset file; a write happens whole or not at all."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world

    def write(self, connector: str, offsets: Mapping[str, tuple[Partition, Offset | None]]) -> None:
        self.world.step()
        super().write(connector, offsets)
        self.world.step()


class MemorySource(SourceTask[Config]):
    """Emits the ids from where its offset says; between its batches the world does what it likes."""

    def __init__(self, world: World, until: int) -> None:
        super().__init__(Config())
        self.world = world
        self.until = until
        self.between: Callable[[], None] = lambda: None
        self.done: Callable[[], None] = lambda: None

    def start(self) -> None:
        found = self.context.offset_reader.offset({"task": 0})
        self.next = 0 if found is None else found["seq"]

    def poll(self) -> list[SourceRecord] | None:
        self.world.step()
        self.between()
        count = min(self.world.rng.randint(1, 20), self.until - self.next)
        if count <= 0:
            self.done()
            return None
        start, self.next = self.next, self.next + count
        self.world.note("polled", task=0, start=start, count=count)
        return [
            SourceRecord({"task": 0}, {"seq": seq + 1}, "t", None, payload(0, seq), kafka_partition=0)
            for seq in range(start, start + count)
        ]

    def stop(self) -> None: ...


def source_life(world: World, log: MemoryLog, store: MortalOffsets, until: int) -> None:
    """One life of a source task, to its death or until all is emitted and stored."""
    task = MemorySource(world, until)
    rig = SourceRig(task, store=store, log=log)
    producer = rig.producer
    assert isinstance(producer, MortalProducer)
    producer.held = True

    def between() -> None:
        chance = world.rng.random()
        if chance < 0.4:
            producer.acknowledge(world.rng.randint(0, len(producer.waiting)))
        elif chance < 0.6:
            rig.worker_task.commit_offsets()

    def done() -> None:
        producer.held = False
        rig.control.stop()

    task.between, task.done = between, done
    rig.run()
    if world.dead:
        producer.arrive()


class SourceLog(MemoryLog):
    """Topics whose producers can die."""

    world: World

    def producer(self, config: Mapping[str, str]) -> MemoryProducer:
        return MortalProducer(self, self.world)


def source_killed(seed: int, kills: int) -> Verdict:
    """F2 in memory."""
    world, log = World(seed), SourceLog()
    log.world = world
    log.create("t")
    store = MortalOffsets(world)
    until = 0
    verdict = Verdict(experiment="F2", backend="memory", seed=seed)
    while verdict.kills < kills:
        until += world.rng.randint(20, 100)
        world.left = world.rng.randint(1, 60)
        source_life(world, log, store, until)
        if world.dead:
            verdict.kills += 1
            committed = {str(of["task"]): at["seq"] for of, at in store.partitions(TASK.connector)}
            world.note("note", kind="death", committed=committed)
            world.dead = False
    world.left = None
    until += LEAST
    source_life(world, log, store, until)
    source_life(world, log, store, until + 1)
    verdict.fresh = any(identify(r.value) == (0, until, True) for r in log.data[TopicPartition("t", 0)])
    world.note("hold", issued=[until + 1])
    found = [Found(0, at, record.value) for at, record in enumerate(log.data[TopicPartition("t", 0)])]
    judge_source(world.events, found, verdict)
    verdict.settle()
    return verdict


# --- sinks -----------------------------------------------------------------------------------------


class MortalConsumer(MemoryConsumer):
    """A commit happens whole or not at all."""

    def __init__(self, log: MemoryLog, group: str, world: World) -> None:
        super().__init__(log, group)
        self.world = world

    def consume(self, max_records: int, timeout_s: float) -> list[Any]:
        self.world.step()
        return super().consume(min(max_records, self.world.rng.randint(1, 40)), timeout_s)

    def commit(
        self,
        offsets: Mapping[TopicPartition, int],
        on_done: CommitDone | None = None,
        *,
        timeout_s: float | None = None,
    ) -> None:
        self.world.step()
        super().commit(offsets, on_done, timeout_s=timeout_s)
        self.world.step()


class SinkLog(MemoryLog):
    """Topics whose consumers can die."""

    world: World

    def consumer(self, config: Mapping[str, str]) -> MemoryConsumer:
        return MortalConsumer(self, config.get("group.id", "group"), self.world)


class MemorySink(ScriptedSink):
    """Writes to the world's notes when it is flushed; time passes while it works."""

    def __init__(self, world: World, log: MemoryLog) -> None:
        super().__init__()
        self.world = world
        self.log = log
        self.held: list[list[Any]] = []

    def put(self, records: list[SinkRecord]) -> None:
        if not records:
            return
        self.world.step()
        for record in records:
            found = identify(record.value) or (-1, -1, False)
            self.held.append([record.original_kafka_partition, record.original_kafka_offset, *found])
        self.log.advance(self.world.rng.uniform(0.0, 0.5))

    def pre_commit(self, offsets: Mapping[TopicPartition, int]) -> Mapping[TopicPartition, int]:
        return SinkTask.pre_commit(self, offsets)

    def flush(self, offsets: Mapping[TopicPartition, int]) -> None:
        self.world.step()
        if self.held:
            self.world.note("write", records=self.held)
            self.held = []
        self.world.step()


def sink_killed(seed: int, kills: int) -> Verdict:
    """F1 in memory."""
    world, log = World(seed), SinkLog()
    log.world = world
    log.create("t", 2)
    verdict = Verdict(experiment="F1", backend="memory", seed=seed)
    fed = 0
    while verdict.kills < kills:
        world.left = world.rng.randint(1, 60)
        fed = _feed(world, log, fed, world.rng.randint(20, 200))
        _sink_life(world, log)
        if world.dead:
            verdict.kills += 1
            committed = {str(tp.partition): at for tp, at in log.groups.get(GROUP, {}).items()}
            world.note("note", kind="death", committed=committed)
            world.dead = False
    world.left = None
    fed = _feed(world, log, fed, LEAST)
    _sink_life(world, log)
    before = len(world.events)
    _feed(world, log, fed, 1)
    _sink_life(world, log)
    verdict.fresh = any(event["event"] == "write" for event in world.events[before:])
    judge_sink(world.events, verdict, partitions=2)
    verdict.settle()
    return verdict


def _sink_life(world: World, log: MemoryLog) -> None:
    settings = SinkSettings(topics=("t",), flush_interval_s=1.0)
    SinkRig(MemorySink(world, log), settings=settings, log=log).run()


def _feed(world: World, log: MemoryLog, fed: int, count: int) -> int:
    for partition in (0, 1):
        for seq in range(fed, fed + count):
            log.append(OutRecord("t", partition, None, encoded(partition, seq), None, None))
        world.note("note", kind="fed", ranges=[(partition, fed, fed + count - 1)])
    return fed + count

"""An exactly-once source task on a memory log whose topics show committed transactions only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from connectkit.api import RecordMetadata, SourceTask, TransactionContext
from connectkit.config import Config
from connectkit.record import Checkpoint, SourceRecord
from connectkit.runner.boundaries import Boundaries, boundaries
from connectkit.runner.chain import Chain
from connectkit.runner.configs.connector import Boundary
from connectkit.runner.control import Control
from connectkit.runner.counters import SourceCounters
from connectkit.runner.creation import TopicCreator
from connectkit.runner.eos_task import ExactlyOnce
from connectkit.runner.log.api import Producer
from connectkit.runner.offset_topic import OffsetTopic, TopicSettings
from connectkit.runner.outlet import SourceTimes
from connectkit.runner.source_task import WorkerSourceTask
from connectkit.runner.status import State
from connectkit.runner.tolerance import ErrorPolicy, Tolerance
from tests.support.memory_log import MemoryLog, MemoryProducer
from tests.support.rig import TASK, PlainConverter, converters, record

OFFSETS = "connect-offsets"
Polled = Sequence[SourceRecord | Checkpoint] | Exception | None


class Counting(SourceTask[Config]):
    """Emits 1, 2, 3 … in batches, going on after its stored offset; then ends the worker's loop.

    ``batches`` maps the first number of a batch to what else its poll does.
    """

    size = 2

    def __init__(self, rig: EosRig) -> None:
        super().__init__(Config())
        self.rig = rig
        self.at = 0

    def start(self) -> None:
        self.rig.calls.append("start")
        stored = self.context.offset_reader.offset({"part": "a"})
        self.at = stored["at"] if stored else 0

    def poll(self) -> Sequence[SourceRecord | Checkpoint] | None:
        if self.at >= self.rig.total:
            self.rig.at_end()
            return None
        numbers = range(self.at + 1, min(self.at + self.size, self.rig.total) + 1)
        self.at = numbers[-1]
        return self.rig.on_batch(self, [record(number) for number in numbers])

    def commit(self) -> None:
        self.rig.calls.append("commit")

    def commit_record(self, record: SourceRecord, metadata: RecordMetadata | None) -> None:
        self.rig.calls.append(f"{record.value}{'' if metadata else ' dropped'}")

    def stop(self) -> None:
        self.rig.calls.append("stop")


class EosRig:
    """One exactly-once source task and everything around it."""

    def __init__(
        self,
        total: int,
        *,
        boundary: Boundary = Boundary.POLL,
        interval_s: float = 10.0,
        task: Callable[[EosRig], SourceTask[Config]] = Counting,
        chain: Callable[[], Chain] = Chain,
        value: PlainConverter | None = None,
        policy: ErrorPolicy | None = None,
        creator: Callable[[MemoryLog], TopicCreator] | None = None,
        log: MemoryLog | None = None,
    ) -> None:
        self.total = total
        self.log = log or MemoryLog()
        self.control = Control()
        self.states: list[State] = []
        self.trace: str | None = None
        self.calls: list[str] = []
        self.fenced = 0
        self.on_batch: Callable[[Any, list[SourceRecord]], Sequence[SourceRecord | Checkpoint] | None] = (
            lambda task, batch: batch
        )
        self.on_producer: Callable[[MemoryProducer], None] = lambda producer: None
        self.at_end: Callable[[], None] = self.control.stop
        self.counters = SourceCounters(0.0)
        self.store = OffsetTopic(
            self.log, TopicSettings(topic=OFFSETS, partitions=1, replication=1), clock=self.log.clock
        )
        self.store.start()
        self.own: list[MemoryProducer] = []
        times = SourceTimes(retry_s=0.0)
        tolerance = Tolerance(
            policy or ErrorPolicy(), self.counters.errors, self.control, clock=self.log.clock
        )

        def make() -> tuple[SourceTask[Config], Chain]:
            return task(self), chain()

        first, first_chain = make()
        self.worker_task = WorkerSourceTask(
            TASK,
            first,
            configs={},
            chain=first_chain,
            converters=converters(value),
            outlet=lambda owner: ExactlyOnce(
                owner,
                make_producer=self._producer,
                make_boundaries=lambda: self._boundaries(boundary, interval_s),
                creator=creator(self.log) if creator is not None else None,
                store=self.store,
                fence=self._fence,
                timeout_s=2.0,
            ),
            store=self.store,
            tolerance=tolerance,
            counters=self.counters,
            control=self.control,
            status=self._status,
            times=times,
            remake=make,
            clock=self.log.clock,
        )

    def _boundaries(self, boundary: Boundary, interval_s: float) -> Boundaries:
        return boundaries(boundary, interval_s, self.log.clock)

    def _producer(self) -> Producer:
        made = self.log.producer({"transactional.id": f"g-{TASK}"})
        self.own.append(made)
        self.on_producer(made)
        return made

    def _fence(self) -> None:
        self.fenced += 1

    def _status(self, task_id: object, state: State, trace: str | None) -> None:
        self.states.append(state)
        self.trace = trace or self.trace

    def run(self) -> EosRig:
        self.worker_task.run()
        return self

    @property
    def ends(self) -> list[str]:
        """How the transactions of all producers ended, in order."""
        return [end for producer in self.own for end in producer.ends]

    @property
    def numbers(self) -> list[int]:
        """What a read_committed reader has seen."""
        return [int(value or b"") for value in self.log.values("t")]

    def stored(self, part: str = "a") -> Any:
        found = self.store.partitions(TASK.connector)
        return next((offset["at"] for partition, offset in found if partition == {"part": part}), None)


def context_of(task: Any) -> TransactionContext:
    """What a task of its own boundaries says them with."""
    context = task.context.transaction_context
    assert context is not None
    return context  # type: ignore[no-any-return]  # a task of a test

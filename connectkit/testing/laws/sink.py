"""What holds for every sink: what it lets the worker commit is written, whatever happens afterwards."""

from __future__ import annotations

import gc
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar, Literal

from hypothesis import strategies as st

from connectkit.api import SinkConnector, TopicPartition
from connectkit.errors import BatchError
from connectkit.record import SinkRecord
from connectkit.schema import Schema
from connectkit.testing.code import code_of
from connectkit.testing.laws.base import describe, law
from connectkit.testing.laws.connector import ConnectorLaws
from connectkit.testing.tasks import SinkHarness, sink_record
from connectkit.typed.codec import TypeCodec
from connectkit.typed.hints import type_name


class _Unwritable:
    """A value that no system knows."""


def _partition(record: SinkRecord) -> TopicPartition:
    return TopicPartition(record.topic or "", record.kafka_partition or 0)


P0, P1 = TopicPartition("t", 0), TopicPartition("t", 1)


class SinkLaws(ConnectorLaws):
    """Subclass it, name the ``connector`` and override ``prepare`` and ``written``.

    The records come from the topic ``t``, partitions 0 and 1; :meth:`value` makes the value of each.
    ``idempotent`` promises that a record that is delivered twice is written once; ``ordered`` that
    records of a partition are written in their order.
    """

    plugin_bases = (SinkConnector,)
    idempotent: ClassVar[bool] = False
    ordered: ClassVar[bool] = True
    merges: ClassVar[bool] = False
    """Whether records with equal values are one in the other system, as with upserts by a field of theirs."""
    tombstones: ClassVar[Literal["written", "ignored"] | None] = None
    """Whether a null is in what is ``written``; left out, it may also be refused, and nobody looks."""
    examples: ClassVar[int] = 50

    # --- what a subclass says ------------------------------------------------------------------------

    def written(self, directory: Path) -> Sequence[Any]:
        """What is durable in the other system now, in order; each as :meth:`shown` shows a record."""
        raise NotImplementedError(f"{type(self).__name__}.written() must read back what the sink has written")

    def value(self, number: int) -> tuple[Schema | None, Any]:
        """Schema and value of the record of that number: no two are alike."""
        typed: TypeCodec | None = getattr(self.plugin_class().task_class, "codec", None)
        if typed is not None:
            raise NotImplementedError(
                f"The sink takes {type_name(typed.hint)}, and the laws have texts: override value(number), "
                "which returns a schema and a value of it, and shown(record)"
            )
        return Schema.STRING, f"value {number}"

    def shown(self, record: SinkRecord) -> Any:
        """What :meth:`written` has for a record; by default its value."""
        return record.value

    def crash(self, sink: SinkHarness) -> None:
        """The process of this task dies: nobody calls anything of it any more.

        Override it where a dead process lets go of something, such as a lock, that its object would keep.
        """
        del sink.task
        gc.collect()

    # --- laws ------------------------------------------------------------------------------------

    @law("What is committed is written: also if the process dies right after the commit", cases="batches")
    def committed_records_are_written(self, case: list[int]) -> None:
        with self.world() as (directory, config):
            sink = self._harness(config).start()
            put: list[SinkRecord] = []
            for size in case:
                batch = self._records(len(put), size)
                before = [code_of(record) for record in batch]
                sink.put(*batch)
                put += batch
                if [code_of(record) for record in batch] != before:
                    self.broken("put changed its records", before=before)
                self._check_offsets(sink, sink.commit())
                self._check_written(directory, put, sink.committed, "after a commit")
            sink.stop()
            self._check_written(directory, put, sink.committed, "after the end")

    @law("Records that were put and not committed may be delivered again: none is lost", cases="batches")
    def redelivery_loses_nothing(self, case: list[int]) -> None:
        with self.world() as (directory, config):
            committed: dict[TopicPartition, int] = {}
            total = self._records(0, sum(case))
            first = self._harness(config, committed=committed).start()
            at = 0
            for number, size in enumerate(case):
                first.put(*total[at : at + size])
                at += size
                if number == 0:
                    self._check_offsets(first, first.commit())
            self.crash(first)
            second = self._harness(config, committed=committed).start()
            for record in total:
                tp = TopicPartition(record.topic or "", record.kafka_partition or 0)
                if record.kafka_offset >= second.delivered[tp]:
                    second.put(record)
            self._check_offsets(second, second.commit())
            second.stop()
            self._check_written(directory, total, second.committed, "after a redelivery")
            if self.idempotent:
                found = list(map(repr, self.written(directory)))
                for record in total:
                    times = found.count(repr(self.shown(record)))
                    if times != 1:
                        self.broken(
                            f"a record that was delivered twice is written {times} times", record=record
                        )

    @law("A partition can go to another task and come back; nothing of it is lost", cases="batches")
    def rebalances_lose_nothing(self, case: list[int]) -> None:
        with self.world() as (directory, config):
            committed: dict[TopicPartition, int] = {}
            total = self._records(0, 2 * sum(case))
            half = len(total) // 2
            sink = self._harness(config, committed=committed).start()
            sink.put(*total[:half])
            sink.revoke([P1])
            self._check_written(
                directory, total[:half], {P1: committed.get(P1, 0)}, "after a partition was taken away"
            )
            sink.put(*[r for r in total[half:] if r.kafka_partition == 0])
            self._check_offsets(sink, sink.commit())
            self._check_written(directory, total, {P0: committed.get(P0, 0)}, "beside a partition that went")
            sink.assign([P1])
            sink.put(*[r for r in total if r.kafka_partition == 1 and r.kafka_offset >= sink.delivered[P1]])
            sink.stop()
            self._check_written(directory, total, committed, "after a rebalance")

    @law("A partition that is lost without a last commit takes nothing of the others along", cases="batches")
    def a_lost_partition_loses_nothing(self, case: list[int]) -> None:
        with self.world() as (directory, config):
            committed: dict[TopicPartition, int] = {}
            total = self._records(0, 2 * sum(case))
            half = len(total) // 2
            sink = self._harness(config, committed=committed).start()
            sink.put(*total[:half])
            sink.revoke([P1], lost=True)
            sink.put(*[r for r in total[half:] if r.kafka_partition == 0])
            self._check_offsets(sink, sink.commit())
            self._check_written(directory, total, committed, "after another partition was lost")
            sink.assign([P1])
            sink.put(*[r for r in total if r.kafka_partition == 1 and r.kafka_offset >= sink.delivered[P1]])
            self._check_offsets(sink, sink.commit())
            sink.stop()
            self._check_written(directory, total, committed, "after a partition was lost and came back")

    @law("A put that fails has nothing committed that is not written", cases="batches")
    def a_failed_put_loses_nothing(self, case: list[int]) -> None:
        with self.world() as (directory, config):
            records = self._records(0, sum(case) + 4)
            before, batch = records[:2], records[2:]
            middle = len(batch) // 2
            good = [*before, *batch[:middle], *batch[middle + 1 :]]
            batch[middle] = batch[middle].new_record(value_schema=None, value=_Unwritable())
            committed: dict[TopicPartition, int] = {}
            sink = self._harness(config, committed=committed).start()
            sink.put(*before)
            written = before
            try:
                sink.put(*batch)
                written = good
            except BatchError as exc:
                if exc.written and exc.failures:
                    if middle not in exc.failures:
                        self.broken(
                            f"it blames the records {sorted(exc.failures)} of the batch, and not {middle}, "
                            "which could not be written",
                            batch=batch,
                        )
                    # The worker takes the others for written, and goes on behind the batch.
                    written = before + [
                        r for i, r in enumerate(batch) if i not in exc.failures and i != middle
                    ]
                    for record in batch:
                        sink.delivered[_partition(record)] = record.kafka_offset + 1
            except Exception:  # noqa: BLE001, S110 - the task fails, as it may; its last commit follows
                pass
            with suppress(Exception):  # that may fail, too: then nothing is committed
                sink.commit()
            self._check_offsets(sink, committed)
            self._check_written(directory, written, committed, "after a put that failed")
            self.crash(sink)

    @law(
        "Records with equal values are all written",
        when=lambda laws: not laws.merges and not laws.idempotent,
    )
    def equal_records_are_all_written(self) -> None:
        with self.world() as (directory, config):
            (first, *_) = self._records(0, 1)
            twins = [
                sink_record(first.value, first.value_schema, partition=n % 2, offset=n // 2) for n in range(6)
            ]
            sink = self._harness(config).start()
            for at in range(0, 6, 3):
                sink.put(*twins[at : at + 3])
                sink.commit()
            sink.stop()
            found = list(map(repr, self.written(directory))).count(repr(self.shown(first)))
            if found < len(twins):
                self.broken(
                    f"of {len(twins)} records with one value {found} were written (say merges = True if they "
                    "are one in the other system)",
                    record=first,
                )

    @law("A record without a value is treated as declared", when=lambda laws: laws.tombstones is not None)
    def tombstones_are_treated_as_declared(self) -> None:
        with self.world() as (directory, config):
            first, second, third = self._records(0, 3)
            null = second.new_record(value_schema=None, value=None)
            sink = self._harness(config).start()
            sink.put(first, null, third)
            self._check_offsets(sink, sink.commit())
            sink.stop()
            self._check_written(directory, [first, third], sink.committed, "beside a null")
            found = repr(self.shown(null)) in list(map(repr, self.written(directory)))
            if found != (self.tombstones == "written"):
                self.broken("a null is" + (" written" if found else " not written"), record=null)

    @law("An empty put, a commit of nothing and an early stop are fine")
    def nothing_to_do_is_fine(self) -> None:
        with self.world() as (_, config):
            sink = self._harness(config).start()
            try:
                sink.put()
                sink.commit()
                sink.commit()
                sink.stop()
            except Exception as exc:  # noqa: BLE001 - which one is the question
                self.broken(f"{describe(exc)} was raised", config=config)
            with self._harness(config):
                pass

    # --- cases and checks --------------------------------------------------------------------------

    def batches(self) -> st.SearchStrategy[list[int]]:
        """Sizes of the batches that are put."""
        return st.lists(st.integers(1, 5), min_size=1, max_size=4)

    def _harness(
        self, config: Mapping[str, str], *, committed: dict[TopicPartition, int] | None = None
    ) -> SinkHarness:
        cls: type[SinkConnector[Any]] = self.plugin_class()
        return SinkHarness(cls, {"topics": "t", **config}, partitions=(P0, P1), committed=committed)

    def _records(self, begin: int, count: int) -> list[SinkRecord]:
        """Records from that number on; every other one goes to the other partition."""
        made = []
        for number in range(begin, begin + count):
            schema, value = self.value(number)
            made.append(sink_record(value, schema, partition=number % 2, offset=number // 2))
        return made

    def _check_offsets(self, sink: SinkHarness, safe: Mapping[TopicPartition, int]) -> None:
        for tp, offset in safe.items():
            if tp not in sink.context.assignment:
                self.broken(f"pre_commit names {tp.topic}-{tp.partition}, which is not its partition")
            if offset > sink.delivered.get(tp, 0):
                self.broken(
                    f"pre_commit lets offset {offset} of {tp.topic}-{tp.partition} be committed, and only "
                    f"those below {sink.delivered.get(tp, 0)} were put"
                )

    def _check_written(
        self,
        directory: Path,
        put: Sequence[SinkRecord],
        committed: Mapping[TopicPartition, int],
        when: str,
    ) -> None:
        found = list(map(repr, self.written(directory)))
        for tp in (P0, P1):
            due = [
                r for r in put if r.kafka_partition == tp.partition and r.kafka_offset < committed.get(tp, 0)
            ]
            places = []
            for record in due:
                shown = repr(self.shown(record))
                if shown not in found:
                    self.broken(f"{when}, a committed record is not written", record=record, found=found[-3:])
                places.append(found.index(shown))
            if self.ordered and places != sorted(places):
                self.broken(f"{when}, records of one partition are not in their order", found=found)

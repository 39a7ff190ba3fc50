"""What holds for every source: interrupted anywhere, it goes on without a gap."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from connectkit.api import SourceConnector
from connectkit.record import Checkpoint, SourceRecord
from connectkit.testing.code import code_of
from connectkit.testing.laws.base import law, misfit
from connectkit.testing.laws.connector import ConnectorLaws
from connectkit.testing.tasks import Polled, SourceHarness, StoredOffsets

MOST_STOP_S = 4.0
"""How long a task may take to stop that waits for nothing but itself."""


class SourceLaws(ConnectorLaws):
    """Subclass it, name the ``connector`` and override ``prepare``, which makes some records to be read.

    A few dozen records in a few batches are enough: each offset is tried, up to ``examples`` of them.
    ``most_records`` bounds what is read of a source that never ends.
    """

    plugin_bases = (SourceConnector,)
    most_records: ClassVar[int] = 300

    def expected(self, directory: Path) -> Sequence[Any] | None:
        """What is to be read of what ``prepare`` made, each as :meth:`shown` shows it; None: nobody knows."""
        return None

    def more(self, directory: Path) -> None:
        """Add to the other system while the source runs: later rows, the rest of a line."""

    def shown(self, record: SourceRecord) -> Any:
        """What :meth:`expected` has for a record: by default its value."""
        return record.value

    def identity(self, record: SourceRecord) -> Any:
        """What makes a record the same when it is read again: all but its timestamp."""
        return code_of(record.new_record(timestamp=None))

    # --- laws ------------------------------------------------------------------------------------

    @law("What is polled are records with a topic, a source partition and a source offset of plain values")
    def records_say_where_they_come_from(self) -> None:
        for record in self._read():
            for what, place in (("partition", record.source_partition), ("offset", record.source_offset)):
                if place is None or not place:
                    self.broken(f"a record has no source {what}", record=_code(record))
                if not _is_plain(place):
                    self.broken(
                        f"a source {what} holds more than texts, numbers and booleans", found=dict(place)
                    )
            if isinstance(record, SourceRecord) and not record.topic:
                self.broken("a record has no topic", record=record)

    @law("Key, value and headers of a record fit their schemas")
    def schemas_and_values_agree(self) -> None:
        for record in self._read():
            if isinstance(record, Checkpoint):
                continue
            sides = [("key", record.key_schema, record.key), ("value", record.value_schema, record.value)]
            sides += [(f"header {h.key!r}", h.schema, h.value) for h in record.headers]
            for what, schema, value in sides:
                told = misfit(schema, value) if schema is not None else None
                if told is not None:
                    self.broken(f"the {what} does not fit its schema ({told})", record=record)

    @law(
        "All that is there is read, and nothing else",
        when=lambda laws: laws.expected is not SourceLaws.expected,
    )
    def all_is_read(self) -> None:
        with self.world() as (directory, config):
            wanted = list(self.expected(directory) or ())
            read = [self.shown(record) for record in self._drain(config) if isinstance(record, SourceRecord)]
            lost = [each for each in wanted if each not in read]
            odd = [each for each in read if each not in wanted]
            if lost or odd or len(read) != len(wanted):
                self.broken(
                    f"{len(read)} records were read of {len(wanted)}", never_read=lost[:3], unexpected=odd[:3]
                )

    @law(
        "What comes while the source runs is read as if it had been there before",
        when=lambda laws: laws.more is not SourceLaws.more,
    )
    def what_comes_later_is_read(self) -> None:
        with self.world() as (directory, config):
            with self._harness(config) as source:
                found = source.drain(most=self.most_records)
                self.more(directory)
                found += source.drain(most=self.most_records)
            wanted = self._by_partition(self._drain(config))
            if self._by_partition(found) != wanted:
                self.broken(
                    "a source that starts later reads something else",
                    read=self._identities(found)[-3:],
                    wanted=[each for records in wanted.values() for each in records][-3:],
                )

    @law("Stopping does not wait for the other system")
    def stopping_is_quick(self) -> None:
        with self.world() as (_, config):
            source = self._harness(config).start()
            source.poll()
            self._stop(source, config)

    @law("Records that were polled do not change afterwards")
    def records_stay_as_they_were(self) -> None:
        with self.world() as (_, config), self._harness(config) as source:
            seen: list[tuple[Polled, str]] = []
            while len(seen) < self.most_records and (batch := source.poll()):
                seen += [(record, _code(record)) for record in batch]
            source.commit([record for record, _ in seen])
            for record, before in seen:
                if _code(record) != before:
                    self.broken("a record changed after it was polled", before=before, after=_code(record))

    @law("From every stored offset the source goes on with exactly the records after it")
    def every_offset_can_be_resumed_at(self) -> None:
        self._interrupt(polled_further=False)

    @law("A crash after records were polled, and before their offsets were stored, leaves no gap")
    def a_crash_leaves_no_gap(self) -> None:
        self._interrupt(polled_further=True)

    @law("Several tasks share the work: together they read what one task reads, each record once")
    def tasks_share_the_work(self) -> None:
        with self.world() as (_, config):
            wanted = sorted(self._identities(self._drain(config)))
            count = len(self.make(config).task_configs(3))
            found: list[str] = []
            for index in range(count):
                with self._harness(config, index=index, tasks_max=3) as source:
                    found += self._identities(source.drain(most=self.most_records))
            if sorted(found) != wanted and len(wanted) < self.most_records:
                self.broken(f"{count} tasks read {len(found)} records, one task read {len(wanted)}")

    @law("A task can be stopped before it polled, and polled when there is nothing more")
    def idle_tasks_are_fine(self) -> None:
        with self.world() as (_, config):
            with self._harness(config):
                pass
            with self._harness(config) as source:
                first = source.drain(most=self.most_records)
                source.commit(first)
                source.poll()

    # --- inside ------------------------------------------------------------------------------------

    def _harness(
        self,
        config: Mapping[str, str],
        *,
        stored: StoredOffsets | None = None,
        index: int = 0,
        tasks_max: int = 1,
    ) -> SourceHarness:
        cls: type[SourceConnector[Any]] = self.plugin_class()
        return SourceHarness(cls, config, stored=stored, index=index, tasks_max=tasks_max)

    def _drain(self, config: Mapping[str, str]) -> list[Polled]:
        source = self._harness(config).start()
        found = source.drain(most=self.most_records)[: self.most_records]
        self._stop(source, config)
        return found

    def _stop(self, source: SourceHarness, config: Mapping[str, str]) -> None:
        began = time.monotonic()
        source.stop()
        if time.monotonic() - began > MOST_STOP_S:
            self.broken(f"stop() took more than {MOST_STOP_S:.0f} s", config=config)

    def _read(self) -> list[Polled]:
        """All records; a source that brings none proves nothing."""
        with self.world() as (_, config):
            found = self._drain(config)
        if not found:
            self.broken(
                "nothing was read: let prepare() make some records, which a few polls bring", config=config
            )
        return found

    def _identities(self, records: list[Polled]) -> list[str]:
        return [self.identity(record) for record in records if isinstance(record, SourceRecord)]

    def _interrupt(self, *, polled_further: bool) -> None:
        """Store the offsets of the first records, perhaps after more were polled, and read on from there."""
        count = step = 0
        while True:
            # Each in a world of its own: what is acknowledged may be gone from the other system.
            with self.world() as (_, config):
                whole = self._drain(config)
                if not whole:
                    self.broken("nothing was read: let prepare() make some records", config=config)
                step = step or max(1, len(whole) // self.examples)
                if count > len(whole):
                    return
                self._resume(config, whole, count, polled_further=polled_further)
            count += step

    def _resume(
        self, config: Mapping[str, str], whole: list[Polled], count: int, *, polled_further: bool
    ) -> None:
        stored = StoredOffsets()
        first = self._harness(config, stored=stored).start()
        polled: list[Polled] = []
        while len(polled) < count and (batch := first.poll()):
            polled += batch
        if polled_further:
            polled += first.poll()
        else:
            first.stop()
        if polled_further:
            first.commit(polled[:count])
        else:
            stored.store(polled[:count])
        with self._harness(config, stored=stored) as second:
            found = second.drain(most=self.most_records)
        if polled_further:
            first.stop()
        left = self._by_partition(whole[count:])
        read = self._by_partition(found[: self.most_records - count])
        for partition in {**left, **read}:
            wanted, got = left.get(partition, []), read.get(partition, [])
            if wanted != got:
                kind = "skips" if len(got) < len(wanted) else "reads again"
                self.broken(
                    f"resumed behind record {count} of {len(whole)}, it {kind} records of {partition}",
                    last_stored=_code(whole[count - 1]) if count else None,
                    wanted_next=wanted[:1],
                    read_next=got[:1],
                )

    def _by_partition(self, records: list[Polled]) -> dict[str, list[str]]:
        """Records of each source partition, in order: there is no order between partitions."""
        found: dict[str, list[str]] = {}
        for record in records:
            if isinstance(record, SourceRecord):
                name = json.dumps(dict(record.source_partition or {}), sort_keys=True, default=repr)
                found.setdefault(name, []).append(self.identity(record))
        return found


def _code(record: Polled) -> str:
    return repr(record) if isinstance(record, Checkpoint) else code_of(record)


def _is_plain(place: Mapping[str, Any]) -> bool:
    if not all(isinstance(key, str) for key in place):
        return False
    return all(value is None or isinstance(value, str | int | float | bool) for value in place.values())

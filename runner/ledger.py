"""The one owner of source offsets: which place in each source partition is safe to store.

A place is safe once everything up to it was acknowledged, per source partition and in order of
submission; a record that hangs holds back its own partition only. What was filtered or skipped is never
submitted, so its offset waits for the next record that is (Kafka Connect's ``SubmittedRecords``).

Records are entered by the batch. A batch of one source partition is one entry, settled when the log has
settled all of it; a batch over several partitions has an entry a record, so that they stay independent.

Threads: ``enter`` and what it returns belong to the task's thread; ``take`` and ``give_back`` may be
called by any thread.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from connectkit.record import Checkpoint, SourceRecord
from connectkit.runner.offset_key import partition_key

Place = tuple[Mapping[str, Any] | None, Mapping[str, Any] | None]
"""A source partition and an offset in it, as the connector gave them."""

KEPT_QUEUES = 10_000
"""Empty queues are dropped beyond this: a source may name each of a million files a partition."""


class _Queue(deque["_Entry"]):
    """What was submitted for one source partition, oldest first."""

    def __init__(self, key: str) -> None:
        super().__init__()
        self.key = key


class _Entry:
    """One unit of acknowledgement in the queue of its partition."""

    __slots__ = ("place", "queue", "settled")

    def __init__(self, queue: _Queue, record: SourceRecord | Checkpoint) -> None:
        self.queue = queue
        self.place: Place = (record.source_partition, record.source_offset)
        self.settled = False
        queue.append(self)


class Submission:
    """A batch on its way. ``whole``: its records share one source partition, and so one entry."""

    __slots__ = ("_entries", "_ledger", "whole")

    def __init__(self, ledger: Ledger, entries: list[_Entry], *, whole: bool) -> None:
        self._ledger = ledger
        self._entries = entries
        self.whole = whole

    def settle(self) -> None:
        """All of it is acknowledged, or dropped as tolerated."""
        for entry in self._entries:
            entry.settled = True
        self._ledger._advance(self._entries)

    def settle_one(self, index: int) -> None:
        """One record of a batch that is not ``whole``."""
        entry = self._entries[index]
        entry.settled = True
        self._ledger._advance((entry,))

    def settle_up_to(self, record: SourceRecord) -> None:
        """In a ``whole`` batch, all up to this record is acknowledged and the rest never will be."""
        entry = self._entries[0]
        if entry.queue and entry.queue[0] is entry:
            self._ledger._set(entry.queue.key, (record.source_partition, record.source_offset))

    def withdraw(self) -> None:
        """It was not sent after all."""
        for entry in self._entries:
            entry.queue.remove(entry)


class Ledger:
    """Queues of what was submitted, per source partition, and the places that are safe to store."""

    __slots__ = ("_committable", "_lock", "_queues")

    def __init__(self) -> None:
        self._queues: dict[str, _Queue] = {}
        self._committable: dict[str, Place] = {}
        self._lock = threading.Lock()

    def enter(self, records: Sequence[SourceRecord]) -> Submission:
        """Enter the (pre-transform) records of a batch that is about to be sent, in order; not empty."""
        if len(self._queues) > KEPT_QUEUES:
            self._queues = {key: queue for key, queue in self._queues.items() if queue}
        # Connectors name the partition by one object, or by a new equal one for each record: both are
        # looked up once per object, by content.
        distinct = {id(record.source_partition): record.source_partition for record in records}
        queues = {number: self._queue(partition) for number, partition in distinct.items()}
        if len(queues) == 1 or len({id(queue) for queue in queues.values()}) == 1:
            last = records[-1]
            return Submission(self, [_Entry(queues[id(last.source_partition)], last)], whole=True)
        entries = [_Entry(queues[id(record.source_partition)], record) for record in records]
        return Submission(self, entries, whole=False)

    def note(self, checkpoint: Checkpoint) -> None:
        """A place that is safe as soon as all that was entered before it in its partition is."""
        entry = _Entry(self._queue(checkpoint.source_partition), checkpoint)
        entry.settled = True
        self._advance((entry,))

    def _queue(self, partition: Mapping[str, Any] | None) -> _Queue:
        key = partition_key(partition)
        queue = self._queues.get(key)
        if queue is None:
            queue = self._queues[key] = _Queue(key)
        return queue

    def _advance(self, entries: Sequence[_Entry]) -> None:
        """Move the acknowledged prefix of these entries' queues to what can be stored."""
        for entry in entries:
            queue = entry.queue
            place = None
            while queue and queue[0].settled:
                place = queue.popleft().place
            if place is not None:
                self._set(queue.key, place)

    def _set(self, key: str, place: Place) -> None:
        with self._lock:
            self._committable[key] = place

    def take(self) -> dict[str, Place]:
        """The places that became safe since the last call, by partition key."""
        if not self._committable:
            return {}
        with self._lock:
            taken, self._committable = self._committable, {}
            return taken

    def give_back(self, places: Mapping[str, Place]) -> None:
        """These could not be stored; newer ones for the same partition win."""
        with self._lock:
            self._committable = {**places, **self._committable}

    @property
    def pending(self) -> int:
        """Entries that wait for their acknowledgement."""
        return sum(len(queue) for queue in self._queues.values())

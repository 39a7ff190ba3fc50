"""One batch of source records between ``send`` and its acknowledgement.

Where nobody listens to single records, the records are let go of at once: what is left of each is where it
stood, which is all that an error or an offset needs. That keeps a busy task's memory small and warm
(about 0.2 µs a record). Threads: the task's own, inside calls of its producer.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from connectkit.api import RecordMetadata
from connectkit.errors import ConnectError
from connectkit.record import SourceRecord
from connectkit.runner.ledger import Submission
from connectkit.runner.log.api import Delivery, OutRecord

Landed = Callable[["Flight", Sequence[tuple[int, ConnectError]]], None]
"""Told when a batch is settled, with the index and error of each record that failed."""
Committed = Callable[[SourceRecord, RecordMetadata | None], None]
"""Told of each record that arrived (``commit_record``)."""


class Flight:
    """What was made of some records, and which of them each is of (``origin``; None: its own).

    ``topics``: all those it goes to, perhaps more. ``keeps``: whether what was made is kept as well.
    """

    __slots__ = (
        "_committed", "_landed", "_left", "_offsets", "_originals", "_out", "_partition", "_topics", "count",
        "origin", "records", "submission",
    )  # fmt: skip

    def __init__(
        self,
        out: Sequence[OutRecord],
        originals: Sequence[SourceRecord],
        origin: list[int] | None,
        topics: Collection[str],
        submission: Submission,
        landed: Landed,
        committed: Committed | None,
        *,
        keeps: bool = False,
    ) -> None:
        self.count = len(out)
        self.records = len(originals)
        self.origin = origin
        self.submission = submission
        self._landed = landed
        self._committed = committed
        self._topics = [*topics] if len(topics) == 1 else [record[0] for record in out]
        self._out = out if keeps else None
        hears = self.listens
        self._originals = originals if hears else None
        self._partition = originals[0].source_partition
        self._offsets = [] if hears else [record.source_offset for record in originals]
        self._left: list[int] | None = None

    @property
    def listens(self) -> bool:
        """Whether :meth:`each` is to be called: the task or the ledger wants to know of single records."""
        return self._committed is not None or not self.submission.whole

    def number(self, index: int) -> int:
        """Which of the records one of the batch was made of."""
        return index if self.origin is None else self.origin[index]

    def topic(self, index: int) -> str:
        """Where one of the batch goes."""
        return self._topics[index if len(self._topics) > 1 else 0]

    def original(self, number: int) -> SourceRecord:
        """The record, or one that stands where it stood and holds nothing else."""
        if self._originals is not None:
            return self._originals[number]
        return SourceRecord(self._partition, self._offsets[number], None)

    def made(self, index: int) -> OutRecord | None:
        """One of the batch, if they are kept for dead letters."""
        return None if self._out is None else self._out[index]

    def done(self, failures: Sequence[tuple[int, ConnectError]]) -> None:
        """All of the batch is settled."""
        self._landed(self, failures)

    def each(self, index: int, delivery: Delivery) -> None:
        """One of the batch is settled."""
        if delivery.error is not None:
            return
        number = self.number(index)
        if self.origin is not None:
            if self._left is None:
                self._left = [0] * self.records
                for owner in self.origin:
                    self._left[owner] += 1
            self._left[number] -= 1
            if self._left[number]:
                return
        if self._committed is not None:
            metadata = RecordMetadata(delivery.topic, delivery.partition, delivery.offset, delivery.timestamp)
            self._committed(self.original(number), metadata)
        if not self.submission.whole:
            self.submission.settle_one(number)

    def settle_before(self, index: int) -> None:
        """Records before this one are acknowledged; it and those after it must be read again."""
        number = self.number(index)
        if number:
            self.submission.settle_up_to(self.original(number - 1))

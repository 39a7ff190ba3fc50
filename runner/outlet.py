"""What a source task hands its records to: the part that decides how often they arrive.

There are two: :mod:`connectkit.runner.at_least_once` and :mod:`connectkit.runner.eos_task`. The task polls,
transforms and encodes; its outlet sends, and moves the offsets after what has arrived. Threads: the task's
own, unless a method says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from connectkit.api import RecordMetadata, SourceTask, TransactionContext
from connectkit.errors import DataError
from connectkit.record import Checkpoint, SourceRecord
from connectkit.runner.control import Control, TaskId
from connectkit.runner.counters import SourceCounters
from connectkit.runner.log.api import OutRecord
from connectkit.runner.offset_key import dump
from connectkit.runner.tolerance import Tolerance


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceTimes:
    """How long a source task waits for what. Seconds."""

    flush_timeout_s: float = 5.0
    retry_s: float = 0.1
    """Before a batch that the log could not take just now is tried again, the first time."""
    close_s: float = 30.0


class Owner(Protocol):
    """What an outlet may ask of its task."""

    id: TaskId
    control: Control
    clock: Callable[[], float]
    counters: SourceCounters
    tolerance: Tolerance
    task: SourceTask[Any]
    listens: bool
    """Whether the task wants to hear of each record."""

    def committed(self, record: SourceRecord, metadata: RecordMetadata | None) -> None:
        """Tell the task of one record; its errors are logged."""
        ...

    def committed_all(self) -> None:
        """Tell the task that offsets were stored; its errors are logged."""
        ...

    def fail(self, error: BaseException) -> None:
        """End the task with this at its next step. Any thread."""
        ...

    def check_failure(self) -> None:
        """Raise what :meth:`fail` noted."""
        ...


class LifeLostError(Exception):
    """What became of the last records cannot be known, for this reason: begin again from stored offsets."""

    def __init__(self, reason: BaseException) -> None:
        super().__init__(str(reason))
        self.reason = reason


class Outlet(Protocol):
    """Takes encoded records and stores the offsets of what arrived.

    Each method but the last three may raise :class:`LifeLostError`.
    """

    @property
    def scheduled(self) -> bool:
        """Whether ``commit_offsets`` is to be called by the worker's commit thread."""
        ...

    @property
    def cuts(self) -> bool:
        """Whether ``cut`` is to be asked about each batch."""
        ...

    @property
    def in_flight(self) -> int:
        """Records sent and not yet settled. Any thread."""
        ...

    @property
    def transaction_context(self) -> TransactionContext | None:
        """With what the task may say where its transactions end."""
        ...

    def begin(self) -> None:
        """Get ready to send: before the task is started, and again after ``LifeLostError``."""
        ...

    def cut(self, batch: Sequence[SourceRecord | Checkpoint]) -> Sequence[int]:
        """After which of these records (by number, ascending) a transaction may end."""
        ...

    def send(
        self,
        out: list[OutRecord],
        originals: list[SourceRecord],
        origin: list[int] | None,
        topics: dict[str, None],
    ) -> None:
        """Send what was made of these records. ``origin``: which of them each is of, if not one of each.

        ``RetriableError``: nothing was sent, and it may work later.
        """
        ...

    def skip(self, records: Sequence[SourceRecord]) -> None:
        """These records were filtered or skipped: nothing of them will be acknowledged."""
        ...

    def checkpoint(self, checkpoint: Checkpoint) -> None:
        """Move an offset without a record."""
        ...

    def reached(self, record: SourceRecord) -> None:
        """All up to this record, one that was ``cut`` at, has been sent or skipped."""
        ...

    def end_batch(self) -> None:
        """All that a poll brought has been sent or skipped; also after a poll that brought nothing."""
        ...

    def serve(self, timeout_s: float) -> None:
        """Hear of acknowledgements; wait at most this long for the first."""
        ...

    def wait_for_room(self) -> None:
        """Wait while too much is on its way."""
        ...

    def pause(self) -> None:
        """The task pauses: let nothing hang."""
        ...

    def finish(self, *, good: bool) -> None:
        """The loop has ended, well or not: settle what can be settled, and store the last offsets."""
        ...

    def commit_offsets(self) -> bool:
        """Store the offsets of what was acknowledged, then call ``task.commit``. Any thread."""
        ...

    def close(self) -> Sequence[Callable[[], None]]:
        """The steps of letting go; each is to be taken whatever the others raise."""
        ...

    def fence(self) -> None:
        """Nothing more is sent or read. The producer may be busy, so nobody waits for it. Any thread."""
        ...


def where_of(record: SourceRecord, topic: str | None = None) -> str:
    """Where a source record stands: its topic, source partition and offset."""
    try:
        partition = dump(record.source_partition, what="source partition")
        offset = dump(record.source_offset, what="source offset")
    except DataError:
        return f"a record for topic {topic or record.topic}"
    place = f" at {partition} {offset}"
    return (
        f"the record for topic {topic or record.topic}{place}"
        if topic or record.topic
        else f"the record{place}"
    )

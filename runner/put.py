"""Puts batches into a sink task, and finds the records that it cannot write.

Kafka Connect leaves that to the task: any exception of ``put`` but a retriable one ends it. Here a task may
name the guilty records (``BatchError``), or, with ``errors.tolerance=all``, the worker finds them where
putting records again does no harm (``SinkTask.put_is_repeatable``, ``put.bisect``): it puts the batch in
halves, in order, down to single records. What cannot be written alone goes the way of every failed record;
the rest is written.

Threads: the task's own.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from typing import Any

from connectkit.api import SinkTask, TopicPartition
from connectkit.errors import BatchError, ConfigError, FatalTaskError, FencedError, RetriableError
from connectkit.record import SinkRecord
from connectkit.runner.breaker import SYSTEM_ERRORS
from connectkit.runner.control import TaskId
from connectkit.runner.errant import ErrantReporter, Place, place_of
from connectkit.runner.failing import Stage, Subject, culprit
from connectkit.runner.tolerance import BreakerOpenError, Tolerance, breaker_open, describe


class _Part:
    """Records that are to be put together."""

    __slots__ = ("records", "suspect")

    def __init__(self, records: list[SinkRecord], *, suspect: bool = False) -> None:
        self.records = records
        self.suspect = suspect
        """They are the second half of a batch that failed: guilty, should the first half pass."""


class Putter:
    """Holds a task's batch until it is put."""

    def __init__(
        self,
        task_id: TaskId,
        task: SinkTask[Any],
        tolerance: Tolerance,
        errant: ErrantReporter | None,
        *,
        bisects: bool,
    ) -> None:
        self._id = task_id
        self._tolerance = tolerance
        self._errant = errant
        self._bisects = bisects and tolerance.policy.tolerate_all
        self._task = task
        self._culprit = culprit(task)
        self._parts: deque[_Part] = deque()
        self._blamed: set[Place] = set()

    # --- what is held ----------------------------------------------------------------------------

    @property
    def held(self) -> bool:
        """Whether there are records that wait to be put."""
        return any(part.records for part in self._parts)

    def load(self, records: list[SinkRecord]) -> None:
        """Records to put after those that are held."""
        if self._parts and not self._parts[-1].records:
            self._parts.pop()
        self._parts.append(_Part(records))

    def starts(self) -> dict[TopicPartition, int]:
        """The first offset held of each partition."""
        found: dict[TopicPartition, int] = {}
        for part in self._parts:
            for record in part.records:
                tp, offset = place_of(record)
                found[tp] = min(found.get(tp, offset), offset)
        return found

    def clear(self) -> None:
        """Let go of everything; it is read again."""
        self._parts.clear()
        self._blamed.clear()

    def forget(self, partitions: Collection[TopicPartition]) -> None:
        """The records of these partitions are not ours any more, or are read again."""
        for part in self._parts:
            part.records = [record for record in part.records if place_of(record)[0] not in partitions]

    # --- putting ---------------------------------------------------------------------------------

    def put(self) -> int:
        """Put all that is held; the number of records that were written.

        ``RetriableError``: what is left is to be put again later, from where it failed on.
        """
        written = 0
        parts = self._parts
        if not parts:
            parts.append(_Part([]))
        while parts:
            part = parts[0]
            try:
                if self._errant is None:
                    self._task.put(part.records[:])
                else:
                    self._errant.put_begins(part.records)
                    self._task.put(part.records[:])
                    self._errant.put_ended(part.records)
            except BreakerOpenError:
                self._leave_out_reported(part)
                raise
            except (RetriableError, FatalTaskError, FencedError):
                raise
            except BatchError as exc:
                written += self._named(part, exc)
            except Exception as exc:  # noqa: BLE001 - whatever a task raises
                self._failed(part, exc)
            else:
                parts.popleft()
                if part.records:
                    written += len(part.records)
                    if self._errant is None:
                        self._tolerance.passed(writing=True)
                    self._first_half_passed()
        self._blamed.clear()
        return written

    def _leave_out_reported(self, part: _Part) -> None:
        """What the task has handed over already is in the dead letter queue and is not put again."""
        if self._errant is not None:
            self._errant.put_goes_back()
            part.records = [record for record in part.records if not self._errant.is_reported(record)]

    def _first_half_passed(self) -> None:
        """The halves of a batch that failed: the guilty one is in the second, which need not be tried."""
        if self._parts and self._parts[0].suspect and len(self._parts[0].records) > 1:
            self._halve(self._parts[0])

    def _halve(self, part: _Part) -> None:
        middle = (len(part.records) + 1) // 2
        self._parts.popleft()
        self._parts.appendleft(_Part(part.records[middle:], suspect=True))
        self._parts.appendleft(_Part(part.records[:middle]))

    def _failed(self, part: _Part, error: Exception) -> None:
        """The task could not write these records and did not say which."""
        if not self._bisects or not part.records or isinstance(error, ConfigError):
            raise self._fatal(part, error) from error
        tolerance = self._tolerance
        if isinstance(error, SYSTEM_ERRORS) and tolerance.breaker.enabled:
            tolerance.trip()
            raise breaker_open(error)
        if len(self._parts) > 1:
            self._parts[1].suspect = False  # a guilty one is in here
        if len(part.records) > 1:
            self._halve(part)
            return
        self._blame(part.records[0], error)
        self._parts.popleft()

    def _named(self, part: _Part, error: BatchError) -> int:
        """The task has said which records it could not write; the number of those that it has written."""
        records = part.records
        failures = {number: found for number, found in error.failures.items() if 0 <= number < len(records)}
        if not failures:
            raise self._fatal(part, error) from error
        for found in failures.values():
            if isinstance(found, FatalTaskError | FencedError):
                raise found
        written: list[SinkRecord] = []
        again: list[SinkRecord] = []
        wait: RetriableError | None = None
        for number, record in enumerate(records):
            reason = failures.get(number)
            if isinstance(reason, RetriableError):
                wait = wait or reason
                again.append(record)
            elif reason is not None:
                part.records = again + records[number:]  # if this opens the breaker
                self._blame(record, reason)
            elif error.written:
                written.append(record)
                self._tolerance.passed(writing=True)
            else:
                again.append(record)
        self._parts.popleft()
        if again:
            self._parts.appendleft(_Part(again))
        if wait is not None:
            raise wait
        return len(written)

    def _blame(self, record: SinkRecord, error: Exception) -> None:
        """The record cannot be written: drop it, once for all that was made of its message."""
        place = place_of(record)
        if place in self._blamed:
            return
        if self._errant is not None:
            subject = self._errant.subject(record)
        else:
            (topic, partition), offset = place
            subject = Subject(f"{topic}-{partition}@{offset}", None, place)
        self._tolerance.skip(Stage.TASK_PUT, self._culprit, error, subject)
        self._blamed.add(place)

    def _fatal(self, part: _Part, error: Exception) -> FatalTaskError:
        hint = "the batch is not committed, mend the cause and restart the task"
        if self._tolerance.policy.tolerate_all and not self._bisects and not isinstance(error, ConfigError):
            hint += (
                "; put.bisect=always would look for the records that cannot be written, if it does no harm "
                "to put the others again"
            )
        return FatalTaskError(
            f"Writing failed in {self._culprit.label}.put of task {self._id}{_place(part.records)}: "
            f"{describe(error)}; {hint}"
        )


def _place(records: list[SinkRecord]) -> str:
    if not records:
        return ""
    (topic, partition), offset = place_of(records[0])
    return f", in a batch of {len(records)} from {topic}-{partition}@{offset}"

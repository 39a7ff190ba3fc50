"""A source task's loop: poll, transform, convert, produce, and store the offsets of what arrived.

Delivery is at least once (KIP-26): an offset is stored only after everything before it in its source
partition was acknowledged. Batches go through whole; when anything fails in one, it is replayed record by
record under the error policy. Order of calls for a record is Kafka Connect's: transforms, header, key and
value converter, creation of its topic, ``send``, acknowledgement, ``commit_record``; then its offset may be
stored, and ``commit`` is called.

Threads: everything runs on the task's thread, producer callbacks included; only ``commit_offsets`` is
called by the worker's commit thread (and a last time by the task).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any

from connectkit.api import OffsetReader, RecordMetadata, SourceTask, TransactionContext
from connectkit.errors import (
    ConnectError,
    DataError,
    FatalTaskError,
    FencedError,
    RetriableError,
)  # fmt: skip
from connectkit.record import SourceRecord
from connectkit.runner.chain import Chain
from connectkit.runner.control import Control, TaskId
from connectkit.runner.counters import SourceCounters
from connectkit.runner.creation import TopicCreator
from connectkit.runner.encode import Converters, RecordEncoder
from connectkit.runner.fan import run_all, run_one
from connectkit.runner.flight import Flight
from connectkit.runner.ledger import Ledger
from connectkit.runner.log.api import OutRecord, Producer
from connectkit.runner.offset_key import dump
from connectkit.runner.offsets import OffsetStore, StoredOffsets
from connectkit.runner.status import State, StatusListener
from connectkit.runner.tolerance import Stage, StoppedRetryingError, Subject, Tolerance, describe
from connectkit.runner.worker_task import WorkerTask

log = logging.getLogger(__name__)

MAX_IN_FLIGHT = 20_000
"""Records sent and not yet acknowledged, beyond which the task waits. (Bytes: the producer's buffer.)"""


MAX_DOUBLINGS = 6
"""How often the wait before another attempt grows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceTimes:
    """How long a source task waits for what. Seconds."""

    flush_timeout_s: float = 5.0
    retry_s: float = 0.1
    """Before a batch that the log could not take just now is tried again, the first time."""
    close_s: float = 30.0


class TaskContext:
    """What a source task may ask of the worker (``SourceTaskContext``)."""

    def __init__(self, owner: WorkerSourceTask, configs: Mapping[str, str], reader: OffsetReader) -> None:
        self._owner = owner
        self.configs = configs
        self.offset_reader = reader
        self.transaction_context: TransactionContext | None = None

    @property
    def stopping(self) -> bool:
        return self._owner.control.stopping

    def sleep(self, seconds: float) -> bool:
        return self._owner.sleep(seconds)

    def finished(self) -> None:
        self._owner.finished = True


class WorkerSourceTask(WorkerTask):
    """Runs one source task."""

    kind = "source"

    def __init__(
        self,
        task_id: TaskId,
        task: SourceTask[Any],
        *,
        configs: Mapping[str, str],
        chain: Chain,
        converters: Converters,
        producer: Producer,
        creator: TopicCreator | None,
        store: OffsetStore,
        tolerance: Tolerance,
        counters: SourceCounters,
        control: Control,
        status: StatusListener,
        times: SourceTimes | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(task_id, control, status, clock=clock)
        self.task = task
        self.counters = counters
        self.finished = False
        """The task has said that nothing more will come."""
        self._chain = chain
        self._converters = converters
        self._encoder = RecordEncoder(converters)
        self._producer = producer
        self._creator = creator
        self._store = store
        self._reader = StoredOffsets(store, task_id.connector)
        self._context = TaskContext(self, configs, self._reader)
        self._tolerance = tolerance
        self._times = times or SourceTimes()
        self._ledger = Ledger()
        self._committing = threading.Lock()
        self._held: list[SourceRecord] | None = None
        self._in_flight = 0
        self._retries = 0
        self._initialized = False
        # Asked once: a call a record is made only to those who listen.
        self._listens = type(task).commit_record is not SourceTask.commit_record

    # --- the loop --------------------------------------------------------------------------------

    def begin(self) -> None:
        self._initialized = True
        self.task.initialize(self._context)
        self.task.start()

    def execute(self) -> None:
        control = self.control
        try:
            while not control.stopping:
                if control.paused:
                    self._pause()
                    continue
                self.check_failure()
                if self._held is None:
                    self._held = self._poll()
                    if self._held is None:
                        continue
                if control.cancelled:  # while it polled: another task may have taken its place
                    break
                if self._send(self._held):
                    self._held = None
                    self._retries = 0
                else:
                    self._back_off()
        finally:
            if not control.cancelled:
                self._finish()
        self.check_failure()

    def _pause(self) -> None:
        control = self.control
        self.tell(State.PAUSED)
        # Acknowledgements go on arriving and are worth storing.
        while self._in_flight and control.paused and not control.stopping:
            self._producer.poll(0.05)
            self.check_failure()
        if not control.wait_while_paused():
            self.tell(State.RUNNING)

    def _poll(self) -> list[SourceRecord] | None:
        clock, counters = self.clock, self.counters
        began = clock()
        try:
            batch = self.task.poll()
        except RetriableError as exc:
            log.warning("Polling task %s failed and is tried again: %s", self.id, describe(exc))
            self._back_off(exc.wait_s)
            return None
        self._retries = 0
        now = clock()
        if batch is None:
            # A poll that answers at once must not make the loop spin; acknowledgements use the time.
            self._producer.poll(0.0 if now - began > 0.001 else 0.005)
            return None
        counters.polled.record(len(batch), now)
        counters.poll_time.record(now - began, now)
        counters.commits.batch.record(len(batch), now)
        counters.active_max = max(counters.active_max, counters.active)
        return batch

    def _back_off(self, wait_s: float | None = None) -> None:
        """Wait before trying again: as long as was asked for, or twice as long each time in a row."""
        self._producer.poll(0.0)
        self.sleep(self._times.retry_s * (1 << self._retries) if wait_s is None else wait_s)
        self._retries = min(self._retries + 1, MAX_DOUBLINGS)

    def sleep(self, seconds: float) -> bool:
        """The task's own waiting; what was sent is acknowledged meanwhile. Task thread."""
        until = self.clock() + seconds
        while self._in_flight and not self.control.stopping:
            left = until - self.clock()
            if left <= 0:
                return self.control.stopping
            self._producer.poll(min(left, 0.05))
        return self.control.sleep(max(until - self.clock(), 0.0))

    # --- one batch -------------------------------------------------------------------------------

    def _send(self, batch: list[SourceRecord]) -> bool:
        """Send a batch; False if it, or what is left of it in ``_held``, must be tried again later."""
        if not batch:
            self._producer.poll(0.0)
            return True
        control = self.control
        made = None
        try:
            try:
                made = self._make_all(batch)
                self._dispatch_all(batch, *made)
            except FencedError:
                raise
            except Exception as exc:
                if made is not None and isinstance(exc, RetriableError):
                    raise  # the log cannot take it just now; nothing is wrong with any record
                log.debug("A batch of task %s is replayed record by record", self.id, exc_info=exc)
                self._chain.rewind()
                self._send_each(batch)
        except StoppedRetryingError:
            return False
        except RetriableError as exc:
            self._chain.rewind()
            log.warning("Task %s could not send a batch and tries again: %s", self.id, describe(exc))
            return False
        while self._in_flight > MAX_IN_FLIGHT and self._failure is None and not control.stopping:
            self._producer.poll(0.05)
        return True

    def _make_all(
        self, batch: list[SourceRecord]
    ) -> tuple[list[OutRecord], list[int] | None, dict[str, None]]:
        """What a batch becomes, which record of it each is of (None: its own), and the topics."""
        records, origin = run_all(self._chain, batch)
        topics: dict[str, None] = {}
        return self._encoder.encode(records, topics), origin, topics

    def _dispatch_all(
        self,
        batch: list[SourceRecord],
        out: list[OutRecord],
        origin: list[int] | None,
        topics: dict[str, None],
    ) -> None:
        originals = batch
        if origin is not None:
            # Records were dropped or multiplied: the offsets of those that were dropped are not tracked.
            kept = sorted(set(origin))
            places = {number: place for place, number in enumerate(kept)}
            originals = [batch[number] for number in kept]
            origin = [places[number] for number in origin]
        self._dispatch(out, originals, origin, topics)
        if originals is not batch and len(originals) < len(batch):
            kept_set = set(map(id, originals))
            self._drop([record for record in batch if id(record) not in kept_set])

    def _send_each(self, batch: list[SourceRecord]) -> None:
        """Replay: each record under the error policy, and what is good goes out even if the task fails."""
        out: list[OutRecord] = []
        originals: list[SourceRecord] = []
        origin: list[int] = []
        dropped: list[SourceRecord] = []
        done = 0
        try:
            for record in batch:
                made = self._make(record)
                if made:
                    origin.extend([len(originals)] * len(made))
                    originals.append(record)
                    out.extend(made)
                else:
                    dropped.append(record)
                done += 1
        finally:
            # Also on the way out with an error: records before the one that failed are delivered first.
            single = len(origin) == len(originals)
            self._dispatch_each(out, originals, None if single else origin)
            self._drop(dropped)
            self._held = batch[done:]

    def _make(self, record: SourceRecord) -> list[OutRecord]:
        """All that becomes of a record, or nothing if any of it fails and that is tolerated."""
        subject = Subject(where_of(record), record)
        made = []
        for child in run_one(self._chain, record, self._tolerance, subject):
            encoded = self._encoder.encode_one(child, self._tolerance, subject)
            if encoded is None:
                return []
            made.append(encoded)
        return made

    def _dispatch_each(
        self, out: list[OutRecord], originals: list[SourceRecord], origin: list[int] | None
    ) -> None:
        if not out:
            return
        topics = dict.fromkeys(record[0] for record in out)
        try:
            self._dispatch(out, originals, origin, topics)
        except DataError:
            # One of them is nothing the log will ever take: find it by sending them one at a time,
            # what was made of one record together, since its offset stands for all of it.
            owner = origin if origin is not None else range(len(out))
            for number, group in groupby(zip(owner, out, strict=True), itemgetter(0)):
                records = [record for _, record in group]
                try:
                    self._dispatch(records, [originals[number]], [0] * len(records), topics)
                except DataError as exc:
                    self._refused(exc, originals[number], records[0][0])

    def _refused(self, error: Exception, original: SourceRecord, topic: str) -> None:
        subject = Subject(where_of(original, topic), original)
        self._tolerance.drop(Stage.KAFKA_PRODUCE, "the producer", error, subject)
        self._drop([original])

    def _dispatch(
        self,
        out: list[OutRecord],
        originals: list[SourceRecord],
        origin: list[int] | None,
        topics: dict[str, None],
    ) -> None:
        """Send what was made of these records. ``origin``: which of them each is of, if not one of each."""
        if not out:
            return
        if self._creator is not None:
            self._creator.ensure(topics)
        flight = Flight(
            out,
            originals,
            origin,
            topics,
            self._ledger.enter(originals),
            self.landed,
            self.committed if self._listens else None,
        )
        self._in_flight += flight.count
        try:
            self._producer.send(out, flight.done, flight.each if flight.listens else None)
        except BaseException:
            self._in_flight -= flight.count
            flight.submission.withdraw()
            raise

    def _drop(self, records: Sequence[SourceRecord]) -> None:
        """These records were filtered or skipped: nothing of them will be acknowledged."""
        self.counters.finished += len(records)
        if self._listens:
            for record in records:
                self.committed(record, None)

    def committed(self, record: SourceRecord, metadata: RecordMetadata | None) -> None:
        """Tell the task; its errors are its own."""
        try:
            self.task.commit_record(record, metadata)
        except Exception:
            log.exception("commit_record of task %s failed", self.id)

    def landed(self, flight: Flight, failures: Sequence[tuple[int, ConnectError]]) -> None:
        """A batch is settled. Task thread, inside a call of the producer."""
        count = flight.count
        self._in_flight -= count
        self.counters.finished += flight.records
        if not failures:
            flight.submission.settle()
            self.counters.written.record(count, self.clock())
            return
        reported = -1
        for index, error in sorted(failures, key=lambda failure: failure[0]):
            number = flight.number(index)
            # Only a DataError is a matter of one record. Skipping what the log could not take in time
            # would lose the records of an outage, whatever is tolerated.
            fatal = not isinstance(error, DataError)
            if number == reported and not fatal:
                continue  # it was made of a record that is reported already
            original = flight.original(number)
            subject = Subject(where_of(original, flight.topic(index)), original)
            try:
                if fatal:
                    raise FatalTaskError(
                        f"{subject.where} could not be written: {describe(error)}"
                    ) from error
                self._tolerance.drop(Stage.KAFKA_PRODUCE, "the producer", error, subject)
            except FatalTaskError as exc:
                self.fail(error if isinstance(error, FencedError) else exc)
                if flight.submission.whole:
                    flight.settle_before(index)
                return
            reported = number
            if self._listens:
                self.committed(original, None)
        self.counters.written.record(count - len(failures), self.clock())
        flight.submission.settle()

    # --- offsets ---------------------------------------------------------------------------------

    def commit_offsets(self) -> bool:
        """Store the offsets of what was acknowledged, then call ``task.commit``.

        Any thread, one at a time.
        """
        if not self._committing.acquire(timeout=self._times.flush_timeout_s):
            log.error("An earlier commit of the offsets of task %s still runs; this one is skipped", self.id)
            return False
        try:
            if self.control.cancelled:
                return False
            began = self.clock()
            success = self._store_offsets()
            if success:
                try:
                    self.task.commit()
                except Exception:
                    log.exception("commit of task %s failed", self.id)
            now = self.clock()
            self.counters.commits.committed(now - began, now, success=success)
            return success
        finally:
            self._committing.release()

    def _store_offsets(self) -> bool:
        places = self._ledger.take()
        if not places:
            return True
        try:
            self._store.write(
                self.id.connector,
                {key: (partition or {}, offset) for key, (partition, offset) in places.items()},
            )
            return True
        except RetriableError as exc:
            log.warning("Offsets of task %s could not be stored and are kept: %s", self.id, describe(exc))
        except DataError as exc:
            log.critical("Offsets of task %s can never be stored: %s", self.id, describe(exc))
        except Exception as exc:  # noqa: BLE001 - the task must not go on as if its offsets were safe
            log.error("Offsets of task %s could not be stored: %s", self.id, describe(exc))  # noqa: TRY400 - raised later
            self.fail(exc)
        self._ledger.give_back(places)
        return False

    def _settle_in_flight(self) -> None:
        """Wait for outstanding acknowledgements, at most for the flush timeout, and leave time to close."""
        if self._in_flight:
            left = self._producer.flush(self.control.share_s(self._times.flush_timeout_s))
            if left:
                log.warning(
                    "%d records of task %s were not acknowledged in time; their offsets are not stored and "
                    "they will be read again",
                    left,
                    self.id,
                )

    def _finish(self) -> None:
        """The last commit, whether the loop ended well or not."""
        try:
            self._settle_in_flight()
        finally:
            self.commit_offsets()

    @property
    def caught_up(self) -> bool:
        """Nothing more will come, and all that came is acknowledged. Any thread."""
        return self.finished and self._held is None and not self._in_flight

    # --- the end ---------------------------------------------------------------------------------

    def close(self) -> None:
        steps: list[Callable[[], None]] = []
        if self._initialized:
            steps.append(self.task.stop)
        # What could not be settled before its offsets were stored will be read again: no use to wait.
        wait_s = 0.0 if self.control.cancelled or self._in_flight else self._times.close_s
        steps.append(lambda: self._producer.close(self.control.share_s(wait_s)))
        steps += [self._reader.close, self._chain.close, self._converters.close]
        if self._creator is not None:
            steps.append(self._creator.close)
        close_all(steps)

    def fence(self) -> None:
        """Nothing more is sent or read by the task. Its producer may be busy, so nobody waits for it."""
        self._reader.close()
        closing = threading.Thread(target=self._producer.close, args=(0.0,), daemon=True)
        closing.name = f"fence-{self.id}"
        closing.start()


def where_of(record: SourceRecord, topic: str | None = None) -> str:
    """Where a source record stands: its topic, source partition and offset."""
    try:
        partition = dump(record.source_partition, what="source partition")
        offset = dump(record.source_offset, what="source offset")
    except DataError:
        return f"a record for topic {topic or record.topic}"
    return f"the record for topic {topic or record.topic} at {partition} {offset}"


def close_all(steps: Sequence[Callable[[], None]]) -> None:
    """Take every step, whatever the others raise; then raise the first error."""
    first: BaseException | None = None
    for step in steps:
        try:
            step()
        except BaseException as exc:
            if first is None:
                first = exc
            else:
                log.warning("One more step of closing failed", exc_info=exc)
    if first is not None:
        raise first

"""A source task's loop: poll, transform, convert, and hand the records to the task's outlet.

Batches go through whole; when anything fails in one, it is replayed record by record under the error
policy. Order of calls for a record is Kafka Connect's: transforms, header, key and value converter, creation
of its topic, ``send``, acknowledgement, ``commit_record``; then its offset may be stored, and ``commit`` is
called. How often a record arrives, and when its offset is stored, is the outlet's doing
(:mod:`connectkit.runner.outlet`).

Threads: everything runs on the task's thread, producer callbacks included; only ``commit_offsets`` is
called by the worker's commit thread (and a last time by the task).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, cast

from connectkit.api import OffsetReader, RecordMetadata, SourceTask, TransactionContext
from connectkit.errors import DataError, FatalTaskError, FencedError, RetriableError
from connectkit.record import Checkpoint, SourceRecord
from connectkit.runner.chain import Chain
from connectkit.runner.control import Control, TaskId
from connectkit.runner.counters import SourceCounters
from connectkit.runner.encode import Converters, RecordEncoder
from connectkit.runner.failing import PRODUCER, SOURCE, Stage, Subject
from connectkit.runner.fan import run_all, run_one
from connectkit.runner.log.api import OutRecord
from connectkit.runner.offsets import OffsetStore, StoredOffsets
from connectkit.runner.outlet import LifeLostError, Outlet, Owner, SourceTimes, where_of
from connectkit.runner.status import State, StatusListener
from connectkit.runner.tolerance import BreakerOpenError, Letters, StoppedRetryingError, Tolerance, describe
from connectkit.runner.worker_task import WorkerTask

log = logging.getLogger(__name__)

Batch = list[SourceRecord | Checkpoint]

MOST_LETTERS = 1_000
"""Dead letters on their way, beyond which nothing is sent until the log has taken them."""

MAX_DOUBLINGS = 6
"""How often the wait before another attempt grows."""


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
        outlet: Callable[[Owner], Outlet],
        store: OffsetStore,
        tolerance: Tolerance,
        counters: SourceCounters,
        control: Control,
        status: StatusListener,
        times: SourceTimes | None = None,
        remake: Callable[[], tuple[SourceTask[Any], Chain]] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``remake`` gives a new task and chain for when the outlet has lost track (``LifeLostError``)."""
        super().__init__(task_id, control, status, clock=clock)
        self.task = task
        self.counters = counters
        self.tolerance = tolerance
        self.note: str | None = None
        """Why nothing moves although the task runs, in a sentence without values; else None."""
        self.finished = False
        """The task has said that nothing more will come."""
        # Asked once: a call a record is made only to those who listen.
        self.listens = type(task).commit_record is not SourceTask.commit_record
        self.outlet = outlet(self)
        self.lives = 1
        """How often the task has begun: once, and once more each time its outlet had lost track."""
        self._chain = chain
        self._converters = converters
        self._encoder = RecordEncoder(converters)
        self._store = store
        self._reader = StoredOffsets(store, task_id.connector)
        self._configs = configs
        self._times = times or SourceTimes()
        self._remake = remake
        self._held: Batch | None = None
        self._retries = 0
        self._losses = 0
        self._written = -1.0
        self._initialized = False
        self._runs = False  # between its start and its stop

    # --- the loop --------------------------------------------------------------------------------

    def counts(self) -> SourceCounters:
        return self.counters

    def begin(self) -> None:
        while True:
            try:
                self.outlet.begin()
                break
            except LifeLostError as exc:
                log.warning("Task %s cannot begin yet and tries again: %s", self.id, describe(exc.reason))
                self._note_lost("cannot begin yet", exc)
                if self._wait_longer():
                    return
        self.note = None
        context = TaskContext(self, self._configs, self._reader)
        context.transaction_context = self.outlet.transaction_context
        self._initialized = True
        with self.activity.calling("start"):
            self.task.initialize(context)
            self.task.start()
        self._runs = True

    def execute(self) -> None:
        good = False
        try:
            while not self.control.stopping:
                try:
                    self._step()
                except LifeLostError as exc:
                    self._begin_again(exc)
            good = True
        finally:
            if not self.control.cancelled:
                try:
                    self.outlet.finish(good=good)
                except LifeLostError as exc:
                    log.warning(
                        "Task %s ended before it heard what became of its last records; they are read again "
                        "where they did not arrive: %s",
                        self.id,
                        describe(exc.reason),
                    )
        self.check_failure()

    def _step(self) -> None:
        """One poll and all that comes of it, or one more attempt to send what is held."""
        control = self.control
        if control.paused:
            self._pause()
            return
        self.check_failure()
        if self._held is None:
            self._held = self._poll()
            if self._held is None:
                self.outlet.end_batch()
                return
        if control.cancelled:  # while it polled: another task may have taken its place
            return
        if self.tolerance.letters is not None and not self._mind_letters(self.tolerance.letters):
            return
        if self.tolerance.breaker.is_open and not self._breaker_over():
            return
        self.activity.enter("send")
        sent = self._send(self._held)
        self.activity.leave()
        if sent:
            self.outlet.end_batch()
            self._held = None
            self._retries = 0
            if self.note is not None and not self.tolerance.breaker.stirred:
                self.note = None
        elif not self.tolerance.breaker.is_open:
            self._back_off()

    def _mind_letters(self, letters: Letters) -> bool:
        """Let dead letters be acknowledged; False while too many are still to be."""
        letters.serve()
        letters.check()
        if letters.waiting <= MOST_LETTERS:
            return True
        self.note = f"{letters.waiting} dead letters are not acknowledged by {letters.topic} yet"
        self.sleep(0.05)
        return False

    def _breaker_over(self) -> bool:
        """Wait a while for the circuit breaker; whether a record is to be tried."""
        breaker = self.tolerance.breaker
        left_s = breaker.until - self.clock()
        if left_s > 0:
            self.sleep(min(left_s, 0.5))
            return False
        breaker.probe()
        return True

    def _pause(self) -> None:
        self.tell(State.PAUSED)
        self.outlet.pause()
        if not self.control.wait_while_paused():
            self.tell(State.RUNNING)

    def _begin_again(self, lost: LifeLostError) -> None:
        """Start over with a new plugin task, from the offsets that are stored."""
        if self._remake is None:
            raise lost
        log.warning(
            "What became of the last records of task %s is not known, so it begins again from its stored "
            "offsets: %s",
            self.id,
            describe(lost.reason),
        )
        self._note_lost("begins again", lost)
        self._initialized = self._runs = False
        try:
            self.task.stop()
        except BaseException:
            log.exception("Task %s failed while it was stopped to begin again", self.id)
        self._chain.close()
        self._held = None
        self.finished = False
        self.counters.finished = int(self.counters.polled.total)
        self.lives += 1
        # The wait grows from life to life, until one of them has brought something through.
        written = self.counters.written.total
        self._losses = self._losses + 1 if written == self._written else 0
        self._written, self._retries = written, min(self._losses, MAX_DOUBLINGS)
        if self._wait_longer():
            return
        self.task, self._chain = self._remake()
        self.begin()

    def _note_lost(self, what: str, lost: LifeLostError) -> None:
        self.note = f"{what}: {describe(lost.reason)}"
        self.counters.errors.note(self.note, self.clock())

    def _poll(self) -> Batch | None:
        clock, counters = self.clock, self.counters
        began = clock()
        try:
            self.activity.enter("poll")
            try:
                batch: Any = self.task.poll()
                if type(batch) is not list and batch is not None:
                    batch = self._as_list(batch)
            finally:
                self.activity.leave()
        except RetriableError as exc:
            self.counters.errors.note(f"polling failed: {describe(exc)}", clock())
            log.warning("Polling task %s failed and is tried again: %s", self.id, describe(exc))
            self._back_off(exc.wait_s)
            return None
        self._retries = 0
        now = clock()
        if batch is None:
            # A poll that answers at once must not make the loop spin; acknowledgements use the time.
            self.outlet.serve(0.0 if now - began > 0.001 else 0.005)
            return None
        counters.polled.record(len(batch), now)
        counters.poll_time.record(now - began, now)
        counters.commits.batch.record(len(batch), now)
        counters.active_max = max(counters.active_max, counters.active)
        return cast("Batch", batch)

    def _as_list(self, polled: object) -> list[object]:
        if isinstance(polled, Iterable) and not isinstance(polled, str | bytes | Mapping):
            return list(polled)
        raise FatalTaskError(
            f"poll of task {self.id} returned a value of class {type(polled).__name__}; it must return a "
            "list of SourceRecord, or None"
        )

    def _back_off(self, wait_s: float | None = None) -> None:
        """Wait before trying again: as long as was asked for, or twice as long each time in a row."""
        self.outlet.serve(0.0)
        if wait_s is None:
            self._wait_longer()
        else:
            self.sleep(wait_s)

    def _wait_longer(self) -> bool:
        """Wait twice as long each time in a row; returns ``stopping``."""
        wait_s = self._times.retry_s * (1 << self._retries)
        self._retries = min(self._retries + 1, MAX_DOUBLINGS)
        return self.sleep(wait_s)

    def sleep(self, seconds: float) -> bool:
        """The task's own waiting; what was sent is acknowledged meanwhile. Task thread."""
        call = self.activity.call
        self.activity.leave()  # who waits so is not stuck in the call it waits in
        try:
            return self._sleep(seconds)
        finally:
            self.activity.enter(call)

    def _sleep(self, seconds: float) -> bool:
        until = self.clock() + seconds
        while self.outlet.in_flight and not self.control.stopping:
            left = until - self.clock()
            if left <= 0:
                return self.control.stopping
            self.outlet.serve(min(left, 0.05))
        return self.control.sleep(max(until - self.clock(), 0.0))

    # --- one batch -------------------------------------------------------------------------------

    def _send(self, batch: Batch) -> bool:
        """Send a batch; False if it, or what is left of it in ``_held``, must be tried again later."""
        if not batch:
            self.outlet.serve(0.0)
            return True
        # Without transforms, a checkpoint shows by itself: it cannot be encoded.
        if (self.outlet.cuts or self._chain.steps) and (pieces := self._pieces(batch)):
            return self._send_pieces(pieces)
        return self._send_records(cast("list[SourceRecord]", batch))

    def _pieces(self, batch: Batch) -> list[tuple[Batch, bool]] | None:
        """The batch in pieces that are sent one after the other; None if it is one.

        Cut where a transaction may end (True), and around checkpoints.
        """
        cuts = set(self.outlet.cut(batch)) if self.outlet.cuts else set()
        if not cuts and Checkpoint not in map(type, batch):
            return None
        pieces: list[tuple[Batch, bool]] = []
        piece: Batch = []
        for number, record in enumerate(batch):
            if type(record) is Checkpoint:
                pieces += [(piece, False)] if piece else []
                pieces.append(([record], False))
                piece = []
                continue
            piece.append(record)
            if number in cuts:
                pieces.append((piece, True))
                piece = []
        return pieces + ([(piece, False)] if piece else [])

    def _send_pieces(self, pieces: list[tuple[Batch, bool]]) -> bool:
        for number, (piece, ends) in enumerate(pieces):
            first = piece[0]
            if isinstance(first, Checkpoint):
                self.outlet.checkpoint(first)
                self.counters.polled.total -= 1
                continue
            self._held = piece
            if not self._send_records(cast("list[SourceRecord]", piece)):
                self._held = [
                    *(self._held or []),
                    *(each for rest, _ in pieces[number + 1 :] for each in rest),
                ]
                return False
            if ends:
                last = piece[-1]
                assert isinstance(last, SourceRecord)
                self.outlet.reached(last)
        return True

    def _send_records(self, batch: list[SourceRecord]) -> bool:
        made = None
        try:
            try:
                made = self._make_all(batch)
                self.tolerance.passed(writing=False)
                self._dispatch_all(batch, *made)
            except (FencedError, LifeLostError):
                raise
            except Exception as exc:
                if made is not None and isinstance(exc, RetriableError):
                    raise  # the log cannot take it just now; nothing is wrong with any record
                if made is None and Checkpoint in map(type, batch):
                    self._chain.rewind()
                    pieces = self._pieces(cast("Batch", batch))
                    assert pieces is not None
                    return self._send_pieces(pieces)
                log.debug("A batch of task %s is replayed record by record", self.id, exc_info=exc)
                self._chain.rewind()
                self._send_each(batch)
        except StoppedRetryingError:
            return False
        except BreakerOpenError as exc:
            self._chain.rewind()
            self.note = f"paused by its circuit breaker: {exc}"
            log.warning("Task %s is %s; it goes on when a record passes", self.id, self.note)
            return False
        except RetriableError as exc:
            self._chain.rewind()
            log.warning("Task %s could not send a batch and tries again: %s", self.id, describe(exc))
            return False
        self.outlet.wait_for_room()
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
        if out:
            self.outlet.send(out, originals, origin, topics)
            self.on_topics(topics)
        if originals is not batch and len(originals) < len(batch):
            kept_set = set(map(id, originals))
            self.outlet.skip([record for record in batch if id(record) not in kept_set])

    def _send_each(self, batch: list[SourceRecord]) -> None:
        """Replay: each record under the error policy, and what is good goes out even if the task fails."""
        out: list[OutRecord] = []
        originals: list[SourceRecord] = []
        origin: list[int] = []
        dropped: list[SourceRecord] = []
        done = 0
        try:
            for number, record in enumerate(batch):
                made = self._make(record, number)
                if made:
                    self.tolerance.passed(writing=False)
                    origin.extend([len(originals)] * len(made))
                    originals.append(record)
                    out.extend(made)
                else:
                    dropped.append(record)
                done += 1
        except BreakerOpenError:
            done = self.tolerance.rewind_to().get(SOURCE, done)
            raise
        finally:
            # Also on the way out with an error: records before the one that failed are delivered first.
            self.tolerance.withdraw({SOURCE: done})
            kept = set(map(id, batch[:done]))
            dropped = [record for record in dropped if id(record) in kept]
            single = len(origin) == len(originals)
            self._dispatch_each(out, originals, None if single else origin)
            self.outlet.skip(dropped)
            self._held = cast("Batch", batch[done:])

    def _make(self, record: SourceRecord, number: int) -> list[OutRecord]:
        """All that becomes of a record, or nothing if any of it fails and that is tolerated."""
        if not isinstance(record, SourceRecord):
            raise FatalTaskError(
                f"poll of task {self.id} returned a list with an element of class {type(record).__name__}; "
                "it must hold SourceRecord objects"
            )
        subject = Subject(where_of(record), record, (SOURCE, number))
        made = []
        for child in run_one(self._chain, record, self.tolerance, subject):
            encoded = self._encoder.encode_one(child, self.tolerance, subject)
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
        self.on_topics(topics)
        try:
            self.outlet.send(out, originals, origin, topics)
        except DataError:
            # One of them is nothing the log will ever take: find it by sending them one at a time,
            # what was made of one record together, since its offset stands for all of it.
            owner = origin if origin is not None else range(len(out))
            for number, group in groupby(zip(owner, out, strict=True), itemgetter(0)):
                records = [record for _, record in group]
                try:
                    self.outlet.send(records, [originals[number]], [0] * len(records), topics)
                except DataError as exc:
                    self._refused(exc, originals[number], records[0])

    def _refused(self, error: Exception, original: SourceRecord, produced: OutRecord) -> None:
        topic = produced[0]
        subject = Subject(where_of(original, topic), original, produced=produced)
        self.tolerance.drop(Stage.KAFKA_PRODUCE, PRODUCER, error, subject, wait=True)
        self.outlet.skip([original])

    def committed(self, record: SourceRecord, metadata: RecordMetadata | None) -> None:
        """Tell the task; its errors are its own."""
        try:
            self.task.commit_record(record, metadata)
        except BaseException:
            log.exception("commit_record of task %s failed", self.id)

    def committed_all(self) -> None:
        """Tell the task that offsets were stored; its errors are its own. Any thread."""
        if not self._runs:  # the time for a commit may come before a slow start has returned
            return
        self.commits_since = self.clock()
        try:
            self.task.commit()
        except BaseException:
            log.exception("commit of task %s failed", self.id)
        finally:
            self.commits_since = None

    def commit_offsets(self) -> bool:
        """Store the offsets of what was acknowledged, then call ``task.commit``. Any thread."""
        return self.outlet.commit_offsets()

    @property
    def caught_up(self) -> bool:
        """Nothing more will come, and all that came is acknowledged. Any thread."""
        return self.finished and self._held is None and not self.outlet.in_flight

    # --- the end ---------------------------------------------------------------------------------

    def close(self) -> None:
        steps: list[Callable[[], None]] = []
        if self._initialized:
            steps.append(self._stop_task)
        steps += self.outlet.close()
        letters = self.tolerance.letters
        if letters is not None:
            wait_s = 0.0 if self.control.cancelled else self._times.close_s
            steps.append(lambda: letters.close(self.control.share_s(wait_s)))
        steps += [self._reader.close, self._chain.close, self._converters.close]
        close_all(steps)

    def _stop_task(self) -> None:
        self._runs = False
        with self.activity.calling("stop"):
            self.task.stop()

    def fence(self) -> None:
        """Nothing more is sent or read by the task. Its producer may be busy, so nobody waits for it."""
        self._reader.close()
        self.outlet.fence()


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

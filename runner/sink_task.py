"""A sink task's loop: consume, convert, transform, put, and commit what the task says is safe.

Delivery is at least once (KIP-26): an offset is committed only after ``pre_commit`` returned it, and after
every report of an errant record up to it was acknowledged. ``put`` is called after every poll, also with
an empty list. Batches go through whole; when a record of one fails, that batch is replayed record by
record under the error policy. Topic-partitions and offsets are the originals (KIP-793).

Threads: everything runs on the task's thread, rebalance callbacks included.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from connectkit.api import SinkTask, TopicPartition
from connectkit.errors import ConnectError, FatalTaskError, FencedError, RetriableError
from connectkit.record import SinkRecord
from connectkit.runner.chain import Chain
from connectkit.runner.control import Control, TaskId
from connectkit.runner.counters import SinkCounters
from connectkit.runner.decode import RecordDecoder, where_of
from connectkit.runner.encode import Converters
from connectkit.runner.errant import ErrantReporter
from connectkit.runner.fan import run_all, run_one
from connectkit.runner.log.api import Consumer, Message
from connectkit.runner.log.topics import compile_pattern
from connectkit.runner.rebalance import Rebalance
from connectkit.runner.reporters import DeadLetters
from connectkit.runner.sink_context import SinkContext
from connectkit.runner.source_task import MAX_DOUBLINGS, close_all
from connectkit.runner.status import State, StatusListener
from connectkit.runner.tolerance import StoppedRetryingError, Subject, Tolerance, describe
from connectkit.runner.worker_task import WorkerTask

log = logging.getLogger(__name__)

RETRY_S = 0.1
"""Before a batch that the task could not take is put again, the first time; twice as long each time."""

SLICE_S = 0.1
"""The longest single wait inside a poll: how late a stop or a pause can be noticed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkSettings:
    """What a sink task subscribes to, and how long it waits for what. Seconds."""

    topics: Sequence[str] = ()
    pattern: str | None = None
    group: str = ""
    """The consumer group."""
    flush_interval_s: float = 60.0
    flush_timeout_s: float = 5.0
    max_poll_records: int = 500
    close_s: float = 30.0


class WorkerSinkTask(WorkerTask):
    """Runs one sink task."""

    kind = "sink"

    def __init__(
        self,
        task_id: TaskId,
        task: SinkTask[Any],
        *,
        configs: Mapping[str, str],
        chain: Chain,
        converters: Converters,
        consumer: Consumer,
        tolerance: Tolerance,
        counters: SinkCounters,
        control: Control,
        status: StatusListener,
        settings: SinkSettings,
        errant: ErrantReporter | None = None,
        dead_letters: DeadLetters | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(task_id, control, status, clock=clock)
        self.task = task
        self.counters = counters
        self.lag: int | None = None
        """Records between here and the ends of the partitions, as of the last idle moment."""
        self.read_to: dict[TopicPartition, int] | None = None
        """While draining: the positions after everything read was put, or None if something waits."""
        self._chain = chain
        self._converters = converters
        self._decoder = RecordDecoder(converters)
        self._consumer = consumer
        self._tolerance = tolerance
        self._settings = settings
        self._errant = errant
        self._dead_letters = dead_letters
        self._context = SinkContext(self, configs, errant)
        self._initialized = False
        self._closing = False

        self._reports: list[Future[None]] = []  # dead letters that were not acknowledged at the last commit
        self._batch: list[SinkRecord] = []  # held until put takes it
        self._batch_offsets: dict[TopicPartition, int] = {}  # where to go on after the held batch
        self._redelivering = False
        self._retries = 0
        self._paused = False
        self._current: dict[TopicPartition, int] = {}  # where to go on after what put has taken
        self._committed: dict[TopicPartition, int] = {}
        self._committing: tuple[int, float, dict[TopicPartition, int]] | None = None  # sequence, began
        self._next_commit = 0.0
        self._rebalance_error: BaseException | None = None
        self._next_lag = 0.0

    # --- the loop --------------------------------------------------------------------------------

    def begin(self) -> None:
        settings = self._settings
        self._consumer.subscribe(topics=settings.topics, pattern=settings.pattern, listener=Rebalance(self))
        self._initialized = True
        self.task.initialize(self._context)
        self.task.start()

    def execute(self) -> None:
        self._next_commit = self.clock() + self._settings.flush_interval_s
        try:
            while not self.control.stopping:
                self._iterate()
        except StoppedRetryingError:
            if not self.control.stopping:
                raise
        finally:
            if not self.control.cancelled:
                self._close_partitions(list(self._current))
        self.check_failure()

    def _iterate(self) -> None:
        self.check_failure()
        now = self.clock()
        if self._committing is None and (self._context.commit_requested or now >= self._next_commit):
            self._commit(list(self._current), closing=False)
            self._next_commit = now + self._settings.flush_interval_s
            self._context.commit_requested = False
        if self._committing is not None and now >= self._committing[1] + self._settings.flush_timeout_s:
            log.warning("The commit of the offsets of sink task %s timed out", self.id)
            self.counters.commits.committed(now - self._committing[1], now, success=False)
            self._committing = None
        until = self._next_commit
        if self._committing is not None:  # nothing else is due before its answer, or its end
            until = max(until, self._committing[1] + self._settings.flush_timeout_s)
        messages = self._poll(max(until - now, 0.0))
        if messages is None:
            return
        if messages:
            self._convert(messages)
        self._deliver()

    def _poll(self, timeout_s: float) -> Sequence[Message] | None:
        """Consume; None if stopping or if the target changed, when nothing is put."""
        context, control = self._context, self.control
        self._rewind()
        if context.timeout_ms > 0:
            timeout_s = min(timeout_s, context.timeout_ms / 1000)
            context.timeout_ms = -1
        until = self.clock() + timeout_s
        while True:
            if control.paused != self._paused:
                self._follow_target()
                return None
            left_s = until - self.clock()
            messages = self._consume(max(min(left_s, SLICE_S), 0.0))
            if self._rebalance_error is not None:
                raise self._rebalance_error
            if messages:
                self.counters.read.record(len(messages), self.clock())
                self.read_to = None
                return messages
            if control.stopping:
                return None
            self._idle()
            if left_s <= SLICE_S or context.commit_requested:
                return messages
            if self._committing is None and self.clock() >= self._next_commit:
                return messages
            self.check_failure()

    def _consume(self, timeout_s: float) -> Sequence[Message]:
        try:
            return self._consumer.consume(self._settings.max_poll_records, timeout_s)
        except RetriableError as exc:
            log.warning("Task %s could not read just now and tries again: %s", self.id, describe(exc))
            self.control.sleep(SLICE_S if exc.wait_s is None else exc.wait_s)
            return ()

    def _idle(self) -> None:
        now = self.clock()
        if self._dead_letters is not None:
            self._dead_letters.serve()
        if self.control.draining and not self._batch:
            self.read_to = {tp: self._consumer.position(tp) for tp in self._current}
        if now >= self._next_lag:
            self._note_lag(now)

    def _note_lag(self, now: float) -> None:
        self._next_lag = now + 1.0
        self.lag = self._consumer.lag()
        self.counters.active = sum(
            max(offset - self._committed.get(tp, offset), 0) for tp, offset in self._current.items()
        )
        self.counters.active_max = max(self.counters.active_max, self.counters.active)

    def _follow_target(self) -> None:
        """The operator paused or resumed. While paused the loop polls on, so that the group keeps us."""
        self._paused = self.control.paused
        if self._paused:
            self._consumer.pause(list(self._current))
            self.tell(State.PAUSED)
            self._context.commit_requested = True
        else:
            if not self._redelivering:
                self._resume_all()
            self.tell(State.RUNNING)

    def _resume_all(self) -> None:
        """Resume what the task itself has not paused."""
        self._consumer.resume([tp for tp in self._current if tp not in self._context.paused])

    # --- one batch -------------------------------------------------------------------------------

    def _convert(self, messages: Sequence[Message]) -> None:
        offsets: dict[TopicPartition, int] = {}
        try:
            records = run_all(self._chain, self._decoder.decode(messages, offsets))[0]
        except FencedError:
            raise
        except Exception as exc:
            log.debug("A batch of task %s is replayed record by record", self.id, exc_info=exc)
            offsets.clear()
            self._chain.rewind()
            records = self._convert_each(messages, offsets)
        self.counters.commits.batch.record(len(records), self.clock())
        if self._errant is not None:
            self._errant.delivered(messages)
        # A held batch is only added to after a revocation took all of it that was paused.
        self._batch = self._batch + records if self._batch else records
        self._batch_offsets.update(offsets)

    def _convert_each(
        self, messages: Sequence[Message], offsets: dict[TopicPartition, int]
    ) -> list[SinkRecord]:
        records: list[SinkRecord] = []
        for message in messages:
            subject = Subject(where_of(message), message)
            record = self._decoder.decode_one(message, self._tolerance, subject)
            if record is not None:
                records += run_one(self._chain, record, self._tolerance, subject)
            offsets[TopicPartition(message.topic(), message.partition())] = message.offset() + 1
        return records

    def _deliver(self) -> None:
        began = self.clock()
        count = len(self._batch)
        try:
            self.task.put(self._batch[:])
        except RetriableError as exc:
            self._redeliver(exc)
            return
        except (FatalTaskError, FencedError):
            raise
        except Exception as exc:
            raise FatalTaskError(
                f"Writing failed in {type(self.task).__name__}.put of task {self.id}{self._batch_place()}: "
                f"{describe(exc)}; the batch is not committed, mend the cause and restart the task"
            ) from exc
        self._retries = 0
        if self._errant is not None:
            self._errant.check()
        now = self.clock()
        if count:
            self.counters.sent.record(count, now)
            self.counters.put_time.record(now - began, now)
            self._batch = []
        if self._batch_offsets:
            self._current.update(self._batch_offsets)
            self._batch_offsets = {}
            if now >= self._next_lag:
                self._note_lag(now)
        if self._redelivering:
            self._redelivering = False
            if not self._paused:
                self._resume_all()

    def _redeliver(self, error: RetriableError) -> None:
        """The task could not take the batch now: nothing new is read until it does."""
        log.warning("Task %s could not write a batch and is given it again: %s", self.id, describe(error))
        if self._context.timeout_ms <= 0:  # Connect waits until the next commit, a minute in most cases
            wait_s = RETRY_S * (1 << self._retries) if error.wait_s is None else error.wait_s
            self._context.timeout_ms = max(int(wait_s * 1000), 1)
        self._retries = min(self._retries + 1, MAX_DOUBLINGS)
        if not self._redelivering:
            self._redelivering = True
            self._consumer.pause(list(self._current))

    def _batch_place(self) -> str:
        if not self._batch:
            return ""
        first = self._batch[0]
        return (
            f", in a batch of {len(self._batch)} from "
            f"{first.original_topic}-{first.original_kafka_partition}@{first.original_kafka_offset}"
        )

    # --- offsets ---------------------------------------------------------------------------------

    def _rewind(self) -> None:
        """Go to the offsets that the task has asked for."""
        wanted = self._context.take_offsets()
        for tp, offset in wanted.items():
            if tp not in self._current:
                log.warning("Task %s asked for offset of %s-%d, which is not its partition", self.id, *tp)
                continue
            self._consumer.seek(tp, offset)
            self._committed[tp] = self._current[tp] = offset
            self._drop_held([tp])

    def _commit(self, partitions: Collection[TopicPartition], *, closing: bool) -> None:
        offsets = {tp: self._current[tp] for tp in partitions if tp in self._current}
        if not offsets:
            return
        began = self.clock()
        try:
            reported = self._wait_for_reports()
        except FatalTaskError:
            if closing:
                self.task.close(list(offsets))
            raise
        if not reported:
            if closing:
                self.task.close(list(offsets))
            self._committed_now(began, {}, success=False)
            return
        self.counters.sequence += 1
        last = {tp: self._committed[tp] for tp in offsets if tp in self._committed}
        try:
            wanted = self.task.pre_commit(dict(offsets))
        except Exception as exc:  # noqa: BLE001 - whatever flush raises, its offsets are not safe
            self._commit_refused(exc, last, began, closing=closing)
            return
        finally:
            if closing:
                self.task.close(list(offsets))
        chosen = self._choose(wanted or {}, offsets, last)
        if not wanted or chosen == last:
            self._committed_now(began, {}, success=True, skipped=True)
            return
        if self.control.cancelled:
            return
        if closing:
            self._commit_now(chosen, began)
        else:
            sequence = self.counters.sequence
            self._committing = sequence, began, chosen
            self._consumer.commit(chosen, lambda error: self._commit_answered(sequence, error))

    def _wait_for_reports(self) -> bool:
        """What was dropped must be in the dead letter queue before any offset is committed.

        False: it is not there yet, and waits for the next commit. ``FatalTaskError``: it never will be.
        """
        if self._dead_letters is None:
            return True
        self._reports += self._tolerance.take_reports()
        if self._errant is not None:
            self._reports += self._errant.take(self._current)
        self._reports = self._dead_letters.wait(
            self._reports, self.control.share_s(self._settings.flush_timeout_s)
        )
        return not self._reports

    def _commit_refused(
        self, error: Exception, last: Mapping[TopicPartition, int], began: float, *, closing: bool
    ) -> None:
        if closing:
            log.error(
                "Sink task %s failed to flush while its partitions were closed", self.id, exc_info=error
            )
        else:
            log.error(
                "Sink task %s failed to flush; it goes back to the offsets committed last",
                self.id,
                exc_info=error,
            )
            for tp, offset in last.items():
                self._consumer.seek(tp, offset)
                self._current[tp] = offset
            self._drop_held(last)
        self._committed_now(began, {}, success=False)

    def _choose(
        self,
        wanted: Mapping[TopicPartition, int],
        offsets: Mapping[TopicPartition, int],
        last: Mapping[TopicPartition, int],
    ) -> dict[TopicPartition, int]:
        """The last committed offsets, with those laid over them that the task may commit."""
        chosen = dict(last)
        for tp, offset in wanted.items():
            if tp not in chosen:
                log.warning(
                    "Task %s returned an offset of %s-%d from pre_commit, which it was not asked for",
                    self.id,
                    *tp,
                )
            elif offset > offsets[tp]:
                log.warning(
                    "Task %s returned offset %d of %s-%d from pre_commit but was only given those below %d",
                    self.id,
                    offset,
                    *tp,
                    offsets[tp],
                )
            else:
                chosen[tp] = offset
        return chosen

    def _commit_now(self, chosen: dict[TopicPartition, int], began: float) -> None:
        self._committing = None  # an answer that is still to come is about older offsets
        for attempt in (1, 2):
            try:
                self._consumer.commit(chosen, timeout_s=self.control.share_s(self._settings.flush_timeout_s))
            except RetriableError as exc:
                if attempt == 2 or self.control.stopping:  # the time to stop in is short
                    self._commit_failed(exc, began)
                    return
            except ConnectError as exc:
                self._commit_failed(exc, began)
                return
            else:
                self._committed_now(began, chosen, success=True)
                return

    def _commit_answered(self, sequence: int, error: ConnectError | None) -> None:
        """The log has answered an asynchronous commit. Task thread, inside ``consume``."""
        if self._committing is None or self._committing[0] != sequence:
            log.info("A late answer to commit %d of sink task %s is ignored", sequence, self.id)
            return
        _, began, chosen = self._committing
        self._committing = None
        if error is not None:
            self._commit_failed(error, began)
        else:
            self._committed_now(began, chosen, success=True)

    def _commit_failed(self, error: ConnectError, began: float) -> None:
        log.error("Offsets of sink task %s could not be committed: %s", self.id, describe(error))
        self._committed_now(began, {}, success=False)

    def _committed_now(
        self, began: float, offsets: Mapping[TopicPartition, int], *, success: bool, skipped: bool = False
    ) -> None:
        now = self.clock()
        self.counters.commits.committed(now - began, now, success=success)
        if skipped:
            self.counters.skips.record(1, now)
        elif success:
            # A partition that was taken away meanwhile is not ours to remember.
            self._committed.update({tp: o for tp, o in offsets.items() if tp in self._committed})
            self.counters.completions.record(1, now)

    # --- rebalances ------------------------------------------------------------------------------

    def assigned(self, partitions: Sequence[TopicPartition]) -> None:
        for tp in partitions:
            position = self._consumer.position(tp)
            self._current[tp] = self._committed[tp] = position
        self.counters.partitions = len(self._current)
        self._context.keep_paused(self._current)
        if self._batch:
            self._redelivering = True
            self._consumer.pause(list(self._current))
        elif self._redelivering:
            self._redelivering = False
            if not self._paused:
                self._resume_all()
        if self._paused:
            self._consumer.pause(list(self._current))
        elif self._context.paused:
            self._consumer.pause(list(self._context.paused))
        if partitions:
            self.task.open(list(partitions))
            self._rewind()

    def revoked(self, partitions: Sequence[TopicPartition]) -> None:
        if self._closing or self.control.cancelled or not partitions:
            return
        self._close_partitions(partitions)

    def lost(self, partitions: Sequence[TopicPartition]) -> None:
        if self._closing or not partitions:
            return
        try:
            self.task.close(list(partitions))
        finally:
            if self._errant is not None:
                self._errant.forget(partitions)
            self._forget(partitions)

    def _close_partitions(self, partitions: Sequence[TopicPartition]) -> None:
        try:
            self._commit(partitions, closing=True)
        finally:
            self._forget(partitions)

    def _forget(self, partitions: Sequence[TopicPartition]) -> None:
        for tp in partitions:
            self._current.pop(tp, None)
            self._committed.pop(tp, None)
        self.counters.partitions = len(self._current)
        self._drop_held(partitions)

    def _drop_held(self, partitions: Collection[TopicPartition]) -> None:
        """These records of the batch that put would not take are not ours any more, or are read again."""
        gone = set(partitions)
        for tp in gone:
            self._batch_offsets.pop(tp, None)
        if self._batch:
            self._batch = [
                record
                for record in self._batch
                if (record.original_topic, record.original_kafka_partition) not in gone
            ]

    def rebalance_failed(self, error: BaseException) -> None:
        """A callback must not raise into the client library: it is raised after the poll."""
        if self._rebalance_error is None:
            self._rebalance_error = error

    # --- what the context asks -------------------------------------------------------------------

    @property
    def assignment(self) -> frozenset[TopicPartition]:
        return frozenset(self._current)

    @property
    def settings(self) -> SinkSettings:
        return self._settings

    def subscribes(self, topic: str) -> bool:
        """Whether the records of that topic are for this connector. Any thread."""
        pattern = self._settings.pattern
        if pattern is None:
            return topic in self._settings.topics
        return compile_pattern(pattern).fullmatch(topic) is not None

    def pause_partitions(self, partitions: Collection[TopicPartition]) -> None:
        if not self._paused:
            self._consumer.pause(partitions)

    def resume_partitions(self, partitions: Collection[TopicPartition]) -> None:
        if not self._paused and not self._redelivering:
            self._consumer.resume(partitions)

    # --- the end ---------------------------------------------------------------------------------

    def close(self) -> None:
        self._closing = True
        steps: list[Callable[[], None]] = []
        if self._initialized:
            steps.append(self.task.stop)
        steps += [self._leave, self._chain.close, self._converters.close]
        if self._dead_letters is not None:
            letters = self._dead_letters
            wait_s = 0.0 if self.control.cancelled else self._settings.close_s
            steps.append(lambda: letters.close(self.control.share_s(wait_s)))
        close_all(steps)

    def _leave(self) -> None:
        self._consumer.close(self.control.share_s(self._settings.close_s))

    def fence(self) -> None:
        """``cancelled`` is looked at before every commit; the consumer belongs to the task's thread."""

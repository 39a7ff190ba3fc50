"""A sink task's loop: consume, convert, transform, put, and commit what the task says is safe.

Delivery is at least once (KIP-26; offsets are :mod:`connectkit.runner.sink_offsets`'s). ``put`` is called
after every poll, also with an empty list, or by the batch (:mod:`connectkit.runner.gather`). Batches go
through whole; when a record of one fails, that batch is replayed record by record under the error policy.

What is not to be read just now is held: its partitions are paused, and the loop polls on, so that the group
keeps the task.

Threads: everything runs on the task's thread, rebalance callbacks included.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from connectkit.api import SinkTask, TopicPartition
from connectkit.errors import RetriableError
from connectkit.runner.chain import Chain
from connectkit.runner.control import Control, TaskId
from connectkit.runner.counters import SinkCounters
from connectkit.runner.encode import Converters
from connectkit.runner.errant import ErrantReporter
from connectkit.runner.gather import BatchBounds, Gather, starts
from connectkit.runner.intake import Intake
from connectkit.runner.keepalive import KeepAlive, SharedConsumer
from connectkit.runner.lanes import begin_thread
from connectkit.runner.log.api import Consumer, Message
from connectkit.runner.log.topics import compile_pattern
from connectkit.runner.put import Putter
from connectkit.runner.rebalance import Rebalance
from connectkit.runner.sink_context import SinkContext
from connectkit.runner.sink_offsets import SinkOffsets
from connectkit.runner.source_task import MAX_DOUBLINGS, MOST_LETTERS, close_all
from connectkit.runner.status import State, StatusListener
from connectkit.runner.tolerance import BreakerOpenError, Letters, StoppedRetryingError, Tolerance, describe
from connectkit.runner.worker_task import WorkerTask

log = logging.getLogger(__name__)

RETRY_S = 0.1
"""Before a batch that the task could not take is put again, the first time; twice as long each time."""

LEAVE_S = 5.0
"""How long a fenced task may take to leave its group."""

SLICE_S = 0.1
"""The longest single wait inside a poll: how late a stop or a pause can be noticed."""

_PUT, _BREAKER, _LETTERS = "put", "breaker", "letters"
"""Why nothing is read: a batch is to be put again, the system is down, dead letters are not taken."""


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
    max_poll_interval_s: float = 300.0
    close_s: float = 30.0
    bisects: bool = False
    """Whether the worker may put records again to find those that cannot be written."""
    batch: BatchBounds | None = None
    """None: what a poll returns is put."""

    def subscribes(self, topic: str) -> bool:
        """Whether the records of that topic are for this connector."""
        if self.pattern is None:
            return topic in self.topics
        return compile_pattern(self.pattern).fullmatch(topic) is not None


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
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(task_id, control, status, clock=clock)
        self.task = task
        self.counters = counters
        self.lag: int | None = None
        """Records between here and the ends of the partitions, as of the last idle moment."""
        self.read_to: dict[TopicPartition, int] | None = None
        """While draining: the positions after everything read was put, or None if something waits."""
        self.note: str | None = None
        """Why nothing moves although the task runs, in a sentence without values; else None."""
        self._chain = chain
        self._converters = converters
        self._intake = Intake(chain, converters, tolerance)
        self._keep_alive = KeepAlive(
            self, consumer, max_poll_interval_s=settings.max_poll_interval_s, clock=clock
        )
        self._reader = consumer  # subscribes, reads and is closed; all else goes by way of the other
        self._consumer = SharedConsumer(consumer, self._keep_alive)
        self._tolerance = tolerance
        self._breaker = tolerance.breaker
        self._settings = settings
        self._errant = errant
        self._dead_letters = tolerance.letters
        self._context = SinkContext(self, configs, errant)
        self._offsets = SinkOffsets(
            task_id,
            task,
            self._consumer,
            control=control,
            counters=counters,
            clock=clock,
            timeout_s=settings.flush_timeout_s,
            tolerance=tolerance,
            errant=errant,
            rewound=self._drop_held,
            busy=self._busy,
        )
        self._putter = Putter(task_id, task, tolerance, errant, bisects=settings.bisects)
        self._gather = None if settings.batch is None else Gather(settings.batch)
        self._initialized = False
        self._closing = False

        self._batch_offsets: dict[TopicPartition, int] = {}  # where to go on after the held batch
        self._back: dict[TopicPartition, int] | None = None  # where to go back to after it
        self._holds: set[str] = set()
        self._retries = 0
        self._paused = False
        self._next_commit = 0.0
        self._rebalance_error: BaseException | None = None
        self._next_lag = 0.0

    # --- the loop --------------------------------------------------------------------------------

    def counts(self) -> SinkCounters:
        return self.counters

    def begin(self) -> None:
        settings = self._settings
        self._reader.subscribe(
            topics=settings.topics, pattern=settings.pattern, listener=Rebalance(self, self._keep_alive)
        )
        self._initialized = True
        self._keep_alive.lend()
        try:
            with self.activity.calling("start"):
                self.task.initialize(self._context)
                self.task.start()
        finally:
            self._keep_alive.rest()

    def execute(self) -> None:
        self._next_commit = self.clock() + self._settings.flush_interval_s
        try:
            while not self.control.stopping:
                self._iterate()
        except StoppedRetryingError:
            if not self.control.stopping:
                raise
        finally:
            self._tolerance.forget_batch()
            if not self.control.cancelled:
                self._close_partitions(list(self._offsets.current))
        self.check_failure()

    def _iterate(self) -> None:
        self.check_failure()
        now = self.clock()
        offsets = self._offsets
        until = offsets.times_out_at
        if until is None and (self._context.commit_requested or now >= self._next_commit):
            with self.activity.calling("flush"):
                offsets.commit(list(offsets.current), closing=False)
            self._keep_alive.settle()
            self._next_commit = now + self._settings.flush_interval_s
            self._context.commit_requested = False
        elif until is not None:
            offsets.time_out(now)
        if self._dead_letters is not None:
            self._mind_letters(self._dead_letters)
        messages = self._poll(self._wait_s(now))
        if messages is None:
            return
        if self._gather is not None:
            if messages:
                self._gather.add(messages, self.clock())
            if not self._putter.held:
                hurried = self._breaker.probing or (self.control.draining and not messages)
                hurried = hurried or self.activity.careful
                due = hurried or self._gather.is_due(self.clock())
                if len(self._gather) and not due:
                    return
                messages = self._gather.take(self.clock()) if due and len(self._gather) else ()
        try:
            if messages and self._breaker.is_open and self._back is None:
                self._go_back(starts(messages))  # read before its partitions were paused
            elif messages:
                self._keep_alive.begin()
                self._convert(messages)
            if self._back is not None or not self._breaker.is_open:
                self._deliver()
        finally:
            self._keep_alive.rest()
            self._keep_alive.settle()

    def _wait_s(self, now: float) -> float:
        """Until something else is due than records."""
        until = self._next_commit
        timeout = self._offsets.times_out_at
        if timeout is not None:  # nothing else is due before its answer, or its end
            until = max(until, timeout)
        if self._gather is not None and self._gather.due_at is not None:
            until = min(until, self._gather.due_at)
        return max(until - now, 0.0)

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
            if self._breaker.is_open:
                self._mind_breaker()
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
            if self._offsets.times_out_at is None and self.clock() >= self._next_commit:
                return messages
            if control.draining and self._gather is not None and len(self._gather):
                return messages
            self.check_failure()

    def _consume(self, timeout_s: float) -> Sequence[Message]:
        most = self._settings.max_poll_records
        if self._gather is not None:
            most = min(most, self._gather.room)
        try:
            one = self._breaker.probing or self.activity.careful
            return self._reader.consume(1 if one else most, timeout_s)
        except RetriableError as exc:
            log.warning("Task %s could not read just now and tries again: %s", self.id, describe(exc))
            self.control.sleep(SLICE_S if exc.wait_s is None else exc.wait_s)
            return ()

    def _idle(self) -> None:
        now = self.clock()
        if self._dead_letters is not None:
            self._mind_letters(self._dead_letters)
        if self.control.draining and not self._holds and not self._gathered:
            self.read_to = {tp: self._consumer.position(tp) for tp in self._offsets.current}
        if now >= self._next_lag:
            self._note_lag(now)

    @property
    def _gathered(self) -> int:
        return 0 if self._gather is None else len(self._gather)

    def _mind_letters(self, letters: Letters) -> None:
        """Let acknowledgements come in, and read nothing while too many are still to come."""
        letters.serve()
        letters.check()
        if _LETTERS in self._holds:
            if letters.waiting <= MOST_LETTERS // 2:
                self._release(_LETTERS)
        elif letters.waiting > MOST_LETTERS:
            self.note = f"{letters.waiting} dead letters are not acknowledged by {letters.topic} yet"
            self._hold(_LETTERS)

    def _note_lag(self, now: float) -> None:
        self._next_lag = now + 1.0
        self.lag = self._consumer.lag()
        committed = self._offsets.committed
        self.counters.active = sum(
            max(offset - committed.get(tp, offset), 0) for tp, offset in self._offsets.current.items()
        )
        self.counters.active_max = max(self.counters.active_max, self.counters.active)

    # --- pausing ---------------------------------------------------------------------------------

    def _follow_target(self) -> None:
        """The operator paused or resumed. While paused the loop polls on, so that the group keeps us."""
        self._paused = self.control.paused
        if self._putter.held:  # the wait for its next attempt has been cut short by this
            self._context.timeout_ms = 1
        if self._paused:
            self._consumer.pause(list(self._offsets.current))
            if self._gather is not None:  # it has not been put, and may not be for a long time
                self._go_back(self._gather.starts())
            self.tell(State.PAUSED)
            self._context.commit_requested = True
        else:
            if not self._holds:
                self._resume_all()
            self.tell(State.RUNNING)

    def _hold(self, reason: str) -> None:
        """Read nothing for this reason."""
        if not self._holds:
            self._consumer.pause(list(self._offsets.current))
        self._holds.add(reason)

    def _release(self, reason: str) -> None:
        if reason in self._holds:
            self._holds.discard(reason)
            if not self._holds:
                if not self._breaker.probing:
                    self.note = None
                if not self._paused:
                    self._resume_all()

    def _resume_all(self) -> None:
        """Resume what the task itself has not paused."""
        self._consumer.resume([tp for tp in self._offsets.current if tp not in self._context.paused])

    # --- one batch -------------------------------------------------------------------------------

    def _convert(self, messages: Sequence[Message]) -> None:
        self.activity.batch(messages)
        taken = self._intake.take(messages)
        self.counters.commits.batch.record(len(taken.records), self.clock())
        if self._errant is not None:
            self._errant.delivered(messages)
        # A held batch is only added to after a revocation took all of it that was paused.
        self._putter.load(taken.records)
        self._batch_offsets.update(taken.offsets)
        self.on_topics({tp.topic for tp in taken.offsets})
        if taken.opened is not None:
            self._back = taken.back
            self._tell_open(taken.opened)

    def _deliver(self) -> None:
        began = self.clock()
        try:
            self.activity.enter("put" if self._putter.held else "empty put")
            self._keep_alive.begin()
            try:
                count = self._putter.put()
            finally:
                self.activity.leave()
                self._keep_alive.rest()
        except BreakerOpenError as exc:
            self._tell_open(exc)
            back = self._tolerance.rewind_to()
            for tp, offset in [*self._putter.starts().items(), *(self._back or {}).items()]:
                back[tp] = min(back.get(tp, offset), offset)
            self._putter.clear()
            self._back = back
            count = 0
        except RetriableError as exc:
            self._redeliver(exc)
            return
        if self.control.cancelled:  # another task may have taken its place meanwhile
            return
        self._retries = 0
        now = self.clock()
        if count:
            self.counters.sent.record(count, now)
            self.counters.put_time.record(now - began, now)
        if self._batch_offsets:
            self._offsets.current.update(self._batch_offsets)
            self._batch_offsets = {}
            if now >= self._next_lag:
                self._note_lag(now)
        if self._back is not None:
            self._break()
        else:
            self._tolerance.batch_done()
            if _BREAKER in self._holds and not self._breaker.is_open:
                self._release(_BREAKER)
        if _PUT in self._holds:
            self._release(_PUT)
        elif self.note is not None and not self._holds and not self._breaker.probing:
            self.note = None

    def _redeliver(self, error: RetriableError) -> None:
        """The task could not take the batch now: nothing new is read until it does."""
        log.warning("Task %s could not write a batch and is given it again: %s", self.id, describe(error))
        self.note = f"a batch is put again until the task takes it: {describe(error)}"
        self.counters.errors.note(f"putting failed: {describe(error)}", self.clock())
        if self._context.timeout_ms <= 0:  # Connect waits until the next commit, a minute in most cases
            wait_s = RETRY_S * (1 << self._retries) if error.wait_s is None else error.wait_s
            self._context.timeout_ms = max(int(wait_s * 1000), 1)
        self._retries = min(self._retries + 1, MAX_DOUBLINGS)
        self._hold(_PUT)

    # --- the circuit breaker ---------------------------------------------------------------------

    def _tell_open(self, error: BreakerOpenError) -> None:
        wait_s = max(self._breaker.until - self.clock(), 0.0)
        log.warning(
            "Task %s pauses for %.1f s, goes back to where the failures began and tries one record: %s",
            self.id,
            wait_s,
            describe(error),
        )
        self.note = f"paused by its circuit breaker and tried again from time to time: {describe(error)}"

    def _break(self) -> None:
        """Go back to where the row of failures began, and read nothing."""
        back, self._back = self._back or {}, None
        if self._gather is not None:
            for tp, offset in self._gather.starts().items():
                back[tp] = min(back.get(tp, offset), offset)
        self._tolerance.withdraw(back)
        self._go_back(back)
        self._hold(_BREAKER)

    def _mind_breaker(self) -> None:
        """Try a record if it is time. One that is filtered decides nothing, and the next one is tried."""
        if self.clock() >= self._breaker.until and not self._putter.held and self._back is None:
            self._breaker.probe()
            self._release(_BREAKER)

    def _go_back(self, offsets: Mapping[TopicPartition, int]) -> None:
        self._offsets.go_back(offsets)
        if self._gather is not None:
            self._gather.forget(offsets)

    # --- offsets ---------------------------------------------------------------------------------

    def _rewind(self) -> None:
        """Go to the offsets that the task has asked for."""
        wanted = self._context.take_offsets()
        for tp, offset in wanted.items():
            if tp not in self._offsets.current:
                log.warning("Task %s asked for offset of %s-%d, which is not its partition", self.id, *tp)
                continue
            self._consumer.seek(tp, offset)
            self._offsets.assign(tp, offset)
            self._drop_held([tp])

    # --- rebalances ------------------------------------------------------------------------------

    def assigned(self, partitions: Sequence[TopicPartition]) -> None:
        for tp in partitions:
            self._offsets.assign(tp, self._consumer.position(tp))
        current = self._offsets.current
        self._context.keep_paused(current)
        if self._putter.held:
            self._holds.add(_PUT)
        elif _PUT in self._holds:
            self._release(_PUT)
        if self._paused or self._holds:
            self._consumer.pause(list(current))
        elif self._context.paused:
            self._consumer.pause(list(self._context.paused))
        if partitions:
            with self.activity.calling("open"):
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
            with self.activity.calling("close"):
                self.task.close(list(partitions))
        finally:
            if self._errant is not None:
                self._errant.forget(partitions)
            self._forget(partitions)

    def _close_partitions(self, partitions: Sequence[TopicPartition]) -> None:
        try:
            self._offsets.commit(partitions, closing=True)
        finally:
            self._forget(partitions)

    def _forget(self, partitions: Sequence[TopicPartition]) -> None:
        self._offsets.forget(partitions)
        self._drop_held(partitions)

    def _drop_held(self, partitions: Collection[TopicPartition]) -> None:
        """What was read of these and not put is not ours any more, or is read again."""
        gone = set(partitions)
        for tp in gone:
            self._batch_offsets.pop(tp, None)
            if self._back is not None:
                self._back.pop(tp, None)
        self._putter.forget(gone)
        if self._gather is not None:
            self._gather.forget(gone)
        self._tolerance.forget(gone)

    def rebalance_failed(self, error: BaseException) -> None:
        """A callback must not raise into the client library: it is raised after the poll."""
        if self._rebalance_error is None:
            self._rebalance_error = error

    # --- what the context asks -------------------------------------------------------------------

    @property
    def assignment(self) -> frozenset[TopicPartition]:
        return frozenset(self._offsets.current)

    @property
    def settings(self) -> SinkSettings:
        return self._settings

    def subscribes(self, topic: str) -> bool:
        """Whether the records of that topic are for this connector. Any thread."""
        return self._settings.subscribes(topic)

    def pause_partitions(self, partitions: Collection[TopicPartition]) -> None:
        if not self._paused:
            self._consumer.pause(partitions)

    def resume_readable(self) -> None:
        if not self._paused and not self._holds:
            self._resume_all()

    @contextmanager
    def _busy(self) -> Iterator[None]:
        """The plugin may take long over this."""
        self._keep_alive.begin()
        try:
            yield
        finally:
            self._keep_alive.rest()

    def resume_partitions(self, partitions: Collection[TopicPartition]) -> None:
        if not self._paused and not self._holds:
            self._consumer.resume(partitions)

    # --- the end ---------------------------------------------------------------------------------

    def close(self) -> None:
        self._closing = True
        steps: list[Callable[[], None]] = []
        if self._initialized:
            steps.append(self._stop_task)
        steps += [self._keep_alive.close, self._leave, self._chain.close, self._converters.close]
        if self._dead_letters is not None:
            letters = self._dead_letters
            wait_s = 0.0 if self.control.cancelled else self._settings.close_s
            steps.append(lambda: letters.close(self.control.share_s(wait_s)))
        close_all(steps)

    def _stop_task(self) -> None:
        with self.activity.calling("stop"):
            self.task.stop()

    def _leave(self) -> None:
        if not self._keep_alive.has_left:
            self._reader.close(self.control.share_s(self._settings.close_s))

    def fence(self) -> None:
        """``cancelled`` is looked at before every commit. Leave the group, so that others get the records."""
        self._closing = True  # the group's callbacks find nothing to do
        leaving = threading.Thread(target=self._keep_alive.leave, args=(LEAVE_S,), daemon=True)
        leaving.name = f"fence-{self.id}"
        begin_thread(leaving, f"Task {self.id} could not be fenced at once")

"""The offsets of a sink task: where to go on after what was put, and their commits.

An offset is committed only after ``pre_commit`` returned it, and after every report of a failed record up to
it was acknowledged. Topic-partitions and offsets are the originals (KIP-793).

Threads: the task's own, answers of the log included.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from connectkit.api import SinkTask, TopicPartition
from connectkit.errors import ConnectError, FatalTaskError, RetriableError
from connectkit.runner.control import Control, TaskId
from connectkit.runner.counters import SinkCounters
from connectkit.runner.errant import ErrantReporter
from connectkit.runner.keepalive import SharedConsumer
from connectkit.runner.tolerance import Tolerance, describe, log_failure

log = logging.getLogger(__name__)


class SinkOffsets:
    """What one sink task has put, and what of it is committed."""

    def __init__(
        self,
        task_id: TaskId,
        task: SinkTask[Any],
        consumer: SharedConsumer,
        *,
        control: Control,
        counters: SinkCounters,
        clock: Callable[[], float],
        timeout_s: float,
        tolerance: Tolerance,
        errant: ErrantReporter | None,
        rewound: Callable[[Collection[TopicPartition]], None],
        busy: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self._id = task_id
        self._task = task
        self._consumer = consumer
        self._control = control
        self._counters = counters
        self._clock = clock
        self._timeout_s = timeout_s
        self._tolerance = tolerance
        self._errant = errant
        self._busy = busy
        """To be entered while the plugin flushes, so that it may take its time."""
        self._rewound = rewound
        """Told of partitions that are read again from their committed offsets, as a flush has failed."""
        self.current: dict[TopicPartition, int] = {}
        """Where to go on after what ``put`` has taken; its keys are the partitions assigned."""
        self.committed: dict[TopicPartition, int] = {}
        self._committing: tuple[int, float, dict[TopicPartition, int]] | None = None  # sequence, began

    @property
    def times_out_at(self) -> float | None:
        """When the commit that is under way is given up, if there is one."""
        return None if self._committing is None else self._committing[1] + self._timeout_s

    def time_out(self, now: float) -> None:
        """Give up the commit that is under way, if its time is over."""
        if self._committing is not None and now >= self._committing[1] + self._timeout_s:
            log.warning("The commit of the offsets of sink task %s timed out", self._id)
            self._counters.errors.note("a commit of offsets was not answered in time", now)
            self._counters.commits.committed(now - self._committing[1], now, success=False)
            self._committing = None

    def assign(self, tp: TopicPartition, offset: int) -> None:
        self.current[tp] = self.committed[tp] = offset
        self._counters.partitions = len(self.current)

    def forget(self, partitions: Collection[TopicPartition]) -> None:
        for tp in partitions:
            self.current.pop(tp, None)
            self.committed.pop(tp, None)
        self._counters.partitions = len(self.current)

    def go_back(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Read again from these offsets on; what was committed stays so."""
        for tp, offset in offsets.items():
            if tp in self.current:
                self._consumer.seek(tp, offset)
                self.current[tp] = min(self.current[tp], offset)

    # --- committing ------------------------------------------------------------------------------

    def commit(self, partitions: Collection[TopicPartition], *, closing: bool) -> None:
        offsets = {tp: self.current[tp] for tp in partitions if tp in self.current}
        if not offsets:
            return
        began = self._clock()
        try:
            reported = self._wait_for_reports()
        except FatalTaskError:
            if closing:
                self._task.close(list(offsets))
            raise
        if not reported:
            if closing:
                self._task.close(list(offsets))
            self._ended(began, {}, success=False)
            return
        self._counters.sequence += 1
        last = {tp: self.committed[tp] for tp in offsets if tp in self.committed}
        try:
            with nullcontext() if closing else self._busy():
                wanted = self._task.pre_commit(dict(offsets))
        except Exception as exc:  # noqa: BLE001 - whatever flush raises, its offsets are not safe
            self._refused(exc, last, began, closing=closing)
            return
        finally:
            if closing:
                self._task.close(list(offsets))
        chosen = self._choose(wanted or {}, offsets, last)
        if not wanted or chosen == last:
            self._ended(began, {}, success=True, skipped=True)
            return
        if self._control.cancelled:
            return
        if closing:
            self._commit_now(chosen, began)
        else:
            sequence = self._counters.sequence
            self._committing = sequence, began, chosen
            self._consumer.commit(chosen, lambda error: self._answered(sequence, error))

    def _wait_for_reports(self) -> bool:
        """What was dropped must be in the dead letter queue before any offset is committed.

        False: it is not there yet, and waits for the next commit. ``FatalTaskError``: it never will be.
        """
        errant = () if self._errant is None else self._errant.take(self.current)
        return self._tolerance.await_reports(self._control.share_s(self._timeout_s), errant)

    def _refused(
        self, error: Exception, last: Mapping[TopicPartition, int], began: float, *, closing: bool
    ) -> None:
        if closing:
            log_failure(log, error, "Sink task %s failed to flush while its partitions were closed", self._id)
        else:
            log_failure(
                log,
                error,
                "Sink task %s failed to flush and goes back to the offsets committed last",
                self._id,
            )
            self.go_back(last)
            self._rewound(last)
        self._counters.errors.note(f"flushing failed: {describe(error)}", self._clock())
        self._ended(began, {}, success=False)

    def _choose(
        self,
        wanted: Mapping[TopicPartition, int],
        offsets: Mapping[TopicPartition, int],
        last: Mapping[TopicPartition, int],
    ) -> dict[TopicPartition, int]:
        """The last committed offsets, with those laid over them that the task may commit."""
        chosen = dict(last)
        if not isinstance(wanted, Mapping):
            raise FatalTaskError(
                f"pre_commit of task {self._id} returned a value of class {type(wanted).__name__}; it must "
                "return a dict of offsets by TopicPartition"
            )
        for tp, offset in wanted.items():
            if tp not in chosen:
                log.warning(
                    "Task %s returned an offset of %s from pre_commit, which it was not asked for",
                    self._id,
                    f"{tp[0]}-{tp[1]}" if isinstance(tp, tuple) and len(tp) == 2 else type(tp).__name__,
                )
            elif not isinstance(offset, int) or offset < 0:
                raise FatalTaskError(
                    f"pre_commit of task {self._id} returned for {tp[0]}-{tp[1]} what is no offset; offsets "
                    "are whole numbers from 0 on"
                )
            elif offset > offsets[tp]:
                log.warning(
                    "Task %s returned offset %d of %s-%d from pre_commit but was only given those below %d",
                    self._id,
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
                self._consumer.commit(chosen, timeout_s=self._control.share_s(self._timeout_s))
            except RetriableError as exc:
                if attempt == 2 or self._control.stopping:  # the time to stop in is short
                    self._failed(exc, began)
                    return
            except ConnectError as exc:
                self._failed(exc, began)
                return
            else:
                self._ended(began, chosen, success=True)
                return

    def _answered(self, sequence: int, error: ConnectError | None) -> None:
        """The log has answered an asynchronous commit. Task thread, inside ``consume``."""
        if self._committing is None or self._committing[0] != sequence:
            log.info("A late answer to commit %d of sink task %s is ignored", sequence, self._id)
            return
        _, began, chosen = self._committing
        self._committing = None
        if error is not None:
            self._failed(error, began)
        else:
            self._ended(began, chosen, success=True)

    def _failed(self, error: ConnectError, began: float) -> None:
        log.error("Offsets of sink task %s could not be committed: %s", self._id, describe(error))
        self._counters.errors.note(f"committing offsets failed: {describe(error)}", self._clock())
        self._ended(began, {}, success=False)

    def _ended(
        self, began: float, offsets: Mapping[TopicPartition, int], *, success: bool, skipped: bool = False
    ) -> None:
        now = self._clock()
        self._counters.commits.committed(now - began, now, success=success)
        if skipped:
            self._counters.skips.record(1, now)
        elif success:
            # A partition that was taken away meanwhile is not ours to remember.
            self.committed.update({tp: o for tp, o in offsets.items() if tp in self.committed})
            self._counters.completions.record(1, now)

"""Stores the offsets of a worker's source tasks, every so often.

Fixed delay per task (``offset.flush.interval.ms`` after the end of the commit before), as Kafka Connect's
SourceTaskOffsetCommitter. There a plugin whose ``commit`` hangs ends the commits of all others; here a second
thread waits for the next commit while one is made, so there are as many threads as commits that take long.
"""

from __future__ import annotations

import heapq
import logging
import threading
import time
from collections.abc import Callable
from itertools import count

from connectkit.errors import RetriableError
from connectkit.runner.lanes import begin_thread
from connectkit.runner.observe import log_context
from connectkit.runner.source_task import WorkerSourceTask

log = logging.getLogger(__name__)


class CommitSchedule:
    """Commits the offsets of the tasks it was given. Thread-safe."""

    def __init__(self, interval_s: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval_s = interval_s
        self._clock = clock
        self._changed = threading.Condition()
        self._due: list[tuple[float, int, WorkerSourceTask]] = []
        self._tasks: set[int] = set()
        self._numbers = count()
        self._stopping = False
        self._threads: set[threading.Thread] = set()
        self._waiting = 0
        """Threads that have nothing to commit just now."""

    def add(self, task: WorkerSourceTask) -> None:
        """Commit this task's offsets from now on; begins the thread with the first task."""
        with self._changed:
            self._tasks.add(id(task))
            self._push(task)
            if not self._threads:
                self._begin("; they are stored when a task stops, and from the start of another one on")

    def remove(self, task: WorkerSourceTask) -> None:
        """Stop committing for this task; a commit under way ends by itself."""
        with self._changed:
            self._tasks.discard(id(task))
            self._due = [entry for entry in self._due if entry[2] is not task]
            heapq.heapify(self._due)

    def stop(self, timeout_s: float = 1.0) -> None:
        """Begin no more commits, and wait that long for one that is under way."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
            threads = list(self._threads)
        until = self._clock() + timeout_s
        for thread in threads:
            thread.join(max(until - self._clock(), 0.0))

    def _begin(self, otherwise: str) -> None:
        """One more thread, or a warning. Under the lock."""
        thread = threading.Thread(target=self._run, name="source-offset-commits", daemon=True)
        try:
            begin_thread(thread, "Storing source offsets could not be begun")
        except RetriableError as exc:
            log.warning("%s%s", exc, otherwise)
        else:
            self._threads.add(thread)

    def _push(self, task: WorkerSourceTask) -> None:
        heapq.heappush(self._due, (self._clock() + self._interval_s, next(self._numbers), task))
        self._changed.notify_all()

    def _next(self) -> WorkerSourceTask | None:
        """The next task to commit, once it is due; None for the thread to end."""
        with self._changed:
            if self._waiting > 1:  # enough wait already
                return None
            self._waiting += 1
            try:
                while not self._stopping:
                    if self._due and self._due[0][0] <= self._clock():
                        return heapq.heappop(self._due)[2]
                    self._changed.wait(self._due[0][0] - self._clock() if self._due else None)
                return None
            finally:
                self._waiting -= 1

    def _run(self) -> None:
        try:
            self._commit_all()
        finally:
            with self._changed:
                self._threads.discard(threading.current_thread())

    def _relieve(self) -> None:
        """Have another thread wait for what is due next, while this one commits."""
        with self._changed:
            if not self._waiting and not self._stopping:
                self._begin("; those of other tasks wait for the ones that are stored now")

    def _commit_all(self) -> None:
        while (task := self._next()) is not None:
            self._relieve()
            if not task.failed:
                with log_context(f"[{task.id.connector}|task-{task.id.task}|offsets] "):
                    try:
                        task.commit_offsets()
                    except BaseException:
                        log.exception("Committing the offsets of task %s failed", task.id)
            with self._changed:
                if id(task) in self._tasks:
                    self._push(task)

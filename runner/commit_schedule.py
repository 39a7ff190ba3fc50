"""The one thread of a worker that stores the offsets of its source tasks, every so often.

Fixed delay per task (``offset.flush.interval.ms`` after the end of the commit before), as Kafka Connect's
SourceTaskOffsetCommitter. A slow store delays the commits of other tasks, never their data.
"""

from __future__ import annotations

import heapq
import logging
import threading
import time
from collections.abc import Callable
from itertools import count

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
        self._thread: threading.Thread | None = None

    def add(self, task: WorkerSourceTask) -> None:
        """Commit this task's offsets from now on; begins the thread with the first task."""
        with self._changed:
            self._tasks.add(id(task))
            self._push(task)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="source-offset-commits", daemon=True)
                self._thread.start()
            self._changed.notify()

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
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(timeout_s)

    def _push(self, task: WorkerSourceTask) -> None:
        heapq.heappush(self._due, (self._clock() + self._interval_s, next(self._numbers), task))

    def _next(self) -> WorkerSourceTask | None:
        """The next task to commit, once it is due; None to end."""
        with self._changed:
            while not self._stopping:
                if self._due and self._due[0][0] <= self._clock():
                    return heapq.heappop(self._due)[2]
                self._changed.wait(self._due[0][0] - self._clock() if self._due else None)
            return None

    def _run(self) -> None:
        while (task := self._next()) is not None:
            if not task.failed:
                with log_context(f"[{task.id.connector}|task-{task.id.task}|offsets] "):
                    try:
                        task.commit_offsets()
                    except Exception:
                        log.exception("Committing the offsets of task %s failed", task.id)
            with self._changed:
                if id(task) in self._tasks:
                    self._push(task)

"""The life that every task leads, source or sink: wait if paused, start, run, close, tell its state.

Source: Kafka Connect's WorkerTask. A task runs on a thread of its own, named after it; the worker talks to
it only through its ``Control`` and reads only its counters and its status.
"""

from __future__ import annotations

import logging
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable

from connectkit.api import TopicPartition
from connectkit.runner.activity import Activity, Slot
from connectkit.runner.causes import RemoteError
from connectkit.runner.control import Control, TaskId
from connectkit.runner.counters import SinkCounters, SourceCounters
from connectkit.runner.lanes import begin_thread
from connectkit.runner.observe import log_context
from connectkit.runner.status import State, StatusListener, trace_of
from connectkit.runner.tolerance import log_failure

log = logging.getLogger(__name__)


class WorkerTask(ABC):
    """Runs one task. ``start`` begins its thread; ``control`` ends it; ``wait`` waits for the end."""

    kind: str = "task"
    lag: int | None = None
    """Records between here and the ends of the partitions, as of the last idle moment; sinks only."""
    commits_since: float | None = None
    """When the plugin's ``commit`` was called, while it runs on the worker's commit thread; sources only."""
    note: str | None = None
    """Why nothing moves although the task runs, in a sentence without values; else None."""

    def __init__(
        self,
        task_id: TaskId,
        control: Control,
        status: StatusListener,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.id = task_id
        self.control = control
        self.clock = clock
        self.activity = Activity(clock)
        self._status = status
        self._thread: threading.Thread | None = None
        self._ended = threading.Event()
        self._giving_up = threading.Lock()
        self._given_up = False
        self._over = False
        self.call_timeout_s: float | None = None
        """How long a call of the plugin may take before the task is given up; None: for ever."""
        self._failure: BaseException | None = None
        self.failed = False
        self.on_failed: Callable[[BaseException, float], None] = lambda error, ran_s: None
        """Told that the task is FAILED, after running so many seconds. Task thread."""
        self.on_topics: Callable[[Iterable[str]], None] = lambda topics: None
        """Told of the topics of each batch that is read or written. Task thread."""
        self.began = clock()
        self.error: BaseException | None = None
        """What ended the task, if not a stop; set before the task has ended."""

    read_to: dict[TopicPartition, int] | None = None
    """While a sink drains: the positions after everything read was put, or None if something waits."""

    @property
    def caught_up(self) -> bool:
        """Nothing more will come, and all that came is acknowledged; sources only. Any thread."""
        return False

    def take_slot(self, slot: Slot | None) -> None:
        """Where the task keeps what it is at, from now on."""
        self.activity.slot = slot

    # --- what the worker calls -------------------------------------------------------------------

    def start(self) -> None:
        """Run in a thread of its own. It is a daemon: a task that never returns cannot hold the process."""
        thread = threading.Thread(
            target=self.run, name=f"task-thread-{self.id.connector}-{self.id.task}", daemon=True
        )
        begin_thread(thread, f"Task {self.id} could not be started")
        self._thread = thread

    def wait(self, timeout_s: float) -> bool:
        """Whether the task has ended within this time; one that was never started, or given up, has."""
        return self._thread is None or self._given_up or self._ended.wait(max(timeout_s, 0.0))

    def abandon(self) -> None:
        """The task did not end in time: fence it, so that it can no longer commit, and let go of it."""
        self.control.cancel()
        log.error(
            "Task %s did not stop in time and was abandoned; nothing it does from here on is committed",
            self.id,
        )
        self._status(self.id, State.UNASSIGNED, None)
        self.activity.slot = None  # it belongs to the task's next life
        self.fence()

    def overdue(self, now: float) -> str | None:
        """Why the task is to be given up, in a sentence; None if it is not. Any thread."""
        doing, limit_s = self.activity.lasts_s(now), self.call_timeout_s
        if doing is None or limit_s is None or doing[1] < limit_s:
            return None
        return (
            f"{doing[0]} of task {self.id} has not returned for {doing[1]:.0f} s, which is longer than "
            "task.call.timeout.ms allows"
        )

    def give_up(self, error: BaseException) -> None:
        """A call has lasted too long: fence the task, let go of its thread, and fail. Watchdog's thread."""
        with self._giving_up:
            if self._given_up or self._over or self.control.stopping:
                return
            self._given_up = True
            self.control.cancel()
        self.activity.slot = None
        self.fence()
        self.error = error
        self._end_failed(error)

    def fail(self, error: BaseException) -> None:
        """Fail the task from another thread (its commit thread); it ends at its next step."""
        if self._failure is None:
            self._failure = error
        self.control.wake()

    def check_failure(self) -> None:
        """Raise what failed outside the task's loop. Task thread."""
        failure = self._failure
        if failure is not None:
            raise failure

    # --- the life --------------------------------------------------------------------------------

    def run(self) -> None:
        """The whole life, on the calling thread; never raises."""
        with log_context(f"[{self.id.connector}|task-{self.id.task}] "):
            error: BaseException | None = None
            self.activity.runs_here()
            try:
                self._live()
            except BaseException as exc:  # noqa: BLE001 - a plugin that raises SystemExit fails like any other
                error = exc
            try:
                self.close()
            except BaseException as exc:
                if error is None:
                    error = exc
                else:
                    log.warning("Task %s also failed while it was closed", self.id, exc_info=exc)
            self._tell_end(error)
            self._ended.set()

    def _live(self) -> None:
        if self.control.stopping:
            return
        if self.control.paused:
            self.tell(State.PAUSED)
            if self.control.wait_while_paused():
                return
        self.begin()
        self.tell(State.RUNNING)
        self.execute()

    def _tell_end(self, error: BaseException | None) -> None:
        with self._giving_up:
            if self._given_up:
                log.info("Task %s, which was given up, has come to its end", self.id)
                return
            self._over = True
        self.error = error
        if self.control.cancelled:
            if error is not None:
                log.warning("Abandoned task %s ended with an error", self.id, exc_info=error)
            return
        if error is None:
            self.tell(State.UNASSIGNED)
        elif self.control.stopping and not self.failed:
            log.error("Task %s failed while it was stopping", self.id, exc_info=error)
            self.tell(State.UNASSIGNED)
        else:
            self._end_failed(error)

    def _end_failed(self, error: BaseException) -> None:
        if isinstance(error, RemoteError):
            log.debug("Task %s failed in its process, which has logged it", self.id)
        else:
            log_failure(log, error, "Task %s failed", self.id)
        self._status(self.id, State.FAILED, trace_of(error))
        # A restart looks for this state; who sees ``failed`` may rely on the restart's being planned.
        self.on_failed(error, self.clock() - self.began)
        self.failed = True

    def tell(self, state: State) -> None:
        """Tell the worker the task's state, unless the task was abandoned."""
        if not self.control.cancelled:
            self._status(self.id, state, None)

    # --- what a kind of task defines -------------------------------------------------------------

    @abstractmethod
    def counts(self) -> SourceCounters | SinkCounters:
        """What it counts. Any thread."""

    @abstractmethod
    def begin(self) -> None:
        """Start the plugin's task."""

    @abstractmethod
    def execute(self) -> None:
        """Loop until ``control.stopping``; then commit a last time."""

    @abstractmethod
    def close(self) -> None:
        """Let go of everything, in whatever state the task is; called once."""

    @abstractmethod
    def fence(self) -> None:
        """Take from an abandoned task what it could still do harm with. Any thread."""

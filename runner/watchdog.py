"""Watches tasks from outside: calls that do not return, a frozen interpreter.

Every task tells which call of its plugin runs and since when. A call that outlasts ``task.call.timeout.ms``
is given up: the task is fenced, abandoned and FAILED, and healed like any other failure. Without that
option, a call that lasts a minute is logged once with its stack. A plugin that holds the interpreter lock
stops this thread too; for that there is a timer outside Python (``faulthandler``), which writes all stacks,
and the watchdog tells afterwards whose fault it was.

Threads: one thread a worker, begun with the first task.
"""

from __future__ import annotations

import faulthandler
import logging
import sys
import threading
import time
import traceback
from collections.abc import Callable, Collection
from pathlib import Path
from typing import IO

from connectkit.runner.causes import HungError
from connectkit.runner.worker_task import WorkerTask

log = logging.getLogger(__name__)

TICK_S = 0.5
"""How often tasks are looked at."""
LONG_CALL_S = 60.0
"""A call that lasts so long is worth a line in the log."""
FROZEN_S = 10.0
"""The interpreter counts as standing still after so long."""


class Watchdog:
    """Looks after the tasks that it is given."""

    def __init__(
        self,
        tasks: Callable[[], Collection[WorkerTask]],
        *,
        on_tick: Callable[[], None] = lambda: None,
        stacks: Path | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tasks = tasks
        self._on_tick = on_tick
        self._stacks = stacks
        self._clock = clock
        self._told: dict[int, tuple[str, float]] = {}
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def begin(self) -> None:
        """Watch from now on; harmless when repeated."""
        with self._lock:
            if self._thread is not None or self._stop.is_set():
                return
            thread = threading.Thread(target=self._run, name="watchdog", daemon=True)
            try:
                thread.start()
            except RuntimeError:
                log.warning("The watchdog of hung calls could not be begun; the next task tries again")
                return
            self._thread = thread

    def stop(self) -> None:
        self._stop.set()

    def look(self) -> None:
        """Look at every task once."""
        now = self._clock()
        seen = set()
        for task in self._tasks():
            seen.add(id(task))
            late = task.overdue(now)
            if late is not None:
                self._give_up(task, late)
                continue
            doing = task.activity.lasts_s(now)
            if doing is None:
                continue
            call, lasts_s = doing
            if lasts_s >= LONG_CALL_S and self._told.get(id(task)) != (call, task.activity.since):
                self._told[id(task)] = call, task.activity.since
                log.warning(
                    "%s of task %s has not returned for %.0f s; it is here:\n%s",
                    call,
                    task.id,
                    lasts_s,
                    stack_of(task.activity.thread_id),
                )
        self._told = {key: value for key, value in self._told.items() if key in seen}

    def _give_up(self, task: WorkerTask, why: str) -> None:
        if task.activity.thread_id:
            log.error("Task %s is given up; it was here:\n%s", task.id, stack_of(task.activity.thread_id))
        task.give_up(HungError(f"{why}; the task was abandoned and commits nothing any more"))

    # --- the thread ------------------------------------------------------------------------------

    def _run(self) -> None:
        file = self._open_stacks()
        last = self._clock()
        try:
            while not self._stop.wait(TICK_S):
                now = self._clock()
                if now - last > FROZEN_S:
                    self._was_frozen(now - last, file)
                last = now
                if file is not None:  # postponed with every tick; it fires if there is none for long
                    faulthandler.dump_traceback_later(FROZEN_S, file=file)
                try:
                    self.look()
                    self._on_tick()
                except Exception:
                    log.exception("The watchdog could not look at all tasks")
        finally:
            if file is not None:
                faulthandler.cancel_dump_traceback_later()
                file.close()
                if self._stacks is not None:
                    self._stacks.unlink(missing_ok=True)

    def _open_stacks(self) -> IO[str] | None:
        if self._stacks is None:
            return None
        try:
            file = self._stacks.open("w+")
            self._stacks.chmod(0o600)
        except OSError:
            return None
        return file

    def _was_frozen(self, lasted_s: float, file: IO[str] | None) -> None:
        names = {task.activity.thread_id: task for task in self._tasks()}
        within = [f"task {t.id} ({t.activity.call})" for t in names.values() if t.activity.call]
        log.error(
            "The interpreter stood still for %.0f s: a plugin held its lock, or the machine slept. Calls "
            "that ran meanwhile: %s%s",
            lasted_s,
            ", ".join(within) or "none",
            frozen_stacks(file, {thread: str(task.id) for thread, task in names.items()}),
        )


def stack_of(thread_id: int) -> str:
    """Where a thread is, innermost call last: places in code, never values."""
    frame = sys._current_frames().get(thread_id)
    if frame is None:
        return "  (its thread has ended)"
    lines = [
        f"  {Path(found.filename).name}:{found.lineno} in {found.name}"
        for found in traceback.StackSummary.extract(traceback.walk_stack(frame), limit=20, lookup_lines=False)
    ]
    return "\n".join(reversed(lines))


def frozen_stacks(file: IO[str] | None, tasks: dict[int, str]) -> str:
    """What the timer wrote, of the threads of tasks; empties the file."""
    if file is None:
        return ""
    file.flush()
    file.seek(0)
    text = file.read()
    file.seek(0)
    file.truncate()
    found = []
    for part in text.split("\n\n"):
        lines = part.strip().splitlines()
        head = next((line for line in lines if "hread 0x" in line), "")
        number = head.partition("0x")[2].split(" ", 1)[0].rstrip(":")
        try:
            task = tasks.get(int(number, 16))
        except ValueError:
            continue
        if task is not None:
            where = [line.strip() for line in lines[lines.index(head) + 1 :]][:12]
            found.append("\n".join([f"\nTask {task} was here:", *(f"  {line}" for line in where)]))
    return "".join(found)

"""Builds and starts a task within a deadline; whatever goes wrong fails that task alone.

A constructor of a plugin may hang, a converter may wait for a registry, a dead letter topic for a broker, a
process may be out of threads or files: the task is FAILED with the reason, and what comes too late is closed
without having run. The crash journal has its say first, and is told which task is being built.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError

from connectkit.runner.causes import HungError
from connectkit.runner.control import TaskId
from connectkit.runner.journal import Journal
from connectkit.runner.lanes import begin_thread
from connectkit.runner.observe import log_context
from connectkit.runner.worker_task import WorkerTask

log = logging.getLogger(__name__)

BUILD_TIMEOUT_S = 90.0
"""How long a task may take to be built, as long as a connector may take to start."""


def launch(
    task_id: TaskId, build: Callable[[], WorkerTask], journal: Journal | None, *, within_s: float
) -> WorkerTask:
    """A task that is ready to start; raises why there is none."""
    slot = None
    if journal is not None:
        journal.check(task_id)
        slot = journal.slot(task_id)
    made: Future[WorkerTask] = Future()

    def run() -> None:
        with log_context(f"[{task_id.connector}|task-{task_id.task}] "):
            if slot is not None:
                slot.runs_here()
                slot.doing("start")
            try:
                made.set_result(build())
            except BaseException as exc:  # noqa: BLE001 - a plugin may raise anything; the caller is told
                made.set_exception(exc)
            finally:
                if slot is not None:
                    slot.doing("")

    thread = threading.Thread(target=run, name=f"build-{task_id}", daemon=True)
    begin_thread(thread, f"Task {task_id} could not be built")
    try:
        task = made.result(within_s)
    except FutureTimeoutError:
        made.add_done_callback(_close_late)
        raise HungError(f"Task {task_id} was not built within {within_s:g} s") from None
    task.take_slot(slot)
    return task


def _close_late(made: Future[WorkerTask]) -> None:
    """It comes after it was given up: let go of what it holds."""
    if made.exception() is None:
        task = made.result()
        task.control.cancel()
        try:
            task.close()
        except Exception:
            log.exception("Task %s, which was built too late, could not be closed", task.id)

"""Faults of the worker's process: killed at points of its work, stopped cleanly, frozen, superseded."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable, Sequence

from tests.faults.rig.run import Run, RunError
from tests.faults.rig.schedule import Kill
from tests.faults.rig.worker import Worker

EXIT_FAILED = 4
"""Of a worker with a failed task."""
POINT_S = 4.0
"""How long a point is waited for before the worker is killed wherever it is."""


def killing(schedule: Sequence[Kill], *, restart_s: float = 65.0) -> Callable[[Run], None]:
    """SIGKILL by the schedule; after each, what was committed is noted and the worker starts again."""

    def faults(run: Run) -> None:
        for kill in schedule:
            if not run.worker.alive:
                _begin_life(run, kill, restart_s)
            time.sleep(kill.quiet_s)
            _kill(run, kill)
            run.died()

    return faults


def _begin_life(run: Run, kill: Kill, restart_s: float) -> None:
    before = run.progress()
    began_s = time.monotonic()
    run.worker.start()
    if kill.hurried:
        return
    run.wait_for(lambda: run.progress() > before, f"progress of life {run.worker.lives}", restart_s)
    took_s = round(time.monotonic() - began_s, 2)
    run.verdict.slowest_life_s = max(run.verdict.slowest_life_s, took_s)


def _kill(run: Run, kill: Kill) -> None:
    if kill.point == "time":
        time.sleep(kill.delay_s)
    else:
        run.ask("arm", pid=run.worker.pid, point=kill.point, countdown=kill.countdown, delay_s=kill.delay_s)
        if run.worker.wait(POINT_S) is None:
            run.ask("disarm")
    code = run.worker.wait(0.0)
    if code is not None and code != -signal.SIGKILL:
        raise RunError(f"life {run.worker.lives} ended by itself with code {code}")
    run.worker.kill()


def bouncing(rounds: int, seed: int, *, graceful_s: float) -> Callable[[Run], None]:
    """SIGTERM, a clean end within the time allowed, and a new life; so many times."""
    rng = random.Random(seed)

    def faults(run: Run) -> None:
        slowest_s = 0.0
        for _ in range(rounds):
            if not run.worker.alive:
                run.progress()  # what came before is read, so that it is not taken for more
                run.worker.start()
                run.goes_on("progress after a bounce")
            time.sleep(rng.uniform(0.2, 2.0))
            code, took_s = run.worker.stop()
            slowest_s = max(slowest_s, took_s)
            if code != 0:
                run.verdict.blame(f"a clean stop ended with code {code}")
            if took_s > graceful_s:
                run.verdict.blame(f"a clean stop took {took_s:.1f} s, and {graceful_s:g} s are allowed")
        run.verdict.numbers |= {"bounces": rounds, "slowest_stop_s": round(slowest_s, 2)}

    return faults


def freezing(times: int, frozen_s: float, seed: int) -> Callable[[Run], None]:
    """SIGSTOP longer than the group's session lasts, then SIGCONT."""
    rng = random.Random(seed)

    def faults(run: Run) -> None:
        for _ in range(times):
            run.goes_on("progress before a freeze")
            time.sleep(rng.uniform(0.1, 1.0))
            run.worker.signal(signal.SIGSTOP)
            try:
                time.sleep(frozen_s)
                run.ask("note", kind="death", life=run.worker.lives, committed=run.committed(), thaws=True)
            finally:
                run.worker.signal(signal.SIGCONT)
        run.verdict.numbers |= {"freezes": times, "frozen_s": frozen_s}

    return faults


def superseding(times: int, frozen_s: float, seed: int) -> Callable[[Run], None]:
    """SIGSTOP; another worker takes over; SIGCONT: the thawed one ends as fenced, and the other goes on."""
    rng = random.Random(seed)

    def faults(run: Run) -> None:
        for _ in range(times):
            run.goes_on("progress before a freeze")
            time.sleep(rng.uniform(0.0, 1.0))
            zombie = run.worker
            try:
                zombie.signal(signal.SIGSTOP)
                began_s = time.monotonic()
                run.take_over()
                run.goes_on("progress of the worker that took over")
                time.sleep(max(began_s + frozen_s - time.monotonic(), 0.0))
                zombie.signal(signal.SIGCONT)
                _ends_as_fenced(run, zombie)
            finally:
                zombie.kill()
            run.goes_on("progress after the thaw")
        run.verdict.numbers |= {"freezes": times, "frozen_s": frozen_s}

    return faults


def _ends_as_fenced(run: Run, zombie: Worker) -> None:
    """Each task hears of it once, tries nothing more, and the worker says so when it is stopped."""
    tasks = run.plan.tasks
    run.wait_for(lambda: len(zombie.failures()) >= tasks, "the end of the thawed tasks")
    code, _ = zombie.stop()
    told = zombie.failures()
    if len(told) != tasks or not all("has lost its transactional id" in sentence for sentence in told):
        run.verdict.blame(f"the thawed tasks did not end as fenced, once each: {told}")
    if code != EXIT_FAILED:
        run.verdict.blame(f"a worker whose tasks were fenced ended with code {code}")

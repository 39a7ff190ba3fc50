"""What a task is really doing: RUNNING says only that nobody has seen it fail.

Source: the wish for a status that tells of tasks that run and are dead (spec users, row 9). The states stay
Kafka Connect's; beside them stand the ages of the last record and the last commit, lag, what is in flight,
the last error, restarts, and whether the task is stalled: it runs, something waits for it, and nothing has
moved for a while. Everything is read from counters that the task writes once a batch. Seconds, monotonic.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from connectkit.runner.counters import SinkCounters, SourceCounters, Windowed
from connectkit.runner.status import State
from connectkit.runner.worker_task import WorkerTask

STALL_S = 60.0
"""No progress for so long, although something waits, is a stall."""


@dataclass(frozen=True, slots=True)
class Failure:
    """What ended a task or connector, in a sentence, and when."""

    sentence: str
    at: float


@dataclass(frozen=True, slots=True)
class Restarts:
    """What was and will be done about the failures of a task."""

    count: int = 0
    next_s: float | None = None
    note: str | None = None
    last: Failure | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskHealth:
    """What one task is doing."""

    state: State
    last_record_age_s: float | None = None
    """Since the last record was polled or read; None before the first."""
    last_commit_age_s: float | None = None
    """Since offsets were stored or committed last."""
    rate_per_s: float = 0.0
    """Records polled or read, over the last 30 to 60 s."""
    lag: int | None = None
    """Records a sink has not read yet; None where nobody knows."""
    in_flight: int = 0
    """Records polled or read and not yet acknowledged or committed."""
    last_error: str | None = None
    """A sentence, never the value of a record."""
    last_error_age_s: float | None = None
    restarts: int = 0
    """By itself, since an operator dealt with it last."""
    next_restart_s: float | None = None
    stalled: bool = False
    note: str | None = None
    """What should be known of it, in a sentence."""


def health_of(task: WorkerTask | None, state: State, restarts: Restarts, now: float) -> TaskHealth:
    """The health of a task; None is one that could not even be built."""
    sentence, error_age_s = _last_error(task, restarts, now)
    made = TaskHealth(
        state=state,
        last_error=sentence,
        last_error_age_s=error_age_s,
        restarts=restarts.count,
        next_restart_s=restarts.next_s,
        note=restarts.note if state is State.FAILED else None,
    )
    if task is None:
        return made
    counters = task.counts()
    read = _read(counters)
    stall = stall_of(task, now) if state is State.RUNNING else None
    return replace(
        made,
        last_record_age_s=_age(read.last, now),
        last_commit_age_s=_age(counters.commits.succeeded.last, now),
        rate_per_s=read.rate(now),
        lag=task.lag,
        in_flight=counters.active,
        stalled=stall is not None,
        note=stall or task.note or made.note,
    )


def stall_of(task: WorkerTask, now: float) -> str | None:
    """Why a running task counts as stalled, in a sentence; None if it does not."""
    doing = task.activity.lasts_s(now)
    if doing is not None and doing[1] >= STALL_S:
        return f"{doing[0]} has not returned for {doing[1]:.0f} s"
    since = task.commits_since
    if since is not None and now - since >= STALL_S:
        return f"commit has not returned for {now - since:.0f} s, so that no more offsets are stored"
    counters = task.counts()
    if isinstance(counters, SinkCounters):
        idle_s = now - max(task.began, counters.sent.last or 0.0)
        if task.lag and idle_s >= STALL_S:
            why = f": {task.note}" if task.note else ""
            return f"{task.lag} records wait, and none was written for {idle_s:.0f} s{why}"
        return None
    idle_s = now - max(task.began, counters.written.last or 0.0, counters.polled.last or 0.0)
    if counters.active > 0 and idle_s >= STALL_S:
        return f"{counters.active} records were sent and not acknowledged for {idle_s:.0f} s"
    return None


def _read(counters: SinkCounters | SourceCounters) -> Windowed:
    return counters.read if isinstance(counters, SinkCounters) else counters.polled


def _age(at: float | None, now: float) -> float | None:
    return None if at is None else max(now - at, 0.0)


def _last_error(task: WorkerTask | None, restarts: Restarts, now: float) -> tuple[str | None, float | None]:
    """The newest of what ended the task and what it has got over."""
    last = restarts.last
    errors = task.counts().errors if task is not None else None
    if errors is None or errors.last_error is None or errors.last_error_at is None:
        return (None, None) if last is None else (last.sentence, _age(last.at, now))
    if last is not None and last.at > errors.last_error_at:
        return last.sentence, _age(last.at, now)
    return errors.last_error, _age(errors.last_error_at, now)

"""Waits until a connector is in the state that was asked for; works on any worker's ``/status``.

A worker answers pause, resume, stop and restart before they are done. FAILED ends the waiting only when it
has lasted ``SETTLE_S``: right after a restart a cluster may still show the state from before. For the same
reason RUNNING must last ``STEADY_S`` where the worker is not ours: a Java cluster answers a change of a
configuration before it has begun to replace the tasks.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

from connectkit.errors import ConnectError
from connectkit.runner.client.http import AnsweredError, RestClient, connector_path

Wanted = Literal["RUNNING", "PAUSED", "STOPPED", "gone"]
SETTLE_S: Final = 2.0
STEADY_S: Final = 1.5
_PAUSE_S: Final = 0.25


class WaitError(ConnectError):
    """It failed, or did not come in time."""


def reached(status: Mapping[str, Any], wanted: Wanted) -> bool:
    """Whether a connector and all of its tasks are in the state."""
    states = [task.get("state") for task in status.get("tasks") or ()]
    if (status.get("connector") or {}).get("state") != wanted:
        return False
    if wanted == "STOPPED":
        return not states
    # One that was created paused has no tasks yet.
    return (bool(states) or wanted == "PAUSED") and all(state == wanted for state in states)


def failures(status: Mapping[str, Any]) -> list[str]:
    """One entry for the connector and each task that has failed: who, and the first line of its trace."""
    found = []
    connector = status.get("connector") or {}
    if connector.get("state") == "FAILED":
        found.append(f"the connector: {first_line(connector.get('trace'))}")
    failed = [task for task in status.get("tasks") or () if task.get("state") == "FAILED"]
    return [*found, *(f"task {task.get('id')}: {first_line(task.get('trace'))}" for task in failed)]


def first_line(trace: Any) -> str:
    """What a trace says before its frames."""
    text = trace if isinstance(trace, str) else ""
    return next((line.strip() for line in text.splitlines() if line.strip()), "no reason is given")


def wait_for(
    client: RestClient,
    name: str,
    wanted: Wanted,
    *,
    timeout_s: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Return when the connector is in the state; ``WaitError`` if it fails or the time is over."""
    until_s = clock() + timeout_s
    steady_s = STEADY_S if wanted == "RUNNING" and not client.is_ours else 0.0
    failed_s: float | None = None
    reached_s: float | None = None
    status: Mapping[str, Any] = {}
    while True:
        try:
            status = client.get(connector_path(name, "status"), wanted=dict)
        except AnsweredError as exc:
            if exc.status != 404:
                raise
            if wanted == "gone":
                return
            status = {}  # a cluster tells of a new connector only after a moment
        now_s = clock()
        if wanted != "gone" and reached(status, wanted):
            reached_s = now_s if reached_s is None else reached_s
            if now_s - reached_s >= steady_s:
                return
        else:
            reached_s = None
        failed = failures(status) if wanted == "RUNNING" else []
        failed_s = None if not failed else now_s if failed_s is None else failed_s
        if failed_s is not None and now_s - failed_s >= SETTLE_S:
            raise WaitError(f"{name} has failed: {'; '.join(failed)}")
        if now_s >= until_s:
            raise WaitError(f"{name} is not {wanted} after {timeout_s:g} s; it is {_described(status)}.")
        sleep(_PAUSE_S)


def _described(status: Mapping[str, Any]) -> str:
    if not status:
        return "not known to the worker"
    tasks = [f"task {task.get('id')} {task.get('state')}" for task in status.get("tasks") or ()]
    state = (status.get("connector") or {}).get("state")
    return ", ".join([str(state), *(tasks or ["no tasks"])])

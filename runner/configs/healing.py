"""Options of connectors about restarts, deadlines and isolation; Kafka has none."""

from __future__ import annotations

from typing import Literal

from connectkit.checks import at_least, between
from connectkit.config import LOW, MEDIUM, Config, Kind, Width, option

HEALING = "Self-healing"


class HealingOptions(Config):
    """``task.restart.*``, ``task.call.timeout.ms`` and ``task.isolation``."""

    task_restart_policy: Literal["none", "transient", "backoff"] = option(
        "transient",
        doc="After which failures a task or the connector restarts by itself: none, as in Kafka Connect; "
        "transient, after passing faults; backoff, after unexpected errors as well.",
        importance=MEDIUM,
        group=HEALING,
        order=1,
        width=Width.SHORT,
        display_name="Restart policy",
        extension=True,
    )
    task_restart_delay_ms: int = option(
        1_000,
        doc="The wait before the first restart, in milliseconds; it doubles with each failure in a row.",
        kind=Kind.LONG,
        check=at_least(0),
        importance=LOW,
        group=HEALING,
        order=2,
        width=Width.SHORT,
        display_name="Restart delay",
        extension=True,
    )
    task_restart_delay_max_ms: int = option(
        30_000,
        doc="The longest wait before a restart, in milliseconds.",
        kind=Kind.LONG,
        check=at_least(0),
        importance=LOW,
        group=HEALING,
        order=3,
        width=Width.SHORT,
        display_name="Longest restart delay",
        extension=True,
    )
    task_restart_jitter: float = option(
        0.2,
        doc="The share of each wait that chance may take away, from 0 to 1, so that tasks that failed "
        "together do not come back together.",
        check=between(0, 1),
        importance=LOW,
        group=HEALING,
        order=4,
        width=Width.SHORT,
        display_name="Restart jitter",
        extension=True,
    )
    task_restart_max: int = option(
        10,
        doc="How many restarts there may be in a window before a task stays failed; -1 for no end. Passing "
        "faults do not count, as they may last as long as an outage.",
        check=at_least(-1),
        importance=LOW,
        group=HEALING,
        order=5,
        width=Width.SHORT,
        display_name="Most restarts",
        extension=True,
    )
    task_restart_window_ms: int = option(
        600_000,
        doc="The window of task.restart.max, in milliseconds.",
        kind=Kind.LONG,
        check=at_least(1),
        importance=LOW,
        group=HEALING,
        order=6,
        width=Width.SHORT,
        display_name="Restart window",
        extension=True,
    )
    task_restart_healthy_ms: int = option(
        60_000,
        doc="After running so long, in milliseconds, a task's next failure counts as its first.",
        kind=Kind.LONG,
        check=at_least(0),
        importance=LOW,
        group=HEALING,
        order=7,
        width=Width.SHORT,
        display_name="Healthy after",
        extension=True,
    )
    task_call_timeout_ms: int = option(
        0,
        doc="How long a call of the task (start, poll, put, flush) may take, in milliseconds, before the "
        "task is abandoned and fails; 0 for ever.",
        kind=Kind.LONG,
        check=at_least(0),
        importance=LOW,
        group=HEALING,
        order=8,
        width=Width.SHORT,
        display_name="Call timeout",
        extension=True,
    )
    task_isolation: Literal["thread", "process"] = option(
        "thread",
        doc="Where the connector's tasks run: in threads of the worker, or each in a process of its own, "
        "which can be killed and whose crash ends nothing else.",
        importance=LOW,
        group=HEALING,
        order=9,
        width=Width.SHORT,
        display_name="Isolation",
        extension=True,
    )

"""The seeded schedule of kills: where in the worker's work each falls, and after how much quiet.

The same seed gives the same schedule. What the machine makes of it differs by its speed: a countdown is
in the worker's steps, a delay in seconds.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

SINK_POINTS = ("put", "flush", "written", "flushed", "time")
SOURCE_POINTS = ("poll", "polled", "commit", "time")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """One kill: after ``quiet_s`` of work, at the ``countdown``-th ``point``, ``delay_s`` later.

    The point ``time`` is none of the tasks': the worker dies ``delay_s`` after the quiet.
    ``hurried``: nobody waits for the worker to get anywhere first.
    """

    quiet_s: float
    point: str
    countdown: int
    delay_s: float
    hurried: bool


def kills(seed: int, count: int, points: Sequence[str], *, longest_quiet_s: float = 1.5) -> list[Kill]:
    """So many kills; the last quarter come without a pause."""
    rng = random.Random(seed)
    made = []
    for number in range(count):
        hurried = number >= count - count // 4
        point = points[number % len(points)] if number < len(points) else rng.choice(points)
        # Half of the delays end before a batch is on its way to the log, half reach into the next commit.
        delay_s = rng.choice((0.0, rng.uniform(0, 0.01), rng.uniform(0, 0.2)))
        if point == "time":
            delay_s = rng.uniform(0.0, 1.0)
        made.append(
            Kill(
                quiet_s=0.0 if hurried else rng.uniform(0.1, longest_quiet_s),
                point=point,
                countdown=rng.randint(1, 8),
                delay_s=delay_s,
                hurried=hurried,
            )
        )
    return made

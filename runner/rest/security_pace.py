"""How many changes a second are taken: what is too fast waits, and only a flood is refused.

A generic cell rate algorithm: changes that were not made are saved up for a while, so that a deployment of
many connectors goes through at once, and a client that sends one after the other never sees a refusal.
Used by one thread (the server's).
"""

from __future__ import annotations

import math

from connectkit.runner.rest.answers import RestError

MAX_WAIT_S = 5.0
"""Who would have to wait longer is refused."""


class Pace:
    """Turns for changes, ``rate_per_s`` over a longer time and ``burst_s`` seconds' worth at once."""

    __slots__ = ("_burst_s", "_gap_s", "_next")

    def __init__(self, rate_per_s: float, *, burst_s: float = 10.0) -> None:
        self._gap_s = 1 / rate_per_s if rate_per_s > 0 else 0.0
        self._burst_s = burst_s
        self._next = -math.inf

    def wait_s(self, now: float) -> float:
        """How long the change that comes now has to wait; 429 if that were too long."""
        if not self._gap_s:
            return 0.0
        due = max(self._next, now)
        wait = max(due - self._burst_s - now, 0.0)
        if wait > MAX_WAIT_S:
            raise RestError(
                429,
                "Too many changes at once (rest.writes.per.second of the worker's file); try again later",
                headers={"Retry-After": str(math.ceil(wait))},
            )
        self._next = due + self._gap_s
        return wait

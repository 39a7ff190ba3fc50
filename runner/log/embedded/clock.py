"""The time the embedded log goes by, passed in so that tests can move it."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Two readings: what stands in records, and what leases are measured with."""

    def now_ms(self) -> int:
        """Milliseconds since the epoch: record timestamps, retention by age."""
        ...

    def monotonic_ms(self) -> int:
        """Milliseconds that never jump, the same for all processes of a machine: leases, time-outs."""
        ...


class SystemClock:
    """The machine's clocks."""

    __slots__ = ()

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic_ms(self) -> int:
        return time.monotonic_ns() // 1_000_000

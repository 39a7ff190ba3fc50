"""A clock that tests move."""

from __future__ import annotations


class FakeClock:
    """Stands still until moved."""

    def __init__(self, *, now_ms: int = 1_700_000_000_000) -> None:
        self._now_ms = now_ms
        self._monotonic_ms = 1_000_000

    def now_ms(self) -> int:
        return self._now_ms

    def monotonic_ms(self) -> int:
        return self._monotonic_ms

    def move(self, ms: int) -> None:
        self._now_ms += ms
        self._monotonic_ms += ms

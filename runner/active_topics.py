"""Which topics each connector has used since it was created, or since they were reset (KIP-558).

Kept in memory. Adding what is known already takes no lock, so tasks may do so for every batch.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable


class ActiveTopics:
    """The topics in use, by connector. With ``enabled`` false nothing is kept."""

    def __init__(self, *, enabled: bool = True) -> None:
        self._enabled = enabled
        self._lock = threading.Lock()
        self._topics: dict[str, frozenset[str]] = {}

    def add(self, connector: str, topics: Iterable[str]) -> None:
        """Note that a connector has written to, or read from, these topics."""
        if not self._enabled:
            return
        known = self._topics.get(connector, frozenset())
        new = [topic for topic in topics if topic not in known]
        if new:
            with self._lock:
                self._topics[connector] = self._topics.get(connector, frozenset()).union(new)

    def of(self, connector: str) -> list[str]:
        """The topics of a connector, sorted."""
        return sorted(self._topics.get(connector, ()))

    def forget(self, connector: str) -> None:
        """Begin anew, as if it had used none."""
        with self._lock:
            self._topics.pop(connector, None)

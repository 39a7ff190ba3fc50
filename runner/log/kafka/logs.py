"""librdkafka's own log lines, given to Python's logging: one line an event, none too often."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable

LOGGER = logging.getLogger("connectkit.log.kafka")

_QUIET_S = 30.0
_KINDS = 256
"""Kinds of lines remembered; older ones are forgotten."""
_SHOWN_CHARACTERS = 300
_VARYING = re.compile(r"\d+")


class RateLimitedLogger:
    """Takes what librdkafka logs; lines that differ only in numbers come once in 30 seconds.

    ``log`` has the shape that confluent-kafka calls. It runs in the thread that polls the client.
    """

    def __init__(self, clock_s: Callable[[], float]) -> None:
        self._clock_s = clock_s
        self._last: dict[str, tuple[float, int]] = {}

    def log(self, level: int, template: str, *arguments: object) -> None:
        """Log ``template % arguments`` on one line, unless its like was logged just now."""
        if not LOGGER.isEnabledFor(level):
            return
        text = "".join(c if c.isprintable() else " " for c in template % arguments)[:_SHOWN_CHARACTERS]
        kind = _VARYING.sub("#", text)
        now_s = self._clock_s()
        last_s, left_out = self._last.pop(kind, (-_QUIET_S, 0))
        if now_s - last_s < _QUIET_S:
            self._last[kind] = (last_s, left_out + 1)
            return
        self._last[kind] = (now_s, 0)
        if len(self._last) > _KINDS:
            del self._last[next(iter(self._last))]
        more = f" ({left_out} more like it)" if left_out else ""
        LOGGER.log(level, "%s%s", text, more)

"""One log line for each change, and for what was refused: who, from where, what, the answer.

The logger is ``connectkit.audit``. A line has the path as it came (percent-encoded, cut at 256 characters)
and never a query, a body or a value. Refusals are told at most ten times a second, then counted, so that
nobody fills a disk with them. Used by one thread (the server's).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from connectkit.suggest import shortened

if TYPE_CHECKING:
    from starlette.types import Scope

log = logging.getLogger("connectkit.audit")

MAX_PATH_CHARS: Final = 256
REFUSALS_PER_S: Final = 10


class Audit:
    """Writes the lines."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._second = 0
        self._told = 0
        self._untold = 0

    def changed(self, scope: Scope, who: str, status: int, seconds: float) -> None:
        """A change was asked for and answered with this status."""
        log.info(
            "%s from %s: %s %s was answered %s after %d ms",
            who, _peer(scope), scope["method"], shown_path(scope), status, seconds * 1000,
        )  # fmt: skip

    def refused(self, scope: Scope, who: str | None, status: int, why: str) -> None:
        """A request was refused before anybody looked at what it asks for."""
        second = int(self._clock())
        if second != self._second:
            self._second, self._told = second, 0
            if self._untold:
                log.warning("%d more requests were refused", self._untold)
                self._untold = 0
        if self._told >= REFUSALS_PER_S:
            self._untold += 1
            return
        self._told += 1
        log.warning(
            "%s from %s: %s %s was refused with %s: %s",
            who or "somebody unknown", _peer(scope), scope["method"], shown_path(scope), status, why,
        )  # fmt: skip


def _peer(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else "a local socket"


def shown_path(scope: Scope) -> str:
    """The undecoded path, cut and in one line."""
    raw = scope.get("raw_path") or str(scope["path"]).encode("ascii", "backslashreplace")
    return shortened(raw.partition(b"?")[0].decode("latin-1"), limit_chars=MAX_PATH_CHARS)

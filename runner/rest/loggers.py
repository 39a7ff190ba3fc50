"""The levels of loggers, read and changed while the worker runs (KIP-495; ``/admin/loggers``).

Names of levels are Log4j's, loggers are Python's. A change applies to every logger whose name begins so,
and is undone by nothing but another change or the worker's end. Thread-safe.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from connectkit.errors import NotFoundError
from connectkit.runner.rest.answers import BadRequestError
from connectkit.suggest import shortened

LEVELS: Final = {
    "OFF": logging.CRITICAL + 10,
    "FATAL": logging.CRITICAL,
    "ERROR": logging.ERROR,
    "WARN": logging.WARNING,
    "INFO": logging.INFO,
    "DEBUG": logging.DEBUG,
    "TRACE": 5,
    "ALL": 1,
}
ROOT: Final = "root"
TALKATIVE: Final = ("asyncio", "confluent_kafka", "httpcore", "httpx", "requests", "urllib3", "uvicorn")
"""Client libraries whose lesser messages print settings and addresses: never below WARN from here."""


@dataclass(frozen=True, slots=True)
class Level:
    """A logger's level, and when REST changed it (milliseconds since 1970), if it did."""

    level: str
    last_modified: int | None

    def as_json(self) -> dict[str, Any]:
        return {"level": self.level, "last_modified": self.last_modified}


class Loggers:
    """The loggers of this process, or of another ``manager``; ``clock`` gives seconds since 1970."""

    def __init__(
        self, manager: logging.Manager | None = None, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._manager = manager or logging.Logger.manager
        self._clock = clock
        self._lock = threading.Lock()
        self._modified: dict[str, int] = {}

    def all(self) -> dict[str, Level]:
        """The loggers that have a level of their own, and the root."""
        with self._lock:
            found = {name: self._level(each) for name, each in self._existing().items() if each.level}
            return {name: Level(level, self._modified.get(name)) for name, level in sorted(found.items())}

    def one(self, name: str) -> Level:
        """The level that counts for a logger; ``NotFoundError`` if there is no such logger."""
        name = ROOT if name.lower() == ROOT else name
        with self._lock:
            found = self._existing().get(name)
            if found is None:
                raise NotFoundError(f"Logger {name} not found.")
            return Level(self._level(found), self._modified.get(name))

    def set(self, name: str, level: str) -> list[str]:
        """Change all whose name begins so (the root: all); the names of those that it changed."""
        number = LEVELS.get(level.strip().upper())
        if number is None:
            raise NotFoundError(f"invalid log level '{level[:40]}'.")
        quiet = number < logging.WARNING
        if quiet and name.startswith(TALKATIVE):
            raise BadRequestError(
                f"The logger {shortened(name)} stays at WARN or above: it would print settings"
            )
        with self._lock:
            prefix = "" if name.lower() == ROOT else name
            if prefix:
                self._manager.getLogger(prefix)
            existing = self._existing()
            meant = {n: each for n, each in existing.items() if not prefix or n.startswith(prefix)}
            meant = {n: each for n, each in meant.items() if prefix == "" or n != ROOT}
            if quiet:
                meant = {n: each for n, each in meant.items() if not n.startswith(TALKATIVE)}
                for each_name in existing:
                    if each_name in TALKATIVE and not existing[each_name].level:
                        existing[each_name].setLevel(logging.WARNING)
            before = {n: each.getEffectiveLevel() for n, each in meant.items()}
            self._manager.root.level = self._manager.root.level or logging.WARNING
            # The root and shorter names first: what then inherits the level needs none of its own.
            for each_name, each in sorted(meant.items(), key=lambda item: (item[0] != ROOT, item[0])):
                if each.level or each_name == prefix or each.getEffectiveLevel() != number:
                    each.setLevel(number)
            now_ms = int(self._clock() * 1000)
            changed = sorted(n for n, each in meant.items() if each.getEffectiveLevel() != before[n])
            self._modified.update(dict.fromkeys(changed, now_ms))
            return changed

    def _existing(self) -> dict[str, logging.Logger]:
        found = {
            name: each
            for name, each in list(self._manager.loggerDict.items())
            if isinstance(each, logging.Logger)
        }
        return {ROOT: self._manager.root, **found}

    def _level(self, logger: logging.Logger) -> str:
        number = logger.getEffectiveLevel()
        return next(name for name, least in LEVELS.items() if number >= least or name == "ALL")

"""The latest log lines of each connector, kept in memory for ``GET /connectkit/connectors/NAME/logs``.

A handler of the root logger: what a thread logs inside a connector's ``log_context`` is the connector's.
Bounded in every direction: lines of one connector, connectors, and characters over all, where the connector
that has logged nothing for longest gives way. Unlike the log itself, it has no messages of foreign
exceptions, which may quote a value. Thread-safe (the handler's lock). Source: spec users row 32.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from typing import Any, Final

from connectkit.runner.observe import MAX_MESSAGE_CHARS, PLACES, about, message_of
from connectkit.runner.status import trace_of
from connectkit.secret import GIVEN
from connectkit.suggest import shortened

LINES_OF_ONE: Final = 1_000
CHARS_OF_ONE: Final = 512 * 1024
CHARS_OF_ALL: Final = 16 * 1024 * 1024
_TRACE_LINES: Final = 60
_OVERHEAD_CHARS: Final = 200


@dataclass(frozen=True, slots=True)
class Line:
    """One event."""

    created_s: float
    level: str
    logger: str
    task: int | None
    message: str
    trace: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        return len(self.message) + sum(map(len, self.trace)) + _OVERHEAD_CHARS

    def as_json(self) -> dict[str, Any]:
        seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(self.created_s))
        found: dict[str, Any] = {
            "time": f"{seconds}.{int(self.created_s * 1000) % 1000:03d}Z",
            "level": self.level,
            "task": self.task,
            "message": self.message,
            "logger": self.logger,
        }
        if self.trace:
            found["trace"] = list(self.trace)
        return found


@dataclass(slots=True)
class _Tail:
    lines: deque[Line] = field(default_factory=deque)
    chars: int = 0


class LogTails(logging.Handler):
    """Keeps the lines; ``tail`` reads them."""

    def __init__(self, *, chars_of_all: int = CHARS_OF_ALL) -> None:
        super().__init__()
        self._tails: OrderedDict[str, _Tail] = OrderedDict()
        self._chars = 0
        self._most = chars_of_all

    def emit(self, record: logging.LogRecord) -> None:
        subject = about()
        if subject is None:
            return
        name, task = subject
        error = record.exc_info[1] if record.exc_info else None
        places = str(getattr(record, PLACES, "")) if error is None else trace_of(error)
        lines = GIVEN.hidden_in(places).split("\n")[:_TRACE_LINES] if places else []
        trace = tuple(shortened(line, limit_chars=MAX_MESSAGE_CHARS) for line in lines)
        line = Line(record.created, record.levelname, record.name, task, message_of(record), trace)
        found = self._tails.get(name)
        if found is None:
            found = self._tails[name] = _Tail()
        self._tails.move_to_end(name)
        found.lines.append(line)
        found.chars += line.size
        self._chars += line.size
        while len(found.lines) > LINES_OF_ONE or found.chars > CHARS_OF_ONE:
            self._drop(found)
        while self._chars > self._most and len(self._tails) > 1:
            _, oldest = self._tails.popitem(last=False)
            self._chars -= oldest.chars

    def _drop(self, tail: _Tail) -> None:
        size = tail.lines.popleft().size
        tail.chars -= size
        self._chars -= size

    def tail(
        self, connector: str, count: int, *, task: int | None = None, least_level: int = 0
    ) -> list[Line]:
        """The connector's last lines, oldest first; of one task, or of at least this level, if asked."""
        self.acquire()
        try:
            found = list(self._tails[connector].lines) if connector in self._tails else []
        finally:
            self.release()
        levels = logging.getLevelNamesMapping()
        wanted = [
            line
            for line in found
            if (task is None or line.task == task) and levels.get(line.level, 0) >= least_level
        ]
        return wanted[-count:] if count > 0 else []

    def forget(self, connector: str) -> None:
        """Drop the lines of a connector that is gone."""
        self.acquire()
        try:
            tail = self._tails.pop(connector, None)
            if tail is not None:
                self._chars -= tail.chars
        finally:
            self.release()

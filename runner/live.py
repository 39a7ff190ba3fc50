"""A line per connector on a terminal: state, records a second, lag; and a closing summary.

Plain ANSI, drawn by one thread; log lines go through :class:`LiveStream`, which lifts the lines out of the
way. Nothing here is imported unless stderr is a terminal or a summary is asked for.
"""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TextIO
from unicodedata import combining, east_asian_width

from connectkit.runner.counters import SourceCounters
from connectkit.runner.herder import Herder
from connectkit.suggest import shortened

INTERVAL_S = 0.5
MOST_NAME_CELLS = 20
"""Longer names of connectors are cut, so that what they do still fits on a usual terminal."""


@dataclass(slots=True)
class Totals:
    """What the tasks of a connector have moved since they started."""

    read: int = 0
    written: int = 0
    skipped: int = 0
    lag: int | None = None


def totals_of(herder: Herder, name: str) -> Totals:
    """The sums over a connector's tasks."""
    made = Totals()
    for task in herder.tasks():
        if task.id.connector != name:
            continue
        counters = task.counts()
        made.skipped += counters.errors.total_records_skipped
        if isinstance(counters, SourceCounters):
            made.read += int(counters.polled.total)
            made.written += int(counters.written.total)
        else:
            made.read += int(counters.read.total)
            made.written += int(counters.sent.total)
            if task.lag is not None:
                made.lag = (made.lag or 0) + task.lag
    return made


class Live:
    """Draws until closed; ``stream`` is where log lines must go meanwhile."""

    def __init__(
        self,
        herder: Herder,
        terminal: TextIO,
        *,
        width: int = 100,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._herder = herder
        self._terminal = terminal
        self._width = width
        self._clock = clock
        self._lock = threading.Lock()
        self._drawn = 0
        self._names = 0
        self._lines: list[str] = []
        self._before: dict[str, tuple[float, Totals]] = {}
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="live-display", daemon=True)
        self.stream = LiveStream(self)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Stop drawing; the last lines stay."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join(2.0)
        with self._lock:
            self._drawn = 0
            self._lines = []

    def write(self, text: str) -> None:
        """A log line, above the live lines."""
        with self._lock:
            self._erase()
            self._terminal.write(text)
            self._draw()

    def _run(self) -> None:
        while not self._closing.wait(INTERVAL_S):
            self.refresh()

    def refresh(self) -> None:
        """Draw the present state."""
        names = list(self._herder.connectors())
        self._names = min(max(map(cells, names), default=0), MOST_NAME_CELLS)
        lines = [self._line(name) for name in names]
        with self._lock:
            self._erase()
            self._lines = lines
            self._draw()

    def _line(self, name: str) -> str:
        status = self._herder.status(name)
        now, seen = self._clock(), totals_of(self._herder, name)
        then, before = self._before.get(name, (now, seen))
        self._before[name] = now, seen
        span = max(now - then, 0.001)
        states = [task.state.value for task in status.tasks.values()] or [status.connector.state.value]
        state = "FAILED" if "FAILED" in states else states[0]
        rate = f"in {(seen.read - before.read) / span:>7,.0f}/s"
        parts = [rate, f"out {(seen.written - before.written) / span:>7,.0f}/s"]
        if seen.lag is not None:
            parts.append(f"lag {seen.lag:,}")
        if seen.skipped:
            parts.append(f"skipped {seen.skipped:,}")
        count = len(status.tasks)
        parts += [f"total {seen.written:,}", f"{status.type}, {count} task{'s' if count != 1 else ''}"]
        return fitted(f"{_column(name, self._names)} {state:<9}", parts, self._width)

    def _erase(self) -> None:
        if self._drawn:
            self._terminal.write(f"\x1b[{self._drawn}F\x1b[J")
            self._drawn = 0

    def _draw(self) -> None:
        if not self._closing.is_set() or self._lines:
            self._terminal.write("".join(f"{line}\n" for line in self._lines))
            self._drawn = len(self._lines)
        self._terminal.flush()


def cells(text: str) -> int:
    """How many columns of a terminal a printable text takes: East Asian wide characters take two."""
    return sum(0 if combining(char) else 2 if east_asian_width(char) in "WF" else 1 for char in text)


def fitted(line: str, parts: Sequence[str], width: int) -> str:
    """The line, and behind it as many of the parts, most important first, as the width has room for."""
    for part in parts:
        if cells(line) + 2 + cells(part) > width:
            break
        line = f"{line}  {part}"
    return _cut(line, width)


def _column(name: str, width: int) -> str:
    """A name as a column so wide. What cannot be printed is escaped: names come from configurations."""
    shown = _cut(shortened(name), width)
    return shown + " " * (width - cells(shown))


def _cut(text: str, width: int) -> str:
    """As much of the text as fits."""
    if cells(text) <= width:
        return text
    while text and cells(text) >= width:
        text = text[:-1]
    return f"{text}…"


class LiveStream(io.StringIO):
    """A stream for log handlers."""

    def __init__(self, live: Live) -> None:
        super().__init__()
        self._live = live

    def write(self, text: str) -> int:
        self._live.write(text)
        return len(text)

    def flush(self) -> None:
        """``write`` has flushed."""

"""A connection that is closed by another thread than the one that uses it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from connectkit.errors import FatalTaskError
from connectkit.runner.log.embedded.store import Connection, Store
from connectkit.runner.log.embedded.transactions import abort_abandoned
from tests.embedded.clocks import FakeClock

CALLS: tuple[Callable[[Connection], Any], ...] = (
    lambda connection: connection.counter("catalog"),
    lambda connection: connection.changed(),
    abort_abandoned,
)


class _Guard:
    """Knows whether it is held."""

    def __init__(self) -> None:
        self.depth = 0

    def __enter__(self) -> None:
        self.depth += 1

    def __exit__(self, *_: object) -> None:
        self.depth -= 1


class _Watched:
    """SQLite's connection, which ends the process if it is closed in the midst of a call."""

    def __init__(self, sql: sqlite3.Connection, guard: _Guard) -> None:
        self._sql = sql
        self._guard = guard

    def execute(self, *args: Any) -> sqlite3.Cursor:
        assert self._guard.depth, f"{args[0]} is not guarded from a close"
        return self._sql.execute(*args)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sql, name)


@pytest.fixture
def connection(tmp_path: Path) -> Connection:
    return Connection(Store(tmp_path, FakeClock()))


@pytest.mark.parametrize("call", CALLS)
def test_no_call_meets_a_close(connection: Connection, call: Callable[[Connection], Any]) -> None:
    guard = _Guard()
    connection.guard = guard  # type: ignore[assignment]  # a lock as far as it is used
    connection.sql = _Watched(connection.sql, guard)  # type: ignore[assignment]  # likewise
    call(connection)
    connection.close()


@pytest.mark.parametrize("call", CALLS)
def test_a_call_after_the_close_is_told(connection: Connection, call: Callable[[Connection], Any]) -> None:
    connection.close()
    with pytest.raises(FatalTaskError, match="client is closed"):
        call(connection)

"""A writer of the embedded log gets its turn, whoever else writes one batch after the other."""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from connectkit.errors import RetriableError
from connectkit.runner.log.embedded import store as store_module
from connectkit.runner.log.embedded.store import Connection, Store
from connectkit.runner.log.embedded.write_turns import Courtesy, Waiting
from tests.embedded.clocks import FakeClock

MOST_BETWEEN = 25
"""Batches of somebody else that may be written while one waits for a turn; it is one or two."""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "log", FakeClock())


@contextmanager
def connected(store: Store) -> Iterator[Connection]:
    connection = Connection(store)
    try:
        yield connection
    finally:
        connection.close()


class Heavy(threading.Thread):
    """Writes without a pause on a slow disk: each write takes a while, and the next begins at once."""

    def __init__(self, store: Store) -> None:
        super().__init__(daemon=True)
        self._store = store
        self.written = 0
        self.begun = threading.Event()
        self.enough = threading.Event()

    def run(self) -> None:
        with connected(self._store) as connection:
            while not self.enough.is_set():
                with connection.write("append records"):
                    self.begun.set()
                    self.enough.wait(0.03)
                    connection.bump("catalog")
                self.written += 1


def test_a_writer_is_let_in_between_the_batches_of_a_heavy_one(store: Store) -> None:
    heavy = Heavy(store)
    heavy.start()
    assert heavy.begun.wait(30)
    try:
        with connected(store) as connection:
            for _ in range(5):
                before = heavy.written
                with connection.write("commit offsets"):
                    connection.bump("groups")
                assert heavy.written - before <= MOST_BETWEEN
    finally:
        heavy.enough.set()
        heavy.join(30)
    with connected(store) as connection:
        assert connection.counter("groups") == 5
        assert connection.counter("catalog") == heavy.written


def test_one_that_is_never_let_in_is_told_so(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "_BUSY_TIMEOUT_S", 0.0)
    with connected(store) as first, connected(store) as second:
        kept_out = pytest.raises(RetriableError, match="kept it locked")
        with first.write("append records"), kept_out, second.write("commit offsets"):
            pass
        with second.write("commit offsets"):
            second.bump("groups")
        assert second.counter("groups") == 1


def descriptors() -> int:
    return len(os.listdir("/dev/fd"))


def test_one_that_waits_is_seen_until_it_waits_no_more(tmp_path: Path) -> None:
    path = tmp_path / "waiting.lock"
    courtesy = Courtesy(path)
    courtesy.step_back()  # nobody ever waited: there is no file
    assert not path.exists()
    before = descriptors()
    with Waiting(path), Waiting(path), path.open() as file, pytest.raises(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with path.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    courtesy.step_back()
    assert descriptors() == before


def test_nobody_steps_back_again_at_once_for_one_that_does_not_take_its_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, slept = 0.0, 0

    class Time:
        @staticmethod
        def monotonic() -> float:
            return now

        @staticmethod
        def sleep(seconds: float) -> None:
            nonlocal now, slept
            now += seconds
            slept += 1

    monkeypatch.setattr("connectkit.runner.log.embedded.write_turns.time", Time)
    courtesy = Courtesy(tmp_path / "waiting.lock")
    with Waiting(tmp_path / "waiting.lock"):
        courtesy.step_back()
        first = slept
        assert 0 < first < 30
        courtesy.step_back()
        assert slept == first
        now += 1.0
        courtesy.step_back()
        assert slept > first

"""Threads for requests: as many as are wanted, and others for those that do not come back."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import Any

from connectkit.runner.rest.pool import Pool


def hung(pool: Pool, gate: threading.Event, count: int) -> list[Future[Any]]:
    """So many functions that run and do not return."""
    begun = threading.Semaphore(0)

    def hang() -> str:
        begun.release()
        gate.wait()
        return "late"

    made = [pool.submit(hang) for _ in range(count)]
    for _ in range(count):
        assert begun.acquire(timeout=10)
    return made


def test_what_is_given_up_before_it_began_never_begins() -> None:
    pool, gate = Pool("pool", 1), threading.Event()
    running = hung(pool, gate, 1)
    ran = threading.Event()
    waiting = pool.submit(ran.set)
    assert pool.give_up(waiting)
    gate.set()
    assert running[0].result(10) == "late"
    assert pool.submit(lambda: "next").result(10) == "next"
    assert not ran.is_set()


def test_a_thread_that_does_not_come_back_makes_room() -> None:
    pool, gate = Pool("pool", 2), threading.Event()
    running = hung(pool, gate, 2)
    waiting = pool.submit(lambda: "served")
    assert not pool.give_up(running[0])
    assert waiting.result(10) == "served"
    gate.set()
    assert [each.result(10) for each in running] == ["late", "late"]


def test_the_limit_is_as_before_once_it_has_come_back() -> None:
    pool, gate = Pool("pool", 1), threading.Event()
    (running,) = hung(pool, gate, 1)
    pool.give_up(running)
    told = threading.Event()
    running.add_done_callback(lambda done: told.set())  # behind the pool's own
    gate.set()
    assert told.wait(10)
    gate = threading.Event()
    again = hung(pool, gate, 1)
    waiting = pool.submit(lambda: "after")
    assert not waiting.done()
    assert not pool.give_up(running)  # it has ended: nothing changes
    assert not waiting.done()
    gate.set()
    assert again[0].result(10) == "late"
    assert waiting.result(10) == "after"

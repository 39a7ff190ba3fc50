"""Turns and lanes: one change of a name at a time, and nobody waits for another name."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from connectkit.errors import ConflictError
from connectkit.runner.lanes import Lanes, Turns
from tests.support.process import until


def both(*calls: Callable[[], object]) -> Callable[[], None]:
    """One call of several."""

    def call() -> None:
        for one in calls:
            one()

    return call


def in_thread(call: object) -> threading.Thread:
    assert callable(call)
    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    return thread


def test_a_turn_is_one_threads_and_may_be_taken_twice_by_it() -> None:
    turns = Turns(0.0)
    refused: list[ConflictError] = []

    def other() -> None:
        try:
            with turns.of("a"):
                pass
        except ConflictError as exc:
            refused.append(exc)

    with turns.of("a"), turns.of("a"):
        in_thread(other).join()
        assert not turns.quiet(0.0)
    assert "Connector a is being changed" in str(refused[0])
    assert turns.quiet(0.0)
    in_thread(other).join()
    assert len(refused) == 1


def test_turns_of_other_names_are_free() -> None:
    turns = Turns(0.0)
    with turns.of("a"):
        took = threading.Event()

        def other() -> None:
            with turns.of("b"):
                took.set()

        in_thread(other).join()
        assert took.is_set()


def test_a_turn_is_given_back_by_a_change_that_fails() -> None:
    turns = Turns(0.0)
    with pytest.raises(ValueError, match="x"), turns.of("a"):
        raise ValueError("x")
    assert turns.quiet(0.0)


def test_jobs_of_a_name_run_in_order_and_other_names_do_not_wait() -> None:
    lanes = Lanes("test")
    gate, other, last = threading.Event(), threading.Event(), threading.Event()
    seen: list[int] = []
    lanes.submit("a", 1, both(gate.wait, lambda: seen.append(1)))
    lanes.submit("a", 2, lambda: seen.append(2))
    lanes.submit("a", 2, lambda: seen.append(99))  # one of its kind waits already
    lanes.submit("a", 3, both(lambda: seen.append(3), last.set))
    lanes.submit("b", 1, other.set)
    assert other.wait(10)
    assert seen == []
    gate.set()
    assert last.wait(10)
    assert seen == [1, 2, 3]


def test_lanes_are_busy_until_the_last_job_has_ended() -> None:
    lanes, gate = Lanes("test"), threading.Event()
    assert not lanes.busy()
    lanes.submit("a", 1, both(gate.wait))
    lanes.submit("a", 2, lambda: None)
    assert lanes.busy()
    gate.set()
    until(lambda: not lanes.busy(), "the end of the jobs")


def test_a_job_that_fails_is_logged_and_the_next_one_runs(caplog: pytest.LogCaptureFixture) -> None:
    lanes, gate, done = Lanes("test"), threading.Event(), threading.Event()

    def fail() -> None:
        gate.wait()
        raise ConflictError("that again")

    lanes.submit("a", 1, fail)
    lanes.submit("a", 2, both(lambda: 1 / 0))
    lanes.submit("a", 3, done.set)
    gate.set()
    assert done.wait(10)
    assert "Connector a could not be changed: that again" in caplog.text
    assert "ZeroDivisionError" in caplog.text


def test_nothing_is_begun_after_the_stop() -> None:
    lanes, gate, begun, ran = Lanes("test"), threading.Event(), threading.Event(), threading.Event()
    lanes.submit("a", 1, both(begun.set, gate.wait))
    assert begun.wait(10)
    lanes.submit("a", 2, ran.set)
    lanes.stop()
    lanes.submit("b", 1, ran.set)
    gate.set()
    assert not ran.wait(0.05)


def test_a_job_without_a_thread_to_run_in_is_said(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    lanes, ran = Lanes("test"), threading.Event()
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        lanes.submit("a", 1, ran.set)
    assert "can't start new thread" in caplog.text
    lanes.submit("a", 1, ran.set)
    assert ran.wait(10)

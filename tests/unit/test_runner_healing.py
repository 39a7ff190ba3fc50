"""The healer in virtual time: waits, jitter, budget, healthy resets, what is never restarted."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectkit.errors import (
    ConfigError,
    ConnectError,
    DataError,
    FatalTaskError,
    FencedError,
    RetriableError,
)
from connectkit.runner.causes import DiedError, HungError, ParkedError
from connectkit.runner.healing import Healer, RestartPolicy


class Patient:
    """Something that fails on demand, on a clock that the test moves."""

    def __init__(self, policy: RestartPolicy, *, luck: float = 0.0, bounded: bool = False) -> None:
        self.now = 0.0
        self.policy = policy
        self.healer = Healer(clock=lambda: self.now, random=lambda: luck, bounded=bounded)
        self.healer._begin = lambda: None  # type: ignore[method-assign]  # no thread: time is the test's
        self.restarted: list[float] = []

    def fail(self, error: BaseException, *, ran_s: float = 0.0) -> float | None:
        return self.healer.failed(
            "t", self.policy, error, lambda: self.restarted.append(self.now), ran_s=ran_s
        )

    def at(self, now: float) -> float | None:
        self.now = now
        return self.healer.run_due()


LATER = RetriableError("later")


def test_waits_double_up_to_the_maximum_and_begin_anew_after_health() -> None:
    patient = Patient(RestartPolicy(delay_s=1, delay_max_s=10, healthy_s=60))
    assert [patient.fail(LATER) for _ in range(6)] == [1, 2, 4, 8, 10, 10]
    assert patient.fail(LATER, ran_s=59) == 10
    assert patient.fail(LATER, ran_s=60) == 1


def test_a_restart_happens_when_it_is_due_and_once() -> None:
    patient = Patient(RestartPolicy(delay_s=5))
    patient.fail(LATER)
    assert patient.healer.next_restart_s("t") == 5
    assert patient.at(4) == 1
    assert patient.restarted == []
    assert patient.at(5) is None
    assert patient.restarted == [5]
    assert patient.at(500) is None
    assert patient.restarted == [5]
    assert patient.healer.restarts("t") == 1
    assert patient.healer.next_restart_s("t") is None


def test_a_restart_is_pending_until_it_has_been_handed_over() -> None:
    patient = Patient(RestartPolicy(delay_s=5))
    seen: list[bool] = []
    patient.healer.failed("t", patient.policy, LATER, lambda: seen.append(patient.healer.pending()))
    patient.at(5)
    assert seen == [True]
    assert not patient.healer.pending()


def test_what_fails_again_while_it_is_restarted_is_pending() -> None:
    patient = Patient(RestartPolicy(delay_s=5))

    def fails_again() -> None:
        patient.fail(LATER)

    patient.healer.failed("t", patient.policy, LATER, fails_again)
    patient.at(5)
    assert patient.healer.pending()
    assert patient.healer.next_restart_s("t") == 10


def test_a_second_failure_replaces_the_restart_that_waits() -> None:
    patient = Patient(RestartPolicy(delay_s=5))
    patient.fail(LATER)
    patient.now = 1
    patient.fail(LATER)
    patient.at(6)
    assert patient.restarted == []
    patient.at(11)
    assert patient.restarted == [11]


@given(st.floats(0, 1), st.floats(0, 1), st.integers(0, 200))
def test_jitter_only_shortens_and_never_by_more_than_its_share(
    luck: float, jitter: float, before: int
) -> None:
    patient = Patient(RestartPolicy(delay_s=1, delay_max_s=30, jitter=jitter), luck=luck)
    for _ in range(before % 12):
        patient.fail(LATER)
    full = min(2.0 ** (before % 12), 30)
    wait_s = patient.fail(LATER)
    assert wait_s is not None
    assert full * (1 - jitter) - 1e-9 <= wait_s <= full


def test_an_error_may_ask_for_a_longer_wait() -> None:
    assert Patient(RestartPolicy(delay_s=1)).fail(RetriableError("x", wait_s=90)) == 90
    assert Patient(RestartPolicy(delay_s=1)).fail(RetriableError("x", wait_s=0)) == 1


@pytest.mark.parametrize(
    "error",
    [ConfigError("x"), DataError("x"), FencedError("x"), ParkedError("x")],
)
@pytest.mark.parametrize("mode", ["none", "transient", "backoff"])
def test_what_a_restart_cannot_mend_is_never_restarted(error: Exception, mode: str) -> None:
    patient = Patient(RestartPolicy(mode=mode))  # type: ignore[arg-type]  # one of them
    assert patient.fail(error) is None
    assert patient.healer.note("t")
    patient.at(1e9)
    assert patient.restarted == []


@pytest.mark.parametrize("error", [ValueError("x"), ConnectError("x"), FatalTaskError("x")])
def test_unexpected_errors_are_restarted_only_where_that_is_asked_for(error: Exception) -> None:
    assert Patient(RestartPolicy(mode="none")).fail(error) is None
    assert Patient(RestartPolicy()).fail(error) is None
    assert Patient(RestartPolicy(mode="backoff")).fail(error) == 1


@pytest.mark.parametrize("error", [LATER, HungError("x"), DiedError("x")])
def test_passing_faults_are_restarted_by_default_and_never_with_none(error: Exception) -> None:
    assert Patient(RestartPolicy(mode="none")).fail(error) is None
    assert Patient(RestartPolicy()).fail(error) == 1


def test_a_budget_ends_a_loop_and_time_renews_it() -> None:
    patient = Patient(RestartPolicy(mode="backoff", delay_s=1, delay_max_s=1, budget=3, window_s=100))
    for number in range(1, 4):
        assert patient.fail(ValueError()) == 1
        patient.at(number * 2.0)
    assert len(patient.restarted) == 3
    assert patient.fail(ValueError()) is None
    assert "3 times within 100 s" in (patient.healer.note("t") or "")
    patient.now = 150
    assert patient.fail(ValueError()) == 1


def test_an_outage_may_last_as_long_as_it_does_unless_the_worker_shall_end() -> None:
    for bounded, most in ((False, 1_000), (True, 10)):
        patient = Patient(RestartPolicy(), bounded=bounded)
        for _ in range(1_000):
            wait_s = patient.fail(LATER)
            if wait_s is None:
                break
            patient.now += wait_s
            patient.healer.run_due()
        assert len(patient.restarted) == most


def test_an_operator_takes_over() -> None:
    patient = Patient(RestartPolicy(delay_s=5))
    patient.fail(LATER)
    patient.healer.forget("t")
    patient.at(100)
    assert patient.restarted == []
    assert patient.healer.restarts("t") == 0
    assert patient.fail(LATER) == 5


def test_a_restart_that_fails_is_logged_and_others_go_on(caplog: pytest.LogCaptureFixture) -> None:
    def fail_again() -> None:
        raise ValueError("again")

    patient = Patient(RestartPolicy(delay_s=0))
    patient.healer.failed("bad", patient.policy, LATER, fail_again)
    patient.fail(LATER)
    patient.at(0)
    assert patient.restarted == [0]
    assert "Connector bad could not be restarted" in caplog.text


def test_nothing_is_restarted_after_the_stop() -> None:
    patient = Patient(RestartPolicy(delay_s=0))
    patient.fail(LATER)
    patient.healer.stop()
    patient.at(10)
    assert patient.restarted == []
    assert patient.fail(LATER) is None


def test_the_timer_restarts_by_itself() -> None:
    healer, done = Healer(), threading.Event()
    healer.failed("t", RestartPolicy(delay_s=0), LATER, done.set)
    assert done.wait(30)
    again = threading.Event()
    healer.failed("t", RestartPolicy(delay_s=0), LATER, again.set)
    assert again.wait(30)
    healer.stop()

"""The truthful status: in virtual time for what is computed, on an embedded log for where it comes from."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectkit.errors import NotFoundError
from connectkit.runner.activity import CALLS, Activity
from connectkit.runner.control import Control, TaskId
from connectkit.runner.counters import SinkCounters, SourceCounters
from connectkit.runner.health import STALL_S, Failure, Restarts, health_of, stall_of
from connectkit.runner.status import State
from connectkit.runner.worker_task import WorkerTask
from tests.support.gates import gate, running_herder
from tests.support.process import until

ID = TaskId("c", 0)


class Time:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Still(WorkerTask):
    """A task whose counters the test writes."""

    def __init__(self, counters: SinkCounters | SourceCounters, clock: Time) -> None:
        super().__init__(ID, Control(), lambda task, state, trace: None, clock=clock)
        self._counters = counters

    def counts(self) -> SinkCounters | SourceCounters:
        return self._counters

    def begin(self) -> None:
        """Nothing."""

    def execute(self) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""

    def fence(self) -> None:
        """Nothing."""


@pytest.fixture
def clock() -> Time:
    return Time()


def test_a_young_task_knows_nothing_yet(clock: Time) -> None:
    for counters in (SinkCounters(clock()), SourceCounters(clock())):
        health = health_of(Still(counters, clock), State.RUNNING, Restarts(), clock())
        assert (health.last_record_age_s, health.last_commit_age_s, health.lag) == (None, None, None)
        assert (health.in_flight, health.rate_per_s, health.stalled, health.note) == (0, 0.0, False, None)


def test_ages_rates_and_what_is_in_flight(clock: Time) -> None:
    counters = SourceCounters(clock())
    task = Still(counters, clock)
    clock.now += 10
    counters.polled.record(100, clock())
    counters.finished = 40
    clock.now += 5
    counters.commits.committed(0.1, clock(), success=True)
    counters.commits.committed(0.1, clock() + 1, success=False)
    counters.polled.record(0, clock() + 1)
    clock.now += 5
    health = health_of(task, State.RUNNING, Restarts(), clock())
    assert (health.last_record_age_s, health.last_commit_age_s) == (10, 5)
    assert health.in_flight == 60
    assert health.rate_per_s == pytest.approx(5.0)


def test_a_sink_with_lag_and_no_progress_is_stalled(clock: Time) -> None:
    counters = SinkCounters(clock())
    task = Still(counters, clock)
    task.lag = 7
    clock.now += STALL_S - 1
    assert stall_of(task, clock()) is None
    clock.now += 1
    task.note = "the breaker is open"
    assert stall_of(task, clock()) == "7 records wait, and none was written for 60 s: the breaker is open"
    health = health_of(task, State.RUNNING, Restarts(), clock())
    assert health.stalled
    assert not health_of(task, State.PAUSED, Restarts(), clock()).stalled
    counters.sent.record(1, clock())
    assert stall_of(task, clock()) is None
    clock.now += STALL_S
    task.lag = 0
    assert stall_of(task, clock()) is None


def test_a_source_whose_records_are_not_acknowledged_is_stalled(clock: Time) -> None:
    counters = SourceCounters(clock())
    task = Still(counters, clock)
    counters.polled.record(3, clock())
    clock.now += STALL_S
    assert "3 records were sent and not acknowledged" in (stall_of(task, clock()) or "")
    counters.finished = 3
    assert stall_of(task, clock()) is None


def test_a_call_that_does_not_return_is_a_stall(clock: Time) -> None:
    task = Still(SinkCounters(clock()), clock)
    task.activity.enter("put")
    clock.now += 73
    assert stall_of(task, clock()) == "put has not returned for 73 s"
    task.activity.leave()
    assert stall_of(task, clock()) is None


def test_the_newer_error_is_told(clock: Time) -> None:
    counters = SinkCounters(clock())
    task = Still(counters, clock)
    dead = Restarts(2, 3.5, "because", Failure("it died", clock()))
    clock.now += 10
    health = health_of(task, State.FAILED, dead, clock())
    assert (health.last_error, health.last_error_age_s) == ("it died", 10)
    assert (health.restarts, health.next_restart_s, health.note) == (2, 3.5, "because")
    counters.errors.note("a record was skipped", clock())
    assert health_of(task, State.RUNNING, dead, clock()).last_error == "a record was skipped"
    assert health_of(None, State.FAILED, dead, clock()).last_error == "it died"


def test_activity_tells_the_call_and_how_long_it_lasts(clock: Time) -> None:
    activity = Activity(clock)
    assert activity.lasts_s(clock()) is None
    with pytest.raises(ValueError, match="x"), activity.calling("start"):
        clock.now += 2
        assert activity.lasts_s(clock()) == ("start", 2)
        raise ValueError("x")
    assert activity.lasts_s(clock()) is None
    assert not activity.careful
    assert "" in CALLS


def test_a_source_that_waits_politely_is_in_no_call(tmp_path: Path) -> None:
    with running_herder(tmp_path) as herder:
        herder.put({"name": "c", "connector.class": "GateSource"})
        until(lambda: herder.health("c")[ID].last_commit_age_s is not None, "a commit")
        health = herder.health("c")[ID]
        assert health.state is State.RUNNING
        assert health.last_record_age_s is not None
        assert health.rate_per_s > 0
        assert (health.last_error, health.restarts, health.stalled) == (None, 0, False)
        with pytest.raises(NotFoundError):
            herder.health("nobody")


def test_a_hung_put_is_seen(tmp_path: Path) -> None:
    with running_herder(tmp_path) as herder, gate("put") as held:
        herder.put({"name": "src", "connector.class": "GateSource", "topic": "t"})
        herder.put({"name": "c", "connector.class": "GateSink", "topics": "t", "where": "put"})
        assert held.reached.wait(30)
        [task] = [task for task in herder.tasks() if task.id == ID]
        found = task.activity.lasts_s(task.clock() + STALL_S)
        assert found is not None
        assert found[0] == "put"
        assert stall_of(task, task.clock() + STALL_S) is not None


def test_a_commit_of_a_plugin_that_does_not_return_is_a_stall(clock: Time) -> None:
    task = Still(SourceCounters(clock()), clock)
    task.commits_since = clock()
    assert stall_of(task, clock()) is None
    clock.now += 73
    assert stall_of(task, clock()) == "commit has not returned for 73 s, so that no more offsets are stored"

"""Starts that went well or not, and the time spent in each state."""

from __future__ import annotations

import pytest

from connectkit.runner.control import TaskId
from connectkit.runner.lifetimes import Lifetimes
from connectkit.runner.status import State, StatusStore

TASK = TaskId("c", 0)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def lives(clock: Clock) -> Lifetimes:
    return Lifetimes(clock)


def test_a_start_succeeds_once_it_runs(lives: Lifetimes) -> None:
    lives.begins(TASK)
    lives.moved(TASK, "PAUSED")
    assert lives.starts()["task-startup-success-total"] == 0
    lives.moved(TASK, "RUNNING")
    lives.moved(TASK, "FAILED")
    lives.moved(TASK, "RUNNING")
    found = lives.starts()
    assert found["task-startup-attempts-total"] == 1
    assert found["task-startup-success-total"] == 1
    assert found["task-startup-failure-total"] == 0
    assert found["task-startup-success-percentage"] == 1.0
    assert found["connector-startup-attempts-total"] == 0


def test_a_start_fails_only_before_it_runs(lives: Lifetimes) -> None:
    for name in ("a", "b", "c", "d"):
        lives.begins(name)
    lives.moved("a", "FAILED")
    for name in ("b", "c", "d"):
        lives.moved(name, "RUNNING")
    found = lives.starts()
    assert found["connector-startup-attempts-total"] == 4
    assert found["connector-startup-failure-total"] == 1
    assert found["connector-startup-failure-percentage"] == pytest.approx(0.25)


def test_percentages_forget_what_is_long_ago(lives: Lifetimes, clock: Clock) -> None:
    lives.begins("a")
    lives.moved("a", "FAILED")
    clock.now += 1000
    lives.begins("b")
    lives.moved("b", "RUNNING")
    assert lives.starts()["connector-startup-success-percentage"] == pytest.approx(1.0)
    assert lives.starts()["connector-startup-failure-total"] == 1


def test_ratios_are_of_the_time_since_the_first_state(lives: Lifetimes, clock: Clock) -> None:
    assert lives.ratios(TASK) == {}
    lives.moved(TASK, "UNASSIGNED")
    clock.now += 10
    lives.moved(TASK, "RUNNING")
    clock.now += 10
    lives.moved(TASK, "RUNNING")
    clock.now += 10
    lives.moved(TASK, "PAUSED")
    clock.now += 10
    assert lives.ratios(TASK) == {"UNASSIGNED": 0.25, "RUNNING": 0.5, "PAUSED": 0.25}


def test_a_task_of_this_moment_has_no_ratio_yet(lives: Lifetimes) -> None:
    lives.moved(TASK, "RUNNING")
    assert lives.ratios(TASK) == {"RUNNING": 0.0}


def test_what_is_gone_is_forgotten(lives: Lifetimes) -> None:
    for number in range(3):
        lives.begins(TaskId("c", number))
        lives.moved(TaskId("c", number), "UNASSIGNED")
    lives.forget("c", keep=1)
    assert lives.ratios(TaskId("c", 0))
    assert lives.ratios(TaskId("c", 2)) == {}
    lives.moved(TaskId("c", 2), "RUNNING")
    assert lives.starts()["task-startup-success-total"] == 0


def test_the_store_of_statuses_tells_them() -> None:
    store = StatusStore("worker")
    store.lifetimes.begins(TASK)
    store.set_task(TASK, State.RUNNING)
    assert store.lifetimes.starts()["task-startup-success-total"] == 1
    store.forget("c")
    assert store.lifetimes.ratios(TASK) == {}

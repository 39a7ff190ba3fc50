"""Hung plugins: calls are given up by their deadline, told in the log, and healed; building has one too."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectkit.errors import RetriableError
from connectkit.runner.causes import HungError
from connectkit.runner.control import TaskId
from connectkit.runner.counters import SourceCounters
from connectkit.runner.herder import Herder
from connectkit.runner.lanes import begin_thread
from connectkit.runner.status import State
from connectkit.runner.watchdog import LONG_CALL_S, Watchdog, frozen_stacks, stack_of
from connectkit.runner.worker_task import WorkerTask
from tests.support.gates import Gate, gate, running_herder
from tests.support.process import until
from tests.unit.test_runner_health import Still, Time

TASK = TaskId("c", 0)


@pytest.fixture
def herder(tmp_path: Path) -> Iterator[Herder]:
    with running_herder(tmp_path) as made:
        yield made


def source(where: str, **more: str) -> dict[str, str | None]:
    options = {key.replace("_", "."): value for key, value in more.items()}
    return {"name": "c", "connector.class": "GateSource", "where": where, **options}


def sink(where: str, **more: str) -> dict[str, str | None]:
    return {**source(where, **more), "connector.class": "GateSink", "topics": "t"}


def task_of(herder: Herder) -> WorkerTask:
    [task] = [task for task in herder.tasks() if task.id == TASK]
    return task


HUNG = {"task_call_timeout_ms": "100", "task_restart_delay_ms": "1"}


def given_up(herder: Herder, held: Gate) -> WorkerTask:
    """Wait until the task hangs and is given up; the gate stays closed for it, and the next finds none."""
    assert held.reached.wait(30)
    hung = task_of(herder)
    until(lambda: hung.failed, "the end of the patience")
    assert isinstance(hung.error, HungError)
    assert "has not returned for" in str(hung.error)
    return hung


@pytest.mark.parametrize("where", ["task.start", "poll"])
def test_a_source_that_hangs_is_given_up_and_healed(herder: Herder, where: str) -> None:
    with gate(where) as held:
        herder.put(source(where, topic="t", **HUNG))
        hung = given_up(herder, held)
        assert hung.control.cancelled
        until(lambda: herder.mender.healer.restarts(TASK) >= 1, "the restart")
    until(
        lambda: task_of(herder) is not hung and task_of(herder).activity.call in ("", "poll"), "the new task"
    )
    until(lambda: herder.health("c")[TASK].last_record_age_s is not None, "records")


@pytest.mark.parametrize("where", ["task.start", "put", "flush"])
def test_a_sink_that_hangs_is_given_up_and_its_records_go_to_the_next(herder: Herder, where: str) -> None:
    herder.put({"name": "src", "connector.class": "GateSource", "topic": "t"})
    with gate(where) as held:
        herder.put(sink(where, **{"consumer.override.auto.offset.reset": "earliest"}, **HUNG))
        given_up(herder, held)
    until(
        lambda: (
            herder.status("c").tasks[TASK].state is State.RUNNING
            and (herder.health("c")[TASK].last_record_age_s or 99) < 5
        ),
        "records in the new task",
    )


def test_without_healing_a_hung_task_is_failed_and_says_where(herder: Herder) -> None:
    with gate("poll") as held:
        herder.put(source("poll", task_call_timeout_ms="100", task_restart_policy="none"))
        given_up(herder, held)
        status = herder.status("c").tasks[TASK]
        assert status.state is State.FAILED
        assert "HungError: poll of task c-0 has not returned" in (status.trace or "")
        assert herder.health("c")[TASK].note == "task.restart.policy is none"
        held.open.set()
        assert herder.status("c").tasks[TASK].state is State.FAILED  # what it says now is not heard


def test_a_source_that_waits_by_its_context_is_never_given_up() -> None:
    clock = Time()
    task = Still(SourceCounters(0.0), clock)
    task.call_timeout_s = 1.0
    task.activity.enter("poll")
    task.activity.leave()  # WorkerSourceTask.sleep does so
    clock.now += 100
    Watchdog(lambda: [task], clock=clock).look()
    assert not task.failed


def test_a_long_call_is_logged_once_with_its_stack(caplog: pytest.LogCaptureFixture) -> None:
    clock = Time()
    task = Still(SourceCounters(0.0), clock)
    task.activity.runs_here()
    task.activity.enter("poll")
    dog = Watchdog(lambda: [task], clock=clock)
    clock.now += LONG_CALL_S - 1
    dog.look()
    assert caplog.text == ""
    clock.now += 1
    dog.look()
    dog.look()
    assert caplog.text.count("has not returned for 60 s") == 1
    assert "test_runner_watchdog.py" in caplog.text
    task.activity.enter("poll")
    clock.now += LONG_CALL_S
    dog.look()
    assert caplog.text.count("has not returned for 60 s") == 2


def test_a_constructor_that_hangs_fails_its_task_alone(
    herder: Herder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectkit.runner.worker.BUILD_TIMEOUT_S", 0.05)
    with gate("task.init") as held:
        herder.put(source("task.init", task_restart_policy="none"))
        assert held.reached.is_set()
        status = herder.status("c").tasks[TASK]
        assert status.state is State.FAILED
        assert "was not built within" in (status.trace or "")
        monkeypatch.undo()
        herder.put({"name": "other", "connector.class": "TroubleSource"})
    herder.restart_task(TASK)
    until(lambda: herder.status("c").tasks[TASK].state is State.RUNNING, "the restart")


def test_threads_that_cannot_be_started_fail_a_task_until_they_can(
    herder: Herder, monkeypatch: pytest.MonkeyPatch
) -> None:
    herder.put({"name": "other", "connector.class": "TroubleSource"})
    start = threading.Thread.start
    refused = threading.Event()

    def refuse(thread: threading.Thread) -> None:
        if thread.name.startswith(("task-thread-c", "build-c")) and not refused.is_set():
            refused.set()
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    herder.put(source("", task_restart_delay_ms="1"))
    assert refused.is_set()
    until(lambda: herder.status("c").tasks[TASK].state is State.RUNNING, "the recovery")
    assert herder.mender.healer.restarts(TASK) == 1
    assert herder.status("other").tasks[TaskId("other", 0)].state is State.RUNNING


def test_no_thread_is_a_passing_fault() -> None:
    class Refused(threading.Thread):
        def start(self) -> None:
            raise RuntimeError("can't start new thread")

    with pytest.raises(RetriableError, match="no thread could be started"):
        begin_thread(Refused(), "It could not be done")


def test_the_stacks_of_a_frozen_interpreter_are_told_by_task(tmp_path: Path) -> None:
    with (tmp_path / "stacks").open("w+") as file:
        file.write(
            "Timeout (0:00:10)!\nThread 0x00000000000000aa (most recent call first):\n"
            '  File "a.py", line 7 in f\n'
            '\nThread 0x00000000000000bb (most recent call first):\n  File "b.py", line 8 in g\n'
        )
        found = frozen_stacks(file, {0xBB: "c-0"})
        assert "Task c-0 was here:" in found
        assert "line 8 in g" in found
        assert "a.py" not in found
        assert frozen_stacks(file, {0xBB: "c-0"}) == ""
    assert frozen_stacks(None, {}) == ""
    assert "ended" in stack_of(-1)

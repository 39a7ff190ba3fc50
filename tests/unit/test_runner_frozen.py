"""A plugin that holds the interpreter's lock: told afterwards in a thread, killed in a process."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from connectkit.runner import watchdog
from connectkit.runner.control import TaskId
from connectkit.runner.counters import SourceCounters
from connectkit.runner.isolation.parent import ProcessTask
from connectkit.runner.status import State
from tests.support.crashing import CrashSource, hold_interpreter
from tests.support.gates import gate_registry, running_herder
from tests.support.process import until
from tests.unit.test_runner_health import Still, Time

TASK = TaskId("c", 0)


def test_who_held_the_interpreter_is_logged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(watchdog, "FROZEN_S", 0.5)
    monkeypatch.setattr(watchdog, "TICK_S", 0.05)
    task, ready = Still(SourceCounters(0.0), Time()), threading.Event()
    task.activity.enter("poll")

    def plugin() -> None:
        task.activity.runs_here()
        ready.wait()
        hold_interpreter(1.5)

    ticks = threading.Event()
    dog = watchdog.Watchdog(lambda: [task], stacks=tmp_path / "stacks", on_tick=ticks.set)
    thread = threading.Thread(target=plugin)
    thread.start()
    dog.begin()
    assert ticks.wait(30)
    ready.set()
    thread.join()
    until(lambda: "stood still for" in caplog.text, "the line about it")
    dog.stop()
    assert "task c-0 (poll)" in caplog.text
    assert "Task c-0 was here:" in caplog.text
    assert "hold_interpreter" in caplog.text


def test_in_a_process_it_is_killed_by_the_deadline(tmp_path: Path) -> None:
    registry = gate_registry()
    registry.register("source", "CrashSource", CrashSource)
    with running_herder(tmp_path, registry) as herder:
        herder.put({"name": "other", "connector.class": "TroubleSource"})
        herder.put(
            {
                "name": "c",
                "connector.class": "CrashSource",
                "how": "hold",
                "task.isolation": "process",
                "task.call.timeout.ms": "300",
                "task.restart.policy": "none",
            }
        )
        until(
            lambda: TASK in herder.status("c").tasks and herder.status("c").tasks[TASK].state is State.FAILED,
            "the end of patience",
        )
        trace = herder.status("c").tasks[TASK].trace or ""
        assert "poll of task c-0 has not returned" in trace or "has said nothing for" in trace
        [task] = [task for task in herder.tasks() if task.id == TASK]
        assert isinstance(task, ProcessTask)
        assert task.pid is not None
        with pytest.raises(ProcessLookupError):
            os.kill(task.pid, 0)
        assert herder.status("other").tasks[TaskId("other", 0)].state is State.RUNNING

"""Tasks in processes of their own, on the embedded log: run, stop, crash, hang, heal, drain, secrets."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from connectkit.runner.control import Target, TaskId
from connectkit.runner.herder import Herder
from connectkit.runner.isolation.parent import ProcessTask
from connectkit.runner.status import State
from tests.support.crashing import CrashConverter, CrashSource
from tests.support.gates import gate_registry, running_herder
from tests.support.process import WorkerProcess, until

TASK = TaskId("c", 0)


@pytest.fixture
def herder(tmp_path: Path) -> Iterator[Herder]:
    registry = gate_registry()
    registry.register("source", "CrashSource", CrashSource)
    registry.register("converter", "CrashConverter", CrashConverter)
    with running_herder(tmp_path, registry, task_shutdown_graceful_timeout_ms="5000") as made:
        yield made


def isolated(cls: str, **more: str) -> dict[str, str | None]:
    options = {key.replace("_", "."): value for key, value in more.items()}
    return {"name": "c", "connector.class": cls, "task.isolation": "process", **options}


def task_of(herder: Herder) -> ProcessTask:
    [task] = [task for task in herder.tasks() if task.id == TASK]
    assert isinstance(task, ProcessTask)
    return task


def state(herder: Herder) -> State:
    found = herder.status("c").tasks.get(TASK)
    return State.UNASSIGNED if found is None else found.state


def running(herder: Herder) -> ProcessTask:
    until(lambda: state(herder) is State.RUNNING, f"RUNNING, but it is {herder.status('c')}")
    return task_of(herder)


def is_alive(pid: int | None) -> bool:
    assert pid is not None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def moved(task: ProcessTask) -> int:
    counters: Any = task.counters
    return int(counters.written.total if task.kind == "source" else counters.sent.total)


def test_a_source_and_a_sink_run_stop_and_leave_no_process(herder: Herder) -> None:
    herder.put(isolated("TroubleSource", topic="t"))
    source = running(herder)
    herder.put({**isolated("TroubleSink", topics="t"), "name": "sink"})
    sink = next(task for task in herder.tasks() if task.id.connector == "sink")
    assert isinstance(sink, ProcessTask)
    until(lambda: moved(source) > 10 and moved(sink) > 0, "records from process to process")
    assert source.pid != sink.pid != os.getpid()
    health = herder.health("c")[TASK]
    assert health.last_record_age_s is not None
    until(lambda: herder.worker.store.partitions("c"), "stored offsets")
    assert herder.stop()
    assert not is_alive(source.pid)
    assert not is_alive(sink.pid)
    [(_, offset)] = herder.worker.store.partitions("c")
    assert offset["next"] == moved(source)  # a clean stop stores what was acknowledged


def test_it_goes_on_from_its_offsets_after_a_restart(herder: Herder) -> None:
    herder.put(isolated("TroubleSource"))
    task = running(herder)
    until(lambda: moved(task) > 3, "records")
    herder.restart_task(TASK)
    again = running(herder)
    assert again is not task
    until(lambda: herder.worker.store.partitions("c")[0][1]["next"] > moved(task), "more records")


def test_it_is_paused_and_resumed(herder: Herder) -> None:
    herder.put(isolated("TroubleSource"))
    task = running(herder)
    herder.set_target("c", Target.PAUSED)
    until(lambda: state(herder) is State.PAUSED, "the pause")
    herder.set_target("c", Target.STARTED)
    running(herder)
    assert task_of(herder) is task
    herder.set_target("c", Target.STOPPED)
    until(lambda: not is_alive(task.pid), "the end of its process")


@pytest.mark.parametrize("where", ["start", "poll"])
def test_what_fails_in_it_is_told_as_if_it_had_run_here(herder: Herder, where: str) -> None:
    herder.put(isolated("TroubleSource", where=where, how="fail"))
    until(lambda: state(herder) is State.FAILED, "the failure")
    trace = herder.status("c").tasks[TASK].trace or ""
    assert trace.startswith("ValueError")
    assert "a value that no log may show" not in trace
    assert "in trouble" in trace


def test_a_crash_fails_the_task_and_nothing_else(herder: Herder) -> None:
    herder.put({"name": "other", "connector.class": "TroubleSource"})
    herder.put(isolated("CrashSource", how="abort", task_restart_policy="none"))
    until(lambda: state(herder) is State.FAILED, "the crash")
    assert "died by SIGABRT" in (herder.status("c").tasks[TASK].trace or "")
    assert herder.status("other").tasks[TaskId("other", 0)].state is State.RUNNING


def test_a_process_that_is_killed_is_healed(herder: Herder) -> None:
    herder.put(isolated("TroubleSource", task_restart_delay_ms="1"))
    task = running(herder)
    assert task.pid is not None
    os.kill(task.pid, signal.SIGKILL)
    until(lambda: herder.mender.healer.restarts(TASK) == 1, "the restart")
    assert running(herder) is not task
    assert "died by SIGKILL" in (herder.health("c")[TASK].last_error or "")


def test_a_plugin_that_hangs_is_killed_by_the_deadline(herder: Herder) -> None:
    herder.put(
        isolated(
            "TroubleSource",
            where="poll",
            how="hang",
            task_call_timeout_ms="300",
            task_restart_policy="none",
        )
    )
    until(lambda: state(herder) is State.FAILED, "the end of patience")
    task = task_of(herder)
    assert "poll of task c-0 has not returned" in (herder.status("c").tasks[TASK].trace or "")
    until(lambda: not is_alive(task.pid), "the end of its process")


def test_a_plugin_that_does_not_stop_is_killed(herder: Herder, tmp_path: Path) -> None:
    herder.put(isolated("TroubleSource", where="stop", how="hang"))
    task = running(herder)
    assert herder.stop() is False
    until(lambda: not is_alive(task.pid), "the end of its process")


def test_a_process_that_is_frozen_is_overdue_and_killed(
    herder: Herder, monkeypatch: pytest.MonkeyPatch
) -> None:
    herder.put(isolated("TroubleSource", task_restart_policy="none"))
    task = running(herder)
    monkeypatch.setattr("connectkit.runner.isolation.parent.SILENT_S", 1.0)
    assert task.pid is not None
    os.kill(task.pid, signal.SIGSTOP)
    until(lambda: state(herder) is State.FAILED, "the end of patience")
    assert "has said nothing for" in (herder.status("c").tasks[TASK].trace or "")
    until(lambda: not is_alive(task.pid), "the end of its process")


def test_a_plugin_that_no_other_process_finds_is_refused(tmp_path: Path) -> None:
    class Local(CrashSource):
        """Made in a function."""

    registry = gate_registry()
    registry.register("source", "Local", Local)
    with running_herder(tmp_path, registry) as herder:
        herder.put(isolated("TroubleSource"))
        until(lambda: state(herder) is State.FAILED, "the refusal")
        assert "task.isolation=thread" in (herder.status("c").tasks[TASK].trace or "")


def test_a_worker_that_is_killed_takes_its_processes_along(tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("a\n")
    worker = WorkerProcess(tmp_path, f"embedded:{tmp_path / 'log'}").connector(
        {
            "name": "c",
            "connector.class": "FileStreamSource",
            "file": str(tmp_path / "in.txt"),
            "topic": "t",
            "task.isolation": "process",
        }
    )
    worker.start().ready()
    try:
        until(lambda: "runs in process" in worker.log(), "the process")
        found = re.search(r"runs in process (\d+)", worker.log())
        assert found is not None
        assert is_alive(int(found[1]))
        worker.signal(signal.SIGKILL)
        worker.wait()
        until(lambda: not is_alive(int(found[1])), "the end of the process")
    finally:
        WorkerProcess.kill_all()


def test_until_done_ends_with_isolated_tasks(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("\n".join(["id", *map(str, range(1_000))]) + "\n")
    worker = WorkerProcess(tmp_path, f"embedded:{tmp_path / 'log'}")
    common = {"task.isolation": "process"}
    source = {"name": "in", "connector.class": "CsvSource", "file": str(tmp_path / "in.csv"), **common}
    sink = {"name": "out", "connector.class": "CsvSink", "file": str(tmp_path / "out.csv"), **common}
    worker.connector({**source, "topic": "t", "mode": "once"}).connector({**sink, "topics": "t"})
    try:
        assert worker.run("--until-done") == 0, worker.log()
    finally:
        WorkerProcess.kill_all()
    assert (tmp_path / "out.csv").read_text().splitlines()[1:] == [str(n) for n in range(1_000)]


@pytest.mark.kafka
def test_on_kafka_records_go_through_processes_and_survive_their_kill(
    tmp_path: Path, kafka_bootstrap: str, unique: Callable[[str], str]
) -> None:
    topic, rows = unique("isolated"), 3_000
    (tmp_path / "in.csv").write_text("\n".join(["id", *map(str, range(rows))]) + "\n")
    worker = WorkerProcess(
        tmp_path, kafka_bootstrap, consumer_session_timeout_ms="6000", consumer_heartbeat_interval_ms="2000"
    )
    common = {"task.isolation": "process", "task.restart.delay.ms": "100"}
    source = {
        "name": f"{topic}-in",
        "connector.class": "CsvSource",
        "file": str(tmp_path / "in.csv"),
        **common,
    }
    sink = {"name": f"{topic}-out", "connector.class": "CsvSink", "file": str(tmp_path / "out.csv"), **common}
    worker.connector({**source, "topic": topic, "mode": "once", "batch.size": "10"})
    worker.connector({**sink, "topics": topic})
    try:
        worker.start("--until-done")
        until(lambda: worker.log().count("runs in process") == 2, "the processes")
        for pid in re.findall(r"runs in process (\d+)", worker.log()):
            os.kill(int(pid), signal.SIGKILL)
        assert worker.wait() == 0, worker.log()
    finally:
        WorkerProcess.kill_all()
    assert worker.log().count("died by SIGKILL") >= 2
    found = {line for line in (tmp_path / "out.csv").read_text().splitlines() if line.isdigit()}
    assert found == {str(n) for n in range(rows)}

"""The standalone worker as a process, on the embedded log and on a real Kafka."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.plugins import SCRIPT
from tests.support.process import COMMAND, WorkerProcess, until


def file_pair(folder: Path, name: str) -> tuple[dict[str, str], dict[str, str]]:
    """Connect's own file connectors, from in.txt to out.txt."""
    source = {
        "name": f"{name}-source",
        "connector.class": "FileStreamSource",
        "file": str(folder / "in.txt"),
        "topic": name,
    }
    sink = {
        "name": f"{name}-sink",
        "connector.class": "org.apache.kafka.connect.file.FileStreamSinkConnector",
        "file": str(folder / "out.txt"),
        "topics": name,
    }
    return source, sink


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def stored(worker: WorkerProcess) -> object:
    if not worker.offsets.exists():
        return None
    offsets = json.loads(worker.offsets.read_text())["offsets"]
    return offsets[0]["offset"] if offsets else None


def test_lines_go_from_file_to_file_and_a_restart_goes_on(
    tmp_path: Path, bootstrap: str, unique: Callable[[str], str]
) -> None:
    source, sink = file_pair(tmp_path, unique("lines"))
    (tmp_path / "in.txt").write_text("one\ntwo\n")
    worker = WorkerProcess(tmp_path, bootstrap).connector(source).connector(sink).start().ready()
    until(lambda: len(lines(tmp_path / "out.txt")) == 2, "the first lines")
    with (tmp_path / "in.txt").open("a") as file:
        file.write("three\n")
    until(lambda: len(lines(tmp_path / "out.txt")) == 3, "the third line")
    assert worker.stop() == 0, worker.err
    assert stored(worker) == {"position": 14}
    assert "Traceback" not in worker.err

    with (tmp_path / "in.txt").open("a") as file:
        file.write("four\n")
    worker.start().ready()
    until(lambda: len(lines(tmp_path / "out.txt")) == 4, "the fourth line")
    assert worker.stop() == 0, worker.err
    assert lines(tmp_path / "out.txt") == ["one", "two", "three", "four"]


def csv_pair(folder: Path, topic: str) -> tuple[dict[str, str], dict[str, str]]:
    source = {
        "name": f"{topic}-in", "connector.class": "CsvSource", "file": str(folder / "in.csv"),
        "topic": topic, "mode": "once", "transforms": "cut",
        "transforms.cut.type": "org.apache.kafka.connect.transforms.ReplaceField$Value",
        "transforms.cut.exclude": "secret",
    }  # fmt: skip
    sink = {
        "name": f"{topic}-out", "connector.class": "CsvSink", "file": str(folder / "out.csv"),
        "topics": topic,
    }  # fmt: skip
    return source, sink


def test_until_done_ends_when_everything_has_arrived(
    tmp_path: Path, bootstrap: str, unique: Callable[[str], str]
) -> None:
    rows = [f"{n},name {n},{n / 4},hidden" for n in range(5_000)]
    (tmp_path / "in.csv").write_text("\n".join(["id,name,price,secret", *rows]) + "\n")
    source, sink = csv_pair(tmp_path, unique("rows"))
    worker = WorkerProcess(tmp_path, bootstrap).connector(source).connector(sink)
    assert worker.run("--until-done") == 0, worker.err
    out = lines(tmp_path / "out.csv")
    assert out[0] == "id,name,price"
    assert len(out) == 5_001
    assert out[1] == "0,name 0,0.0"
    before = stored(worker)
    assert worker.run("--until-done") == 0, worker.err
    assert stored(worker) == before
    assert lines(tmp_path / "out.csv") == out


def test_a_malformed_row_stops_with_its_place_and_the_offset_before_it(
    tmp_path: Path, bootstrap: str, unique: Callable[[str], str]
) -> None:
    (tmp_path / "in.csv").write_text("id,name\n1,a\n2,b\nthree,c\n4,d\n")
    source, sink = csv_pair(tmp_path, unique("bad"))
    source["columns"] = "id:int32,name:string"
    worker = WorkerProcess(tmp_path, bootstrap).connector(source).connector(sink)
    assert worker.run("--until-done") == 4
    assert "in.csv:4" in worker.err
    assert "Traceback" not in worker.err
    assert lines(tmp_path / "out.csv") == ["id,name", "1,a", "2,b"]
    offset = stored(worker)
    assert isinstance(offset, dict)
    assert offset["line"] == 3


def test_poison_in_the_topic_names_topic_partition_and_offset(
    tmp_path: Path, bootstrap: str, unique: Callable[[str], str]
) -> None:
    topic = unique("poison")
    (tmp_path / "in.txt").write_text("{}\nnot json\n{}\n")
    source, sink = file_pair(tmp_path, topic)
    source["value.converter"] = "StringConverter"
    sink["value.converter"] = "JsonConverter"
    sink["value.converter.schemas.enable"] = "false"
    worker = WorkerProcess(tmp_path, bootstrap).connector(source).connector(sink).start()
    failed = f"Task {sink['name']}-0 failed:"  # a client that cannot connect yet says "failed:" as well
    until(lambda: failed in worker.log(), "the failure of the sink")
    worker.stop()
    assert f"{topic}-0@1" in worker.err
    assert "not json" not in worker.err
    assert "[{}|task-0] ".format(sink["name"]) in worker.err


def test_tolerated_poison_goes_to_the_dead_letter_topic(
    tmp_path: Path, bootstrap: str, unique: Callable[[str], str]
) -> None:
    topic, dead = unique("poison"), unique("dead")
    (tmp_path / "in.txt").write_text('{"a":1}\nnot json\n{"a":2}\n')
    source, sink = file_pair(tmp_path, topic)
    source["value.converter"] = "StringConverter"
    sink |= {
        "value.converter.schemas.enable": "false",
        "value.converter": "JsonConverter",
        "errors.tolerance": "all",
        "errors.deadletterqueue.topic.name": dead,
        "errors.deadletterqueue.topic.replication.factor": "1",
        "errors.deadletterqueue.context.headers.enable": "true",
    }
    (tmp_path / "dead").mkdir()
    letters = {
        "name": f"{dead}-reader",
        "connector.class": "FileStreamSink",
        "file": str(tmp_path / "dead" / "out.txt"),
        "topics": dead,
        "value.converter": "StringConverter",
        "key.converter": "StringConverter",
    }
    worker = WorkerProcess(tmp_path, bootstrap).connector(source).connector(sink).connector(letters).start()
    until(lambda: len(lines(tmp_path / "out.txt")) == 2, "the good records")
    until(lambda: lines(tmp_path / "dead" / "out.txt") == ["not json"], "the dead letter")
    assert worker.stop() == 0, worker.err


def test_topics_are_created_as_the_connector_says(
    tmp_path: Path, bootstrap: str, unique: Callable[[str], str]
) -> None:
    from connectkit.runner.log.opening import open_log

    topic = unique("created")
    (tmp_path / "in.txt").write_text("one\n")
    source, _ = file_pair(tmp_path, topic)
    source |= {
        "topic.creation.default.partitions": "3",
        "topic.creation.default.replication.factor": "1",
        "topic.creation.default.retention.ms": "86400000",
    }
    worker = WorkerProcess(tmp_path, bootstrap).connector(source).start()
    until(lambda: worker.offsets.exists(), "the first commit")
    assert worker.stop() == 0, worker.err
    log = open_log(bootstrap, {})
    admin = log.admin({})
    info = admin.describe_topic(topic)
    admin.close()
    log.close()
    assert info.partitions == 3
    assert info.config["retention.ms"] == "86400000"


# --- stopping: the log does not matter -------------------------------------------------------------


def trouble(kind: str, where: str, how: str = "hang", **more: str) -> dict[str, str]:
    return {
        "name": f"trouble-{kind}", "connector.class": f"Trouble{kind.title()}",
        "where": where, "how": how, **more,
    }  # fmt: skip


@pytest.mark.parametrize("where", ["poll", "stop", "start"])
def test_a_task_that_hangs_is_abandoned_within_the_budget(tmp_path: Path, where: str) -> None:
    worker = WorkerProcess(
        tmp_path, f"embedded:{tmp_path / 'log'}", task_shutdown_graceful_timeout_ms="300"
    ).connector(trouble("source", where))
    worker.start(script=SCRIPT).ready()
    assert worker.stop() == 4
    assert "was abandoned" in worker.err


def test_a_connector_that_hangs_while_stopping_does_not_hold_the_tasks(tmp_path: Path) -> None:
    worker = WorkerProcess(tmp_path, f"embedded:{tmp_path / 'log'}").connector(
        trouble("source", "connector.stop")
    )
    worker.start(script=SCRIPT).ready()
    until(worker.offsets.exists, "the first commit")
    assert worker.stop() == 4
    assert "Connector trouble-source did not stop in time" in worker.err


@pytest.mark.parametrize("where", ["connector.start.hangs", "connector.task_configs"])
def test_a_connector_that_hangs_at_the_start_does_not_hold_the_stop(tmp_path: Path, where: str) -> None:
    worker = WorkerProcess(tmp_path, f"embedded:{tmp_path / 'log'}").connector(trouble("source", where))
    worker.start(script=SCRIPT)
    until(lambda: "the connector hangs" in worker.log(), "the call that hangs")
    assert worker.stop() == 4
    assert "Connector trouble-source did not stop in time" in worker.err
    assert "The worker is ready" not in worker.err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_stops_at_once(tmp_path: Path, number: int) -> None:
    worker = WorkerProcess(
        tmp_path, f"embedded:{tmp_path / 'log'}", task_shutdown_graceful_timeout_ms="600000"
    ).connector(trouble("source", "stop"))
    worker.start(script=SCRIPT).ready()
    worker.signal(number)
    until(lambda: "The worker stops" in worker.log(), "the first signal")
    worker.signal(number)
    assert worker.wait() == 128 + number
    assert "Stopped at once" in worker.err


def test_an_idle_worker_stops_on_sigint(tmp_path: Path) -> None:
    worker = WorkerProcess(tmp_path, f"embedded:{tmp_path / 'log'}").start().ready()
    worker.signal(signal.SIGINT)
    assert worker.wait() == 0, worker.err


def test_a_signal_that_another_thread_is_given_stops_the_worker(tmp_path: Path) -> None:
    script = """
import os, signal, sys, threading, time

def signalled():
    main = threading.main_thread().ident
    while not (os.path.exists("now") and sys._current_frames()[main].f_code.co_name == "wait"):
        time.sleep(0.1)
    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)

threading.Thread(target=signalled, daemon=True).start()
"""
    worker = WorkerProcess(tmp_path, f"embedded:{tmp_path / 'log'}").start(script=script + COMMAND).ready()
    (tmp_path / "now").touch()
    assert worker.wait() == 0, worker.err


# --- what cannot start -----------------------------------------------------------------------------


def one_sentence(worker: WorkerProcess, *parts: str) -> None:
    errors = [line for line in worker.err.splitlines() if " ERROR " in line]
    assert any(all(part in line for part in parts) for line in errors), worker.err
    assert "Traceback" not in worker.err


def test_unreadable_offsets_are_refused_and_left_alone(tmp_path: Path) -> None:
    worker = WorkerProcess(tmp_path, f"embedded:{tmp_path / 'log'}")
    worker.offsets.write_text('{"format": "connectkit-sou')
    assert worker.run() == 2
    one_sentence(worker, "offsets.json", "torn")
    assert worker.offsets.read_text() == '{"format": "connectkit-sou'


def test_a_second_worker_on_the_same_state_is_refused(tmp_path: Path) -> None:
    log = f"embedded:{tmp_path / 'log'}"
    first = WorkerProcess(tmp_path, log).start().ready()
    (tmp_path / "second").mkdir()
    second = WorkerProcess(tmp_path / "second", log, offset_storage_file_filename=str(first.offsets))
    assert second.run() == 2
    one_sentence(second, "offsets.json.connectors", "another worker", "state.dir")
    first.signal(signal.SIGKILL)
    first.wait()
    second.start().ready()
    assert second.stop() == 0


@pytest.mark.kafka
def test_a_broker_that_is_not_there_is_named(tmp_path: Path, kafka_bootstrap: str) -> None:
    worker = WorkerProcess(tmp_path, "127.0.0.1:1", admin_default_api_timeout_ms="1500")
    worker = worker.connector(file_pair(tmp_path, "t")[0])
    assert worker.run() == 2
    one_sentence(worker, "127.0.0.1:1", "bootstrap.servers")
    assert not worker.offsets.exists()


def test_a_worker_file_with_mistakes_lists_them(tmp_path: Path) -> None:
    worker = WorkerProcess(tmp_path, "", key_converter="JsonConvertr")
    assert worker.run() == 2
    one_sentence(worker, "bootstrap.servers")


def test_a_connector_with_mistakes_lists_them_and_ends_with_3(tmp_path: Path) -> None:
    worker = WorkerProcess(tmp_path, f"embedded:{tmp_path / 'log'}")
    worker.connector(
        {"name": "c", "connector.class": "CsvSource", "file": "in.csv", "errors.tolerance": "some"}
    )
    assert worker.run() == 3
    one_sentence(worker, "topic")
    one_sentence(worker, "errors.tolerance")


def test_a_misspelt_class_is_named_with_what_was_meant(tmp_path: Path) -> None:
    worker = WorkerProcess(tmp_path, f"embedded:{tmp_path / 'log'}")
    worker.connector({"name": "c", "connector.class": "FileStreamSourc", "topic": "t"})
    assert worker.run() == 3
    one_sentence(worker, "FileStreamSourc", "did you mean", "FileStreamSource")


def test_a_missing_connector_file_ends_with_3(tmp_path: Path) -> None:
    worker = WorkerProcess(tmp_path, f"embedded:{tmp_path / 'log'}")
    worker.files.append("nowhere.json")
    assert worker.run() == 3
    one_sentence(worker, "nowhere.json")


def test_a_connector_that_fails_to_start_shows_no_value(tmp_path: Path) -> None:
    worker = WorkerProcess(tmp_path, f"embedded:{tmp_path / 'log'}").connector(
        trouble("source", "connector.start", "fail")
    )
    assert worker.start(script=SCRIPT).wait() == 3


def test_too_many_tasks_fail_the_connector(tmp_path: Path) -> None:
    worker = WorkerProcess(tmp_path, f"embedded:{tmp_path / 'log'}").connector(
        trouble("source", "", count="3")
    )
    assert worker.start(script=SCRIPT).wait() == 3
    one_sentence(worker, "3 task configurations", "tasks.max")


def test_a_failed_task_leaves_the_others_running(tmp_path: Path) -> None:
    worker = WorkerProcess(tmp_path, f"embedded:{tmp_path / 'log'}")
    worker.connector(trouble("sink", "put", "fail", topics="trouble"))
    worker.connector(trouble("source", ""))
    worker.start(script=SCRIPT).ready()
    until(lambda: "Task trouble-sink-0 failed" in worker.log(), "the failure")
    before = stored(worker)
    until(lambda: stored(worker) not in (None, before), "more records of the source")
    assert worker.stop() == 4
    assert "a value that no log may show" not in "".join(
        line for line in worker.err.splitlines() if " ERROR " in line
    )

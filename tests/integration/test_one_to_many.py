"""Records that become several, through real workers on both logs: nothing is missing after a kill."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

from tests.support.process import WorkerProcess, until


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def split_pair(folder: Path, topic: str) -> tuple[dict[str, str], dict[str, str]]:
    source = {
        "name": f"{topic}-in", "connector.class": "CsvSource", "file": str(folder / "in.csv"),
        "topic": topic, "mode": "once", "transforms": "each",
        "transforms.each.type": "Split", "transforms.each.path": "words",
        "transforms.each.separator": " ", "transforms.each.index.field": "n",
    }  # fmt: skip
    sink = {
        "name": f"{topic}-out", "connector.class": "CsvSink", "file": str(folder / "out.csv"),
        "topics": topic,
    }  # fmt: skip
    return source, sink


def test_a_source_that_splits_loses_no_piece_when_killed(
    tmp_path: Path, bootstrap: str, unique: Callable[[str], str]
) -> None:
    count = 20_000
    rows = [f"{n},a{n} b{n} c{n}" for n in range(count)]
    (tmp_path / "in.csv").write_text("\n".join(["id,words", *rows]) + "\n")
    source, sink = split_pair(tmp_path, unique("words"))
    worker = WorkerProcess(
        tmp_path, bootstrap, consumer_session_timeout_ms="6000", consumer_heartbeat_interval_ms="2000"
    )
    worker.connector(source).connector(sink).start("--until-done")
    until(lambda: len(lines(tmp_path / "out.csv")) > 100, "the first rows")
    worker.signal(signal.SIGKILL)
    worker.wait()
    assert worker.run("--until-done") == 0, worker.err
    out = lines(tmp_path / "out.csv")
    assert out[0] == "id,words,n"
    wanted = {f"{n},{letter}{n},{at}" for n in range(count) for at, letter in enumerate("abc")}
    assert set(out[1:]) == wanted


def test_a_sink_sends_a_message_to_the_dead_letters_once_and_delivers_the_others_whole(
    tmp_path: Path, bootstrap: str, unique: Callable[[str], str]
) -> None:
    topic, dead = unique("orders"), unique("dead")
    messages = ['{"items":["a","b"]}', '{"items":["c",1,2]}', '{"items":[]}', '{"items":["d"]}']
    (tmp_path / "in.txt").write_text("\n".join(messages) + "\n")
    source = {
        "name": f"{topic}-in", "connector.class": "FileStreamSource", "file": str(tmp_path / "in.txt"),
        "topic": topic, "value.converter": "StringConverter",
    }  # fmt: skip
    sink = {
        "name": f"{topic}-out", "connector.class": "FileStreamSink", "file": str(tmp_path / "out.txt"),
        "topics": topic, "value.converter": "JsonConverter", "value.converter.schemas.enable": "false",
        "transforms": "each,words", "transforms.each.type": "Explode", "transforms.each.path": "items",
        "transforms.each.rest": "drop", "transforms.words.type": "Split",
        "errors.tolerance": "all", "errors.deadletterqueue.topic.name": dead,
        "errors.deadletterqueue.topic.replication.factor": "1",
    }  # fmt: skip
    letters = {
        "name": f"{topic}-dead", "connector.class": "FileStreamSink", "file": str(tmp_path / "dead.txt"),
        "topics": dead, "value.converter": "StringConverter",
    }  # fmt: skip
    worker = WorkerProcess(tmp_path, bootstrap).connector(source).connector(sink).start()
    until(lambda: "d" in lines(tmp_path / "out.txt"), "the last message")
    assert worker.stop() == 0, worker.err
    assert lines(tmp_path / "out.txt") == ["a", "b", "d"]

    worker = WorkerProcess(tmp_path, bootstrap).connector(sink).connector(letters).start()
    until(lambda: lines(tmp_path / "dead.txt"), "the dead letter")
    assert worker.stop() == 0, worker.err
    assert lines(tmp_path / "dead.txt") == [messages[1]]
    assert lines(tmp_path / "out.txt") == ["a", "b", "d"]  # the offsets were committed

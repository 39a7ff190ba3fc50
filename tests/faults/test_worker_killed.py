"""A worker is killed again and again: no row is lost, and what it left behind is read by the next one."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest

pytestmark = pytest.mark.faults

ROWS = 60_000
DEADLINE_S = 120.0
COMMAND = "from connectkit.runner.cli import main; raise SystemExit(main())"


def prepare(folder: Path, bootstrap: str) -> list[str]:
    """A CSV file, a worker and two connectors that copy it in small steps; returns the command."""
    topic = f"rows-{uuid.uuid4().hex[:12]}"
    with (folder / "in.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["number", "text"])
        rows.writerows((number, f"row {number}") for number in range(ROWS))
    (folder / "worker.properties").write_text(
        f"bootstrap.servers={bootstrap}\n"
        "key.converter=JsonConverter\nvalue.converter=JsonConverter\nvalue.converter.schemas.enable=true\n"
        f"offset.storage.file.filename={folder}/offsets\n"
        "offset.flush.interval.ms=50\n"
        "consumer.session.timeout.ms=1000\nconsumer.heartbeat.interval.ms=200\n"
    )
    source = {
        "name": f"{topic}-in",
        "connector.class": "CsvSource",
        "file": str(folder / "in.csv"),
        "topic": topic,
        "mode": "once",
        "batch.size": "100",
    }
    sink = {
        "name": f"{topic}-out",
        "connector.class": "CsvSink",
        "topics": topic,
        "file": str(folder / "out.csv"),
        "consumer.override.max.poll.records": "100",
    }
    for name, config in (("source", source), ("sink", sink)):
        (folder / f"{name}.json").write_text(json.dumps(config))
    files = [str(folder / name) for name in ("worker.properties", "source.json", "sink.json")]
    return [sys.executable, "-c", COMMAND, "standalone", *files, "--until-done", "--no-live"]


def start(command: list[str], folder: Path) -> subprocess.Popen[bytes]:
    with (folder / "worker.log").open("ab") as log:
        return subprocess.Popen(command, stdout=log, stderr=log)


def size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def stop_beyond(worker: subprocess.Popen[bytes], output: Path, wanted: int, sent: signal.Signals) -> None:
    """Send a signal as soon as the output holds so many bytes more than nothing."""
    deadline_s = time.monotonic() + DEADLINE_S
    while size(output) < wanted:
        assert worker.poll() is None, "the worker ended before it could be killed"
        assert time.monotonic() < deadline_s
        os.sched_yield()
    worker.send_signal(sent)
    worker.wait(DEADLINE_S)


def rows_of(output: Path) -> list[int]:
    with output.open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["number", "text"]
    assert all(len(row) == 2 and row[1] == f"row {row[0]}" for row in rows[1:]), "a row is torn"
    return [int(row[0]) for row in rows[1:]]


@pytest.mark.parametrize(
    ("sent", "twice"),
    [(signal.SIGKILL, True), (signal.SIGTERM, False), (signal.SIGINT, False)],
    ids=["kill", "terminate", "interrupt"],
)
def test_no_row_is_lost_whatever_stops_the_worker(
    tmp_path: Path, bootstrap: str, sent: signal.Signals, twice: bool
) -> None:
    command, output = prepare(tmp_path, bootstrap), tmp_path / "out.csv"
    whole = size(tmp_path / "in.csv")
    for share in (0.02, 0.2, 0.5):
        stop_beyond(start(command, tmp_path), output, int(whole * share), sent)
    last = start(command, tmp_path)
    assert last.wait(DEADLINE_S) == 0, (tmp_path / "worker.log").read_text()[-2000:]

    found = rows_of(output)
    assert set(found) == set(range(ROWS)), "rows are lost"
    firsts = list(dict.fromkeys(found))
    assert firsts == sorted(firsts), "rows are out of order"
    if not twice:
        assert len(found) == ROWS, "a graceful stop wrote rows twice"


def test_a_run_after_the_end_adds_nothing(tmp_path: Path, bootstrap: str) -> None:
    command, output = prepare(tmp_path, bootstrap), tmp_path / "out.csv"
    stop_beyond(start(command, tmp_path), output, 1, signal.SIGKILL)
    for _ in range(2):
        assert start(command, tmp_path).wait(DEADLINE_S) == 0
    before = output.read_bytes()
    assert start(command, tmp_path).wait(DEADLINE_S) == 0
    assert output.read_bytes() == before

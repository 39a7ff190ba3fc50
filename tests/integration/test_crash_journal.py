"""A record that ends the process: the worker comes back, finds it, parks that task, and runs the others."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from connectkit.runner.log.api import OutRecord
from connectkit.runner.log.opening import open_log
from tests.support.crashing import SCRIPT
from tests.support.process import WorkerProcess, until

POISON_AT = 7


@pytest.fixture
def worker(tmp_path: Path) -> WorkerProcess:
    (tmp_path / "log").mkdir()
    bootstrap = f"embedded:{tmp_path / 'log'}"
    log = open_log(bootstrap, {})
    producer = log.producer({})
    values = [b"good"] * 20
    values[POISON_AT] = b"poison"
    producer.send([OutRecord("t", 0, None, value, None, None) for value in values], lambda failures: None)
    assert producer.flush(30) == 0
    producer.close(5)
    log.close()
    return WorkerProcess(tmp_path, bootstrap)


def sink(how: str) -> dict[str, str]:
    return {
        "name": "sink",
        "connector.class": "TroubleSink",
        "topics": "t",
        "consumer.override.auto.offset.reset": "earliest",
        "value.converter": "CrashConverter",
        "value.converter.how": how,
    }


OTHER = {"name": "other", "connector.class": "TroubleSource", "topic": "other"}


def progress(worker: WorkerProcess) -> int:
    """How far the other connector has come."""
    if not worker.offsets.exists():
        return 0
    [entry] = json.loads(worker.offsets.read_text())["offsets"]
    return int(entry["offset"]["next"])


@pytest.mark.parametrize(("how", "code"), [("abort", -6), ("overflow", -11), ("exit", 9)])
def test_a_poisonous_record_parks_its_task_at_the_second_death(
    worker: WorkerProcess, how: str, code: int
) -> None:
    worker.connector(sink(how)).connector(OTHER)
    for _ in range(2):
        assert worker.start(script=SCRIPT).wait() == code
    worker.start(script=SCRIPT).ready()
    until(lambda: f"crashed 2x at t-0@{POISON_AT}" in worker.log(), "the parking")
    before = progress(worker)
    until(lambda: progress(worker) > before, "the other connector's progress")
    assert worker.stop() == 4
    # A clean end forgets: the operator has had the chance to mend it.
    assert worker.start(script=SCRIPT).wait() == code


def test_a_worker_that_is_killed_at_one_record_delays_that_task_and_nobody_else(
    worker: WorkerProcess,
) -> None:
    worker.connector(sink("wait")).connector(OTHER)
    for _ in range(3):
        worker.start(script=SCRIPT).ready()
        until(lambda: (worker.folder / "there").exists(), "the record")
        (worker.folder / "there").unlink()
        worker.signal(signal.SIGKILL)
        worker.wait()
    worker.start(script=SCRIPT).ready()
    until(lambda: "crashed 3x at t-0@7" in worker.log(), "the wait")
    assert "is restarted in" in worker.log()
    before = progress(worker)
    until(lambda: progress(worker) > before, "the other connector's progress")
    until(lambda: (worker.folder / "there").exists(), "another try")
    worker.signal(signal.SIGKILL)
    worker.wait()


def test_a_source_that_crashes_twice_in_its_poll_is_parked(worker: WorkerProcess) -> None:
    worker.connector({"name": "bad", "connector.class": "CrashSource", "how": "abort"}).connector(OTHER)
    for _ in range(2):
        assert worker.start(script=SCRIPT).wait() == -6
    worker.start(script=SCRIPT).ready()
    until(lambda: "crashed 2x in poll" in worker.log(), "the parking")
    before = progress(worker)
    until(lambda: progress(worker) > before, "the other connector's progress")
    worker.stop()

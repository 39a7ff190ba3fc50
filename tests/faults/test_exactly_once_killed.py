"""An exactly-once worker is killed again and again: a read_committed reader sees each row once, in order."""

from __future__ import annotations

import csv
import json
import os
import random
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest

from connectkit.api import TopicPartition
from connectkit.errors import RetriableError
from connectkit.runner.log.api import Consumer, Log
from connectkit.runner.log.opening import open_log
from tests.kafka_server import KafkaServer, UnavailableError

pytestmark = pytest.mark.faults

ROWS = 20_000
KILLS = 6
DEADLINE_S = 120.0
COMMAND = "from connectkit.runner.cli import main; raise SystemExit(main())"


def prepare(folder: Path, bootstrap: str, topic: str, options: dict[str, str]) -> list[str]:
    """A CSV file, an exactly-once worker and a source that reads it in small steps; returns the command."""
    with (folder / "in.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["number"])
        rows.writerows((number,) for number in range(ROWS))
    (folder / "worker.properties").write_text(
        f"bootstrap.servers={bootstrap}\n"
        "key.converter=JsonConverter\nvalue.converter=JsonConverter\nvalue.converter.schemas.enable=false\n"
        f"offset.storage.topic={topic}-offsets\noffset.storage.replication.factor=1\n"
        "offset.storage.partitions=3\nexactly.once.source.support=enabled\nlisteners=\n"
    )
    source = {
        "name": f"{topic}-in",
        "connector.class": "CsvSource",
        "file": str(folder / "in.csv"),
        "topic": topic,
        "mode": "once",
        "batch.size": "50",
        "exactly.once.support": "required",
        **options,
    }
    (folder / "source.json").write_text(json.dumps(source))
    files = [str(folder / name) for name in ("worker.properties", "source.json")]
    return [sys.executable, "-c", COMMAND, "standalone", *files, "--until-done", "--no-live"]


def start(command: list[str], folder: Path) -> subprocess.Popen[bytes]:
    with (folder / "worker.log").open("ab") as log:
        return subprocess.Popen(command, stdout=log, stderr=log)


class Reader:
    """Reads a topic with ``read_committed``."""

    def __init__(self, log: Log, topic: str) -> None:
        admin = log.admin()
        admin.create_topic(topic)
        admin.close()
        self._where = TopicPartition(topic, 0)
        self.found: list[int] = []
        self._consumer: Consumer = log.consumer({"isolation.level": "read_committed"})
        self._consumer.assign({self._where: 0})

    def read(self, timeout_s: float) -> None:
        try:
            messages = self._consumer.consume(5000, timeout_s)
        except RetriableError:
            return
        self.found += [json.loads(message.value() or b"")["number"] for message in messages]

    def close(self) -> None:
        self._consumer.close()


@pytest.mark.parametrize(
    "options",
    [
        {"transaction.boundary": "poll"},
        {"transaction.boundary": "interval", "transaction.boundary.interval.ms": "150"},
    ],
    ids=["poll", "interval"],
)
def test_each_row_is_seen_once_whatever_kills_the_worker(
    tmp_path: Path, bootstrap: str, options: dict[str, str]
) -> None:
    topic = f"once-{uuid.uuid4().hex[:12]}"
    command = prepare(tmp_path, bootstrap, topic, options)
    seed = random.randrange(2**32)
    chosen = random.Random(seed)
    log = open_log(bootstrap)
    reader = Reader(log, topic)
    for kill in range(KILLS):
        worker = start(command, tmp_path)
        wanted = min(len(reader.found) + chosen.randrange(1, ROWS // KILLS), ROWS - 1)
        deadline_s = time.monotonic() + DEADLINE_S
        while len(reader.found) < wanted and worker.poll() is None:
            assert time.monotonic() < deadline_s, f"nothing more came after kill {kill}, seed {seed}"
            reader.read(0.05)
        for _ in range(chosen.randrange(2000)):  # a little further into the next transaction
            os.sched_yield()
        worker.send_signal(signal.SIGKILL)
        worker.wait(DEADLINE_S)
    last = start(command, tmp_path)
    assert last.wait(DEADLINE_S) == 0, (tmp_path / "worker.log").read_text()[-2000:]
    deadline_s = time.monotonic() + DEADLINE_S
    while len(reader.found) < ROWS and time.monotonic() < deadline_s:
        reader.read(0.2)
    reader.read(1.0)
    reader.close()
    log.close()
    assert sorted(set(reader.found)) == list(range(ROWS)), f"rows are lost, seed {seed}"
    assert len(reader.found) == ROWS, f"rows came twice, seed {seed}"
    assert reader.found == sorted(reader.found), f"rows are out of order, seed {seed}"


@pytest.mark.kafka
def test_each_row_is_seen_once_though_the_broker_dies(tmp_path: Path) -> None:
    """Whether a transaction was committed when the broker died, nobody can say; the tasks begin again."""
    try:
        server = KafkaServer(tmp_path / "kafka")
    except UnavailableError as exc:
        pytest.skip(f"no Kafka: {exc}")
    topic = f"once-{uuid.uuid4().hex[:12]}"
    command = prepare(tmp_path, server.bootstrap, topic, {})
    with (tmp_path / "worker.properties").open("a") as file:
        file.write("producer.transaction.timeout.ms=5000\n")
    log = open_log(server.bootstrap)
    reader = Reader(log, topic)
    worker = start(command, tmp_path)
    try:
        for wanted in (2_000, 10_000):
            deadline_s = time.monotonic() + DEADLINE_S
            while len(reader.found) < wanted:
                assert worker.poll() is None, (tmp_path / "worker.log").read_text()[-2000:]
                assert time.monotonic() < deadline_s, (tmp_path / "worker.log").read_text()[-2000:]
                reader.read(0.05)
            server.kill()
            time.sleep(8)  # longer than a transaction may take
            server.start()
        assert worker.wait(DEADLINE_S) == 0, (tmp_path / "worker.log").read_text()[-2000:]
        deadline_s = time.monotonic() + DEADLINE_S
        while len(reader.found) < ROWS and time.monotonic() < deadline_s:
            reader.read(0.2)
        reader.read(1.0)
    finally:
        worker.kill()
        worker.wait()
        reader.close()
        log.close()
        server.stop()
    assert reader.found == list(range(ROWS))

"""A worker whose sink keeps its offsets with its data is killed again and again: each record is there once.

The sink is the one of the guide, as it stands there.
"""

from __future__ import annotations

import json
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from connectkit.exactly_once_files import committed_files
from connectkit.runner.log.api import OutRecord
from connectkit.runner.log.opening import open_log
from tools.layout import ROOT

pytestmark = pytest.mark.faults

PARTITIONS = 3
KILLS = 6
DEADLINE_S = 120.0
GUIDE = ROOT / "docs" / "guides" / "exactly-once.md"
SQL_SINK = re.search(r"^```python\n(import sqlite3\n.*?)^```$", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
FILE_SINK = """
import json
from connectkit import Config, SinkConnector, SinkTask, option
from connectkit.exactly_once_files import FileOffsets


def lines(batch):
    return b"".join(json.dumps(record.value).encode() + b"\\n" for record in batch)


class OrdersConfig(Config):
    database: str = option(doc="The folder.")


class OrdersTask(SinkTask[OrdersConfig]):
    def start(self):
        self.files = FileOffsets(self.config.database)

    def open(self, partitions):
        self.context.offset(self.files.open(partitions))

    def put(self, records):
        self.files.write(records, lines)

    def close(self, partitions):
        self.files.close(partitions)

    def stop(self): ...


class OrdersSink(SinkConnector[OrdersConfig]):
    task_class = OrdersTask

    def task_configs(self, max_tasks):
        return [{"database": self.config.database}] * max_tasks
"""
COMMAND = """
import sys
from connectkit.plugin import plugins
from connectkit.runner.cli import main
import orders
plugins.register("sink", "OrdersSink", orders.OrdersSink)
raise SystemExit(main())
"""


def sql_rows(path: Path) -> list[str]:
    if not path.exists():
        return []
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)
    try:
        return [row[0] for row in db.execute("SELECT id FROM orders ORDER BY rowid")]
    except sqlite3.OperationalError:  # not made yet
        return []
    finally:
        db.close()


def file_rows(path: Path) -> list[str]:
    topics = {folder.name.rpartition("-")[0] for folder in path.glob("*-0")}
    return [
        json.loads(line)["id"]
        for topic in topics
        for partition in range(PARTITIONS)
        for file in committed_files(path, topic, partition)
        for line in file.read_bytes().splitlines()
    ]


def prepare(folder: Path, bootstrap: str, topic: str, sink: str, records: int) -> list[str]:
    log = open_log(bootstrap)
    admin = log.admin()
    admin.create_topic(topic, partitions=PARTITIONS)
    producer = log.producer({})
    values = [json.dumps({"id": f"o{number}", "amount": 1.5}).encode() for number in range(records)]
    producer.send(
        [OutRecord(topic, n % PARTITIONS, None, value, None, None) for n, value in enumerate(values)],
        lambda failed: None,
    )
    assert producer.flush(60) == 0
    producer.close(5)
    admin.close()
    log.close()
    (folder / "orders.py").write_text(sink)
    (folder / "worker.properties").write_text(
        f"bootstrap.servers={bootstrap}\nkey.converter=JsonConverter\nvalue.converter=JsonConverter\n"
        f"value.converter.schemas.enable=false\noffset.storage.file.filename={folder}/offsets\n"
        "offset.flush.interval.ms=100\nlisteners=\n"
        "consumer.session.timeout.ms=1000\nconsumer.heartbeat.interval.ms=200\n"
    )
    connector = {
        "name": f"{topic}-out",
        "connector.class": "OrdersSink",
        "topics": topic,
        "tasks.max": "2",
        "database": str(folder / "orders"),
        "consumer.override.max.poll.records": "50",
    }
    (folder / "sink.json").write_text(json.dumps(connector))
    files = [str(folder / name) for name in ("worker.properties", "sink.json")]
    return [sys.executable, "-c", COMMAND, "standalone", *files, "--until-done", "--no-live"]


@pytest.mark.parametrize(
    ("sink", "rows", "records"), [("sql", sql_rows, 6_000), ("files", file_rows, 1_500)], ids=["sql", "files"]
)
def test_each_record_is_there_once(
    tmp_path: Path, bootstrap: str, sink: str, rows: Callable[[Path], Sequence[str]], records: int
) -> None:
    assert SQL_SINK is not None
    topic = f"orders-{uuid.uuid4().hex[:12]}"
    command = prepare(tmp_path, bootstrap, topic, SQL_SINK[1] if sink == "sql" else FILE_SINK, records)
    output = tmp_path / "orders"
    seed = random.randrange(2**32)
    chosen = random.Random(seed)

    def start() -> subprocess.Popen[bytes]:
        # Kills at random are no poison: the crash journal would make the tasks go on with care, and wait.
        shutil.rmtree(tmp_path / "offsets.journal", ignore_errors=True)
        with (tmp_path / "worker.log").open("ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=log, cwd=tmp_path)

    for _ in range(KILLS):
        worker = start()
        wanted = len(rows(output)) + chosen.randrange(1, records // KILLS // 2)
        deadline_s = time.monotonic() + DEADLINE_S
        while len(rows(output)) < wanted and worker.poll() is None:
            assert time.monotonic() < deadline_s, f"nothing more came, seed {seed}"
            time.sleep(0.01)  # leave the processor to the worker
        time.sleep(chosen.random() * 0.02)  # somewhere in the next transactions
        worker.send_signal(signal.SIGKILL)
        worker.wait(DEADLINE_S)
    last = start()
    assert last.wait(DEADLINE_S) == 0, (tmp_path / "worker.log").read_text()[-2000:]
    found = rows(output)
    assert sorted(set(found)) == sorted(f"o{number}" for number in range(records)), f"lost, seed {seed}"
    assert len(found) == records, f"written twice, seed {seed}"
    for partition in range(PARTITIONS):
        own = [int(text[1:]) for text in found if int(text[1:]) % PARTITIONS == partition]
        assert own == sorted(own), f"out of order, seed {seed}"

"""A writer of the embedded log is killed: what was acknowledged is there, in order, and once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from connectkit.api import TopicPartition
from connectkit.runner.log.api import Log
from connectkit.runner.log.opening import open_log
from tests.contract.helpers import DEADLINE_S, read, record, send, values
from tools.layout import ROOT

pytestmark = pytest.mark.faults

TOPIC = "numbers"


def start_writer(folder: Path, first: int, *mode: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.faults.writer", str(folder), TOPIC, str(first), *mode],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def kill_after(writer: subprocess.Popen[str], acknowledgements: int) -> int:
    """Kill the writer once it has printed that often; returns the last number that was acknowledged."""
    assert writer.stdout is not None
    lines = [writer.stdout.readline() for _ in range(acknowledgements)]
    writer.kill()
    rest, _ = writer.communicate(timeout=DEADLINE_S)
    said = [line for line in [*lines, *rest.splitlines()] if line.strip()]
    assert len(said) >= acknowledgements, "the writer ended by itself"
    return int(said[-1])


def everything(log: Log, *, committed: bool = False) -> list[int]:
    """All numbers of the topic that a reader sees, by offset."""
    partition = TopicPartition(TOPIC, 0)
    admin = log.admin()
    end = admin.offsets([partition])[partition]
    admin.close()
    consumer = log.consumer({"isolation.level": "read_committed"} if committed else {})
    consumer.assign({partition: -2})
    found: list[bytes | None] = []
    while consumer.position(partition) < end if found else end:
        messages = consumer.consume(1000, DEADLINE_S)
        assert messages, "the log ends before its end"
        found += values(messages)
    consumer.close()
    return [int(value or b"") for value in found]


@pytest.mark.parametrize("acknowledgements", [1, 7, 40])
def test_acknowledged_records_survive_a_killed_writer(tmp_path: Path, acknowledgements: int) -> None:
    first = 0
    for _ in range(3):
        acknowledged = kill_after(start_writer(tmp_path, first), acknowledgements)
        log = open_log(f"embedded:{tmp_path}")
        found = everything(log)
        log.close()
        assert found == list(range(len(found))), "a record is lost, doubled or out of order"
        assert len(found) >= acknowledged
        first = len(found)


def test_a_killed_transaction_is_never_seen_and_does_not_hold_up_the_next(tmp_path: Path) -> None:
    log = open_log(f"embedded:{tmp_path}")
    before = log.producer({})
    assert send(before, [record(TOPIC, b"0", partition=0)]) == []
    before.close(DEADLINE_S)
    kill_after(start_writer(tmp_path, 100, "--open"), 1)

    after = log.producer({"transactional.id": "killed"})
    after.init_transactions(DEADLINE_S)
    after.begin_transaction()
    assert send(after, [record(TOPIC, b"1", partition=0)]) == []
    after.commit_transaction(DEADLINE_S)
    after.close(DEADLINE_S)

    consumer = log.consumer({"isolation.level": "read_committed"})
    consumer.assign({TopicPartition(TOPIC, 0): -2})
    assert values(read(consumer, 2)) == [b"0", b"1"]
    consumer.close()
    log.close()

"""Several processes on one log; a process killed at any moment leaves whole batches only."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from connectkit.api import TopicPartition
from connectkit.errors import FencedError
from connectkit.runner.log.api import OutRecord
from connectkit.runner.log.embedded import EmbeddedLog
from tests.contract.helpers import DEADLINE_S, Recorder

pytestmark = pytest.mark.faults

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start() -> Iterator[Start]:
    running: list[subprocess.Popen[str]] = []

    def run(module: str, *arguments: object) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", f"tests.embedded.{module}", *map(str, arguments)],
            stdout=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        return process

    yield run
    for process in running:
        process.kill()
        process.wait(10)
        assert process.stdout is not None
        process.stdout.close()


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    text = process.stdout.readline()
    assert text, "the process ended"
    return text


def lines_until(process: subprocess.Popen[str], enough: Callable[[str], bool]) -> list[str]:
    found = []
    while True:
        found.append(line(process))
        if enough(found[-1]):
            return found


def read_all(folder: Path, isolation: str = "read_uncommitted") -> list[tuple[int, int]]:
    consumer = EmbeddedLog(folder).consumer({"isolation.level": isolation})
    consumer.assign({TopicPartition("t", 0): -2})
    found = []
    deadline_s = time.monotonic() + 2
    while True:
        messages = consumer.consume(5000, 0)
        if not messages and (consumer.lag() == 0 or time.monotonic() > deadline_s):
            break
        for message in messages:
            number, index = (message.value() or b"").split()
            found.append((int(number), int(index)))
    consumer.close()
    return found


@pytest.mark.parametrize("transactional", [False, True])
def test_a_killed_writer_leaves_whole_batches(tmp_path: Path, start: Start, transactional: bool) -> None:
    rng = random.Random(11)
    size = 500
    written = 0
    for round_number in range(5):
        writer = start("writer", tmp_path / "log", size, *(["x"] if transactional else []))
        acknowledged = -1
        for _ in range(rng.randrange(1, 12)):
            acknowledged = int(line(writer))
        delay_s = rng.random() * 0.01
        threading.Event().wait(delay_s)  # not always right after a commit
        writer.send_signal(signal.SIGKILL)
        writer.wait(10)
        assert writer.stdout is not None
        acknowledged = max(
            [acknowledged, *(int(text) for text in writer.stdout.read().split("\n") if text.isdigit())]
        )
        found = read_all(tmp_path / "log", "read_committed" if transactional else "read_uncommitted")
        mine = found[written:]
        batches = len(mine) // size
        assert mine == [(n, i) for n in range(batches) for i in range(size)], f"round {round_number}"
        assert batches >= acknowledged + 1
        written = len(found)


def test_two_processes_write_one_topic(tmp_path: Path, start: Start) -> None:
    writers = [start("writer", tmp_path / "log", 100) for _ in range(2)]
    for writer in writers:
        lines_until(writer, lambda text: int(text) >= 30)
        writer.kill()
    found = read_all(tmp_path / "log")
    per_batch = [found[at : at + 100] for at in range(0, len(found), 100)]
    assert all([i for _, i in batch] == list(range(100)) for batch in per_batch)
    assert all(len({n for n, _ in batch}) == 1 for batch in per_batch)
    assert len(per_batch) >= 62


def test_a_group_over_two_processes(tmp_path: Path, start: Start) -> None:
    log = EmbeddedLog(tmp_path / "log")
    admin = log.admin()
    admin.create_topic("t", partitions=4)
    first = start("reader", tmp_path / "log")
    lines_until(first, lambda text: text.split() == ["held", "0", "1", "2", "3"])
    second = start("reader", tmp_path / "log")
    held = lines_until(second, lambda text: len(text.split()) == 3)[-1].split()[1:]
    other = lines_until(first, lambda text: text.startswith("held") and len(text.split()) == 3)[-1].split()[
        1:
    ]
    assert sorted(held + other) == ["0", "1", "2", "3"]
    second.send_signal(signal.SIGKILL)
    second.wait(10)
    lines_until(first, lambda text: text.split() == ["held", "0", "1", "2", "3"])
    producer = log.producer({})
    producer.send([OutRecord("t", n, None, b"hello", None, None) for n in range(4)], lambda failed: None)
    got = [lines_until(first, lambda text: text.endswith("hello\n"))[-1] for _ in range(4)]
    assert sorted(got) == [f"{n} hello\n" for n in range(4)]
    producer.close(1)
    admin.close()


def test_a_member_here_takes_over_from_a_killed_process(tmp_path: Path, start: Start) -> None:
    log = EmbeddedLog(tmp_path / "log")
    admin = log.admin()
    admin.create_topic("t", partitions=2)
    admin.close()
    other = start("reader", tmp_path / "log")
    lines_until(other, lambda text: text.split() == ["held", "0", "1"])
    listener = Recorder()
    consumer = log.consumer({"group.id": "g"})
    consumer.subscribe(topics=["t"], listener=listener)
    other.send_signal(signal.SIGKILL)
    other.wait(10)
    deadline_s = time.monotonic() + DEADLINE_S
    while len(listener.held) < 2:
        assert time.monotonic() < deadline_s
        consumer.consume(1, 0.1)
    consumer.close()


def test_a_transaction_of_a_killed_process_does_not_block_readers(tmp_path: Path, start: Start) -> None:
    writer = start("writer", tmp_path / "log", 10, "x")
    line(writer)
    log = EmbeddedLog(tmp_path / "log")
    newer = log.producer({"transactional.id": "x"})
    newer.init_transactions(1)
    writer.wait(30)  # fenced, which it does not catch
    assert writer.returncode == 1
    newer.begin_transaction()
    newer.send([OutRecord("t", None, None, b"0 0", None, None)], lambda failed: None)
    newer.commit_transaction(1)
    assert read_all(tmp_path / "log", "read_committed")[-1] == (0, 0)
    newer.begin_transaction()
    newer.send([OutRecord("t", None, None, b"9 9", None, None)], lambda failed: None)
    newest = log.producer({"transactional.id": "x"})
    newest.init_transactions(1)
    with pytest.raises(FencedError):
        newer.commit_transaction(1)
    newer.close(1)
    newest.close(1)

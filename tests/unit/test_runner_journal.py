"""The journal's file: what a process leaves behind, and what the next one makes of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

import pytest

from connectkit.runner.activity import Activity
from connectkit.runner.causes import DiedError, ParkedError
from connectkit.runner.control import TaskId
from connectkit.runner.crashes import WAITS_S, Place
from connectkit.runner.journal import HEALTHY_S, SLOTS, Journal, read_slots

A, B = TaskId("a", 0), TaskId("b", 0)


@dataclass
class At:
    """A message, as far as the journal looks at it."""

    where: Place

    def topic(self) -> str:
        return self.where.topic

    def partition(self) -> int:
        return self.where.partition

    def offset(self) -> int:
        return self.where.offset


class Time:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Time:
    return Time()


def opened(folder: Path, clock: Time) -> Journal:
    journal = Journal(folder, clock=clock, wall_clock=clock)
    journal.open()
    return journal


def begins(journal: Journal, task: TaskId, *offsets: int, topic: str = "t") -> Activity:
    """The task takes these records in hand."""
    activity = Activity()
    activity.slot = journal.slot(task)
    activity.runs_here()
    if offsets:
        activity.batch([At(Place(topic, 3, offset)) for offset in offsets])
    return activity


def dies(journal: Journal) -> None:
    """The process ends: what the operating system does, without the clean mark."""
    journal._drop_file()


def test_a_slot_holds_what_its_task_does(tmp_path: Path, clock: Time) -> None:
    journal = opened(tmp_path, clock)
    activity = begins(journal, A, 5, 6, 9)
    begins(journal, B)
    slots = read_slots(tmp_path / "live")
    assert slots is not None
    assert [(s.task, s.call, s.count) for s in slots] == [("a-0", "convert", 3), ("b-0", "", 0)]
    assert (slots[0].first, slots[0].last) == (Place("t", 3, 5), Place("t", 3, 9))
    assert slots[0].thread_id == threading.get_ident()
    activity.enter("put")
    activity.leave()
    slots = read_slots(tmp_path / "live")
    assert slots is not None
    assert slots[0].call == ""


def test_a_clean_end_leaves_nothing(tmp_path: Path, clock: Time) -> None:
    journal = opened(tmp_path, clock)
    begins(journal, A, 5)
    journal.close()
    assert read_slots(tmp_path / "live") is None
    opened(tmp_path, clock).check(A)


def test_without_proof_a_task_waits_from_the_third_death_on_and_is_parked_in_the_end(
    tmp_path: Path, clock: Time, caplog: pytest.LogCaptureFixture
) -> None:
    journal = opened(tmp_path, clock)
    begins(journal, A, 110, 119)
    begins(journal, B)
    dies(journal)
    journal = opened(tmp_path, clock)
    for wait_s in (0.0, *WAITS_S):
        journal.check(B)
        journal.check(A)
        begins(journal, A, 117)
        dies(journal)
        journal = opened(tmp_path, clock)
        if wait_s or journal._crashes["a-0"].deaths >= 3:
            with pytest.raises(DiedError, match="a-0 waits") as waits:
                journal.check(A)
            expected = WAITS_S[journal._crashes["a-0"].deaths - 3]
            assert waits.value.wait_s == expected
            clock.now += expected
        if journal._crashes["a-0"].deaths == 9:
            break
    begins(journal, A, 117)
    dies(journal)
    journal = opened(tmp_path, clock)
    clock.now += 1e6
    with pytest.raises(ParkedError, match=r"crashed 10x at t-3@117"):
        journal.check(A)
    journal.check(B)
    assert "ended unasked" in caplog.text


def test_care_ends_behind_the_batch_that_died(tmp_path: Path, clock: Time) -> None:
    journal = opened(tmp_path, clock)
    begins(journal, A, 10, 12)
    dies(journal)
    journal = opened(tmp_path, clock)
    activity = begins(journal, A)
    assert activity.careful
    for offset in (8, 9, 10, 11, 12):
        activity.batch([At(Place("t", 3, offset))])
        assert activity.careful
    activity.batch([At(Place("t", 3, 13))])
    assert not activity.careful
    journal.tick()
    clock.now += HEALTHY_S - 1
    journal.tick()
    assert json.loads((tmp_path / "crashes.json").read_text())
    clock.now += 1
    journal.tick()
    assert json.loads((tmp_path / "crashes.json").read_text()) == {}
    dies(journal)


@pytest.mark.parametrize("who", [A, "a"])
def test_an_operator_forgives(tmp_path: Path, clock: Time, who: TaskId | str) -> None:
    for _ in range(3):
        journal = opened(tmp_path, clock)
        begins(journal, A, 5)
        dies(journal)
    journal = opened(tmp_path, clock)
    with pytest.raises(DiedError):
        journal.check(A)
    journal.forgive(B)
    journal.forgive("b")
    with pytest.raises(DiedError):
        journal.check(A)
    journal.forgive(who)
    journal.check(A)
    assert not begins(journal, A).careful


@pytest.mark.parametrize("text", ["", "no json", "[1]", '{"a-0": {}}', '{"a-0": {"crash": {"deaths": "x"}}}'])
def test_a_damaged_file_of_crashes_is_as_none(
    tmp_path: Path, clock: Time, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "crashes.json").write_text(text)
    opened(tmp_path, clock).check(A)
    assert "cannot be read" in caplog.text


@pytest.mark.parametrize("size", [0, 1, 20, 63, 64, 65, 500, 1_088, 5_000])
def test_a_torn_or_foreign_live_file_is_as_none(tmp_path: Path, clock: Time, size: int) -> None:
    journal = opened(tmp_path, clock)
    begins(journal, A, 5)
    dies(journal)
    data = (tmp_path / "live").read_bytes()
    (tmp_path / "live").write_bytes(data[:size])
    journal = opened(tmp_path, clock)
    journal.check(A)
    dies(journal)
    (tmp_path / "live").write_bytes(b"x" * size)
    opened(tmp_path, clock).check(A)


def test_a_second_worker_in_the_folder_goes_without(
    tmp_path: Path, clock: Time, caplog: pytest.LogCaptureFixture
) -> None:
    first = opened(tmp_path, clock)
    second = opened(tmp_path, clock)
    assert second.slot(A) is None
    assert "no crash journal" in caplog.text
    assert first.slot(A) is not None


def test_a_folder_that_cannot_be_made_is_said(
    tmp_path: Path, clock: Time, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    assert opened(tmp_path / "file" / "x", clock).slot(A) is None
    assert "no crash journal" in caplog.text


def test_more_tasks_than_slots_go_without(tmp_path: Path, clock: Time) -> None:
    journal = opened(tmp_path, clock)
    assert all(journal.slot(TaskId("a", number)) is not None for number in range(SLOTS))
    assert journal.slot(TaskId("a", SLOTS)) is None
    assert journal.slot(TaskId("a", 3)) is not None


def test_names_of_any_length_have_slots_of_their_own(tmp_path: Path, clock: Time) -> None:
    journal = opened(tmp_path, clock)
    long = [TaskId("ä" * 300, 0), TaskId("ä" * 300, 1)]
    for task in long:
        begins(journal, task, 5, topic="ü" * 249)
    slots = read_slots(tmp_path / "live")
    assert slots is not None
    assert len({slot.task for slot in slots}) == 2
    dies(journal)
    journal = opened(tmp_path, clock)
    journal.check(long[0])
    assert begins(journal, long[0]).careful


def test_files_are_their_owners_alone(tmp_path: Path, clock: Time) -> None:
    journal = opened(tmp_path / "j", clock)
    begins(journal, A, 5)
    dies(journal)
    opened(tmp_path / "j", clock)
    assert {oct(path.stat().st_mode & 0o777) for path in (tmp_path / "j").iterdir()} == {"0o600"}
    assert oct((tmp_path / "j").stat().st_mode & 0o777) == "0o700"


CHILD = """
import sys, threading
from pathlib import Path
from tests.unit.test_runner_journal import A, B, At, Place, begins
from tests.support.crashing import crash, overflow
from connectkit.runner.journal import Journal

journal = Journal(Path(sys.argv[1]), watch_faults=True)
journal.open()
held = threading.Event()

def idle():
    begins(journal, B, 1)
    held.set()
    threading.Event().wait()

def dying():
    begins(journal, A, *map(int, sys.argv[3].split(",")))
    (overflow if sys.argv[2] == "overflow" else lambda: crash(sys.argv[2]))()

threading.Thread(target=idle, daemon=True).start()
held.wait()
thread = threading.Thread(target=dying)
thread.start()
thread.join()
"""


@pytest.mark.parametrize("how", ["abort", "overflow", "exit", "self"])
def test_a_real_crash_is_held_against_the_thread_that_crashed_and_parks_it(
    tmp_path: Path, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    for offsets in ("110,119", "117"):
        ended = subprocess.run(
            [sys.executable, "-c", CHILD, str(tmp_path), how, offsets],
            check=False,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
            capture_output=True,
            timeout=60,
            cwd=tmp_path,
        )
        assert ended.returncode not in (0, 1), ended.stderr
    journal = Journal(tmp_path)
    journal.open()
    assert "The thread that was hit was here:" in caplog.text
    assert ("in crash" in caplog.text) == (how == "abort")
    with pytest.raises(ParkedError, match=r"crashed 2x at t-3@117"):
        journal.check(A)
    journal.check(B)
    journal.close()


def test_a_killed_process_proves_nothing(tmp_path: Path) -> None:
    for _ in range(3):
        process = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(tmp_path), "wait", "117"],
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
            stdout=subprocess.PIPE,
            cwd=tmp_path,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == b"there\n"
        process.kill()
        process.wait()
        process.stdout.close()
    journal = Journal(tmp_path)
    journal.open()
    with pytest.raises(DiedError):
        journal.check(A)
    journal.close()


def test_the_death_of_a_tasks_own_process_is_not_called_the_workers(tmp_path: Path, clock: Time) -> None:
    journal = opened(tmp_path, clock)
    for _ in range(2):
        begins(journal, A, 117)
        journal.died(A, proven=True)
    with pytest.raises(ParkedError, match=r"crashed 2x at t-3@117, and its process with it"):
        journal.check(A)
    dies(journal)
    with pytest.raises(ParkedError, match="and its process with it"):  # as it was written down
        opened(tmp_path, clock).check(A)

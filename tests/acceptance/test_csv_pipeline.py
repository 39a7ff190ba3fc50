"""CSV files through real worker processes: broken ones are named, and kills lose nothing."""

from __future__ import annotations

import csv
import json
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep

import pytest

ROOT = Path(__file__).parents[2]


class Job:
    """A worker with one CSV source and one CSV sink in a folder."""

    def __init__(
        self, folder: Path, source: dict[str, str] | None = None, sink: dict[str, str] | None = None
    ):
        self.folder = folder
        self.data, self.out = folder / "in.csv", folder / "out.csv"
        self.offsets = folder / "offsets.json"
        (folder / "worker.properties").write_text(
            "bootstrap.servers=embedded:log\nkey.converter=JsonConverter\nvalue.converter=JsonConverter\n"
            "offset.storage.file.filename=offsets.json\noffset.flush.interval.ms=100\n"
        )
        source = {
            "name": "in", "connector.class": "CsvSource", "file": "in.csv", "topic": "t", "mode": "once",
            **(source or {}),
        }  # fmt: skip
        sink = {
            "name": "out", "connector.class": "CsvSink", "file": "out.csv", "topics": "t", **(sink or {}),
        }  # fmt: skip
        (folder / "in.json").write_text(json.dumps(source))
        (folder / "out.json").write_text(json.dumps(sink))

    def start(self) -> subprocess.Popen[str]:
        command = "import sys; from connectkit.runner.cli import main; sys.exit(main())"
        return subprocess.Popen(
            [
                sys.executable, "-c", command, "standalone", "worker.properties", "in.json", "out.json",
                "--until-done",
            ],
            cwd=self.folder,
            env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )  # fmt: skip

    def run(self) -> tuple[int, str]:
        process = self.start()
        output, _ = process.communicate(timeout=120)
        return process.returncode, output

    def state(self) -> list[str | None]:
        return [path.read_text() if path.exists() else None for path in (self.offsets, self.out)]


GOOD = "id,name\n1,a\n2,b\n"
MORE = [
    ("3,c,d\n", r"in.csv:4 has 3 columns where 2 are expected"),
    ('3,"c\n', r"in.csv:4 opens a quote that is never closed"),
    ("x,c\n", r"in.csv:4 has no int64 in column id"),
    (b"3,\xff\n", r"in.csv:4 is not valid utf-8 at its byte 3"),
]


@pytest.mark.parametrize(("more", "sentence"), MORE)
def test_a_row_that_is_wrong(tmp_path: Path, more: str | bytes, sentence: str) -> None:
    job = Job(tmp_path)
    job.data.write_text(GOOD)
    assert job.run()[0] == 0
    before = job.state()
    assert before[1] == GOOD
    with job.data.open("ab") as file:
        file.write(more if isinstance(more, bytes) else more.encode())
    code, output = job.run()
    assert code != 0
    assert sentence in output
    assert job.state() == before
    job.data.write_text(GOOD + "3,c\n")
    assert job.run()[0] == 0
    assert job.out.read_text() == GOOD + "3,c\n"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (GOOD.replace("name", "nom"), "columns of in.csv are not those it had"),
        ("id,name\n", "shorter than the position"),
        (None, "in.csv is not there"),
    ],
)
def test_a_file_that_was_changed(tmp_path: Path, content: str | None, sentence: str) -> None:
    job = Job(tmp_path)
    job.data.write_text(GOOD)
    assert job.run()[0] == 0
    before = job.state()
    if content is None:
        job.data.unlink()
    else:
        job.data.write_text(content)
    code, output = job.run()
    assert code != 0
    assert sentence in output
    assert job.state() == before


def test_a_file_of_somebody_else_is_not_written_to(tmp_path: Path) -> None:
    job = Job(tmp_path)
    job.data.write_text(GOOD)
    job.out.write_text("mine")
    code, output = job.run()
    assert code != 0
    assert "out.csv is there already and was not written by this sink" in output
    assert job.out.read_text() == "mine"


@pytest.mark.faults
@pytest.mark.parametrize("sink", [{}, {"rotate.rows": "7000"}], ids=["one file", "parts"])
def test_kills_lose_nothing_and_leave_whole_rows(tmp_path: Path, sink: dict[str, str]) -> None:
    total = 60_000
    job = Job(tmp_path, {"batch.size": "500"}, sink)
    job.data.write_text("id,name\n" + "".join(f'{n},"name, {n}"\n' for n in range(total)))
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)

    def written() -> int:
        size_bytes = 0
        for path in tmp_path.glob("out*"):
            with suppress(FileNotFoundError):  # a part that has just got its final name
                size_bytes += path.stat().st_size
        return size_bytes

    kills = 0
    for _ in range(6):
        process = job.start()
        goal = written() + chance.randrange(1, 200_000)
        until = monotonic() + 60
        while process.poll() is None and written() < goal and monotonic() < until:
            sleep(0.002)
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            kills += 1
        process.communicate()
    assert kills >= 2
    code, output = job.run()
    assert code == 0, output
    assert not list(tmp_path.glob("*.part"))
    found: list[int] = []
    for path in sorted(tmp_path.glob("out*.csv")):
        with path.open(newline="") as file:
            rows = list(csv.reader(file))
        assert rows[0] == ["id", "name"]
        for number, name in rows[1:]:
            assert name == f"name, {number}"
            found.append(int(number))
    assert set(found) == set(range(total))
    # Twice only what a kill caught between the write and the commit of an offset, on either side.
    repeated = sum(count - 1 for count in Counter(found).values())
    print(f"{kills} kills, {repeated} rows twice")

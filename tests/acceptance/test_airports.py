"""The main job as ``make run`` starts it: real data, twice, and with a row added."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "examples.airports", *arguments],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_it_runs_goes_on_and_says_so(tmp_path: Path) -> None:
    source, out = tmp_path / "run-data" / "airports.csv", tmp_path / "run-data" / "airports-out.csv"
    first = run(tmp_path)
    assert (first.returncode, first.stderr) == (0, "")
    assert "read      3,376 rows" in first.stdout
    assert "written   3,376 rows" in first.stdout
    assert "rows a second" in first.stdout
    assert "Where to look next" in first.stdout

    read, written = rows(source), rows(out)
    assert len(read) == len(written) == 3376
    for before, after in zip(read, written, strict=True):
        assert after["airport"] == before["iata"]
        assert after["origin"] == "vega_datasets"
        assert after["city"] == ("" if before["city"] == "NA" else before["city"])
        assert float(after["latitude"]) == pytest.approx(float(before["latitude"]), rel=1e-6)
        assert "country" not in after
    assert [row["topic_offset"] for row in written] == [str(n) for n in range(3376)]

    again = run(tmp_path)
    assert again.returncode == 0
    assert "Going on behind line 3377 (byte 210365)" in again.stdout
    assert "0 new rows: resumed at line 3378" in again.stdout
    assert rows(out) == written

    with source.open("a", encoding="utf-8") as file:
        file.write("XYZ,New Field,Springfield,IL,USA,39.8,-89.6\n")
    more = run(tmp_path)
    assert more.returncode == 0
    assert "read          1 rows     run-data/airports.csv, lines 3378 to 3378" in more.stdout
    assert rows(out)[:-1] == written
    assert rows(out)[-1]["name"] == "New Field"


def test_a_bad_row_is_named_and_nothing_moves(tmp_path: Path) -> None:
    assert run(tmp_path).returncode == 0
    folder = tmp_path / "run-data"
    offsets, out = (folder / "source-offsets.json").read_text(), (folder / "airports-out.csv").read_text()
    with (folder / "airports.csv").open("a", encoding="utf-8") as file:
        file.write("XYZ,New Field,Springfield,IL,USA,north,west\n")
    failed = run(tmp_path)
    assert failed.returncode != 0
    assert "airports.csv:3378 has no float64 in column latitude" in failed.stderr
    assert "north" not in failed.stderr
    assert (folder / "source-offsets.json").read_text() == offsets
    assert (folder / "airports-out.csv").read_text() == out


def test_it_takes_no_arguments(tmp_path: Path) -> None:
    refused = run(tmp_path, "--fast")
    assert refused.returncode != 0
    assert "takes no arguments" in refused.stderr
    assert list(tmp_path.iterdir()) == []

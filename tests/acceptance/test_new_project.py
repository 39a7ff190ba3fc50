"""``connectkit new``: each project passes its own tests, and a worker finds what it installs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from connectkit.runner.cli import main
from connectkit.runner.cli.new import GROUPS


@pytest.mark.parametrize("kind", sorted(GROUPS))
def test_a_new_project_passes_its_own_tests(kind: str, tmp_path: Path) -> None:
    assert main(["new", kind, f"my {kind}", "--in", str(tmp_path)]) == 0
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=tmp_path / f"my-{kind}",
        env={**os.environ, "CONNECTKIT_LAW_EXAMPLES": "25"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-1000:]
    assert " passed" in ran.stdout


@pytest.mark.parametrize("name", ["json", "tests", "Connectkit", "option"])
def test_a_name_that_hides_another_module(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["new", "converter", name, "--in", str(tmp_path)]) != 0
    assert "would hide another one" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["", "1st", "class", "…", "größe", "a.b", "a/b", "-", "x" * 90])
def test_a_name_that_no_module_can_have(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["new", "sink", name, "--in", str(tmp_path)]) != 0
    assert "No module can be named after" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_nothing_is_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "here").mkdir()
    assert main(["new", "source", "here", "--in", str(tmp_path)]) != 0
    assert "exists already" in capsys.readouterr().err
    assert not list((tmp_path / "here").iterdir())

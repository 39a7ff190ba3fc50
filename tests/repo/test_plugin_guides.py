"""The guides for plugin authors: each plugin is short, keeps its laws, and runs as the page says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.repo.test_snippets import BLOCK, ROOT, python_in

PAGES = ["source", "sink", "transform", "converter", "testing"]


@pytest.mark.parametrize("page", PAGES)
def test_the_plugins_of_a_guide_keep_their_laws(page: str, tmp_path: Path) -> None:
    (tmp_path / "test_page.py").write_text(python_in(ROOT / f"docs/guides/{page}.md"))
    ran = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-k",
            "not SixDigits",
            "test_page.py",
        ],
        cwd=tmp_path,
        env={**os.environ, "CONNECTKIT_LAW_EXAMPLES": "60"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-1000:]
    assert " passed" in ran.stdout


@pytest.mark.parametrize("page", PAGES[:-1])
def test_a_complete_plugin_has_fewer_than_thirty_lines(page: str) -> None:
    plugin = BLOCK.findall((ROOT / f"docs/guides/{page}.md").read_text())[0]
    assert len([line for line in plugin.splitlines() if line.strip()]) < 30

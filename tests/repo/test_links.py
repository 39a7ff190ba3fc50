"""The folders at the top and the package underneath are one: links, guards, one copy of each class."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tools.layout import ROOT, folders, packages

LINKED = sorted(folder.name for folder in folders() if folder.name != "connectkit")


def test_every_folder_of_code_but_the_core_is_linked() -> None:
    found = sorted(path.name for path in (ROOT / "connectkit").iterdir() if path.is_symlink())
    assert found == LINKED


@pytest.mark.parametrize("name", LINKED)
def test_link_is_relative_and_leads_to_the_folder(name: str) -> None:
    link = ROOT / "connectkit" / name
    assert os.readlink(link) == f"../{name}"
    assert link.resolve() == (ROOT / name).resolve()
    assert (link / "__init__.py").is_file()


def test_no_other_link_in_the_code() -> None:
    known = {ROOT / "connectkit" / name for name in LINKED}
    tops = [
        ROOT / name for name in ["connectkit", *LINKED, "tests", "tools", "docs", "examples", "benchmarks"]
    ]
    found = {path for top in tops for path in top.rglob("*") if path.is_symlink()}
    assert found <= known


@pytest.mark.parametrize("name", LINKED)
def test_bare_import_is_refused_with_the_right_name(name: str) -> None:
    done = _python(f"import {name}", cwd=ROOT)
    assert done.returncode != 0
    assert f"ImportError: import connectkit.{name}: " in done.stderr


def linked_sub_packages() -> list[str]:
    """Packages below those that stand at the top under a bare name of their own."""
    return sorted(p for p in packages() if p.count(".") > 1 and p.split(".")[1] in LINKED)


@pytest.mark.parametrize("package", linked_sub_packages())
def test_bare_import_of_a_sub_package_is_refused(package: str) -> None:
    bare = package.removeprefix("connectkit.")
    assert "ImportError: import connectkit." in _python(f"import {bare}", cwd=ROOT).stderr


@pytest.mark.parametrize("name", LINKED)
def test_package_is_importable_from_anywhere(name: str, tmp_path: Path) -> None:
    done = _python(f"import connectkit.{name} as m; print(m.__file__)", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).resolve() == (ROOT / name / "__init__.py").resolve()


def _python(code: str, *, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], cwd=cwd, capture_output=True, text=True, check=False)

"""Plants one type error in every package of a scratch copy and expects mypy and pyright to see each.

A type checker that is pointed past the linked folders says "no errors" and has read nothing. So a
copy of the tree gets one wrong assignment per package (sub-packages too, and the tests), and each
checker has to report exactly those. That also shows the tree itself to be clean.

    python -m tools.planted_errors
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tools.layout import ROOT, packages

PLANT = "_planted_error.py"
SOURCE = '"""One type error, planted to see whether the checker comes here."""\n\ncount: int = "text"\n'
LINE = 3
UNSHIPPED = ("tests", "tools", "benchmarks")


def main() -> int:
    """Exit status: 0 when both checkers saw every planted error and nothing else."""
    with tempfile.TemporaryDirectory(prefix="connectkit-planted-") as scratch:
        root = Path(scratch) / "tree"
        copy_tree(root)
        planted = plant(root)
        checkers: dict[str, Callable[[Path], set[str]]] = {"mypy": mypy_reports, "pyright": pyright_reports}
        with ThreadPoolExecutor(len(checkers)) as pool:
            reported = dict(
                zip(checkers, pool.map(lambda check: check(root), checkers.values()), strict=True)
            )
    bad = False
    for checker, places in reported.items():
        for place in sorted(planted - places):
            bad = True
            print(f"{checker} missed the type error planted at {place}; see its paths in pyproject.toml")
        for place in sorted(places - planted):
            bad = True
            print(f"{checker} reports {place}, where nothing was planted; run {checker} to read why")
    if not bad:
        print(f"planted errors: {len(planted)} planted, mypy and pyright saw each and nothing else")
    return int(bad)


def copy_tree(target: Path) -> None:
    """Copy what the checkers read, links as links, with mypy's cache so that the copy is checked quickly."""
    skip = shutil.ignore_patterns("__pycache__", "data", "*.gz")
    target.mkdir()
    shutil.copy2(ROOT / "pyproject.toml", target)
    for folder in {path.parts[0] for path in packages().values()} | set(UNSHIPPED):
        shutil.copytree(ROOT / folder, target / folder, symlinks=True, ignore=skip)
    (target / ".venv").symlink_to(Path(sys.prefix))
    if (ROOT / ".mypy_cache").is_dir():
        shutil.copytree(ROOT / ".mypy_cache", target / ".mypy_cache")


def plant(root: Path) -> set[str]:
    """Write the wrong module into each package; returns the places as ``folder/file:line``."""
    places = set()
    for folder in [*packages().values(), *map(Path, UNSHIPPED)]:
        path = folder / PLANT
        (root / path).write_text(SOURCE)
        places.add(f"{path.as_posix()}:{LINE}")
    return places


def mypy_reports(root: Path) -> set[str]:
    """Places of mypy's errors, with linked folders named by the folder they stand in."""
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--no-error-summary", "--no-pretty"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in (0, 1):
        raise SystemExit(f"mypy did not run on the scratch copy: {done.stdout}{done.stderr}")
    places = set()
    for line in done.stdout.splitlines():
        path, number, rest = line.split(":", 2)
        if " error: " in rest:
            places.add(f"{_in_tree(root, root / path)}:{number}")
    return places


def pyright_reports(root: Path) -> set[str]:
    """Places of pyright's errors."""
    done = subprocess.run(
        [sys.executable, "-m", "pyright", "--outputjson"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in (0, 1):
        raise SystemExit(f"pyright did not run on the scratch copy: {done.stdout}{done.stderr}")
    return {
        f"{_in_tree(root, Path(found['file']))}:{found['range']['start']['line'] + 1}"
        for found in json.loads(done.stdout)["generalDiagnostics"]
        if found["severity"] == "error"
    }


def _in_tree(root: Path, path: Path) -> str:
    """The real place of a file of the scratch copy, relative to its root."""
    return path.resolve().relative_to(root.resolve()).as_posix()


if __name__ == "__main__":
    raise SystemExit(main())

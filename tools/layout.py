"""Where the packages of this distribution stand, read from pyproject.toml and from nowhere else."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


def pyproject() -> dict[str, Any]:
    """The whole of pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def packages() -> dict[str, Path]:
    """Each package of the wheel, by import name, with its folder relative to the root."""
    setuptools = pyproject()["tool"]["setuptools"]
    mapped = setuptools["package-dir"]
    found = {}
    for name in setuptools["packages"]:
        parent = name
        while parent not in mapped:
            parent = parent.rpartition(".")[0]
        found[name] = Path(mapped[parent], *name[len(parent) :].split(".")[1:])
    return found


def folders() -> list[Path]:
    """The top-level folders of code that ships."""
    return sorted({Path(path.parts[0]) for path in packages().values()})


def sources(*, root: Path = ROOT) -> Iterator[tuple[str, Path]]:
    """Every Python file that ships, as (module name, real path); links are not followed."""
    by_folder = {path: name for name, path in packages().items() if len(path.parts) == 1}
    for folder, name in sorted(by_folder.items()):
        yield from _walk(root / folder, name)


def _walk(folder: Path, package: str) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.iterdir()):
        if path.is_symlink() or path.name.startswith((".", "__pycache__")):
            continue
        if path.is_dir():
            yield from _walk(path, f"{package}.{path.name}")
        elif path.suffix == ".py":
            yield package if path.stem == "__init__" else f"{package}.{path.stem}", path

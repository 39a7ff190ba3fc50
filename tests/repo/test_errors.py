"""Every error class is raised somewhere, exported, and has its place in the reference."""

from __future__ import annotations

import ast

import pytest

import connectkit
from connectkit.errors import ConnectError
from tools.docs.errors import error_classes, error_page
from tools.layout import ROOT, sources

NAMES = [cls.__name__ for cls in error_classes()]


def made_in_code() -> set[str]:
    """Names of the classes that are called (raised, or made to be handed on) outside errors.py."""
    found = set()
    for module, path in sources():
        if module == "connectkit.errors":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                found.add(node.func.id)
    return found


MADE = made_in_code()


@pytest.mark.parametrize("name", NAMES)
def test_class_is_raised_somewhere(name: str) -> None:
    assert name in MADE


@pytest.mark.parametrize("name", NAMES)
def test_class_is_exported_and_told(name: str) -> None:
    assert name in connectkit.__all__
    assert f"## {name}\n" in (ROOT / "docs" / "reference" / "errors.md").read_text()


@pytest.mark.parametrize("cls", error_classes(), ids=NAMES)
def test_class_says_what_to_do(cls: type[ConnectError]) -> None:
    assert cls.__doc__ is not None
    assert issubclass(cls, ConnectError)


def test_the_tree_in_the_page_holds_every_class() -> None:
    drawn = error_page().partition("```\n")[2].partition("```")[0]
    assert [line.split()[-1] for line in drawn.splitlines()] == NAMES

"""Where in a value an error is: ``$.order.lines[3].price``, built only when something is wrong."""

from __future__ import annotations

import re
from typing import Any

Path = tuple[Any, str] | None
"""A chain of (what leads here, one step); None is the whole value."""

_SIMPLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}\Z")


def member(path: Path, name: str) -> Path:
    """One field or member down."""
    if _SIMPLE.match(name):
        return (path, f".{name}")
    return (path, "['" + name[:100].encode("unicode_escape").decode("ascii").replace("'", "\\'") + "']")


def item(path: Path, number: int) -> Path:
    """One element of an array down."""
    return (path, f"[{number}]")


def entry(path: Path, number: int, what: str) -> Path:
    """The key or the value of a map's entry; by its number, since keys are data."""
    return (path, f"{{{number}}}.{what}")


def text(path: Path) -> str:
    """The path in words of JSONPath."""
    steps: list[str] = []
    while path is not None:
        path, step = path
        steps.append(step)
    return "$" + "".join(reversed(steps))

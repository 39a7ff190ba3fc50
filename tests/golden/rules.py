"""The differences from Java that we know of: ``differences.json``, and the rules it may call.

An entry of the file has ``reason`` and at least one of ``rule`` (a function here, which looks at the
case and at what differs) and ``id`` (a pattern as of :mod:`fnmatch`); ``op`` narrows either. Rules are
better than ids: they recognise a cause, so they also hold for cases that were not seen before.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

from tests.golden.compare import UNREPRESENTABLE

Case = dict[str, Any]
_NARROW = frozenset(("int8", "int16", "int32"))
_INTS = _NARROW | {"int64", "bigint"}


@cache
def entries() -> list[dict[str, Any]]:
    """The entries of ``differences.json``."""
    found: list[dict[str, Any]] = json.loads(Path(__file__).with_name("differences.json").read_text())
    return found


def told_reason(case: Case, difference: str) -> str | None:
    """Why this difference is expected, or None if it is not."""
    for entry in entries():
        ops = entry.get("op")
        if ops is not None and case.get("op") not in ([ops] if isinstance(ops, str) else ops):
            continue
        if "id" in entry and not fnmatchcase(str(case.get("id")), entry["id"]):
            continue
        if "rule" in entry and not RULES[entry["rule"]](case, difference):
            continue
        if "id" in entry or "rule" in entry:
            return str(entry["reason"])
    return None


def tagged_values(part: Any) -> Iterator[tuple[str, Any]]:
    """Every tag with its content inside a part of a case."""
    if isinstance(part, dict):
        for key, item in part.items():
            yield key, item
            yield from tagged_values(item)
    elif isinstance(part, list):
        for item in part:
            yield from tagged_values(item)


def unrepresentable(_case: Case, difference: str) -> bool:
    """The input cannot be made in Python."""
    return difference.startswith(UNREPRESENTABLE)


RULES: dict[str, Callable[[Case, str], bool]] = {"unrepresentable": unrepresentable}

"""The rules of ``differences.json`` about REST, validation and plugins. See ``rules.py``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Case = dict[str, Any]


def _told(name: str) -> Callable[[Case, str], bool]:
    """The area itself recognises the difference and names it."""
    return lambda case, difference: difference.startswith(f"rest:{name}")


_NAMES = (
    *("bad-input", "accident", "renamed", "still-pausing", "own-version", "own-name", "unlisted"),
    *("told-once", "null-value", "elsewhere", "stricter", "not-resolved", "java-class", "client-key"),
    *("extension", "reachable", "tasks-config", "misread", "idle-type"),
)
REST_RULES: dict[str, Callable[[Case, str], bool]] = {f"rest-{name}": _told(name) for name in _NAMES}

"""Counters as they cross the line between processes, and back again."""

from __future__ import annotations

from typing import Any

from connectkit.runner.counters import (
    CommitCounters,
    ErrorCounters,
    SinkCounters,
    SourceCounters,
    Windowed,
)

Counters = SinkCounters | SourceCounters
_GROUPS = (CommitCounters, ErrorCounters, Windowed)


def freeze(counters: Any) -> dict[str, Any]:
    """Everything a counter holds. It may be written meanwhile: single figures are whole, sums may not be."""
    found: dict[str, Any] = {}
    for name in counters.__slots__:
        value = getattr(counters, name)
        found[name] = freeze(value) if isinstance(value, _GROUPS) else value
    return found


def thaw(counters: Any, found: dict[str, Any]) -> None:
    """Put what ``freeze`` took into a counter of the same kind."""
    for name, value in found.items():
        old = getattr(counters, name)
        if isinstance(old, _GROUPS):
            thaw(old, value)
        else:
            setattr(counters, name, value)

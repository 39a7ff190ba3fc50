"""Whether a default can be said in JSON, which has no NaN and no infinities. Pure function."""

from __future__ import annotations

from math import isfinite
from typing import Any

from connectkit.struct import Struct


def is_finite(value: Any) -> bool:
    """Whether all numbers in a value are finite: in fields, entries and keys of maps, and elements."""
    if isinstance(value, float):
        return isfinite(value)
    if isinstance(value, Struct):
        return all(map(is_finite, value.values))
    if isinstance(value, dict):
        return all(is_finite(key) and is_finite(each) for key, each in value.items())
    return not isinstance(value, list | tuple | set) or all(map(is_finite, value))

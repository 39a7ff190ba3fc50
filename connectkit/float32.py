"""Binary32 in a language that has only binary64. A pure function."""

from __future__ import annotations

import struct

_FLOAT32 = struct.Struct(">f")


def round32(value: float) -> float:
    """The nearest binary32 number; beyond its range, infinity (Java's cast)."""
    try:
        rounded: float = _FLOAT32.unpack(_FLOAT32.pack(value))[0]
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")
    return rounded

"""The order in which a Java ``HashMap`` gives its string keys back, where it shows in the bytes.

Source: Java's ``String.hashCode`` and ``HashMap`` (16 buckets at first, doubled beyond three quarters full);
spec registry 0.8. Pure functions.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

_MASK: Final = 0xFFFFFFFF
_SMALLEST: Final = 16


def string_hash(text: str) -> int:
    """``String.hashCode``, as an unsigned number of 32 bits."""
    found = 0
    units = text.encode("utf-16-be", "surrogatepass")
    for at in range(0, len(units), 2):
        found = (31 * found + (units[at] << 8 | units[at + 1])) & _MASK
    return found


def hash_order(keys: Collection[str]) -> list[str]:
    """The keys as a ``HashMap`` into which they were put one by one gives them back."""
    size = _SMALLEST
    while len(keys) * 4 > size * 3:
        size *= 2
    spread = {key: (code := string_hash(key)) ^ code >> 16 for key in keys}
    # Within a bucket they stay in the order in which they came: sorting is stable.
    return sorted(keys, key=lambda key: spread[key] & (size - 1))


def hash_ordered(found: dict[str, Any]) -> list[tuple[str, Any]]:
    """The entries of a map in that order."""
    return list(found.items()) if len(found) < 2 else [(key, found[key]) for key in hash_order(found)]

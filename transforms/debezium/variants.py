"""Variants: what a transform made for a value of the data, kept as long as it is used now and then.

For transforms whose result has another schema for each topic, event type or list of names: one variant
of the transform is compiled for each such value. At most ``size`` are held and the one used longest ago
goes first, so data with ever new values costs time but no memory. Used by one thread at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class Variants(Generic[K, T]):
    """``variants[key]``: what ``make(key)`` returned the first time."""

    __slots__ = ("_held", "_make", "_size")

    def __init__(self, make: Callable[[K], T], *, size: int) -> None:
        if size < 1:
            raise ValueError("at least one variant is held")
        self._make = make
        self._size = size
        self._held: dict[K, T] = {}

    def __getitem__(self, key: K) -> T:
        held = self._held
        if key in held:
            found = held.pop(key)
        else:
            found = self._make(key)
            if len(held) >= self._size:
                del held[next(iter(held))]
        held[key] = found
        return found

    def __len__(self) -> int:
        return len(self._held)

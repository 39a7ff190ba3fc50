"""Plans: what the compiled codec carries out instead of a generated function; lists of nodes.

A node is ``(code, a, b, object, parts)``, a part ``(node, slot, object)``; ``_codec_read.c`` and
``_codec_write.c`` say what they mean for each code, and :data:`VERSION` changes with that. Nodes name one
another by their place in the list, so that recursive schemas need nothing of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from enum import IntEnum
from typing import Any, Final

from connectkit.limits import Limits

VERSION: Final = 1
"""Of the plans made here; a compiled module that was built for others is not used."""

CONSTANT: Final = -1
MADE: Final = -2
"""A part that is no node: its object, and what its object returns when it is called."""

MOST_DEPTH: Final = 200
"""Levels that the compiled codec goes down on the C stack; beyond them its twin takes over."""

Part = tuple[int, int, Any]
Node = tuple[int, int, int, Any, tuple[Part, ...]]


class C(IntEnum):
    """Node codes; ``_codec.h`` has the same."""

    BOOLEAN = 0
    LONG = 1
    FLOAT = 2
    DOUBLE = 3
    STRING = 4
    BYTES = 5
    FIXED = 6
    ENUM = 7
    MOMENT = 8
    CALL_LONG = 9
    CALL_BYTES = 10
    CALL_FIXED = 11
    NULL = 12
    REFUSE = 13
    RECORD = 14
    ARRAY = 15
    MAP = 16
    ENTRIES = 17
    UNION = 18
    NULLABLE = 19
    SUM = 20
    SKIP = 21


class UnplannedError(Exception):
    """There is no plan for this, only a generated function."""


class Plan:
    """A plan under construction. Used by one thread."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self._known: dict[Hashable, int] = {}
        self._held: list[Any] = []  # keeps ids in keys from being reused

    def place(self, key: Hashable, *held: Any) -> int | None:
        """Where the node of that key stands or will stand; None the first time: then fill it."""
        found = self._known.get(key)
        if found is None:
            self._held.append(held)
            self._known[key] = len(self.nodes)
            self.nodes.append((int(C.REFUSE), 0, 0, None, ()))
        return found

    def fill(self, key: Hashable, node: int) -> int:
        """Let the node of that key be what stands at ``node``."""
        at = self._known[key]
        self.nodes[at] = self.nodes[node]
        return at

    def add(self, code: C, *, a: int = 0, b: int = 0, obj: Any = None, parts: tuple[Part, ...] = ()) -> int:
        """A new node; returns its place."""
        self.nodes.append((int(code), a, b, obj, parts))
        return len(self.nodes) - 1


def settings(limits: Limits) -> dict[str, int]:
    """The limits as the compiled types take them."""
    return {"depth": min(limits.depth, MOST_DEPTH), "items": limits.items, "empties": limits.items // 10}


def later(make: Callable[[], Callable[[Any, Any], Any]]) -> Callable[[Any, Any], Any]:
    """A function that is made when it is called the first time, as most twins never are."""
    made: Callable[[Any, Any], Any] | None = None

    def call(first: Any, second: Any) -> Any:
        nonlocal made
        if made is None:
            made = make()
        return made(first, second)

    return call

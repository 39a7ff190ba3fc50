"""JSON schemas as everit's loader understands them: one node a schema, references to others resolved.

A node has one ``kind``. Keywords of several kinds beside each other make an ``allOf`` of one node each, as
everit makes it. Source: everit-json-schema 1.14, spec registry 4.5. Nodes are not changed
once they are loaded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, Literal

Kind = Literal[
    "boolean", "number", "string", "null", "array", "object", "enum", "const", "combined", "not",
    "conditional", "any", "never", "ref",
]  # fmt: skip


class _Missing:
    """No default is given, which is not the same as a default of null."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = _Missing()


class Node:
    """One schema. What does not concern its kind keeps the value it has here, which nobody changes."""

    title: str | None = None
    description: str | None = None
    default: Any = MISSING
    id: str | None = None
    props: Mapping[str, Any] = MappingProxyType({})
    """All keywords, Connect's among them."""
    limits: Mapping[str, Any] = MappingProxyType({})
    """Bounds of numbers, texts, arrays and objects, by keyword."""
    is_integer: bool = False
    # of arrays
    all_items: Node | None = None
    items: Sequence[Node] = ()
    contains: Node | None = None
    unique: bool = False
    # of objects
    properties: Mapping[str, Node] = MappingProxyType({})
    required: frozenset[str] = frozenset()
    patterns: Mapping[str, Node] = MappingProxyType({})
    dependencies: Mapping[str, Node | frozenset[str]] = MappingProxyType({})
    property_names: Node | None = None
    # of both
    allows_additional: bool = True
    additional: Node | None = None
    unevaluated: Node | None = None
    # of the others
    values: Sequence[Any] = ()
    """Those of an enum, or the one of a const."""
    criterion: Literal["oneOf", "anyOf", "allOf"] = "allOf"
    members: Sequence[Node] = ()
    inner: Node | None = None
    """What a ``not`` excludes."""
    target: Node | None = None
    """What a reference leads to."""

    def __init__(self, kind: Kind, raw: Any = None) -> None:
        self.kind: Kind = kind
        self.raw = raw
        """The JSON it was loaded from; None for a part of it."""

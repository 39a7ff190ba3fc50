"""JSON schemas as everit's loader understands them: one node a schema, references to others resolved.

A node has one ``kind``. Keywords of several kinds beside each other make an ``allOf`` of one node each, as
everit makes it (``synthetic``). Source: everit-json-schema 1.14, spec registry 4.5. Nodes are not changed
once they are loaded.
"""

from __future__ import annotations

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
    """One schema. What does not concern its kind keeps the value it has here."""

    __slots__ = (
        "additional", "all_items", "allows_additional", "contains", "criterion", "default", "dependencies",
        "description", "id", "inner", "is_integer", "items", "kind", "limits", "members", "patterns",
        "properties", "property_names", "props", "raw", "required", "synthetic", "target", "title",
        "unevaluated", "unique", "values",
    )  # fmt: skip

    def __init__(self, kind: Kind, raw: Any = None) -> None:
        self.kind: Kind = kind
        self.raw = raw
        """The JSON it was loaded from; None for a part of it."""
        self.title: str | None = None
        self.description: str | None = None
        self.default: Any = MISSING
        self.id: str | None = None
        self.props: dict[str, Any] = {}
        """Keywords that say nothing to JSON Schema, Connect's among them."""
        self.limits: dict[str, Any] = {}
        """Bounds of numbers, texts, arrays and objects, by keyword."""
        self.is_integer = False
        # of arrays
        self.all_items: Node | None = None
        self.items: list[Node] | None = None
        self.contains: Node | None = None
        self.unique = False
        # of objects
        self.properties: dict[str, Node] = {}
        self.required: frozenset[str] = frozenset()
        self.patterns: dict[str, Node] = {}
        self.dependencies: dict[str, Node | frozenset[str]] = {}
        self.property_names: Node | None = None
        # of both
        self.allows_additional = True
        self.additional: Node | None = None
        self.unevaluated: Node | None = None
        # of the others
        self.values: list[Any] = []
        """Those of an enum, or the one of a const."""
        self.criterion: Literal["oneOf", "anyOf", "allOf"] = "allOf"
        self.members: list[Node] = []
        self.synthetic = False
        self.inner: Node | None = None
        """What a ``not`` excludes."""
        self.target: Node | None = None
        """What a reference leads to."""

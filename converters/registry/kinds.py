"""What a registry has to know of each kind of schema: its canonical text, and what can read what.

The kinds are found by name, lazily, so that a registry of Avro schemas imports nothing of the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from connectkit.converters.registry.port import Problem, SchemaKind


class SchemaKindRules(Protocol):
    """The rules of one kind. ``references`` are the texts of the schemas a text refers to, in order.

    Those of a registry are :class:`~connectkit.converters.registry.port.ReferredText`, which have names.
    """

    def canonical(self, text: str, references: Sequence[str]) -> str:
        """The text as the registry keeps it; ``SchemaError`` if it is none of this kind."""
        ...

    def normalized(self, text: str, references: Sequence[str]) -> str:
        """The text that schemas of the same meaning share."""
        ...

    def problems(
        self, reader: str, reader_references: Sequence[str], writer: str, writer_references: Sequence[str]
    ) -> list[Problem]:
        """What keeps the reader from reading the writer's data; empty if nothing does."""
        ...


def rules_of(kind: SchemaKind) -> SchemaKindRules | None:
    """The rules of a kind; None for one that is kept as it is and never compared."""
    if kind == "AVRO":
        from connectkit.converters.avro import rules

        return rules
    if kind == "PROTOBUF":
        from connectkit.converters.protobuf import rules as protobuf_rules

        return protobuf_rules
    if kind == "JSON":
        from connectkit.converters.json_schema import rules as json_schema_rules

        return json_schema_rules
    return None

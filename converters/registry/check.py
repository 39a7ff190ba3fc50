"""Whether a schema may be a subject's next version, in any registry: asked before it is registered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from connectkit.converters.registry.client import RegistryClient
from connectkit.converters.registry.compatibility import problems
from connectkit.converters.registry.kinds import rules_of
from connectkit.converters.registry.port import Problem, Registered, Registry, SchemaText
from connectkit.errors import NotFoundError


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check found. ``clash`` is the version with which the problems are."""

    subject: str
    level: str
    problems: Sequence[Problem]
    clash: int | None
    versions: Sequence[Registered]

    def sentences(self) -> list[str]:
        """The problems in sentences."""
        return [each.description for each in self.problems]

    def lines(self) -> list[str]:
        """The same in sentences."""
        if not self.versions:
            return [f"{self.subject}: there is no such subject yet, so that any schema may be its first"]
        newest = self.versions[-1].version
        if not self.problems:
            return [f"{self.subject}: may follow version {newest} at level {self.level}"]
        said = f"{self.subject}: may not follow version {newest} at level {self.level}"
        if self.clash != newest:
            said += f", because of version {self.clash}"
        return [said, *(f"  {each.type}: {each.description}" for each in self.problems)]


def check(registry: Registry, subject: str, schema: SchemaText) -> Checked:
    """Compare a schema with the subject's versions at its level; nothing is registered.

    ``SchemaError`` if it is no schema of its kind.
    """
    try:
        versions = registry.versions(subject)
    except NotFoundError:
        versions = []
    client = RegistryClient(registry)
    rules = rules_of(schema.kind)
    if rules is not None:
        text = rules.canonical(schema.text, client.texts_of(schema))
        schema = SchemaText(text, schema.kind, schema.references)
    level = registry.level(subject)
    found, clash = problems(level, schema, versions, client.texts_of)
    return Checked(subject, level, found, clash, versions)

"""Whether a schema may be a subject's next one, by the subject's level. Source: spec registry 7."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from connectkit.converters.registry.kinds import rules_of
from connectkit.converters.registry.port import Problem, Registered, SchemaText

LEVELS: Final = (
    "NONE", "BACKWARD", "BACKWARD_TRANSITIVE", "FORWARD", "FORWARD_TRANSITIVE", "FULL", "FULL_TRANSITIVE",
)  # fmt: skip
DEFAULT_LEVEL: Final = "BACKWARD"

TextsOf = Callable[[SchemaText], list[str]]
"""The texts of the schemas that one refers to, those that others need first."""


def problems(
    level: str, new: SchemaText, versions: Iterable[Registered], texts_of: TextsOf
) -> tuple[list[Problem], int | None]:
    """What keeps ``new`` from following ``versions`` (oldest first), and with which version it clashes.

    The newest is compared, at a transitive level all of them until one clashes. ``SchemaError`` if ``new``
    is no schema of its kind.
    """
    olds = list(versions)
    if level == "NONE" or not olds:
        return [], None
    for old in reversed(olds) if level.endswith("_TRANSITIVE") else olds[-1:]:
        found = between(level, new, old.schema, texts_of)
        if found:
            return found, old.version
    return [], None


def between(level: str, new: SchemaText, old: SchemaText, texts_of: TextsOf) -> list[Problem]:
    """What keeps ``new`` from following ``old``."""
    if new.kind != old.kind:
        return [Problem("DIFFERENT_SCHEMA_TYPE", "Incompatible because of different schema type")]
    rules = rules_of(new.kind)
    if rules is None:
        return []
    ours, theirs = texts_of(new), texts_of(old)
    found: list[Problem] = []
    if level.startswith(("BACKWARD", "FULL")):
        found += rules.problems(new.text, ours, old.text, theirs)
    if level.startswith(("FORWARD", "FULL")):
        found += rules.problems(old.text, theirs, new.text, ours)
    return found

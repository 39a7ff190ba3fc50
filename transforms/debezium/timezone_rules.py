"""``include.list`` and ``exclude.list`` of TimezoneConverter: which fields of which tables.

A rule is ``source:TABLE`` or ``topic:TOPIC``, each perhaps with ``:FIELD``, or ``NAME:FIELD``, where the
name is that of a topic or a table. A prefix holds for the rules after it that have none. Source:
Debezium's documentation of the timezone converter, and what its release 3 accepts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from connectkit.suggest import shortened
from connectkit.transforms.base import java_split
from connectkit.transforms.debezium.envelope import AFTER, BEFORE, SOURCE

_NAME = r'[".\w\s]+'
_FIRST = re.compile(rf"{_NAME}:{_NAME}(:{_NAME})?", re.ASCII)
_LATER = re.compile(rf"{_NAME}(:{_NAME})?", re.ASCII)
_TOPIC = "topic"

Fields = frozenset[str]


@dataclass(slots=True)
class Rules:
    """Fields (none: all of them) by topic, by table, and by what may be either."""

    topics: dict[str, set[str]] = field(default_factory=dict)
    tables: dict[str, set[str]] = field(default_factory=dict)
    others: dict[str, set[str]] = field(default_factory=dict)

    @classmethod
    def parse(cls, items: Sequence[str]) -> Rules:
        """Read a list; ``ValueError`` says which item is wrong."""
        made = cls()
        prefix: str | None = None
        for number, item in enumerate(items):
            if number and not item:
                continue
            if (_LATER if number else _FIRST).fullmatch(item) is None:
                raise ValueError(
                    f"has '{shortened(item)}', which is none of the forms source:table, source:table:field, "
                    "topic:topic, topic:topic:field and name:field; after the first rule, leave the prefix "
                    "out where a field is named (source:a:x,b:y)"
                )
            parts = java_split(item, ":")
            if len(parts) > 1 and parts[0].lower() in (SOURCE, _TOPIC):
                prefix, *parts = parts
            where = {SOURCE: made.tables, _TOPIC: made.topics}.get(prefix or "", made.others)
            where.setdefault(parts[0], set()).update(parts[1:])
        return made

    def fields_for(self, topic: str | None, table: str | None) -> set[str] | None:
        """The fields that the rules name for a topic and a table; None where no rule does."""
        for names, name in (
            (self.topics, topic), (self.tables, table), (self.others, topic), (self.others, table),
        ):  # fmt: skip
            if name is not None and name in names:
                return names[name]
        return None


@dataclass(frozen=True, slots=True)
class Choice:
    """Which fields of the rows and of ``source`` are converted: the named, or all but them."""

    before: Fields
    after: Fields
    source: Fields
    named: bool
    """Whether the fields are those to convert; False: those to leave alone."""

    def listed(self, struct: str) -> Fields:
        """The fields that the rules name of ``before``, ``after`` or ``source``."""
        return {BEFORE: self.before, AFTER: self.after, SOURCE: self.source}[struct]

    def wanted(self, struct: str, name: str) -> bool:
        """Whether that field of ``before``, ``after`` or ``source`` is converted, if it is a time."""
        if struct == SOURCE and not self.source:
            return False  # it is left alone unless a rule names a field of it
        return (name in self.listed(struct)) is self.named


def choice_of(fields: set[str], *, named: bool) -> Choice:
    """What a rule's fields say; one without ``before.``, ``after.`` or ``source.`` means both rows."""
    found: dict[str, set[str]] = {BEFORE: set(), AFTER: set(), SOURCE: set()}
    for name in fields:
        head, dot, rest = name.partition(".")
        if dot and head in found:
            found[head].add(rest)
        else:
            found[BEFORE].add(name)
            found[AFTER].add(name)
    return Choice(frozenset(found[BEFORE]), frozenset(found[AFTER]), frozenset(found[SOURCE]), named)


ALL_ROWS = choice_of(set(), named=False)
"""Every time in the rows, and none in ``source``."""

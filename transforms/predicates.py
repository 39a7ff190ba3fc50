"""Predicates: what a transform can be made conditional on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from connectkit.checks import non_empty_string
from connectkit.config import MEDIUM, Config, option
from connectkit.draft import Draft, Kind
from connectkit.edit import NEITHER, EditPredicate
from connectkit.headers import Headers
from connectkit.javaregex import compile_java
from connectkit.program import Var

KEPT_TOPICS = 10_000
"""Topics whose answer is remembered; beyond it the memory starts anew."""


class TopicNameMatchesConfig(Config):
    """The pattern of topics."""

    pattern: str = option(
        doc="A regular expression (Java's syntax) for the whole name of the topic.",
        check=non_empty_string,
        importance=MEDIUM,
    )

    def problems(self) -> Mapping[str, str | Sequence[str]]:
        try:
            compile_java(self.pattern)
        except ValueError as error:
            return {"pattern": str(error)}
        return {}


class TopicNameMatches(EditPredicate[TopicNameMatchesConfig]):
    """True where a regular expression matches the whole name of the topic."""

    java_names = ("org.apache.kafka.connect.transforms.predicates.TopicNameMatches",)
    reads = NEITHER

    def __init__(self, config: TopicNameMatchesConfig) -> None:
        super().__init__(config)
        self._answers = _Answers(config.pattern)

    def decide(self, draft: Draft) -> bool | Var:
        return draft.call(self._answers.__getitem__, draft.topic)


class _Answers(dict[str | None, bool]):
    """Whether a topic matches, matched once each; no topic does not."""

    __slots__ = ("_matches",)

    def __init__(self, pattern: str) -> None:
        super().__init__({None: False})
        self._matches = compile_java(pattern).fullmatch

    def __missing__(self, topic: str) -> bool:
        if len(self) >= KEPT_TOPICS:
            self.clear()
            self[None] = False
        found = self[topic] = self._matches(topic) is not None
        return found


class HasHeaderKeyConfig(Config):
    """The name of the header."""

    name: str | None = option(doc="The header's name.", check=non_empty_string, importance=MEDIUM)


class HasHeaderKey(EditPredicate[HasHeaderKeyConfig]):
    """True where the record has a header of that name."""

    java_names = ("org.apache.kafka.connect.transforms.predicates.HasHeaderKey",)
    reads = NEITHER

    def decide(self, draft: Draft) -> bool | Var:
        name = self.config.name

        def has(headers: Headers) -> bool:
            return any(header.key == name for header in headers)

        return draft.call(has, draft.headers)


class RecordIsTombstoneConfig(Config):
    """No options."""


class RecordIsTombstone(EditPredicate[RecordIsTombstoneConfig]):
    """True where the record has no value: a tombstone."""

    java_names = ("org.apache.kafka.connect.transforms.predicates.RecordIsTombstone",)
    reads = frozenset(("value",))

    def decide(self, draft: Draft) -> bool | Var:
        if draft.value.kind is Kind.UNKNOWN:
            return draft.call(_is_none, draft.value.whole())
        return draft.value.kind is Kind.NULL


def _is_none(value: object) -> bool:
    return value is None

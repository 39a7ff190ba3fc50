"""Under which subject a schema is registered.

Source: spec registry 6.3 (``io.confluent.kafka.serializers.subject``). Pure functions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal

from connectkit.errors import ConversionError

STRATEGIES: Final = (
    "AssociatedNameStrategy", "TopicNameStrategy", "RecordNameStrategy", "TopicRecordNameStrategy",
)  # fmt: skip
ASSOCIATED: Final = "io.confluent.kafka.serializers.subject.AssociatedNameStrategy"
FALLBACKS: Final = ("TOPIC", "RECORD", "TOPIC_RECORD", "NONE")
_OF_FALLBACK: Final = {
    "TOPIC": "TopicNameStrategy",
    "RECORD": "RecordNameStrategy",
    "TOPIC_RECORD": "TopicRecordNameStrategy",
}

Associated = Callable[[str, Literal["key", "value"]], list[str]]
"""The subjects associated with a topic."""


def needs_schema(strategy: str, fallback: str) -> bool:
    """Whether the strategy looks at the schema, so that a reader has to have it first."""
    name = strategy.rpartition(".")[2]
    if name == STRATEGIES[0]:
        name = _OF_FALLBACK.get(fallback.upper(), "")
    return name in STRATEGIES[2:]


def subject_of(
    strategy: str,
    topic: str,
    *,
    is_key: bool,
    record_name: Callable[[], str | None],
    fallback: str,
    associated: Associated,
) -> str:
    """The subject. ``record_name`` is asked for the schema's name by the strategies that need it."""
    name = strategy.rpartition(".")[2]
    side: Literal["key", "value"] = "key" if is_key else "value"
    if name == STRATEGIES[0]:
        found = associated(topic, side)
        if len(found) > 1:
            raise ConversionError(f"Topic {topic} has {len(found)} associated subjects for its {side}s")
        if found:
            return found[0]
        if fallback.upper() == "NONE":
            raise ConversionError(f"Topic {topic} has no associated subject for its {side}s")
        name = _OF_FALLBACK[fallback.upper()]
    if name == "TopicNameStrategy":
        return f"{topic}-{side}"
    record = record_name()
    if record is None:
        raise ConversionError(f"{name} names subjects after records, and the {side} of topic {topic} is none")
    return record if name == "RecordNameStrategy" else f"{topic}-{record}"

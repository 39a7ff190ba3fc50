"""A dead letter as it is read again, which of them are meant, and what they have in common.

It works on the letters of a Java cluster as on ours: what counts is Kafka Connect's headers. Pure functions
and values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from connectkit.api import TopicPartition
from connectkit.runner.dlq import context
from connectkit.runner.log.api import Message


@dataclass(frozen=True, slots=True)
class Letter:
    """One message of a dead letter queue."""

    message: Message
    about: Mapping[str, str]
    """What the headers of the failure say, without their prefix; empty if there are none."""

    @property
    def tp(self) -> TopicPartition:
        return TopicPartition(self.message.topic(), self.message.partition())

    @property
    def where(self) -> str:
        """Where it stands in the queue."""
        return f"{self.message.topic()}-{self.message.partition()}@{self.message.offset()}"

    @property
    def origin(self) -> str:
        """Where the record stood that failed, as far as the headers say."""
        about = self.about
        topic = about.get(context.TOPIC, "?")
        if context.SOURCE_OFFSET in about:
            return f"{topic} from {about.get(context.SOURCE_PARTITION, '{}')} {about[context.SOURCE_OFFSET]}"
        if context.PARTITION not in about and context.OFFSET not in about:
            return topic
        return f"{topic}-{about.get(context.PARTITION, '?')}@{about.get(context.OFFSET, '?')}"

    @property
    def replays(self) -> int:
        """How often it has been replayed."""
        found = 0
        for name, value in self.message.headers() or ():
            if name == context.REPLAYS and value is not None and value.isdigit() and len(value) < 10:
                found = int(value)
        return found

    @property
    def timestamp_ms(self) -> int | None:
        kind, timestamp = self.message.timestamp()
        return timestamp if kind > 0 and timestamp >= 0 else None

    @property
    def cause(self) -> Cause:
        about = self.about
        return Cause(
            *(about.get(name, "?") for name in (
                context.CONNECTOR, context.STAGE, context.CLASS, context.ERROR_CLASS, context.TOPIC,
            ))
        )  # fmt: skip


def letter(message: Message) -> Letter:
    """The message, with what its headers say."""
    return Letter(message, context.read(message.headers()))


class Cause(NamedTuple):
    """What letters of one group have in common; "?" where the headers do not say."""

    connector: str
    stage: str
    plugin: str
    error: str
    topic: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which letters are meant; what is None or empty leaves out none."""

    connector: str | None = None
    stage: str | None = None
    plugin: str | None = None
    """A part of the class's name."""
    error: str | None = None
    """A part of the exception's class."""
    topic: str | None = None
    """Where the record came from, or was to go."""
    partition: int | None = None
    """Of the dead letter queue."""
    first: int | None = None
    last: int | None = None
    """Offsets in the dead letter queue, both included."""
    since_ms: int | None = None
    until_ms: int | None = None
    """The record's timestamp: from, and before."""
    origins: frozenset[str] = field(default_factory=frozenset)
    """Places such as ``orders-3@117``."""

    def takes(self, found: Letter) -> bool:
        cause, at, stamp = found.cause, found.message.offset(), found.timestamp_ms
        return (
            self.connector in (None, cause.connector)
            and (self.stage is None or self.stage.upper() == cause.stage)
            and (self.plugin is None or self.plugin in cause.plugin)
            and (self.error is None or self.error in cause.error)
            and self.topic in (None, cause.topic)
            and self.partition in (None, found.message.partition())
            and (self.first is None or at >= self.first)
            and (self.last is None or at <= self.last)
            and (self.since_ms is None or (stamp is not None and stamp >= self.since_ms))
            and (self.until_ms is None or (stamp is not None and stamp < self.until_ms))
            and (not self.origins or found.origin in self.origins)
        )


@dataclass(slots=True)
class Group:
    """The letters of one cause."""

    count: int = 0
    first: str = ""
    last: str = ""
    """Where they stand in the queue."""
    oldest_ms: int | None = None
    newest_ms: int | None = None
    message: str = ""
    """What the newest says went wrong, if the words are ours."""
    most_replays: int = 0

    def add(self, found: Letter) -> None:
        self.count += 1
        self.first = self.first or found.where
        self.last = found.where
        stamp = found.timestamp_ms
        if stamp is not None:
            self.oldest_ms = stamp if self.oldest_ms is None else min(stamp, self.oldest_ms)
            self.newest_ms = stamp if self.newest_ms is None else max(stamp, self.newest_ms)
        if found.cause.error.startswith("connectkit."):  # others' messages may hold values
            self.message = found.about.get(context.MESSAGE, self.message)
        self.most_replays = max(self.most_replays, found.replays)

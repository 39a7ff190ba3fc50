"""Gathers messages over several polls, so that a sink task is put batches of the size it likes.

Source: ``batch.records``, ``batch.bytes`` and ``batch.linger.ms``, which Kafka Connect does not have: there
a batch is what one poll returns, at most ``max.poll.records``. What is gathered is as good as unread: it is
neither converted nor put, and its offsets are not committed. Threads: the task's own.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from connectkit.api import TopicPartition
from connectkit.runner.log.api import Message

LINGER_S = 1.0
"""How long records wait where only a size is given."""
MOST_BYTES = 64 * 1024 * 1024
"""Gathered where no number of bytes is given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchBounds:
    """When a batch is put: at so many records or bytes, or when its first record has waited so long."""

    records: int | None = None
    size_bytes: int = MOST_BYTES
    linger_s: float = LINGER_S


class Gather:
    """The messages of one task that wait to be put. A batch is never larger than the bounds, if it can be."""

    __slots__ = ("_bounds", "_bytes", "_messages", "_since")

    def __init__(self, bounds: BatchBounds) -> None:
        self._bounds = bounds
        self._messages: list[Message] = []
        self._bytes = 0
        self._since = 0.0

    def __len__(self) -> int:
        return len(self._messages)

    @property
    def due_at(self) -> float | None:
        """When what is here is put at the latest, if there is anything."""
        return self._since + self._bounds.linger_s if self._messages else None

    @property
    def room(self) -> int:
        """How many more messages it takes to fill a batch."""
        limit = self._bounds.records
        return 1_000_000 if limit is None else max(limit - len(self._messages), 1)

    def add(self, messages: Sequence[Message], now: float) -> None:
        if messages:
            if not self._messages:
                self._since = now
            self._messages += messages
            self._bytes += sum(map(_size, messages))

    def is_due(self, now: float) -> bool:
        bounds = self._bounds
        if not self._messages:
            return False
        return (
            (bounds.records is not None and len(self._messages) >= bounds.records)
            or self._bytes >= bounds.size_bytes
            or now >= self._since + bounds.linger_s
        )

    def take(self, now: float) -> list[Message]:
        """The next batch; what goes beyond the bounds stays."""
        messages = self._messages
        limit = len(messages) if self._bounds.records is None else min(self._bounds.records, len(messages))
        if self._bytes <= self._bounds.size_bytes and limit == len(messages):
            self._messages, self._bytes = [], 0
            return messages
        size = _size(messages[0])
        count = 1
        while count < limit and (size := size + _size(messages[count])) <= self._bounds.size_bytes:
            count += 1
        self._messages = messages[count:]
        self._bytes = sum(map(_size, self._messages))
        self._since = now
        return messages[:count]

    def starts(self) -> dict[TopicPartition, int]:
        """The first offset of each partition."""
        return starts(self._messages)

    def forget(self, partitions: Collection[TopicPartition]) -> None:
        """The messages of these partitions are not ours any more, or are read again."""
        self._messages = [m for m in self._messages if (m.topic(), m.partition()) not in partitions]
        self._bytes = sum(map(_size, self._messages))


def starts(messages: Sequence[Message]) -> dict[TopicPartition, int]:
    """The first offset of each partition among these."""
    found: dict[TopicPartition, int] = {}
    for message in messages:
        found.setdefault(TopicPartition(message.topic(), message.partition()), message.offset())
    return found


def _size(message: Message) -> int:
    return len(message.key() or b"") + len(message.value() or b"")

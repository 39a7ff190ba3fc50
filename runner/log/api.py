"""The log: one small protocol over a broker (``kafka``) and a local durable log (``embedded``).

Everything here is batch-shaped, because the hot path is. Messages that come out of a consumer have
the interface of ``confluent_kafka.Message`` (methods, not attributes), so that the Kafka log hands
them on without a copy; the embedded log's messages have the same methods.

Errors: ``RetriableError`` for passing faults, ``FencedError`` when a newer producer with the same
transactional id exists, ``FatalTaskError`` where going on makes no sense (authorization),
``DataError`` for a record that the log will never take (too large), ``ConfigError`` for settings,
``NotFoundError``/``ConflictError`` from the admin calls.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from connectkit.api import TopicPartition
from connectkit.errors import ConnectError

NO_TIMESTAMP, CREATE_TIME, LOG_APPEND_TIME = -1, 0, 1
"""Timestamp types, numbered as Kafka's ``TimestampType``. (librdkafka's constants are mapped.)"""


class OutRecord(NamedTuple):
    """One record to append. ``partition`` None: by the default partitioner (murmur2 of the key)."""

    topic: str
    partition: int | None
    key: bytes | None
    value: bytes | None
    timestamp: int | None
    """Milliseconds since the epoch; None: the time of the append."""
    headers: list[tuple[str, bytes | None]] | None


class Message(Protocol):
    """One record read. The method names are confluent-kafka's."""

    def topic(self) -> str: ...
    def partition(self) -> int: ...
    def offset(self) -> int: ...
    def key(self) -> bytes | None: ...
    def value(self) -> bytes | None: ...
    def timestamp(self) -> tuple[int, int]:
        """``(type, milliseconds)``; type as librdkafka numbers it: 0 none, 1 create, 2 append."""
        ...

    def headers(self) -> list[tuple[str, bytes | None]] | None: ...


class Delivery(NamedTuple):
    """What became of one record of a batch: where it stands, or why it does not."""

    topic: str
    partition: int
    offset: int
    """-1 where the log does not say or the record failed."""
    timestamp: int | None
    error: ConnectError | None


BatchDone = Callable[[Sequence[tuple[int, ConnectError]]], None]
"""Called once a batch is settled, with ``(index in the batch, error)`` of each failed record."""


class Producer(Protocol):
    """Appends batches. One thread sends; callbacks run in ``poll``/``flush``/``send`` of that thread."""

    def send(
        self,
        batch: Sequence[OutRecord],
        on_done: BatchDone,
        on_each: Callable[[int, Delivery], None] | None = None,
    ) -> None:
        """Enqueue a batch; ``on_done`` is called exactly once when every record is settled.

        ``on_done`` never runs before ``send`` is left, but in a later ``send``, ``poll`` or ``flush``.

        Blocks while the producer's buffer is full. ``on_each`` costs a call a record: pass it only
        where someone listens (``commit_record``). Raises ``FatalTaskError`` or ``DataError``
        if the batch cannot even be enqueued; then nothing of it will be called back.
        """
        ...

    def poll(self, timeout_s: float = 0.0) -> None:
        """Serve callbacks; wait at most ``timeout_s`` for the first."""
        ...

    def flush(self, timeout_s: float) -> int:
        """Wait for all that was sent and call back; returns how many records are still unsettled."""
        ...

    def init_transactions(self, timeout_s: float) -> None: ...
    def begin_transaction(self) -> None: ...
    def commit_transaction(self, timeout_s: float) -> None: ...
    def abort_transaction(self, timeout_s: float) -> None: ...
    def send_offsets(self, offsets: Mapping[TopicPartition, int], group: str, timeout_s: float) -> None:
        """Add a consumer group's offsets to the open transaction."""
        ...

    def close(self, timeout_s: float) -> None:
        """Flush for at most ``timeout_s``, then let go; what is left is failed through ``on_done``."""
        ...


class RebalanceListener(Protocol):
    """Told of assignment changes, inside ``Consumer.consume`` or ``close`` on the consumer's thread.

    Never told of empty sets. ``on_assigned`` may ask for positions, seek, pause and commit before the
    first record of the new partitions comes; ``on_revoked`` may commit; after ``on_lost`` it is too late.
    Sets are increments (cooperative, embedded) or everything (Kafka's eager assignors): keep a set.
    An exception of a listener comes out of ``consume`` or ``close``, after the change was made.
    """

    def on_assigned(self, partitions: Sequence[TopicPartition]) -> None: ...
    def on_revoked(self, partitions: Sequence[TopicPartition]) -> None: ...
    def on_lost(self, partitions: Sequence[TopicPartition]) -> None: ...


CommitDone = Callable[[ConnectError | None], None]


class Consumer(Protocol):
    """Reads batches. Used by one thread; a group of consumers shares partitions."""

    def subscribe(
        self,
        *,
        topics: Sequence[str] = (),
        pattern: str | None = None,
        listener: RebalanceListener | None = None,
    ) -> None:
        """Join the group for these topics, or for all topics a regex matches whole."""
        ...

    def assign(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Read these partitions from these offsets, without a group. -2 earliest, -1 latest."""
        ...

    def consume(self, max_records: int, timeout_s: float) -> Sequence[Message]:
        """What is there, at most ``max_records``; waits up to ``timeout_s`` for the first record only.

        Rebalance callbacks run inside. Errors of the log are raised; no error messages in the list.
        """
        ...

    def assignment(self) -> list[TopicPartition]: ...
    def pause(self, partitions: Iterable[TopicPartition]) -> None: ...
    def resume(self, partitions: Iterable[TopicPartition]) -> None: ...
    def seek(self, partition: TopicPartition, offset: int) -> None: ...
    def position(self, partition: TopicPartition) -> int:
        """The offset that will be read next."""
        ...

    def committed(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """Committed offsets of the group; partitions without one are left out.

        With ``isolation.level=read_committed``, offsets of a transaction just ending are waited for.
        """
        ...

    def commit(
        self,
        offsets: Mapping[TopicPartition, int],
        on_done: CommitDone | None = None,
        *,
        timeout_s: float | None = None,
    ) -> None:
        """Commit. Without ``on_done`` it waits and raises; with it, it returns at once and calls back.

        After ``timeout_s`` of waiting it raises a ``RetriableError``; the commit may still be made. Inside
        a rebalance callback it may wait longer, on Kafka until the session ends.
        """
        ...

    def lag(self) -> int | None:
        """Records between the positions and the ends of the assigned partitions, from cached ends."""
        ...

    def close(self, timeout_s: float | None = None) -> None:
        """Leave the group (revoking through the listener) and let go.

        After ``timeout_s`` it returns, and what is left is done by a thread that nobody waits for.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicInfo:
    """A topic as the log knows it."""

    name: str
    partitions: int
    config: Mapping[str, str] = field(default_factory=dict)


class Admin(Protocol):
    """Administers topics and groups. Thread-safe."""

    def cluster_id(self) -> str: ...
    def topics(self) -> dict[str, TopicInfo]:
        """All topics, without their configs."""
        ...

    def describe_topic(self, name: str) -> TopicInfo:
        """One topic with its config; ``NotFoundError`` if there is none."""
        ...

    def create_topic(
        self,
        name: str,
        *,
        partitions: int = 1,
        replication: int = -1,
        config: Mapping[str, str] | None = None,
    ) -> bool:
        """Create a topic; False if it existed already. -1 takes the log's default."""
        ...

    def delete_topic(self, name: str) -> None: ...
    def offsets(self, partitions: Iterable[TopicPartition], *, end: bool = True) -> dict[TopicPartition, int]:
        """End (or beginning) offsets."""
        ...

    def group_offsets(self, group: str) -> dict[TopicPartition, int]:
        """Committed offsets of a group on topics that exist; empty for a group nobody knows."""
        ...

    def set_group_offsets(self, group: str, offsets: Mapping[TopicPartition, int | None]) -> None:
        """Set, or with None remove, committed offsets of a group without members (else ConflictError)."""
        ...

    def close(self) -> None: ...


class Log(Protocol):
    """A place where topics live. Client settings are Java client property names (``max.poll.records`` …)."""

    def producer(self, config: Mapping[str, str]) -> Producer: ...
    def consumer(self, config: Mapping[str, str]) -> Consumer: ...
    def admin(self, config: Mapping[str, str] | None = None) -> Admin: ...
    def close(self) -> None: ...

"""A log in memory that does what a test tells it: hold acknowledgements, fail sends, rebalance.

One thread per client as the protocol says; nothing here waits for real time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from connectkit.api import TopicPartition
from connectkit.errors import ConnectError, FencedError, NotFoundError
from connectkit.runner.log.api import (
    BatchDone,
    CommitDone,
    Delivery,
    OutRecord,
    RebalanceListener,
    TopicInfo,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class MemoryMessage:
    """A message with ``confluent_kafka.Message``'s methods."""

    place: TopicPartition
    at: int
    record: OutRecord

    def topic(self) -> str:
        return self.place.topic

    def partition(self) -> int:
        return self.place.partition

    def offset(self) -> int:
        return self.at

    def key(self) -> bytes | None:
        return self.record[2]

    def value(self) -> bytes | None:
        return self.record[3]

    def timestamp(self) -> tuple[int, int]:
        timestamp = self.record[4]
        return (0, -1) if timestamp is None else (1, timestamp)

    def headers(self) -> list[tuple[str, bytes | None]] | None:
        return self.record[5]


@dataclass
class Sent:
    """One batch that a producer was given."""

    batch: list[OutRecord]
    on_done: BatchDone
    on_each: Callable[[int, Delivery], None] | None


class MemoryProducer:
    """Acknowledges at the next ``poll``, unless ``held``; ``send_errors`` and ``failures`` are scripts."""

    def __init__(self, log: MemoryLog, transactional_id: str | None = None) -> None:
        self._log = log
        self.transactional_id = transactional_id
        self.transaction: list[OutRecord] | None = None
        """What the open transaction holds; readers see none of it before it is committed."""
        self.end_errors: list[ConnectError | None] = []
        """What the next commits and aborts raise; None lets one pass."""
        self.commits_though_it_fails = False
        """Whether a commit that raises has been made all the same: the outcome that nobody knows."""
        self.ends: list[str] = []
        self.held = False
        self.waiting: list[Sent] = []
        self.sent: list[list[OutRecord]] = []
        self.send_errors: list[ConnectError | None] = []
        """What the next calls of ``send`` raise; None lets one pass."""
        self.failures: dict[bytes | None, ConnectError] = {}
        """Records of these values are not acknowledged but fail."""
        self.closed = False

    def send(
        self,
        batch: Sequence[OutRecord],
        on_done: BatchDone,
        on_each: Callable[[int, Delivery], None] | None = None,
    ) -> None:
        self._check_owner()
        error = self.send_errors.pop(0) if self.send_errors else None
        if error is not None:
            raise error
        if self.transactional_id is not None:
            assert self.transaction is not None, "sent outside a transaction"
        self.sent.append(list(batch))
        self.waiting.append(Sent(list(batch), on_done, on_each))

    def poll(self, timeout_s: float = 0.0) -> None:
        if not self.held:
            self.acknowledge()

    def acknowledge(self, count: int | None = None) -> None:
        """Settle the oldest ``count`` batches."""
        taken = self.waiting[:count]
        self.waiting = self.waiting[len(taken) :]
        for sent in taken:
            failed = []
            for index, record in enumerate(sent.batch):
                error = self.failures.get(record[3])
                if error is not None:
                    failed.append((index, error))
                    delivery = Delivery(record[0], -1, -1, None, error)
                else:
                    place, offset = self._append(record)
                    delivery = Delivery(place.topic, place.partition, offset, record[4], None)
                if sent.on_each is not None:
                    sent.on_each(index, delivery)
            sent.on_done(failed)

    def flush(self, timeout_s: float) -> int:
        self.poll()
        return sum(len(sent.batch) for sent in self.waiting)

    def _append(self, record: OutRecord) -> tuple[TopicPartition, int]:
        if self.transaction is None:
            return self._log.append(record)
        self.transaction.append(OutRecord(*record))
        return TopicPartition(record[0], record[1] or 0), len(self.transaction) - 1

    def _check_owner(self) -> None:
        if self.transactional_id is not None and self._log.owners.get(self.transactional_id) is not self:
            raise FencedError(f"a newer producer has taken over {self.transactional_id}")

    def init_transactions(self, timeout_s: float) -> None:
        assert self.transactional_id is not None
        if self._log.init_errors:
            raise self._log.init_errors.pop(0)
        self._log.owners[self.transactional_id] = self

    def begin_transaction(self) -> None:
        assert self.transaction is None
        self._check_owner()
        self.transaction = []

    def commit_transaction(self, timeout_s: float) -> None:
        self._end("commit")

    def abort_transaction(self, timeout_s: float) -> None:
        self._end("abort")

    def _end(self, how: str) -> None:
        assert self.transaction is not None
        self._check_owner()
        self.ends.append(how)
        if how == "commit":
            self.acknowledge()
        error = self.end_errors.pop(0) if self.end_errors else None
        if how == "commit" and (error is None or self.commits_though_it_fails):
            for record in self.transaction:
                self._log.append(record)
        if error is not None:
            raise error
        self.transaction = None
        self.waiting = []

    def send_offsets(self, offsets: Mapping[TopicPartition, int], group: str, timeout_s: float) -> None: ...

    def close(self, timeout_s: float) -> None:
        self.poll()
        self.transaction = None
        self.closed = True


class MemoryConsumer:
    """Gets all partitions of its topics; ``rebalances`` are carried out inside ``consume``."""

    def __init__(self, log: MemoryLog, group: str) -> None:
        self._log = log
        self.group = group
        self.positions: dict[TopicPartition, int] = {}
        self.paused: set[TopicPartition] = set()
        self.listener: RebalanceListener | None = None
        self.rebalances: list[Callable[[RebalanceListener], None]] = []
        self.commit_error: ConnectError | None = None
        self.answers: list[tuple[CommitDone, ConnectError | None]] = []
        self.hold_answers = False
        self.calls: list[str] = []
        self.on_empty: Callable[[], None] = lambda: None
        """Called when there is nothing to read: how a test ends a loop."""
        self.closed = False

    def subscribe(
        self,
        *,
        topics: Sequence[str] = (),
        pattern: str | None = None,
        listener: RebalanceListener | None = None,
    ) -> None:
        self.listener = listener
        self.rebalances.append(
            lambda told: self.give(told, [tp for tp in self._log.data if tp.topic in topics])
        )

    def give(self, told: RebalanceListener, partitions: Sequence[TopicPartition]) -> None:
        """Assign these to the consumer, from their committed offsets."""
        committed = self._log.groups.setdefault(self.group, {})
        for tp in partitions:
            self.positions[tp] = committed.get(tp, 0)
        told.on_assigned(list(partitions))

    def take(
        self, told: RebalanceListener, partitions: Sequence[TopicPartition], *, lost: bool = False
    ) -> None:
        """Take these away from the consumer."""
        (told.on_lost if lost else told.on_revoked)(list(partitions))
        for tp in partitions:
            self.positions.pop(tp, None)
            self.paused.discard(tp)

    def assign(self, offsets: Mapping[TopicPartition, int]) -> None:
        self.positions = dict(offsets)

    def consume(self, max_records: int, timeout_s: float) -> list[MemoryMessage]:
        assert not self.closed
        while self.rebalances:
            assert self.listener is not None
            self.rebalances.pop(0)(self.listener)
        if not self.hold_answers:
            answers, self.answers = self.answers, []
            for answer, error in answers:
                answer(error)
        found: list[MemoryMessage] = []
        for tp in self.positions:
            if tp in self.paused:
                continue
            stored = self._log.data[tp]
            while self.positions[tp] < len(stored) and len(found) < max_records:
                at = self.positions[tp]
                found.append(MemoryMessage(tp, at, stored[at]))
                self.positions[tp] = at + 1
        if not found:
            self._log.advance(timeout_s)
            self.on_empty()
        return found

    def assignment(self) -> list[TopicPartition]:
        return list(self.positions)

    def pause(self, partitions: Iterable[TopicPartition]) -> None:
        self.paused.update(partitions)
        self.calls.append("pause")

    def resume(self, partitions: Iterable[TopicPartition]) -> None:
        self.paused.difference_update(partitions)
        self.calls.append("resume")

    def seek(self, partition: TopicPartition, offset: int) -> None:
        self.positions[partition] = offset
        self.calls.append(f"seek {offset}")

    def position(self, partition: TopicPartition) -> int:
        return self.positions[partition]

    def committed(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        stored = self._log.groups.get(self.group, {})
        return {tp: stored[tp] for tp in partitions if tp in stored}

    def commit(
        self,
        offsets: Mapping[TopicPartition, int],
        on_done: CommitDone | None = None,
        *,
        timeout_s: float | None = None,
    ) -> None:
        self.calls.append("commit")
        error = self.commit_error
        if error is None:
            self._log.groups.setdefault(self.group, {}).update(offsets)
        if on_done is not None:
            self.answers.append((on_done, error))
        elif error is not None:
            raise error

    def lag(self) -> int | None:
        return sum(len(self._log.data[tp]) - at for tp, at in self.positions.items())

    def close(self, timeout_s: float | None = None) -> None:
        if self.listener is not None and self.positions:
            self.listener.on_revoked(list(self.positions))
        self.closed = True


class MemoryAdmin:
    """Topics and offsets of a memory log."""

    def __init__(self, log: MemoryLog) -> None:
        self._log = log
        self.error: ConnectError | None = None

    def cluster_id(self) -> str:
        return "memory"

    def topics(self) -> dict[str, TopicInfo]:
        names = {tp.topic for tp in self._log.data}
        return {name: self.describe_topic(name) for name in names}

    def describe_topic(self, name: str) -> TopicInfo:
        count = sum(tp.topic == name for tp in self._log.data)
        if not count:
            raise NotFoundError(f"no topic {name}")
        return TopicInfo(name=name, partitions=count, config=self._log.configs.get(name, {}))

    def create_topic(
        self,
        name: str,
        *,
        partitions: int = 1,
        replication: int = -1,
        config: Mapping[str, str] | None = None,
    ) -> bool:
        if self.error is not None:
            raise self.error
        if any(tp.topic == name for tp in self._log.data):
            return False
        self._log.create(name, max(partitions, 1))
        self._log.configs[name] = dict(config or {})
        return True

    def delete_topic(self, name: str) -> None:
        for tp in [tp for tp in self._log.data if tp.topic == name]:
            del self._log.data[tp]

    def offsets(self, partitions: Iterable[TopicPartition], *, end: bool = True) -> dict[TopicPartition, int]:
        return {tp: len(self._log.data[tp]) if end else 0 for tp in partitions}

    def group_offsets(self, group: str) -> dict[TopicPartition, int]:
        return dict(self._log.groups.get(group, {}))

    def set_group_offsets(self, group: str, offsets: Mapping[TopicPartition, int | None]) -> None:
        stored = self._log.groups.setdefault(group, {})
        for tp, offset in offsets.items():
            if offset is None:
                stored.pop(tp, None)
            else:
                stored[tp] = offset

    def close(self) -> None: ...


@dataclass
class MemoryLog:
    """The topics, and the clients made so far."""

    data: dict[TopicPartition, list[OutRecord]] = field(default_factory=dict)
    groups: dict[str, dict[TopicPartition, int]] = field(default_factory=dict)
    configs: dict[str, dict[str, str]] = field(default_factory=dict)
    producers: list[MemoryProducer] = field(default_factory=list)
    consumers: list[MemoryConsumer] = field(default_factory=list)
    owners: dict[str, MemoryProducer] = field(default_factory=dict)
    """Who holds each transactional id."""
    init_errors: list[ConnectError] = field(default_factory=list)
    """What the next ``init_transactions`` raise."""
    now_s: float = 1000.0
    """The clock of a test; waiting for records moves it."""

    def clock(self) -> float:
        return self.now_s

    def advance(self, seconds: float) -> None:
        self.now_s += seconds

    def create(self, topic: str, partitions: int = 1) -> None:
        for number in range(partitions):
            self.data.setdefault(TopicPartition(topic, number), [])

    def append(self, record: OutRecord) -> tuple[TopicPartition, int]:
        tp = TopicPartition(record[0], record[1] or 0)
        stored = self.data.setdefault(tp, [])
        stored.append(OutRecord(*record))
        return tp, len(stored) - 1

    def values(self, topic: str) -> list[bytes | None]:
        """The values in a topic, partition after partition."""
        return [r.value for tp, stored in sorted(self.data.items()) if tp.topic == topic for r in stored]

    def producer(self, config: Mapping[str, str]) -> MemoryProducer:
        self.producers.append(MemoryProducer(self, config.get("transactional.id")))
        return self.producers[-1]

    def consumer(self, config: Mapping[str, str]) -> MemoryConsumer:
        self.consumers.append(MemoryConsumer(self, config.get("group.id", "group")))
        return self.consumers[-1]

    def admin(self, config: Mapping[str, str] | None = None) -> MemoryAdmin:
        return MemoryAdmin(self)

    def close(self) -> None: ...

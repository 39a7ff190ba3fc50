"""Source offsets in a compacted topic, byte for byte as the Java worker keeps them.

Key: the JSON array ``["CONNECTOR", {partition}]``; value: the JSON object of the offset, or null for a
deleted one. Java finds an offset by the bytes of its key, members in the connector's own order; here keys
are found by content, and a key that is there already is written again as it stands, so that either worker
goes on where the other was. Records that are nothing of the kind are warned of and left alone.

Each read first reads the topic to its end; with ``read_committed`` it waits for transactions that are
open there. So nothing is read before it is asked for: what a worker that died left open is ended by the
tasks that take its place, when they begin. Threads: any; one lock for reading and one for writing.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from connectkit.api import Offset, Partition, TopicPartition
from connectkit.errors import ConfigError, ConnectError, DataError, NotFoundError, RetriableError
from connectkit.runner.log.api import Admin, Consumer, Log, Message, OutRecord, Producer
from connectkit.runner.log.partitioner import partition_for
from connectkit.runner.offset_key import dump, partition_key
from connectkit.runner.offsets import MemoryOffsets
from connectkit.runner.tolerance import describe

log = logging.getLogger(__name__)

T = TypeVar("T")

STALL_S = 120.0
"""How long a read waits without progress: longer than a transaction whose producer died stays open."""
PATIENCE_S = 10.0
"""How long it waits without a word."""
_SLICE_S = 0.2
_TOLD = 10
"""Records that are no offsets, beyond which no more are warned of one by one."""
_COUNT_PREFIX = "tasks-fencing-"
"""Key of the record that says how many exactly-once tasks a connector had, as in Java's config topic."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicSettings:
    """The topic, how it is created where it is missing, and the settings of the clients."""

    topic: str
    partitions: int = 25
    replication: int = 3
    config: Mapping[str, str] = field(default_factory=dict)
    """More settings of the topic; it is compacted whatever they say."""
    producer: Mapping[str, str] = field(default_factory=dict)
    consumer: Mapping[str, str] = field(default_factory=dict)
    admin: Mapping[str, str] = field(default_factory=dict)
    flush_timeout_s: float = 5.0


class OffsetTopic:
    """An ``OffsetStore`` over ``offset.storage.topic`` or ``offsets.storage.topic``."""

    def __init__(
        self,
        log_: Log,
        settings: TopicSettings,
        *,
        opened: Callable[[OffsetTopic], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``opened`` is called once the topic is open."""
        self.settings = settings
        self._log = log_
        self._opened = opened
        self._clock = clock
        self._reading = threading.Lock()
        self._writing = threading.Lock()
        self._offsets = MemoryOffsets()
        self._keys: dict[tuple[str, str], list[bytes]] = {}
        """The keys of an offset as they stand in the topic; more than one if members were reordered."""
        self._width = 1
        self._strangers = 0
        self._admin: Admin | None = None
        self._consumer: Consumer | None = None
        self._producer: Producer | None = None
        self._closed = False

    @property
    def topic(self) -> str:
        return self.settings.topic

    # --- opening ---------------------------------------------------------------------------------

    def start(self) -> None:
        """Create the topic if it is missing, and see that it is one."""
        settings = self.settings
        self._admin = admin = self._log.admin(settings.admin)
        self._patiently(lambda: self._create(admin))
        partitions = self._patiently(lambda: self._partitions(admin))
        self._width = len(partitions)
        self._consumer = self._log.consumer(settings.consumer)
        self._consumer.assign(self._patiently(lambda: admin.offsets(partitions, end=False)))
        self._producer = self._log.producer(settings.producer)
        if self._opened is not None:
            self._opened(self)

    def _create(self, admin: Admin) -> None:
        settings = self.settings
        config = {**settings.config, "cleanup.policy": "compact"}
        try:
            created = admin.create_topic(
                settings.topic,
                partitions=settings.partitions,
                replication=settings.replication,
                config=config,
            )
        except RetriableError:
            raise
        except ConnectError as exc:
            # Without the right to create it, it may be there all the same.
            try:
                admin.describe_topic(settings.topic)
            except NotFoundError:
                raise ConfigError(
                    f"The topic {settings.topic} for source offsets does not exist and cannot be created: "
                    f"{describe(exc)}; create it compacted, or mend offset.storage.replication.factor"
                ) from exc
            except ConnectError:
                log.info("Whether the topic %s exists cannot be told: %s", settings.topic, describe(exc))
            return
        if created:
            log.info("Created the topic %s for source offsets", settings.topic)

    def _partitions(self, admin: Admin) -> list[TopicPartition]:
        name = self.settings.topic
        try:
            info = admin.describe_topic(name)
        except NotFoundError as exc:  # just created, and not yet known everywhere
            raise RetriableError(f"The topic {name} for source offsets cannot be found") from exc
        policy = info.config.get("cleanup.policy")
        if policy is not None and policy.strip() != "compact":
            raise ConfigError(
                f"The topic {name} for source offsets has cleanup.policy={policy}, which would lose offsets; "
                "set it to compact, or name another topic"
            )
        return [TopicPartition(name, number) for number in range(info.partitions)]

    def _patiently(self, step: Callable[[], T]) -> T:
        """Again while it may work later: a topic just made has no leader yet, a leader moves.

        A broker that has just started may not know of the topic, which was there before: that passes, too.
        """
        until = self._clock() + PATIENCE_S
        while True:
            try:
                return step()
            except (RetriableError, NotFoundError):
                if self._closed or self._clock() > until:
                    raise
                time.sleep(_SLICE_S / 4)

    def stop(self) -> None:
        self._closed = True
        with self._writing:
            if self._producer is not None:
                self._producer.close(1.0)
                self._producer = None
        if self._reading.acquire(timeout=1.0):
            try:
                if self._consumer is not None:
                    self._consumer.close(1.0)
                    self._consumer = None
            finally:
                self._reading.release()
        if self._admin is not None:
            self._admin.close()
            self._admin = None

    # --- reading ---------------------------------------------------------------------------------

    def read(self, connector: str, keys: Collection[str]) -> dict[str, dict[str, Any]]:
        self._read_to_end()
        return self._offsets.read(connector, keys)

    def partitions(self, connector: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        self._read_to_end()
        return self._offsets.partitions(connector)

    def knows(self, connector: str, key: str) -> bool:
        """Whether the topic has an offset of this partition, be it a deleted one."""
        self._read_to_end()
        return (connector, key) in self._offsets.entries

    def task_count(self, connector: str) -> int | None:
        """How many exactly-once tasks the connector had when it was last noted.

        It is asked for by those who will end the open transactions, so it does not wait for them.
        """
        admin = self._admin
        if admin is None:
            raise ConnectError(f"The topic {self.settings.topic} of source offsets is closed")
        key = f"{_COUNT_PREFIX}{connector}".encode()
        where = TopicPartition(self.settings.topic, partition_for(key, self._width))
        first = self._patiently(lambda: admin.offsets([where], end=False))
        ends = self._patiently(lambda: admin.offsets([where]))
        consumer = self._log.consumer({**self.settings.consumer, "isolation.level": "read_uncommitted"})
        found: bytes | None = None
        try:
            consumer.assign(first)
            for message in self._until(consumer, ends):
                if message.key() == key:
                    found = message.value()
        finally:
            consumer.close(1.0)
        try:
            count = None if found is None else json.loads(found)["task-count"]
        except (ValueError, TypeError, LookupError):
            count = None
        return count if isinstance(count, int) else None

    def _read_to_end(self) -> None:
        with self._reading:
            consumer, admin = self._consumer, self._admin
            if consumer is None or admin is None or self._closed:
                raise ConnectError(f"The topic {self.settings.topic} of source offsets is closed")
            ends = self._patiently(lambda: admin.offsets(consumer.assignment()))
            for message in self._until(consumer, ends):
                self._take(message.key(), message.value())

    def _until(self, consumer: Consumer, ends: Mapping[TopicPartition, int]) -> Iterator[Message]:
        """What comes until these offsets are reached; it may be more."""
        began = stalled = self._clock()
        told = False
        behind = {tp for tp, end in ends.items() if consumer.position(tp) < end}
        while behind:
            if self._closed:
                raise ConnectError(f"The topic {self.settings.topic} of source offsets is closed")
            messages = consumer.consume(10_000, _SLICE_S)
            yield from messages
            before = len(behind)
            behind = {tp for tp in behind if consumer.position(tp) < ends[tp]}
            now = self._clock()
            if messages or len(behind) < before:
                stalled = now
            if not told and now - began > PATIENCE_S:
                told = True
                log.info("Reading the source offsets in topic %s takes long", self.settings.topic)
            if now - stalled > STALL_S:
                raise RetriableError(
                    f"The source offsets in topic {self.settings.topic} cannot be read to their end: nothing "
                    f"came for {STALL_S:g} s; a transaction may be open there, or the brokers do not answer"
                )

    def _take(self, key: bytes | None, value: bytes | None) -> None:
        """Note one record of the topic."""
        try:
            text = (key or b"").decode()
            if text.startswith(_COUNT_PREFIX):
                return
            connector, partition = json.loads(text)
            offset = None if value is None else json.loads(value)
            if not (
                isinstance(connector, str)
                and isinstance(partition, dict | None)
                and isinstance(offset, dict | None)
            ):
                raise ValueError("shape")  # noqa: TRY004 - caught below
            place = (connector, partition_key(partition))
        except (ValueError, TypeError, RecursionError, DataError):
            self._strangers += 1
            if self._strangers <= _TOLD:
                log.warning(
                    "Topic %s holds a record that is no source offset; it is left alone", self.settings.topic
                )
            return
        assert key is not None
        self._offsets.entries[place] = partition or {}, offset
        written = self._keys.setdefault(place, [])
        if key not in written:
            written.append(key)

    # --- writing ---------------------------------------------------------------------------------

    def records(
        self, connector: str, offsets: Mapping[str, tuple[Partition, Offset | None]]
    ) -> list[OutRecord]:
        """What is to be appended for these offsets, by a transaction or by :meth:`write`."""
        topic = self.settings.topic
        made = []
        for key, (partition, offset) in offsets.items():
            value = None if offset is None else dump(offset, what="source offset").encode()
            written = self._keys.setdefault((connector, key), [])
            if not written:
                name = json.dumps(connector, ensure_ascii=False)
                written.append(f"[{name},{dump(partition, what='source partition')}]".encode())
            made += [OutRecord(topic, None, each, value, None, None) for each in written]
        return made

    def write(self, connector: str, offsets: Mapping[str, tuple[Partition, Offset | None]]) -> None:
        self._append(self.records(connector, offsets), f"Source offsets of connector {connector}")

    def note_task_count(self, connector: str, count: int) -> None:
        """Remember how many exactly-once tasks the connector has from now on."""
        key = f"{_COUNT_PREFIX}{connector}".encode()
        value = json.dumps({"task-count": count}, separators=(",", ":")).encode()
        record = OutRecord(self.settings.topic, None, key, value, None, None)
        self._append([record], f"The number of tasks of connector {connector}")

    def _append(self, records: Sequence[OutRecord], what: str) -> None:
        failures: list[tuple[int, ConnectError]] = []
        settled = threading.Event()

        def done(failed: Sequence[tuple[int, ConnectError]]) -> None:
            failures.extend(failed)
            settled.set()

        with self._writing:
            producer = self._open_producer()
            producer.send(records, done)
            until = self._clock() + self.settings.flush_timeout_s
            producer.flush(self.settings.flush_timeout_s)
            while not settled.is_set() and self._clock() < until:
                producer.poll(0.05)
        if not settled.is_set():
            raise RetriableError(
                f"{what} were not acknowledged in topic {self.settings.topic} within "
                f"offset.flush.timeout.ms = {self.settings.flush_timeout_s * 1000:.0f}; "
                "they are written again"
            )
        if failures:
            raise failures[0][1]

    def write_aside(self, connector: str, offsets: Mapping[str, tuple[Partition, Offset | None]]) -> None:
        """Write without waiting; a failure is only logged."""

        def done(failed: Sequence[tuple[int, ConnectError]]) -> None:
            if failed:
                log.warning(
                    "Source offsets of connector %s could not be copied to topic %s: %s",
                    connector,
                    self.settings.topic,
                    describe(failed[0][1]),
                )

        with self._writing:
            producer = self._open_producer()
            producer.send(self.records(connector, offsets), done)
            producer.poll(0.0)

    def copy(self, connector: str, offsets: Mapping[str, tuple[Partition, Offset | None]]) -> None:
        """Nothing: these offsets are kept nowhere else."""

    def _open_producer(self) -> Producer:
        if self._producer is None:
            raise ConnectError(f"The topic {self.settings.topic} of source offsets is closed")
        return self._producer

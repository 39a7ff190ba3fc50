"""The embedded log's producer: a batch is on disk, whole, when ``send`` returns.

The callbacks of a batch run in the next ``send``, ``poll`` or ``flush``, as with Kafka.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from itertools import repeat
from typing import TypeVar

from connectkit.api import TopicPartition
from connectkit.errors import ConnectError, DataError, FatalTaskError
from connectkit.runner.log.api import BatchDone, Delivery, OutRecord
from connectkit.runner.log.embedded.batch import RECORD_OVERHEAD_BYTES, Headers, encode
from connectkit.runner.log.embedded.catalog import Catalog, LogSettings, Topic
from connectkit.runner.log.embedded.retention import sweep_if_due
from connectkit.runner.log.embedded.store import Connection, Store, insert_batch
from connectkit.runner.log.embedded.transactions import Transactions, note_first_offset
from connectkit.runner.log.partitioner import partition_for
from connectkit.runner.log.settings import whole_number
from connectkit.runner.log.topics import name_problem

_Label = TypeVar("_Label", str, int)
_OnEach = Callable[[int, Delivery], None]
_STORED_RECORDS = 4000
_STORED_BYTES = 4 * 1024 * 1024
"""A stored batch holds at most this many records and about this many bytes: what a reader decodes at once."""


class EmbeddedProducer:
    """Appends batches. One thread sends; ``close`` may come from another."""

    def __init__(self, store: Store, config: Mapping[str, str], settings: LogSettings) -> None:
        self._max_request_bytes = whole_number(config, "max.request.size", 1_048_576, most=2**31 - 1)
        timeout_ms = whole_number(config, "transaction.timeout.ms", 60_000, least=1)
        self._settings = settings
        self._connection = Connection(store)
        self._clock = store.clock
        self._catalog = Catalog(self._connection)
        self._sticky = 0
        self._settled: deque[tuple[BatchDone, list[tuple[int, ConnectError]], _OnEach | None, list[Delivery]]]
        self._settled = deque()
        self._next_sweep_ms = 0
        transactional_id = config.get("transactional.id")
        self._transactions = (
            Transactions(self._connection, transactional_id, timeout_ms) if transactional_id else None
        )

    def send(
        self,
        batch: Sequence[OutRecord],
        on_done: BatchDone,
        on_each: Callable[[int, Delivery], None] | None = None,
    ) -> None:
        """Append a batch in one transaction of the file, durably. Raises before anything is written."""
        self._serve()
        failed: list[tuple[int, ConnectError]] = []
        deliveries: list[Delivery] = []
        if batch:
            joined = None if self._transactions is None else self._transactions.joined
            try:
                with self._connection.write("append records"):
                    self._append(batch, failed, deliveries if on_each else None)
            except BaseException:
                self._catalog.forget()  # a topic created in this write is gone with it
                if self._transactions is not None:
                    self._transactions.joined = joined
                raise
            self._connection.store.signal.notify()
            failed.sort(key=lambda failure: failure[0])
        self._settled.append((on_done, failed, on_each, deliveries))
        now_ms = self._clock.now_ms()
        if now_ms >= self._next_sweep_ms:
            self._next_sweep_ms = now_ms + self._settings.retention_check_interval_ms
            sweep_if_due(self._connection, self._catalog, self._settings.retention_check_interval_ms)

    def _append(
        self,
        batch: Sequence[OutRecord],
        failed: list[tuple[int, ConnectError]],
        deliveries: list[Delivery] | None,
    ) -> None:
        now_ms = self._clock.now_ms()
        txn_id = None if self._transactions is None else self._transactions.join(self._connection.sql)
        if deliveries is not None:
            deliveries.extend(repeat(Delivery("", -1, -1, None, None), len(batch)))
        topics, partitions, keys, values, stamps, headers = zip(*batch)
        whole = _Slice(None, keys, values, stamps, headers)
        name = topics[0]
        if topics.count(name) == len(topics) and partitions.count(None) == len(partitions):
            groups = {name: whole}
        else:
            groups = whole.split_by(topics)
        for name, records in groups.items():
            try:
                topic = self._topic(name)
            except ConnectError as exc:
                records.fail_all(exc, failed)
                continue
            for number, part in self._by_partition(topic, records, partitions, failed).items():
                sound = self._check(topic, part, failed)
                if sound.values:
                    base = self._store(topic, number, sound, now_ms, txn_id)
                    if deliveries is not None:
                        _report(deliveries, topic, number, sound, base, now_ms)
        if deliveries is not None:
            for index, error in failed:
                deliveries[index] = Delivery(topics[index], -1, -1, None, error)

    def _topic(self, name: str) -> Topic:
        topic = self._catalog.refresh().get(name)
        if topic is None:
            problem = name_problem(name)
            if problem:
                raise DataError(problem)
            if not self._settings.auto_create_topics:
                raise FatalTaskError(
                    f"topic {name} does not exist and auto.create.topics.enable is false; create it first"
                )
            self._catalog.create(name, self._settings.num_partitions, {})
            topic = self._catalog.refresh()[name]
        return topic

    def _by_partition(
        self,
        topic: Topic,
        records: _Slice,
        partitions: Sequence[int | None],
        failed: list[tuple[int, ConnectError]],
    ) -> dict[int, _Slice]:
        count = len(topic.partition_ids)
        free = records.indexes is None or all(partitions[index] is None for index in records.indexes)
        if free and count == 1:
            return {0: records}
        self._sticky = sticky = (self._sticky + 1) % count
        if free and records.keys.count(None) == len(records.keys):
            return {sticky: records}
        numbers: list[int] = []
        for index, key in zip(records.places(), records.keys):
            wanted = partitions[index]
            if wanted is not None:
                if not 0 <= wanted < count:
                    failed.append(
                        (
                            index,
                            DataError(f"topic {topic.name} has no partition {wanted}, only 0 to {count - 1}"),
                        )
                    )
                    wanted = -1
                numbers.append(wanted)
            else:
                numbers.append(sticky if key is None else partition_for(key, count))
        groups = records.split_by(numbers)
        groups.pop(-1, None)
        return groups

    def _check(self, topic: Topic, records: _Slice, failed: list[tuple[int, ConnectError]]) -> _Slice:
        """The records that the topic takes; what is wrong with the others goes to ``failed``."""
        limit = min(self._max_request_bytes, topic.settings.max_message_bytes)
        compact = topic.settings.compact
        largest_bytes = _largest(records.values) + _largest(records.keys) + RECORD_OVERHEAD_BYTES
        timeless = records.stamps.count(None) == len(records.stamps)
        if (
            largest_bytes <= limit
            and not any(records.headers)
            and (timeless or min(stamp for stamp in records.stamps if stamp is not None) >= 0)
            and not (compact and None in records.keys)
        ):
            return records
        sound = []
        for place, (index, key, value, stamp, headers) in enumerate(records.rows()):
            size_bytes = RECORD_OVERHEAD_BYTES + len(key or b"") + len(value or b"") + _headers_bytes(headers)
            if size_bytes > limit:
                problem = (
                    f"a record of {size_bytes} bytes for topic {topic.name} exceeds the limit "
                    f"of {limit} bytes; "
                    "raise max.request.size of the producer and max.message.bytes of the topic"
                )
            elif compact and key is None:
                problem = f"a record without a key cannot go to topic {topic.name}, which is compacted by key"
            elif stamp is not None and stamp < 0:
                problem = (
                    f"a record for topic {topic.name} has a timestamp before 1970, which Kafka does not allow"
                )
            else:
                sound.append(place)
                continue
            failed.append((index, DataError(problem)))
        return records.take(sound)

    def _store(self, topic: Topic, number: int, records: _Slice, now_ms: int, txn_id: int | None) -> int:
        sql = self._connection.sql
        partition_id = topic.partition_ids[number]
        (base,) = sql.execute("SELECT next_offset FROM partitions WHERE id = ?", (partition_id,)).fetchone()
        first = int(base)
        stored_bytes = 0
        for part in records.pieces():
            stamps: Sequence[int] | int = now_ms
            if not topic.settings.append_time and part.stamps.count(None) != len(part.stamps):
                stamps = [now_ms if stamp is None else stamp for stamp in part.stamps]
            parts = encode(
                None if part.keys.count(None) == len(part.keys) else part.keys,
                part.values,
                stamps,
                part.headers if any(part.headers) else None,
                append_time=topic.settings.append_time,
            )
            count = len(part.values)
            newest_ms = stamps if isinstance(stamps, int) else max(stamps)
            stored_bytes += insert_batch(
                sql, (partition_id, base, base + count - 1, count, newest_ms), txn_id, parts
            )
            base += count
        sql.execute(
            "UPDATE partitions SET next_offset = ?, size_bytes = size_bytes + ? WHERE id = ?",
            (base, stored_bytes, partition_id),
        )
        if txn_id is not None:
            note_first_offset(sql, txn_id, partition_id, first)
        return first

    def poll(self, timeout_s: float = 0.0) -> None:
        """Run the callbacks that are due. Never waits: what was sent is settled."""
        self._serve()

    def flush(self, timeout_s: float) -> int:
        """Run the callbacks that are due; nothing is ever left."""
        self._serve()
        return 0

    def _serve(self) -> None:
        while self._settled:
            on_done, failed, on_each, deliveries = self._settled.popleft()
            if on_each is not None:
                for index, delivery in enumerate(deliveries):
                    on_each(index, delivery)
            on_done(failed)

    def init_transactions(self, timeout_s: float) -> None:
        """Become the holder of the transactional id. The time-out is that of the file's lock."""
        self._in_transactions().init()

    def begin_transaction(self) -> None:
        self._in_transactions().begin()

    def commit_transaction(self, timeout_s: float) -> None:
        self._serve()
        self._in_transactions().commit()

    def abort_transaction(self, timeout_s: float) -> None:
        self._serve()
        self._in_transactions().abort()

    def send_offsets(self, offsets: Mapping[TopicPartition, int], group: str, timeout_s: float) -> None:
        self._in_transactions().add_offsets(offsets, group)

    def _in_transactions(self) -> Transactions:
        if self._transactions is None:
            raise FatalTaskError("the producer has no transactional.id, so it cannot use transactions")
        return self._transactions

    def close(self, timeout_s: float) -> None:
        """Run the callbacks that are due, abort an open transaction, let go; harmless when repeated."""
        self._serve()
        with self._connection.guard:
            if self._transactions is not None:
                try:
                    if self._transactions.begun:
                        self._transactions.abort()
                except ConnectError:
                    pass  # fenced or unreadable: the next holder aborts it
                self._transactions.release()
            self._connection.close()


class _Slice:
    """Some records of a batch as columns, and where in the batch they stood (None: all, in order)."""

    __slots__ = ("headers", "indexes", "keys", "stamps", "values")

    def __init__(
        self,
        indexes: Sequence[int] | None,
        keys: Sequence[bytes | None],
        values: Sequence[bytes | None],
        stamps: Sequence[int | None],
        headers: Sequence[Headers | None],
    ) -> None:
        self.indexes = indexes
        self.keys = keys
        self.values = values
        self.stamps = stamps
        self.headers = headers

    def places(self) -> Sequence[int]:
        return range(len(self.values)) if self.indexes is None else self.indexes

    def rows(self) -> zip[tuple[int, bytes | None, bytes | None, int | None, Headers | None]]:
        return zip(self.places(), self.keys, self.values, self.stamps, self.headers)

    def take(self, wanted: Sequence[int]) -> _Slice:
        """The records at these places of this slice."""
        places = self.places()
        return _Slice(
            [places[at] for at in wanted],
            [self.keys[at] for at in wanted],
            [self.values[at] for at in wanted],
            [self.stamps[at] for at in wanted],
            [self.headers[at] for at in wanted],
        )

    def split_by(self, labels: Sequence[_Label]) -> dict[_Label, _Slice]:
        """One slice a label, each in order."""
        groups: dict[_Label, list[int]] = {}
        for at, label in enumerate(labels):
            groups.setdefault(label, []).append(at)
        return {label: self.take(wanted) for label, wanted in groups.items()}

    def pieces(self) -> list[_Slice]:
        """This slice cut so that no piece is larger than a reader should decode at once."""
        total_bytes = sum(map(len, filter(None, self.values)))
        if len(self.values) <= _STORED_RECORDS and total_bytes <= _STORED_BYTES:
            return [self]
        pieces, begin, size_bytes = [], 0, 0
        for at, value in enumerate(self.values):
            size_bytes += len(value or b"")
            if at - begin + 1 >= _STORED_RECORDS or size_bytes > _STORED_BYTES:
                pieces.append(self.take(range(begin, at + 1)))
                begin, size_bytes = at + 1, 0
        if begin < len(self.values):
            pieces.append(self.take(range(begin, len(self.values))))
        return pieces

    def fail_all(self, error: ConnectError, failed: list[tuple[int, ConnectError]]) -> None:
        failed.extend(zip(self.places(), repeat(error)))


def _largest(column: Sequence[bytes | None]) -> int:
    return max(map(len, filter(None, column)), default=0)


def _headers_bytes(headers: Headers | None) -> int:
    return sum(len(name.encode()) + len(value or b"") + 10 for name, value in headers or ())


def _report(
    deliveries: list[Delivery], topic: Topic, number: int, records: _Slice, base: int, now_ms: int
) -> None:
    append_time = topic.settings.append_time
    for ahead, (index, stamp) in enumerate(zip(records.places(), records.stamps)):
        written_ms = now_ms if append_time or stamp is None else stamp
        deliveries[index] = Delivery(topic.name, number, base + ahead, written_ms, None)

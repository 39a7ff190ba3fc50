"""The embedded log's consumer: reads stored batches, waits for new ones, takes part in a group."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence

from connectkit.api import TopicPartition
from connectkit.errors import ConfigError, ConnectError, FatalTaskError, NotFoundError
from connectkit.runner.log.api import CommitDone, RebalanceListener
from connectkit.runner.log.embedded.batch import DamagedBatchError, decode
from connectkit.runner.log.embedded.catalog import Catalog, LogSettings
from connectkit.runner.log.embedded.groups import Membership
from connectkit.runner.log.embedded.message import EmbeddedMessage, messages_of
from connectkit.runner.log.embedded.store import Connection, Store
from connectkit.runner.log.embedded.transactions import ABORTED, abort_abandoned, last_stable_offset
from connectkit.runner.log.settings import choice, flag, whole_number
from connectkit.runner.log.topics import compile_pattern, name_problem

_log = logging.getLogger("connectkit.log.embedded")

_EARLIEST, _LATEST = -2, -1
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.001, 0.025
"""Other processes' commits are looked for this often; this process's wake a waiting consumer at once."""
_FETCH_BATCHES = 8
_FETCH_BYTES = 4 * 1024 * 1024
"""Stored batches, and about bytes, read in one go from a partition."""


class _Reading:
    """Where the consumer stands in one partition, and the messages it has read ahead."""

    __slots__ = ("drained_at", "messages", "next_message", "partition_id", "paused", "position")

    def __init__(self, position: int | None) -> None:
        self.position = position
        """The offset that ``consume`` returns next; None: not looked up yet; -2 and -1 as in ``assign``."""
        self.messages: list[EmbeddedMessage] = []
        self.next_message = 0
        self.paused = False
        self.partition_id = -1
        self.drained_at = -1
        """The version of the file at which there was nothing more to read."""

    def forget_messages(self) -> None:
        self.messages = []
        self.next_message = 0
        self.drained_at = -1


class EmbeddedConsumer:
    """Reads by subscription or by assignment. Used by one thread."""

    def __init__(self, store: Store, config: Mapping[str, str], settings: LogSettings) -> None:
        self._group = config.get("group.id") or None
        self._reset = choice(config, "auto.offset.reset", "latest", ("earliest", "latest", "none"))
        isolation = ("read_uncommitted", "read_committed")
        self._committed_only = (
            choice(config, "isolation.level", "read_uncommitted", isolation) == isolation[1]
        )
        self._lease_ms = whole_number(config, "max.poll.interval.ms", 300_000, least=1)
        self._max_poll_records = whole_number(config, "max.poll.records", 2**31 - 1, least=1)
        self._auto_create = flag(config, "allow.auto.create.topics", True) and settings.auto_create_topics
        self._auto_commit_ms = (
            whole_number(config, "auto.commit.interval.ms", 5000)
            if self._group and flag(config, "enable.auto.commit", True)
            else None
        )
        self._settings = settings
        self._store = store
        self._connection = Connection(store)
        self._catalog = Catalog(self._connection)
        self._catalog_version = -1
        self._membership: Membership | None = None
        self._topics: tuple[str, ...] = ()
        self._listener: RebalanceListener | None = None
        self._readings: dict[TopicPartition, _Reading] = {}
        self._due: deque[tuple[CommitDone, ConnectError | None]] = deque()
        self._auto_committed: dict[TopicPartition, int] = {}
        self._next_auto_commit_ms = 0
        self._next_abandoned_ms = 0
        self._closed = False

    # --- what to read ---------------------------------------------------------------------------

    def subscribe(
        self,
        *,
        topics: Sequence[str] = (),
        pattern: str | None = None,
        listener: RebalanceListener | None = None,
    ) -> None:
        """Join the group at the next ``consume``; an earlier subscription is left first."""
        if self._group is None:
            raise ConfigError(problems={"group.id": ["is needed to subscribe; set it or assign partitions"]})
        if pattern is not None:
            compile_pattern(pattern)
        for name in topics:
            problem = name_problem(name)
            if problem:
                raise ConfigError(problem)
        self._leave()
        self._topics = tuple(topics)
        self._listener = listener
        self._membership = Membership(
            self._connection,
            self._catalog,
            self._group,
            topics,
            pattern,
            _Relay(self),
            lease_ms=self._lease_ms,
        )

    def assign(self, offsets: Mapping[TopicPartition, int]) -> None:
        self._leave()
        self._readings = {TopicPartition(*where): _Reading(offset) for where, offset in offsets.items()}

    def assignment(self) -> list[TopicPartition]:
        return sorted(self._readings)

    def pause(self, partitions: Iterable[TopicPartition]) -> None:
        for where in partitions:
            self._reading(where).paused = True

    def resume(self, partitions: Iterable[TopicPartition]) -> None:
        for where in partitions:
            self._reading(where).paused = False

    def seek(self, partition: TopicPartition, offset: int) -> None:
        reading = self._reading(partition)
        reading.forget_messages()
        reading.position = offset

    def position(self, partition: TopicPartition) -> int:
        reading = self._reading(partition)
        with self._connection.read(f"find the position in {_shown(partition)}"):
            return self._find_position(partition, reading)

    def _reading(self, where: TopicPartition) -> _Reading:
        try:
            return self._readings[where]
        except KeyError:
            raise FatalTaskError(f"partition {_shown(where)} is not assigned to this consumer") from None

    # --- reading --------------------------------------------------------------------------------

    def consume(self, max_records: int, timeout_s: float) -> list[EmbeddedMessage]:
        """What is there, at most ``max_records``; waits up to ``timeout_s`` for the first."""
        if self._closed:
            raise FatalTaskError("the consumer is closed")
        limit = min(max_records, self._max_poll_records)
        deadline_s = time.monotonic() + timeout_s
        wait_s = _FIRST_WAIT_S
        while True:
            self._serve()
            signalled = self._store.signal.count
            version = self._connection_version()
            if self._membership is not None:
                if self._topics and self._auto_create:
                    self._create_missing()
                self._membership.step()
            messages = self._gather(limit, version)
            self._auto_commit()
            left_s = deadline_s - time.monotonic()
            if messages or left_s <= 0:
                self._serve()
                return messages
            self._store.signal.wait(signalled, min(wait_s, left_s))
            wait_s = min(wait_s * 1.5, _LONGEST_WAIT_S)

    def _connection_version(self) -> int:
        with self._connection.named_errors("look for new records"):
            return self._connection.changed()

    def _create_missing(self) -> None:
        with self._connection.read("read its topics"):
            known = self._catalog.refresh()
        if self._catalog.version == self._catalog_version:
            return
        for name in self._topics:
            if name not in known:
                self._catalog.create(name, self._settings.num_partitions, {})
        self._catalog_version = self._catalog.version

    def _gather(self, limit: int, version: int) -> list[EmbeddedMessage]:
        gathered: list[EmbeddedMessage] = []
        for where in list(self._readings):
            reading = self._readings[where]
            if reading.paused:
                continue
            while len(gathered) < limit:
                if reading.next_message >= len(reading.messages):
                    if reading.drained_at == version or not self._fetch_known(where, reading, version):
                        break
                    continue
                begin = reading.next_message
                part = reading.messages[begin : begin + limit - len(gathered)]
                reading.next_message = begin + len(part)
                reading.position = part[-1][2] + 1
                gathered = gathered + part if gathered else part
            if len(gathered) >= limit:
                # The next call begins with the partitions behind this one: no partition starves another.
                self._readings[where] = self._readings.pop(where)
                break
        return gathered

    def _fetch_known(self, where: TopicPartition, reading: _Reading, version: int) -> bool:
        try:
            return self._fetch(where, reading, version)
        except NotFoundError:
            if self._membership is None:
                raise
            return False  # deleted just now; the group takes the partition away in the next step

    def _fetch(self, where: TopicPartition, reading: _Reading, version: int) -> bool:
        """Read stored batches ahead; False if there is nothing to read in this version of the file."""
        reading.messages, reading.next_message = [], 0
        while True:
            with self._connection.read(f"read {_shown(where)}") as sql:
                self._find_position(where, reading)
                end, bound = self._bounds(sql, where, reading)
                position = reading.position or 0
                rows = _stored(sql, reading.partition_id, position, bound)
            found = bool(rows)
            rows.reverse()
            while rows:  # each is let go of once it is decoded
                base, last, data, state = rows.pop()
                if not (state == ABORTED and self._committed_only):
                    reading.messages += self._decoded(where, base, data)
                reading.position = last + 1
            messages = reading.messages
            if messages and messages[0][2] < position:
                reading.messages = messages = [message for message in messages if message[2] >= position]
            if messages:
                reading.position = messages[0][2]
                return True
            if not found:
                reading.position = max(position, bound)
                reading.drained_at = version
                if bound < end:
                    self._abort_abandoned()
                return False

    def _bounds(self, sql: sqlite3.Connection, where: TopicPartition, reading: _Reading) -> tuple[int, int]:
        """The partition's end and the offset below which may be read; brings the position into range."""
        start, end = sql.execute(
            "SELECT start_offset, next_offset FROM partitions WHERE id = ?", (reading.partition_id,)
        ).fetchone()
        assert reading.position is not None
        if not start <= reading.position <= end:
            reading.position = self._out_of_range(where, reading.position, start, end)
        stable = last_stable_offset(sql, reading.partition_id) if self._committed_only else None
        return end, end if stable is None else min(end, stable)

    def _decoded(self, where: TopicPartition, base: int, data: bytes) -> list[EmbeddedMessage]:
        try:
            return messages_of(where.topic, where.partition, base, decode(data))
        except DamagedBatchError as exc:
            raise FatalTaskError(
                f"the records of {_shown(where)} from offset {base} in {self._store.path} are {exc}; "
                "restore the file, or seek past them"
            ) from exc

    def _abort_abandoned(self) -> None:
        now_ms = self._store.clock.monotonic_ms()
        if now_ms >= self._next_abandoned_ms:
            self._next_abandoned_ms = now_ms + 1000
            if abort_abandoned(self._connection):
                for reading in self._readings.values():
                    reading.drained_at = -1

    def _find_position(self, where: TopicPartition, reading: _Reading) -> int:
        """Inside a read: the position, looked up where it is not known yet; refreshes the partition's row."""
        topic = self._catalog.refresh().get(where.topic)
        if topic is None or not 0 <= where.partition < len(topic.partition_ids):
            raise NotFoundError(
                f"partition {_shown(where)} does not exist in the embedded log {self._store.path}"
            )
        partition_id = topic.partition_ids[where.partition]
        if reading.partition_id not in (-1, partition_id):
            reading.forget_messages()  # the topic was deleted and created anew
        reading.partition_id = partition_id
        if reading.position is None:
            reading.position = self.committed([where]).get(where)
        if reading.position is None:
            reading.position = self._reset_position(where)
        if reading.position < 0:
            reading.position = self._end_or_start(partition_id, end=reading.position == _LATEST)
        return reading.position

    def _reset_position(self, where: TopicPartition) -> int:
        if self._reset == "none":
            raise FatalTaskError(
                f"group {self._group} has no committed offset for {_shown(where)}, "
                "and auto.offset.reset is none"
            )
        return _EARLIEST if self._reset == "earliest" else _LATEST

    def _out_of_range(self, where: TopicPartition, position: int, start: int, end: int) -> int:
        if self._reset == "none":
            raise FatalTaskError(
                f"offset {position} of {_shown(where)} is out of range, the log holds {start} to {end}, "
                "and auto.offset.reset is none"
            )
        new = start if self._reset == "earliest" else end
        _log.warning(
            "offset %d of %s is out of range, the log holds %d to %d; "
            "reading goes on at %d (auto.offset.reset=%s)",
            position, _shown(where), start, end, new, self._reset,
        )  # fmt: skip
        return new

    def _end_or_start(self, partition_id: int, *, end: bool) -> int:
        column = "next_offset" if end else "start_offset"
        sql = self._connection.sql
        row = sql.execute(f"SELECT {column} FROM partitions WHERE id = ?", (partition_id,)).fetchone()  # noqa: S608  # one of two words
        return int(row[0])

    # --- offsets of the group -------------------------------------------------------------------

    def committed(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        if self._group is None:
            return {}
        with self._connection.read(f"read the offsets of group {self._group}") as sql:
            found = {}
            for where in partitions:
                row = sql.execute(
                    "SELECT position FROM group_offsets WHERE group_id = ? AND topic = ? AND number = ?",
                    (self._group, where.topic, where.partition),
                ).fetchone()
                if row is not None:
                    found[TopicPartition(*where)] = int(row[0])
            return found

    def commit(
        self,
        offsets: Mapping[TopicPartition, int],
        on_done: CommitDone | None = None,
        *,
        timeout_s: float | None = None,
    ) -> None:
        """Commit durably. With ``on_done`` the outcome is told in the next ``consume`` or ``close``."""
        error: ConnectError | None = None
        try:
            self._commit(offsets)
        except ConnectError as exc:
            if on_done is None:
                raise
            error = exc
        if on_done is not None:
            self._due.append((on_done, error))

    def _commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        if self._group is None:
            raise ConfigError(problems={"group.id": ["is needed to commit offsets"]})
        with self._connection.write(f"commit offsets of group {self._group}") as sql:
            if self._membership is not None:
                self._membership.check_owner(sql, offsets)
            sql.executemany(
                "INSERT OR REPLACE INTO group_offsets VALUES (?, ?, ?, ?)",
                [(self._group, where.topic, where.partition, offset) for where, offset in offsets.items()],
            )

    def _auto_commit(self, *, now: bool = False) -> None:
        if self._auto_commit_ms is None:
            return
        now_ms = self._store.clock.monotonic_ms()
        if not now and now_ms < self._next_auto_commit_ms:
            return
        self._next_auto_commit_ms = now_ms + self._auto_commit_ms
        offsets = {
            where: reading.position
            for where, reading in self._readings.items()
            if reading.position is not None
            and reading.position >= 0
            and self._auto_committed.get(where) != reading.position
        }
        if offsets:
            self._commit(offsets)
            self._auto_committed.update(offsets)

    def _serve(self) -> None:
        while self._due:
            on_done, error = self._due.popleft()
            on_done(error)

    def lag(self) -> int | None:
        """Records between the positions and the ends; partitions not looked at yet count from their start."""
        if not self._readings:
            return None
        total = 0
        with self._connection.read("read its ends") as sql:
            topics = self._catalog.refresh()
            for where, reading in self._readings.items():
                topic = topics.get(where.topic)
                if topic is None or where.partition >= len(topic.partition_ids):
                    continue
                position = self._find_position(where, reading)
                (end,) = sql.execute(
                    "SELECT next_offset FROM partitions WHERE id = ?", (topic.partition_ids[where.partition],)
                ).fetchone()
                total += max(0, end - position)
        return total

    # --- membership -----------------------------------------------------------------------------

    def assigned(self, partitions: Sequence[TopicPartition]) -> None:
        """The group gave these to this consumer (called by its membership)."""
        for where in partitions:
            self._readings[where] = _Reading(None)
        if self._listener is not None:
            self._listener.on_assigned(partitions)

    def revoked(self, partitions: Sequence[TopicPartition], *, lost: bool) -> None:
        """The group takes these back, or has done so already (``lost``)."""
        try:
            if not lost:
                self._auto_commit(now=True)
            if self._listener is not None:
                (self._listener.on_lost if lost else self._listener.on_revoked)(partitions)
        finally:
            for where in partitions:
                self._readings.pop(where, None)
                self._auto_committed.pop(where, None)

    def _leave(self) -> None:
        if self._membership is not None:
            self._membership.leave()
        self._membership = None
        self._readings.clear()

    def close(self, timeout_s: float | None = None) -> None:
        """Leave the group, through the listener; harmless when repeated."""
        if self._closed:
            return
        try:
            self._serve()
            if self._membership is None:
                self._auto_commit(now=True)
            self._leave()
            self._serve()
        finally:
            self._closed = True
            self._connection.close()


class _Relay:
    """Passes the group's changes to the consumer, which passes them on to the user's listener."""

    def __init__(self, consumer: EmbeddedConsumer) -> None:
        self._consumer = consumer

    def on_assigned(self, partitions: Sequence[TopicPartition]) -> None:
        self._consumer.assigned(partitions)

    def on_revoked(self, partitions: Sequence[TopicPartition]) -> None:
        self._consumer.revoked(partitions, lost=False)

    def on_lost(self, partitions: Sequence[TopicPartition]) -> None:
        self._consumer.revoked(partitions, lost=True)


def _stored(
    sql: sqlite3.Connection, partition_id: int, position: int, bound: int
) -> list[tuple[int, int, bytes, str | None]]:
    """The next stored batches from a position on, below ``bound``: as many as should be decoded at once."""
    (first,) = sql.execute(
        "SELECT max(base_offset) FROM batches WHERE partition_id = ? AND base_offset <= ?",
        (partition_id, position),
    ).fetchone()
    rows = []
    size_bytes = 0
    for row in sql.execute(
        "SELECT base_offset, last_offset, data, txns.state FROM batches"
        " LEFT JOIN txns ON txns.id = batches.txn_id"
        " WHERE partition_id = ? AND base_offset >= ? AND base_offset < ? AND last_offset >= ?"
        " ORDER BY base_offset LIMIT ?",
        (partition_id, position if first is None else first, bound, position, _FETCH_BATCHES),
    ):
        rows.append(row)
        size_bytes += len(row[2])
        if size_bytes >= _FETCH_BYTES:
            break
    return rows


def _shown(where: TopicPartition) -> str:
    return f"{where.topic}-{where.partition}"

"""Exactly-once sinks: where a sink stands, kept in its database, with the data.

:class:`SqlOffsets` works with any DB-API 2.0 connection (PEP 249) that has transactions. A table holds, for
each topic-partition, the next offset and an *epoch*. A task that is given a partition raises its epoch, reads
on from the stored offset, whatever the consumer group says, and skips what is written already. Each of its
transactions moves the offset only if the epoch is still its own: a task that was thought dead and writes
again fails with ``FencedError``, and nothing of its transaction stays.

    def open(self, partitions):
        self.context.offset(self.offsets.open(partitions))

    def put(self, records):
        with self.offsets.transaction(records) as fresh:
            self.cursor.executemany("INSERT INTO orders VALUES (?, ?)", [row(r) for r in fresh])

Threads: one, as a task's. Errors of the database pass as they are, after a rollback.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Protocol

from connectkit.api import TopicPartition
from connectkit.errors import ConfigError, FatalTaskError, FencedError
from connectkit.record import SinkRecord

TABLE = "connectkit_offsets"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)?")
_STYLES = ("qmark", "numeric", "named", "format", "pyformat")


class Cursor(Protocol):
    """The part of a DB-API cursor that is used."""

    @property
    def rowcount(self) -> int: ...
    def execute(self, operation: str, parameters: Any = ..., /) -> Any: ...
    def fetchone(self) -> Any: ...
    def close(self) -> Any: ...


class Connection(Protocol):
    """The part of a DB-API connection that is used."""

    def cursor(self) -> Any: ...
    def commit(self) -> Any: ...
    def rollback(self) -> Any: ...


class Places:
    """Where a sink stands in each of its partitions, and which records are new. Shared by the helpers."""

    def __init__(self) -> None:
        self.next: dict[TopicPartition, int | None] = {}
        self._began: dict[TopicPartition, int | None] = {}

    def begin(self, tp: TopicPartition, offset: int | None) -> None:
        """This partition is ours from now on, and goes on here; None: it was never written."""
        self.next[tp] = self._began[tp] = offset

    def forget(self, partitions: Collection[TopicPartition]) -> None:
        for tp in partitions:
            self.next.pop(tp, None)
            self._began.pop(tp, None)

    def fresh(self, records: Sequence[SinkRecord]) -> dict[TopicPartition, list[SinkRecord]]:
        """The records that are not written yet, by partition, in order."""
        found: dict[TopicPartition, list[SinkRecord]] = {}
        for record in records:
            tp = TopicPartition(record.original_topic or "", record.original_kafka_partition or 0)
            offset = record.original_kafka_offset
            if tp not in self.next:
                raise FatalTaskError(
                    f"A record of {tp.topic}-{tp.partition} was put before its partition was opened; call "
                    "open of the offsets in the open of the task"
                )
            began, after = self._began[tp], self.next[tp]
            if began is not None and offset < began:
                # The consumer was told to go on at ``began``: the topic does not reach there any more.
                raise FatalTaskError(
                    f"Partition {tp.partition} of topic {tp.topic} is read from offset {offset} on, but all "
                    f"up to {began} was written before: the topic may have been deleted and created again; "
                    "take the stored offset of the partition away to write it from its beginning"
                )
            if after is None or offset >= after:
                found.setdefault(tp, []).append(record)
        return found


class SqlOffsets:
    """Offsets of one sink connector in a table of its database. ``sink`` names it there."""

    def __init__(
        self, connection: Connection, sink: str, *, table: str = TABLE, paramstyle: str | None = None
    ) -> None:
        """``paramstyle``: of the database's module; left out, it is looked up in the connection's."""
        if not _NAME.fullmatch(table):
            raise ConfigError(
                f"The name of the table of offsets, {table[:64]!r}, is not plain: letters, digits, _, one dot"
            )
        commits_itself = (
            getattr(connection, "autocommit", None) is True
            or getattr(connection, "isolation_level", "") is None
        )
        if commits_itself:
            raise ConfigError(
                "The database connection commits each statement by itself, so that records and offsets could "
                "come apart; open it without autocommit"
            )
        self._connection = connection
        self._sink = sink
        self._table = table
        self._style = paramstyle or _paramstyle(connection)
        if self._style not in _STYLES:
            raise ConfigError(f"The paramstyle must be one of {', '.join(_STYLES)}")
        self._places = Places()
        self._epochs: dict[TopicPartition, int] = {}
        self._unsure = False

    def create(self) -> None:
        """Make the table if it is missing. Where a task may not, or the SQL differs, make it by hand."""
        with self._step() as cursor:
            cursor.execute(
                f"CREATE TABLE IF NOT EXISTS {self._table} ("
                "sink VARCHAR(255) NOT NULL, topic VARCHAR(249) NOT NULL, kafka_partition INTEGER NOT NULL, "
                "next_offset BIGINT, epoch BIGINT NOT NULL, PRIMARY KEY (sink, topic, kafka_partition))"
            )

    def open(self, partitions: Collection[TopicPartition]) -> dict[TopicPartition, int]:
        """Take these partitions over; returns where to read on, for ``context.offset``."""
        with self._step() as cursor:
            for tp in sorted(partitions):
                self._execute(cursor, "UPDATE {t} SET epoch = epoch + 1 WHERE {w}", *self._row(tp))
                if cursor.rowcount == 0:
                    self._execute(
                        cursor,
                        "INSERT INTO {t} (sink, topic, kafka_partition, next_offset, epoch) "
                        "VALUES ({0}, {1}, {2}, NULL, 1)",
                        *self._row(tp),
                    )
                self._execute(cursor, "SELECT next_offset, epoch FROM {t} WHERE {w}", *self._row(tp))
                offset, epoch = cursor.fetchone()
                self._epochs[tp] = int(epoch)
                self._places.begin(tp, None if offset is None else int(offset))
        return {tp: offset for tp in partitions if (offset := self._places.next[tp]) is not None}

    def close(self, partitions: Collection[TopicPartition]) -> None:
        """These partitions are no longer ours."""
        self._places.forget(partitions)
        for tp in partitions:
            self._epochs.pop(tp, None)

    @contextmanager
    def transaction(self, records: Sequence[SinkRecord]) -> Iterator[list[SinkRecord]]:
        """The records that are not written yet, to be written inside the ``with``; then all is committed.

        If the body raises, nothing is; neither if a newer task has the partition (``FencedError``).
        """
        if self._unsure:
            self._read_again()
        fresh = self._places.fresh(records)
        if not fresh:
            yield []
            return
        moved = {tp: own[-1].original_kafka_offset + 1 for tp, own in fresh.items()}
        with self._step() as cursor:
            yield [record for own in fresh.values() for record in own]
            for tp in sorted(moved):
                self._execute(
                    cursor,
                    "UPDATE {t} SET next_offset = {3} WHERE {w} AND epoch = {4}",
                    *self._row(tp),
                    moved[tp],
                    self._epochs[tp],
                )
                if cursor.rowcount != 1:
                    raise FencedError(
                        f"Partition {tp.partition} of topic {tp.topic} belongs to a newer task of sink "
                        f"{self._sink}; nothing of this one was written"
                    )
            self._unsure = True  # until the commit has answered
        self._unsure = False
        self._places.next.update(moved)

    def alter(self, offsets: Mapping[TopicPartition, int | None]) -> None:
        """Set offsets, or with None take them away: for ``alter_offsets`` of the connector."""
        with self._step() as cursor:
            for tp, offset in sorted(offsets.items()):
                self._execute(
                    cursor,
                    "UPDATE {t} SET next_offset = {3}, epoch = epoch + 1 WHERE {w}",
                    *self._row(tp),
                    offset,
                )
                if cursor.rowcount == 0:
                    self._execute(
                        cursor,
                        "INSERT INTO {t} (sink, topic, kafka_partition, next_offset, epoch) "
                        "VALUES ({0}, {1}, {2}, {3}, 1)",
                        *self._row(tp),
                        offset,
                    )

    def _read_again(self) -> None:
        """A commit did not answer: see what came of it."""
        with self._step() as cursor:
            for tp in sorted(self._epochs):
                self._execute(cursor, "SELECT next_offset, epoch FROM {t} WHERE {w}", *self._row(tp))
                offset, epoch = cursor.fetchone() or (None, None)
                if epoch != self._epochs[tp]:
                    raise FencedError(
                        f"Partition {tp.partition} of topic {tp.topic} belongs to a newer task of sink "
                        f"{self._sink}"
                    )
                self._places.next[tp] = None if offset is None else int(offset)
        self._unsure = False

    def _row(self, tp: TopicPartition) -> tuple[str, str, int]:
        return self._sink, tp.topic, tp.partition

    @contextmanager
    def _step(self) -> Iterator[Cursor]:
        """One transaction of the database."""
        cursor = self._connection.cursor()
        try:
            yield cursor
            self._connection.commit()
        except BaseException:
            with suppress(Exception):  # the first error is the one to tell
                self._connection.rollback()
            raise
        finally:
            with suppress(Exception):
                cursor.close()

    def _execute(self, cursor: Cursor, statement: str, *values: Any) -> None:
        """Run a statement whose ``{0}`` … stand for values."""
        order: list[int] = []

        def mark(found: re.Match[str]) -> str:
            if found[1] == "t":
                return self._table
            order.append(int(found[1]))
            number = int(found[1])
            return {
                "qmark": "?",
                "numeric": f":{len(order)}",
                "named": f":v{number}",
                "format": "%s",
                "pyformat": f"%(v{number})s",
            }[self._style]

        text = re.sub(r"\{(t|\d)\}", mark, statement.replace("{w}", _WHERE))
        if self._style in ("named", "pyformat"):
            cursor.execute(text, {f"v{number}": value for number, value in enumerate(values)})
        else:
            cursor.execute(text, tuple(values[number] for number in order))


_WHERE = "sink = {0} AND topic = {1} AND kafka_partition = {2}"


def _paramstyle(connection: Connection) -> str:
    """What the module says that the connection's class is from."""
    parts = type(connection).__module__.split(".")
    for count in range(len(parts), 0, -1):
        module = sys.modules.get(".".join(parts[:count]))
        found = getattr(module, "paramstyle", None)
        if isinstance(found, str):
            return found
    raise ConfigError(
        f"The module of {type(connection).__name__} does not say its paramstyle; give it as paramstyle="
    )

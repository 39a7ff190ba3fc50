"""Transactions of the embedded log: epochs that fence, outcomes that readers heed.

A transactional id has one holder, the last that called ``init_transactions``; whoever held it before
is fenced at its next write. Records of a transaction are in the log at once, marked with it;
``read_committed`` readers stop below the first record of an open transaction and leave out those of
an aborted one. A transaction whose holder died, or that outlived ``transaction.timeout.ms``, is
aborted by the next who meets it.
"""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Mapping

from connectkit.api import TopicPartition
from connectkit.errors import FatalTaskError, FencedError
from connectkit.runner.log.embedded.process_lock import ProcessLock, is_alive
from connectkit.runner.log.embedded.store import Connection, Store

OPEN, COMMITTED, ABORTED = "open", "committed", "aborted"


class Transactions:
    """The transactional side of one producer. Not thread-safe, as the producer."""

    def __init__(self, connection: Connection, transactional_id: str, timeout_ms: int) -> None:
        self._connection = connection
        self._id = transactional_id
        self._timeout_ms = timeout_ms
        self._holder = ""
        self._lock: ProcessLock | None = None
        self._begun = False
        self.joined: int | None = None
        """The row of the open transaction, once it has one; the producer puts it back after a rollback."""

    @property
    def begun(self) -> bool:
        """Whether a transaction is open."""
        return self._begun

    def init(self) -> None:
        """Take over the transactional id: fence its holder and abort what that left open."""
        holder = uuid.uuid4().hex
        lock = ProcessLock(self._connection.store.locks, holder)
        try:
            with self._connection.write(f"take over transactional id {self._id}") as sql:
                left_open = sql.execute(
                    "SELECT id FROM txns WHERE transactional_id = ? AND state = 'open'", (self._id,)
                ).fetchall()
                for (txn_id,) in left_open:
                    _settle(sql, txn_id, ABORTED)
                sql.execute(
                    "INSERT INTO producers VALUES (?, 1, ?) ON CONFLICT (transactional_id)"
                    " DO UPDATE SET epoch = epoch + 1, holder = excluded.holder",
                    (self._id, holder),
                )
        except BaseException:
            lock.release()
            raise
        self.release()
        self._lock, self._holder = lock, holder
        self._connection.store.signal.notify()

    def begin(self) -> None:
        """Open a transaction; it reaches the file with its first record or offset."""
        if not self._holder:
            raise FatalTaskError(
                f"the producer with transactional id {self._id} cannot begin a transaction: "
                "init_transactions was not called"
            )
        if self._begun:
            raise FatalTaskError(
                f"the producer with transactional id {self._id} cannot begin a transaction: "
                "one is open already"
            )
        self._begun = True
        self.joined = None

    def join(self, sql: sqlite3.Connection) -> int:
        """The open transaction's number, inside a write; raises if it is no longer ours."""
        if not self._begun:
            raise FatalTaskError(
                f"the producer with transactional id {self._id} cannot write outside a transaction: "
                "begin_transaction was not called"
            )
        self._check_holder(sql)
        if self.joined is None:
            deadline_ms = self._connection.store.clock.monotonic_ms() + self._timeout_ms
            self.joined = sql.execute(
                "INSERT INTO txns (transactional_id, holder, state, deadline_ms) VALUES (?, ?, 'open', ?)",
                (self._id, self._holder, deadline_ms),
            ).lastrowid
        else:
            self._check_open(sql)
        assert self.joined is not None
        return self.joined

    def commit(self) -> None:
        """Make all of the transaction visible, offsets included."""
        self._end(COMMITTED)

    def abort(self) -> None:
        """Make all of the transaction invisible to ``read_committed`` readers."""
        self._end(ABORTED)

    def _end(self, outcome: str) -> None:
        if not self._begun:
            raise FatalTaskError(
                f"the producer with transactional id {self._id} has no open transaction to end"
            )
        verb = "commit" if outcome == COMMITTED else "abort"
        with self._connection.write(f"{verb} a transaction of {self._id}") as sql:
            self._check_holder(sql)
            if self.joined is not None:
                if outcome == COMMITTED:
                    self._check_open(sql)
                _settle(sql, self.joined, outcome)
        self._begun, self.joined = False, None
        self._connection.store.signal.notify()

    def add_offsets(self, offsets: Mapping[TopicPartition, int], group: str) -> None:
        """Offsets that the group will have once the transaction is committed."""
        joined = self.joined
        try:
            with self._connection.write(f"store offsets of group {group}") as sql:
                txn_id = self.join(sql)
                sql.executemany(
                    "INSERT OR REPLACE INTO txn_offsets VALUES (?, ?, ?, ?, ?)",
                    [(txn_id, group, where.topic, where.partition, at) for where, at in offsets.items()],
                )
        except BaseException:
            self.joined = joined
            raise

    def _check_holder(self, sql: sqlite3.Connection) -> None:
        row = sql.execute("SELECT holder FROM producers WHERE transactional_id = ?", (self._id,)).fetchone()
        if row is None or row[0] != self._holder:
            raise FencedError(
                f"a newer producer has taken over transactional id {self._id}; this one must stop"
            )

    def _check_open(self, sql: sqlite3.Connection) -> None:
        row = sql.execute("SELECT state FROM txns WHERE id = ?", (self.joined,)).fetchone()
        if row is None or row[0] != OPEN:
            raise FatalTaskError(
                f"the transaction of {self._id} was aborted after "
                f"transaction.timeout.ms = {self._timeout_ms}; "
                "commit more often or raise the time-out, and restart the task"
            )

    def release(self) -> None:
        """Let go of the id; an open transaction is left to be aborted by the next who meets it."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None


def _settle(sql: sqlite3.Connection, txn_id: int, outcome: str) -> None:
    sql.execute("UPDATE txns SET state = ? WHERE id = ? AND state = 'open'", (outcome, txn_id))
    if outcome == COMMITTED:
        sql.execute(
            "INSERT OR REPLACE INTO group_offsets"
            " SELECT group_id, topic, number, position FROM txn_offsets WHERE txn_id = ?",
            (txn_id,),
        )
    sql.execute("DELETE FROM txn_offsets WHERE txn_id = ?", (txn_id,))
    sql.execute("DELETE FROM txn_partitions WHERE txn_id = ?", (txn_id,))


def note_first_offset(sql: sqlite3.Connection, txn_id: int, partition_id: int, offset: int) -> None:
    """Remember where a transaction begins in a partition."""
    sql.execute("INSERT OR IGNORE INTO txn_partitions VALUES (?, ?, ?)", (txn_id, partition_id, offset))


def last_stable_offset(sql: sqlite3.Connection, partition_id: int) -> int | None:
    """The first offset of any open transaction in the partition; None if there is none."""
    (offset,) = sql.execute(
        "SELECT min(first_offset) FROM txn_partitions WHERE partition_id = ?", (partition_id,)
    ).fetchone()
    return None if offset is None else int(offset)


def abort_abandoned(connection: Connection) -> bool:
    """Abort open transactions that are overdue or whose holder has died; whether there were any."""
    store: Store = connection.store
    with connection.read("look for abandoned transactions") as sql:
        rows = sql.execute("SELECT id, holder, deadline_ms FROM txns WHERE state = 'open'").fetchall()
    now_ms = store.clock.monotonic_ms()
    abandoned = [
        txn_id
        for txn_id, holder, deadline_ms in rows
        if deadline_ms <= now_ms or not is_alive(store.locks, holder)
    ]
    if not abandoned:
        return False
    with connection.write("abort an abandoned transaction") as sql:
        for txn_id in abandoned:
            _settle(sql, txn_id, ABORTED)
    store.signal.notify()
    return True

"""Consumer groups of the embedded log, over all threads and processes of one machine.

There is no coordinator: whoever joins, leaves or finds a dead member writes the new distribution into
the file (``target``), and each member brings itself in line in its next ``consume``: it gives up what it
owns and should not have (``on_revoked`` runs first, so that it can commit), and takes what it should
have once nobody owns it. So a partition never has two owners. The distribution is Kafka's range
assignment over the members sorted by id; members in line keep what they have, as with a cooperative
assignor.

A member is dead when its process is (``process_lock``) or when it has not called ``consume`` for
``max.poll.interval.ms``; it is told of the loss (``on_lost``) if it comes back, and joins anew.
"""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from connectkit.api import TopicPartition
from connectkit.errors import RetriableError
from connectkit.runner.log.api import RebalanceListener
from connectkit.runner.log.embedded.catalog import Catalog, Topic
from connectkit.runner.log.embedded.process_lock import ProcessLock, is_alive
from connectkit.runner.log.embedded.store import Connection
from connectkit.runner.log.topics import compile_pattern

_HEARTBEAT_MS = 1000
"""How often a member renews its lease and looks for dead ones."""


class _Member(NamedTuple):
    id: str
    topics: tuple[str, ...]
    pattern: str | None
    lease_until_ms: int


class Membership:
    """One consumer's place in its group. Used by the consumer's thread only."""

    def __init__(
        self,
        connection: Connection,
        catalog: Catalog,
        group: str,
        topics: Sequence[str],
        pattern: str | None,
        listener: RebalanceListener | None,
        *,
        lease_ms: int,
    ) -> None:
        self._connection = connection
        self._store = connection.store
        self._catalog = catalog
        self._group = group
        self._topics = tuple(topics)
        self._pattern = pattern
        self._listener = listener
        self._lease_ms = lease_ms
        self._id = ""
        self._lock: ProcessLock | None = None
        self._owned: set[TopicPartition] = set()
        self._seen = (-1, -1)
        self._next_heartbeat_ms = 0

    def step(self) -> bool:
        """Bring this member in line with its group; whether its partitions changed.

        Calls the listener. An exception of the listener passes through after the change was made.
        """
        now_ms = self._store.clock.monotonic_ms()
        with self._connection.read("read its groups"):
            seen = (self._connection.counter("groups"), self._connection.counter("catalog"))
        if seen == self._seen and now_ms < self._next_heartbeat_ms:
            return False
        if not self._id:
            self._join(now_ms)
        elif now_ms >= self._next_heartbeat_ms or seen[1] != self._seen[1]:
            with self._connection.write(f"renew the membership in group {self._group}") as sql:
                sql.execute(
                    "UPDATE members SET lease_until_ms = ? WHERE id = ?", (now_ms + self._lease_ms, self._id)
                )
                self._distribute(sql, now_ms)
            self._next_heartbeat_ms = now_ms + _HEARTBEAT_MS
        return self._align(now_ms)

    def _join(self, now_ms: int) -> None:
        self._id = uuid.uuid4().hex
        self._lock = ProcessLock(self._store.locks, self._id)
        with self._connection.write(f"join group {self._group}") as sql:
            sql.execute(
                "INSERT INTO members VALUES (?, ?, ?, ?, ?)",
                (self._id, self._group, json.dumps(self._topics), self._pattern, now_ms + self._lease_ms),
            )
            self._distribute(sql, now_ms)
        self._next_heartbeat_ms = now_ms + _HEARTBEAT_MS
        self._store.signal.notify()

    def _align(self, now_ms: int) -> bool:
        with self._connection.read("read its groups") as sql:
            self._seen = (self._connection.counter("groups"), self._connection.counter("catalog"))
            known = sql.execute("SELECT 1 FROM members WHERE id = ?", (self._id,)).fetchone()
            rows = sql.execute(
                "SELECT topic, number, owner, target FROM ownership WHERE group_id = ?"
                " AND (owner = ? OR target = ?) ORDER BY topic, number",
                (self._group, self._id, self._id),
            ).fetchall()
        if known is None:
            self._lose()
            self._join(now_ms)
            self._align(now_ms)
            return True
        mine = {TopicPartition(topic, number) for topic, number, owner, _ in rows if owner == self._id}
        given_up = [
            TopicPartition(topic, number)
            for topic, number, owner, target in rows
            if owner == self._id and target != self._id
        ]
        gone = sorted(self._owned - mine)  # the topic was deleted under us
        if given_up or gone:
            self._revoke(given_up, gone)
        free = [
            TopicPartition(topic, number)
            for topic, number, owner, target in rows
            if owner is None and target == self._id
        ]
        if free:
            self._take(free)
        return bool(given_up or gone or free)

    def _revoke(self, given_up: Sequence[TopicPartition], gone: Sequence[TopicPartition]) -> None:
        try:
            if self._listener is not None:
                if given_up:
                    self._listener.on_revoked(given_up)
                if gone:
                    self._listener.on_lost(gone)
        finally:
            self._owned.difference_update(given_up, gone)
            with self._connection.write(f"give up partitions of group {self._group}") as sql:
                sql.executemany(
                    "UPDATE ownership SET owner = NULL"
                    " WHERE group_id = ? AND topic = ? AND number = ? AND owner = ?",
                    [(self._group, where.topic, where.partition, self._id) for where in given_up],
                )
                sql.execute(
                    "DELETE FROM ownership WHERE group_id = ? AND owner IS NULL AND target IS NULL",
                    (self._group,),
                )
                self._connection.bump("groups")
            self._store.signal.notify()

    def _take(self, free: Sequence[TopicPartition]) -> None:
        taken = []
        with self._connection.write(f"take partitions of group {self._group}") as sql:
            for where in free:
                changed = sql.execute(
                    "UPDATE ownership SET owner = ? WHERE group_id = ? AND topic = ? AND number = ?"
                    " AND owner IS NULL AND target = ?",
                    (self._id, self._group, where.topic, where.partition, self._id),
                ).rowcount
                if changed:
                    taken.append(where)
        self._owned.update(taken)
        if taken and self._listener is not None:
            self._listener.on_assigned(taken)

    def _lose(self) -> None:
        lost = sorted(self._owned)
        self._owned.clear()
        self._release_lock()
        if lost and self._listener is not None:
            self._listener.on_lost(lost)

    def check_owner(self, sql: sqlite3.Connection, partitions: Mapping[TopicPartition, int]) -> None:
        """Inside a write: ``RetriableError`` unless all these partitions are still this member's."""
        rows = sql.execute(
            "SELECT topic, number FROM ownership WHERE group_id = ? AND owner = ?", (self._group, self._id)
        )
        foreign = set(partitions) - {TopicPartition(topic, number) for topic, number in rows}
        if foreign:
            where = min(foreign)
            raise RetriableError(
                f"group {self._group} has given {where.topic}-{where.partition} to another member; "
                "its offset was not committed"
            )

    def leave(self) -> None:
        """Give everything up, through the listener, and leave the group."""
        if not self._id:
            return
        try:
            if self._owned and self._listener is not None:
                self._listener.on_revoked(sorted(self._owned))
        finally:
            self._owned.clear()
            try:
                with self._connection.write(f"leave group {self._group}") as sql:
                    sql.execute("DELETE FROM members WHERE id = ?", (self._id,))
                    self._distribute(sql, self._store.clock.monotonic_ms())
            finally:
                self._release_lock()  # where nothing can be written (a full disk), others see that it is gone
                self._id = ""
            self._store.signal.notify()

    def _release_lock(self) -> None:
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def _distribute(self, sql: sqlite3.Connection, now_ms: int) -> None:
        """Remove dead members and write who should have what, if that changes anything."""
        members = live_members(self._connection, sql, self._group, now_ms)
        targets = _range_assignment(members, self._catalog.refresh())
        present = {
            TopicPartition(topic, number): (owner, target)
            for topic, number, owner, target in sql.execute(
                "SELECT topic, number, owner, target FROM ownership WHERE group_id = ?", (self._group,)
            )
        }
        alive = {member.id for member in members}
        changed = False
        for where in present.keys() | targets.keys():
            owner, target = present.get(where, (None, None))
            new_owner = owner if owner in alive else None
            new_target = targets.get(where)
            if (new_owner, new_target) == (owner, target) and where in present:
                continue
            changed = True
            if new_owner is None and new_target is None:
                sql.execute(
                    "DELETE FROM ownership WHERE group_id = ? AND topic = ? AND number = ?",
                    (self._group, where.topic, where.partition),
                )
            else:
                sql.execute(
                    "INSERT OR REPLACE INTO ownership VALUES (?, ?, ?, ?, ?)",
                    (self._group, where.topic, where.partition, new_owner, new_target),
                )
        if changed:
            self._connection.bump("groups")
            self._store.signal.notify()


def live_members(connection: Connection, sql: sqlite3.Connection, group: str, now_ms: int) -> list[_Member]:
    """The members of a group, inside a write; those that are dead are removed."""
    members = []
    for member_id, topics, pattern, lease_until_ms in sql.execute(
        "SELECT id, topics, pattern, lease_until_ms FROM members WHERE group_id = ? ORDER BY id", (group,)
    ).fetchall():
        if lease_until_ms > now_ms and is_alive(connection.store.locks, member_id):
            members.append(_Member(member_id, tuple(json.loads(topics)), pattern, lease_until_ms))
        else:
            sql.execute("DELETE FROM members WHERE id = ?", (member_id,))
            connection.bump("groups")
    return members


def _range_assignment(members: Sequence[_Member], topics: Mapping[str, Topic]) -> dict[TopicPartition, str]:
    wanted: dict[str, list[str]] = {}
    for member in members:
        names = set(member.topics) & topics.keys()
        if member.pattern is not None:
            pattern = compile_pattern(member.pattern)
            names.update(name for name in topics if pattern.fullmatch(name))
        for name in names:
            wanted.setdefault(name, []).append(member.id)
    targets: dict[TopicPartition, str] = {}
    for name, ids in wanted.items():
        count = len(topics[name].partition_ids)
        each, more = divmod(count, len(ids))
        number = 0
        for place, member_id in enumerate(sorted(ids)):
            for _ in range(each + (place < more)):
                targets[TopicPartition(name, number)] = member_id
                number += 1
    return targets

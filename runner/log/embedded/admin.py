"""Administers the topics and groups of an embedded log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from connectkit.api import TopicPartition
from connectkit.errors import ConflictError, NotFoundError
from connectkit.runner.log.api import TopicInfo
from connectkit.runner.log.embedded.catalog import Catalog, LogSettings, Topic
from connectkit.runner.log.embedded.groups import live_members
from connectkit.runner.log.embedded.store import Connection, Store


class EmbeddedAdmin:
    """Thread-safe: one call at a time goes to the file."""

    def __init__(self, store: Store, settings: LogSettings) -> None:
        self._store = store
        self._settings = settings
        self._connection = Connection(store)
        self._catalog = Catalog(self._connection)

    def cluster_id(self) -> str:
        return self._store.cluster_id

    def topics(self) -> dict[str, TopicInfo]:
        with self._connection.read("list its topics"):
            found = self._catalog.refresh().values()
            return {
                topic.name: TopicInfo(name=topic.name, partitions=len(topic.partition_ids)) for topic in found
            }

    def describe_topic(self, name: str) -> TopicInfo:
        with self._connection.read(f"describe topic {name}"):
            topic = self._topic(name)
        return TopicInfo(name=name, partitions=len(topic.partition_ids), config=dict(topic.config))

    def create_topic(
        self,
        name: str,
        *,
        partitions: int = 1,
        replication: int = -1,
        config: Mapping[str, str] | None = None,
    ) -> bool:
        """Create a topic; -1 partitions takes ``num.partitions``. There are no replicas to speak of."""
        count = self._settings.num_partitions if partitions == -1 else partitions
        return self._catalog.create(name, count, {str(k): str(v) for k, v in (config or {}).items()})

    def delete_topic(self, name: str) -> None:
        if not self._catalog.delete(name):
            raise NotFoundError(self._missing(name))
        self._store.signal.notify()

    def offsets(self, partitions: Iterable[TopicPartition], *, end: bool = True) -> dict[TopicPartition, int]:
        with self._connection.read("read its ends") as sql:
            found = {}
            for where in partitions:
                topic = self._topic(where.topic)
                if not 0 <= where.partition < len(topic.partition_ids):
                    raise NotFoundError(
                        f"topic {where.topic} of the embedded log {self._store.path} "
                        f"has no partition {where.partition}"
                    )
                row = sql.execute(
                    "SELECT start_offset, next_offset FROM partitions WHERE id = ?",
                    (topic.partition_ids[where.partition],),
                ).fetchone()
                found[TopicPartition(*where)] = int(row[1] if end else row[0])
            return found

    def group_offsets(self, group: str) -> dict[TopicPartition, int]:
        with self._connection.read(f"read the offsets of group {group}") as sql:
            rows = sql.execute(
                "SELECT topic, number, position FROM group_offsets WHERE group_id = ? ORDER BY topic, number",
                (group,),
            )
            return {TopicPartition(topic, number): position for topic, number, position in rows}

    def set_group_offsets(self, group: str, offsets: Mapping[TopicPartition, int | None]) -> None:
        with self._connection.write(f"set the offsets of group {group}") as sql:
            if live_members(self._connection, sql, group, self._store.clock.monotonic_ms()):
                raise ConflictError(
                    f"the offsets of group {group} cannot be set while it has members; stop them first"
                )
            for where, offset in offsets.items():
                if offset is None:
                    sql.execute(
                        "DELETE FROM group_offsets WHERE group_id = ? AND topic = ? AND number = ?",
                        (group, where.topic, where.partition),
                    )
                else:
                    sql.execute(
                        "INSERT OR REPLACE INTO group_offsets VALUES (?, ?, ?, ?)",
                        (group, where.topic, where.partition, offset),
                    )

    def _topic(self, name: str) -> Topic:
        topic = self._catalog.refresh().get(name)
        if topic is None:
            raise NotFoundError(self._missing(name))
        return topic

    def _missing(self, name: str) -> str:
        return f"there is no topic {name} in the embedded log {self._store.path}"

    def close(self) -> None:
        self._connection.close()

"""The topics of an embedded log: looked up through a cache, created, described, deleted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from connectkit.errors import ConfigError, DataError
from connectkit.runner.log.embedded.store import Connection
from connectkit.runner.log.settings import choice, flag, whole_number
from connectkit.runner.log.topics import name_problem

_MAX_PARTITIONS = 10_000
_MAX_INT = 2**31 - 1


@dataclass(frozen=True, slots=True)
class TopicSettings:
    """The topic configs that the embedded log acts on, named and defaulted as Kafka's.

    Other keys of Kafka's topic configs are stored, shown, and without effect.
    """

    max_message_bytes: int
    append_time: bool
    compact: bool
    delete: bool
    retention_ms: int
    retention_bytes: int
    delete_retention_ms: int
    min_cleanable_dirty_ratio: float

    @classmethod
    def parse(cls, config: Mapping[str, str]) -> TopicSettings:
        """Read them; ``ConfigError`` names the first key that is wrong."""
        policies = {
            word.strip() for word in config.get("cleanup.policy", "delete").split(",") if word.strip()
        }
        if policies - {"compact", "delete"}:
            raise ConfigError(problems={"cleanup.policy": ["must be delete, compact or both"]})
        kind = choice(config, "message.timestamp.type", "createtime", ("createtime", "logappendtime"))
        try:
            ratio = float(config.get("min.cleanable.dirty.ratio", "0.5"))
        except ValueError as exc:
            raise ConfigError(
                problems={"min.cleanable.dirty.ratio": ["must be a number from 0 to 1"]}
            ) from exc
        if not 0 <= ratio <= 1:
            raise ConfigError(problems={"min.cleanable.dirty.ratio": ["must be a number from 0 to 1"]})
        return cls(
            max_message_bytes=whole_number(config, "max.message.bytes", 1_048_588, most=_MAX_INT),
            append_time=kind == "logappendtime",
            compact="compact" in policies,
            delete="delete" in policies,
            retention_ms=whole_number(config, "retention.ms", 7 * 24 * 3600 * 1000, least=-1),
            retention_bytes=whole_number(config, "retention.bytes", -1, least=-1),
            delete_retention_ms=whole_number(config, "delete.retention.ms", 24 * 3600 * 1000),
            min_cleanable_dirty_ratio=ratio,
        )


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic: ``partition_ids[n]`` is the row of partition n."""

    name: str
    partition_ids: tuple[int, ...]
    config: Mapping[str, str]
    settings: TopicSettings


@dataclass(frozen=True, slots=True)
class LogSettings:
    """Settings of the log itself, from the worker's configuration; names and defaults are the broker's."""

    auto_create_topics: bool
    num_partitions: int
    retention_check_interval_ms: int

    @classmethod
    def parse(cls, config: Mapping[str, str]) -> LogSettings:
        """Read ``auto.create.topics.enable``, ``num.partitions``, ``log.retention.check.interval.ms``."""
        return cls(
            auto_create_topics=flag(config, "auto.create.topics.enable", True),
            num_partitions=whole_number(config, "num.partitions", 1, least=1, most=_MAX_PARTITIONS),
            retention_check_interval_ms=whole_number(
                config, "log.retention.check.interval.ms", 300_000, least=1
            ),
        )


class Catalog:
    """The topics as one connection sees them; reads the file again only after a change of topics."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._version = -1
        self._topics: dict[str, Topic] = {}

    @property
    def version(self) -> int:
        """Changes whenever a topic was created, changed or deleted (as of the last ``refresh``)."""
        return self._version

    def forget(self) -> None:
        """Read the file again at the next ``refresh``, whatever the version."""
        self._version = -1

    def refresh(self) -> dict[str, Topic]:
        """All topics, as of now."""
        version = self._connection.counter("catalog")
        if version != self._version:
            self._topics = self._load()
            self._version = version
        return self._topics

    def _load(self) -> dict[str, Topic]:
        partitions: dict[int, list[int]] = {}
        rows = self._connection.sql.execute("SELECT topic_id, id FROM partitions ORDER BY topic_id, number")
        for topic_id, partition_id in rows:
            partitions.setdefault(topic_id, []).append(partition_id)
        topics = {}
        for topic_id, name, text in self._connection.sql.execute(
            "SELECT id, name, config FROM topics ORDER BY name"
        ):
            config = json.loads(text)
            topics[name] = Topic(name, tuple(partitions[topic_id]), config, TopicSettings.parse(config))
        return topics

    def create(self, name: str, partitions: int, config: Mapping[str, str]) -> bool:
        """Create a topic on disk; False if there is one of this name."""
        problem = name_problem(name)
        if problem:
            raise DataError(problem)
        if not 1 <= partitions <= _MAX_PARTITIONS:
            raise ConfigError(
                f"topic {name} cannot have {partitions} partitions; "
                f"the embedded log allows 1 to {_MAX_PARTITIONS}"
            )
        TopicSettings.parse(config)
        with self._connection.write(f"create topic {name}") as sql:
            if sql.execute("SELECT 1 FROM topics WHERE name = ?", (name,)).fetchone():
                return False
            text = json.dumps(dict(config), sort_keys=True)
            topic_id = sql.execute("INSERT INTO topics (name, config) VALUES (?, ?)", (name, text)).lastrowid
            sql.executemany(
                "INSERT INTO partitions (topic_id, number) VALUES (?, ?)",
                [(topic_id, number) for number in range(partitions)],
            )
            self._connection.bump("catalog")
        return True

    def delete(self, name: str) -> bool:
        """Remove a topic, its records and the offsets groups hold on it; False if there is none."""
        with self._connection.write(f"delete topic {name}") as sql:
            row = sql.execute("SELECT id FROM topics WHERE name = ?", (name,)).fetchone()
            if row is None:
                return False
            ids = sql.execute("SELECT id FROM partitions WHERE topic_id = ?", row).fetchall()
            sql.executemany("DELETE FROM batches WHERE partition_id = ?", ids)
            sql.executemany("DELETE FROM txn_partitions WHERE partition_id = ?", ids)
            sql.execute("DELETE FROM partitions WHERE topic_id = ?", row)
            sql.execute("DELETE FROM topics WHERE id = ?", row)
            sql.execute("DELETE FROM group_offsets WHERE topic = ?", (name,))
            self._connection.bump("catalog")
        return True

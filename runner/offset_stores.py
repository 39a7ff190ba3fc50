"""Which store holds whose source offsets: the worker's, or a connector's own with it.

A connector with ``offsets.storage.topic`` (KIP-618) reads the worker's offsets overlaid by those of its own
topic, and writes to its own; what it wrote is then copied to the worker's store, so that the connector can
give its topic up again. A deleted offset is deleted in the worker's store first, so that no reading between
the two brings it back.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Collection, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from connectkit.api import Offset, Partition
from connectkit.errors import ConfigError, ConnectError
from connectkit.runner.clients import ClientConfigs
from connectkit.runner.configs.connector import SourceConnectorConfig
from connectkit.runner.configs.worker import WorkerConfig
from connectkit.runner.log.api import Log, OutRecord
from connectkit.runner.offset_file import OffsetFile
from connectkit.runner.offset_key import partition_key
from connectkit.runner.offset_topic import OffsetTopic, TopicSettings
from connectkit.runner.offsets import OffsetStore
from connectkit.runner.tolerance import describe

log = logging.getLogger(__name__)


class TransactionalStore(OffsetStore, Protocol):
    """A store whose records a transaction can write itself."""

    @property
    def topic(self) -> str:
        """Where the records go."""
        ...

    def records(
        self, connector: str, offsets: Mapping[str, tuple[Partition, Offset | None]]
    ) -> list[OutRecord]:
        """What a transaction has to append for these offsets."""
        ...

    def copy(self, connector: str, offsets: Mapping[str, tuple[Partition, Offset | None]]) -> None:
        """These were committed; bring them to where else they are kept. Failures are logged."""
        ...


class OwnTopic:
    """The offsets of a connector that has a topic of its own. Opened when it is first used."""

    def __init__(self, own: OffsetTopic, worker: OffsetStore) -> None:
        self._own = own
        self._worker = worker
        self._opening = threading.Lock()
        self._open = False

    @property
    def topic(self) -> str:
        return self._own.topic

    def start(self) -> None:
        with self._opening:
            if not self._open:
                self._own.start()
                self._open = True

    def stop(self) -> None:
        self._own.stop()

    def read(self, connector: str, keys: Collection[str]) -> dict[str, dict[str, Any]]:
        self.start()
        return self._worker.read(connector, keys) | self._own.read(connector, keys)

    def partitions(self, connector: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        self.start()
        both = (*self._worker.partitions(connector), *self._own.partitions(connector))
        return list({partition_key(partition): (partition, offset) for partition, offset in both}.values())

    def write(self, connector: str, offsets: Mapping[str, tuple[Partition, Offset | None]]) -> None:
        self.start()
        self._delete_first(connector, offsets)
        self._own.write(connector, offsets)
        self.copy(connector, offsets)

    def records(
        self, connector: str, offsets: Mapping[str, tuple[Partition, Offset | None]]
    ) -> list[OutRecord]:
        self.start()
        self._delete_first(connector, offsets)
        return self._own.records(connector, offsets)

    def _delete_first(self, connector: str, offsets: Mapping[str, tuple[Partition, Offset | None]]) -> None:
        deleted = {key: entry for key, entry in offsets.items() if entry[1] is None}
        if deleted:
            self._worker.write(connector, deleted)

    def copy(self, connector: str, offsets: Mapping[str, tuple[Partition, Offset | None]]) -> None:
        kept = {key: entry for key, entry in offsets.items() if entry[1] is not None}
        if not kept:
            return
        if isinstance(self._worker, OffsetTopic):
            self._worker.write_aside(connector, kept)
            return
        try:
            self._worker.write(connector, kept)
        except ConnectError as exc:
            log.warning(
                "Source offsets of connector %s are in topic %s but could not be copied to the worker's: %s",
                connector,
                self.topic,
                describe(exc),
            )


class OffsetStores:
    """The stores of one worker. Thread-safe."""

    def __init__(self, config: WorkerConfig, opened: Log, worker: OffsetStore) -> None:
        self._config = config
        self._log = opened
        self._worker = worker
        self._lock = threading.Lock()
        self._own: list[tuple[TopicSettings, OwnTopic]] = []

    def of(self, connector: SourceConnectorConfig) -> OffsetStore:
        """The store of this connector's offsets; the same one for all its tasks."""
        topic = connector.offsets_storage_topic
        if topic is None or topic == self._config.offset_storage_topic:
            return self._worker
        settings = topic_settings(self._config, topic, connector)
        with self._lock:
            found = next((store for known, store in self._own if known == settings), None)
            if found is None:
                found = OwnTopic(OffsetTopic(self._log, settings), self._worker)
                self._own.append((settings, found))
            return found

    def transactional(self, connector: SourceConnectorConfig) -> TransactionalStore:
        """The same, for a connector that delivers exactly once."""
        found = self.of(connector)
        if not isinstance(found, OwnTopic | OffsetTopic):
            raise ConfigError(
                problems={"offset.storage.topic": ["is needed by sources that deliver exactly once"]}
            )
        return found

    def stop(self) -> None:
        with self._lock:
            own, self._own = self._own, []
        for _, store in own:
            store.stop()


def open_store(config: WorkerConfig, opened: Log) -> OffsetStore:
    """The worker's own store, not started: the topic if one is named, else the file."""
    file = config.offset_storage_file_filename
    topic = config.offset_storage_topic
    if topic is None:
        assert file is not None
        return OffsetFile(file)
    moved = None if file is None else partial(take_over, Path(file))
    return OffsetTopic(opened, topic_settings(config, topic), opened=moved)


def topic_settings(
    config: WorkerConfig, topic: str, connector: SourceConnectorConfig | None = None
) -> TopicSettings:
    """How a topic of offsets is made, and with which clients it is used."""
    clients = ClientConfigs(config)
    return TopicSettings(
        topic=topic,
        partitions=config.offset_storage_partitions,
        replication=config.offset_storage_replication_factor,
        config=config.offset_topic_settings(),
        producer=clients.offset_producer(connector),
        consumer=clients.offset_consumer(connector),
        admin=clients.offset_admin(connector),
        flush_timeout_s=config.offset_flush_timeout_ms / 1000,
    )


def take_over(path: Path, topic: OffsetTopic) -> None:
    """Move to the topic what an offset file holds and the topic does not; then put the file aside."""
    if not path.exists():
        return
    file = OffsetFile(path)
    file.start()
    moved = 0
    for connector, offsets in file.everything().items():
        missing = {key: entry for key, entry in offsets.items() if not topic.knows(connector, key)}
        if missing:
            topic.write(connector, missing)
            moved += len(missing)
    file.stop()
    aside = path.with_name(f"{path.name}.moved")
    path.replace(aside)
    log.info(
        "Moved %d source offsets from %s to topic %s; the file is now %s",
        moved,
        path,
        topic.topic,
        aside,
    )

"""Where source offsets are kept: the store's contract, and the reader that tasks are given.

Threads: a store is shared by all tasks of a worker and locks for itself.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any, Protocol

from connectkit.api import Offset, Partition
from connectkit.errors import ConnectError
from connectkit.runner.offset_key import dump, partition_key


class OffsetStore(Protocol):
    """Durable source offsets of all connectors of a worker."""

    def start(self) -> None:
        """Open and read what is there; ``ConfigError`` names what cannot be read."""
        ...

    def write(self, connector: str, offsets: Mapping[str, tuple[Partition, Offset | None]]) -> None:
        """Store all of these, or none; returns when they are durable. Keys are partition keys.

        ``RetriableError`` if it may work later, ``FatalTaskError`` if not (a full disk).
        """
        ...

    def read(self, connector: str, keys: Collection[str]) -> dict[str, dict[str, Any]]:
        """The stored offsets of these partition keys; partitions without one are left out."""
        ...

    def partitions(self, connector: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        """All partitions of a connector that have an offset, with it."""
        ...

    def stop(self) -> None:
        """Let go; nothing is written any more."""
        ...


class StoredOffsets:
    """A task's view of its connector's offsets (``OffsetReader``). Thread-safe; closed with its task.

    Values come back as JSON has them: integers as written, bytes as base64 text.
    """

    __slots__ = ("_closed", "_connector", "_store")

    def __init__(self, store: OffsetStore, connector: str) -> None:
        self._store = store
        self._connector = connector
        self._closed = False

    def offset(self, partition: Partition) -> dict[str, Any] | None:
        return self.offsets([partition])[0]

    def offsets(self, partitions: Collection[Partition]) -> list[dict[str, Any] | None]:
        if self._closed:
            raise ConnectError(
                f"The offsets of connector {self._connector} were asked for after its task was closed"
            )
        keys = [partition_key(partition) for partition in partitions]
        found = self._store.read(self._connector, keys)
        return [found.get(key) for key in keys]

    def close(self) -> None:
        self._closed = True


class MemoryOffsets:
    """Offsets that end with the process: for tests, and as the cache inside a durable store."""

    def __init__(self) -> None:
        self.entries: dict[tuple[str, str], tuple[dict[str, Any], dict[str, Any] | None]] = {}
        """By connector and partition key: the partition and its offset; None is a deleted offset."""

    def start(self) -> None:
        pass

    def stop(self) -> None:
        pass

    def write(self, connector: str, offsets: Mapping[str, tuple[Partition, Offset | None]]) -> None:
        for key, (partition, offset) in offsets.items():
            self.entries[connector, key] = plain(partition), None if offset is None else plain(offset)

    def read(self, connector: str, keys: Collection[str]) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for key in keys:
            entry = self.entries.get((connector, key))
            if entry is not None and entry[1] is not None:
                found[key] = dict(entry[1])
        return found

    def partitions(self, connector: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        return [
            (dict(partition), dict(offset))
            for (name, _), (partition, offset) in self.entries.items()
            if name == connector and offset is not None
        ]


def plain(mapping: Mapping[str, Any] | None) -> dict[str, Any]:
    """A partition or offset as it will come back: after a journey through JSON."""
    found = json.loads(dump(mapping or {}, what="source offset"))
    assert isinstance(found, dict)
    return found

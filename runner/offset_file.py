"""Source offsets in one file, replaced as a whole: what a standalone worker resumes from.

The file is JSON that a person can read. It is never half-written: a temporary file beside it is written
and synced, renamed over it, and the folder is synced; mode 0600. A missing file means *no offsets yet*; a
file that is empty, torn, foreign or not readable is refused by name, where Kafka Connect would silently
start from nothing. Deleted offsets stay as nulls. Differences from Kafka's file of serialized Java
objects: the container (theirs is read once, see :mod:`connectkit.runner.java_offsets`, and kept beside
ours), and that keys match by content instead of by their bytes.

Several workers may share a file: each writes what its own connectors have stored into what the others left
there, one after the other by a lock on the folder (where its file system has such locks).

Threads: one lock; the lock is held while the file is written.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import threading
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from connectkit.api import Offset, Partition
from connectkit.errors import ConfigError, ConnectError, FatalTaskError, RetriableError
from connectkit.runner.causes import PASSING_ERRNO
from connectkit.runner.java_offsets import JAVA_MAGIC, read_java_offsets
from connectkit.runner.offset_key import encodable, partition_key
from connectkit.runner.offsets import MemoryOffsets

FORMAT = "connectkit-source-offsets"
VERSION = 1

log = logging.getLogger(__name__)


class OffsetFile:
    """An ``OffsetStore`` over ``offset.storage.file.filename``."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(os.path.realpath(path))  # a link stays, and what it names is replaced
        self._lock = threading.Lock()
        self._offsets = MemoryOffsets()
        self._java: bytes | None = None
        self._seen: tuple[int, ...] | None = None
        """What tells this file from one that another worker has written since."""
        self._open = False

    def start(self) -> None:
        with self._lock:
            parent = self._path.parent
            if not parent.is_dir():
                raise ConfigError(
                    f"The folder of the offset file {self._path} does not exist; create {parent} or change "
                    "offset.storage.file.filename"
                )
            self._offsets, self._seen = MemoryOffsets(), None
            with _alone_in(parent):
                self._load()
                # A writer that was killed leaves its temporary file behind.
                for stale in parent.glob(f".{self._path.name}.*.tmp"):
                    with contextlib.suppress(OSError):
                        stale.unlink()
            self._open = True

    def _load(self) -> None:
        """Read the file, if there is one and it is not the one that was read or written last."""
        try:
            seen = self._signature()
            if seen is None or seen == self._seen:
                return
            raw = self._path.read_bytes()
        except OSError as exc:
            raise ConfigError(
                f"The offset file {self._path} cannot be read ({exc.strerror}); make it readable for "
                "this user or change offset.storage.file.filename"
            ) from exc
        self._offsets, self._java = MemoryOffsets(), None
        if raw.startswith(JAVA_MAGIC):
            entries = read_java_offsets(raw, where=str(self._path))
            self._java = raw
            log.info("Took over %d source offsets from the Java worker's file %s", len(entries), self._path)
        else:
            entries = parse_offsets(raw, where=str(self._path))
        for connector, partition, offset in entries:
            self._offsets.entries[connector, partition_key(partition)] = partition, offset
        self._seen = seen

    def _signature(self) -> tuple[int, ...] | None:
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size

    def stop(self) -> None:
        with self._lock:
            self._open = False

    def write(self, connector: str, offsets: Mapping[str, tuple[Partition, Offset | None]]) -> None:
        with self._lock:
            if not self._open:
                raise ConnectError(f"The offset file {self._path} is closed")
            try:
                with _alone_in(self._path.parent):
                    self._load()
                    changed = MemoryOffsets()
                    changed.entries = dict(self._offsets.entries)
                    changed.write(connector, offsets)
                    if self._java is not None:
                        replace(self._path.with_name(self._path.name + ".java"), self._java)
                        self._java = None
                    replace(self._path, format_offsets(changed))
                    self._seen = self._signature()
            except OSError as exc:
                if exc.errno in PASSING_ERRNO:
                    raise RetriableError(
                        f"Source offsets of connector {connector} cannot be written to {self._path} just "
                        f"now: {exc.strerror}"
                    ) from exc
                raise FatalTaskError(
                    f"Source offsets of connector {connector} cannot be written to {self._path}: "
                    f"{exc.strerror}; the file is as it was, free space or mend its rights and restart the "
                    "task"
                ) from exc
            self._offsets = changed

    def read(self, connector: str, keys: Collection[str]) -> dict[str, dict[str, Any]]:
        with self._lock:
            return self._offsets.read(connector, keys)

    def partitions(self, connector: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        with self._lock:
            return self._offsets.partitions(connector)

    def everything(self) -> dict[str, dict[str, tuple[dict[str, Any], dict[str, Any] | None]]]:
        """All entries, by connector and partition key."""
        found: dict[str, dict[str, tuple[dict[str, Any], dict[str, Any] | None]]] = {}
        with self._lock:
            for (connector, key), entry in self._offsets.entries.items():
                found.setdefault(connector, {})[key] = entry
        return found


@contextlib.contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Keep other workers out of the folder's files for a while; they wait."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with contextlib.suppress(OSError):  # some file systems lock no folders
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def format_offsets(offsets: MemoryOffsets) -> bytes:
    """The file's bytes: one line an offset, so that two versions compare well."""
    lines = [
        json.dumps({"connector": name, "partition": partition, "offset": offset}, ensure_ascii=False)
        for (name, _), (partition, offset) in sorted(offsets.entries.items(), key=lambda entry: entry[0])
    ]
    body = encodable(",\n".join(lines))
    return f'{{"format": "{FORMAT}", "version": {VERSION}, "offsets": [\n{body}\n]}}\n'.encode()


def parse_offsets(raw: bytes, *, where: str) -> list[tuple[str, dict[str, Any], dict[str, Any] | None]]:
    """``(connector, partition, offset)`` of each entry; anything unexpected is a ``ConfigError``."""
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError) as exc:
        what = "is empty" if not raw.strip() else "is torn or was not written by connectkit (it is not JSON)"
        raise ConfigError(
            f"The offset file {where} {what}; restore it from a backup, or move it away to start every "
            "source from its beginning"
        ) from exc
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise ConfigError(
            f"The file {where} is JSON but not an offset file of connectkit; point "
            "offset.storage.file.filename to another file"
        )
    if found.get("version") != VERSION:
        raise ConfigError(
            f"The offset file {where} has version {found.get('version')!r}, and this connectkit knows "
            f"version {VERSION}; use the connectkit that wrote it, or newer"
        )
    entries = found.get("offsets")
    if not isinstance(entries, list):
        raise ConfigError(f"The offset file {where} has no list of offsets; restore it from a backup")
    made = []
    for number, entry in enumerate(entries):
        if not (
            isinstance(entry, dict)
            and isinstance(entry.get("connector"), str)
            and isinstance(entry.get("partition"), dict)
            and isinstance(entry.get("offset", False), dict | None)
        ):
            raise ConfigError(
                f"Entry {number + 1} of the offset file {where} is damaged; it needs connector, partition "
                "and offset; restore the file from a backup"
            )
        made.append((entry["connector"], entry["partition"], entry["offset"]))
    return made


def replace(path: Path, content: bytes) -> None:
    """Make the file hold this, or leave it as it was: temp file, fsync, rename, fsync of the folder."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)

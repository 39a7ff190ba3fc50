"""Exactly-once sinks that write files: a file a batch, and commits that say which count.

A partition has a folder of its own. A batch is written to a file of its own there, synced; then a *commit* is
linked into ``_commits``: a small JSON file with the next number of the chain, which names the file and the
offset after it. A file counts once it stands in a commit (:func:`committed_files`); what a crash left beside
is cleared away when the partition is opened again. Linking a number that is taken fails, and opening a
partition takes one: so a task that was thought dead cannot commit any more (``FencedError``). The folder's
file system must have hard links.

Threads: one, as a task's.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from connectkit.api import TopicPartition
from connectkit.errors import ConfigError, FencedError
from connectkit.exactly_once import Places
from connectkit.record import SinkRecord

COMMITS = "_commits"
FORMAT = "connectkit-file-commit"
VERSION = 1
_DIGITS = 20


class FileOffsets:
    """Files of one sink connector under ``folder``. ``suffix`` ends their names, such as ``.jsonl``."""

    def __init__(self, folder: str | os.PathLike[str], *, suffix: str = "") -> None:
        self._folder = Path(folder)
        self._suffix = suffix
        self._places = Places()
        self._numbers: dict[TopicPartition, int] = {}

    def open(self, partitions: Collection[TopicPartition]) -> dict[TopicPartition, int]:
        """Take these partitions over; returns where to read on, for ``context.offset``."""
        for tp in sorted(partitions):
            (self._of(tp) / COMMITS).mkdir(mode=0o700, parents=True, exist_ok=True)
            while True:
                number, offset = self._last(tp)
                try:
                    self._commit(tp, number + 1, offset, [])
                except FencedError:  # whoever held it was quicker once more
                    continue
                break
            self._numbers[tp] = number + 1
            self._places.begin(tp, offset)
            self._clear(tp, offset or 0)
        return {tp: offset for tp in partitions if (offset := self._places.next[tp]) is not None}

    def close(self, partitions: Collection[TopicPartition]) -> None:
        """These partitions are no longer ours."""
        self._places.forget(partitions)
        for tp in partitions:
            self._numbers.pop(tp, None)

    def write(self, records: Sequence[SinkRecord], encode: Callable[[list[SinkRecord]], bytes]) -> None:
        """Write what is not written yet: a file for each partition, each with a commit of its own.

        ``FencedError`` if a newer task has the partition; ``OSError`` if a file cannot be written.
        """
        for tp, fresh in self._places.fresh(records).items():
            first, after = fresh[0].original_kafka_offset, fresh[-1].original_kafka_offset + 1
            name = f"{_padded(first)}-{_padded(after)}-{uuid.uuid4().hex[:8]}{self._suffix}"
            path = self._of(tp) / name
            content = encode(fresh)
            with _whole(path, content) as temporary:
                temporary.replace(path)
            _sync(path.parent)
            try:
                self._commit(tp, self._numbers[tp] + 1, after, [{"name": name, "size_bytes": len(content)}])
            except FencedError:
                with suppress(OSError):
                    path.unlink()
                raise
            self._numbers[tp] += 1
            self._places.next[tp] = after

    def _of(self, tp: TopicPartition) -> Path:
        return self._folder / f"{tp.topic}-{tp.partition}"

    def _last(self, tp: TopicPartition) -> tuple[int, int | None]:
        """The last number of the chain and the offset it says; 0 and None before the first."""
        last = max(_commit_files(self._of(tp)), default=None)
        if last is None:
            return 0, None
        return int(last.stem), _read_commit(last).get("next_offset")

    def _commit(
        self, tp: TopicPartition, number: int, offset: int | None, files: Sequence[Mapping[str, Any]]
    ) -> None:
        path = self._of(tp) / COMMITS / f"{_padded(number)}.json"
        commit = {"format": FORMAT, "version": VERSION, "next_offset": offset, "files": files}
        with _whole(path, json.dumps(commit).encode()) as temporary:
            try:
                os.link(temporary, path)
            except FileExistsError as exc:
                raise FencedError(
                    f"Partition {tp.partition} of topic {tp.topic} belongs to a newer task: commit {number} "
                    f"in {path.parent} is there already, and nothing of this one counts"
                ) from exc
        _sync(path.parent)

    def _clear(self, tp: TopicPartition, offset: int) -> None:
        """Remove what was written and never committed."""
        folder = self._of(tp)
        for path in folder.iterdir():
            if path.is_file() and (path.name.startswith(".") or _first(path.name) >= offset):
                path.unlink(missing_ok=True)
        for path in (folder / COMMITS).glob(".*.tmp"):
            path.unlink(missing_ok=True)


def committed_files(folder: str | os.PathLike[str], topic: str, partition: int) -> list[Path]:
    """The files of a partition that count, in the order of their records."""
    own = Path(folder) / f"{topic}-{partition}"
    found = []
    for commit in sorted(_commit_files(own)):
        found += [own / file["name"] for file in _read_commit(commit)["files"]]
    return found


def _commit_files(folder: Path) -> list[Path]:
    return [path for path in (folder / COMMITS).glob("*.json") if path.stem.isdecimal()]


def _read_commit(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError) as exc:
        raise ConfigError(f"The commit {path} cannot be read; restore it from a backup") from exc
    if not isinstance(found, dict) or (found.get("format"), found.get("version")) != (FORMAT, VERSION):
        raise ConfigError(
            f"The file {path} is no commit that this connectkit knows; use the one that wrote it, or a newer "
            "one, or another folder"
        )
    return found


def _padded(number: int) -> str:
    return f"{number:0{_DIGITS}}"


def _first(name: str) -> int:
    """The first offset in a data file's name; -1 for a file that is none."""
    begin = name.partition("-")[0]
    return int(begin) if len(begin) == _DIGITS and begin.isdecimal() else -1


@contextmanager
def _whole(path: Path, content: bytes) -> Iterator[Path]:
    """A temporary file beside ``path`` that holds this, synced; removed if it is still there afterwards."""
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        yield temporary
    finally:
        with suppress(OSError):
            temporary.unlink()


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

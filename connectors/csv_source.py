"""Rows of CSV files as typed records, each exactly once in order, over any number of restarts.

The source partition is ``{"filename": path}``; the offset of a record is the place behind its row, so a
restart loses nothing, and repeats only what was sent but not yet acknowledged. Files are read one after
the other in the order of their names. What each option does: :mod:`connectkit.connectors.csv_config`.
"""

from __future__ import annotations

import glob
import logging
import os
import stat
import zlib
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from connectkit.api import Offset, SourceConnector, SourceTask, Support
from connectkit.connectors.csv_columns import parse_columns
from connectkit.connectors.csv_config import CsvSourceConfig, CsvSourceTaskConfig
from connectkit.connectors.csv_file import CsvFile, check_offset
from connectkit.connectors.csv_records import COLUMNS, FILENAME, POSITION
from connectkit.connectors.folder import resolve
from connectkit.errors import ConnectError
from connectkit.record import SourceRecord

log = logging.getLogger(__name__)

_PATTERN = frozenset("*?[")
_MAX_TURNS = 100
"""Batches in a row from one growing file, before the others are looked at."""


def is_one_file(path: str) -> bool:
    """Whether a path means one file, there or not, and neither a folder nor a pattern."""
    full = resolve(path)
    return not os.path.isdir(full) and (os.path.lexists(full) or _PATTERN.isdisjoint(path))


def files_of(path: str) -> list[str]:
    """The files a path means now, by name, each as it is named in offsets."""
    if is_one_file(path):
        return [path]
    full = resolve(path)
    if os.path.isdir(full):
        found = [os.path.join(path, name) for name in os.listdir(full) if name.endswith(".csv")]
        found = [name for name in found if not os.path.basename(name).startswith(".")]
    elif os.path.isabs(path):
        found = glob.glob(full, recursive=True)
    else:
        base = full[: len(full) - len(os.path.normpath(path))]
        found = glob.glob(os.path.normpath(path), root_dir=base, recursive=True)
    return sorted(name for name in found if _is_file(resolve(name)))


def _is_file(path: str) -> bool:
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except OSError:
        return False


class CsvSourceTask(SourceTask[CsvSourceTaskConfig]):
    """Reads its share of the files: those whose name's checksum falls to its number."""

    def __init__(self, config: CsvSourceTaskConfig) -> None:
        super().__init__(config)
        self._files: dict[str, CsvFile] = {}
        self._current: CsvFile | None = None
        self._turns = 0

    def start(self) -> None:
        self._look_for_files()
        if not self._files:
            log.warning("No file matches %s%s", self.config.file, self._outlook())

    def _outlook(self) -> str:
        return "; waiting for one" if self.config.mode == "tail" else ""

    def poll(self) -> list[SourceRecord] | None:
        if self._turns < _MAX_TURNS or self.config.mode == "once":
            if self._current is not None and (records := self._current.records(self.config.batch_size)):
                self._turns += 1
                return records
        self._look_for_files()
        files = list(self._files.values())
        at = 0 if self._current is None else files.index(self._current) + 1
        for file in files[at:] + files[:at]:
            if self.context.stopping:
                return None
            self._current, self._turns = file, 0
            if records := file.records(self.config.batch_size):
                return records
        if self.config.mode == "once" and all(file.exhausted for file in self._files.values()):
            self.context.finished()
        self.context.sleep(self.config.poll_interval_ms / 1000)
        return None

    def _look_for_files(self) -> None:
        count, index = self.config.task_count, self.config.task_index
        for path in files_of(self.config.file):
            if (
                path not in self._files
                and zlib.crc32(path.encode("utf-8", "surrogateescape")) % count == index
            ):
                self._files[path] = CsvFile(self.config, path, self.context.offset_reader)

    def stop(self) -> None:
        for file in self._files.values():
            file.close()


class CsvSource(SourceConnector[CsvSourceConfig]):
    """Send the rows of CSV files to a topic, with typed columns."""

    java_names: ClassVar[tuple[str, ...]] = ()
    task_class = CsvSourceTask

    def task_configs(self, max_tasks: int) -> Sequence[Mapping[str, str]]:
        count = 1 if is_one_file(self.config.file) else max_tasks
        return [
            {**self.config.originals, "task.index": str(index), "task.count": str(count)}
            for index in range(count)
        ]

    def exactly_once_support(self) -> Support:
        return Support.SUPPORTED

    def alter_offsets(self, offsets: Mapping[tuple[tuple[str, Any], ...], Offset | None]) -> bool:
        for partition, offset in offsets.items():
            if offset is None:
                continue  # whatever it is, it may go
            path = dict(partition or ()).get(FILENAME)
            if not isinstance(path, str):
                raise ConnectError(
                    f"A partition of a CSV source must have the path of its file as '{FILENAME}'."
                )
            if POSITION not in offset:
                raise ConnectError(f"An offset of a CSV source must have the key '{POSITION}'.")
            _, _, shape = check_offset(offset, path)
            try:
                parse_columns(shape or "")
            except ValueError as error:
                raise ConnectError(f"The '{COLUMNS}' of a CSV source's offset {error}.") from error
        return True

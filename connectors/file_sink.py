"""Records as lines of a text file, or of standard output: Kafka's own FileStreamSink.

One line a record: the value as Java's ``toString`` has it, ``null`` for none. The file is appended to
and may be shared. A flush is durable (``fsync``), and lines reach the file whole: what a failed write
left is cut off again, and a last line that an earlier run left without its end is ended first, so that
no record is ever glued to another. A record that is delivered again is written again. Source: runtime 9.2.
"""

from __future__ import annotations

import contextlib
import logging
import os
import stat
import sys
from collections.abc import Mapping, Sequence
from typing import ClassVar

from connectkit.api import SinkConnector, SinkTask, TopicPartition
from connectkit.config import HIGH, Config, option
from connectkit.connectors.folder import Folder, reason
from connectkit.errors import ConnectError, FatalTaskError
from connectkit.javatext import text_of
from connectkit.record import SinkRecord

log = logging.getLogger(__name__)

_LINE_END = os.linesep


class FileStreamSinkConfig(Config):
    """Where the lines go to."""

    file: str | None = option(
        None,
        doc="The file to append to. Without one (or with an empty name), standard output.",
        importance=HIGH,
    )


class FileStreamSinkTask(SinkTask[FileStreamSinkConfig]):
    """Appends to one file. Each ``put`` is one write, so a fault hits between records."""

    def __init__(self, config: FileStreamSinkConfig) -> None:
        super().__init__(config)
        self._path = config.file or None
        self._shown = self._path or "standard output"
        self._fd: int | None = None
        self._regular = False
        self._failed: ConnectError | None = None

    def start(self) -> None:
        if self._path is None:
            return
        try:
            folder, name = Folder.of(self._path)
            with contextlib.closing(folder):
                self._fd = folder.open(name, os.O_RDWR | os.O_CREAT | os.O_APPEND)
            self._regular = stat.S_ISREG(os.fstat(self._fd).st_mode)
            if not self._regular:
                os.set_blocking(self._fd, True)
            elif _ends_in_mid_line(self._fd):
                log.warning(
                    "%s ends in the middle of a line; the line is ended before more is written", self._path
                )
                os.write(self._fd, _LINE_END.encode())
        except OSError as error:
            raise ConnectError(
                f"{self._shown} cannot be opened for appending: {reason(error)}; "
                "look at the folder and its permissions."
            ) from error

    def put(self, records: list[SinkRecord]) -> None:
        if self._failed is not None:
            raise self._failed
        if not records:
            return
        texts = [value if type(value) is str else text_of(value) for value in [r.value for r in records]]
        texts.append("")
        # A lone surrogate has no UTF-8 form; Java writes a question mark.
        self._write(_LINE_END.join(texts).encode("utf-8", "replace"))

    def _write(self, data: bytes) -> None:
        if self._fd is None:
            sys.stdout.buffer.write(data)
            return
        written = 0
        try:
            while written < len(data):
                written += os.write(self._fd, memoryview(data)[written:])
        except OSError as error:
            if self._regular and written:
                self._take_back(data[:written])
            self._failed = FatalTaskError(
                f"{self._shown} cannot be written: {reason(error)}; make room or choose another file, then "
                "restart the task."
            )
            raise self._failed from error

    def _take_back(self, part: bytes) -> None:
        """Cut off the beginning of a batch that could not be written, unless somebody wrote behind it."""
        assert self._fd is not None
        with contextlib.suppress(OSError):
            size = os.fstat(self._fd).st_size
            tail = os.pread(self._fd, len(part), size - len(part))
            if tail == part:
                os.ftruncate(self._fd, size - len(part))

    def flush(self, offsets: Mapping[TopicPartition, int]) -> None:
        if self._failed is not None:
            raise self._failed
        try:
            if self._fd is None:
                sys.stdout.flush()
            elif self._regular:
                os.fsync(self._fd)
        except OSError as error:
            self._failed = FatalTaskError(
                f"{self._shown} cannot be made durable: {reason(error)}; "
                "look at the disk, then restart the task."
            )
            raise self._failed from error

    def stop(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def _ends_in_mid_line(fd: int) -> bool:
    size = os.fstat(fd).st_size
    return size > 0 and os.pread(fd, 1, size - 1) not in (b"\n", b"\r")


class FileStreamSink(SinkConnector[FileStreamSinkConfig]):
    """Append the records of topics to a text file, one line each."""

    java_names: ClassVar[tuple[str, ...]] = ("org.apache.kafka.connect.file.FileStreamSinkConnector",)
    task_class = FileStreamSinkTask

    def task_configs(self, max_tasks: int) -> Sequence[Mapping[str, str]]:
        return [dict(self.config.originals) for _ in range(max_tasks)]

    def alter_offsets(self, offsets: Mapping[TopicPartition, int | None]) -> bool:
        return True

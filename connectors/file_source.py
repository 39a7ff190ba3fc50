r"""Lines of a text file, or of standard input, as records: Kafka's own FileStreamSource.

One record a line, as a string. Lines end in ``\n``, ``\r\n`` or ``\r``; a line without its end is never
sent, and bytes that are not UTF-8 become U+FFFD. The source partition is ``{"filename": path as
configured}`` and the offset ``{"position": bytes}``, the place after the line's end. Java counts characters
there, and so goes on at the wrong place in a file that is not plain ASCII; counting bytes is the one
intended difference. Source: runtime 9.1.
"""

from __future__ import annotations

import logging
import os
import select
import stat
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate, islice
from typing import Any, ClassVar

from connectkit.api import Offset, SourceConnector, SourceTask, Support
from connectkit.checks import non_empty_string
from connectkit.config import HIGH, LOW, Config, option
from connectkit.connectors.folder import open_to_read, reason
from connectkit.errors import ConnectError, LimitError
from connectkit.limits import DEFAULT_LIMITS
from connectkit.record import SourceRecord
from connectkit.schema import Schema

log = logging.getLogger(__name__)

FILENAME, POSITION = "filename", "position"
BLOCK_BYTES = 1 << 18
_IDLE_S = 1.0


class FileStreamSourceConfig(Config):
    """Where the lines come from and go to."""

    file: str | None = option(
        None, doc="The file to read. Without one (or with an empty name), standard input.", importance=HIGH
    )
    topic: str = option(doc="The topic the lines go to.", check=non_empty_string, importance=HIGH)
    batch_size: int = option(
        2000, doc="The largest number of records to give the worker at once.", importance=LOW
    )


class FileStreamSourceTask(SourceTask[FileStreamSourceConfig]):
    """Reads one file in blocks and cuts them into lines; bytes after the last line end are kept back."""

    def __init__(self, config: FileStreamSourceConfig, *, now: Callable[[], float] = time.time) -> None:
        super().__init__(config)
        self._now = now
        self._path = config.file or None
        self._shown = self._path or "standard input"
        self._fd: int | None = None
        self._position = 0  # where ``_rest`` begins
        self._rest: list[bytes] = []  # the beginning of a line whose end has not been read
        self._rest_bytes = 0
        self._lines: list[bytes] = []  # whole lines not yet sent, without their ends,
        self._next = 0  # from this one on,
        self._ends: list[int] = []  # and the position after each
        self._told: str | None = None
        self._partition = {FILENAME: self._path}

    def start(self) -> None:
        """Nothing yet: the file is opened by the first ``poll`` that finds it."""

    def poll(self) -> list[SourceRecord] | None:
        if self._next == len(self._lines) and not self._read():
            self.context.sleep(_IDLE_S)
            return None
        return self._take(max(self.config.batch_size, 1))

    def stop(self) -> None:
        if self._path is not None and self._fd is not None:
            os.close(self._fd)
        self._fd = None

    # --- from lines to records

    def _take(self, count: int) -> list[SourceRecord]:
        start, end = self._next, min(self._next + count, len(self._lines))
        partition, topic, schema = self._partition, self.config.topic, Schema.STRING
        now_ms = int(self._now() * 1000)
        # In one piece, as a line feed is one in UTF-8 whatever stands around it.
        texts = b"\n".join(self._lines[start:end]).decode("utf-8", "replace").split("\n")
        if self._path is None:
            offset = {POSITION: None}
            records = [
                SourceRecord(partition, offset, topic, schema, text, timestamp=now_ms) for text in texts
            ]
        else:
            records = [
                SourceRecord(partition, {POSITION: position}, topic, schema, text, timestamp=now_ms)
                for text, position in zip(texts, islice(self._ends, start, end))
            ]
        self._next = end
        return records

    # --- from bytes to lines

    def _read(self) -> bool:
        """Read until a line is whole; False if nothing more is there for now."""
        if self._fd is None and not self._open():
            return False
        assert self._fd is not None
        while not self.context.stopping:
            block = self._block()
            if not block:
                return False
            if self._split(block):
                return True
        return False

    def _open(self) -> bool:
        if self._path is None:
            self._fd = sys.stdin.fileno()
            return True
        try:
            fd = open_to_read(self._path)
        except FileNotFoundError:
            self._tell(f"{self._shown} is not there; waiting for it to appear")
            return False
        except OSError as error:
            raise ConnectError(
                f"{self._shown} cannot be opened: {reason(error)}; name a file that this worker may read."
            ) from error
        try:
            self._position = self._stored_position()
            if stat.S_ISREG(os.fstat(fd).st_mode):
                os.lseek(fd, self._position, os.SEEK_SET)
            else:
                self._position = 0  # a pipe has no places to go back to
        except BaseException:
            os.close(fd)
            raise
        self._fd = fd
        self._told = None
        return True

    def _stored_position(self) -> int:
        stored = self.context.offset_reader.offset(self._partition)
        position = None if stored is None else stored.get(POSITION)
        if position is None:
            return 0
        if not isinstance(position, int) or isinstance(position, bool):
            raise ConnectError(
                f"Offset position is the incorrect type: the stored offset of {self._shown} must be an "
                "integer; reset this connector's offsets."
            )
        if position < 0:
            raise ConnectError(
                f"The stored position of {self._shown} is negative; reset this connector's offsets."
            )
        return position

    def _block(self) -> bytes:
        """What can be read now, without waiting; empty if that is nothing."""
        fd = self._fd
        assert fd is not None
        try:
            if self._path is None:
                if not select.select([fd], [], [], 0)[0]:
                    return b""
                block = os.read(fd, BLOCK_BYTES)
                if not block:
                    self.context.finished()
                return block
            block = os.read(fd, BLOCK_BYTES)
            if not block:
                self._look_for_cut(fd)
            return block
        except BlockingIOError:
            return b""  # a pipe whose writer has nothing to say
        except OSError as error:
            raise ConnectError(f"{self._shown} cannot be read: {reason(error)}.") from error

    def _look_for_cut(self, fd: int) -> None:
        found = os.fstat(fd)
        reached = self._position + self._rest_bytes
        if stat.S_ISREG(found.st_mode) and found.st_size < reached:
            self._tell(
                f"{self._shown} is {found.st_size} bytes long, shorter than the position {reached} reached "
                "in it; waiting for it to grow (if it was replaced, reset this connector's offsets)"
            )

    def _tell(self, message: str) -> None:
        """Warn, once as long as nothing else happens."""
        if message != self._told:
            log.warning("%s", message)
            self._told = message

    def _split(self, block: bytes) -> bool:
        """Take in a block; whether there are whole lines now."""
        held = bool(self._rest) and self._rest[-1].endswith(b"\r")
        # A carriage return at the end may be half of a line end: it waits for what follows.
        if not held and b"\n" not in block and block.find(b"\r", 0, -1) < 0:
            self._keep(block)
            return False
        data = b"".join((*self._rest, block)) if self._rest else block
        whole = data.splitlines(keepends=True)
        self._rest, self._rest_bytes = [], 0
        if not whole[-1].endswith(b"\n"):
            self._keep(whole.pop())
        if not whole:
            return False
        ends = list(accumulate(map(len, whole), initial=self._position))
        self._position = ends[-1]
        self._lines, self._ends, self._next = data.splitlines()[: len(whole)], ends[1:], 0
        self._told = None
        return True

    def _keep(self, part: bytes) -> None:
        self._rest.append(part)
        self._rest_bytes += len(part)
        if self._rest_bytes > DEFAULT_LIMITS.value_bytes:
            raise LimitError(
                f"The line of {self._shown} that begins at byte {self._position} is longer than "
                f"{DEFAULT_LIMITS.value_bytes} bytes, the most a value may have; look whether this is text."
            )


class FileStreamSource(SourceConnector[FileStreamSourceConfig]):
    """Send each line of a text file to a topic."""

    java_names: ClassVar[tuple[str, ...]] = ("org.apache.kafka.connect.file.FileStreamSourceConnector",)
    task_class = FileStreamSourceTask

    def task_configs(self, max_tasks: int) -> Sequence[Mapping[str, str]]:
        return [dict(self.config.originals)]

    def exactly_once_support(self) -> Support:
        return Support.SUPPORTED if self.config.file else Support.UNSUPPORTED

    def alter_offsets(self, offsets: Mapping[tuple[tuple[str, Any], ...], Offset | None]) -> bool:
        if not self.config.file:
            raise ConnectError("Offsets cannot be set for standard input; give the connector a file.")
        for partition, offset in offsets.items():
            if offset is None:
                continue  # whatever it is, it may go
            check_position(offset)
            if FILENAME not in dict(partition or ()):
                raise ConnectError(f"A partition of a file source must have the key '{FILENAME}'.")
        return True


def check_position(offset: Offset) -> None:
    """Raise ``ConnectError`` unless the offset has a usable position."""
    if POSITION not in offset:
        raise ConnectError(f"An offset of a file source must have the key '{POSITION}'.")
    position = offset[POSITION]
    if not isinstance(position, int) or isinstance(position, bool):
        raise ConnectError(f"The '{POSITION}' of a file source's offset must be an integer.")
    if position < 0:
        raise ConnectError(f"The '{POSITION}' of a file source's offset must not be negative.")

"""What a CSV sink knows about its current file, durable and locked: the memory that survives a kill.

The journal is a small file beside the output, ``.NAME.journal``. It says which part is being written and
how many of its bytes are whole, flushed rows; whatever lies behind them is cut off by the next start.
It is replaced as a whole (write, ``fsync``, rename), and locked for as long as it is open, so that no
two writers work on one output.
"""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import asdict, dataclass, field
from typing import Any

from connectkit.connectors.folder import Folder, write_all
from connectkit.errors import ConnectError

_FORMAT = "connectkit csv sink 1"
_MAX_BYTES = 4 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """The state after a flush. ``part`` 0: no part yet; ``length`` is in bytes."""

    part: int = 0
    length: int = 0
    rows: int = 0
    began_ms: int = 0
    columns: list[str] = field(default_factory=list)


class Journal:
    """The journal of one output. Errors of the system are ``OSError``."""

    def __init__(self, folder: Folder, name: str) -> None:
        self._folder = folder
        self._name = f".{name}.journal"
        self._fd = -1
        self.entry = Entry()
        self.is_new = True
        """Whether nothing has ever been written to it."""

    @property
    def path(self) -> str:
        return os.path.join(self._folder.path, self._name)

    def exists(self) -> bool:
        return self._folder.stat(self._name) is not None

    def open(self) -> None:
        """Lock the journal and read it; one that is not there is made."""
        while True:
            fd = self._folder.open(self._name, os.O_RDWR | os.O_CREAT)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                current = self._folder.stat(self._name)
                if current is not None and current.st_ino == os.fstat(fd).st_ino:
                    data = os.pread(fd, _MAX_BYTES, 0)
                    self.entry = self._parsed(data) if data else Entry()
                    self.is_new = not data
                    self._fd = fd
                    return
            except BlockingIOError as error:
                os.close(fd)
                raise ConnectError(
                    f"{self.path} is locked: another task or program writes to the same output; "
                    "give each its own."
                ) from error
            except BaseException:
                os.close(fd)
                raise
            os.close(fd)  # it was replaced between opening and locking

    def _parsed(self, data: bytes) -> Entry:
        try:
            content: dict[str, Any] = json.loads(data)
            if content.pop("format") != _FORMAT:
                raise ValueError
            entry = Entry(**content)
            numbers = (entry.part, entry.length, entry.rows, entry.began_ms)
            if any(type(number) is not int or number < 0 for number in numbers):
                raise ValueError
            if not all(isinstance(name, str) for name in entry.columns):
                raise ValueError
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ConnectError(
                f"{self.path} is not a journal of a CSV sink, or is damaged; move it and its output away to "
                "begin a new file."
            ) from error
        return entry

    def write(self, entry: Entry) -> None:
        """Make this the state, durably."""
        if entry == self.entry and not self.is_new:
            return
        new = f"{self._name}.new"
        fd = self._folder.open(new, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            write_all(fd, json.dumps({"format": _FORMAT, **asdict(entry)}).encode())
            os.fsync(fd)
            self._folder.rename(new, self._name)
        except BaseException:
            os.close(fd)
            raise
        os.close(self._fd)
        self._fd, self.entry, self.is_new = fd, entry, False
        self._folder.sync()

    def remove(self) -> None:
        """Forget everything; only while it is open."""
        self._folder.remove(self._name)

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

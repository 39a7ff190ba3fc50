"""One output of a CSV sink: a file, or a row of parts, in which only flushed rows ever survive.

Rows are buffered and written in order; :meth:`Output.flush` makes them durable and says so in the
journal. Whatever a killed or failed run left behind the last flush is cut off by the next start, so a
file holds whole rows and, apart from a kill between a flush and the commit of its offsets, each record
once. With parts, one is ``NAME.part`` until it is full and flushed, and then gets its own name, under
which it never changes. Errors of the system are ``OSError``. Used by one thread.
"""

from __future__ import annotations

import logging
import os
import re
import stat
from dataclasses import dataclass, field

from connectkit.connectors.csv_journal import Entry, Journal
from connectkit.connectors.folder import Folder, write_all
from connectkit.errors import ConnectError, FatalTaskError

log = logging.getLogger(__name__)

SEQ = "{seq}"
BUFFER_BYTES = 1 << 20


@dataclass(slots=True)
class _Part:
    """A file being written: ``size`` counts the buffer too, ``flushed`` is durable and in the journal."""

    number: int
    name: str
    final_name: str
    fd: int
    columns: list[str]
    size: int = 0
    rows: int = 0
    began_ms: int = 0
    flushed: int = 0
    flushed_rows: int = 0
    buffer: bytearray = field(default_factory=bytearray)


class Output:
    """The file of that path, or with ``{seq}`` in its name the parts numbered from 1.

    ``adopt``: a file that is there and has no journal is appended to, instead of refused.
    """

    def __init__(self, path: str, *, adopt: bool) -> None:
        self.path = path
        self._adopt = adopt
        self._in_parts = SEQ in os.path.basename(path)
        self._folder: Folder
        self._name: str
        self._journal: Journal
        self._part: _Part | None = None
        self._sealed: list[_Part] = []
        self._opened = False

    # --- opening and recovery

    def open(self, *, only_if_known: bool = False) -> bool:
        """Lock the output and cut off what was never flushed; False if it is unknown and may not be made."""
        if self._opened:
            return True
        try:
            self._folder, self._name = Folder.of(self.path, create=not only_if_known)
        except FileNotFoundError:
            if only_if_known:
                return False
            raise
        self._journal = Journal(self._folder, self._name.replace(SEQ, "seq"))
        try:
            if only_if_known and not self._journal.exists():
                self._folder.close()
                return False
            self._refuse_special()
            self._journal.open()
            if self._journal.is_new:
                self._look_for_foreign()
            self._recover()
        except BaseException:
            self._journal.close()
            self._folder.close()
            raise
        self._opened = True
        return True

    def _refuse_special(self) -> None:
        """Devices and pipes cannot be cut back, and a journal beside them would be litter."""
        found = None if self._in_parts else self._folder.stat(self._name)
        if found is not None and not stat.S_ISREG(found.st_mode) and not stat.S_ISLNK(found.st_mode):
            raise ConnectError(f"{self.path} is not an ordinary file; choose another file.")

    def _look_for_foreign(self) -> None:
        """Whatever is there without a journal is somebody else's: refuse it, or take it over as it is."""
        if self._in_parts:
            name = next((self._part_name(number) for number in self._numbers(".part")), None)
        else:
            found = self._folder.stat(self._name)
            name = None if found is None or found.st_size == 0 else self._name
        if name is None:
            self._journal.write(Entry())
            return
        shown = os.path.join(self._folder.path, name)
        if self._in_parts or not self._adopt:
            self._journal.remove()
            raise ConnectError(
                f"{shown} is there already and was not written by this sink; move it away or choose another "
                f"file{'' if self._in_parts else ', or set existing.file=append'}."
            )
        fd = self._folder.open(name, os.O_RDONLY)
        try:
            found = os.fstat(fd)
            whole = stat.S_ISREG(found.st_mode) and os.pread(fd, 1, found.st_size - 1) == b"\n"
        finally:
            os.close(fd)
        if not whole:
            self._journal.remove()
            raise ConnectError(f"{shown} does not end with a line end; give it one, or choose another file.")
        self._journal.write(Entry(length=found.st_size))

    def _recover(self) -> None:
        entry = self._journal.entry
        if self._in_parts:
            for number in self._numbers(".part"):
                if number > entry.part or (number == entry.part and not entry.length):
                    self._folder.remove(self._part_name(number))  # begun after the last flush
        name = self._part_name(entry.part)
        there = self._folder.stat(name) if entry.part or not self._in_parts else None
        if there is None:
            if entry.length and not self._in_parts:
                log.warning("%s is gone and is begun anew", self.path)
            self._journal.write(Entry(part=entry.part))
            return
        fd = self._folder.open(name, os.O_RDWR)
        try:
            self._part = self._taken_up(fd, name, entry)
        except BaseException:
            os.close(fd)
            raise

    def _taken_up(self, fd: int, name: str, entry: Entry) -> _Part:
        shown = os.path.join(self._folder.path, name)
        found = os.fstat(fd)
        length = entry.length
        if not stat.S_ISREG(found.st_mode):
            raise ConnectError(f"{shown} is not an ordinary file; choose another file.")
        if found.st_size < length:
            raise ConnectError(
                f"{shown} is {found.st_size} bytes long and was {length} when it was written last; restore "
                f"it, or move it and {self._journal.path} away to begin a new file."
            )
        if found.st_size > length:
            os.ftruncate(fd, length)
            os.fsync(fd)
            log.warning(
                "%s: cut off %d bytes behind the last flush; their records come again",
                shown, found.st_size - length,
            )  # fmt: skip
        os.lseek(fd, length, os.SEEK_SET)
        return _Part(
            number=entry.part,
            name=name,
            final_name=self._final_name(entry.part),
            fd=fd,
            columns=list(entry.columns),
            size=length,
            rows=entry.rows,
            began_ms=entry.began_ms,
            flushed=length,
            flushed_rows=entry.rows,
        )

    def _final_name(self, number: int) -> str:
        return self._name.replace(SEQ, f"{number:06d}")

    def _part_name(self, number: int) -> str:
        return f"{self._final_name(number)}.part" if self._in_parts else self._name

    def _numbers(self, suffix: str) -> list[int]:
        """The numbers of the parts that are there under names with this suffix."""
        before, after = self._name.split(SEQ, 1)
        shape = re.compile(re.escape(before) + r"([0-9]{6,18})" + re.escape(after.replace(SEQ, "") + suffix))
        return sorted(int(found[1]) for found in map(shape.fullmatch, self._folder.names()) if found)

    # --- writing

    @property
    def columns(self) -> list[str]:
        """The columns of the part being written; none if there is no part, or its columns are unknown."""
        return self._part.columns if self._part is not None else []

    @property
    def size(self) -> int:
        """Bytes of the part being written."""
        return self._part.size if self._part is not None else 0

    @property
    def rows(self) -> int:
        return self._part.rows if self._part is not None else 0

    @property
    def began_ms(self) -> int | None:
        """When the first row of the part being written came; None if it has none."""
        return self._part.began_ms if self._part is not None and self._part.rows else None

    @property
    def is_fresh(self) -> bool:
        """Whether the next bytes are the first of a file."""
        return self._part is None or self._part.size == 0

    def begin(self, columns: list[str]) -> None:
        """Say which columns the coming rows have; starts a part if there is none."""
        if self._part is None:
            self._part = self._new_part()
        self._part.columns = columns

    def _new_part(self) -> _Part:
        number = 0
        if self._in_parts:
            last = max(self._numbers("") + self._numbers(".part") + [self._journal.entry.part])
            number = last + 1
        name = self._part_name(number)
        fd = self._folder.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL)
        return _Part(number=number, name=name, final_name=self._final_name(number), fd=fd, columns=[])

    def append(self, data: bytes, rows: int, now_ms: int) -> None:
        """Add whole rows (a header counts as none)."""
        part = self._part
        assert part is not None
        if rows and not part.rows:
            part.began_ms = now_ms
        part.buffer += data
        part.size += len(data)
        part.rows += rows
        if len(part.buffer) >= BUFFER_BYTES:
            self._write(part)

    def seal(self) -> None:
        """The part is full: it gets its name with the next flush, and other rows another part."""
        if self._part is not None and self._in_parts:
            self._sealed.append(self._part)
            self._part = None

    @property
    def has_sealed(self) -> bool:
        return bool(self._sealed)

    @staticmethod
    def _write(part: _Part) -> None:
        buffer, part.buffer = part.buffer, bytearray()
        write_all(part.fd, buffer)

    # --- durability

    def flush(self) -> None:
        """Make every row durable; when this returns, none of them is lost."""
        for each in [*self._sealed, *([self._part] if self._part is not None else [])]:
            if each.size > each.flushed:
                self._write(each)
                os.fsync(each.fd)
        while self._sealed:
            self._finish(self._sealed[0])
            del self._sealed[0]
        part = self._part
        if part is None:
            return
        if part.size > part.flushed:
            if not part.flushed:
                self._folder.sync()
            self._journal.write(
                Entry(
                    part=part.number,
                    length=part.size,
                    rows=part.rows,
                    began_ms=part.began_ms,
                    columns=part.columns,
                )
            )
            part.flushed, part.flushed_rows = part.size, part.rows

    def _finish(self, part: _Part) -> None:
        if self._folder.stat(part.final_name) is not None:
            raise FatalTaskError(
                f"{os.path.join(self._folder.path, part.final_name)} has appeared and is not overwritten; "
                "move it away, then restart the task."
            )
        self._folder.rename(part.name, part.final_name)
        self._folder.sync()
        self._journal.write(Entry(part=part.number))
        os.close(part.fd)

    def discard(self) -> None:
        """Take back everything since the last flush; what of it can be taken back."""
        for full in self._sealed:
            self._cut_back(full)
            os.close(full.fd)
        self._sealed = []
        part = self._part
        if part is not None and (part.size > part.flushed or not part.flushed):
            self._cut_back(part)
            if not part.flushed:
                os.close(part.fd)
                self._part = None

    def _cut_back(self, part: _Part) -> None:
        part.buffer = bytearray()
        part.size, part.rows = part.flushed, part.flushed_rows
        try:
            if part.flushed:
                os.ftruncate(part.fd, part.flushed)
                os.lseek(part.fd, part.flushed, os.SEEK_SET)
            else:
                self._folder.remove(part.name)
        except OSError:
            log.warning("%s could not be cut back; the next start does it", self.path)

    def head(self, size_bytes: int) -> bytes:
        """The beginning of the file being written, as far as it was flushed."""
        return b"" if self._part is None else os.pread(self._part.fd, size_bytes, 0)

    def close(self) -> None:
        """Take back what was not flushed, give the last part its name, and let go of the output."""
        if not self._opened:
            return
        self._opened = False
        self.discard()
        last, self._part = self._part, None
        try:
            if last is not None and self._in_parts:
                self._finish(last)
                last = None
        finally:
            if last is not None:
                os.close(last.fd)
            self._journal.close()
            self._folder.close()

"""One CSV file being read: where it was left, what its columns are, and the next records.

Reading goes on exactly behind the last record whose offset was stored, and only if the file still is
what it was: as long, with the same header, and with a row ending there. Otherwise the task fails with a
sentence and the stored offset stays. The offset holds the position in bytes, the line, and the columns
with their types, so that inference is done once in a file's life. Used by one thread.
"""

from __future__ import annotations

import logging
import os
import stat
from typing import Any

from connectkit.api import OffsetReader
from connectkit.connectors.csv_columns import Column, infer, parse_columns
from connectkit.connectors.csv_config import CsvSourceConfig
from connectkit.connectors.csv_records import COLUMNS, FILENAME, LINE, POSITION, Misfit, RecordMaker
from connectkit.connectors.csv_rows import BOM_BYTES, BadRow, RowParser, Rows
from connectkit.connectors.folder import open_to_read, reason
from connectkit.errors import ConnectError, DataError
from connectkit.record import SourceRecord
from connectkit.suggest import did_you_mean

log = logging.getLogger(__name__)

BLOCK_BYTES = 1 << 18
_NOTHING = Rows([], [], [], [])
_TOLD_ROWS = 20
"""Bad rows that are logged one by one; later ones are logged as a number a batch."""


class CsvFile:
    """A file, or the place where one will be. ``exhausted``: ``mode=once`` has sent all of it."""

    def __init__(self, config: CsvSourceConfig, path: str, offsets: OffsetReader) -> None:
        self.path = path
        self.exhausted = False
        self.skipped_rows = 0
        self._config = config
        self._once = config.mode == "once"
        self._offsets = offsets
        self._place: dict[str, Any] | None = None  # the offset of the last record given
        self._identity: tuple[int, int] | None = None
        self._fd: int | None = None
        self._parser: RowParser | None = None
        self._maker: RecordMaker | None = None
        self._rows = _NOTHING
        self._next = 0
        self._failure: DataError | None = None
        self._told: str | None = None

    def records(self, count: int) -> list[SourceRecord]:
        """The next records, at most that many; empty if there are none for now.

        ``DataError`` names a row that does not fit (after all records before it were given),
        ``ConnectError`` a file that cannot be read on.
        """
        if self._failure is not None:
            raise self._failure
        while True:
            if self._next == len(self._rows) and not self._read():
                return []
            assert self._maker is not None
            part = self._rows.part(self._next, self._next + count)
            self._next += len(part)
            records, misfits = self._maker.make(part)
            if misfits:
                records = self._without(records, misfits)
            if records:
                self._place = dict(records[-1].source_offset or {})
                return records

    def close(self) -> None:
        """Let go of the file; reading may go on later."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    # --- rows that do not fit

    def _without(self, records: list[SourceRecord], misfits: list[Misfit]) -> list[SourceRecord]:
        if self._config.on_bad_row == "skip":
            for misfit in misfits[: max(0, _TOLD_ROWS - self.skipped_rows)]:
                log.warning("%s:%d is left out: it %s", self.path, misfit.line, misfit.reason)
            self.skipped_rows += len(misfits)
            if self.skipped_rows > _TOLD_ROWS:
                log.warning(
                    "%s: %d rows left out so far, the last at line %d",
                    self.path, self.skipped_rows, misfits[-1].line,
                )  # fmt: skip
            return records
        first = misfits[0]
        self._failure = DataError(
            f"{self.path}:{first.line} {first.reason}; correct it, or leave such out with on.bad.row=skip"
        )
        if first.index == 0:
            raise self._failure
        # Every row before the first misfit gave a record.
        return records[: first.index]

    # --- reading

    def _read(self) -> bool:
        """Read until there are rows; False if nothing more is there for now."""
        if self.exhausted or (self._fd is None and not self._open()):
            return False
        assert self._fd is not None
        if self._parser is None and not self._begin(self._fd):
            self.close()
            return False
        assert self._parser is not None
        while self._next == len(self._rows):
            rows = self._feed(self._fd, self._parser)
            if rows is None:
                self.close()
                return False
            self._rows, self._next = rows, 0
        return True

    def _open(self) -> bool:
        """Open the file if there may be something new in it."""
        try:
            fd = open_to_read(self.path)
        except FileNotFoundError as error:
            if self._once:
                raise ConnectError(
                    f"{self.path} is not there; correct file, or set mode=tail to wait for it."
                ) from error
            self._tell(f"{self.path} is not there; waiting for it to appear")
            return False
        except OSError as error:
            raise ConnectError(f"{self.path} cannot be opened: {reason(error)}.") from error
        self._fd = fd
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode):
            raise ConnectError(f"{self.path} is not an ordinary file; FileStreamSource can read pipes.")
        if self._identity not in (None, (found.st_dev, found.st_ino)):
            # Another file under the same name, as editors leave it: look at it as after a restart.
            self._parser, self._rows, self._next = None, _NOTHING, 0
        self._identity = (found.st_dev, found.st_ino)
        return True

    def _feed(self, fd: int, parser: RowParser) -> Rows | None:
        """Rows of the next block (perhaps none yet), or None at the end of the file."""
        try:
            block = os.pread(fd, BLOCK_BYTES, parser.read_position)
        except OSError as error:
            raise ConnectError(f"{self.path} cannot be read: {reason(error)}.") from error
        try:
            if block:
                self._told = None
                return parser.feed(block)
            size = os.fstat(fd).st_size
            if size < parser.read_position:
                raise self._shorter(size, parser.read_position)
            if not self._once:
                if parser.read_position > parser.position:
                    self._tell(
                        f"The last line of {self.path} has no end yet and waits for it (mode=once sends it)"
                    )
                return None
            if self.exhausted:
                return None
            self.exhausted = True
            return parser.feed(b"", final=True)
        except DataError as error:
            raise DataError(f"{self.path}: {error}") from error

    def _shorter(self, size: int, position: int) -> ConnectError:
        return ConnectError(
            f"{self.path} is {size} bytes long, shorter than the position {position} reached in it: it was "
            "cut or replaced; restore it, or reset this connector's offsets to read it from the beginning."
        )

    def _tell(self, message: str) -> None:
        """Warn, once as long as nothing else happens."""
        if message != self._told:
            log.warning("%s", message)
            self._told = message

    # --- the beginning: columns, and the place to go on from

    def _begin(self, fd: int) -> bool:
        """Find columns and place; False if too little is there yet."""
        if self._place is None:
            self._place = self._offsets.offset({FILENAME: self.path})
        position, line, shape = check_offset(self._place or {}, self.path)
        dialect = self._config.dialect()
        codec, start = dialect.codec(os.pread(fd, BOM_BYTES, 0))
        head = RowParser(dialect, codec, position=start)
        rows = self._head(fd, head, 1)
        if not len(rows):
            if position > (size := os.fstat(fd).st_size):
                raise self._shorter(size, position)
            return False
        with_header = self._config.header != "false"
        stored = self._stored_columns(shape)
        columns = self._named(rows.rows[0])
        if stored is not None and [column.name for column in stored] != [column.name for column in columns]:
            raise ConnectError(
                f"The columns of {self.path} are not those it had when it was read last; restore its header, "
                "or reset this connector's offsets to read it from the beginning."
            )
        open_kinds = any(column.kind is None for column in columns)
        if stored is not None:
            columns = [stored[i] if column.kind is None else column for i, column in enumerate(columns)]
        elif open_kinds:
            wanted = self._config.infer_rows or None
            more = self._head(fd, head, None if wanted is None else wanted + with_header - len(rows))
            rows = _joined(rows, more)
            sample = rows.rows[with_header:][:wanted]
            if not sample and not self._once:
                return False
            columns = infer(columns, sample, self._config.nulls(strings=False), self._config.zone())
        self._maker = RecordMaker(self._config, self.path, columns, inferred=open_kinds)
        if self._place is None:
            self._parser, self._rows, self._next = head, rows, int(with_header)
            log.info(
                "%s: reading from the beginning; its columns are %s", self.path, self._maker.columns_text
            )
            return True
        position = self._row_end(fd, codec, position, line, start)
        self._parser, self._rows, self._next = (
            RowParser(dialect, codec, position=position, line=line),
            _NOTHING,
            0,
        )
        self.exhausted = False
        log.info("%s: going on behind line %d (byte %d)", self.path, line, position)
        return True

    def _head(self, fd: int, parser: RowParser, wanted: int | None) -> Rows:
        """The first rows of the file, at least that many if it has them (None: all)."""
        found = _NOTHING
        while wanted is None or len(found) < wanted:
            rows = self._feed(fd, parser)
            if rows is None:
                break
            found = _joined(found, rows)
        return found

    def _stored_columns(self, shape: str | None) -> list[Column] | None:
        if shape is None:
            return None
        try:
            return parse_columns(shape)
        except ValueError as error:
            raise ConnectError(
                f"The stored columns of {self.path} cannot be read; reset this connector's offsets."
            ) from error

    def _named(self, first: list[str]) -> list[Column]:
        """The file's columns by name, with their types where they are declared."""
        config = self._config
        if isinstance(first, BadRow):
            raise DataError(f"{self.path}: its first row {first.reason}")
        declared = config.declared()
        if config.header == "true":
            names = [text.strip() or f"column{n}" for n, text in enumerate(first, 1)]
            twice = next((name for name in names if names.count(name) > 1), None)
            if twice is not None:
                raise DataError(
                    f"{self.path} has two columns named {twice}; rename one, or set header=skip and name "
                    "them with columns"
                )
            by_name = {column.name: column for column in declared}
            for name in by_name:
                if name not in names:
                    hint = did_you_mean(name, names) or f"; it has {', '.join(names)}"
                    raise DataError(f"{self.path} has no column {name}, which columns declares{hint}")
            return [by_name.get(name) or Column(name=name) for name in names]
        if not declared:
            return [Column(name=f"column{n}") for n in range(1, len(first) + 1)]
        if len(declared) != len(first):
            raise DataError(
                f"{self.path} has {len(first)} columns and columns declares {len(declared)}; declare them all"
            )
        return declared

    def _row_end(self, fd: int, codec: str, position: int, line: int, start: int) -> int:
        """The stored position, or behind the line end that has come since; checks that a row ends there."""
        size = os.fstat(fd).st_size
        if size < position:
            raise self._shorter(size, position)
        ends = [mark.encode(codec) for mark in ("\r\n", "\n", "\r")]
        width = len(ends[1])
        if position <= start or os.pread(fd, width, position - width) in ends:
            return position
        # mode=once sent a last line without its end; only its end may have been added since.
        behind = os.pread(fd, 2 * width, position)
        if not behind:
            return position
        for end in ends:
            if behind.startswith(end):
                return position + len(end)
        raise ConnectError(
            f"{self.path} no longer has the end of a row at byte {position}, behind line {line}, where "
            "reading stopped: it was changed; restore it, or reset this connector's offsets to read it again."
        )


def _joined(first: Rows, second: Rows) -> Rows:
    if not len(first) or not len(second):
        return second if len(second) else first
    return Rows(
        first.rows + second.rows,
        first.positions + second.positions,
        [*first.first_lines, *second.first_lines],
        [*first.last_lines, *second.last_lines],
    )


def check_offset(offset: Any, path: str) -> tuple[int, int, str | None]:
    """Position, line and columns of a stored offset; ``ConnectError`` if it is not one of ours."""
    position, line, shape = offset.get(POSITION, 0), offset.get(LINE, 0), offset.get(COLUMNS)
    for key, value in ((POSITION, position), (LINE, line)):
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise ConnectError(
                f"The offset of {path} must have a whole number of at least 0 as its {key}; "
                "reset this connector's offsets."
            )
    if shape is not None and not isinstance(shape, str):
        raise ConnectError(
            f"The offset of {path} must have a text as its {COLUMNS}; reset this connector's offsets."
        )
    return position, line, shape

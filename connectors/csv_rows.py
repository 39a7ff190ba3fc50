r"""From the bytes of a CSV file, cut anywhere, to rows of text, each with the place after it.

A place is a byte position and the number of lines before it. Bytes that do not make a whole row yet are
kept for the next block; a row is never given in parts. Rows that cannot be read come as :class:`BadRow`
and cover one physical line, so that a stray quote costs its own line and not the rest of the file.

Blocks without quotes, escapes and lone carriage returns, which are nearly all, go through ``csv.reader``
in one piece: there a line is a row. Used by one thread. Dialect: RFC 4180 with ``\n``, ``\r\n`` and
``\r`` as line ends; empty lines are not rows.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, chain, islice

from connectkit.errors import DataError

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_UNFINISHED = "opens a quote that is never closed, or is longer than max.row.bytes"
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
BOM_BYTES = 4
"""The longest byte order mark."""


class BadRow(list[str]):
    """Stands for a row that cannot be read: empty, with the reason as "is …", "opens …"."""

    __slots__ = ("reason",)

    def __init__(self, reason: str) -> None:
        super().__init__()
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows, the position after each, and its first and last line, counted from 1."""

    rows: list[list[str]]
    positions: list[int]
    first_lines: Sequence[int]
    last_lines: Sequence[int]

    def __len__(self) -> int:
        return len(self.rows)

    def part(self, start: int, end: int) -> Rows:
        """Some of the rows."""
        return Rows(
            self.rows[start:end],
            self.positions[start:end],
            self.first_lines[start:end],
            self.last_lines[start:end],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How the bytes of a file are to be read."""

    delimiter: str = ","
    quote: str | None = '"'
    escape: str | None = None
    encoding: str = "utf-8"
    replace_invalid: bool = False
    max_row_bytes: int = 1 << 20

    def codec(self, start: bytes) -> tuple[str, int]:
        """The codec for a file that starts so, and the size of its byte order mark."""
        name = codecs.lookup(self.encoding).name
        for mark, found in _BOMS:
            if start.startswith(mark) and found.startswith(name.removesuffix("-sig")):
                return found, len(mark)
        return {"utf-8-sig": "utf-8", "utf-16": "utf-16-le", "utf-32": "utf-32-le"}.get(name, name), 0


class RowParser:
    """Takes the bytes from one place on, in blocks, and gives whole rows.

    ``position`` and ``line`` (the lines before it) are where the bytes that are kept begin.
    """

    def __init__(self, dialect: Dialect, codec: str, *, position: int = 0, line: int = 0) -> None:
        self.position = position
        self.line = line
        self._dialect = dialect
        self._codec = codec
        # Where a line end is the bytes 13 and 10 and nothing else is, bytes are cut into lines undecoded.
        self._by_bytes = "\r\n".encode(codec) == b"\r\n"
        self._kept = b""
        # The limit is one for the process, 128 KiB at first: it is only ever raised.
        if csv.field_size_limit() < dialect.max_row_bytes * 2:
            csv.field_size_limit(dialect.max_row_bytes * 2)

    @property
    def read_position(self) -> int:
        """Where the next block has to begin."""
        return self.position + len(self._kept)

    def feed(self, block: bytes, *, final: bool = False) -> Rows:
        """The rows that are whole with this block; ``final``: nothing follows, so what is left is a row.

        ``DataError`` if a line exceeds ``max_row_bytes`` or a codec of wide characters cannot go on.
        """
        data = self._kept + block if self._kept else block
        start = self.position
        try:
            rows = self._parse_bytes(data, final) if self._by_bytes else self._parse_text(data, final)
        except UnicodeDecodeError as error:
            raise DataError(
                f"the bytes from position {start + error.start} on are not valid {self._codec}; "
                "set encoding to the one the file is written in"
            ) from error
        self._kept = data[self.position - start :]
        if not final and len(self._kept) > self._dialect.max_row_bytes:
            raise DataError(
                f"line {self.line + 1} is longer than max.row.bytes ({self._dialect.max_row_bytes}); "
                "raise it, or look whether this is a CSV file"
            )
        return rows

    def _parse_bytes(self, data: bytes, final: bool) -> Rows:
        # A carriage return at the very end may be half of a line end.
        cut = len(data) if final else max(data.rfind(b"\n"), data.rfind(b"\r", 0, -1)) + 1
        if not cut:
            return Rows([], [], [], [])
        if cut < len(data):
            data = data[:cut]
        quote, escape = self._dialect.quote, self._dialect.escape
        try:
            text = data.decode(self._codec)
        except UnicodeDecodeError:
            cut_lines = data.splitlines(keepends=True)
            return self._careful(list(map(self._decode_line, cut_lines)), list(map(len, cut_lines)), final)
        if (
            (quote is None or quote not in text)
            and (escape is None or escape not in text)
            and ("\r" not in text or text.count("\r") == text.count("\r\n"))
            and (rows := self._simple(data, text)) is not None
        ):
            return rows
        cut_lines = data.splitlines(keepends=True)
        return self._careful(
            [line.decode(self._codec) for line in cut_lines], list(map(len, cut_lines)), final
        )

    def _decode_line(self, line: bytes) -> str | BadRow:
        try:
            return line.decode(self._codec, "replace" if self._dialect.replace_invalid else "strict")
        except UnicodeDecodeError as error:
            return BadRow(
                f"is not valid {self._codec} at its byte {error.start + 1}; "
                "set encoding to the file's own, or encoding.errors=replace"
            )

    def _parse_text(self, data: bytes, final: bool) -> Rows:
        text = codecs.getincrementaldecoder(self._codec)().decode(data, final)
        lines: list[str | BadRow] = [found.group() for found in _LINE.finditer(text)]
        if lines and not final and not text.endswith("\n"):
            lines.pop()
        return self._careful(lines, [len(line.encode(self._codec)) for line in lines], final)  # type: ignore[union-attr]  # strings yet

    def _simple(self, data: bytes, text: str) -> Rows | None:
        """Text in which every line is a row; None if the reader does not think so."""
        lines = text.split("\n")
        raw: Sequence[str | bytes] = lines if len(text) == len(data) else data.split(b"\n")
        ends = list(accumulate([len(line) + 1 for line in raw], initial=self.position))
        if lines[-1]:
            ends[-1] -= 1  # the last line of the file, without an end
        else:
            lines.pop()
            ends.pop()
        try:
            rows = list(csv.reader(lines, delimiter=self._dialect.delimiter, quoting=csv.QUOTE_NONE))
        except csv.Error:
            return None
        numbers = range(self.line + 1, self.line + len(rows) + 1)
        self.position = ends[-1]
        self.line += len(rows)
        if [] not in rows:
            return Rows(rows, ends[1:], numbers, numbers)
        full = [i for i, row in enumerate(rows) if row]
        kept = [numbers[i] for i in full]
        return Rows([rows[i] for i in full], [ends[i + 1] for i in full], kept, kept)

    def _careful(self, lines: Sequence[str | BadRow], sizes: list[int], final: bool) -> Rows:
        """Any text, line by line: rows over several lines, and lines that cannot be read."""
        ends = list(accumulate(sizes, initial=self.position))
        rows: list[list[str]] = []
        begins: list[int] = []  # each row's first line, as an index of ``lines``
        nexts: list[int] = []  # and the line after it
        at = 0
        while at < len(lines):
            bad = lines[at]
            if not isinstance(bad, BadRow):
                stop = next((i for i in range(at, len(lines)) if isinstance(lines[i], BadRow)), len(lines))
                at, problem = self._read(lines, at, stop, rows, begins, nexts)
                if problem is None:
                    continue
                open_bytes = ends[-1] - ends[at]
                can_go_on = problem is _UNFINISHED and stop == len(lines) and not final
                if can_go_on and open_bytes <= self._dialect.max_row_bytes:
                    break
                bad = BadRow(problem)
            rows.append(bad)
            begins.append(at)
            at += 1
            nexts.append(at)
        found = Rows(
            rows,
            [ends[i] for i in nexts],
            [self.line + i + 1 for i in begins],
            [self.line + i for i in nexts],
        )
        self.position = ends[at]
        self.line += at
        return found

    def _read(
        self,
        lines: Sequence[str | BadRow],
        at: int,
        stop: int,
        rows: list[list[str]],
        begins: list[int],
        nexts: list[int],
    ) -> tuple[int, str | None]:
        """Add the rows of some readable lines; returns the line it came to, and what is wrong with it."""
        dialect = self._dialect
        # The empty line at the end shows whether the last row is whole: if so, it comes as an empty row.
        reader = csv.reader(
            chain(islice(lines, at, stop), [""]),  # type: ignore[arg-type]  # no BadRow before ``stop``
            delimiter=dialect.delimiter,
            quotechar=dialect.quote,
            quoting=csv.QUOTE_NONE if dialect.quote is None else csv.QUOTE_MINIMAL,
            escapechar=dialect.escape,
            strict=True,
        )
        problem: str | None = None
        begin = at
        try:
            for row in reader:
                end = at + reader.line_num
                if row:
                    rows.append(row)
                    begins.append(begin)
                    nexts.append(end)
                begin = end
        except csv.Error as error:
            problem = _UNFINISHED if at + reader.line_num > stop else f"is not CSV: {error}"
        return min(begin, stop), problem

"""The form in which a batch of records is stored: columns, so that whole batches go through C.

Layout, little-endian:

    magic "C1" · crc32 of the rest u32 · flags u16 · count u32 · first timestamp i64
    [offset deltas u32 × count]      where compaction left gaps
    [timestamp deltas i64 × count]   unless all are equal
    [key lengths i32 × count, keys]  unless all are null; -1 is a null
    value lengths i32 × count, values
    [header lengths i32 × count, headers]  of one record: count u32, then name and value with lengths

A batch read back is checked against its CRC: SQLite does not checksum the pages of its main file.
"""

from __future__ import annotations

import sys
import zlib
from array import array
from collections.abc import Sequence
from itertools import accumulate, pairwise
from struct import Struct, error

_HEAD = Struct("<2sI")
_ABOUT = Struct("<HIq")
_MAGIC = b"C1"
_GAPS, _TIMES, _KEYS, _HEADERS, _APPEND_TIME = 1, 2, 4, 8, 16
_KNOWN = 31
_PAIR = Struct("<Ii")
_U32 = Struct("<I")
_SWAP = sys.byteorder == "big"
_FEW = 16
"""So few values are not joined: where records are huge, a batch holds few of them."""

RECORD_OVERHEAD_BYTES = 21
"""What a record costs beside its key and value in Kafka's record format, at most, without headers."""

Headers = list[tuple[str, bytes | None]]


class DamagedBatchError(Exception):
    """The stored bytes are not a batch: cut short, altered, or of a newer format."""


class Columns:
    """The decoded columns of a batch; a column that says nothing is None."""

    __slots__ = ("append_time", "count", "deltas", "headers", "keys", "stamp_ms", "stamps_ms", "values")

    def __init__(self, count: int) -> None:
        self.count = count
        self.deltas: Sequence[int] | None = None
        self.stamp_ms = 0
        self.stamps_ms: Sequence[int] | None = None
        self.append_time = False
        self.keys: list[bytes | None] | None = None
        self.values: list[bytes | None] = []
        self.headers: list[Headers | None] | None = None


def encode(
    keys: Sequence[bytes | None] | None,
    values: Sequence[bytes | None],
    stamps_ms: Sequence[int] | int,
    headers: Sequence[Headers | None] | None,
    *,
    append_time: bool = False,
    deltas: Sequence[int] | None = None,
) -> list[bytes]:
    """What to store, in parts to be written one after the other, of columns of equal length.

    ``None`` for keys or headers: no record has one. The parts are not joined here: they may be large.
    """
    flags = _APPEND_TIME if append_time else 0
    parts: list[bytes] = []
    if deltas is not None:
        flags |= _GAPS
        parts.append(_ints("I", deltas))
    if isinstance(stamps_ms, int):
        first = stamps_ms
    else:
        first = stamps_ms[0]
        if stamps_ms.count(first) != len(stamps_ms):
            flags |= _TIMES
            parts.append(_ints("q", [stamp - first for stamp in stamps_ms]))
    if keys is not None:
        flags |= _KEYS
        _put(parts, keys)
    _put(parts, values)
    if headers is not None:
        flags |= _HEADERS
        _put(parts, [_encode_headers(each) if each else b"" for each in headers])
    about = _ABOUT.pack(flags, len(values), first)
    crc = zlib.crc32(about)
    for part in parts:
        crc = zlib.crc32(part, crc)
    return [_HEAD.pack(_MAGIC, crc), about, *parts]


def decode(blob: bytes) -> Columns:
    """Read back what the parts of ``encode`` are together. Raises ``DamagedBatchError``."""
    try:
        magic, crc = _HEAD.unpack_from(blob)
        flags, count, first = _ABOUT.unpack_from(blob, _HEAD.size)
    except error as exc:
        raise DamagedBatchError("cut short") from exc
    if magic != _MAGIC:
        raise DamagedBatchError("of an unknown format")
    view = memoryview(blob)
    if zlib.crc32(view[_HEAD.size :]) != crc:
        raise DamagedBatchError("altered or cut short")
    if flags & ~_KNOWN:
        raise DamagedBatchError("of an unknown format")
    columns = Columns(count)
    columns.append_time = bool(flags & _APPEND_TIME)
    columns.stamp_ms = first
    at = _HEAD.size + _ABOUT.size
    if flags & _GAPS:
        columns.deltas, at = _read_ints("I", view, at, count)
    if flags & _TIMES:
        deltas, at = _read_ints("q", view, at, count)
        columns.stamps_ms = [first + delta for delta in deltas]
    if flags & _KEYS:
        columns.keys, at = _take(blob, view, at, count)
    columns.values, at = _take(blob, view, at, count)
    if flags & _HEADERS:
        texts, at = _take(blob, view, at, count)
        columns.headers = [_decode_headers(text) if text else None for text in texts]
    return columns


def _put(parts: list[bytes], column: Sequence[bytes | None]) -> None:
    present: Sequence[bytes]
    if None in column:
        parts.append(_ints("i", [-1 if each is None else len(each) for each in column]))
        present = [each for each in column if each is not None]
    else:
        present = column  # type: ignore[assignment]  # no None in it
        parts.append(_ints("i", map(len, present)))
    if len(present) < _FEW:
        parts += present
    else:
        parts.append(b"".join(present))


def _take(blob: bytes, view: memoryview, at: int, count: int) -> tuple[list[bytes | None], int]:
    lengths, at = _read_ints("i", view, at, count)
    if count and min(lengths) < 0:
        column: list[bytes | None] = []
        for length in lengths:
            if length < 0:
                column.append(None)
            else:
                column.append(blob[at : at + length])
                at += length
        return column, at
    ends = list(accumulate(lengths, initial=at))
    return [blob[a:b] for a, b in pairwise(ends)], ends[-1]


def _ints(code: str, numbers: object) -> bytes:
    column = array(code, numbers)  # type: ignore[call-overload]  # any iterable of int
    if _SWAP:
        column.byteswap()
    return bytes(column)


def _read_ints(code: str, view: memoryview, at: int, count: int) -> tuple[array[int], int]:
    column = array(code)
    end = at + count * column.itemsize
    column.frombytes(view[at:end])
    if _SWAP:
        column.byteswap()
    return column, end


def _encode_headers(headers: Headers) -> bytes:
    parts = [_U32.pack(len(headers))]
    for name, value in headers:
        raw = name.encode()
        parts.append(_PAIR.pack(len(raw), -1 if value is None else len(value)))
        parts.append(raw)
        if value:
            parts.append(value)
    return b"".join(parts)


def _decode_headers(text: bytes) -> Headers:
    (count,) = _U32.unpack_from(text)
    at = _U32.size
    headers: Headers = []
    for _ in range(count):
        name_size, value_size = _PAIR.unpack_from(text, at)
        at += _PAIR.size
        name = text[at : at + name_size].decode()
        at += name_size
        if value_size < 0:
            headers.append((name, None))
        else:
            headers.append((name, text[at : at + value_size]))
            at += value_size
    return headers

"""Records read from the embedded log, with the methods of confluent-kafka's messages."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import repeat
from typing import cast

from connectkit.runner.log.embedded.batch import Columns, Headers

_CREATE, _APPEND = 1, 2


class EmbeddedMessage(
    tuple[str, int, int, "bytes | None", "bytes | None", "tuple[int, int]", "Headers | None"]
):
    """One record. A tuple inside, because C builds tuples of whole batches fast."""

    __slots__ = ()

    def topic(self) -> str:
        return self[0]

    def partition(self) -> int:
        return self[1]

    def offset(self) -> int:
        return self[2]

    def key(self) -> bytes | None:
        return self[3]

    def value(self) -> bytes | None:
        return self[4]

    def timestamp(self) -> tuple[int, int]:
        return self[5]

    def headers(self) -> Headers | None:
        return self[6]

    def __repr__(self) -> str:
        return f"<message {self[0]}-{self[1]}@{self[2]}>"  # never the content


def messages_of(topic: str, partition: int, base_offset: int, columns: Columns) -> list[EmbeddedMessage]:
    """The messages of one stored batch, in offset order."""
    count = columns.count
    offsets: Iterable[int] = range(base_offset, base_offset + count)
    if columns.deltas is not None:
        offsets = [base_offset + delta for delta in columns.deltas]
    kind = _APPEND if columns.append_time else _CREATE
    stamps: Iterable[tuple[int, int]] = repeat((kind, columns.stamp_ms))
    if columns.stamps_ms is not None:
        stamps = zip(repeat(kind), columns.stamps_ms)
    keys: Iterable[bytes | None] = repeat(None) if columns.keys is None else columns.keys
    headers: Iterable[Headers | None] = repeat(None) if columns.headers is None else columns.headers
    rows = zip(repeat(topic), repeat(partition), offsets, keys, columns.values, stamps, headers)
    return cast("list[EmbeddedMessage]", list(map(EmbeddedMessage, rows)))

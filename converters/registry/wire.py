"""How a message says which schema it was written with: in front of the payload, or in a header.

Version 0 is a zero byte and the schema's id, version 1 a one and its GUID; for Protobuf the path of the
message type within the schema follows. Source: spec registry 5. Pure functions.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Final, NamedTuple

from connectkit.api import RawHeaders
from connectkit.converters import varint
from connectkit.converters.sniff import looks_like
from connectkit.errors import ConversionError

KEY_HEADER: Final = "__key_schema_id"
VALUE_HEADER: Final = "__value_schema_id"
_ID_BYTES: Final = 5
_GUID_BYTES: Final = 17
MAX_INDEXES: Final = 1000
"""Levels of messages within messages that an index list may have."""


class Frame(NamedTuple):
    """What a message says about its schema: its id or its GUID, message indexes, where the payload begins."""

    id: int | None
    guid: str | None
    indexes: tuple[int, ...]
    start: int


def id_prefix(schema_id: int, indexes: Sequence[int] | None = None) -> bytes:
    """What stands in front of a payload; ``indexes`` for Protobuf only."""
    return b"\0" + schema_id.to_bytes(4, "big", signed=True) + _index_bytes(indexes)


def guid_bytes(guid: str, indexes: Sequence[int] | None = None) -> bytes:
    """What stands in a header."""
    return b"\1" + uuid.UUID(guid).bytes + _index_bytes(indexes)


def header_name(*, is_key: bool) -> str:
    """The header that says the schema of a key or a value."""
    return KEY_HEADER if is_key else VALUE_HEADER


def from_header(headers: RawHeaders | None, *, is_key: bool, indexed: bool) -> Frame | None:
    """What the last header of that name says; None if there is none. The payload is the whole message."""
    name = header_name(is_key=is_key)
    for key, data in reversed(headers or ()):
        if key == name:
            return None if data is None else unframe(data, indexed=indexed)._replace(start=0)
    return None


def unframe(data: bytes, *, indexed: bool) -> Frame:
    """What a message begins with; ``ConversionError`` says what the bytes look like instead."""
    if data[:1] == b"\0" and len(data) >= _ID_BYTES:
        found = Frame(int.from_bytes(data[1:_ID_BYTES], "big", signed=True), None, (), _ID_BYTES)
    elif data[:1] == b"\1" and len(data) >= _GUID_BYTES:
        found = Frame(None, str(uuid.UUID(bytes=data[1:_GUID_BYTES])), (), _GUID_BYTES)
    else:
        raise ConversionError(_not_framed(data))
    if not indexed:
        return found
    indexes, start = _read_indexes(data, found.start)
    return found._replace(indexes=indexes, start=start)


def _not_framed(data: bytes) -> str:
    if not data:
        return "The message is empty, where a schema's id is expected in front of it"
    if data[0] in (0, 1):
        return "The message ends within the schema's id in front of it: it is cut off"
    what = json_or(data)
    return (
        "The message does not begin with a schema's id (magic byte 0 or 1), so no schema registry's "
        f"converter wrote it{f': {what}' if what else ''}"
    )


def json_or(data: bytes) -> str | None:
    """What bytes without a schema's id look like."""
    if data.lstrip()[:1] in (b"{", b"[", b'"'):
        return "it looks like JSON, which JsonConverter reads"
    return looks_like(data)


def _index_bytes(indexes: Sequence[int] | None) -> bytes:
    if indexes is None:
        return b""
    if list(indexes) == [0]:
        return b"\0"
    return b"".join(map(varint.write, (len(indexes), *indexes)))


def _read_indexes(data: bytes, at: int) -> tuple[tuple[int, ...], int]:
    try:
        count, at = varint.read(data, at)
        if count == 0:
            return (0,), at
        found: list[int] = []
        if 0 < count <= MAX_INDEXES:
            for _ in range(count):
                number, at = varint.read(data, at)
                found.append(number)
            return tuple(found), at
    except IndexError as exc:
        raise ConversionError(
            "The message ends within the path of message types in front of it: it is cut off"
        ) from exc
    except ConversionError as exc:
        raise ConversionError("The message's path of message types is damaged") from exc
    raise ConversionError("The message's path of message types is damaged")

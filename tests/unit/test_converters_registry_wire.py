"""How a message says its schema: Confluent's frames to the byte, and what else it may look like."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectkit.converters.registry.wire import (
    Frame,
    from_header,
    guid_bytes,
    header_name,
    id_prefix,
    unframe,
)
from connectkit.errors import ConversionError

GUID = "8f5a1c2e-0000-4000-8000-0123456789ab"
INDEXES = st.lists(st.integers(0, 2**31 - 1), min_size=1, max_size=6)


@pytest.mark.parametrize(
    ("indexes", "hexes"),
    [
        (None, ""),
        ([0], "00"),
        ([1], "0202"),
        ([0, 0], "040000"),
        ([2, 1], "040402"),
        ([7], "020e"),
        ([64], "028001"),
    ],
)
def test_prefixes_are_confluents(indexes: list[int] | None, hexes: str) -> None:
    assert id_prefix(1, indexes).hex() == "0000000001" + hexes
    assert guid_bytes(GUID, indexes) == b"\1" + uuid.UUID(GUID).bytes + bytes.fromhex(hexes)


@given(st.integers(0, 2**31 - 1), INDEXES, st.binary(max_size=20))
def test_what_is_framed_is_unframed(schema_id: int, indexes: list[int], payload: bytes) -> None:
    data = id_prefix(schema_id) + payload
    assert unframe(data, indexed=False) == Frame(schema_id, None, (), 5)
    data = id_prefix(schema_id, indexes) + payload
    found = unframe(data, indexed=True)
    assert (found.id, found.indexes, data[found.start :]) == (schema_id, tuple(indexes), payload)


@given(st.uuids(), INDEXES, st.binary(max_size=20))
def test_guids_too(guid: uuid.UUID, indexes: list[int], payload: bytes) -> None:
    data = guid_bytes(str(guid), indexes) + payload
    found = unframe(data, indexed=True)
    assert (found.guid, found.indexes, data[found.start :]) == (str(guid), tuple(indexes), payload)


@given(st.binary(max_size=60), st.booleans())
def test_any_bytes_are_a_frame_or_a_sentence(data: bytes, indexed: bool) -> None:
    try:
        found = unframe(data, indexed=indexed)
    except ConversionError:
        return
    assert 5 <= found.start <= len(data)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"\0", "cut off"),
        (b"\0\0\0\0", "cut off"),
        (b"\1" + b"x" * 15, "cut off"),
        (b'{"a": 1}', "JsonConverter"),
        (b' [1, 2]', "JsonConverter"),
        (b"\x1f\x8b\x08\0", "gzip"),
        (b"Obj\x01abc", "Avro container"),
        (b"\xff\xfea\0", "UTF-16"),
        (b"hello world", "StringConverter"),
        (b"\x99\x88\x77\x66\x55\x44", "does not begin"),
    ],
)  # fmt: skip
def test_an_error_says_what_it_looks_like(data: bytes, words: str) -> None:
    with pytest.raises(ConversionError, match=words) as caught:
        unframe(data, indexed=False)
    assert "hello" not in str(caught.value), "never the value"


@pytest.mark.parametrize("tail", ["", "80", "ffffffffffffffffffff01", "05", "04", "d00f" + "00", "0402"])
def test_a_damaged_path_of_types(tail: str) -> None:
    with pytest.raises(ConversionError):
        unframe(b"\0\0\0\0\1" + bytes.fromhex(tail), indexed=True)


def test_no_indexes_are_the_first_message() -> None:
    assert unframe(b"\0\0\0\0\1\0x", indexed=True) == Frame(1, None, (0,), 6)


def test_the_last_header_of_the_right_name_counts() -> None:
    key, value = header_name(is_key=True), header_name(is_key=False)
    headers: list[tuple[str, bytes | None]] = [
        (value, id_prefix(1)),
        (key, id_prefix(9)),
        (value, guid_bytes(GUID)),
        ("other", b"x"),
    ]
    assert from_header(headers, is_key=False, indexed=False) == Frame(None, GUID, (), 0)
    assert from_header(headers, is_key=True, indexed=False) == Frame(9, None, (), 0)
    assert from_header([("other", b"")], is_key=True, indexed=False) is None
    assert from_header([(key, None)], is_key=True, indexed=False) is None
    assert from_header(None, is_key=True, indexed=False) is None
    with pytest.raises(ConversionError):
        from_header([(key, b"junk")], is_key=True, indexed=False)

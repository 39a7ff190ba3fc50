"""Avro's integers, against the definition: zigzag, seven bits a byte, the lowest first."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from connectkit.converters import varint
from connectkit.errors import ConversionError

LONGS = st.integers(-(1 << 63), (1 << 63) - 1) | st.integers(0, 63).flatmap(
    lambda bits: st.integers(-(1 << bits), (1 << bits) - 1)
)


def defined(number: int) -> bytes:
    zigzag = number * 2 if number >= 0 else -number * 2 - 1
    out = []
    while True:
        zigzag, low = divmod(zigzag, 128)
        out.append(low + (128 if zigzag else 0))
        if not zigzag:
            return bytes(out)


@given(LONGS, st.binary(max_size=12))
@example((1 << 63) - 1, b"")
@example(-(1 << 63), b"\xff")
def test_numbers_are_written_and_read(number: int, behind: bytes) -> None:
    data = defined(number)
    assert varint.write(number) == data
    assert varint.read(data + behind, 0) == (number, len(data))
    assert varint.read(b"??" + data, 2) == (number, len(data) + 2)
    for size in range(len(data)):
        with pytest.raises(IndexError):
            varint.read(data[:size], 0)


@pytest.mark.parametrize("bits", range(64))
def test_every_length_to_its_edges(bits: int) -> None:
    for number in ((1 << bits) - 1, -(1 << bits), (1 << bits) // 2, 1 - (1 << bits)):
        assert varint.read(varint.write(number), 0) == (number, len(defined(number)))


@given(st.binary(max_size=20))
def test_any_bytes_are_a_number_or_refused(data: bytes) -> None:
    try:
        number, end = varint.read(data, 0)
    except (IndexError, ConversionError):
        return
    assert -(1 << 63) <= number < 1 << 63
    assert 0 < end <= min(len(data), 10)


@pytest.mark.parametrize("data", [b"\xff" * 10 + b"\x01", b"\xff" * 9 + b"\x02", b"\x80" * 30])
def test_more_than_64_bits_are_refused(data: bytes) -> None:
    with pytest.raises(ConversionError, match="64 bits"):
        varint.read(data, 0)


@pytest.mark.parametrize("number", [1 << 63, -(1 << 63) - 1, 1 << 100])
def test_a_number_beyond_64_bits_is_not_written(number: int) -> None:
    with pytest.raises(OverflowError):
        varint.write(number)


def test_lengths_are_not_negative() -> None:
    for number in (-1, -64, -65, -(1 << 40)):
        data = varint.write(number)
        found = varint.LENGTHS[data[0]] if len(data) == 1 else varint.read_more_length(data, 1, data[0])[0]
        assert found == varint.TOO_LONG

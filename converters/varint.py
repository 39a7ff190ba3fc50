"""Zigzag numbers of seven bits a byte, by tables where they are small: Avro's integers, and more.

Source: the Avro specification, *Binary encoding*; Protobuf's ``sint64`` is the same. Pure functions.
"""

from __future__ import annotations

from typing import Final

from connectkit.errors import ConversionError

LEAST: Final = -64
MOST: Final = 8192
"""Bounds of :data:`WRITTEN`: from ``LEAST`` on, below ``MOST``."""


def _plain(zigzag: int) -> bytes:
    out = bytearray()
    while zigzag > 0x7F:
        out.append(zigzag & 0x7F | 0x80)
        zigzag >>= 7
    out.append(zigzag)
    return bytes(out)


WRITTEN: Final = tuple(_plain(n << 1) for n in range(MOST)) + tuple(
    _plain(-2 * n - 1) for n in range(LEAST, 0)
)
"""The bytes of small numbers; negative ones count from the end, as in any tuple."""

READ: Final = tuple(z >> 1 if not z & 1 else -(z >> 1) - 1 for z in range(128))
"""The numbers of one byte."""

TOO_LONG: Final = 1 << 62
LENGTHS: Final = tuple(TOO_LONG if z & 1 else z >> 1 for z in range(128))
"""The same where only lengths make sense: a negative one leads beyond the end of any data."""

_LAST: Final = tuple(_plain(z) for z in range(1 << 14))
_PAIR: Final = tuple(bytes((z & 0x7F | 0x80, z >> 7 | 0x80)) for z in range(1 << 14))


def write(number: int) -> bytes:
    """A number of 64 bits; beyond them ``OverflowError``."""
    zigzag = number << 1 if number >= 0 else (~number << 1) | 1
    if zigzag < 1 << 14:
        return _LAST[zigzag]
    if zigzag < 1 << 28:
        return _PAIR[zigzag & 0x3FFF] + _LAST[zigzag >> 14]
    if zigzag < 1 << 42:
        return _PAIR[zigzag & 0x3FFF] + _PAIR[zigzag >> 14 & 0x3FFF] + _LAST[zigzag >> 28]
    if zigzag >> 64:
        raise OverflowError
    low = _PAIR[zigzag & 0x3FFF] + _PAIR[zigzag >> 14 & 0x3FFF] + _PAIR[zigzag >> 28 & 0x3FFF]
    zigzag >>= 42
    return low + (_LAST[zigzag] if zigzag < 1 << 14 else _PAIR[zigzag & 0x3FFF] + _LAST[zigzag >> 14])


def read_more(data: bytes, at: int, byte: int) -> tuple[int, int]:
    """The number whose first byte, which says that more follow, was ``byte``; the rest begin at ``at``.

    Returns it and where it ends. ``IndexError`` if the data end first. Written out for up to six bytes,
    which are counts, ids and moments in milliseconds: the flags of the bytes before the last are taken off
    at once, and not one by one.
    """
    second = data[at]
    if second < 0x80:
        zigzag = byte + (second << 7) - 0x80
        return (zigzag >> 1 if not zigzag & 1 else ~(zigzag >> 1)), at + 1
    third = data[at + 1]
    if third < 0x80:
        zigzag = byte + (second << 7) + (third << 14) - 0x4080
        return (zigzag >> 1 if not zigzag & 1 else ~(zigzag >> 1)), at + 2
    fourth = data[at + 2]
    if fourth < 0x80:
        zigzag = byte + (second << 7) + (third << 14) + (fourth << 21) - 0x204080
        return (zigzag >> 1 if not zigzag & 1 else ~(zigzag >> 1)), at + 3
    zigzag = byte + (second << 7) + (third << 14) + (fourth << 21) - 0x10204080
    fifth = data[at + 3]
    if fifth < 0x80:
        zigzag += fifth << 28
        return (zigzag >> 1 if not zigzag & 1 else ~(zigzag >> 1)), at + 4
    sixth = data[at + 4]
    if sixth < 0x80:
        zigzag += (fifth + (sixth << 7) - 0x80) << 28
        return (zigzag >> 1 if not zigzag & 1 else ~(zigzag >> 1)), at + 5
    return _read_long(data, at + 5, zigzag + ((fifth - 0x80 + ((sixth - 0x80) << 7)) << 28))


def _read_long(data: bytes, at: int, zigzag: int) -> tuple[int, int]:
    """A number whose first six bytes are read."""
    shift = 42
    while shift <= 63:
        byte = data[at]
        at += 1
        if byte < 0x80:
            zigzag |= byte << shift
            if zigzag >> 64:
                break
            return (zigzag >> 1) ^ -(zigzag & 1), at
        zigzag |= (byte & 0x7F) << shift
        shift += 7
    raise ConversionError("The data has a number of more than 64 bits; they are damaged, or of another kind")


def read_more_length(data: bytes, at: int, byte: int) -> tuple[int, int]:
    """The same for a length: a negative one is :data:`TOO_LONG`."""
    found, at = read_more(data, at, byte)
    return found if found >= 0 else TOO_LONG, at


def read(data: bytes, at: int) -> tuple[int, int]:
    """The number that begins there, and where it ends. ``IndexError`` if the data end first."""
    byte = data[at]
    return (READ[byte], at + 1) if byte < 0x80 else read_more(data, at + 1, byte)

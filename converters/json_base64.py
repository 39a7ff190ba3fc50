"""Base64 as Jackson decodes it: padding is needed, white space may stand between groups of four."""

from __future__ import annotations

from binascii import a2b_base64

_VALUES = {
    char: number
    for number, char in enumerate("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
}


def from_base64(text: str) -> bytes:
    """The bytes; raises ``ValueError``, whose text has nothing of the input."""
    try:
        return a2b_base64(text, strict_mode=True)
    except ValueError:
        return _leniently(text)


def _leniently(text: str) -> bytes:
    """Group by group; padding may end any group, and the bits behind the last byte are not looked at."""
    made = bytearray()
    pos, end = 0, len(text)
    while True:
        while pos < end and text[pos] <= " ":
            pos += 1
        if pos == end:
            return bytes(made)
        group = text[pos : pos + 4]
        if len(group) < 4:
            raise ValueError("it ends within a group of four characters")
        pos += 4
        padding = 2 if group.endswith("==") else 1 if group.endswith("=") else 0
        bits = 0
        for char in group[: 4 - padding]:
            if char not in _VALUES:
                raise ValueError("it holds a character that is not of the standard alphabet")
            bits = bits << 6 | _VALUES[char]
        made += (bits << 6 * padding).to_bytes(3, "big")[: 3 - padding]

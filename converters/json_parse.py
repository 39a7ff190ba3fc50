"""Read JSON exactly as Connect's JSON deserializer does: what it accepts, refuses and keeps.

The reader behind the fast one: :mod:`connectkit.converters.json_fast` comes here whenever its library
could differ from Jackson (spec data 2.1), which this module follows to the letter. Leading zeros, text
after the value, UTF-16 and UTF-32, lone surrogates and overlong UTF-8 are read; nesting beyond 1,000
levels and numbers beyond 1,000 digits are not. No recursion, so no depth can hurt. Pure functions.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final, NoReturn

from connectkit.converters.utf16 import decode_utf16

MAX_DEPTH: Final = 1000
"""Levels of nesting Jackson reads and writes (its StreamReadConstraints and StreamWriteConstraints)."""
MAX_DIGITS: Final = 1000
"""Digits of one number Jackson reads."""


class _Missing:
    """The document without a value: nothing, or white space only."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = _Missing()


class BadJsonError(ValueError):
    """The bytes are no JSON: ``reason`` completes "it …", ``at`` counts bytes (of UTF-8) from 0."""

    def __init__(self, reason: str, at: int) -> None:
        super().__init__(f"{reason} (at byte {at})")
        self.reason = reason
        self.at = at


_SPACE = re.compile(rb"[ \t\r\n]*")
_PLAIN = re.compile(rb'"([^"\\\x00-\x1f]*+)"')
_STRING = re.compile(rb'"((?:[^"\\\x00-\x1f]++|\\[^\n])*+)"')
_ESCAPE = re.compile(rb"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_NUMBER = re.compile(rb"(-?)0*+([0-9]*+)(?:(?<=[0-9])(\.[0-9]+)?([eE][+-]?[0-9]+)?)?")
_SURROGATE = re.compile("[\ud800-\udfff]")
_ESCAPED = {b'"': '"', b"\\": "\\", b"/": "/", b"b": "\b", b"f": "\f", b"n": "\n", b"r": "\r", b"t": "\t"}
# In a name, Jackson wants the escapes of surrogates in pairs; group 1 is one alone.
_PAIRS = re.compile(rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(\\u[dD][89a-fA-F])|\\.")
_VALUE, _NAME, _WIDE = range(3)
"""Where a text stands: a value or a name of a UTF-8 document, or either in UTF-16 and UTF-32."""
_WORDS = {0x74: (b"true", True), 0x66: (b"false", False), 0x6E: (b"null", None)}


def parse(
    data: bytes,
    *,
    integer: Callable[[str], Any] = int,
    fraction: Callable[[str], Any] = Decimal,
) -> Any:
    """The document's first value, or ``MISSING``; raises ``BadJsonError``.

    ``integer`` and ``fraction`` make the numbers from their text. What follows the value is not looked
    at, except that a number or word at the root must end where it ends.
    """
    text, wide = _to_utf8(data)
    end = len(text)
    pos = _SPACE.match(text, 0).end()  # type: ignore[union-attr]  # it matches nothing at the least
    if pos == end:
        return MISSING
    # Each open container: itself, and the name a value in it belongs to (None in an array).
    stack: list[tuple[Any, Any]] = []
    container: Any = None
    name: Any = None
    value: Any
    while True:
        first = text[pos] if pos < end else -1
        if first == 0x22:
            value, pos = _string(text, pos, _WIDE if wide else _VALUE)
        elif first == 0x7B or first == 0x5B:
            stack.append((container, name))
            if len(stack) > MAX_DEPTH:
                raise BadJsonError(f"is nested more than {MAX_DEPTH} levels deep", pos)
            pos = _skip(text, pos + 1)
            if first == 0x5B:
                container, name = [], None
                if text[pos : pos + 1] != b"]":
                    continue
            else:
                container = {}
                if text[pos : pos + 1] != b"}":
                    name, pos = _name(text, pos, wide)
                    continue
            pos += 1
            value = container
            container, name = stack.pop()
        elif first == 0x2D or 0x30 <= first <= 0x39:
            value, pos = _number(text, pos, integer, fraction)
            if not stack and pos < end and text[pos] not in b" \t\r\n":
                _fail(text, pos, "goes on where a number should end")
        elif first in _WORDS:
            word, value = _WORDS[first]
            if text[pos : pos + len(word)] != word:
                raise BadJsonError("has a word that is not true, false or null", pos)
            pos += len(word)
            if not stack and _goes_on(text, pos):
                raise BadJsonError("has a word that is not true, false or null", pos - len(word))
        else:
            _fail(text, pos, "has no value where one should begin")
        while True:
            if not stack:
                return value
            pos = _skip(text, pos)
            after = text[pos] if pos < end else -1
            if name is None:
                container.append(value)
                if after == 0x2C:
                    pos = _skip(text, pos + 1)
                    break
                if after != 0x5D:
                    _fail(text, pos, "lacks a comma or a closing bracket")
            else:
                container[name] = value
                if after == 0x2C:
                    name, pos = _name(text, _skip(text, pos + 1), wide)
                    break
                if after != 0x7D:
                    _fail(text, pos, "lacks a comma or a closing brace")
            pos += 1
            value = container
            container, name = stack.pop()


def _skip(text: bytes, pos: int) -> int:
    return _SPACE.match(text, pos).end()  # type: ignore[union-attr]  # it matches nothing at the least


def _fail(text: bytes, pos: int, reason: str) -> NoReturn:
    raise BadJsonError("ends too early" if pos >= len(text) else reason, pos)


def _name(text: bytes, pos: int, wide: bool) -> tuple[str, int]:
    if text[pos : pos + 1] != b'"':
        _fail(text, pos, "lacks a member's name in double quotes")
    name, pos = _string(text, pos, _WIDE if wide else _NAME)
    pos = _skip(text, pos)
    if text[pos : pos + 1] != b":":
        _fail(text, pos, "lacks a colon after a member's name")
    return name, _skip(text, pos + 1)


def _string(text: bytes, pos: int, place: int) -> tuple[str, int]:
    found = _PLAIN.match(text, pos)
    if found is not None:
        raw = found[1]
        if raw.isascii():
            return raw.decode("ascii"), found.end()
        value = _text(raw, pos + 1, place)
    else:
        found = _STRING.match(text, pos)
        if found is None:
            raise BadJsonError("has a text that does not end, or holds a bare control character", pos)
        if place == _NAME and any(m[1] for m in _PAIRS.finditer(found[1])):
            raise BadJsonError("has half a surrogate pair in a member's name", pos)
        parts: list[Any] = _ESCAPE.split(found[1])
        # First the escapes: a bad one may have cut a character into bytes that are none.
        for i in range(1, len(parts), 2):
            parts[i] = _escaped(parts[i], pos + 1)
        for i in range(0, len(parts), 2):
            parts[i] = _text(parts[i], pos + 1, place)
        value = "".join(parts)
    if _SURROGATE.search(value):
        value = value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
    return value, found.end()


def _escaped(code: bytes, at: int) -> str:
    if len(code) == 5:
        return chr(int(code[1:], 16))
    try:
        return _ESCAPED[code]
    except KeyError:
        raise BadJsonError("has a backslash before a character that cannot be escaped", at) from None


def _text(raw: bytes, at: int, place: int) -> str:
    if place == _WIDE:
        return raw.decode("utf-8", "surrogatepass")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return _lenient(raw, at, place)


def _lenient(raw: bytes, at: int, place: int) -> str:
    """UTF-8 as Jackson reads it: the form of a sequence is checked, its value is not."""
    made: list[str] = []
    pos, end = 0, len(raw)
    while pos < end:
        lead = raw[pos]
        pos += 1
        if lead < 0x80:
            made.append(chr(lead))
            continue
        if lead & 0xE0 == 0xC0:
            more, code = 1, lead & 0x1F
        elif lead & 0xF0 == 0xE0:
            more, code = 2, lead & 0x0F
        elif lead & 0xF8 == 0xF0:
            more, code = 3, lead & 0x07
        else:
            raise BadJsonError("has a byte that is not UTF-8", at + pos - 1)
        for _ in range(more):
            if pos >= end or raw[pos] & 0xC0 != 0x80:
                raise BadJsonError("has a byte that is not UTF-8", at + pos)
            code = code << 6 | raw[pos] & 0x3F
            pos += 1
        if more < 3:
            if 0xD800 <= code < 0xE000:
                raise BadJsonError("has half a surrogate pair, which UTF-8 cannot hold", at + pos - 3)
            made.append(chr(code))
        else:
            code -= 0x10000
            high = 0xD800 + (code >> 10) if place == _NAME else 0xD800 | code >> 10
            made.append(chr(high & 0xFFFF))
            made.append(chr(0xDC00 | code & 0x3FF))
    return "".join(made)


def _number(
    text: bytes, pos: int, integer: Callable[[str], Any], fraction: Callable[[str], Any]
) -> tuple[Any, int]:
    found = _NUMBER.match(text, pos)
    assert found is not None
    sign, digits, point, exponent = found.groups()
    if not digits:
        if found.end() == pos + len(sign):
            _fail(text, found.end(), "has a minus sign without a number")
        digits = b"0"
    length = (
        len(digits) + (len(point) - 1 if point else 0) + (len(exponent.lstrip(b"eE+-")) if exponent else 0)
    )
    if length > MAX_DIGITS:
        raise BadJsonError(f"has a number of more than {MAX_DIGITS} digits", pos)
    if point is None and exponent is None:
        return integer((sign + digits).decode("ascii")), found.end()
    if exponent is not None and len(exponent) > 9 and not _fits_scale(exponent, len(point or b".") - 1):
        raise BadJsonError("has a number whose exponent is too large", pos)
    return fraction((sign + digits + (point or b"") + (exponent or b"")).decode("ascii")), found.end()


def _fits_scale(exponent: bytes, fraction_digits: int) -> bool:
    """Whether Java's BigDecimal, whose scale has 32 bits, can hold a number with that exponent."""
    power = int(exponent[1:])
    return all(-(1 << 31) <= n < 1 << 31 for n in (power, fraction_digits - power))


def _goes_on(text: bytes, pos: int) -> bool:
    """Whether a word at the root goes on: with a letter, ``_``, ``$``, DEL or anything not ASCII."""
    if pos >= len(text) or text[pos] < 0x30:
        return False
    return text[pos] >= 0x7F or chr(text[pos]).isalnum() or text[pos] == 0x5F


def _to_utf8(data: bytes) -> tuple[bytes, bool]:
    """The document as UTF-8 without a byte order mark, and whether it was in UTF-16 or UTF-32.

    The encoding is found as Jackson finds it, which looks for a mark only if there are four bytes.
    """
    head = data[:4]
    if len(head) == 4:
        if head[:3] == b"\xef\xbb\xbf":
            return data[3:], False
        if head in (b"\x00\x00\xfe\xff", b"\xff\xfe\x00\x00"):
            return _utf32(data[4:], big_endian=head[0] == 0), True
        if head[:2] in (b"\xfe\xff", b"\xff\xfe") and head != b"\xfe\xff\x00\x00":
            return _utf16(data[2:], big_endian=head[0] == 0xFE), True
        zeros = [byte == 0 for byte in head]
        if zeros[:3] == [True] * 3 or zeros[1:] == [True] * 3:
            return _utf32(data, big_endian=zeros[0]), True
        if zeros.count(True) == 3 or head in (b"\x00\x00\xff\xfe", b"\xfe\xff\x00\x00"):
            raise BadJsonError("is in an unusual byte order of UTF-32", 0)
    if len(head) >= 2 and 0 in head[:2]:
        return _utf16(data, big_endian=head[0] == 0), True
    return data, False


def _utf16(data: bytes, *, big_endian: bool) -> bytes:
    return decode_utf16(data, big_endian=big_endian).encode("utf-8")


def _utf32(data: bytes, *, big_endian: bool) -> bytes:
    """Lone surrogates are kept; a last character of fewer than four bytes becomes a byte nobody accepts."""
    whole = len(data) & ~3
    try:
        text = data[:whole].decode("utf-32-be" if big_endian else "utf-32-le", "surrogatepass")
    except UnicodeDecodeError as exc:
        raise BadJsonError("has a character that is not UTF-32", exc.start) from None
    return text.encode("utf-8", "surrogatepass") + (b"\xff" if whole < len(data) else b"")

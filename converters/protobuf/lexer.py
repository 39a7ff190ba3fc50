"""The tokens of a ``.proto`` text: words, numbers, strings and signs; comments and space are left out.

Source: the Protocol Buffers language specification, *Lexical elements*. Pure functions; linear in the text.
"""

from __future__ import annotations

import re
from typing import Final, Literal, NamedTuple

from connectkit.errors import LimitError, SchemaError
from connectkit.limits import Limits

Kind = Literal["word", "number", "string", "sign", "end"]


class Token(NamedTuple):
    """A token: of a string the value, of the others the text; ``at`` is where it stands."""

    kind: Kind
    text: str
    at: int


_TOKEN: Final = re.compile(
    r"""
    (?P<space>[\s\ufeff]+|//[^\n]*|/\*(?s:.*?)\*/)
  | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
  | (?P<number>0[xX][0-9A-Fa-f]+|(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?[fF]?)
  | (?P<string>"(?:[^"\\\n]|\\[^\n])*"|'(?:[^'\\\n]|\\[^\n])*')
  | (?P<sign>[;{}=\[\](),<>.:+\-/])
    """,
    re.VERBOSE,
)
_ESCAPE: Final = re.compile(
    r"\\(?:([0-7]{1,3})|[xX]([0-9A-Fa-f]{1,2})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))", re.DOTALL
)
_SHORT: Final = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


MAX_TOKENS: Final = 500_000
"""Words and signs of one text; a large schema has some tens of thousands."""


def place(text: str, at: int) -> str:
    """Line and column, for people."""
    line = text.count("\n", 0, at) + 1
    return f"line {line}, column {at - (text.rfind(chr(10), 0, at) + 1) + 1}"


def tokens(text: str, limits: Limits) -> list[Token]:
    """All tokens, and one that says the end. ``SchemaError`` where the text is no token."""
    if len(text) > limits.schema_bytes:
        raise LimitError(
            f"The Protobuf schema has {len(text)} characters; limit 'schema_bytes' is {limits.schema_bytes}"
        )
    found: list[Token] = []
    at = 0
    match = _TOKEN.match
    while at < len(text):
        hit = match(text, at)
        if hit is None:
            raise SchemaError(
                f"The Protobuf schema has a character that belongs nowhere at {place(text, at)}"
            )
        kind = hit.lastgroup
        if kind == "string":
            found.append(Token("string", _unescaped(hit.group()[1:-1]), at))
        elif kind != "space":
            assert kind in ("word", "number", "sign")
            found.append(Token(kind, hit.group(), at))  # type: ignore[arg-type]  # pyright sees it, mypy not
        if len(found) > MAX_TOKENS:
            raise LimitError(f"The Protobuf schema has more than {MAX_TOKENS} words and signs")
        at = hit.end()
    found.append(Token("end", "", at))
    return found


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(_escape, text) if "\\" in text else text


def _escape(hit: re.Match[str]) -> str:
    octal, hexa, four, eight, other = hit.groups()
    if octal is not None:
        return chr(int(octal, 8))
    code = hexa or four or eight
    if code is not None:
        number = int(code, 16)
        if number > 0x10FFFF:
            raise SchemaError("The Protobuf schema has an escape of a character that does not exist")
        return chr(number)
    return _SHORT.get(other, other)

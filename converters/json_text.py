r"""JSON text exactly as Jackson writes it, at orjson's speed where the two agree.

The tree is of dict, list, tuple, str, int (64 bit), bool, None, floats that both libraries write alike
(:func:`is_plain`) and :class:`Raw`. Jackson differs from orjson in control characters (``\u001F``, in
upper case), characters beyond the BMP (escaped as two surrogates), lone surrogates (written, escaped)
and depth (1,000 levels). Source: spec data 2.1, 6.1. Pure functions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from connectkit.errors import ConversionError, LimitError
from connectkit.float32 import round32
from connectkit.javatext import float32_text, float_text

try:
    import orjson
except ModuleNotFoundError as exc:
    raise ModuleNotFoundError(
        "JSON needs the library orjson, which is not installed; install the extra 'json' of"
        " kafka-connectkit, or orjson 3.10 or later"
    ) from exc

MAX_DEPTH: Final = 1000
"""Levels of nesting Jackson writes (its StreamWriteConstraints)."""

fast_dumps: Final = orjson.dumps
fast_loads: Final = orjson.loads
OPTIONS: Final = (
    orjson.OPT_PASSTHROUGH_SUBCLASS | orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME
)
"""What orjson would write natively and Connect refuses goes through ``default`` instead."""


class Raw:
    """A number whose text is given, such as ``1.0E10``."""

    __slots__ = ("fragment", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.fragment = orjson.Fragment(text)


def raw_only(value: Any) -> Any:
    """The ``default`` of orjson: knows :class:`Raw`, refuses all else."""
    if type(value) is Raw:
        return value.fragment
    raise TypeError(f"JSON has no form for a value of class {type(value).__name__}")


def is_plain(x: float) -> bool:
    """Whether both libraries write that float alike: no exponent on either side, not NaN."""
    return 0.001 <= x < 1e7 or -1e7 < x <= -0.001 or x == 0.0


def float_node(x: float) -> float | str | Raw:
    """A float64 in the tree: as it is, as its text, or (NaN, infinite) as a string."""
    if is_plain(x):
        return x
    text = float_text(x)
    return Raw(text) if text[-1].isdigit() else text


def float32_node(x: float) -> float | str | Raw:
    """A float32 in the tree: as the float64 whose shortest text is the float32's."""
    x = round32(x)
    text = float32_text(x)
    if is_plain(x):
        return float(text)
    return Raw(text) if text[-1].isdigit() else text


def dumps(tree: Any) -> bytes:
    """The tree's text."""
    try:
        out = orjson.dumps(tree, raw_only, OPTIONS)
    except TypeError:  # a lone surrogate, more than 254 levels, or a value that has no place in the tree
        return write(tree)
    return out if 92 not in out and out.isascii() else as_jackson(out)


_ESCAPES = re.compile(rb"\\\\|\\u00[01][0-9a-f]")
_BEYOND_BMP = re.compile(rb"[\xf0-\xf4][\x80-\xbf]{3}")


def as_jackson(out: bytes) -> bytes:
    """Turn orjson's text into Jackson's: only strings can differ, and only in these two ways."""
    if 92 in out and b"\\u" in out:
        out = _ESCAPES.sub(_upper, out)
    # Five searches for one byte are many times faster than one search for any of them.
    if 0xF0 in out or 0xF1 in out or 0xF2 in out or 0xF3 in out or 0xF4 in out:
        out = _BEYOND_BMP.sub(_pair, out)
    return out


def _upper(found: re.Match[bytes]) -> bytes:
    escape = found[0]
    return escape if escape == b"\\\\" else b"\\u" + escape[2:].upper()


def _pair(found: re.Match[bytes]) -> bytes:
    return _surrogates(ord(found[0].decode("utf-8"))).encode("ascii")


def _surrogates(code: int) -> str:
    code -= 0x10000
    return f"\\u{0xD800 | code >> 10:04X}\\u{0xDC00 | code & 0x3FF:04X}"


_ODD = re.compile('[\x00-\x1f"\\\\\ud800-\udfff\U00010000-\U0010ffff]')
_SHORT = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r"}


def quote(text: str) -> str:
    """A string in quotes, escaped as Jackson escapes."""
    return f'"{_ODD.sub(_escape, text)}"'


def _escape(found: re.Match[str]) -> str:
    char = found[0]
    short = _SHORT.get(char)
    if short is not None:
        return short
    code = ord(char)
    return f"\\u{code:04X}" if code < 0x10000 else _surrogates(code)


def write(tree: Any) -> bytes:
    """The same text as :func:`dumps`, by our own hand, to any depth that Jackson allows."""
    out: list[str] = []
    # Each open container: what is left of it, and the text that closes it.
    stack: list[tuple[Iterator[Any], str]] = []
    value = tree
    while True:
        kind = type(value)
        if kind is str:
            out.append(quote(value))
        elif value is None:
            out.append("null")
        elif kind is bool:
            out.append("true" if value else "false")
        elif kind is int:
            out.append(str(value))
        elif kind is float:
            out.append(float_text(value))
        elif kind is Raw:
            out.append(value.text)
        elif kind is dict or kind is list or kind is tuple:
            if len(stack) >= MAX_DEPTH:
                raise LimitError(
                    f"The value is nested more than {MAX_DEPTH} levels deep, more than Connect reads as JSON"
                )
            if kind is dict:
                out.append("{")
                stack.append((iter(value.items()), "}"))
            else:
                out.append("[")
                stack.append((iter(value), "]"))
        else:
            raise ConversionError(f"JSON has no form for a value of class {kind.__name__}")
        while stack:
            rest, closing = stack[-1]
            try:
                value = next(rest)
            except StopIteration:
                out.append(closing)
                stack.pop()
                continue
            if out[-1] not in ("{", "["):
                out.append(",")
            if closing == "}":
                name, value = value
                out.append(quote(name))
                out.append(":")
            break
        else:
            return "".join(out).encode("utf-8")

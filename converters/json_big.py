"""Whether a large document could break a limit of Jackson's that orjson does not have.

Called for documents of more than 1,000 bytes that orjson has read, so it may say yes too often (the
exact reader then decides) but never no too often. Cheap beside the reading itself. Pure functions.
"""

from __future__ import annotations

import re
from typing import Final

from connectkit.converters.json_parse import MAX_DEPTH, MAX_DIGITS

_NUMBER = re.compile(rb"[-+.0-9eE]*")
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_OTHERS: Final = bytes(set(range(256)) - set(b"[]{}"))
_NUMERIC: Final = frozenset(b"-+.0123456789eE")


def needs_exact(data: bytes) -> bool:
    """Whether the document may hold a number of more than 1,000 digits, or 1,001 levels of nesting."""
    return _has_long_number(data) or (
        data.count(b"[") + data.count(b"{") > MAX_DEPTH and _is_deep(data)
    )


def _has_long_number(data: bytes) -> bool:
    # A run of more than 1,000 characters covers a position divisible by 1,000.
    for at in range(0, len(data), MAX_DIGITS):
        if data[at] in _NUMERIC:
            start = max(0, at - MAX_DIGITS)
            before = data[start:at]
            left = len(before) - len(before.rstrip(b"-+.0123456789eE"))
            found = _NUMBER.match(data, at)
            assert found is not None
            if left + found.end() - at > MAX_DIGITS:
                return True
    return False


def _is_deep(data: bytes) -> bool:
    brackets = _STRING.sub(b"", data).translate(None, _OTHERS)
    # Each pass takes the innermost level away; what is left can be no deeper than half its length.
    for _ in range(8):
        if len(brackets) <= 2 * MAX_DEPTH:
            return _depth(brackets) > MAX_DEPTH
        brackets = brackets.replace(b"[]", b"").replace(b"{}", b"")
    return _depth(brackets) > MAX_DEPTH - 8


def _depth(brackets: bytes) -> int:
    depth = deepest = 0
    for bracket in brackets:
        if bracket in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        else:
            depth -= 1
    return deepest

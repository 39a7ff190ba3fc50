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
    return _has_long_number(data) or (data.count(b"[") + data.count(b"{") > MAX_DEPTH and _is_deep(data))


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
    # Each pass takes the innermost one or two levels away; flat documents are gone after a few.
    taken = 0
    while len(brackets) > 2 * MAX_DEPTH and taken < 16:
        brackets = brackets.replace(b"[]", b"").replace(b"{}", b"")
        taken += 2
    return _depth(brackets) > MAX_DEPTH - taken


def _depth(brackets: bytes) -> int:
    depth = deepest = 0
    for bracket in brackets:
        if bracket in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        else:
            depth -= 1
    return deepest

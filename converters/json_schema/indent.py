"""JSON text spread over lines, as Jackson's default pretty printer does it (json.indent.output).

Members of objects stand on lines of their own, items of arrays beside each other. Pure function.
"""

from __future__ import annotations

import re

_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[{}\[\],:]|[^"{}\[\],:]++')


def indented(data: bytes) -> bytes:
    """The same document, which has no white space outside of its texts."""
    out: list[bytes] = []
    # Each open container's closing bracket; only objects move what is in them to the right.
    open_: list[bytes] = []
    level = 0
    before = b""
    for token in _TOKEN.findall(data):
        if token in (b"}", b"]"):
            open_.pop()
            is_object = token == b"}"
            level -= is_object
            if before in (b"{", b"["):
                out.append(b" ")
            else:
                out.append(_line(level) if is_object else b" ")
            out.append(token)
        else:
            if before == b"{":
                out.append(_line(level))
            elif before == b"[":
                out.append(b" ")
            if token == b",":
                out.append(b"," + (_line(level) if open_[-1] == b"}" else b" "))
            elif token == b":":
                out.append(b" : ")
            else:
                out.append(token)
            if token == b"{":
                level += 1
                open_.append(b"}")
            elif token == b"[":
                open_.append(b"]")
        before = token
    return b"".join(out)


def _line(level: int) -> bytes:
    return b"\n" + b"  " * level

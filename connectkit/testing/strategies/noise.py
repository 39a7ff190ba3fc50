"""Bytes that nobody wrote: empty, cut, random, of other formats, and good ones damaged."""

from __future__ import annotations

import gzip

from hypothesis import strategies as st

BLOBS: tuple[bytes, ...] = (
    b"", b"\x00", b"\x00\x00\x00\x00\x01", b"\x00\x00\x00\x00\x01\x02a", b"\x00\xff\xff\xff\xff", b"\xff",
    b"null", b"{", b"[]", b'{"schema":null,"payload":null}', b'{"a":1,"a":2}', b"[" * 5000, b"NaN", b"-",
    b'"\\ud800"', b"\xef\xbb\xbf{}", "{}".encode("utf-16"), b"\xff\xfe", b"\x80" * 20, b"\x00" * 64,
    b"\xff" * 64, b"1" * 5000, b"1e999999999", gzip.compress(b"x" * 100, mtime=0), b"\x08\x96\x01", b"PAR1",
    b"Obj\x01",
)  # fmt: skip
"""Bytes of other formats, cut or empty, that every reader meets some day."""


def noise(*, near: st.SearchStrategy[bytes] | None = None) -> st.SearchStrategy[bytes]:
    """Bytes that nobody wrote: empty, cut, other formats, random; and, with ``near``, good ones damaged."""
    plain = st.sampled_from(BLOBS) | st.binary(max_size=64)
    return plain if near is None else plain | _damaged(near)


@st.composite
def _damaged(draw: st.DrawFn, near: st.SearchStrategy[bytes]) -> bytes:
    data = draw(near)
    at = draw(st.integers(0, max(len(data) - 1, 0)))
    way = draw(st.sampled_from(("cut", "flip", "insert", "repeat", "append")))
    if way == "cut":
        return data[:at]
    if way == "flip":
        return data[:at] + bytes([data[at] ^ draw(st.integers(1, 255))]) + data[at + 1 :] if data else data
    if way == "insert":
        return data[:at] + draw(st.binary(min_size=1, max_size=4)) + data[at:]
    return data + data if way == "repeat" else data + draw(st.binary(min_size=1, max_size=4))

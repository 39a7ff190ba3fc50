"""UTF-16 as Java's decoder reads it: what is broken becomes U+FFFD, a broken pair one of them."""

from __future__ import annotations

import re

_BROKEN_PAIR = re.compile("[\ud800-\udbff](?![\udc00-\udfff]).?", re.DOTALL)
_SURROGATE = re.compile("[\ud800-\udfff]")


def decode_utf16(data: bytes, *, big_endian: bool) -> str:
    """The text. A high surrogate swallows the unit behind it if that is no low one.

    A last odd byte is one more U+FFFD.
    """
    encoding = "utf-16-be" if big_endian else "utf-16-le"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        pass
    odd = len(data) % 2
    units = [
        chr(int.from_bytes(data[i : i + 2], "big" if big_endian else "little"))
        for i in range(0, len(data) - odd, 2)
    ]
    raw = "".join(units)
    text = _BROKEN_PAIR.sub("\ufffd", raw)
    # A high surrogate that ends the text takes the odd byte behind it along: together they are cut short.
    cut_short = any(len(found[0]) == 1 for found in _BROKEN_PAIR.finditer(raw))
    if odd and not cut_short:
        text += "\ufffd"
    joined = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
    return _SURROGATE.sub("\ufffd", joined)

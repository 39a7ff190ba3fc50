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
    text = _BROKEN_PAIR.sub("\ufffd", "".join(units))
    # A unit that is swallowed at the very end takes an odd byte behind it along: both are too short.
    if odd and not (units and "\ud800" <= units[-1] < "\udc00"):
        text += "\ufffd"
    joined = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
    return _SURROGATE.sub("\ufffd", joined)

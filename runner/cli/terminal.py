"""What may be written to a terminal: nothing that steers it, and colours where they are liked."""

from __future__ import annotations

import os
from typing import TextIO


def printable(text: str) -> str:
    """A text without characters that move a cursor or change its colour."""
    return "".join(ch if ch.isprintable() else ch.encode("unicode_escape").decode() for ch in text)


def wants_colours(stream: TextIO) -> bool:
    """Whether a stream is a terminal, and its user has not asked for no colours (NO_COLOR)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"

"""What may be written to a terminal: nothing that steers it, and colours where they are liked."""

from __future__ import annotations

import codecs
import io
import json
import os
from typing import TextIO


def printable(text: str) -> str:
    """A text without characters that move a cursor or change its colour."""
    return "".join(ch if ch.isprintable() else ch.encode("unicode_escape").decode() for ch in text)


def take_every_character(stream: TextIO) -> None:
    """Write what the stream's encoding lacks in JSON's way, by number, and fail for none."""
    if isinstance(stream, io.TextIOWrapper) and codecs.lookup(stream.encoding).name != "utf-8":
        codecs.register_error(_ESCAPED, _escaped)
        stream.reconfigure(errors=_ESCAPED)


_ESCAPED = "connectkit.escaped"


def _escaped(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return json.dumps(error.object[error.start : error.end])[1:-1], error.end


def wants_colours(stream: TextIO) -> bool:
    """Whether a stream is a terminal, and its user has not asked for no colours (NO_COLOR)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"

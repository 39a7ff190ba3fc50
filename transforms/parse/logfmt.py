r"""logfmt: ``level=info msg="a b" took=1.2ms retry``, as Go's and Heroku's loggers write it.

A value in double quotes has the escapes of JSON; without quotes it ends at a blank. A key alone has the
value ``true``; a line without any ``=`` is refused, as any text would be one of keys. A later field of
the same name wins. Linear time: each field is one possessive match.
"""

from __future__ import annotations

import re

from connectkit.transforms.parse.pairs import MAX_FIELDS
from connectkit.transforms.parse.reading import NotParsedError

_FIELD = re.compile(r'[ \t]*+([^\s="]++)(?:(=)(?:"((?:[^"\\]++|\\.)*+)"|([^\s"]*+)))?(?=[ \t]|\Z)', re.DOTALL)
_BLANKS = re.compile(r"[ \t]*+\Z")
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}


def split_logfmt(text: str) -> dict[str, str]:
    """The fields of a line, as texts; ``NotParsedError`` if it is not logfmt."""
    found: dict[str, str] = {}
    at, end = 0, len(text)
    paired = False
    match = _FIELD.match
    while at < end:
        field = match(text, at)
        if field is None:
            if _BLANKS.match(text, at):
                break
            raise NotParsedError("has something that is neither key=value nor a key")
        key, equals, quoted, plain = field.groups()
        if quoted is not None:
            found[key] = unescaped(quoted) if "\\" in quoted else quoted
        else:
            found[key] = plain if equals else "true"
        paired = paired or equals is not None
        at = field.end()
        if len(found) > MAX_FIELDS:
            raise NotParsedError(f"has more than {MAX_FIELDS} fields")
    if not paired:
        raise NotParsedError("has no key=value")
    return found


def unescaped(text: str) -> str:
    """The text with JSON's escapes undone; surrogates are joined, and one alone is refused."""
    made = _ESCAPE.sub(_unescape, text)
    if "\\u" in text:
        try:
            made = made.encode("utf-16", "surrogatepass").decode("utf-16")
        except UnicodeDecodeError as exc:
            raise NotParsedError("has half a surrogate pair") from exc
    return made


def _unescape(found: re.Match[str]) -> str:
    escape = found[1]
    return chr(int(escape[1:], 16)) if len(escape) == 5 else _ESCAPED.get(escape, escape)

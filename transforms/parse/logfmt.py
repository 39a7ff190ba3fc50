r"""logfmt: ``level=info msg="a b" took=1.2ms retry``, as Go's and Heroku's loggers write it.

A value in double quotes has the escapes of JSON; without quotes it ends at a blank. A key alone has the
value ``true``; a line without any ``=`` is refused, as any text would be one of keys. A later field of
the same name wins. Linear time: each field is one possessive match.
"""

from __future__ import annotations

import re

from connectkit.transforms.parse.pairs import MAX_FIELDS
from connectkit.transforms.parse.reading import NotParsedError

_FIELD = r'[ \t]*+([^\s="]++)(?:(=)(?:"([^"\\]*+(?:\\.[^"\\]*+)*+)"|([^\s"]*+)))?(?=[ \t]|\Z)'
_FIELDS = re.compile(_FIELD, re.DOTALL).findall
_LINE = re.compile(rf"(?:{_FIELD})*+[ \t]*+", re.DOTALL).fullmatch
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}


def split_logfmt(text: str) -> dict[str, str]:
    """The fields of a line, as texts; ``NotParsedError`` if it is not logfmt."""
    if "=" not in text or _LINE(text) is None:
        raise NotParsedError("is not of the format")
    fields = _FIELDS(text)
    if len(fields) > MAX_FIELDS:
        raise NotParsedError(f"has more than {MAX_FIELDS} fields")
    found = {key: (quoted or plain) if equals else "true" for key, equals, quoted, plain in fields}
    if "\\" in text:
        for key, _, quoted, _ in fields:
            if "\\" in quoted:
                found[key] = unescaped(quoted)
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

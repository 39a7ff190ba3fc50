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
_PLAIN_FIELD = r'[ \t]*+([^\s="]++)(?:(=)(?:"([^"]*+)"|([^\s"]*+)))?(?=[ \t]|\Z)'
"""The same for a line without any backslash, and quicker."""
_FIELDS, _PLAIN_FIELDS = (re.compile(each, re.DOTALL).findall for each in (_FIELD, _PLAIN_FIELD))
_LINE, _PLAIN_LINE = (
    re.compile(rf"(?:{each})*+[ \t]*+", re.DOTALL).fullmatch for each in (_FIELD, _PLAIN_FIELD)
)
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}


def split_logfmt(text: str) -> dict[str, str]:
    """The fields of a line, as texts; ``NotParsedError`` if it is not logfmt."""
    escapes = "\\" in text
    if "=" not in text or (_LINE if escapes else _PLAIN_LINE)(text) is None:
        raise NotParsedError("is not of the format")
    fields = (_FIELDS if escapes else _PLAIN_FIELDS)(text)
    if len(fields) > MAX_FIELDS:
        raise NotParsedError(f"has more than {MAX_FIELDS} fields")
    if escapes:
        fields = [
            (key, equals, unescaped(quoted) if "\\" in quoted else quoted, plain)
            for key, equals, quoted, plain in fields
        ]
    return {key: (quoted or plain) if equals else "true" for key, equals, quoted, plain in fields}


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

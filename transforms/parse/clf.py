r"""Common and Combined Log Format, as Apache httpd, nginx and most web servers write their access logs.

``host ident user [time] "request" status bytes`` and, in the combined format, ``"referer" "agent"``. The
request is split into method, path and protocol; one that is none of that shape stands in ``request`` as
it was sent. ``-`` is null. Quotes inside quotes are escaped by the server as ``\"`` and stay so.
The expressions take time linear in the length of a line: every part is possessive.
Source: Apache's documentation of mod_log_config.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from connectkit.schema import Schema
from connectkit.transforms.parse.moments import Moments
from connectkit.transforms.parse.reading import NotParsedError, Reader, ResultField

_QUOTED = r'[^"\\]*+(?:\\.[^"\\]*+)*+'
# A dash alone is matched outside the groups, which leaves them null.
_COMMON = (
    r"(\S++) (?:-(?= )|(\S++)) (?:-(?= \[)|([^ ]++(?: (?!\[\d\d/)[^ ]*+)*+)) \[([^\]]{26})\] "
    r'"(?:([A-Za-z][A-Za-z0-9_-]*+) ([^"\\ ]*+(?:\\.[^"\\ ]*+)*+)(?: ([A-Za-z]++/[0-9.]++))?(?=")'
    r'|-(?=")|(' + _QUOTED + r'))" (?:-|(\d{3})) (?:-|(\d{1,18}))'
)
_COMBINED = _COMMON + rf' "(?:-(?=")|({_QUOTED}))" "(?:-(?=")|({_QUOTED}))"'
_PLAIN = ((_QUOTED, '[^"]*+'), (r'[^"\\ ]*+(?:\\.[^"\\ ]*+)*+', '[^" ]*+'))
"""What comes to the same in a line without any backslash, and is quicker."""
_TEXTS = ("host", "ident", "user")
_REQUEST = ("method", "path", "protocol", "request")


def clf_reader(moments: Moments, *, combined: bool) -> Reader:
    """The reader of the Common or, if wanted, the Combined Log Format."""
    names = [*_TEXTS, "timestamp", *_REQUEST, "status", "bytes", *(("referer", "agent") if combined else ())]
    schemas = {"timestamp": moments.schema, "status": Schema.OPTIONAL_INT32, "bytes": Schema.OPTIONAL_INT64}
    fields = tuple(ResultField(name, schemas.get(name, Schema.OPTIONAL_STRING)) for name in names)
    regex = plain = _COMBINED if combined else _COMMON
    for with_escapes, without in _PLAIN:
        plain = plain.replace(with_escapes, without)
    match = re.compile(regex, re.ASCII | re.DOTALL).fullmatch
    match_plain = re.compile(plain, re.ASCII | re.DOTALL).fullmatch
    clf, shown = moments.clf, moments.shown

    def read(text: str, _: int | None) -> Sequence[Any]:
        found = match(text) if "\\" in text else match_plain(text)
        if found is None:
            raise NotParsedError("is not of the format")
        values: list[Any] = list(found.groups())
        try:
            millis = clf(values[3])
            values[3] = millis if shown is None else shown(millis)
        except ValueError as exc:
            raise NotParsedError("has no timestamp of the format in field 'timestamp'") from exc
        if values[8] is not None:
            values[8] = int(values[8])
        if values[9] is not None:
            values[9] = int(values[9])
        return values

    return Reader(fields, read)

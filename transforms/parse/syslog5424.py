r"""Syslog messages of RFC 5424: ``<165>1 2003-10-11T22:14:15.003Z host app procid msgid [sd] message``.

Strict where the RFC is: version, no leading zeros in the priority, lengths of the header's fields, a
structured data element at most once. ``-`` is null. Structured data is a map of maps; in its values
``\"``, ``\\`` and ``\]`` are undone, any other backslash stays. Source: RFC 5424, section 6.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from connectkit.builder import SchemaBuilder
from connectkit.schema import Schema
from connectkit.transforms.parse.moments import Moments
from connectkit.transforms.parse.reading import NotParsedError, Reader, ResultField

STRUCTURED_DATA: Final = (
    SchemaBuilder.map(Schema.STRING, SchemaBuilder.map(Schema.STRING, Schema.STRING).build())
    .optional()
    .build()
)
_HEADER = re.compile(
    r"<(0|[1-9]\d{0,2})>([1-9]\d{0,2}) "
    r"(-|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)) "
    r"([!-~]{1,255}) ([!-~]{1,48}) ([!-~]{1,128}) ([!-~]{1,32}) ",
    re.ASCII,
)
_NAME = r'[^\x00-\x20=\]"\x7f-\U0010ffff]{1,32}'
_VALUE = r'"([^"\\\]]*+(?:\\.[^"\\\]]*+)*+)"'
_ELEMENT = re.compile(rf"\[({_NAME})((?: {_NAME}={_VALUE})*+)\]", re.DOTALL)
_PARAMETER = re.compile(rf" ({_NAME})={_VALUE}", re.DOTALL)
_ESCAPED = re.compile(r'\\(["\\\]])')
_BOM = "\ufeff"
MAX_PRIORITY: Final = 191


def syslog_fields(moments: Moments) -> tuple[ResultField, ...]:
    """The fields of either kind of syslog message."""
    schemas = {
        "priority": Schema.OPTIONAL_INT32,
        "facility": Schema.OPTIONAL_INT32,
        "severity": Schema.OPTIONAL_INT32,
        "version": Schema.OPTIONAL_INT32,
        "timestamp": moments.schema,
        "host": Schema.OPTIONAL_STRING,
        "app": Schema.OPTIONAL_STRING,
        "procid": Schema.OPTIONAL_STRING,
        "msgid": Schema.OPTIONAL_STRING,
        "structured_data": STRUCTURED_DATA,
        "message": Schema.OPTIONAL_STRING,
    }
    return tuple(ResultField(name, schema) for name, schema in schemas.items())


def syslog5424_reader(moments: Moments) -> Reader:
    """The reader of RFC 5424."""
    iso, shown = moments.iso, moments.shown

    def read(text: str, _: int | None) -> Sequence[Any]:
        found = _HEADER.match(text)
        if found is None:
            raise NotParsedError("does not begin with a header of RFC 5424")
        values: list[Any] = [None if part == "-" else part for part in found.groups()]
        priority = int(values[0])
        if priority > MAX_PRIORITY:
            raise NotParsedError("has a priority beyond 191")
        moment = values[2]
        if moment is not None:
            try:
                millis = iso(moment)
                moment = millis if shown is None else shown(millis)
            except ValueError as exc:
                raise NotParsedError("has no timestamp of the format in field 'timestamp'") from exc
        data, at = structured_data(text, found.end())
        message: str | None = None
        if at < len(text):
            if text[at] != " ":
                raise NotParsedError("has no blank behind its structured data")
            message = text[at + 1 :].removeprefix(_BOM)
        return [
            priority, priority >> 3, priority & 7, int(values[1]), moment, *values[3:], data, message,
        ]  # fmt: skip

    return Reader(syslog_fields(moments), read)


def structured_data(text: str, at: int) -> tuple[dict[str, dict[str, str]] | None, int]:
    """The structured data from that place on, and where it ends."""
    if text[at : at + 1] == "-":
        return None, at + 1
    elements: dict[str, dict[str, str]] = {}
    while found := _ELEMENT.match(text, at):
        name = found[1]
        if name in elements:
            raise NotParsedError("has an element of structured data twice")
        elements[name] = {
            parameter: _ESCAPED.sub(r"\1", value) if "\\" in value else value
            for parameter, value in _PARAMETER.findall(found[2])
        }
        at = found.end()
    if not elements:
        raise NotParsedError("has neither structured data nor a dash in its place")
    return elements, at

"""Syslog messages of the older kind (RFC 3164): ``<34>Oct 11 22:14:15 host app[pid]: text``.

What the RFC leaves open is read as senders write it: the priority may be missing (files have none), the
time may be ISO 8601 or have a year or a fraction, and what follows it is a host only if a message follows
that. An app is a name before ``[pid]:`` or ``:``; without one all of it is the message. The time has no
zone: the configured one counts; its year comes from the record (:mod:`.moments`).
Source: RFC 3164, section 4.1; the file formats of rsyslog and syslog-ng.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from connectkit.transforms.parse.moments import Moments
from connectkit.transforms.parse.reading import NotParsedError, Reader, ResultField
from connectkit.transforms.parse.syslog5424 import MAX_PRIORITY, syslog5424_reader, syslog_fields

_NOT_3164 = ("version", "msgid", "structured_data")
_HEADER = re.compile(
    r"(?:<(0|[1-9]\d{0,2})>)?(?:"
    r"([A-Z][a-z]{2} [ \d]\d (?:\d{4} )?\d\d:\d\d:\d\d(?:\.\d{1,6})?)"
    r"|(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?)"
    r"):? "
    # A host does not end in a colon: that would be an app.
    r"(?:(?:([!-~]{0,254}+(?<!:)) )?([^\s:\[\]]{1,128}+)(?:\[([^\]\s]{0,128}+)\])?:(?: |\Z)"
    r"|([!-~]{1,255}+(?<!:)) )?",
    re.ASCII,
)
_IS_5424 = re.compile(r"<\d{1,3}>[1-9]\d{0,2} ", re.ASCII)


def _fields(moments: Moments) -> tuple[ResultField, ...]:
    return tuple(field for field in syslog_fields(moments) if field.name not in _NOT_3164)


def syslog3164_reader(moments: Moments) -> Reader:
    """The reader of RFC 3164."""
    iso, syslog, shown = moments.iso, moments.syslog, moments.shown

    def read(text: str, reference_ms: int | None) -> Sequence[Any]:
        found = _HEADER.match(text)
        if found is None:
            raise NotParsedError("does not begin with a priority and a time of RFC 3164")
        pri, bsd, standard, host, app, pid, lone_host = found.groups()
        priority = facility = severity = None
        if pri is not None:
            priority = int(pri)
            if priority > MAX_PRIORITY:
                raise NotParsedError("has a priority beyond 191")
            facility, severity = priority >> 3, priority & 7
        try:
            millis = syslog(bsd, reference_ms) if bsd is not None else iso(standard)
            moment = millis if shown is None else shown(millis)
        except ValueError as exc:
            raise NotParsedError("has no timestamp of the format in field 'timestamp'") from exc
        return [
            priority, facility, severity, moment, host or lone_host, app, pid or None, text[found.end() :],
        ]  # fmt: skip

    return Reader(_fields(moments), read)


def syslog_reader(moments: Moments) -> Reader:
    """The reader of either kind, with the fields of both: a version behind the priority tells them apart."""
    read_new, read_old = syslog5424_reader(moments).read, syslog3164_reader(moments).read

    def read(text: str, reference_ms: int | None) -> Sequence[Any]:
        if _IS_5424.match(text):
            return read_new(text, reference_ms)
        old = read_old(text, reference_ms)
        return [*old[:3], None, *old[3:7], None, None, old[7]]

    return Reader(syslog_fields(moments), read)

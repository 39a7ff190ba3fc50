"""Moments finer than Connect's milliseconds: their text, and what moment a value stands for.

A schema's name says how its values count time: Connect's own types, the two of connectkit
(``TimestampMicros``, ``TimestampNanos``) and those of Debezium (``io.debezium.time.*``), which are plain
integers and texts to Connect. All become nanoseconds since the epoch, in UTC; a time of day counts from
midnight. Pure functions. Source: Debezium's documentation of temporal types; ISO 8601.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from connectkit.dateformat import DateFormat
from connectkit.errors import ConversionError
from connectkit.instant import DAY_MS, EPOCH, MS_NS, TEMPORAL_TYPES, Temporal, nanos_of, timestamp_from
from connectkit.schema import FINE_NAMES, INT_BITS, TEMPORAL_NAMES, TIMESTAMP_MICROS_NAME, Schema, Type

NanosReader = Callable[[Any], int]

_SECOND_NS = 1_000_000_000
_DAY_NS = DAY_MS * MS_NS
_ISO = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:T(\d\d:\d\d(?::\d\d)?)(?:\.(\d{1,9}))?)?(Z|[+-]\d\d:\d\d(?::\d\d)?)?", re.ASCII
)
_ISO_TIME = re.compile(r"\d\d:\d\d(?::\d\d)?(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d(?::\d\d)?)?", re.ASCII)
_FAR = DateFormat("yyyy-MM-dd'T'HH:mm:ss")

_CONNECTS: Final = TEMPORAL_NAMES - FINE_NAMES
_DEBEZIUM: Final = "io.debezium.time."
_COUNTED: Final = {
    "Date": _DAY_NS, "Time": MS_NS, "MicroTime": 1_000, "NanoTime": 1,
    "Timestamp": MS_NS, "MicroTimestamp": 1_000, "NanoTimestamp": 1,
}  # fmt: skip
_WRITTEN: Final = frozenset(("ZonedTimestamp", "IsoTimestamp", "IsoDate", "ZonedTime", "IsoTime"))


def nanos_reader(schema: Schema) -> NanosReader | None:
    """The function from values of that schema to nanoseconds, or None if its name is not one of time.

    The function raises ``ConversionError`` for a value of another class, or a text that is no moment.
    """
    name = schema.name
    if name in TEMPORAL_NAMES:
        return _of_temporal
    if name is None or not name.startswith(_DEBEZIUM):
        return None
    short = name.removeprefix(_DEBEZIUM)
    unit_ns = _COUNTED.get(short)
    if unit_ns is not None and schema.type in INT_BITS:
        return lambda value: _counted(value, unit_ns, short)
    if short in _WRITTEN and schema.type is Type.STRING:
        return parse_time if short.endswith("Time") else parse_iso
    return None


def fine_reader(schema: Schema) -> NanosReader | None:
    """The same, but None also for Connect's own types, which need no more than milliseconds."""
    return None if schema.name in _CONNECTS else nanos_reader(schema)


def _of_temporal(value: Any) -> int:
    if not isinstance(value, TEMPORAL_TYPES):
        raise ConversionError(f"A moment was expected, and a value of class {type(value).__name__} found")
    return nanos_of(value)


def _counted(value: Any, unit_ns: int, short: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ConversionError(f"A {short} is an integer, not a value of class {type(value).__name__}")
    return value * unit_ns


def parse_iso(text: Any) -> int:
    """Nanoseconds of an ISO 8601 text in the years 1 to 9999; without a zone it is taken as UTC."""
    found = _ISO.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise ConversionError("A value is no ISO 8601 timestamp, such as 2024-02-29T13:05:09.123456Z")
    day, clock, fraction, zone = found.groups()
    try:
        moment = datetime.fromisoformat(f"{day}T{clock or '00:00'}{zone or 'Z'}")
    except ValueError as error:
        raise ConversionError("An ISO 8601 timestamp has a part that is out of range") from error
    # Whole seconds; the digits behind the point are counted by hand, Python knows six of them.
    since = moment - EPOCH
    return (since.days * 86_400 + since.seconds) * _SECOND_NS + int((fraction or "0").ljust(9, "0"))


def parse_time(text: Any) -> int:
    """Nanoseconds after midnight UTC of an ISO 8601 time of day, which may have an offset."""
    if not isinstance(text, str) or _ISO_TIME.fullmatch(text) is None:
        raise ConversionError("A value is no ISO 8601 time of day, such as 13:05:09.123456Z")
    return parse_iso(f"1970-01-01T{text}") % _DAY_NS


def fine_text(value: Temporal, name: str) -> str:
    """A moment in ISO 8601 with the digits of its type: six for ``TimestampMicros``, nine for nanos.

    Only moments beyond the years 1 to 9999 have texts that :func:`parse_iso` does not read.
    """
    seconds, rest_ns = divmod(_of_temporal(value), _SECOND_NS)
    moment = timestamp_from(seconds * 1000)
    near = isinstance(moment, datetime)
    text = f"{moment:%Y-%m-%dT%H:%M:%S}".rjust(19, "0") if near else _FAR.format(seconds * 1000)
    return f"{text}.{rest_ns:09}"[: -3 if name == TIMESTAMP_MICROS_NAME else None] + "Z"

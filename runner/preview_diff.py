"""A record as it is shown, and what is different between two of them: fields, types, parts.

A :class:`View` holds plain data only: structs as dicts, moments as ISO 8601, decimals as text, bytes as
Base64. Types are spelled as configurations spell them (``int32``, ``decimal(2)``, ``array<string>``), with
``?`` behind one that may be null. Pure functions; nothing here is longer than :data:`MAX_TEXT_CHARS`.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, time
from decimal import Decimal
from typing import Any

from connectkit.instant import Instant
from connectkit.moments import fine_text
from connectkit.record import ConnectRecord
from connectkit.schema import DECIMAL_NAME, TEMPORAL_NAMES, TIMESTAMP_NANOS_NAME, Schema, StructValue, Type

MAX_TEXT_CHARS = 10_000
MAX_ITEMS = 1_000
MAX_DEPTH = 20
_MAX_CHANGES = 200

GONE: Any = type("Gone", (), {"__repr__": lambda self: "gone", "__slots__": ()})()
"""Stands for a value that is not there, beside null, which is one."""


@dataclass(frozen=True, slots=True)
class Change:
    """One difference. ``kind`` is ``added``, ``removed``, ``changed`` (a value) or ``type``."""

    kind: str
    path: str
    before: Any = GONE
    after: Any = GONE
    type_before: str | None = None
    type_after: str | None = None

    def as_json(self) -> dict[str, Any]:
        found: dict[str, Any] = {"kind": self.kind, "path": self.path}
        for name in ("before", "after"):
            value = getattr(self, name)
            if value is not GONE:
                found[name] = value
        if self.type_before is not None:
            found["type_before"] = self.type_before
        if self.type_after is not None:
            found["type_after"] = self.type_after
        return found


@dataclass(frozen=True, slots=True)
class View:
    """A record in plain data. ``types`` has the type of each field that has a schema, by its path."""

    topic: str | None
    partition: int | None
    timestamp: int | None
    key: Any
    value: Any
    headers: list[tuple[str, Any]] = field(default_factory=list)
    types: dict[str, str] = field(default_factory=dict)
    branch: str = ""

    def as_json(self) -> dict[str, Any]:
        return {
            "topic": self.topic,
            "partition": self.partition,
            "timestamp": self.timestamp,
            "key": self.key,
            "value": self.value,
            "headers": [[name, value] for name, value in self.headers],
            "types": self.types,
        }


def view_of(record: ConnectRecord, hide: Callable[[Any], Any], branch: str = "") -> View:
    """The record as it is shown."""
    types: dict[str, str] = {}
    _types("key", record.key_schema, types, 0)
    _types("value", record.value_schema, types, 0)
    headers = []
    for header in record.headers:
        headers.append((header.key, hide(plain(header.value))))
        _types(f"headers.{header.key}", header.schema, types, 0)
    return View(
        hide(record.topic),
        record.kafka_partition,
        record.timestamp,
        hide(plain(record.key)),
        hide(plain(record.value)),
        headers,
        types,
        branch,
    )


def plain(value: Any, depth: int = 0) -> Any:
    """A value in the terms of JSON; what is too long or too deep is cut off."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, str):
        return _cut(value)
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return _cut(base64.b64encode(bytes(value[: MAX_TEXT_CHARS * 3 // 4])).decode())
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, Instant):
        return fine_text(value, TIMESTAMP_NANOS_NAME)
    if depth >= MAX_DEPTH:
        return "…"
    if isinstance(value, StructValue):
        fields = value.schema.fields
        return {f.name: plain(v, depth + 1) for f, v in zip(fields[:MAX_ITEMS], value.values)}
    if isinstance(value, Mapping):
        return {
            key if isinstance(key, str) else str(plain(key, depth + 1)): plain(item, depth + 1)
            for key, item in list(value.items())[:MAX_ITEMS]
        }
    if isinstance(value, list | tuple):
        return [plain(item, depth + 1) for item in value[:MAX_ITEMS]]
    return f"<{type(value).__name__}>"


def _cut(text: str) -> str:
    return text if len(text) <= MAX_TEXT_CHARS else text[:MAX_TEXT_CHARS] + "…"


def type_name(schema: Schema, depth: int = 0) -> str:
    """A schema in one word: ``int32``, ``decimal(2)?``, ``array<string>``, ``struct Address``."""
    optional = "?" if schema.optional else ""
    if schema.name == DECIMAL_NAME:
        return f"decimal({(schema.parameters or {}).get('scale', '')}){optional}"
    if schema.name in TEMPORAL_NAMES:
        return f"{schema.name.rpartition('.')[2].lower()}{optional}"
    if schema.type is Type.STRUCT:
        return f"struct{' ' + schema.name.rpartition('.')[2] if schema.name else ''}{optional}"
    if depth >= MAX_DEPTH:
        return f"{schema.type.value}{optional}"
    if schema.type is Type.ARRAY and schema.value_schema is not None:
        return f"array<{type_name(schema.value_schema, depth + 1)}>{optional}"
    if schema.type is Type.MAP and schema.key_schema is not None and schema.value_schema is not None:
        inner = ", ".join(type_name(s, depth + 1) for s in (schema.key_schema, schema.value_schema))
        return f"map<{inner}>{optional}"
    short = schema.name.rpartition(".")[2] if schema.name else ""
    return f"{schema.type.value}{' ' + short if short else ''}{optional}"


def _types(path: str, schema: Schema | None, found: dict[str, str], depth: int) -> None:
    if schema is None or len(found) >= MAX_ITEMS:
        return
    found[path] = type_name(schema)
    if schema.type is Type.STRUCT and depth < MAX_DEPTH:
        for each in schema.fields:
            _types(f"{path}.{each.name}", each.schema, found, depth + 1)


# --- differences


def changes_between(before: View, after: View) -> list[Change]:
    """What is different, in the order of the record's parts; at most so many as anybody reads."""
    found: list[Change] = []
    for name in ("topic", "partition", "timestamp"):
        old, new = getattr(before, name), getattr(after, name)
        if old != new:
            found.append(Change("changed", name, old, new))
    _compare("key", before.key, after.key, before.types, after.types, found, 0)
    _compare("value", before.value, after.value, before.types, after.types, found, 0)
    _headers(before, after, found)
    return found[:_MAX_CHANGES]


def _headers(before: View, after: View, found: list[Change]) -> None:
    old: dict[str, list[Any]] = {}
    new: dict[str, list[Any]] = {}
    for view, table in ((before, old), (after, new)):
        for name, value in view.headers:
            table.setdefault(name, []).append(value)
    for name in dict.fromkeys([*old, *new]):
        path = f"headers.{name}"
        _compare(path, _one(old.get(name)), _one(new.get(name)), before.types, after.types, found, 0)


def _one(values: list[Any] | None) -> Any:
    return GONE if values is None else values[0] if len(values) == 1 else values


def _compare(
    path: str,
    before: Any,
    after: Any,
    types_before: Mapping[str, str],
    types_after: Mapping[str, str],
    found: list[Change],
    depth: int,
) -> None:
    old_type, new_type = types_before.get(path), types_after.get(path)
    if before is GONE or after is GONE:
        if before is not after:
            kind = "added" if before is GONE else "removed"
            found.append(Change(kind, path, before, after, old_type, new_type))
        return
    if isinstance(before, dict) and isinstance(after, dict) and depth < MAX_DEPTH:
        if old_type != new_type:
            found.append(Change("type", path, type_before=old_type, type_after=new_type))
        for name in [*before, *(each for each in after if each not in before)]:
            inner = f"{path}.{name}"
            old, new = before.get(name, GONE), after.get(name, GONE)
            _compare(inner, old, new, types_before, types_after, found, depth + 1)
        return
    same = type(before) is type(after) and before == after
    if old_type != new_type:
        values = {} if same else {"before": before, "after": after}
        found.append(Change("type", path, type_before=old_type, type_after=new_type, **values))
    elif not same:
        found.append(Change("changed", path, before, after, old_type, new_type))

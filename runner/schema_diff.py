"""What is different between two schemas, field by field, as a person reads it. Pure functions."""

from __future__ import annotations

from connectkit.runner.preview_diff import type_name
from connectkit.schema import Schema, Type

_MAX_DEPTH = 32


def changes(old: Schema | None, new: Schema | None) -> list[str]:
    """A line a field that came (``+``), went (``-``) or changed (``~``), in the order of the new schema."""
    before, after = _fields(old), _fields(new)
    lines = []
    for path, kind in after.items():
        if path not in before:
            lines.append(f"+ {path}: {kind}")
        elif before[path] != kind:
            lines.append(f"~ {path}: {before[path]} -> {kind}")
    return lines + [f"- {path}: {kind}" for path, kind in before.items() if path not in after]


def fields(schema: Schema | None) -> list[str]:
    """A line a field."""
    return [f"{path}: {kind}" for path, kind in _fields(schema).items()]


def _fields(schema: Schema | None) -> dict[str, str]:
    found: dict[str, str] = {}
    _collect("", schema, found, 0)
    return found


def _collect(path: str, schema: Schema | None, found: dict[str, str], depth: int) -> None:
    if schema is None:
        found[path or "value"] = "no schema"
        return
    if schema.type is not Type.STRUCT or path:
        found[path or "value"] = type_name(schema)
    if schema.type is Type.STRUCT and depth < _MAX_DEPTH:
        for each in schema.fields:
            _collect(f"{path}.{each.name}" if path else each.name, each.schema, found, depth + 1)

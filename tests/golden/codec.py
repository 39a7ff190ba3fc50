"""Schemas and values of golden cases, made into ours.

A tag names the value's Java class, and the Python value is the one that stands for it. What Python
cannot hold (a map whose key is a map, say) raises ``UnrepresentableError``; the runner knows that error.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from decimal import Context, Decimal
from typing import Any

from connectkit.float32 import round32
from connectkit.instant import DAY_MS, date_from, time_from, timestamp_from
from connectkit.schema import Field, Schema, Type, intern
from connectkit.struct import Struct

_TYPES = {t.value: t for t in Type}
_EXACT = Context(prec=1)


class UnrepresentableError(Exception):
    """Python has no value like the one that Java was given."""


class Character:
    """Stands for ``java.lang.Character``: a class that no schema accepts."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __str__(self) -> str:
        return self.text


def schema_of(spec: dict[str, Any] | None) -> Schema | None:
    """The schema of a case; equal ones are the same object."""
    return None if spec is None else _schema(spec, {})


def some_schema_of(spec: dict[str, Any] | None) -> Schema:
    """The same where the case must have one."""
    schema = schema_of(spec)
    assert schema is not None
    return schema


def _schema(spec: dict[str, Any], enclosing: dict[str | None, Schema]) -> Schema:
    if spec.get("cyclic"):
        return enclosing[spec.get("name")]
    inner = [spec.get("key"), spec.get("value"), *(f["schema"] for f in spec.get("fields", ()))]
    recursive = any(part is not None and _has_cycle(part) for part in inner)
    schema = Schema(
        _TYPES[spec["type"]],
        optional=spec["optional"],
        name=spec.get("name"),
        version=spec.get("version"),
        doc=spec.get("doc"),
        parameters=spec.get("parameters"),
    )
    inside = {**enclosing, spec.get("name"): schema} if recursive else enclosing
    if spec.get("key") is not None:
        schema._key_schema = _schema(spec["key"], inside)
    if spec.get("value") is not None:
        schema._value_schema = _schema(spec["value"], inside)
    schema._set_fields(
        [Field(f["name"], i, _schema(f["schema"], inside)) for i, f in enumerate(spec.get("fields", ()))]
    )
    if "default" in spec:
        schema.default = value_of(spec["default"], _without_default(schema))
    return schema if recursive else intern(schema)


def _has_cycle(spec: dict[str, Any]) -> bool:
    inner = [spec.get("key"), spec.get("value"), *(f["schema"] for f in spec.get("fields", ()))]
    return bool(spec.get("cyclic")) or any(part is not None and _has_cycle(part) for part in inner)


def _without_default(schema: Schema) -> Schema:
    """The schema that a struct in its own default is of."""
    return Schema(
        schema.type,
        optional=schema.optional,
        name=schema.name,
        version=schema.version,
        doc=schema.doc,
        parameters=schema.parameters,
        fields=schema._fields,
        key_schema=schema._key_schema,
        value_schema=schema._value_schema,
    )


def value_of(tagged: dict[str, Any], schema: Schema | None = None) -> Any:
    """The value of a case; ``schema`` is the one beside it, which structs need."""
    for tag, content in tagged.items():
        if tag != "schema":
            return _container(tag, content, tagged, schema) if tag in _CONTAINERS else _MAKERS[tag](content)
    raise ValueError("a value without a tag")


def _container(tag: str, content: Any, tagged: dict[str, Any], schema: Schema | None) -> Any:
    if tag == "struct":
        own = schema_of(tagged["schema"]) if "schema" in tagged else schema
        if own is None or own.type is not Type.STRUCT:
            raise ValueError("a struct without a schema")
        given = dict(content)
        return Struct.of(own, [value_of(given[f.name], f.schema) for f in own.fields])
    element = schema._value_schema if schema is not None else None
    if tag == "array":
        return [value_of(item, element) for item in content]
    if tag == "set":
        return {_key(value_of(item, element)) for item in content}
    key_schema = schema._key_schema if schema is not None else None
    made = {_key(value_of(k, key_schema)): value_of(v, element) for k, v in content}
    if len(made) != len(content):
        raise UnrepresentableError("a map with keys that are equal in Python, such as 1 and true")
    return made


def _key(value: Any) -> Any:
    """A value as a key of a dict or an element of a set."""
    if isinstance(value, list):
        return tuple(_key(item) for item in value)
    if isinstance(value, dict | set | Struct):
        raise UnrepresentableError(f"a key or an element of a set that is a {type(value).__name__}")
    return value


def _decimal(content: dict[str, Any]) -> Decimal:
    unscaled = int(content["unscaled"])
    digits = tuple(map(int, str(abs(unscaled))))
    return Decimal((unscaled < 0, digits, -content["scale"]))


_CONTAINERS = frozenset(("struct", "array", "set", "map"))
_MAKERS: dict[str, Callable[[Any], Any]] = {
    "null": lambda _: None,
    "int8": int,
    "int16": int,
    "int32": int,
    "int64": int,
    "bigint": int,
    "float32": lambda text: round32(float(text)),
    "float64": float,
    "bool": bool,
    "string": str,
    "bytes": base64.b64decode,
    "decimal": _decimal,
    "date": date_from,
    "time": time_from,
    "timestamp": timestamp_from,
    "char": Character,
}


def millis_tag(tagged: dict[str, Any]) -> int | None:
    """The instant of a tagged date, time or timestamp, else None."""
    if "date" in tagged:
        return int(tagged["date"]) * DAY_MS
    found = tagged.get("time", tagged.get("timestamp"))
    return None if found is None else int(found)

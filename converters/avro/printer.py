"""The text of an Avro schema, character for character as Avro 1.11's ``Schema.toString`` writes it.

A registry tells schemas apart by their text, so this is part of the wire format.
Source: spec registry 2.4. Pure functions.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from connectkit.converters.avro.model import (
    KINDS,
    MISSING,
    NAMED,
    AvroField,
    AvroSchema,
    Float32,
    equal,
    shown,
)
from connectkit.errors import SchemaError
from connectkit.javatext import float32_text, float_text

_ESCAPED: Final = re.compile(r'[\x00-\x1f"\\]')
_SHORT: Final = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r"}


def to_text(schema: AvroSchema, known: Mapping[str, AvroSchema] | None = None) -> str:
    """The schema as JSON. Two different types of one name raise ``SchemaError``, as in Avro.

    Types that are ``known`` from elsewhere, by their full names, are named and not repeated.
    """
    return _Printer(known or {}).schema(schema, None)


class _Printer:
    def __init__(self, known: Mapping[str, AvroSchema]) -> None:
        self._names: dict[str, AvroSchema] = dict(known)

    def schema(self, schema: AvroSchema, space: str | None) -> str:
        """``space`` is the namespace of what encloses it."""
        kind = schema.kind
        if kind in NAMED:
            return self._named(schema, space)
        if kind == "union":
            return f"[{','.join(self.schema(each, space) for each in schema.branches)}]"
        parts = [f'"type":"{kind}"']
        if kind in ("array", "map"):
            what = "items" if kind == "array" else "values"
            parts.append(f'"{what}":{self.schema(schema.items, space)}')
        elif not schema.props:
            return f'"{kind}"'
        return _object(parts + _props(schema.props))

    def _named(self, schema: AvroSchema, space: str | None) -> str:
        full = schema.full_name
        known = self._names.get(full)
        own, _, simple = full.rpartition(".")
        if known is not None and equal(known, schema):
            return quote(_qualified(full, space))
        if known is not None:
            raise SchemaError(
                f"The schema has two different Avro types named '{shown(full)}'; rename one of them"
            )
        self._names[full] = schema
        parts = [
            f'"type":"{"error" if schema.is_error else schema.kind}"',
            f'"name":{quote(simple)}',
        ]
        if own != (space or ""):
            parts.append(f'"namespace":{quote(own)}')
        if schema.doc is not None:
            parts.append(f'"doc":{quote(schema.doc)}')
        if schema.kind == "record":
            parts.append(f'"fields":[{",".join(self._field(each, own or None) for each in schema.fields)}]')
        elif schema.kind == "enum":
            parts.append(f'"symbols":{json_text(list(schema.symbols))}')
            if schema.default is not None:
                parts.append(f'"default":{quote(schema.default)}')
        else:
            parts.append(f'"size":{schema.size}')
        parts += _props(schema.props)
        if schema.aliases:
            parts.append(f'"aliases":{json_text([_qualified(each, own or None) for each in schema.aliases])}')
        return _object(parts)

    def _field(self, field: AvroField, space: str | None) -> str:
        parts = [f'"name":{quote(field.name)}', f'"type":{self.schema(field.schema, space)}']
        if field.doc is not None:
            parts.append(f'"doc":{quote(field.doc)}')
        if field.default is not MISSING:
            parts.append(f'"default":{json_text(field.default)}')
        if field.order != "ascending":
            parts.append(f'"order":"{field.order}"')
        if field.aliases:
            parts.append(f'"aliases":{json_text(list(field.aliases))}')
        return _object(parts + _props(field.props))


def _qualified(full: str, space: str | None) -> str:
    """How a name is written within a namespace: in short form, unless Avro has a type of that name."""
    own, _, simple = full.rpartition(".")
    return simple if own == (space or "") and simple not in KINDS else full


def _props(props: dict[str, Any]) -> list[str]:
    return [f"{quote(key)}:{json_text(value)}" for key, value in props.items()]


def _object(parts: list[str]) -> str:
    return "{" + ",".join(parts) + "}"


def json_text(node: Any) -> str:
    """JSON as Jackson writes it: no spaces, Java's floats, everything beyond ASCII as it is."""
    match node:
        case None:
            return "null"
        case bool():
            return "true" if node else "false"
        case int():
            return str(node)
        case float():
            text = float32_text(node) if isinstance(node, Float32) else float_text(node)
            return text if text[-1].isdigit() else quote(text)  # NaN and the infinities are texts
        case str():
            return quote(node)
        case list() | tuple():
            return f"[{','.join(map(json_text, node))}]"
        case dict():
            return "{" + ",".join(f"{quote(key)}:{json_text(value)}" for key, value in node.items()) + "}"
    raise TypeError(f"JSON has no form for {type(node).__name__}")


def quote(text: str) -> str:
    """A text as a JSON string."""
    return f'"{_ESCAPED.sub(_escape, text)}"'


def _escape(found: re.Match[str]) -> str:
    return _SHORT.get(found[0]) or f"\\u{ord(found[0]):04X}"

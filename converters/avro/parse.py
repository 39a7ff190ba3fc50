"""Avro schemas out of JSON text, as Avro 1.11 parses them, within limits.

Malformed text is a ``SchemaError`` of one sentence, in bounded time and whatever its size or nesting.
Source: the Avro specification; spec registry 2, 8. Pure functions.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, NoReturn

from connectkit.converters.avro.model import (
    MISSING,
    NAMED,
    PRIMITIVES,
    AvroField,
    AvroSchema,
    checked_name,
    shown,
    union,
    valid_default,
)
from connectkit.errors import LimitError, SchemaError
from connectkit.limits import DEFAULT_LIMITS, Limits

_RESERVED: Final = frozenset(
    ("doc", "fields", "items", "name", "namespace", "size", "symbols", "values", "type", "aliases")
)
_FIELD_RESERVED: Final = frozenset(("default", "doc", "name", "order", "type", "aliases"))
_ORDERS: Final = ("ascending", "descending", "ignore")
MAX_DEPTH: Final = 200
"""Levels of schemas inside schemas: a value of ``Limits.depth`` levels has three a level at the most."""


def parse(
    text: str,
    *,
    references: Sequence[str] = (),
    check_defaults: bool = False,
    limits: Limits = DEFAULT_LIMITS,
) -> AvroSchema:
    """The schema of a text. ``references`` are texts whose named types it may use, in order.

    ``check_defaults`` refuses defaults that do not fit their fields, as a registry does with new schemas.
    """
    return parse_with_names(text, references, check_defaults=check_defaults, limits=limits)[0]


def parse_with_names(
    text: str, references: Sequence[str], *, check_defaults: bool = False, limits: Limits = DEFAULT_LIMITS
) -> tuple[AvroSchema, Mapping[str, AvroSchema]]:
    """The same, and the named types of the references by their full names."""
    names: dict[str, AvroSchema] = {}
    for each in references:
        _Parser(names, check_defaults=False, limits=limits).parse(each)
    return _Parser(dict(names), check_defaults=check_defaults, limits=limits).parse(text), names


class _Parser:
    """Makes one schema; ``names`` are the named types known so far."""

    def __init__(self, names: dict[str, AvroSchema], *, check_defaults: bool, limits: Limits) -> None:
        self._names = names
        self._check_defaults = check_defaults
        self._limits = limits
        self._fields = 0

    def parse(self, text: str) -> AvroSchema:
        return self._schema(_json(text, self._limits), None, 0)

    def _schema(self, node: Any, space: str | None, depth: int) -> AvroSchema:
        if depth > MAX_DEPTH:
            raise LimitError(f"The Avro schema is nested more than {MAX_DEPTH} levels deep")
        if isinstance(node, str):
            return self._by_name(node, space)
        if isinstance(node, list):
            return union([self._schema(each, space, depth + 1) for each in node])
        if not isinstance(node, dict):
            raise SchemaError(f"The Avro schema has {_kind_of(node)} where a schema is expected")
        kind = node.get("type")
        if not isinstance(kind, str):
            raise SchemaError('The Avro schema has an object whose "type" is missing or no text')
        props = {
            key: value
            for key, value in node.items()
            if key not in _RESERVED and not (key == "default" and kind == "enum")
        }
        if kind in PRIMITIVES:
            return AvroSchema(kind, props=props)  # type: ignore[arg-type]  # it is one of the kinds
        if kind in NAMED or kind == "error":
            return self._named(node, kind, props, space, depth)
        if kind in ("array", "map"):
            what = "items" if kind == "array" else "values"
            if what not in node:
                raise SchemaError(
                    f'The Avro schema has {"an array" if kind == "array" else "a map"} without "{what}"'
                )
            items = self._schema(node[what], space, depth + 1)
            return AvroSchema("array" if kind == "array" else "map", props=props, items=items)
        return self._by_name(kind, space)

    def _by_name(self, name: str, space: str | None) -> AvroSchema:
        if name in PRIMITIVES:
            return AvroSchema(name)  # type: ignore[arg-type]  # it is one of the kinds
        found = self._names.get(_full(name, space))
        if found is None and "." not in name:
            found = self._names.get(name)
        if found is None:
            raise SchemaError(
                f"The Avro schema uses the type '{shown(name)}', which it does not define before; "
                "a type of another subject has to be one of its references"
            )
        return found

    def _named(
        self, node: Mapping[str, Any], kind: str, props: dict[str, Any], space: str | None, depth: int
    ) -> AvroSchema:
        name = node.get("name")
        if not isinstance(name, str):
            raise SchemaError(f'The Avro schema has {_article(kind)} without a "name"')
        own = node.get("namespace")
        full = _full(name, own if isinstance(own, str) else space)
        inner, _, simple = full.rpartition(".")
        checked_name(simple)
        made = AvroSchema(
            "record" if kind == "error" else kind,  # type: ignore[arg-type]  # it is one of the kinds
            name=full,
            doc=_text(node, "doc"),
            props=props,
            aliases=[_full(alias, inner) for alias in _aliases(node)],
            **self._details(node, kind, full),
        )
        made.is_error = kind == "error"
        if full in self._names:
            raise SchemaError(f"The Avro schema defines the type '{shown(full)}' twice")
        self._names[full] = made
        if made.kind == "record":
            made.set_fields(self._record_fields(node, full, inner or None, depth))
        return made

    def _details(self, node: Mapping[str, Any], kind: str, full: str) -> dict[str, Any]:
        if kind == "enum":
            return _enum_details(node, full)
        if kind == "fixed":
            size = node.get("size")
            if type(size) is not int or not 0 <= size < 2**31:
                raise SchemaError(f'The Avro fixed {shown(full)} needs a "size" of bytes')
            return {"size": size}
        return {}

    def _record_fields(
        self, node: Mapping[str, Any], record: str, space: str | None, depth: int
    ) -> list[AvroField]:
        listed = node.get("fields")
        if not isinstance(listed, list):
            raise SchemaError(f'The Avro record {shown(record)} has no list of "fields"')
        self._fields += len(listed)
        if self._fields > self._limits.schema_fields:
            raise LimitError(
                f"The Avro schema has more than {self._limits.schema_fields} fields; "
                "if that is intended, raise the limit 'schema_fields'"
            )
        return [self._field(each, record, space, depth) for each in listed]

    def _field(self, node: Any, record: str, space: str | None, depth: int) -> AvroField:
        name = node.get("name") if isinstance(node, dict) else None
        if not isinstance(name, str):
            raise SchemaError(f'The Avro record {shown(record)} has a field without a "name"')
        checked_name(name)
        where = f"The field '{shown(name)}' of the Avro record {shown(record)}"
        if "type" not in node:
            raise SchemaError(f'{where} has no "type"')
        schema = self._schema(node["type"], space, depth + 1)
        default = node.get("default", MISSING)
        if schema.kind in ("float", "double") and isinstance(default, str):
            default = _as_float(default, where)
        if self._check_defaults and default is not MISSING and not valid_default(schema, default):
            raise SchemaError(f"{where} has a default that its type does not allow")
        order = node.get("order", "ascending")
        if not isinstance(order, str) or order.lower() not in _ORDERS:
            raise SchemaError(f'{where} has an "order" that is none of {", ".join(_ORDERS)}')
        return AvroField(
            name,
            schema,
            doc=_text(node, "doc"),
            default=default,
            order=order.lower(),
            aliases=_aliases(node),
            props={key: value for key, value in node.items() if key not in _FIELD_RESERVED},
        )


def _enum_details(node: Mapping[str, Any], full: str) -> dict[str, Any]:
    symbols = node.get("symbols")
    if not isinstance(symbols, list) or not all(isinstance(each, str) for each in symbols):
        raise SchemaError(f'The Avro enum {shown(full)} has no list of "symbols"')
    for symbol in symbols:
        checked_name(symbol)
    if len(set(symbols)) < len(symbols):
        raise SchemaError(f"The Avro enum {shown(full)} has a symbol twice")
    default = _text(node, "default")
    if default is not None and default not in symbols:
        raise SchemaError(f"The Avro enum {shown(full)} has a default that is none of its symbols")
    return {"symbols": symbols, "default": default}


def _json(text: str, limits: Limits) -> Any:
    if len(text) > limits.schema_bytes:
        raise LimitError(
            f"The Avro schema has more than {limits.schema_bytes} characters; "
            "if that is intended, raise the limit 'schema_bytes'"
        )
    try:
        return json.loads(text, parse_constant=_no_constant, parse_float=_finite)
    except json.JSONDecodeError as exc:
        # A bare name of a primitive is how some programs register it; Avro's own parser wants quotes.
        raise SchemaError(
            f"The Avro schema is not JSON in line {exc.lineno}, column {exc.colno}: {exc.msg}"
        ) from exc
    except RecursionError as exc:
        raise LimitError(f"The Avro schema is nested more than {MAX_DEPTH} levels deep") from exc
    except ValueError as exc:  # a number of more digits than Python reads
        raise LimitError("The Avro schema has a number of more digits than are read") from exc


def _no_constant(text: str) -> NoReturn:
    raise SchemaError(f"The Avro schema holds {text}, which is not JSON")


def _finite(text: str) -> float:
    found = float(text)
    if math.isinf(found):
        raise LimitError("The Avro schema has a number that is larger than a double holds")
    return found


def _full(name: str, space: str | None) -> str:
    """A name with its namespace: its own where it has a dot in it."""
    if "." in name:
        return name.removeprefix(".")
    return f"{space}.{name}" if space else name


def _text(node: Mapping[str, Any], key: str) -> str | None:
    found = node.get(key)
    return found if isinstance(found, str) else None


def _aliases(node: Mapping[str, Any]) -> list[str]:
    found = node.get("aliases", [])
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise SchemaError('The Avro schema has "aliases" that are no list of names')
    return found


def _as_float(text: str, where: str) -> float:
    try:
        return float(text)
    except ValueError as exc:
        raise SchemaError(f"{where} has a default that is no number") from exc


def _article(kind: str) -> str:
    return f"an {kind}" if kind in ("enum", "error") else f"a {kind}"


def _kind_of(node: Any) -> str:
    return "null" if node is None else "true or false" if isinstance(node, bool) else "a number"

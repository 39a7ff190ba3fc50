"""Schemas in JSON: the ``schema`` half of an envelope, both ways, each cached.

The caches hold at most ``schemas.cache.size`` schemas, a text longer than 4 KiB by its hash. Source: spec
data 2.1, *Schema JSON key order* and *Schema JSON → Schema*. Safe for several threads.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any, Final

from connectkit.builder import SchemaBuilder
from connectkit.compile import PerSchema
from connectkit.converters import json_path
from connectkit.converters.json_parse import MISSING, parse
from connectkit.converters.json_path import Path
from connectkit.converters.json_plain import wrapped
from connectkit.converters.json_reader import TreeReader
from connectkit.converters.json_text import dumps
from connectkit.converters.json_writer import TreeWriter, is_recursive
from connectkit.errors import ConversionError, DataError, LimitError, SchemaError
from connectkit.limits import DEFAULT_LIMITS, Limits
from connectkit.schema import Schema, Type

_NAMES: Final = {kind: kind.value for kind in Type} | {Type.FLOAT32: "float", Type.FLOAT64: "double"}
_TYPES: Final = {name: kind for kind, name in _NAMES.items()}
_KEPT_BYTES = 4096


class SchemaWriter:
    """Schemas to JSON: ``text(schema)``."""

    def __init__(self, values: TreeWriter, *, size: int) -> None:
        self._values = values
        self._texts: PerSchema[bytes] = PerSchema(self._make, size=size)

    def text(self, schema: Schema | None) -> bytes:
        """The text of the envelope's ``schema``."""
        return b"null" if schema is None else self._texts[schema]

    def _make(self, schema: Schema) -> bytes:
        try:
            if is_recursive(schema):
                raise SchemaError(
                    f"The schema {schema} contains itself, which the JSON envelope cannot express"
                    "; set schemas.enable=false, or use a format with named types"
                )
            return dumps(self._tree(schema))
        except RecursionError as exc:
            raise LimitError("The schema is nested too deeply to be written as JSON") from exc

    def _tree(self, schema: Schema) -> dict[str, Any]:
        made: dict[str, Any] = {"type": _NAMES[schema.type]}
        if schema.type is Type.ARRAY:
            made["items"] = self._inner(schema.value_schema)
        elif schema.type is Type.MAP:
            made["keys"] = self._inner(schema.key_schema)
            made["values"] = self._inner(schema.value_schema)
        elif schema.type is Type.STRUCT:
            made["fields"] = [{**self._tree(f.schema), "field": f.name} for f in schema.fields]
        made["optional"] = schema.optional
        if schema.name is not None:
            made["name"] = schema.name
        if schema.version is not None:
            made["version"] = schema.version
        if schema.doc is not None:
            made["doc"] = schema.doc
        if schema.parameters is not None:
            made["parameters"] = dict(schema.parameters)
        if schema.default is not None:
            made["default"] = self._values.explain(schema, schema.default)
        return made

    def _inner(self, schema: Schema | None) -> dict[str, Any]:
        if schema is None:
            raise SchemaError("An array or map schema does not say what is inside, so JSON cannot express it")
        return self._tree(schema)


class SchemaReader:
    """JSON to schemas: ``schema(text)``, where ``text`` is one complete JSON value."""

    def __init__(self, values: TreeReader, *, size: int, limits: Limits = DEFAULT_LIMITS) -> None:
        self._values = values
        self._size = size
        self._limits = limits
        self._schemas: OrderedDict[bytes, Schema | None] = OrderedDict()
        self._lock = threading.Lock()

    def schema(self, text: bytes) -> Schema | None:
        """The schema of that text, the same object for the same text; ``DataError`` if it is none."""
        key = text if len(text) <= _KEPT_BYTES else _digest(text)
        with self._lock:
            if key in self._schemas:
                self._schemas.move_to_end(key)
                return self._schemas[key]
        made = self.read(text)
        with self._lock:
            made = self._schemas.setdefault(key, made)
            if len(self._schemas) > self._size:
                self._schemas.popitem(last=False)
        return made

    def read(self, text: bytes) -> Schema | None:
        """The same without the cache; empty text is no schema. May raise ``json_parse.BadJsonError``."""
        if len(text) > self._limits.schema_bytes:
            raise LimitError(
                f"The schema's JSON has {len(text)} bytes, more than the limit of {self._limits.schema_bytes}"
            )
        node = parse(text)
        return None if node is MISSING else self.from_node(node)

    def from_node(self, node: Any, path: Path = (None, ".schema"), depth: int = 1) -> Schema | None:
        """The schema of a node that the exact reader made."""
        if node is None:
            return None
        where = json_path.text(path)
        kind = node.get("type") if isinstance(node, dict) else None
        if not isinstance(kind, str):
            raise ConversionError(f"The schema at {where} must be an object with a text 'type'", path=where)
        if kind not in _TYPES:
            raise ConversionError(
                f"The schema at {where} has a type that does not exist; types are {', '.join(_TYPES)}",
                path=where,
            )
        if depth > self._limits.depth:
            raise LimitError(f"The schema is nested more than {self._limits.depth} levels deep", path=where)
        builder = self._builder(_TYPES[kind], node, path, depth)
        self._attributes(builder, node, path)
        if "default" in node:
            at = json_path.member(path, "default")
            try:
                builder.default(self._default(builder.build(), node["default"], at))
            except DataError as exc:
                if exc.path is not None:
                    raise
                where = json_path.text(at)
                raise ConversionError(f"The default at {where} does not fit its schema", path=where) from exc
        return builder.build()

    def _builder(self, kind: Type, node: dict[str, Any], path: Path, depth: int) -> SchemaBuilder:
        if kind is Type.ARRAY:
            return SchemaBuilder.array(self._part(node, "items", path, depth))
        if kind is Type.MAP:
            return SchemaBuilder.map(
                self._part(node, "keys", path, depth), self._part(node, "values", path, depth)
            )
        builder = SchemaBuilder(kind)
        if kind is not Type.STRUCT:
            return builder
        fields = node.get("fields")
        at = json_path.member(path, "fields")
        if not isinstance(fields, list):
            raise ConversionError(
                f"The struct schema at {json_path.text(path)} must have an array 'fields'",
                path=json_path.text(path),
            )
        if len(fields) > self._limits.schema_fields:
            raise LimitError(
                f"The struct schema has more than {self._limits.schema_fields} fields",
                path=json_path.text(at),
            )
        for i, field in enumerate(fields):
            here = json_path.item(at, i)
            name = field.get("field") if isinstance(field, dict) else None
            if not isinstance(name, str):
                where = json_path.text(here)
                raise ConversionError(f"The field's schema at {where} needs its name as 'field'", path=where)
            schema = self.from_node(field, here, depth + 1)
            assert schema is not None
            try:
                builder.field(name, schema)
            except SchemaError as exc:
                exc.path = json_path.text(here)
                raise
        return builder

    def _part(self, node: dict[str, Any], name: str, path: Path, depth: int) -> Schema:
        part = node.get(name)
        schema = self.from_node(part, json_path.member(path, name), depth + 1)
        if schema is None:
            where = json_path.text(path)
            raise ConversionError(f"The {node['type']} schema at {where} lacks its '{name}'", path=where)
        return schema

    def _attributes(self, builder: SchemaBuilder, node: dict[str, Any], path: Path) -> None:
        """What is not of its type is passed over, as in Java, except in the parameters."""
        if node.get("optional") is True:
            builder.optional()
        if isinstance(node.get("name"), str):
            builder.name(node["name"])
        version = node.get("version")
        if isinstance(version, int) and not isinstance(version, bool):
            builder.version(wrapped(version, 32))
        if isinstance(node.get("doc"), str):
            builder.doc(node["doc"])
        parameters = node.get("parameters")
        if isinstance(parameters, dict):
            if not all(isinstance(value, str) for value in parameters.values()):
                where = json_path.text(json_path.member(path, "parameters"))
                raise ConversionError(f"The schema's parameters at {where} must be texts", path=where)
            builder.parameters(parameters)

    def _default(self, schema: Schema, node: Any, path: Path) -> Any:
        if schema.type is Type.STRUCT:
            # Java refuses every struct default that it reads: it compares the struct's schema, which is
            # complete, with the one still being built. To accept it here would give values that the
            # other workers of a cluster, and our own writer, refuse.
            where = json_path.text(path)
            raise ConversionError(
                f"The schema has a struct as its default at {where}, which Connect cannot hold", path=where
            )
        return self._values.explain(schema, node, path)


def _digest(text: bytes) -> bytes:
    from hashlib import sha256  # loads OpenSSL, which most programs here never need

    return sha256(text).digest()

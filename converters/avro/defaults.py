"""Defaults of Avro schemas, which are JSON, as defaults of Connect schemas.

Scalars are read as leniently as Jackson reads them; what still is none is left out with a warning, as a
default is no reason to refuse a record. Source: spec registry 2.6. Pure functions.
"""

from __future__ import annotations

import logging
from typing import Any

from connectkit.builder import SchemaBuilder
from connectkit.converters.avro.model import MISSING, AvroSchema
from connectkit.converters.avro.printer import json_text
from connectkit.converters.avro.to_avro import is_union
from connectkit.errors import DataError, SchemaError
from connectkit.logical import to_logical
from connectkit.schema import INT_BITS, LOGICAL_NAMES, Schema, Type
from connectkit.struct import Struct

log = logging.getLogger(__name__)


def connect_default(builder: SchemaBuilder, avro: AvroSchema, node: Any) -> None:
    """Give the builder the default that the JSON stands for."""
    try:
        schema = builder.build()
        builder.default(_value(schema, node))
    except (DataError, ArithmeticError, TypeError, ValueError):
        log.warning("The default of the Avro %s is left out: its type does not allow it", avro.full_name)


def read_default(avro: AvroSchema, schema: Schema, node: Any) -> Any:
    """The value that a field's default stands for, where the field was not written."""
    if node is None:
        return None
    if avro.kind == "union" and is_union(schema):
        first = schema.fields[0]
        return Struct(schema).put(first.name, _value(first.schema, filled(avro.branches[0], node)))
    return _value(schema, filled(avro, node))


def filled(avro: AvroSchema, node: Any) -> Any:
    """A field's default with those of the fields inside it that it leaves out."""
    match avro.kind:
        case "record" if isinstance(node, dict):
            inside = [(each, node.get(each.name, each.default)) for each in avro.fields]
            return {field.name: filled(field.schema, each) for field, each in inside if each is not MISSING}
        case "array" if isinstance(node, list):
            return [filled(avro.items, each) for each in node]
        case "map" if isinstance(node, dict):
            return {key: filled(avro.items, each) for key, each in node.items()}
        case "union" if avro.branches and node is not None:
            return filled(avro.nullable_member or avro.branches[0], node)
        case _:
            return node


def _value(schema: Schema, node: Any) -> Any:
    found = _stored(schema, node)
    return to_logical(schema, found) if schema.name in LOGICAL_NAMES and found is not None else found


def _stored(schema: Schema, node: Any) -> Any:
    match schema.type:
        case Type.INT8 | Type.INT16 | Type.INT32 | Type.INT64:
            half = 1 << (INT_BITS[schema.type] - 1)
            return (int(node) + half) % (2 * half) - half if _is_number(node) else 0
        case Type.FLOAT32 | Type.FLOAT64:
            return float(node) if _is_number(node) else 0.0
        case Type.BOOLEAN:
            return node.strip() == "true" if isinstance(node, str) else isinstance(node, int) and node != 0
        case Type.STRING:
            return _text(node)
        case Type.BYTES:
            if not isinstance(node, str):
                raise SchemaError("a default of bytes is a text")
            return node.encode("latin-1")
        case Type.ARRAY:
            return [_part(schema.value_schema, each) for each in _of(list, node)]
        case Type.MAP:
            return _map(schema, node)
        case Type.STRUCT:
            return _struct(schema, node)


def _is_number(node: Any) -> bool:
    return isinstance(node, int | float) and not isinstance(node, bool)


def _text(node: Any) -> str | None:
    if node is None or isinstance(node, str):
        return node
    return "" if isinstance(node, list | dict) else json_text(node)


def _part(schema: Schema | None, node: Any) -> Any:
    if node is None and schema is not None and schema.optional:
        return None
    assert schema is not None
    return _value(schema, node)


def _map(schema: Schema, node: Any) -> dict[Any, Any]:
    key = schema.key_schema
    if isinstance(node, dict) and key is not None and key.type is Type.STRING and not key.optional:
        return {name: _part(schema.value_schema, each) for name, each in node.items()}
    if isinstance(node, list) and all(isinstance(each, dict) for each in node):
        return {_part(key, each.get("key")): _part(schema.value_schema, each.get("value")) for each in node}
    raise SchemaError("a map of entries has no such default, as with Confluent's converter")


def _struct(schema: Schema, node: Any) -> Struct:
    made = Struct(schema)
    if is_union(schema):
        first = schema.fields[0]  # a default is always one for the first branch
        return made.put(first.name, _value(first.schema, node))
    fields = _of(dict, node)
    for field in schema.fields:
        made.put(field.name, _part(field.schema, fields.get(field.name)))
    return made


def _of(wanted: type, node: Any) -> Any:
    if not isinstance(node, wanted):
        raise SchemaError(f"a default of {wanted.__name__} is another kind of JSON")
    return node

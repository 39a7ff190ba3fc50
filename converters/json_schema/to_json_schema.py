"""Connect schemas as JSON schemas, the ones that Confluent's JsonSchemaConverter registers.

The text of the result is part of the wire format, so the order of keywords counts: it is that of
everit-json-schema's printer. Source: spec registry 4.2, 4.3 (``JsonSchemaData.fromConnectSchema``). A
:class:`ToJsonSchema` makes one schema; used by one thread.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from connectkit.converters.finite import is_finite
from connectkit.converters.javahash import hash_order
from connectkit.converters.json_schema import names
from connectkit.converters.json_schema.java_order import filled_order
from connectkit.converters.json_schema.text import number, schema_text
from connectkit.converters.json_schema.write_values import ValueWriter
from connectkit.converters.json_text import Raw
from connectkit.converters.variant import is_variant
from connectkit.errors import DataError, LimitError, SchemaError
from connectkit.javatext import float_text
from connectkit.limits import DEFAULT_LIMITS, Limits
from connectkit.schema import DECIMAL_NAME, INT_BITS, Schema, Type

_NUMBERS: Final = (*INT_BITS, Type.FLOAT32, Type.FLOAT64)
_NULL: Final = {"type": "null"}
MAX_DEPTH: Final = 60
"""Levels of schemas inside schemas; each takes up to three of the 200 levels of JSON that Java writes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonSchemaOptions:
    """The converter's options that decide what schemas and values look like (spec registry 4.1)."""

    closed: bool = False
    """Objects allow no other properties."""
    optional_if_not_required: bool = False
    numeric: bool = False
    """Decimals are numbers."""
    flatten_singletons: bool = True
    generalized: bool = False
    ignore_defaults: bool = False
    preserve: bool = False
    """Properties that a schema does not name are kept, in a field of their own."""


def value_writer(options: JsonSchemaOptions) -> ValueWriter:
    """What writes values with these options."""
    return ValueWriter(
        numeric=options.numeric, replace_null=not options.ignore_defaults, preserve=options.preserve
    )


def to_json_schema(schema: Schema, options: JsonSchemaOptions, *, limits: Limits = DEFAULT_LIMITS) -> str:
    """The text of the JSON schema of a Connect schema."""
    try:
        return schema_text(ToJsonSchema(options, limits).convert(schema))
    except RecursionError as exc:
        raise LimitError("The schema is nested too deeply to be written as JSON Schema") from exc


class ToJsonSchema:
    """One conversion: the ids given so far, and how deep it is."""

    def __init__(self, options: JsonSchemaOptions, limits: Limits) -> None:
        self._options = options
        self._limits = limits
        self._values = value_writer(options)
        self._ids: set[str] = set()
        self._under_way: set[int] = set()
        self._fields = 0

    def convert(self, schema: Schema, index: int | None = None, *, is_member: bool = False) -> dict[str, Any]:
        """``is_member``: of a oneOf, where being optional says nothing."""
        key = id(schema)
        if key in self._under_way:
            raise SchemaError(
                f"The schema {schema} contains itself and has no parameter {names.ID}, which would name it "
                "in JSON Schema"
            )
        if len(self._under_way) >= MAX_DEPTH:
            raise LimitError(
                f"The schema is nested more than {MAX_DEPTH} levels deep to be written as JSON Schema"
            )
        self._under_way.add(key)
        made = self._convert(schema, index, is_member)
        self._under_way.discard(key)
        return made

    def _convert(self, schema: Schema, index: int | None, is_member: bool) -> dict[str, Any]:
        ref = _id_of(schema)
        if ref is not None:
            self._ids.add(ref)
        if schema.type is Type.STRUCT and (names.is_union(schema) or schema.optional):
            return _one_of(self._branches(schema), ref, index)
        outer_index = index if is_member or not schema.optional else None
        made = self._plain(schema, ref if is_member or not schema.optional else None, outer_index)
        if is_member or not schema.optional:
            return made
        return _one_of([dict(_NULL), made], ref, index)

    def _branches(self, schema: Schema) -> list[dict[str, Any]]:
        null = [dict(_NULL)] if schema.optional else []
        if not names.is_union(schema):
            return [*null, self.convert(_required(schema))]
        return [
            *null,
            *(self.convert(_required(each.schema), each.index, is_member=True) for each in schema.fields),
        ]

    def _plain(self, schema: Schema, ref: str | None, index: int | None) -> dict[str, Any]:
        """Everything but being optional: what the type says, what all types have, what is inside."""
        common = self._common(schema, ref, index)
        match schema.type:
            case Type.BOOLEAN:
                return {**common, "type": "boolean"}
            case Type.STRING if _is_enum(schema):
                return {"enum": self._symbols(schema), **common}
            case Type.BYTES if schema.name == DECIMAL_NAME and self._options.numeric:
                return {"type": "number", **common}
            case Type.STRING | Type.BYTES:
                return {"type": "string", **common}
            case Type.ARRAY:
                return {
                    "type": "array",
                    **common,
                    "items": self._referable(schema.value_schema, self.convert),
                }
            case Type.MAP:
                return self._map(schema, common)
            case Type.STRUCT if is_variant(schema):
                return common
            case Type.STRUCT:
                return self._object(schema, common)
            case _:
                return {"type": "integer" if schema.type in INT_BITS else "number", **common}

    def _map(self, schema: Schema, common: dict[str, Any]) -> dict[str, Any]:
        keys, values = _inner(schema.key_schema), _inner(schema.value_schema)
        if names.is_map_of_texts(keys):
            return {"type": "object", **common, "additionalProperties": self.convert(values)}
        entry = {names.KEY: self.convert(keys, 0), names.VALUE: self.convert(values, 1)}
        properties = {name: entry[name] for name in hash_order(entry)}
        return {"type": "array", **common, "items": {"type": "object", "properties": properties}}

    def _object(self, schema: Schema, common: dict[str, Any]) -> dict[str, Any]:
        self._fields += len(schema.fields)
        if self._fields > self._limits.schema_fields:
            raise LimitError(
                f"The schema has more than {self._limits.schema_fields} fields; "
                "if that is intended, raise the limit 'schema_fields'"
            )
        properties = {
            each.name: self._referable(each.schema, partial(self.convert, index=each.index))
            for each in schema.fields
            if not (self._options.preserve and names.is_rest(each))
        }
        made: dict[str, Any] = {"type": "object"}
        if self._options.closed:
            made["additionalProperties"] = False
        made |= common
        if properties:
            made["properties"] = {name: properties[name] for name in hash_order(properties)}
        return made

    def _referable(
        self, schema: Schema | None, convert: Callable[[Schema], dict[str, Any]]
    ) -> dict[str, Any]:
        """A reference, if the schema has an id that was given before: that is how recursion ends."""
        found = _inner(schema)
        ref = _id_of(found)
        return {"$ref": ref} if ref is not None and ref in self._ids else convert(found)

    # --- what all types have

    def _common(self, schema: Schema, ref: str | None, index: int | None) -> dict[str, Any]:
        made: dict[str, Any] = {}
        if schema.name is not None:
            made["title"] = schema.name
        if schema.doc is not None:
            made["description"] = schema.doc
        if schema.default is not None:
            made["default"] = self._default(schema)
        if ref is not None:
            made["id"] = ref
        if index is not None:
            made[names.CONNECT_INDEX] = index
        if schema.version is not None:
            made[names.CONNECT_VERSION] = schema.version
        kind = _connect_type(schema)
        if kind is not None:
            made[names.CONNECT_TYPE] = kind
        parameters = {
            key: value
            for key, value in (schema.parameters or {}).items()
            if not key.startswith(names.NAMESPACE)
        }
        if parameters:
            made[names.CONNECT_PARAMETERS] = {key: parameters[key] for key in filled_order(parameters)}
        return made

    def _default(self, schema: Schema) -> Any:
        if not is_finite(schema.default):
            raise SchemaError(
                "The schema has a default that is no finite number, which JSON Schema cannot say"
            )
        try:
            return _as_org_json(self._values.explain(schema, schema.default))
        except DataError as exc:
            raise SchemaError(f"The schema has a default that cannot be written as JSON: {exc}") from exc

    def _symbols(self, schema: Schema) -> list[str | None]:
        """The values of an enum in the order of a Java set: null first, its hash being zero."""
        prefix = f"{names.SUM_ENUM if self._options.generalized else names.ENUM}."
        symbols = [key.removeprefix(prefix) for key in schema.parameters or () if key.startswith(prefix)]
        plain = hash_order([each for each in symbols if each != names.NULL_SYMBOL])
        return [None, *plain] if names.NULL_SYMBOL in symbols else [*plain]


def _one_of(branches: list[dict[str, Any]], ref: str | None, index: int | None) -> dict[str, Any]:
    made: dict[str, Any] = {}
    if ref is not None:
        made["id"] = ref
    if index is not None:
        made[names.CONNECT_INDEX] = index
    made["oneOf"] = branches
    return made


def _is_enum(schema: Schema) -> bool:
    parameters = schema.parameters or {}
    return names.SUM_ENUM in parameters or names.ENUM in parameters


def _connect_type(schema: Schema) -> str | None:
    if schema.type in _NUMBERS:
        return schema.type.value
    return {Type.BYTES: names.BYTES, Type.MAP: names.MAP}.get(schema.type)


def _id_of(schema: Schema) -> str | None:
    return (schema.parameters or {}).get(names.ID)


def _inner(schema: Schema | None) -> Schema:
    if schema is None:
        raise SchemaError(
            "A map or array without a schema for what is in it cannot be written as JSON Schema"
        )
    return schema


def _required(schema: Schema) -> Schema:
    """The same schema, required."""
    if not schema.optional:
        return schema
    kind = schema.type
    return Schema(
        kind,
        default=schema.default,
        name=schema.name,
        version=schema.version,
        doc=schema.doc,
        parameters=schema.parameters,
        fields=schema.fields if kind is Type.STRUCT else (),
        key_schema=schema.key_schema if kind is Type.MAP else None,
        value_schema=schema.value_schema if kind in (Type.ARRAY, Type.MAP) else None,
    )


def _as_org_json(tree: Any) -> Any:
    """A default as org.json prints it: no zeros at the end of numbers, members in a map's order."""
    match tree:
        case dict():
            return {key: _as_org_json(tree[key]) for key in hash_order(tree)}
        case list():
            return [_as_org_json(each) for each in tree]
        case Raw():
            return number(tree.text)
        case float():
            return number(float_text(tree))
        case _:
            return tree

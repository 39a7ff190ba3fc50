"""Connect schemas as Avro schemas, the ones that Confluent's AvroConverter registers.

The text of the result is part of the wire format, so the order of properties counts.
Source: spec registry 2.4 (``AvroData.fromConnectSchema``). A :class:`ToAvro` makes one schema; used by
one thread.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from connectkit.converters.avro import names
from connectkit.converters.avro.anything import ANYTHING
from connectkit.converters.avro.model import (
    MISSING,
    PRIMITIVES,
    AvroField,
    AvroSchema,
    Float32,
    Kind,
    checked_name,
    union,
    valid_default,
)
from connectkit.converters.finite import is_finite
from connectkit.converters.variant import VARIANT_NAME, is_variant
from connectkit.errors import SchemaError
from connectkit.logical import from_decimal, from_logical
from connectkit.schema import (
    DATE_NAME,
    DECIMAL_NAME,
    TIME_NAME,
    TIMESTAMP_MICROS_NAME,
    TIMESTAMP_NAME,
    TIMESTAMP_NANOS_NAME,
    Field,
    Schema,
    Type,
)
from connectkit.struct import Struct

_BASE: Final[dict[Type, Kind]] = {
    Type.INT8: "int",
    Type.INT16: "int",
    Type.INT32: "int",
    Type.INT64: "long",
    Type.FLOAT32: "float",
    Type.FLOAT64: "double",
    Type.BOOLEAN: "boolean",
    Type.STRING: "string",
    Type.BYTES: "bytes",
}
_LOGICAL: Final = {
    DATE_NAME: "date",
    TIME_NAME: "time-millis",
    TIMESTAMP_NAME: "timestamp-millis",
    TIMESTAMP_MICROS_NAME: "timestamp-micros",
    TIMESTAMP_NANOS_NAME: "timestamp-nanos",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AvroOptions:
    """The converter's options that decide what schemas look like (spec registry 2.1)."""

    enhanced: bool = False
    scrub: bool = False
    meta_data: bool = True
    discard_docs: bool = False
    optional_map_keys: bool = False
    generalized: bool = False
    flatten_singletons: bool = True
    ignore_defaults: bool = False


def is_union(schema: Schema) -> bool:
    """Whether a struct schema stands for an Avro union: at most one of its fields is set."""
    if schema.type is not Type.STRUCT:
        return False
    return schema.name == names.UNION or names.SUM_UNION in (schema.parameters or ())


def stands_for(schema: Schema, avro: AvroSchema) -> bool:
    """Whether it stands for that union, and is not the struct of a record that has a union's name."""
    member = avro.nullable_member
    return is_union(schema) and (member is None or member.kind != "record" or member.name != schema.name)


def enum_parameter(schema: Schema, options: AvroOptions) -> str | None:
    """The parameter that makes a string an Avro enum, or None if it is written as a string."""
    wanted = names.SUM_ENUM if options.generalized else names.ENUM
    if not (options.generalized or options.enhanced) or schema.type is not Type.STRING:
        return None
    return wanted if wanted in (schema.parameters or ()) else None


def non_optional(schema: Schema) -> Schema:
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


def inner(schema: Schema | None) -> Schema:
    """The schema of keys, values or elements, which only text parsed by ``Values`` leaves open."""
    if schema is None:
        raise SchemaError("A map or array without a schema for what is in it cannot be written as Avro")
    return schema


def is_map_of_strings(schema: Schema, options: AvroOptions) -> bool:
    """Whether a Connect map becomes an Avro map, and not an array of entries."""
    key = inner(schema.key_schema)
    return key.type is Type.STRING and (not key.optional or options.optional_map_keys)


def to_avro(schema: Schema | None, options: AvroOptions) -> AvroSchema:
    """The Avro schema of a Connect schema; of None, the one that holds anything."""
    return ANYTHING if schema is None else ToAvro(options).convert(schema)


class ToAvro:
    """One conversion: the names given out and the records made so far."""

    def __init__(self, options: AvroOptions) -> None:
        self._options = options
        self._unnamed = 0
        self._under_way: dict[str, tuple[Schema, AvroSchema]] = {}
        self._made: dict[Schema, AvroSchema] = {}
        self._variant: AvroSchema | None = None

    def convert(self, schema: Schema, *, keep_required: bool = False) -> AvroSchema:
        """``keep_required`` leaves an optional schema without its union with null."""
        if not schema.optional and not is_union(schema):
            known = self._made.get(schema)
            if known is not None:
                return known
        base = self._base(schema)
        if base.kind == "union" or base is self._variant:
            return base
        self._describe(base, schema)
        if schema.optional and not keep_required:
            null = AvroSchema("null")
            return union([base, null] if schema.default is not None else [null, base])
        if not schema.optional:
            self._made[schema] = base
        return base

    def _within(self, schema: Schema) -> AvroSchema:
        """The same for what stands inside another, which may be the other itself."""
        if schema.name is not None and not is_union(schema) and schema.type is Type.STRUCT:
            around, known = self._under_way.get(schema.name, (None, None))
            if known is not None and around is not None and around.fields == schema.fields:
                return union([AvroSchema("null"), known]) if schema.optional else known
        return self.convert(schema)

    def _base(self, schema: Schema) -> AvroSchema:
        match schema.type:
            case Type.STRING if (parameter := enum_parameter(schema, self._options)) is not None:
                return self._enum(schema, parameter)
            case Type.BYTES:
                return self._bytes(schema)
            case Type.ARRAY:
                return AvroSchema("array", items=self._within(inner(schema.value_schema)))
            case Type.MAP:
                return self._map(schema)
            case Type.STRUCT:
                return self._struct(schema)
            case kind:
                return AvroSchema(_BASE[kind])

    # --- named types

    def _name(self, name: str | None) -> str:
        """The full name of a record or enum; made up where there is none."""
        if name is None:
            self._unnamed += 1
            return names.DEFAULT_PREFIX + ("" if self._unnamed == 1 else str(self._unnamed))
        full = names.scrub_full(name) if self._options.scrub else name.rstrip(".")
        if full.rfind(".") == 0:
            full = full[1:]  # an empty namespace is none
        if checked_name(names.split_name(full)[1]) == full and full in PRIMITIVES:
            raise SchemaError(f"A schema cannot be written as Avro under the name {full}, which is a type's")
        return full

    def _enum(self, schema: Schema, parameter: str) -> AvroSchema:
        parameters = schema.parameters or {}
        full = self._name(parameters[parameter])
        prefix = f"{parameter}."
        symbols = [key.removeprefix(prefix) for key in parameters if key.startswith(prefix)]
        for symbol in symbols:
            checked_name(symbol)
        simple = names.split_name(schema.name or "")[1]
        if self._options.discard_docs:
            return AvroSchema("enum", name=full, doc=parameters.get(names.PLAIN_ENUM_DOC), symbols=symbols)
        default = parameters.get(names.ENUM_DEFAULT + simple)
        if default is not None and default not in symbols:
            raise SchemaError(f"The default of the enum {full} is none of its symbols")
        doc = parameters.get(names.ENUM_DOC + simple)
        return AvroSchema("enum", name=full, doc=doc, symbols=symbols, default=default)

    def _bytes(self, schema: Schema) -> AvroSchema:
        parameters = schema.parameters or {}
        size = parameters.get(names.FIXED_SIZE)
        if size is not None and schema.name is not None:
            made = AvroSchema("fixed", name=self._name(schema.name), size=_size(size))
        else:
            made = AvroSchema("bytes")
        if schema.name == DECIMAL_NAME:
            scale, precision = _scale_and_precision(parameters)
            if 0 <= scale <= precision:  # what Avro itself knows as a decimal, and checks
                _check_precision(made, precision)
            made.props.update(scale=scale, precision=precision)
        return made

    def _map(self, schema: Schema) -> AvroSchema:
        if is_map_of_strings(schema, self._options):
            return AvroSchema("map", items=self._within(inner(schema.value_schema)))
        if schema.name is None:
            entry = AvroSchema("record", name=names.MAP_ENTRY_FULL)
        else:
            entry = AvroSchema(
                "record", name=self._name(schema.name), props={names.INTERNAL_TYPE: names.MAP_ENTRY}
            )
        parts = (("key", inner(schema.key_schema)), ("value", inner(schema.value_schema)))
        entry.set_fields(
            [
                self._field(name, part, doc=part.doc if self._options.discard_docs else None)
                for name, part in parts
            ]
        )
        return AvroSchema("array", items=entry)

    def _of_variants(self) -> AvroSchema:
        """The record of all variants: what each is told by its place cannot stand in what they share."""
        if self._variant is None:
            made = AvroSchema("record", name=names.VARIANT_FULL)
            made.set_fields([AvroField(name, AvroSchema("bytes")) for name in ("metadata", "value")])
            if self._options.meta_data:
                made.props[names.CONNECT_NAME] = VARIANT_NAME
            made.props["logicalType"] = "variant"
            self._variant = made
        return self._variant

    def _struct(self, schema: Schema) -> AvroSchema:
        if is_union(schema):
            branches = [self.convert(non_optional(each.schema), keep_required=True) for each in schema.fields]
            return union([AvroSchema("null"), *branches] if schema.optional else branches)
        if schema.optional:
            return union([AvroSchema("null"), self._within(non_optional(schema))])
        if is_variant(schema):
            return self._of_variants()
        parameters = schema.parameters or {}
        doc = names.PLAIN_RECORD_DOC if self._options.discard_docs else names.RECORD_DOC
        made = AvroSchema("record", name=self._name(schema.name), doc=parameters.get(doc))
        if schema.name is None:
            made.set_fields([self._struct_field(each, parameters) for each in schema.fields])
            return made
        further_out = self._under_way.get(schema.name)  # another struct of that name: told when it is printed
        self._under_way[schema.name] = schema, made
        made.set_fields([self._struct_field(each, parameters) for each in schema.fields])
        if further_out is None:
            del self._under_way[schema.name]
        else:
            self._under_way[schema.name] = further_out
        return made

    # --- fields

    def _struct_field(self, field: Field, parameters: dict[str, str]) -> AvroField:
        doc = field.schema.doc if self._options.discard_docs else parameters.get(names.FIELD_DOC + field.name)
        name = names.scrub(field.name) if self._options.scrub else field.name
        return self._field(checked_name(name), field.schema, doc=doc)

    def _field(self, name: str, schema: Schema, *, doc: str | None = None) -> AvroField:
        default: Any = None if schema.optional else MISSING
        if schema.default is not None:
            default = self._default(schema, schema.default)
        made = self._within(schema)
        if default is not MISSING and not (valid_default(made, default) and _is_json(made, default)):
            default = MISSING  # Avro would refuse the schema; connect.default still says it
        return AvroField(name, made, doc=doc, default=_widened(default))

    # --- properties

    def _describe(self, made: AvroSchema, schema: Schema) -> None:
        if self._options.meta_data:
            made.props.update(self._meta_data(schema))
        if schema.name == DECIMAL_NAME:
            made.props["logicalType"] = "decimal"
        elif schema.name in _LOGICAL:
            made.props["logicalType"] = _LOGICAL[schema.name]
        for key, value in (schema.parameters or {}).items():
            if key.startswith("avro"):
                made.props[key] = value

    def _meta_data(self, schema: Schema) -> dict[str, Any]:
        parameters = dict(schema.parameters or {})
        flagged = names.FIELD_DEFAULT in parameters and not self._options.discard_docs
        if not self._options.discard_docs:
            parameters.pop(names.FIELD_DEFAULT, None)
        found: dict[str, Any] = {}
        if schema.doc is not None:
            found[names.CONNECT_DOC] = schema.doc
        if schema.version is not None:
            found[names.CONNECT_VERSION] = schema.version
        if parameters:
            found[names.CONNECT_PARAMETERS] = parameters
        if schema.default is not None and not flagged:
            found[names.CONNECT_DEFAULT] = self._default(schema, schema.default)
        if schema.name is not None:
            found[names.CONNECT_NAME] = schema.name
        if schema.type in (Type.INT8, Type.INT16):
            found[names.CONNECT_TYPE] = schema.type.value
        return found

    def _default(self, schema: Schema, value: Any) -> Any:
        """A default as JSON."""
        if value is None:
            return None
        if schema.name == DECIMAL_NAME and isinstance(value, Decimal):
            value = from_decimal(schema, value)
        elif schema.name in _LOGICAL:
            value = from_logical(schema, value)
        match schema.type:
            case Type.BYTES:
                return bytes(value).decode("latin-1")
            case Type.FLOAT32:
                return Float32(value)
            case Type.FLOAT64:
                return float(value)
            case Type.ARRAY:
                return [self._default(inner(schema.value_schema), each) for each in value]
            case Type.MAP:
                return self._map_default(schema, value)
            case Type.STRUCT:
                return self._struct_default(schema, value)
            case _:
                return value

    def _map_default(self, schema: Schema, value: dict[Any, Any]) -> Any:
        if None in value and is_map_of_strings(schema, self._options):
            raise SchemaError("The default of a map has the key null, which Avro's maps do not have")
        pairs = [
            (self._default(inner(schema.key_schema), key), self._default(inner(schema.value_schema), each))
            for key, each in value.items()
        ]
        return dict(pairs) if is_map_of_strings(schema, self._options) else [list(pair) for pair in pairs]

    def _struct_default(self, schema: Schema, value: Struct) -> Any:
        if is_union(schema):
            first = schema.fields[0]  # in Avro a union's default is always one for the first branch
            return self._default(first.schema, value[first.name])
        return {
            names.scrub(each.name) if self._options.scrub else each.name: self._default(
                each.schema, value[each.name]
            )
            for each in schema.fields
        }


def _is_json(made: AvroSchema, default: Any) -> bool:
    """Whether the default is still one when its text is read: NaN and the infinities become texts in JSON.

    A text is read as a number only where the field itself is one, and not within unions, arrays and maps.
    """
    return made.kind in ("float", "double") or is_finite(default)


def _widened(default: Any) -> Any:
    """A field's default as Avro holds it: floats as doubles."""
    match default:
        case Float32():
            return float(default)
        case list():
            return [_widened(each) for each in default]
        case dict():
            return {key: _widened(each) for key, each in default.items()}
        case _:
            return default


def _scale_and_precision(parameters: dict[str, str]) -> tuple[int, int]:
    scale = _number(parameters.get("scale", "0"), "scale")
    precision = _number(parameters.get(names.PRECISION, str(names.DEFAULT_PRECISION)), names.PRECISION)
    return scale, precision


def _size(text: str) -> int:
    size = _number(text, names.FIXED_SIZE)
    if size < 0:
        raise SchemaError(f"The schema's parameter {names.FIXED_SIZE} is no size in bytes")
    return size


def _check_precision(made: AvroSchema, precision: int) -> None:
    if precision < 1:
        raise SchemaError("An Avro decimal needs a precision of one digit or more")
    if made.kind == "fixed" and precision > int(math.log10(2) * (8 * made.size - 1)):
        raise SchemaError(f"An Avro fixed of {made.size} bytes cannot hold {precision} digits")


def _number(text: str, what: str) -> int:
    try:
        found = int(text)
    except ValueError as exc:
        raise SchemaError(f"The schema's parameter {what} is no whole number") from exc
    if not -(2**31) <= found < 2**31:
        raise SchemaError(f"The schema's parameter {what} is out of range")
    return found

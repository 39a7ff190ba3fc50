"""Avro schemas as Connect schemas, as Confluent's AvroConverter reads them.

Source: spec registry 2.6 (``AvroData.toConnectSchema``). A :class:`FromAvro` makes one schema; used by
one thread.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from connectkit.builder import SchemaBuilder
from connectkit.converters.avro import names
from connectkit.converters.avro.anything import ANYTHING
from connectkit.converters.avro.defaults import connect_default, filled
from connectkit.converters.avro.model import (
    MISSING,
    NAMED,
    AvroField,
    AvroSchema,
    like_default,
    shown,
    valid_default,
)
from connectkit.converters.avro.printer import json_text, to_text
from connectkit.converters.avro.to_avro import AvroOptions
from connectkit.converters.variant import VARIANT_NAME
from connectkit.errors import LimitError, SchemaError
from connectkit.limits import DEFAULT_LIMITS, Limits
from connectkit.logical import date_builder, decimal_builder, time_builder, timestamp_builder
from connectkit.schema import FINE_NAMES, Schema, Type

_PLAIN: Final = {
    "boolean": Type.BOOLEAN,
    "float": Type.FLOAT32,
    "double": Type.FLOAT64,
    "string": Type.STRING,
}
_SMALL: Final = {"int8": Type.INT8, "int16": Type.INT16}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """What a schema is given by where it stands."""

    optional: bool = False
    default: Any = MISSING
    """A field's default, as JSON."""
    doc: str | None = None
    """A field's documentation."""
    version: int | None = None


_BARE: Final = _Place()
_OPTIONAL: Final = _Place(optional=True)


def from_avro(
    schema: AvroSchema, options: AvroOptions, *, version: int | None = None, limits: Limits = DEFAULT_LIMITS
) -> Schema | None:
    """The Connect schema of an Avro schema; None for the one that holds anything.

    ``version`` is the registry's, for a schema that does not say one of its own.
    """
    if schema.full_name == ANYTHING.full_name and to_text(schema) == to_text(ANYTHING):
        return None
    made = FromAvro(options, limits).convert(schema, _Place(version=version))
    return made.build() if isinstance(made, SchemaBuilder) else made


def is_map_entry(schema: AvroSchema) -> bool:
    """Whether an array of this is a Connect map: a record of key and value that says so."""
    if schema.kind != "record":
        return False
    marked = schema.props.get(names.INTERNAL_TYPE) == names.MAP_ENTRY
    if not marked and schema.full_name != names.MAP_ENTRY_FULL:
        return False
    if sorted(each.name for each in schema.fields) != ["key", "value"]:
        raise SchemaError(
            f"The Avro record {shown(schema.full_name)} is to be a map's entry, but has other fields than "
            "key and value"
        )
    return True


def is_sum(union: AvroSchema, options: AvroOptions) -> bool:
    """Whether a union is read as a struct with a field for each of its types."""
    is_flat = len(union.branches) == 1 and options.flatten_singletons
    return union.nullable_member is None and not is_flat


def member_name(branch: AvroSchema, index: int, options: AvroOptions) -> str:
    """The name of the field that stands for a union's branch; ``index`` counts null too."""
    if options.generalized:
        return f"{names.SUM_FIELD_NAME}{index}"
    if branch.kind in NAMED:
        return branch.full_name if options.enhanced else branch.simple_name
    return branch.kind


class FromAvro:
    """One conversion: the records under way, and those that are finished."""

    def __init__(self, options: AvroOptions, limits: Limits) -> None:
        self._options = options
        self._limits = limits
        self._under_way: dict[tuple[int, bool], SchemaBuilder] = {}
        self._done: dict[tuple[int, bool], Schema] = {}
        self._cycles: set[int] = set()
        """Records that were met inside themselves: what refers to one cannot be finished before it."""
        self._unions = 0
        self._fields = 0

    def convert(self, schema: AvroSchema, place: _Place) -> Schema | SchemaBuilder:
        member = schema.nullable_member
        if member is not None:
            # A default of the union is not one of its member: it may be null, or of a type that is not known.
            return self._shared(member, _Place(optional=True, doc=place.doc))
        if schema.kind == "union" and not is_sum(schema, self._options):
            return self._shared(schema.branches[0], _Place(doc=place.doc))
        return self._shared(schema, place)

    def _shared(self, schema: AvroSchema, place: _Place) -> Schema | SchemaBuilder:
        """The schema, made once for all places that say nothing of their own."""
        if schema.kind != "record":
            return self._make(schema, place)
        key = (id(schema), place.optional)
        builder = self._under_way.get(key)
        if builder is not None:
            self._cycles.add(id(schema))
            return builder
        plain = place.default is MISSING and place.doc is None and place.version is None
        if plain and key in self._done:
            return self._done[key]
        made = self._make(schema, place)
        if isinstance(made, Schema) and plain:
            self._done[key] = made
        return made

    def _make(self, schema: AvroSchema, place: _Place) -> Schema | SchemaBuilder:
        builder = self._builder(schema, place)
        self._describe(builder, schema, place)
        if place.optional:
            builder.optional()
        # Inside a cycle only the outermost record can be built: it holds the builders of the others.
        return builder if self._cycles & {id_ for id_, _ in self._under_way} else builder.build()

    def _builder(self, schema: AvroSchema, place: _Place) -> SchemaBuilder:
        match schema.kind:
            case "boolean" | "float" | "double" | "string":
                return SchemaBuilder(_PLAIN[schema.kind])
            case "bytes" | "fixed":
                return _bytes(schema)
            case "int":
                return _int(schema)
            case "long":
                return _long(schema)
            case "array":
                return self._array(schema.items)
            case "map":
                return SchemaBuilder.map(Schema.STRING, self.convert(schema.items, _BARE))
            case "record" if _is_variant(schema):
                builder = SchemaBuilder.struct().name(VARIANT_NAME)
                for field in schema.fields:
                    builder.field(field.name, Schema.BYTES)
                return builder
            case "record":
                return self._record(schema, place)
            case "enum":
                return self._enum(schema)
            case "union":
                return self._union(schema)
            case "null":
                raise SchemaError("The Avro schema is null alone, which Connect has no schema for")

    def _array(self, items: AvroSchema) -> SchemaBuilder:
        if not is_map_entry(items):
            return SchemaBuilder.array(self.convert(items, _BARE))
        parts = {each.name: self.convert(each.schema, _BARE) for each in items.fields}
        return SchemaBuilder.map(parts["key"], parts["value"])

    def _record(self, schema: AvroSchema, place: _Place) -> SchemaBuilder:
        builder = SchemaBuilder.struct()
        options = self._options
        if options.meta_data and schema.doc is not None and not options.discard_docs:
            builder.parameter(names.RECORD_DOC, schema.doc)
        key_of = (id(schema), place.optional)
        self._under_way[key_of] = builder
        self._fields += len(schema.fields)
        if self._fields > self._limits.schema_fields:
            raise LimitError(
                f"The Avro schema stands for more than {self._limits.schema_fields} fields; "
                "if that is intended, raise the limit 'schema_fields'"
            )
        for field in schema.fields:
            if options.meta_data and field.doc is not None and not options.discard_docs:
                builder.parameter(names.FIELD_DOC + field.name, field.doc)
            made = self.convert(field.schema, _field_place(field))
            if options.meta_data and isinstance(made, Schema):
                made = _with_parameters(made, field.props.get(names.CONNECT_PARAMETERS))
            builder.field(field.name, made)
        del self._under_way[key_of]
        return builder

    def _enum(self, schema: AvroSchema) -> SchemaBuilder:
        builder = SchemaBuilder.string()
        options = self._options
        if options.meta_data:
            if schema.doc is not None:
                key = names.PLAIN_ENUM_DOC if options.discard_docs else names.ENUM_DOC + schema.simple_name
                builder.parameter(key, schema.doc)
            if schema.default is not None and not options.discard_docs:
                builder.parameter(names.ENUM_DEFAULT + schema.simple_name, schema.default)
        parameter = names.SUM_ENUM if options.generalized else names.ENUM
        builder.parameter(parameter, schema.full_name)
        for number, symbol in enumerate(schema.symbols):
            builder.parameter(f"{parameter}.{symbol}", str(number) if options.generalized else symbol)
        return builder

    def _union(self, schema: AvroSchema) -> SchemaBuilder:
        builder = SchemaBuilder.struct()
        if self._options.generalized:
            name = f"{names.SUM_UNION_NAME}{self._unions}"
            self._unions += 1
            builder.name(name).parameter(names.SUM_UNION, name)
        else:
            builder.name(names.UNION)
        seen: set[str] = set()
        for index, branch in enumerate(schema.branches):
            if branch.kind == "null":
                builder.optional()
                continue
            name = member_name(branch, index, self._options)
            if name in seen:
                raise SchemaError(
                    f"Two branches of an Avro union would both be the field '{shown(name)}'; "
                    "enhanced.avro.schema.support=true tells them apart by their full names"
                )
            seen.add(name)
            builder.field(name, self._shared(branch, _OPTIONAL))
        return builder

    # --- what is the same for all kinds, in Connect's order: a later one may find the way barred

    def _describe(self, builder: SchemaBuilder, schema: AvroSchema, place: _Place) -> None:
        doc = self._doc(schema, place)
        if doc is not None:
            builder.doc(doc)
        if self._options.discard_docs and self._options.meta_data and schema.doc is not None:
            builder.parameter(names.PLAIN_RECORD_DOC, schema.doc)
        _set_version(builder, schema, place)
        if self._options.meta_data:
            _set_parameters(builder, schema)
        for key, value in schema.props.items():
            if key.startswith("avro"):
                builder.parameter(key, value if isinstance(value, str) else json_text(value))
        self._set_default(builder, schema, place)
        _set_name(builder, schema)

    def _doc(self, schema: AvroSchema, place: _Place) -> str | None:
        said = schema.props.get(names.CONNECT_DOC)
        own = said if isinstance(said, str) else None
        if self._options.discard_docs:
            return next((each for each in (place.doc, schema.doc, own) if each is not None), None)
        return own if self._options.meta_data else None

    def _set_default(self, builder: SchemaBuilder, schema: AvroSchema, place: _Place) -> None:
        said = schema.props.get(names.CONNECT_DEFAULT, MISSING)
        default = said if place.default is MISSING else filled(schema, place.default)
        if place.default is not MISSING and said is MISSING:
            if self._options.meta_data and not self._options.discard_docs:
                builder.parameter(names.FIELD_DEFAULT, "true")
        if default is said and schema.kind == "array" and is_map_entry(schema.items):
            return  # Confluent's converter writes a map's entries as lists there, and does not read them
        if default is not None and default is not MISSING:
            connect_default(builder, schema, default)


def _is_variant(schema: AvroSchema) -> bool:
    """Whether a record says that it is a variant, and is one."""
    parts = sorted((each.name, each.schema.kind) for each in schema.fields)
    return schema.props.get("logicalType") == "variant" and parts == [
        ("metadata", "bytes"), ("value", "bytes"),
    ]  # fmt: skip


def _is_decimal(schema: AvroSchema) -> bool:
    return schema.kind in ("bytes", "fixed") and (schema.logical or "").lower() == "decimal"


def _with_parameters(made: Schema, said: Any) -> Schema:
    """The schema of a field that has parameters of its own: a type is written out where it is met first."""
    if not isinstance(said, Mapping) or not said or made.type in (Type.ARRAY, Type.MAP):
        return made
    more = {key: value for key, value in said.items() if isinstance(value, str)}
    return made.to_builder().parameters({**(made.parameters or {}), **more}).build()


def _field_place(field: AvroField) -> _Place:
    default = field.default
    if default is not MISSING and not valid_default(field.schema, default):
        # What is no default in Avro is left out, and the record can still be read.
        default = None if like_default(field.schema, default) else MISSING
    return _Place(default=default, doc=field.doc)


def _bytes(schema: AvroSchema) -> SchemaBuilder:
    if not _is_decimal(schema):
        builder = SchemaBuilder.bytes()
    else:
        scale = schema.props.get("scale", 0)
        builder = decimal_builder(int(scale) if isinstance(scale, int | float) else 0)
        precision = schema.props.get("precision")
        if precision is not None:
            if isinstance(precision, bool) or not isinstance(precision, int | float):
                raise SchemaError("The precision of an Avro decimal must be a number")
            if int(precision) != names.DEFAULT_PRECISION:
                builder.parameter(names.PRECISION, str(int(precision)))
    if schema.kind == "fixed":
        builder.parameter(names.FIXED_SIZE, str(schema.size))
    return builder


def _long(schema: AvroSchema) -> SchemaBuilder:
    if schema.logical == "timestamp-millis":
        return timestamp_builder()
    builder = SchemaBuilder.int64()
    said = schema.props.get(names.CONNECT_NAME)
    # Such a name makes moments of the numbers, also of the default, so it cannot wait for its turn.
    return builder.name(said) if isinstance(said, str) and said in FINE_NAMES else builder


def _int(schema: AvroSchema) -> SchemaBuilder:
    if "logicalType" in schema.props:
        if schema.logical == "date":
            return date_builder()
        return time_builder() if schema.logical == "time-millis" else SchemaBuilder.int32()
    kind = schema.props.get(names.CONNECT_TYPE)
    if not isinstance(kind, str):
        return SchemaBuilder.int32()
    if kind not in _SMALL:
        raise SchemaError("An Avro int has a connect.type other than int8 and int16")
    return SchemaBuilder(_SMALL[kind])


def _set_version(builder: SchemaBuilder, schema: AvroSchema, place: _Place) -> None:
    found = schema.props.get(names.CONNECT_VERSION)
    if found is not None and (isinstance(found, bool) or not isinstance(found, int | float)):
        raise SchemaError("The Avro schema has a connect.version that is no number")
    version = place.version if found is None else (int(found) + 2**31) % 2**32 - 2**31
    if version is None or version < 0:  # versions count from one, so that below it is none
        return
    known = builder.build().version
    if known is None:
        builder.version(version)
    elif known != version:
        raise SchemaError(
            f"The Avro schema stands for {builder.build().name}, which is version {known}, but says it is "
            f"version {version}"
        )


def _set_parameters(builder: SchemaBuilder, schema: AvroSchema) -> None:
    found = schema.props.get(names.CONNECT_PARAMETERS)
    if found is None:
        return
    if not isinstance(found, Mapping) or not all(isinstance(each, str) for each in found.values()):
        raise SchemaError("The Avro schema has connect.parameters that are no object of texts")
    builder.parameters(found)


def _set_name(builder: SchemaBuilder, schema: AvroSchema) -> None:
    name = schema.props.get(names.CONNECT_NAME)
    if name is not None and not isinstance(name, str):
        raise SchemaError("The Avro schema has a connect.name that is no text")
    if name is None and schema.kind in NAMED and not _is_variant(schema) and not _is_decimal(schema):
        name = schema.full_name
    if name is None or name.startswith(names.DEFAULT_PREFIX):
        return
    known = builder.build().name
    if known is None:
        builder.name(name)
    elif known != name:
        raise SchemaError(f"The Avro schema stands for {known}, but is named '{shown(name)}'")

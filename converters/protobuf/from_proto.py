"""Protobuf messages as Connect schemas, as Confluent's converter reads them.

Source: spec registry 3.6 and its appendix on nullability (``ProtobufData.toConnectSchema``). A
:class:`_Maker` makes one schema; used by one thread.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from connectkit.converters.protobuf.known import WRAPPER_KINDS
from connectkit.converters.protobuf.linked import EnumType, FieldType, MessageType, OneOfType
from connectkit.converters.protobuf.names import map_name
from connectkit.converters.protobuf.options import (
    CONNECT_PRECISION,
    CONNECT_TYPE,
    DECIMAL_TYPE,
    ENUM,
    LOGICAL,
    PRECISION,
    SCALE,
    SUM_ENUM,
    SUM_UNION,
    TAG,
    TYPE,
    UNION_PREFIX,
    VARIANT_TYPE,
    WRAPPER,
    ProtoOptions,
    whole_number,
)
from connectkit.converters.variant import VARIANT, VARIANT_NAME
from connectkit.errors import LimitError, SchemaError
from connectkit.limits import DEFAULT_LIMITS, Limits
from connectkit.logical import DATE, TIME, TIMESTAMP
from connectkit.schema import Field, Schema, Type, intern

_SCALARS: Final = {
    "double": Type.FLOAT64, "float": Type.FLOAT32, "bool": Type.BOOLEAN, "string": Type.STRING,
    "bytes": Type.BYTES, "int32": Type.INT32, "sint32": Type.INT32, "sfixed32": Type.INT32,
    "uint32": Type.INT64, "fixed32": Type.INT64, "int64": Type.INT64, "sint64": Type.INT64,
    "sfixed64": Type.INT64, "uint64": Type.INT64, "fixed64": Type.INT64,
}  # fmt: skip
_OWN: Final = frozenset(("int32", "int64", "double", "float", "bool", "string", "bytes"))
_SMALL: Final = {"int8": Type.INT8, "int16": Type.INT16}
_LOGICAL: Final = {schema.name: schema.type for schema in (DATE, TIME, TIMESTAMP)}
WRAPPERS: Final = {f"google.protobuf.{name}": kind for name, kind in WRAPPER_KINDS.items()}
"""The messages that hold one scalar, and its type."""


class Slot(NamedTuple):
    """One field of a struct: its name, and the field or the oneof that it comes from."""

    name: str
    source: FieldType | OneOfType


def layout(message: MessageType, options: ProtoOptions) -> list[Slot]:
    """The fields of a message's struct, in order: oneofs first."""
    found: list[Slot] = []
    for oneof in message.oneofs:
        if options.flatten_unions:
            found += [Slot(each.name, each) for each in oneof.fields]
        else:
            name = f"{oneof.name}_{oneof.index}" if options.index_unions else oneof.name
            found.append(Slot(name, oneof))
    found += [Slot(each.name, each) for each in message.fields if each.oneof is None]
    return found


def unwraps(message: MessageType, options: ProtoOptions, *, is_field: bool) -> bool:
    """Whether a message is to Connect the scalar in it."""
    if message.full_name not in WRAPPERS or [each.name for each in message.fields] != ["value"]:
        return False
    return options.wrapper_for_raw or (is_field and options.wrapper_for_nullables)


def from_proto(
    message: MessageType,
    options: ProtoOptions,
    *,
    version: int | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> Schema:
    """The schema of a message, with the registry's version of it."""
    maker = _Maker(options, limits)
    made = maker.root(message, version)
    return made if maker.met_cycle else intern(made)


class _Maker:
    def __init__(self, options: ProtoOptions, limits: Limits) -> None:
        self._options = options
        self._limits = limits
        self._under_way: dict[int, Schema] = {}
        self._waiting: dict[int, list[Schema]] = {}
        self._done: dict[int, Schema] = {}
        self.met_cycle = False

    def root(self, message: MessageType, version: int | None) -> Schema:
        if unwraps(message, self._options, is_field=False):
            return Schema(_SCALARS[WRAPPERS[message.full_name]], version=version)
        return self._struct(message, {}, 0, optional=False, version=version)

    def _struct(
        self,
        message: MessageType,
        parameters: dict[str, str],
        depth: int,
        *,
        optional: bool = True,
        version: int | None = None,
    ) -> Schema:
        under_way = self._under_way.get(id(message))
        if under_way is not None:
            # It contains itself: a schema with the fields of the one around, which may then be null too.
            self.met_cycle = True
            under_way.optional = True
            inner = Schema(Type.STRUCT, optional=True, name=under_way.name, parameters=parameters)
            self._waiting.setdefault(id(message), []).append(inner)
            return inner
        if depth >= self._limits.depth:
            raise LimitError(
                f"The Protobuf message's fields are nested more than {self._limits.depth} levels deep; "
                "limit 'depth'"
            )
        name = message.full_name if self._options.enhanced else message.name
        known = self._done.get(id(message))
        if known is not None and not parameters:
            return known  # with the parameters of the field where it was met first, as Confluent's has it
        made = Schema(Type.STRUCT, optional=optional, name=name, version=version, parameters=parameters)
        if known is not None:
            made._set_fields(known.fields)
            return made
        self._under_way[id(message)] = made
        slots = layout(message, self._options)
        names: set[str] = set()
        fields: list[Field] = []
        for i, slot in enumerate(slots):
            if slot.name in names:
                raise SchemaError(
                    f"The Protobuf message {message.full_name[:80]} has two fields that Connect calls "
                    f"{slot.name[:80]}"
                )
            names.add(slot.name)
            source = slot.source
            schema = (
                self._union(source, depth + 1)
                if isinstance(source, OneOfType)
                else self._field(source, depth + 1)
            )
            fields.append(Field(slot.name, i, schema))
        made._set_fields(fields)
        del self._under_way[id(message)]
        for each in self._waiting.pop(id(message), ()):
            each._set_fields(made.fields)
        self._done[id(message)] = made
        return made

    def _union(self, oneof: OneOfType, depth: int) -> Schema:
        fields = [Field(each.name, i, self._field(each, depth)) for i, each in enumerate(oneof.fields)]
        name = oneof.full_name if self._options.enhanced else oneof.name
        if self._options.generalized:
            return Schema(Type.STRUCT, optional=True, name=name, parameters={SUM_UNION: name}, fields=fields)
        return Schema(Type.STRUCT, optional=True, name=UNION_PREFIX + name, fields=fields)

    def _field(self, field: FieldType, depth: int) -> Schema:
        tag = {TAG: str(field.number)}
        optional = self._is_optional(field)
        if field.kind == "message":
            assert field.message is not None
            if field.repeated and field.message.is_entry:
                return self._map(field.message, tag, depth)
            if not field.repeated:
                return self._message(field.message, field, tag, depth)
            return _array(self._message(field.message, field, {}, depth), tag)
        if field.repeated:
            return _array(self._scalar(field, {}, optional=True), tag)
        return self._scalar(field, tag, optional=optional or field.kind == "enum")

    def _is_optional(self, field: FieldType) -> bool:
        options = self._options
        if field.oneof is not None:
            return True
        if options.optional_for_nullables:
            return field.optional
        return not options.wrapper_for_nullables

    def _scalar(self, field: FieldType, more: dict[str, str], *, optional: bool) -> Schema:
        if field.enum is not None:
            return self._enum(field.enum, more, optional=optional)
        kind = _SCALARS[field.kind]
        if kind is Type.INT32:
            small = _SMALL.get(field.params.get(CONNECT_TYPE, ""))
            if small is not None:
                return Schema(small, optional=optional, parameters=more)
        parameters = more if field.kind in _OWN else {TYPE: field.kind, **more}
        return Schema(kind, optional=optional, parameters=parameters)

    def _enum(self, enum: EnumType, more: dict[str, str], *, optional: bool) -> Schema:
        options = self._options
        prefix = SUM_ENUM if options.generalized else ENUM
        name = enum.full_name if options.enhanced else enum.name
        parameters = {prefix: enum.name}
        parameters.update((f"{prefix}.{symbol}", str(number)) for symbol, number in enum.symbols.items())
        kind = Type.INT32 if options.int_enums else Type.STRING
        return Schema(kind, optional=optional, name=name, parameters={**parameters, **more})

    def _message(self, message: MessageType, field: FieldType, more: dict[str, str], depth: int) -> Schema:
        logical = LOGICAL.get(message.full_name)
        if logical is not None:
            return _logical(message.full_name, logical, field, more)
        if unwraps(message, self._options, is_field=True):
            kind = _SCALARS[WRAPPERS[message.full_name]]
            marked = field.oneof is not None and self._options.wrapper_for_nullables
            return Schema(kind, optional=True, parameters={WRAPPER: "true", **more} if marked else more)
        if message.full_name == VARIANT_TYPE:
            return Schema(
                Type.STRUCT, optional=True, name=VARIANT_NAME, parameters=more, fields=VARIANT.fields
            )
        return self._struct(message, more, depth)

    def _map(self, entry: MessageType, more: dict[str, str], depth: int) -> Schema:
        key, value = entry.fields
        name = map_name(entry.name)
        if self._options.enhanced:
            scope = entry.full_name.rpartition(".")[0]
            name = f"{scope}.{name}" if scope else name
        if depth >= self._limits.depth:
            raise LimitError(f"The Protobuf message is nested more than {self._limits.depth} levels deep")
        return Schema(
            Type.MAP,
            optional=True,
            name=name,
            parameters=more,
            key_schema=self._field(key, depth + 1),
            value_schema=self._field(value, depth + 1),
        )


def _array(items: Schema, parameters: dict[str, str]) -> Schema:
    return Schema(Type.ARRAY, optional=True, parameters=parameters, value_schema=items)


def _logical(kind: str, name: str, field: FieldType, more: dict[str, str]) -> Schema:
    if kind != DECIMAL_TYPE:
        return Schema(_LOGICAL[name], optional=True, name=name, version=1, parameters=more)
    parameters = {SCALE: str(whole_number(field.params.get(SCALE, "0")) or 0)}
    precision = whole_number(field.params.get(PRECISION, ""))
    if precision is not None:
        parameters[CONNECT_PRECISION] = str(precision)
    return Schema(Type.BYTES, optional=True, name=name, version=1, parameters={**parameters, **more})

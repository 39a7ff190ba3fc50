"""Connect schemas as ``.proto`` files, by the rules of Confluent's converter, to the letter.

Defaults, docs and versions have no place there. Source: spec registry 3.3. Pure functions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from connectkit.converters.protobuf import known
from connectkit.converters.protobuf.meta import param
from connectkit.converters.protobuf.model import (
    Constant,
    Enum,
    EnumValue,
    Field,
    Label,
    Message,
    OneOf,
    Option,
    ProtoFile,
)
from connectkit.converters.protobuf.names import entry_name, is_identifier, scrub, scrub_dotted
from connectkit.converters.protobuf.options import (
    CONNECT_PRECISION,
    CONNECT_TYPE,
    DATE_TYPE,
    DECIMAL_TYPE,
    DEFAULT_NAME,
    FIELD_META,
    PRECISION,
    SCALE,
    SUM_UNION,
    TAG,
    TIME_TYPE,
    TIMESTAMP_TYPE,
    TYPE,
    UNION_PREFIX,
    VARIANT_TYPE,
    WRAPPER,
    WRAPPER_OF,
    ProtoOptions,
    enum_name,
    enum_symbols,
    is_union,
    parameter,
    whole_number,
)
from connectkit.converters.protobuf.parse import parse
from connectkit.converters.variant import VARIANT_NAME
from connectkit.errors import LimitError, SchemaError
from connectkit.limits import DEFAULT_LIMITS, Limits
from connectkit.schema import DATE_NAME, DECIMAL_NAME, TIME_NAME, TIMESTAMP_NAME, Schema, Type

_PLAIN: Final = {
    Type.INT8: "int32", Type.INT16: "int32", Type.INT32: "int32", Type.INT64: "int64",
    Type.FLOAT32: "float", Type.FLOAT64: "double", Type.BOOLEAN: "bool", Type.STRING: "string",
    Type.BYTES: "bytes",
}  # fmt: skip
_LOGICAL: Final[dict[tuple[Type, str | None], tuple[str, str]]] = {
    (Type.BYTES, DECIMAL_NAME): (DECIMAL_TYPE, known.DECIMAL),
    (Type.INT32, DATE_NAME): (DATE_TYPE, known.DATE),
    (Type.INT32, TIME_NAME): (TIME_TYPE, known.TIME_OF_DAY),
    (Type.INT64, TIMESTAMP_NAME): (TIMESTAMP_TYPE, known.TIMESTAMP),
    (Type.STRUCT, VARIANT_NAME): (VARIANT_TYPE, known.VARIANT),
}
_UNSIGNED: Final = {
    "uint32": "UInt32Value", "fixed32": "UInt32Value", "uint64": "UInt64Value", "fixed64": "UInt64Value",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Made:
    """A file, and the full name of the message that values are written as."""

    file: ProtoFile
    message: str
    is_wrapper: bool = field(default=False)


def to_proto(schema: Schema, options: ProtoOptions, *, limits: Limits = DEFAULT_LIMITS) -> Made:
    """The file; ``SchemaError`` for what Protobuf cannot say."""
    if schema.type in WRAPPER_OF:
        if (schema.type, schema.name) in _LOGICAL:
            raise SchemaError(
                f"A value of {schema.name} cannot be a whole Protobuf message; "
                "put it into a field of a struct"
            )
        return Made(parse(known.WRAPPERS_TEXT), f"google.protobuf.{WRAPPER_OF[schema.type]}", is_wrapper=True)
    if schema.type is not Type.STRUCT:
        raise SchemaError(
            f"Protobuf has no message for a whole value of type {schema.type}, only for structs"
        )
    return _Maker(options, limits).root(schema)


class _Maker:
    def __init__(self, options: ProtoOptions, limits: Limits) -> None:
        self._options = options
        self._limits = limits
        self._unnamed = 0
        self._fields = 0
        self._under_way: dict[int, str] = {}
        """The structs around the field at hand: one that contains itself is known by its fields."""
        self._file = ProtoFile("proto3")

    def root(self, schema: Schema) -> Made:
        package, dot, name = self._full_name(schema.name).rpartition(".")
        file = self._file
        if dot:
            if not all(map(is_identifier, package.split("."))):
                raise SchemaError(
                    "The name of the schema has a part that is no identifier, "
                    "which Protobuf's packages need; scrub.invalid.names=true changes it"
                )
            file.package = package
        file.messages.append(self._message(schema, name, 0))
        return Made(file, file.qualified(name))

    def _too_deep(self) -> LimitError:
        return LimitError(f"The schema is nested more than {self._limits.depth} levels deep; limit 'depth'")

    def _full_name(self, name: str | None) -> str:
        if not name:
            self._unnamed += 1
            return f"{DEFAULT_NAME}{self._unnamed}"
        name = name.rstrip(".") or name
        return scrub_dotted(name) if self._options.scrub else name

    def _simple_name(self, name: str | None) -> str:
        return self._full_name(name).rpartition(".")[2]

    def _message(self, schema: Schema, name: str, depth: int) -> Message:
        if depth >= self._limits.depth:
            raise self._too_deep()
        message = Message(name)
        self._under_way[id(schema.fields)] = name
        untagged = 0
        for each in schema.fields:
            tag = _number(each.schema, TAG)
            if tag is None:
                untagged += 1
                tag = untagged
            self._field(message, message.fields.append, each.schema, self._field_name(each.name), tag, depth)
        del self._under_way[id(schema.fields)]
        return message

    def _field_name(self, name: str) -> str:
        return scrub(name) if self._options.scrub else name

    def _field(
        self,
        message: Message,
        add: Callable[[Field], None],
        schema: Schema | None,
        name: str,
        tag: int,
        depth: int,
        *,
        place: str = "message",
    ) -> None:
        """Add a field to a message, a oneof of it (``place`` is then that) or the entry of a map."""
        if schema is None:
            raise SchemaError(
                "An array or map without a schema of its elements cannot be written as Protobuf"
            )
        options = self._options
        label: Label = ""
        if schema.type is Type.ARRAY:
            label, schema = "repeated", schema.value_schema
            if schema is None:
                raise SchemaError("An array without a schema of its elements cannot be written as Protobuf")
        elif schema.type is Type.MAP:
            label = "repeated"
        elif options.optional_for_nullables and schema.optional and place == "message":
            label = "optional"
        if is_union(schema, options):
            self._oneof(message, schema, depth)
            return
        self._fields += 1
        if self._fields > self._limits.schema_fields:
            raise LimitError(
                f"The schema has more than {self._limits.schema_fields} fields in all its structs; "
                "limit 'schema_fields'"
            )
        params: dict[str, str] = {}
        around = self._under_way.get(id(schema.fields)) if schema.type is Type.STRUCT else None
        kind = around or self._type(schema, name, params, in_oneof=place == "oneof")
        made = Field(name, kind, tag, label)
        if params and place != "entry":  # as Confluent's converter, which forgets them there
            items: list[Constant] = [param(each, value) for each, value in params.items()]
            made.options.append(Option(FIELD_META, {"params": items}))
        if (schema.type, schema.name) in _LOGICAL:
            pass  # the message is in another file
        elif schema.type is Type.STRUCT:
            if (
                around is None
                and kind != message.name
                and all(each.name != kind for each in message.messages)
            ):
                message.messages.append(self._message(schema, kind, depth + 1))
        elif schema.type is Type.MAP:
            message.messages.append(self._entry(schema, kind, depth + 1))
        elif enum_name(schema, options) is not None:
            self._enum(message, schema)
        add(made)

    def _oneof(self, message: Message, schema: Schema, depth: int) -> None:
        marked = parameter(schema, SUM_UNION) if self._options.generalized else None
        name = marked if marked is not None else (schema.name or "").removeprefix(UNION_PREFIX)
        oneof = OneOf(self._simple_name(name))
        message.oneofs.append(oneof)
        for each in schema.fields:
            tag = _number(each.schema, TAG) or 0
            self._field(
                message,
                oneof.fields.append,
                each.schema,
                self._field_name(each.name),
                tag,
                depth,
                place="oneof",
            )

    def _entry(self, schema: Schema, name: str, depth: int) -> Message:
        if depth >= self._limits.depth:
            raise self._too_deep()
        entry = Message(name)
        self._field(entry, entry.fields.append, schema.key_schema, "key", 1, depth, place="entry")
        self._field(entry, entry.fields.append, schema.value_schema, "value", 2, depth, place="entry")
        return entry

    def _enum(self, message: Message, schema: Schema) -> None:
        name = self._simple_name(schema.name)
        if any(each.name == name for each in message.enums):
            return
        values = [
            EnumValue(symbol, _whole(number, "the number of an enum's symbol"))
            for symbol, number in enum_symbols(schema, self._options).items()
        ]
        message.enums.append(Enum(name, values))

    def _type(self, schema: Schema, name: str, params: dict[str, str], *, in_oneof: bool) -> str:
        """The type of a field, and the parameters that the field needs to be read as what it was."""
        logical = _LOGICAL.get((schema.type, schema.name))
        if logical is not None:
            if schema.name == DECIMAL_NAME:
                for key, said in ((PRECISION, CONNECT_PRECISION), (SCALE, SCALE)):
                    value = parameter(schema, said)
                    if value is not None:
                        params[key] = value
            self._import(logical[1])
            return logical[0]
        match schema.type:
            case Type.ARRAY:
                raise SchemaError("An array within an array cannot be written as Protobuf")
            case Type.MAP:
                return entry_name(self._simple_name(schema.name))
            case Type.STRUCT:
                found = self._simple_name(schema.name)
                return f"{found}Message" if found == name else found
            case Type.INT8 | Type.INT16:
                params[CONNECT_TYPE] = schema.type.value
            case _:
                pass
        enum = enum_name(schema, self._options)
        if enum is not None:
            return enum
        kind = _PLAIN[schema.type]
        if schema.type in (Type.INT32, Type.INT64):
            kind = parameter(schema, TYPE) or kind
        if not (self._options.wrapper_for_nullables and schema.optional):
            return kind
        if in_oneof and parameter(schema, WRAPPER) != "true":
            return kind
        self._import(known.WRAPPERS)
        wrapper = _UNSIGNED.get(kind) if schema.type is Type.INT64 else None
        return f"google.protobuf.{wrapper or WRAPPER_OF[schema.type]}"

    def _import(self, path: str) -> None:
        if path not in self._file.imports:
            self._file.imports.append(path)


def _number(schema: Schema, name: str) -> int | None:
    text = parameter(schema, name)
    return None if text is None else _whole(text, f"the parameter {name}")


def _whole(text: str, what: str) -> int:
    found = whole_number(text)
    if found is None:
        raise SchemaError(f"The schema says something else than an integer for {what}")
    return found

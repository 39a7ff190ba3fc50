"""Why a value cannot be written as a message: the first place that does not fit, in one sentence.

Runs only after a generated encoder gave up, so it may take its time. Source: spec registry 3.5.
"""

from __future__ import annotations

from typing import Any, Final

from connectkit.converters.protobuf.linked import FieldType, MessageType
from connectkit.converters.protobuf.logical_types import WRITERS
from connectkit.converters.protobuf.names import scrub
from connectkit.converters.protobuf.options import LOGICAL, ProtoOptions, enum_name, enum_symbols, is_union
from connectkit.errors import ConversionError, DataError
from connectkit.schema import LOGICAL_NAMES, Schema, StructValue, Type
from connectkit.validation import fits_class


class MisfitError(Exception):
    """Something does not fit its schema; raised without a word where every microsecond counts."""


def explain(
    message: MessageType, schema: Schema, value: Any, options: ProtoOptions, error: Exception
) -> ConversionError:
    """The error to raise for a value that could not be written."""
    try:
        search = _Search(options)
        if schema.type is Type.STRUCT:
            search.struct(message, schema, value, "$")
        else:
            search.look(message.by_name.get("value"), schema, value, "$")
    except ConversionError as found:
        return found
    if isinstance(error, MisfitError):
        return ConversionError(
            "The value does not fit the Protobuf message of its schema; structs within each other, or beside "
            "each other, need names that are not the same where their fields are not"
        )
    return ConversionError(f"The value cannot be written as Protobuf ({type(error).__name__})")


class _Search:
    def __init__(self, options: ProtoOptions) -> None:
        self._options = options

    def look(self, target: FieldType | None, schema: Schema, value: Any, path: str) -> None:
        if value is None:
            return
        if target is None:
            raise _error(f"a field at {path} that the Protobuf message does not have", path)
        if schema.type is Type.ARRAY or schema.type is Type.MAP:
            self._items(target, schema, value, path)
        elif schema.type is Type.STRUCT:
            if target.message is None or target.message.full_name in LOGICAL:
                raise _error(f"a struct at {path}, where the Protobuf message has {target.kind}", path)
            self.struct(target.message, schema, value, path)
        elif not fits_class(schema, value):
            wanted = schema.name if schema.name in LOGICAL_NAMES else schema.type.value
            raise _error(
                f"a value of class {type(value).__name__} at {path}, where the schema wants {wanted}", path
            )
        else:
            self._scalar(target, schema, value, path)

    def _scalar(self, target: FieldType, schema: Schema, value: Any, path: str) -> None:
        if target.enum is not None:
            known = (
                enum_symbols(schema, self._options)
                if enum_name(schema, self._options)
                else target.enum.symbols
            )
            if schema.type is Type.STRING and value not in known:
                raise _error(f"a text at {path} that is no symbol of the enum {target.enum.name[:80]}", path)
        write = WRITERS.get(schema.name or "") if target.message is not None else None
        if write is not None:
            try:
                write(value)
            except DataError as exc:
                raise ConversionError(
                    f"The value at {path} cannot be written as Protobuf: {exc}", path=path
                ) from exc
        kind = target.kind if target.message is None else target.message.full_name
        raise _error(f"a {schema.type.value} at {path} that does not fit the Protobuf type {kind[:80]}", path)

    def _items(self, target: FieldType, schema: Schema, value: Any, path: str) -> None:
        assert schema.value_schema is not None
        if schema.type is Type.ARRAY and isinstance(value, list | tuple) and target.repeated:
            for i, each in enumerate(value):
                if each is None:
                    raise _error(f"a null at {path}[{i}], and lists of Protobuf have none", path)
                self._quietly(target, schema.value_schema, each, f"{path}[{i}]")
        elif schema.type is Type.MAP and isinstance(value, dict) and target.repeated:
            self._map(target, schema, value, path)
        else:
            raise _error(
                f"a value of class {type(value).__name__} at {path}, where the schema wants "
                f"{schema.type.value}",
                path,
            )

    def _map(self, target: FieldType, schema: Schema, value: dict[Any, Any], path: str) -> None:
        by_name = {} if target.message is None else target.message.by_name
        first, second = by_name.get("key"), by_name.get("value")
        if first is None or second is None or schema.key_schema is None or schema.value_schema is None:
            raise _error(f"a map at {path}, where the Protobuf message has none", path)
        for i, (key, each) in enumerate(value.items()):
            self._quietly(first, schema.key_schema, key, f"{path}[key {i}]")
            self._quietly(second, schema.value_schema, each, f"{path}[value {i}]")

    def _quietly(self, target: FieldType, schema: Schema, value: Any, path: str) -> None:
        """Look at one that need not be the culprit."""
        if not self._fits(target, schema, value):
            self.look(target, schema, value, path)

    def _fits(self, target: FieldType, schema: Schema, value: Any) -> bool:
        """Whether a scalar is beyond suspicion; structs and lists are looked into."""
        if value is None:
            return True
        if schema.type in (Type.ARRAY, Type.MAP, Type.STRUCT) or not fits_class(schema, value):
            return False
        if target.enum is not None:
            return schema.type is Type.STRING and value in target.enum.symbols
        write = WRITERS.get(schema.name or "") if target.message is not None else None
        try:
            if write is not None:
                write(value)
            elif target.message is None:
                _try(target, value)
        except (DataError, TypeError, ValueError, OverflowError):
            return False
        return True

    def struct(self, message: MessageType, schema: Schema, value: Any, path: str) -> None:
        if not isinstance(value, StructValue):
            raise _error(
                f"a value of class {type(value).__name__} at {path}, where the schema wants a struct", path
            )
        if value.schema != schema:
            raise _error(f"a struct of another schema at {path}", path)
        for field in schema.fields:
            found = value.values[field.index]
            if found is None and not self._options.ignore_defaults:
                found = field.schema.default
            if found is None:
                continue
            place = f"{path}.{field.name}"
            if is_union(field.schema, self._options):
                self._union(message, field.schema, found, place)
                continue
            target = message.by_name.get(scrub(field.name) if self._options.scrub else field.name)
            if target is None:
                self.look(None, field.schema, found, place)
            else:
                self._quietly(target, field.schema, found, place)

    def _union(self, message: MessageType, schema: Schema, value: Any, path: str) -> None:
        if not isinstance(value, StructValue) or value.schema != schema:
            raise _error(f"no struct of the union's schema at {path}", path)
        for field in schema.fields:
            found = value.values[field.index]
            if found is not None:
                target = message.by_name.get(scrub(field.name) if self._options.scrub else field.name)
                if target is None:
                    self.look(None, field.schema, found, f"{path}.{field.name}")
                else:
                    self._quietly(target, field.schema, found, f"{path}.{field.name}")
                return
        raise _error(f"a union at {path} of which no field is set", path)


_RANGES: Final = {
    **dict.fromkeys(("int32", "sint32", "sfixed32"), 32),
    **dict.fromkeys(("int64", "sint64", "sfixed64", "uint64", "fixed64", "uint32", "fixed32"), 64),
}


def _try(target: FieldType, value: Any) -> None:
    """Raise if an integer is out of its type's range, or a scalar of another class."""
    bits = _RANGES.get(target.kind)
    if bits is not None:
        if not isinstance(value, int) or isinstance(value, bool):
            raise TypeError
        if not -(1 << (bits - 1)) <= value < 1 << (bits - 1):
            raise ValueError
    elif target.kind in ("float", "double"):
        float(value)


def _error(what: str, path: str) -> ConversionError:
    return ConversionError(f"The value has {what}, so it cannot be written as Protobuf", path=path)

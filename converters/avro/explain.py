"""Why a value cannot be written by its schema: the first place that does not fit, in one sentence.

Runs only after a generated encoder gave up, so it may take its time. Source: spec registry 2.5.
"""

from __future__ import annotations

from typing import Any

from connectkit import logical
from connectkit.converters.avro.model import AvroSchema, shown
from connectkit.converters.avro.to_avro import AvroOptions, stands_for
from connectkit.errors import ConversionError, DataError
from connectkit.schema import DECIMAL_NAME, LOGICAL_NAMES, Schema, StructValue, Type
from connectkit.validation import fits_class


class MisfitError(Exception):
    """Something does not fit its schema; raised without a word where every microsecond counts."""


def explain(
    avro: AvroSchema, schema: Schema, value: Any, options: AvroOptions, error: Exception
) -> ConversionError:
    """The error to raise for a value that could not be written."""
    try:
        _Search(options).look(avro, schema, value, "$")
    except ConversionError as found:
        return found
    return ConversionError(f"The value cannot be written as Avro ({type(error).__name__})")


class _Search:
    def __init__(self, options: AvroOptions) -> None:
        self._options = options

    def look(self, avro: AvroSchema, schema: Schema, value: Any, path: str) -> None:
        if value is None:
            if schema.optional:
                return
            raise _error(f"a null at {path}, where the schema requires a value", path)
        if avro.kind == "union":
            if stands_for(schema, avro):
                self._look_union(avro, schema, value, path)
                return
            avro = avro.nullable_member or avro
        if schema.type is Type.STRUCT:
            self._look_struct(avro, schema, value, path)
            return
        if not fits_class(schema, value):
            wanted = schema.name if schema.name in LOGICAL_NAMES else schema.type.value
            raise _error(
                f"a value of class {type(value).__name__} at {path}, where the schema wants {wanted}", path
            )
        if schema.type in (Type.ARRAY, Type.MAP):
            self._look_inside(avro, schema, value, path)
        else:
            _look_scalar(avro, schema, value, path)

    def _look_inside(self, avro: AvroSchema, schema: Schema, value: Any, path: str) -> None:
        assert schema.value_schema is not None
        if schema.type is Type.ARRAY:
            for i, each in enumerate(value):
                self.look(avro.items, schema.value_schema, each, f"{path}[{i}]")
            return
        assert schema.key_schema is not None
        entry = avro.items if avro.kind == "array" else None
        for i, (key, each) in enumerate(value.items()):
            keys = AvroSchema("string") if entry is None else entry.fields[0].schema
            values = avro.items if entry is None else entry.fields[1].schema
            self.look(keys, schema.key_schema, key, f"{path}[key {i}]")
            self.look(values, schema.value_schema, each, f"{path}[value {i}]")

    def _look_struct(self, avro: AvroSchema, schema: Schema, value: Any, path: str) -> None:
        if not isinstance(value, StructValue):
            raise _error(
                f"a value of class {type(value).__name__} at {path}, where the schema wants a struct", path
            )
        if value.schema != schema:
            raise _error(f"a struct of another schema at {path}", path)
        for field, target in zip(schema.fields, avro.fields):
            found = value.values[field.index]
            if found is None and not self._options.ignore_defaults:
                found = field.schema.default
            self.look(target.schema, field.schema, found, f"{path}.{field.name}")

    def _look_union(self, avro: AvroSchema, schema: Schema, value: Any, path: str) -> None:
        if not isinstance(value, StructValue) or value.schema != schema:
            raise _error(f"no struct of the union's schema at {path}", path)
        branches = [each for each in avro.branches if each.kind != "null"]
        for branch, field in zip(branches, schema.fields):
            found = value.values[field.index]
            if found is not None:
                self.look(branch, field.schema, found, f"{path}.{field.name}")
                return
        raise _error(f"a union at {path} of which no field is set", path)


def _look_scalar(avro: AvroSchema, schema: Schema, value: Any, path: str) -> None:
    if avro.kind == "enum" and value not in avro.symbols:
        raise _error(f"a text at {path} that is no symbol of the enum {shown(avro.full_name)}", path)
    if schema.name in LOGICAL_NAMES:
        try:
            value = logical.from_logical(schema, value)
        except DataError as exc:
            raise ConversionError(f"The value at {path} cannot be written as Avro: {exc}", path=path) from exc
    if avro.kind == "fixed":
        size = len(value)
        if size > avro.size or (size < avro.size and schema.name != DECIMAL_NAME):
            raise _error(f"{size} bytes at {path}, where the Avro fixed has {avro.size}", path)


def _error(what: str, path: str) -> ConversionError:
    return ConversionError(f"The value has {what}, so it cannot be written as Avro", path=path)

"""Whether a value fits a schema (Connect's ``ConnectSchema.validateValue``)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from connectkit.errors import LimitError, SchemaError
from connectkit.instant import TEMPORAL_TYPES
from connectkit.schema import DECIMAL_NAME, INT_BITS, TEMPORAL_NAMES, Schema, StructValue, Type

_CLASSES: dict[Type, tuple[type, ...]] = {
    Type.FLOAT32: (float,),
    Type.FLOAT64: (float,),
    Type.BOOLEAN: (bool,),
    Type.STRING: (str,),
    Type.BYTES: (bytes, bytearray, memoryview),
    Type.ARRAY: (list, tuple),
    Type.MAP: (Mapping,),
    Type.STRUCT: (StructValue,),
}


def validate_value(schema: Schema | None, value: Any, field: str | None) -> None:
    """Raise ``SchemaError`` unless the value fits; ``field`` names the place, None is the whole value.

    As in Connect, a null fits only an optional schema, whatever its default, and the scale of a
    Decimal is not looked at. Beyond Connect, integers are checked for their range, since Python's
    have no width.
    """
    try:
        _validate(schema, value, "value" if field is None else f'field: "{field}"')
    except RecursionError:
        raise LimitError("A value is nested too deeply to be checked against its schema.") from None


def _validate(schema: Schema | None, value: Any, where: str) -> None:
    if schema is None:
        raise SchemaError(f"No schema defined for {where}")
    if value is None:
        if not schema.optional:
            raise SchemaError(f"Invalid value: null used for required {where}, schema type: {schema.type}")
        return
    if not fits_class(schema, value):
        named = f' "{schema.name}"' if schema.name is not None else ""
        raise SchemaError(
            f"Invalid Python object for schema{named} with type {schema.type}: "
            f"{type(value).__name__} for {where}{_hint(schema, value)}"
        )
    if schema.type is Type.STRUCT:
        if value.schema != schema:
            raise SchemaError(f"Struct schemas do not match for {where}.")
        value.validate()
    elif schema.type is Type.ARRAY:
        for item in value:
            _validate(schema._value_schema, item, f"element of array {where}")
    elif schema.type is Type.MAP:
        for key, item in value.items():
            _validate(schema._key_schema, key, f"key of map {where}")
            _validate(schema._value_schema, item, f"value of map {where}")


def fits_class(schema: Schema, value: Any) -> bool:
    """Whether the (non-null) value itself, without what it contains, is of the schema's class."""
    if schema.name is not None:
        if schema.name in TEMPORAL_NAMES:
            return isinstance(value, TEMPORAL_TYPES) and not (
                isinstance(value, datetime) and value.tzinfo is None
            )
        if schema.name == DECIMAL_NAME:
            return isinstance(value, Decimal) and value.is_finite()
    return fits_type(schema.type, value)


def fits_type(wanted: Type, value: Any) -> bool:
    """The same for a bare type: logical names play no part."""
    bits = INT_BITS.get(wanted)
    if bits is None:
        return isinstance(value, _CLASSES[wanted])
    bound = 1 << (bits - 1)
    return isinstance(value, int) and not isinstance(value, bool) and -bound <= value < bound


def _hint(schema: Schema, value: Any) -> str:
    if schema.type in INT_BITS and isinstance(value, int) and not isinstance(value, bool):
        return ": it is out of range"
    if isinstance(value, datetime):
        return ": it has no time zone"
    return ""

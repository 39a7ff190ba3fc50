"""What a JSON text says, as values of a declared schema: nothing is bent until it fits.

The forms are those of Connect's JSON: bytes are Base64, moments whole numbers, decimals numbers or the
Base64 of their bytes, a map an object or an array of pairs. Unlike there, a value of another kind is an
error, as are numbers out of range and decimals with more digits than the scale has. Members that the
schema does not know are passed over. Readers are made once a schema, and are immutable.
"""

from __future__ import annotations

from binascii import a2b_base64
from collections.abc import Callable
from decimal import Context, Decimal, DecimalException, Inexact, InvalidOperation, Overflow
from math import isfinite
from typing import Any

from connectkit import logical
from connectkit.errors import ConversionError, DataError
from connectkit.float32 import round32
from connectkit.limits import DEFAULT_LIMITS
from connectkit.schema import DECIMAL_NAME, INT_BITS, Schema, Type
from connectkit.struct import Struct

Read = Callable[[Any], Any]
"""From what was read of a text, decimals for its fractions, to a value; errors have a path from ``$``."""

_EXACT = Context(prec=DEFAULT_LIMITS.digits, traps=[Inexact, InvalidOperation, Overflow])


def typed_reader(schema: Schema, *, replace_null: bool) -> Read:
    """The reader of a schema.

    ``replace_null``: a null takes the schema's default, where it has one.
    """
    read = _not_null(schema, replace_null)
    default = schema.default
    if default is not None and replace_null:
        return lambda value: default if value is None else read(value)
    if schema.optional or default is not None:
        return lambda value: None if value is None else read(value)

    def required(value: Any) -> Any:
        if value is None:
            raise _error(f"A null stands where the schema requires {_a(schema)}")
        return read(value)

    return required


def _not_null(schema: Schema, replace_null: bool) -> Read:
    kind = schema.type
    if kind is Type.STRUCT:
        return _struct(schema, replace_null)
    if kind is Type.ARRAY:
        assert schema.value_schema is not None
        return _array(schema, typed_reader(schema.value_schema, replace_null=replace_null))
    if kind is Type.MAP:
        return _map(schema, replace_null)
    read = _SCALARS[kind](schema)
    if schema.name == DECIMAL_NAME:
        return _decimal(schema, read)
    if schema.name is None:
        return read
    return lambda value: logical.to_logical(schema, read(value))


def _struct(schema: Schema, replace_null: bool) -> Read:
    fields = [(f.name, typed_reader(f.schema, replace_null=replace_null)) for f in schema.fields]

    def read(value: Any) -> Struct:
        if type(value) is not dict:
            raise _unfit(schema, value)
        values = []
        for name, read_field in fields:
            try:
                values.append(read_field(value.get(name)))
            except DataError as error:
                raise _inside(error, f".{name}") from error
        return Struct.of(schema, values)

    return read


def _array(schema: Schema, read_item: Read) -> Read:
    def read(value: Any) -> list[Any]:
        if type(value) is not list:
            raise _unfit(schema, value)
        return _items(value, read_item)

    return read


def _items(value: list[Any], read_item: Read) -> list[Any]:
    made: list[Any] = []
    try:
        for each in value:
            made.append(read_item(each))  # noqa: PERF401 - its length says which item is wrong
    except DataError as error:
        raise _inside(error, f"[{len(made)}]") from error
    return made


def _map(schema: Schema, replace_null: bool) -> Read:
    assert schema.key_schema is not None
    assert schema.value_schema is not None
    read_key = typed_reader(schema.key_schema, replace_null=replace_null)
    read_value = typed_reader(schema.value_schema, replace_null=replace_null)
    by_name = schema.key_schema.type is Type.STRING

    def read_pair(pair: Any) -> tuple[Any, Any]:
        if type(pair) is not list or len(pair) != 2:
            raise _error("An entry of a map must be an array of its key and its value")
        return read_key(pair[0]), read_value(pair[1])

    def read(value: Any) -> dict[Any, Any]:
        if type(value) is list:
            return dict(_items(value, read_pair))
        if type(value) is not dict or not by_name:
            raise _unfit(schema, value)
        made = {}
        for name, each in value.items():
            try:
                made[name] = read_value(each)
            except DataError as error:
                raise _inside(error, f".{name}") from error
        return made

    return read


def _integer(schema: Schema) -> Read:
    bound = 1 << (INT_BITS[schema.type] - 1)

    def read(value: Any) -> int:
        kind = type(value)
        if kind is not int and not (kind is Decimal and -bound <= value < bound and value == int(value)):
            raise _unfit(schema, value)
        if not -bound <= value < bound:
            raise _error(f"The number is out of the range of {_a(schema)}")
        return int(value)

    return read


def _float(schema: Schema) -> Read:
    narrow = schema.type is Type.FLOAT32

    def read(value: Any) -> float:
        kind = type(value)
        if kind is not int and kind is not Decimal:
            raise _unfit(schema, value)
        made = float(value)
        if narrow and isfinite(made):
            made = round32(made)
        if not isfinite(made):
            raise _error(f"The number is out of the range of {_a(schema)}")
        return made

    return read


def _exactly(wanted: type) -> Callable[[Schema], Read]:
    def reader(schema: Schema) -> Read:
        def read(value: Any) -> Any:
            if type(value) is not wanted:
                raise _unfit(schema, value)
            return value

        return read

    return reader


def _bytes(schema: Schema) -> Read:
    def read(value: Any) -> bytes:
        if type(value) is not str:
            raise _unfit(schema, value)
        try:
            return a2b_base64(value, strict_mode=True)
        except ValueError as exc:
            raise _error("Bytes must be written as Base64, and this text is none") from exc

    return read


def _decimal(schema: Schema, read_bytes: Read) -> Read:
    unit = Decimal((0, (1,), -logical.schema_scale(schema)))

    def read(value: Any) -> Decimal:
        if type(value) is int or type(value) is Decimal:
            try:
                return Decimal(value).quantize(unit, context=_EXACT)
            except DecimalException as exc:
                raise _error("The number has more digits than a decimal of the schema's scale") from exc
        found: Decimal = logical.to_decimal(schema, read_bytes(value))
        return found

    return read


_SCALARS: dict[Type, Callable[[Schema], Read]] = {
    **dict.fromkeys(INT_BITS, _integer),
    Type.FLOAT32: _float,
    Type.FLOAT64: _float,
    Type.BOOLEAN: _exactly(bool),
    Type.STRING: _exactly(str),
    Type.BYTES: _bytes,
}
_KINDS = {dict: "an object", list: "an array", str: "a text", bool: "a boolean", int: "a whole number"}


def _a(schema: Schema) -> str:
    name = "decimal" if schema.name == DECIMAL_NAME else schema.type.value
    return f"{'an' if name[0] in 'ai' else 'a'} {name}"


def _unfit(schema: Schema, value: Any) -> ConversionError:
    return _error(f"The schema has {_a(schema)} where the JSON has {_KINDS.get(type(value), 'a number')}")


def _error(message: str) -> ConversionError:
    return ConversionError(message, path="$")


def _inside(error: DataError, step: str) -> ConversionError:
    return ConversionError(str(error), path=f"${step}{(error.path or '$').removeprefix('$')}")

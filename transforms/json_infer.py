"""JSON texts as values, and schemas for values that have none: what FromJson stands on.

:func:`load` reads a text strictly. :class:`Inference` finds the schema of what was read: an object is a
struct, a whole number an int64, another a float64; everything is optional; a member that is null is left
out, since nothing tells its type. The elements of an array share one schema: numbers meet in float64,
objects in a struct with the fields of all. Texts of one shape get one schema object, the same each time.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any, NoReturn

from connectkit.builder import SchemaBuilder
from connectkit.errors import ConversionError, DataError, LimitError
from connectkit.limits import DEFAULT_LIMITS, Limits
from connectkit.schema import Schema, Type
from connectkit.struct import Struct

_INT64 = 1 << 63
_KEPT = 1000
"""Shapes whose schemas are remembered; beyond it the memory starts anew."""

Shape = Any
"""None (of null), a :class:`Type` of a scalar, a list's ``[shape]`` as a tuple of one, or a dict's tuple of
pairs of name and shape behind a mark."""
_OBJECT = "object"


def load(text: str, limits: Limits = DEFAULT_LIMITS, *, exact: bool = False) -> Any:
    """What a JSON text says; ``ConversionError`` for what is none, or no record can hold.

    ``exact`` makes decimals of numbers with a fraction or exponent, and leaves all numbers to be checked.
    """
    try:
        value = (_EXACT_DECODER if exact else _DECODER).decode(text)
    except RecursionError as exc:
        raise LimitError(f"The JSON is nested more than {limits.depth} levels deep") from exc
    except json.JSONDecodeError as exc:
        raise ConversionError(f"The text is no JSON: it goes wrong at character {exc.pos}") from exc
    except ValueError as exc:  # NaN and the like, or a number with thousands of digits
        raise ConversionError("The text is no JSON: a number in it is none, or is endlessly long") from exc
    _check(value, limits, has_escapes="\\u" in text, exact=exact)
    return value


def _refuse_constant(_: str) -> NoReturn:
    raise ValueError


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)
_EXACT_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=Decimal)


def _check(value: Any, limits: Limits, *, has_escapes: bool, exact: bool) -> None:
    """Refuse numbers beyond 64 bits, half surrogate pairs and deep nesting."""
    level: list[Any] = [value]
    depth = 0
    while level:
        inner: list[Any] = []
        for each in level:
            kind = type(each)
            if kind is int:
                if not exact and not -_INT64 <= each < _INT64:
                    raise ConversionError("The JSON has a whole number beyond 64 bits")
            elif kind is float:
                if math.isinf(each):
                    raise ConversionError("The JSON has a number beyond what a double can hold")
            elif kind is str:
                if has_escapes:
                    _check_text(each)
            elif kind is dict:
                if has_escapes:
                    for name in each:
                        _check_text(name)
                inner += each.values()
            elif kind is list:
                inner += each
        depth += 1
        if inner and depth > limits.depth:
            raise LimitError(f"The JSON is nested more than {limits.depth} levels deep")
        level = inner


def _check_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as exc:
        raise ConversionError("The JSON has half a surrogate pair") from exc


class Inference:
    """Schemas of values, one for each shape. Used by one thread."""

    __slots__ = ("_limits", "_made")

    def __init__(self, limits: Limits = DEFAULT_LIMITS) -> None:
        self._limits = limits
        self._made: dict[Shape, tuple[Schema, Callable[[Any], Any]]] = {}

    def infer(self, value: Any) -> tuple[Schema | None, Any]:
        """The value's schema and the value as it wants it; ``(None, None)`` for null."""
        shape = _shape(value, "$")
        if shape is None:
            return None, None
        found = self._made.get(shape)
        if found is None:
            if len(self._made) >= _KEPT:
                self._made.clear()
            schema = _schema(shape)
            _check_size(schema, self._limits)
            found = self._made[shape] = schema, _converter(schema)
        schema, convert = found
        return schema, convert(value)


_SCALARS = {str: Type.STRING, bool: Type.BOOLEAN, int: Type.INT64, float: Type.FLOAT64}


def _shape(value: Any, path: str) -> Shape:
    kind = type(value)
    if kind is dict:
        members = ((name, _shape(each, f"{path}.{name}")) for name, each in value.items())
        return _OBJECT, tuple(pair for pair in members if pair[1] is not None)
    if kind is list:
        element: Shape = None
        for each in value:
            element = _merged(element, _shape(each, f"{path}[*]"), path)
        return (element,)
    return _SCALARS.get(kind)


def _merged(a: Shape, b: Shape, path: str) -> Shape:
    """The shape of an element that can be either."""
    if a is None or a == b:
        return b
    if b is None:
        return a
    if a in _NUMBERS and b in _NUMBERS:
        return Type.FLOAT64
    if isinstance(a, tuple) and isinstance(b, tuple) and len(a) == len(b):
        if len(a) == 1:
            return (_merged(a[0], b[0], f"{path}[*]"),)
        members = dict(a[1])
        for name, shape in b[1]:
            members[name] = _merged(members.get(name), shape, f"{path}[*].{name}")
        return _OBJECT, tuple(members.items())
    raise DataError(
        "An array holds values of different kinds, so its elements have no schema; a declared schema or "
        "none at all would take it",
        path=path,
    )


_NUMBERS = (Type.INT64, Type.FLOAT64)


def _schema(shape: Shape) -> Schema:
    if isinstance(shape, Type):
        return SchemaBuilder(shape).optional().build()
    if len(shape) == 1:
        element = Schema.OPTIONAL_STRING if shape[0] is None else _schema(shape[0])
        return SchemaBuilder.array(element).optional().build()
    builder = SchemaBuilder.struct().optional()
    for name, member in shape[1]:
        if not name:
            raise DataError("An object has a member whose name is empty, which no field may be")
        builder.field(name, _schema(member))
    return builder.build()


def _check_size(schema: Schema, limits: Limits) -> None:
    open_, fields = [schema], 0
    while open_:
        each = open_.pop()
        if each.type is Type.STRUCT:
            fields += len(each.fields)
            open_ += [field.schema for field in each.fields]
        elif each.type is Type.ARRAY and each.value_schema is not None:
            open_.append(each.value_schema)
        if fields > limits.schema_fields:
            raise LimitError(f"The JSON has objects with more than {limits.schema_fields} different members")


def _converter(schema: Schema) -> Callable[[Any], Any]:
    """Makes values of that schema of what was read."""
    if schema.type is Type.STRUCT:
        fields = [(field.name, _converter(field.schema)) for field in schema.fields]

        def to_struct(value: Any) -> Struct | None:
            if value is None:
                return None
            return Struct.of(schema, [convert(value.get(name)) for name, convert in fields])

        return to_struct
    if schema.type is Type.ARRAY:
        assert schema.value_schema is not None
        element = _converter(schema.value_schema)
        return lambda value: None if value is None else [element(each) for each in value]
    if schema.type is Type.FLOAT64:
        return lambda value: None if value is None else float(value)
    return lambda value: value

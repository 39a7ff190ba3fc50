"""Projection: a value written with one schema, read as another (Connect's ``SchemaProjector``).

What is allowed: numbers widen (in the order int8 … float64), fields may be left out or added with a
default, optional may become required where there is a default; beyond Connect, timestamps become finer.
Source: spec data 1.7.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from math import isnan
from typing import Any

from connectkit._numbers import cast_to_integer, to_float
from connectkit.errors import DataError, LimitError, ProjectionError
from connectkit.float32 import round32
from connectkit.limits import DEFAULT_LIMITS, Limits
from connectkit.logical import from_logical, to_logical
from connectkit.schema import (
    FINE_NAMES,
    INT_BITS,
    TIMESTAMP_MICROS_NAME,
    TIMESTAMP_NAME,
    TIMESTAMP_NANOS_NAME,
    Schema,
    Type,
)
from connectkit.struct import Struct

_RANK = {
    t: i for i, t in enumerate((Type.INT8, Type.INT16, Type.INT32, Type.INT64, Type.FLOAT32, Type.FLOAT64))
}


_FINER = frozenset(
    (
        (TIMESTAMP_NAME, TIMESTAMP_MICROS_NAME), (TIMESTAMP_NAME, TIMESTAMP_NANOS_NAME),
        (TIMESTAMP_MICROS_NAME, TIMESTAMP_NANOS_NAME),
    )
)  # fmt: skip


def project(source: Schema, value: Any, target: Schema, *, limits: Limits = DEFAULT_LIMITS) -> Any:
    """The value as the target schema has it. Raises ``ProjectionError`` if the schemas do not allow it.

    The compatibility of the two schemas is checked before the value is looked at; extra fields of the
    source are dropped. The value is not changed; parts of it may be shared with the result.
    """
    return _project(source, value, target, limits.depth, "$")


def _project(source: Schema, value: Any, target: Schema, depth: int, path: str) -> Any:
    if depth < 0:
        raise LimitError("The value to project is nested too deeply.", path=path)
    _check_compatible(source, target, path)
    if source.optional and not target.optional:
        if target.default is None:
            raise ProjectionError(
                "Writer schema is optional, however, target schema does not provide a default value.",
                path=path,
            )
        if value is None:
            return target.default
    if value is None:
        return None
    if target.type is Type.STRUCT:
        return _project_struct(source, value, target, depth, path)
    if target.type is Type.ARRAY:
        if not isinstance(value, list | tuple):
            raise _wrong_class("an array", value, path)
        inner, wanted = _elements(source, target, path)
        return [_project(inner, item, wanted, depth - 1, f"{path}[]") for item in value]
    if target.type is Type.MAP:
        if not isinstance(value, Mapping):
            raise _wrong_class("a map", value, path)
        inner, wanted = _elements(source, target, path)
        inner_key, wanted_key = source.key_schema, target.key_schema
        if inner_key is None or wanted_key is None:
            raise ProjectionError("A map without a key schema cannot be projected.", path=path)
        return {
            _project(inner_key, k, wanted_key, depth - 1, f"{path}{{}}"): _project(
                inner, item, wanted, depth - 1, f"{path}{{}}"
            )
            for k, item in value.items()
        }
    if target.name in FINE_NAMES and source.name != target.name:
        return _made_finer(value, target, path)
    return _cast(value, target.type)


def _made_finer(value: Any, target: Schema, path: str) -> Any:
    try:
        return to_logical(target, from_logical(target, value))
    except DataError as error:  # nanoseconds reach from 1677 to 2262 only
        raise ProjectionError(str(error), path=path) from error


def _cast(value: Any, target: Type) -> Any:
    """A number as Java casts it to the target's type; logical values and all else pass."""
    if target not in _RANK or not isinstance(value, int | float | Decimal) or isinstance(value, bool):
        return value
    if target in INT_BITS:
        return cast_to_integer(value, INT_BITS[target])
    widened = to_float(value)
    # NaN stays the object it is, by which alone a dict would find it as a key.
    return widened if target is Type.FLOAT64 or isnan(widened) else round32(widened)


def _project_struct(source: Schema, value: Any, target: Schema, depth: int, path: str) -> Struct:
    if not isinstance(value, Struct):
        raise _wrong_class("a struct", value, path)
    made: list[Any] = []
    for field in target.fields:
        inner = source.field(field.name)
        here = f"{path}.{field.name}"
        if inner is not None:
            try:
                item = _project(inner.schema, value.get(field.name), field.schema, depth - 1, here)
                if item is not None or not field.schema.optional:
                    field.schema.validate(item, field.name)
            except LimitError:
                raise
            except DataError as error:
                raise ProjectionError(f"Error projecting {field.name}: {error}", path=here) from error
        elif field.schema.optional:
            item = None
        elif field.schema.default is not None:
            item = field.schema.default
        else:
            raise ProjectionError(
                f"Required field `{field.name}` is missing from source schema: {source}", path=here
            )
        made.append(item)
    return Struct.of(target, made)


def _elements(source: Schema, target: Schema, path: str) -> tuple[Schema, Schema]:
    inner, wanted = source.value_schema, target.value_schema
    if inner is None or wanted is None:
        raise ProjectionError("A collection without an element schema cannot be projected.", path=path)
    return inner, wanted


def _check_compatible(source: Schema, target: Schema, path: str) -> None:
    promotable = source.type in _RANK and target.type in _RANK and _RANK[source.type] < _RANK[target.type]
    if source.type is not target.type and not promotable:
        raise ProjectionError(
            f"Schema type mismatch. source type: {source.type} and target type: {target.type}", path=path
        )
    if source.name != target.name and (source.name, target.name) not in _FINER:
        raise ProjectionError(
            f"Schema name mismatch. source name: {source.name} and target name: {target.name}", path=path
        )
    if source.parameters != target.parameters:
        raise ProjectionError(
            f"Schema parameters not equal. source parameters: {source.parameters}"
            f" and target parameters: {target.parameters}",
            path=path,
        )


def _wrong_class(wanted: str, value: Any, path: str) -> ProjectionError:
    return ProjectionError(f"Expected {wanted}, not a value of class {type(value).__name__}.", path=path)

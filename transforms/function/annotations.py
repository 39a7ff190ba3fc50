"""What a function's annotations say: which values it takes, and the schema of what it gives.

``int`` (int64), ``float`` (float64), ``bool``, ``str``, ``bytes``, ``datetime``, ``date``, ``time``,
``list[…]``, ``dict[str, …]``, dataclasses (structs), ``Decimal`` (its scale is declared), ``Any``, ``Struct``
and ``Mapping``, each with ``| None`` if it may be null. Other annotations raise ``ConfigError``.

It reads less than ``connectkit.schema_of``, and two things otherwise: a class inside another is named with
both names, and the default of a class's field is none of the schema's, since a result has all its fields.
"""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Union, get_args, get_origin, get_type_hints

from connectkit.builder import SchemaBuilder
from connectkit.errors import ConfigError, DataError
from connectkit.logical import DATE, TIME, TIMESTAMP
from connectkit.record import ConnectRecord
from connectkit.schema import Schema
from connectkit.struct import Struct
from connectkit.transforms.base import class_name, optional_form

Adapt = Callable[[Any], Any]

_SCHEMAS: dict[Any, Schema] = {
    int: Schema.INT64, float: Schema.FLOAT64, bool: Schema.BOOLEAN, str: Schema.STRING, bytes: Schema.BYTES,
    datetime: TIMESTAMP, date: DATE, time: TIME,
}  # fmt: skip
_MAX_DEPTH = 20


@dataclass(frozen=True, slots=True)
class Returned:
    """What a function gives: the schema (None: not told), whether null is possible, and how it is adapted."""

    schema: Schema | None
    optional: bool
    adapt: Adapt | None


def hints_of(function: Callable[..., Any], name: str) -> dict[str, Any]:
    """The annotations of a function, resolved."""
    try:
        return get_type_hints(function)
    except Exception as exc:
        raise ConfigError(f"the annotations of the function '{name}' cannot be resolved") from exc


def without_none(hint: Any) -> tuple[Any, bool]:
    """The annotation without ``None``, and whether that was in it."""
    if get_origin(hint) in (Union, types.UnionType):
        members = [each for each in get_args(hint) if each is not type(None)]
        optional = len(members) < len(get_args(hint))
        return (members[0] if len(members) == 1 else Union[tuple(members)]), optional  # noqa: UP007 - made here
    return (Any, True) if hint is type(None) else (hint, False)


def is_record(hint: Any) -> bool:
    """Whether an annotation means a record, or several."""
    hint, _ = without_none(hint)
    if get_origin(hint) in (Union, types.UnionType):
        return all(is_record(each) for each in get_args(hint))
    if get_origin(hint) in (list, Sequence):
        return is_record(get_args(hint)[0])
    return isinstance(hint, type) and issubclass(hint, ConnectRecord)


def taking(hint: Any, where: str) -> tuple[Adapt | None, bool]:
    """What fits a value to a parameter (None: anything goes), and whether it takes null."""
    hint, optional = without_none(hint)
    if hint is Any:
        return None, True
    origin = get_origin(hint) or hint
    classes = _PARAMETERS.get(origin)
    if classes is None:
        raise ConfigError(
            f"{where} is annotated with a type that no record holds; see the guide to functions"
        )

    real = origin is float

    def adapt(value: Any) -> Any:
        if isinstance(value, classes) and (bool in classes or not isinstance(value, bool)):
            number: Any = value
            return float(number) if real else value
        raise DataError(f"{where} does not take a value of class {class_name(value)}")

    return adapt, optional


_PARAMETERS: dict[Any, tuple[type, ...]] = {
    int: (int,), float: (float, int), bool: (bool,), str: (str,), bytes: (bytes, bytearray, memoryview),
    Decimal: (Decimal,), datetime: (datetime,), date: (date,), time: (time,), list: (list, tuple),
    Sequence: (list, tuple), dict: (dict,), Mapping: (Mapping,), Struct: (Struct,),
}  # fmt: skip


def returning(hint: Any, where: str) -> Returned:
    """What a return annotation promises."""
    hint, optional = without_none(hint)
    if hint is Any or hint is Decimal:
        return Returned(None, optional or hint is Any, None)
    schema, adapt = _schema_of(hint, where, 0)
    return Returned(schema, optional, adapt)


def _schema_of(hint: Any, where: str, depth: int) -> tuple[Schema, Adapt | None]:
    if depth > _MAX_DEPTH:
        raise ConfigError(f"{where} returns a type that contains itself, or is nested too deeply")
    hint, optional = without_none(hint)
    schema, adapt = _plain_schema_of(hint, where, depth)
    if not optional:
        return schema, adapt
    if adapt is None:
        return optional_form(schema), None
    inner, made = adapt, optional_form(schema)

    def adapted(value: Any) -> Any:
        found = None if value is None else inner(value)
        return Struct.of(made, found.values) if isinstance(found, Struct) else found

    return made, adapted


def _plain_schema_of(hint: Any, where: str, depth: int) -> tuple[Schema, Adapt | None]:
    found = _SCHEMAS.get(hint)
    if found is not None:
        return found, None
    origin, args = get_origin(hint), get_args(hint)
    if origin in (list, Sequence) and args:
        item, adapt = _schema_of(args[0], where, depth + 1)
        made = SchemaBuilder.array(item).build()
        return made, None if adapt is None else _each(adapt)
    if origin in (dict, Mapping) and len(args) == 2:
        key, _ = _schema_of(args[0], where, depth + 1)
        item, adapt = _schema_of(args[1], where, depth + 1)
        made = SchemaBuilder.map(key, item).build()
        return made, None if adapt is None else _each_value(adapt)
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return _struct_of(hint, where, depth)
    raise ConfigError(
        f"{where} returns a type that has no schema; annotate it with one, or declare result.type"
    )


def _struct_of(cls: type, where: str, depth: int) -> tuple[Schema, Adapt]:
    hints = get_type_hints(cls)
    builder = SchemaBuilder.struct().name(cls.__qualname__)
    parts: list[tuple[str, Adapt | None]] = []
    for field in dataclasses.fields(cls):
        schema, adapt = _schema_of(hints[field.name], f"{where} (its field '{field.name}')", depth + 1)
        builder.field(field.name, schema)
        parts.append((field.name, adapt))
    made = builder.build()

    def adapted(value: Any) -> Any:
        if not isinstance(value, cls):
            raise DataError(f"{where} returned a value of class {class_name(value)} instead")
        found = [getattr(value, name) for name, _ in parts]
        return Struct.of(made, [v if a is None else a(v) for v, (_, a) in zip(found, parts)])

    return made, adapted


def _each(adapt: Adapt) -> Adapt:
    return lambda items: [adapt(item) for item in items]


def _each_value(adapt: Adapt) -> Adapt:
    return lambda entries: {key: adapt(item) for key, item in entries.items()}

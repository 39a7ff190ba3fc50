"""The schema of a Python type, and functions from its values to Connect's and back, made once a type.

``bool``, ``int`` (INT64), ``float`` (FLOAT64), ``str``, ``bytes``, ``datetime`` (Timestamp; it must be
aware), ``date``, ``time``, ``UUID`` and enumerations (as strings), ``Literal`` of strings, ``list[T]``,
``set[T]``, ``tuple[T, ...]``, ``dict[K, V]``, classes with fields (also generic ones: ``Page[Order]``), and
each of these ``| None``, or under the name of a ``NewType`` or a ``type`` statement. A
``Decimal`` needs its scale: ``Annotated[Decimal, Scale(2)]``; other widths are said by their schema:
``Annotated[int, Schema.INT32]``. A field's default that its schema can hold becomes the schema's default.
Thread-safe: the functions keep nothing.
"""

from __future__ import annotations

import contextlib
import enum
import types
from collections.abc import Callable, Hashable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Any, Literal, get_args, get_origin
from uuid import UUID

from connectkit import logical
from connectkit.builder import SchemaBuilder
from connectkit.errors import ConversionError, DataError, SchemaError
from connectkit.schema import Schema
from connectkit.struct import Struct
from connectkit.typed.hints import type_name, without_none
from connectkit.typed.shapes import MISSING, Part, shape_of

Convert = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Scale:
    """How many digits a decimal has behind its point: ``Annotated[Decimal, Scale(2)]``."""

    digits: int


@dataclass(frozen=True, slots=True)
class TypeCodec:
    """A type's schema, and how its values become Connect's (``to_connect``) and come back.

    Both raise ``ConversionError`` for a value that is none of the type; the path names the field.
    """

    hint: Any
    schema: Schema
    to_connect: Convert
    from_connect: Convert


def type_codec(hint: Any) -> TypeCodec:
    """The schema and the conversions of a type; ``SchemaError`` if it has none."""
    try:
        return _known(hint)
    except TypeError:  # it cannot be a key: an annotation may carry a list
        return _made(hint)


@lru_cache(maxsize=1024)
def _known(hint: Any) -> TypeCodec:
    return _made(hint)


@lru_cache(maxsize=1024)
def class_codec(cls: Any) -> TypeCodec | None:
    """The same of a class with fields; None for any other class."""
    return None if shape_of(cls) is None else type_codec(cls)


def _made(hint: Any) -> TypeCodec:
    found = _schema(hint, "", {})
    schema = found.build() if isinstance(found, SchemaBuilder) else found
    return TypeCodec(hint, schema, *_Conversions().of(hint, schema))


def schema_of(hint: Any) -> Schema:
    """The schema of a Python type; ``SchemaError`` names the field that has none."""
    return type_codec(hint).schema


# --- schemas ---------------------------------------------------------------------------------------

_PLAIN: dict[Any, Schema] = {
    bool: Schema.BOOLEAN, int: Schema.INT64, float: Schema.FLOAT64, str: Schema.STRING, bytes: Schema.BYTES,
    datetime: logical.TIMESTAMP, date: logical.DATE, time: logical.TIME, UUID: Schema.STRING,
}  # fmt: skip
_LISTS = (list, Sequence, set, frozenset, AbstractSet)
_MAPS = (dict, Mapping)

Open = dict[tuple[Any, bool], SchemaBuilder]
"""The classes whose fields are being looked at, so that a class may contain itself."""


def _schema(hint: Any, where: str, opened: Open) -> Schema | SchemaBuilder:
    inner, optional = without_none(hint)
    found = _required(inner, where, opened, optional)
    if not optional or (isinstance(found, Schema) and found.optional):
        return found
    if isinstance(found, SchemaBuilder):
        return found.optional()
    return found.to_builder().optional().build()


def _required(hint: Any, where: str, opened: Open, optional: bool) -> Schema | SchemaBuilder:
    """The schema of what is not null; ``optional`` only tells which builder a class that is open has."""
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        for each in args[1:]:
            if isinstance(each, Schema):
                return each
            if isinstance(each, Scale) and without_none(args[0])[0] is Decimal:
                return logical.decimal_schema(each.digits)
        return _required(without_none(args[0])[0], where, opened, optional)
    plain = _PLAIN.get(hint) if isinstance(hint, Hashable) else None
    if plain is not None:
        return plain
    if (isinstance(hint, type) and issubclass(hint, enum.Enum)) or origin is Literal:
        return _of_choices(hint, where)
    if origin in _LISTS or _is_open_tuple(origin, args):
        return SchemaBuilder.array(_schema(args[0], f"{where}[]", opened))
    if origin in _MAPS:
        keys, items = _schema(args[0], f"{where}{{key}}", opened), _schema(args[1], f"{where}{{}}", opened)
        return SchemaBuilder.map(keys, items)
    if hint is Decimal:
        raise SchemaError(
            f"The Decimal{_at(where)} needs its scale: Annotated[Decimal, Scale(2)], with connectkit.Scale"
        )
    return _struct_schema(hint, where, opened, optional)


def _struct_schema(cls: Any, where: str, opened: Open, optional: bool) -> SchemaBuilder:
    shape = shape_of(cls)
    if shape is None:
        raise SchemaError(
            f"The type {type_name(cls)}{_at(where)} has no schema; use bool, int, float, str, bytes, "
            "datetime, date, time, list[…], dict[…, …], a dataclass, a TypedDict, a named tuple, a pydantic "
            "or msgspec class, or any of them | None"
        )
    if (cls, optional) in opened:
        return opened[cls, optional]
    builder = opened[cls, optional] = SchemaBuilder.struct().name(type_name(cls))
    for part in shape.parts:
        hint = part.hint | None if part.may_be_absent and _is_plain_type(part.hint) else part.hint
        inside = f"{where or type_name(cls)}.{part.name}"
        found = _schema(hint, inside, opened)
        if part.may_be_absent and isinstance(found, Schema) and not found.optional:
            found = found.to_builder().optional().build()
        builder.field(part.name, _with_default(found, part))
    del opened[cls, optional]
    return builder


def _with_default(schema: Schema | SchemaBuilder, part: Part) -> Schema | SchemaBuilder:
    """The field's schema with its default, if that is a value that the schema can hold as it is."""
    if part.default is MISSING or part.default is None or isinstance(schema, SchemaBuilder):
        return schema
    try:
        into, _ = _Conversions().of(part.hint, schema)
        return schema.to_builder().default(into(part.default)).build()
    except (SchemaError, DataError, ValueError):
        return schema


def _of_choices(hint: Any, where: str) -> Schema:
    """An enumeration, or a ``Literal``: its values are all texts or all integers."""
    choices = list(get_args(hint)) or [each.value for each in hint]
    if choices and all(isinstance(each, str) for each in choices):
        return Schema.STRING
    if choices and all(isinstance(each, int) and not isinstance(each, bool) for each in choices):
        return Schema.INT64
    raise SchemaError(f"The choices of {type_name(hint)}{_at(where)} must be all texts or all integers")


# --- conversions -----------------------------------------------------------------------------------


def _checked(what: str, *classes: type) -> Convert:
    """A value of these classes as it is; ``bool`` is no number here."""

    def convert(value: Any) -> Any:
        if isinstance(value, classes) and (bool in classes or not isinstance(value, bool)):
            return value
        raise ConversionError(f"A value of class {type(value).__name__} stands where a {what} is expected")

    return convert


def _moment(value: Any) -> Any:
    if isinstance(value, datetime) and value.tzinfo is None:
        raise ConversionError("A datetime without a time zone is not a moment; use datetime.UTC")
    return _any_moment(value)


def _day(value: Any) -> Any:
    if isinstance(value, datetime):
        raise ConversionError("A value of class datetime stands where a date is expected")
    return _any_day(value)


_any_moment, _any_day = _checked("datetime", datetime), _checked("date", date)


def _real(value: Any) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        with contextlib.suppress(OverflowError):
            return float(value)
        raise ConversionError("An integer is too large for a float")
    raise ConversionError(f"A value of class {type(value).__name__} stands where a float is expected")


_INTO: dict[Any, Convert] = {
    bool: _checked("bool", bool),
    int: _checked("int", int),
    float: _real,
    str: _checked("str", str),
    bytes: _checked("bytes", bytes, bytearray, memoryview),
    datetime: _moment,
    date: _day,
    time: _checked("time", time),
    Decimal: _checked("Decimal", Decimal),
    UUID: lambda value: str(_checked("UUID", UUID)(value)),
}


class _Conversions:
    """Makes both conversions of a type for one schema of it; a class in itself calls its own again."""

    def __init__(self) -> None:
        self._known: dict[tuple[Any, int], _StructConversion] = {}

    def of(self, hint: Any, schema: Schema) -> tuple[Convert, Convert]:
        inner, optional = without_none(hint)
        into, back = self._required(inner, schema)
        if not optional and not schema.optional:
            return into, back
        return (lambda v: None if v is None else into(v)), (lambda v: None if v is None else back(v))

    def _required(self, hint: Any, schema: Schema) -> tuple[Convert, Convert]:
        origin, args = get_origin(hint), get_args(hint)
        if origin is Annotated:
            return self._required(without_none(args[0])[0], schema)
        if hint in _INTO:
            return _INTO[hint], _made_by(UUID) if hint is UUID else _INTO[hint]
        if isinstance(hint, type) and issubclass(hint, enum.Enum):
            member = _made_by(hint)
            return lambda v: member(v).value, member
        if origin is Literal:
            return _one_of(args), _one_of(args)
        if origin in _LISTS or _is_open_tuple(origin, args):
            return self._list(origin, args[0], schema)
        if origin in _MAPS:
            return self._map(args, schema)
        known = self._known.get((hint, id(schema)))
        if known is None:
            known = self._known[hint, id(schema)] = _StructConversion(hint, schema)
            known.fill(self)
        return known.to_connect, known.from_connect

    def _list(self, origin: Any, item: Any, schema: Schema) -> tuple[Convert, Convert]:
        assert schema.value_schema is not None
        into, back = self.of(item, schema.value_schema)
        build: Convert = {Sequence: list, AbstractSet: set}.get(origin, origin)

        def to_connect(value: Any) -> Any:
            if isinstance(value, str | bytes | Mapping) or not hasattr(value, "__iter__"):
                raise ConversionError(
                    f"A value of class {type(value).__name__} stands where a list is expected"
                )
            return [into(each) for each in value]

        listed = _checked("list", list, tuple)
        return to_connect, lambda found: build([back(each) for each in listed(found)])

    def _map(self, args: Any, schema: Schema) -> tuple[Convert, Convert]:
        assert schema.key_schema is not None
        assert schema.value_schema is not None
        key_into, key_back = self.of(args[0], schema.key_schema)
        into, back = self.of(args[1], schema.value_schema)
        mapping = _checked("dict", Mapping)

        def to_connect(value: Any) -> Any:
            return {key_into(k): into(v) for k, v in mapping(value).items()}

        return to_connect, lambda found: {key_back(k): back(v) for k, v in mapping(found).items()}


class _StructConversion:
    """Takes values of a class apart into structs of one schema, and makes them again."""

    def __init__(self, cls: Any, schema: Schema) -> None:
        shape = shape_of(cls)
        assert shape is not None, "it has a schema"
        self._cls = cls
        self._schema = schema
        self._shape = shape
        self._writers: list[tuple[Part, Convert]] = []
        self._readers: list[tuple[Part, Convert, bool, bool]] = []

    def fill(self, conversions: _Conversions) -> None:
        """Make the fields' conversions: later than the object, which one of them may need."""
        for part, field in zip(self._shape.parts, self._schema.fields, strict=True):
            into, back = conversions.of(part.hint, field.schema)
            has_default = part.may_be_absent or part.default is not MISSING
            self._writers.append((part, into))
            self._readers.append((part, back, has_default, part.null_is_left_out()))

    def to_connect(self, value: Any) -> Struct:
        read, values = self._shape.read, []
        for part, into in self._writers:
            try:
                values.append(into(read(value, part.attribute)))
            except DataError as exc:
                raise _inside(exc, part.name) from exc
            except (AttributeError, TypeError, ValueError) as exc:
                raise ConversionError(
                    f"A value of class {type(value).__name__} is no {type_name(self._cls)} as annotated",
                    path=part.name,
                ) from exc
        return Struct.of(self._schema, values)

    def from_connect(self, value: Any) -> Any:
        get = _getter(value, type_name(self._cls))
        found = {}
        for part, back, has_default, null_is_left_out in self._readers:
            item = get(part.name, _ABSENT)
            if (item is None and null_is_left_out) or (item is _ABSENT and has_default):
                continue
            item = None if item is _ABSENT else item
            try:
                found[part.attribute] = back(item)
            except DataError as exc:
                raise _inside(exc, part.name) from exc
            except (TypeError, ValueError, AttributeError) as exc:
                raise ConversionError(
                    f"A value of class {type(item).__name__} does not fit the field {part.name}",
                    path=part.name,
                ) from exc
        try:
            return self._shape.make(found)
        except Exception as exc:
            raise ConversionError(
                f"No {type_name(self._cls)} can be made of a value: {type(exc).__name__}"
            ) from exc


def _inside(error: DataError, name: str) -> ConversionError:
    return ConversionError(str(error), path=f"{name}.{error.path}" if error.path else name)


_ABSENT: Any = object()


def _getter(value: Any, name: str) -> Callable[[str, Any], Any]:
    """Fields of a struct by name, or of a map without a schema; a null stays one where a default is."""
    if isinstance(value, Struct):
        stored = {f.name: item for f, item in zip(value.schema.fields, value.values, strict=True)}
        return stored.get
    if isinstance(value, Mapping):
        return value.get
    raise ConversionError(f"A value of class {type(value).__name__} stands where a {name} is expected")


def _made_by(cls: Any) -> Convert:
    """A class that is called with a text or a number, and refuses some."""

    def convert(value: Any) -> Any:
        try:
            return cls(value)
        except (ValueError, TypeError, AttributeError) as exc:
            raise ConversionError(f"A value of class {type(value).__name__} makes no {cls.__name__}") from exc

    return convert


def _one_of(choices: tuple[Any, ...]) -> Convert:
    def convert(value: Any) -> Any:
        if value in choices:
            return value
        raise ConversionError("A value is none of the choices that its type has")

    return convert


def _is_open_tuple(origin: Any, args: tuple[Any, ...]) -> bool:
    return origin is tuple and len(args) == 2 and args[1] is Ellipsis


def _is_plain_type(hint: Any) -> bool:
    return isinstance(hint, type | types.GenericAlias | types.UnionType)


def _at(where: str) -> str:
    return f" of {where}" if where else ""

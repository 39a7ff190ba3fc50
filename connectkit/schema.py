"""Schemas: what a value is. Immutable, compared by content, and built by :class:`SchemaBuilder`.

Semantics are those of ``org.apache.kafka.connect.data`` (Schema, ConnectSchema, Field). Equal schemas
from the builder are usually the same object (they are interned), so that caches by identity hit.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from math import inf
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple

from connectkit.errors import ConversionError, LimitError, SchemaError
from connectkit.instant import TEMPORAL_TYPES, Temporal, nanos_of

if TYPE_CHECKING:
    from connectkit.builder import SchemaBuilder

DECIMAL_NAME: Final = "org.apache.kafka.connect.data.Decimal"
DATE_NAME: Final = "org.apache.kafka.connect.data.Date"
TIME_NAME: Final = "org.apache.kafka.connect.data.Time"
TIMESTAMP_NAME: Final = "org.apache.kafka.connect.data.Timestamp"
TIMESTAMP_MICROS_NAME: Final = "connectkit.TimestampMicros"
TIMESTAMP_NANOS_NAME: Final = "connectkit.TimestampNanos"
FINE_NAMES: Final = frozenset((TIMESTAMP_MICROS_NAME, TIMESTAMP_NANOS_NAME))
"""The logical types that Connect does not have: timestamps finer than a millisecond."""
TEMPORAL_NAMES: Final = frozenset((DATE_NAME, TIME_NAME, TIMESTAMP_NAME)) | FINE_NAMES
LOGICAL_NAMES: Final = TEMPORAL_NAMES | {DECIMAL_NAME}


class Type(Enum):
    """The twelve types of a schema; ``value`` is Connect's lower-case name."""

    INT8 = "int8"
    INT16 = "int16"
    INT32 = "int32"
    INT64 = "int64"
    FLOAT32 = "float32"
    FLOAT64 = "float64"
    BOOLEAN = "boolean"
    STRING = "string"
    BYTES = "bytes"
    ARRAY = "array"
    MAP = "map"
    STRUCT = "struct"

    @property
    def is_primitive(self) -> bool:
        return self not in _COMPOSITE

    def __str__(self) -> str:
        return self.name

    # Members are singletons: identity is a correct hash and much faster than hashing the name.
    __hash__ = object.__hash__


_COMPOSITE = frozenset((Type.ARRAY, Type.MAP, Type.STRUCT))

INT_BITS: Final = {Type.INT8: 8, Type.INT16: 16, Type.INT32: 32, Type.INT64: 64}
"""Width of each integer type, in bits."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a struct schema: its name, its position and its schema."""

    name: str
    index: int
    schema: Schema

    def __str__(self) -> str:
        return f"Field{{name={self.name}, index={self.index}, schema={self.schema}}}"


class StructValue:
    """Marks the one class of struct values, so that schemas can know them without importing them."""

    __slots__ = ()
    schema: Schema
    values: list[Any]


class Schema:
    """An immutable schema. Make one with ``Schema.INT64``, ``Schema.OPTIONAL_STRING`` or the builder.

    Attributes: ``type``, ``optional``, ``default`` (None: no default), ``name``, ``version``, ``doc``,
    ``parameters`` (None or a non-empty mapping of strings). ``fields``, ``key_schema`` and
    ``value_schema`` raise ``SchemaError`` on types that have none. Safe to share between threads.
    """

    __slots__ = (
        "__weakref__", "_canonical", "_fields", "_hash", "_height", "_index", "_key_schema", "_recursive",
        "_value_schema", "default", "doc", "name", "optional", "parameters", "type", "version",
    )  # fmt: skip

    INT8: ClassVar[Schema]
    INT16: ClassVar[Schema]
    INT32: ClassVar[Schema]
    INT64: ClassVar[Schema]
    FLOAT32: ClassVar[Schema]
    FLOAT64: ClassVar[Schema]
    BOOLEAN: ClassVar[Schema]
    STRING: ClassVar[Schema]
    BYTES: ClassVar[Schema]
    OPTIONAL_INT8: ClassVar[Schema]
    OPTIONAL_INT16: ClassVar[Schema]
    OPTIONAL_INT32: ClassVar[Schema]
    OPTIONAL_INT64: ClassVar[Schema]
    OPTIONAL_FLOAT32: ClassVar[Schema]
    OPTIONAL_FLOAT64: ClassVar[Schema]
    OPTIONAL_BOOLEAN: ClassVar[Schema]
    OPTIONAL_STRING: ClassVar[Schema]
    OPTIONAL_BYTES: ClassVar[Schema]

    def __init__(
        self,
        type: Type,  # noqa: A002 - Connect's own word for it
        *,
        optional: bool = False,
        default: Any = None,
        name: str | None = None,
        version: int | None = None,
        doc: str | None = None,
        parameters: Mapping[str, str] | None = None,
        fields: Sequence[Field] = (),
        key_schema: Schema | None = None,
        value_schema: Schema | None = None,
    ) -> None:
        self.type = type
        self.optional = optional
        self.default = default
        self.name = name
        self.version = version
        self.doc = doc
        self.parameters: dict[str, str] | None = dict(parameters) if parameters else None
        self._key_schema = key_schema
        self._value_schema = value_schema
        self._canonical = False
        self._set_fields(fields)

    def _set_fields(self, fields: Sequence[Field]) -> None:
        """Only the builder calls this later than ``__init__``: to close a recursive schema."""
        self._fields = tuple(fields)
        self._index = {f.name: f for f in self._fields}
        self._hash: int | None = None
        self._height: float | None = None
        self._recursive: bool | None = None

    @property
    def fields(self) -> tuple[Field, ...]:
        """The fields of a struct, in order."""
        if self.type is not Type.STRUCT:
            raise SchemaError(f"Cannot list fields on non-struct type {self.type}")
        return self._fields

    def field(self, name: str) -> Field | None:
        """The field of that name, or None if the struct has none."""
        if self.type is not Type.STRUCT:
            raise SchemaError(f"Cannot look up fields on non-struct type {self.type}")
        return self._index.get(name)

    @property
    def key_schema(self) -> Schema | None:
        """The schema of a map's keys (None only for maps that ``Values`` parsed from text)."""
        if self.type is not Type.MAP:
            raise SchemaError(f"Cannot look up key schema on non-map type {self.type}")
        return self._key_schema

    @property
    def value_schema(self) -> Schema | None:
        """The schema of a map's values or an array's elements."""
        if self.type is not Type.MAP and self.type is not Type.ARRAY:
            raise SchemaError(f"Cannot look up value schema on non-array and non-map type {self.type}")
        return self._value_schema

    def validate(self, value: Any, field: str | None = None) -> None:
        """Raise ``SchemaError`` if the value does not fit this schema; ``field`` names it in the message."""
        from connectkit.validation import validate_value  # the validator knows schemas, not the reverse

        validate_value(self, value, field)

    def to_builder(self) -> SchemaBuilder:
        """A builder that starts as a copy of this schema."""
        from connectkit.builder import SchemaBuilder

        return SchemaBuilder.of(self)

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, Schema):
            return NotImplemented
        if self._canonical and other._canonical:
            return False
        try:
            return hash(self) == hash(other) and _equal(self, other, set())
        except RecursionError:
            raise LimitError("Schemas are nested too deeply to be compared.") from None

    def __hash__(self) -> int:
        found = self._hash
        if found is None:
            # Shallow on purpose: cheap, and it ends on recursive schemas.
            found = hash(
                (
                    self.type, self.optional, self.name, self.version, self.doc,
                    _outside(self._key_schema), _outside(self._value_schema), _height(self, set()),
                    tuple((f.name, _outside(f.schema)) for f in self._fields),
                )
            )  # fmt: skip
            self._hash = found
        return found

    def __str__(self) -> str:
        return f"Schema{{{self.name}:{self.type}}}" if self.name is not None else f"Schema{{{self.type}}}"

    def __repr__(self) -> str:
        optional = " optional" if self.optional else ""
        return f"<{self}{optional}>"

    def __copy__(self) -> Schema:
        return self

    def __deepcopy__(self, memo: Any) -> Schema:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        from connectkit.builder import rebuild

        if self._recursive is None:
            self._recursive = _reaches_itself(self, {})
        if self._recursive:  # pickle must know the object before what it contains
            return (Schema.__new__, (Schema,), self._state())
        return (rebuild, (self._state(),))

    def _state(self) -> dict[str, Any]:
        return {
            "type": self.type, "optional": self.optional, "default": self.default, "name": self.name,
            "version": self.version, "doc": self.doc, "parameters": self.parameters,
            "fields": [(f.name, f.schema) for f in self._fields],
            "key_schema": self._key_schema, "value_schema": self._value_schema,
        }  # fmt: skip

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Only ``pickle`` calls this, for recursive schemas."""
        fields = [Field(name, i, schema) for i, (name, schema) in enumerate(state.pop("fields"))]
        self.__init__(fields=fields, **state)  # type: ignore[misc]  # the object was made without it


def _height(schema: Schema, above: set[int]) -> float:
    """Levels of a schema; infinitely many if it is recursive. Tells nested schemas apart in a hash."""
    found = schema._height
    if found is None:
        if id(schema) in above:
            return inf
        above.add(id(schema))
        try:
            found = 1 + max((_height(part, above) for part in _parts(schema)), default=0)
        except RecursionError:
            raise LimitError("A schema is nested too deeply.") from None
        above.discard(id(schema))
        schema._height = found
    return found


def _parts(schema: Schema) -> list[Schema]:
    parts = [f.schema for f in schema._fields]
    return parts + [part for part in (schema._key_schema, schema._value_schema) if part is not None]


def _outside(schema: Schema | None) -> Any:
    """What a hash takes in of a schema inside another."""
    return None if schema is None else (schema.type, schema.optional, schema.name)


def _reaches_itself(schema: Schema, seen: dict[int, bool]) -> bool:
    """Whether a schema contains itself, or a part of it does. ``seen``: False while on the way down."""
    known = seen.get(id(schema))
    if known is not None:
        return not known
    seen[id(schema)] = False
    found = any(_reaches_itself(part, seen) for part in _parts(schema))
    seen[id(schema)] = True
    return found


def _equal(a: Schema | None, b: Schema | None, assumed: set[tuple[int, int]]) -> bool:
    if a is b:
        return True
    if a is None or b is None or (a._canonical and b._canonical):
        return False
    pair = (id(a), id(b))
    if pair in assumed:  # a cycle: equal unless something else differs
        return True
    if (
        a.type is not b.type or a.optional != b.optional or a.version != b.version or a.name != b.name
        or a.doc != b.doc or a.parameters != b.parameters or len(a._fields) != len(b._fields)
    ):  # fmt: skip
        return False
    assumed.add(pair)
    return (
        all(
            f.name == g.name and _equal(f.schema, g.schema, assumed)
            for f, g in zip(a._fields, b._fields, strict=True)
        )
        and _equal(a._key_schema, b._key_schema, assumed)
        and _equal(a._value_schema, b._value_schema, assumed)
        and same_value(a.default, b.default)
    )


def same_value(a: Any, b: Any) -> bool:
    """Equality as Connect has it: 1, 1.0 and True differ, 1.0 and 1.00 differ, NaN equals NaN."""
    try:
        return _same(a, b)
    except RecursionError:
        raise LimitError("Values are nested too deeply to be compared.") from None


def _same(a: Any, b: Any) -> bool:
    if a is b:
        return True
    kind = type(a)
    if kind is not type(b):
        if isinstance(a, bytes | bytearray | memoryview) and isinstance(b, bytes | bytearray | memoryview):
            return bytes(a) == bytes(b)
        return isinstance(a, TEMPORAL_TYPES) and isinstance(b, TEMPORAL_TYPES) and _same_moment(a, b)
    if kind is float:
        return repr(a) == repr(b)
    if kind is Decimal:
        return bool(a.as_tuple() == b.as_tuple())
    if kind is list or kind is tuple:
        return len(a) == len(b) and all(map(_same, a, b))
    if kind is dict:
        return len(a) == len(b) and all(_has_entry(b, key, item) for key, item in a.items())
    return bool(a == b)


def _has_entry(items: dict[Any, Any], key: Any, item: Any) -> bool:
    if key in items:
        return _same(item, items[key])
    # As a key, NaN is found by being the same object only.
    return key != key and any(other != other and _same(item, items[other]) for other in items)


def _same_moment(a: Temporal, b: Temporal) -> bool:
    """A date is the midnight it begins with: in Connect both are one class."""
    try:
        return nanos_of(a) == nanos_of(b)
    except ConversionError:  # one has no time zone
        return False


class SchemaAndValue(NamedTuple):
    """A value beside its schema; both None where there is neither."""

    schema: Schema | None
    value: Any


NULL: Final = SchemaAndValue(None, None)

_interned: weakref.WeakKeyDictionary[Schema, weakref.ref[Schema]] = weakref.WeakKeyDictionary()
_intern_lock = threading.RLock()  # a finalizer may run inside, and may make schemas


def intern(schema: Schema) -> Schema:
    """The one object that stands for all schemas equal to this one, for as long as anybody holds it."""
    with _intern_lock:
        found = _interned.get(schema)
        known = found() if found is not None else None
        if known is None:
            _interned[schema] = weakref.ref(schema)
            schema._canonical = True  # two of those are equal only if they are one
            return schema
        return known


for _type in Type:
    if _type.is_primitive:
        setattr(Schema, _type.name, intern(Schema(_type)))
        setattr(Schema, f"OPTIONAL_{_type.name}", intern(Schema(_type, optional=True)))

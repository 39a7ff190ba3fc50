"""Headers: named, typed values that travel beside a record (``org.apache.kafka.connect.header``).

A collection keeps order and allows a name more than once. Header objects are immutable and may be
shared; a :class:`Headers` belongs to one record and is changed by one thread at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Self

from connectkit.errors import DataError
from connectkit.instant import TEMPORAL_TYPES, Temporal
from connectkit.schema import (
    DATE_NAME,
    DECIMAL_NAME,
    LOGICAL_NAMES,
    NULL,
    TEMPORAL_NAMES,
    TIME_NAME,
    TIMESTAMP_NAME,
    Schema,
    SchemaAndValue,
    StructValue,
    Type,
    same_value,
)
from connectkit.validation import fits_type


class Header:
    """One header. ``schema`` is that of a struct value where none is given."""

    __slots__ = ("key", "schema", "value")

    def __init__(self, key: str, schema: Schema | None, value: Any) -> None:
        if key is None:
            raise DataError("A header needs a name; it cannot be null.")
        if schema is None and isinstance(value, StructValue):
            schema = value.schema
        self.key = key
        self.schema = schema
        self.value = value

    def rename(self, key: str) -> Header:
        """This header under another name."""
        return self if key == self.key else Header(key, self.schema, self.value)

    def with_value(self, schema: Schema | None, value: Any) -> Header:
        """A header of this name with another value (Java's ``with``)."""
        return Header(self.key, schema, value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Header):
            return NotImplemented
        return self.key == other.key and self.schema == other.schema and same_value(self.value, other.value)

    def __hash__(self) -> int:
        return hash((self.key, self.schema))  # the value may be a list

    def __str__(self) -> str:
        from connectkit.javatext import text_of  # only texts need it

        schema = "null" if self.schema is None else str(self.schema)
        return f"ConnectHeader(key={self.key}, value={text_of(self.value, self.schema)}, schema={schema})"

    def __repr__(self) -> str:
        """Name and schema only: values of records do not belong into logs."""
        return f"<Header {self.key!r} {self.schema}>"


class Headers:
    """The headers of one record, in order. Nothing is allocated before the first is added."""

    __slots__ = ("_items",)

    def __init__(self, headers: Iterable[Header] = ()) -> None:
        self._items: list[Header] | None = list(headers) or None

    @classmethod
    def of(cls, headers: list[Header]) -> Headers:
        """Headers around that list, which is not copied: for decoders."""
        made = cls.__new__(cls)
        made._items = headers
        return made

    # --- reading ---

    def __iter__(self) -> Iterator[Header]:
        return iter(self._items or ())

    def __len__(self) -> int:
        return len(self._items) if self._items is not None else 0

    def last_with_name(self, key: str) -> Header | None:
        """The last header of that name, or None."""
        _check_key(key)
        for header in reversed(self._items or ()):
            if header.key == key:
                return header
        return None

    def all_with_name(self, key: str | None) -> Iterator[Header]:
        """All headers of that name, in order; no header has the name None."""
        return iter([header for header in self._items or () if header.key == key])

    def duplicate(self) -> Headers:
        """Another collection with the same headers."""
        made = Headers.__new__(Headers)
        made._items = self._items[:] if self._items else None
        return made

    # --- adding ---

    def add(self, key: str, value: Any, schema: Schema | None) -> Self:
        """Add a value; with a schema, its class must suit (what it contains is not looked at)."""
        _check_key(key)
        _check_value(key, value, schema)
        return self.add_header(Header(key, schema, value))

    def add_header(self, header: Header) -> Self:
        if header is None:
            raise DataError("A header cannot be null.")
        if self._items is None:
            self._items = [header]
        else:
            self._items.append(header)
        return self

    def add_pair(self, key: str, pair: SchemaAndValue | None) -> Self:
        """Add a schema and value; None stands for neither."""
        schema, value = NULL if pair is None else pair
        return self.add(key, value, schema)

    def add_string(self, key: str, value: str | None) -> Self:
        return self.add(key, value, Schema.OPTIONAL_STRING if value is None else Schema.STRING)

    def add_bytes(self, key: str, value: bytes | bytearray | memoryview | None) -> Self:
        return self.add(key, value, Schema.OPTIONAL_BYTES if value is None else Schema.BYTES)

    def add_boolean(self, key: str, value: bool) -> Self:
        return self.add(key, value, Schema.BOOLEAN)

    def add_byte(self, key: str, value: int) -> Self:
        return self.add(key, value, Schema.INT8)

    def add_short(self, key: str, value: int) -> Self:
        return self.add(key, value, Schema.INT16)

    def add_int(self, key: str, value: int) -> Self:
        return self.add(key, value, Schema.INT32)

    def add_long(self, key: str, value: int) -> Self:
        return self.add(key, value, Schema.INT64)

    def add_float(self, key: str, value: float) -> Self:
        from connectkit.float32 import round32

        return self.add(key, value if value is None else round32(value), Schema.FLOAT32)

    def add_double(self, key: str, value: float) -> Self:
        return self.add(key, value, Schema.FLOAT64)

    def add_list(self, key: str, value: Sequence[Any] | None, schema: Schema | None) -> Self:
        """Add a list; None is stored without a schema."""
        return self._add_of_type(key, value, schema, Type.ARRAY)

    def add_map(self, key: str, value: Mapping[Any, Any] | None, schema: Schema | None) -> Self:
        """Add a map; None is stored without a schema."""
        return self._add_of_type(key, value, schema, Type.MAP)

    def add_struct(self, key: str, value: StructValue | None) -> Self:
        """Add a struct with its own schema; None is stored without a schema."""
        return self._add_of_type(key, value, None if value is None else value.schema, Type.STRUCT)

    def add_decimal(self, key: str, value: Decimal | None) -> Self:
        """Add a decimal with a schema of its own scale; None is stored without a schema."""
        from connectkit.logical import decimal_schema, scale_of

        return self.add(key, value, None if value is None else decimal_schema(scale_of(value)))

    def add_date(self, key: str, value: Temporal | None) -> Self:
        """Add a day; a time of day other than midnight is refused."""
        return self._add_temporal(key, value, DATE_NAME)

    def add_time(self, key: str, value: Temporal | None) -> Self:
        """Add a time of day; a moment outside 1 January 1970 is refused."""
        return self._add_temporal(key, value, TIME_NAME)

    def add_timestamp(self, key: str, value: Temporal | None) -> Self:
        return self._add_temporal(key, value, TIMESTAMP_NAME)

    def _add_of_type(self, key: str, value: Any, schema: Schema | None, wanted: Type) -> Self:
        if value is None:
            return self.add(key, None, None)
        if schema is None or schema.type is not wanted:
            found = "no schema" if schema is None else schema.type
            raise DataError(f"Expecting {wanted} but instead found {found} for header '{key}'.")
        return self.add(key, value, schema)

    def _add_temporal(self, key: str, value: Temporal | None, name: str) -> Self:
        from connectkit import logical

        _check_key(key)
        schema = {DATE_NAME: logical.DATE, TIME_NAME: logical.TIME}.get(name, logical.TIMESTAMP)
        if value is not None:
            logical.from_logical(schema, value)
        # As in Connect, a null goes in unchecked, beside a schema that requires a value.
        return self.add_header(Header(key, schema, value))

    # --- changing ---

    def remove(self, key: str) -> Self:
        """Remove all headers of that name."""
        _check_key(key)
        if self._items:
            self._items = [header for header in self._items if header.key != key]
        return self

    def retain_latest(self, *keys: str) -> Self:
        """Keep only the last header of each of these names (of every name if none is given), in place."""
        for key in keys:
            _check_key(key)
        if self._items:
            seen: set[str] = set()
            kept: list[Header] = []
            for header in reversed(self._items):
                if header.key not in seen or (keys and header.key not in keys):
                    kept.append(header)
                    seen.add(header.key)
            kept.reverse()
            self._items = kept
        return self

    def clear(self) -> Self:
        if self._items:
            self._items = []
        return self

    def apply(self, change: Callable[[Header], Header | None], *, key: str | None = None) -> Self:
        """Replace each header (of that name) by what ``change`` makes of it; None removes it."""
        if self._items:
            made: list[Header] = []
            for header in self._items:
                changed = change(header) if key is None or header.key == key else header
                if changed is not None:
                    made.append(changed)
            self._items = made
        return self

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Headers):
            return NotImplemented
        return (self._items or []) == (other._items or [])

    __hash__ = None  # type: ignore[assignment]  # it can be changed

    def __str__(self) -> str:
        if self._items is None:
            return "ConnectHeaders(headers=)"
        return f"ConnectHeaders(headers=[{', '.join(map(str, self._items))}])"

    def __repr__(self) -> str:
        return f"<Headers {[header.key for header in self]!r}>"


def _check_key(key: str) -> None:
    if key is None:
        raise DataError("A header needs a name; it cannot be null.")


def _check_value(key: str, value: Any, schema: Schema | None) -> None:
    if schema is None:
        return
    if value is None:
        if not schema.optional:
            raise DataError(f"A null value requires an optional schema but was {schema} for header '{key}'.")
    elif not (fits_type(schema.type, value) or (schema.name in LOGICAL_NAMES and _is_logical(schema, value))):
        raise DataError(
            f"A value of class {type(value).__name__} is not compatible with the schema {schema}"
            f" of header '{key}'."
        )


def _is_logical(schema: Schema, value: Any) -> bool:
    """Whether it is the logical class of a schema that stands on the right type."""
    if schema.name in TEMPORAL_NAMES:
        wanted = Type.INT32 if schema.name in (DATE_NAME, TIME_NAME) else Type.INT64
        naive = isinstance(value, datetime) and value.tzinfo is None
        return schema.type is wanted and isinstance(value, TEMPORAL_TYPES) and not naive
    return schema.name == DECIMAL_NAME and schema.type is Type.BYTES and isinstance(value, Decimal)

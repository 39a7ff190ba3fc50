"""Struct: a record with a schema (``org.apache.kafka.connect.data.Struct``)."""

from __future__ import annotations

from typing import Any, Self

from connectkit.errors import SchemaError
from connectkit.float32 import round32
from connectkit.schema import Field, Schema, StructValue, Type, same_value
from connectkit.validation import fits_type, validate_value


class Struct(StructValue):
    """Values for the fields of a struct schema, held in schema order in ``values``.

    ``put`` checks what is put; a required field that was never set is only found by ``validate``,
    which converters and containing structs call. Reading the ``values`` list is for generated code;
    nobody but the maker of a struct may write to it. Not safe for several threads that write.
    """

    __slots__ = ("schema", "values")

    def __init__(self, schema: Schema) -> None:
        if not isinstance(schema, Schema) or schema.type is not Type.STRUCT:
            raise SchemaError(f"Not a struct schema: {schema}")
        self.schema = schema
        self.values: list[Any] = [None] * len(schema._fields)

    @classmethod
    def of(cls, schema: Schema, values: list[Any]) -> Struct:
        """A struct around a list of already valid values, one a field; the list is not copied."""
        made = cls.__new__(cls)
        made.schema = schema
        made.values = values
        return made

    def _field(self, field: str | Field) -> Field:
        found = self.schema._index.get(field if isinstance(field, str) else field.name)
        if found is None or not (isinstance(field, str) or field == found):
            raise SchemaError(f"{field if isinstance(field, str) else field.name} is not a valid field name")
        return found

    def put(self, field: str | Field, value: Any) -> Self:
        """Set a field; ``SchemaError`` if there is none of that name or the value does not fit it."""
        if field is None:
            raise SchemaError("field cannot be null.")
        found = self._field(field)
        validate_value(found.schema, value, found.name)
        if found.schema.type is Type.FLOAT32 and value is not None:
            value = round32(value)
        self.values[found.index] = value
        return self

    def get(self, field: str | Field) -> Any:
        """The value, or the default of the field's schema where it is unset."""
        found = self._field(field)
        value = self.values[found.index]
        return found.schema.default if value is None else value

    __getitem__ = get

    def get_without_default(self, field: str | Field) -> Any:
        """The value as stored: None where it is unset."""
        return self.values[self._field(field).index]

    def get_typed(self, field: str, wanted: Type) -> Any:
        """The stored value of a field that must be declared with that type (Java's ``getInt8`` …).

        As in Java, a default is not put in, and a logical type does not count as its base type.
        """
        found = self._field(field)
        value = self.values[found.index]
        if found.schema.type is not wanted or not (value is None or fits_type(wanted, value)):
            raise SchemaError(f"Field '{field}' is not of type {wanted}")
        return value

    def validate(self) -> None:
        """Raise ``SchemaError`` if a required field without a default is unset, or a value does not fit."""
        for field in self.schema._fields:
            value = self.values[field.index]
            if value is None and (field.schema.optional or field.schema.default is not None):
                continue
            validate_value(field.schema, value, field.name)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Struct):
            return NotImplemented
        return self.schema == other.schema and same_value(self.values, other.values)

    __hash__ = None  # type: ignore[assignment]  # it can be changed, and may hold lists

    def __copy__(self) -> Struct:
        return Struct.of(self.schema, self.values[:])

    def __str__(self) -> str:
        from connectkit.javatext import text_of  # the text form is Java's, and covers every value class

        return text_of(self)

    def __repr__(self) -> str:
        """Names of fields only: values of records do not belong into logs."""
        name = self.schema.name or "struct"
        return f"<Struct {name}({', '.join(f.name for f in self.schema._fields)})>"

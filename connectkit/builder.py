"""The one way to make schemas: a builder with Connect's rules (attributes are set once, defaults fit)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from connectkit.errors import DataError, SchemaError
from connectkit.float32 import round32
from connectkit.schema import Field, Schema, Type, intern
from connectkit.validation import validate_value


class SchemaBuilder:
    """Builds a :class:`~connectkit.schema.Schema`; every setter returns the builder.

    Nested builders are built with it, and a builder may stand inside itself: that makes a recursive
    schema. Not safe for several threads at once.
    """

    def __init__(self, type: Type) -> None:  # noqa: A002 - Connect's own word for it
        if type is None:
            raise SchemaError("type cannot be null.")
        self._type = type
        self._set: dict[str, Any] = {}
        self._parameters: dict[str, str] | None = None
        self._fields: dict[str, Schema | SchemaBuilder] = {}
        self._key_schema: Schema | SchemaBuilder | None = None
        self._value_schema: Schema | SchemaBuilder | None = None

    @classmethod
    def int8(cls) -> Self:
        return cls(Type.INT8)

    @classmethod
    def int16(cls) -> Self:
        return cls(Type.INT16)

    @classmethod
    def int32(cls) -> Self:
        return cls(Type.INT32)

    @classmethod
    def int64(cls) -> Self:
        return cls(Type.INT64)

    @classmethod
    def float32(cls) -> Self:
        return cls(Type.FLOAT32)

    @classmethod
    def float64(cls) -> Self:
        return cls(Type.FLOAT64)

    @classmethod
    def boolean(cls) -> Self:
        return cls(Type.BOOLEAN)

    @classmethod
    def string(cls) -> Self:
        return cls(Type.STRING)

    @classmethod
    def bytes(cls) -> Self:
        return cls(Type.BYTES)

    @classmethod
    def struct(cls) -> Self:
        return cls(Type.STRUCT)

    @classmethod
    def array(cls, value_schema: Schema | SchemaBuilder) -> Self:
        return cls.array_of(_checked(value_schema, "valueSchema"))

    @classmethod
    def map(cls, key_schema: Schema | SchemaBuilder, value_schema: Schema | SchemaBuilder) -> Self:
        return cls.map_of(_checked(key_schema, "keySchema"), _checked(value_schema, "valueSchema"))

    @classmethod
    def array_of(cls, value_schema: Schema | SchemaBuilder | None) -> Self:
        """An array whose element schema may be unknown: only text parsed by ``Values`` has such."""
        builder = cls(Type.ARRAY)
        builder._value_schema = value_schema
        return builder

    @classmethod
    def map_of(
        cls, key_schema: Schema | SchemaBuilder | None, value_schema: Schema | SchemaBuilder | None
    ) -> Self:
        """A map whose key or value schema may be unknown: only text parsed by ``Values`` has such."""
        builder = cls(Type.MAP)
        builder._key_schema = key_schema
        builder._value_schema = value_schema
        return builder

    @classmethod
    def of(cls, schema: Schema) -> Self:
        """A builder with everything of that schema, still open to be changed."""
        builder = cls(schema.type)
        builder._key_schema = schema._key_schema
        builder._value_schema = schema._value_schema
        builder._fields = {f.name: f.schema for f in schema._fields}
        builder._parameters = dict(schema.parameters) if schema.parameters else None
        attributes = {
            "name": schema.name, "version": schema.version, "doc": schema.doc, "default": schema.default,
        }  # fmt: skip
        builder._set = {k: v for k, v in attributes.items() if v is not None}
        if schema.optional:
            builder._set["optional"] = True
        return builder

    def _once(self, attribute: str, value: Any) -> Self:
        if attribute in self._set and self._set[attribute] is not value:
            raise SchemaError(f"Invalid SchemaBuilder call: {attribute} has already been set.")
        if value is not None:
            self._set[attribute] = value
        return self

    def optional(self) -> Self:
        return self._once("optional", True)

    def required(self) -> Self:
        return self._once("optional", False)

    def default(self, value: Any) -> Self:
        """Set the default; it must fit the schema as it stands now. None on an optional schema is none."""
        if "default" in self._set:
            self._once("default", value)
        try:
            validate_value(self._snapshot(), value, None)
        except DataError as error:
            raise SchemaError(f"Invalid default value: {error}") from error
        if self._type is Type.FLOAT32 and isinstance(value, float):
            value = round32(value)
        return self._once("default", value)

    def name(self, name: str | None) -> Self:
        return self._once("name", _of_class("name", name, str))

    def version(self, version: int | None) -> Self:
        if version is not None and version == self._set.get("version") and -128 <= version <= 127:
            return self  # small boxed integers are the same object in Java
        return self._once("version", _of_class("version", version, int))

    def doc(self, doc: str | None) -> Self:
        return self._once("doc", _of_class("doc", doc, str))

    def parameter(self, key: str, value: str) -> Self:
        """Add one parameter, or replace it."""
        _of_class("name of a parameter", key, str)
        _of_class(f"parameter {key}", value, str)
        self._parameters = {**(self._parameters or {}), key: value}
        return self

    def parameters(self, parameters: Mapping[str, str]) -> Self:
        """Add these parameters; an empty mapping changes nothing."""
        for key, value in (parameters or {}).items():
            self.parameter(key, value)
        return self

    def field(self, name: str, schema: Schema | SchemaBuilder) -> Self:
        """Add a field at the end of a struct."""
        if self._type is not Type.STRUCT:
            raise SchemaError(f"Cannot create fields on type {self._type}")
        if not name:
            raise SchemaError("fieldName cannot be null.")
        _of_class("name of a field", name, str)
        _checked(schema, f"fieldSchema for field {name}")
        if self._set.get("default") is not None:
            raise SchemaError(f"Cannot create field {name} after the default, which would lack it.")
        if name in self._fields:
            raise SchemaError(f"Cannot create field because of field name duplication {name}")
        self._fields[name] = schema
        return self

    @property
    def type(self) -> Type:
        return self._type

    @property
    def fields(self) -> tuple[Field, ...]:
        """The fields so far."""
        return self._snapshot().fields

    @property
    def key_schema(self) -> Schema | None:
        """The key schema; unlike a built schema's, None on types that have none."""
        return _built(self._key_schema)

    @property
    def value_schema(self) -> Schema | None:
        """The value schema; unlike a built schema's, None on types that have none."""
        return _built(self._value_schema)

    def build(self) -> Schema:
        """The schema as it stands; the builder may be used further."""
        making: dict[int, Schema] = {}
        schema = self._build(making)
        # A schema that contains itself is not interned: its equality is only as deep as its names.
        return schema if making.get(-1) is not None else intern(schema)

    def _snapshot(self) -> Schema:
        return self._build({})

    def _build(self, making: dict[int, Schema]) -> Schema:
        if id(self) in making:
            making[-1] = making[id(self)]  # marks the whole as recursive
            return making[id(self)]
        schema = Schema(
            self._type,
            optional=self._set.get("optional", False),
            default=self._set.get("default"),
            name=self._set.get("name"),
            version=self._set.get("version"),
            doc=self._set.get("doc"),
            parameters=self._parameters,
        )
        making[id(self)] = schema
        schema._key_schema = _built(self._key_schema, making)
        schema._value_schema = _built(self._value_schema, making)
        if self._fields:
            schema._set_fields(
                [
                    Field(name, i, _present(_built(s, making)))
                    for i, (name, s) in enumerate(self._fields.items())
                ]
            )
        del making[id(self)]
        return schema


def _checked(schema: Schema | SchemaBuilder, what: str) -> Schema | SchemaBuilder:
    if schema is None:
        raise SchemaError(f"{what} cannot be null.")
    if not isinstance(schema, Schema | SchemaBuilder):
        raise SchemaError(f"{what} must be a Schema or a SchemaBuilder, not a {_class_of(schema)}.")
    return schema


def _of_class(what: str, value: Any, wanted: type) -> Any:
    if value is not None and (not isinstance(value, wanted) or isinstance(value, bool)):
        raise SchemaError(f"The {what} must be a {wanted.__name__}, not a {_class_of(value)}.")
    return value


def _class_of(value: object) -> str:
    return value.__class__.__name__


def _built(schema: Schema | SchemaBuilder | None, making: dict[int, Schema] | None = None) -> Schema | None:
    if isinstance(schema, SchemaBuilder):
        return schema.build() if making is None else schema._build(making)
    return schema


def _present(schema: Schema | None) -> Schema:
    assert schema is not None
    return schema


def rebuild(state: dict[str, Any]) -> Schema:
    """A schema from what ``pickle`` kept of it, interned again."""
    fields = [Field(name, i, schema) for i, (name, schema) in enumerate(state.pop("fields"))]
    return intern(Schema(state.pop("type"), fields=fields, **state))

"""What is known of a value before there is one: the types of expressions, and how they combine.

Numbers: integers of any width count as int64 in arithmetic and give int64; an integer and a float give
float64 (float32 counts as float64); decimals stay exact, with integers too, and do not mix with floats.
``/`` gives float64, and of decimals a decimal. A value that is only moved keeps its very schema.
``any`` is the type of what has no schema: it is found out record by record.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal

from connectkit.builder import SchemaBuilder
from connectkit.logical import (
    DATE,
    TIME,
    TIMESTAMP,
    TIMESTAMP_MICROS,
    TIMESTAMP_NANOS,
    decimal_builder,
    schema_scale,
)
from connectkit.schema import (
    DATE_NAME,
    DECIMAL_NAME,
    FINE_NAMES,
    TIME_NAME,
    TIMESTAMP_NAME,
    Schema,
    Type,
)
from connectkit.suggest import did_you_mean, shortened
from connectkit.transforms.base import optional_form

Name = Literal[
    "int", "float", "decimal", "bool", "str", "bytes", "date", "time", "timestamp", "array", "map", "struct",
    "null", "any", "tuple",
]  # fmt: skip

MAX_SCALE = 100
"""Digits behind the point that a declared decimal may have."""


@dataclass(frozen=True, slots=True)
class Kind:
    """The type of an expression. ``schema`` is the one its values come with, if they are only moved."""

    name: Name
    nullable: bool = False
    scale: int = 0
    schema: Schema | None = None

    def optional(self) -> Kind:
        """The same, or null."""
        return self if self.nullable else replace(self, nullable=True)

    def required(self) -> Kind:
        """The same, never null."""
        return replace(self, nullable=False) if self.nullable else self

    @property
    def item(self) -> Kind:
        """The type of an array's elements, or a map's values."""
        inner = None if self.schema is None else self.schema.value_schema
        return ANY if inner is None else of_schema(inner)

    def __str__(self) -> str:
        return _SPOKEN[self.name]


INT, FLOAT, BOOL, STR = Kind("int"), Kind("float"), Kind("bool"), Kind("str")
ANY = Kind("any", nullable=True)
NULL = Kind("null", nullable=True)
MOMENT = Kind("timestamp", schema=TIMESTAMP)
TEXTS = Kind("array", schema=SchemaBuilder.array(Schema.STRING).build())
NUMBERS: frozenset[Name] = frozenset(("int", "float", "decimal"))
TEMPORAL: frozenset[Name] = frozenset(("date", "time", "timestamp"))

_SPOKEN: dict[Name, str] = {
    "int": "an integer", "float": "a float", "decimal": "a decimal", "bool": "a boolean", "str": "a text",
    "bytes": "bytes", "date": "a date", "time": "a time", "timestamp": "a timestamp", "array": "an array",
    "map": "a map", "struct": "a struct", "null": "null", "any": "of a type not known beforehand",
    "tuple": "a list of choices",
}  # fmt: skip

_LOGICAL: dict[str, Name] = {DATE_NAME: "date", TIME_NAME: "time", TIMESTAMP_NAME: "timestamp"}
_LOGICAL.update(dict.fromkeys(FINE_NAMES, "timestamp"))
_BASE: dict[Type, Name] = {
    Type.INT8: "int", Type.INT16: "int", Type.INT32: "int", Type.INT64: "int", Type.FLOAT32: "float",
    Type.FLOAT64: "float", Type.BOOLEAN: "bool", Type.STRING: "str", Type.BYTES: "bytes", Type.ARRAY: "array",
    Type.MAP: "map", Type.STRUCT: "struct",
}  # fmt: skip


def of_schema(schema: Schema, *, nullable: bool | None = None) -> Kind:
    """The type of values of a schema; ``nullable`` overrules what the schema says of null."""
    is_null = (schema.optional and schema.default is None) if nullable is None else nullable
    if schema.name == DECIMAL_NAME:
        return Kind("decimal", is_null, schema_scale(schema), schema)
    name = _LOGICAL.get(schema.name or "") or _BASE[schema.type]
    return Kind(name, is_null, 0, schema)


def schema_of(kind: Kind) -> Schema | None:
    """The schema of results of that type; None where it is not known beforehand."""
    schema = kind.schema
    if schema is None:
        schema = decimal_builder(kind.scale).build() if kind.name == "decimal" else _RESULTS.get(kind.name)
    if schema is None:
        return None
    return optional_form(schema) if kind.nullable else schema


_RESULTS: dict[Name, Schema] = {
    "int": Schema.INT64, "float": Schema.FLOAT64, "bool": Schema.BOOLEAN, "str": Schema.STRING,
    "bytes": Schema.BYTES, "date": DATE, "time": TIME, "timestamp": TIMESTAMP, "null": Schema.OPTIONAL_STRING,
}  # fmt: skip


def united(a: Kind, b: Kind) -> Kind | None:
    """The type of a value that is of one or the other; None if there is no such type."""
    nullable = a.nullable or b.nullable
    if a.name == "null" or b.name == "null":
        return (b if a.name == "null" else a).optional()
    if a.name == "any" or b.name == "any":
        return ANY
    if a.name == b.name:
        if a.name == "decimal":
            scale = max(a.scale, b.scale)
            return Kind("decimal", nullable, scale)
        if a.schema == b.schema:
            return replace(a, nullable=nullable)
        if (
            a.schema is not None
            and b.schema is not None
            and optional_form(a.schema) == optional_form(b.schema)
        ):
            return Kind(a.name, nullable, 0, optional_form(a.schema))
        return None if a.name in ("array", "map", "struct") else Kind(a.name, nullable)
    pair = {a.name, b.name}
    if pair == {"int", "float"}:
        return Kind("float", nullable)
    if pair == {"int", "decimal"}:
        return Kind("decimal", nullable, max(a.scale, b.scale))
    return None


# --- declared types


@dataclass(frozen=True, slots=True)
class Declared:
    """What an option ``schema.FIELD`` says; ``optional`` None leaves that to the expression."""

    schema: Schema
    optional: bool | None

    def schema_for(self, kind: Kind) -> Schema:
        """The schema for values of that type."""
        optional = kind.nullable if self.optional is None else self.optional
        return optional_form(self.schema) if optional else self.schema


_PLAIN: dict[str, Schema] = {
    "int8": Schema.INT8, "int16": Schema.INT16, "int32": Schema.INT32, "int64": Schema.INT64,
    "float32": Schema.FLOAT32, "float64": Schema.FLOAT64, "boolean": Schema.BOOLEAN, "string": Schema.STRING,
    "bytes": Schema.BYTES, "date": DATE, "time": TIME, "timestamp": TIMESTAMP,
    "timestamp_micros": TIMESTAMP_MICROS, "timestamp_nanos": TIMESTAMP_NANOS,
}  # fmt: skip
_ALSO = {"bool": "boolean", "str": "string", "int": "int64", "long": "int64", "float": "float64",
         "double": "float64", "text": "string"}  # fmt: skip
_DECIMAL = re.compile(r"decimal\(\s*([0-9]{1,3})\s*\)\Z")


def parse_declared(text: str) -> Declared:
    """A declared type, such as ``int32``, ``decimal(2)?`` or ``string!``, or ``ValueError``."""
    text = text.strip()
    optional = True if text.endswith("?") else False if text.endswith("!") else None
    name = text.rstrip("?!").strip().lower() if optional is not None else text.lower()
    found = _DECIMAL.match(name)
    if found is not None:
        if int(found[1]) > MAX_SCALE:
            raise ValueError(f"must not have more than {MAX_SCALE} digits behind the point")
        return Declared(decimal_builder(int(found[1])).build(), optional)
    if name == "decimal":
        raise ValueError("must say how many digits stand behind the point: decimal(2)")
    schema = _PLAIN.get(_ALSO.get(name, name))
    if schema is None:
        known = [*_PLAIN, "decimal(2)"]
        hint = did_you_mean(name, known) or f"; types are {', '.join(known)}"
        raise ValueError(f"has '{shortened(text)}', which is no type{hint}")
    return Declared(schema, optional)

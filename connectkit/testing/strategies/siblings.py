"""Schemas that are alike: those that who looks at a part only takes for one another."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from connectkit.builder import SchemaBuilder
from connectkit.errors import SchemaError
from connectkit.schema import LOGICAL_NAMES, Schema, Type
from connectkit.testing.strategies.schemas import default_value, struct_builder

_OF_FIELDS = ("more", "type", "less", "order", "renamed", "inside", "inside", "inside", "inside")
"""Of those inside there are as many ways again."""


@st.composite
def siblings(draw: st.DrawFn, of: st.SearchStrategy[Schema]) -> tuple[Schema, Schema]:
    """A schema and another that differs in one thing: a flag, a name, a default, a field, its items."""
    first = draw(of)
    return first, sibling(draw, first)


def sibling(draw: st.DrawFn, schema: Schema, *, depth: int = 2) -> Schema:
    """Another schema that differs in one thing; the same one where that thing cannot be another."""
    ways = ["optional", "doc"]
    if schema.name not in LOGICAL_NAMES:
        ways += ["version", "name"]
    if schema.type is Type.STRUCT:
        ways += _OF_FIELDS
    elif schema.type in (Type.ARRAY, Type.MAP):
        ways += ["items"]
    elif schema.name is None:
        ways += ["default", "default", "optional"]
    try:
        return _changed(draw, schema, draw(st.sampled_from(ways)), depth)
    except SchemaError:
        return schema


def another_object(schema: Schema) -> Schema:
    """An equal schema that is an object of its own; a builder gives the one that there is already."""
    is_map, is_array = schema.type is Type.MAP, schema.type is Type.ARRAY
    return Schema(
        schema.type,
        optional=schema.optional,
        default=schema.default,
        name=schema.name,
        version=schema.version,
        doc=schema.doc,
        parameters=schema.parameters,
        fields=schema.fields if schema.type is Type.STRUCT else (),
        key_schema=schema.key_schema if is_map else None,
        value_schema=schema.value_schema if is_map or is_array else None,
    )


def _changed(draw: st.DrawFn, schema: Schema, way: str, depth: int) -> Schema:
    if way in _OF_FIELDS:
        return _rebuilt(schema, struct_builder(_fields(draw, schema, way, depth)))
    if way == "items":
        assert schema.value_schema is not None
        inner = sibling(draw, schema.value_schema, depth=depth - 1)
        if schema.type is Type.ARRAY:
            return _rebuilt(schema, SchemaBuilder.array(inner))
        return _rebuilt(schema, SchemaBuilder.map_of(schema.key_schema, inner))
    given: dict[str, Any] = {
        "optional": not schema.optional,
        "doc": f"{schema.doc or ''}another",
        "version": (schema.version or 1) + 1,
        "name": f"{schema.name or 'R'}2",
        "default": None if way != "default" else default_value(draw, schema),
    }
    return _rebuilt(schema, _empty(schema), **{way: given[way]})


def _empty(schema: Schema) -> SchemaBuilder:
    """A builder of the same type, fields and items."""
    if schema.type is Type.STRUCT:
        return struct_builder({field.name: field.schema for field in schema.fields})
    if schema.type is Type.ARRAY:
        return SchemaBuilder.array_of(schema.value_schema)
    if schema.type is Type.MAP:
        return SchemaBuilder.map_of(schema.key_schema, schema.value_schema)
    return SchemaBuilder(schema.type)


def _rebuilt(schema: Schema, builder: SchemaBuilder, **changed: Any) -> Schema:
    """The schema with other attributes, on a builder that has its type."""
    names = ("name", "version", "doc", "optional", "default")
    wanted = {**{name: getattr(schema, name) for name in names}, **changed}
    if schema.parameters:
        builder.parameters(dict(schema.parameters))
    for name in ("name", "version", "doc"):
        if wanted[name] is not None:
            getattr(builder, name)(wanted[name])
    if wanted["optional"]:
        builder.optional()
    if wanted["default"] is not None and schema.type.is_primitive:
        builder.default(wanted["default"])
    return builder.build()


def _fields(draw: st.DrawFn, schema: Schema, way: str, depth: int) -> dict[str, Schema]:
    fields = {field.name: field.schema for field in schema.fields}
    if way == "more" or not fields:
        return {**fields, "more_": draw(st.sampled_from((Schema.OPTIONAL_STRING, Schema.INT64)))}
    name = draw(st.sampled_from(list(fields)))
    if way == "less":
        return {n: s for n, s in fields.items() if n != name}
    if way == "order":
        return dict(reversed(fields.items()))
    if way == "renamed":
        return {f"{n}_" if n == name else n: s for n, s in fields.items()}
    if way == "inside" and depth > 0:
        return {**fields, name: sibling(draw, fields[name], depth=depth - 1)}
    other = (Schema.INT64, Schema.OPTIONAL_INT64)
    if fields[name].type is not Type.STRING:
        other = (Schema.STRING, Schema.OPTIONAL_STRING)
    return {**fields, name: other[fields[name].optional]}

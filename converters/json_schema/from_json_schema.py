"""JSON schemas as Connect schemas, as Confluent's JsonSchemaConverter reads them.

Source: spec registry 4.5, 4.6 (``JsonSchemaData.toConnectSchema``). A :class:`FromJsonSchema` makes one
schema; used by one thread.
"""

from __future__ import annotations

import logging
from decimal import Decimal
from typing import Any, Final

from connectkit.builder import SchemaBuilder
from connectkit.converters.json_schema import names
from connectkit.converters.json_schema.model import MISSING, Node
from connectkit.converters.json_schema.names import shown
from connectkit.converters.json_schema.read_values import ValueReader
from connectkit.converters.json_schema.text import checked_parameters, schema_text
from connectkit.converters.json_schema.to_json_schema import JsonSchemaOptions
from connectkit.converters.variant import VARIANT, VARIANT_NAME
from connectkit.errors import DataError, LimitError, SchemaError
from connectkit.limits import DEFAULT_LIMITS, Limits
from connectkit.schema import Schema, Type

log = logging.getLogger(__name__)

MAX_DEPTH: Final = 100
"""Levels of Connect schemas, and of those that only wrap one, inside each other."""
_MAX_STEPS: Final = 100_000
_NUMBERS: Final = {
    each.value: each
    for each in (Type.INT8, Type.INT16, Type.INT32, Type.INT64, Type.FLOAT32, Type.FLOAT64, Type.BYTES)
}
_UNSUPPORTED: Final = {
    "null": "null alone",
    "not": "not",
    "conditional": "if, then and else",
    "never": "false",
}

Made = Schema | SchemaBuilder


def from_json_schema(
    node: Node, options: JsonSchemaOptions, *, version: int | None = None, limits: Limits = DEFAULT_LIMITS
) -> Schema:
    """The Connect schema of a JSON schema. ``version`` is the registry's, where it says none of its own."""
    try:
        made = FromJsonSchema(options, limits).convert(node, version=version)
        return made.build() if isinstance(made, SchemaBuilder) else made
    except RecursionError as exc:
        raise _too_deep() from exc


def _too_deep() -> LimitError:
    return LimitError(f"The JSON schema stands for more than {MAX_DEPTH} levels of Connect schemas")


class FromJsonSchema:
    """One conversion: the structs under way, and those that are finished."""

    def __init__(self, options: JsonSchemaOptions, limits: Limits) -> None:
        self._options = options
        self._limits = limits
        self._values = ValueReader()
        self._under_way: dict[tuple[int, bool], SchemaBuilder] = {}
        self._done: dict[tuple[int, bool], Schema] = {}
        self._cycles: set[int] = set()
        """Objects that were met inside themselves: what refers to one cannot be finished before it."""
        self._ids = 0
        self._unions = 0
        self._fields = 0
        self._steps = 0
        self._depth = 0

    def convert(self, node: Node | None, *, version: int | None = None, optional: bool = False) -> Made:
        """The schema, or a builder of it where it is part of a cycle."""
        if node is None:
            raise SchemaError("The JSON schema does not say what is inside a map")
        self._steps += 1
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise _too_deep()
        if self._steps > _MAX_STEPS:
            raise LimitError(f"The JSON schema takes more than {_MAX_STEPS} steps to be read")
        made = self._convert(node, version, optional)
        self._depth -= 1
        return made

    def _convert(self, node: Node, version: int | None, optional: bool) -> Made:
        if node.kind == "ref":
            return self.convert(_target(node), version=version, optional=optional)
        if node.kind == "combined":
            found = self._simplified(node, version, optional)
            if found is not None:
                return found
        key = (id(node), optional)
        if version is None and key in self._done:
            return self._done[key]
        if _is_struct(node) and key in self._under_way:
            return self._recursive(node, key)
        builder = self._builder(node, key)
        self._describe(builder, node, version)
        if optional:
            builder.optional()
        # Inside a cycle only the outermost object can be built: it holds the builders of the others.
        if self._cycles & {each for each, _ in self._under_way}:
            return builder
        made = builder.build()
        if version is None:
            self._done[key] = made
        return made

    def _recursive(self, node: Node, key: tuple[int, bool]) -> SchemaBuilder:
        self._cycles.add(id(node))
        self._ids += 1
        for (each, _), builder in self._under_way.items():
            if each == id(node):
                builder.parameter(names.ID, f"{names.ID_PREFIX}{self._ids}")
        return self._under_way[key]

    def _builder(self, node: Node, key: tuple[int, bool]) -> SchemaBuilder:
        match node.kind:
            case "boolean":
                return SchemaBuilder.boolean()
            case "number":
                return _number(node)
            case "string":
                is_bytes = node.props.get(names.CONNECT_TYPE) == names.BYTES
                return SchemaBuilder.bytes() if is_bytes else SchemaBuilder.string()
            case "enum" | "const":
                return self._enum(node)
            case "array":
                return self._array(node)
            case "object" if node.props.get(names.CONNECT_TYPE) == names.MAP:
                return SchemaBuilder.map(Schema.STRING, self.convert(node.additional))
            case "object":
                properties = [(name, each, name in node.required) for name, each in _ordered(node)]
                return self._struct(key, properties, may_have_more=node.allows_additional)
            case "combined":
                return self._union(node)
            case "any":
                builder = SchemaBuilder.struct().name(VARIANT_NAME)
                for field in VARIANT.fields:
                    builder.field(field.name, field.schema)
                return builder
            case _:
                what = _UNSUPPORTED.get(node.kind, node.kind)
                raise SchemaError(f"The JSON schema has {what}, which Connect has no schema for")

    def _array(self, node: Node) -> SchemaBuilder:
        items = node.all_items
        if items is None:
            raise SchemaError("The JSON schema has an array that does not say what its items are")
        if node.props.get(names.CONNECT_TYPE) == names.MAP and items.kind == "object":
            return SchemaBuilder.map(
                self.convert(items.properties.get(names.KEY)), self.convert(items.properties.get(names.VALUE))
            )
        return SchemaBuilder.array(self.convert(items))

    def _struct(
        self, key: tuple[int, bool], properties: list[tuple[str, Node, bool]], *, may_have_more: bool = True
    ) -> SchemaBuilder:
        builder = SchemaBuilder.struct()
        self._count(len(properties))
        self._under_way[key] = builder
        for name, node, required in properties:
            optional = self._options.optional_if_not_required and not required
            builder.field(name, self.convert(node, optional=optional))
        if self._options.preserve and may_have_more:
            if any(name == names.REST for name, *_ in properties):
                raise SchemaError(
                    f"The JSON schema has a property {names.REST}, which preserve.additional.properties needs"
                )
            builder.field(names.REST, SchemaBuilder.map(Schema.STRING, VARIANT).optional().build())
        del self._under_way[key]
        return builder

    def _enum(self, node: Node) -> SchemaBuilder:
        builder = SchemaBuilder.string()
        parameter = names.SUM_ENUM if self._options.generalized else names.ENUM
        builder.parameter(parameter, "")  # enums have no names in JSON Schema
        for i, value in enumerate(node.values):
            symbol = _symbol(value)
            builder.parameter(f"{parameter}.{symbol}", str(i) if self._options.generalized else symbol)
        return builder

    # --- oneOf, anyOf, allOf

    def _simplified(self, node: Node, version: int | None, optional: bool) -> Made | None:
        """What a combined schema is that is no union; None for one that is."""
        if len(node.members) == 1 and self._options.flatten_singletons:
            return self.convert(node.members[0])
        if node.criterion == "allOf":
            return self._all_of(node, version, optional)
        others = [each for each in node.members if each.kind != "null"]
        if len(node.members) == 2 and len(others) < 2:
            if not others:
                raise SchemaError("The JSON schema has null alone, which Connect has no schema for")
            return self.convert(others[0], version=version, optional=True)
        return None

    def _union(self, node: Node) -> SchemaBuilder:
        builder = SchemaBuilder.struct()
        prefix = names.ONE_OF_FIELD
        if self._options.generalized:
            name = f"{names.SUM_UNION_NAME}{self._unions}"
            self._unions += 1
            builder.name(name).parameter(names.SUM_UNION, name)
            prefix = names.SUM_FIELD_NAME
        else:
            builder.name(names.ONE_OF)
        members = [each for each in node.members if each.kind != "null"]
        if len(members) < len(node.members):
            builder.optional()
        self._count(len(members))
        for i, member in enumerate(members):
            builder.field(f"{prefix}{i}", self.convert(member, optional=True))
        return builder

    def _all_of(self, node: Node, version: int | None, optional: bool) -> Made:
        key = (id(node), optional)
        if key in self._done:
            return self._done[key]
        if key in self._under_way:
            return self._recursive(node, key)
        properties = _collected(node)
        if properties:
            builder = self._struct(key, [(name, each, needed) for name, (each, needed) in properties.items()])
            if optional:
                builder.optional()
            if self._cycles & {each for each, _ in self._under_way}:
                return builder
            made = self._done[key] = builder.build()
            return made
        return self.convert(_meant(node), version=version, optional=optional)

    def _count(self, fields: int) -> None:
        self._fields += fields
        if self._fields > self._limits.schema_fields:
            raise LimitError(
                f"The JSON schema stands for more than {self._limits.schema_fields} fields; "
                "if that is intended, raise the limit 'schema_fields'"
            )

    # --- what all schemas have

    def _describe(self, builder: SchemaBuilder, node: Node, version: int | None) -> None:
        is_named = node.kind in ("combined", "any")
        if node.title is not None and not is_named:
            builder.name(node.title)
        said = node.props.get(names.CONNECT_VERSION)
        if said is not None and type(said) is not int:
            raise SchemaError("The JSON schema has a connect.version that is no whole number")
        if said is not None or version is not None:
            builder.version(version if said is None else said)
        if node.description is not None:
            builder.doc(node.description)
        if names.CONNECT_PARAMETERS in node.props:
            builder.parameters(checked_parameters(node.props[names.CONNECT_PARAMETERS]))
        if node.default is not MISSING:
            self._set_default(builder, node)

    def _set_default(self, builder: SchemaBuilder, node: Node) -> None:
        """A default that is none is left out: it is no reason to refuse a record.

        So is an object: a struct has the schema that it was made with, which is not the one it becomes the
        default of.
        """
        try:
            if builder.type is Type.STRUCT:
                raise SchemaError("A struct cannot be the default of its own schema")
            builder.default(self._values.explain(builder.build(), node.default, strict=True))
        except (DataError, ArithmeticError):
            log.warning(
                "The default of the JSON schema%s is left out: its type does not allow it",
                "" if node.title is None else f" {shown(node.title)}",
            )


def _is_struct(node: Node) -> bool:
    return node.kind == "object" or node.kind == "combined"


def _target(node: Node) -> Node:
    assert node.target is not None  # the loader resolves all of them
    return node.target


def _number(node: Node) -> SchemaBuilder:
    said = node.props.get(names.CONNECT_TYPE)
    if said is None:
        return SchemaBuilder.int64() if node.is_integer else SchemaBuilder.float64()
    kind = _NUMBERS.get(said) if isinstance(said, str) else None
    if kind is None:
        raise SchemaError(f"The JSON schema has a number whose connect.type is none of {', '.join(_NUMBERS)}")
    return SchemaBuilder(kind)


def _ordered(node: Node) -> list[tuple[str, Node]]:
    """The properties by connect.index. Those without one count on; two of one index leave the later."""
    found: dict[int, tuple[str, Node]] = {}
    for name, each in node.properties.items():
        index = each.props.get(names.CONNECT_INDEX)
        if index is not None and type(index) is not int:
            raise SchemaError("The JSON schema has a connect.index that is no whole number")
        found[len(found) if index is None else index] = (name, each)
    return [found[index] for index in sorted(found)]


def _symbol(value: Any) -> str:
    if value is None:
        return names.NULL_SYMBOL
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | Decimal) else schema_text(value)


def _collected(node: Node) -> dict[str, tuple[Node, bool]]:
    """The properties of all that an allOf holds, through others and references; a later one wins."""
    found: dict[str, tuple[Node, bool]] = {}
    todo = list(reversed(node.members))
    seen: set[int] = set()
    while todo:
        each = todo.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        if each.kind == "combined" and each.criterion == "allOf":
            todo.extend(reversed(each.members))
        elif each.kind == "ref":
            todo.append(_target(each))
        elif each.kind == "object":
            for name, schema in each.properties.items():
                found[name] = (schema, name in each.required)
    return found


def _meant(node: Node) -> Node:
    """Which member of an allOf without properties says what it is."""
    last = {each.kind: each for each in node.members}
    if "combined" in last:
        return last["combined"]
    number = last.get("number")
    meant: Node | None
    if "const" in last:
        meant = last.get("string") or number
    elif "enum" in last:
        meant = last["enum"] if "string" in last else number
    elif "string" in last:
        meant = number or last["string"]
    else:
        meant = last.get("ref")
    if meant is None:
        raise SchemaError(
            f"The JSON schema has an allOf of {', '.join(sorted(last)) or 'nothing'}, which Connect has no "
            "schema for"
        )
    return meant

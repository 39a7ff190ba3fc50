"""What an expression may assign to, and how an assignment changes a draft.

``value.a``, ``key.a`` (and fields of structs and maps inside them), ``value`` and ``key`` as a whole,
``headers.NAME``, ``topic``, ``partition`` and ``timestamp``. A field that is there keeps its place and gets
the type of what is assigned; a new one goes to the end. A key, value or nested struct that is null stays
null. Nothing is changed in place.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Any

from connectkit.draft import Draft, Side
from connectkit.draft import Kind as Standing
from connectkit.errors import DataError
from connectkit.headers import Header
from connectkit.instant import TEMPORAL_TYPES, millis_of
from connectkit.program import Var
from connectkit.schema import Schema, Type
from connectkit.struct import Struct
from connectkit.suggest import did_you_mean, shortened
from connectkit.transforms.base import class_name, copy_of
from connectkit.transforms.expression.source import ExpressionError, Position, Source
from connectkit.transforms.expression.spelling import PLACES, path_of, root_of
from connectkit.transforms.expression.types import Kind, schema_of
from connectkit.transforms.paths import RecordPath
from connectkit.values import infer_schema

MAX_PARTITION = (1 << 31) - 1
PURPOSE = "an expression"


class Target:
    """One place to assign to. ``text`` is how messages call it."""

    __slots__ = ("at", "names", "path", "text")

    def __init__(self, path: RecordPath, at: Position) -> None:
        self.path = path
        self.at = at
        self.text = path.text
        self.names: tuple[str, ...] = () if path.path is None else tuple(s.name for s in path.path.steps)
        """The fields on the way, outermost first; none for a whole key or value."""

    @classmethod
    def of(cls, source: Source, node: ast.expr) -> Target | str:
        """The target a node spells, or the name of a variable."""
        at = source.position(node)
        if isinstance(node, ast.Name) and node.id not in PLACES:
            if not node.id.isidentifier() or not node.id.isascii() or node.id.startswith("__"):
                raise ExpressionError("a name of one's own consists of the letters a to z, digits and _", at)
            return node.id
        path = path_of(source, node, PLACES)
        if path is None:
            root = root_of(node)
            if isinstance(root, ast.Name) and root.id not in PLACES:
                hint = did_you_mean(root.id, PLACES) or "; a field of the value is value.NAME"
                raise ExpressionError(f"there is no '{shortened(root.id)}' to assign to{hint}", at)
            raise ExpressionError(
                "one can assign to value.FIELD, key.FIELD, headers.NAME, topic, partition and timestamp", at
            )
        if path.place == "offset":
            raise ExpressionError("a record keeps its offset", at)
        if path.place == "headers" and path.path is not None:
            raise ExpressionError("a header is assigned as a whole", at)
        if path.path is not None and any(step.picks for step in path.path.steps):
            raise ExpressionError("elements of an array cannot be assigned to", at)
        return cls(path, at)

    def assign(self, draft: Draft, var: Var, kind: Kind) -> None:
        """Put the variable, whose values are of that type, there."""
        place = self.path.place
        if place == "topic":
            draft.topic = draft.call(_topic, var, where="topic")
        elif place == "partition":
            draft.partition = draft.call(_partition, var, where="partition")
        elif place == "timestamp":
            draft.timestamp = draft.call(_timestamp, var, where="timestamp")
        elif place == "headers":
            name = self.path.header
            assert name is not None
            draft.headers = draft.call(_header_setter(name, kind), draft.headers, var, where=self.text)
        else:
            side = draft.side(place)  # type: ignore[arg-type]  # only key and value are left
            if not self.names:
                _put_whole(side, draft, var, kind, self)
            elif not side.is_null:
                self._put_field(side, draft, var, kind)

    def _put_field(self, side: Side, draft: Draft, var: Var, kind: Kind) -> None:
        if side.schema is None:
            side.require_map(PURPOSE)
            if len(self.names) == 1:
                side.set_item(self.names[0], var)
            else:
                names, text = self.names, self.text
                made = draft.call(lambda old, new: _put_in_map(old, names, new, text), side.peek(), var)
                side.put(None, made, Standing.MAP)
            return
        outer = side.require_struct(PURPOSE)
        slots = side.read(PURPOSE, with_defaults=False)
        name, rest = self.names[0], self.names[1:]
        leaf = self._leaf(kind)
        field = outer.field(name)
        if rest:
            if field is None:
                raise self._nowhere(name, outer)
            leaf, put = _nested(field.schema, rest, leaf, self)
            found = draft.or_default(slots[field.index], field.schema.default)
            var = draft.call(put, found, var, where=self.text)
        if field is None:
            slots.append(var)
        else:
            slots[field.index] = var
        schema = _with_field(outer, name, leaf)
        side.write(schema, slots, unchecked=range(len(slots)))

    def _leaf(self, kind: Kind) -> Schema:
        schema = schema_of(kind)
        if schema is None:
            name = self.text.removeprefix("value.")
            raise ExpressionError(
                f"the type of what is assigned to {self.text} is not known before a record comes; make it "
                f"one with str(), int(), float() or bool(), or declare it: schema.{name} = string",
                self.at,
            )
        return schema

    def _nowhere(self, name: str, schema: Schema) -> ExpressionError:
        hint = did_you_mean(name, [field.name for field in schema.fields])
        return ExpressionError(f"there is no '{shortened(name)}' in which to put {self.text}{hint}", self.at)


def _with_field(schema: Schema, name: str, leaf: Schema) -> Schema:
    """The struct schema with the field of that schema, in its place or at the end."""
    field = schema.field(name)
    if field is not None and field.schema == leaf:
        return schema
    builder = copy_of(schema, fields=False)
    if schema.optional:
        builder.optional()
    for each in schema.fields:
        builder.field(each.name, leaf if each.name == name else each.schema)
    if field is None:
        builder.field(name, leaf)
    return builder.build()


def _nested(
    schema: Schema, names: tuple[str, ...], leaf: Schema, target: Target
) -> tuple[Schema, Callable[[Any, Any], Any]]:
    """The nested struct's schema afterwards, and what puts a value into such a struct."""
    name, rest = names[0], names[1:]
    if schema.type is not Type.STRUCT:
        raise ExpressionError(
            f"{target.text} would be in a value of type {schema.type.value}, which has no fields to assign",
            target.at,
        )
    field = schema.field(name)
    inner_put: Callable[[Any, Any], Any] | None = None
    if rest:
        if field is None:
            raise target._nowhere(name, schema)
        leaf, inner_put = _nested(field.schema, rest, leaf, target)
    made = _with_field(schema, name, leaf)
    index = None if field is None else field.index

    def put(struct: Any, value: Any) -> Any:
        if struct is None:
            return None
        values = list(struct.values)
        if index is None:
            values.append(value)
        else:
            values[index] = value if inner_put is None else inner_put(values[index], value)
        return Struct.of(made, values)

    return made, put


def _put_in_map(found: Any, names: tuple[str, ...], value: Any, text: str) -> Any:
    if found is None:
        return None
    if not isinstance(found, Mapping):
        raise DataError(f"A field cannot be put into a value of class {class_name(found)}", path=text)
    name, rest = names[0], names[1:]
    made = dict(found)
    if not rest:
        made[name] = value
    elif name not in made:
        hint = did_you_mean(name, [key for key in made if isinstance(key, str)])
        raise DataError(f"There is no '{shortened(name)}' in which to put the result{hint}", path=text)
    else:
        made[name] = _put_in_map(made[name], rest, value, text)
    return made


def _put_whole(side: Side, draft: Draft, var: Var, kind: Kind, target: Target) -> None:
    if kind.name == "null":
        side.put(None, var, Standing.NULL)
        return
    schema = schema_of(kind)
    if kind.name == "struct" and schema is not None and not kind.nullable:
        side.take(schema, var)
        return
    known = kind.name not in ("any", "struct", "map", "array") and not kind.nullable
    side.put(schema, var, Standing.OTHER if known else Standing.UNKNOWN)


# --- parts of the record


def _topic(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise DataError(
            f"A topic is a text that is not empty, and the result is of class {class_name(value)}"
        )
    return value


def _partition(value: Any) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_PARTITION:
        raise DataError("A partition is an integer from 0, or null")
    return value


def _timestamp(value: Any) -> int | None:
    if value is None:
        return None
    if isinstance(value, TEMPORAL_TYPES):
        return millis_of(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 63:
        raise DataError("A timestamp is milliseconds since 1970, a moment, or null")
    return value


def _header_setter(name: str, kind: Kind) -> Callable[[Any, Any], Any]:
    """What replaces all headers of the name by one."""
    schema = schema_of(kind) if kind.name not in ("any", "null") else None

    def set_header(headers: Any, value: Any) -> Any:
        made = headers.duplicate().remove(name)
        found = schema if schema is not None or value is None else infer_schema(value)
        return made.add_header(Header(name, found, value))

    return set_header

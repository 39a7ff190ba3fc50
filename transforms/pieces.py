"""How a value is taken apart: for struct schemas, planned once each; for maps without a schema.

A plan finds what stands at the path, asks for its pieces, and gives for each the value of a new record,
with the piece alone or in its place in a copy of the rest. Only the structs and maps on the way are
copied. Used by :mod:`~connectkit.transforms.multiply`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from connectkit.builder import SchemaBuilder
from connectkit.errors import DataError
from connectkit.schema import Field, Schema, Type
from connectkit.struct import Struct
from connectkit.transforms.base import class_name, copy_of, optional_form
from connectkit.transforms.pathread import Gone, NoSuchField
from connectkit.transforms.taking import Taking

Numbered = tuple[Any, int | None]
"""A value, and the number of its piece (None: there is no piece in it)."""

Find = Callable[[Any], Any]
"""What stands at the path, defaults standing in for what is unset; None beneath a null."""

_NOTHING: Sequence[Numbered] = ((None, None),)
"""A piece in the place where there is none."""


class Plan(NamedTuple):
    """The schema of the values that are made of those of one schema, and the making."""

    schema: Schema | None
    take: Callable[[Any], list[Numbered]]


# --- values without a schema


def map_plan(owner: Taking) -> Plan:
    """How values without a schema are taken apart."""
    path, index_field = owner.path, owner.index_field
    names = [] if path is None else [step.name for step in path.steps]

    def find(value: Any) -> Any:
        found = value if path is None else path.find(value)
        if type(found) is Gone:
            owner.missing(found.name, found.known)
            return None
        return found

    def alone(value: Any) -> list[Numbered]:
        pieces = enumerate(owner.pieces(find(value)))
        return [(numbered(piece, number), number) for number, piece in pieces if piece is not None]

    def numbered(piece: Any, number: int) -> Any:
        if index_field is None:
            return piece
        if not isinstance(piece, Mapping):
            raise owner.index_homeless(f"one is of class {class_name(piece)}")
        if index_field in piece:
            raise owner.index_taken()
        return {**piece, index_field: number}

    def within(value: Any) -> list[Numbered]:
        pieces = owner.pieces(find(value))
        if index_field is not None and index_field in value:
            raise owner.index_taken()
        return [
            (replaced(value, piece, number), number)
            for number, piece in _places(pieces, keeps_empty=owner.keeps_empty)
        ]

    def replaced(value: Any, piece: Any, number: int | None) -> dict[Any, Any]:
        made = dict(value)
        at = made
        for name in names[:-1]:
            inner = at.get(name)
            if inner is None:  # there is no place, so there is no piece either
                break
            if not isinstance(inner, Mapping):
                raise DataError(
                    f"The path leads through a value of class {class_name(inner)} inside a map without a "
                    "schema; take it apart with rest=drop",
                    path=owner.where,
                )
            at[name] = at = dict(inner)
        else:
            at[names[-1]] = piece
        if index_field is not None:
            made[index_field] = number
        return made

    return Plan(None, within if owner.keeps_rest else alone)


def _places(pieces: Sequence[Any], *, keeps_empty: bool) -> Iterable[tuple[int | None, Any]]:
    return enumerate(pieces) if pieces else _NOTHING if keeps_empty else ()


# --- structs


def struct_plan(owner: Taking, schema: Schema) -> Plan:
    """How values of that schema are taken apart; ``DataError`` if none of them can be."""
    try:
        reading = owner.path.compile(schema, maps=not owner.keeps_rest) if owner.path else None
    except NoSuchField as error:
        return _without_field(owner, schema, error)
    piece = owner.schema_of(schema if reading is None else reading.schema)
    find: Find = (lambda value: value) if reading is None else reading.of
    if owner.keeps_rest:
        return _within(owner, find, schema, optional_form(piece) if owner.keeps_empty else piece)
    return _alone(owner, find, piece)


def _without_field(owner: Taking, schema: Schema, error: NoSuchField) -> Plan:
    """No value of the schema has the field: each counts as one where it is null."""
    name, known = error.name, error.known
    numbers = owner.keeps_empty and owner.index_field is not None
    made = _with_index(owner, copy_of(schema), schema) if numbers else schema

    def take(value: Any) -> list[Numbered]:
        owner.missing(name, known)
        if not owner.keeps_empty:
            return []
        return [(Struct.of(made, [*value.values, None] if numbers else list(value.values)), None)]

    return Plan(made, take)


def _with_index(owner: Taking, builder: SchemaBuilder, schema: Schema) -> Schema:
    """The finished schema of an outermost struct, with the field for the number if one is wanted."""
    name = owner.index_field
    if name is not None:
        if schema.field(name) is not None:
            raise owner.index_taken()
        builder.field(name, Schema.OPTIONAL_INT32 if owner.keeps_empty else Schema.INT32)
    if schema.optional:
        builder.optional()
    return builder.build()


def _within(owner: Taking, find: Find, schema: Schema, piece: Schema) -> Plan:
    """Each value is a copy of the whole, with a piece in the place of all of them."""
    assert owner.path is not None
    way: list[Field] = []
    levels = [schema]
    for step in owner.path.steps:
        field = levels[-1].field(step.name)
        assert field is not None  # the path was found there
        way.append(field)
        levels.append(field.schema)
    schemas = _rebuilt(owner, way, levels, piece)
    refits = piece.type is Type.STRUCT and piece != owner.schema_of(levels[-1])
    pieces_of, keeps_empty = owner.pieces, owner.keeps_empty
    numbers = owner.index_field is not None
    outermost, last = schemas[0], len(way) - 1

    wanted = piece

    def replaced(value: Any, depth: int, piece: Any) -> list[Any]:
        index = way[depth].index
        values: list[Any] = value.values.copy()
        if depth == last:
            values[index] = Struct.of(wanted, piece.values) if refits and piece is not None else piece
            return values
        inner = values[index]
        if inner is None:
            inner = way[depth].schema.default
        if inner is not None:
            values[index] = Struct.of(schemas[depth + 1], replaced(inner, depth + 1, piece))
        return values

    def take(value: Any) -> list[Numbered]:
        made: list[Numbered] = []
        for number, piece in _places(pieces_of(find(value)), keeps_empty=keeps_empty):
            values = replaced(value, 0, piece)
            if numbers:
                values.append(number)
            made.append((Struct.of(outermost, values), number))
        return made

    return Plan(outermost, take)


def _rebuilt(owner: Taking, way: Sequence[Field], levels: Sequence[Schema], piece: Schema) -> list[Schema]:
    """The schemas of the structs on the way, outermost first, with a piece's schema at the end of it.

    A struct on the way loses its default, which is one of the old schema.
    """
    schemas: list[Schema] = []
    inner = piece
    for depth in range(len(way) - 1, -1, -1):
        schema, index = levels[depth], way[depth].index
        builder = copy_of(schema, fields=False)
        for field in schema.fields:
            builder.field(field.name, inner if field.index == index else field.schema)
        if depth == 0:
            inner = _with_index(owner, builder, schema)
        else:
            inner = (builder.optional() if schema.optional else builder).build()
        schemas.insert(0, inner)
    return schemas


def _alone(owner: Taking, find: Find, piece: Schema) -> Plan:
    """Each value is a piece."""
    pieces_of = owner.pieces

    def take(value: Any) -> list[Numbered]:
        return [(each, n) for n, each in enumerate(pieces_of(find(value))) if each is not None]

    if owner.index_field is None:
        return Plan(piece, take)
    if piece.type is not Type.STRUCT:
        raise owner.index_homeless(f"they are of type {piece.type.value}")
    schema = _with_index(owner, copy_of(piece), piece)

    def take_numbered(value: Any) -> list[Numbered]:
        return [(Struct.of(schema, [*each.values, number]), number) for each, number in take(value)]

    return Plan(schema, take_numbered)

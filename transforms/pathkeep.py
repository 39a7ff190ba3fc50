"""Keeping only what some paths lead to: ``id``, ``address.city``, ``items[*].sku``.

What is not on the way to any of the paths is left out, at every level; what a path ends at is kept
whole. For a struct schema this is compiled once; schemaless maps are looked through as they come.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from connectkit.draft import Draft, Side
from connectkit.edit import EditTransform
from connectkit.errors import DataError
from connectkit.schema import Schema, StructValue, Type
from connectkit.struct import Struct
from connectkit.transforms.base import copy_of
from connectkit.transforms.pathedit import container_of
from connectkit.transforms.pathread import Read, Step
from connectkit.transforms.paths import FieldPath

Rest = tuple[tuple[int | None, ...], tuple[Step, ...]]
"""What is left of a path: picks of the step before, and steps."""


def keep_paths(
    transform: EditTransform[Any], draft: Draft, side: Side, purpose: str, paths: Sequence[FieldPath]
) -> None:
    """Leave only what the paths lead to on a side that is not null; what is missing is told of."""
    rests: list[Rest] = [((), path.steps) for path in paths]
    if side.schema is None:
        side.require_map(purpose)

        def kept(value: dict[Any, Any]) -> dict[Any, Any]:
            for path in paths:
                if path.steps[0].name not in value and not path.steps[0].picks:
                    transform.missing(path.text, value, step=path.steps[0].name)
            made: dict[Any, Any] = _kept_plain(value, rests)
            return made

        side.remake_map(kept)
        return
    schema = side.require_struct(purpose)
    names = [field.name for field in schema.fields]
    for path in paths:
        step = path.steps[0]
        if step.name not in names and step.base not in names and (step.base or not step.picks):
            transform.missing(path.text, names, step=step.base or step.name)
    slots = side.read(purpose, with_defaults=False)
    builder = copy_of(schema, fields=False)
    made = []
    for field, var in zip(schema.fields, slots):
        below = _below(field.name, names, rests)
        if not below:
            continue
        inner, read = _kept(field.schema, below)
        builder.field(field.name, inner)
        made.append(var if read is None else draft.call(read, var, where=f"$.{field.name}", strict=True))
    kept_indexes = [i for i, name in enumerate(names) if _below(name, names, rests)]
    unchecked = [at for at, i in enumerate(kept_indexes) if schema.fields[i].schema.default is not None]
    side.write(builder.build(), made, unchecked=unchecked)


def _below(name: str, names: Iterable[str], rests: Sequence[Rest]) -> list[Rest]:
    """What is left of each path below a field or entry of that name."""
    found: list[Rest] = []
    for picks, steps in rests:
        if picks:
            if picks[0] is None:
                found.append((picks[1:], steps))
            continue
        if not steps:
            continue
        step, rest = steps[0], steps[1:]
        if step.name == name:
            found.append(((), rest))
        elif step.picks and step.name not in names:
            if step.base == name:
                found.append((step.picks, rest))
            elif not step.base and step.picks[0] is None:
                found.append((step.picks[1:], rest))
    return found


def _elements(rests: Sequence[Rest]) -> list[Rest]:
    """What is left below the elements of an array, or the values of a map."""
    found: list[Rest] = []
    for picks, steps in rests:
        if not picks and steps and steps[0].picks and not steps[0].base:
            picks, steps = steps[0].picks, steps[1:]
        if not picks:
            raise DataError("The path goes on below an array or map without [*]")
        if picks[0] is not None:
            raise DataError("Elements can be kept all, by [*], and not one by its number")
        found.append((picks[1:], steps))
    return found


def _ends(rests: Sequence[Rest]) -> bool:
    return any(not picks and not steps for picks, steps in rests)


def _kept(schema: Schema, rests: Sequence[Rest]) -> tuple[Schema, Read | None]:
    """The schema of what is left, and what leaves it of a value that is not None."""
    if _ends(rests):
        return schema, None
    if schema.type is Type.STRUCT:
        return _kept_fields(schema, rests)
    if schema.type not in (Type.ARRAY, Type.MAP) or schema.value_schema is None:
        raise DataError(f"The path goes on below a value of type {schema.type.value}, which has no fields")
    items, read = _kept(schema.value_schema, _elements(rests))
    if read is None:
        return schema, None
    made = container_of(schema, items)
    each = read
    if schema.type is Type.MAP:
        return made, lambda found: {k: None if v is None else each(v) for k, v in found.items()}
    return made, lambda found: [None if item is None else each(item) for item in found]


def _kept_fields(schema: Schema, rests: Sequence[Rest]) -> tuple[Schema, Read]:
    names = [field.name for field in schema.fields]
    builder = copy_of(schema, fields=False)
    if schema.optional:
        builder.optional()
    reads: list[tuple[int, Read | None]] = []
    for field in schema.fields:
        below = _below(field.name, names, rests)
        if below:
            inner, read = _kept(field.schema, below)
            builder.field(field.name, inner)
            reads.append((field.index, read))
    made = builder.build()

    def kept(struct: Any) -> Struct:
        values = []
        for index, read in reads:
            value = struct.values[index]
            values.append(value if read is None or value is None else read(value))
        return Struct.of(made, values)

    return made, kept


def _kept_plain(value: Any, rests: Sequence[Rest]) -> Any:
    if value is None or _ends(rests):
        return value
    if isinstance(value, StructValue):
        return _kept(value.schema, rests)[1](value)  # type: ignore[misc]  # not None: no path ends here
    if isinstance(value, Mapping):
        found = {}
        for key, item in value.items():
            below = _below(key, value, rests)
            if below:
                found[key] = _kept_plain(item, below)
        return found
    if isinstance(value, list | tuple):
        below = _elements(rests)
        return [_kept_plain(item, below) for item in value]
    raise DataError("The path goes on below a value that has no fields")

"""Changing what stands at a path: nested structs and maps are rebuilt around it.

Nothing is changed in place.
What to do there is a :class:`Change` (of the value and its schema), a :class:`Removal` or a
:class:`Renaming`. For a struct schema an edit is compiled to the new schema and a function
(:func:`compile_edit`); :mod:`connectkit.transforms.pathapply` does it to drafts, and to schemaless values.
Steps mean what they mean in :mod:`connectkit.transforms.paths`. Pure, hence thread-safe.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from connectkit.builder import SchemaBuilder
from connectkit.errors import DataError
from connectkit.schema import Field, Schema, Type
from connectkit.struct import Struct
from connectkit.transforms.base import copy_of
from connectkit.transforms.pathread import NoSuchField, Read, Step

Picks = tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """Another value: ``of(schema)`` is the new schema and the function for values that are not None.

    The function (None: the value stays) never makes None of a value; ``plain`` is it without a schema.
    """

    of: Callable[[Schema], tuple[Schema, Read | None]]
    plain: Read


@dataclass(frozen=True, slots=True)
class Removal:
    """No longer there."""


@dataclass(frozen=True, slots=True)
class Renaming:
    """Another name in the same struct or map."""

    name: str


What = Change | Removal | Renaming


class Edited(NamedTuple):
    """The schema afterwards, and what makes such a value of one that is not None (None: it stays)."""

    schema: Schema
    apply: Read | None


# --- with a schema


def compile_edit(
    schema: Schema, steps: tuple[Step, ...], what: What, *, with_default: bool, picks: Picks = ()
) -> Edited:
    """The edit at the steps below values of the schema.

    Raises :class:`NoSuchField` where a struct has no such field, ``DataError`` where the edit is
    impossible (an element that would be of another type than the rest of its array).
    """
    return _Editor(what, with_default).at(schema, picks, steps, "$")


class _Editor:
    def __init__(self, what: What, with_default: bool) -> None:
        self._what = what
        self._with_default = with_default

    def at(self, schema: Schema, picks: Picks, steps: tuple[Step, ...], where: str) -> Edited:
        if picks:
            return self._picked(schema, picks[0], picks[1:], steps, where)
        if not steps:
            if not isinstance(self._what, Change):
                raise DataError("Only fields and entries have a name to change", path=where)
            return Edited(*self._what.of(schema))
        step, rest = steps[0], steps[1:]
        if schema.type is Type.STRUCT:
            return self._named(schema, step, rest, where)
        if step.picks and not step.base:
            return self.at(schema, step.picks, rest, where)
        if schema.type is Type.MAP:
            return self._entry(schema, step, rest, where)
        raise DataError(
            f"The path goes on below a value of type {schema.type.value}, which has no fields", path=where
        )

    # --- structs

    def _named(self, schema: Schema, step: Step, rest: tuple[Step, ...], where: str) -> Edited:
        field, picks = _match(schema, step)
        if field is None:
            if not picks:
                known = [each.name for each in schema.fields]
                raise NoSuchField(step.base or step.name, known, path=f"{where}.{step.name}")
            return self._picked(schema, picks[0], picks[1:], rest, where)
        below = f"{where}.{step.name}"
        if not rest and not picks:
            if isinstance(self._what, Removal):
                return _rebuilt(schema, {field.index: None}, {})
            if isinstance(self._what, Renaming):
                return _rebuilt(schema, {field.index: (self._what.name, field.schema)}, {})
        inner = self.at(field.schema, picks, rest, below)
        return self._with_fields(schema, {field.index: inner}, last=not rest and not picks)

    def _with_fields(self, schema: Schema, changed: Mapping[int, Edited], *, last: bool) -> Edited:
        reads: dict[int, tuple[Any, Read | None]] = {}
        for index, edited in changed.items():
            default = schema.fields[index].schema.default if last and self._with_default else None
            if edited.apply is not None:
                reads[index] = (default, edited.apply)
        fields = {i: (schema.fields[i].name, edited.schema) for i, edited in changed.items()}
        return _rebuilt(schema, fields, reads)

    # --- elements

    def _picked(
        self, schema: Schema, pick: int | None, picks: Picks, steps: tuple[Step, ...], where: str
    ) -> Edited:
        below = f"{where}[{'*' if pick is None else pick}]"
        last = not picks and not steps
        if schema.type is Type.STRUCT and pick is None:
            return self._each_field(schema, picks, steps, below)
        if schema.type is not Type.ARRAY and not (schema.type is Type.MAP and pick is None):
            raise DataError(
                f"The path picks elements of a value of type {schema.type.value}, which has none", path=where
            )
        if last and isinstance(self._what, Removal):
            return Edited(schema, without_element(pick))
        items = schema.value_schema
        if items is None:
            raise DataError("The schema does not say what the elements are", path=where)
        inner = self.at(items, picks, steps, below)
        if pick is not None and inner.schema != items:
            raise DataError("One element alone cannot be given another type than the others have", path=below)
        made = schema if inner.schema == items else container_of(schema, inner.schema)
        return Edited(made, None if inner.apply is None else _over(pick, inner.apply))

    def _each_field(self, schema: Schema, picks: Picks, steps: tuple[Step, ...], where: str) -> Edited:
        last = not picks and not steps
        if last and isinstance(self._what, Removal):
            return _rebuilt(schema, dict.fromkeys(range(len(schema.fields))), {})
        changed: dict[int, Edited] = {}
        for field in schema.fields:
            try:
                changed[field.index] = self.at(field.schema, picks, steps, where)
            except DataError:
                if last:
                    raise
                continue  # what the rest of the path does not fit is not among "each"
        return self._with_fields(schema, changed, last=last)

    def _entry(self, schema: Schema, step: Step, rest: tuple[Step, ...], where: str) -> Edited:
        name, picks = (step.base, step.picks) if step.picks else (step.name, ())
        last = not rest and not picks
        if last and not isinstance(self._what, Change):
            return Edited(schema, _entry_without(name, self._what))
        items = schema.value_schema
        if items is None:
            raise DataError("The schema does not say what the entries are", path=where)
        inner = self.at(items, picks, rest, f"{where}.{step.name}")
        if inner.schema != items:
            raise DataError(
                "One entry alone cannot be given another type than the others have", path=f"{where}.{name}"
            )
        apply = inner.apply
        return Edited(schema, None if apply is None else lambda entries: _with_entry(entries, name, apply))


def _match(schema: Schema, step: Step) -> tuple[Field | None, Picks]:
    """The field a step names, literally or before its brackets, and the picks that are left."""
    field = schema.field(step.name)
    if field is not None:
        return field, ()
    return (schema.field(step.base) if step.base else None), step.picks if step.base or step.picks else ()


def _rebuilt(
    schema: Schema,
    fields: Mapping[int, tuple[str, Schema] | None],
    reads: Mapping[int, tuple[Any, Read | None]],
) -> Edited:
    """The struct schema with some fields replaced (None: left out), and the function for its values."""
    kept = [i for i in range(len(schema.fields)) if fields.get(i, ()) is not None]
    changes = any(
        found is None or found[0] != schema.fields[i].name or found[1] != schema.fields[i].schema
        for i, found in fields.items()
    )
    if not changes and not reads:
        return Edited(schema, None)
    made = schema
    steps = [(at, *reads[i]) for at, i in enumerate(kept) if i in reads]

    def apply(struct: Any) -> Struct:
        old = struct.values
        values = [old[i] for i in kept]
        for at, default, read in steps:
            value = values[at]
            if value is None:
                value = default
            values[at] = value if read is None or value is None else read(value)
        return Struct.of(made, values)

    if changes:
        builder = copy_of(schema, fields=False)
        for i in kept:
            name, field_schema = fields.get(i) or (schema.fields[i].name, schema.fields[i].schema)
            builder.field(name, field_schema)
        if schema.optional:
            builder.optional()
        if schema.default is not None:
            made = builder.build()
            builder.default(apply(schema.default))
        made = builder.build()
    return Edited(made, apply)


def container_of(schema: Schema, items: Schema) -> Schema:
    """The array or map schema around other elements."""
    if schema.type is Type.ARRAY:
        builder = SchemaBuilder.array_of(items)
    else:
        assert schema.key_schema is not None
        builder = SchemaBuilder.map_of(schema.key_schema, items)
    builder.name(schema.name).version(schema.version).doc(schema.doc).parameters(schema.parameters or {})
    return builder.optional().build() if schema.optional else builder.build()


def _over(pick: int | None, read: Read) -> Read:
    """The function applied to each element or value, or to one element."""

    def each(found: Any) -> Any:
        if isinstance(found, Mapping):
            return {key: None if item is None else read(item) for key, item in found.items()}
        return [None if item is None else read(item) for item in found]

    if pick is None:
        return each

    def one(found: Any) -> Any:
        made = list(found)
        if -len(made) <= pick < len(made) and made[pick] is not None:
            made[pick] = read(made[pick])
        return made

    return one


def without_element(pick: int | None) -> Read:
    """What makes the list without one element, or empties the list or map."""
    if pick is None:
        return lambda found: {} if isinstance(found, Mapping) else []

    def one(found: Any) -> Any:
        made = list(found)
        if -len(made) <= pick < len(made):
            del made[pick]
        return made

    return one


def _entry_without(name: str, what: What) -> Read:
    def apply(entries: Any) -> Any:
        if name not in entries:
            return entries
        made = dict(entries)
        value = made.pop(name)
        if isinstance(what, Renaming):
            made[what.name] = value
        return made

    return apply


def _with_entry(entries: Any, name: str, read: Read) -> Any:
    found = entries.get(name)
    return entries if found is None else {**entries, name: read(found)}

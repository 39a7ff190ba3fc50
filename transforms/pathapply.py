"""Edits at paths, done to a draft: to the fields of its struct, or to its map record by record.

:func:`edit_paths` is what a transform calls. Errors carry the path, and never a value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from connectkit.builder import SchemaBuilder
from connectkit.draft import Draft, Side
from connectkit.edit import EditTransform
from connectkit.errors import DataError
from connectkit.program import Var
from connectkit.schema import Schema, StructValue
from connectkit.transforms.base import class_name, copy_of
from connectkit.transforms.pathedit import (
    Change,
    Picks,
    Removal,
    Renaming,
    What,
    compile_edit,
    without_element,
)
from connectkit.transforms.pathread import NoSuchField, Step
from connectkit.transforms.paths import FieldPath

Missing = Callable[[str, Any], None]
"""Told of the step that is not there, and the names that are."""


def copy_basics(schema: Schema) -> SchemaBuilder:
    """What Connect copies of a struct schema before it puts fields in."""
    return copy_of(schema, fields=False)


def edit_paths(
    transform: EditTransform[Any],
    draft: Draft,
    side: Side,
    purpose: str,
    edits: Sequence[tuple[FieldPath, What]],
    *,
    with_default: bool,
    basics: Callable[[Schema], SchemaBuilder] | None = copy_basics,
) -> None:
    """Make the edits one after another on a side that is not null; what is missing ``on.missing`` decides.

    ``basics`` begins the new struct schema, by default with what Connect copies (not optional, no default);
    None says that edits of this kind never change a schema.
    """
    if side.schema is None:
        side.require_map(purpose)
        side.remake_map(_plain_editor(transform, edits))
        return
    fields = Fields(draft, side, purpose, with_default=with_default)
    for path, what in edits:
        try:
            fields.edit(path, what)
        except NoSuchField as error:
            transform.missing(path.text, error.known, step=error.name, path=path.where)
    made = fields.schema if basics is None else fields.put_into(basics(fields.schema)).build()
    side.write(made, fields.slots)


def _plain_editor(
    transform: EditTransform[Any], edits: Sequence[tuple[FieldPath, What]]
) -> Callable[[Any], Any]:
    def missing_at(path: FieldPath) -> Missing:
        return lambda step, known: transform.missing(path.text, known, step=step, path=path.where)

    prepared = [(path, what, missing_at(path)) for path, what in edits]

    def edited(value: dict[Any, Any]) -> dict[Any, Any]:
        made = value
        for path, what, missing in prepared:
            try:
                made = edit_plain(made, path.steps, what, missing)
            except DataError as error:
                error.path = error.path or path.where
                raise
        return dict(value) if made is value else made

    return edited


class Fields:
    """The fields of the struct on a draft's side, while paths are edited in it. Used by one thread."""

    def __init__(self, draft: Draft, side: Side, purpose: str, *, with_default: bool) -> None:
        self._draft = draft
        self._with_default = with_default
        self.schema = side.require_struct(purpose)
        slots = side.read(purpose, with_defaults=with_default)
        self._items = [(field.name, field.schema, var) for field, var in zip(self.schema.fields, slots)]

    @property
    def slots(self) -> list[Var]:
        return [var for _, _, var in self._items]

    def put_into(self, builder: SchemaBuilder) -> SchemaBuilder:
        """Add the fields to a struct schema under construction."""
        for name, schema, _ in self._items:
            builder.field(name, schema)
        return builder

    def edit(self, path: FieldPath, what: What) -> None:
        """Do it at the path; errors as of :func:`compile_edit`."""
        step, rest = path.steps[0], path.steps[1:]
        names = [name for name, _, _ in self._items]
        picks: Picks = ()
        if step.name in names:
            matched = [names.index(step.name)]
        elif step.base in names and step.base:
            matched, picks = [names.index(step.base)], step.picks
        elif step.picks and not step.base and step.picks[0] is None:
            matched, picks = list(range(len(names))), step.picks[1:]
        else:
            raise NoSuchField(step.base or step.name, names, path=path.where)
        several = not step.base and bool(step.picks) and step.name not in names
        for index in reversed(matched):
            try:
                self._edit_one(index, picks, rest, what, path.where)
            except DataError:
                if not several or (not rest and not picks):
                    raise

    def _edit_one(self, index: int, picks: Picks, rest: tuple[Step, ...], what: What, where: str) -> None:
        name, schema, var = self._items[index]
        if not picks and not rest and isinstance(what, Removal):
            del self._items[index]
        elif not picks and not rest and isinstance(what, Renaming):
            self._items[index] = (what.name, schema, var)
        else:
            made = compile_edit(schema, rest, what, with_default=self._with_default, picks=picks)
            if made.apply is not None:
                var = self._draft.call(made.apply, var, where=where, strict=True)
            self._items[index] = (name, made.schema, var)


# --- without a schema


def edit_plain(value: Any, steps: Sequence[Step], what: What, missing: Missing, *, picks: Picks = ()) -> Any:
    """The value with the edit made below it; ``missing`` is told of a name that is not there."""
    if value is None:
        return None
    if picks:
        return _edit_picked(value, picks[0], picks[1:], steps, what, missing)
    if not steps:
        if not isinstance(what, Change):
            raise DataError("Only fields and entries have a name to change")
        return what.plain(value)
    step, rest = steps[0], steps[1:]
    if isinstance(value, StructValue):
        try:
            edited = compile_edit(value.schema, tuple(steps), what, with_default=True)
        except NoSuchField as error:
            missing(error.name, error.known)
            return value
        return value if edited.apply is None else edited.apply(value)
    if isinstance(value, Mapping):
        if step.name in value:
            return _edit_entry(value, step.name, (), rest, what, missing)
        if step.picks and not step.base:
            return _edit_picked(value, step.picks[0], step.picks[1:], rest, what, missing)
        if step.base in value and step.picks:
            return _edit_entry(value, step.base, step.picks, rest, what, missing)
        missing(step.base or step.name, value)
        return value
    if step.picks and not step.base:
        return _edit_picked(value, step.picks[0], step.picks[1:], rest, what, missing)
    raise DataError(f"The path goes on below a value of class {class_name(value)}, which has no fields")


def _edit_entry(
    value: Mapping[Any, Any], name: str, picks: Picks, rest: Sequence[Step], what: What, missing: Missing
) -> dict[Any, Any]:
    made = dict(value)
    if not picks and not rest and not isinstance(what, Change):
        found = made.pop(name)
        if isinstance(what, Renaming):
            made[what.name] = found
    else:
        made[name] = edit_plain(made[name], rest, what, missing, picks=picks)
    return made


def _edit_picked(
    value: Any, pick: int | None, picks: Picks, steps: Sequence[Step], what: What, missing: Missing
) -> Any:
    last = not picks and not steps
    if isinstance(value, StructValue):
        raise DataError("A struct inside a map without a schema cannot be edited by a wildcard")
    if isinstance(value, Mapping) and pick is None:
        if last and isinstance(what, Removal):
            return {}
        return {key: edit_plain(item, steps, what, missing, picks=picks) for key, item in value.items()}
    if not isinstance(value, list | tuple):
        raise DataError(f"The path picks elements of a value of class {class_name(value)}, which has none")
    if last and isinstance(what, Removal):
        return without_element(pick)(value)
    if pick is None:
        return [edit_plain(item, steps, what, missing, picks=picks) for item in value]
    if not -len(value) <= pick < len(value):
        missing(f"[{pick}]", ())
        return value
    made = list(value)
    made[pick] = edit_plain(made[pick], steps, what, missing, picks=picks)
    return made

"""Looking paths up: compiled for a struct schema, or as it comes in maps without one.

Both find the literal name of a step first, and only then read brackets and stars (see
:mod:`connectkit.transforms.paths`). Pure, hence thread-safe.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from connectkit.builder import SchemaBuilder
from connectkit.draft import Draft
from connectkit.errors import DataError
from connectkit.program import Var
from connectkit.schema import Field, Schema, StructValue, Type
from connectkit.struct import Struct
from connectkit.suggest import did_you_mean, shortened
from connectkit.transforms.base import class_name, optional_form

Read = Callable[[Any], Any]


class Step(NamedTuple):
    """One step: its literal name, and for a step with brackets what stands before and in them.

    A pick is an index, or None for each element; ``base`` is empty where brackets or a star stand alone.
    """

    name: str
    base: str = ""
    picks: tuple[int | None, ...] = ()


class NoSuchField(DataError):  # noqa: N818 - reads as what it says
    """A step names a field that the struct does not have; ``name``, and the ``known`` ones."""

    def __init__(self, name: str, known: Iterable[Any], *, path: str) -> None:
        self.name = name
        self.known = [each for each in known if isinstance(each, str)]
        hint = did_you_mean(name, self.known)
        super().__init__(f"There is no field '{shortened(name)}' in the record{hint}", path=path)


class Gone:
    """Stands for what was not found: the step's name, and the names there are."""

    __slots__ = ("known", "name")

    def __init__(self, name: str, known: Iterable[Any]) -> None:
        self.name = name
        self.known = known


class Reading:
    """A look-up compiled for a schema. ``of(value)`` is None where anything on the way is."""

    __slots__ = ("loose", "read", "schema")

    def __init__(self, schema: Schema, read: Read | None, *, loose: bool) -> None:
        self.schema = schema
        """The schema of what is found: as Connect has it for names (the field's own), optional for
        indexes, an array for wildcards."""
        self.read = read
        """The look-up in a value that is not None; None: the value itself."""
        self.loose = loose
        """Whether a null on the way may make a null of it."""

    def of(self, value: Any) -> Any:
        return value if self.read is None or value is None else self.read(value)

    def call(self, draft: Draft, var: Var, *, where: str) -> Var:
        """The variable that holds what the look-up finds in another one."""
        if self.read is None:
            return var
        read = self.read
        return draft.call(lambda value: None if value is None else read(value), var, where=where)


# --- in structs


def compile_read(
    schema: Schema,
    steps: tuple[Step, ...],
    *,
    with_default: bool,
    maps: bool,
    picks: tuple[int | None, ...] = (),
) -> Reading:
    """The look-up of the picks and then the steps in values of the schema."""
    return _Compiler(with_default, maps).at(schema, picks, steps, "$")


class _Compiler:
    def __init__(self, with_default: bool, maps: bool) -> None:
        self._with_default = with_default
        self._maps = maps

    def at(
        self, schema: Schema, picks: tuple[int | None, ...], steps: tuple[Step, ...], where: str
    ) -> Reading:
        if picks:
            return self._picked(schema, picks, steps, where)
        if not steps:
            return Reading(schema, None, loose=schema.optional)
        step, rest = steps[0], steps[1:]
        below = f"{where}.{step.name}"
        if schema.type is Type.STRUCT:
            return self._named(schema, step, rest, where)
        if step.picks and not step.base:
            return self.at(schema, step.picks, rest, where)
        if schema.type is Type.MAP and self._maps and _keys_of(schema).type is Type.STRING:
            inner = self.at(_items_of(schema), step.picks, rest, below)
            return _optional(_entry(step.base if step.picks else step.name, inner), inner)
        raise _no_fields(schema, where)

    def _named(self, schema: Schema, step: Step, rest: tuple[Step, ...], where: str) -> Reading:
        field = schema.field(step.name)
        picks: tuple[int | None, ...] = ()
        if field is None and step.picks:
            if not step.base:
                return self._picked(schema, step.picks, rest, where)
            field, picks = schema.field(step.base), step.picks
        if field is None:
            known = [each.name for each in schema.fields]
            raise NoSuchField(step.base or step.name, known, path=f"{where}.{step.name}")
        inner = self.at(field.schema, picks, rest, f"{where}.{step.name}")
        last = not rest and not picks
        default = field.schema.default if self._with_default or not last else None
        loose = inner.loose or (field.schema.optional and default is None)
        return Reading(inner.schema, _slot(field.index, default, inner), loose=loose)

    def _picked(
        self, schema: Schema, picks: tuple[int | None, ...], steps: tuple[Step, ...], where: str
    ) -> Reading:
        pick, rest = picks[0], picks[1:]
        below = f"{where}[{'*' if pick is None else pick}]"
        if schema.type is Type.ARRAY:
            inner = self.at(_items_of(schema), rest, steps, below)
            if pick is not None:
                return _optional(_element(pick, inner), inner)
            return _list_of([inner], None, loose=_items_of(schema).optional, nested=_nests(rest, steps))
        if pick is not None:
            raise DataError(
                f"The path picks element {pick} of a value of type {schema.type.value}, which is no array",
                path=where,
            )
        if schema.type is Type.MAP:
            inner = self.at(_items_of(schema), rest, steps, below)
            loose = _items_of(schema).optional
            return _list_of([inner], _entries, loose=loose, nested=_nests(rest, steps))
        if schema.type is Type.STRUCT:
            return self._each_field(schema, rest, steps, below)
        raise _no_fields(schema, where)

    def _each_field(
        self, schema: Schema, picks: tuple[int | None, ...], steps: tuple[Step, ...], where: str
    ) -> Reading:
        found: list[tuple[Field, Reading]] = []
        for field in schema.fields:
            try:
                found.append((field, self.at(field.schema, picks, steps, where)))
            except DataError:
                continue  # what the rest of the path does not fit is not among "each"
        if not found:
            raise NoSuchField(steps[0].name if steps else "*", (), path=where)
        slots = [
            _slot(field.index, field.schema.default if self._with_default or steps or picks else None, inner)
            for field, inner in found
        ]

        def each(struct: Any) -> list[Any]:
            return [slot(struct) for slot in slots]

        readings = [Reading(inner.schema, None, loose=inner.loose) for _, inner in found]
        loose = any(field.schema.optional for field, _ in found)
        return _list_of(readings, each, loose=loose, nested=_nests(picks, steps))


def _nests(picks: Sequence[int | None], steps: Sequence[Step]) -> bool:
    """Whether each of the values is itself a list, to be laid end to end."""
    return None in picks or any(None in step.picks for step in steps)


def _slot(index: int, default: Any, inner: Reading) -> Read:
    read = inner.read

    def slot(struct: Any) -> Any:
        value = struct.values[index]
        if value is None:
            value = default
        return value if read is None or value is None else read(value)

    return slot


def _entry(name: str, inner: Reading) -> Read:
    return lambda entries: inner.of(entries.get(name))


def _element(index: int, inner: Reading) -> Read:
    def element(items: Any) -> Any:
        inside = -len(items) <= index < len(items)
        return inner.of(items[index]) if inside else None

    return element


def _entries(mapping: Any) -> list[Any]:
    return list(mapping.values())


def _fitted(schema: Schema, wanted: Schema) -> Read | None:
    """What makes a value of the one schema one of the other, which differs in being optional."""
    if schema is wanted or schema.type is not Type.STRUCT:
        return None
    return lambda struct: None if struct is None else Struct.of(wanted, struct.values)


def _optional(read: Read, inner: Reading) -> Reading:
    wanted = optional_form(inner.schema)
    fit = _fitted(inner.schema, wanted)
    if fit is None:
        return Reading(wanted, read, loose=True)
    return Reading(wanted, lambda value: fit(read(value)), loose=True)


def _list_of(readings: list[Reading], split: Read | None, *, loose: bool, nested: bool) -> Reading:
    """A list of what the readings find, ``split`` or (one reading) in each element of a list."""
    loose = loose or any(reading.loose for reading in readings)
    schemas = [_item_schema(r.schema, nested) for r in readings]
    wanted = optional_form(schemas[0]) if loose else schemas[0]
    if any((optional_form(each) if loose else each) != wanted for each in schemas):
        raise DataError("The fields that the wildcard stands for are of different types")
    fits = [_fitted(each, wanted) for each in schemas]
    inner = readings[0] if split is None or split is _entries else None

    def listed(value: Any) -> list[Any]:
        found = value if split is None else split(value)
        if inner is not None and inner.read is not None:
            found = [inner.of(item) for item in found]
        if nested:
            found = [item for items in found if items is not None for item in items]
        if fits[0] is not None:
            return [fits[0](item) for item in found]
        return list(found)

    return Reading(SchemaBuilder.array_of(wanted).build(), listed, loose=False)


def _item_schema(schema: Schema, nested: bool) -> Schema:
    return _items_of(schema) if nested else schema


def _items_of(schema: Schema) -> Schema:
    """The schema of an array's elements or a map's values."""
    return _given(schema.value_schema)


def _keys_of(schema: Schema) -> Schema:
    return _given(schema.key_schema)


def _given(schema: Schema | None) -> Schema:
    if schema is None:
        raise DataError("The path goes on below an array or map whose schema does not say what it holds")
    return schema


def _no_fields(schema: Schema, where: str) -> DataError:
    return DataError(
        f"The path goes on below a value of type {schema.type.value}, which has no fields", path=where
    )


# --- in maps


def find(value: Any, steps: Sequence[Step], *, with_default: bool) -> Any:
    """What the steps lead to: None beneath a null, a :class:`Gone` where a name is not there."""
    last = len(steps) - 1
    for number, step in enumerate(steps):
        if value is None:
            return None
        if isinstance(value, dict):
            if step.name in value:
                value = value[step.name]
                continue
        elif isinstance(value, StructValue):
            field = value.schema.field(step.name)
            if field is not None:
                value = _field_value(value, field, with_default or number < last)
                continue
        elif isinstance(value, Mapping):
            if step.name in value:
                value = value[step.name]
                continue
        elif not step.picks or step.base:
            raise DataError(
                f"The path goes on below a value of class {class_name(value)}, which has no fields",
                path="$." + ".".join(each.name for each in steps[:number]),
            )
        if not step.picks:
            return Gone(step.name, _names(value))
        if step.base:
            value = find(value, (Step(step.base),), with_default=True)
            if type(value) is Gone:
                return value
        return _pick(value, step.picks, steps[number + 1 :], with_default)
    return value


def _pick(value: Any, picks: tuple[int | None, ...], steps: Sequence[Step], with_default: bool) -> Any:
    for number, pick in enumerate(picks):
        if value is None:
            return None
        if pick is None:
            rest = picks[number + 1 :]
            found = [_pick(each, rest, steps, with_default) for each in _children(value, with_default)]
            kept = [each for each in found if type(each) is not Gone]
            if not _nests(rest, steps):
                return kept
            return [item for items in kept if items is not None for item in items]
        if not isinstance(value, list | tuple):
            raise DataError(
                f"The path picks element {pick} of a value of class {class_name(value)}, which is no list"
            )
        if not -len(value) <= pick < len(value):
            return Gone(f"[{pick}]", ())
        value = value[pick]
    return find(value, steps, with_default=with_default)


def _children(value: Any, with_default: bool) -> Iterable[Any]:
    if isinstance(value, list | tuple):
        return value
    if isinstance(value, Mapping):
        return list(value.values())
    if isinstance(value, StructValue):
        return [_field_value(value, field, with_default) for field in value.schema.fields]
    raise DataError(f"The path takes each element of a value of class {class_name(value)}, which has none")


def _names(value: Any) -> Iterable[Any]:
    return [field.name for field in value.schema.fields] if isinstance(value, StructValue) else value


def _field_value(struct: StructValue, field: Field, with_default: bool) -> Any:
    found = struct.values[field.index]
    return field.schema.default if found is None and with_default else found

"""Debezium's envelope: what a change event looks like, and how its parts are found in a draft.

A change event is a struct whose schema's name ends in ``.Envelope``, with the row before and after the
change, where it comes from, and what was done. Source: Debezium's documentation of change events.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from connectkit.draft import Draft, Side
from connectkit.errors import ConnectError, DataError
from connectkit.program import Var
from connectkit.schema import Field, Schema, Type
from connectkit.suggest import did_you_mean

ENVELOPE_SUFFIX: Final = ".Envelope"
BEFORE, AFTER, SOURCE, OP, TRANSACTION = "before", "after", "source", "op", "transaction"
DELETE, UPDATE, TRUNCATE, MESSAGE = "d", "u", "t", "m"
EPOCH_FIELDS: Final = ("ts_ms", "ts_us", "ts_ns")
"""When a change was made (in ``source``) and when Debezium saw it, in three precisions."""


def is_envelope(schema: Schema | None) -> bool:
    """Whether values of that schema are change events."""
    return schema is not None and schema.name is not None and schema.name.endswith(ENVELOPE_SUFFIX)


def envelope_of(side: Side, purpose: str) -> tuple[Schema, list[Var]]:
    """Schema and slots of the change event in the value; ``DataError`` if it is no struct after all."""
    slots = side.read(purpose, with_defaults=False)
    return side.require_struct(purpose), slots


def field_of(schema: Schema, name: str, what: str) -> Field:
    """The field, or ``DataError``; ``what`` says whose it is ("the change event")."""
    found = schema.field(name) if schema.type is Type.STRUCT else None
    if found is None:
        known = [field.name for field in schema.fields] if schema.type is Type.STRUCT else []
        raise DataError(f"There is no field '{name}' in {what}{did_you_mean(name, known)}", path=f"$.{name}")
    return found


def typed_field(schema: Schema, name: str, wanted: Type, what: str) -> Field:
    """The field, which must be of that type, or ``DataError``."""
    found = field_of(schema, name, what)
    if found.schema.type is not wanted:
        raise DataError(
            f"The field '{name}' of {what} is of type {found.schema.type.value}, and must be of type "
            f"{wanted.value}",
            path=f"$.{name}",
        )
    return found


def or_own_default(draft: Draft, slots: list[Var], field: Field) -> Var:
    """The slot of a field, or the default of its schema where it is unset."""
    return draft.or_default(slots[field.index], field.schema.default)


def when_present(draft: Draft, var: Var, schema: Schema) -> tuple[Draft, Draft]:
    """Two drafts: one for records where the variable, of that schema, is not None, and the other."""
    # A struct is true in itself; what can be false although it is there has to be asked.
    return draft.split(var if schema.type is Type.STRUCT else draft.call(_is_present, var))


def _is_present(value: Any) -> bool:
    return value is not None


def attempt(draft: Draft, edit: Callable[[Draft], None]) -> None:
    """Edit one half of a split draft; its error is raised only for records that go there."""
    try:
        edit(draft)
    except ConnectError as error:
        draft.fail(error)

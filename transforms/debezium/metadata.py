"""``add.fields`` and ``add.headers``: parts of a change event that are kept when it is flattened.

``op`` and ``ts_ms`` are fields of the envelope, ``id`` and the orders those of ``transaction``; any other
plain name is looked for in ``source`` and then in the envelope. ``struct.field`` says where it is, and
``:name`` at the end what to call it. Source: Debezium's documentation of the event flattening transform.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from connectkit.builder import SchemaBuilder
from connectkit.draft import Draft
from connectkit.errors import DataError
from connectkit.program import NONE, Var
from connectkit.schema import Field, Schema, Type
from connectkit.struct import Struct
from connectkit.suggest import shortened
from connectkit.transforms.base import java_split, optional_form
from connectkit.transforms.debezium.envelope import EPOCH_FIELDS, OP, SOURCE, TRANSACTION, field_of

_HOMES = {
    **dict.fromkeys(("id", "total_order", "data_collection_order"), TRANSACTION),
    **dict.fromkeys((OP, *EPOCH_FIELDS)),
    "updateDescription": "updateDescription",
}
"""Where a plain name is looked for (None: in the envelope itself), if not in ``source``."""


@dataclass(frozen=True, slots=True)
class Reference:
    """One part of a change event, and the name it is given. ``struct`` None: the envelope itself."""

    text: str
    struct: str | None
    field: str
    name: str

    @classmethod
    def parse(cls, text: str, prefix: str) -> Reference:
        """Read ``field``, ``struct.field`` or either with ``:name``; ``ValueError`` says what is wrong."""
        parts = java_split(text, ":")
        steps = java_split(parts[0], ".") if parts else []
        if not steps or len(parts) > 2:
            raise ValueError(
                f"has '{shortened(text)}', which is not of the form field, struct.field or struct.field:name"
            )
        if len(steps) == 1:
            field, struct, name = steps[0], _HOMES.get(steps[0], SOURCE), steps[0]
        else:
            struct, field = steps[0], steps[1]
            name = f"{struct}_{field}"
        return cls(text, struct, field, prefix + (parts[1] if len(parts) == 2 else name))

    def home_in(self, envelope: Schema) -> Field | None:
        """The field of the envelope that should hold it; None: the envelope itself does."""
        return None if self.struct is None else field_of(envelope, self.struct, "the change event")

    def found_in(self, envelope: Schema) -> Field | None:
        """The field, of its struct or else of the envelope; None where there is none."""
        home = self.home_in(envelope)
        if home is None:
            return envelope.field(self.field)
        if home.schema.type is not Type.STRUCT:
            raise DataError(
                f"'{self.text}' names a field of '{home.name}', which is no struct", path=f"$.{home.name}"
            )
        return home.schema.field(self.field) or envelope.field(self.field)

    def read(self, draft: Draft, envelope: Schema, slots: Sequence[Var]) -> Var:
        """The value as it is stored: None where it, or the struct it should stand in, is null."""
        home = self.home_in(envelope)
        inner = None if home is None else home.schema.field(self.field)
        if home is not None and inner is not None:
            return draft.slot_of(slots[home.index], inner.index)
        outer = envelope.field(self.field)
        if outer is None:
            return NONE
        if home is None:
            return slots[outer.index]
        # As in Debezium, no struct means no value, even where the envelope has a field of that name.
        return draft.call(_unless_alone, slots[home.index], slots[outer.index])


def _unless_alone(struct: object, value: object) -> object:
    return None if struct is None else value


def references(texts: Sequence[str], prefix: str) -> tuple[Reference, ...]:
    """All of a list; ``ValueError`` for the first that is wrong."""
    return tuple(Reference.parse(text, prefix) for text in texts)


def read_as(draft: Draft, var: Var, old: Schema, new: Schema) -> Var:
    """The variable with values of the schema :func:`optional_copy` made: a struct carries its schema."""
    if old.type is not Type.STRUCT or old == new:
        return var
    return draft.call(lambda struct: Struct.of(new, struct.values), var, strict=True)


def optional_copy(schema: Schema) -> Schema:
    """The schema for a kept part: optional, and without its default."""
    if schema.default is None:
        return optional_form(schema)
    builder = SchemaBuilder.of(
        Schema(
            schema.type,
            name=schema.name,
            version=schema.version,
            doc=schema.doc,
            parameters=schema.parameters,
            fields=schema.fields if schema.type is Type.STRUCT else (),
            key_schema=schema.key_schema if schema.type is Type.MAP else None,
            value_schema=schema.value_schema if schema.type in (Type.MAP, Type.ARRAY) else None,
        )
    )
    return builder.optional().build()

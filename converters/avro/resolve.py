"""Which schemas read which: Avro's rules of schema resolution.

Source: the Avro specification, *Schema Resolution*; spec registry 7. Pure functions.
"""

from __future__ import annotations

from typing import Final

from connectkit.converters.avro.model import NAMED, AvroField, AvroSchema, shown

_PROMOTED: Final = {
    ("int", "long"), ("int", "float"), ("int", "double"), ("long", "float"), ("long", "double"),
    ("float", "double"), ("string", "bytes"), ("bytes", "string"),
}  # fmt: skip


def why_not(writer: AvroSchema, reader: AvroSchema) -> str | None:
    """Why, looking at these two and not inside them, the reader cannot take the writer's; None if it can.

    Neither is a union.
    """
    if writer is reader or (writer.kind, reader.kind) in _PROMOTED:
        return None
    if writer.kind != reader.kind:
        return f"it wants {shown(reader.full_name)} where the writer has {shown(writer.full_name)}"
    if writer.kind in NAMED and not same_name(writer, reader):
        return f"it wants {shown(reader.full_name)} where the writer has {shown(writer.full_name)}"
    if writer.kind == "fixed" and writer.size != reader.size:
        return f"the fixed {shown(reader.full_name)} has another size"
    return None


def same_name(writer: AvroSchema, reader: AvroSchema) -> bool:
    """Whether two named types match: by simple name, as in Avro, or by an alias of the reader's."""
    return writer.simple_name == reader.simple_name or writer.full_name in reader.aliases


def branch_for(writer: AvroSchema, reader: AvroSchema) -> int | None:
    """The branch of the reader's union that takes a value of the writer's schema (no union).

    One of the same type goes before one it can be promoted to; among records, one of the same full name.
    """
    fitting = [i for i, each in enumerate(reader.branches) if why_not(writer, each) is None]
    for exact in (
        [i for i in fitting if reader.branches[i].full_name == writer.full_name],
        [i for i in fitting if reader.branches[i].kind == writer.kind],
        fitting,
    ):
        if exact:
            return exact[0]
    return None


def field_for(field: AvroField, reader: AvroSchema) -> AvroField | None:
    """The reader's field that a writer's field is for: by name, or by an alias of the reader's."""
    for each in reader.fields:
        if each.name == field.name:
            return each
    for each in reader.fields:
        if field.name in each.aliases:
            return each
    return None


def default_symbol(reader: AvroSchema) -> str | None:
    """The symbol that stands for those an enum does not know."""
    return reader.default

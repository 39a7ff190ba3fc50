"""ExtractNewRecordState: a change event becomes the row as it is after the change.

A topic of change events so becomes one that sinks understand: rows, and for deletions what
``delete.tombstone.handling.mode`` says. Everything is decided once per schema; per record there are at
most two questions: is there a row after the change, and was there one before. Only the fields that a
header names (``drop.fields.header.name``) are looked at record by record, and compiled for each set of
names. Source: Debezium's documentation of the event flattening transform.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from connectkit.config import LOW, MEDIUM, Width, option
from connectkit.draft import Draft, Kind, Side
from connectkit.edit import EditTransform, OnMissing, on_missing_option
from connectkit.errors import DataError
from connectkit.headers import Header, Headers
from connectkit.program import NONE, Const, Var
from connectkit.schema import Field, Schema, Type
from connectkit.transforms.base import class_name, copy_of, java_split
from connectkit.transforms.debezium.envelope import (
    AFTER,
    BEFORE,
    DELETE,
    OP,
    attempt,
    envelope_of,
    field_of,
    is_envelope,
    or_own_default,
    typed_field,
    when_present,
)
from connectkit.transforms.debezium.metadata import Reference, optional_copy, read_as, references
from connectkit.transforms.debezium.options import DebeziumConfig
from connectkit.transforms.debezium.variants import Variants

DELETED_FIELD = "__deleted"
KEPT_NAME_LISTS = 64
"""Lists of fields to drop, found in headers, for which functions are kept."""


class DeleteHandling(enum.Enum):
    """What becomes of a deletion, and of the tombstone that Debezium sends after it."""

    DROP = "drop"
    TOMBSTONE = "tombstone"
    REWRITE = "rewrite"
    REWRITE_WITH_TOMBSTONE = "rewrite-with-tombstone"
    DELETE_TO_TOMBSTONE = "delete-to-tombstone"

    @property
    def rewrites(self) -> bool:
        return self in (DeleteHandling.REWRITE, DeleteHandling.REWRITE_WITH_TOMBSTONE)


class ExtractNewRecordStateConfig(DebeziumConfig):
    """What to keep of a change event beside the row."""

    delete_tombstone_handling_mode: DeleteHandling = option(
        DeleteHandling.TOMBSTONE,
        doc="What becomes of deletions and of the tombstones that follow them. drop: neither is kept; "
        "tombstone: a deletion becomes a record without a value, and the tombstone after it is dropped; "
        "delete-to-tombstone: the same, without the schema of the row; rewrite: a deletion becomes the row "
        "as it was, every row gets the field __deleted (true or false), and tombstones are dropped; "
        "rewrite-with-tombstone: the same, and tombstones are kept.",
        importance=MEDIUM,
        order=1,
        width=Width.MEDIUM,
        display_name="Handle delete and tombstone records",
    )
    route_by_field: str = option(
        "",
        doc="A field of the row whose value becomes the topic; empty: the topic stays.",
        importance=LOW,
        trim=False,
        order=1,
        width=Width.LONG,
        display_name="Route by field name",
    )
    add_fields_prefix: str = option(
        "__",
        doc="What the names of added fields begin with.",
        importance=LOW,
        trim=False,
        order=1,
        width=Width.SHORT,
        display_name="Field prefix to be added to each field.",
    )
    add_fields: list[str] = option(
        [],
        doc="Parts of the change event to add to the row: op, ts_ms, table, source.lsn …, "
        "each with :name behind it if it is to be called otherwise.",
        importance=LOW,
        order=1,
        width=Width.LONG,
    )
    add_headers_prefix: str = option(
        "__",
        doc="What the names of added headers begin with.",
        importance=LOW,
        trim=False,
        order=1,
        width=Width.SHORT,
    )
    add_headers: list[str] = option(
        [],
        doc="Parts of the change event to add as headers, named as in add.fields.",
        importance=LOW,
        order=1,
        width=Width.LONG,
    )
    drop_fields_header_name: str | None = option(
        None,
        doc="A header that lists the fields to leave out of the row.",
        importance=LOW,
        trim=False,
        order=1,
        width=Width.SHORT,
    )
    drop_fields_from_key: bool = option(
        False,
        doc="Whether these fields are left out of the key as well.",
        importance=LOW,
        order=1,
        width=Width.SHORT,
    )
    drop_fields_keep_schema_compatible: bool = option(
        True,
        doc="Whether only those of these fields are left out that are optional.",
        importance=LOW,
        order=1,
        width=Width.SHORT,
    )
    replace_null_with_default: bool = option(
        True,
        doc="Whether unset fields are given their defaults when the row gets the field __deleted.",
        importance=LOW,
    )
    on_missing: OnMissing | None = on_missing_option(
        "parts of the change event that it does not have are left out, with one warning"
    )

    def problems(self) -> Mapping[str, str | Sequence[str]]:
        found: dict[str, str] = {}
        for key, texts in (("add.fields", self.add_fields), ("add.headers", self.add_headers)):
            try:
                references(texts, "")
            except ValueError as error:
                found[key] = str(error)
        return found


class ExtractNewRecordState(EditTransform[ExtractNewRecordStateConfig]):
    """Flatten change events: keep the row as it is after the change, and what else is asked for."""

    java_names = ("io.debezium.transforms.ExtractNewRecordState",)
    purpose = "flattening of change events"

    def __init__(self, config: ExtractNewRecordStateConfig) -> None:
        self._mode = config.delete_tombstone_handling_mode
        self._fields = references(config.add_fields, config.add_fields_prefix)
        self._headers = references(config.add_headers, config.add_headers_prefix)
        self._route = config.route_by_field or None
        header = config.drop_fields_header_name
        self._drop_header = header if header is not None and header.strip() else None
        self._dropped: tuple[str, ...] | None = None
        self._by_names: Variants[tuple[str, ...], ExtractNewRecordState] = Variants(
            self._without, size=KEPT_NAME_LISTS
        )
        if not (self._drop_header and config.drop_fields_from_key):
            self.reads = frozenset(("value",))
        super().__init__(config)

    def edit(self, draft: Draft) -> None:
        if draft.value.is_null:
            self._edit_tombstone(draft)
        elif is_envelope(draft.value.schema):
            if self._drop_header is None or self._dropped is not None:
                self._edit_event(draft)
            else:
                named, others = draft.split(draft.call(self._names_in, draft.headers))
                named.hand_over(self._apply_named)
                attempt(others, self._edit_event)

    # --- tombstones

    def _edit_tombstone(self, draft: Draft) -> None:
        if self._mode is not DeleteHandling.REWRITE_WITH_TOMBSTONE:
            draft.drop()
            return
        made = [Header(each.name, Schema.STRING, DELETE) for each in self._headers if each.field == OP]
        if made:
            draft.headers = draft.call(_with_headers(made), draft.headers)

    # --- change events

    def _edit_event(self, draft: Draft) -> None:
        schema, slots = envelope_of(draft.value, self.purpose)
        self._add_headers(draft, schema, slots)
        after = field_of(schema, AFTER, "the change event")
        row = or_own_default(draft, slots, after)
        there, gone = when_present(draft, row, after.schema)
        attempt(there, lambda half: self._edit_row(half, row, after, schema, slots))
        attempt(gone, lambda half: self._edit_without_row(half, after, schema, slots))

    def _edit_row(self, draft: Draft, row: Var, field: Field, envelope: Schema, slots: Sequence[Var]) -> None:
        """An insert, an update or a row read in a snapshot."""
        value = draft.value
        self._take_row(value, row, field)
        if self._mode.rewrites:
            self._mark(value, "false")
        self._route_by(draft, value)
        self._add_fields(draft, envelope, slots)
        self._drop_fields(draft)

    def _edit_without_row(self, draft: Draft, after: Field, envelope: Schema, slots: Sequence[Var]) -> None:
        """A deletion, or an event without any row, such as a truncation, which is dropped."""
        before = field_of(envelope, BEFORE, "the change event")
        row = or_own_default(draft, list(slots), before)
        deleted, other = when_present(draft, row, before.schema)
        other.drop()
        attempt(deleted, lambda half: self._edit_deletion(half, row, before, after, envelope, slots))

    def _edit_deletion(
        self, draft: Draft, row: Var, before: Field, after: Field, envelope: Schema, slots: Sequence[Var]
    ) -> None:
        if self._mode is DeleteHandling.DROP:
            draft.drop()
            return
        value = draft.value
        if self._mode.rewrites:
            self._take_row(value, row, before)
            plain = value.read(self.purpose, with_defaults=False)
            self._route_from(draft, before.schema, plain)
            self._mark(value, "true")
        else:
            if self._route is not None:
                self._take_row(value, row, before)
                self._route_from(draft, before.schema, value.read(self.purpose, with_defaults=False))
            keeps_schema = self._mode is DeleteHandling.TOMBSTONE
            value.put(after.schema if keeps_schema else None, NONE, Kind.NULL)
        self._drop_fields(draft)
        if value.kind is Kind.STRUCT:
            self._add_fields(draft, envelope, slots)

    def _take_row(self, value: Side, row: Var, field: Field) -> None:
        if field.schema.type is not Type.STRUCT:
            raise DataError(
                f"The row in '{field.name}' of a change event must be a struct, and is of type "
                f"{field.schema.type.value}",
                path=f"$.{field.name}",
            )
        value.take(field.schema, row)

    def _mark(self, value: Side, text: str) -> None:
        """Add the field that says whether the row is deleted."""
        slots = value.read(self.purpose, with_defaults=self.config.replace_null_with_default)
        builder = copy_of(value.require_struct(self.purpose))
        builder.field(DELETED_FIELD, Schema.OPTIONAL_STRING)
        value.write(builder.build(), [*slots, Const(text)])

    def _route_by(self, draft: Draft, value: Side) -> None:
        if self._route is not None:
            slots = value.read(self.purpose, with_defaults=False)
            self._route_from(draft, value.require_struct(self.purpose), slots)

    def _route_from(self, draft: Draft, row: Schema, slots: Sequence[Var]) -> None:
        if self._route is not None:
            field = typed_field(row, self._route, Type.STRING, "the row")
            draft.topic = draft.call(_topic_or, slots[field.index], draft.topic)

    # --- what is added

    def _known(self, wanted: Sequence[Reference], envelope: Schema) -> list[tuple[Reference, Field]]:
        """Those that this kind of change event has; the others are told of."""
        found: list[tuple[Reference, Field]] = []
        for each in wanted:
            field = each.found_in(envelope)
            if field is not None:
                found.append((each, field))
            elif each.field:
                home = each.home_in(envelope)
                near = envelope if home is None else home.schema
                self.missing(each.text, [other.name for other in near.fields], step=each.field)
        return found

    def _add_fields(self, draft: Draft, envelope: Schema, slots: Sequence[Var]) -> None:
        """Make the row anew with the fields that are wanted beside its own; the schema becomes required."""
        value = draft.value
        typed_field(envelope, OP, Type.STRING, "the change event")
        row = value.read(self.purpose, with_defaults=False)
        builder = copy_of(value.require_struct(self.purpose))
        for each, field in self._known(self._fields, envelope):
            schema = optional_copy(field.schema)
            builder.field(each.name, schema)
            row.append(read_as(draft, each.read(draft, envelope, slots), field.schema, schema))
        value.write(builder.build(), row)

    def _add_headers(self, draft: Draft, envelope: Schema, slots: Sequence[Var]) -> None:
        found = self._known(self._headers, envelope)
        if found:
            names = [(each.name, optional_copy(field.schema)) for each, field in found]
            values = [
                read_as(draft, each.read(draft, envelope, slots), field.schema, schema)
                for (each, field), (_, schema) in zip(found, names)
            ]
            draft.headers = draft.call(_with_values(names), draft.headers, *values)

    # --- what is dropped

    def _names_in(self, headers: Headers) -> tuple[str, ...] | None:
        """The fields that the header lists; None where there is no header, or it lists nothing."""
        for header in headers:
            if header.key == self._drop_header:
                found = header.value
                if found is None:
                    return None
                if not isinstance(found, list | tuple):
                    raise DataError(
                        "The header that lists the fields to drop must hold a list of texts, and holds a "
                        f"value of class {class_name(found)}"
                    )
                return tuple(name for name in found if isinstance(name, str))
        return None

    def _apply_named(self, record: Any) -> Any:
        """A record whose header lists fields to drop: by this transform, made for that very list."""
        return self._by_names[self._names_in(record.headers) or ()].apply(record)

    def _without(self, names: tuple[str, ...]) -> ExtractNewRecordState:
        made = ExtractNewRecordState(self.config)
        made._dropped = names
        made._told, made.alias = self._told, self.alias
        return made

    def _drop_fields(self, draft: Draft) -> None:
        if self._dropped:
            if self.config.drop_fields_from_key and not draft.key.is_null:
                self._drop_from(draft.key, self._dropped)
            if draft.value.kind is Kind.STRUCT:
                self._drop_from(draft.value, self._dropped)

    def _drop_from(self, side: Side, listed: tuple[str, ...]) -> None:
        if side.schema is None and not self.config.drop_fields_keep_schema_compatible:
            side.require_map(self.purpose)
            for name in _split_names(listed):
                side.drop_item(name)
            return
        schema = side.require_struct(self.purpose)
        if self.config.drop_fields_keep_schema_compatible:
            names = {field.name for field in schema.fields if field.schema.optional} & set(listed)
            if not names:
                return
        else:
            names = _split_names(listed)
        slots = side.read(self.purpose, with_defaults=True)
        builder = copy_of(schema, fields=False)
        kept = [field for field in schema.fields if field.name not in names]
        for field in kept:
            builder.field(field.name, field.schema)
        side.write(builder.build(), [slots[field.index] for field in kept])


def _split_names(listed: tuple[str, ...]) -> set[str]:
    """The names of a list whose items may themselves be lists, parted by commas."""
    return {name.strip() for item in listed for name in java_split(item, ",")}


def _topic_or(topic: str | None, old: str | None) -> str | None:
    return old if topic is None or not topic.strip() else topic


def _with_headers(made: Sequence[Header]) -> Callable[[Headers], Headers]:
    def added(headers: Headers) -> Headers:
        found = headers.duplicate()
        for header in made:
            found.add_header(header)
        return found

    return added


def _with_values(names: Sequence[tuple[str, Schema]]) -> Callable[..., Headers]:
    pairs = list(names)

    def added(headers: Headers, *values: Any) -> Headers:
        found = headers.duplicate()
        for (name, schema), value in zip(pairs, values):
            found.add_header(Header(name, schema, value))
        return found

    return added

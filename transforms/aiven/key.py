"""Aiven's KeyToValue: fields of the key, or all of it, are copied into the value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connectkit.builder import SchemaBuilder
from connectkit.checks import no_empty_items, non_empty_list
from connectkit.config import HIGH, Config, option
from connectkit.draft import Draft, Kind
from connectkit.edit import EditTransform, OnMissing, on_missing_option
from connectkit.errors import DataError
from connectkit.program import NONE, Var
from connectkit.schema import Schema, Type
from connectkit.suggest import shortened
from connectkit.transforms.base import copy_of
from connectkit.values import infer_schema

_WHOLE = "*"
_WHOLE_FIELD = "_key"
_PURPOSE = "copying from the key"


class KeyToValueConfig(Config):
    """Which fields, and what to call them."""

    key_fields: list[str] = option(
        doc="Fields of the key to copy; * means the whole key.",
        check=[non_empty_list, no_empty_items],
        importance=HIGH,
    )
    value_fields: list[str] = option(
        [],
        doc="What to call them in the value, in the same order; left out or empty: as in the key, and _key "
        "for the whole.",
        importance=HIGH,
    )
    on_missing: OnMissing | None = on_missing_option(
        "fail where the key has a schema, else set the field to null and warn"
    )

    def problems(self) -> Mapping[str, str | Sequence[str]]:
        if len(self.value_fields) > len(self.key_fields):
            return {
                "value.fields": f"must not have more items than key.fields, which has {len(self.key_fields)}"
            }
        names = [name for name, _ in _pairs(self)]
        double = next((name for name in names if names.count(name) > 1), None)
        if double is not None:
            return {"value.fields": f"must not copy two things to the field '{shortened(double)}'"}
        return {}


def _pairs(config: KeyToValueConfig) -> list[tuple[str, str]]:
    """Names in the value, and what of the key goes there."""
    given = [*config.value_fields, *[""] * len(config.key_fields)]
    return [
        (new if new and new != _WHOLE else _WHOLE_FIELD if source == _WHOLE else source, source)
        for source, new in zip(config.key_fields, given)
    ]


class KeyToValue(EditTransform[KeyToValueConfig]):
    """Copy fields of the key, or all of it, into the value.

    Fields of the same name there are replaced.
    """

    java_names = ("io.aiven.kafka.connect.transforms.KeyToValue",)

    def __init__(self, config: KeyToValueConfig) -> None:
        super().__init__(config)
        self._pairs = _pairs(config)
        self._names_fields = any(source != _WHOLE for _, source in self._pairs)

    def edit(self, draft: Draft) -> None:
        value = draft.value
        if value.schema is None:
            value.require_map(_PURPOSE)
            for name, source in self._pairs:
                if (found := self._from_key(draft, source)) is not None:
                    value.set_item(name, found[0])
            return
        value.require_struct(_PURPOSE)
        key = draft.key
        if key.schema is None:
            if self._names_fields:
                key.require_map(_PURPOSE)
            if not key.is_null and key.kind is Kind.OTHER:
                draft.hand_over(self._with_inferred_key)
                return
            raise DataError(
                "The value has a schema and the key has none, so it cannot become a field; "
                "SetSchemaMetadata or a converter with schemas would give it one"
            )
        self._into_struct(draft)

    def _from_key(self, draft: Draft, source: str) -> tuple[Var, Schema | None] | None:
        """What is copied, and its schema; None if it is not there and need not be."""
        key = draft.key
        if source == _WHOLE:
            return key.whole(), key.schema
        if key.schema is None:
            key.require_map(_PURPOSE)
            return key.get_item(source, absent=self.missing_in_map), None
        if key.schema.type is not Type.STRUCT:
            key.require_struct(_PURPOSE)
        field = key.schema.field(source)
        if field is None:
            known = [each.name for each in key.schema.fields]
            self.missing(source, known, connect="fail", path=f"key.{shortened(source)}")
            return None
        if key.is_null:
            return NONE, field.schema
        return key.read(_PURPOSE, with_defaults=True)[field.index], field.schema

    def _into_struct(self, draft: Draft) -> None:
        value = draft.value
        schema = value.require_struct(_PURPOSE)
        fields = {
            field.name: (var, field.schema)
            for field, var in zip(schema.fields, value.read(_PURPOSE, with_defaults=True))
        }
        for name, source in self._pairs:
            found = self._from_key(draft, source)
            if found is not None:
                assert found[1] is not None
                fields[name] = found[0], found[1]
        builder: SchemaBuilder = copy_of(schema, fields=False)
        if schema.optional:
            builder.optional()
        for name, (_, field_schema) in fields.items():
            builder.field(name, field_schema)
        value.write(builder.build(), [var for var, _ in fields.values()])

    def _with_inferred_key(self, record: Any) -> Any:
        """For a key without a schema that is no map: the schema its value has."""
        schema = infer_schema(record.key)
        if schema is None:
            raise DataError(f"A key of class {type(record.key).__name__} has no schema that could be told")
        made: Any = self.apply(record.new_record(key_schema=schema))
        return made.new_record(key_schema=None)

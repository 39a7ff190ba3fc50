"""Aiven's ConcatFields and CaseTransform: fields put together, and text in another case."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from connectkit.builder import SchemaBuilder
from connectkit.checks import no_empty_items, non_empty_list, non_empty_string
from connectkit.config import HIGH, Config, option
from connectkit.draft import Draft, Side, SideName
from connectkit.edit import OnMissing, SideTransform, on_missing_option
from connectkit.javatext import text_of
from connectkit.program import NONE, Var
from connectkit.schema import Schema, Type
from connectkit.suggest import shortened

_FIELDS = [non_empty_list, no_empty_items]


class ConcatFieldsConfig(Config):
    """What to put together, and where."""

    field_names: list[str] = option(doc="The fields to put together.", check=_FIELDS, importance=HIGH)
    output_field_name: str = option(
        doc="The field to add; it is an optional string.", check=non_empty_string, importance=HIGH
    )
    field_replace_missing: str = option(
        "", doc="What stands for a field that is missing or null.", importance=HIGH
    )
    delimiter: str = option("", doc="What stands between the fields.", importance=HIGH)
    on_missing: OnMissing | None = on_missing_option("warn, and put field.replace.missing in its place")


class ConcatFields(SideTransform[ConcatFieldsConfig]):
    """Add a field that holds the texts of others, one after another.

    A struct's new schema has its fields only, as Aiven's: no name, version, documentation or parameters.
    """

    java_names = ("io.aiven.kafka.connect.transforms.ConcatFields",)
    purpose = "putting fields together"

    def edit_side(self, draft: Draft, side: Side) -> None:
        output = self.config.output_field_name
        if side.schema is None:
            side.require_map(self.purpose)
            found = [side.get_item(name, absent=self.missing_in_map) for name in self.config.field_names]
            joined = draft.call(self._joiner([None] * len(found)), *found, where=f"$.{output}")
            side.set_item(output, joined)
            return
        slots = side.read(self.purpose, with_defaults=True)
        schema = side.require_struct(self.purpose)
        self.tell_missing(self.config.field_names, schema)
        found, schemas = [], []
        for name in self.config.field_names:
            field = schema.field(name)
            found.append(NONE if field is None else slots[field.index])
            schemas.append(None if field is None else field.schema)
        builder = SchemaBuilder.struct()
        for field in schema.fields:
            builder.field(field.name, field.schema)
        builder.field(output, Schema.OPTIONAL_STRING)
        joined = draft.call(self._joiner(schemas), *found, where=f"$.{output}")
        side.write(builder.build(), [*slots, joined])

    def _joiner(self, schemas: list[Schema | None]) -> Callable[..., str]:
        missing = self.config.field_replace_missing
        join = self.config.delimiter.join

        def joined(*values: Any) -> str:
            return join(
                [
                    missing if value is None else value if type(value) is str else text_of(value, schema)
                    for value, schema in zip(values, schemas)
                ]
            )

        return joined


class CaseTransformConfig(Config):
    """Which fields, and which case."""

    field_names: list[str] = option(
        doc="The fields whose strings are changed.", check=_FIELDS, importance=HIGH
    )
    case: Literal["lower", "upper"] = option(doc="The case to bring them into.", importance=HIGH)
    on_missing: OnMissing | None = on_missing_option("warn, and leave the record as it is")


class CaseTransform(SideTransform[CaseTransformConfig]):
    """Bring strings into upper or lower case. Fields that are no strings stay as they are."""

    java_names = ("io.aiven.kafka.connect.transforms.CaseTransform",)
    purpose = "changing the case"

    def __init__(self, config: CaseTransformConfig, *, side: SideName = "value") -> None:
        super().__init__(config, side=side)
        self._change = _lower if config.case == "lower" else _upper

    def edit_side(self, draft: Draft, side: Side) -> None:
        if side.schema is None:
            side.require_map(self.purpose)
            side.own_map()
            for name in self.config.field_names:
                found = draft.call(self._change, side.get_item(name, absent=self.missing_in_map), strict=True)
                side.set_item(name, found, unless_none=True)
            return
        slots: list[Var] = side.read(self.purpose, with_defaults=True)
        schema = side.require_struct(self.purpose)
        self.tell_missing(self.config.field_names, schema)
        for name in dict.fromkeys(self.config.field_names):
            field = schema.field(name)
            if field is None:
                continue
            if field.schema.type is Type.STRING:
                slots[field.index] = draft.call(self._change, slots[field.index], strict=True)
            else:
                self.warn_once(
                    f"type {name}",
                    "the field '%s' is of type %s, not a string",
                    shortened(name),
                    field.schema.type.value,
                )
        side.write(schema, slots)


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _upper(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value

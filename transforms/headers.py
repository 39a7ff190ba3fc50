"""DropHeaders, InsertHeader and HeaderFrom: what stands in the headers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from connectkit.checks import no_duplicates, no_empty_items, non_empty_list
from connectkit.config import HIGH, MEDIUM, Config, option
from connectkit.draft import Draft, Side, SideName
from connectkit.edit import NEITHER, EditTransform, SideTransform
from connectkit.errors import DataError
from connectkit.headers import Header, Headers
from connectkit.program import Var
from connectkit.schema import NULL, Schema
from connectkit.suggest import did_you_mean
from connectkit.transforms.base import copy_of
from connectkit.values import parse_string


class DropHeadersConfig(Config):
    """Which headers to remove."""

    headers: list[str] = option(
        doc="Names of the headers to remove.",
        check=[non_empty_list, no_empty_items, no_duplicates],
        importance=HIGH,
    )


class DropHeaders(EditTransform[DropHeadersConfig]):
    """Remove one or more headers from each record."""

    java_names = ("org.apache.kafka.connect.transforms.DropHeaders",)
    reads = NEITHER

    def edit(self, draft: Draft) -> None:
        names = frozenset(self.config.headers)

        def without(headers: Headers) -> Headers:
            return Headers(header for header in headers if header.key not in names)

        draft.headers = draft.call(without, draft.headers)


class InsertHeaderConfig(Config):
    """A header and its value."""

    header: str = option(doc="The name of the header.", importance=HIGH)
    value_literal: str = option(
        doc="The value; its type is told from the text (1 is a number, 2019-08-23 a date, [1,2] an array).",
        importance=HIGH,
    )


class InsertHeader(EditTransform[InsertHeaderConfig]):
    """Add a header to each record."""

    java_names = ("org.apache.kafka.connect.transforms.InsertHeader",)
    reads = NEITHER

    def __init__(self, config: InsertHeaderConfig) -> None:
        super().__init__(config)
        schema, value = parse_string(config.value_literal) or NULL
        self._header = Header(config.header, schema, value)

    def edit(self, draft: Draft) -> None:
        header = self._header

        def added(headers: Headers) -> Headers:
            return headers.duplicate().add_header(header)

        draft.headers = draft.call(added, draft.headers)


class HeaderFromConfig(Config):
    """Which fields go to which headers."""

    fields: list[str] = option(doc="Fields to take.", check=non_empty_list, importance=HIGH)
    headers: list[str] = option(
        doc="Names of the headers, in the order of the fields.", check=non_empty_list, importance=HIGH
    )
    operation: Literal["move", "copy"] = option(
        doc="move: the fields are removed from the key or value; copy: they stay.", importance=HIGH
    )
    replace_null_with_default: bool = option(
        True, doc="Whether unset fields are given their defaults.", importance=MEDIUM
    )

    def problems(self) -> Mapping[str, str | Sequence[str]]:
        if len(self.fields) != len(self.headers):
            return {
                "headers": f"must have as many items as 'fields': {len(self.fields)}, not {len(self.headers)}"
            }
        return {}


class HeaderFrom(SideTransform[HeaderFromConfig]):
    """Moves or copies fields in the key or value of a record into that record's headers."""

    java_names = ("org.apache.kafka.connect.transforms.HeaderFrom",)
    purpose = "taking headers from fields"

    def __init__(self, config: HeaderFromConfig, *, side: SideName = "value") -> None:
        super().__init__(config, side=side)
        self._moves = config.operation == "move"

    def edit_side(self, draft: Draft, side: Side) -> None:
        if side.schema is None:
            side.require_map(self.purpose)
            found = [side.get_item(name, absent=self.missing_in_map) for name in self.config.fields]
            schemas: list[Schema | None] = [None] * len(found)
            side.own_map()
            if self._moves:
                for name in self.config.fields:
                    side.drop_item(name)
        else:
            found, schemas = self._from_struct(side)
        draft.headers = draft.call(_adder(self.config.headers, schemas), draft.headers, *found)

    def _from_struct(self, side: Side) -> tuple[list[Var], list[Schema | None]]:
        slots = side.read(self.purpose, with_defaults=self.config.replace_null_with_default)
        schema = side.require_struct(self.purpose)
        found: list[Var] = []
        schemas: list[Schema | None] = []
        for name in self.config.fields:
            field = schema.field(name)
            if field is None:
                hint = did_you_mean(name, [each.name for each in schema.fields])
                raise DataError(f"There is no field '{name}' to make a header of{hint}", path=f"$.{name}")
            found.append(slots[field.index])
            schemas.append(field.schema)
        if self._moves:
            builder = copy_of(schema, fields=False)
            kept = [field for field in schema.fields if field.name not in self.config.fields]
            for field in kept:
                builder.field(field.name, field.schema)
            side.write(builder.build(), [slots[field.index] for field in kept])
        return found, schemas


def _adder(names: Sequence[str], schemas: Sequence[Schema | None]) -> Callable[..., Headers]:
    pairs = list(zip(names, schemas, strict=True))

    def added(headers: Headers, *values: Any) -> Headers:
        made = headers.duplicate()
        for (name, schema), value in zip(pairs, values):
            made.add(name, value, schema)
        return made

    return added

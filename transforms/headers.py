"""DropHeaders, InsertHeader and HeaderFrom: what stands in the headers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from connectkit.checks import no_duplicates, no_empty_items, non_empty_list
from connectkit.config import HIGH, MEDIUM, Config, option
from connectkit.draft import Draft, Side, SideName
from connectkit.edit import NEITHER, EditTransform, OnMissing, SideTransform, on_missing_option
from connectkit.headers import Header, Headers
from connectkit.program import Var
from connectkit.schema import NULL
from connectkit.transforms.base import copy_of
from connectkit.transforms.pathapply import edit_paths
from connectkit.transforms.pathedit import Removal
from connectkit.transforms.paths import FieldPath, Found, NoSuchField, path_problems, syntax_option
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
    nulls = "unseen"
    reads = NEITHER

    def edit(self, draft: Draft) -> None:
        names = frozenset(self.config.headers)

        def without(headers: Headers) -> Headers:
            return Headers.of([header for header in headers if header.key not in names])

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
    nulls = "unseen"
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
    field_syntax_version: str = syntax_option()
    on_missing: OnMissing | None = on_missing_option(
        "a struct without the field fails, a map without it gives a header of null and a warning"
    )

    def problems(self) -> Mapping[str, str | Sequence[str]]:
        if len(self.fields) != len(self.headers):
            return {
                "headers": f"must have as many items as 'fields': {len(self.fields)}, not {len(self.headers)}"
            }
        return path_problems("fields", self.fields, self.field_syntax_version)


class HeaderFrom(SideTransform[HeaderFromConfig]):
    """Moves or copies fields in the key or value of a record into that record's headers."""

    java_names = ("org.apache.kafka.connect.transforms.HeaderFrom",)
    nulls = "refuse"
    purpose = "taking headers from fields"

    def __init__(self, config: HeaderFromConfig, *, side: SideName = "value") -> None:
        super().__init__(config, side=side)
        self._moves = config.operation == "move"
        self._paths = [FieldPath.of(text, config.field_syntax_version) for text in config.fields]
        for path in self._paths:
            self.reads |= path.reads

    def edit_side(self, draft: Draft, side: Side) -> None:
        if side.schema is None:
            side.require_map(self.purpose)
        else:
            side.require_struct(self.purpose)
        with_default = self.config.replace_null_with_default
        names: list[str] = []
        found: list[Found] = []
        moved: list[FieldPath] = []
        for name, path in zip(self.config.headers, self._paths):
            try:
                each = path.read(draft, side, self.purpose, with_default=with_default, gone=self.gone)
            except NoSuchField as error:
                self.missing(path.text, error.known, step=error.name, connect="fail", path=error.path)
                continue
            names.append(name)
            found.append(each)
            if self._is_of(side, path):
                moved.append(path)
        if self._moves:
            self._remove(draft, side, moved)
        elif side.schema is None:
            side.own_map()
        draft.headers = draft.call(_adder(names, found), draft.headers, *_values(draft, found))

    def _is_of(self, side: Side, path: FieldPath) -> bool:
        """Whether the path leads into this side, so that there is something to be moved away."""
        return path.elsewhere is None or (
            side.schema is not None and side.schema.field(path.steps[0].name) is not None
        )

    def _remove(self, draft: Draft, side: Side, paths: Sequence[FieldPath]) -> None:
        names = dict.fromkeys(path.name for path in paths if path.name is not None)
        if len(names) < len({path.text for path in paths}):
            removals = [(path, Removal()) for path in {path.text: path for path in paths}.values()]
            with_default = self.config.replace_null_with_default
            edit_paths(self, draft, side, self.purpose, removals, with_default=with_default)
        elif side.schema is None:
            side.own_map()
            for name in names:
                side.drop_item(name)
        else:
            schema = side.schema
            slots = side.read(self.purpose, with_defaults=self.config.replace_null_with_default)
            builder = copy_of(schema, fields=False)
            kept = [field for field in schema.fields if field.name not in names]
            for field in kept:
                builder.field(field.name, field.schema)
            side.write(builder.build(), [slots[field.index] for field in kept])


def _values(draft: Draft, found: Sequence[Found]) -> list[Var]:
    """The values; where the schema is each record's own, with it as a pair."""
    return [
        each.var
        if each.schema_var is None
        else draft.call(lambda schema, value: (schema, value), each.schema_var, each.var)
        for each in found
    ]


def _adder(names: Sequence[str], found: Sequence[Found]) -> Callable[..., Headers]:
    schemas = [(name, each.schema, each.schema_var is not None) for name, each in zip(names, found)]

    def added(headers: Headers, *values: Any) -> Headers:
        made = headers.duplicate()
        for (name, schema, is_pair), value in zip(schemas, values):
            if is_pair:
                made.add(name, value[1], value[0])
            elif value is None or schema is None or schema.name is not None:
                made.add(name, value, schema)
            else:  # a value of a field fits the field's schema
                made.add_header(Header(name, schema, value))
        return made

    return added

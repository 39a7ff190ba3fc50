"""Aiven's FilterByFieldValue: keeps records by the value of a field, or by a pattern."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from connectkit.checks import regex as is_regex
from connectkit.config import HIGH, MEDIUM, Config, option
from connectkit.draft import Draft, Side
from connectkit.edit import SideTransform
from connectkit.javaregex import compile_java
from connectkit.javatext import text_of
from connectkit.program import NONE, Var
from connectkit.schema import Schema
from connectkit.transforms.operators import equal, number_of
from connectkit.values import parse_string


class FilterByFieldValueConfig(Config):
    """What to look at, and what to look for."""

    field_name: str | None = option(
        None,
        doc="The field to look at; without one, the whole key or value.",
        importance=HIGH,
    )
    field_value: str | None = option(
        None,
        doc="The value to look for: a string, or a text of a number or boolean. Either this or "
        "field.value.pattern.",
        importance=HIGH,
    )
    field_value_pattern: str | None = option(
        None,
        doc="A regular expression (Java's syntax) to be found anywhere in the value's text. Either this or "
        "field.value.",
        check=is_regex,
        importance=HIGH,
    )
    field_value_matches: bool = option(
        True,
        doc="Whether the records that match are kept (true), or those that do not (false).",
        importance=MEDIUM,
    )

    def problems(self) -> Mapping[str, str | Sequence[str]]:
        if (self.field_value is None) == (not self.field_value_pattern):
            return {"field.value": "or field.value.pattern must be given, and not both"}
        return {}


class FilterByFieldValue(SideTransform[FilterByFieldValueConfig]):
    """Keep the records in which a field, a string, number or boolean, equals or matches.

    Anything else matches nothing. A record whose key or value is null passes.
    """

    java_names = ("io.aiven.kafka.connect.transforms.FilterByFieldValue",)
    purpose = "filtering"

    def edit_side(self, draft: Draft, side: Side) -> None:
        if side.is_null:
            return
        source, schema = self._source(side)
        if self.config.field_value is not None:
            holds = _equals(self.config.field_value)
        else:
            holds = _finds(self.config.field_value_pattern or "", schema)
        wanted = self.config.field_value_matches
        kept = draft.call(lambda value: holds(value) is wanted, source)
        _, dropped = draft.split(kept)
        dropped.drop()

    def _source(self, side: Side) -> tuple[Var, Schema | None]:
        name = self.config.field_name
        if not name:
            return side.whole(), side.schema
        if side.schema is None:
            side.require_map(self.purpose)
            return side.get_item(name, absent=self.missing_in_map), None
        schema = side.require_struct(self.purpose)
        field = schema.field(name)
        if field is None:
            self.tell_missing([name], schema)
            return NONE, None
        return side.read(self.purpose, with_defaults=True)[field.index], field.schema


def _equals(text: str) -> Callable[[Any], bool]:
    parsed = parse_string(text)
    meant = None if parsed is None else parsed.value
    number = meant if isinstance(meant, int | float) and not isinstance(meant, bool) else number_of(text)

    def holds(value: Any) -> bool:
        if isinstance(value, str):
            return value in (text, meant)
        if isinstance(value, bool):
            return value is meant
        return isinstance(value, int | float) and number is not None and equal(value, number)

    return holds


def _finds(pattern: str, schema: Schema | None) -> Callable[[Any], bool]:
    search = compile_java(pattern).search

    def holds(value: Any) -> bool:
        if not isinstance(value, str | bool | int | float):
            return False
        return search(value if isinstance(value, str) else text_of(value, schema)) is not None

    return holds

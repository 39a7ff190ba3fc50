"""The kit's strategies reach what their arguments promise, and nothing of it without them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import find, given, settings
from hypothesis.errors import NoSuchExample

from connectkit import logical
from connectkit.builder import SchemaBuilder
from connectkit.instant import Instant
from connectkit.schema import Schema, Type
from connectkit.testing.strategies import schemas, values

EASY = settings(max_examples=500, database=None, deadline=None)


def _map_with_null_keys(schema: Schema) -> bool:
    return schema.type is Type.MAP and schema.key_schema is not None and schema.key_schema.optional


def _is_instant(value: Any) -> bool:
    return isinstance(value, Instant)


def test_keys_may_be_null_where_it_is_asked_for() -> None:
    find(schemas(depth=1, null_keys=True), _map_with_null_keys, settings=EASY)
    with pytest.raises(NoSuchExample):
        find(schemas(depth=1), _map_with_null_keys, settings=EASY)


@pytest.mark.parametrize("schema", [logical.DATE, logical.TIMESTAMP])
def test_years_that_python_does_not_know_are_wide(schema: Schema) -> None:
    find(values(schema, wide=True), _is_instant, settings=EASY)
    with pytest.raises(NoSuchExample):
        find(values(schema), _is_instant, settings=EASY)


@given(values(SchemaBuilder.array(logical.TIMESTAMP).build(), wide=True))
def test_wide_values_fit_their_schema(value: Any) -> None:
    SchemaBuilder.array(logical.TIMESTAMP).build().validate(value)


def test_what_is_inside_is_wide_as_well() -> None:
    inner = SchemaBuilder.struct().field("at", logical.TIMESTAMP).build()
    outer = SchemaBuilder.map(logical.DATE, SchemaBuilder.array(inner)).build()
    find(values(outer, wide=True), lambda found: any(map(_is_instant, found)), settings=EASY)
    find(
        values(outer, wide=True),
        lambda found: any(_is_instant(each.values[0]) for items in found.values() for each in items),
        settings=EASY,
    )

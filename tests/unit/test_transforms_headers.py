"""DropHeaders, InsertHeader and HeaderFrom."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from connectkit.errors import ConfigError, DataError
from connectkit.headers import Headers
from connectkit.plugin import plugins
from connectkit.schema import Schema
from tests.support.transforms import apply, sink_record, struct_of


def headers(made: Any) -> list[tuple[str, Any]]:
    return [(header.key, header.value) for header in made.headers]


def test_all_headers_of_the_names_are_dropped() -> None:
    before = Headers().add_string("a", "1").add_string("b", "2").add_string("a", "3")
    record = sink_record({}, headers=before)
    made = apply("DropHeaders", {"headers": "a,c"}, record)
    assert headers(made) == [("b", "2")]
    assert len(record.headers) == 3
    assert made is not record


@pytest.mark.parametrize(
    ("literal", "value", "kind"),
    [
        ("1", 1, "int8"),
        ("70000", 70000, "int32"),
        ("text", "text", "string"),
        ("[1,2]", [1, 2], "array"),
        ("true", True, "boolean"),
        ("2019-08-23T14:34:54.346Z", datetime(2019, 8, 23, 14, 34, 54, 346000, UTC), "int64"),
    ],
)
def test_a_literal_is_of_the_type_it_looks_like(literal: str, value: Any, kind: str) -> None:
    made = apply("InsertHeader", {"header": "h", "value.literal": literal}, sink_record({}))
    (header,) = made.headers
    assert (header.value, header.schema.type.value) == (value, kind)


def test_a_header_is_added_behind_others_of_its_name() -> None:
    record = sink_record({}, headers=Headers().add_string("h", "old"))
    made = apply("InsertHeader", {"header": "h", "value.literal": "new"}, record)
    assert headers(made) == [("h", "old"), ("h", "new")]


def test_fields_are_moved_or_copied_to_headers_in_the_order_given() -> None:
    schema, value = struct_of(a=(Schema.INT32, 1), b=(Schema.STRING, "x"))
    config = {"fields": "b,a", "headers": "hb,ha", "operation": "move"}
    moved = apply("HeaderFrom$Value", config, sink_record(value, schema))
    assert headers(moved) == [("hb", "x"), ("ha", 1)]
    assert moved.value_schema.fields == ()
    assert [header.schema for header in moved.headers] == [Schema.STRING, Schema.INT32]
    copied = apply("HeaderFrom$Value", {**config, "operation": "copy"}, sink_record(value, schema))
    assert headers(copied) == [("hb", "x"), ("ha", 1)]
    assert copied.value is value


def test_a_map_gives_headers_without_a_schema() -> None:
    config = {"fields": "a,missing", "headers": "h,m", "operation": "move"}
    made = apply("HeaderFrom$Value", config, sink_record({"a": 1, "b": 2}))
    assert [(header.value, header.schema) for header in made.headers] == [(1, None), (None, None)]
    assert made.value == {"b": 2}


def test_a_field_that_is_not_in_the_struct_fails() -> None:
    schema, value = struct_of(name=(Schema.STRING, "x"))
    config = {"fields": "nam", "headers": "h", "operation": "copy"}
    with pytest.raises(DataError, match="did you mean 'name'"):
        apply("HeaderFrom$Value", config, sink_record(value, schema))


@pytest.mark.parametrize(
    ("name", "config", "key"),
    [
        ("HeaderFrom$Value", {"fields": "a,b", "headers": "h", "operation": "move"}, "headers"),
        ("HeaderFrom$Value", {"fields": "a", "headers": "h", "operation": "MOVE"}, "operation"),
        ("DropHeaders", {"headers": ""}, "headers"),
        ("InsertHeader", {"header": "h"}, "value.literal"),
    ],
)
def test_what_is_wrong_is_told_by_its_key(name: str, config: dict[str, str], key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        plugins.create("transform", name, config)
    assert list(caught.value.problems) == [key]

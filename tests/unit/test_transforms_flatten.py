"""Flatten: names joined, null structs, defaults, collisions."""

from __future__ import annotations

import pytest

from connectkit.builder import SchemaBuilder
from connectkit.errors import DataError
from connectkit.schema import Schema
from connectkit.struct import Struct
from tests.support.transforms import apply, fields_of, sink_record, struct_of


def test_nested_maps_become_one_with_joined_names() -> None:
    value = {"a": 1, "b": {"c": 2, "d": {"e": None, "f": {}}}, "l": [{"x": 1}]}
    made = apply("Flatten$Value", {"delimiter": "_"}, sink_record(value))
    assert made.value == {"a": 1, "b_c": 2, "b_d_e": None, "l": [{"x": 1}]}


def test_the_later_of_two_equal_names_wins_in_a_map_and_is_refused_in_a_struct() -> None:
    made = apply("Flatten$Value", {}, sink_record({"a.b": 1, "a": {"b": 2}}))
    assert made.value == {"a.b": 2}
    inner = SchemaBuilder.struct().field("b", Schema.INT32).build()
    schema, value = struct_of(**{"a.b": (Schema.INT32, 1), "a": (inner, Struct.of(inner, [2]))})
    with pytest.raises(DataError, match="duplication"):
        apply("Flatten$Value", {}, sink_record(value, schema))


def test_a_leaf_is_as_optional_as_what_is_around_it() -> None:
    inner = SchemaBuilder.struct().field("b", Schema.INT32).optional().build()
    schema, value = struct_of(a=(inner, None), c=(Schema.STRING, "x"))
    made = apply("Flatten$Value", {}, sink_record(value, schema))
    assert [(f.name, f.schema.optional) for f in made.value_schema.fields] == [("a.b", True), ("c", False)]
    assert fields_of(made.value) == {"a.b": None, "c": "x"}


def test_defaults_come_along() -> None:
    leaf = SchemaBuilder.int32().optional().default(5).build()
    inner = SchemaBuilder.struct().field("b", leaf).build()
    schema, value = struct_of(a=(inner, Struct.of(inner, [None])))
    made = apply("Flatten$Value", {}, sink_record(value, schema))
    assert made.value["a.b"] == 5
    assert made.value_schema.field("a.b").schema.default == 5


def test_a_map_inside_a_struct_is_refused_with_its_path() -> None:
    tags = SchemaBuilder.map_of(Schema.STRING, Schema.INT32).build()
    inner = SchemaBuilder.struct().field("tags", tags).build()
    schema, value = struct_of(a=(inner, Struct.of(inner, [{}])))
    with pytest.raises(DataError) as caught:
        apply("Flatten$Value", {}, sink_record(value, schema))
    assert caught.value.path == "$.a.tags"


def test_values_that_no_record_holds_are_refused() -> None:
    for value in (object(), 1 << 63, {1, 2}):
        with pytest.raises(DataError, match="none that records can hold"):
            apply("Flatten$Value", {}, sink_record({"a": value}))


def test_a_map_nested_without_end_is_refused() -> None:
    deep: dict[str, object] = {}
    for _ in range(100_000):
        deep = {"a": deep}
    with pytest.raises(DataError, match="too deeply"):
        apply("Flatten$Value", {}, sink_record(deep))


def test_an_empty_name_is_no_prefix() -> None:
    value = {"": {"": "deep", "a": {"": 1}}}
    assert apply("Flatten$Value", {}, sink_record(value)).value == {"": "deep", "a.": 1}

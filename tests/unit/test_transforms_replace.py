"""ReplaceField."""

from __future__ import annotations

from typing import Any

import pytest

from connectkit.builder import SchemaBuilder
from connectkit.errors import ConfigError, DataError
from connectkit.plugin import plugins
from connectkit.schema import Schema
from connectkit.struct import Struct
from tests.support.transforms import apply, fields_of, sink_record, struct_of

VALUE = {"a": 1, "b": 2, "c": 3}


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"exclude": "a"}, {"b": 2, "c": 3}),
        ({"include": "a,c"}, {"a": 1, "c": 3}),
        ({"include": "a,c", "exclude": "c"}, {"a": 1}),
        ({"renames": "a:x"}, {"x": 1, "b": 2, "c": 3}),
        ({"renames": "a:b,b:a"}, {"b": 1, "a": 2, "c": 3}),
        ({"renames": "a:c", "exclude": "c"}, {"c": 1, "b": 2}),
        ({"renames": "a:x", "include": "a"}, {"x": 1}),
        ({"renames": "a:x:", "exclude": "missing"}, {"x": 1, "b": 2, "c": 3}),
    ],
    ids=str,
)
def test_fields_are_left_out_kept_and_renamed(config: dict[str, str], expected: dict[str, Any]) -> None:
    schema, value = struct_of(**{name: (Schema.INT32, item) for name, item in VALUE.items()})
    made = apply("ReplaceField$Value", config, sink_record(value, schema))
    assert fields_of(made.value) == expected
    assert apply("ReplaceField$Value", config, sink_record(dict(VALUE))).value == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"a": 1, "b": 2}, {"b": 2}),
        ({"b": 2, "a": 1}, {"b": 1}),
        ({"b": 2}, {"b": 2}),
        ({"a": None}, {"b": None}),
    ],
)
def test_the_later_of_two_entries_of_one_name_stays(value: dict[str, Any], expected: dict[str, Any]) -> None:
    assert apply("ReplaceField$Value", {"renames": "a:b"}, sink_record(value)).value == expected


def test_the_new_schema_keeps_the_basics_but_not_whether_it_is_optional() -> None:
    schema = SchemaBuilder.struct().name("n").version(3).doc("d").field("a", Schema.INT32).optional().build()
    made = apply("ReplaceField$Value", {"renames": "a:b"}, sink_record(Struct.of(schema, [1]), schema))
    found = made.value_schema
    assert (found.name, found.version, found.doc, found.optional) == ("n", 3, "d", False)


def test_two_fields_of_one_name_are_refused() -> None:
    schema, value = struct_of(a=(Schema.INT32, 1), b=(Schema.INT32, 2))
    with pytest.raises(DataError, match="duplication b"):
        apply("ReplaceField$Value", {"renames": "a:b"}, sink_record(value, schema))


@pytest.mark.parametrize("renames", ["a", "a:", "a:b:c"])
def test_a_rename_has_two_parts(renames: str) -> None:
    with pytest.raises(ConfigError, match="not of the form from:to"):
        plugins.create("transform", "ReplaceField$Value", {"renames": renames})


def test_a_value_that_lands_in_a_field_of_another_type_is_refused() -> None:
    schema, value = struct_of(a=(Schema.STRING, "x"), b=(Schema.INT32, 1))
    # As in Connect: b is left where it is, but read where a rename to b would have read.
    with pytest.raises(DataError, match='for field: "b"'):
        apply("ReplaceField$Value", {"exclude": "a", "renames": "a:b"}, sink_record(value, schema))


def test_of_two_renames_to_one_name_java_s_order_decides_which_is_read() -> None:
    schema, value = struct_of(id=(Schema.INT32, 1), c=(Schema.INT32, 2))
    config = {"exclude": "c", "renames": "id:n,c:n"}
    assert fields_of(apply("ReplaceField$Value", config, sink_record(value, schema)).value) == {"n": 1}
    swapped = {"exclude": "id", "renames": "id:n,c:n"}
    assert fields_of(apply("ReplaceField$Value", swapped, sink_record(value, schema)).value) == {"n": 1}

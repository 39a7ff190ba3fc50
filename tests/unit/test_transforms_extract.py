"""ExtractField and HoistField."""

from __future__ import annotations

import pytest

from connectkit.builder import SchemaBuilder
from connectkit.errors import ConfigError, DataError, SchemaError
from connectkit.plugin import plugins
from connectkit.schema import Schema
from tests.support.transforms import apply, sink_record, struct_of


def test_a_field_becomes_the_value_with_its_own_schema() -> None:
    named = SchemaBuilder.int64().name("n").build()
    schema, value = struct_of(id=(named, 7), other=(Schema.STRING, "x"))
    made = apply("ExtractField$Value", {"field": "id"}, sink_record(value, schema))
    assert (made.value_schema, made.value, made.key) == (named, 7, "k")


def test_a_key_is_edited_by_the_form_for_keys() -> None:
    made = apply("ExtractField$Key", {"field": "id"}, sink_record("v", key_schema=None, key={"id": 1}))
    assert (made.key, made.value) == (1, "v")


def test_an_unset_field_is_given_its_default_unless_told_not_to() -> None:
    with_default = SchemaBuilder.int64().optional().default(9).build()
    schema, value = struct_of(id=(with_default, None))
    record = sink_record(value, schema)
    assert apply("ExtractField$Value", {"field": "id"}, record).value == 9
    kept = {"field": "id", "replace.null.with.default": "false"}
    assert apply("ExtractField$Value", kept, record).value is None


def test_a_field_that_is_not_there_fails_in_a_struct_and_is_null_in_a_map() -> None:
    schema, value = struct_of(order_id=(Schema.INT64, 7))
    with pytest.raises(DataError, match="did you mean 'order_id'"):
        apply("ExtractField$Value", {"field": "orderid"}, sink_record(value, schema))
    assert apply("ExtractField$Value", {"field": "x"}, sink_record({"y": 1})).value is None


@pytest.mark.parametrize("value", ["text", 5, [1]])
def test_what_is_neither_struct_nor_map_is_refused(value: object) -> None:
    with pytest.raises(DataError, match="needs a map"):
        apply("ExtractField$Value", {"field": "x"}, sink_record(value))


def test_an_unclosed_backtick_is_refused_with_its_position() -> None:
    with pytest.raises(ConfigError, match="backtick at position 2"):
        plugins.create("transform", "ExtractField$Value", {"field": "a.`b", "field.syntax.version": "v2"})


def test_anything_can_be_hoisted() -> None:
    assert apply("HoistField$Value", {"field": "f"}, sink_record([1])).value == {"f": [1]}
    made = apply("HoistField$Value", {"field": "f"}, sink_record("x", Schema.STRING))
    assert [(f.name, f.schema) for f in made.value_schema.fields] == [("f", Schema.STRING)]
    assert made.value["f"] == "x"
    with pytest.raises(SchemaError, match="null used for required field"):
        apply("HoistField$Value", {"field": "f"}, sink_record(None, Schema.STRING))


def test_a_path_into_the_key_is_followed_by_the_transform_alone_as_in_a_chain() -> None:
    schema, key = struct_of(id=(Schema.INT64, 7))
    value_schema, value = struct_of(name=(Schema.STRING, "x"))
    record = sink_record(value, value_schema, key_schema=schema, key=key)
    config = {"field": "key.id", "field.syntax.version": "V2"}
    assert apply("ExtractField$Value", config, record).value == 7
    with pytest.raises(DataError, match=r"'key\.nr' is not in the record"):
        apply("ExtractField$Value", {**config, "field": "key.nr"}, record)

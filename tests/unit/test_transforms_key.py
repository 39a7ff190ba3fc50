"""ValueToKey."""

from __future__ import annotations

import pytest

from connectkit.builder import SchemaBuilder
from connectkit.errors import ConfigError, DataError
from connectkit.plugin import plugins
from connectkit.schema import Schema
from tests.support.transforms import apply, fields_of, sink_record, struct_of


def test_a_key_is_made_of_fields_in_the_order_given() -> None:
    schema, value = struct_of(a=(Schema.INT64, 7), b=(Schema.OPTIONAL_STRING, None), c=(Schema.STRING, "x"))
    made = apply("ValueToKey", {"fields": "c,a"}, sink_record(value, schema))
    assert [(f.name, f.schema) for f in made.key_schema.fields] == [("c", Schema.STRING), ("a", Schema.INT64)]
    assert fields_of(made.key) == {"c": "x", "a": 7}
    assert made.key_schema.name is None
    assert made.value is value


def test_a_default_takes_the_place_of_what_is_unset_unless_told_not_to() -> None:
    with_default = SchemaBuilder.int32().optional().default(5).build()
    schema, value = struct_of(a=(with_default, None))
    assert apply("ValueToKey", {"fields": "a"}, sink_record(value, schema)).key.values == [5]
    kept = {"fields": "a", "replace.null.with.default": "false"}
    assert apply("ValueToKey", kept, sink_record(value, schema)).key.values == [None]


def test_a_map_gives_a_map_with_null_for_what_is_missing() -> None:
    made = apply("ValueToKey", {"fields": "a,b"}, sink_record({"a": 1}))
    assert (made.key_schema, made.key) == (None, {"a": 1, "b": None})


def test_a_struct_without_the_field_fails() -> None:
    schema, value = struct_of(order_id=(Schema.INT64, 7))
    with pytest.raises(DataError, match="did you mean 'order_id'"):
        apply("ValueToKey", {"fields": "orderid"}, sink_record(value, schema))
    loose = apply("ValueToKey", {"fields": "order_id,x", "on.missing": "ignore"}, sink_record(value, schema))
    assert fields_of(loose.key) == {"order_id": 7}


def test_repetitions_are_dropped_and_empty_names_refused() -> None:
    assert apply("ValueToKey", {"fields": "a,a"}, sink_record({"a": 1})).key == {"a": 1}
    for fields in ("", "a,,b"):
        with pytest.raises(ConfigError):
            plugins.create("transform", "ValueToKey", {"fields": fields})

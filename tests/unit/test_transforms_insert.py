"""InsertField: coordinates, timestamp, fixed text; optional and required fields."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from connectkit import logical
from connectkit.errors import ConfigError, DataError
from connectkit.plugin import plugins
from connectkit.record import SourceRecord
from connectkit.schema import Schema
from tests.support.transforms import apply, fields_of, sink_record, struct_of

ALL = {
    "topic.field": "t!",
    "partition.field": "p",
    "offset.field": "o?",
    "timestamp.field": "ts",
    "static.field": "s",
    "static.value": "x",
}


def test_fields_follow_the_others_in_a_set_order() -> None:
    schema, value = struct_of(id=(Schema.INT64, 7))
    made = apply("InsertField$Value", ALL, sink_record(value, schema))
    assert fields_of(made.value) == {
        "id": 7,
        "t": "orders",
        "p": 3,
        "o": 42,
        "ts": datetime(2021, 1, 1, 0, 0, 0, 123000, UTC),
        "s": "x",
    }
    kinds = {field.name: field.schema for field in made.value_schema.fields}
    assert kinds["t"] == Schema.STRING
    assert kinds["p"] == Schema.OPTIONAL_INT32
    assert kinds["ts"].name == logical.TIMESTAMP.name
    assert kinds["ts"].optional


def test_a_map_is_given_milliseconds_and_only_what_there_is() -> None:
    record = sink_record({"t": "old"}, timestamp=None)
    assert apply("InsertField$Value", ALL, record).value == {"t": "orders", "p": 3, "o": 42, "s": "x"}
    assert apply("InsertField$Value", ALL, sink_record({})).value["ts"] == 1609459200123


def test_a_name_that_is_taken_is_refused_in_a_struct() -> None:
    schema, value = struct_of(id=(Schema.INT64, 7))
    with pytest.raises(DataError, match="duplication id"):
        apply("InsertField$Value", {"topic.field": "id"}, sink_record(value, schema))


def test_a_source_record_has_no_offset() -> None:
    transform = plugins.create("transform", "InsertField$Value", {"offset.field": "o"})
    with pytest.raises(DataError, match="sink connector"):
        transform.apply(SourceRecord({}, {}, "t", None, {}))


@pytest.mark.parametrize(("config", "key"), [({}, "topic.field"), ({"static.field": "s"}, "static.value")])
def test_something_must_be_inserted(config: dict[str, str], key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        plugins.create("transform", "InsertField$Value", config)
    assert list(caught.value.problems) == [key]

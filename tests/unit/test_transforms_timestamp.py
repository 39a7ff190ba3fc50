"""TimestampConverter: each form of a time from each other, and what is no time."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Any

import pytest

from connectkit import logical
from connectkit.builder import SchemaBuilder
from connectkit.errors import ConfigError, ConnectError, DataError
from connectkit.plugin import plugins
from connectkit.schema import Schema
from tests.support.transforms import apply, sink_record, struct_of

MOMENT = datetime(2021, 1, 1, 1, 2, 3, 456000, UTC)
MILLIS = 1609462923456
FORMAT = "yyyy-MM-dd'T'HH:mm:ss.SSS"
TEXT = "2021-01-01T01:02:03.456"


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("string", TEXT),
        ("unix", MILLIS),
        ("Date", date(2021, 1, 1)),
        ("Time", time(1, 2, 3, 456000)),
        ("Timestamp", MOMENT),
    ],
)
@pytest.mark.parametrize("given", [TEXT, MILLIS, MOMENT])
def test_each_form_becomes_each_other(given: Any, target: str, expected: Any) -> None:
    config = {"target.type": target, "format": FORMAT, "field": "f"}
    assert apply("TimestampConverter$Value", config, sink_record({"f": given})).value == {"f": expected}
    whole = {"target.type": target, "format": FORMAT}
    assert apply("TimestampConverter$Value", whole, sink_record(given)).value == expected


@pytest.mark.parametrize(
    ("precision", "unix", "back"),
    [
        ("seconds", 1609462923, 1609462923),
        ("microseconds", 1609462923456789, 1609462923456000),
        ("nanoseconds", 1609462923456789012, 1609462923456000000),
        ("seconds", -1, -1),
        ("microseconds", -1, 0),
        ("nanoseconds", -(1 << 63), -9223372036854000000),
    ],
)
def test_unix_times_have_a_precision(precision: str, unix: int, back: int) -> None:
    config = {"target.type": "unix", "unix.precision": precision}
    assert apply("TimestampConverter$Value", config, sink_record(unix)).value == back


def test_the_schema_is_that_of_the_target_and_as_optional_as_before() -> None:
    named = SchemaBuilder.int64().name("n").doc("d").optional().default(5).build()
    schema, value = struct_of(at=(named, MILLIS), other=(Schema.STRING, "x"))
    config = {"target.type": "Date", "field": "at"}
    made = apply("TimestampConverter$Value", config, sink_record(value, schema))
    found = made.value_schema.field("at").schema
    assert (found.name, found.optional, found.default, found.doc) == (logical.DATE.name, True, None, None)
    assert made.value["at"] == date(2021, 1, 1)


def test_nulls_stay_null() -> None:
    config = {"target.type": "unix", "field": "f"}
    assert apply("TimestampConverter$Value", config, sink_record({"f": None})).value == {"f": None}
    made = apply("TimestampConverter$Value", {"target.type": "unix"}, sink_record(None, logical.TIMESTAMP))
    assert (made.value_schema, made.value) == (Schema.INT64, None)


def test_a_text_is_read_as_far_as_the_pattern_goes_or_refused_without_being_told() -> None:
    config = {"target.type": "unix", "format": "yyyy-MM-dd"}
    assert apply("TimestampConverter$Value", config, sink_record("2021-01-01 and more")).value is not None
    with pytest.raises(DataError) as caught:
        apply("TimestampConverter$Value", config, sink_record("secret"))
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("value", [True, 1.5, [1], {"a": 1}, b"x"])
def test_other_classes_are_no_timestamps(value: Any) -> None:
    with pytest.raises(DataError, match="no timestamp"):
        apply("TimestampConverter$Value", {"target.type": "unix", "field": "f"}, sink_record({"f": value}))


def test_a_field_of_another_type_is_the_configurations_mistake() -> None:
    schema, value = struct_of(f=(Schema.INT32, 1))
    with pytest.raises(ConnectError, match="no known format") as caught:
        apply("TimestampConverter$Value", {"target.type": "unix", "field": "f"}, sink_record(value, schema))
    assert not isinstance(caught.value, DataError)


@pytest.mark.parametrize(
    ("config", "key"),
    [
        ({"target.type": "string"}, "format"),
        ({"target.type": "string", "format": "bad"}, "format"),
        ({"target.type": "timestamp"}, "target.type"),
        ({"target.type": "unix", "unix.precision": "minutes"}, "unix.precision"),
    ],
)
def test_a_configuration_that_cannot_work_is_refused(config: dict[str, str], key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        plugins.create("transform", "TimestampConverter$Value", config)
    assert list(caught.value.problems) == [key]

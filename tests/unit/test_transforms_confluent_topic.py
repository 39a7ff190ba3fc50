"""Confluent's ExtractTopic and MessageTimestampRouter."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from connectkit import logical
from connectkit.builder import SchemaBuilder
from connectkit.headers import Headers
from connectkit.schema import Schema
from connectkit.struct import Struct
from tests.support.smt import fails, make, problems, run, sink

NAME = "io.confluent.connect.transforms.ExtractTopic"
INNER = SchemaBuilder.struct().field("f3", Schema.OPTIONAL_STRING).optional().build()
SCHEMA = (
    SchemaBuilder.struct()
    .field("f1", INNER)
    .field("f2", Schema.OPTIONAL_STRING)
    .field("d", SchemaBuilder.string().default("preset").build())
    .field("n", Schema.INT32)
    .build()
)


def struct(f3: str | None = "in", f2: str | None = "x") -> Struct:
    return Struct.of(SCHEMA, [Struct.of(INNER, [f3]), f2, None, 1])


def topic(record: Any, side: str = "$Value", **options: Any) -> str | None:
    made = run(make(NAME + side, **options), record, checked=False)
    assert made.value == record.value
    assert made.key == record.key
    found: str | None = made.topic
    return found


def test_the_whole_key_or_value() -> None:
    assert topic(sink(None, key="k", key_schema=Schema.STRING), "$Key") == "k"
    assert topic(sink("v")) == "v"


def test_a_field() -> None:
    assert topic(sink(struct(), SCHEMA), field="f2") == "x"
    assert topic(sink(struct(), SCHEMA), field="d") == "preset"
    assert topic(sink({"f2": "x"}), field="f2") == "x"
    assert topic(sink(None, key={"f3": "y"}), "$Key", field="f3") == "y"
    assert topic(sink({"a.b": "dots"}), field="a.b") == "dots", "a plain name is no path"


@pytest.mark.parametrize("path", ['$["f1"]["f3"]', "$.f1.f3"])
def test_a_json_path(path: str) -> None:
    for record in (sink(struct(), SCHEMA), sink({"f1": {"f3": "in"}})):
        assert topic(record, field=path, field_format="JSON_PATH") == "in"


@pytest.mark.parametrize(
    ("record", "options"),
    [
        (sink({}), {"field": "f2"}),
        (sink({"f2": None}), {"field": "f2"}),
        (sink({"f2": ""}), {"field": "f2"}),
        (sink(struct(f2=None), SCHEMA), {"field": "f2"}),
        (sink(struct(), SCHEMA), {"field": "no"}),
        (sink(struct(f3=None), SCHEMA), {"field": "$.f1.f3", "field_format": "JSON_PATH"}),
        (sink(struct(), SCHEMA), {"field": "$.f1.no.more", "field_format": "JSON_PATH"}),
        (sink(None, SCHEMA), {"field": "f2"}),
        (sink(None), {}),
        (sink(None, Schema.OPTIONAL_STRING), {}),
    ],
)
def test_missing_or_null(record: Any, options: dict[str, Any]) -> None:
    assert "skip.missing.or.null" in str(fails(make(NAME + "$Value", **options), record))
    assert topic(record, **options, skip_missing_or_null=True) == "t"


def test_only_strings_name_topics() -> None:
    for record in (sink({"n": 1}), sink(struct(), SCHEMA)):
        error = fails(make(NAME + "$Value", field="n", skip_missing_or_null=True), record)
        assert "is of class int" in str(error)
        assert error.path == "$.n"
    fails(make(NAME + "$Value", field="f2"), sink("text"))
    fails(make(NAME + "$Value", field="f2"), sink("text", Schema.STRING))


def test_a_header() -> None:
    headers = Headers().add_string("route", "first").add_string("route", "last").add_string("other", "o")
    assert topic(sink({}, headers=headers), "$Header", field="route") == "last"
    assert topic(sink(None), "$Header", field="route", skip_missing_or_null="true") == "t"
    assert "the configured header" in str(fails(make(NAME + "$Header", field="route"), sink(None)))


def test_bad_configuration_of_extract_topic() -> None:
    found = problems(NAME + "$Value", field="f[", field_format="JSON_PATH")
    assert "position 0" in found["field"][0]
    found = problems(NAME + "$Value", field="$..a", field_format="JSON_PATH")
    assert "one value" in found["field"][0]
    assert set(problems(NAME + "$Value", field_format="XPATH")) == {"field.format"}
    assert set(problems(NAME + "$Header")) == {"field"}
    assert set(problems(NAME + "$Header", field="h", field_format="JSON_PATH")) == {"field.format"}
    assert set(problems(NAME + "$Value", skip_missing_or_null="perhaps")) == {"skip.missing.or.null"}


# --- MessageTimestampRouter

ROUTER = "io.confluent.connect.transforms.MessageTimestampRouter"
DOCUMENTED = {
    "topic_format": "foo-${topic}-${timestamp}",
    "message_timestamp_format": "yyyy-MM-dd",
    "topic_timestamp_format": "yyyy.MM.dd",
    "message_timestamp_keys": "timestamp,time,ts",
}
MILLIS = 1_565_049_600_000  # 2019-08-06


def test_the_documented_example() -> None:
    router = make("MessageTimestampRouter", **DOCUMENTED)
    assert run(router, sink({"time": "2019-08-06"}, topic="bar")).topic == "foo-bar-2019.08.06"


def test_the_first_key_that_has_a_value_counts() -> None:
    router = make(ROUTER, **DOCUMENTED)
    value = {"ts": "2000-01-01", "time": "2019-08-06", "timestamp": None}
    assert run(router, sink(value)).topic == "foo-t-2019.08.06"


def test_the_defaults() -> None:
    router = make(ROUTER, message_timestamp_keys="at")
    assert run(router, sink({"at": "2019-08-06T23:59:59"})).topic == "t-20190806"


def test_numbers_and_moments() -> None:
    router = make(ROUTER, message_timestamp_keys="at")
    assert run(router, sink({"at": MILLIS})).topic == "t-20190806"
    assert run(router, sink({"at": datetime(2019, 8, 6, tzinfo=UTC)})).topic == "t-20190806"


def test_structs_serve_as_well() -> None:
    schema = SchemaBuilder.struct().field("at", logical.TIMESTAMP).build()
    router = make(ROUTER, message_timestamp_keys="other,at")
    record = sink(Struct.of(schema, [datetime(2019, 8, 6, tzinfo=UTC)]), schema)
    assert run(router, record).topic == "t-20190806"
    fails(make(ROUTER, message_timestamp_keys="other"), record)


def test_what_cannot_be_routed() -> None:
    router = make(ROUTER, message_timestamp_keys="at")
    for value in (None, {}, {"at": None}, {"at": "yesterday"}, {"at": True}, {"at": 1.5}, "text", [1]):
        fails(router, sink(value))
    fails(router, sink("text", Schema.STRING))
    fails(router, sink(None, SchemaBuilder.struct().field("at", Schema.INT64).build()))


def test_bad_configuration_of_the_router() -> None:
    assert set(problems(ROUTER)) == {"message.timestamp.keys"}
    assert set(problems(ROUTER, message_timestamp_keys="a,,b")) == {"message.timestamp.keys"}
    found = problems(
        ROUTER, message_timestamp_keys="a", topic_timestamp_format="bbbb", message_timestamp_format="'x"
    )
    assert set(found) == {"topic.timestamp.format", "message.timestamp.format"}

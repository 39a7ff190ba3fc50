"""Aiven's ExtractTopic, ExtractTopicFromSchemaName and ExtractTimestamp."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectkit import logical
from connectkit.builder import SchemaBuilder
from connectkit.errors import ConfigError
from connectkit.float32 import round32
from connectkit.instant import timestamp_from
from connectkit.schema import Schema
from connectkit.struct import Struct
from tests.support.smt import fails, make, problems, run, sink

TOPIC = "io.aiven.kafka.connect.transforms.ExtractTopic"
FIELDS = {
    "i8": (Schema.INT8, 1, "1"),
    "i64": (Schema.INT64, -5, "-5"),
    "f32": (Schema.FLOAT32, round32(0.1), "0.1"),
    "f64": (Schema.FLOAT64, 1e10, "1.0E10"),
    "yes": (Schema.BOOLEAN, True, "true"),
    "s": (Schema.STRING, "orders", "orders"),
    "preset": (SchemaBuilder.string().optional().default("d").build(), None, "d"),
}
BAD: dict[str, tuple[Schema, Any]] = {
    "bytes": (Schema.BYTES, b"x"),
    "list": (SchemaBuilder.array(Schema.STRING).build(), ["x"]),
    "map": (SchemaBuilder.map(Schema.STRING, Schema.STRING).build(), {"x": "y"}),
}


def schema_of(fields: dict[str, Any]) -> Schema:
    builder = SchemaBuilder.struct()
    for name, given_ in fields.items():
        builder.field(name, given_[0])
    return builder.field("null", Schema.OPTIONAL_STRING).field("empty", Schema.STRING).build()


SCHEMA = schema_of({**FIELDS, **BAD})
STRUCT = Struct.of(SCHEMA, [*(f[1] for f in FIELDS.values()), *(f[1] for f in BAD.values()), None, ""])
MAP = {**{name: f[1] for name, f in {**FIELDS, **BAD}.items()}, "null": None, "empty": "", "blank": " "}


@pytest.mark.parametrize("name", FIELDS)
def test_a_field_names_the_topic(name: str) -> None:
    transform = make(TOPIC + "$Value", field_name=name)
    assert run(transform, sink(STRUCT, SCHEMA)).topic == FIELDS[name][2]
    if FIELDS[name][1] is not None and name != "f32":  # without a schema it is a float64
        assert run(transform, sink(MAP)).topic == FIELDS[name][2]
    assert run(make(TOPIC + "$Key", field_name=name), sink(None, key=STRUCT, key_schema=SCHEMA)).topic


@pytest.mark.parametrize("name", FIELDS)
def test_the_whole_names_the_topic(name: str) -> None:
    schema, value, text = FIELDS[name]
    if value is not None:
        assert run(make(TOPIC + "$Value"), sink(value, schema)).topic == text
        assert (
            run(make(TOPIC + "$Key", field_name=""), sink(None, key=value, key_schema=schema)).topic == text
        )


@pytest.mark.parametrize("name", BAD)
def test_other_types_do_not(name: str) -> None:
    for record in (sink(STRUCT, SCHEMA), sink(MAP)):
        error = fails(make(TOPIC + "$Value", field_name=name, skip_missing_or_null=True), record)
        assert error.path == f"$.{name}"
    schema, value = BAD[name]
    fails(make(TOPIC + "$Value"), sink(value, schema))
    fails(make(TOPIC + "$Value"), sink(value))
    fails(make(TOPIC + "$Value"), sink(STRUCT, SCHEMA))


@pytest.mark.parametrize("name", ["null", "empty", "missing", "blank"])
def test_missing_null_or_empty(name: str) -> None:
    for record in (sink(STRUCT, SCHEMA), sink(MAP)):
        error = fails(make(TOPIC + "$Value", field_name=name), record)
        assert error.path == f"$.{name}"
        made = run(make(TOPIC + "$Value", field_name=name, skip_missing_or_null=True), record)
        assert made.topic == "t"
    assert "MAP" not in repr(error)


def test_a_null_or_empty_whole() -> None:
    for record in (
        sink(None),
        sink(""),
        sink("  "),
        sink(None, Schema.OPTIONAL_STRING),
        sink("", Schema.STRING),
    ):
        fails(make(TOPIC + "$Value"), record)
        assert run(make(TOPIC + "$Value", skip_missing_or_null=True), record).topic == "t"


def test_a_field_of_nothing_is_an_error_even_if_missing_ones_are_skipped() -> None:
    transform = make(TOPIC + "$Value", field_name="s", skip_missing_or_null=True)
    for record in (sink(None), sink(None, SCHEMA), sink("text"), sink("text", Schema.STRING)):
        fails(transform, record)


def test_topics_of_two_vendors_have_no_short_name() -> None:
    with pytest.raises(ConfigError, match="means several plugins"):
        make("ExtractTopic$Value")
    assert set(problems(TOPIC + "$Value", skip_missing_or_null="maybe")) == {"skip.missing.or.null"}


# --- ExtractTopicFromSchemaName

NAMED = "io.aiven.kafka.connect.transforms.ExtractTopicFromSchemaName$Value"
ACME = SchemaBuilder.struct().name("com.acme.Order").build()


def topic_by_name(schema: Schema = ACME, value: Any = None, **options: str) -> Any:
    transform = make(NAMED, **{"schema.name." + name: each for name, each in options.items()})
    return run(transform, sink(value, schema), checked=False).topic


def test_the_schemas_name() -> None:
    assert topic_by_name() == "com.acme.Order"
    assert topic_by_name(value=Struct.of(ACME, [])) == "com.acme.Order"
    assert topic_by_name(SchemaBuilder.string().name("plain").build(), "x") == "plain"


def test_by_map_and_by_regex() -> None:
    topics = {"topic-map": "com.acme.Order:orders, com.acme.Customer:customers"}
    assert topic_by_name(ACME, None, **topics) == "orders"
    assert topic_by_name(SchemaBuilder.struct().name("other").build(), None, **topics) == "other"
    assert topic_by_name(regex=r"(?:[.]|^)([^.]*)$") == "Order"
    assert topic_by_name(regex=r"nothing(.)like") == "com.acme.Order"
    assert topic_by_name(regex=r"(acme)[.](Order)") == "com.acme.Order", "only with one group"


def test_schemas_without_a_name_fail() -> None:
    fails(make(NAMED), sink("x"))
    fails(make(NAMED), sink("x", Schema.STRING))
    empty = make(NAMED, **{"schema.name.regex": r"(x*)$"})
    assert "empty" in str(fails(empty, sink(Struct.of(ACME, []), ACME)))


def test_bad_configuration_of_names() -> None:
    key = "schema.name.topic-map"
    assert set(problems(NAMED, **{key: "a:b", "schema.name.regex": "(x)"})) == {"schema.name.regex"}
    for text in ("a", "a:", ":b", "a:b:c", "a:b,a:c", "a:b,"):
        assert set(problems(NAMED, **{key: text})) == {key}
    assert set(problems(NAMED, **{"schema.name.regex": "("})) == {"schema.name.regex"}
    assert set(problems(NAMED, **{"schema.name.regex": "(a+)+b"})) == {"schema.name.regex"}
    with pytest.raises(ConfigError):
        make(NAMED.replace("$Value", "$Key"))


# --- ExtractTimestamp

STAMP = "io.aiven.kafka.connect.transforms.ExtractTimestamp"
MOMENT = datetime(2021, 2, 3, 4, 5, 6, 789_000, tzinfo=UTC)
MILLIS = 1_612_325_106_789


@pytest.mark.parametrize(
    ("value", "millis"),
    [(MILLIS, MILLIS), (MOMENT, MILLIS), (-1, -1), (0, 0), (timestamp_from(10**15), 10**15)],
)
def test_a_field_becomes_the_timestamp(value: Any, millis: int) -> None:
    schema = SchemaBuilder.struct().field("at", Schema.INT64 if isinstance(value, int) else logical.TIMESTAMP)
    built = schema.build()
    for record in (sink({"at": value}), sink(Struct.of(built, [value]), built)):
        made = run(make(STAMP + "$Value", field_name="at"), record)
        assert (made.timestamp, made.value) == (millis, record.value)
    made = run(make("ExtractTimestamp$Key", field_name="at"), sink(None, key={"at": value}))
    assert made.timestamp == millis


def test_seconds_are_for_numbers_only() -> None:
    transform = make(STAMP + "$Value", field_name="at", timestamp_resolution="seconds")
    assert run(transform, sink({"at": 1_612_325_106})).timestamp == 1_612_325_106_000
    assert run(transform, sink({"at": MOMENT})).timestamp == MILLIS
    assert run(transform, sink({"at": 1 << 62})).timestamp == (1 << 63) - 1, "as Java's TimeUnit"
    assert run(transform, sink({"at": -(1 << 62)})).timestamp == -(1 << 63)


def test_dates_and_times_count_as_javas_dates() -> None:
    builder = SchemaBuilder.struct().field("d", logical.DATE).field("t", logical.TIME)
    schema = builder.field("o", SchemaBuilder.int64().default(9).build()).build()
    record = sink(Struct.of(schema, [date(1970, 1, 2), time(0, 0, 1), None]), schema)
    found = [run(make(STAMP + "$Value", field_name=n), record, checked=False).timestamp for n in "dto"]
    assert found == [86_400_000, 1000, 9]


@pytest.mark.parametrize("value", [None, "1", 1.5, True, b"1", 1 << 63])
def test_other_values_fail(value: Any) -> None:
    assert fails(make(STAMP + "$Value", field_name="at"), sink({"at": value})).path == "$.at"


def test_missing_fields_and_other_records_fail() -> None:
    transform = make(STAMP + "$Value", field_name="at")
    narrow = SchemaBuilder.struct().field("at", Schema.INT32).field("nah", Schema.INT64).build()
    for record in (
        sink({}), sink(None), sink("x"), sink("x", Schema.STRING), sink(None, narrow),
        sink(Struct.of(narrow, [1, 2]), narrow),
    ):  # fmt: skip
        fails(transform, record)
    error = fails(make(STAMP + "$Value", field_name="nahh"), sink(Struct.of(narrow, [1, 2]), narrow))
    assert "did you mean 'nah'" in str(error)


def test_bad_configuration_of_the_timestamp() -> None:
    assert set(problems(STAMP + "$Value")) == {"field.name"}
    assert set(problems(STAMP + "$Value", field_name="")) == {"field.name"}
    found = problems(STAMP + "$Value", field_name="a", timestamp_resolution="hours")
    assert set(found) == {"timestamp.resolution"}


@given(st.integers(-(10**15), 10**15))
def test_any_moment(millis: int) -> None:
    transform = make(STAMP + "$Value", field_name="at")
    assert run(transform, sink({"at": timestamp_from(millis)})).timestamp == millis

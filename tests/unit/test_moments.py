"""Timestamps finer than milliseconds: values, texts, conversions, and Debezium's ways to count time."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectkit import logical, values
from connectkit.builder import SchemaBuilder
from connectkit.converters.json import JsonConfig, JsonConverter
from connectkit.errors import ConversionError, DataError, ProjectionError, SchemaError
from connectkit.headers import Headers
from connectkit.instant import (
    Instant,
    micros_of,
    nanos_of,
    timestamp_from,
    timestamp_from_micros,
    timestamp_from_nanos,
)
from connectkit.javatext import text_of
from connectkit.moments import fine_text, nanos_reader, parse_iso, parse_time
from connectkit.plugin import plugins
from connectkit.project import project
from connectkit.schema import Schema, same_value
from connectkit.struct import Struct

MICROS, NANOS = logical.TIMESTAMP_MICROS, logical.TIMESTAMP_NANOS
MOMENT = datetime(2024, 2, 29, 13, 5, 9, 123456, UTC)
MOMENT_NS = 1_709_211_909_123_456_789
FINER = timestamp_from_nanos(MOMENT_NS)
INT64 = st.integers(-(1 << 63), (1 << 63) - 1)


# --- values ---


@settings(max_examples=200, deadline=None)
@given(INT64)
def test_every_integer_of_64_bits_is_a_moment_and_comes_back(number: int) -> None:
    assert logical.from_logical(MICROS, logical.to_logical(MICROS, number)) == number
    assert logical.from_logical(NANOS, logical.to_logical(NANOS, number)) == number


def test_what_python_can_hold_is_a_datetime() -> None:
    assert timestamp_from_micros(1_709_211_909_123_456) == MOMENT
    assert timestamp_from_nanos(1_709_211_909_123_456_000) == MOMENT
    assert Instant(1_709_211_909_123, nanos=456_789) == FINER
    assert timestamp_from_nanos(-1) == Instant(-1, nanos=999_999)
    assert isinstance(timestamp_from_micros(1 << 62), Instant)


def test_instants_tell_nanoseconds_apart() -> None:
    assert Instant(1, nanos=2) != Instant(1)
    assert hash(Instant(1, nanos=2)) == hash(Instant(1, nanos=2))
    assert repr(Instant(1, nanos=2)) == "Instant(1, nanos=2)"
    assert not same_value(Instant(0, nanos=1), datetime(1970, 1, 1, tzinfo=UTC))
    for wrong in (-1, 1_000_000):
        with pytest.raises(ValueError, match="from 0 to 999999"):
            Instant(0, nanos=wrong)


@settings(max_examples=200, deadline=None)
@given(st.integers(-(10**19), 10**19))
def test_coarser_counts_are_rounded_down(nanos: int) -> None:
    moment = timestamp_from_nanos(nanos)
    assert nanos_of(moment) == nanos
    assert micros_of(moment) == nanos // 1000
    assert logical.from_timestamp(logical.TIMESTAMP, moment) == nanos // 1_000_000


def test_digits_finer_than_the_type_are_cut_off_where_it_is_stored() -> None:
    assert logical.from_logical(MICROS, FINER) == MOMENT_NS // 1000
    assert logical.from_logical(logical.TIMESTAMP, MOMENT) == MOMENT_NS // 1_000_000
    assert logical.from_logical(MICROS, time(0, 0, 1, 5)) == 1_000_005
    assert logical.from_logical(NANOS, date(1970, 1, 2)) == 86_400_000_000_000


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (NANOS, datetime(2300, 1, 1, tzinfo=UTC)), (MICROS, Instant(1 << 62)), (MICROS, 5),
        (MICROS, datetime(2024, 1, 1)), (NANOS, "2024-01-01"),  # noqa: DTZ001 - what is refused here
    ],
)  # fmt: skip
def test_what_does_not_fit_is_a_data_error(schema: Schema, value: Any) -> None:
    with pytest.raises(DataError):
        logical.from_logical(schema, value)


def test_schemas_accept_moments_and_no_integers() -> None:
    for schema in (MICROS, NANOS):
        schema.validate(MOMENT)
        schema.validate(FINER)
        with pytest.raises(SchemaError):
            schema.validate(5)
        headers = Headers().add("t", FINER, schema)
        assert headers.last_with_name("t") is not None


# --- texts ---


def test_texts_have_the_digits_of_their_type() -> None:
    assert values.convert_to_string(MICROS, FINER) == "2024-02-29T13:05:09.123456Z"
    assert values.convert_to_string(NANOS, FINER) == "2024-02-29T13:05:09.123456789Z"
    assert values.convert_to_string(NANOS, date(1970, 1, 1)) == "1970-01-01T00:00:00.000000000Z"
    assert values.convert_to_string(logical.TIMESTAMP, FINER) == "2024-02-29T13:05:09.123Z"
    schema = SchemaBuilder.struct().field("t", MICROS).build()
    struct = Struct(schema).put("t", MOMENT)
    assert text_of(struct) == "Struct{t=2024-02-29T13:05:09.123456Z}"
    assert values.convert_to_string(schema, struct) == '{"t":2024-02-29T13:05:09.123456Z}'
    assert fine_text(datetime(33, 4, 3, tzinfo=UTC), MICROS.name or "").startswith("0033-04-03T")


@settings(max_examples=200, deadline=None)
@given(INT64)
def test_texts_are_read_back(nanos: int) -> None:
    moment = timestamp_from_nanos(nanos)
    assert values.convert_to(NANOS, None, values.convert_to_string(NANOS, moment)) == moment


@pytest.mark.parametrize(
    ("text", "nanos"),
    [
        ("1970-01-01T00:00:01Z", 10**9), ("1970-01-01T01:00:00.5+01:00", 5 * 10**8),
        ("1970-01-02", 86_400 * 10**9), ("1970-01-01Z", 0), ("1969-12-31T23:59:59.999999999Z", -1),
        ("1970-01-01T00:01", 60 * 10**9),
    ],
)  # fmt: skip
def test_iso_texts(text: str, nanos: int) -> None:
    assert parse_iso(text) == nanos


@pytest.mark.parametrize(
    "text", ["", "2024-02-30T00:00:00Z", "0000-01-01", "2024-1-1", "x", 5, "2024-01-01T25:00Z", "1" * 10_000]
)
def test_what_is_no_iso_text_is_an_error(text: Any) -> None:
    with pytest.raises(ConversionError):
        parse_iso(text)


def test_times_of_day_are_brought_to_utc() -> None:
    assert parse_time("01:00:00+02:00") == 23 * 3600 * 10**9
    assert parse_time("00:00:00.000000001Z") == 1
    with pytest.raises(ConversionError):
        parse_time("2024-01-01T00:00:00Z")


# --- conversions ---


@pytest.mark.parametrize(
    ("target", "source", "value", "expected"),
    [
        (MICROS, None, 1_709_211_909_123_456, MOMENT), (MICROS, NANOS, FINER, MOMENT),
        (NANOS, MICROS, MOMENT, MOMENT), (MICROS, None, "2024-02-29T13:05:09.123456789Z", MOMENT),
        (MICROS, logical.DATE, date(1970, 1, 1), timestamp_from(0)),
        (logical.TIMESTAMP, NANOS, FINER, datetime(2024, 2, 29, 13, 5, 9, 123000, UTC)),
        (logical.DATE, MICROS, MOMENT, date(2024, 2, 29)),
        (logical.TIME, MICROS, MOMENT, time(13, 5, 9, 123000)),
        (Schema.INT64, NANOS, FINER, MOMENT_NS), (Schema.INT64, MICROS, MOMENT, MOMENT_NS // 1000),
        (MICROS, None, "5", timestamp_from_micros(5)),
        (MICROS, None, Decimal("5.9"), timestamp_from_micros(5)),
    ],
)  # fmt: skip
def test_convert(target: Schema, source: Schema | None, value: Any, expected: Any) -> None:
    assert same_value(values.convert_to(target, source, value), expected)


def test_projection_makes_timestamps_finer_and_never_coarser() -> None:
    assert project(logical.TIMESTAMP, timestamp_from(5), NANOS) == timestamp_from(5)
    assert project(MICROS, MOMENT, NANOS) == MOMENT
    for source, target in ((NANOS, MICROS), (MICROS, logical.TIMESTAMP), (Schema.INT64, MICROS)):
        with pytest.raises(ProjectionError, match="name mismatch"):
            project(source, None, target)
    with pytest.raises(ProjectionError, match="too far from 1970"):
        project(MICROS, datetime(2300, 1, 1, tzinfo=UTC), NANOS)


# --- JSON ---


def _json(config: dict[str, str]) -> JsonConverter:
    return JsonConverter(JsonConfig.parse(config), is_key=False)


def test_json_is_an_int64_to_java() -> None:
    data = _json({}).from_connect_data("t", MICROS, MOMENT)
    assert data == (
        b'{"schema":{"type":"int64","optional":false,"name":"connectkit.TimestampMicros","version":1},'
        b'"payload":1709211909123456}'
    )
    assert _json({}).to_connect_data("t", data) == (MICROS, MOMENT)


@settings(max_examples=100, deadline=None)
@given(INT64, st.sampled_from([MICROS, NANOS]))
def test_json_keeps_every_moment(number: int, schema: Schema) -> None:
    converter, moment = _json({}), logical.to_logical(schema, number)
    struct_schema = SchemaBuilder.struct().field("t", schema).build()
    struct = Struct(struct_schema).put("t", moment)
    for _ in range(3):  # the exact form, then the generated ones
        data = converter.from_connect_data("t", struct_schema, struct)
        assert data is not None
        assert data.endswith(b'{"t":%d}}' % number)
        assert same_value(converter.to_connect_data("t", data).value, struct)


@pytest.mark.parametrize("value", [datetime(2300, 1, 1, tzinfo=UTC), datetime(1, 1, 1, tzinfo=UTC)])
def test_json_refuses_moments_out_of_range(value: datetime) -> None:
    converter = _json({"schemas.enable": "false"})
    for _ in range(3):
        with pytest.raises(ConversionError):
            converter.from_connect_data("t", NANOS, value)


# --- Debezium ---


@pytest.mark.parametrize(
    ("builder", "name", "value", "nanos"),
    [
        (SchemaBuilder.int32(), "Date", 1, 86_400 * 10**9), (SchemaBuilder.int32(), "Time", 1, 10**6),
        (SchemaBuilder.int64(), "MicroTime", 1, 1000), (SchemaBuilder.int64(), "NanoTime", 1, 1),
        (SchemaBuilder.int64(), "Timestamp", -1, -(10**6)),
        (SchemaBuilder.int64(), "MicroTimestamp", 1, 1000),
        (SchemaBuilder.int64(), "NanoTimestamp", MOMENT_NS, MOMENT_NS),
        (SchemaBuilder.string(), "ZonedTimestamp", "2024-02-29T14:05:09.123456789+01:00", MOMENT_NS),
        (SchemaBuilder.string(), "ZonedTime", "00:00:01+00:00", 10**9),
        (SchemaBuilder.string(), "IsoTimestamp", "1970-01-01T00:00:01Z", 10**9),
        (SchemaBuilder.string(), "IsoDate", "1970-01-02Z", 86_400 * 10**9),
    ],
)  # fmt: skip
def test_debeziums_types_are_understood(builder: SchemaBuilder, name: str, value: Any, nanos: int) -> None:
    schema = builder.name(f"io.debezium.time.{name}").build()
    schema.validate(value)  # to Connect it is a plain integer or text
    read = nanos_reader(schema)
    assert read is not None
    assert read(value) == nanos
    with pytest.raises(ConversionError):
        read([])


def test_other_schemas_say_nothing_of_time() -> None:
    for name in (None, "io.debezium.time.Interval", "io.debezium.time.MicroTimestamp", "other"):
        assert nanos_reader(SchemaBuilder.string().name(name).build()) is None


# --- Avro ---


@settings(max_examples=100, deadline=None)
@given(INT64, st.sampled_from([logical.timestamp_micros_builder, logical.timestamp_nanos_builder]))
def test_avro_keeps_every_moment(number: int, builder: Any) -> None:
    schema = builder().optional().default(logical.to_logical(builder().build(), 5)).build()
    struct_schema = SchemaBuilder.struct().name("R").field("t", schema).build()
    struct = Struct(struct_schema).put("t", logical.to_logical(schema, number))
    converter = plugins.create("converter", "AvroConverter", {"schema.registry.url": "mock://moments"})
    found = converter.to_connect_data("t", converter.from_connect_data("t", struct_schema, struct))
    assert same_value(found.value.get("t"), struct.get("t"))
    assert found.schema.field("t").schema == schema

"""TimestampConverter beyond Connect: micro- and nanoseconds, and Debezium's types of time."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Any

import pytest

from connectkit import logical
from connectkit.builder import SchemaBuilder
from connectkit.errors import DataError
from connectkit.instant import Instant
from connectkit.plugin import plugins
from connectkit.record import SourceRecord
from connectkit.schema import Schema, same_value
from connectkit.struct import Struct

MICROS, NANOS = logical.TIMESTAMP_MICROS, logical.TIMESTAMP_NANOS
MOMENT = datetime(2024, 2, 29, 13, 5, 9, 123456, UTC)
MOMENT_MS = datetime(2024, 2, 29, 13, 5, 9, 123000, UTC)
MOMENT_NS = 1_709_211_909_123_456_789
FINER = Instant(1_709_211_909_123, nanos=456_789)
PATTERN = "yyyy-MM-dd HH:mm:ss.SSS"


def _converted(schema: Schema | None, value: Any, **options: str) -> tuple[Schema | None, Any]:
    config = {name.replace("_", "."): option for name, option in options.items()}
    smt = plugins.create("transform", "TimestampConverter$Value", config)
    record = smt.apply(SourceRecord(None, None, "t", schema, value))
    return record.value_schema, record.value


def _debezium(schema: Schema, name: str) -> Schema:
    return schema.to_builder().name(f"io.debezium.time.{name}").version(1).build()


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("Timestamp", MOMENT_MS), ("TimestampMicros", MOMENT), ("TimestampNanos", FINER),
        ("Date", date(2024, 2, 29)), ("Time", time(13, 5, 9, 123000)), ("string", "2024-02-29 13:05:09.123"),
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (NANOS, FINER),
        (_debezium(Schema.INT64, "NanoTimestamp"), MOMENT_NS),
        (_debezium(Schema.STRING, "ZonedTimestamp"), "2024-02-29T15:05:09.123456789+02:00"),
    ],
)
def test_the_target_says_what_is_kept(schema: Schema, value: Any, target: str, expected: Any) -> None:
    found, made = _converted(schema, value, target_type=target, format=PATTERN)
    assert same_value(made, expected)
    assert found is not None
    found.validate(made)


@pytest.mark.parametrize(
    ("precision", "expected"),
    [
        ("seconds", MOMENT_NS // 10**9), ("milliseconds", MOMENT_NS // 10**6),
        ("microseconds", MOMENT_NS // 1000), ("nanoseconds", MOMENT_NS),
    ],
)  # fmt: skip
def test_unix_time_keeps_the_digits_of_its_precision(precision: str, expected: int) -> None:
    assert _converted(NANOS, FINER, target_type="unix", unix_precision=precision) == (Schema.INT64, expected)
    made = _converted(Schema.INT64, expected, target_type="TimestampNanos", unix_precision=precision)
    unit_ns = {"seconds": 10**9, "milliseconds": 10**6, "microseconds": 1000}.get(precision, 1)
    assert logical.from_logical(NANOS, made[1]) == expected * unit_ns


@pytest.mark.parametrize(
    ("schema", "value", "expected"),
    [
        (logical.TIMESTAMP, MOMENT_MS, MOMENT_MS),
        (logical.DATE, date(2024, 2, 29), datetime(2024, 2, 29, tzinfo=UTC)),
        (_debezium(Schema.INT32, "Date"), 1, datetime(1970, 1, 2, tzinfo=UTC)),
        (_debezium(Schema.INT64, "MicroTime"), 1, datetime(1970, 1, 1, 0, 0, 0, 1, UTC)),
        (_debezium(Schema.INT64, "Timestamp"), -1, datetime(1969, 12, 31, 23, 59, 59, 999000, UTC)),
        (Schema.STRING, "2024-02-29T13:05:09.123456Z", MOMENT), (None, MOMENT, MOMENT),
        (None, "2024-02-29", datetime(2024, 2, 29, tzinfo=UTC)),
        (None, 5, datetime(1970, 1, 1, 0, 0, 0, 5000, UTC)),
    ],
)  # fmt: skip
def test_anything_becomes_microseconds(schema: Schema | None, value: Any, expected: datetime) -> None:
    found, made = _converted(schema, value, target_type="TimestampMicros")
    assert same_value(made, expected)
    assert found is (None if schema is None else MICROS)


def test_microseconds_before_the_epoch_are_rounded_down() -> None:
    before = datetime(1969, 12, 31, 23, 59, 59, 999999, UTC)
    assert _converted(MICROS, before, target_type="Timestamp")[1] == before.replace(microsecond=999000)


def test_nested_fields_and_nulls() -> None:
    inner = SchemaBuilder.struct().field("at", SchemaBuilder.of(MICROS).optional()).build()
    outer = SchemaBuilder.struct().field("in", inner).build()
    options = {"field": "in.at", "field_syntax_version": "V2", "target_type": "Timestamp"}
    for value, expected in ((MOMENT, MOMENT_MS), (None, None)):
        schema, made = _converted(outer, Struct.of(outer, [Struct.of(inner, [value])]), **options)
        assert made.get("in").get("at") == expected
        assert schema is not None
        schema.validate(made)


def test_a_format_still_reads_texts_that_are_not_iso() -> None:
    schema = _debezium(Schema.STRING, "ZonedTimestamp")
    made = _converted(schema, "29.02.2024", target_type="Timestamp", format="dd.MM.yyyy")
    assert made[1] == datetime(2024, 2, 29, tzinfo=UTC)


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (_debezium(Schema.INT64, "MicroTimestamp"), "x"),
        (_debezium(Schema.STRING, "ZonedTimestamp"), "canary"),
        (MICROS, 5),
        (MICROS, datetime(2024, 1, 1)),  # noqa: DTZ001 - what is refused here
        (None, datetime(2024, 1, 1)),  # noqa: DTZ001
    ],
)
@pytest.mark.parametrize("target", ["TimestampMicros", "Timestamp"])
def test_what_is_no_moment_is_a_data_error(schema: Schema | None, value: Any, target: str) -> None:
    with pytest.raises(DataError) as caught:
        _converted(schema, value, target_type=target)
    assert "canary" not in str(caught.value)

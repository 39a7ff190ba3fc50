"""The four logical types."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal, localcontext
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectkit import logical
from connectkit.builder import SchemaBuilder
from connectkit.errors import DataError
from connectkit.instant import DAY_MS, Instant
from connectkit.schema import DECIMAL_NAME, Schema


def test_schemas_are_connects() -> None:
    schema = logical.decimal_schema(2)
    assert (schema.name, schema.version, schema.parameters) == (DECIMAL_NAME, 1, {"scale": "2"})
    assert logical.decimal_schema(2) is schema
    assert logical.date_builder().optional().build().optional
    assert logical.DATE is logical.date_builder().build()


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (0, "00"), (1, "01"), (-1, "ff"), (127, "7f"), (128, "0080"), (-128, "80"), (-129, "ff7f"),
        (255, "00ff"), (256, "0100"), (-256, "ff00"), (32767, "7fff"), (32768, "008000"), (-32768, "8000"),
    ],
)  # fmt: skip
def test_unscaled_bytes_are_minimal(number: int, expected: str) -> None:
    assert logical.unscaled_bytes(number).hex() == expected


@settings(max_examples=200, deadline=None)
@given(st.integers(), st.integers(-400, 400))
def test_decimals_round_trip(number: int, scale: int) -> None:
    schema = logical.decimal_schema(scale)
    value = logical.decimal_of(logical.unscaled_bytes(number), scale)
    assert logical.scale_of(value) == scale
    assert logical.unscaled(value) == number
    with localcontext() as context:  # whatever precision the caller works with
        context.prec = 2
        assert logical.to_decimal(schema, logical.from_decimal(schema, value)).as_tuple() == value.as_tuple()


@settings(max_examples=100, deadline=None)
@given(st.integers(-(1 << 31), (1 << 31) - 1))
def test_days_round_trip(days: int) -> None:
    assert logical.from_date(logical.DATE, logical.to_date(logical.DATE, days)) == days


@settings(max_examples=100, deadline=None)
@given(st.integers(-(1 << 63), (1 << 63) - 1))
def test_timestamps_round_trip(millis: int) -> None:
    value = logical.to_timestamp(logical.TIMESTAMP, millis)
    assert logical.from_timestamp(logical.TIMESTAMP, value) == millis


@pytest.mark.parametrize("millis", [0, 1, 86_399_999, DAY_MS])
def test_times_round_trip_to_midnight_included(millis: int) -> None:
    assert logical.from_time(logical.TIME, logical.to_time(logical.TIME, millis)) == millis


def test_what_python_can_hold_is_given_as_python_has_it() -> None:
    assert logical.to_date(logical.DATE, -1) == date(1969, 12, 31)
    assert logical.to_time(logical.TIME, 1) == time(0, 0, 0, 1000)
    assert logical.to_time(logical.TIME, DAY_MS) == Instant(DAY_MS)
    assert logical.to_timestamp(logical.TIMESTAMP, -1) == datetime(
        1969, 12, 31, 23, 59, 59, 999000, tzinfo=UTC
    )
    assert logical.to_date(logical.DATE, 10**7) == Instant(10**7 * DAY_MS)


def test_any_temporal_class_will_do() -> None:
    assert logical.from_date(logical.DATE, datetime(1970, 1, 3, tzinfo=UTC)) == 2
    assert logical.from_timestamp(logical.TIMESTAMP, date(1970, 1, 2)) == DAY_MS
    assert logical.from_time(logical.TIME, datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)) == 1000


@pytest.mark.parametrize(
    ("convert", "schema", "value"),
    [
        (logical.from_date, logical.DATE, datetime(1970, 1, 1, 1, tzinfo=UTC)),
        (logical.from_date, logical.DATE, 3),
        (logical.from_date, logical.DATE, Instant((1 << 31) * DAY_MS)),
        (logical.from_date, logical.TIME, date(1970, 1, 1)),
        (logical.from_time, logical.TIME, datetime(1970, 1, 2, 1, tzinfo=UTC)),
        (logical.from_time, logical.TIME, Instant(-1)),
        (logical.to_time, logical.TIME, DAY_MS + 1),
        (logical.to_time, logical.TIME, -1),
        (logical.to_date, logical.DATE, True),
        (logical.to_date, Schema.INT32, 1),
        (logical.from_timestamp, logical.TIMESTAMP, datetime(2020, 1, 1)),  # noqa: DTZ001
        (logical.from_timestamp, logical.TIMESTAMP, Instant(1 << 63)),
        (logical.to_timestamp, logical.TIMESTAMP, "1"),
        (logical.from_decimal, logical.decimal_schema(2), Decimal("1.5")),
        (logical.from_decimal, logical.decimal_schema(2), Decimal("NaN")),
        (logical.from_decimal, logical.decimal_schema(2), 1.5),
        (logical.to_decimal, logical.decimal_schema(2), b""),
        (logical.to_decimal, logical.decimal_schema(2), "AA=="),
        (logical.to_decimal, Schema.BYTES, b"\0"),
        (logical.to_decimal, SchemaBuilder.bytes().parameter("scale", "x").build(), b"\0"),
        (logical.to_decimal, SchemaBuilder.bytes().parameter("scale", "99999999999").build(), b"\0"),
    ],
)
def test_what_does_not_fit_is_a_data_error(convert: Any, schema: Schema, value: Any) -> None:
    with pytest.raises(DataError):
        convert(schema, value)


@pytest.mark.parametrize(("text", "scale"), [("+2", 2), ("-3", -3), ("0000000000000002", 2), ("\u0662", 2)])
def test_a_scale_is_read_as_java_reads_integers(text: str, scale: int) -> None:
    assert logical.schema_scale(SchemaBuilder.bytes().parameter("scale", text).build()) == scale


def test_dispatch_by_the_schemas_name() -> None:
    assert logical.from_logical(logical.DATE, date(1970, 1, 2)) == 1
    assert logical.to_logical(logical.decimal_schema(1), b"\x0f") == Decimal("1.5")
    assert logical.from_logical(Schema.INT32, 7) == 7
    assert logical.to_logical(Schema.INT32, 7) == 7

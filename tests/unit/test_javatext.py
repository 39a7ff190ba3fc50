"""Java's text forms, and its calendar."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from connectkit._calendar import CUTOVER_DAY, civil_of, day_of
from connectkit.builder import SchemaBuilder
from connectkit.errors import LimitError
from connectkit.float32 import round32
from connectkit.instant import Instant, date_from, millis_of, time_from, timestamp_from
from connectkit.javatext import date_text, decimal_text, float32_text, float_text, text_of
from connectkit.schema import Schema
from connectkit.struct import Struct


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.0, "0.0"), (-0.0, "-0.0"), (1.0, "1.0"), (100.0, "100.0"), (1e7, "1.0E7"),
        (9999999.0, "9999999.0"), (1e10, "1.0E10"), (0.001, "0.001"), (0.00099, "9.9E-4"), (1.5e-7, "1.5E-7"),
        (1e23, "1.0E23"),
        (5e-324, "4.9E-324"), (1e-323, "9.9E-324"), (123456789.125, "1.23456789125E8"),
        (1.7976931348623157e308, "1.7976931348623157E308"), (float("nan"), "NaN"),
        (float("inf"), "Infinity"), (float("-inf"), "-Infinity"), (-1234567.5, "-1234567.5"),
    ],
)  # fmt: skip
def test_float64(number: float, text: str) -> None:
    assert float_text(number) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.1, "0.1"), (1.1, "1.1"), (16777216.0, "1.6777216E7"), (3.4028235e38, "3.4028235E38"),
        (1.4e-45, "1.4E-45"), (1.17549435e-38, "1.1754944E-38"), (2.0**-44, "5.684342E-14"), (1e10, "1.0E10"),
        (-0.0, "-0.0"), (float("nan"), "NaN"), (0.33333334, "0.33333334"), (100.0, "100.0"),
    ],
)  # fmt: skip
def test_float32(number: float, text: str) -> None:
    assert float32_text(round32(number)) == text


@settings(max_examples=300, deadline=None)
@given(st.floats(allow_nan=False))
def test_float64_texts_read_back(number: float) -> None:
    text = float_text(number)
    assert float(text) == number
    assert "." in text or "Inf" in text


@settings(max_examples=300, deadline=None)
@given(st.floats(width=32, allow_nan=False))
@example(2.0**-126)
@example(2.0**100)
def test_float32_texts_read_back_and_are_shortest(number: float) -> None:
    text = float32_text(number)
    assert round32(float(text)) == number
    digits = len(text.partition("E")[0].replace(".", "").strip("-0") or "0")
    if number and abs(number) != float("inf") and digits > 2:
        shorter = f"{number:.{digits - 2}e}"  # one digit less, the nearest such number
        assert round32(float(shorter)) != number


@pytest.mark.parametrize(
    ("number", "text"),
    [("1.50", "1.50"), ("1E+3", "1E+3"), ("1E-10", "1E-10"), ("0.000001", "0.000001"), ("-0.0", "0.0")],
)
def test_decimals(number: str, text: str) -> None:
    assert decimal_text(Decimal(number)) == text


def test_dates() -> None:
    assert date_text(date(1970, 1, 1)) == "Thu Jan 01 00:00:00 UTC 1970"
    assert date_text(datetime(2024, 2, 29, 13, 5, 9, tzinfo=UTC)) == "Thu Feb 29 13:05:09 UTC 2024"
    assert date_text(time(23, 59, 59)) == "Thu Jan 01 23:59:59 UTC 1970"
    assert date_text(Instant(CUTOVER_DAY * 86_400_000 - 1)) == "Thu Oct 04 23:59:59 UTC 1582"


def test_containers() -> None:
    schema = SchemaBuilder.struct().field("a", Schema.FLOAT32).field("b", Schema.OPTIONAL_STRING).build()
    struct = Struct(schema).put("a", 0.1)
    value = {"k": [1, None, True, 2.5, "s"], "st": struct, "by": b"ab"}
    assert text_of(value) == "{k=[1, null, true, 2.5, s], st=Struct{a=0.1}, by=YWI=}"
    floats = SchemaBuilder.array(Schema.FLOAT32).build()
    assert text_of([round32(0.1)], floats) == "[0.1]"
    assert text_of([round32(0.1)]) == "[0.10000000149011612]"


def test_texts_have_no_limit_on_digits_but_one_on_depth() -> None:
    assert text_of(10**5000) == "1" + "0" * 5000
    deep: list[object] = []
    deep.append(deep)
    with pytest.raises(LimitError):
        text_of(deep)


# --- the calendar ---


@settings(max_examples=200, deadline=None)
@given(st.integers(-(10**9), 10**9))
@example(CUTOVER_DAY)
@example(CUTOVER_DAY - 1)
def test_days_and_dates_are_inverse(day: int) -> None:
    year, month, day_of_month = civil_of(day)
    assert day_of(year, month, day_of_month) == day
    assert 1 <= month <= 12
    assert 1 <= day_of_month <= 31


@settings(max_examples=100, deadline=None)
@given(st.dates(min_value=date(1582, 10, 15)))
def test_gregorian_days_are_pythons(day: date) -> None:
    number = millis_of(day) // 86_400_000
    assert civil_of(number) == (day.year, day.month, day.day)


def test_the_change_of_calendars() -> None:
    assert civil_of(CUTOVER_DAY) == (1582, 10, 15)
    assert civil_of(CUTOVER_DAY - 1) == (1582, 10, 4)
    assert day_of(1582, 10, 10) == CUTOVER_DAY + 5  # a date that never was is taken as Julian
    assert day_of(2019, 13, 45) == day_of(2020, 2, 14)
    assert civil_of(day_of(1500, 2, 29)) == (1500, 2, 29)


@settings(max_examples=100, deadline=None)
@given(st.integers(-(10**17), 10**17))
def test_instants_round_trip(millis: int) -> None:
    assert millis_of(timestamp_from(millis)) == millis
    assert millis_of(date_from(millis)) == millis * 86_400_000
    assert millis_of(time_from(millis)) == millis

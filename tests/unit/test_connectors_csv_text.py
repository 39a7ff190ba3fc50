"""Values as fields of text, and back again through the types of CsvSource."""

from __future__ import annotations

import json
import math
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectkit.builder import SchemaBuilder
from connectkit.connectors.csv_text import column_text, value_text
from connectkit.connectors.csv_types import converter, schema_of
from connectkit.errors import ConversionError
from connectkit.float32 import round32
from connectkit.instant import DAY_MS, Instant
from connectkit.schema import Schema
from connectkit.struct import Struct


def text_of(kind: str, value: Any) -> Any:
    convert = column_text(schema_of(kind, optional=True, scale=2), nested=True)
    return value if convert is None else convert([value])[0]


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        ("int64", 5, 5),
        ("float32", round32(0.1), "0.1"),
        ("float32", math.inf, "inf"),
        ("boolean", True, "true"),
        ("boolean", None, None),
        ("bytes", b"\x01\x02", "AQI="),
        ("decimal", Decimal("1E+3"), "1000"),
        ("decimal", Decimal("1E+2147483647"), "1E+2147483647"),
        ("date", date(2024, 2, 29), "2024-02-29"),
        ("date", datetime(2024, 2, 29, tzinfo=UTC), "2024-02-29"),
        ("time", time(1, 2, 3), "01:02:03"),
        ("time", time(1, 2, 3, 4000), "01:02:03.004"),
        ("time", datetime(1970, 1, 1, 1, 2, 3, tzinfo=UTC), "01:02:03"),
        (
            "timestamp",
            datetime(2024, 1, 2, 3, tzinfo=timezone(timedelta(hours=1))),
            "2024-01-02T02:00:00.000Z",
        ),
        ("date", Instant(DAY_MS * 4_000_000), "+12921-08-18"),
        ("timestamp", Instant(-(10**15)), "-29719-04-05T22:13:20.000Z"),
    ],
)
def test_forms(kind: str, value: Any, text: str) -> None:
    assert text_of(kind, value) == text
    assert text_of(kind, None) is None


def test_nested_values_are_json_or_an_error() -> None:
    inner = (
        SchemaBuilder.struct().field("n", Schema.FLOAT64).field("d", schema_of("date", optional=True)).build()
    )
    schema = SchemaBuilder.array(inner).build()
    value = [Struct.of(inner, [math.nan, date(2024, 1, 2)])]
    as_json = column_text(schema, nested=True)
    assert as_json is not None
    assert as_json([value, None]) == ['[{"n":"nan","d":"2024-01-02"}]', None]
    refused = column_text(schema, nested=False)
    assert refused is not None
    with pytest.raises(ConversionError, match="nested=json"):
        refused([value])


def test_values_without_a_schema() -> None:
    assert [value_text(value, nested=True) for value in (True, 1, 1.5, "a", None, Decimal("1.0"), b"x")] == [
        "true", 1, 1.5, "a", None, "1.0", "eA==",
    ]  # fmt: skip
    assert json.loads(value_text({1: [None, {"a": time(1)}], "b": math.inf}, nested=True)) == {
        "1": [None, {"a": "01:00:00"}],
        "b": "inf",
    }
    with pytest.raises(ConversionError, match="time zone"):
        value_text(datetime(2024, 1, 1), nested=True)  # noqa: DTZ001 - that is what is refused


whole_ms = st.integers(0, 999).map(lambda ms: ms * 1000)
typed: dict[str, st.SearchStrategy[Any]] = {
    "int64": st.integers(-(2**63), 2**63 - 1),
    "float64": st.floats(allow_nan=False),
    "float32": st.floats(allow_nan=False, width=32),
    "boolean": st.booleans(),
    "bytes": st.binary(max_size=8),
    "decimal": st.decimals(
        places=2, allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9
    ),
    "date": st.dates(),
    "time": st.builds(lambda t, us: t.replace(microsecond=us), st.times(), whole_ms),
    "timestamp": st.builds(
        lambda t, us: t.replace(microsecond=us), st.datetimes(timezones=st.just(UTC)), whole_ms
    ),
}


@pytest.mark.parametrize("kind", list(typed))
@given(data=st.data())
def test_what_is_written_reads_back(kind: str, data: st.DataObject) -> None:
    value = data.draw(typed[kind])
    convert = converter(kind, scale=2)
    assert convert is not None
    assert convert([str(text_of(kind, value))]) == [value]

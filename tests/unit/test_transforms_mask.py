"""MaskField: what stands in place of a value of each type; being strict."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from connectkit.errors import ConfigError, DataError
from connectkit.plugin import plugins
from connectkit.schema import Schema
from tests.support.transforms import apply, sink_record, struct_of


@pytest.mark.parametrize(
    ("value", "masked"),
    [
        (True, False),
        (7, 0),
        (7.5, 0.0),
        ("secret", ""),
        (Decimal("1.25"), Decimal(0)),
        (datetime(2021, 1, 1, tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC)),
        ([1], []),
        ({"a": 1}, {}),
        (None, None),
    ],
)
def test_a_mask_is_an_empty_value_of_the_same_type(value: Any, masked: Any) -> None:
    made = apply("MaskField$Value", {"fields": "f"}, sink_record({"f": value, "g": 1})).value
    assert made == {"f": masked, "g": 1}
    assert type(made["f"]) is type(masked)


@pytest.mark.parametrize(
    ("schema", "value", "masked"),
    [
        (Schema.INT8, 1, 44),
        (Schema.INT64, 1, 300),
        (Schema.FLOAT64, 1.5, 300.0),
        (Schema.STRING, "x", "300"),
        (Schema.OPTIONAL_STRING, None, None),
    ],
)
def test_a_replacement_takes_the_type_of_the_field(schema: Schema, value: Any, masked: Any) -> None:
    made_schema, struct = struct_of(f=(schema, value))
    made = apply("MaskField$Value", {"fields": "f", "replacement": "300"}, sink_record(struct, made_schema))
    assert made.value["f"] == masked
    assert made.value_schema is made_schema


@pytest.mark.parametrize(
    ("value", "replacement"), [(5, "x"), (5.0, "x"), (True, "1"), ([1], "1"), (1 << 70, "1.5")]
)
def test_a_replacement_that_does_not_suit_is_refused_without_being_told(value: Any, replacement: str) -> None:
    with pytest.raises(DataError) as caught:
        apply("MaskField$Value", {"fields": "f", "replacement": replacement}, sink_record({"f": value}))
    assert caught.value.path == "$.f"


def test_bytes_cannot_be_masked() -> None:
    with pytest.raises(DataError, match="class bytes cannot be masked"):
        apply("MaskField$Value", {"fields": "f"}, sink_record({"f": b"x"}))


def test_a_field_that_is_not_there_is_warned_of_once_or_with_strictness_refused(
    caplog: pytest.LogCaptureFixture,
) -> None:
    schema, value = struct_of(ssn=(Schema.STRING, "1"))
    with caplog.at_level(logging.WARNING):
        made = apply("MaskField$Value", {"fields": "snn"}, sink_record(value, schema))
    assert made.value == value
    assert [r.getMessage() for r in caplog.records] == [
        "transform MaskField: the configured field 'snn' is not in the record; did you mean 'ssn'?"
    ]
    strict = {"fields": "snn", "on.missing": "fail"}
    with pytest.raises(DataError, match="did you mean 'ssn'"):
        apply("MaskField$Value", strict, sink_record(value, schema))
    with pytest.raises(DataError, match="did you mean 'ssn'"):
        apply("MaskField$Value", strict, sink_record({"ssn": "1"}))


def test_no_field_is_a_mistake() -> None:
    for config in ({}, {"fields": ""}, {"fields": "a", "replacement": ""}):
        with pytest.raises(ConfigError):
            plugins.create("transform", "MaskField$Value", config)

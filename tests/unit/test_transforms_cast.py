"""Cast: Java's narrowing, Java's texts, and what cannot be cast."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from connectkit import logical
from connectkit.builder import SchemaBuilder
from connectkit.errors import ConfigError, DataError
from connectkit.plugin import plugins
from connectkit.schema import Schema
from tests.support.transforms import apply, fields_of, sink_record, struct_of


@pytest.mark.parametrize(
    ("value", "target", "expected"),
    [
        (300, "int8", 44),
        (-129, "int8", 127),
        (1e20, "int8", -1),
        (1e20, "int32", 2147483647),
        (1.9, "int64", 1),
        (-1.9, "int64", -1),
        (float("nan"), "int32", 0),
        (True, "int16", 1),
        ("+12", "int16", 12),
        ("1e2", "float64", 100.0),
        (" 5f ", "float64", 5.0),
        ("NaN", "boolean", False),
        ("TRUE", "boolean", True),
        (0.5, "boolean", False),
        (2, "boolean", True),
        (1.0, "string", "1.0"),
        (1e20, "string", "1.0E20"),
        (12345678.0, "string", "1.2345678E7"),
        (0.0001, "string", "1.0E-4"),
        (True, "string", "true"),
        (b"\x00\xff", "string", "AP8="),
        (None, "int8", None),
    ],
)
def test_a_value_becomes_another_type(value: Any, target: str, expected: Any) -> None:
    assert apply("Cast$Value", {"spec": f"f:{target}"}, sink_record({"f": value})).value == {"f": expected}


@pytest.mark.parametrize(
    ("value", "target"),
    [("1.5", "int8"), (" 1", "int32"), ("128", "int8"), ("x", "float64"), (b"x", "int8"), ([1], "string")],
)
def test_what_cannot_be_cast_is_an_error_with_its_path_and_without_the_value(value: Any, target: str) -> None:
    with pytest.raises(DataError) as caught:
        apply("Cast$Value", {"spec": f"f:{target}"}, sink_record({"f": value}))
    assert caught.value.path == "$.f"
    assert "128" not in str(caught.value)


def test_a_field_keeps_whether_it_is_optional_and_its_default() -> None:
    optional = SchemaBuilder.int32().name("n").doc("d").optional().default(7).build()
    schema, value = struct_of(a=(optional, 5), b=(Schema.STRING, "x"))
    made = apply("Cast$Value", {"spec": "a:string"}, sink_record(value, schema))
    cast = made.value_schema.field("a").schema
    assert (cast.type.value, cast.optional, cast.default, cast.name, cast.doc) == (
        "string",
        True,
        "7",
        None,
        None,
    )
    assert fields_of(made.value) == {"a": "5", "b": "x"}


def test_a_type_alone_casts_the_whole_value_and_keeps_the_schemas_name() -> None:
    schema = SchemaBuilder.int64().name("n").version(2).build()
    made = apply("Cast$Value", {"spec": "string"}, sink_record(9, schema))
    assert (made.value, made.value_schema.name, made.value_schema.version) == ("9", "n", 2)


def test_moments_and_decimals_are_numbers() -> None:
    schema, value = struct_of(
        day=(logical.DATE, date(1970, 1, 3)),
        at=(logical.TIMESTAMP, datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)),
        sum=(logical.decimal_schema(2), Decimal("7.25")),
    )
    made = apply("Cast$Value", {"spec": "day:int32,at:int64,sum:int8"}, sink_record(value, schema))
    assert fields_of(made.value) == {"day": 2, "at": 1000, "sum": 7}


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("", "at least one field"),
        ("a:int9", "did you mean 'int"),
        ("a:bytes", "no type that can be cast to"),
        ("a:b:int8", "not of the form"),
        ("int8,a:int8", "nothing else"),
    ],
)
def test_a_bad_spec_is_refused(spec: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        plugins.create("transform", "Cast$Value", {"spec": spec})


def test_numbers_beyond_all_bounds_end_soon() -> None:
    for target in ("int64", "float64", "string"):
        schema, value = struct_of(f=(logical.decimal_schema(-5), Decimal("1e400")))
        made = apply("Cast$Value", {"spec": f"f:{target}"}, sink_record(value, schema))
        assert made.value["f"] is not None
    with pytest.raises(DataError):
        apply("Cast$Value", {"spec": "f:int64"}, sink_record({"f": "1" * 100_000}))

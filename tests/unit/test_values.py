"""Values: the grammar of texts, conversions, inference."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectkit import logical, values
from connectkit._numbers import to_float32
from connectkit.builder import SchemaBuilder
from connectkit.errors import DataError, LimitError, SchemaError
from connectkit.float32 import round32
from connectkit.instant import DAY_MS, Instant
from connectkit.limits import Limits
from connectkit.schema import NULL, Schema, SchemaAndValue, same_value
from connectkit.struct import Struct
from tests.strategies import pairs

STRING, INT8 = Schema.STRING, Schema.INT8


def _array(element: Schema | None) -> Schema:
    return SchemaBuilder.array_of(element).build()


@pytest.mark.parametrize(
    ("text", "schema", "value"),
    [
        ('"abc"', STRING, '"abc"'), (" false ", Schema.BOOLEAN, False), ("TRUE", STRING, "TRUE"),
        ("true}", STRING, "true}"), ("null,1", STRING, "null,1"), ("1.", INT8, 1), ("-0.0", INT8, 0),
        ("0.1", Schema.FLOAT32, round32(0.1)), ("1e400", logical.decimal_schema(-400), Decimal("1e400")),
        ("1E+3000000", logical.decimal_schema(-3000000), Decimal("1E+3000000")), (".5", STRING, ".5"),
        ("0x10", STRING, "0x10"), ("١", INT8, 1), ("1e99999999999", STRING, "1e99999999999"),
        ("1e", STRING, "1e"), ("14:34:54.346Z foo", INT8, 14), ("[1,]", _array(INT8), [1]),
        ("[1,300]", _array(Schema.INT16), [1, 300]), ('[1,"a"]', _array(None), [1, "a"]),
        ("[1,null]", STRING, "[1,null]"), ("[1,,2]", STRING, "[1,,2]"), ("[a]", STRING, "[a]"),
        ("[0.1,1e39]", _array(Schema.FLOAT64), [0.10000000149011612, 1e39]),
        ("2019-08-23T14:34:54.346Z", logical.TIMESTAMP, datetime(2019, 8, 23, 14, 34, 54, 346000, UTC)),
    ],
)  # fmt: skip
def test_parse(text: str, schema: Schema, value: Any) -> None:
    found = values.parse_string(text)
    assert found.schema == schema
    assert same_value(found.value, value)


def test_null_is_nothing() -> None:
    assert values.parse_string(None) is NULL
    assert values.parse_string("null") == NULL


def test_what_python_cannot_hold_stays_a_text() -> None:
    for text in ("{{}:1}", "{1:2,true:3}", "[" * 200 + "]" * 200, "9" * 2_000):
        assert values.parse_string(text) == SchemaAndValue(STRING, text)


def test_limits_are_arguments() -> None:
    limits = Limits(depth=2, items=3, digits=4)
    assert values.parse_string("[[1]]", limits=limits).value == [[1]]
    assert values.parse_string("[[[1]]]", limits=limits).schema is STRING
    assert values.parse_string("[1,2,3,4]", limits=limits).schema is STRING
    assert values.parse_string("12345", limits=limits).schema is STRING


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from([*':,{}[]"\\ 1a-+.eETZ0tfn', "null", "true", "é", "\x00"])).map("".join))
def test_every_text_gives_a_value_that_fits_its_schema(text: str) -> None:
    schema, value = values.parse_string(text)
    if schema is None:
        assert value is None
    elif schema.type.is_primitive:
        schema.validate(value)


JSONISH = st.recursive(
    st.booleans() | st.integers(-(1 << 63), (1 << 63) - 1) | st.text(alphabet="abc xyz_", max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(alphabet="abcd", min_size=1, max_size=3), inner)
    ),
    max_leaves=10,
)


def _is_quotable(value: Any) -> bool:
    """Whether no text inside is lost: Connect drops texts of blanks alone."""
    if isinstance(value, str):
        return value == "" or bool(value.strip())
    if isinstance(value, list):
        return all(map(_is_quotable, value))
    return not isinstance(value, dict) or all(map(_is_quotable, value.values()))


@settings(max_examples=300, deadline=None)
@given(JSONISH.filter(lambda v: not isinstance(v, str)).filter(_is_quotable))
def test_lists_and_maps_come_back_from_their_text(value: Any) -> None:
    text = values.convert_to_string(None, value)
    assert same_value(values.parse_string(text).value, value)


@settings(max_examples=200, deadline=None)
@given(pairs())
def test_every_value_that_fits_a_schema_has_a_text(pair: tuple[Schema, Any]) -> None:
    schema, value = pair
    text = values.convert_to_string(schema, value)
    assert (text is None) == (value is None)
    values.parse_string(text)


@settings(max_examples=200, deadline=None)
@given(st.decimals(allow_nan=False, allow_infinity=False, places=12, min_value=-(10**6), max_value=10**6))
def test_decimals_are_rounded_to_binary32_once(number: Decimal) -> None:
    found = to_float32(number)
    error = abs(Decimal(found) - number)
    for other in (round32(found * (1 - 2**-23)), round32(found * (1 + 2**-23))):
        assert error <= abs(Decimal(other) - number)


def test_double_rounding_is_avoided() -> None:
    middle = Decimal(1) + Decimal(2) ** -24  # halfway between 1 and the next binary32 number
    above = Decimal(f"{middle}00000000000001")
    assert to_float32(middle) == 1.0
    assert to_float32(above) == 1.0 + 2**-23
    assert to_float32(above.copy_negate()) == -1.0 - 2**-23


# --- text ---


def test_text_of_nested_values() -> None:
    schema = SchemaBuilder.struct().field("f", SchemaBuilder.string().default("d").build()).build()
    value = {"k": ['a"b\\', None, True, 1.5], "b": b"ab", "s": Struct(schema), "t": date(2020, 1, 2)}
    text = values.convert_to_string(None, value)
    assert text == '{"k":["a\\"b\\\\",null,true,1.5],"b":"YWI=","s":{"f":"d"},"t":2020-01-02}'
    assert values.convert_to_string(None, "plain") == "plain"
    assert values.convert_to_string(None, b"ab") == "YWI="
    assert values.convert_to_string(None, None) is None


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (date(2020, 1, 2), "2020-01-02"), (date(1970, 1, 1), "00:00:00.000Z"),
        (time(1, 2, 3), "01:02:03.000Z"), (datetime(2020, 1, 2, 3, tzinfo=UTC), "2020-01-02T03:00:00.000Z"),
        (Instant(-1), "23:59:59.999Z"),
    ],
)  # fmt: skip
def test_moments_choose_their_format_by_value(value: Any, text: str) -> None:
    assert values.convert_to_string(None, value) == text


def test_what_has_no_text_is_an_error() -> None:
    with pytest.raises(DataError):
        values.convert_to_string(None, {1})
    deep: list[Any] = []
    deep.append(deep)
    with pytest.raises(LimitError):
        values.convert_to_string(None, deep)


# --- conversions ---


@pytest.mark.parametrize(
    ("convert", "value", "expected"),
    [
        (values.convert_to_boolean, "true", True), (values.convert_to_boolean, 0.5, False),
        (values.convert_to_boolean, "2", True), (values.convert_to_boolean, None, None),
        (values.convert_to_byte, 300, 44), (values.convert_to_short, "1e3", 1000),
        (values.convert_to_integer, 1e20, -1), (values.convert_to_long, "3.9", 3),
        (values.convert_to_long, float("nan"), 0), (values.convert_to_long, float("-inf"), -(1 << 63)),
        (values.convert_to_long, 1 << 64, 0), (values.convert_to_long, Decimal("1E+3000000"), 0),
        (values.convert_to_long, Decimal((1 << 64) + 1), 1),
        (values.convert_to_float, 0.1, round32(0.1)), (values.convert_to_double, "1e400", float("inf")),
        (values.convert_to_list, "[1]", [1]), (values.convert_to_map, '{"a":1}', {"a": 1}),
        (values.convert_to_date, 1, date(1970, 1, 2)),
        (values.convert_to_date, "2020-01-02", date(2020, 1, 2)),
        (values.convert_to_time, 1, time(0, 0, 0, 1000)),
        (values.convert_to_timestamp, "5", datetime(1970, 1, 1, 0, 0, 0, 5000, UTC)),
        (values.convert_to_string, 1.0, "1.0"),
    ],
)  # fmt: skip
def test_convert(convert: Any, value: Any, expected: Any) -> None:
    assert same_value(convert(None, value), expected)


def test_conversions_between_moments_follow_the_source_schema() -> None:
    before = datetime(1969, 12, 31, 12, tzinfo=UTC)
    assert values.convert_to_date(logical.TIMESTAMP, before) == date(1970, 1, 1)  # towards zero, as in Java
    assert values.convert_to_time(logical.TIMESTAMP, before) == time(12)
    assert values.convert_to_timestamp(logical.DATE, date(1970, 1, 2)) == datetime(1970, 1, 2, tzinfo=UTC)
    assert values.convert_to_timestamp(logical.TIME, time(1)) == datetime(1970, 1, 1, 1, tzinfo=UTC)
    assert values.convert_to_long(logical.DATE, date(1970, 1, 3)) == 2
    assert values.convert_to_date(None, before) is before
    assert values.convert_to_time(logical.DATE, date(1970, 1, 3)) == time(0, 0, 0, 2000)
    assert values.convert_to_timestamp(None, DAY_MS) == datetime(1970, 1, 2, tzinfo=UTC)


def test_decimals_keep_their_own_scale() -> None:
    assert values.convert_to_decimal(None, b"\x01\x00", 2) == Decimal("2.56")
    assert str(values.convert_to_decimal(None, 5, 2)) == "5.0"
    assert str(values.convert_to_decimal(None, "1.50", 0)) == "1.50"
    assert str(values.convert_to_decimal(None, round32(1.1), 0)) == "1.100000023841858"


@pytest.mark.parametrize(
    ("convert", "value"),
    [
        (values.convert_to_long, "x"), (values.convert_to_long, " 1"), (values.convert_to_long, True),
        (values.convert_to_long, [1]), (values.convert_to_long, date(1970, 1, 1)),
        (values.convert_to_boolean, "null"), (values.convert_to_list, None), (values.convert_to_list, "{}"),
        (values.convert_to_map, "null"),
        (values.convert_to_struct, {}), (values.convert_to_date, None), (values.convert_to_date, "x"),
        (values.convert_to_time, DAY_MS + 1), (values.convert_to_string, {1}),
    ],
)  # fmt: skip
def test_what_cannot_be_converted_is_a_data_error(convert: Any, value: Any) -> None:
    with pytest.raises(DataError):
        convert(None, value)


def test_errors_show_no_values() -> None:
    with pytest.raises(DataError) as caught:
        values.convert_to_long(None, "canary-8")
    assert "canary" not in str(caught.value)
    with pytest.raises(DataError):
        values.convert_to_decimal(None, "canary-9", 1)


# --- inference ---


@pytest.mark.parametrize(
    ("value", "schema"),
    [
        ("a", STRING), (1, Schema.INT64), (True, Schema.BOOLEAN), (1.0, Schema.FLOAT64), (b"", Schema.BYTES),
        (None, None), (Decimal(1), None), (date(2020, 1, 1), None), ([], None), ({}, None), ([1, "a"], None),
        (1 << 63, None), ([1, None], _array(Schema.OPTIONAL_INT64)), ([[1]], _array(_array(None))),
        ({"a": 1}, SchemaBuilder.map(STRING, Schema.INT64).build()), ({"a": Decimal(1)}, None),
    ],
)  # fmt: skip
def test_infer(value: Any, schema: Schema | None) -> None:
    assert values.infer_schema(value) == schema


def test_maps_are_looked_at_entry_by_entry() -> None:
    """As in Connect: keys of two types end it, before the nulls alone of the second value are seen."""
    assert values.infer_schema({True: 1, "a": {"b": None}}) is None
    with pytest.raises(SchemaError):
        values.infer_schema({True: {"b": None}, "a": 1})


def test_nulls_alone_have_no_type() -> None:
    with pytest.raises(SchemaError):
        values.infer_schema([None])
    deep: list[Any] = []
    deep.append(deep)
    with pytest.raises(LimitError):
        values.infer_schema(deep)

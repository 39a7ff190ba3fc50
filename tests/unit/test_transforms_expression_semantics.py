"""Expressions give what Python gives for the same text, on structs and on maps, or a DataError."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectkit.builder import SchemaBuilder
from connectkit.errors import DataError
from connectkit.record import SourceRecord
from connectkit.schema import Schema, same_value
from connectkit.struct import Struct
from connectkit.transforms.expression import Expression, ExpressionConfig

SCHEMA = (
    SchemaBuilder.struct()
    .field("i", Schema.INT64).field("j", Schema.INT32)
    .field("x", Schema.FLOAT64).field("y", Schema.FLOAT64)
    .field("s", Schema.STRING).field("t", Schema.STRING)
    .field("b", Schema.BOOLEAN).field("c", Schema.BOOLEAN)
    .build()
)  # fmt: skip
RANGE = range(-(1 << 63), 1 << 63)

COMPARED = st.sampled_from(["<", "<=", ">", ">=", "==", "!="])
VALUES = st.fixed_dictionaries(
    {
        "i": st.integers(-(1 << 63), (1 << 63) - 1) | st.integers(-5, 5),
        "j": st.integers(-(1 << 31), (1 << 31) - 1) | st.integers(-5, 5),
        "x": st.floats(allow_nan=False),
        "y": st.floats(-100, 100),
        "s": st.text(max_size=8),
        "t": st.text("ab ", max_size=3),
        "b": st.booleans(),
        "c": st.booleans(),
    }
)

INTS: st.SearchStrategy[str] = st.deferred(
    lambda: (
        st.sampled_from(["value.i", "value.j", "3", "-7", "0"])
        | st.builds("({} {} {})".format, INTS, st.sampled_from(["+", "-", "*", "//", "%"]), INTS)
        | st.builds("(-{})".format, INTS)
        | st.builds("abs({})".format, INTS)
        | st.builds("len({})".format, TEXTS)
        | st.builds("min({}, {})".format, INTS, INTS)
        | st.builds("max({}, {})".format, INTS, INTS)
        | st.builds("({} if {} else {})".format, INTS, CONDITIONS, INTS)
        | st.builds("{}.find({})".format, TEXTS, TEXTS)
    )
)
FLOATS: st.SearchStrategy[str] = st.deferred(
    lambda: (
        st.sampled_from(["value.x", "value.y", "0.5", "-2.25"])
        | st.builds("({} {} {})".format, FLOATS, st.sampled_from(["+", "-", "*", "/", "//", "%"]), FLOATS)
        | st.builds("({} / {})".format, INTS, INTS)
        | st.builds("({} * {})".format, INTS, FLOATS)
        | st.builds("float({})".format, INTS)
        | st.builds("round({}, 2)".format, FLOATS)
        | st.builds("(-{})".format, FLOATS)
    )
)
TEXTS: st.SearchStrategy[str] = st.deferred(
    lambda: (
        st.sampled_from(["value.s", "value.t", "'a'", "''", "'x y'"])
        | st.builds("({} + {})".format, TEXTS, TEXTS)
        | st.builds(
            "{}.{}()".format, TEXTS, st.sampled_from(["upper", "lower", "strip", "title", "capitalize"])
        )
        | st.builds("{}.replace({}, {})".format, TEXTS, TEXTS, TEXTS)
        | st.builds("{}[{}:{}]".format, TEXTS, st.integers(-3, 3), st.integers(-3, 3))
        | st.builds("str({})".format, INTS)
        | st.builds(
            "f'{{{}}}-{{{}}}'".format, st.sampled_from(["value.i", "value.s"]), st.just("value.x:.2f")
        )
        | st.builds("({} if {} else {})".format, TEXTS, CONDITIONS, TEXTS)
        | st.builds("({} or {})".format, TEXTS, TEXTS)
    )
)
CONDITIONS: st.SearchStrategy[str] = st.deferred(
    lambda: (
        st.sampled_from(["value.b", "value.c", "True", "False"])
        | st.builds("({} {} {})".format, INTS, COMPARED, INTS)
        | st.builds("({} {} {})".format, FLOATS, COMPARED, INTS)
        | st.builds("({} {} {})".format, TEXTS, COMPARED, TEXTS)
        | st.builds("({} < {} <= {})".format, INTS, INTS, FLOATS)
        | st.builds("({} in {})".format, TEXTS, TEXTS)
        | st.builds("({} not in (1, 2, -7))".format, INTS)
        | st.builds("({} and {})".format, CONDITIONS, CONDITIONS)
        | st.builds("({} or {})".format, CONDITIONS, CONDITIONS)
        | st.builds("(not {})".format, CONDITIONS)
        | st.builds("{}.startswith({})".format, TEXTS, TEXTS)
        | st.builds("bool({})".format, INTS)
    )
)


class OutOfRangeError(Exception):
    """Python went on where 64 bits end."""


class Whole(int):
    """Python's integers, but with 64 bits: what expressions promise."""

    @staticmethod
    def _of(found: Any) -> Any:
        if type(found) is not int:
            return found
        if found not in RANGE:
            raise OutOfRangeError
        return Whole(found)


def _wrapped(name: str) -> Any:
    plain = getattr(int, name)

    def operate(self: Any, *others: Any) -> Any:
        found = plain(self, *others)
        return found if found is NotImplemented else Whole._of(found)

    return operate


for _name in (
    "add",
    "radd",
    "sub",
    "rsub",
    "mul",
    "rmul",
    "floordiv",
    "rfloordiv",
    "mod",
    "rmod",
    "neg",
    "abs",
):
    setattr(Whole, f"__{_name}__", _wrapped(f"__{_name}__"))


def by_python(text: str, fields: dict[str, Any]) -> Any:
    """What Python's own evaluation gives."""
    counted = {name: Whole(value) if type(value) is int else value for name, value in fields.items()}
    found = eval(text, {"value": SimpleNamespace(**counted)})
    return int(found) if type(found) is Whole else found


def by_us(text: str, fields: dict[str, Any], *, struct: bool) -> Any:
    transform = Expression(ExpressionConfig(expression=f"value.made = {text}"))
    values = [fields[field.name] for field in SCHEMA.fields]
    found = None
    for _ in range(2):  # once step by step, once compiled
        if struct:
            value: Any = Struct.of(SCHEMA, list(values))
            record = SourceRecord({}, {}, "t", SCHEMA, value)
        else:
            value = dict(fields)
            record = SourceRecord({}, {}, "t", None, value)
        made = transform.apply(record)
        assert isinstance(made, SourceRecord)
        found = made.value["made"]
        if struct:
            made.value_schema.validate(made.value)  # type: ignore[union-attr]  # a struct has one
            assert made.value_schema is made.value.schema
            assert value.values == values
        else:
            assert value == fields
    return found


@pytest.mark.parametrize("struct", [True, False])
@settings(max_examples=120, deadline=None)
@given(text=INTS | FLOATS | TEXTS | CONDITIONS, fields=VALUES)
def test_as_python(struct: bool, text: str, fields: dict[str, Any]) -> None:
    try:
        wanted = by_python(text, fields)
    except (ZeroDivisionError, OverflowError, OutOfRangeError):
        wanted = DataError
    try:
        found = by_us(text, fields, struct=struct)
    except DataError:
        found = DataError
    assert found is wanted if wanted is DataError else same_value(found, wanted)


BIG = (1 << 63) - 1


@pytest.mark.parametrize("struct", [True, False])
@pytest.mark.parametrize(
    ("text", "i", "wanted"),
    [
        ("value.i + 1", BIG, None),
        ("value.i - 1", -BIG - 1, None),
        ("-value.i", -BIG - 1, None),
        ("abs(value.i)", -BIG - 1, None),
        ("value.i // -1", -BIG - 1, None),
        ("value.i * value.i", 1 << 40, None),
        ("value.i ** 2", 1 << 40, None),
        ("value.i ** 62", 2, 1 << 62),
        ("value.i ** 63", 2, None),
        ("value.i ** 1000000000", -1, 1),
        ("value.i ** 1000000001", -1, -1),
        ("value.i ** 1000000000", 0, 0),
        ("value.i ** -1", 2, None),
        ("2.0 ** value.i", 10, 1024.0),
        ("(-8.0) ** 0.5 + value.i", 1, None),
        ("10.0 ** value.i", 400, None),
        ("value.i / 0", 1, None),
        ("value.i % 0", 1, None),
        ("value.i // 0.0", 1, None),
        ("int(1e300) + value.i", 1, None),
        ("int('99999999999999999999') + value.i", 1, None),
        ("int(' -12 ') + value.i", 0, -12),
        ("int('1_0') + value.i", 0, None),
        ("int('१') + value.i", 0, None),
        ("round(2.5) + value.i", 0, 2),
        ("round(value.i / 3, 2)", 1, 0.33),
        ("-9223372036854775808 + value.i", 0, -BIG - 1),
    ],
)
def test_bounds(struct: bool, text: str, i: int, wanted: Any) -> None:
    fields = {"i": i, "j": 0, "x": 0.0, "y": 0.0, "s": "", "t": "", "b": False, "c": False}
    if wanted is not None:
        assert same_value(by_us(text, fields, struct=struct), wanted)
        return
    for _ in range(2):
        with pytest.raises(DataError) as caught:
            by_us(text, fields, struct=struct)
        assert caught.value.path == "value.made"
        assert "line 1, column" in str(caught.value)

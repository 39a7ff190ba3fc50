"""Columns: their text form, the types they can have, and what is inferred from rows."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectkit.connectors.csv_columns import Column, columns_text, infer, parse_columns
from connectkit.connectors.csv_types import MISFITS, TYPE_NAMES, converter, zone_of
from connectkit.instant import Instant
from connectkit.schema import DECIMAL_NAME, Schema, Type


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a:int", "did you mean 'int8'"),
        ("a:decimal", "decimal(precision,scale)"),
        ("a:int8(3)", "only decimal has"),
        ("a,b,a", "a stands there twice"),
        (",", "item 1"),
        ("a:string,b:date:x:", "strptime"),
        ("a:int64:%d", "only date, time and timestamp"),
        ("a:decimal(2,3)", "scale no larger"),
        ('"":string', "without a name"),
        ('a:"x', "item 1"),
    ],
)
def test_mistakes_are_told_in_words(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=r"^must ") as caught:
        parse_columns(text)
    assert problem in str(caught.value)


def test_the_forms_of_a_column() -> None:
    assert parse_columns(
        'a, b:INT64 not null,"c,d":decimal(9,2),e:date:%d.%m.%Y,f:timestamp:"%H:%M, %d"'
    ) == [
        Column(name="a"),
        Column(name="b", kind="int64", optional=False),
        Column(name="c,d", kind="decimal", precision=9, scale=2),
        Column(name="e", kind="date", pattern="%d.%m.%Y"),
        Column(name="f", kind="timestamp", pattern="%H:%M, %d"),
    ]


names = st.text(min_size=1, max_size=8).map(str.strip).filter(bool)


@st.composite
def columns(draw: st.DrawFn) -> list[Column]:
    made = []
    for name in draw(st.lists(names, unique=True, max_size=5)):
        kind = draw(st.sampled_from([None, *TYPE_NAMES]))
        decimal: dict[str, Any] = {"precision": draw(st.integers(5, 38)), "scale": draw(st.integers(0, 5))}
        pattern = (
            draw(st.sampled_from([None, "%d, %m:%Y", '%H"%M']))
            if kind in {"date", "time", "timestamp"}
            else None
        )
        made.append(
            Column(name=name, kind=kind, optional=draw(st.booleans()), pattern=pattern)
            if kind != "decimal"
            else Column(name=name, kind=kind, optional=draw(st.booleans()), **decimal)
        )
    return made


@given(columns())
def test_the_text_form_reads_back(made: list[Column]) -> None:
    assert parse_columns(columns_text(made)) == made


def test_schemas() -> None:
    wanted = parse_columns("a:int8 not null,b:string,c:decimal(9,2),d:timestamp")
    schemas = [column.schema() for column in wanted]
    assert schemas[:2] == [Schema.INT8, Schema.OPTIONAL_STRING]
    assert schemas[2].name == DECIMAL_NAME
    assert schemas[2].parameters == {"scale": "2", "connect.decimal.precision": "9"}
    assert schemas[3].type is Type.INT64


BERLIN = zone_of("Europe/Berlin")
GOOD: list[tuple[str, dict[str, Any], str, Any]] = [
    ("int8", {}, "-128", -128),
    ("int64", {}, " 9223372036854775807 ", 9223372036854775807),
    ("float32", {}, "0.1", 0.10000000149011612),
    ("float32", {}, "inf", float("inf")),
    ("float64", {}, "1e3", 1000.0),
    ("boolean", {}, "TRUE", True),
    ("boolean", {}, " n ", False),
    ("bytes", {}, "AQI=", b"\x01\x02"),
    ("decimal", {"scale": 2, "precision": 4}, "12.5", Decimal("12.50")),
    ("decimal", {"scale": 0}, "1E+3", Decimal(1000)),
    ("date", {}, "2024-02-29", date(2024, 2, 29)),
    ("date", {"pattern": "%d.%m.%Y"}, "29.02.2024", date(2024, 2, 29)),
    ("time", {}, "12:30:00.123456", time(12, 30, 0, 123000)),
    ("timestamp", {}, "2024-01-02T03:04:05.678901Z", datetime(2024, 1, 2, 3, 4, 5, 678000, UTC)),
    ("timestamp", {}, "2024-01-02 03:04+02:00", datetime(2024, 1, 2, 1, 4, tzinfo=UTC)),
    ("timestamp", {"zone": BERLIN}, "2024-07-01 12:00", datetime(2024, 7, 1, 10, tzinfo=UTC)),
    ("timestamp", {"pattern": "epoch_ms"}, "-1", datetime(1969, 12, 31, 23, 59, 59, 999000, UTC)),
    ("timestamp", {"pattern": "epoch_s"}, "999999999999", Instant(999999999999000)),
]  # fmt: skip
BAD: list[tuple[str, dict[str, Any], str]] = [
    ("int8", {}, "128"), ("int16", {}, "-32769"), ("int64", {}, "9223372036854775808"), ("int32", {}, "1_0"),
    ("int32", {}, "١"), ("int32", {}, "1.0"), ("float64", {}, "1_0"), ("float64", {}, "x"),
    ("float32", {}, "1e39"), ("boolean", {}, "maybe"), ("bytes", {}, "*"), ("decimal", {"scale": 1}, "1.25"),
    ("decimal", {"scale": 1, "precision": 3}, "123.4"), ("decimal", {}, "NaN"), ("decimal", {}, "1E9999999"),
    ("date", {}, "2023-02-29"), ("time", {}, "12:00Z"), ("timestamp", {}, "0001-01-01T00:00+14:00"),
    ("timestamp", {"pattern": "epoch_ms"}, "1.5"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "settings", "text", "value"), GOOD)
def test_texts_that_fit(kind: str, settings: dict[str, Any], text: str, value: Any) -> None:
    convert = converter(kind, **settings)
    assert convert is not None
    found = convert([text])
    assert found == [value]
    assert type(found[0]) is type(value)


@pytest.mark.parametrize(("kind", "settings", "text"), BAD)
def test_texts_that_do_not_fit(kind: str, settings: dict[str, Any], text: str) -> None:
    convert = converter(kind, **settings)
    assert convert is not None
    with pytest.raises(MISFITS):
        convert([text])


def test_unknown_zone() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        zone_of("Nowhere/Land")


@pytest.mark.parametrize(
    ("texts", "kind"),
    [
        (["true", "FALSE"], "boolean"),
        (["1", "-2", ""], "int64"),
        (["1", "2.5", "-1e-3"], "float64"),
        (["9223372036854775807"], "int64"),
        (["9223372036854775808"], "string"),
        (["9223372036854775808", "0.5"], "string"),
        (["00123"], "string"),
        (["+49"], "string"),
        (["-0"], "float64"),
        (["1", "true"], "string"),
        (["2024-02-29"], "date"),
        (["2024-02-29", "2024-02-29 10:00"], "timestamp"),
        (["2024-02-29T10:00:00.5Z"], "timestamp"),
        (["2023-02-29"], "string"),
        (["", ""], "string"),
        (["NaN"], "string"),
        (["1_000"], "string"),
    ],
)
def test_inference(texts: list[str], kind: str) -> None:
    assert infer([Column(name="a")], [[text] for text in texts], frozenset({""})) == [
        Column(name="a", kind=kind)
    ]


def test_declared_columns_are_left_alone_and_odd_rows_not_looked_at() -> None:
    found = infer(
        [Column(name="a", kind="string"), Column(name="b")], [["1", "2"], ["x"], ["1", "2", "x"]], frozenset()
    )
    assert [column.kind for column in found] == ["string", "int64"]

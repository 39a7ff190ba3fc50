"""How texts become ConfigDef values (spec data 5.1)."""

from __future__ import annotations

import math

import pytest

from connectkit.kinds import Kind, parse_kind, split_list


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("", []),
        ("  ", []),
        ("a", ["a"]),
        ("a,,b", ["a", "", "b"]),
        (",a,", ["", "a", ""]),
        (" a \t,\n b ", ["a", "b"]),
        (",", ["", ""]),
        ("a b , c", ["a b", "c"]),
    ],
)
def test_lists(text: str, items: list[str]) -> None:
    assert split_list(text) == items


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1", 1.0),
        (" -1.5e3 ", -1500.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("1f", 1.0),
        ("1D", 1.0),
        ("Infinity", math.inf),
        ("-Infinity", -math.inf),
        ("0x1.8p1", 3.0),
        ("1e999", math.inf),
    ],
)
def test_doubles(text: str, number: float) -> None:
    assert parse_kind(text, Kind.DOUBLE) == number


def test_nan() -> None:
    assert math.isnan(parse_kind("NaN", Kind.DOUBLE))


@pytest.mark.parametrize("text", ["", "inf", "nan", "1_0", "0x10", "1 2", "e5", "1,5", "١.٥"])
def test_no_doubles(text: str) -> None:
    with pytest.raises(ValueError, match="number"):
        parse_kind(text, Kind.DOUBLE)


@pytest.mark.parametrize(("kind", "limit"), [(Kind.SHORT, 2**15), (Kind.INT, 2**31), (Kind.LONG, 2**63)])
def test_integer_ranges(kind: Kind, limit: int) -> None:
    assert parse_kind(str(limit - 1), kind) == limit - 1
    assert parse_kind(str(-limit), kind) == -limit
    assert parse_kind("0" * 100 + "7", kind) == 7
    for out in (limit, -limit - 1, 10**5000):
        with pytest.raises(ValueError, match="whole number"):
            parse_kind(str(out) if out < 10**100 else "1" + "0" * 5000, kind)


def test_only_what_java_trims_is_trimmed() -> None:
    assert parse_kind("\x00\x1f a\u00a0\t", Kind.STRING) == "a\u00a0"
    assert parse_kind(" a ", Kind.STRING, trimmed=False) == " a "


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("value", ["CANARY", 3.5, object(), b"CANARY", {"CANARY": 1}])
def test_sentences_do_not_hold_the_value(kind: Kind, value: object) -> None:
    told = ""
    try:
        parse_kind(value, kind)
    except ValueError as exc:
        told = str(exc)
    assert "CANARY" not in told

"""Typed configurations: types, defaults, problems, warnings, definitions."""

from __future__ import annotations

import dataclasses
import enum
import re
from datetime import timedelta
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectkit.checks import at_least, no_duplicates, non_empty_list, non_empty_string
from connectkit.config import HIGH, LOW, Config, ConverterConfig, Kind, Secret, Width, option
from connectkit.errors import ConfigError


class Mode(enum.Enum):
    FAST = "fast"
    SAFE = "safe"


class Everything(Config):
    name: str = option(doc="A name.", importance=HIGH, check=non_empty_string)
    fields: list[str] = option([], doc="Fields.", check=no_duplicates)
    count: int = option(5, doc="A count.", check=at_least(1))
    small: int = option(0, doc="A short.", kind=Kind.SHORT)
    big: int | None = option(None, doc="A long.", kind=Kind.LONG)
    rate: float = option(0.5, doc="A rate.")
    enabled: bool = option(True, doc="A switch.")
    mode: Mode = option(Mode.FAST, doc="A mode.")
    letter: Literal["a", "b"] = option("a", doc="A letter.")
    wait: timedelta = option(timedelta(seconds=1), doc="A time.")
    pattern: re.Pattern[str] | None = option(None, doc="A pattern.")
    password: Secret | None = option(None, doc="A secret.")
    replace_null_with_default: bool = option(False, doc="x", key="nulls", aliases=("old.nulls",))
    separator: str = option(",", doc="x", trim=False)
    modes: list[Mode] = option([], doc="x")


def test_defaults() -> None:
    found = Everything.parse({"name": "n"})
    assert found.fields == []
    assert (found.count, found.rate, found.enabled, found.mode) == (5, 0.5, True, Mode.FAST)
    assert found == Everything(name="n")
    found.fields.append("x")
    assert Everything.parse({"name": "n"}).fields == []


def test_texts_become_typed_values() -> None:
    found = Everything.parse(
        {
            "name": "  n ",
            "fields": " a ,b,",
            "count": "+7",
            "small": "-32768",
            "big": "9223372036854775807",
            "rate": "1e3",
            "enabled": " FALSE ",
            "mode": "SAFE",
            "letter": "b",
            "wait": "250ms",
            "pattern": "a+\\z",
            "password": " pw ",
            "old.nulls": "true",
            "separator": " \t",
            "modes": "fast, safe",
        }
    )
    assert (found.name, found.fields, found.count, found.small) == ("n", ["a", "b", ""], 7, -32768)
    assert (found.big, found.rate, found.enabled, found.mode) == (2**63 - 1, 1000.0, False, Mode.SAFE)
    assert found.pattern is not None
    assert found.pattern.fullmatch("aa")
    assert found.password == Secret("pw")
    assert (found.letter, found.wait) == ("b", timedelta(milliseconds=250))
    assert (found.replace_null_with_default, found.separator) == (True, " \t")
    assert found.modes == [Mode.FAST, Mode.SAFE]
    assert dict(found.warnings) == {}


def test_typed_values_pass_as_they_are() -> None:
    found = Everything.parse(
        {"name": "n", "fields": ["a"], "count": 3, "rate": 2, "enabled": False, "mode": Mode.SAFE}
    )
    assert (found.fields, found.count, found.rate, found.enabled, found.mode) == (
        ["a"],
        3,
        2.0,
        False,
        Mode.SAFE,
    )


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("count", "abc"),
        ("count", "1.0"),
        ("count", "1_000"),
        ("count", ""),
        ("count", "2147483648"),
        ("count", True),
        ("count", "9" * 10_000),
        ("small", "32768"),
        ("big", "9223372036854775808"),
        ("rate", "inf"),
        ("rate", "1_0"),
        ("rate", "nan "[:3]),
        ("enabled", "yes"),
        ("enabled", 1),
        ("name", 5),
        ("name", ""),
        ("name", "   "),
        ("fields", 5),
        ("mode", "quick"),
        ("letter", "A"),
        ("wait", "soon"),
        ("wait", "-1s"),
        ("pattern", "("),
        ("count", "0"),
        ("enabled", None),
        ("modes", "fast,quick"),
    ],
)
def test_a_wrong_value_is_told_of_once(key: str, value: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        Everything.parse({"name": "n", key: value})
    assert list(caught.value.problems) == [key]
    assert len(caught.value.problems[key]) == 1
    assert len(str(caught.value)) < 300


def test_repetitions_are_dropped_from_a_plugins_own_configuration_and_refused_in_a_connectors() -> None:
    assert Everything.parse({"name": "n", "fields": "a,b,a"}).fields == ["a", "b"]
    with pytest.raises(ConfigError, match=r"c\.fields: .* twice"):
        Everything.parse({"name": "n", "fields": "a,b,a"}, where="c")


def test_all_problems_at_once_and_with_their_place() -> None:
    with pytest.raises(ConfigError) as caught:
        Everything.parse({"count": "abc", "enabled": "x", "letter": "c"}, where="transforms.m")
    assert set(caught.value.problems) == {
        "transforms.m.name",
        "transforms.m.count",
        "transforms.m.enabled",
        "transforms.m.letter",
    }
    assert "transforms.m.count: 'abc' must be a whole number" in str(caught.value)


def test_unknown_keys_are_warnings_with_a_suggestion() -> None:
    found = Everything.parse({"name": "n", "fiels": "a", "zzzzzz": "b", "other": "c"}, known={"other"})
    assert set(found.warnings) == {"fiels", "zzzzzz"}
    assert "'fields'" in found.warnings["fiels"][0]
    assert "did you mean" not in found.warnings["zzzzzz"][0]


def test_prefixes_are_not_unknown_and_can_be_read() -> None:
    class Open(Config):
        prefixes = ("jdbc.",)

    found = Open.parse({"jdbc.a": "1", "jdbc.": "2", "x": "3"})
    assert set(found.warnings) == {"x"}
    assert dict(found.with_prefix("jdbc.")) == {"a": "1"}


class Pair(Config):
    low: int = option(0, doc="x")
    high: int = option(9, doc="x")

    def problems(self) -> dict[str, str]:
        return {"high": "must not be below low"} if self.high < self.low else {}


def test_rules_between_options() -> None:
    with pytest.raises(ConfigError) as caught:
        Pair.parse({"low": "5", "high": "4"}, where="w")
    assert caught.value.problems == {"w.high": ["must not be below low"]}
    with pytest.raises(ConfigError):
        Pair(low=5, high=4)
    errors = {value.name: value.errors for value in Pair.validate({"low": "5", "high": "4"})}
    assert errors == {"low": [], "high": ["must not be below low"]}


def test_an_object_made_in_code_is_checked_too() -> None:
    with pytest.raises(ConfigError) as caught:
        Everything(name="", count=0)
    assert set(caught.value.problems) == {"name", "count"}
    assert Everything(name="n").originals["name"] == "n"


def test_frozen_and_equal() -> None:
    found = Everything.parse({"name": "n"})
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.name = "m"  # type: ignore[misc]
    assert found == Everything.parse({"name": "n", "unknown": "x"})
    assert found != Everything.parse({"name": "m"})


def test_definition_has_what_kafka_shows() -> None:
    keys = Everything.definition().by_name
    assert [key.type for key in Everything.definition().keys][:8] == [
        "STRING",
        "LIST",
        "INT",
        "SHORT",
        "LONG",
        "DOUBLE",
        "BOOLEAN",
        "STRING",
    ]
    assert (keys["name"].required, keys["name"].default_value) == (True, None)
    assert (keys["big"].required, keys["big"].default_value) == (False, None)
    assert (keys["fields"].default_value, keys["rate"].default_value) == ("", "0.5")
    assert (keys["enabled"].default_value, keys["mode"].default_value) == ("true", "fast")
    assert (keys["password"].type, keys["password"].default_value) == ("PASSWORD", None)
    name = keys["name"]
    assert (name.group, name.order_in_group, name.width, name.display_name) == (None, -1, Width.NONE, "name")
    assert (name.importance, name.documentation, name.dependents) == (HIGH, "A name.", ())
    converter = ConverterConfig.definition().by_name["converter.type"]
    assert (converter.required, converter.default_value, converter.importance) == (True, None, LOW)


def test_validate_tells_values_and_recommendations() -> None:
    class Recommending(Config):
        table: str = option(doc="x", recommender=lambda values: ["a", "b"])
        column: str = option("c", doc="x", visible=lambda values: values["table"] == "a")
        secret: Secret = option(Secret("x"), doc="x")

    table, column, secret = Recommending.validate({"table": " b ", "secret": "CANARY"})
    assert (table.value, table.recommended_values, table.visible) == ("b", ["a", "b"], True)
    assert (column.value, column.visible) == ("c", False)
    assert secret.value == "[hidden]"
    (wrong, *_) = Recommending.validate({})
    assert (wrong.value, len(wrong.errors)) == (None, 1)


@pytest.mark.parametrize(
    ("annotation", "default", "settings"),
    [
        (int, "1", {}),
        (int, None, {}),
        (str, "x", {"kind": Kind.LONG}),
        (dict, None, {}),
        (list[str], [], {"check": non_empty_list}),
        (str, "x", {"dependents": ("missing",)}),
    ],
)
def test_a_wrong_declaration_is_a_type_error(annotation: Any, default: Any, settings: Any) -> None:
    body = {"__annotations__": {"x": annotation}, "x": option(default, doc="x", **settings)}
    made: Any = type("Made", (Config,), body)
    with pytest.raises(TypeError):
        made.definition()


def test_an_option_must_not_hide_a_member() -> None:
    with pytest.raises(TypeError, match="originals"):
        type("Made", (Config,), {"__annotations__": {"originals": str}, "originals": option("", doc="x")})


def test_two_options_of_one_key_are_refused() -> None:
    class Twice(Config):
        a: str = option("", doc="x")
        b: str = option("", doc="x", key="a")

    with pytest.raises(TypeError, match="twice"):
        Twice.definition()


@given(st.integers(-(2**70), 2**70))
def test_integers_round_trip_in_range_only(number: int) -> None:
    raw = {"name": "n", "big": f" {number} "}
    if -(2**63) <= number < 2**63:
        assert Everything.parse(raw).big == number
    else:
        with pytest.raises(ConfigError):
            Everything.parse(raw)


@given(st.dictionaries(st.text(max_size=20), st.one_of(st.none(), st.text(max_size=40), st.integers())))
def test_any_mapping_parses_or_is_a_config_error(raw: dict[str, Any]) -> None:
    problems = [value for value in Everything.validate({"name": "n", **raw}) if value.errors]
    try:
        Everything.parse({"name": "n", **raw})
        failed = False
    except ConfigError:
        failed = True
    assert failed == bool(problems)

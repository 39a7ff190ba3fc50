"""Confluent's Filter: include, exclude, and records without the fields it starts from."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectkit.builder import SchemaBuilder
from connectkit.plugin import plugins
from connectkit.schema import Schema
from connectkit.struct import Struct
from connectkit.transforms.confluent.filter import ConfluentFilter
from tests.support.smt import fails, make, problems, run, sink

NAME = "io.confluent.connect.transforms.Filter"
INNER = SchemaBuilder.struct().field("nestedKey", Schema.OPTIONAL_STRING).optional().build()
SCHEMA = SchemaBuilder.struct().field("key", INNER).build()
NESTED = "$.key[?(@.nestedKey == 'value1' || @.nestedKey == \"value2\")]"


def value(text: str | None) -> Struct:
    return Struct.of(SCHEMA, [Struct.of(INNER, [text])])


def filter_(condition: str = NESTED, kind: str = "include", side: str = "$Value", **options: Any) -> Any:
    return make(NAME + side, filter_condition=condition, filter_type=kind, **options)


def test_only_the_full_name_finds_it() -> None:
    assert isinstance(filter_(), ConfluentFilter)
    assert not isinstance(make("Filter"), ConfluentFilter)
    assert {info.name for info in plugins.all("transform")} >= {"Filter", NAME}
    with pytest.raises(Exception, match=r"did you mean .*Filter\$Key or .*Filter\$Value"):
        make(NAME, filter_condition="$.a", filter_type="include")


@pytest.mark.parametrize(
    ("text", "kept"), [("value1", True), ("value2", True), ("value3", False), (None, False)]
)
def test_include_and_exclude(text: str | None, kept: bool) -> None:
    for record in (sink(value(text), SCHEMA), sink({"key": {"nestedKey": text}})):
        assert run(filter_(), record) is (record if kept else None)
        assert run(filter_(kind="exclude"), record) is (None if kept else record)


def test_the_key_side() -> None:
    record = sink(None, key={"key": {"nestedKey": "value1"}})
    assert run(filter_(side="$Key"), record) is record
    assert run(filter_(side="$Key", kind="exclude"), record) is None


def test_a_condition_on_the_root() -> None:
    made = filter_("$[?(@.origin == 'main')]")
    assert run(made, sink({"origin": "main"})) is not None
    assert run(made, sink({"origin": "copy"})) is None
    assert run(made, sink({})) is None


def test_a_field_that_is_there_matches() -> None:
    assert run(filter_("$.a"), sink({"a": 0})) is not None
    assert run(filter_("$.a", "exclude"), sink({"a": 0})) is None


@pytest.mark.parametrize("missing", [{}, {"key": None}, None, "text", [1]])
def test_missing_or_null(missing: Any) -> None:
    record = sink(missing)
    error = fails(filter_(), record)
    assert "missing.or.null.behavior" in str(error)
    assert error.path == "$.key"
    for kind in ("include", "exclude"):
        assert run(filter_(kind=kind, missing_or_null_behavior="include"), record) is record
        assert run(filter_(kind=kind, missing_or_null_behavior="exclude"), record) is None


def test_bad_configuration() -> None:
    found = problems(NAME + "$Value")
    assert set(found) == {"filter.condition", "filter.type"}
    found = problems(
        NAME + "$Value", filter_condition="$.a[?(", filter_type="keep", missing_or_null_behavior="drop"
    )
    assert set(found) == {"filter.condition", "filter.type", "missing.or.null.behavior"}
    assert "at position 6" in found["filter.condition"][0]


@given(st.dictionaries(st.sampled_from("ab"), st.none() | st.integers(-3, 3)))
def test_include_and_exclude_are_contraries(fields: dict[str, int | None]) -> None:
    condition = "$[?(@.a > @.b || @.a == 1)]"
    record = sink(fields)
    assert (run(filter_(condition), record) is None) is (
        run(filter_(condition, "exclude"), record) is not None
    )

"""Confluent's TombstoneHandler and Drop."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from hypothesis import given

from connectkit.builder import SchemaBuilder
from connectkit.errors import ConfigError
from connectkit.schema import Schema
from tests.strategies import pairs
from tests.support.smt import fails, make, problems, run, sink

HANDLER = "io.confluent.connect.transforms.TombstoneHandler"
DROP = "io.confluent.connect.transforms.Drop"
STRUCT = SchemaBuilder.struct().name("N").field("a", Schema.INT32).build()


LEVELS = [
    ({}, logging.WARNING),
    ({"behavior": "warn"}, logging.WARNING),
    ({"behavior": "ignore"}, logging.DEBUG),
]


@pytest.mark.parametrize(("behavior", "level"), LEVELS)
@pytest.mark.parametrize("schema", [None, Schema.OPTIONAL_STRING, STRUCT])
def test_tombstones_are_dropped(
    behavior: dict[str, str], level: int, schema: Schema | None, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        assert make(HANDLER, **behavior).apply(sink(None, schema, topic="orders")) is None
    assert [(each.levelno, "topic orders" in each.getMessage()) for each in caplog.records] == [(level, True)]


def test_fail() -> None:
    assert "tombstone" in str(fails(make(HANDLER, behavior="fail"), sink(None)))


@pytest.mark.parametrize("behavior", ["ignore", "warn", "fail"])
def test_other_records_pass(behavior: str) -> None:
    handler = make(HANDLER, behavior=behavior)
    for record in (sink({}), sink(0), sink("", Schema.STRING), sink(False)):
        assert run(handler, record) is record


def test_its_short_name_means_two() -> None:
    with pytest.raises(ConfigError, match="means several plugins"):
        make("TombstoneHandler")
    assert set(problems(HANDLER, behavior="skip")) == {"behavior"}


# --- Drop


@pytest.mark.parametrize("schema", [None, Schema.STRING, Schema.OPTIONAL_STRING])
def test_nullify_is_the_default(schema: Schema | None) -> None:
    made = run(make("Drop$Value"), sink("x", schema, key="k", key_schema=Schema.STRING))
    assert (made.value, made.value_schema, made.key, made.key_schema) == (None, None, "k", Schema.STRING)
    made = run(make(DROP + "$Key", schema_behavior="nullify"), sink("x", schema, key="k"))
    assert (made.key, made.key_schema, made.value, made.value_schema) == (None, None, "x", schema)


def test_retain() -> None:
    drop = make(DROP + "$Value", schema_behavior="retain")
    assert run(drop, sink("x", Schema.OPTIONAL_STRING)).value_schema is Schema.OPTIONAL_STRING
    assert run(drop, sink("x", Schema.STRING), checked=False).value_schema is Schema.STRING


def test_validate() -> None:
    drop = make(DROP + "$Value", schema_behavior="validate")
    made = run(drop, sink("x", Schema.OPTIONAL_STRING))
    assert (made.value, made.value_schema) == (None, Schema.OPTIONAL_STRING)
    assert "force_optional" in str(fails(drop, sink("x", Schema.STRING)))
    assert run(drop, sink("x")).value is None


@given(pairs())
def test_force_optional(pair: Any) -> None:
    schema, value = pair
    made = run(make(DROP + "$Value", schema_behavior="force_optional"), sink(value, schema))
    assert made.value is None
    assert made.value_schema.optional
    assert (made.value_schema.type, made.value_schema.name) == (schema.type, schema.name)


def test_a_null_stays_one() -> None:
    assert run(make("Drop$Value"), sink(None)).value is None


def test_bad_configuration() -> None:
    assert set(problems(DROP + "$Key", schema_behavior="burn")) == {"schema.behavior"}

"""Sample: the same groups everywhere, the right share, tombstones."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectkit.builder import SchemaBuilder
from connectkit.errors import ConfigError, DataError
from connectkit.headers import Headers
from connectkit.record import SourceRecord
from connectkit.schema import Schema
from connectkit.struct import Struct
from connectkit.transforms.grouping import group_name
from connectkit.transforms.sample import Sample, SampleConfig
from tests.strategies import pairs

USER = SchemaBuilder.struct().field("user", Schema.OPTIONAL_STRING).build()


def sample(rate: float, **options: Any) -> Sample:
    raw = {key.replace("_", "."): str(value) for key, value in options.items()}
    return Sample(SampleConfig.parse({"rate": str(rate), **raw}))


def record(key: Any = None, value: Any = 1, schema: Schema | None = None) -> SourceRecord:
    return SourceRecord(None, None, "t", schema, value, key=key)


def passed(transform: Sample, keys: Any) -> list[Any]:
    return [key for key in keys if transform.apply(record(key)) is not None]


def test_a_key_passes_always_or_never() -> None:
    first = passed(sample(0.3, by="key"), range(2000))
    assert first == passed(sample(0.3, by="key"), range(2000))
    assert 500 < len(first) < 700
    assert set(first) < set(passed(sample(0.5, by="key"), range(2000)))
    other = passed(sample(0.3, by="key", seed=1), range(2000))
    assert other != first
    assert 500 < len(other) < 700


def test_the_choice_is_that_of_every_process_and_version() -> None:
    chosen = [2, 4, 6, 12, 14, 16, 17, 18, 20, 22, 23, 25, 26, 28, 29, 32, 34, 36, 38, 39]
    assert passed(sample(0.5, by="key"), range(40)) == chosen


@pytest.mark.parametrize(("rate", "wanted"), [(0, 0), (1, 100)])
def test_none_and_all(rate: float, wanted: int) -> None:
    assert len(passed(sample(rate, by="key"), range(100))) == wanted
    assert len(passed(sample(rate), range(100))) == wanted


def test_chance_repeats_with_a_seed() -> None:
    assert passed(sample(0.5, seed=5), range(100)) == passed(sample(0.5, seed=5), range(100))
    assert passed(sample(0.5, seed=5), range(100)) != passed(sample(0.5, seed=6), range(100))
    config = SampleConfig.parse({"rate": "0.25"})
    assert 150 < len(passed(Sample(config, chance=random.Random(1)), range(1000))) < 350


def test_records_with_a_null_there_are_decided_one_by_one() -> None:
    transform = sample(0.5, by="key", seed=1)
    assert 20 < len(passed(transform, [None] * 100)) < 80


def test_tombstones() -> None:
    assert sample(0).apply(record("k", None)) is not None
    assert sample(0, by="value.user").apply(record("k", None)) is not None
    assert sample(0, by="key").apply(record(None, None)) is not None
    keys = [str(n) for n in range(50)]
    with_key = sample(0.5, by="key")
    assert [k for k in keys if with_key.apply(record(k, None))] == passed(with_key, keys)


@pytest.mark.parametrize("by", ["user", "value.user", "headers.user"])
def test_paths(by: str) -> None:
    transform = sample(0.5, by=by)

    def passes(user: str) -> set[bool]:
        made = [
            SourceRecord(None, None, "t", None, {"user": user}, headers=Headers().add_string("user", user)),
            SourceRecord(
                None, None, "t", USER, Struct.of(USER, [user]), headers=Headers().add_string("user", user)
            ),
        ]
        return {transform.apply(each) is each for each in made}

    found = [passes(f"u{n}") for n in range(40)]
    assert all(len(each) == 1 for each in found)
    assert {True} in found
    assert {False} in found


def test_a_path_that_is_not_there(caplog: pytest.LogCaptureFixture) -> None:
    transform = sample(1, by="usr")
    transform.alias = "few"
    for _ in range(2):
        assert transform.apply(record(value=Struct.of(USER, ["u"]), schema=USER)) is not None
    [message] = caplog.messages
    assert message == "few: the configured 'usr' is not in the record; did you mean 'user'?"
    caplog.clear()
    assert sample(1, by="usr", on_missing="ignore").apply(record(value={"user": 1})) is not None
    assert caplog.messages == []
    with pytest.raises(DataError, match="did you mean 'user'"):
        sample(1, by="usr", on_missing="fail").apply(record(value={"user": 1}))


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ({"rate": "2"}, "rate"),
        ({"rate": "-0.1"}, "rate"),
        ({"rate": "nan"}, "rate"),
        ({}, "rate"),
        ({"rate": "1", "by": "topic.x"}, "by"),
        ({"rate": "1", "seed": "x"}, "seed"),
    ],
)
def test_configurations_that_cannot_be_meant(options: dict[str, Any], key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        SampleConfig.parse(options)
    assert set(caught.value.problems) == {key}


def test_names_of_groups_are_short_and_tell_long_texts_apart() -> None:
    assert group_name("a" * 32) == "a" * 32
    long = [group_name("a" * 10_000 + end) for end in ("b", "c")]
    assert long[0] != long[1]
    assert max(map(len, long)) < 40
    assert group_name(1.0) == "1.0"
    assert group_name(Decimal("1.00")) == "1.00"
    assert group_name("\ud800" * 40)


@given(pairs(), st.sampled_from(["value", "key", "topic", "headers.h"]), st.floats(0, 1))
def test_a_record_passes_unchanged_or_not_at_all(pair: Any, by: str, rate: float) -> None:
    schema, value = pair
    made = record(value, value, schema)
    assert sample(rate, by=by).apply(made) in (made, None)
    assert (made.value is value, made.value_schema is schema) == (True, True)


def test_a_preview_is_told_why() -> None:
    assert sample(0.25, by="key").why_dropped(record("k")) == "its group by key is not in the sample of 0.25"

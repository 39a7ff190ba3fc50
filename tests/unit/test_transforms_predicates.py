"""Predicates, Filter, and the names that all of Apache's plugins go by."""

from __future__ import annotations

from typing import Any

import pytest

from connectkit.errors import ConfigError
from connectkit.headers import Headers
from connectkit.plugin import plugins
from connectkit.runner.chain import Chain
from tests.support.transforms import sink_record

PACKAGE = "org.apache.kafka.connect.transforms."
SIDED = [
    "Cast", "ExtractField", "Flatten", "HeaderFrom", "HoistField", "InsertField", "MaskField", "ReplaceField",
    "SetSchemaMetadata", "TimestampConverter",
]  # fmt: skip
PLAIN = ["DropHeaders", "Filter", "InsertHeader", "RegexRouter", "TimestampRouter", "ValueToKey"]


@pytest.mark.parametrize("name", SIDED)
@pytest.mark.parametrize("side", ["Key", "Value"])
def test_sided_transforms_are_found_by_short_and_full_name(name: str, side: str) -> None:
    for form in (f"{name}${side}", f"{PACKAGE}{name}${side}"):
        found = plugins.find("transform", form)
        assert (found.cls.__name__, found.extra) == (name, {"side": side.lower()})


@pytest.mark.parametrize("name", PLAIN)
def test_plain_transforms_are_found_by_short_and_full_name(name: str) -> None:
    for form in (name, f"{PACKAGE}{name}"):
        assert plugins.find("transform", form).cls.__name__ == name


@pytest.mark.parametrize("name", ["HasHeaderKey", "RecordIsTombstone", "TopicNameMatches"])
def test_predicates_are_found_by_short_and_full_name(name: str) -> None:
    for form in (name, f"{PACKAGE}predicates.{name}"):
        assert plugins.find("predicate", form).cls.__name__ == name


@pytest.mark.parametrize(
    ("name", "config", "parts", "expected"),
    [
        ("TopicNameMatches", {"pattern": "ord.*"}, {}, True),
        ("TopicNameMatches", {"pattern": "ord"}, {}, False),
        ("TopicNameMatches", {"pattern": ".*"}, {"topic": None}, False),
        ("HasHeaderKey", {"name": "h"}, {"headers": Headers().add_string("h", None)}, True),
        ("HasHeaderKey", {"name": "H"}, {"headers": Headers().add_string("h", "x")}, False),
        ("RecordIsTombstone", {}, {"value": None}, True),
        ("RecordIsTombstone", {}, {"value": ""}, False),
    ],
)
def test_what_a_predicate_holds_for(
    name: str, config: dict[str, str], parts: dict[str, Any], expected: bool
) -> None:
    record = sink_record({}).new_record(**parts)
    assert plugins.create("predicate", name, config).test(record) is expected
    for negate in ("false", "true"):
        chain = Chain.build(
            {
                "transforms": "f",
                "transforms.f.type": "Filter",
                "transforms.f.predicate": "p",
                "transforms.f.negate": negate,
                "predicates": "p",
                "predicates.p.type": name,
                **{f"predicates.p.{key}": value for key, value in config.items()},
            },
            plugins,
        )
        dropped = expected is (negate == "false")
        for _ in range(3):
            assert (chain.apply(record) is None) is dropped
        assert chain.apply_batch([record] * 3) == [None if dropped else record] * 3


@pytest.mark.parametrize("pattern", ["", "(", "(a|aa)+$"])
def test_a_pattern_must_be_one_that_ends(pattern: str) -> None:
    with pytest.raises(ConfigError) as caught:
        plugins.create("predicate", "TopicNameMatches", {"pattern": pattern})
    assert list(caught.value.problems) == ["pattern"]


@pytest.mark.parametrize(
    ("config", "key"),
    [
        ({"transforms": "a"}, "transforms.a.type"),
        ({"transforms": "a", "transforms.a.type": " Filter "}, "transforms.a.type"),
        ({"transforms": "a", "transforms.a.type": "Filtr"}, "transforms.a.type"),
        ({"transforms": "a,a", "transforms.a.type": "Filter"}, "transforms"),
        ({"transforms": "a", "transforms.a.type": "Filter", "transforms.a.predicate": "p"},
         "transforms.a.predicate"),
        ({"transforms": "a", "transforms.a.type": "Filter", "transforms.a.negate": "false"},
         "transforms.a.negate"),
        ({"transforms": "a", "transforms.a.type": "DropHeaders", "transforms.a.headers": "x,x"},
         "transforms.a.headers"),
    ],
)  # fmt: skip
def test_wiring_that_is_wrong_is_told_by_its_key(config: dict[str, str], key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Chain.build(config, plugins)
    assert list(caught.value.problems) == [key]

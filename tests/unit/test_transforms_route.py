"""RegexRouter and TimestampRouter."""

from __future__ import annotations

import pytest

from connectkit.errors import ConfigError, DataError
from connectkit.plugin import plugins
from tests.support.transforms import apply, sink_record


@pytest.mark.parametrize(
    ("topic", "regex", "replacement", "expected"),
    [
        ("db.public.users", r"(.*)\.(.*)\.(.*)", "$3", "users"),
        ("orders-eu", r"(?<a>\w+)-(?<b>\w+)", "${b}.${a}", "eu.orders"),
        ("orders", "rder", "x", "orders"),
        ("t-1", "t|t-1", "X", "X-1"),
        ("orders", "(.*)", r"\$$1", "$orders"),
        ("orders", "(o)(r)ders", "$12", "o2"),
        ("orders", ".*", "", ""),
    ],
)
def test_a_topic_is_renamed_by_java_s_rules(topic: str, regex: str, replacement: str, expected: str) -> None:
    made = apply("RegexRouter", {"regex": regex, "replacement": replacement}, sink_record({}, topic=topic))
    assert made.topic == expected
    assert made.kafka_partition == 3
    assert made.original_topic == "orders"


@pytest.mark.parametrize(
    ("regex", "replacement", "key"),
    [
        ("(", "x", "regex"),
        ("(a+)+$", "x", "regex"),
        ("a", "$1", "replacement"),
        ("a", "${x}", "replacement"),
        ("a", "\\", "replacement"),
        ("a", "$", "replacement"),
    ],
)
def test_what_can_never_work_is_refused_with_the_configuration(
    regex: str, replacement: str, key: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        plugins.create("transform", "RegexRouter", {"regex": regex, "replacement": replacement})
    assert list(caught.value.problems) == [key]


def test_a_record_without_a_topic_is_refused() -> None:
    with pytest.raises(DataError, match="no topic"):
        apply("RegexRouter", {"regex": "a", "replacement": "b"}, sink_record({}, topic=None))


@pytest.mark.parametrize(
    ("config", "timestamp", "expected"),
    [
        ({}, 1609459200123, "orders-20210101"),
        ({"timestamp.format": "yyyy-MM-dd HH:mm:ss.SSS"}, 1609459200123, "orders-2021-01-01 00:00:00.123"),
        ({"timestamp.format": "HH"}, -1, "orders-23"),
        ({"topic.format": "${timestamp}/${topic}/${other}"}, 0, "19700101/orders/${other}"),
    ],
)
def test_the_timestamp_goes_into_the_topic(config: dict[str, str], timestamp: int, expected: str) -> None:
    assert apply("TimestampRouter", config, sink_record({}, timestamp=timestamp)).topic == expected


def test_records_of_one_second_apart_are_told_apart() -> None:
    transform = plugins.create("transform", "TimestampRouter", {"timestamp.format": "HHmmss"})
    topics = [transform.apply(sink_record({}, timestamp=second * 1000 - 1)).topic for second in range(-2, 3)]
    assert topics == ["orders-235957", "orders-235958", "orders-235959", "orders-000000", "orders-000001"]


def test_a_record_without_a_timestamp_is_refused() -> None:
    with pytest.raises(DataError, match="no timestamp"):
        apply("TimestampRouter", {}, sink_record({}, timestamp=None))


def test_a_format_that_is_none_is_refused_with_the_configuration() -> None:
    with pytest.raises(ConfigError) as caught:
        plugins.create("transform", "TimestampRouter", {"timestamp.format": "yyyy'"})
    assert list(caught.value.problems) == ["timestamp.format"]

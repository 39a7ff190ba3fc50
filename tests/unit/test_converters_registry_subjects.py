"""Under which subject a schema is registered."""

from __future__ import annotations

import pytest

from connectkit.converters.registry.subjects import ASSOCIATED, needs_schema, subject_of
from connectkit.errors import ConversionError

PACKAGE = "io.confluent.kafka.serializers.subject."


def subject(
    strategy: str, *, fallback: str = "TOPIC", found: tuple[str, ...] = (), name: str | None = "shop.Order"
) -> str:
    return subject_of(
        strategy, "orders", is_key=False, record_name=lambda: name, fallback=fallback,
        associated=lambda topic, kind: list(found),
    )  # fmt: skip


@pytest.mark.parametrize("package", ["", PACKAGE])
@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        ("TopicNameStrategy", "orders-value"),
        ("RecordNameStrategy", "shop.Order"),
        ("TopicRecordNameStrategy", "orders-shop.Order"),
        ("AssociatedNameStrategy", "orders-value"),
    ],
)
def test_strategies(package: str, strategy: str, expected: str) -> None:
    assert subject(package + strategy) == expected


def test_keys_and_values() -> None:
    def of(is_key: bool) -> str:
        return subject_of(
            "TopicNameStrategy",
            "t",
            is_key=is_key,
            record_name=lambda: None,
            fallback="",
            associated=lambda t, k: [],
        )

    assert (of(True), of(False)) == ("t-key", "t-value")


@pytest.mark.parametrize(
    ("fallback", "expected"),
    [("TOPIC", "orders-value"), ("record", "shop.Order"), ("TOPIC_RECORD", "orders-shop.Order")],
)
def test_what_a_topic_without_an_association_falls_back_to(fallback: str, expected: str) -> None:
    assert subject(ASSOCIATED, fallback=fallback) == expected
    assert subject(ASSOCIATED, fallback=fallback, found=("mine",)) == "mine"


def test_what_cannot_be_named() -> None:
    with pytest.raises(ConversionError, match="no associated subject"):
        subject(ASSOCIATED, fallback="NONE")
    with pytest.raises(ConversionError, match="2 associated subjects"):
        subject(ASSOCIATED, found=("a", "b"))
    for strategy in ("RecordNameStrategy", "TopicRecordNameStrategy"):
        with pytest.raises(ConversionError, match="after records"):
            subject(strategy, name=None)


@pytest.mark.parametrize(
    ("strategy", "fallback", "expected"),
    [
        ("TopicNameStrategy", "RECORD", False),
        (PACKAGE + "RecordNameStrategy", "TOPIC", True),
        ("TopicRecordNameStrategy", "TOPIC", True),
        (ASSOCIATED, "TOPIC", False),
        (ASSOCIATED, "RECORD", True),
        (ASSOCIATED, "NONE", False),
    ],
)
def test_whether_the_schema_is_needed_first(strategy: str, fallback: str, expected: bool) -> None:
    assert needs_schema(strategy, fallback) is expected

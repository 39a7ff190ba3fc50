"""Route: the first condition that holds decides; names of topics are made of values and stay legal."""

from __future__ import annotations

from copy import deepcopy
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectkit.builder import SchemaBuilder
from connectkit.errors import ConfigError, DataError
from connectkit.fuse import Fused, Stage
from connectkit.headers import Headers
from connectkit.record import SinkRecord, SourceRecord
from connectkit.schema import Schema
from connectkit.struct import Struct
from connectkit.transforms.route_by import Route, RouteConfig
from connectkit.transforms.topic_names import TopicTemplate, name_problem

ORDER = (
    SchemaBuilder.struct().field("amount", Schema.OPTIONAL_INT64).field("country", Schema.OPTIONAL_STRING)
    .build()
)  # fmt: skip
BIG_EU = {
    "routes": "big,eu",
    "routes.big.when": "value.amount > 1000",
    "routes.big.topic": "${topic}-big",
    "routes.eu.when": "value.country in ('DE', 'FR')",
    "routes.eu.topic": "eu-${value.country}",
    "default.topic": "rest",
}


def route(raw: dict[str, str] | None = None) -> Route:
    return Route(RouteConfig.parse(raw or BIG_EU))


def one(when: str, topic: str = "yes", **more: str) -> Route:
    keys = {key.replace("_", "."): value for key, value in more.items()}
    return route(
        {"routes": "a", "routes.a.when": when, "routes.a.topic": topic, "default.topic": "no", **keys}
    )


def order(amount: int | None, country: str | None) -> Struct:
    return Struct.of(ORDER, [amount, country])


def record(value: Any, schema: Schema | None = None, key: Any = None) -> SourceRecord:
    headers = Headers().add_string("tenant", "acme")
    return SourceRecord({"p": 1}, {"o": 1}, "orders", schema, value, key=key, headers=headers, timestamp=5)


def topic(transform: Route, value: Any, schema: Schema | None = None, key: Any = None) -> str | None:
    made = transform.apply(record(value, schema, key))
    assert isinstance(made, SourceRecord)
    return made.topic


CASES = [
    (2000, "DE", "orders-big"),
    (10, "DE", "eu-DE"),
    (10, "US", "rest"),
    (None, None, "rest"),
    (None, "FR", "eu-FR"),
]


@pytest.mark.parametrize(("amount", "country", "wanted"), CASES)
def test_the_first_condition_that_holds_decides(amount: int | None, country: str | None, wanted: str) -> None:
    transform = route()
    for _ in range(3):  # interpreted, then compiled
        assert topic(transform, order(amount, country), ORDER) == wanted
        assert topic(transform, {"amount": amount, "country": country}) == wanted


def test_by_default_records_keep_their_topic() -> None:
    raw = {key: value for key, value in BIG_EU.items() if key != "default.topic"}
    assert topic(route(raw), order(1, "US"), ORDER) == "orders"


def test_only_the_topic_changes() -> None:
    given_ = record(order(2000, "DE"), ORDER, "k")
    made = route().apply(given_)
    assert isinstance(made, SourceRecord)
    assert given_.topic == "orders"
    assert made.new_record(topic="orders") == given_
    sink = SinkRecord("orders", 3, None, None, ORDER, order(2000, "DE"), 9)
    moved = route().apply(sink)
    assert isinstance(moved, SinkRecord)
    assert (moved.topic, moved.original_topic, moved.original_kafka_offset) == ("orders-big", "orders", 9)


@pytest.mark.parametrize(
    ("when", "holds"),
    [
        ("key == 'k'", True),
        ("headers.tenant == 'acme'", True),
        ("headers.other == 'acme'", False),
        ("topic.startswith('ord')", True),
        ("timestamp >= 6", False),
        ("value.amount > 5 and not value.country == 'US'", True),
        ("value is None", False),
        ("value.nothing is None", True),
        ("True", True),
        ("False", False),
    ],
)
def test_conditions_are_those_of_expressions(when: str, holds: bool) -> None:
    for value, schema in ((order(10, "DE"), ORDER), ({"amount": 10, "country": "DE"}, None)):
        assert topic(one(when), value, schema, "k") == ("yes" if holds else "no")


def test_a_later_condition_is_not_asked() -> None:
    raw = {
        **BIG_EU, "routes.eu.when": "value.amount / 0 > 1", "routes.eu.topic": "eu",
    }  # fmt: skip
    assert topic(route(raw), {"amount": 2000}) == "orders-big"
    with pytest.raises(DataError) as caught:
        topic(route(raw), {"amount": 1})
    assert "zero" in str(caught.value)
    assert caught.value.path == "routes.eu.when"


def test_tombstones_are_routed_by_what_they_have() -> None:
    assert topic(route(), None) == "rest"
    assert topic(route(), None, ORDER) == "rest"
    assert topic(one("key == 'k'"), None, None, "k") == "yes"
    assert topic(one("value is None"), None) == "yes"


def test_fields_that_are_missing(caplog: pytest.LogCaptureFixture) -> None:
    transform = one("value.amuont > 5")
    transform.alias = "r"
    for _ in range(3):
        assert topic(transform, order(10, "DE"), ORDER) == "no"
        assert topic(transform, {"amount": 10}) == "no"
    [message] = caplog.messages
    assert "value.amuont" in message
    assert "did you mean 'amount'" in message
    caplog.clear()
    assert topic(one("value.x > 5", on_missing="ignore"), {"amount": 1}) == "no"
    assert caplog.messages == []
    for value, schema in ((order(10, "DE"), ORDER), ({"amount": 1}, None)):
        with pytest.raises(DataError, match=r"value\.x"):
            topic(one("value.x > 5", on_missing="fail"), value, schema)


@pytest.mark.parametrize(
    ("template", "wanted"),
    [
        ("${topic}", "orders"),
        ("${value.country}", "DE"),
        ("${country}.${amount}", "DE.10"),
        ("t_${headers.tenant}-${key}", "t_acme-k"),
        ("${partition}", None),
        ("${timestamp}", "5"),
        ("x${value.nothing}", None),
        ("x${headers.nothing}", None),
    ],
)
def test_templates(template: str, wanted: str | None) -> None:
    for value, schema in ((order(10, "DE"), ORDER), ({"amount": 10, "country": "DE"}, None)):
        if wanted is None:
            with pytest.raises(DataError, match="nothing at"):
                topic(one("True", template), value, schema, "k")
        else:
            assert topic(one("True", template), value, schema, "k") == wanted


def test_parts_of_other_routes_are_not_needed() -> None:
    transform = one("value.amount > 5", "${value.country}", default_topic="${value.region}")
    assert topic(transform, {"amount": 10, "country": "DE"}) == "DE"
    assert topic(transform, {"amount": 1, "region": "eu"}) == "eu"
    assert topic(one("value.amount > 5", "${value.country}"), None) == "no"


BAD = ["", ".", "..", "a b", "a/b", "../x", "ä", "a\n", "a\x00", "x" * 250, "${topic}"]


@pytest.mark.parametrize("name", BAD)
def test_a_value_cannot_lead_out_of_the_names_of_topics(name: str) -> None:
    with pytest.raises(DataError) as caught:
        topic(one("True", "${value.country}"), {"country": name})
    assert caught.value.path == "topic"
    assert name not in str(caught.value) or len(name) < 3 or name == "${topic}"


def test_what_cannot_be_part_of_a_name() -> None:
    for value in ([1], {"a": 1}, b"a", order(1, "DE")):
        with pytest.raises(DataError, match="of class"):
            topic(one("True", "${value.x}"), {"x": value})
    texts: list[tuple[Any, str]] = [(True, "true"), (Decimal("1.50"), "1.50"), (2.5, "2.5"), (7, "7")]
    for each, wanted in texts:
        assert topic(one("True", "${value.x}"), {"x": each}) == wanted


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"routes": ""}, "routes"),
        ({"routes": "big,eu,us"}, "routes.us.when"),
        ({"routes": "big"}, "routes.eu.when"),
        ({"routes": "bog,eu"}, "routes.big.when"),
        ({"routes.big.when": ""}, "routes.big.when"),
        ({"routes.big.when": "value.amount >"}, "routes.big.when"),
        ({"routes.big.when": "value.amount = 5"}, "routes.big.when"),
        ({"routes.big.when": "value.amount + 5 * 1 - 'x'"}, "routes.big.when"),
        ({"routes.big.when": "'text'"}, "routes.big.when"),
        ({"routes.big.when": "True; False"}, "routes.big.when"),
        ({"routes.big.when": "__import__('os')"}, "routes.big.when"),
        ({"routes.big.when": "(" * 100 + "1" + ")" * 100}, "routes.big.when"),
        ({"routes.big.when": "import os"}, "routes.big.when"),
        ({"routes.big.whn": "True"}, "routes.big.whn"),
        ({"routes.big.topic": "a b"}, "routes.big.topic"),
        ({"routes.big.topic": ""}, "routes.big.topic"),
        ({"routes.big.topic": ".."}, "routes.big.topic"),
        ({"routes.big.topic": "a/${topic}"}, "routes.big.topic"),
        ({"routes.big.topic": "${topic"}, "routes.big.topic"),
        ({"routes.big.topic": "${}"}, "routes.big.topic"),
        ({"routes.big.topic": "${topic.x}"}, "routes.big.topic"),
        ({"routes.big.topic": "${value.a[*]}"}, "routes.big.topic"),
        ({"default.topic": "x" * 250}, "default.topic"),
        ({"on.missing": "explode"}, "on.missing"),
    ],
)
def test_configurations_that_cannot_be_meant(change: dict[str, str], key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        route({**BIG_EU, **change})
    assert key in caught.value.problems
    assert all(len(each) == 1 for each in caught.value.problems.values())


def test_where_in_a_condition_something_is_wrong() -> None:
    with pytest.raises(ConfigError, match="line 1, column 17") as caught:
        one("value.amount == valeu.x")
    assert "did you mean 'value'" in str(caught.value)
    with pytest.raises(ConfigError, match="'routes'; did you mean 'big'"):
        route({**BIG_EU, "routes.bgi.when": "True"})


def test_a_condition_that_suits_no_record_of_a_schema() -> None:
    with pytest.raises(DataError) as caught:
        topic(one("value.amount > 'x'"), order(1, "DE"), ORDER)
    assert caught.value.path == "routes.a.when"


def test_many_routes_in_a_chain_are_one_function() -> None:
    names = [f"r{n}" for n in range(150)]
    raw = {"routes": ",".join(names), "default.topic": "none"}
    for n, name in enumerate(names):
        raw |= {f"routes.{name}.when": f"value.amount == {n}", f"routes.{name}.topic": f"t{n}"}
    fused = Fused([Stage(route(raw)), Stage(one("topic == 't149'", "last", default_topic="${topic}"))])
    for amount, wanted in ((0, "t0"), (149, "last"), (150, "none")):
        for _ in range(3):
            assert fused.run(record(order(amount, None), ORDER)).topic == wanted


def test_schemas_stay_as_they_are() -> None:
    assert route().output_schemas(None, ORDER) == {(None, ORDER)}


@given(st.text(max_size=12), st.text("ab.-_${}/ ", max_size=8))
def test_names_are_legal_or_refused(value: str, text: str) -> None:
    try:
        template = TopicTemplate(text + "${value.x}")
    except ValueError:
        return
    try:
        made = template.maker(["value.y", "value.x"])([1, value])
    except DataError:
        return
    assert name_problem(made) is None
    assert all(ch.isascii() and (ch.isalnum() or ch in "._-") for ch in made)
    assert made == text + value


def test_names_that_are_remembered_stay_few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectkit.transforms.topic_names.KEPT_NAMES", 3)
    make = TopicTemplate("t-${topic}").maker(["topic"])
    for _ in range(2):
        assert [make([str(n)]) for n in range(10)] == [f"t-{n}" for n in range(10)]
    with pytest.raises(DataError):
        make(["/"])


@given(st.none() | st.integers(-5000, 5000), st.none() | st.sampled_from(["DE", "FR", "US", "x/y"]))
def test_structs_and_maps_go_the_same_way_and_are_not_changed(
    amount: int | None, country: str | None
) -> None:
    plain = {"amount": amount, "country": country}
    value, before = order(amount, country), deepcopy(plain)
    assert topic(route(), value, ORDER) == topic(route(), plain)
    assert plain == before
    assert value == order(amount, country)

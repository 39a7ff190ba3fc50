"""ByLogicalTableRouter: topics, keys that stay apart, and schemas named after the new topic."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectkit.builder import SchemaBuilder
from connectkit.errors import ConfigError, DataError
from connectkit.plugin import plugins
from connectkit.schema import Schema
from connectkit.struct import Struct
from connectkit.transforms.debezium.names import NameAdjustment, adjusted
from connectkit.transforms.debezium.table_router import (
    ByLogicalTableRouter,
    TableRouterConfig,
    ToLogicalTopicRouter,
)
from connectkit.transforms.debezium.variants import Variants
from tests.strategies import schemas, values
from tests.support.change_events import (
    ENVELOPE,
    KEY,
    ROW,
    applied,
    envelope_schema,
    event,
    plain,
    row,
    sink,
    source,
)

IDENTIFIER = "__dbz__physicalTableIdentifier"


def router(**options: Any) -> Any:
    raw = {"topic.regex": r"(.*)\.customers_(.*)", "topic.replacement": "$1.customers"}
    raw.update({key.replace("_", "."): value for key, value in options.items()})
    return ByLogicalTableRouter(TableRouterConfig.parse(raw))


UPDATE = event("u", before=row(1, "Old"), after=row(1, "Anne"))
SHARD = "srv.shop.customers_7"


@pytest.mark.parametrize("make", [sink, source])
def test_topic_key_and_names_follow_the_logical_table(make: Any) -> None:
    found = applied(router(), make(UPDATE, topic=SHARD))
    assert found.topic == "srv.shop.customers"
    assert plain(found.key) == {"id": 1, IDENTIFIER: SHARD}
    assert found.key_schema.name == "srv.shop.customers.Key"
    assert found.value_schema.name == "srv.shop.customers.Envelope"
    rows = [found.value_schema.field(name).schema for name in ("before", "after")]
    assert {(each.name, each.optional) for each in rows} == {("srv.shop.customers.Value", True)}
    assert plain(found.value) == plain(UPDATE)


def test_a_topic_that_does_not_match_is_left_alone() -> None:
    record = sink(UPDATE, topic="other")
    assert router().apply(record) is record


def test_topics_do_not_share_their_schemas() -> None:
    transform = router(topic_regex="(.*)", topic_replacement="all.$1")
    for _ in range(3):
        for topic in ("a", "b"):
            found = transform.apply(sink(UPDATE, topic=topic))
            assert (found.topic, found.key_schema.name) == (f"all.{topic}", f"all.{topic}.Key")
            assert found.key.get(IDENTIFIER) == topic


def test_the_key_says_what_the_configuration_makes_of_the_topic() -> None:
    transform = router(key_field_name="shard", key_field_regex=".*_(.*)", key_field_replacement="s$1")
    assert applied(transform, sink(UPDATE, topic=SHARD)).key.get("shard") == "s7"
    other = router(topic_regex=".*", topic_replacement="x", key_field_regex="no", key_field_replacement="y")
    assert applied(other, sink(UPDATE)).key.get(IDENTIFIER) == "srv.shop.customers"
    alone = router(key_enforce_uniqueness="false")
    assert plain(applied(alone, sink(UPDATE, topic=SHARD)).key) == {"id": 1}


def test_records_without_key_or_value_are_routed_too() -> None:
    keyless = applied(router(), sink(UPDATE, topic=SHARD, key=None))
    assert (keyless.topic, keyless.key, keyless.key_schema) == ("srv.shop.customers", None, None)
    tombstone = applied(router(), sink(None, topic=SHARD))
    assert (tombstone.value, plain(tombstone.key)["id"]) == (None, 1)
    heartbeat = applied(router(), sink("x", Schema.STRING, topic=SHARD))
    assert (heartbeat.value, heartbeat.value_schema) == ("x", Schema.STRING)


def test_an_empty_topic_is_not_made(caplog: pytest.LogCaptureFixture) -> None:
    transform = router(topic_regex="(a*)b", topic_replacement="$1")
    record = sink(UPDATE, topic="b")
    assert [transform.apply(record) is record for _ in range(3)] == [True] * 3
    assert len(caplog.records) == 1


def test_names_can_be_made_to_suit_avro() -> None:
    transform = router(topic_regex=".*", topic_replacement="1 x/y", schema_name_adjustment_mode="avro")
    found = applied(transform, sink(UPDATE))
    assert (found.topic, found.key_schema.name) == ("1 x/y", "_1_x_y.Key")


@pytest.mark.parametrize(
    ("name", "avro", "unicode"),
    [
        ("a.b_c", "a.b_c", "a.b_u005fc"),
        ("1a", "_1a", "_u0031a"),
        ("-a-", "_a_", "_u002da_u002d"),
        ("é", "_", "_u00e9"),
        ("日本", "__", "_u65e5_u672c"),
        ("x\U0001f600", "x__", "x_ud83d_ude00"),
        ("", "", ""),
    ],
)
def test_name_adjustment(name: str, avro: str, unicode: str) -> None:
    assert adjusted(name, NameAdjustment.NONE) == name
    assert adjusted(name, NameAdjustment.AVRO) == avro
    assert adjusted(name, NameAdjustment.AVRO_UNICODE) == unicode


def test_what_cannot_be_routed_is_refused() -> None:
    with pytest.raises(DataError, match="no topic"):
        router().apply(sink(UPDATE, topic=None))  # type: ignore[arg-type]
    with pytest.raises(DataError, match="struct"):
        router().apply(sink(UPDATE, topic=SHARD, key="k", key_schema=Schema.STRING))
    with pytest.raises(DataError, match="id"):
        router(key_field_name="id").apply(sink(UPDATE, topic=SHARD))
    broken = Struct.of(ENVELOPE, [None, Struct.of(ROW, [None, "x", None, None]), *UPDATE.values[2:]])
    with pytest.raises(DataError, match='"id"') as raised:
        router().apply(sink(broken, topic=SHARD))
    assert raised.value.path == "$.after.id"


def test_an_envelope_may_lack_the_row_before() -> None:
    schema = SchemaBuilder.struct().name("x.Envelope").field("after", ROW).build()
    found = applied(router(), sink(Struct(schema).put("after", row()), schema, topic=SHARD))
    assert found.value_schema.field("after").schema.name == "srv.shop.customers.Value"
    empty = SchemaBuilder.struct().name("x.Envelope").field("a", Schema.INT32).build()
    with pytest.raises(DataError, match="neither"):
        router().apply(sink(Struct(empty).put("a", 1), empty, topic=SHARD))


def test_every_problem_of_a_configuration_is_told_at_once() -> None:
    with pytest.raises(ConfigError) as raised:
        TableRouterConfig.parse(
            {"topic.regex": "(", "key.field.regex": "(a+)+$", "key.field.name": "", "topic.replacement": ""}
        )
    assert {"topic.regex", "key.field.name", "topic.replacement"} <= set(raised.value.problems)
    with pytest.raises(ConfigError) as raised:
        TableRouterConfig.parse({"topic.regex": "a", "topic.replacement": "$1", "key.field.regex": "b"})
    assert set(raised.value.problems) == {"topic.replacement", "key.field.replacement"}
    with pytest.raises(ConfigError) as raised:
        TableRouterConfig.parse({})
    assert set(raised.value.problems) == {"topic.regex", "topic.replacement"}


def test_the_newer_name_has_another_field() -> None:
    raw = {"topic.regex": "(.*)_7", "topic.replacement": "$1", "logical.destination.cache.size": "32"}
    transform: Any = plugins.create("transform", "io.debezium.transforms.ToLogicalTopicRouter", raw)
    assert isinstance(transform, ToLogicalTopicRouter)
    found = applied(transform, sink(UPDATE, topic=SHARD))
    assert plain(found.key) == {"id": 1, "__dbz__sourceIdentifier": SHARD}
    assert not transform.config.warnings


def test_a_null_in_a_configuration_is_as_good_as_nothing() -> None:
    raw = {
        "topic.regex": ".*",
        "topic.replacement": "x",
        "key.field.name": None,
        "key.enforce.uniqueness": None,
    }
    assert TableRouterConfig.parse(raw).key_field_name == IDENTIFIER
    assert not any(each.errors for each in TableRouterConfig.validate(raw))
    with pytest.raises(ConfigError, match=r"topic\.replacement"):
        TableRouterConfig.parse({"topic.regex": ".*", "topic.replacement": None})
    assert [each.name for each in TableRouterConfig.validate({"topic.regex": None}) if each.errors] == [
        "topic.regex",
        "topic.replacement",
    ]


def test_many_topics_do_not_pile_up() -> None:
    transform = router(topic_regex=".*", topic_replacement="x", logical_table_cache_size="1")
    for number in range(600):
        assert transform.apply(sink(None, topic=f"t{number}")).topic == "x"
    assert len(transform._by_topic) == 256


def test_variants_keep_what_is_used() -> None:
    made: list[int] = []

    def make(key: int) -> int:
        made.append(key)
        return key

    variants: Variants[int, int] = Variants(make, size=2)
    assert [variants[key] for key in (1, 2, 1, 3, 1, 2)] == [1, 2, 1, 3, 1, 2]
    assert made == [1, 2, 3, 2]
    with pytest.raises(ValueError, match="at least one"):
        Variants(lambda key: key, size=0)


@given(st.data(), schemas(1))
def test_schema_and_value_agree(data: st.DataObject, schema: Schema) -> None:
    rows = SchemaBuilder.struct().name("r.Value").optional().field("f", schema).build()
    made = Struct.of(rows, [data.draw(values(schema))])
    envelope = envelope_schema(rows)
    record = sink(Struct.of(envelope, [made, None, *UPDATE.values[2:]]), envelope, topic=SHARD)
    found = applied(router(), record)
    assert plain(found.value) == plain(record.value)
    assert found.key_schema.fields[0] == KEY.fields[0]

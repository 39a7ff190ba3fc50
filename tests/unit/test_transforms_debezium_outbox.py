"""EventRouter: what each column of the outbox table becomes, and what becomes of anything else."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectkit.builder import SchemaBuilder
from connectkit.errors import ConfigError, ConnectError, DataError
from connectkit.plugin import plugins
from connectkit.runner.chain import Chain
from connectkit.schema import Schema
from connectkit.struct import Struct
from connectkit.transforms.debezium.json_payload import (
    EmptyArrayBehavior,
    ExpansionError,
    JsonExpander,
    NullBehavior,
)
from connectkit.transforms.debezium.outbox import EventRouter
from connectkit.transforms.debezium.outbox_config import EventRouterConfig
from tests.support.change_events import (
    agree,
    applied,
    envelope_schema,
    event,
    headers_of,
    plain,
    sink,
    source,
)


def debezium(kind: str) -> Schema:
    return SchemaBuilder.int64().optional().name(f"io.debezium.time.{kind}").version(1).build()


OUTBOX = (
    SchemaBuilder.struct().name("srv.shop.outbox.Value").optional()
    .field("id", Schema.STRING).field("aggregatetype", Schema.STRING).field("aggregateid", Schema.STRING)
    .field("type", Schema.STRING).field("payload", Schema.OPTIONAL_STRING)
    .field("ms", debezium("Timestamp")).field("us", debezium("MicroTimestamp"))
    .field("ns", debezium("NanoTimestamp")).field("plain", Schema.OPTIONAL_INT64)
    .field("part", Schema.OPTIONAL_INT32).field("version", Schema.OPTIONAL_INT32)
    .build()
)  # fmt: skip
ENVELOPE = envelope_schema(OUTBOX, name="srv.shop.outbox.Envelope")


def router(**options: Any) -> Any:
    return EventRouter(EventRouterConfig.parse({k.replace("_", "."): v for k, v in options.items()}))


def placed(text: str, **options: Any) -> Any:
    return router(table_fields_additional_placement=text, **options)


def written(op: str = "c", **columns: Any) -> Struct:
    made = Struct(OUTBOX).put("id", "e1").put("aggregatetype", "order").put("aggregateid", "7")
    made.put("type", "OrderCreated").put("payload", '{"qty": 2}')
    for name, value in columns.items():
        made.put(name, value)
    return event(op, after=made, schema=ENVELOPE)


def record(op: str = "c", *, columns: Any = (), **more: Any) -> Any:
    return source(written(op, **dict(columns), **more), ENVELOPE, topic="srv.shop.outbox")


# --- rows of the table


@pytest.mark.parametrize("op", ["c", "r"])
@pytest.mark.parametrize("make", [sink, source])
def test_a_row_becomes_an_event(op: str, make: Any) -> None:
    found = applied(router(), make(written(op), ENVELOPE))
    assert (found.topic, found.key, found.value, found.timestamp) == (
        "outbox.event.order", "7", '{"qty": 2}', 1_700,
    )  # fmt: skip
    assert (found.key_schema, found.value_schema) == (Schema.STRING, Schema.OPTIONAL_STRING)
    assert found.kafka_partition is None
    assert headers_of(found) == [("trace", "abc"), ("id", "e1")]


@pytest.mark.parametrize(("op", "level"), [("d", None), ("u", logging.WARNING)])
def test_other_changes_of_the_table_are_dropped(
    op: str, level: int | None, caplog: pytest.LogCaptureFixture
) -> None:
    deleted = event("d", before=written().get("after"), schema=ENVELOPE)
    assert router().apply(sink(deleted if op == "d" else written("u"), ENVELOPE)) is None
    assert [each.levelno for each in caplog.records] == ([] if level is None else [level])


def test_an_update_can_be_an_error(caplog: pytest.LogCaptureFixture) -> None:
    assert router(table_op_invalid_behavior="error").apply(record("u")) is None
    assert [each.levelno for each in caplog.records] == [logging.ERROR]
    with pytest.raises(DataError, match="updated"):
        router(table_op_invalid_behavior="fatal").apply(record("u"))


def test_tombstones_are_dropped_and_other_messages_left_alone() -> None:
    assert router().apply(sink(None)) is None
    for other in (sink("x", Schema.STRING), sink({"a": 1}, None)):
        assert router().apply(other) is other


# --- columns


def test_columns_can_have_other_names() -> None:
    transform = router(
        table_field_event_id="type",
        table_field_event_key="version",
        table_field_event_payload="aggregateid",
        route_by_field="type",
        route_topic_regex="(?<first>.)(.*)",
        route_topic_replacement="${first}-$2",
    )
    found = applied(transform, record(version=3))
    assert (found.topic, found.key, found.value) == ("O-rderCreated", 3, "7")
    assert (found.key_schema, headers_of(found)[1]) == (Schema.OPTIONAL_INT32, ("id", "OrderCreated"))


@pytest.mark.parametrize(
    ("column", "value", "timestamp"),
    [
        ("ms", -5, -5),
        ("us", 1_609_459_200_123_456, 1_609_459_200_123),
        ("us", -1_999, -1),
        ("ns", 1_999_999, 1),
    ],
)
def test_a_column_can_be_the_timestamp(column: str, value: int, timestamp: int) -> None:
    transform = router(table_field_event_timestamp=column)
    assert applied(transform, record(columns={column: value})).timestamp == timestamp
    assert applied(transform, record()).timestamp == 1_700


def test_additional_columns_go_where_they_are_placed() -> None:
    transform = placed("type:header:eventType, part:partition,version:envelope:v,type:envelope")
    found = applied(transform, record(part=4, version=2))
    assert plain(found.value) == {"payload": '{"qty": 2}', "v": 2, "type": "OrderCreated"}
    assert found.value_schema.name == "srv.shop.outbox.order.Value"
    assert (found.kafka_partition, headers_of(found)[1:]) == (
        4,
        [("id", "e1"), ("eventType", "OrderCreated")],
    )
    assert applied(transform, record()).kafka_partition is None


def test_schemas_of_topics_and_versions_are_kept_apart() -> None:
    transform = placed("type:envelope", table_field_event_schema_version="version")
    for _ in range(3):
        for kind, version in (("order", 1), ("order", 2), ("bill", None)):
            found = transform.apply(record(aggregatetype=kind, version=version))
            schema = found.value_schema
            assert (schema.name, schema.version) == (f"srv.shop.outbox.{kind}.Value", version)
            assert found.topic == f"outbox.event.{kind}"
            agree(found)


def test_a_missing_column_fails_or_is_left_out() -> None:
    for text in ("nope:header", "nope:envelope", "nope:partition"):
        for _ in range(3):
            with pytest.raises(ConnectError, match="nope"):
                placed(text).apply(record())
    ignoring = placed(
        "nope:header,nope:envelope,nope:partition,type:header", table_field_additional_missing="ignore"
    )
    found = applied(ignoring, record())
    assert plain(found.value) == {"payload": '{"qty": 2}'}
    assert headers_of(found)[1:] == [("id", "e1"), ("type", "OrderCreated")]


@pytest.mark.parametrize(
    ("options", "columns", "said"),
    [
        ({"table_field_event_payload": "body"}, {}, "no column 'body'"),
        ({"table_field_event_timestamp": "plain"}, {"plain": 5}, "no timestamp"),
        ({"table_field_event_timestamp": "when"}, {}, "no column 'when'"),
        ({"table_field_event_timestamp": "type"}, {}, "type string"),
        ({"table_field_event_id": "ident"}, {}, "no field 'ident'"),
        ({"table_field_event_key": ""}, {}, "no field ''"),
        ({"route_by_field": "part"}, {}, "type int32"),
        ({"table_fields_additional_placement": "type:partition"}, {}, "type string"),
    ],
)
def test_what_cannot_be_an_event_is_refused(options: Any, columns: Any, said: str) -> None:
    transform = router(**options)
    for _ in range(3):
        with pytest.raises(ConnectError, match=said):
            transform.apply(record(**columns))


def test_an_envelope_without_a_row_or_operation_is_refused() -> None:
    with pytest.raises(DataError, match="no row"):
        router().apply(sink(event("c", schema=ENVELOPE), ENVELOPE))
    with pytest.raises(DataError, match="operation"):
        router().apply(sink(Struct.of(ENVELOPE, [None] * 6), ENVELOPE))


@pytest.mark.parametrize("payload", [None, "", " \t\n", "\x00"])
def test_an_empty_payload_can_be_a_tombstone(payload: str | None) -> None:
    found = applied(router(route_tombstone_on_empty_payload="true"), record(payload=payload))
    assert (found.value, found.value_schema, found.key) == (None, None, "7")
    assert applied(router(), record(payload=payload)).value == payload
    enveloped = placed("type:envelope", route_tombstone_on_empty_payload="true")
    assert applied(enveloped, record(payload=payload)).value is None
    assert plain(applied(enveloped, record()).value)["type"] == "OrderCreated"


# --- JSON in the payload


def test_json_is_expanded() -> None:
    text = '{"id": 1, "tags": ["a", null], "in": {"d": 1.5, "n": null}, "ok": true, "big": 5000000000}'
    found = applied(router(table_expand_json_payload="true"), record(payload=text))
    assert plain(found.value) == {
        "id": 1, "tags": ["a", None], "in": {"d": 1.5}, "ok": True, "big": 5_000_000_000,
    }  # fmt: skip
    assert (found.value_schema.name, found.value_schema.field("in").schema.name) == ("payload", "payload.in")
    inside = applied(placed("type:envelope", table_expand_json_payload="true"), record())
    assert plain(inside.value) == {"payload": {"qty": 2}, "type": "OrderCreated"}
    assert (inside.value_schema.name, inside.value_schema.version) == ("srv.shop.outbox.order.Value", None)


@pytest.mark.parametrize(
    "text", ["", "x", "null", ' {"a":1}', '{"a":', "[1, 2.5]", "[[]]", '{"a": NaN}', "[]"]
)
def test_what_cannot_be_expanded_stays_a_text(text: str, caplog: pytest.LogCaptureFixture) -> None:
    found = applied(router(table_expand_json_payload="true"), record(payload=text))
    assert (found.value, found.value_schema) == (text, Schema.OPTIONAL_STRING)
    assert caplog.records
    assert all(text not in each.getMessage() for each in caplog.records if len(text) > 2)


def test_a_null_payload_is_nothing_to_warn_of(caplog: pytest.LogCaptureFixture) -> None:
    assert applied(router(table_expand_json_payload="true"), record(payload=None)).value is None
    assert not caplog.records
    numbers = router(table_expand_json_payload="true", table_field_event_payload="part")
    assert applied(numbers, record(part=5)).value == 5
    assert len(caplog.records) == 1


def expand(text: str, *, nulls: str = "ignore", empty: str = "ignore") -> tuple[Schema, Any]:
    return JsonExpander(NullBehavior(nulls), EmptyArrayBehavior(empty)).expand("p", text)


def test_nulls_and_empty_arrays_as_configured() -> None:
    text = '{"a": null, "b": [], "c": [null, 1]}'
    assert [field.name for field in expand(text)[0].fields] == ["c"]
    schema, value = expand(text, nulls="optional_bytes", empty="optional_string")
    assert [field.schema.type.value for field in schema.fields] == ["bytes", "array", "array"]
    assert plain(value) == {"a": None, "b": [], "c": [None, 1]}
    assert expand("[null]", nulls="optional_bytes")[1] == [None]


def test_objects_in_an_array_share_their_fields() -> None:
    schema, value = expand('[{"a": {"x": 1}}, null, {"b": "t", "a": {"y": [{"z": 1}, {"w": 2}]}}]')
    assert plain(value) == [
        {"a": {"x": 1, "y": None}, "b": None},
        None,
        {"a": {"x": None, "y": [{"z": 1, "w": None}, {"z": None, "w": 2}]}, "b": "t"},
    ]
    schema.validate(value)


@pytest.mark.parametrize(
    "text",
    ['[{"a": 1}, {"a": "x"}]', '[{"a": [1]}, {"a": [2.5]}]', "[1, true]", "[1, 5000000000]", "[" * 5000],
)
def test_one_array_has_one_type(text: str) -> None:
    with pytest.raises(ExpansionError, match=r"types|nested|no JSON"):
        expand(text)


def test_many_items_share_one_schema_and_a_monster_is_refused() -> None:
    schema, value = expand("[" + ",".join(f'{{"a": {n}, "b": "x"}}' for n in range(2000)) + "]")
    assert all(item.schema is schema.value_schema for item in value)
    for text in ('{"n": ' + "9" * 5000 + "}", "[" * 70 + "1" + "]" * 70, '[{"a":' * 40 + "1" + "}]" * 40):
        with pytest.raises(ExpansionError):
            expand(text)


def test_payloads_of_one_shape_share_one_schema() -> None:
    expander = JsonExpander(NullBehavior.IGNORE, EmptyArrayBehavior.IGNORE)
    first, value = expander.expand("p", '{"a": 1, "b": [{"c": "x"}]}')
    second, other = expander.expand("p", '{"a": 2, "b": [{"c": "y"}, {"c": "z"}]}')
    assert first is second
    assert [plain(value)["a"], plain(other)["b"]] == [1, [{"c": "y"}, {"c": "z"}]]
    assert expander.expand("q", '{"a": 1, "b": [{"c": "x"}]}')[0].name == "q"
    for number in range(600):
        expander.expand("p", f'{{"f{number}": true}}')
    assert len(expander._known) <= 256


def test_a_number_beyond_64_bits_becomes_a_float() -> None:
    schema, value = expand('{"n": 12345678901234567890, "f": 1e400}')
    assert (value.get("n"), value.get("f")) == (12345678901234567890.0, float("inf"))
    schema.validate(value)


_LEAVES = st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.floats(allow_nan=False) | st.text()
_JSON = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)


@given(_JSON, st.sampled_from(NullBehavior), st.sampled_from(EmptyArrayBehavior))
def test_any_json_expands_to_a_value_of_its_schema_or_stays(found: Any, nulls: Any, empty: Any) -> None:
    try:
        schema, value = JsonExpander(nulls, empty).expand("p", json.dumps(found))
    except ExpansionError:
        return
    schema.validate(value)
    if isinstance(found, dict) and not any(isinstance(item, dict | list) for item in found.values()):
        wanted = {k: v for k, v in found.items() if v is not None or nulls is NullBehavior.OPTIONAL_BYTES}
        assert plain(value) == wanted


@given(_JSON, st.booleans(), st.booleans())
def test_schema_and_value_agree(found: Any, enveloped: bool, tombstones: bool) -> None:
    options = {"table_expand_json_payload": "true", "route_tombstone_on_empty_payload": str(tombstones)}
    transform = placed("type:envelope", **options) if enveloped else router(**options)
    assert applied(transform, record(payload=json.dumps(found))).key == "7"


# --- configuration and chains


def test_every_problem_of_a_configuration_is_told_at_once() -> None:
    raw = {
        "table.op.invalid.behavior": "shrug", "route.topic.regex": "(", "table.expand.json.payload": "maybe",
        "table.json.payload.null.behavior": "keep",
    }  # fmt: skip
    with pytest.raises(ConfigError) as raised:
        EventRouterConfig.parse(raw)
    assert set(raised.value.problems) == set(raw)
    with pytest.raises(ConfigError) as raised:
        EventRouterConfig.parse(
            {"table.fields.additional.placement": "a:heder", "route.topic.replacement": "${nope}"}
        )
    assert set(raised.value.problems) == {"table.fields.additional.placement", "route.topic.replacement"}
    assert "header" in str(raised.value)
    with pytest.raises(ConfigError, match="column:placement"):
        EventRouterConfig.parse({"table.fields.additional.placement": "type"})


def test_the_schema_of_a_plain_event_is_inferred() -> None:
    assert isinstance(
        plugins.create("transform", "io.debezium.transforms.outbox.EventRouter", {}), EventRouter
    )
    chain = Chain.build({"transforms": "o", "transforms.o.type": "EventRouter"}, plugins)
    assert chain.output_schema(ENVELOPE) == {(Schema.STRING, Schema.OPTIONAL_STRING)}
    expanding = {
        "transforms": "o",
        "transforms.o.type": "EventRouter",
        "transforms.o.table.expand.json.payload": "true",
    }
    assert Chain.build(expanding, plugins).output_schema(ENVELOPE) is None

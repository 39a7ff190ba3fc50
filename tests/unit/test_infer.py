"""Chains told without data: the schemas that come out, or why they cannot be told."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectkit.api import R, Transform
from connectkit.builder import SchemaBuilder
from connectkit.config import Config
from connectkit.errors import ConnectError, DataError
from connectkit.fuse import Fused, Stage
from connectkit.plugin import plugins
from connectkit.record import SchemaPair, SinkRecord, SourceRecord
from connectkit.runner.chain import Chain
from connectkit.schema import Schema
from connectkit.struct import Struct

ORDER = (
    SchemaBuilder.struct()
    .field("id", Schema.INT64)
    .field("city", Schema.STRING)
    .field("inner", SchemaBuilder.struct().field("a", Schema.INT32).build())
    .build()
)


def chain(*steps: dict[str, Any], **more: str) -> Chain:
    """A chain of the given steps, aliases ``t0``, ``t1`` …"""
    raw: dict[str, Any] = {"transforms": ",".join(f"t{i}" for i in range(len(steps))), **more}
    for number, step in enumerate(steps):
        raw.update({f"transforms.t{number}.{key}": value for key, value in step.items()})
    return Chain.build(raw, plugins)


def names(schemas: set[SchemaPair] | None) -> set[tuple[str, ...]]:
    assert schemas is not None
    return {tuple(field.name for field in value.fields) for _, value in schemas if value is not None}


def test_schemas_are_followed_through_edits() -> None:
    made = chain(
        {"type": "InsertField$Value", "topic.field": "topic"},
        {"type": "ExtractField$Value", "field": "inner"},
        {"type": "Cast$Value", "spec": "a:string"},
        {"type": "ValueToKey", "fields": "a"},
    ).output_schema(ORDER)
    key = SchemaBuilder.struct().field("a", Schema.STRING).build()
    assert made == {(key, key)}


def test_no_schema_stays_none() -> None:
    assert chain({"type": "MaskField$Value", "fields": "a"}).output_schema(None) == {(None, None)}
    assert chain().output_schema(ORDER) == {(None, ORDER)}


def test_both_branches_of_a_predicate_are_followed() -> None:
    found = chain(
        {"type": "ReplaceField$Value", "exclude": "id", "predicate": "p"},
        predicates="p",
        **{"predicates.p.type": "HasHeaderKey", "predicates.p.name": "h"},
    ).output_schema(ORDER)
    assert names(found) == {("id", "city", "inner"), ("city", "inner")}


def test_more_predicates_than_one_generated_function_decides_are_followed() -> None:
    steps = [
        {"type": "InsertField$Value", "static.field": f"f{i}", "static.value": "x", "predicate": "p"}
        for i in range(9)
    ]
    more = {"predicates": "p", "predicates.p.type": "HasHeaderKey", "predicates.p.name": "h"}
    found = chain(*steps, **more).output_schema(ORDER)
    assert found is not None
    assert len(found) == 2**9


def test_an_end_is_put_to_predicates_that_double_for_ever() -> None:
    steps = [
        {"type": "InsertField$Value", "static.field": f"f{i}", "static.value": "x", "predicate": "p"}
        for i in range(16)
    ]
    more = {"predicates": "p", "predicates.p.type": "HasHeaderKey", "predicates.p.name": "h"}
    found = chain(*steps, **more).infer(ORDER)
    assert found.schemas is None
    assert found.why is not None
    assert "too many combinations" in found.why


def test_a_filter_leaves_nothing_and_a_sure_failure_is_raised_with_its_step() -> None:
    assert chain({"type": "Filter"}).output_schema(ORDER) == set()
    failing = chain(
        {"type": "MaskField$Value", "fields": "id"}, {"type": "ExtractField$Value", "field": "cityy"}
    )
    with pytest.raises(DataError, match=r"transform 't1' \(ExtractField\$Value\) at \$\.cityy.*mean 'city'"):
        failing.output_schema(ORDER)


def test_a_schema_out_of_a_header_is_each_records_own() -> None:
    step = {"type": "ExtractField$Value", "field": "headers.h", "field.syntax.version": "V2"}
    found = chain(step).infer(ORDER)
    assert found.schemas is None
    assert found.why is not None
    assert "each record's own" in found.why


def test_offsets_are_for_sinks() -> None:
    made = chain({"type": "InsertField$Value", "offset.field": "at"})
    assert names(made.output_schema(ORDER, record_class=SinkRecord)) == {("id", "city", "inner", "at")}
    with pytest.raises(DataError, match="sink"):
        made.output_schema(ORDER)


class Plain(Transform[Config]):
    """Plain code, which says nothing of schemas."""

    def apply(self, record: R) -> R:
        return record


class Doubled(Plain):
    """Plain code that says it."""

    def output_schemas(
        self, key_schema: Schema | None, value_schema: Schema | None
    ) -> set[SchemaPair] | None:
        return {(key_schema, value_schema), (value_schema, value_schema)}


class NeverAsked(Plain):
    """A predicate that is plain code."""

    def test(self, record: Any) -> bool:
        raise AssertionError("inference must not look at data")


def test_plain_code_is_asked_and_named_if_it_does_not_say() -> None:
    edit = Stage(plugins.create("transform", "MaskField$Value", {"fields": "id"}))
    silent = Fused([edit, Stage(Plain(Config()), label="transform 'p' (Plain)", number=1)])
    found = silent.infer(SourceRecord, None, ORDER)
    assert found.schemas is None
    assert found.why == "Transform 'p' (Plain) does not say without data what it makes of a schema."
    told = Fused([Stage(Doubled(Config())), edit]).infer(SourceRecord, None, ORDER)
    assert told.schemas == {(None, ORDER), (ORDER, ORDER)}


def test_a_plain_predicate_may_answer_either_way() -> None:
    extract = plugins.create("transform", "ExtractField$Value", {"field": "id"})
    found = Fused([Stage(extract, NeverAsked(Config()))]).infer(SourceRecord, None, ORDER)
    assert found.schemas == {(None, ORDER), (None, Schema.INT64)}


STEPS: list[dict[str, str]] = [
    {"type": "InsertField$Value", "static.field": "s", "static.value": "x"},
    {"type": "MaskField$Value", "fields": "id"},
    {"type": "ReplaceField$Value", "renames": "id:nr"},
    {"type": "ReplaceField$Value", "exclude": "city"},
    {"type": "Cast$Value", "spec": "id:string"},
    {"type": "Flatten$Value"},
    {"type": "HoistField$Value", "field": "in"},
    {"type": "ExtractField$Value", "field": "inner"},
    {"type": "ValueToKey", "fields": "id"},
    {"type": "SetSchemaMetadata$Value", "schema.name": "n"},
    {"type": "HeaderFrom$Value", "fields": "id", "headers": "h", "operation": "move"},
    {"type": "TimestampConverter$Value", "field": "id", "target.type": "Date"},
]


@given(st.lists(st.sampled_from(STEPS), min_size=1, max_size=4))
def test_what_is_told_is_what_comes_out(steps: list[dict[str, str]]) -> None:
    made = chain(*steps)
    inner = ORDER.fields[2].schema
    value = Struct.of(ORDER, [1, "x", Struct.of(inner, [2])])
    record = SourceRecord({}, {}, "t", ORDER, value)
    try:
        out = made.apply(record)
    except ConnectError:
        return  # the value may be at fault, not the schema
    assert made.output_schema(ORDER) == {(out.key_schema, out.value_schema)}

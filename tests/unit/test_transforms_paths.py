"""Paths: KIP-821's syntax, arrays and wildcards, and the places of a record."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectkit.builder import SchemaBuilder
from connectkit.draft import Draft
from connectkit.errors import DataError
from connectkit.fuse import kind_of
from connectkit.headers import Headers
from connectkit.program import RECORD, Env
from connectkit.record import SinkRecord, SourceRecord
from connectkit.schema import Schema
from connectkit.struct import Struct
from connectkit.transforms.pathread import Gone
from connectkit.transforms.paths import FieldPath, NoSuchField, RecordPath, parse_path
from connectkit.validation import validate_value


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("a.b", ["a", "b"]),
        ("a.", ["a", ""]),
        (".", ["", ""]),
        ("..", ["", "", ""]),
        ("`a.b`.c", ["a.b", "c"]),
        ("`a`b`.c", ["a`b", "c"]),
        ("a`b", ["a`b"]),
        ("``", [""]),
        ("`a\\`.b`", ["a`.b"]),
        ("`a\\`b`", ["a\\`b"]),
        ("`a`.", ["a", ""]),
        (" a . b", [" a ", " b"]),
    ],
)
def test_steps_are_those_of_kip_821(text: str, steps: list[str]) -> None:
    assert [step.name for step in parse_path(text)] == steps


@pytest.mark.parametrize(
    ("text", "position"), [("`", 0), ("`a", 0), ("`a.b`c", 0), ("a.`b", 2), ("a`.`b", 3), ("`a\\`", 0)]
)
def test_an_open_backtick_is_refused_with_its_position(text: str, position: int) -> None:
    with pytest.raises(ValueError, match=f"backtick at position {position} "):
        parse_path(text)


@given(st.lists(st.text(st.characters(exclude_characters="`\\"), min_size=1), min_size=1, max_size=5))
def test_any_names_in_backticks_are_read_back(names: list[str]) -> None:
    steps = parse_path(".".join(f"`{name}`" for name in names))
    assert [step.name for step in steps] == names
    assert not any(step.picks for step in steps)


@given(st.text(max_size=40))
def test_any_text_is_a_path_or_refused(text: str) -> None:
    try:
        steps = parse_path(text)
    except ValueError:
        return
    assert steps


ITEM = SchemaBuilder.struct().field("sku", Schema.STRING).field("qty", Schema.OPTIONAL_INT32).build()
ADDRESS = SchemaBuilder.struct().field("city", Schema.STRING).field("a.b", Schema.INT64).optional().build()
ORDER = (
    SchemaBuilder.struct()
    .field("id", Schema.INT64)
    .field("items", SchemaBuilder.array_of(ITEM).build())
    .field("address", ADDRESS)
    .field("tags", SchemaBuilder.map_of(Schema.STRING, Schema.INT32).build())
    .field("odd[0]", Schema.STRING)
    .build()
)


def _order(*, address: bool = True) -> Struct:
    items = [
        Struct(ITEM).put("sku", "s1").put("qty", 2),
        Struct(ITEM).put("sku", "s2"),
    ]
    order = Struct(ORDER).put("id", 7).put("items", items).put("tags", {"x": 1, "y": 2}).put("odd[0]", "o")
    return order.put("address", Struct(ADDRESS).put("city", "Berlin").put("a.b", 5)) if address else order


def _plain() -> dict[str, Any]:
    return {
        "id": 7,
        "items": [{"sku": "s1", "qty": 2}, {"sku": "s2", "qty": None}],
        "address": {"city": "Berlin", "a.b": 5},
        "tags": {"x": 1, "y": 2},
        "odd[0]": "o",
    }


_FOUND: list[tuple[str, Any]] = [
    ("id", 7),
    ("address.city", "Berlin"),
    ("address.`a.b`", 5),
    ("items[0].sku", "s1"),
    ("items[-1].sku", "s2"),
    ("items[*].sku", ["s1", "s2"]),
    ("items[*].qty", [2, None]),
    ("items[*].*", ["s1", 2, "s2", None]),
    ("tags.*", [1, 2]),
    ("odd[0]", "o"),
]


@pytest.mark.parametrize(
    ("text", "expected"), [case for case in _FOUND if case[0] != "items[*].*"], ids=lambda x: str(x)
)
def test_structs_are_read_with_a_schema_that_agrees(text: str, expected: Any) -> None:
    reading = FieldPath.of(text).compile(ORDER)
    found = reading.of(_order())
    assert found == expected
    validate_value(reading.schema, found, None)


@pytest.mark.parametrize(("text", "expected"), _FOUND, ids=lambda x: str(x))
def test_maps_are_read(text: str, expected: Any) -> None:
    assert FieldPath.of(text).find(_plain()) == expected


def test_a_whole_element_is_optional_and_of_its_own_schema() -> None:
    reading = FieldPath.of("items[5]").compile(ORDER)
    assert reading.schema.optional
    assert reading.of(_order()) is None
    element = FieldPath.of("items[1]").compile(ORDER)
    validate_value(element.schema, element.of(_order()), None)
    assert element.of(_order())["sku"] == "s2"


def test_beneath_a_null_there_is_null() -> None:
    assert FieldPath.of("address.city").compile(ORDER).of(_order(address=False)) is None
    assert FieldPath.of("address.city").find({"address": None}) is None


def test_a_missing_field_is_named_with_its_neighbour() -> None:
    with pytest.raises(NoSuchField, match="no field 'citty' in the record; did you mean 'city'") as caught:
        FieldPath.of("address.citty").compile(ORDER)
    assert caught.value.path == "$.address.citty"
    gone = FieldPath.of("address.citty").find(_plain())
    assert type(gone) is Gone
    assert gone.name == "citty"


def test_names_of_map_entries_are_not_kip_821s() -> None:
    with pytest.raises(DataError, match="goes on below a value of type map"):
        FieldPath.of("tags.x").compile(ORDER)
    assert FieldPath.of("tags.x").compile(ORDER, maps=True).of(_order()) == 1


def test_a_wildcard_over_fields_of_different_types_is_refused() -> None:
    with pytest.raises(DataError, match="different types"):
        FieldPath.of("items[*].*").compile(ORDER)


@pytest.mark.parametrize("text", ["id.x", "id[0]", "id[*]", "items.sku"])
def test_a_step_below_what_has_no_fields_is_refused(text: str) -> None:
    with pytest.raises(DataError):
        FieldPath.of(text).compile(ORDER)
    with pytest.raises(DataError):
        FieldPath.of(text).find(_plain())


# --- places of a record


def _record(value: Any, schema: Schema | None) -> SinkRecord:
    headers = Headers().add_string("trace", "old").add_string("trace", "t1").add("n", {"x": 4}, None)
    return SinkRecord("orders", 3, Schema.STRING, "k", schema, value, 42, timestamp=99, headers=headers)


_PLACED: list[tuple[str, Any]] = [
    ("topic", "orders"),
    ("partition", 3),
    ("offset", 42),
    ("timestamp", 99),
    ("key", "k"),
    ("headers.trace", "t1"),
    ("headers.n.x", 4),
    ("value.address.city", "Berlin"),
    ("address.city", "Berlin"),
    ("`topic`", None),
]


@pytest.mark.parametrize(("text", "expected"), _PLACED, ids=lambda x: str(x))
@pytest.mark.parametrize("schema", [ORDER, None], ids=["struct", "map"])
def test_record_paths_read_drafts_as_they_read_records(
    text: str, expected: Any, schema: Schema | None
) -> None:
    record = _record(_plain() if schema is None else _order(), schema)
    path = RecordPath.parse(text)
    assert path.read_record(record) == expected
    draft = Draft(
        SinkRecord, key=(Schema.STRING, kind_of(Schema.STRING, "k")[1]), value=kind_of(schema, record.value)
    )
    if schema is not None and text == "`topic`":
        with pytest.raises(NoSuchField):
            path.read(draft)
        return
    found = path.read(draft)
    env: Env = {RECORD: record}
    for op in draft.block.ops:
        op.run(env)
    assert found.var.value(env) == expected


def test_a_field_called_topic_is_reached_through_value() -> None:
    record = SourceRecord({}, {}, "t", None, {"topic": "mine"})
    assert RecordPath.parse("topic").read_record(record) == "t"
    assert RecordPath.parse("value.topic").read_record(record) == "mine"
    assert RecordPath.parse("`topic`").read_record(record) == "mine"
    assert RecordPath.parse("offset").read_record(record) is None


@pytest.mark.parametrize("text", ["", "headers", "headers.", "topic.x", "`"])
def test_what_is_no_record_path_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"must name|goes on below|backtick"):
        RecordPath.parse(text)

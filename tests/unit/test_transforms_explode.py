"""Explode: what becomes of the rest, of empty arrays and of numbers; schema and value agree."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectkit.builder import SchemaBuilder
from connectkit.errors import ConfigError, DataError, LimitError
from connectkit.headers import Headers
from connectkit.record import SinkRecord, SourceRecord
from connectkit.schema import Schema
from connectkit.struct import Struct
from connectkit.transforms.explode import Explode, ExplodeConfig
from connectkit.validation import validate_value
from tests.strategies import NAMES, schemas, values

ITEM = SchemaBuilder.struct().name("item").field("sku", Schema.STRING).build()
ITEMS = SchemaBuilder.array(ITEM).optional().build()
ORDER = (
    SchemaBuilder.struct().name("order").version(2).doc("An order.")
    .field("id", Schema.INT64).field("items", ITEMS).field("note", Schema.OPTIONAL_STRING)
    .build()
)  # fmt: skip


def explode(path: str | None = "items", **options: Any) -> Explode:
    raw = {key.replace("_", "."): str(value) for key, value in options.items()}
    return Explode(ExplodeConfig.parse(raw if path is None else {"path": path, **raw}))


def item(sku: str) -> Struct:
    return Struct.of(ITEM, [sku])


def order(*skus: str) -> Struct:
    return Struct.of(ORDER, [7, [item(sku) for sku in skus], "soon"])


def source(value: Any, schema: Schema | None = None) -> SourceRecord:
    headers = Headers().add_string("trace", "abc")
    return SourceRecord(
        {"p": 1}, {"o": 2}, "t", schema, value,
        key_schema=Schema.STRING, key="k", kafka_partition=3, timestamp=4, headers=headers,
    )  # fmt: skip


def run(transform: Explode, value: Any, schema: Schema | None = None) -> list[SourceRecord]:
    made = transform.apply(source(value, schema))
    assert isinstance(made, list)
    return made


def test_every_element_becomes_a_record_with_all_the_rest() -> None:
    first, second = run(explode(), order("a", "b"), ORDER)
    assert first.value_schema is second.value_schema
    assert first.value_schema is not None
    assert [f.name for f in first.value_schema.fields] == ["id", "items", "note"]
    assert first.value_schema.fields[1].schema is ITEM
    assert (first.value_schema.name, first.value_schema.version) == ("order", 2)
    assert [each.value.values for each in (first, second)] == [
        [7, item("a"), "soon"],
        [7, item("b"), "soon"],
    ]
    for each in (first, second):
        validate_value(each.value_schema, each.value, None)
        assert (each.topic, each.key, each.key_schema, each.kafka_partition, each.timestamp) == (
            "t", "k", Schema.STRING, 3, 4,
        )  # fmt: skip
        assert (each.source_partition, each.source_offset) == ({"p": 1}, {"o": 2})
        assert each.headers.last_with_name("trace") is not None
    first.headers.add_string("more", "x")
    assert len(second.headers) == 1


def test_the_element_alone() -> None:
    made = run(explode(rest="drop"), order("a", "b"), ORDER)
    assert [each.value for each in made] == [item("a"), item("b")]
    assert all(each.value_schema is ITEM for each in made)


def test_maps_without_a_schema() -> None:
    value = {"id": 7, "items": [{"sku": "a"}, "b", None]}
    before = deepcopy(value)
    assert [each.value for each in run(explode(index_field="n"), value)] == [
        {"id": 7, "items": {"sku": "a"}, "n": 0},
        {"id": 7, "items": "b", "n": 1},
        {"id": 7, "items": None, "n": 2},
    ]
    assert [each.value for each in run(explode(rest="drop"), value)] == [{"sku": "a"}, "b"]
    assert value == before


def test_a_nested_array_in_maps() -> None:
    value = {"a": {"b": {"c": [1, 2], "d": 0}, "e": 0}}
    before = deepcopy(value)
    made = run(explode("a.b.c"), value)
    assert [each.value["a"]["b"] for each in made] == [{"c": 1, "d": 0}, {"c": 2, "d": 0}]
    assert value == before


def test_a_nested_array_in_structs() -> None:
    inner = SchemaBuilder.struct().field("x", Schema.INT8).field("list", ITEMS).optional().build()
    outer = SchemaBuilder.struct().field("in", inner).field("y", Schema.INT8).build()
    value = Struct.of(outer, [Struct.of(inner, [1, [item("a"), item("b")]]), 2])
    before = deepcopy(value)
    made = run(explode("in.list", index_field="n"), value, outer)
    for number, each in enumerate(made):
        assert each.value_schema is not None
        validate_value(each.value_schema, each.value, None)
        assert each.value["in"]["x"] == 1
        assert (each.value["y"], each.value["n"]) == (2, number)
    assert [each.value["in"]["list"]["sku"] for each in made] == ["a", "b"]
    assert value == before
    assert run(explode("in.list"), Struct.of(outer, [None, 2]), outer) == []
    [kept] = run(explode("in.list", on_empty="keep", index_field="n"), Struct.of(outer, [None, 2]), outer)
    assert kept.value_schema is not None
    validate_value(kept.value_schema, kept.value, None)
    assert kept.value.values == [None, 2, None]


def test_a_struct_on_the_way_that_is_unset_has_its_default() -> None:
    plain = SchemaBuilder.struct().field("list", SchemaBuilder.array(Schema.INT8).build()).build()
    inner = plain.to_builder().default(Struct(plain).put("list", [1, 2])).build()
    outer = SchemaBuilder.struct().field("in", inner).build()
    made = run(explode("in.list"), Struct.of(outer, [None]), outer)
    assert [each.value["in"]["list"] for each in made] == [1, 2]
    for each in made:
        assert each.value_schema is not None
        validate_value(each.value_schema, each.value, None)


@pytest.mark.parametrize("empty", [[], None])
def test_an_empty_array_is_dropped_or_kept(empty: Any) -> None:
    value = Struct.of(ORDER, [7, empty, None])
    assert run(explode(), value, ORDER) == []
    [kept] = run(explode(on_empty="keep", index_field="n"), value, ORDER)
    assert kept.value.values == [7, None, None, None]
    assert kept.value_schema is not None
    validate_value(kept.value_schema, kept.value, None)
    assert run(explode(), {"items": empty}) == []
    [kept] = run(explode(on_empty="keep", index_field="n"), {"items": empty})
    assert kept.value == {"items": None, "n": None}


def test_structs_fit_the_schema_whether_empty_ones_are_kept_or_not() -> None:
    transform = explode(on_empty="keep")
    first, _ = run(transform, order("a", "b"), ORDER)
    [none] = run(transform, order(), ORDER)
    assert first.value_schema is not None
    assert first.value_schema is none.value_schema
    for each in (first, none):
        validate_value(first.value_schema, each.value, None)


def test_tombstones_pass() -> None:
    record = source(None, None)
    assert explode().apply(record) is record
    record = source(None, ORDER)
    assert explode(rest="drop").apply(record) is record


def test_numbers_in_a_header() -> None:
    transform = explode(index_header="n", on_empty="keep")
    record = source({"items": "ab"})
    record.headers.add_string("n", "before")
    record.value = {"items": ["a", "b"]}
    made = transform.apply(record)
    assert isinstance(made, list)
    for number, each in enumerate(made):
        [header] = each.headers.all_with_name("n")
        assert (header.schema, header.value) == (Schema.INT32, number)
    assert [h.value for h in record.headers.all_with_name("n")] == ["before"]
    [kept] = run(transform, {"items": []})
    assert kept.headers.last_with_name("n") is None


def test_the_whole_value_is_the_array() -> None:
    schema = SchemaBuilder.array(ITEM).build()
    made = run(explode(None, index_field="n"), [item("a"), item("b")], schema)
    assert [each.value.values for each in made] == [["a", 0], ["b", 1]]
    assert [each.value for each in run(explode(None), [1, None, 2])] == [1, 2]


def test_wildcards_reach_arrays_in_arrays() -> None:
    value = {"orders": [{"items": [1, 2]}, {"items": [3]}, {"items": []}]}
    made = run(explode("orders[*].items[*]", rest="drop", index_header="n"), value)
    assert [each.value for each in made] == [1, 2, 3]
    assert [each.value for each in run(explode("orders[0].items", rest="drop"), value)] == [1, 2]
    schema = SchemaBuilder.struct().field("orders", SchemaBuilder.array(ORDER).build()).build()
    made = run(
        explode("orders[*].items[*]", rest="drop"), Struct.of(schema, [[order("a"), order("b")]]), schema
    )
    assert [each.value["sku"] for each in made] == ["a", "b"]


@pytest.mark.parametrize(
    ("value", "schema", "said", "path"),
    [
        ({"items": "text"}, None, "of class str", "$.items"),
        ({"items": 5}, None, "of class int", "$.items"),
        (5, None, "below a value of class int", None),
        ({"itens": []}, None, "did you mean 'itens'", "$.items"),
        (Struct.of(ITEM, ["a"]), ITEM, "no field 'items'", "$.items"),
        ("text", Schema.STRING, "type string", None),
    ],
)
def test_what_cannot_be_exploded(value: Any, schema: Schema | None, said: str, path: str | None) -> None:
    with pytest.raises(DataError, match=said) as caught:
        explode().apply(source(value, schema))
    assert path is None or caught.value.path == path


def test_a_field_that_is_no_array() -> None:
    with pytest.raises(DataError, match="type int64") as caught:
        explode("id").apply(source(order(), ORDER))
    assert caught.value.path == "$.id"


def test_missing_fields_are_as_null_where_that_is_wished(caplog: pytest.LogCaptureFixture) -> None:
    assert run(explode("itens", on_missing="ignore"), order("a"), ORDER) == []
    assert caplog.messages == []
    transform = explode("itens", on_missing="warn", on_empty="keep", index_field="n")
    transform.alias = "each"
    for _ in range(2):
        [kept] = run(transform, order("a"), ORDER)
        assert kept.value_schema is not None
        validate_value(kept.value_schema, kept.value, None)
        assert kept.value["n"] is None
        [kept] = run(transform, {"items": [1]})
        assert kept.value == {"items": [1], "itens": None, "n": None}
    [message] = caplog.messages
    assert message == "each: the configured field 'itens' is not in the record; did you mean 'items'?"


def test_a_name_for_numbers_that_is_taken() -> None:
    for record in (source(order("a"), ORDER), source({"items": [1], "note": 1})):
        with pytest.raises(DataError, match=r"index\.field") as caught:
            explode(index_field="note").apply(record)
        assert caught.value.path == "$.note"
    for record in (source(order("a"), ORDER), source({"items": [{"sku": 1}]})):
        with pytest.raises(DataError, match=r"index\.field"):
            explode(rest="drop", index_field="sku").apply(record)


def test_a_field_for_numbers_needs_a_struct_or_map() -> None:
    schema = SchemaBuilder.array(Schema.INT8).build()
    with pytest.raises(DataError, match=r"index\.header"):
        explode(None, index_field="n").apply(source([1], schema))
    with pytest.raises(DataError, match=r"index\.header"):
        explode(None, index_field="n").apply(source([1]))


def test_too_many() -> None:
    transform = explode(max_records=2)
    assert len(run(transform, {"items": [1, 2]})) == 2
    with pytest.raises(LimitError, match=r"max\.records") as caught:
        transform.apply(source({"items": [1, 2, 3]}))
    assert caught.value.path == "$.items"


@pytest.mark.parametrize(
    ("path", "options", "key"),
    [
        ("`a", {}, "path"),
        ("a..b", {}, "path"),
        ("a[0]", {}, "path"),
        ("a[*].b", {}, "path"),
        ("a", {"rest": "drop", "on_empty": "keep"}, "on.empty"),
        (None, {"on_empty": "keep"}, "on.empty"),
        ("a", {"max_records": 0}, "max.records"),
        ("a", {"on_missing": "explode"}, "on.missing"),
    ],
)
def test_configurations_that_cannot_be_meant(path: str | None, options: dict[str, Any], key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        explode(path, **options)
    assert set(caught.value.problems) == {key}


def test_sink_records_keep_their_coordinates() -> None:
    record = SinkRecord("t", 1, None, None, None, {"items": [1, 2]}, 9, 5, 0)
    made = explode().apply(record)
    assert isinstance(made, list)
    assert [
        (each.original_topic, each.original_kafka_partition, each.original_kafka_offset) for each in made
    ] == [("t", 1, 9)] * 2


def test_schemas_are_known_without_data() -> None:
    made = run(explode(index_field="n"), order("a"), ORDER)
    assert explode(index_field="n").output_schemas(None, ORDER) == {(None, made[0].value_schema)}
    assert explode().output_schemas(None, None) == {(None, None)}
    with pytest.raises(DataError):
        explode().output_schemas(None, Schema.STRING)


# --- laws


@st.composite
def exploded(draw: st.DrawFn) -> tuple[Schema, Struct, list[str]]:
    """A struct with an array somewhere inside, and the way to it."""
    element = draw(schemas(1))
    builder = SchemaBuilder.array(element)
    schema = draw(st.sampled_from([builder, builder.optional()])).build()
    value = draw(values(schema))
    way: list[str] = []
    for _ in range(draw(st.integers(1, 3))):
        names = draw(st.lists(NAMES, min_size=1, max_size=3, unique=True))
        at = draw(st.integers(0, len(names) - 1))
        outer = SchemaBuilder.struct()
        found = []
        for number, name in enumerate(names):
            field = schema if number == at else draw(schemas(0))
            outer.field(name, field)
            found.append(value if number == at else draw(values(field)))
        way.insert(0, names[at])
        schema, value = outer.build(), Struct.of(outer.build(), found)
        value = Struct.of(schema, found)
    return schema, value, way


def text_of_path(way: list[str]) -> str:
    return ".".join(f"`{name}`" for name in way)


@given(exploded(), st.sampled_from(["keep", "drop"]), st.booleans())
def test_schema_and_value_agree_and_nothing_is_changed(
    given_: tuple[Schema, Struct, list[str]], rest: str, keeps_empty: bool
) -> None:
    schema, value, way = given_
    if any("`" in name or "\\" in name for name in way):
        return
    options = {"on_empty": "keep"} if keeps_empty and rest == "keep" else {}
    transform = explode(text_of_path(way), rest=rest, index_header="n", **options)
    before, record = deepcopy(value), source(value, schema)
    made = transform.apply(record)
    assert isinstance(made, list)
    array: Any = value
    for name in way:
        array = array.get(name)
    elements: list[Any] = array or []
    wanted = len([each for each in elements if each is not None or rest == "keep"])
    assert len(made) == (wanted if elements or not options else 1)
    assert record.value == before
    [(_, inferred)] = transform.output_schemas(None, schema)
    for each in made:
        assert each.value_schema == inferred
        validate_value(inferred, each.value, None)
        number: Any = each.headers.last_with_name("n")
        got = each.value
        for name in way if rest == "keep" else ():
            got = got.get(name)
        if number is not None and not isinstance(got, Struct):
            assert Struct.of(schema, [got]) == Struct.of(schema, [elements[number.value]])


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=3),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
        ),
        max_leaves=12,
    ),
    st.sampled_from(["a", "a.b", "a.b.c"]),
    st.sampled_from(["keep", "drop"]),
)
def test_anything_without_a_schema_is_taken_apart_or_refused(value: Any, path: str, rest: str) -> None:
    transform = explode(path, rest=rest, on_missing="ignore", index_field="n")
    before = deepcopy(value)
    try:
        made = transform.apply(source(value))
    except DataError:
        assert value == before
        return
    assert value == before
    if value is None:
        return
    assert isinstance(made, list)
    found = value
    for name in path.split("."):
        found = None if found is None else found.get(name)
    assert [each.value["n"] for each in made] == [
        n for n, each in enumerate(found or ()) if rest == "keep" or each is not None
    ]


def test_a_preview_is_told_why() -> None:
    assert explode().why_dropped(source({})) == "there is nothing in items"

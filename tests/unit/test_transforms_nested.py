"""Paths below the top in Apache's transforms: on structs with a schema that agrees, and on maps."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import pytest

from connectkit.builder import SchemaBuilder
from connectkit.errors import ConfigError, DataError
from connectkit.headers import Headers
from connectkit.plugin import plugins
from connectkit.record import SinkRecord
from connectkit.schema import Schema
from connectkit.struct import Struct
from connectkit.validation import validate_value

V2 = {"field.syntax.version": "V2"}
ITEM = SchemaBuilder.struct().field("sku", Schema.STRING).field("qty", Schema.OPTIONAL_INT32).build()
ADDRESS = (
    SchemaBuilder.struct().name("Address").field("city", Schema.STRING).field("zip", Schema.INT64).optional()
).build()
ORDER = (
    SchemaBuilder.struct()
    .field("id", Schema.INT64)
    .field("items", SchemaBuilder.array_of(ITEM).build())
    .field("address", ADDRESS)
    .field("tags", SchemaBuilder.map_of(Schema.STRING, Schema.INT32).build())
    .build()
)


def plain() -> dict[str, Any]:
    return {
        "id": 7,
        "items": [{"sku": "s1", "qty": 2}, {"sku": "s2", "qty": None}],
        "address": {"city": "Berlin", "zip": 10115},
        "tags": {"x": 1, "y": 2},
    }


def struct(*, address: bool = True) -> Struct:
    made = plain()
    items = [Struct.of(ITEM, [item["sku"], item["qty"]]) for item in made["items"]]
    where = Struct.of(ADDRESS, ["Berlin", 10115]) if address else None
    return Struct.of(ORDER, [7, items, where, made["tags"]])


def as_plain(value: Any) -> Any:
    """Structs as maps, to compare both worlds."""
    if isinstance(value, Struct):
        return {field.name: as_plain(value.values[field.index]) for field in value.schema.fields}
    if isinstance(value, list):
        return [as_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {key: as_plain(item) for key, item in value.items()}
    return value


def record(value: Any, schema: Schema | None) -> SinkRecord:
    headers = Headers().add_string("trace", "t1")
    return SinkRecord("orders", 3, Schema.STRING, "k", schema, value, 42, timestamp=99, headers=headers)


def both(name: str, config: dict[str, Any]) -> list[SinkRecord]:
    """The record out of the struct and out of the map, each three times (interpreted, exact, guarded)."""
    made = []
    for value, schema in ((struct(), ORDER), (plain(), None)):
        transform = plugins.create("transform", name, {**config, **V2})
        before = deepcopy(as_plain(value))
        out = None
        for _ in range(3):
            out = transform.apply(record(value, schema))
            assert isinstance(out, SinkRecord)
            for side_schema, side in ((out.key_schema, out.key), (out.value_schema, out.value)):
                if side_schema is not None:
                    validate_value(side_schema, side, None)
        assert as_plain(value) == before, "the record given was changed"
        assert out is not None
        made.append(out)
    return made


def changed(**changes: Any) -> dict[str, Any]:
    return {**plain(), **changes}


@pytest.mark.parametrize(
    ("name", "config", "expected"),
    [
        (
            "MaskField$Value",
            {"fields": "address.city,items[*].sku"},
            changed(
                address={"city": "", "zip": 10115},
                items=[{"sku": "", "qty": 2}, {"sku": "", "qty": None}],
            ),
        ),
        (
            "MaskField$Value",
            {"fields": "items[0].qty", "replacement": "9"},
            changed(items=[{"sku": "s1", "qty": 9}, {"sku": "s2", "qty": None}]),
        ),
        ("MaskField$Value", {"fields": "tags.*"}, changed(tags={"x": 0, "y": 0})),
        ("MaskField$Value", {"fields": "tags.x"}, changed(tags={"x": 0, "y": 2})),
        ("MaskField$Value", {"fields": "`id`"}, changed(id=0)),
        (
            "Cast$Value",
            {"spec": "items[*].qty:string,id:string,address.zip:int8"},
            changed(
                id="7",
                items=[{"sku": "s1", "qty": "2"}, {"sku": "s2", "qty": None}],
                address={"city": "Berlin", "zip": -125},
            ),
        ),
        (
            "ReplaceField$Value",
            {"exclude": "address.zip,items[*].qty,tags.y", "renames": "address.city:town,id:nr"},
            {
                "nr": 7,
                "items": [{"sku": "s1"}, {"sku": "s2"}],
                "address": {"town": "Berlin"},
                "tags": {"x": 1},
            },
        ),
        (
            "ReplaceField$Value",
            {"include": "id,items[*].sku,address.city"},
            {"id": 7, "items": [{"sku": "s1"}, {"sku": "s2"}], "address": {"city": "Berlin"}},
        ),
        ("ReplaceField$Value", {"exclude": "items[0]", "include": "items"}, {"items": plain()["items"][1:]}),
        ("ReplaceField$Value", {"exclude": "tags.*", "include": "tags"}, {"tags": {}}),
        (
            "InsertField$Value",
            {"topic.field": "address.topic", "static.field": "meta.by.whom!", "static.value": "me"},
            changed(address={"city": "Berlin", "zip": 10115, "topic": "orders"}, meta={"by": {"whom": "me"}}),
        ),
        ("ExtractField$Value", {"field": "address.city"}, "Berlin"),
        ("ExtractField$Value", {"field": "items[-1].sku"}, "s2"),
        ("ExtractField$Value", {"field": "items[*].sku"}, ["s1", "s2"]),
        ("ExtractField$Value", {"field": "items[7]"}, None),
        ("ExtractField$Value", {"field": "headers.trace"}, "t1"),
        ("ExtractField$Value", {"field": "topic"}, "orders"),
        (
            "HeaderFrom$Value",
            {"fields": "address.zip", "headers": "zip", "operation": "move"},
            changed(address={"city": "Berlin"}),
        ),
    ],
    ids=lambda x: str(x)[:60],
)
def test_the_value_afterwards(name: str, config: dict[str, Any], expected: Any) -> None:
    for made in both(name, config):
        assert as_plain(made.value) == expected


def test_headers_are_made_of_nested_fields() -> None:
    config = {"fields": "address.city,items[*].qty", "headers": "city,qty", "operation": "copy"}
    for made in both("HeaderFrom$Value", config):
        assert [(h.key, h.value) for h in made.headers] == [
            ("trace", "t1"),
            ("city", "Berlin"),
            ("qty", [2, None]),
        ]


def test_a_key_is_made_of_nested_fields_headers_and_coordinates() -> None:
    for made in both("ValueToKey", {"fields": "id,address.city,headers.trace,topic"}):
        assert as_plain(made.key) == {
            "id": 7,
            "address.city": "Berlin",
            "headers.trace": "t1",
            "topic": "orders",
        }


def test_a_timestamp_inside_a_struct_is_converted() -> None:
    for made in both("TimestampConverter$Value", {"field": "address.zip", "target.type": "Timestamp"}):
        assert as_plain(made.value)["address"]["zip"].isoformat() == "1970-01-01T00:00:10.115000+00:00"


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("MaskField$Value", {"fields": "address.city"}),
        ("Cast$Value", {"spec": "address.zip:string"}),
        ("ReplaceField$Value", {"exclude": "address.zip"}),
        ("ReplaceField$Value", {"include": "address.zip"}),
        ("InsertField$Value", {"topic.field": "address.topic"}),
        ("ExtractField$Value", {"field": "address.city"}),
    ],
)
def test_a_nested_struct_that_is_null_stays_null(name: str, config: dict[str, Any]) -> None:
    transform = plugins.create("transform", name, {**config, **V2})
    for _ in range(3):
        made = transform.apply(record(struct(address=False), ORDER))
        assert isinstance(made, SinkRecord)
        if name.startswith("Extract"):
            assert made.value is None
        else:
            validate_value(made.value_schema, made.value, None)
            assert made.value["address"] is None


_NAMING = [
    ("MaskField$Value", {"fields": "%s"}),
    ("Cast$Value", {"spec": "%s:string"}),
    ("ReplaceField$Value", {"exclude": "%s"}),
    ("ReplaceField$Value", {"renames": "%s:x"}),
    ("TimestampConverter$Value", {"field": "%s", "target.type": "unix"}),
    ("HeaderFrom$Value", {"fields": "%s", "headers": "h", "operation": "move"}),
    ("ValueToKey", {"fields": "%s"}),
    ("ExtractField$Value", {"field": "%s"}),
]


@pytest.mark.parametrize(("name", "config"), _NAMING, ids=lambda x: str(x)[:40])
@pytest.mark.parametrize("path", ["iid", "address.citty"])
@pytest.mark.parametrize("schema", [ORDER, None], ids=["struct", "map"])
def test_on_missing_fails_warns_once_or_ignores(
    name: str, config: dict[str, str], path: str, schema: Schema | None, caplog: pytest.LogCaptureFixture
) -> None:
    raw = {key: value % path if "%s" in value else value for key, value in config.items()}
    value = struct() if schema is not None else plain()
    near = {"iid": "id", "address.citty": "city"}[path]

    def run(choice: str) -> list[str]:
        transform = plugins.create("transform", name, {**raw, **V2, "on.missing": choice})
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            for _ in range(3):
                made = transform.apply(record(value, schema))
                if made.value_schema is not None:
                    validate_value(made.value_schema, made.value, None)
        return [each.getMessage() for each in caplog.records]

    with pytest.raises(DataError, match=rf"configured field '{path}' .*; did you mean '{near}'") as caught:
        run("fail")
    assert caught.value.path == f"$.{path}"
    warned = run("warn")
    assert len(warned) == 1
    assert f"did you mean '{near}'" in warned[0]
    assert run("ignore") == []


@pytest.mark.parametrize(
    ("name", "config", "key"),
    [
        ("MaskField$Value", {"fields": "a,`b"}, "fields"),
        ("Cast$Value", {"spec": "`b:string"}, "spec"),
        ("ReplaceField$Value", {"renames": "a.b:c.d"}, "renames"),
        ("InsertField$Value", {"topic.field": "a[0].b"}, "topic.field"),
        ("TimestampConverter$Value", {"field": "`", "target.type": "unix"}, "field"),
        ("HeaderFrom$Value", {"fields": "`", "headers": "h", "operation": "move"}, "fields"),
    ],
)
def test_what_is_no_path_is_refused_with_the_configuration(
    name: str, config: dict[str, str], key: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        plugins.create("transform", name, {**config, **V2})
    assert list(caught.value.problems) == [key]


def test_one_element_alone_cannot_be_given_another_type() -> None:
    transform = plugins.create("transform", "Cast$Value", {"spec": "items[0].qty:string", **V2})
    with pytest.raises(DataError, match="cannot be given another type"):
        transform.apply(record(struct(), ORDER))


def test_names_with_dots_are_plain_names_in_v1() -> None:
    transform = plugins.create("transform", "MaskField$Value", {"fields": "a.b"})
    made = transform.apply(record({"a.b": "secret", "a": {"b": "kept"}}, None))
    assert made.value == {"a.b": "", "a": {"b": "kept"}}

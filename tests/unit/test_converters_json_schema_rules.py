"""What a registry knows of JSON Schema: canonical text, and what may follow what."""

from __future__ import annotations

import json
from typing import Any

import pytest

from connectkit.converters.json_schema.rules import canonical, normalized, problems
from connectkit.converters.registry.embedded.registry import EmbeddedRegistry
from connectkit.converters.registry.port import Reference, SchemaText
from connectkit.errors import ConflictError, ConnectError, SchemaError


def between(old: Any, new: Any) -> list[str]:
    """What keeps the new schema from reading the old one's data."""
    return [each.type for each in problems(json.dumps(new), [], json.dumps(old), [])]


def obj(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


STRING, INTEGER, NUMBER = {"type": "string"}, {"type": "integer"}, {"type": "number"}
CLOSED = {"additionalProperties": False}
PARTIAL = {"additionalProperties": STRING}


def test_canonical_text_keeps_order_digits_and_letters() -> None:
    text = (
        ' { "type" : "number",\n"b":1.50, "a":[1E+3, 12345678901234567890], "é":"\\ud83d\\ude00\\u0001/" } '
    )
    assert canonical(text, []) == (
        '{"type":"number","b":1.50,"a":[1E+3,12345678901234567890],"é":"😀\\u0001/"}'
    )
    assert canonical("true", []) == "true"


def test_normalized_text_has_members_in_order() -> None:
    text = '{"type":"object","properties":{"b":{"title":"t","type":"string"},"a":{}},"enum":[{"y":1,"x":2}]}'
    assert normalized(text, []) == (
        '{"enum":[{"x":2,"y":1}],"properties":{"a":{},"b":{"title":"t","type":"string"}},"type":"object"}'
    )


@pytest.mark.parametrize("text", ["", "{", "7", '{"type":"x"}', '{"properties":7}', '{"$ref":"no.json"}'])
def test_what_is_no_schema_has_no_canonical_text(text: str) -> None:
    with pytest.raises(SchemaError):
        canonical(text, [])


COMPARED: list[tuple[str, Any, Any, list[str]]] = [
    ("the same", obj(a=STRING), obj(a=STRING), []),
    ("a title", STRING, {**STRING, "title": "t", "description": "d", "default": "x"}, []),
    ("another type", STRING, INTEGER, ["TYPE_CHANGED"]),
    ("integer to number", INTEGER, NUMBER, []),
    ("number to integer", NUMBER, INTEGER, ["TYPE_NARROWED"]),
    ("decimals in two forms", {**STRING, "connect.type": "bytes"}, {**NUMBER, "connect.type": "bytes"}, []),
    ("everything", STRING, {}, []),
    (
        "a property added to an open object",
        obj(),
        obj(a=STRING),
        ["OPTIONAL_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL"],
    ),
    ("anything added to an open object", obj(), obj(a={}), []),
    ("a property added to a closed object", {**obj(), **CLOSED}, {**obj(a=STRING), **CLOSED}, []),
    (
        "a required one added to a closed object",
        {**obj(), **CLOSED},
        {**obj(a=STRING), **CLOSED, "required": ["a"]},
        ["REQUIRED_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL"],
    ),
    (
        "a required one with a default added to a closed object",
        {**obj(), **CLOSED},
        {**obj(a={**STRING, "default": ""}), **CLOSED, "required": ["a"]},
        [],
    ),
    ("a property that unlisted ones fit", {**obj(), **PARTIAL}, {**obj(a=STRING), **PARTIAL}, []),
    (
        "a property that unlisted ones do not fit",
        {**obj(), **PARTIAL},
        {**obj(a=INTEGER), **PARTIAL},
        ["TYPE_CHANGED", "PROPERTY_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL"],
    ),
    (
        "a pattern that covers it",
        {**obj(), **CLOSED, "patternProperties": {"^a": STRING}},
        {**obj(abc=STRING), **CLOSED, "patternProperties": {"^a": STRING}},
        [],
    ),
    ("a property removed from an open object", obj(a=STRING), obj(), []),
    (
        "a property removed from a closed object",
        {**obj(a=STRING), **CLOSED},
        {**obj(), **CLOSED},
        ["PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL"],
    ),
    ("closed", obj(), {**obj(), **CLOSED}, ["ADDITIONAL_PROPERTIES_REMOVED"]),
    ("opened", {**obj(), **CLOSED}, obj(), []),
    ("partly closed", obj(), {**obj(), **PARTIAL}, ["ADDITIONAL_PROPERTIES_NARROWED"]),
    ("required now", obj(a=STRING), {**obj(a=STRING), "required": ["a"]}, ["REQUIRED_ATTRIBUTE_ADDED"]),
    ("no more required", {**obj(a=STRING), "required": ["a"]}, obj(a=STRING), []),
    ("shorter texts", {**STRING, "maxLength": 9}, {**STRING, "maxLength": 3}, ["MAX_LENGTH_DECREASED"]),
    ("longer texts", {**STRING, "maxLength": 3}, {**STRING, "maxLength": 9}, []),
    ("a pattern", STRING, {**STRING, "pattern": "a"}, ["PATTERN_ADDED"]),
    ("a higher minimum", {**NUMBER, "minimum": 1}, {**NUMBER, "minimum": 2}, ["MINIMUM_INCREASED"]),
    ("a coarser step", {**NUMBER, "multipleOf": 0.5}, {**NUMBER, "multipleOf": 1}, ["MULTIPLE_OF_EXPANDED"]),
    ("a finer step", {**NUMBER, "multipleOf": 1}, {**NUMBER, "multipleOf": 0.50}, []),
    ("the same step", {**NUMBER, "multipleOf": 0.5}, {**NUMBER, "multipleOf": 0.50}, []),
    ("more symbols", {"enum": ["a"]}, {"enum": ["a", "b"]}, []),
    ("fewer symbols", {"enum": ["a", "b"]}, {"enum": ["a"]}, ["ENUM_ARRAY_NARROWED"]),
    ("another const", {"const": 1}, {"const": 2}, ["ENUM_ARRAY_CHANGED"]),
    ("a member more", {"oneOf": [STRING]}, {"oneOf": [STRING, INTEGER]}, []),
    ("a member less", {"oneOf": [STRING, INTEGER]}, {"oneOf": [STRING]}, ["SUM_TYPE_NARROWED"]),
    ("optional now", STRING, {"oneOf": [{"type": "null"}, STRING]}, []),
    ("no more optional", {"oneOf": [{"type": "null"}, STRING]}, STRING, ["TYPE_CHANGED"]),
    ("members in another order", {"anyOf": [STRING, NUMBER]}, {"anyOf": [NUMBER, STRING]}, []),
    (
        "members of another kind",
        {"oneOf": [STRING, INTEGER]},
        {"oneOf": [STRING, {"type": "boolean"}]},
        ["COMBINED_TYPE_SUBSCHEMAS_CHANGED"],
    ),
    ("all to any", {"allOf": [STRING, {"maxLength": 3}]}, {"anyOf": [STRING, {"maxLength": 3}]}, []),
    ("any to all", {"anyOf": [STRING, NUMBER]}, {"allOf": [STRING, NUMBER]}, ["COMBINED_TYPE_CHANGED"]),
    ("not less", {"not": {"enum": [1, 2]}}, {"not": {"enum": [1]}}, []),
    ("not more", {"not": {"enum": [1]}}, {"not": {"enum": [1, 2]}}, ["NOT_TYPE_EXTENDED"]),
    ("items", {"type": "array", "items": STRING}, {"type": "array", "items": INTEGER}, ["TYPE_CHANGED"]),
    ("unique items", {"type": "array"}, {"type": "array", "uniqueItems": True}, ["UNIQUE_ITEMS_ADDED"]),
    (
        "an item more",
        {"type": "array", "items": [STRING]},
        {"type": "array", "items": [STRING, STRING]},
        ["ITEM_ADDED_TO_OPEN_CONTENT_MODEL"],
    ),
    ("depends", obj(), {**obj(), "dependencies": {"a": ["b"]}}, ["DEPENDENCY_ARRAY_ADDED"]),
]


@pytest.mark.parametrize(
    ("old", "new", "expected"), [pytest.param(*rest, id=name) for name, *rest in COMPARED]
)
def test_what_may_follow(old: Any, new: Any, expected: list[str]) -> None:
    assert between(old, new) == expected


def test_recursive_schemas_are_compared_where_they_differ() -> None:
    def node(value: Any) -> Any:
        return {
            "$ref": "#/definitions/N",
            "definitions": {"N": obj(next={"$ref": "#/definitions/N"}, v=value)},
        }

    assert between(node(STRING), node(STRING)) == []
    assert between(node(INTEGER), node(NUMBER)) == []
    assert "TYPE_CHANGED" in between(node(STRING), node(INTEGER))


def test_a_problem_says_where_it_is_in_a_sentence() -> None:
    found = problems(json.dumps(obj(a=obj(b=INTEGER))), [], json.dumps(obj(a=obj(b=STRING))), [])
    assert [each.description for each in found] == [
        "What stands at '#/properties/a/properties/b' is another than before"
    ]


def test_the_embedded_registry_keeps_and_compares_json_schemas() -> None:
    registry = EmbeddedRegistry()
    first = registry.register("s", SchemaText(json.dumps({**obj(a=STRING), **CLOSED}), "JSON"))
    assert first.schema.text == (
        '{"type":"object","properties":{"a":{"type":"string"}},"additionalProperties":false}'
    )
    registry.register("s", SchemaText(json.dumps({**obj(a=STRING, b=STRING), **CLOSED}), "JSON"))
    with pytest.raises(ConflictError, match="is gone"):
        registry.register("s", SchemaText(json.dumps({**obj(b=STRING), **CLOSED}), "JSON"))
    registry.register("item", SchemaText('{"type":"string"}', "JSON"))
    named = (Reference("item.json", "item", 1),)
    kept = registry.register(
        "list", SchemaText('{"type":"array","items":{"$ref":"item.json"}}', "JSON", named)
    )
    assert kept.id == 4
    with pytest.raises(ConnectError, match="none of its references"):
        registry.register("list2", SchemaText('{"type":"array","items":{"$ref":"item.json"}}', "JSON"))
    registry.close()

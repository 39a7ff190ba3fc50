"""JSON schemas that others wrote, as Connect schemas: each rule by itself."""

from __future__ import annotations

import json
from typing import Any

import pytest

from connectkit.builder import SchemaBuilder
from connectkit.converters.json_schema.from_json_schema import from_json_schema
from connectkit.converters.json_schema.load import load
from connectkit.converters.json_schema.to_json_schema import JsonSchemaOptions
from connectkit.converters.registry.port import ReferredText
from connectkit.errors import ConversionError, LimitError, SchemaError
from connectkit.schema import Schema, Type

PLAIN = JsonSchemaOptions()
ENUM = "io.confluent.connect.json.Enum"
ONE_OF = "io.confluent.connect.json.OneOf"
ID = "io.confluent.connect.json.Id"


def read(schema: Any, *references: ReferredText, **options: bool) -> Schema:
    text = schema if isinstance(schema, str) else json.dumps(schema)
    return from_json_schema(load(text, references=references), JsonSchemaOptions(**options))


def fields(schema: Schema) -> dict[str, tuple[Type, bool]]:
    return {each.name: (each.schema.type, each.schema.optional) for each in schema.fields}


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "integer"}, Schema.INT64),
        ({"type": "number"}, Schema.FLOAT64),
        ({"type": "number", "connect.type": "int16"}, Schema.INT16),
        ({"type": "number", "connect.type": "bytes"}, Schema.BYTES),
        ({"type": "string", "format": "date-time"}, Schema.STRING),
        ({"type": "string", "connect.type": "bytes"}, Schema.BYTES),
        ({"type": ["null", "string"]}, Schema.OPTIONAL_STRING),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, Schema.OPTIONAL_INT64),
        ({"oneOf": [{"type": "boolean"}]}, Schema.BOOLEAN),
        ({"type": "integer", "format": "int64"}, Schema.INT64),
        ({"type": "number", "minimum": 1, "multipleOf": 0.5}, Schema.FLOAT64),
        ({"allOf": [{"type": "string"}, {"minLength": 3}]}, Schema.STRING),
        ({"const": "x", "type": "string"}, Schema.STRING),
        ({"const": 1, "type": "integer"}, Schema.INT64),
        ({"enum": [1, 2], "type": "integer"}, Schema.INT64),
        ({"type": "object", "connect.type": "map", "additionalProperties": {"type": "string"}},
         SchemaBuilder.map(Schema.STRING, Schema.STRING).build()),
        ({"$ref": "#/definitions/A", "definitions": {"A": {"type": "string"}}}, Schema.STRING),
        ({"$schema": "http://json-schema.org/draft-04/schema#", "type": "number", "minimum": 1,
          "exclusiveMinimum": True}, Schema.FLOAT64),
        ({"$schema": "https://json-schema.org/draft/2020-12/schema", "$ref": "#/$defs/A",
          "definitions": {"A": {"type": "boolean"}}}, Schema.BOOLEAN),
    ],
)  # fmt: skip
def test_schema(schema: dict[str, Any], expected: Schema) -> None:
    assert read(schema) == expected


def test_enums_and_consts_hold_texts() -> None:
    found = read({"enum": ["a", 1, 2.5, True, None, {"k": [1]}]})
    assert found.parameters == {
        ENUM: "", f"{ENUM}.a": "a", f"{ENUM}.1": "1", f"{ENUM}.2.5": "2.5", f"{ENUM}.true": "true",
        f"{ENUM}.<NULL>": "<NULL>", f'{ENUM}.{{"k":[1]}}': '{"k":[1]}',
    }  # fmt: skip
    assert read({"const": "m"}).parameters == {ENUM: "", f"{ENUM}.m": "m"}
    assert read({"enum": ["a"], "type": "string"}).parameters == {ENUM: "", f"{ENUM}.a": "a"}


def test_a_union_has_a_field_for_each_member_but_null() -> None:
    found = read(
        {
            "title": "U",
            "description": "d",
            "oneOf": [{"type": "string"}, {"type": "null"}, {"type": "integer"}],
        }
    )
    assert (found.name, found.optional, found.doc) == (ONE_OF, True, "d")
    assert fields(found) == {
        f"{ONE_OF}.field.0": (Type.STRING, True),
        f"{ONE_OF}.field.1": (Type.INT64, True),
    }


def test_a_union_of_one_is_kept_if_that_is_asked_for() -> None:
    assert read({"oneOf": [{"type": "string"}]}, flatten_singletons=False).name == ONE_OF


def test_fields_stand_by_their_index_and_else_in_the_order_of_a_java_map() -> None:
    names = ["id", "name", "amount", "ts", "active", "tags"]
    plain = {"type": "object", "properties": {name: {"type": "string"} for name in names}}
    assert [each.name for each in read(plain).fields] == ["amount", "name", "active", "id", "ts", "tags"]
    numbered = {
        "type": "object",
        "properties": {name: {"type": "string", "connect.index": i} for i, name in enumerate(names)},
    }
    assert [each.name for each in read(numbered).fields] == names


def test_a_field_without_an_index_may_take_the_place_of_another() -> None:
    found = read(
        {
            "type": "object",
            "properties": {"a": {"type": "string", "connect.index": 1}, "b": {"type": "string"}},
        }
    )
    assert [each.name for each in found.fields] == ["b"]


def test_required_matters_only_if_that_is_asked_for() -> None:
    schema = {
        "type": "object",
        "required": ["a"],
        "properties": {"a": {"type": "string"}, "b": {"type": "string"}},
    }
    assert fields(read(schema)) == {"a": (Type.STRING, False), "b": (Type.STRING, False)}
    assert fields(read(schema, optional_if_not_required=True)) == {
        "a": (Type.STRING, False),
        "b": (Type.STRING, True),
    }


def test_title_version_doc_parameters_and_default_are_read() -> None:
    node = load(
        '{"type":"integer","title":"T","description":"d","connect.version":7,"connect.type":"int32",'
        '"connect.parameters":{"p":"v"},"default":3}'
    )
    expected = SchemaBuilder.int32().name("T").doc("d").version(7).parameter("p", "v").default(3).build()
    assert from_json_schema(node, PLAIN, version=4) == expected
    assert (
        from_json_schema(load('{"oneOf":[{"type":"null"},{"type":"string"}]}'), PLAIN, version=4).version == 4
    )


def test_a_default_that_does_not_fit_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    assert read({"type": "string", "title": "T", "default": None}).default is None
    assert read({"type": "string", "connect.type": "bytes", "default": "%%secret%%"}).default is None
    assert "left out" in caplog.text
    assert "secret" not in caplog.text


def test_all_of_merges_properties_through_references_and_others() -> None:
    found = read({
        "title": "lost",
        "allOf": [
            {"$ref": "#/definitions/Base"},
            {"allOf": [{"properties": {"b": {"type": "integer"}}, "required": ["b"]}]},
            {"properties": {"a": {"type": "boolean"}}},
        ],
        "definitions": {"Base": {"type": "object", "properties": {"a": {"type": "string"}}}},
    }, optional_if_not_required=True)  # fmt: skip
    assert fields(found) == {"a": (Type.BOOLEAN, True), "b": (Type.INT64, False)}
    assert found.name is None


def test_a_recursive_schema_knows_itself() -> None:
    text = {"type": "object", "title": "N", "properties": {
        "next": {"oneOf": [{"type": "null"}, {"$ref": "#"}]}, "v": {"type": "integer"},
    }}  # fmt: skip
    found = read(text)
    inner = found.field("next")
    assert inner is not None
    assert inner.schema.optional
    assert inner.schema.parameters == {ID: "#id1"}
    again = inner.schema.field("next")
    assert again is not None
    assert again.schema is inner.schema


def test_a_schema_that_is_used_twice_is_no_recursion() -> None:
    found = read({
        "type": "object",
        "properties": {"a": {"$ref": "#/definitions/A"}, "b": {"$ref": "#/definitions/A"}},
        "definitions": {"A": {"type": "object", "title": "A", "properties": {"x": {"type": "string"}}}},
    })  # fmt: skip
    first, second = (each.schema for each in found.fields)
    assert first is second
    assert first.parameters is None


@pytest.mark.parametrize(
    "ref",
    [
        "other.json",
        "other.json#/definitions/A",
        "./other.json#/$defs/A",
        "other.json#a",
        "http://x/o#/definitions/A",
    ],
)
def test_references_lead_to_other_schemas_of_the_registry(ref: str) -> None:
    other = {
        "$id": "http://x/o", "type": "string",
        "definitions": {"A": {"type": "string", "$id": "#a"}},
    }  # fmt: skip
    named = ReferredText.of(json.dumps(other), ["other.json"])
    found = read({"type": "object", "properties": {"a": {"$ref": ref}}}, named)
    assert fields(found) == {"a": (Type.STRING, False)}


def test_references_of_references_and_ids_are_found() -> None:
    first = ReferredText.of('{"$ref":"second.json#/definitions/B"}', ["first.json"])
    second = ReferredText.of('{"definitions":{"B":{"type":"integer"}}}', ["second.json"])
    assert read({"$ref": "first.json"}, first, second) == Schema.INT64
    own = {
        "properties": {"p": {"$ref": "http://h/item"}},
        "definitions": {"i": {"$id": "http://h/item", "type": "string"}},
    }
    assert fields(read({"type": "object", **own})) == {"p": (Type.STRING, False)}
    anchored = {"$schema": "https://json-schema.org/draft/2019-09/schema", "$ref": "#here",
                "$defs": {"x": {"$anchor": "here", "type": "boolean"}}}  # fmt: skip
    assert read(anchored) == Schema.BOOLEAN


@pytest.mark.parametrize(
    ("schema", "what"),
    [
        ("", "is empty"),
        ("{", "is not JSON"),
        ('"x"', "neither an object nor"),
        ("[]", "neither an object nor"),
        ('{"type":"text"}', "does not exist"),
        ('{"type":7}', "neither a text nor a list"),
        ('{"type":"array"}', "what its items are"),
        ('{"type":"array","items":[{"type":"string"}]}', "what its items are"),
        ('{"type":"null"}', "null alone"),
        ('{"not":{}}', "has not"),
        ("false", "has false"),
        ('{"type":["null","null"]}', "null alone"),
        ('{"type":"number","connect.type":"int9"}', "connect.type"),
        ('{"type":"object","connect.type":"map"}', "inside a map"),
        ('{"type":"string","connect.version":"1"}', "connect.version"),
        ('{"type":"object","properties":{"a":{"type":"string","connect.index":"1"}}}', "connect.index"),
        ('{"type":"object","properties":[]}', "no object"),
        ('{"type":"object","required":"a"}', "no list of names"),
        ('{"type":"string","title":7}', "no text"),
        ('{"allOf":[{"type":"boolean"},{"type":"integer"}]}', "allOf of boolean, number"),
        ('{"$ref":"#/definitions/A"}', "does not have"),
        ('{"$ref":"elsewhere.json"}', "none of its references"),
        ('{"$ref":"http://[/"}', "none of its references"),
        ('{"$id":"http://[/","$ref":"x"}', "no address"),
        ('{"$ref":"#"}', "nothing but itself"),
        ('{"$ref":7}', "no text"),
    ],
)  # fmt: skip
def test_what_is_no_schema_for_connect_is_refused_in_a_sentence(schema: str, what: str) -> None:
    with pytest.raises((SchemaError, ConversionError), match=what):
        read(schema)


def test_modern_dialects_may_be_read_as_the_one_before_them() -> None:
    node = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$ref": "#/$defs/A", "title": "T",
            "properties": {"b": {"type": "string"}},
            "$defs": {"A": {"type": "object", "properties": {"a": {"type": "string"}}}}}  # fmt: skip
    text = json.dumps(node)
    assert fields(from_json_schema(load(text), PLAIN)).keys() == {"a", "b"}
    assert fields(from_json_schema(load(text, as_draft_7=True), PLAIN)).keys() == {"a"}


def test_limits_hold() -> None:
    wide = {"type": "object", "properties": {f"f{i}": {"type": "string"} for i in range(10_001)}}
    with pytest.raises(LimitError, match="schema_fields"):
        read(wide)

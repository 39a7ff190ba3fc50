"""JSON schemas and payloads made to hurt: an error of ours, in little memory, whatever they hold."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectkit.converters.json_schema.config import JsonSchemaConfig
from connectkit.converters.json_schema.converter import JsonSchemaConverter
from connectkit.converters.json_schema.from_json_schema import from_json_schema
from connectkit.converters.json_schema.load import load
from connectkit.converters.json_schema.rules import canonical, normalized, problems
from connectkit.converters.json_schema.to_json_schema import JsonSchemaOptions
from connectkit.converters.registry.opening import forget_mock_registry, mock_registry
from connectkit.converters.registry.port import SchemaText
from connectkit.errors import DataError, LimitError
from tests.support.memory import little_memory

MAX_BYTES = 192 << 20
OPTIONS = JsonSchemaOptions()
NODE = '{"type":"object","properties":{"next":{"oneOf":[{"type":"null"},{"$ref":"#"}]}}}'


def refusal(take: Callable[[], Any]) -> str:
    """What the error says that it ends with, if it does."""
    try:
        take()
    except DataError as error:
        return str(error)
    return ""


def chain(count: int) -> str:
    links = {f"d{i}": {"$ref": f"#/definitions/d{i + 1}"} for i in range(count)}
    return json.dumps({"$ref": "#/definitions/d0", "definitions": {**links, f"d{count}": {"type": "string"}}})


def doubling(count: int, word: str = "properties") -> str:
    """Each schema has the next one twice."""

    def two(i: int) -> Any:
        ref = {"$ref": f"#/definitions/d{i + 1}"}
        return (
            {"type": "object", "properties": {"a": ref, "b": ref}}
            if word == "properties"
            else {word: [ref, ref]}
        )

    links = {f"d{i}": two(i) for i in range(count)}
    return json.dumps({"$ref": "#/definitions/d0", "definitions": {**links, f"d{count}": {"type": "string"}}})


BOMBS = {
    "deep brackets": "[" * 5000,
    "deep objects": '{"items":' * 5000 + "{}" + "}" * 5000,
    "deep arrays": '{"type":"array","items":' * 300 + '{"type":"string"}' + "}" * 300,
    "deep unions": '{"oneOf":[' * 200 + '{"type":"string"}' + "]}" * 200,
    "many schemas": json.dumps({"oneOf": [True] * 51_000}),
    "many properties": json.dumps({"type": "object", "properties": {f"p{i}": {} for i in range(20_000)}}),
    "a long number": '{"type":"number","minimum":' + "9" * 5000 + "}",
    "a large text": '{"type":"string","title":"' + "x" * (5 << 20) + '"}',
    "doubling objects": doubling(60),
    "doubling unions": doubling(60, "oneOf"),
    "doubling allOf": doubling(60, "allOf"),
    "a cycle of references": '{"$ref":"#/definitions/a","definitions":{"a":{"$ref":"#/definitions/b"},'
    '"b":{"$ref":"#/definitions/a"}}}',
    "a union that is itself": '{"oneOf":[{"type":"string"},{"type":"integer"},{"$ref":"#"}]}',
    "an array that is itself": '{"type":"array","items":{"$ref":"#"}}',
    "a cycle of objects that double": json.dumps({
        "type": "object",
        "properties": {c: {"oneOf": [{"$ref": "#"}, {"type": "object", "properties": {
            d: {"$ref": "#"} for d in "abcdefgh"}}, {"type": "string"}]} for c in "abcdefgh"},
    }),
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_a_schema_is_read_or_refused(name: str) -> None:
    text = BOMBS[name]
    with little_memory(MAX_BYTES):
        assert len(refusal(lambda: from_json_schema(load(text), OPTIONS))) < 300
    for take in (canonical, normalized, lambda text, named: problems(text, named, text, named)):
        assert len(refusal(partial(take, text, []))) < 300


def test_a_long_chain_of_references_is_followed() -> None:
    assert from_json_schema(load(chain(90)), OPTIONS).type.value == "string"
    with pytest.raises(LimitError):
        from_json_schema(load(chain(5000)), OPTIONS)


def test_many_members_are_not_compared_for_hours() -> None:
    many = json.dumps({"oneOf": [{"type": "string", "maxLength": i} for i in range(2000)]})
    with pytest.raises(LimitError, match="compare"):
        problems(many, [], many, [])


def test_an_explosive_pattern_matches_nothing() -> None:
    old = json.dumps({"type": "object", "patternProperties": {"(a+)+$": {"type": "string"}}})
    new = json.dumps({"type": "object", "properties": {"a" * 60 + "!": {"type": "string"}},
                      "patternProperties": {"(a+)+$": {"type": "string"}}})  # fmt: skip
    assert problems(new, [], old, []) == []


@pytest.fixture
def converter() -> Iterator[JsonSchemaConverter]:
    made = JsonSchemaConverter(JsonSchemaConfig.parse({"schema.registry.url": "mock://json-bombs"}))
    yield made
    made.close()
    forget_mock_registry("json-bombs")


def framed(schema: str, payload: bytes) -> bytes:
    found = mock_registry("json-bombs").register("t-value", SchemaText(schema, "JSON"))
    return b"\0" + found.id.to_bytes(4, "big") + payload


PAYLOADS = {
    "deep": b'{"next":' * 5000 + b"null" + b"}" * 5000,
    "cut off": b'{"next":{"next"',
    "empty": b"",
    "brackets": b"[" * 100_000,
    "a long number": b'{"next":' + b"9" * 10_000 + b"}",
    "not UTF-8": b'{"next":"\xff\xfe"}',
    "another type": b"7",
    "too large": b'{"x":"' + b"y" * (17 << 20) + b'"}',
}


def test_a_schema_as_deep_as_may_be_is_used_or_refused_from_any_depth(converter: JsonSchemaConverter) -> None:
    text, payload = '{"type":"string"}', b'"x"'
    for _ in range(98):
        text, payload = f'{{"type":"object","properties":{{"a":{text}}}}}', b'{"a":' + payload + b"}"
    data = framed(text, payload)

    def deeper(levels: int) -> str:
        if levels:
            return deeper(levels - 1)
        return refusal(lambda: converter.from_connect_data("u", *converter.to_connect_data("t", data)))

    for levels in range(0, 900, 100):
        assert len(deeper(levels)) < 300


def test_a_payload_as_deep_as_json_may_be_is_read_or_refused(converter: JsonSchemaConverter) -> None:
    data = framed(NODE, b'{"next":' * 999 + b"null" + b"}" * 999)
    assert len(refusal(lambda: converter.to_connect_data("t", data))) < 300


@pytest.mark.parametrize("name", PAYLOADS)
def test_a_payload_is_refused_with_a_sentence_that_has_nothing_of_it(
    converter: JsonSchemaConverter, name: str
) -> None:
    data = framed(NODE, PAYLOADS[name])
    with pytest.raises(DataError) as caught:
        converter.to_connect_data("t", data)
    assert len(str(caught.value)) < 300
    assert "yyy" not in str(caught.value)


WORDS = (
    "type properties items oneOf anyOf allOf $ref definitions A enum const not default title connect.index "
    "connect.type connect.parameters additionalProperties required $id $schema minimum dependencies if"
).split()
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
JSON = st.recursive(
    SCALARS | st.sampled_from(["string", "object", "#", "#/definitions/A", "integer"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=250, deadline=None)
@given(JSON, JSON)
def test_any_json_is_a_schema_or_refused(one: Any, other: Any) -> None:
    for take in (
        lambda: from_json_schema(load(json.dumps(one)), OPTIONS),
        lambda: canonical(json.dumps(one), []),
        lambda: problems(json.dumps(one), [], json.dumps(other), []),
    ):
        refusal(take)


SHAPES = json.dumps({"type": "object", "properties": {
    "i": {"type": "integer", "connect.type": "int8"}, "s": {"type": "string"}, "n": {"type": "number"},
    "b": {"type": "string", "connect.type": "bytes"}, "a": {"type": "array", "items": {"type": "integer"}},
    "m": {"type": "object", "connect.type": "map", "additionalProperties": {"type": "string"}},
    "u": {"oneOf": [{"type": "string"}, {"type": "object", "properties": {"s": {"type": "string"}}}]},
    "d": {"type": "string", "title": "org.apache.kafka.connect.data.Decimal", "connect.type": "bytes",
          "connect.parameters": {"scale": "2"}},
}})  # fmt: skip
ANY = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("isnbamud"), inner, max_size=4)
    ),
    max_leaves=10,
)


@settings(max_examples=150, deadline=None)
@given(ANY)
def test_any_json_is_a_value_or_refused(value: Any) -> None:
    made = JsonSchemaConverter(JsonSchemaConfig.parse({"schema.registry.url": "mock://json-bombs"}))
    try:
        data = framed(SHAPES, json.dumps(value).encode())
        refusal(lambda: made.to_connect_data("t", data))
    finally:
        forget_mock_registry("json-bombs")

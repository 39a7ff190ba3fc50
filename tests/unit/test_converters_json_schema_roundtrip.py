"""Connect data as JSON with a JSON schema and back, over schemas and values of any shape."""

from __future__ import annotations

import json
import math
from decimal import Decimal
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from connectkit.builder import SchemaBuilder
from connectkit.converters.json_schema.from_json_schema import from_json_schema
from connectkit.converters.json_schema.load import load
from connectkit.converters.json_schema.payload import compile_decoder, compile_encoder
from connectkit.converters.json_schema.read_values import ValueReader
from connectkit.converters.json_schema.rules import canonical, normalized, problems
from connectkit.converters.json_schema.to_json_schema import JsonSchemaOptions, to_json_schema, value_writer
from connectkit.schema import Schema, Type
from connectkit.struct import Struct
from tests.strategies import schemas, values

OPTIONS = JsonSchemaOptions()
NUMERIC = JsonSchemaOptions(numeric=True)


@st.composite
def data(draw: st.DrawFn) -> tuple[Schema, Any]:
    schema = draw(schemas(2))
    return schema, draw(values(schema))


def as_it_returns(schema: Schema) -> Schema:
    """The schema but for what JSON objects cannot say: that a map's texts as keys have a name or a doc."""
    if schema.type is Type.STRUCT:
        builder = SchemaBuilder.struct()
        for field in schema.fields:
            builder.field(field.name, as_it_returns(field.schema))
    elif schema.type is Type.ARRAY and schema.value_schema is not None:
        builder = SchemaBuilder.array(as_it_returns(schema.value_schema))
    elif schema.type is Type.MAP and schema.key_schema is not None and schema.value_schema is not None:
        keys = schema.key_schema
        text = keys.type is Type.STRING and not keys.optional
        builder = SchemaBuilder.map(Schema.STRING if text else keys, as_it_returns(schema.value_schema))
    else:
        return schema
    if schema.optional:
        builder.optional()
    builder.parameters(schema.parameters or {})
    return builder.name(schema.name).version(schema.version).doc(schema.doc).build()


def same(a: Any, b: Any) -> bool:
    """Equal values but for what JSON cannot say: NaN and the infinite are 0.0, and -0.0 is 0.0."""
    if isinstance(a, Struct) and isinstance(b, Struct):
        return len(a.values) == len(b.values) and all(map(same, a.values, b.values))
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        # Keys that JSON cannot tell apart, as two NaN, are one there: with the value of one of them.
        return all(any(same(key, other) for other in b) for key in a) and all(
            any(same(key, other) and same(value, found) for key, value in a.items())
            for other, found in b.items()
        )
    if isinstance(a, float) and isinstance(b, float):
        return a == b or (not math.isfinite(a) and b == 0.0)
    if isinstance(a, Decimal) and isinstance(b, Decimal):
        return a == b and a.as_tuple().exponent == b.as_tuple().exponent
    return type(a) is type(b) and a == b


_KEYS = SchemaBuilder.string().doc("what they are").build()


@settings(max_examples=200, deadline=None)
@example((SchemaBuilder.map(_KEYS, Schema.INT64).optional().build(), {"a": 1}))
@example((SchemaBuilder.map(Schema.FLOAT64, Schema.INT8).build(), {math.nan: 1, float("nan"): 2}))
@given(data())
def test_schemas_and_values_come_back(pair: tuple[Schema, Any]) -> None:
    schema, value = pair
    text = to_json_schema(schema, OPTIONS)
    assert canonical(text, []) == text, "what is written is canonical"
    assert problems(text, [], text, []) == []
    assert canonical(normalized(text, []), []) == normalized(text, [])
    read = from_json_schema(load(text), OPTIONS)
    assert read == as_it_returns(schema)
    payload = compile_encoder(schema, value_writer(OPTIONS))(value, b"")
    if payload is None:
        assert value is None
        return
    assert same(value, compile_decoder(read, ValueReader())(payload, 0))


@settings(max_examples=100, deadline=None)
@given(data())
def test_decimals_as_numbers_come_back(pair: tuple[Schema, Any]) -> None:
    schema, value = pair
    read = from_json_schema(load(to_json_schema(schema, NUMERIC)), NUMERIC)
    assert read == as_it_returns(schema)
    payload = compile_encoder(schema, value_writer(NUMERIC))(value, b"")
    if payload is not None:
        assert same(value, compile_decoder(read, ValueReader())(payload, 0))


@settings(max_examples=100, deadline=None)
@given(data())
def test_the_quick_way_and_the_exact_one_agree(pair: tuple[Schema, Any]) -> None:
    schema, value = pair
    writer = value_writer(OPTIONS)
    quick, exact = writer.compiled(schema)(value), writer.explain(schema, value)
    assert repr(strip(quick)) == repr(strip(exact))


@settings(max_examples=100, deadline=None)
@given(data())
def test_another_validator_finds_that_values_fit_their_schemas(pair: tuple[Schema, Any]) -> None:
    schema, value = pair
    payload = compile_encoder(schema, value_writer(OPTIONS))(value, b"")
    if payload is None or has_odd_floats(value):
        return
    Draft7Validator(json.loads(to_json_schema(schema, OPTIONS))).validate(json.loads(payload))


def strip(tree: Any) -> Any:
    """A tree that can be compared: raw numbers by their text."""
    if isinstance(tree, dict):
        return {key: strip(each) for key, each in tree.items()}
    if isinstance(tree, list):
        return [strip(each) for each in tree]
    return getattr(tree, "text", tree)


def has_odd_floats(value: Any) -> bool:
    if isinstance(value, Struct):
        return any(map(has_odd_floats, value.values))
    if isinstance(value, dict):
        return any(map(has_odd_floats, [*value, *value.values()]))
    if isinstance(value, list | tuple):
        return any(map(has_odd_floats, value))
    return isinstance(value, float) and not math.isfinite(value)


def test_types_are_all_covered() -> None:
    for kind in Type:
        if kind.is_primitive:
            text = to_json_schema(Schema(kind), OPTIONS)
            assert from_json_schema(load(text), OPTIONS).type is kind

"""Connect data as Avro and back, over schemas and values of any shape; fastavro judges the bytes."""

from __future__ import annotations

import io
import itertools
import json
import math
from decimal import Decimal
from typing import Any

import fastavro
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectkit.builder import SchemaBuilder
from connectkit.converters.avro.config import AvroConfig
from connectkit.converters.avro.decode import compile_decoder
from connectkit.converters.avro.encode import compile_encoder
from connectkit.converters.avro.from_avro import from_avro
from connectkit.converters.avro.parse import parse
from connectkit.converters.avro.printer import to_text
from connectkit.converters.avro.to_avro import AvroOptions, to_avro
from connectkit.schema import Schema, Type
from connectkit.struct import Struct
from tests.strategies import schemas, values

pytestmark = pytest.mark.usefixtures("twin")

OPTIONS = AvroConfig.parse({"schema.registry.url": "mock://x"}).options
_LOGICAL = ("org.apache.kafka.connect.data.", "connectkit.")


def for_avro(schema: Schema, numbers: Any = None) -> Schema:
    """The same shape with names that Avro allows, each record its own; string keys as Avro maps have them."""
    numbers = numbers or itertools.count()
    if schema.type is Type.STRUCT:
        builder = SchemaBuilder.struct().name(f"ns.R{next(numbers)}")
        for number, field in enumerate(schema.fields):
            builder.field(f"f{number}", for_avro(field.schema, numbers))
    elif schema.type is Type.ARRAY:
        builder = SchemaBuilder.array(for_avro(_some(schema.value_schema), numbers))
    elif schema.type is Type.MAP:
        key = for_avro(_some(schema.key_schema), numbers)
        if key.type is Type.STRING and not key.optional:
            key = Schema.STRING
        builder = SchemaBuilder.map(key, for_avro(_some(schema.value_schema), numbers))
        builder.name(f"ns.M{next(numbers)}")
    else:
        return schema
    builder.doc(schema.doc).version(schema.version)
    if schema.parameters:
        builder.parameters(dict(schema.parameters))
    if schema.optional:
        builder.optional()
    return builder.build()


def _some(schema: Schema | None) -> Schema:
    assert schema is not None
    return schema


def same(a: Any, b: Any) -> bool:
    """Equal values; NaN is NaN, a struct is what its fields are."""
    if isinstance(a, Struct) and isinstance(b, Struct):
        return len(a.values) == len(b.values) and all(map(same, a.values, b.values))
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return len(a) == len(b) and all(
            any(same(key, other) and same(value, b[other]) for other in b) for key, value in a.items()
        )
    if isinstance(a, float) and isinstance(b, float):
        return (math.isnan(a) and math.isnan(b)) or (a == b and math.copysign(1, a) == math.copysign(1, b))
    if isinstance(a, Decimal) and isinstance(b, Decimal):
        return a.as_tuple() == b.as_tuple() or (
            a == b == 0 and a.as_tuple().exponent == b.as_tuple().exponent
        )
    return type(a) is type(b) and a == b


def raw(node: Any) -> Any:
    """An Avro schema without logical types, which fastavro would turn into objects of its own."""
    if isinstance(node, dict):
        return {key: raw(value) for key, value in node.items() if key != "logicalType"}
    return [raw(each) for each in node] if isinstance(node, list) else node


def like(a: Schema, b: Schema) -> bool:
    """The same types, names, parameters and optionality, all the way down."""
    return told(a) == told(b) and all(map(like, parts(a), parts(b)))


def told(schema: Schema) -> tuple[Any, ...]:
    names = [field.name for field in schema.fields] if schema.type is Type.STRUCT else []
    parameters = dict(schema.parameters or {})
    return schema.type, schema.optional, schema.name, schema.doc, parameters, names


def parts(schema: Schema) -> list[Schema]:
    if schema.type is Type.STRUCT:
        return [field.schema for field in schema.fields]
    if schema.type is Type.ARRAY:
        return [_some(schema.value_schema)]
    return [_some(schema.key_schema), _some(schema.value_schema)] if schema.type is Type.MAP else []


@st.composite
def avro_pairs(draw: st.DrawFn) -> tuple[Schema, Any]:
    schema = for_avro(draw(schemas(2)))
    return schema, draw(values(schema))


def encoded(schema: Schema, value: Any, options: AvroOptions = OPTIONS) -> tuple[str, bytes]:
    avro = to_avro(schema, options)
    return to_text(avro), compile_encoder(avro, schema, options)(value, b"")


@settings(max_examples=300, deadline=None)
@given(avro_pairs())
def test_values_come_back_and_schemas_too(pair: tuple[Schema, Any]) -> None:
    schema, value = pair
    if value is None:
        return  # a null message
    text, data = encoded(schema, value)
    avro = parse(text, check_defaults=True)
    assert to_text(avro) == text, "what is written is canonical"
    read = _some(from_avro(avro, OPTIONS))
    assert like(read, schema)
    found = compile_decoder(avro, avro, read, OPTIONS, strict_end=True)(data, 0)
    assert same(found, value)
    assert encoded(read, found) == (text, data), "and goes out again as it came"


@settings(max_examples=200, deadline=None)
@given(avro_pairs())
def test_fastavro_reads_and_writes_the_same_bytes(pair: tuple[Schema, Any]) -> None:
    schema, value = pair
    if value is None:
        return
    text, data = encoded(schema, value)
    parsed = fastavro.parse_schema(raw(json.loads(text)))
    if parsed == "bytes" or (isinstance(parsed, dict) and parsed["type"] == "bytes"):
        return  # bare at the root, as Confluent's serializer writes it
    stream = io.BytesIO(data)
    found = fastavro.schemaless_reader(stream, parsed)
    assert stream.read() == b""
    out = io.BytesIO()
    fastavro.schemaless_writer(out, parsed, found)
    assert out.getvalue() == data


RESOLUTIONS: list[tuple[str, str, Any]] = [
    ('"int"', '"long"', 5),
    ('"int"', '"float"', 5),
    ('"int"', '"double"', -5),
    ('"long"', '"float"', 1 << 20),
    ('"long"', '"double"', 1 << 40),
    ('"float"', '"double"', 1.5),
    ('{"type":"array","items":"int"}', '{"type":"array","items":"double"}', [1, 2]),
    ('{"type":"map","values":"int"}', '{"type":"map","values":"long"}', {"a": 1}),
    ('["null","int"]', '["null","long"]', 7),
    ('["null","int"]', '["null","long"]', None),
    ('"int"', '["null","long"]', 7),
    ('["null","int"]', '"int"', 7),
    ('["int","string"]', '["string","long"]', "x"),
]
FIELDS: list[tuple[str, str, dict[str, Any]]] = [
    (
        '[{"name":"a","type":"int"},{"name":"b","type":"string"}]',
        '[{"name":"b","type":"string"}]',
        {"a": 1, "b": "x"},
    ),
    (
        '[{"name":"a","type":"int"},{"name":"b","type":"string"}]',
        '[{"name":"b","type":"string"},{"name":"a","type":"long"}]',
        {"a": 1, "b": "x"},
    ),
    (
        '[{"name":"a","type":"int"}]',
        '[{"name":"a","type":"int"},{"name":"n","type":"int","default":9}]',
        {"a": 1},
    ),
    ('[{"name":"a","type":"int"}]', '[{"name":"n","type":["null","int"],"default":null}]', {"a": 1}),
    ('[{"name":"a","type":"int"}]', '[{"name":"z","type":"int","aliases":["a"]}]', {"a": 1}),
    (
        '[{"name":"a","type":{"type":"array","items":{"type":"map","values":"string"}}},{"name":"b","type":"int"}]',
        '[{"name":"b","type":"int"}]',
        {"a": [{"k": "v"}, {}], "b": 3},
    ),
    (
        '[{"name":"e","type":{"type":"enum","name":"E","symbols":["A","B"]}}]',
        '[{"name":"e","type":{"type":"enum","name":"E","symbols":["A","D"],"default":"D"}}]',
        {"e": "B"},
    ),
    (
        '[{"name":"f","type":{"type":"fixed","name":"F","size":2}},{"name":"d","type":"double"}]',
        '[{"name":"d","type":"double"}]',
        {"f": b"xy", "d": 2.5},
    ),
    (
        '[{"name":"r","type":{"type":"record","name":"I","fields":[{"name":"x","type":"int"}]}}]',
        (
            '[{"name":"r","type":{"type":"record","name":"I","fields":[{"name":"x","type":"double"},'
            '{"name":"y","type":"string","default":"q"}]}}]'
        ),
        {"r": {"x": 4}},
    ),
]


def record(fields: str) -> str:
    return f'{{"type":"record","name":"R","fields":{fields}}}'


def plain(value: Any) -> Any:
    if isinstance(value, Struct):
        if value.schema.name == "io.confluent.connect.avro.Union":
            return next((plain(each) for each in value.values if each is not None), None)
        return {field.name: plain(each) for field, each in zip(value.schema.fields, value.values)}
    if isinstance(value, list):
        return [plain(each) for each in value]
    return {key: plain(each) for key, each in value.items()} if isinstance(value, dict) else value


def test_schemas_are_resolved_as_fastavro_resolves_them() -> None:
    table = [*RESOLUTIONS, *((record(w), record(r), value) for w, r, value in FIELDS)]
    for writer, reader, value in table:
        out = io.BytesIO()
        fastavro.schemaless_writer(out, json.loads(writer), value)
        out.seek(0)
        expected = fastavro.schemaless_reader(out, json.loads(writer), json.loads(reader))
        wrote, reads = parse(writer), parse(reader)
        schema = from_avro(reads, OPTIONS)
        found = compile_decoder(wrote, reads, schema, OPTIONS, strict_end=True)(out.getvalue(), 0)
        assert plain(found) == expected, (writer, reader)
        assert type(plain(found)) is type(expected), (writer, reader)

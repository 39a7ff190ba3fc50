"""Connect schemas as the texts that Confluent's converter registers, to the character."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import pytest

from connectkit import logical
from connectkit.builder import SchemaBuilder
from connectkit.converters.json_schema.from_json_schema import from_json_schema
from connectkit.converters.json_schema.java_order import filled_order
from connectkit.converters.json_schema.load import load
from connectkit.converters.json_schema.to_json_schema import JsonSchemaOptions, to_json_schema
from connectkit.errors import LimitError, SchemaError
from connectkit.float32 import round32
from connectkit.schema import Schema
from connectkit.struct import Struct

PLAIN = JsonSchemaOptions()
CONNECT = "org.apache.kafka.connect.data."
ENUM = "io.confluent.connect.json.Enum"
ONE_OF = "io.confluent.connect.json.OneOf"


def struct(**fields: Schema) -> SchemaBuilder:
    builder = SchemaBuilder.struct()
    for name, schema in fields.items():
        builder.field(name, schema)
    return builder


def enum(*symbols: str) -> SchemaBuilder:
    builder = SchemaBuilder.string().parameter(ENUM, "")
    for symbol in symbols:
        builder.parameter(f"{ENUM}.{symbol}", symbol)
    return builder


def union(*members: Schema) -> SchemaBuilder:
    return struct(**{f"{ONE_OF}.field.{i}": each for i, each in enumerate(members)}).name(ONE_OF)


GOLDEN: list[tuple[str, Schema, str]] = [
    ("int8", Schema.INT8, '{"type":"integer","connect.type":"int8"}'),
    ("int64", Schema.INT64, '{"type":"integer","connect.type":"int64"}'),
    ("float32", Schema.FLOAT32, '{"type":"number","connect.type":"float32"}'),
    ("boolean", Schema.BOOLEAN, '{"type":"boolean"}'),
    ("boolean last", SchemaBuilder.boolean().name("b").build(), '{"title":"b","type":"boolean"}'),
    ("string", Schema.STRING, '{"type":"string"}'),
    ("bytes", Schema.BYTES, '{"type":"string","connect.type":"bytes"}'),
    ("optional", Schema.OPTIONAL_STRING, '{"oneOf":[{"type":"null"},{"type":"string"}]}'),
    (
        "struct",
        struct(id=Schema.INT64, name=Schema.OPTIONAL_STRING).name("com.x.R").build(),
        (
            '{"type":"object","title":"com.x.R","properties":{"name":{"connect.index":1,"oneOf":[{"type":"null"},'
            '{"type":"string"}]},"id":{"type":"integer","connect.index":0,"connect.type":"int64"}}}'
        ),
    ),
    (
        "decimal",
        logical.decimal_schema(2),
        (
            f'{{"type":"string","title":"{CONNECT}Decimal","connect.version":1,"connect.type":"bytes",'
            '"connect.parameters":{"scale":"2"}}'
        ),
    ),
    (
        "date",
        logical.DATE,
        f'{{"type":"integer","title":"{CONNECT}Date","connect.version":1,"connect.type":"int32"}}',
    ),
    (
        "timestamp",
        logical.TIMESTAMP,
        f'{{"type":"integer","title":"{CONNECT}Timestamp","connect.version":1,"connect.type":"int64"}}',
    ),
    (
        "array",
        SchemaBuilder.array(Schema.OPTIONAL_INT32).name("a").doc("d").build(),
        (
            '{"type":"array","title":"a","description":"d","items":{"oneOf":[{"type":"null"},'
            '{"type":"integer","connect.type":"int32"}]}}'
        ),
    ),
    (
        "map of texts",
        SchemaBuilder.map(Schema.STRING, Schema.STRING).name("m").build(),
        '{"type":"object","title":"m","connect.type":"map","additionalProperties":{"type":"string"}}',
    ),
    (
        "map of entries",
        SchemaBuilder.map(Schema.INT32, Schema.STRING).build(),
        (
            '{"type":"array","connect.type":"map","items":{"type":"object","properties":{'
            '"value":{"type":"string","connect.index":1},'
            '"key":{"type":"integer","connect.index":0,"connect.type":"int32"}}}}'
        ),
    ),
    (
        "map of optional texts",
        SchemaBuilder.map(Schema.OPTIONAL_STRING, Schema.BOOLEAN).optional().build(),
        (
            '{"oneOf":[{"type":"null"},{"type":"array","connect.type":"map","items":{"type":"object","properties":{'
            '"value":{"connect.index":1,"type":"boolean"},"key":{"connect.index":0,"oneOf":[{"type":"null"},'
            '{"type":"string"}]}}}}]}'
        ),
    ),
    (
        "optional struct",
        struct(q=struct(x=Schema.INT8).name("Q").version(3).optional().build()).build(),
        (
            '{"type":"object","properties":{"q":{"connect.index":0,"oneOf":[{"type":"null"},{"type":"object",'
            '"title":"Q","connect.version":3,"properties":{"x":{"type":"integer","connect.index":0,'
            '"connect.type":"int8"}}}]}}}'
        ),
    ),
    (
        "enum in a set's order",
        enum("b", "a", "zz", "RED", "GREEN").name("e").build(),
        '{"enum":["zz","RED","a","b","GREEN"],"title":"e"}',
    ),
    ("enum with null", enum("<NULL>", "x").build(), '{"enum":[null,"x"]}'),
    (
        "union",
        struct(u=union(Schema.OPTIONAL_STRING, Schema.OPTIONAL_INT32).optional().build()).build(),
        (
            '{"type":"object","properties":{"u":{"connect.index":0,"oneOf":[{"type":"null"},{"type":"string",'
            '"connect.index":0},{"type":"integer","connect.index":1,"connect.type":"int32"}]}}}'
        ),
    ),
    (
        "parameters",
        SchemaBuilder.int8().parameters({"param0x0": "v0", "param7x1": "v1", "param14x2": "v2"}).build(),
        (
            '{"type":"integer","connect.type":"int8","connect.parameters":{"param14x2":"v2","param7x1":"v1",'
            '"param0x0":"v0"}}'
        ),
    ),
    (
        "names are raw",
        SchemaBuilder.string().name('é😀"/\x01\x7f').build(),
        '{"type":"string","title":"é😀\\"/\\u0001\x7f"}',
    ),
]


@pytest.mark.parametrize(("schema", "text"), [pytest.param(s, t, id=name) for name, s, t in GOLDEN])
def test_schema_becomes_the_text_and_the_text_the_schema(schema: Schema, text: str) -> None:
    assert to_json_schema(schema, PLAIN) == text
    assert from_json_schema(load(text), PLAIN) == schema


@pytest.mark.parametrize(
    ("schema", "default", "text"),
    [
        (SchemaBuilder.int8(), 5, "5"),
        (SchemaBuilder.float64(), 12.0, "12"),
        (SchemaBuilder.float64(), -0.0, "0"),
        (SchemaBuilder.float64(), 1e10, "1.0E+10"),
        (SchemaBuilder.float64(), 1e-5, "0.000010"),
        (SchemaBuilder.float32(), round32(12.2), "12.2"),
        (SchemaBuilder.boolean(), True, "true"),
        (SchemaBuilder.string(), "</a>", '"</a>"'),
        (SchemaBuilder.bytes(), b"abc", '"YWJj"'),
        (logical.decimal_builder(2), Decimal("1.50"), '"AJY="'),
        (SchemaBuilder.array(Schema.FLOAT64), [1.0, 2.5], "[1,2.5]"),
        (SchemaBuilder.map(Schema.STRING, Schema.INT8), {"b": 1, "a": 2, "ts": 3}, '{"a":2,"b":1,"ts":3}'),
    ],
)
def test_defaults_are_written_as_org_json_prints_them(schema: SchemaBuilder, default: Any, text: str) -> None:
    made = to_json_schema(schema.default(default).build(), PLAIN)
    assert f'"default":{text}' in made
    assert from_json_schema(load(made), PLAIN).default in (default, 0.0)


def test_a_default_that_json_cannot_say_is_refused() -> None:
    with pytest.raises(SchemaError, match="no finite number"):
        to_json_schema(SchemaBuilder.float64().default(math.nan).build(), PLAIN)
    inside = SchemaBuilder.array(Schema.FLOAT64).default([1.5, math.inf]).build()
    struct = SchemaBuilder.struct().field("a", Schema.FLOAT64).build()
    for schema in (
        inside,
        SchemaBuilder.map(Schema.STRING, Schema.FLOAT64).default({"a": math.nan}).build(),
        struct.to_builder().default(Struct(struct).put("a", -math.inf)).build(),
    ):
        with pytest.raises(SchemaError, match="no finite number"):
            to_json_schema(schema, PLAIN)


def test_decimals_are_numbers_if_that_is_asked_for() -> None:
    schema = logical.decimal_builder(1).default(Decimal("1.5")).build()
    made = to_json_schema(schema, JsonSchemaOptions(numeric=True))
    assert made.startswith('{"type":"number"')
    assert '"default":1.5' in made


def test_closed_objects_say_so_first() -> None:
    made = to_json_schema(struct(x=Schema.STRING).name("R").build(), JsonSchemaOptions(closed=True))
    assert made.startswith('{"type":"object","additionalProperties":false,"title":"R","properties":')


def test_enums_and_unions_of_all_formats() -> None:
    options = JsonSchemaOptions(generalized=True)
    text = (
        '{"type":"object","properties":{"e":{"enum":["A","B"],"connect.index":0},'
        '"u":{"connect.index":1,"oneOf":[{"type":"string"},{"type":"boolean"}]}}}'
    )
    read = from_json_schema(load(text), options)
    first, second = (field.schema for field in read.fields)
    assert first.parameters == {f"{CONNECT}Enum": "", f"{CONNECT}Enum.A": "0", f"{CONNECT}Enum.B": "1"}
    assert (second.name, second.parameters) == ("connect_union_0", {f"{CONNECT}Union": "connect_union_0"})
    assert [field.name for field in second.fields] == ["connect_union_field_0", "connect_union_field_1"]
    made = to_json_schema(read, options)
    assert '"oneOf":[{"type":"string","connect.index":0},{"connect.index":1,"type":"boolean"}]' in made
    assert '"enum":["A","B"]' in made


def test_properties_stand_in_the_order_of_a_java_map() -> None:
    made = to_json_schema(
        struct(**dict.fromkeys(["id", "name", "amount", "ts", "active", "tags"], Schema.STRING)).build(),
        PLAIN,
    )
    places = [made.index(f'"{name}":') for name in ["amount", "name", "active", "id", "ts", "tags"]]
    assert places == sorted(places)


def test_parameters_stand_in_the_order_of_a_map_with_room_for_them() -> None:
    assert filled_order([f"param{i * 7}x{i}" for i in range(5)]) == [
        "param21x3", "param28x4", "param7x1", "param0x0", "param14x2",
    ]  # fmt: skip


def test_a_recursive_schema_refers_to_its_id() -> None:
    node = SchemaBuilder.struct().name("N").parameter("io.confluent.connect.json.Id", "#id1")
    node.field("items", SchemaBuilder.array(node))
    text = to_json_schema(node.build(), PLAIN)
    assert text == (
        '{"type":"object","title":"N","id":"#id1","properties":{"items":{"type":"array","connect.index":0,'
        '"items":{"$ref":"#id1"}}}}'
    )
    read = from_json_schema(load(text), PLAIN)
    inner = read.fields[0].schema.value_schema
    assert inner is not None
    assert inner.parameters == {"io.confluent.connect.json.Id": "#id1"}
    assert to_json_schema(inner, PLAIN) == text, "from where it begins to repeat, it is written as before"


def test_what_has_no_text_is_refused_in_a_sentence() -> None:
    node = SchemaBuilder.struct().name("N")
    node.field("items", SchemaBuilder.array(node))
    with pytest.raises(SchemaError, match="contains itself"):
        to_json_schema(node.build(), PLAIN)
    with pytest.raises(SchemaError, match="for what is in it"):
        to_json_schema(SchemaBuilder.array_of(None).build(), PLAIN)
    deep = Schema.STRING
    for _ in range(100):
        deep = SchemaBuilder.array(deep).build()
    with pytest.raises(LimitError, match="nested more than"):
        to_json_schema(deep, PLAIN)
    wide = Schema.STRING
    for _ in range(30):
        wide = struct(a=wide, b=wide).build()
    with pytest.raises(LimitError, match="fields"):
        to_json_schema(wide, PLAIN)


def test_a_struct_as_default_is_refused_as_its_schema_is_another() -> None:
    inner = struct(id=Schema.INT8, name=Schema.INT8).build()
    schema = inner.to_builder().default(Struct(inner).put("id", 1).put("name", 2)).build()
    with pytest.raises(SchemaError, match="another schema"):
        to_json_schema(schema, PLAIN)


def test_an_object_as_default_is_left_out_when_read() -> None:
    text = '{"type":"object","default":{"id":1},"properties":{"id":{"type":"integer"}}}'
    assert from_json_schema(load(text), PLAIN) == struct(id=Schema.INT64).build()

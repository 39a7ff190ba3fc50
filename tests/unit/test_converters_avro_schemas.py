"""Avro schemas between Connect and the registry: what a comparison with Confluent's converter found."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from connectkit import logical
from connectkit.builder import SchemaBuilder
from connectkit.converters.avro.config import AvroConfig
from connectkit.converters.avro.converter import AvroConverter
from connectkit.converters.avro.decode import compile_decoder
from connectkit.converters.avro.encode import compile_encoder
from connectkit.converters.avro.from_avro import from_avro
from connectkit.converters.avro.parse import parse
from connectkit.converters.avro.printer import to_text
from connectkit.converters.avro.to_avro import AvroOptions, to_avro
from connectkit.converters.registry.opening import forget_mock_registry
from connectkit.errors import ConversionError, SchemaError
from connectkit.schema import DECIMAL_NAME, NULL, Schema
from connectkit.struct import Struct

pytestmark = pytest.mark.usefixtures("twin")

PLAIN = AvroOptions()
UNION = "io.confluent.connect.avro.Union"


def read(avro: Any, options: AvroOptions = PLAIN) -> Schema:
    found = from_avro(parse(json.dumps(avro)), options)
    assert found is not None
    return found


def field_of(avro: Any) -> Schema:
    """The Connect schema of the field ``f`` of a record."""
    found = read({"type": "record", "name": "R", "fields": [{"name": "f", **avro}]}).field("f")
    assert found is not None
    return found.schema


def text_of(schema: Schema, options: AvroOptions = PLAIN) -> Any:
    return json.loads(to_text(to_avro(schema, options)))


@pytest.fixture
def converter() -> Iterator[AvroConverter]:
    made = AvroConverter(AvroConfig.parse({"schema.registry.url": "mock://avro-schemas"}))
    yield made
    made.close()
    forget_mock_registry("avro-schemas")


# --- reading


def test_a_decimal_in_a_fixed_of_any_name_is_a_decimal() -> None:
    avro = {
        "type": "fixed", "name": "shop.Money", "size": 4, "logicalType": "decimal", "precision": 9, "scale": 2
    }  # fmt: skip
    schema = field_of({"type": avro})
    assert schema.name == DECIMAL_NAME
    whole = parse(json.dumps(avro))
    decode = compile_decoder(whole, whole, from_avro(whole, PLAIN), PLAIN)
    assert decode(b"\x00\x00\x01\x03", 0) == Decimal("2.59")


def test_the_parameters_of_a_field_are_added_to_its_types() -> None:
    kind = {"type": "string", "connect.parameters": {"a": "type", "b": "type"}}
    schema = field_of({"type": kind, "connect.parameters": {"b": "field", "c": "field", "d": 1}})
    assert schema.parameters == {"a": "type", "b": "field", "c": "field"}


@pytest.mark.parametrize(("said", "version"), [(0, 0), (3, 3), (-1, None), (2**32 + 5, 5)])
def test_a_version_below_zero_is_none(said: int, version: int | None) -> None:
    assert field_of({"type": {"type": "int", "connect.version": said}}).version == version


def test_an_empty_doc_is_a_doc() -> None:
    discarding = AvroOptions(discard_docs=True)
    avro = {
        "type": "record",
        "name": "R",
        "doc": "outer",
        "fields": [{"name": "f", "type": "int", "doc": ""}],
    }
    schema = read(avro, discarding)
    assert schema.doc == "outer"
    assert schema.fields[0].schema.doc == ""


def test_a_records_default_takes_what_it_leaves_out_from_the_fields() -> None:
    inner = {
        "type": "record",
        "name": "I",
        "fields": [{"name": "a", "type": "int"}, {"name": "b", "type": "string", "default": "B"}],
    }
    default = field_of({"type": inner, "default": {"a": 1}}).default
    assert (default["a"], default["b"]) == (1, "B")


def test_a_default_of_entries_is_a_map() -> None:
    entry = {
        "type": "record",
        "name": "E",
        "connect.internal.type": "MapEntry",
        "fields": [{"name": "key", "type": "int"}, {"name": "value", "type": "string"}],
    }
    entries = {"type": "array", "items": entry}
    assert field_of({"type": entries, "default": []}).default == {}
    assert field_of({"type": entries, "default": [{"key": 1, "value": "x"}]}).default == {1: "x"}


@pytest.mark.parametrize(
    ("kind", "said", "default"),
    [
        ("string", 5, "5"), ("string", True, "true"), ("boolean", "true", True), ("boolean", 1, True),
        ("int", True, 0), ("int", 2**40, 0), ("int", 1.5, 1), ("double", "x", 0.0),
    ],
)  # fmt: skip
def test_defaults_of_connect_are_read_as_leniently_as_in_java(kind: str, said: Any, default: Any) -> None:
    found = field_of({"type": {"type": kind, "connect.default": said}}).default
    assert (found, type(found)) == (default, type(default))


def test_a_default_that_is_none_is_left_out_and_the_rest_can_be_read() -> None:
    schema = field_of({"type": "int", "default": "x"})
    assert (schema.default, schema.parameters) == (None, None)
    assert field_of({"type": {"type": "map", "values": "int"}, "default": {"a": "x"}}).default is None


def test_a_record_that_is_called_as_unions_are_is_a_record() -> None:
    union = {"type": "record", "name": UNION, "fields": [{"name": "x", "type": "long"}]}
    avro = parse(json.dumps(["null", union]))
    schema = from_avro(avro, PLAIN)
    assert schema is not None
    found = compile_decoder(avro, avro, schema, PLAIN)(b"\x02\x0e", 0)
    assert found["x"] == 7
    assert compile_encoder(avro, schema, PLAIN)(found, b"") == b"\x02\x0e"


# --- writing


def union_of(*fields: tuple[str, Schema], optional: bool = True) -> Schema:
    builder = SchemaBuilder.struct().name(UNION)
    for name, schema in fields:
        builder.field(name, schema)
    return builder.optional().build() if optional else builder.build()


def test_a_union_of_which_nothing_is_set_is_null_where_it_may_be() -> None:
    either = union_of(("int", Schema.OPTIONAL_INT32), ("string", Schema.OPTIONAL_STRING))
    schema = SchemaBuilder.struct().name("R").field("u", either).build()
    encode = compile_encoder(to_avro(schema, PLAIN), schema, PLAIN)
    assert encode(Struct(schema).put("u", Struct(either)), b"") == b"\x00"
    needed = union_of(("int", Schema.OPTIONAL_INT32), optional=False)
    with pytest.raises(ConversionError, match="no field is set"):
        compile_encoder(to_avro(needed, PLAIN), needed, PLAIN)(Struct(needed), b"")


def test_a_whole_union_of_which_nothing_is_set_is_a_null_message(converter: AvroConverter) -> None:
    either = union_of(("int", Schema.OPTIONAL_INT32), ("string", Schema.OPTIONAL_STRING))
    assert converter.from_connect_data("t", either, Struct(either)) is None
    data = converter.from_connect_data("t", either, Struct(either).put("int", 3))
    assert data is not None
    assert converter.to_connect_data("t", data).value["int"] == 3
    assert converter.to_connect_data("t", None) == NULL


def test_a_union_without_types_is_refused_by_a_sentence() -> None:
    nothing = union_of(optional=False)
    with pytest.raises(ConversionError, match="no field is set"):
        compile_encoder(to_avro(nothing, PLAIN), nothing, PLAIN)(Struct(nothing), b"")


def test_a_default_of_a_union_is_that_of_its_first_type() -> None:
    plain = union_of(("int", Schema.OPTIONAL_INT32), ("string", Schema.OPTIONAL_STRING), optional=False)
    values = [Struct(plain).put("int", 1), Struct(plain).put("string", "x")]
    schema = SchemaBuilder.array(plain).default(values).build()
    assert text_of(schema)["connect.default"] == [1, None]


def test_a_struct_inside_another_of_its_name_and_other_fields_is_refused() -> None:
    inner = SchemaBuilder.struct().name("x.R").field("a", Schema.INT32).build()
    empty = SchemaBuilder.struct().name("x.R").build()
    for other in (inner, empty):
        schema = SchemaBuilder.struct().name("x.R").field("b", other).build()
        with pytest.raises(SchemaError, match=r"two different Avro types named 'x\.R'"):
            text_of(schema)


def test_a_struct_may_be_called_as_avros_own_types_are_but_for_the_primitives() -> None:
    for name in ("record", "array", "map", "enum", "fixed", "union"):
        schema = SchemaBuilder.struct().name(name).field("a", Schema.INT32).build()
        outer = SchemaBuilder.struct().name("R").field("x", schema).field("y", schema).build()
        avro = to_avro(outer, PLAIN)
        assert to_text(parse(to_text(avro))) == to_text(avro)
        assert read(text_of(outer)).fields[1].schema == schema
    with pytest.raises(SchemaError, match="under the name string"):
        text_of(SchemaBuilder.struct().name("string").build())


def test_an_endless_default_is_left_to_connect_where_avro_could_not_read_it() -> None:
    optional = SchemaBuilder.float64().optional().default(float("inf")).build()
    plain = SchemaBuilder.float64().default(float("-inf")).build()
    schema = SchemaBuilder.struct().name("R").field("a", optional).field("b", plain).build()
    first, second = text_of(schema)["fields"]
    assert "default" not in first
    assert first["type"][0]["connect.default"] == "Infinity"
    assert second["default"] == "-Infinity"


def test_sizes_and_precisions_that_are_none_are_refused() -> None:
    fixed = SchemaBuilder.bytes().name("F").parameter("connect.fixed.size", "-1").build()
    with pytest.raises(SchemaError, match="no size in bytes"):
        text_of(fixed)
    nothing = logical.decimal_builder(0).parameter("connect.decimal.precision", "0").build()
    with pytest.raises(SchemaError, match="one digit or more"):
        text_of(nothing)
    # A scale beyond the precision is no decimal to Avro, which then checks nothing.
    odd = logical.decimal_builder(70).parameter("connect.fixed.size", "4").build()
    assert text_of(odd)["size"] == 4


def test_a_map_default_with_a_null_key_is_refused_by_a_sentence() -> None:
    schema = SchemaBuilder.map(Schema.OPTIONAL_STRING, Schema.INT32).default({None: 1}).build()
    with pytest.raises(SchemaError, match="the key null"):
        text_of(schema, AvroOptions(optional_map_keys=True))


def test_an_empty_namespace_is_none() -> None:
    inner = SchemaBuilder.struct().name(".R").build()
    with pytest.raises(SchemaError, match="two different Avro types named 'R'"):
        text_of(SchemaBuilder.struct().name("R").field("a", inner).build())

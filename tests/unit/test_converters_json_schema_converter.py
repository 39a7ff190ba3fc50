"""JsonSchemaConverter over a registry: frames, nulls, values, options, and errors with a place."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pytest

from connectkit import logical
from connectkit.api import RawHeaders
from connectkit.builder import SchemaBuilder
from connectkit.converters.json_schema.config import JsonSchemaConfig
from connectkit.converters.json_schema.converter import JsonSchemaConverter
from connectkit.converters.json_schema.indent import indented
from connectkit.converters.registry.opening import forget_mock_registry, mock_registry
from connectkit.converters.registry.port import Reference, SchemaText
from connectkit.errors import ConfigError, ConversionError, DataError, SchemaError
from connectkit.plugin import plugins
from connectkit.schema import NULL, Schema, SchemaAndValue
from connectkit.struct import Struct

SCOPE = "json-schema-converter"
TOPICS = itertools.count()
ONE_OF = "io.confluent.connect.json.OneOf"
Make = Callable[..., JsonSchemaConverter]


@pytest.fixture
def make() -> Iterator[Make]:
    made: list[JsonSchemaConverter] = []

    def build(*, is_key: bool = False, **options: str) -> JsonSchemaConverter:
        raw = {key.replace("_", "."): value for key, value in options.items()}
        config = JsonSchemaConfig.parse({"schema.registry.url": f"mock://{SCOPE}", **raw})
        made.append(JsonSchemaConverter(config, is_key=is_key))
        return made[-1]

    yield build
    for each in made:
        each.close()
    forget_mock_registry(SCOPE)


def struct(**fields: Schema) -> Schema:
    builder = SchemaBuilder.struct()
    for name, schema in fields.items():
        builder.field(name, schema)
    return builder.build()


def payload(converter: JsonSchemaConverter, schema: Schema, value: Any) -> bytes:
    """What is written, each time to another topic."""
    data = converter.from_connect_data(f"t{next(TOPICS)}", schema, value)
    assert data is not None
    return data[5:]


def registered(schema: str, data: bytes, *references: Reference) -> bytes:
    found = mock_registry(SCOPE).register("t-value", SchemaText(schema, "JSON", references))
    return b"\0" + found.id.to_bytes(4, "big") + data


def test_it_is_found_under_both_names() -> None:
    for name in ("JsonSchemaConverter", "io.confluent.connect.json.JsonSchemaConverter"):
        assert plugins.find("converter", name).cls is JsonSchemaConverter


def test_frames_are_those_of_confluent(make: Make) -> None:
    assert make().from_connect_data("t", Schema.STRING, "abc") == b'\0\0\0\0\1"abc"'
    text = mock_registry(SCOPE).version("t-value").schema
    assert (text.kind, text.text) == ("JSON", '{"type":"string"}')


def test_null_is_nothing_or_null(make: Make) -> None:
    converter = make()
    assert converter.from_connect_data("t", None, None) is None
    assert converter.from_connect_data("t", Schema.STRING, None) is None
    assert mock_registry(SCOPE).subjects() == []
    data = converter.from_connect_data("t", Schema.OPTIONAL_STRING, None)
    assert data == b"\0\0\0\0\1null"
    assert converter.to_connect_data("t", None) == NULL
    found = converter.to_connect_data("t", data)
    assert found.schema is not None
    assert (found.schema.optional, found.value) == (True, None)


def test_a_null_takes_the_default_unless_that_is_off(make: Make) -> None:
    schema = SchemaBuilder.string().default("d").optional().build()
    assert payload(make(), schema, None) == b'"d"'
    assert payload(make(ignore_default_for_nullables="true"), schema, None) == b"null"
    required = SchemaBuilder.string().default("d").build()
    assert payload(make(), required, None) == b'"d"'
    assert make(ignore_default_for_nullables="true").from_connect_data("t", required, None) is None


def test_fields_without_a_value_are_null_or_left_out(make: Make) -> None:
    schema = struct(
        a=Schema.STRING, b=Schema.OPTIONAL_STRING, c=SchemaBuilder.int8().default(5).build(),
        d=SchemaBuilder.array(Schema.STRING).build(),
    )  # fmt: skip
    value = Struct.of(schema, [None, None, None, ["x", None]])
    assert payload(make(), schema, value) == b'{"b":null,"c":5,"d":["x",null]}'
    assert payload(make(ignore_default_for_nullables="true"), schema, value) == b'{"b":null,"d":["x",null]}'


def test_a_value_without_a_schema_is_refused(make: Make) -> None:
    with pytest.raises(ConversionError, match="has no schema"):
        make().from_connect_data("t", None, "abc")


VALUES: list[tuple[Schema, Any, bytes]] = [
    (Schema.INT8, -3, b"-3"),
    (Schema.FLOAT64, 1e10, b"1.0E10"),
    (Schema.FLOAT64, 3.0, b"3.0"),
    (Schema.FLOAT64, float("inf"), b'"Infinity"'),
    (Schema.FLOAT32, 1.1, b"1.1"),
    (Schema.BOOLEAN, True, b"true"),
    (Schema.STRING, 'é"\\/\n\x1f', '"é\\"\\\\/\\n\\u001F"'.encode()),
    (Schema.BYTES, b"abc", b'"YWJj"'),
    (logical.decimal_schema(2), Decimal("12.50"), b'"BOI="'),
    (logical.DATE, date(1970, 1, 3), b"2"),
    (logical.TIME, time(0, 0, 1), b"1000"),
    (logical.TIMESTAMP, datetime(1970, 1, 1, 0, 0, 2, tzinfo=UTC), b"2000"),
    (SchemaBuilder.array(Schema.INT32).build(), [1, 2], b"[1,2]"),
    (SchemaBuilder.map(Schema.STRING, Schema.INT8).build(), {"b": 1, "a": 2}, b'{"b":1,"a":2}'),
    (SchemaBuilder.map(Schema.INT8, Schema.STRING).build(), {1: "x"}, b'[{"key":1,"value":"x"}]'),
    (
        SchemaBuilder.map(Schema.OPTIONAL_STRING, Schema.OPTIONAL_INT8).build(),
        {None: None},
        b'[{"key":null,"value":null}]',
    ),
]


@pytest.mark.parametrize(("schema", "value", "written"), VALUES)
def test_values_are_written_as_jackson_writes_them(
    make: Make, schema: Schema, value: Any, written: bytes
) -> None:
    assert payload(make(), schema, value) == written
    outer = struct(f=schema)
    assert payload(make(), outer, Struct.of(outer, [value])) == b'{"f":' + written + b"}"


def test_decimals_as_numbers(make: Make) -> None:
    converter = make(decimal_format="numeric")
    schema = struct(d=logical.decimal_schema(2))
    data = converter.from_connect_data("t", schema, Struct.of(schema, [Decimal("12.50")]))
    assert data is not None
    assert data[5:] == b'{"d":12.50}'
    assert converter.to_connect_data("t", data).value["d"].as_tuple() == Decimal("12.50").as_tuple()
    assert converter.decoder("t")(data)[1]["d"] == Decimal("12.50")  # type: ignore[misc]  # there is one


def union(optional: bool = True) -> Schema:
    members = [
        Schema.OPTIONAL_STRING, Schema.OPTIONAL_INT32,
        SchemaBuilder.struct().field("a", Schema.STRING).optional().build(),
        SchemaBuilder.struct().field("a", Schema.STRING).field("b", Schema.STRING).optional().build(),
        SchemaBuilder.array(Schema.BOOLEAN).optional().build(),
    ]  # fmt: skip
    builder = SchemaBuilder.struct().name(ONE_OF)
    for i, each in enumerate(members):
        builder.field(f"{ONE_OF}.field.{i}", each)
    return builder.optional().build() if optional else builder.build()


@pytest.mark.parametrize(
    ("index", "value", "written"),
    [
        (0, "x", b'"x"'),
        (1, 7, b"7"),
        (2, {"a": "1"}, b'{"a":"1"}'),
        (3, {"a": "1", "b": "2"}, b'{"a":"1","b":"2"}'),
        (4, [True], b"[true]"),
    ],
)
def test_a_union_is_the_field_that_is_set(make: Make, index: int, value: Any, written: bytes) -> None:
    schema = struct(u=union())
    inner = schema.fields[0].schema
    if isinstance(value, dict):
        member = inner.fields[index].schema
        value = Struct.of(member, list(value.values()))
    slots: list[Any] = [None] * len(inner.fields)
    slots[index] = value
    record = Struct.of(schema, [Struct.of(inner, slots)])
    converter = make()
    data = converter.from_connect_data("t", schema, record)
    assert data is not None
    assert data[5:] == b'{"u":' + written + b"}"
    found = converter.to_connect_data("t", data).value["u"]
    assert [i for i, each in enumerate(found.values) if each is not None] == [index]
    assert str(found.values[index]) == str(value)


def test_what_fits_no_member_of_a_union_is_refused(make: Make) -> None:
    data = registered('{"type":"object","properties":{"u":{"oneOf":[{"type":"string"},{"type":"integer"}]}}}',
                      b'{"u":true}')  # fmt: skip
    with pytest.raises(ConversionError, match=r"at \$\.u fits none") as caught:
        make().to_connect_data("t", data)
    assert caught.value.path == "$.u"


PERSON = (
    '{"type":"object","title":"P","properties":{"name":{"type":"string"},"age":{"type":"integer",'
    '"connect.type":"int8"},"inner":{"oneOf":[{"type":"null"},{"type":"object","properties":{"x":'
    '{"type":"string"}}}]},"city":{"type":"string","default":"Rome"}}}'
)


def test_what_is_not_there_is_its_default_or_nothing(make: Make) -> None:
    found = make().to_connect_data("t", registered(PERSON, b'{"name":null,"age":1}'.replace(b"null", b'"N"')))
    assert {each.name: found.value[each.name] for each in found.schema.fields} == {  # type: ignore[union-attr]
        "name": "N", "age": 1, "inner": None, "city": "Rome",
    }  # fmt: skip
    empty = make().to_connect_data("t", registered(PERSON, b'{"city":null}'))
    assert (empty.value["name"], empty.value["city"]) == (None, "Rome")


@pytest.mark.parametrize(
    ("data", "place"),
    [
        (b'{"name":null}', "$.name"),
        (b'{"name":"secret","inner":{}}', "$.inner.x"),
        (b'{"name":"secret","inner":{"x":1}}', "$.inner.x"),
        (b'{"inner":"secret"}', "$.inner"),
        (b'"secret"', "$"),
        (b'{"name":"secret', "$"),
    ],
)
def test_errors_name_the_place_and_never_the_value(make: Make, data: bytes, place: str) -> None:
    with pytest.raises(DataError) as caught:
        make().to_connect_data("t", registered(PERSON, data))
    assert caught.value.path == place
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("other", [b"1", b"1.5", b"true", b"[]", b"{}"])
def test_bytes_that_are_no_text_are_refused(make: Make, other: bytes) -> None:
    schema = '{"type":"object","properties":{"b":{"type":"string","connect.type":"bytes"}}}'
    data = registered(schema, b'{"b":' + other + b"}")
    with pytest.raises(ConversionError, match=r"Bytes must be a text in base64 in JSON.*\$\.b"):
        make().to_connect_data("t", data)


def test_numbers_are_narrowed_and_others_are_zero_as_in_java(make: Make) -> None:
    found = make().to_connect_data("t", registered(PERSON, b'{"age":300}')).value["age"]
    assert found == 44
    assert make().to_connect_data("t", registered(PERSON, b'{"age":"x"}')).value["age"] == 0


@pytest.mark.parametrize(
    ("schema", "value", "place"),
    [
        (Schema.STRING, 7, "$"),
        (struct(a=Schema.STRING), {"a": "secret"}, "$"),
        (struct(a=struct(b=Schema.INT8)), Struct.of(struct(a=struct(b=Schema.INT8)), ["secret"]), "$.a"),
        (SchemaBuilder.map(Schema.STRING, Schema.INT8).build(), {"secret": "secret"}, "$[*]"),
        (SchemaBuilder.array(Schema.INT8).build(), [1, 1000], "$[1]"),
        (logical.decimal_schema(2), Decimal("1.5"), "$"),
    ],
)
def test_values_that_do_not_fit_are_refused_with_their_place(
    make: Make, schema: Schema, value: Any, place: str
) -> None:
    with pytest.raises(DataError) as caught:
        make().from_connect_data("t", schema, value)
    assert "secret" not in str(caught.value)
    assert caught.value.path == place or place == "$[*]"


def test_the_fast_ways_do_the_same(make: Make) -> None:
    converter = make()
    schema = struct(a=Schema.INT64, b=Schema.OPTIONAL_STRING)
    value = Struct.of(schema, [1, "x"])
    encode, decode = converter.encoder("t", schema), converter.decoder("t")
    assert encode is not None
    assert decode is not None
    data = encode(value)
    assert data == converter.from_connect_data("t", schema, value)
    assert encode(value) == data
    for _ in range(2):
        assert decode(data) == tuple(converter.to_connect_data("t", data))
    assert decode(None) == (None, None)
    empty = converter.encoder("u", None)
    assert empty is not None
    assert empty(None) is None


def test_the_schema_may_stand_in_a_header(make: Make) -> None:
    name = "io.confluent.kafka.serializers.schema.id.HeaderSchemaIdSerializer"
    converter = make(value_schema_id_serializer=name)
    assert converter.encoder("t", Schema.STRING) is None
    headers: RawHeaders = []
    assert converter.from_connect_data("t", Schema.STRING, "abc", headers) == b'"abc"'
    assert [key for key, _ in headers] == ["__value_schema_id"]
    assert converter.to_connect_data("t", b'"abc"', headers) == SchemaAndValue(
        SchemaBuilder.string().version(1).build(), "abc"
    )
    with pytest.raises(ConversionError, match="no place for headers"):
        converter.from_connect_data("t", Schema.STRING, "abc")


def test_schemas_with_references_are_read(make: Make) -> None:
    mock_registry(SCOPE).register(
        "item", SchemaText('{"type":"object","title":"I","properties":{"n":{"type":"integer"}}}', "JSON")
    )
    data = registered(
        '{"type":"object","properties":{"items":{"type":"array","items":{"$ref":"item.json"}}}}',
        b'{"items":[{"n":1}]}',
        Reference("item.json", "item", 1),
    )  # fmt: skip
    for options in ({}, {"json_fail_invalid_schema": "true"}):
        assert make(**options).to_connect_data("t", data).value["items"][0]["n"] == 1


def test_the_subject_may_be_the_title(make: Make) -> None:
    name = "io.confluent.kafka.serializers.subject.RecordNameStrategy"
    converter = make(value_subject_name_strategy=name)
    schema = SchemaBuilder.struct().name("com.x.R").field("a", Schema.INT8).build()
    data = converter.from_connect_data("t", schema, Struct.of(schema, [1]))
    assert mock_registry(SCOPE).subjects() == ["com.x.R"]
    assert converter.to_connect_data("t", data).value["a"] == 1
    with pytest.raises(ConversionError, match="names subjects after records"):
        converter.from_connect_data("t", schema.to_builder().optional().build(), None)


def test_values_are_checked_against_their_schema_if_that_is_asked_for(make: Make) -> None:
    data = registered(
        '{"type":"object","properties":{"a":{"type":"object","properties":{"n":{"type":"integer","minimum":5}}}}}',
        b'{"a":{"n":3}}',
    )
    assert make().to_connect_data("t", data).value["a"]["n"] == 3
    with pytest.raises(ConversionError, match=r"at \$\.a\.n .* breaks 'minimum'") as caught:
        make(json_fail_invalid_schema="true").to_connect_data("t", data)
    assert caught.value.path == "$.a.n"
    schema = struct(d=logical.decimal_schema(0))
    checked = make(json_fail_invalid_schema="true", auto_register_schemas="false", use_latest_version="true",
                   latest_compatibility_strict="false")  # fmt: skip
    mock_registry(SCOPE).register(
        "u-value", SchemaText('{"type":"object","properties":{"d":{"maxLength":1}}}', "JSON")
    )
    with pytest.raises(ConversionError, match="breaks 'maxLength'"):
        checked.from_connect_data("u", schema, Struct.of(schema, [Decimal(7)]))


def test_an_explosive_pattern_is_not_used_to_check_values(make: Make) -> None:
    data = registered('{"type":"string","pattern":"(a+)+$"}', b'"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!"')
    assert make().to_connect_data("t", data).value.endswith("!")
    with pytest.raises(SchemaError, match="expression"):
        make(json_fail_invalid_schema="true").to_connect_data("t", data)


def test_another_kind_of_schema_is_refused(make: Make) -> None:
    found = mock_registry(SCOPE).register("t-value", SchemaText('"string"', "AVRO"))
    with pytest.raises(ConversionError, match="of kind AVRO"):
        make().to_connect_data("t", b"\0" + found.id.to_bytes(4, "big") + b"x")


def test_objects_without_other_properties(make: Make) -> None:
    converter = make(object_additional_properties="false")
    payload(converter, struct(a=Schema.INT8), Struct.of(struct(a=Schema.INT8), [1]))
    assert '"additionalProperties":false' in mock_registry(SCOPE).by_id(1).schema.text


@pytest.mark.parametrize(
    ("plain", "spread"),
    [
        (b"{}", "{ }"),
        (b"[]", "[ ]"),
        (b"1", "1"),
        (b'"a:b,{\\""', '"a:b,{\\""'),
        (
            b'{"a":[],"c":[1,[3]],"d":[{"x":{"y":1}},{"z":null}],"e":"x, [y]"}',
            "\n".join(
                [
                    "{",
                    '  "a" : [ ],',
                    '  "c" : [ 1, [ 3 ] ],',
                    '  "d" : [ {',
                    '    "x" : {',
                    '      "y" : 1',
                    "    }",
                    "  }, {",
                    '    "z" : null',
                    "  } ],",
                    '  "e" : "x, [y]"',
                    "}",
                ]
            ),
        ),
        (b'[[{"k":[{}]}]]', '[ [ {\n  "k" : [ { } ]\n} ] ]'),
    ],
)
def test_indented_text_is_that_of_jackson(plain: bytes, spread: str) -> None:
    assert indented(plain) == spread.encode()


def test_values_are_indented_if_that_is_asked_for(make: Make) -> None:
    schema = struct(a=Schema.INT8, b=Schema.OPTIONAL_STRING)
    converter = make(json_indent_output="true")
    data = converter.from_connect_data("t", schema, Struct.of(schema, [1, None]))
    assert data is not None
    assert data[5:] == b'{\n  "a" : 1,\n  "b" : null\n}'
    assert converter.to_connect_data("t", data).value["a"] == 1
    assert converter.from_connect_data("u", Schema.STRING, None) is None


def test_newest_schemas_are_looked_for_again_when_their_time_is_over(make: Make) -> None:
    old = '{"type":"object","properties":{"a":{"type":"string"}},"additionalProperties":false}'
    new = old.replace('"string"}', '"string"},"b":{"type":"string","default":"B"}', 1)
    data = registered(old, b'{"a":"A"}')
    lasting = make(use_latest_version="true")
    fresh = make(use_latest_version="true", latest_cache_ttl_sec="0")
    for each in (lasting, fresh):
        assert [field.name for field in each.to_connect_data("t", data).value.schema.fields] == ["a"]
    registered(new, b"")
    assert [field.name for field in lasting.to_connect_data("t", data).value.schema.fields] == ["a"]
    found = fresh.to_connect_data("t", data).value
    assert (found["a"], found["b"]) == ("A", "B")


def test_a_wrong_option_is_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        JsonSchemaConfig.parse({"schema.registry.url": "mock://x", "decimal.format": "HEX"})
    assert list(caught.value.problems) == ["decimal.format"]

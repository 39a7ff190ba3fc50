"""ToJson and FromJson: texts and back, schemas declared and inferred, bad texts, bounds."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectkit import logical
from connectkit.builder import SchemaBuilder
from connectkit.errors import DataError, LimitError
from connectkit.float32 import round32
from connectkit.limits import Limits
from connectkit.record import SinkRecord
from connectkit.schema import Schema, Type
from connectkit.struct import Struct
from connectkit.transforms.json_infer import Inference, load
from connectkit.validation import validate_value
from tests.strategies import pairs
from tests.support.smt import agree, fails, frozen, make, problems, run, sink

INNER = SchemaBuilder.struct().field("a", Schema.INT32).field("b", Schema.OPTIONAL_STRING).build()
SCHEMA = (
    SchemaBuilder.struct().name("N").version(2)
    .field("id", Schema.INT64)
    .field("in", SchemaBuilder.struct().field("a", Schema.INT32).optional().build())
    .field("price", logical.decimal_schema(2))
    .field("list", SchemaBuilder.array(Schema.INT32).optional().build())
    .build()
)  # fmt: skip
DECLARED = {
    "type": "struct",
    "fields": [{"field": "id", "type": "int64"}, {"field": "w", "type": "string", "optional": True}],
}


def struct() -> Struct:
    inner = SCHEMA.fields[1].schema
    return Struct.of(SCHEMA, [1, Struct.of(inner, [2]), Decimal("9.90"), [1, 2]])


# --- ToJson


def test_the_whole_as_text() -> None:
    made = run(make("ToJson$Value"), sink(struct(), SCHEMA, key="k"))
    assert made.value == '{"id":1,"in":{"a":2},"price":9.90,"list":[1,2]}'
    assert (made.value_schema, made.key) == (Schema.STRING, "k")
    made = run(make("ToJson$Key"), sink(None, key={"é": [None, True, 1.5, b"x"]}))
    assert (made.key, made.key_schema) == ('{"é":[null,true,1.5,"eA=="]}', None)
    assert run(make("ToJson$Value"), sink("text", Schema.OPTIONAL_STRING)).value == '"text"'


def test_fields_as_text() -> None:
    made = run(make("ToJson$Value", fields="in,list"), sink(struct(), SCHEMA))
    assert made.value.values == [1, '{"a":2}', Decimal("9.90"), "[1,2]"]
    schema = made.value_schema
    assert (schema.name, schema.version) == ("N", 2)
    assert schema.field("in").schema == Schema.OPTIONAL_STRING
    assert schema.field("price").schema is SCHEMA.fields[2].schema
    null = Struct.of(SCHEMA, [1, None, Decimal("9.90"), None])
    assert run(make("ToJson$Value", fields="in,list"), sink(null, SCHEMA)).value.values[1] is None
    made = run(make("ToJson$Value", fields="a,n"), sink({"a": {"b": 1}, "n": None, "z": 2}))
    assert made.value == {"a": '{"b":1}', "n": None, "z": 2}


def test_how_decimals_and_defaults_are_written() -> None:
    made = run(make("ToJson$Value", fields="price", decimal_format="BASE64"), sink(struct(), SCHEMA))
    assert made.value.get("price") == '"A94="'
    inner = SchemaBuilder.struct().field("a", SchemaBuilder.int32().optional().default(4).build()).build()
    schema = SchemaBuilder.struct().field("in", inner.to_builder().default(Struct.of(inner, [3])).build())
    built = schema.build()
    record = sink(Struct.of(built, [Struct.of(built.fields[0].schema, [None])]), built)
    made = run(make("ToJson$Value", fields="in"), record)
    assert made.value.values == ['{"a":4}']
    assert made.value_schema.field("in").schema.default == '{"a":3}'
    assert run(make("ToJson$Value", fields="in", replace_null_with_default=False), record).value.values == [
        '{"a":null}'
    ]


def test_null_stays_null() -> None:
    for schema in (None, Schema.OPTIONAL_STRING, SCHEMA):
        for name in ("ToJson$Value", "FromJson$Value"):
            record = sink(None, schema)
            assert run(make(name), record, checked=False) is record
            assert run(make(name, fields="a"), record, checked=False) is record


def test_a_text_that_is_too_long() -> None:
    fails(make("ToJson$Value", max_bytes=10), sink(struct(), SCHEMA))
    error = fails(make("ToJson$Value", max_bytes=4, fields="list"), sink(struct(), SCHEMA))
    assert isinstance(error, LimitError)
    assert error.path == "$.list"
    assert run(make("ToJson$Value", max_bytes=5, fields="list"), sink(struct(), SCHEMA)).value.get("list")


def test_what_json_has_no_form_for() -> None:
    fails(make("ToJson$Value"), sink({"a": Decimal(1)}))
    fails(make("ToJson$Value", fields="id"), sink("text", Schema.STRING))
    fails(make("ToJson$Value", fields="id"), sink("text"))


def test_missing_fields(caplog: pytest.LogCaptureFixture) -> None:
    for name, record in (
        ("ToJson$Value", sink({"a": 1})),
        ("FromJson$Value", sink({"a": "1"})),
        ("ToJson$Value", sink(struct(), SCHEMA)),
        ("FromJson$Value", sink(struct(), SCHEMA)),
    ):
        caplog.clear()
        run(make(name, fields="idd"), record)
        assert len(caplog.records) == 1
        fails(make(name, fields="idd", on_missing="fail"), record)


@given(pairs())
def test_any_value_becomes_a_json_text(pair: Any) -> None:
    schema, value = pair
    if value is None:
        return
    made = run(make("ToJson$Value"), sink(value, schema))
    assert made.value_schema.type is Type.STRING
    json.loads(made.value)


# --- FromJson


def test_without_a_schema() -> None:
    text = '{"a":[1,2.5,null]}'
    for record in (sink(text), sink(text, Schema.STRING), sink(text.encode(), Schema.BYTES)):
        made = run(make("FromJson$Value"), record)
        assert (made.value, made.value_schema) == ({"a": [1, 2.5, None]}, None)
    assert run(make("FromJson$Key"), sink(None, key="5")).key == 5
    made = run(make("FromJson$Value", fields="a,n"), sink({"a": '"x"', "n": None, "b": "{"}))
    assert made.value == {"a": "x", "n": None, "b": "{"}


def test_with_a_declared_schema() -> None:
    transform = make("FromJson$Value", schema=json.dumps(DECLARED))
    for record in (sink('{"id":1,"w":"x"}'), sink(b'{"w":"x","id":1}', Schema.BYTES)):
        made = run(transform, record)
        assert made.value.values == [1, "x"]
        assert made.value.schema is made.value_schema
        assert not made.value_schema.optional
    made = run(transform, sink('{"id":1}', Schema.OPTIONAL_STRING))
    assert made.value_schema.optional
    again = run(transform, sink('{"id":2}', Schema.OPTIONAL_STRING))
    assert again.value_schema is made.value_schema


def test_declared_fields() -> None:
    schema = SchemaBuilder.struct().name("N").field("a", Schema.STRING).field("o", Schema.OPTIONAL_STRING)
    built = schema.field("n", Schema.INT32).build()
    transform = make("FromJson$Value", schema=json.dumps(DECLARED), fields="a,o")
    made = run(transform, sink(Struct.of(built, ['{"id":1}', '{"id":2}', 3]), built))
    assert [made.value.values[0].values, made.value.values[1].values] == [[1, None], [2, None]]
    assert [f.schema.optional for f in made.value_schema.fields] == [False, True, False]
    assert made.value_schema.name == "N"
    made = run(transform, sink(Struct.of(built, ['{"id":1}', None, 3]), built))
    assert made.value.values[1:] == [None, 3]
    fails(transform, sink(Struct.of(built, ["null", None, 3]), built))


def declared(**schema: Any) -> Any:
    return make("FromJson$Value", schema=json.dumps(schema))


DECIMAL = {"type": "bytes", "name": "org.apache.kafka.connect.data.Decimal", "parameters": {"scale": "2"}}
TIMESTAMP = {"type": "int64", "name": "org.apache.kafka.connect.data.Timestamp"}
FITTING: list[tuple[dict[str, Any], str, Any]] = [
    ({"type": "int8"}, "127", 127),
    ({"type": "int64"}, "1.0", 1),
    ({"type": "int64"}, "1e3", 1000),
    ({"type": "float"}, "0.1", round32(0.1)),
    ({"type": "double"}, "1", 1.0),
    ({"type": "boolean"}, "true", True),
    ({"type": "string"}, '"x"', "x"),
    ({"type": "bytes"}, '"eA=="', b"x"),
    (DECIMAL, "9.9", Decimal("9.90")),
    (DECIMAL, "9", Decimal("9.00")),
    (DECIMAL, '"A94="', Decimal("9.90")),
    (TIMESTAMP, "1000", datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)),
    ({"type": "array", "items": {"type": "int8", "optional": True}}, "[1,null]", [1, None]),
    ({"type": "map", "keys": {"type": "string"}, "values": {"type": "int8"}}, '{"a":1}', {"a": 1}),
    ({"type": "map", "keys": {"type": "int8"}, "values": {"type": "int8"}}, "[[1,2]]", {1: 2}),
    ({"type": "int8", "default": 5}, "null", 5),
    ({"type": "int8", "optional": True}, "null", None),
]


@pytest.mark.parametrize(("schema", "text", "value"), FITTING)
def test_what_fits_a_declared_schema(schema: dict[str, Any], text: str, value: Any) -> None:
    made = run(declared(**schema), sink(text))
    assert frozen(made.value) == frozen(value)
    assert made.value_schema.type.value == {"float": "float32", "double": "float64"}.get(
        schema["type"], schema["type"]
    )


UNFIT: list[tuple[dict[str, Any], str]] = [
    ({"type": "int8"}, "128"),
    ({"type": "int64"}, "9223372036854775808"),
    ({"type": "int64"}, "1.5"),
    ({"type": "int64"}, "1e999999999"),
    ({"type": "int64"}, '"1"'),
    ({"type": "int64"}, "true"),
    ({"type": "float"}, "1e39"),
    ({"type": "double"}, "1e400"),
    ({"type": "double"}, "1e999999999"),
    ({"type": "double"}, '"1"'),
    ({"type": "double"}, "false"),
    ({"type": "boolean"}, "1"),
    ({"type": "string"}, "1"),
    ({"type": "bytes"}, '"eA="'),
    ({"type": "bytes"}, "1"),
    (DECIMAL, "9.999"),
    (DECIMAL, "1e999999999"),
    (DECIMAL, "1e-999999999"),
    (DECIMAL, "true"),
    (DECIMAL, '""'),
    (TIMESTAMP, '"2020-01-01"'),
    (TIMESTAMP, "1.5"),
    ({"type": "array", "items": {"type": "int8"}}, "{}"),
    ({"type": "array", "items": {"type": "int8"}}, "[null]"),
    ({"type": "map", "keys": {"type": "string"}, "values": {"type": "int8"}}, '{"a":"x"}'),
    ({"type": "map", "keys": {"type": "int8"}, "values": {"type": "int8"}}, '{"1":1}'),
    ({"type": "map", "keys": {"type": "int8"}, "values": {"type": "int8"}}, "[[1]]"),
    ({"type": "map", "keys": {"type": "int8"}, "values": {"type": "int8"}}, "5"),
    ({"type": "int8"}, "null"),
    (DECLARED, "[]"),
    (DECLARED, "{}"),
]


@pytest.mark.parametrize(("schema", "text"), UNFIT)
def test_what_does_not_fit_a_declared_schema(schema: dict[str, Any], text: str) -> None:
    assert (fails(declared(**schema), sink(text)).path or "").startswith("$")


def test_defaults_of_a_declared_schema_can_be_left_out() -> None:
    schema = json.dumps({"type": "struct", "fields": [{"field": "a", "type": "int8", "default": 5}]})
    assert run(make("FromJson$Value", schema=schema), sink("{}")).value.values == [5]
    kept = make("FromJson$Value", schema=schema, replace_null_with_default=False)
    assert run(kept, sink("{}"), checked=False).value.values == [None]


def test_with_an_inferred_schema() -> None:
    text = (
        '{"id":1,"x":1.5,"ok":true,"s":"t","no":null,"in":{"a":1},'
        '"l":[{"a":1},{"b":2.5,"a":null}],"e":[],"n":[1,2.5]}'
    )
    made = run(make("FromJson$Value", infer_schema=True), sink(text, Schema.STRING))
    types = {f.name: f.schema.type.value for f in made.value_schema.fields}
    assert types == {
        "id": "int64", "x": "float64", "ok": "boolean", "s": "string", "in": "struct", "l": "array",
        "e": "array", "n": "array",
    }  # fmt: skip
    assert all(f.schema.optional for f in made.value_schema.fields)
    assert made.value.get("n") == [1.0, 2.5]
    element = made.value_schema.field("l").schema.value_schema
    assert [f.name for f in element.fields] == ["a", "b"]
    assert [each.values for each in made.value.get("l")] == [[1, None], [None, 2.5]]


def test_inferred_schemas_are_the_same_object_for_the_same_shape() -> None:
    transform = make("FromJson$Value", infer_schema=True)
    first = run(transform, sink('{"a":1}')).value_schema
    assert run(transform, sink('{"a":2}')).value_schema is first
    assert run(transform, sink('{"a":"x"}')).value_schema is not first
    assert run(transform, sink("5")).value_schema == Schema.OPTIONAL_INT64
    made = run(transform, sink("null"))
    assert (made.value, made.value_schema) == (None, None)


def test_inferred_fields() -> None:
    schema = (
        SchemaBuilder.struct()
        .name("N")
        .optional()
        .field("a", Schema.OPTIONAL_STRING)
        .field("n", Schema.INT32)
    )
    built = schema.field("z", Schema.STRING).build()
    transform = make("FromJson$Value", infer_schema=True, fields="a,z")
    made = run(transform, sink(Struct.of(built, ['{"q":1}', 5, "[true]"]), built))
    assert made.value.values[0].values == [1]
    assert made.value.values[1:] == [5, [True]]
    assert (made.value_schema.name, made.value_schema.optional) == ("N", True)
    for text in ("null", None):
        made = run(transform, sink(Struct.of(built, [text, 5, "1"]), built))
        assert [f.name for f in made.value_schema.fields] == ["n", "z"], "nothing tells the type of a null"
        assert made.value.values == [5, 1]


def test_later_transforms_see_the_inferred_schema() -> None:
    from connectkit.plugin import plugins
    from connectkit.runner.chain import Chain

    chain = Chain.build(
        {
            "transforms": "parse,pick", "transforms.parse.type": "FromJson$Value",
            "transforms.parse.infer.schema": "true",
            "transforms.pick.type": "ExtractField$Value", "transforms.pick.field": "a",
        },
        plugins,
    )  # fmt: skip
    for text, wanted in (
        ('{"a":1}', (Schema.OPTIONAL_INT64, 1)),
        ('{"a":"x"}', (Schema.OPTIONAL_STRING, "x")),
    ):
        for _ in range(3):
            made = chain.apply(sink(text))
            assert isinstance(made, SinkRecord)
            assert (made.value_schema, made.value) == wanted


def test_fields_need_a_schema_where_the_record_has_one() -> None:
    built = SchemaBuilder.struct().field("a", Schema.STRING).field("n", Schema.INT32).build()
    record = sink(Struct.of(built, ["1", 5]), built)
    assert "infer.schema=true" in str(fails(make("FromJson$Value", fields="a"), record))
    assert fails(make("FromJson$Value", fields="n", infer_schema=True), record).path == "$.n"
    fails(make("FromJson$Value", infer_schema=True), record)
    fails(make("FromJson$Value", fields="a"), sink("text", Schema.STRING))
    fails(make("FromJson$Value", fields="a"), sink("text"))
    for options in ({"infer_schema": True}, {"schema": '{"type":"int32"}'}):
        fails(make("FromJson$Value", fields="a", **options), sink({"a": "1"}))


BAD_TEXTS: list[Any] = [
    "", "{", "nul", "NaN", "[Infinity]", "1e400", "9223372036854775808", "-9223372036854775809", "1" * 5000,
    '"\\ud800"', '{"\\udc00":1}', "\ud800", "[" * 100_000, "[" * 70 + "]" * 70, '{"a":1}}', "{'a':1}",
    b"\xff", 5, True, {"a": 1}, ["x"],
]  # fmt: skip


@pytest.mark.parametrize("text", BAD_TEXTS, ids=range(len(BAD_TEXTS)))
@pytest.mark.parametrize("mode", [{}, {"infer_schema": True}], ids=["plain", "inferred"])
def test_bad_texts(text: Any, mode: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    assert fails(make("FromJson$Value", **mode), sink(text)).path == "$"
    made = run(make("FromJson$Value", **mode, on_error="null"), sink(text))
    assert (made.value, made.value_schema) == (None, None)
    assert len(caplog.records) == 1
    assert run(make("FromJson$Value", **mode, on_error="drop"), sink(text)) is None
    assert len(caplog.records) == 2
    if not mode:
        assert fails(make("FromJson$Value", fields="f"), sink({"f": text})).path == "$.f"
        assert run(make("FromJson$Value", fields="f", on_error="null"), sink({"f": text})).value == {
            "f": None
        }
        assert run(make("FromJson$Value", fields="f", on_error="drop"), sink({"f": text})) is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"id":"x"}', "{}", "null", '{"id":[1,128]}'])
def test_texts_that_do_not_fit_the_declared_schema(text: str) -> None:
    fields = [{"field": "id", "type": "array", "items": {"type": "int8"}}]
    schema = json.dumps({"type": "struct", "fields": fields})
    error = fails(make("FromJson$Value", schema=schema), sink(text, Schema.STRING))
    assert (error.path or "").startswith("$")
    made = run(make("FromJson$Value", schema=schema, on_error="null"), sink(text, Schema.STRING))
    assert made.value is None
    assert made.value_schema.optional
    dropping = make("FromJson$Value", schema=schema, on_error="drop")
    assert run(dropping, sink(text, Schema.STRING)) is None
    assert run(dropping, sink('{"id":[1]}', Schema.STRING)).value.values == [[1]]


def test_the_path_of_an_error_goes_on_inside_the_text() -> None:
    fields = [{"field": "id", "type": "array", "items": {"type": "int8"}}]
    schema = json.dumps({"type": "struct", "fields": fields})
    built = SchemaBuilder.struct().field("f", Schema.STRING).build()
    record = sink(Struct.of(built, ['{"id":[1,{}]}']), built)
    assert fails(make("FromJson$Value", schema=schema, fields="f"), record).path == "$.f.id[1]"
    assert fails(make("FromJson$Value", infer_schema=True, fields="f"), record).path == "$.f.id"


def test_the_longest_text() -> None:
    for text in ("[1,2,3]", b"[1,2,3]"):
        assert isinstance(fails(make("FromJson$Value", max_bytes=6), sink(text)), LimitError)
        assert run(make("FromJson$Value", max_bytes=7), sink(text)).value == [1, 2, 3]
    fails(make("FromJson$Value", max_bytes=7), sink('"éééé"'))


@pytest.mark.parametrize(
    "schema", ["x", "null", "{}", '{"type":"foo"}', '"string"', '{"type":"struct"', "[]"]
)
def test_bad_schemas(schema: str) -> None:
    assert set(problems("FromJson$Value", schema=schema)) == {"schema"}


def test_bad_configuration() -> None:
    assert set(problems("FromJson$Value", schema='{"type":"int32"}', infer_schema=True)) == {"infer.schema"}
    found = problems("FromJson$Value", on_error="skip", max_bytes=0, fields="a,,b")
    assert set(found) == {"on.error", "max.bytes", "fields"}
    assert set(problems("ToJson$Value", decimal_format="HEX", max_bytes=-1)) == {
        "decimal.format",
        "max.bytes",
    }


# --- laws

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=3)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)


@given(JSON)
def test_what_is_written_is_read_again(value: Any) -> None:
    if value is None:
        return
    text = run(make("ToJson$Value"), sink(value)).value
    assert frozen(run(make("FromJson$Value"), sink(text)).value) == frozen(value)


@given(JSON)
def test_inferred_schemas_fit(value: Any) -> None:
    transform = make("FromJson$Value", infer_schema=True, on_error="drop")
    made = run(transform, sink(json.dumps(value)))
    if made is not None:
        agree(made)


def without_nulls(value: Any) -> Any:
    """A value without null members."""
    if isinstance(value, Struct):
        value = {f.name: each for f, each in zip(value.schema.fields, value.values, strict=True)}
    if isinstance(value, dict):
        return {name: without_nulls(each) for name, each in value.items() if each is not None}
    return [without_nulls(each) for each in value] if isinstance(value, list) else value


@given(JSON)
def test_inference_keeps_every_value(value: Any) -> None:
    try:
        schema, made = Inference().infer(value)
    except DataError:
        return  # an array of different kinds
    if schema is None:
        assert value is None
        return
    validate_value(schema, made, None)
    # Python's 1 == 1.0, which is what becomes of whole numbers beside others; large ones lose digits.
    assert without_nulls(made) == without_nulls(value) or has_large_numbers(value)


def has_large_numbers(value: Any) -> bool:
    """Whether it holds a whole number that a float64 cannot."""
    if isinstance(value, dict | list):
        return any(has_large_numbers(each) for each in (value.values() if isinstance(value, dict) else value))
    return isinstance(value, int) and int(float(value)) != value


def test_objects_with_nameless_members_have_no_schema() -> None:
    fails(make("FromJson$Value", infer_schema=True), sink('{"":1}'))
    assert run(make("FromJson$Value"), sink('{"":1}')).value == {"": 1}


def test_inference_is_bounded() -> None:
    wide = {str(i): 1 for i in range(50)}
    with pytest.raises(LimitError, match="different members"):
        Inference(Limits(schema_fields=49)).infer(wide)
    inference = Inference()
    for number in range(1500):
        inference.infer({str(number): 1})
    with pytest.raises(LimitError, match="levels deep"):
        load("[" * 10 + "]" * 10, Limits(depth=5))

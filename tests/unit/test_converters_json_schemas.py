"""Writers and readers by schema: the generated form gives what the explaining form gives."""

import json
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectkit import logical
from connectkit.builder import SchemaBuilder
from connectkit.converters.json_reader import NotPlainError, TreeReader, narrowed
from connectkit.converters.json_schemas import SchemaReader, SchemaWriter
from connectkit.converters.json_text import dumps, fast_loads, write
from connectkit.converters.json_writer import MAX_RECURSION, TreeWriter
from connectkit.errors import ConversionError, DataError, LimitError, SchemaError
from connectkit.float32 import round32
from connectkit.limits import Limits
from connectkit.schema import Schema, Type, same_value
from connectkit.struct import Struct

NAMES = st.sampled_from(["a", "b", "order id", "é", "😀", "k'];raise SystemExit;['"])
TEXTS = st.text(max_size=5) | st.sampled_from(["\x1f\x7f", "😀\u2028"])
DECIMALS = st.integers(-(10**20), 10**20).map(lambda n: Decimal(n).scaleb(-2))
LEAVES: dict[str, tuple[SchemaBuilder, st.SearchStrategy[Any]]] = {
    "int8": (SchemaBuilder.int8(), st.integers(-128, 127)),
    "int16": (SchemaBuilder.int16(), st.integers(-32768, 32767)),
    "int32": (SchemaBuilder.int32(), st.integers(-(1 << 31), (1 << 31) - 1)),
    "int64": (SchemaBuilder.int64(), st.integers(-(1 << 63), (1 << 63) - 1)),
    "float": (
        SchemaBuilder.float32(),
        st.floats(width=32, allow_nan=False, allow_infinity=False).map(round32),
    ),
    "double": (SchemaBuilder.float64(), st.floats(allow_nan=False, allow_infinity=False)),
    "boolean": (SchemaBuilder.boolean(), st.booleans()),
    "string": (SchemaBuilder.string(), TEXTS),
    "bytes": (SchemaBuilder.bytes(), st.binary(max_size=5)),
    "decimal": (logical.decimal_builder(2), DECIMALS),
    "date": (logical.date_builder(), st.dates()),
    "time": (
        logical.time_builder(),
        st.times().map(lambda t: t.replace(microsecond=t.microsecond // 1000 * 1000)),
    ),
    "timestamp": (
        logical.timestamp_builder(),
        st.datetimes().map(lambda t: t.replace(tzinfo=UTC, microsecond=t.microsecond // 1000 * 1000)),
    ),
}


def _values(schema: Schema) -> st.SearchStrategy[Any]:
    """Good values of a schema."""
    named = {"Decimal": "decimal", "Date": "date", "Time": "time", "Timestamp": "timestamp"}
    kind = named.get(str(schema.name).rpartition(".")[2]) or {"float32": "float", "float64": "double"}.get(
        schema.type.value, schema.type.value
    )
    if kind in LEAVES:
        good = LEAVES[kind][1]
    elif schema.type is Type.ARRAY:
        good = st.lists(_values(schema.value_schema), max_size=3)  # type: ignore[arg-type]  # it has one
    elif schema.type is Type.MAP:
        good = st.dictionaries(_values(schema.key_schema), _values(schema.value_schema), max_size=3)  # type: ignore[arg-type]
    else:
        fields = st.tuples(*(_values(field.schema) for field in schema.fields))
        good = fields.map(lambda made: Struct.of(schema, list(made)))
    return st.none() | good if schema.optional or schema.default is not None else good


@st.composite
def schemas(draw: st.DrawFn, depth: int = 0) -> Schema:
    kind = draw(
        st.sampled_from([*LEAVES, *(("array", "map", "map", "struct", "struct") if depth < 3 else ())])
    )
    if kind in LEAVES:
        base, good = LEAVES[kind]
        builder = base.build().to_builder()
        if draw(st.integers(0, 5)) == 0:
            builder.default(draw(good))
    elif kind == "array":
        builder = SchemaBuilder.array(draw(schemas(depth + 1)))
    elif kind == "map":
        keys = draw(st.sampled_from(["string", "string", "int32", "boolean", "date"]))
        builder = SchemaBuilder.map(LEAVES[keys][0].build(), draw(schemas(depth + 1)))
    else:
        builder = SchemaBuilder.struct()
        for name in draw(st.lists(NAMES, unique=True, max_size=4)):
            builder.field(name, draw(schemas(depth + 1)))
    if draw(st.booleans()):
        builder.optional()
    if draw(st.integers(0, 4)) == 0:
        builder.doc(draw(TEXTS)).parameter("p", draw(TEXTS))
    return builder.build()


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Schema, Any]:
    schema = draw(schemas())
    return schema, draw(_values(schema))


WRITERS = [TreeWriter(numeric=n, replace_null=r) for n in (False, True) for r in (False, True)]


def _outcome(call: Any, *arguments: Any) -> Any:
    try:
        return write(call(*arguments))
    except DataError as error:
        return type(error)


@given(pairs(), st.sampled_from(WRITERS))
def test_the_generated_writer_writes_what_the_explaining_one_does(
    pair: tuple[Schema, Any], writer: TreeWriter
) -> None:
    schema, value = pair
    assert _outcome(writer.compiled(schema), value) == _outcome(writer.explain, schema, value)


@given(schemas(), schemas().flatmap(_values), st.sampled_from(WRITERS))
def test_both_writers_refuse_what_does_not_fit(schema: Schema, value: Any, writer: TreeWriter) -> None:
    assert _outcome(writer.compiled(schema), value) == _outcome(writer.explain, schema, value)


@given(pairs(), st.booleans())
def test_values_come_back(pair: tuple[Schema, Any], numeric: bool) -> None:
    schema, value = pair
    data = dumps(TreeWriter(numeric=numeric, replace_null=True).explain(schema, value))
    reader = TreeReader(replace_null=True)
    exact = reader.explain(schema, _exact(data))
    assert same_value(exact, _expected(schema, value))
    try:
        fast = reader.compiled(schema)(fast_loads(data))
    except NotPlainError:
        return
    assert same_value(fast, exact)


def _expected(schema: Schema, value: Any) -> Any:
    """What reading gives for what was written: nulls become defaults, and minus zero is lost."""
    if value is None:
        return schema.default
    if isinstance(value, float):
        return value or 0.0
    if isinstance(value, Struct):
        return Struct.of(
            schema, [_expected(f.schema, v) for f, v in zip(schema.fields, value.values, strict=True)]
        )
    if isinstance(value, list):
        return [_expected(schema.value_schema, item) for item in value]  # type: ignore[arg-type]
    if isinstance(value, dict):
        return {key: _expected(schema.value_schema, item) for key, item in value.items()}  # type: ignore[arg-type]
    return value


def _exact(data: bytes) -> Any:
    from connectkit.converters.json_parse import parse

    return parse(data)


NODES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS
    | st.sampled_from(["AQ==", "!", -0.0, 5.9, 1 << 63, 86_400_000, 16777217, 1.00000017881393]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=8,
)  # fmt: skip


@given(schemas(), NODES, st.booleans())
def test_the_generated_reader_reads_alike_or_says_that_it_cannot(
    schema: Schema, node: Any, replace: bool
) -> None:
    reader = TreeReader(replace_null=replace)
    data = json.dumps(node).encode()
    try:
        fast = reader.compiled(schema)(fast_loads(data))
    except (NotPlainError, ValueError):
        return
    assert same_value(fast, reader.explain(schema, _exact(data)))


@given(schemas())
def test_schemas_come_back(schema: Schema) -> None:
    writer = SchemaWriter(TreeWriter(numeric=False, replace_null=True), size=10)
    reader = SchemaReader(TreeReader(replace_null=True), size=10)
    text = writer.text(schema)
    assert text is writer.text(schema)
    back = reader.schema(text)
    assert back is reader.schema(bytes(bytearray(text)))
    assert writer.text(back) == text
    assert back == schema or b'"default"' in text  # a default of minus zero comes back as zero


def test_no_schema_is_null() -> None:
    assert SchemaWriter(WRITERS[0], size=1).text(None) == b"null"
    reader = SchemaReader(TreeReader(replace_null=True), size=1)
    assert reader.schema(b"null") is None
    assert reader.read(b" ") is None


def test_order_of_members() -> None:
    inner = (
        SchemaBuilder.float32()
        .optional()
        .name("n")
        .version(3)
        .doc("d")
        .parameter("p", "q")
        .default(1.5)
        .build()
    )
    schema = (
        SchemaBuilder.struct()
        .field("f", inner)
        .field("m", SchemaBuilder.map(Schema.STRING, Schema.FLOAT64))
        .build()
    )
    assert json.loads(SchemaWriter(WRITERS[1], size=1).text(schema), object_pairs_hook=lambda p: p) == [
        ("type", "struct"),
        (
            "fields",
            [
                [
                    ("type", "float"), ("optional", True), ("name", "n"), ("version", 3), ("doc", "d"),
                    ("parameters", [("p", "q")]), ("default", 1.5), ("field", "f"),
                ],
                [
                    ("type", "map"), ("keys", [("type", "string"), ("optional", False)]),
                    ("values", [("type", "double"), ("optional", False)]), ("optional", False),
                    ("field", "m"),
                ],
            ],
        ),
        ("optional", False),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ('"int32"', "$.schema"),
        ('{"type":"Int32"}', "$.schema"),
        ('{"type":"array"}', "$.schema"),
        ('{"type":"array","items":{}}', "$.schema.items"),
        ('{"type":"map","keys":{"type":"string"}}', "$.schema"),
        ('{"type":"map","keys":null,"values":{"type":"string"}}', "$.schema"),
        ('{"type":"struct"}', "$.schema"),
        ('{"type":"struct","fields":[{"type":"int8"}]}', "$.schema.fields[0]"),
        ('{"type":"struct","fields":[{"type":"int8","field":""}]}', "$.schema.fields[0]"),
        (
            '{"type":"struct","fields":[{"type":"int8","field":"a"},{"type":"int8","field":"a"}]}',
            "$.schema.fields[1]",
        ),
        ('{"type":"int32","parameters":{"a":1}}', "$.schema.parameters"),
        ('{"type":"int32","default":null}', "$.schema.default"),
        ('{"type":"bytes","default":"!"}', "$.schema.default"),
        ('{"type":"string","default":1}', "$.schema.default"),
        ('{"type":"struct","fields":[],"default":{}}', "$.schema.default"),
    ],
)
def test_bad_schemas_are_told_by_place(text: str, where: str) -> None:
    with pytest.raises(DataError) as caught:
        SchemaReader(TreeReader(replace_null=True), size=1).read(text.encode())
    assert caught.value.path == where


def test_limits_of_schemas() -> None:
    limits = Limits(depth=3, schema_fields=2, schema_bytes=400)
    reader = SchemaReader(TreeReader(replace_null=True), size=1, limits=limits)
    deep = '{"type":"array","items":' * 3 + '{"type":"int8"}' + "}" * 3
    wide = json.dumps({"type": "struct", "fields": [{"type": "int8", "field": f"f{i}"} for i in range(3)]})
    for text in (deep, wide, '{"type":"int8"}' + " " * 400):
        with pytest.raises(LimitError):
            reader.read(text.encode())
    assert reader.read(deep[len('{"type":"array","items":') : -1].encode()) is not None


def test_the_cache_of_texts_is_bounded_and_takes_long_texts() -> None:
    reader = SchemaReader(TreeReader(replace_null=True), size=2)
    texts = [b'{"type":"int8"}', b'{"type":"int8","doc":"' + b"d" * 5000 + b'"}', b'{"type":"int16"}']
    for text in texts * 3:
        assert reader.schema(text) is not None
    assert len(reader._schemas) == 2


def _list_schema() -> Schema:
    node = SchemaBuilder.struct().name("node").optional()
    node.field("value", Schema.INT32).field("next", node)
    return node.build()


def _linked(schema: Schema, length: int) -> Struct | None:
    made = None
    field = schema.field("next")
    assert field is not None
    for number in range(length):
        made = Struct.of(field.schema, [number, made])
    return None if made is None else Struct.of(schema, made.values)


def test_a_recursive_schema_is_written_without_its_envelope() -> None:
    schema = _list_schema()
    writer = WRITERS[0]
    compiled = writer.compiled(schema)
    value = _linked(schema, 3)
    assert dumps(compiled(value)) == dumps(writer.explain(schema, value)) == (
        b'{"value":2,"next":{"value":1,"next":{"value":0,"next":null}}}'
    )  # fmt: skip
    for write_tree in (compiled, lambda each: writer.explain(schema, each)):
        with pytest.raises(LimitError, match=str(MAX_RECURSION)):
            write_tree(_linked(schema, MAX_RECURSION + 2))
    with pytest.raises(SchemaError, match="contains itself"):
        SchemaWriter(writer, size=1).text(schema)


def test_a_map_schema_from_text_without_keys_is_refused() -> None:
    schema = SchemaBuilder.map_of(None, None).build()
    for write_tree in (WRITERS[0].compiled(schema), lambda value: WRITERS[0].explain(schema, value)):
        with pytest.raises(ConversionError):
            write_tree({"a": 1})


def test_an_array_schema_from_text_without_items_takes_any_value() -> None:
    schema = SchemaBuilder.array_of(None).build()
    for write_tree in (WRITERS[0].compiled(schema), lambda value: WRITERS[0].explain(schema, value)):
        assert dumps(write_tree([1, "a", None, 1e9])) == b'[1,"a",null,1.0E9]'


def test_map_keys_are_texts_of_what_they_are_written_as() -> None:
    optional = SchemaBuilder.map(Schema.OPTIONAL_STRING, Schema.INT8).build()
    assert dumps(WRITERS[0].compiled(optional)({"a": 1, None: 2})) == b'{"a":1,"null":2}'
    named = SchemaBuilder.map(SchemaBuilder.string().name(logical.DATE.name), Schema.INT8).build()
    assert dumps(WRITERS[0].compiled(named)({date(1970, 1, 3): 1})) == b'{"2":1}'


@pytest.mark.parametrize(
    ("number", "bits", "result"),
    [
        (300, 8, 44),
        (4294967298, 32, 2),
        (Decimal("5.9"), 32, 5),
        (Decimal("-5.9"), 32, -5),
        (Decimal("1e70"), 64, 0),
        (Decimal("1e999999999"), 32, 0),
        (Decimal("1e-999999999"), 32, 0),
        (Decimal("1e19"), 64, 10**19 - (1 << 64)),
    ],
)
def test_narrowing(number: Any, bits: int, result: int) -> None:
    assert narrowed(number, bits) == result


@pytest.mark.parametrize(
    ("literal", "value"),
    [
        ("16777217", 16777216.0),
        ("16777217.0000000000000000001", 16777218.0),
        ("1.00000017881393432617187499", 1.0000001192092896),
        ("1.00000017881393432617187501", 1.000000238418579),
        ("340282356779733661637539395458142568448", float("inf")),
        ("-340282356779733661637539395458142568447", -3.4028234663852886e38),
        ("3.4028235677973366e38", 3.4028234663852886e38),
        ("7.006492321624085e-46", 0.0),
        ("7.0064923216240853546186479164e-46", 0.0),
        ("7.0064923216240853546186479166e-46", 1.401298464324817e-45),
        ("1e400", float("inf")),
        ("-1e400", float("-inf")),
        ("-0.0", 0.0),
        ('"1.5"', 0.0),
    ],
)
def test_float32_is_rounded_once(literal: str, value: float) -> None:
    got = TreeReader(replace_null=True).explain(Schema.FLOAT32, _exact(literal.encode()))
    assert same_value(got, value)


def test_temporal_values_of_other_classes_are_written_by_their_moment() -> None:
    schema = logical.TIMESTAMP
    for value in (date(1970, 1, 2), time(1), datetime(1970, 1, 1, 1, tzinfo=UTC)):
        assert WRITERS[0].compiled(schema)(value) == WRITERS[0].explain(schema, value)
    with pytest.raises(ConversionError, match="time zone"):
        WRITERS[0].explain(schema, datetime(1970, 1, 1))  # noqa: DTZ001 - that is the mistake

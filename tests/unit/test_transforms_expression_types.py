"""What comes out of an expression: schemas inferred and declared, decimals, nulls, places, filters."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from connectkit.builder import SchemaBuilder
from connectkit.errors import ConfigError, DataError
from connectkit.headers import Headers
from connectkit.instant import timestamp_from_nanos
from connectkit.logical import DATE, TIMESTAMP, TIMESTAMP_MICROS, TIMESTAMP_NANOS, decimal_schema
from connectkit.plugin import plugins
from connectkit.record import SinkRecord, SourceRecord
from connectkit.runner.chain import Chain
from connectkit.schema import Schema
from connectkit.struct import Struct
from connectkit.transforms.expression import Expression, ExpressionConfig

ADDRESS = (
    SchemaBuilder.struct().name("Address").field("city", Schema.STRING).field("zip", Schema.INT32).build()
)
LINE = SchemaBuilder.struct().field("sku", Schema.STRING).field("n", Schema.INT32).build()
SCHEMA = (
    SchemaBuilder.struct().name("Order")
    .field("qty", Schema.INT32)
    .field("price", Schema.FLOAT32)
    .field("amount", decimal_schema(2))
    .field("name", Schema.STRING)
    .field("nick", Schema.OPTIONAL_STRING)
    .field("count", SchemaBuilder.int64().optional().default(7).build())
    .field("at", TIMESTAMP)
    .field("day", DATE)
    .field("tags", SchemaBuilder.array(Schema.STRING).build())
    .field("lines", SchemaBuilder.array(LINE).build())
    .field("props", SchemaBuilder.map(Schema.STRING, Schema.INT64).build())
    .field("address", ADDRESS)
    .field("second", ADDRESS.to_builder().optional().build())
    .build()
)  # fmt: skip
MOMENT = datetime(2024, 2, 29, 12, 30, tzinfo=UTC)


def order(**changed: Any) -> Struct:
    values: dict[str, Any] = {
        "qty": 3, "price": 2.5, "amount": Decimal("10.10"), "name": "Ann Lee", "nick": None, "count": None,
        "at": MOMENT, "day": date(2024, 2, 29), "tags": ["a", "b"],
        "lines": [Struct.of(LINE, ["x", 1]), Struct.of(LINE, ["y", 4])], "props": {"p": 5},
        "address": Struct.of(ADDRESS, ["Oslo", 150]), "second": None,
    }  # fmt: skip
    values.update(changed)
    made = Struct(SCHEMA)
    for name, value in values.items():
        made.put(name, value)
    return made


def record(value: Any = None, **parts: Any) -> SourceRecord:
    value = order() if value is None else value
    schema = value.schema if isinstance(value, Struct) else None
    return SourceRecord({}, {}, "orders", schema, value, **parts)


def run(text: str, given: Any = None, **options: str) -> Any:
    transform = plugins.create("transform", "Expression", {"expression": text, **options})
    given = record() if given is None else given
    first = transform.apply(given)
    again = transform.apply(given)
    assert (first is None and again is None) or first == again
    return again


@pytest.mark.parametrize(
    ("text", "value", "schema"),
    [
        ("value.qty * value.qty", 9, Schema.INT64),
        ("value.qty * value.price", 7.5, Schema.FLOAT64),
        ("value.qty / 2", 1.5, Schema.FLOAT64),
        ("value.qty // 2", 1, Schema.INT64),
        ("value.qty", 3, Schema.INT32),
        ("value.price", 2.5, Schema.FLOAT32),
        ("value.amount", Decimal("10.10"), decimal_schema(2)),
        ("value.amount + 1", Decimal("11.10"), decimal_schema(2)),
        ("value.amount * value.amount", Decimal("102.0100"), decimal_schema(4)),
        ("value.amount * value.qty", Decimal("30.30"), decimal_schema(2)),
        ("value.amount / 3", Decimal("3.366667"), decimal_schema(6)),
        ("round(value.amount / 3, 2)", Decimal("3.37"), decimal_schema(2)),
        ("round(value.amount)", 10, Schema.INT64),
        ("-value.amount", Decimal("-10.10"), decimal_schema(2)),
        ("abs(-value.amount)", Decimal("10.10"), decimal_schema(2)),
        ("value.amount > 10", True, Schema.BOOLEAN),
        ("value.amount > value.price", True, Schema.BOOLEAN),
        ("max(value.amount, 100)", Decimal("100.00"), decimal_schema(2)),
        ("value.amount if value.qty > 5 else 0", Decimal("0.00"), decimal_schema(2)),
        ("decimal(value.price, 3)", Decimal("2.500"), decimal_schema(3)),
        ("decimal('1.005', 2)", Decimal("1.00"), decimal_schema(2)),
        ("float(value.amount)", 10.1, Schema.FLOAT64),
        ("int(value.amount)", 10, Schema.INT64),
        ("value.qty if value.qty > 1 else 2.5", 3.0, Schema.FLOAT64),
        ("value.qty if value.qty > 1 else 2", 3, Schema.INT64),
        ("value.qty if value.qty > 1 else value.address.zip", 3, Schema.INT32),
        ("value.nick", None, Schema.OPTIONAL_STRING),
        ("value.nick + '!'", None, Schema.OPTIONAL_STRING),
        ("value.nick.upper()", None, Schema.OPTIONAL_STRING),
        ("f'{value.nick}!'", None, Schema.OPTIONAL_STRING),
        ("coalesce(value.nick, value.name)", "Ann Lee", Schema.STRING),
        ("coalesce(value.nick, None)", None, Schema.OPTIONAL_STRING),
        ("value.nick or 'none'", "none", Schema.STRING),
        ("value.nick is None", True, Schema.BOOLEAN),
        ("value.name is None", False, Schema.BOOLEAN),
        ("value is not None", True, Schema.BOOLEAN),
        ("value.nick == None", True, Schema.BOOLEAN),
        ("value.nick < 'z'", None, Schema.OPTIONAL_BOOLEAN),
        ("not value.nick < 'z'", True, Schema.BOOLEAN),
        ("1 if value.nick < 'z' else 2", 2, Schema.INT64),
        ("value.count", 7, SchemaBuilder.int64().optional().default(7).build()),
        ("value.count + 1", 8, Schema.INT64),
        ("value.name.split(' ')[0]", "Ann", Schema.OPTIONAL_STRING),
        ("value.name.split(' ')[9]", None, Schema.OPTIONAL_STRING),
        ("value.name[0]", "A", Schema.OPTIONAL_STRING),
        ("value.name[-3:]", "Lee", Schema.STRING),
        ("value.name[None:3]", "Ann", Schema.STRING),
        ("value.nick[1:]", None, Schema.OPTIONAL_STRING),
        ("value.name[0:value.props.q]", None, Schema.OPTIONAL_STRING),
        ("value.tags[1:]", ["b"], SchemaBuilder.array(Schema.STRING).build()),
        ("value.name.split(' ')", ["Ann", "Lee"], SchemaBuilder.array(Schema.STRING).build()),
        ("'-'.join(value.tags)", "a-b", Schema.STRING),
        ("value.tags", ["a", "b"], SchemaBuilder.array(Schema.STRING).build()),
        ("value.tags[-1]", "b", Schema.OPTIONAL_STRING),
        ("len(value.tags)", 2, Schema.INT64),
        ("'a' in value.tags", True, Schema.BOOLEAN),
        ("value.name in ('Ann Lee', 'Bob')", True, Schema.BOOLEAN),
        ("value.lines[1].n", 4, Schema.OPTIONAL_INT32),
        ("value.lines[0].sku + value.lines[1].sku", "xy", Schema.OPTIONAL_STRING),
        ("sum(path('value.lines[*].n'))", 5, Schema.INT64),
        ("max(path('value.lines[*].n'))", 4, Schema.OPTIONAL_INT32),
        ("value.props.p", 5, Schema.OPTIONAL_INT64),
        ("value.props['q']", None, Schema.OPTIONAL_INT64),
        ("'p' in value.props", True, Schema.BOOLEAN),
        ("value.address.city.upper()", "OSLO", Schema.STRING),
        ("value.address", Struct.of(ADDRESS, ["Oslo", 150]), ADDRESS),
        ("value.second.city", None, Schema.OPTIONAL_STRING),
        ("value.at", MOMENT, TIMESTAMP),
        ("millis(value.at)", 1709209800000, Schema.INT64),
        ("moment(millis(value.at) + 0)", MOMENT, TIMESTAMP),
        ("str(value.at)", "2024-02-29T12:30:00Z", Schema.STRING),
        ("str(value.day)", "2024-02-29", Schema.STRING),
        ("value.at <= value.at", True, Schema.BOOLEAN),
        ("str(value.qty > 1)", "true", Schema.STRING),
        ("f'{value.price:8.2f}|{value.qty:05d}|{value.name:>9}'", "    2.50|00003|  Ann Lee", Schema.STRING),
        ("f'{value.amount}/{value.qty > 2}'", "10.10/true", Schema.STRING),
        ("topic + '!'", "orders!", Schema.STRING),
        ("timestamp", None, Schema.OPTIONAL_INT64),
    ],
)
def test_inferred(text: str, value: Any, schema: Schema) -> None:
    made = run(f"value.made = {text}")
    field = made.value_schema.field("made")
    assert field.index == len(SCHEMA.fields)
    assert field.schema == schema
    assert made.value.get("made") == value
    assert type(made.value.get("made")) is type(value)
    made.value.validate()


@pytest.mark.parametrize(
    ("text", "declared", "value", "schema"),
    [
        ("value.qty", "int64", 3, Schema.INT64),
        ("value.qty * 2", "int8", 6, Schema.INT8),
        ("value.qty", "float32", 3.0, Schema.FLOAT32),
        ("value.qty / 3", "float32", 1.0, Schema.FLOAT32),
        ("value.qty", "decimal(2)", Decimal("3.00"), decimal_schema(2)),
        ("value.amount", "decimal(3)", Decimal("10.100"), decimal_schema(3)),
        ("value.amount * 10", "int32", 101, Schema.INT32),
        ("value.name", "string?", "Ann Lee", Schema.OPTIONAL_STRING),
        ("coalesce(value.nick, 'x')", "string!", "x", Schema.STRING),
        ("value.nick", "string", None, Schema.OPTIONAL_STRING),
        ("value.qty > 1", "boolean?", True, Schema.OPTIONAL_BOOLEAN),
        ("None", "int32", None, Schema.OPTIONAL_INT32),
        ("headers.h", "string", "v", Schema.OPTIONAL_STRING),
        ("headers.h", "string!", "v", Schema.STRING),
        ("value.at", "timestamp?", MOMENT, TIMESTAMP.to_builder().optional().build()),
    ],
)
def test_declared(text: str, declared: str, value: Any, schema: Schema) -> None:
    given = record(headers=Headers().add_string("h", "v"))
    made = run(f"value.made = {text}", given, **{"schema.made": declared})
    assert made.value_schema.field("made").schema == schema
    assert made.value.get("made") == value
    made.value.validate()
    assert run(f"value.made = {text}", given, **{"schema.value.made": declared}) == made


@pytest.mark.parametrize(
    ("text", "declared", "said"),
    [
        ("value.qty * 100", "int8", "8 bits"),
        ("value.qty / 2", "int32", "fraction"),
        ("value.price", "decimal(2)", "decimal(…, scale)"),
        ("value.amount / 3", "decimal(2)", "round(…, 2)"),
        ("value.name", "int32", "int() makes one of a text"),
        ("value.nick", "string!", "null"),
        ("value.qty", "string", "declared type string"),
        ("headers.h", "int64", "int()"),
    ],
)
def test_what_does_not_fit_its_declared_type(text: str, declared: str, said: str) -> None:
    given = record(headers=Headers().add_string("h", "v"))
    with pytest.raises(DataError, match=said.replace("(", r"\(").replace(")", r"\)")) as caught:
        run(f"value.made = {text}", given, **{"schema.made": declared})
    assert caught.value.path == "value.made"


@pytest.mark.parametrize(
    ("options", "key", "said"),
    [
        ({"schema.totl": "int32"}, "schema.totl", "did you mean 'total'"),
        ({"schema.total": "int23"}, "schema.total", "did you mean 'int32'"),
        ({"schema.total": "decimal"}, "schema.total", "decimal(2)"),
        ({"schema.total": "decimal(101)"}, "schema.total", "100 digits"),
        ({"schema.total": "decimal(-1)"}, "schema.total", "no type"),
        ({"schema.topic": "string"}, "schema.topic", "the type it always has"),
    ],
)
def test_bad_declarations(options: dict[str, str], key: str, said: str) -> None:
    raw = {"expression": "value.total = 1; topic = 'x'", **options}
    with pytest.raises(ConfigError) as caught:
        ExpressionConfig.parse(raw, where="transforms.e")
    assert said in caught.value.problems[f"transforms.e.{key}"][0]


def test_a_field_that_is_there_keeps_its_place() -> None:
    made = run("value.qty += 1; value.name = value.name.upper()")
    assert [f.name for f in made.value_schema.fields] == [f.name for f in SCHEMA.fields]
    assert made.value.values[0] == 4
    assert made.value_schema.field("qty").schema == Schema.INT64
    assert made.value_schema.field("name").schema is Schema.STRING
    assert made.value_schema.name == "Order"
    same = run("value.name = value.name.lower()")
    assert same.value_schema is SCHEMA


def test_statements_see_what_earlier_ones_did() -> None:
    text = (
        "net = value.qty * 10\nvalue.net = net  # comment; with a semicolon\n"
        "value.gross = value.net + net; value.net = 0"
    )
    for given in (record(), record({"qty": 3})):
        made = run(text, given)
        assert (made.value["net"], made.value["gross"]) == (0, 60)


def test_nested_targets() -> None:
    given = record()
    made = run("value.address.city = value.address.city.upper(); value.address.country = 'NO'", given)
    assert made.value["address"]["city"] == "OSLO"
    assert made.value["address"]["country"] == "NO"
    made.value.validate()
    assert given.value["address"]["city"] == "Oslo"
    assert run("value.second.city = 'x'").value["second"] is None
    plain = {"a": {"b": {"c": 1}}, "n": None}
    assert run("value.a.b.d = value.a.b.c + 1", record(plain)).value["a"]["b"] == {"c": 1, "d": 2}
    assert run("value.n.x = 1", record(plain)).value == plain
    assert plain == {"a": {"b": {"c": 1}}, "n": None}
    with pytest.raises(DataError, match="did you mean 'address'"):
        run("value.adress.city = 'x'")
    with pytest.raises(DataError, match="no fields to assign"):
        run("value.tags.x = 1")


def test_parts_of_the_record() -> None:
    headers = Headers().add_string("a", "1").add_string("a", "2")
    given = record(headers=headers, timestamp=5, key_schema=Schema.STRING, key="k")
    made = run(
        "topic = f'{topic}-{key}'; partition = value.qty % 2; timestamp = value.at\n"
        "headers.a = headers.a + 'x'\n"
        "headers['n-1'] = value.qty; headers.z = None; key = value.qty",
        given,
    )
    assert (made.topic, made.kafka_partition, made.timestamp) == ("orders-k", 1, 1709209800000)
    assert (made.key_schema, made.key) == (Schema.INT32, 3)
    assert [(h.key, h.schema, h.value) for h in made.headers] == [
        ("a", Schema.STRING, "2x"), ("n-1", Schema.INT32, 3), ("z", None, None),
    ]  # fmt: skip
    assert [h.value for h in given.headers] == ["1", "2"]
    sink = SinkRecord("t", 2, None, None, None, {"a": 1}, 77)
    made = run("value.place = f'{topic}-{partition}@{offset}'", sink)
    assert made.value["place"] == "t-2@77"
    assert run("headers.m = headers.missing", given).headers.last_with_name("m").value is None


def test_whole_values() -> None:
    made = run("value = value.address")
    assert (made.value_schema, made.value) == (ADDRESS, Struct.of(ADDRESS, ["Oslo", 150]))
    made = run("key = value.address; value = value.name; value = value.upper()")
    assert (made.key_schema, made.value_schema, made.value) == (ADDRESS, Schema.STRING, "ANN LEE")
    assert run("value = None").value is None
    assert run("value = value.second").value is None
    assert run("value = value.a", record({"a": {"b": 1}})).value == {"b": 1}
    nested = record({"a": {"b": 1}, "z": None})
    assert run("value = value.a; value.c = value.b + 1; drop if value.c > 2", nested).value == {
        "b": 1,
        "c": 2,
    }
    assert run("value = value.a; drop if value.b == 1", nested) is None
    assert run("value = value.z; value.c = 1", nested).value is None
    assert run("value = value.second; value.city = 'x'").value is None
    with pytest.raises(DataError, match="divides by zero") as caught:
        run("value = value.a; value.c = 1 / (value.b - 1)", nested)
    assert caught.value.path == "value.c"
    with pytest.raises(DataError, match="'x' cannot be used behind"):
        run("x = value.z; value = value.a; value.c = coalesce(x, value.b)", nested)
    text = SourceRecord({}, {}, "t", Schema.STRING, "a,b")
    assert run("value = value.split(',')", text).value == ["a", "b"]
    with pytest.raises(DataError, match="has no fields"):
        run("value.x = value.y", text)


def test_filters() -> None:
    assert run("drop if value.qty == 3") is None
    assert run("drop if value.qty == 4") is not None
    assert run("keep if value.qty == 4") is None
    assert run("keep if value.nick == 'x'") is None
    assert run("drop if value.nick < 'x'") is not None
    kept = run("drop if value.qty > 9\nvalue.a = 1; drop if value.qty > 8; value.b = value.a + 1")
    assert (kept.value["a"], kept.value["b"]) == (1, 2)
    assert run("drop if value is None", SourceRecord({}, {}, "t", SCHEMA, None)) is None
    assert run("drop if value is None") is not None
    unchanged = record()
    assert run("drop if False", unchanged) is unchanged


def test_a_null_stays_null() -> None:
    tombstone = SourceRecord({}, {}, "t", SCHEMA, None, key_schema=Schema.STRING, key="k")
    made = run("value.total = value.qty * 2; headers.q = value.qty; key = key + '!'", tombstone)
    assert (made.value, made.value_schema, made.key) == (None, SCHEMA, "k!")
    assert made.headers.last_with_name("q").value is None


def test_missing_fields(caplog: pytest.LogCaptureFixture) -> None:
    for given in (record(), record({"qty": 3})):
        with pytest.raises(DataError, match="did you mean 'qty'") as caught:
            run("value.x = value.qyt", given)
        assert caught.value.path == "value.qyt"
        assert run("value.x = coalesce(value.qyt, 5)", given).value["x"] == 5
        assert run("value.x = value.qyt is None", given).value["x"] is True
        caplog.clear()
        made = run("value.x = value.qyt", given, **{"on.missing": "warn"})
        assert made.value["x"] is None
        assert caplog.text.count("did you mean 'qty'") == 1
        caplog.clear()
        assert run("value.x = value.qyt", given, **{"on.missing": "ignore"}).value["x"] is None
        assert not caplog.text
    lazy = run("value.x = value.b if 'b' in value else 0", record({"a": 1}))
    assert lazy.value["x"] == 0


def test_types_found_out_with_the_record_need_a_word() -> None:
    given = record(headers=Headers().add_string("h", "12"))
    with pytest.raises(DataError, match=r"schema\.x = string"):
        run("value.x = headers.h", given)
    assert run("value.x = int(headers.h) + 1", given).value["x"] == 13
    assert run("value.x = str(headers.h)", given).value_schema.field("x").schema == Schema.OPTIONAL_STRING


def test_wrong_types_are_found_with_the_schema() -> None:
    for text, said in [
        ("value.x = value.name * 2", "texts are not repeated"),
        ("value.x = value.amount * value.price", "both alike"),
        ("value.x = value.name.b", "no fields"),
        ("value.x = value.tags.b", "no fields"),
        ("value.x = value.at + 1", "millis"),
        ("value.x = value.address.upper()", "there is no|no field|method of texts"),
        ("value.x = value.qty.upper()", "str\\(\\) makes one"),
        ("value.x = f'{value.tags}'", "does not take an array"),
        ("value.x = value.tags if value.qty else value.name", "of one type"),
    ]:
        with pytest.raises(DataError, match=said) as caught:
            run(text)
        assert "line 1, column" in str(caught.value)
        assert caught.value.path == "value.x"


def test_a_required_field_that_is_null_is_told_of() -> None:
    broken = Struct(SCHEMA)
    for text in ("value.qty * 2", "value.name.upper()", "value.qty < 5", "f'{value.name}x'"):
        with pytest.raises(DataError, match=r"null|class NoneType"):
            run(f"value.x = {text}", record(broken))


def test_schemas_without_data_and_in_a_chain() -> None:
    config = {
        "transforms": "e,f,g",
        "transforms.e.type": "Expression",
        "transforms.e.expression": "drop if value.qty < 0; value.total = value.qty * value.price",
        "transforms.f.type": "Expression",
        "transforms.f.expression": "value.tax = value.total * 0.2",
        "transforms.g.type": "ReplaceField$Value",
        "transforms.g.include": "total,tax",
    }
    chain = Chain.build(config, plugins)
    made = (
        SchemaBuilder.struct()
        .name("Order")
        .field("total", Schema.FLOAT64)
        .field("tax", Schema.FLOAT64)
        .build()
    )
    assert chain.output_schema(SCHEMA) == {(None, made)}
    for _ in range(3):
        out = chain.apply(record())
        assert out.value == Struct.of(made, [7.5, 1.5])
        assert chain.apply(record(order(qty=-1))) is None
    with pytest.raises(DataError, match=r"transform 'f' \(Expression\)"):
        Chain.build({**config, "transforms.f.expression": "value.tax = 1 / value.qty"}, plugins).apply(
            record(order(qty=0))
        )


def test_reads_only_the_sides_it_names() -> None:
    def reads(text: str) -> set[str]:
        return set(Expression(ExpressionConfig(expression=text)).reads)

    assert reads("headers.x = topic") == set()
    assert reads("headers.x = value.y") == {"value"}
    assert reads("key.x = 1") == {"key"}
    assert reads("value.x = key.y if key is not None else 1") == {"key", "value"}
    assert reads("drop if value is None") == {"value"}


def test_moments_finer_than_milliseconds() -> None:
    micros = datetime(2024, 2, 29, 12, 30, 0, 1, tzinfo=UTC)
    nanos = timestamp_from_nanos(1709209800000000001)
    schema = (
        SchemaBuilder.struct()
        .field("m", TIMESTAMP_MICROS).field("n", TIMESTAMP_NANOS).field("t", TIMESTAMP)
        .build()
    )  # fmt: skip
    for given in (
        SourceRecord({}, {}, "t", schema, Struct.of(schema, [micros, nanos, MOMENT])),
        SourceRecord({}, {}, "t", None, {"m": micros, "n": nanos, "t": MOMENT}),
    ):
        assert run("value.x = value.t < value.n < value.m", given).value["x"] is True
        assert run("value.x = value.n > value.m", given).value["x"] is False
        assert run("value.x = str(value.n)", given).value["x"] == "2024-02-29T12:30:00.000000001Z"
        assert run("value.x = millis(value.n)", given).value["x"] == 1709209800000
        moved = run("value.x = value.n", given)
        assert moved.value["x"] == nanos
        assert moved.value_schema is None or moved.value_schema.field("x").schema == TIMESTAMP_NANOS
    made = run("value.x = moment(5)", record(), **{"schema.x": "timestamp_micros"})
    assert made.value_schema.field("x").schema == TIMESTAMP_MICROS

"""Function: registered functions only, arguments by name, results by annotation, records as a whole."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from importlib.metadata import EntryPoint
from typing import Any

import pytest

from connectkit.builder import SchemaBuilder
from connectkit.errors import ConfigError, DataError, RetriableError
from connectkit.headers import Headers
from connectkit.logical import TIMESTAMP, decimal_schema
from connectkit.plugin import plugins
from connectkit.record import ConnectRecord, SourceRecord
from connectkit.runner.chain import Chain
from connectkit.schema import Schema
from connectkit.struct import Struct
from connectkit.transforms.function import FunctionConfig, Functions, functions

SCHEMA = (
    SchemaBuilder.struct()
    .field("qty", Schema.INT32).field("price", Schema.FLOAT64).field("name", Schema.OPTIONAL_STRING)
    .field("tags", SchemaBuilder.array(Schema.STRING).build())
    .build()
)  # fmt: skip


@dataclass
class Place:
    city: str
    zip: int | None


def total(qty: int, price: float, discount: float = 0.0) -> float:
    return qty * price - discount


def shout(name: str) -> str:
    return name.upper()


def or_none(name: str | None) -> str | None:
    return None if name is None else name * 2


def place(qty: int) -> Place:
    return Place("Oslo", qty)


def places(qty: int) -> list[Place]:
    return [Place("Oslo", None)] * qty


def counted(tags: list[str]) -> dict[str, int]:
    return {tag: len(tag) for tag in tags}


def exact(qty: int) -> Decimal:
    return Decimal(qty)


def untyped(qty):  # type: ignore[no-untyped-def]  # a plain function may have no annotations
    return qty + 1


def lies(qty: int) -> str:
    return qty  # type: ignore[return-value]  # on purpose


def fails(qty: int) -> int:
    raise KeyError("secret value")


def later(qty: int) -> int:
    raise RetriableError("the service is away")


def when(qty: int) -> datetime:
    return datetime(2024, 1, qty, tzinfo=UTC)


def copies(record: SourceRecord) -> list[SourceRecord]:
    return [record.new_record(kafka_partition=n) for n in range(record.value["qty"])]


def sieve(record: ConnectRecord) -> ConnectRecord | None:
    return record if record.value["qty"] > 2 else None


def no_record(record: ConnectRecord) -> int:
    return 1


def many(*values: int) -> int:
    return sum(values)


def odd(value: complex) -> int:
    return 1


def gives_odd(qty: int) -> complex:
    return 1j


@pytest.fixture(autouse=True)
def _registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(functions, "_added", {})
    for each in (
        total, shout, or_none, place, places, counted, exact, untyped, lies, fails, later, when, copies,
        sieve, no_record, many, odd, gives_odd,
    ):  # fmt: skip
        functions.register(each.__name__, each)
    functions.register("a_class", Place)


def record(**changed: Any) -> SourceRecord:
    values = {"qty": 3, "price": 2.5, "name": "ann", "tags": ["a", "bb"], **changed}
    return SourceRecord({}, {}, "t", SCHEMA, Struct.of(SCHEMA, list(values.values())))


def plain(**changed: Any) -> SourceRecord:
    return SourceRecord(
        {}, {}, "t", None, {"qty": 3, "price": 2.5, "name": "ann", "tags": ["a", "bb"], **changed}
    )


def run(options: Mapping[str, str], given: SourceRecord | None = None) -> Any:
    transform = plugins.create("transform", "Function", options)
    given = record() if given is None else given
    first, again = transform.apply(given), transform.apply(given)
    assert first == again
    return again


PLACE = (
    SchemaBuilder.struct()
    .name("Place")
    .field("city", Schema.STRING)
    .field("zip", Schema.OPTIONAL_INT64)
    .build()
)


@pytest.mark.parametrize(
    ("options", "value", "schema"),
    [
        ({"function": "total"}, 7.5, Schema.FLOAT64),
        ({"function": "total", "arg.discount": "value.qty"}, 4.5, Schema.FLOAT64),
        ({"function": "total", "arg.qty": "headers.n"}, 5.0, Schema.OPTIONAL_FLOAT64),
        ({"function": "shout"}, "ANN", Schema.OPTIONAL_STRING),
        ({"function": "shout", "arg.name": "topic"}, "T", Schema.STRING),
        ({"function": "or_none"}, "annann", Schema.OPTIONAL_STRING),
        ({"function": "place"}, Struct.of(PLACE, ["Oslo", 3]), PLACE),
        ({"function": "places"}, [Struct.of(PLACE, ["Oslo", None])] * 3, SchemaBuilder.array(PLACE).build()),
        ({"function": "counted"}, {"a": 1, "bb": 2}, SchemaBuilder.map(Schema.STRING, Schema.INT64).build()),
        ({"function": "exact", "result.type": "decimal(2)"}, Decimal("3.00"), decimal_schema(2)),
        ({"function": "untyped", "result.type": "int32"}, 4, Schema.INT32),
        ({"function": "untyped", "result.type": "int32?"}, 4, Schema.OPTIONAL_INT32),
        ({"function": "when"}, datetime(2024, 1, 3, tzinfo=UTC), TIMESTAMP),
    ],
)
def test_results(options: dict[str, str], value: Any, schema: Schema) -> None:
    given = record().new_record(headers=Headers().add_int("n", 2))
    made = run({"to": "value.made", **options}, given)
    assert made.value_schema.field("made").schema == schema
    assert made.value["made"] == value
    made.value.validate()
    loose = run({"to": "value.made", **options}, plain().new_record(headers=Headers().add_int("n", 2)))
    assert loose.value["made"] == value or isinstance(value, Struct)


def test_nulls() -> None:
    assert run({"function": "shout", "to": "value.made"}, record(name=None)).value["made"] is None
    assert run({"function": "or_none", "to": "value.made"}, record(name=None)).value["made"] is None
    assert run({"function": "total", "to": "value.made"}, plain(discount=None)).value["made"] == 7.5


def test_other_places() -> None:
    made = run({"function": "shout", "to": "topic"})
    assert made.topic == "ANN"
    made = run({"function": "total", "to": "headers.t"})
    assert made.headers.last_with_name("t").value == 7.5


def test_records() -> None:
    assert [each.kafka_partition for each in run({"function": "copies"})] == [0, 1, 2]
    assert run({"function": "sieve"}, record(qty=1)) is None
    chain = Chain.build(
        {
            "transforms": "a,b,c",
            "transforms.a.type": "Function", "transforms.a.function": "total",
            "transforms.a.to": "value.total",
            "transforms.b.type": "Function", "transforms.b.function": "copies",
            "transforms.c.type": "Expression", "transforms.c.expression": "value.p = value.total + partition",
        },
        plugins,
    )  # fmt: skip
    for _ in range(3):
        assert [each.value["p"] for each in chain.apply(record())] == [7.5, 8.5, 9.5]
        assert chain.apply(record(qty=1)).__len__() == 1


@pytest.mark.parametrize(
    ("options", "key", "said"),
    [
        ({"function": "totla", "to": "value.x"}, "function", "did you mean 'total'"),
        ({"function": "os.system", "to": "value.x"}, "function", "not imported by their path"),
        ({"function": "os:system", "to": "value.x"}, "function", "not imported by their path"),
        ({"function": "a_class", "to": "value.x"}, "function", "is none"),
        ({"function": "total"}, "to", "is missing"),
        ({"function": "total", "to": "x"}, "to", "value.x"),
        ({"function": "total", "to": "value.x = 1; value.y"}, "to", "one place"),
        ({"function": "total", "to": "offset"}, "to", "keeps its offset"),
        ({"function": "total", "to": "value.x", "arg.pric": "value.p"}, "arg.pric", "did you mean 'price'"),
        ({"function": "total", "to": "value.x", "arg.price": "headers"}, "arg.price", "name a header"),
        (
            {"function": "total", "to": "value.x", "result.type": "in32"},
            "result.type",
            "did you mean 'int32'",
        ),
        ({"function": "many", "to": "value.x"}, "function", "without a name"),
        ({"function": "odd", "to": "value.x"}, "function", "no record holds"),
        ({"function": "gives_odd", "to": "value.x"}, "function", "no schema"),
        ({"function": "no_record"}, "function", "must give a record"),
        ({"function": "copies", "to": "value.x"}, "to", "has no use"),
        ({"function": "copies", "arg.record": "value"}, "arg.record", "has no use"),
    ],
)
def test_bad_configurations(options: dict[str, str], key: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        FunctionConfig.parse(options, where="transforms.f")
    (found,) = caught.value.problems[f"transforms.f.{key}"]
    assert said in found


def test_errors_at_work(caplog: pytest.LogCaptureFixture) -> None:
    for given in (record(), plain()):
        with pytest.raises(DataError, match="raised KeyError") as caught:
            run({"function": "fails", "to": "value.x"}, given)
        assert "secret" not in str(caught.value)
        assert caught.value.path == "value.x"
        with pytest.raises(RetriableError):
            run({"function": "later", "to": "value.x"}, given)
        with pytest.raises(DataError, match="declared type string"):
            run({"function": "lies", "to": "value.x"}, given)
        with pytest.raises(DataError, match="does not take a value of class str"):
            run({"function": "total", "to": "value.x", "arg.qty": "value.name"}, given)
        with pytest.raises(DataError, match="did you mean 'qty'"):
            run({"function": "total", "to": "value.x", "arg.qty": "value.qyt"}, given)
        with caplog.at_level(logging.WARNING):
            made = run(
                {"function": "total", "to": "value.x", "arg.qty": "value.qyt", "on.missing": "warn"}, given
            )
        assert made.value["x"] is None


def test_only_what_packages_register_is_found() -> None:
    installed = Functions(
        read=lambda: [
            EntryPoint("good", "tests.unit.test_transforms_function:shout", "connectkit.functions"),
            EntryPoint("gone", "tests.no_such_module:x", "connectkit.functions"),
        ]
    )
    assert installed.names() == ["gone", "good"]
    assert installed.find("good")("a") == "A"
    with pytest.raises(ConfigError, match="cannot be imported"):
        installed.find("gone")
    with pytest.raises(ConfigError, match="there are gone, good"):
        installed.find("xyz")

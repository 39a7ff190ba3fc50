"""PartitionRouting: the partitions that a Java worker would choose, and when none is chosen."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectkit.builder import SchemaBuilder
from connectkit.errors import ConfigError, DataError
from connectkit.instant import timestamp_from
from connectkit.logical import TIMESTAMP, TIMESTAMP_MICROS, decimal_schema
from connectkit.plugin import plugins
from connectkit.schema import Schema
from connectkit.struct import Struct
from connectkit.transforms.debezium.hashes import hash_bytes, hash_for, hash_string, murmur, murmur_for
from connectkit.transforms.debezium.partition import PartitionRouting, PartitionRoutingConfig
from tests.strategies import schemas, values
from tests.support.change_events import applied, envelope_schema, event, row, sink, source

# What a JVM answers: hashCode, and MurmurHash3 as Debezium calls it.
TEXTS = [
    ("", 0, 89125410), ("a", 97, -1119243492), ("abc", 96354, 1809745788),
    ("hello world", 1794106052, -1618535543), ("0123456789abcdef", 285443752, 26898387),
    ("0123456789abcdef0", 258821768, -1884752021), ("é日本", 1058960, -1736117930),
    ("x\U0001f600y", 58534910, 611814411), ("\ud800z", 1714298, -1111858883),
    ("ÿ" * 10, -241701024, 667040266),
]  # fmt: skip
BYTES = [
    (b"", 1), (b"a", 128), (b"abc", 126145), (b"hello world", 1923188771), (b"0123456789abcdef", 1638753449),
    ("é日本".encode(), -1492178199), (("ÿ" * 10).encode(), 1176587801),
]  # fmt: skip
VALUES: list[tuple[Schema, Any, int, int]] = [
    (Schema.INT32, 0, 0, 1805505889),
    (Schema.INT16, 1, 1, -1931162451),
    (Schema.INT8, -1, -1, 171705313),
    (Schema.INT32, -(1 << 31), -(1 << 31), -797218156),
    (Schema.INT64, 5, 5, -837177610),
    (Schema.INT64, -5, 4, 1233385530),
    (Schema.INT64, 1 << 40, 256, -1356379757),
    (Schema.INT64, -(1 << 63), -(1 << 31), -797218156),
    (Schema.FLOAT64, 1.5, 1073217536, -1122085266),
    (Schema.FLOAT64, -0.0, -(1 << 31), -797218156),
    (Schema.FLOAT64, float("nan"), 2146959360, -1249978784),
    (Schema.FLOAT64, 1e300, -164130400, 1523994074),
    (Schema.FLOAT32, 1.5, 1069547520, 1166483436),
    (Schema.FLOAT32, float("nan"), 2143289344, -831917046),
    (Schema.BOOLEAN, True, 1231, -1891831265),
    (Schema.BOOLEAN, False, 1237, -682375457),
    (decimal_schema(2), Decimal("19.99"), 61971, -125479526),
    (decimal_schema(2), Decimal("-19.99"), -61967, -1233894050),
    (decimal_schema(3), Decimal("12345678901234567890.123"), 647166417, 634922935),
    (decimal_schema(0), Decimal(-98765432109876543210), -103973737, -1950035594),
    (decimal_schema(2), Decimal("0.00"), 2, -351805952),
    (decimal_schema(-3), Decimal("1E+3"), 28, 920789155),
    (TIMESTAMP, timestamp_from(1609459200123), -1153535731, 257933515),
    (TIMESTAMP, timestamp_from(-1), 0, 1805505889),
    (TIMESTAMP_MICROS, datetime(1970, 1, 1, microsecond=5, tzinfo=UTC), 5, -837177610),
    (SchemaBuilder.array(Schema.OPTIONAL_INT32).build(), [1, 2, None], 30814, 814707627),
    (SchemaBuilder.map(Schema.STRING, Schema.INT32).build(), {"a": 1, "b": 2}, 192, 959213707),
]


@pytest.mark.parametrize(("text", "code", "mixed"), TEXTS)
def test_hashes_of_texts(text: str, code: int, mixed: int) -> None:
    assert (hash_string(text), murmur_for(Schema.STRING)(text)) == (code, mixed)
    assert murmur_for(Schema.BYTES)(text.encode("utf-8", "replace")) == mixed


@pytest.mark.parametrize(("data", "code"), BYTES)
def test_hashes_of_bytes(data: bytes, code: int) -> None:
    assert hash_bytes(data) == hash_bytes(memoryview(data)) == code


@pytest.mark.parametrize(("schema", "value", "code", "mixed"), VALUES)
def test_hashes_of_values(schema: Schema, value: Any, code: int, mixed: int) -> None:
    assert (hash_for(schema)(value), murmur_for(schema)(value)) == (code, mixed)


@given(st.binary(max_size=70))
def test_hashes_have_32_bits(data: bytes) -> None:
    for found in (murmur(data), hash_bytes(data)):
        assert -(1 << 31) <= found < 1 << 31


def test_a_struct_has_no_hash() -> None:
    with pytest.raises(DataError, match="struct"):
        hash_for(event("c").schema)


# --- routing


def routing(fields: str, partitions: int = 7, **options: Any) -> Any:
    raw = {"partition.payload.fields": fields, "partition.topic.num": str(partitions)}
    raw.update({key.replace("_", "."): value for key, value in options.items()})
    return PartitionRouting(PartitionRoutingConfig.parse(raw))


INSERT = event("c", after=row(1, "Anne", score=3))
DELETE = event("d", before=row(1, "Bob"))


@pytest.mark.parametrize(
    ("fields", "codes"),
    [
        ("after.name", [hash_string("Anne")]),
        ("change.name", [hash_string("Anne")]),
        (" change . name , source.table", [hash_string("Anne"), hash_string("customers")]),
        ("after.id,after.score,op", [1, 3, hash_string("c")]),
        ("after.note", [hash_string("none")]),  # its default
        ("nope,after.nope,after.id", [1]),
    ],
)
@pytest.mark.parametrize("make", [sink, source])
def test_the_partition_is_that_of_the_fields(fields: str, codes: list[int], make: Any) -> None:
    found = applied(routing(fields), make(INSERT))
    total = sum(codes) & 0x7FFFFFFF
    assert found.kafka_partition == total % 7
    assert found.value is make(INSERT).value or found.value == INSERT


def test_a_deletion_is_routed_by_the_row_before() -> None:
    assert applied(routing("change.name"), sink(DELETE)).kafka_partition == hash_string("Bob") % 7
    murmured = applied(routing("change.name", partition_hash_function="murmur"), sink(DELETE))
    assert murmured.kafka_partition == (murmur(b"Bob") & 0x7FFFFFFF) % 7


def test_the_largest_code_is_none() -> None:
    assert applied(routing("change.id"), sink(event("c", after=row((1 << 31) - 1)))).kafka_partition == 0
    assert applied(routing("change.id"), sink(event("c", after=row(-1)))).kafka_partition == 0


@pytest.mark.parametrize("op", ["t", "m"])
def test_truncations_and_messages_stay_where_they_are(op: str) -> None:
    assert applied(routing("source.table"), source(event(op))).kafka_partition == 3


def test_records_without_the_fields_stay_where_they_are(caplog: pytest.LogCaptureFixture) -> None:
    assert applied(routing("after.nope,change"), source(INSERT)).kafka_partition == 3
    assert applied(routing("before.name"), source(INSERT)).kafka_partition == 3
    assert len(caplog.records) == 2  # one for each field that is nowhere, not for each record
    for other in (sink(None), sink("x", Schema.STRING)):
        assert routing("op").apply(other) is other
    with pytest.raises(DataError, match="nope"):
        routing("after.nope", on_missing="fail").apply(source(INSERT))


def test_a_struct_cannot_route() -> None:
    for _ in range(2):
        with pytest.raises(DataError, match="struct"):
            routing("source").apply(sink(INSERT))


def test_every_problem_of_a_configuration_is_told_at_once() -> None:
    with pytest.raises(ConfigError) as raised:
        PartitionRoutingConfig.parse(
            {"partition.payload.fields": "", "partition.topic.num": "0", "partition.hash.function": "md5"}
        )
    assert set(raised.value.problems) == {
        "partition.payload.fields", "partition.topic.num", "partition.hash.function",
    }  # fmt: skip
    with pytest.raises(ConfigError, match="empty step"):
        routing("a..b")
    raw = {"partition.payload.fields": "op", "partition.topic.num": "2"}
    name = "io.debezium.transforms.partitions.PartitionRouting"
    assert isinstance(plugins.create("transform", name, raw), PartitionRouting)


@given(st.data(), schemas(1), st.sampled_from(["java", "murmur"]))
def test_any_value_routes_the_same_way_each_time(data: st.DataObject, schema: Schema, function: str) -> None:
    rows = SchemaBuilder.struct().name("r.Value").optional().field("f", schema).build()
    envelope = envelope_schema(rows)
    made = Struct.of(rows, [data.draw(values(schema))])
    record = source(Struct.of(envelope, [None, made, *INSERT.values[2:]]), envelope)
    transform = routing("change.f", partition_hash_function=function)
    try:
        hash_for(schema)
    except DataError:
        with pytest.raises(DataError):
            transform.apply(record)
        return
    found = applied(transform, record)
    assert found.kafka_partition in (range(7) if made.get("f") is not None else (3,))

"""Headers and records."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from connectkit import logical
from connectkit.builder import SchemaBuilder
from connectkit.errors import DataError
from connectkit.headers import Header, Headers
from connectkit.record import ConnectRecord, SinkRecord, SourceRecord
from connectkit.schema import NULL, Schema, SchemaAndValue
from connectkit.struct import Struct

POINT = SchemaBuilder.struct().field("x", Schema.INT32).build()


def _keys(headers: Headers) -> list[str]:
    return [header.key for header in headers]


def test_order_and_duplicates_are_kept() -> None:
    headers = Headers().add_string("a", "1").add_int("b", 2).add_string("a", "3")
    assert _keys(headers) == ["a", "b", "a"]
    assert len(headers) == 3
    last = headers.last_with_name("a")
    assert last is not None
    assert last.value == "3"
    assert [h.value for h in headers.all_with_name("a")] == ["1", "3"]
    assert headers.last_with_name("c") is None
    assert list(headers.all_with_name(None)) == []


def test_nothing_is_allocated_for_no_headers() -> None:
    headers = Headers()
    assert headers._items is None
    assert len(headers) == 0
    assert not headers
    assert str(headers) == "ConnectHeaders(headers=)"
    assert headers.duplicate()._items is None


def test_changing_no_headers_allocates_nothing_either() -> None:
    headers = Headers().clear().remove("a").retain_latest().apply(lambda header: header)
    assert str(headers) == "ConnectHeaders(headers=)"
    assert str(headers.add_int("a", 1).clear()) == "ConnectHeaders(headers=[])"


def test_retain_latest() -> None:
    headers = Headers().add_int("a", 1).add_int("b", 2).add_int("a", 3).add_int("b", 4)
    assert [h.value for h in headers.duplicate().retain_latest("a")] == [2, 3, 4]
    assert [h.value for h in headers.retain_latest()] == [3, 4]


def test_apply_replaces_and_removes() -> None:
    headers = Headers().add_int("a", 1).add_int("b", 2)
    headers.apply(lambda h: h.rename("c") if h.key == "a" else None)
    assert _keys(headers) == ["c"]
    headers.apply(lambda h: None, key="x")
    assert _keys(headers) == ["c"]
    headers.apply(lambda h: h.with_value(Schema.STRING, "v"), key="c")
    assert headers.last_with_name("c") == Header("c", Schema.STRING, "v")


def test_a_duplicate_is_independent() -> None:
    headers = Headers().add_int("a", 1)
    other = headers.duplicate().add_int("b", 2)
    assert _keys(headers) == ["a"]
    assert headers != other
    assert headers == Headers([Header("a", Schema.INT32, 1)])


def test_a_struct_brings_its_schema() -> None:
    struct = Struct(POINT).put("x", 1)
    assert Header("h", None, struct).schema is POINT
    assert Headers().add_struct("h", struct).last_with_name("h") == Header("h", POINT, struct)


def test_nulls_choose_an_optional_schema_or_none() -> None:
    headers = (
        Headers().add_string("s", None).add_bytes("b", None).add_decimal("d", None).add_list("l", None, None)
    )
    assert [h.schema for h in headers] == [Schema.OPTIONAL_STRING, Schema.OPTIONAL_BYTES, None, None]
    assert Headers().add_pair("p", None).last_with_name("p") == Header("p", *NULL)


def test_temporal_adders_check_the_value() -> None:
    headers = (
        Headers().add_date("d", date(2020, 1, 1)).add_timestamp("t", datetime(2020, 1, 1, 1, tzinfo=UTC))
    )
    assert [h.schema for h in headers] == [logical.DATE, logical.TIMESTAMP]
    with pytest.raises(DataError):
        headers.add_date("d", datetime(2020, 1, 1, 1, tzinfo=UTC))
    with pytest.raises(DataError):
        headers.add_time("t", datetime(2020, 1, 1, 1, tzinfo=UTC))
    headers.add_decimal("m", Decimal("1.50"))
    assert list(headers)[-1].schema is logical.decimal_schema(2)


@pytest.mark.parametrize(
    "add",
    [
        lambda h: h.add(None, 1, None),
        lambda h: h.add("k", "x", Schema.INT8),
        lambda h: h.add("k", 300, Schema.INT8),
        lambda h: h.add("k", None, Schema.INT8),
        lambda h: h.add("k", 1.5, logical.DATE),
        lambda h: h.add_byte("k", True),
        lambda h: h.add_list("k", [1], Schema.INT8),
        lambda h: h.add_map("k", {}, None),
        lambda h: h.add_header(None),
        lambda h: h.add_pair("k", SchemaAndValue(Schema.INT8, "x")),
        lambda h: h.remove(None),
        lambda h: h.retain_latest(None),
        lambda h: h.last_with_name(None),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_is_added(add: Any) -> None:
    headers = Headers()
    with pytest.raises(DataError):
        add(headers)
    assert len(headers) == 0


def test_errors_and_reprs_show_no_values() -> None:
    with pytest.raises(DataError) as caught:
        Headers().add("k", "canary-3", Schema.INT8)
    assert "canary" not in str(caught.value)
    assert "canary" not in repr(Header("k", None, "canary-3"))


# --- records ---


def _sink(**parts: Any) -> SinkRecord:
    headers = Headers().add_int("h", 1)
    return SinkRecord("t", 3, Schema.STRING, "k", Schema.INT8, 1, 42, 1000, 0, headers).new_record(**parts)


def test_a_new_sink_record_keeps_its_origin() -> None:
    record = _sink(topic="other", kafka_partition=9)
    assert (record.topic, record.kafka_partition, record.kafka_offset) == ("other", 9, 42)
    origin = (record.original_topic, record.original_kafka_partition, record.original_kafka_offset)
    assert origin == ("t", 3, 42)
    again = record.new_record(topic="third")
    assert again.original_topic == "t"


def test_a_new_record_has_its_own_headers() -> None:
    record = _sink()
    other = record.new_record(value=2)
    other.headers.add_int("x", 1)
    assert len(record.headers) == 1
    given = Headers()
    assert record.new_record(headers=given).headers is given


def test_records_are_equal_by_all_parts() -> None:
    assert _sink() == _sink()
    for parts in ({"topic": "x"}, {"value": 2}, {"timestamp": 5}, {"key": None}, {"headers": Headers()}):
        assert _sink(**parts) != _sink()
    a = SourceRecord({"p": 1}, {"o": 1}, "t", Schema.INT8, 1)
    assert a == SourceRecord({"p": 1}, {"o": 1}, "t", Schema.INT8, 1)
    assert a != SourceRecord({"p": 1}, {"o": 2}, "t", Schema.INT8, 1)
    assert a.new_record(topic="x").source_offset == {"o": 1}
    assert a != _sink()


def test_a_record_is_a_source_or_a_sink_record() -> None:
    with pytest.raises(TypeError):
        ConnectRecord().new_record(topic="t")


def test_reprs_of_records_show_no_values() -> None:
    record = SourceRecord(None, None, "t", Schema.STRING, "canary-5", key="canary-6")
    assert "canary" not in repr(record)
    assert "canary" not in str(record)

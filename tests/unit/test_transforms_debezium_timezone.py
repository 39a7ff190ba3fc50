"""TimezoneConverter: texts and numbers of each temporal type, rules, zones; what has no zone stays."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectkit.builder import SchemaBuilder
from connectkit.errors import ConfigError, DataError
from connectkit.instant import Instant
from connectkit.logical import DATE, TIMESTAMP
from connectkit.plugin import plugins
from connectkit.schema import Schema
from connectkit.struct import Struct
from connectkit.transforms.base import optional_form
from connectkit.transforms.debezium.timezone import TimezoneConverter, TimezoneConverterConfig
from connectkit.transforms.debezium.timezone_rules import Rules, choice_of
from connectkit.transforms.debezium.zoned_text import (
    Zoned,
    parse_time,
    parse_timestamp,
    time_text,
    timestamp_text,
)
from connectkit.transforms.debezium.zones import Zone
from tests.support.change_events import applied, envelope_schema, event, plain, sink, source


def debezium(kind: str, base: SchemaBuilder | None = None) -> Schema:
    return (base or SchemaBuilder.int64()).optional().name(f"io.debezium.time.{kind}").version(1).build()


ROW = (
    SchemaBuilder.struct().name("srv.shop.t.Value").optional()
    .field("id", Schema.INT32)
    .field("ms", debezium("Timestamp")).field("us", debezium("MicroTimestamp"))
    .field("ns", debezium("NanoTimestamp"))
    .field("zt", debezium("ZonedTimestamp", SchemaBuilder.string()))
    .field("zm", debezium("ZonedTime", SchemaBuilder.string()))
    .field("kt", optional_form(TIMESTAMP))
    .field("d", debezium("Date", SchemaBuilder.int32())).field("mt", debezium("MicroTime"))
    .field("kd", optional_form(DATE))
    .build()
)  # fmt: skip
ENVELOPE = envelope_schema(ROW, name="srv.shop.t.Envelope")
MOMENT = datetime(2021, 7, 1, 12, 30, tzinfo=UTC)
MS = int(MOMENT.timestamp()) * 1000
WINTER_S, SUMMER_S = 1_609_459_200, 1_625_097_600


def converter(zone: str = "+05:30", *, now_s: float = WINTER_S, **options: Any) -> Any:
    raw = {"converted.timezone": zone, **{k.replace("_", "."): v for k, v in options.items()}}
    return TimezoneConverter(TimezoneConverterConfig.parse(raw), clock=lambda: now_s)


def row(**fields: Any) -> Struct:
    made = Struct(ROW).put("id", 1)
    for name, value in fields.items():
        made.put(name, value)
    return made


def changed(before: Struct | None = None, after: Struct | None = None, **parts: Any) -> Struct:
    return event("u", before=before, after=after, schema=ENVELOPE, **parts)


def after(transform: Any, found: Struct, **parts: Any) -> dict[str, Any]:
    made: dict[str, Any] = plain(applied(transform, sink(changed(after=found), ENVELOPE, **parts)).value)[
        "after"
    ]
    return {name: value for name, value in made.items() if value is not None and name != "id"}


# --- every temporal type

SHIFT_S = 5 * 3600 + 1800


def test_numbers_are_local_times_and_texts_keep_their_moment() -> None:
    found = row(
        ms=MS,
        us=MS * 1000 + 7,
        ns=MS * 1_000_000 + 7,
        zt="2021-07-01T12:30:00.5Z",
        zm="23:00:00+01:00",
        kt=MOMENT,
    )
    assert after(converter(), found) == {
        "ms": MS - SHIFT_S * 1000,
        "us": MS * 1000 + 7 - SHIFT_S * 1_000_000,
        "ns": MS * 1_000_000 + 7 - SHIFT_S * 1_000_000_000,
        "zt": "2021-07-01T18:00:00.5+05:30",
        "zm": "03:30:00+05:30",
        "kt": datetime(2021, 7, 1, 7, 0, tzinfo=UTC),
    }


def test_what_has_no_zone_stays_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    found = row(d=5, mt=6, kd=MOMENT.date())
    assert after(converter(), found) == {"d": 5, "mt": 6, "kd": MOMENT.date()}
    assert len(caplog.records) == 6  # three types in each of the two rows, once


def test_both_rows_are_converted_and_nulls_stay() -> None:
    for make in (sink, source):
        found = applied(converter(), make(changed(row(ms=0), row(zt="1970-01-01T00:00:00Z")), ENVELOPE)).value
        assert found.get("before").get("ms") == -SHIFT_S * 1000
        assert found.get("before").get("zt") is None
        assert found.get("after").get("zt") == "1970-01-01T05:30:00+05:30"
        assert found.get("source").get("ts_ms") == 1_600


def test_a_zone_with_summer_time() -> None:
    berlin = converter("Europe/Berlin")
    assert after(berlin, row(ms=WINTER_S * 1000))["ms"] == (WINTER_S - 3600) * 1000
    assert after(berlin, row(ms=SUMMER_S * 1000))["ms"] == (SUMMER_S - 7200) * 1000
    assert after(berlin, row(zm="10:00:00Z"))["zm"] == "11:00:00+01:00"
    assert after(converter("Europe/Berlin", now_s=SUMMER_S), row(zm="10:00:00Z"))["zm"] == "12:00:00+02:00"


def test_times_out_of_reach() -> None:
    far = Instant(10**17)
    assert after(converter(), row(kt=far))["kt"] == Instant(10**17 - SHIFT_S * 1000)
    for zone in ("+18:00", "Europe/Berlin"):
        with pytest.raises(DataError, match="64 bits") as raised:
            converter(zone).apply(sink(changed(after=row(ms=-(1 << 63))), ENVELOPE))
        assert raised.value.path == "$.after.ms"


@pytest.mark.parametrize("text", ["", "garbage", "2019-08-02", "00:00:00"])
def test_a_text_that_is_no_time_is_refused_and_not_repeated(text: str) -> None:
    for _ in range(3):
        for name in ("zt", "zm"):
            with pytest.raises(DataError) as raised:
                converter().apply(sink(changed(after=row(**{name: text})), ENVELOPE))
            assert raised.value.path == f"$.after.{name}"
            assert not text or text not in str(raised.value)


def test_a_type_that_is_not_what_its_name_says_is_refused() -> None:
    odd = SchemaBuilder.struct().name("x.Value").optional().field(
        "t", debezium("MicroTimestamp", SchemaBuilder.int32())
    ).build()  # fmt: skip
    schema = envelope_schema(odd)
    value = event("c", after=Struct(odd).put("t", 5), schema=schema)
    with pytest.raises(DataError, match="int32"):
        converter().apply(sink(value, schema))
    assert applied(converter(), sink(event("c", after=Struct(odd), schema=schema), schema)).value


def test_other_messages_are_left_alone() -> None:
    for other in (sink(None), sink("x", Schema.STRING), sink({"a": 1}, None)):
        assert converter().apply(other) is other


# --- rules

BOTH = {"before", "after"}


def touched(transform: Any, *, topic: str = "srv.t", table: str = "t") -> set[str]:
    """The fields that change in an event, all of whose times are zero."""
    both = row(ms=0, us=0)
    value = changed(both, both, table=table)
    found = plain(applied(transform, sink(value, ENVELOPE, topic=topic)).value)
    made = {f"{side}.{name}" for side in BOTH for name in ("ms", "us") if found[side][name] != 0}
    return made | ({"source.ts_ms"} if found["source"]["ts_ms"] != 1_600 else set())


ALL = {"before.ms", "before.us", "after.ms", "after.us"}


@pytest.mark.parametrize(
    ("include", "expected"),
    [
        ("source:t", ALL),
        ("topic:srv.t", ALL),
        ("source:other", set()),
        ("topic:t", set()),
        ("source:t:ms", {"before.ms", "after.ms"}),
        ("topic:srv.t:after.us", {"after.us"}),
        ("t:ms", {"before.ms", "after.ms"}),
        ("srv.t:before.ms", {"before.ms"}),
        ("t:ms,t:us", ALL),
        ("source:t:source.ts_ms", {"source.ts_ms"}),
        ("source:other,t:ms", {"before.ms", "after.ms"}),
        ("topic:x,source:t", ALL),
        ("SOURCE:t", ALL),
        ("t:nothing", set()),
    ],
)
def test_include_rules(include: str, expected: set[str]) -> None:
    assert touched(converter(include_list=include)) == expected


@pytest.mark.parametrize(
    ("exclude", "expected"),
    [
        ("source:t", set()),
        ("source:other", ALL),
        ("source:t:ms", {"before.us", "after.us"}),
        ("topic:srv.t:before.ms", ALL - {"before.ms"}),
        ("t:source.version", ALL | {"source.ts_ms"}),
    ],
)
def test_exclude_rules(exclude: str, expected: set[str]) -> None:
    assert touched(converter(exclude_list=exclude)) == expected


def test_a_field_that_is_nowhere_is_told_of_once(caplog: pytest.LogCaptureFixture) -> None:
    assert touched(converter(include_list="t:mz")) == set()
    assert [each.getMessage() for each in caplog.records if "'mz'" in each.getMessage()]
    assert len(caplog.records) == 1
    with pytest.raises(DataError, match="'mz'"):
        touched(converter(exclude_list="t:mz", on_missing="fail"))


def test_one_transform_serves_many_tables() -> None:
    transform = converter(include_list="source:a:ms,b:us")
    for _ in range(3):
        assert touched(transform, table="a") == {"before.ms", "after.ms"}
        assert touched(transform, table="b") == {"before.us", "after.us"}
        assert touched(transform, table="c") == set()


def test_events_without_a_table_are_matched_by_topic() -> None:
    schema = SchemaBuilder.struct().name("x.Envelope").field("after", ROW).build()
    value = Struct(schema).put("after", row(ms=0))
    for rule, expected in (("topic:srv.t", -SHIFT_S * 1000), ("source:t", 0)):
        found = applied(converter(include_list=rule), sink(value, schema, topic="srv.t")).value
        assert found.get("after").get("ms") == expected


@pytest.mark.parametrize(
    "text", ["a:b:c:d", "source:", "bad*", "t", "source:a:x,source:b:y", ":a", "a:b,c:d:e"]
)
def test_rules_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match="none of the forms"):
        Rules.parse(text.split(","))
    with pytest.raises(ConfigError, match=r"include\.list"):
        converter(include_list=text)


def test_choices() -> None:
    found = choice_of({"a", "before.b", "source.c", "other.d"}, named=True)
    assert (set(found.before), set(found.after), set(found.source)) == (
        {"a", "b", "other.d"},
        {"a", "other.d"},
        {"c"},
    )
    assert [found.wanted("before", "b"), found.wanted("after", "b")] == [True, False]


def test_every_problem_of_a_configuration_is_told_at_once() -> None:
    with pytest.raises(ConfigError) as raised:
        converter("Nowhere/X", include_list="bad*", exclude_list="a:b")
    assert set(raised.value.problems) == {"converted.timezone", "include.list", "exclude.list"}
    with pytest.raises(ConfigError) as raised:
        TimezoneConverterConfig.parse({})
    assert set(raised.value.problems) == {"converted.timezone"}
    name = "io.debezium.transforms.TimezoneConverter"
    assert isinstance(plugins.create("transform", name, {"converted.timezone": "UTC"}), TimezoneConverter)


# --- zones


@pytest.mark.parametrize(
    "text",
    [
        "",
        " UTC ",
        "GMT+2",
        "PST",
        "JST",
        "europe/berlin",
        "+18:01",
        "+24:00",
        "+05:60",
        "5:30",
        "localtime",
        "../x",
    ],
)
def test_texts_that_are_no_zone(text: str) -> None:
    with pytest.raises(ValueError, match=r"must be|is no offset"):
        Zone.parse(text)


def test_offsets_at_the_changes_of_the_clock() -> None:
    zone = Zone.parse("America/New_York")
    gap = datetime(2021, 3, 14, 2, 30, tzinfo=UTC)  # no such local time: the offset before counts
    twice = datetime(2021, 11, 7, 1, 30, tzinfo=UTC)
    assert zone.offset_of_local_s(int(gap.timestamp())) == -5 * 3600
    assert zone.offset_of_local_s(int(twice.timestamp())) == -4 * 3600
    assert zone.offset_at_s(int(twice.timestamp())) == -4 * 3600
    assert Zone.parse("-05:30:15").offset_at_s(0) == -(5 * 3600 + 1815)


def test_offsets_long_ago_and_far_away() -> None:
    zone = Zone.parse("Europe/Berlin")
    assert zone.offset_at_s(-(10**18)) == zone.offset_of_local_s(-(10**12)) == 53 * 60 + 28
    july_12000 = (12000 - 2000) * 365.2425 * 86_400 + 962_000_000
    assert zone.offset_at_s(int(july_12000)) == 7200
    assert Zone.parse("Asia/Kolkata").offset_at_s(10**18) == SHIFT_S


# --- texts, as java.time reads and writes them


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("2020-01-01T10:20Z", "2020-01-01T10:20:00Z"),
        ("2020-01-01t10:20z", "2020-01-01T10:20:00Z"),
        ("2020-01-01T10:20:30.Z", "2020-01-01T10:20:30Z"),
        ("2020-01-01T10:20:30.120Z", "2020-01-01T10:20:30.12Z"),
        ("2020-01-01T10:20:30.123456789+01", "2020-01-01T10:20:30.123456789+01:00"),
        ("2020-01-01T10:20:30+0130", "2020-01-01T10:20:30+01:30"),
        ("2020-01-01T10:20:30-01:30:15", "2020-01-01T10:20:30-01:30:15"),
        ("2020-01-01T10:20:30-00:00", "2020-01-01T10:20:30Z"),
        ("-2020-01-01T10:20:30Z", "-2020-01-01T10:20:30Z"),
        ("+0012020-01-01T10:20:30Z", "+12020-01-01T10:20:30Z"),
        ("0000-02-29T10:20:30Z", "0000-02-29T10:20:30Z"),
        ("-02020-01-01T10:20:30Z", "-2020-01-01T10:20:30Z"),
        ("+999999999-12-31T23:59:59Z", "+999999999-12-31T23:59:59Z"),
    ],
)
def test_timestamps_that_are_read(text: str, same: str) -> None:
    assert timestamp_text(parse_timestamp(text)) == same


@pytest.mark.parametrize(
    "text",
    [
        "2020-01-01T10:20:30", "2020-01-01T10:20:30+1", "2020-01-01T10:20:30+013",
        "2020-01-01T10:20:30+013015",
        "2020-01-01T10:20:30+18:01", "2020-01-01T10:20:30+01:60", "2020-01-01T10:20:30.1234567890Z",
        "+2020-01-01T10:20:30Z", "12020-01-01T10:20:30Z", "-0000-01-01T10:20:30Z", "2020-02-30T10:20:30Z",
        "2020-01-01T24:00:00Z", "2020-01-01T23:59:60Z", "2020-01-01 10:20:30Z", "+1000000000-01-01T10:20:30Z",
        "2020-1-01T10:20:30Z", "2020-01-01T10Z", "2020-01-01T10:20.5Z", "٢020-01-01T10:20:30Z",
        "2020-01-01T10:20:30Z\n", "2020-13-01T10:20:30Z",
    ],
)  # fmt: skip
def test_timestamps_that_are_none(text: str) -> None:
    with pytest.raises(DataError):
        parse_timestamp(text)


@pytest.mark.parametrize("text", ["10:20:30+01", "10:20:30+0130", "10:20:30", "10:20:60Z", "1:20:30Z", "x"])
def test_times_that_are_none(text: str) -> None:
    with pytest.raises(DataError):
        parse_time(text)


@given(
    st.integers(-(10**16), 10**16), st.integers(0, 999_999_999), st.integers(-18 * 3600, 18 * 3600),
    st.integers(-18 * 3600, 18 * 3600),
)  # fmt: skip
def test_what_is_written_is_read_again(local_s: int, nanos: int, offset_s: int, other_s: int) -> None:
    zoned = Zoned(local_s, nanos, offset_s)
    assert parse_timestamp(timestamp_text(zoned)) == zoned
    moved = zoned.at_offset(other_s)
    assert moved.local_s - moved.offset_s == local_s - offset_s
    assert parse_time(time_text(zoned)) == Zoned(local_s % 86_400, nanos, offset_s)


@given(
    st.integers(-(10**17), 10**17), st.sampled_from(["UTC", "+05:30", "Europe/Berlin", "Pacific/Apia"]),
    st.sampled_from(["ms", "us", "ns"]),
)  # fmt: skip
def test_schema_and_value_agree(number: int, zone: str, name: str) -> None:
    found = after(converter(zone), row(**{name: number}))[name]
    units = {"ms": 10**3, "us": 10**6, "ns": 10**9}[name]
    assert (number - found) % units == 0
    assert abs(number - found) <= 18 * 3600 * units

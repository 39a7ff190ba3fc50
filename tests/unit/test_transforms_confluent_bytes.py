"""GzipDecompress and BytesToString: what they make of bytes, and how much at most."""

from __future__ import annotations

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectkit.builder import SchemaBuilder
from connectkit.errors import LimitError
from connectkit.limits import Limits
from connectkit.schema import Schema, Type
from connectkit.struct import Struct
from connectkit.transforms.confluent.bytes_text import GzipDecompress, GzipDecompressConfig, gunzip
from tests.strategies import values
from tests.support.smt import fails, make, problems, run, sink

GZIP = "io.confluent.connect.transforms.GzipDecompress"
TEXTS = [
    "io.confluent.connect.transforms.BytesToString",
    "com.github.jcustenborder.kafka.connect.transform.common.BytesToString",
    "BytesToString",
]


@pytest.mark.parametrize("schema", [None, Schema.BYTES, Schema.OPTIONAL_BYTES])
def test_gzip_is_unpacked(schema: Schema | None) -> None:
    packed = gzip.compress(b"Hello world")
    made = run(make(GZIP + "$Value"), sink(packed, schema))
    assert (made.value, made.value_schema) == (b"Hello world", schema)
    made = run(make("GzipDecompress$Key"), sink("v", key=bytearray(packed)))
    assert (made.key, made.value) == (b"Hello world", "v")


def test_null_stays_null() -> None:
    record = sink(None, Schema.OPTIONAL_BYTES)
    assert run(make(GZIP + "$Value"), record) is record


def test_members_in_a_row_and_padding() -> None:
    packed = gzip.compress(b"a" * 70_000) + gzip.compress(b"") + gzip.compress(b"b")
    assert gunzip(packed, 100_000) == b"a" * 70_000 + b"b"
    assert gunzip(packed + b"\0\0\0", 100_000) == b"a" * 70_000 + b"b"


@given(st.lists(st.binary(max_size=200), min_size=1, max_size=4), st.integers(0, 3))
def test_what_was_packed_comes_out(parts: list[bytes], padding: int) -> None:
    packed = b"".join(map(gzip.compress, parts)) + b"\0" * padding
    assert gunzip(memoryview(packed), 1000) == b"".join(parts)


@given(st.binary(max_size=60), st.data())
def test_cut_or_damaged_data_is_a_data_error(content: bytes, data: st.DataObject) -> None:
    packed = gzip.compress(content)
    fails(make(GZIP + "$Value"), sink(packed[: data.draw(st.integers(0, len(packed) - 1))]))
    at = data.draw(st.integers(len(packed) - 8, len(packed) - 1))  # in the check sum or the size
    fails(make(GZIP + "$Value"), sink(packed[:at] + bytes([packed[at] ^ 0xFF]) + packed[at + 1 :]))


@pytest.mark.parametrize(
    "data", [b"", b"\x1f\x8b", b"plain text", gzip.compress(b"x", mtime=0)[:-1], zlib.compress(b"x")]
)
def test_what_is_no_gzip(data: bytes) -> None:
    assert fails(make(GZIP + "$Value"), sink(data)).path == "$"


def test_other_types_are_refused() -> None:
    transform = make(GZIP + "$Value")
    fails(transform, sink("text"))
    fails(transform, sink({"a": 1}))
    fails(transform, sink("text", Schema.STRING))


def test_a_bomb_is_stopped_at_the_limit() -> None:
    bomb = gzip.compress(b"\0" * 50_000_000, compresslevel=9)
    assert len(bomb) < 60_000
    transform = GzipDecompress(GzipDecompressConfig.parse({}), limits=Limits(value_bytes=1000))
    assert "more than 1000 bytes" in str(fails(transform, sink(bomb)))
    exact = gzip.compress(b"x" * 1000)
    assert run(transform, sink(exact)).value == b"x" * 1000
    with pytest.raises(LimitError, match="more than 999 bytes"):
        gunzip(exact, 999)
    with pytest.raises(LimitError, match="more than 16777216 bytes"):
        make(GZIP + "$Value").apply(sink(bomb))


def test_a_row_of_empty_members_is_stopped() -> None:
    with pytest.raises(LimitError, match="more than 10000 members"):
        gunzip(gzip.compress(b"") * 20_000, 1000)


# --- BytesToString

NAMES = st.sampled_from(["a", "b", "c.d", "e f"])
SCHEMA = (
    SchemaBuilder.struct().name("N").version(3)
    .field("a", Schema.BYTES)
    .field("b", SchemaBuilder.bytes().optional().default(b"d\xc3\xa9").doc("B").build())
    .field("n", Schema.INT32)
    .build()
)  # fmt: skip


@pytest.mark.parametrize("name", TEXTS)
def test_the_whole_value(name: str) -> None:
    for schema, wanted in (
        (Schema.BYTES, Schema.STRING),
        (Schema.OPTIONAL_BYTES, Schema.OPTIONAL_STRING),
        (None, None),
    ):
        made = run(make(name + "$Value"), sink("é".encode(), schema))
        assert (made.value, made.value_schema) == ("é", wanted)
    assert run(make(name + "$Key"), sink(None, key=b"k")).key == "k"


@pytest.mark.parametrize(
    ("charset", "data", "text"),
    [
        ("ISO-8859-1", b"\xe9", "é"),
        ("utf-8", b"\xe9", "\ufffd"),
        ("UTF-16BE", b"\0a", "a"),
        ("windows-1252", b"\x80", "€"),
    ],
)
def test_character_sets_are_javas(charset: str, data: bytes, text: str) -> None:
    assert run(make("BytesToString$Value", charset=charset), sink(data)).value == text


def test_fields_of_a_struct() -> None:
    made = run(make("BytesToString$Value", fields="a,b"), sink(Struct.of(SCHEMA, [b"x", b"y", 1]), SCHEMA))
    assert made.value.values == ["x", "y", 1]
    schema = made.value_schema
    assert (schema.name, schema.version) == ("N", 3)
    assert schema.field("a").schema == Schema.STRING
    b = schema.field("b").schema
    assert (b.type.value, b.optional, b.default, b.doc) == ("string", True, "dé", "B")
    made = run(make("BytesToString$Value", fields="a,b"), sink(Struct.of(SCHEMA, [b"x", None, 1]), SCHEMA))
    assert made.value.values == ["x", None, 1]


def test_fields_of_a_map() -> None:
    value = {"a": b"x", "z": None, "n": 1}
    assert run(make("BytesToString$Value", fields="a,z"), sink(value)).value == {"a": "x", "z": None, "n": 1}
    fails(make("BytesToString$Value", fields="n"), sink(value))


def test_missing_fields(caplog: pytest.LogCaptureFixture) -> None:
    for record in (sink({"a": b"x"}), sink(Struct.of(SCHEMA, [b"x", None, 1]), SCHEMA)):
        transform = make("BytesToString$Value", fields="a,aa")
        caplog.clear()
        run(transform, record)
        assert len([each for each in caplog.records if "'aa'" in each.getMessage()]) == 1
        caplog.clear()
        run(make("BytesToString$Value", fields="aa", on_missing="ignore"), record)
        assert caplog.records == []
        assert fails(make("BytesToString$Value", fields="aa", on_missing="fail"), record).path == "$.aa"


def test_what_cannot_become_text() -> None:
    fails(make("BytesToString$Value", fields="n"), sink(Struct.of(SCHEMA, [b"x", None, 1]), SCHEMA))
    fails(make("BytesToString$Value"), sink(Struct.of(SCHEMA, [b"x", None, 1]), SCHEMA))
    fails(make("BytesToString$Value"), sink({"a": b"x"}))
    fails(make("BytesToString$Value"), sink("text"))


def test_null_passes() -> None:
    for schema in (None, Schema.OPTIONAL_BYTES, SCHEMA):
        record = sink(None, schema)
        for options in ({}, {"fields": "a"}):
            assert run(make("BytesToString$Value", **options), record, checked=False) is record


def test_bad_configuration() -> None:
    assert set(problems("BytesToString$Value", charset="utf-9")) == {"charset"}


@given(st.dictionaries(NAMES, st.booleans(), min_size=1, max_size=4), st.data())
def test_schema_and_value_agree(fields: dict[str, bool], data: st.DataObject) -> None:
    builder = SchemaBuilder.struct()
    for name, optional in fields.items():
        builder.field(name, Schema.OPTIONAL_BYTES if optional else Schema.BYTES)
    schema = builder.build()
    chosen = data.draw(st.lists(st.sampled_from(sorted(fields)), min_size=1, unique=True))
    made = run(make("BytesToString$Value", fields=",".join(chosen)), sink(data.draw(values(schema)), schema))
    for field in made.value_schema.fields:
        assert (field.schema.type is Type.STRING) is (field.name in chosen)

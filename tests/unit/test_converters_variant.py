"""Variants: as Confluent's Python client reads and writes them; and bytes that are none, or are bombs."""

from __future__ import annotations

import json
import math
import uuid
from decimal import Decimal
from typing import Any

import pytest
from confluent_kafka.schema_registry.confluent.type.variant_utils import Variant, VariantBuilder, parse_json
from hypothesis import given, settings
from hypothesis import strategies as st

from connectkit.converters.variant import VARIANT, decoded, encoded, from_struct, is_variant, to_struct
from connectkit.errors import ConversionError, LimitError
from connectkit.limits import Limits
from connectkit.schema import Schema
from connectkit.struct import Struct

TEXTS = st.text(st.characters(codec="utf-8"), max_size=70)
TREES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**38) + 1, 10**38 - 1) | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXTS, inner, max_size=5),
    max_leaves=20,
)


@settings(max_examples=200, deadline=None)
@given(TREES)
def test_confluents_client_writes_the_same_bytes(tree: Any) -> None:
    metadata, value = encoded(tree)
    if "Infinity" not in json.dumps(tree):
        other = parse_json(json.dumps(tree))
        assert (metadata, value) == (other.metadata, other.value)
    assert decoded(metadata, value) == tree
    assert from_struct(to_struct(VARIANT, tree)) == tree


def test_large_containers() -> None:
    many = {f"name{i}": i for i in range(70_000)}
    assert decoded(*encoded(many)) == many
    long = ["x" * 100] * 300
    assert decoded(*encoded(long)) == long
    other = parse_json(json.dumps(long))
    assert encoded(long) == (other.metadata, other.value)


@pytest.mark.parametrize(
    ("append", "argument", "wanted"),
    [
        ("float", 1.5, 1.5),
        ("decimal", Decimal("1.20"), Decimal("1.20")),
        ("decimal", Decimal("-12345678901234567890.123456789"), Decimal("-12345678901234567890.123456789")),
        ("binary", b"\xff\x00", "/wA="),
        ("date", -1, "1969-12-31"),
        ("date", -719162, "0001-01-01"),
        ("time", 1_500_000, "00:00:01.500"),
        ("time", 86_399_999_999, "23:59:59.999999"),
        ("timestamp_tz", -1, "1969-12-31T23:59:59.999999Z"),
        ("timestamp_ntz", 0, "1970-01-01T00:00:00"),
        ("timestamp_nanos_tz", 1_000_000_001, "1970-01-01T00:00:01.000000001Z"),
        ("timestamp_nanos_ntz", 5_000_000, "1970-01-01T00:00:00.005"),
        ("uuid", uuid.UUID("00112233-4455-6677-8899-aabbccddeeff"), "00112233-4455-6677-8899-aabbccddeeff"),
    ],
)
def test_what_json_has_no_type_for(append: str, argument: Any, wanted: Any) -> None:
    builder: Any = VariantBuilder()
    getattr(builder, f"append_{append}")(argument)
    other: Variant = builder.build()
    got = decoded(other.metadata, other.value)
    assert (type(got), got) == (type(wanted), wanted)
    told = json.loads(other.to_json(), parse_float=Decimal)
    assert told == (Decimal(str(wanted)) if isinstance(wanted, float) else wanted)


def test_infinite_numbers_and_large_decimals_stay() -> None:
    assert decoded(*encoded(math.inf)) == math.inf
    assert decoded(*encoded(Decimal("1.5"))) == 1.5
    with pytest.raises(ConversionError, match="38 digits"):
        encoded(10**38)
    with pytest.raises(ConversionError, match="class object"):
        encoded(object())


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=40), st.binary(max_size=40))
def test_any_bytes_are_a_variant_or_a_sentence(metadata: bytes, value: bytes) -> None:
    for names in (metadata, b"\x01\x01\x00\x01a" + metadata):
        try:
            decoded(names, value)
        except (ConversionError, LimitError):
            continue


def test_bombs() -> None:
    nested: Any = 1
    for _ in range(100):
        nested = [nested]
    with pytest.raises(LimitError):
        encoded(nested)
    with pytest.raises(LimitError):
        decoded(*encoded(nested, limits=Limits(depth=200)))
    # A thousand elements that are all the same kilobyte, a thousand times that, and so on.
    level = b"\x41" + b"a" * 16
    for _ in range(6):
        level = b"\x0f" + bytes([100]) + b"\0\0\0\0" * 101 + level
    with pytest.raises(ConversionError, match="damaged"):
        decoded(b"\x01\0\0", level)
    # One long name for each of many fields.
    name = b"n" * 60_000
    metadata = b"\x41\x01\0\0\0" + len(name).to_bytes(2, "little") + name
    fields = b"\x4e" + (5_000).to_bytes(4, "little") + b"\0" * 5_000
    offsets = b"".join(i.to_bytes(4, "little") for i in range(5_001))
    with pytest.raises(LimitError, match="names"):
        decoded(metadata, fields + offsets + b"\0" * 5_000)


def test_a_struct_that_is_no_variant() -> None:
    assert is_variant(VARIANT)
    assert not is_variant(Schema.BYTES)
    with pytest.raises(ConversionError, match="both"):
        from_struct(Struct.of(VARIANT, [None, b"\0"]))
    with pytest.raises(ConversionError, match="version"):
        from_struct(Struct.of(VARIANT, [b"\2\0\0", b"\0"]))

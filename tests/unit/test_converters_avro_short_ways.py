"""The ways that Avro's generated functions take for common data end where the long ones do."""

from __future__ import annotations

import json

import pytest

from connectkit import logical
from connectkit.converters import varint
from connectkit.converters.avro.config import AvroConfig
from connectkit.converters.avro.decode import compile_decoder
from connectkit.converters.avro.encode import compile_encoder
from connectkit.converters.avro.from_avro import from_avro
from connectkit.converters.avro.parse import parse
from connectkit.converters.avro.to_avro import to_avro
from connectkit.errors import ConversionError
from connectkit.instant import EXACT_MS, timestamp_from
from connectkit.schema import Schema

pytestmark = pytest.mark.usefixtures("twin")

OPTIONS = AvroConfig.parse({"schema.registry.url": "mock://x"}).options


def test_a_branch_number_may_be_longer_than_it_has_to_be() -> None:
    avro = parse('["null","string"]')
    decode = compile_decoder(avro, avro, from_avro(avro, OPTIONS), OPTIONS)
    assert decode(b"\x02\x04hi", 0) == "hi"
    assert decode(b"\x82\x80\x00\x04hi", 0) == "hi"
    assert decode(b"\x80\x00", 0) is None
    for wrong in (b"\x01", b"\x03\x04hi", b"\x83\x00\x04hi", b"\x04\x04hi", b"\x84\x00\x04hi"):
        with pytest.raises(ConversionError):
            decode(wrong, 0)


def test_unions_may_have_more_branches_than_a_byte_counts() -> None:
    fixed = [{"type": "fixed", "name": f"F{i}", "size": 1} for i in range(70)]
    avro = parse(json.dumps(["null", *fixed]))
    schema = from_avro(avro, OPTIONS)
    decode = compile_decoder(avro, avro, schema, OPTIONS)
    for number in (1, 63, 64, 70):
        found = decode(varint.write(number) + b"x", 0)
        assert [i for i, value in enumerate(found.values, 1) if value is not None] == [number]
    with pytest.raises(ConversionError):
        decode(varint.write(71) + b"x", 0)


@pytest.mark.parametrize(
    "millis", [0, 1, -1, 1234567890123, EXACT_MS - 1, EXACT_MS, 253402300799999, 253402300800000, -(1 << 62)]
)
def test_moments_are_the_same_on_both_ways(millis: int) -> None:
    avro = to_avro(logical.TIMESTAMP, OPTIONS)
    decode = compile_decoder(avro, avro, logical.TIMESTAMP, OPTIONS)
    encode = compile_encoder(avro, logical.TIMESTAMP, OPTIONS)
    value = decode(varint.write(millis), 0)
    assert value == timestamp_from(millis)
    assert type(value) is type(timestamp_from(millis))
    assert encode(value, b"") == varint.write(millis)


def test_half_of_a_pair_is_written_as_a_question_mark_and_what_is_no_text_is_refused() -> None:
    encode = compile_encoder(to_avro(Schema.STRING, OPTIONS), Schema.STRING, OPTIONS)
    assert encode("a\ud800b", b"p") == b"p\x06a?b"
    for wrong in (b"bytes", 5):
        with pytest.raises(ConversionError):
            encode(wrong, b"")

from decimal import Decimal
from typing import Any

import pytest

from connectkit.converters.json_base64 import from_base64
from connectkit.converters.json_parse import MISSING, BadJsonError, parse
from connectkit.converters.utf16 import decode_utf16

ACCEPTED: list[tuple[bytes, Any]] = [
    (b"", MISSING),
    (b" \t\r\n", MISSING),
    (b"007", 7),
    (b"-01", -1),
    (b"00.50", Decimal("0.50")),
    (b"1E+3", Decimal("1E+3")),
    (b"1e400", Decimal("1e400")),
    (b"123456789012345678901234567890", 123456789012345678901234567890),
    (b"1 2", 1),
    (b"{} x", {}),
    (b"{}{}", {}),
    (b'{"a":1}\x00\xff', {"a": 1}),
    (b'"a"b', "a"),
    (b'true"', True),
    (b"true:", True),
    (b'{"a":1,"b":2,"a":3}', {"a": 3, "b": 2}),
    (rb'"\ud83d\ude00\ud800\/\b"', "😀\ud800/\b"),
    (b'"\xc0\x80"', "\x00"),
    (b'"\xf7\xbf\xbf\xbf"', "\udfbf\udfff"),
    (b'"\x7f\xc2\x80"', "\x7f\x80"),
    (b"\xef\xbb\xbf{}", {}),
    ('{"é":[]}'.encode("utf-16"), {"é": []}),
    ('{"é":[]}'.encode("utf-16-be"), {"é": []}),
    ('{"é":[]}'.encode("utf-16-le"), {"é": []}),
    ('{"é":[]}'.encode("utf-32"), {"é": []}),
    ('{"é":[]}'.encode("utf-32-be"), {"é": []}),
    (b"\x00\x00\xfe\xff\x00\x00\x001", 1),
    (b'\x00"\xd8\x00\x00a\x00"', "\ufffd"),
    (b"1" * 1000, int("1" * 1000)),
    (b"[" * 1000 + b"]" * 1000, ...),
]
REFUSED = [
    *(
        b"nul",
        b"nulll",
        b"true_",
        b"falsey",
        b"true\xc3\xa9",
        b"NaN",
        b"-Infinity",
        b"1_000",
        b"1x",
        b"[1 2]",
    ),
    *(b"1.", b".5", b"1.e5", b"+1", b"--1", b"-", b"1e", b"1e+", b"[1.]", b"-a"),
    *(
        b"[1,]",
        b'{"a":1,}',
        b"{a:1}",
        b"{'a':1}",
        b'{"a"1}',
        b'{"a":}',
        b"[",
        b'{"a":1',
        b'"',
        b"]",
        b",",
        b":",
    ),
    *(b'"\t"', rb'"\x"', rb'"\u12"', b'"\xff"', b'"\xc3"', b'"\xed\xa0\x80"', b'"a\\', b"/*x*/1", b"// x"),
    *(rb'{"\ud800":1}', rb'{"\udc00":1}', rb'{"\udc00\ud800":1}', b'{"\xff":1}'),
    *(
        b"\xef\xbb\xbf",
        b"\x00\x00\xff\xfe",
        b"\xfe\xff\x00\x00",
        b"\x00\x00\x001\x00",
        b"\x00\x11\x00\x00\x00",
    ),
    *(b"1e2147483648", b"1e-2147483648", b"1e99999999999", b"1" * 1001, b"0." + b"1" * 1000),
    b"[" * 1001 + b"]" * 1001,
]


@pytest.mark.parametrize(("data", "value"), ACCEPTED, ids=lambda case: repr(case)[:30])
def test_accepted(data: bytes, value: Any) -> None:
    got = parse(data)
    if value is not ...:
        assert (got, repr(got)) == (value, repr(value))


@pytest.mark.parametrize("data", REFUSED, ids=lambda case: repr(case)[:30])
def test_refused(data: bytes) -> None:
    with pytest.raises(BadJsonError) as caught:
        parse(data)
    assert 0 <= caught.value.at <= len(data)
    assert caught.value.reason.split()[0] in ("is", "has", "ends", "lacks", "goes")


def test_numbers_are_made_from_their_text() -> None:
    assert parse(b"[-012, 1.50e+2, -0]", integer=str, fraction=str) == ["-12", "1.50e+2", "-0"]


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("", b""),
        ("AQID", b"\1\2\3"),
        ("AQ==", b"\1"),
        (" AQ==\n AQI=\t", b"\1\1\2"),
        ("AR==", b"\1"),
        ("AQID\0BA==", b"\1\2\3\4"),
    ],
)
def test_base64_as_jackson_reads_it(text: str, data: bytes) -> None:
    assert from_base64(text) == data


@pytest.mark.parametrize(
    "text", ["A", "AQ", "AQI", "AQ=", "A_-=", "A===", "AQ==A", "A Q==", "====", "é===", "AQ=A"]
)
def test_base64_refused(text: str) -> None:
    with pytest.raises(ValueError, match="it "):
        from_base64(text)


def test_utf16_counts_what_is_broken_as_java_does() -> None:
    assert decode_utf16(b"\xd8\x00\x00a\x00b", big_endian=True) == "\ufffdb"
    assert decode_utf16(b"\x00a\xdc\x00", big_endian=True) == "a\ufffd"
    assert decode_utf16(b"a\x00\x00", big_endian=False) == "a\ufffd"
    assert decode_utf16(b"\xd8\x00\x00", big_endian=True) == "\ufffd"
    assert decode_utf16(b"\xd8\x00\xd8\x00\x00", big_endian=True) == "\ufffd\ufffd"
    assert decode_utf16("😀é".encode("utf-16-le"), big_endian=False) == "😀é"

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectkit.converters.charsets import _table, charset, decode_utf8, encode_utf8

ANY_TEXT = st.text(st.characters(exclude_categories=()))


@given(st.text())
def test_wide_sets_lose_nothing(text: str) -> None:
    for name in (
        "UTF-8",
        "UTF-16",
        "utf-16be",
        "UTF-16LE",
        "x-UTF-16LE-BOM",
        "UTF-32",
        "UTF-32BE",
        "UTF-32LE",
    ):
        made = charset(name)
        assert made.decode(made.encode(text)) == text


@given(st.binary(), ANY_TEXT)
def test_nothing_raises_but_an_unknown_name(data: bytes, text: str) -> None:
    for name in (
        "UTF-8",
        "UTF-16",
        "UTF-16LE",
        "UTF-32",
        "US-ASCII",
        "ISO-8859-1",
        "windows-1253",
        "IBM037",
        "Shift_JIS",
    ):
        made = charset(name)
        assert isinstance(made.decode(data), str)
        assert isinstance(made.encode(text), bytes)


@given(st.binary())
def test_good_utf8_is_read_as_it_is_and_bad_never_longer_than_its_bytes(data: bytes) -> None:
    text = decode_utf8(data)
    assert len(text) <= len(data)
    assert data != encode_utf8(text) or "\ufffd" not in text or "\ufffd".encode() in data


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"\xed\xa0\x80", "\ufffd"),
        (b"a\xed\xb0\x80b", "a\ufffdb"),
        (b"\xed\xa0", "\ufffd"),
        (b"\xed\xa0\xed\xa0\x80", "\ufffd\ufffd"),
        (b"\xc0\x80", "\ufffd\ufffd"),
        (b"\xe2\x82", "\ufffd"),
        (b"\xf4\x90\x80\x80", "\ufffd" * 4),
        (b"\xff\xfea\x00", "\ufffd\ufffda\x00"),
        (b"\xef\xbb\xbfx", "\ufeffx"),
    ],
)
def test_broken_utf8_is_counted_as_java_counts(data: bytes, text: str) -> None:
    assert decode_utf8(data) == text


@pytest.mark.parametrize(
    ("name", "text", "data"),
    [
        ("UTF-8", "\ud83d\ude00", "😀".encode()),
        ("UTF-8", "a\udc00b", b"a?b"),
        ("UTF-16", "aé", b"\xfe\xff\x00a\x00\xe9"),
        ("UTF-16", "", b""),
        ("UTF-16", "a\udc00b", b"\xfe\xff\x00a\xff\xfd\x00b"),
        ("UnicodeLittle", "a", b"\xff\xfea\x00"),
        ("UTF-16BE", "\ufeffx", b"\xfe\xff\x00x"),
        ("UTF-32", "a", b"\0\0\0a"),
        ("latin1", "é日", b"\xe9?"),
        ("ISO-8859-1", "😀", b"?"),
        ("US-ASCII", "\ud83d\ude00\ud800", b"??"),
        ("IBM037", "a\nb", b"\x81\x15\x82"),
        ("koi8_r", "я", b"\xd1"),
    ],
)
def test_texts_written(name: str, text: str, data: bytes) -> None:
    assert charset(name).encode(text) == data


@pytest.mark.parametrize(
    ("name", "data", "text"),
    [
        ("UTF-16", b"\xff\xfea\x00", "a"),
        ("UTF-16", b"\x00a", "a"),
        ("UTF-16LE", b"\xff\xfea\x00", "\ufeffa"),
        ("UTF-16BE", b"\xff", "\ufffd"),
        ("UTF-32", b"\xff\xfe\x00\x00a\x00\x00\x00", "a"),
        ("UTF-32", b"\x00\x00\xfe\xff\x00\x11\x00\x00\x00", "\ufffd\ufffd"),
        ("US-ASCII", b"a\xe9", "a\ufffd"),
        ("windows-1252", b"\x80\x81", "€\ufffd"),
        ("cp500", b"\x15\x25", "\n\n"),
    ],
)
def test_texts_read(name: str, data: bytes, text: str) -> None:
    assert charset(name).decode(data) == text


@pytest.mark.parametrize("name", ["", "nope", "UTF_8", "utf_8_sig", "rot13", "base64", "idna", "mbcs"])
def test_names_that_java_does_not_have(name: str) -> None:
    with pytest.raises(LookupError, match="must be a character set"):
        charset(name)


def test_every_name_in_the_table_works() -> None:
    names = _table()
    assert len(names) > 300
    for name in names:
        assert charset(name.upper()).decode(charset(name).encode("1")) == "1"

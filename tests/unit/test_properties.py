"""Java properties: every rule of the format. Expectations are what java.util.Properties reads."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectkit.errors import ConfigError
from connectkit.properties import describe_duplicates, dumps, load_bytes, loads


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("a=b", {"a": "b"}),
        ("a:b\nc d", {"a": "b", "c": "d"}),
        ("  a  =  b  ", {"a": "b  "}),
        ("a = : b", {"a": ": b"}),
        ("a\nb=", {"a": "", "b": ""}),
        ("# x\n ! y\n\na=1 # 2", {"a": "1 # 2"}),
        ("a=b\\\n   c", {"a": "bc"}),
        ("a=b\\\\\nc=d", {"a": "b\\", "c": "d"}),
        ("a=b\\\n\nc=d", {"a": "b", "c": "d"}),
        ("a=b\\\n# c", {"a": "b# c"}),
        ("\\\n# c\na=b", {"a": "b"}),
        ("a\\ b\\=c\\:d=e", {"a b=c:d": "e"}),
        ("a=\\t\\n\\r\\f\\q\\\\", {"a": "\t\n\r\fq\\"}),
        ("a=\\u00e9\\uD83D\\uDE00", {"a": "é😀"}),
        ("a=é", {"a": "é"}),
        ("a=1\ra=2\r\na=3", {"a": "3"}),
        ("=x", {"": "x"}),
        ("a=b\\", {"a": "b"}),
        ("\ufeffa=b", {"a": "b"}),
        ("\fa\fb", {"a": "b"}),
        ("a=${file:/x:y}", {"a": "${file:/x:y}"}),
        ("", {}),
    ],
)
def test_reads_as_java(text: str, values: dict[str, str]) -> None:
    assert loads(text).values == values


@pytest.mark.parametrize("text", ["a=1\nb=\\u12", "a=1\nb=\\u12g4", "a=1\n\\uzzzz=b"])
def test_a_malformed_escape_names_its_line(text: str) -> None:
    with pytest.raises(ConfigError, match=r"worker has a malformed .* in line 2"):
        loads(text, where="worker")


def test_bytes_that_are_not_utf_8_name_their_line() -> None:
    with pytest.raises(ConfigError, match="line 2"):
        load_bytes(b"a=b\nc=\xe9\n")


def test_doubles_and_lines_are_told() -> None:
    found = loads("a=1\n# x\nb=\\\n 2\na=3")
    assert found.values == {"a": "3", "b": "2"}
    assert found.lines == {"a": 5, "b": 3}
    assert found.duplicates == [("a", 1, 5)]
    assert "line 1" in describe_duplicates(found)[0]


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), st.text()))
def test_what_is_written_reads_back(values: dict[str, str]) -> None:
    text = dumps(values)
    assert text.isascii()
    assert loads(text).values == values


@given(st.text("ab=: \t\f\\\n\r#!u0041é", max_size=60))
def test_it_takes_anything(text: str) -> None:
    try:
        found = loads(text)
    except ConfigError:
        return
    assert loads(dumps(found.values)).values == found.values

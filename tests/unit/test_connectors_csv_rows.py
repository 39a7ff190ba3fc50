"""Rows from bytes: any cut of the bytes gives the same rows and places; what cannot be read is named."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectkit.connectors.csv_rows import BadRow, Dialect, RowParser
from connectkit.errors import DataError


def parsed(
    data: bytes, *, dialect: Dialect | None = None, cuts: list[int] | None = None
) -> list[tuple[list[str], int, int, int]]:
    dialect = dialect or Dialect()
    codec, at = dialect.codec(data[:4])
    parser = RowParser(dialect, codec, position=at)
    found = []
    for end in [*sorted({cut for cut in cuts or [] if at < cut < len(data)}), len(data)]:
        rows = parser.feed(data[at:end], final=end == len(data))
        at = end
        found += list(zip(rows.rows, rows.positions, rows.first_lines, rows.last_lines, strict=True))
    return found


def rows(data: bytes, dialect: Dialect | None = None) -> list[list[str]]:
    return [row for row, *_ in parsed(data, dialect=dialect)]


def test_rows_carry_the_place_after_them() -> None:
    assert parsed(b'a,b\n1,"x\ny"\n\n2,z') == [
        (["a", "b"], 4, 1, 1),
        (["1", "x\ny"], 12, 2, 3),
        (["2", "z"], 16, 5, 5),
    ]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_all_line_ends(end: bytes) -> None:
    assert rows(b"a,b" + end + b"1,2" + end + b"3,4") == [["a", "b"], ["1", "2"], ["3", "4"]]


def test_a_stray_quote_costs_its_own_line() -> None:
    found = rows(b'a,b\n1,"x\ny,2\n5,6')
    assert found == [["a", "b"], [], ["y", "2"], ["5", "6"]]
    assert isinstance(found[1], BadRow)
    assert "quote" in found[1].reason


def test_invalid_utf8_is_named_by_line_and_byte() -> None:
    found = rows(b"a,b\n1,\xff\n2,3\n")
    assert found == [["a", "b"], [], ["2", "3"]]
    assert isinstance(found[1], BadRow)
    assert found[1].reason.startswith("is not valid utf-8 at its byte 3")
    assert rows(b"1,\xff\n", Dialect(replace_invalid=True)) == [["1", "\ufffd"]]


def test_a_quoted_row_that_runs_into_invalid_bytes() -> None:
    found = rows(b'1,"x\n\xff"\n2,3\n')
    assert found == [[], [], ["2", "3"]]


def test_escape_and_other_marks() -> None:
    dialect = Dialect(delimiter=";", quote="'", escape="\\")
    assert rows(b"a\\;b;'c;d'\n", dialect) == [["a;b", "c;d"]]
    assert rows(b'"a;b"\n', Dialect(delimiter=";", quote=None)) == [['"a', 'b"']]


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "latin-1", "cp037"]
)
def test_encodings(encoding: str) -> None:
    data = 'n,t\r\n1,é\r\n2,"x\ny"\r\n'.encode(encoding)
    found = parsed(data, dialect=Dialect(encoding=encoding), cuts=list(range(1, len(data), 3)))
    assert [row for row, *_ in found] == [["n", "t"], ["1", "é"], ["2", "x\ny"]]
    assert found[-1][1] == len(data)


def test_a_utf8_mark_is_no_part_of_the_first_row() -> None:
    assert rows(b"\xef\xbb\xbfa,b\n") == [["a", "b"]]


def test_lines_have_a_bound() -> None:
    parser = RowParser(Dialect(max_row_bytes=20), "utf-8")
    with pytest.raises(DataError, match=r"line 1 is longer than max\.row\.bytes"):
        parser.feed(b"x" * 30)


def test_an_open_quote_swallows_no_more_than_the_bound() -> None:
    parser = RowParser(Dialect(max_row_bytes=20), "utf-8")
    found = parser.feed(b'1,"a\n' + b"2,b\n" * 10)
    assert found.rows[0] == []
    assert found.rows[1:] == [["2", "b"]] * 10


def test_wide_characters_that_are_wrong_are_named_by_position() -> None:
    parser = RowParser(Dialect(encoding="utf-16-le"), "utf-16-le")
    with pytest.raises(DataError, match="from position 2"):
        parser.feed(b"a\x00\x00\xdc\n\x00", final=True)


cells = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=6)
tables = st.lists(st.lists(cells, min_size=1, max_size=4), min_size=1, max_size=8)


@given(
    tables, st.sampled_from(["\n", "\r\n", "\r"]), st.booleans(), st.lists(st.integers(0, 400), max_size=8)
)
def test_any_cut_gives_the_rows_that_were_written(
    table: list[list[str]], end: str, quote_all: bool, cuts: list[int]
) -> None:
    text = io.StringIO(newline="")
    csv.writer(
        text, quoting=csv.QUOTE_ALL if quote_all else csv.QUOTE_NONNUMERIC, lineterminator=end
    ).writerows(table)
    data = text.getvalue().encode()
    whole = parsed(data)
    assert [row for row, *_ in whole] == table
    assert parsed(data, cuts=cuts) == whole


@given(st.text('ab,"\n\r\\é', max_size=60), st.lists(st.integers(0, 80), max_size=6))
def test_any_text_is_read_alike_wherever_it_is_cut(text: str, cuts: list[int]) -> None:
    data = text.encode()
    whole = parsed(data)
    found = parsed(data, cuts=cuts)
    # An open quote is told at the end of the file only, so both see the same rows and places.
    assert found == whole


@given(st.binary(max_size=60), st.lists(st.integers(0, 80), max_size=6))
def test_any_bytes_resume_at_any_row(data: bytes, cuts: list[int]) -> None:
    whole = parsed(data, cuts=cuts)
    start = Dialect().codec(data[:4])[1]
    for i, (_, position, _, line) in enumerate(whole):
        parser = RowParser(Dialect(), "utf-8", position=position, line=line)
        rest = parser.feed(data[position:], final=True)
        assert (
            list(zip(rest.rows, rest.positions, rest.first_lines, rest.last_lines, strict=True))
            == whole[i + 1 :]
        )
        assert position >= start

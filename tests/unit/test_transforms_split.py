"""Split: where a text is cut, what becomes of empty pieces; schema and value agree."""

from __future__ import annotations

import re
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectkit.builder import SchemaBuilder
from connectkit.errors import ConfigError, DataError, LimitError
from connectkit.headers import Headers
from connectkit.record import SourceRecord
from connectkit.schema import Schema
from connectkit.struct import Struct
from connectkit.transforms.split import Split, SplitConfig
from connectkit.validation import validate_value

LOG = (
    SchemaBuilder.struct().name("log").field("host", Schema.STRING).field("text", Schema.OPTIONAL_STRING)
    .build()
)  # fmt: skip


def split(path: str | None = None, **options: Any) -> Split:
    raw = {key.replace("_", "."): str(value) for key, value in options.items()}
    return Split(SplitConfig.parse(raw if path is None else {"path": path, **raw}))


def run(transform: Split, value: Any, schema: Schema | None = None) -> list[SourceRecord]:
    made = transform.apply(SourceRecord({"p": 1}, {"o": 2}, "t", schema, value, key="k", headers=Headers()))
    assert isinstance(made, list)
    for each in made:
        assert (each.key, each.topic, each.source_offset) == ("k", "t", {"o": 2})
        if each.value_schema is not None:
            validate_value(each.value_schema, each.value, None)
    return made


def pieces(transform: Split, text: str) -> list[Any]:
    return [each.value for each in run(transform, text)]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("a\nb\r\nc\rd", ["a", "b", "c", "d"]),
        ("a\n", ["a"]),
        ("\n\na\n\nb\n\n", ["a", "b"]),
        ("", []),
        ("\n", []),
        ("a\x0bb\u2028c", ["a\x0bb\u2028c"]),
    ],
)
def test_lines_unless_told_otherwise(text: str, wanted: list[str]) -> None:
    assert pieces(split(), text) == wanted


def test_empty_pieces_can_be_kept() -> None:
    assert pieces(split(empty_pieces="keep"), "\na\n\nb\n") == ["", "a", "", "b"]
    assert pieces(split(empty_pieces="keep", separator=";"), "a;;b;") == ["a", "", "b", ""]
    assert pieces(split(separator=";"), "a;;b;") == ["a", "b"]
    assert pieces(split(separator=";", trim=True), " a ; ; b") == ["a", "b"]
    assert pieces(split(empty_pieces="keep"), "") == []


def test_a_separator_is_no_pattern_and_keeps_its_blanks() -> None:
    assert pieces(split(separator="."), "a.b") == ["a", "b"]
    assert pieces(split(separator=" | "), "a | b|c") == ["a", "b|c"]
    assert pieces(split(separator=" "), "a b") == ["a", "b"]


def test_a_regular_expression() -> None:
    assert pieces(split(regex="[,;]\\s*"), "a, b;c") == ["a", "b", "c"]
    assert pieces(split(regex="(,)(?<x>;)?"), "a,b,;c") == ["a", "b", "c"]
    assert pieces(split(regex="x*"), "axxbc") == ["a", "b", "c"]
    assert pieces(split(regex="(?=[A-Z])", empty_pieces="keep"), "AbCdE") == ["Ab", "Cd", "E"]
    assert pieces(split(regex="$", empty_pieces="keep"), "a") == ["a"]


def test_an_expression_cannot_run_for_hours() -> None:
    assert pieces(split(regex="[ ]*;"), "a ;b" + " " * 1000) == ["a", "b" + " " * 1000]
    with pytest.raises(LimitError, match="too long for this regex"):
        pieces(split(regex="[ ]*;"), " " * 100_000)
    assert len(pieces(split(regex=";[ ]*", max_records="100000"), "a; " * 50_000)) == 50_000


def test_a_field_of_structs() -> None:
    made = run(split("text", separator=",", index_field="n"), Struct.of(LOG, ["h", "a,b"]), LOG)
    assert [each.value.values for each in made] == [["h", "a", 0], ["h", "b", 1]]
    schema = made[0].value_schema
    assert schema is not None
    assert schema.name == "log"
    assert schema.fields[1].schema == Schema.STRING
    assert [each.value for each in run(split("text", rest="drop"), Struct.of(LOG, ["h", "a\nb"]), LOG)] == [
        "a",
        "b",
    ]


def test_nothing_to_split_is_dropped_or_kept() -> None:
    for text in (None, "", "\n"):
        assert run(split("text"), Struct.of(LOG, ["h", text]), LOG) == []
        [kept] = run(split("text", on_empty="keep"), Struct.of(LOG, ["h", text]), LOG)
        assert kept.value.values == ["h", None]
        [kept] = run(split("text", on_empty="keep"), {"text": text})
        assert kept.value == {"text": None}


def test_the_whole_value_and_its_schema() -> None:
    named = SchemaBuilder.string().name("log").optional().build()
    made = run(split(), "a\nb", named)
    assert [(each.value, each.value_schema) for each in made] == [("a", Schema.STRING), ("b", Schema.STRING)]


def test_tombstones_pass() -> None:
    record = SourceRecord(None, None, "t", Schema.OPTIONAL_STRING, None)
    assert split().apply(record) is record


def test_what_is_no_text() -> None:
    for value, schema in ((b"a", None), (b"a", Schema.BYTES), ({"text": 1}, None), (1, Schema.INT8)):
        with pytest.raises(DataError, match=r"Only a (text|string) can be split"):
            run(split("text" if isinstance(value, dict) else None), value, schema)


def test_too_many() -> None:
    with pytest.raises(LimitError, match=r"max\.records"):
        run(split(max_records=2), "a\nb\nc")


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ({"regex": "("}, "regex"),
        ({"regex": "(a+)+$"}, "regex"),
        ({"regex": ""}, "regex"),
        ({"separator": ""}, "separator"),
        ({"separator": ",", "regex": ","}, "regex"),
        ({"path": "a[1]"}, "path"),
        ({"on_empty": "keep"}, "on.empty"),
    ],
)
def test_configurations_that_cannot_be_meant(options: dict[str, Any], key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        split(**options)
    assert set(caught.value.problems) == {key}


def test_schemas_are_known_without_data() -> None:
    [made] = run(split("text"), Struct.of(LOG, ["h", "a"]), LOG)
    assert split("text").output_schemas(None, LOG) == {(None, made.value_schema)}


@given(st.text("ab;\n\r ", max_size=20), st.sampled_from([";", "ab", "\n"]))
def test_joining_is_the_inverse(text: str, separator: str) -> None:
    kept = split(separator=separator, empty_pieces="keep")
    assert separator.join(pieces(kept, text)) == text
    assert pieces(split(separator=separator), text) == [each for each in text.split(separator) if each]
    same = split(regex=re.escape(separator), empty_pieces="keep")
    assert pieces(same, text) == pieces(kept, text)


@given(st.text("ab\n\r", max_size=20))
def test_lines_hold_all_but_the_line_ends(text: str) -> None:
    found = pieces(split(empty_pieces="keep"), text)
    assert "".join(found) == text.replace("\n", "").replace("\r", "")
    assert found == re.sub("\r\n|\r", "\n", text).split("\n")[: len(found)]


@given(st.one_of(st.none(), st.text(max_size=9)), st.booleans(), st.sampled_from(["keep", "drop"]))
def test_schema_and_value_agree_and_nothing_is_changed(text: Any, keeps: bool, rest: str) -> None:
    options = {"on_empty": "keep"} if keeps and rest == "keep" else {}
    transform = split("text", rest=rest, **options)
    value = Struct.of(LOG, ["h", text])
    before = deepcopy(value)
    run(transform, value, LOG)
    assert value == before
    plain = {"text": text, "more": {"x": [1]}}
    before_plain = deepcopy(plain)
    run(transform, plain)
    assert plain == before_plain


def test_a_preview_is_told_why() -> None:
    assert split().why_dropped(SourceRecord(None, None, "t", None, "")) == "there is nothing in the value"

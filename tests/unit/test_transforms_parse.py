"""Parse: where the text is, where its fields go, and what becomes of texts that cannot be parsed."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectkit.builder import SchemaBuilder
from connectkit.errors import ConfigError, DataError
from connectkit.fuse import Fused, Stage
from connectkit.plugin import plugins
from connectkit.record import SinkRecord, SourceRecord
from connectkit.schema import Schema
from connectkit.struct import Struct
from connectkit.transforms.parse.pairs import TEXTS
from connectkit.transforms.parse.transform import Parse, ParseConfig
from connectkit.validation import validate_value

TAKEN = {"format": "grok", "pattern": r"^%{WORD:verb} %{INT:n:int}$"}
EVENT = (
    SchemaBuilder.struct().name("Event").version(3)
    .field("id", Schema.INT64).field("line", Schema.STRING).field("n", Schema.OPTIONAL_STRING)
    .build()
)  # fmt: skip


def parse(options: dict[str, str], side: str = "value") -> Parse:
    return Parse(ParseConfig.parse(options), side=side)  # type: ignore[arg-type]


def record(value: Any, schema: Schema | None = None, **more: Any) -> SourceRecord:
    return SourceRecord({}, {}, "logs", schema, value, **more)


def event(line: str, n: str | None = None) -> Struct:
    return Struct(EVENT).put("id", 7).put("line", line).put("n", n)


def run(options: dict[str, str], value: Any, schema: Schema | None = None, **more: Any) -> Any:
    """The record that comes out, the same when interpreted and when compiled; the input untouched."""
    transform = parse(options)
    given_record = record(value, schema, **more)
    before = copy.deepcopy(value)
    results = [transform.apply(given_record) for _ in range(4)]
    assert given_record.value == before
    assert all(result == results[0] for result in results)
    return results[0]


def plain(result: Any) -> dict[str, Any]:
    value = result.value
    if isinstance(value, Struct):
        validate_value(result.value_schema, value, "v")
        assert value.schema is result.value_schema
        return {field.name: value.values[field.index] for field in value.schema.fields}
    assert result.value_schema is None or result.value_schema == TEXTS
    assert isinstance(value, dict)
    return value


# --- the whole value


def test_a_text_becomes_a_struct_or_a_map() -> None:
    typed = run(TAKEN, "get 5", Schema.STRING)
    assert plain(typed) == {"verb": "get", "n": 5}
    assert [f.schema for f in typed.value_schema.fields] == [Schema.OPTIONAL_STRING, Schema.OPTIONAL_INT32]
    assert plain(run(TAKEN, "get 5")) == {"verb": "get", "n": 5}
    made = run({**TAKEN, "result.schema": "struct", "result.schema.name": "Taken"}, "get 5")
    assert plain(made) == {"verb": "get", "n": 5}
    assert made.value_schema.name == "Taken"


@pytest.mark.parametrize("schema", [None, Schema.BYTES])
@pytest.mark.parametrize("made", [bytes, bytearray, memoryview])
def test_bytes_are_text_in_utf_8(schema: Schema | None, made: Any) -> None:
    transform = parse({"format": "grok", "pattern": "%{GREEDYDATA:all}"})
    assert plain(transform.apply(record(made("é".encode()), schema))) == {"all": "é"}
    with pytest.raises(DataError, match="UTF-8"):
        transform.apply(record(made(b"\xff"), schema))


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_line_end_is_no_part_of_the_text(end: str) -> None:
    assert plain(run(TAKEN, f"get 5{end}")) == {"verb": "get", "n": 5}


def test_a_null_passes() -> None:
    for schema in (None, Schema.OPTIONAL_STRING):
        assert run(TAKEN, None, schema) == record(None, schema)


def test_the_key_can_be_parsed() -> None:
    made = parse(TAKEN, side="key").apply(record("untouched", key="get 5"))
    assert (made.key, made.value) == ({"verb": "get", "n": 5}, "untouched")  # type: ignore[union-attr]


def test_names_of_the_plugin() -> None:
    for name, side in (("Parse", "value"), ("Parse$Value", "value"), ("Parse$Key", "key")):
        transform = plugins.create("transform", name, TAKEN)
        assert isinstance(transform, Parse)
        assert transform.side == side


@pytest.mark.parametrize(
    ("value", "schema", "says"),
    [
        ({"line": "x"}, None, "name one with 'field'"),
        (event("x"), EVENT, "name one with 'field'"),
        (7, Schema.INT32, "int32"),
        (7, None, "no text"),
    ],
)
def test_what_is_no_text(value: Any, schema: Schema | None, says: str) -> None:
    transform = parse(TAKEN)
    for _ in range(3):
        with pytest.raises(DataError, match=says):
            transform.apply(record(value, schema))


# --- a field


def test_fields_go_beside_those_of_the_record() -> None:
    options = {**TAKEN, "field": "line"}
    made = run(options, event("get 5"), EVENT)
    assert plain(made) == {"id": 7, "n": 5, "verb": "get"}
    assert (made.value_schema.name, made.value_schema.version) == ("Event", 3)
    assert plain(run(options, {"id": 7, "line": "get 5", "n": "x"})) == {"id": 7, "verb": "get", "n": 5}


@pytest.mark.parametrize(
    ("more", "wanted"),
    [
        ({"keep.source": "true"}, {"id": 7, "line": "get 5", "n": 5, "verb": "get"}),
        ({"prefix": "log_"}, {"id": 7, "n": "x", "log_verb": "get", "log_n": 5}),
        ({"on.existing": "keep"}, {"id": 7, "n": "x", "verb": "get"}),
        ({"result.to": "replace"}, {"verb": "get", "n": 5}),
        ({"result.to": "replace", "keep.source": "true"}, {"verb": "get", "n": 5, "line": "get 5"}),
        (
            {"result.to": "replace", "keep.source": "true", "source.name": "raw"},
            {"verb": "get", "n": 5, "raw": "get 5"},
        ),
    ],
)
def test_where_fields_go(more: dict[str, str], wanted: dict[str, Any]) -> None:
    options = {**TAKEN, "field": "line", **more}
    assert plain(run(options, event("get 5", "x"), EVENT)) == wanted
    assert plain(run(options, {"id": 7, "line": "get 5", "n": "x"})) == wanted


def test_fields_go_into_one() -> None:
    options = {
        **TAKEN,
        "field": "line",
        "result.to": "field",
        "result.field": "got",
        "result.schema.name": "Got",
    }
    made = run(options, event("get 5"), EVENT)
    assert plain(made) | {"got": None} == {"id": 7, "n": None, "got": None}
    got = made.value.get("got")
    assert (got.get("verb"), got.get("n"), got.schema.name) == ("get", 5, "Got")
    assert run(options, {"line": "get 5"}).value == {"got": {"verb": "get", "n": 5}}
    assert run({**options, "on.failure": "keep"}, event("?"), EVENT).value.get("got") is None


def test_a_field_that_is_there_already_can_be_refused() -> None:
    options = {**TAKEN, "field": "line", "on.existing": "fail"}
    with pytest.raises(DataError, match="already"):
        run(options, event("get 5"), EVENT)
    with pytest.raises(DataError, match="already"):
        run(options, {"line": "get 5", "n": 1})
    assert plain(run(options, {"line": "get 5"})) == {"verb": "get", "n": 5}


def test_the_text_can_be_the_name_of_a_result() -> None:
    options = {"format": "rfc3164", "field": "message", "fields": ""}
    value = {"message": "<34>Oct 11 22:14:15 h su: hello", "x": 1}
    made = plain(run(options, value, timestamp=1_700_000_000_000))
    assert (made["message"], made["x"], next(iter(made))) == ("hello", 1, "x")


def test_text_deep_in_the_record_and_in_headers() -> None:
    inner = SchemaBuilder.struct().field("line", Schema.STRING).build()
    outer = SchemaBuilder.struct().field("log", inner).build()
    value = Struct(outer).put("log", Struct(inner).put("line", "get 5"))
    options = {**TAKEN, "field": "log.line"}
    made = run(options, value, outer)
    assert (made.value.get("n"), made.value.get("log").get("line")) == (5, "get 5")
    assert plain(run(options, {"log": {"line": "get 5"}})) == {
        "log": {"line": "get 5"},
        "verb": "get",
        "n": 5,
    }
    sent = record({"a": 1})
    sent.headers.add_string("line", "get 5")
    made = parse({**TAKEN, "field": "headers.line"}).apply(sent)
    assert made.value == {"a": 1, "verb": "get", "n": 5}  # type: ignore[union-attr]


@pytest.mark.parametrize("schema", [None, EVENT])
def test_a_field_that_is_missing(schema: Schema | None, caplog: pytest.LogCaptureFixture) -> None:
    value: Any = {"id": 7} if schema is None else event("get 5")
    options = {**TAKEN, "field": "lime"}
    for _ in range(2):
        assert run(options, value, schema).value == value
    assert sum("lime" in message for message in caplog.messages) == 2  # once for each transform
    with pytest.raises(DataError, match="lime"):
        run({**options, "on.missing": "fail"}, value, schema)


def test_null_where_the_text_should_be() -> None:
    schema = SchemaBuilder.struct().field("line", Schema.OPTIONAL_STRING).field("a", Schema.INT32).build()
    value = Struct(schema).put("a", 1)
    options = {**TAKEN, "field": "line", "on.missing": "ignore"}
    assert plain(run(options, value, schema)) == {"a": 1, "verb": None, "n": None}
    assert run(options, {"line": None, "a": 1}).value == {"line": None, "a": 1}
    with pytest.raises(DataError):
        run({**options, "on.missing": "fail"}, value, schema)


# --- failures


@pytest.mark.parametrize("schema", [None, Schema.STRING])
def test_a_failure_says_where_and_why_but_not_what(schema: Schema | None) -> None:
    transform = parse(TAKEN)
    for _ in range(3):
        with pytest.raises(DataError) as caught:
            transform.apply(record("confidential", schema))
        assert caught.value.path == "$"
        assert "no pattern" in str(caught.value)
        assert "confidential" not in str(caught.value)
    with pytest.raises(DataError) as caught:
        parse({**TAKEN, "field": "log.line"}).apply(record({"log": {"line": "?"}}))
    assert caught.value.path == "$.log.line"


@pytest.mark.parametrize("text", ["get 5", "what"])
def test_the_schema_is_the_same_with_and_without_a_failure(text: str) -> None:
    for policy in (
        {"on.failure": "keep"},
        {"on.failure": "tag"},
        {"on.failure": "tag", "failure.field": "why"},
    ):
        options = {**TAKEN, **policy}
        whole = run(options, text, Schema.STRING)
        assert whole.value_schema == run(options, "put 1", Schema.STRING).value_schema
        field = run({**options, "field": "line"}, event(text), EVENT)
        assert field.value_schema == run({**options, "field": "line"}, event("put 1"), EVENT).value_schema


def test_keep() -> None:
    options = {**TAKEN, "on.failure": "keep"}
    assert plain(run(options, "what", Schema.STRING)) == {"verb": None, "n": None, "message": "what"}
    assert plain(run(options, "get 5", Schema.STRING)) == {"verb": "get", "n": 5, "message": None}
    assert run(options, "what").value == {"message": "what"}
    assert run(options, "get 5").value == {"verb": "get", "n": 5}
    options["field"] = "line"
    assert plain(run(options, event("what", "x"), EVENT)) == {
        "id": 7,
        "line": "what",
        "n": None,
        "verb": None,
    }
    assert plain(run(options, event("get 5"), EVENT)) == {"id": 7, "line": None, "n": 5, "verb": "get"}
    assert run(options, {"line": "what", "a": 1}).value == {"line": "what", "a": 1}
    kept = {**options, "keep.source": "true"}
    assert plain(run(kept, event("get 5"), EVENT)) == {"id": 7, "line": "get 5", "n": 5, "verb": "get"}


def test_keep_where_a_result_has_the_name_of_the_text() -> None:
    options = {"format": "rfc5424", "on.failure": "keep"}
    found = plain(run(options, "what", Schema.STRING))
    assert {name: value for name, value in found.items() if value is not None} == {"message": "what"}
    clash = {"format": "grok", "pattern": "%{INT:line:int}", "field": "line", "on.failure": "keep"}
    with pytest.raises(DataError, match="leave room for both"):
        run(clash, event("5"), EVENT)


@pytest.mark.parametrize("schema", [None, Schema.STRING])
def test_tag(schema: Schema | None) -> None:
    options = {**TAKEN, "on.failure": "tag"}
    made = run(options, "what", schema)
    assert [(header.key, header.value) for header in made.headers] == [
        ("parse.failure", "matches no pattern")
    ]
    assert made.value["message"] == "what"
    assert list(run(options, "get 5", schema).headers) == []
    made = run({**options, "failure.header": "why"}, "what", schema)
    assert made.headers.last_with_name("why").value == "matches no pattern"
    made = run({**options, "failure.field": "why"}, "what", schema)
    assert (made.value["why"], list(made.headers)) == ("matches no pattern", [])
    assert plain(run({**options, "failure.field": "why"}, "get 5", schema)).get("why") is None


def test_the_headers_of_the_record_that_came_are_untouched() -> None:
    sent = record("what")
    sent.headers.add_string("a", "b")
    made = parse({**TAKEN, "on.failure": "tag"}).apply(sent)
    assert len(sent.headers) == 1
    assert len(made.headers) == 2  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("value", "schema"), [("what", None), ("what", Schema.STRING), (event("what"), EVENT)]
)
def test_drop(value: Any, schema: Schema | None) -> None:
    options = {**TAKEN, "on.failure": "drop"}
    if schema is EVENT:
        options["field"] = "line"
    assert run(options, value, schema) is None
    good = event("get 5") if schema is EVENT else "get 5"
    assert plain(run(options, good, schema))["n"] == 5


def test_an_empty_result_is_none_that_is_dropped() -> None:
    assert run({"format": "json", "on.failure": "drop"}, "{}").value == {}


def test_texts_that_are_too_long() -> None:
    options = {"format": "json", "max.chars": "20"}
    assert run(options, '{"a": 1}').value == {"a": 1}
    for text in ('{"a": "' + "x" * 20 + '"}', b'{"a": "' + b"x" * 90 + b'"}'):
        with pytest.raises(DataError, match="more than 20 characters"):
            run(options, text)


# --- fields that the text itself names


def test_undeclared_fields_are_a_map() -> None:
    made = run({"format": "logfmt"}, "a=1 b=x", Schema.STRING)
    assert (made.value, made.value_schema) == ({"a": "1", "b": "x"}, TEXTS)
    validate_value(made.value_schema, made.value, "v")
    options = {"format": "logfmt", "field": "line", "result.to": "field", "result.field": "got"}
    made = run(options, event("a=1"), EVENT)
    assert made.value.get("got") == {"a": "1"}
    validate_value(made.value_schema, made.value, "v")
    assert run({"format": "logfmt", "field": "line", "prefix": "l."}, {"line": "a=1"}).value == {"l.a": "1"}
    with pytest.raises(DataError, match="must be declared"):
        run({"format": "logfmt", "field": "line"}, event("a=1"), EVENT)


@pytest.mark.parametrize("text", ["a=1", b"a=1"])
def test_a_map_of_texts_holds_texts_only(text: Any) -> None:
    schema = Schema.STRING if isinstance(text, str) else Schema.BYTES
    for options in ({"on.failure": "keep"}, {"keep.source": "true"}):
        for value in (text, text[:1]):
            try:
                made = run({"format": "logfmt", **options}, value, schema)
            except DataError:
                assert options == {"keep.source": "true"}
                continue
            validate_value(made.value_schema, made.value, "v")


def test_declared_fields_are_a_struct() -> None:
    options = {"format": "json", "fields": "a:int,b", "field": "line"}
    assert plain(run(options, event('{"a": 5, "b": {"c": 1}}'), EVENT)) == {
        "id": 7,
        "n": None,
        "a": 5,
        "b": '{"c":1}',
    }


def test_undeclared_json_has_no_schema() -> None:
    made = run({"format": "json"}, '{"a": [1]}', Schema.STRING)
    assert (made.value, made.value_schema) == ({"a": [1]}, None)
    options = {"format": "json", "field": "line", "result.to": "field", "result.field": "got"}
    with pytest.raises(DataError, match="must be declared"):
        run(options, event("{}"), EVENT)


# --- time


def test_timestamps_as_the_record_needs_them() -> None:
    options = {"format": "grok", "pattern": "%{HTTPDATE:at:timestamp}"}
    text = "10/Oct/2000:13:55:36 -0700"
    moment = datetime(2000, 10, 10, 20, 55, 36, tzinfo=UTC)
    assert plain(run(options, text, Schema.STRING)) == {"at": moment}
    assert plain(run(options, text)) == {"at": 971211336000}
    assert plain(run({**options, "timestamp.type": "text"}, text)) == {"at": "2000-10-10T20:55:36.000Z"}
    assert plain(run({**options, "timestamp.type": "millis"}, text, Schema.STRING)) == {"at": 971211336000}


def test_the_year_is_told_by_the_record_or_the_clock() -> None:
    options = ParseConfig.parse({"format": "rfc3164", "timestamp.type": "text"})
    transform = Parse(options, now_ms=lambda: 1_500_000_000_000)
    line = "<34>Jul 11 22:14:15 h su: x"
    for timestamp, year in ((1_700_000_000_000, "2023"), (None, "2017")):
        made = transform.apply(record(line, timestamp=timestamp))
        assert made.value["timestamp"].startswith(year)  # type: ignore[union-attr]


# --- configuration


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ({"format": "xml"}, "format"),
        ({"format": "json", "field": "`a"}, "field"),
        ({"format": "json", "result.to": "field"}, "result.field"),
        ({"format": "json", "result.field": "x"}, "result.field"),
        ({"format": "json", "failure.field": "x"}, "failure.field"),
        ({"format": "json", "pattern": "x"}, "pattern"),
        ({"format": "json", "timezone": "Mars"}, "timezone"),
        ({"format": "json", "timestamp.format": "yyyb"}, "timestamp.format"),
        ({"format": "json", "fields": "a:timestamp:yyyb"}, "fields"),
        ({"format": "json", "fields": "a,a"}, "fields"),
        ({"format": "json", "fields": "a:int:b"}, "fields"),
        ({"format": "json", "fields": ":int"}, "fields"),
        ({"format": "json", "max.chars": "0"}, "max.chars"),
        ({"format": "csv"}, "fields"),
        ({"format": "csv", "fields": "a", "delimiter": "::"}, "delimiter"),
        ({"format": "csv", "fields": "a", "delimiter": "\n"}, "delimiter"),
        ({"format": "csv", "fields": "a", "quote": ","}, "quote"),
        ({"format": "keyvalue", "pair.separator": "="}, "key.value.separator"),
        ({"format": "combined", "fields": "stat:int"}, "fields"),
        ({"format": "combined", "fields": "status:string"}, "fields"),
        ({"format": "regex", "pattern": "(a+)+(?<x>b)"}, "pattern"),
        ({"format": "regex", "pattern": "(?<x>a)", "fields": "y:int"}, "fields"),
    ],
)
def test_problems(options: dict[str, str], key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        ParseConfig.parse(options)
    assert list(caught.value.problems) == [key]


def test_types_for_fields_of_a_fixed_format() -> None:
    options = {"format": "rfc5424", "fields": "procid:int,timestamp:timestamp"}
    assert plain(run(options, "<1>1 - h a 77 - -", Schema.STRING))["procid"] == 77
    with pytest.raises(DataError, match="'procid'"):
        run(options, "<1>1 - h a x77 - -", Schema.STRING)


# --- laws


_LINES = st.one_of(st.text(max_size=30), st.builds("{} {}".format, st.from_regex(r"\w+"), st.integers()))


@given(
    _LINES,
    st.sampled_from(["keep", "drop", "tag"]),
    st.booleans(),
    st.sampled_from(["merge", "replace", "field"]),
    st.sampled_from([None, "why"]),
)
def test_schema_and_value_agree(line: str, policy: str, keep: bool, to: str, why: str | None) -> None:
    options = {
        **TAKEN,
        "field": "line",
        "on.failure": policy,
        "keep.source": str(keep).lower(),
        "result.to": to,
    }
    if to == "field":
        options["result.field"] = "got"
    if why is not None and policy == "tag":
        options["failure.field"] = why
    typed = run(options, event(line), EVENT)
    untyped = run(options, {"id": 7, "line": line, "n": None})
    assert (typed is None) == (untyped is None)
    if typed is None:
        assert policy == "drop"
        return
    validate_value(typed.value_schema, typed.value, "v")
    assert [h.key for h in typed.headers] == [h.key for h in untyped.headers]

    def present(value: dict[str, Any]) -> dict[str, Any]:
        return {
            name: present(plain(record(found, found.schema))) if isinstance(found, Struct)
            else present(found) if isinstance(found, dict) else found
            for name, found in value.items() if found is not None
        }  # fmt: skip

    assert present(plain(typed)) == present(plain(untyped))


def test_in_a_chain_of_one_function() -> None:
    chain = Fused(
        [
            Stage(parse({"format": "regex", "pattern": r"(?<line>\w+ \d+);(?<id>\d+)", "fields": "id:int"})),
            Stage(parse({**TAKEN, "field": "line", "on.failure": "drop"}), number=1),
        ]
    )
    good = SinkRecord("t", 0, None, None, value_schema=Schema.STRING, value="get 5;9", kafka_offset=1)
    made = [chain.run(good) for _ in range(3)]
    assert [plain(each) for each in made] == [{"id": 9, "verb": "get", "n": 5}] * 3
    assert chain.infer(SinkRecord, None, Schema.STRING).schemas == {(None, made[0].value_schema)}
    with pytest.raises(DataError) as caught:
        chain.run(SinkRecord("t", 0, None, None, value_schema=Schema.STRING, value="secret", kafka_offset=1))
    assert "secret" not in str(caught.value)

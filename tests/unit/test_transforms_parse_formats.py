"""The formats of logs: real lines, the RFCs' examples, malformed ones, and round trips."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from connectkit.transforms.parse.formats import make_reader
from connectkit.transforms.parse.moments import Moments
from connectkit.transforms.parse.reading import NotParsedError, Reader
from connectkit.transforms.parse.transform import ParseConfig

REFERENCE_MS = 1_700_000_000_000  # 14 November 2023


def parse(text: str, **options: str) -> dict[str, Any]:
    config = ParseConfig.parse({key.replace("_", "."): value for key, value in options.items()})
    reader = make_reader(config, Moments("text"))
    found = reader.read(text, REFERENCE_MS)
    if isinstance(reader, Reader):
        return dict(zip([field.name for field in reader.fields], found, strict=True))
    assert isinstance(found, dict)
    return found


def refused(text: str, **options: str) -> str:
    with pytest.raises(NotParsedError) as caught:
        parse(text, **options)
    return caught.value.reason


def given_fields(found: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in found.items() if value is not None}


# --- access logs


def test_combined() -> None:
    line = (
        '203.0.113.9 - frank [10/Oct/2000:13:55:36 -0700] "GET /a.gif?x=1 HTTP/1.0" 200 2326 '
        '"http://www.example.com/start.html" "Mozilla/5.0 (X11; \\"Linux\\" x86_64)"'
    )
    assert parse(line, format="combined") == {
        "host": "203.0.113.9",
        "ident": None,
        "user": "frank",
        "timestamp": "2000-10-10T20:55:36.000Z",
        "method": "GET",
        "path": "/a.gif?x=1",
        "protocol": "HTTP/1.0",
        "request": None,
        "status": 200,
        "bytes": 2326,
        "referer": "http://www.example.com/start.html",
        "agent": 'Mozilla/5.0 (X11; \\"Linux\\" x86_64)',
    }


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ('::1 - - [01/Jan/2024:00:00:00 +0000] "-" 408 -', {"status": 408}),
        (
            'h - - [01/Jan/2024:00:00:00 +0000] "\\x16\\x03\\x01" 400 0',
            {"request": "\\x16\\x03\\x01", "status": 400, "bytes": 0},
        ),
        (
            'h i a [b user [01/Jan/2024:00:00:00 +0000] "GET /a b HTTP/1.1" - -',
            {"ident": "i", "user": "a [b user", "request": "GET /a b HTTP/1.1"},
        ),
        (
            'h - - [01/Jan/2024:00:00:00 +0000] "GET /" 200 5',
            {"method": "GET", "path": "/", "status": 200, "bytes": 5},
        ),
        (
            'h - - [01/Jan/2024:00:00:00 +0000] "- /" 200 5',
            {"request": "- /", "status": 200, "bytes": 5},
        ),
        ('h - - [01/Jan/2024:00:00:00 +0000] "" 200 5', {"request": "", "status": 200, "bytes": 5}),
    ],
)
def test_common_with_odd_parts(line: str, wanted: dict[str, Any]) -> None:
    found = given_fields(parse(line, format="common"))
    assert found.pop("timestamp") == "2024-01-01T00:00:00.000Z"
    found.pop("host")
    assert found == wanted


@pytest.mark.parametrize(
    "line",
    [
        "",
        "-",
        'h - - [01/Jan/2024:00:00:00 +0000] "GET / HTTP/1.1" 200 5 tail',
        'h - - [01/Jan/2024:00:00:00 +0000] "GET / HTTP/1.1 200 5',
        'h - - [01/Jan/2024:00:00:00 +0000] "GET / HTTP/1.1" 20 5',
        'h - - [01/Jan/2024:00:00:00 +0000] "GET / HTTP/1.1" 200 99999999999999999999',
        'h - - [00/Jan/2024:00:00:00 +0000] "GET / HTTP/1.1" 200 5',
        'h - - [01.01.2024 00:00:00 +0000.00] "GET / HTTP/1.1" 200 5',
    ],
)
def test_what_is_no_access_log(line: str) -> None:
    assert refused(line, format="common")
    assert refused(line, format="combined")


# --- syslog


def test_the_examples_of_rfc_5424() -> None:
    found = parse(
        "<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - \ufeff'su root' failed for lonvick",
        format="rfc5424",
    )
    assert given_fields(found) == {
        "priority": 34,
        "facility": 4,
        "severity": 2,
        "version": 1,
        "timestamp": "2003-10-11T22:14:15.003Z",
        "host": "mymachine.example.com",
        "app": "su",
        "msgid": "ID47",
        "message": "'su root' failed for lonvick",
    }
    found = parse(
        "<165>1 2003-08-24T05:14:15.000003-07:00 192.0.2.1 myproc 8710 - - %% It's time to make the do-nuts.",
        format="rfc5424",
    )
    assert (found["timestamp"], found["procid"]) == ("2003-08-24T12:14:15.000Z", "8710")
    assert (found["msgid"], found["structured_data"]) == (None, None)
    found = parse(
        '<165>1 2003-10-11T22:14:15.003Z m evntslog - ID47 [exampleSDID@32473 iut="3" eventSource="A" '
        'eventID="1011"][examplePriority@32473 class="high"]',
        format="rfc5424",
    )
    assert found["structured_data"] == {
        "exampleSDID@32473": {"iut": "3", "eventSource": "A", "eventID": "1011"},
        "examplePriority@32473": {"class": "high"},
    }
    assert found["message"] is None


def test_structured_data_with_escapes() -> None:
    found = parse(r'<1>1 - - - - - [a b="x \"y\" \\ \] \n"] [not data]', format="rfc5424")
    assert found["structured_data"] == {"a": {"b": 'x "y" \\ ] \\n'}}
    assert found["message"] == "[not data]"


@pytest.mark.parametrize(
    "line",
    [
        "",
        "<34>Oct 11 22:14:15 host su: x",
        "<192>1 - - - - - -",
        "<01>1 - - - - - -",
        "<1>0 - - - - - -",
        "<1>1 2003-10-11 22:14:15 - - - - -",
        "<1>1 2003-13-11T22:14:15Z - - - - -",
        "<1>1 - - - - -",
        "<1>1 - - - - - ",
        "<1>1 - - - - - [a b=c]",
        '<1>1 - - - - - [a b="c"',
        '<1>1 - - - - - [a b="c]"]',
        "<1>1 - - - - - [a][a]",
        "<1>1 - - - - - -message",
        f"<1>1 - {'h' * 256} - - - -",
    ],
)
def test_what_is_not_rfc_5424(line: str) -> None:
    assert refused(line, format="rfc5424")


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        (
            "<34>Oct 11 22:14:15 mymachine su: 'su root' failed for lonvick on /dev/pts/8",
            {"host": "mymachine", "app": "su", "message": "'su root' failed for lonvick on /dev/pts/8"},
        ),
        ("<13>Feb  5 17:32:18 10.0.0.99 Use the BFG!", {"host": "10.0.0.99", "message": "Use the BFG!"}),
        (
            "Nov  3 06:25:01 web1 CRON[31544]: (root) CMD (test -x /usr/sbin/anacron)",
            {
                "host": "web1",
                "app": "CRON",
                "procid": "31544",
                "message": "(root) CMD (test -x /usr/sbin/anacron)",
            },
        ),
        ("<1>Nov  3 06:25:01 su: a: b", {"app": "su", "message": "a: b"}),
        (
            "<1>Nov  3 06:25:01 fe80::1 kernel: [1.0] up",
            {"host": "fe80::1", "app": "kernel", "message": "[1.0] up"},
        ),
        ("<1>Nov  3 06:25:01 h a[]: x", {"host": "h", "app": "a", "message": "x"}),
        ("<1>Nov  3 06:25:01 word", {"message": "word"}),
        ("<1>Nov  3 06:25:01 ", {"message": ""}),
        ("<1>2023-11-03T06:25:01.5+01:00 h a: x", {"host": "h", "app": "a", "message": "x"}),
    ],
)
def test_rfc_3164_as_senders_write_it(line: str, wanted: dict[str, str]) -> None:
    found = given_fields(parse(line, format="rfc3164"))
    for name in ("timestamp", "priority", "facility", "severity"):
        found.pop(name, None)
    assert found == wanted


def test_the_parts_of_a_priority_and_the_time() -> None:
    found = parse("<165>Nov  3 06:25:01 h a: x", format="rfc3164")
    assert [found[n] for n in ("priority", "facility", "severity")] == [165, 20, 5]
    assert found["timestamp"] == "2023-11-03T06:25:01.000Z"
    assert parse("<165>Dec 31 06:25:01 h a: x", format="rfc3164")["timestamp"].startswith("2022-")
    assert parse("Nov  3 06:25:01 h a: x", format="rfc3164")["priority"] is None


@pytest.mark.parametrize(
    "line",
    [
        "",
        "Use the BFG!",
        "<192>Nov  3 06:25:01 h a: x",
        "<1>Nov 33 06:25:01 h a: x",
        "<1>Foo  3 06:25:01 h a: x",
    ],
)
def test_what_is_not_rfc_3164(line: str) -> None:
    assert refused(line, format="rfc3164")


def test_syslog_takes_either_kind_with_one_list_of_fields() -> None:
    new = parse('<165>1 - h a p m [x y="z"] text', format="syslog")
    old = parse("<165>Nov  3 06:25:01 h a[p]: text", format="syslog")
    assert list(new) == list(old)
    assert (new["version"], old["version"]) == (1, None)
    for name in ("host", "app", "procid", "message", "severity"):
        assert new[name] == old[name]
    assert refused("<165>1 nonsense", format="syslog")


# --- pairs


def test_logfmt() -> None:
    line = r'level=info msg="stopping \"all\"\n" took=1.5ms retry empty= '
    line += r'url=http://a/?b=c é="ü\u00e9\ud83d\ude00"'
    assert parse(line, format="logfmt") == {
        "level": "info",
        "msg": 'stopping "all"\n',
        "took": "1.5ms",
        "retry": "true",
        "empty": "",
        "url": "http://a/?b=c",
        "é": "üé😀",
    }
    assert parse(r'a="\\" a=x', format="logfmt") == {"a": "x"}
    typed = parse("a=1 b=x c", format="logfmt", fields="c:boolean, a:int, z:int, b")
    assert typed == {"c": True, "a": 1, "z": None, "b": "x"}


@pytest.mark.parametrize(
    "line",
    ["", "   ", "just words", '="x"', 'a="x', 'a="x"y', 'a=x"y', "a=b\nc=d", r'a="\ud800"', "a=b =c"],
)
def test_what_is_no_logfmt(line: str) -> None:
    assert refused(line, format="logfmt")


_KEYS = st.text(
    st.characters(codec="utf-8", exclude_characters='="', exclude_categories=["Z", "C"]), min_size=1
)
_TEXTS = st.text(st.characters(codec="utf-8"))


@given(st.dictionaries(_KEYS, _TEXTS, min_size=1))
@example({"a": '\\"\\\\ \t'})
def test_logfmt_round_trip(fields: dict[str, str]) -> None:
    line = " ".join(f"{key}={json.dumps(value)}" for key, value in fields.items())
    assert parse(line, format="logfmt") == fields


def test_keyvalue() -> None:
    options = {"format": "keyvalue", "pair_separator": ";"}
    assert parse("user=bob; ip = 10.0.0.1;note=\"a; b\" ; x='it''s'", skip_text="true", **options) == {
        "user": "bob",
        "ip": "10.0.0.1",
        "note": "a; b",
    }
    assert parse("a: 1, b: 2", format="keyvalue", pair_separator=", ", key_value_separator=": ") == {
        "a": "1",
        "b": "2",
    }
    assert parse("a=1  b=2 ", format="keyvalue") == {"a": "1", "b": "2"}
    assert parse(r'a="\\" a=x', format="keyvalue") == {"a": "x"}
    assert parse("a=1\tb=2", format="keyvalue", pair_separator="\\t") == {"a": "1", "b": "2"}
    words = "login of user=bob from ip=10.0.0.1 failed"
    assert parse(words, format="keyvalue", skip_text="true") == {"user": "bob", "ip": "10.0.0.1"}
    assert refused(words, format="keyvalue")


@pytest.mark.parametrize("line", ["", " ", "x", "=x", 'a="x', 'a="x"y', "a=1 b"])
def test_what_is_no_pairs(line: str) -> None:
    assert refused(line, format="keyvalue")


@given(
    st.dictionaries(
        st.text(
            st.characters(codec="utf-8", exclude_characters="=&;'\"", exclude_categories=["Z", "C"]),
            min_size=1,
        ),
        _TEXTS,
        min_size=1,
    ),
    st.sampled_from(["&", ";", " ", "; "]),
    st.sampled_from("\"'"),
)
def test_keyvalue_round_trip(fields: dict[str, str], separator: str, quote: str) -> None:
    def quoted(text: str) -> str:
        return quote + text.replace("\\", "\\\\").replace(quote, "\\" + quote) + quote

    line = separator.join(f"{key}={quoted(value)}" for key, value in fields.items())
    assert parse(line, format="keyvalue", pair_separator=separator) == fields


# --- csv


def test_csv() -> None:
    options = {"format": "csv", "fields": "id:long,name,price:double,day:timestamp:yyyy-MM-dd"}
    assert parse('7,"a ""b"", c",1.5,2024-02-29', **options) == {
        "id": 7,
        "name": 'a "b", c',
        "price": 1.5,
        "day": "2024-02-29T00:00:00.000Z",
    }
    assert parse(",,,", **options) == {"id": None, "name": "", "price": None, "day": None}
    assert parse(",,,", empty_is_null="true", **options)["name"] is None
    assert parse("a\tb", format="csv", fields="x,y", delimiter="\\t") == {"x": "a", "y": "b"}
    assert parse("'a|b'|\"c", format="csv", fields="x,y", delimiter="|", quote="'") == {"x": "a|b", "y": '"c'}
    assert parse('"a|b', format="csv", fields="x,y", delimiter="|", quote="") == {"x": '"a', "y": "b"}


@pytest.mark.parametrize("line", ["1", "1,2,3", '1,"2', '"1"x,2', "1\n2,3", "x,2"])
def test_what_is_no_line_of_the_csv(line: str) -> None:
    assert refused(line, format="csv", fields="a:int,b")


@given(st.lists(_TEXTS, min_size=2, max_size=5), st.sampled_from(",;|"))
def test_csv_round_trip(values: list[str], delimiter: str) -> None:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator="\r\n").writerow(values)
    names = [f"c{i}" for i in range(len(values))]
    found = parse(out.getvalue()[:-2], format="csv", fields=",".join(names), delimiter=delimiter)
    assert list(found.values()) == values


# --- json


def test_json() -> None:
    assert parse('{"a": 1, "b": [1.5, null, {"c": true}]}', format="json") == {
        "a": 1,
        "b": [1.5, None, {"c": True}],
    }
    text = '{"id": 7, "ok": true, "at": 1700000000.5, "tags": ["a", "é"], "n": "12", "x": 1}'
    options = "id:long,ok:boolean,at:timestamp:UNIX,tags,n:int,gone:double"
    assert parse(text, format="json", fields=options) == {
        "id": 7,
        "ok": True,
        "at": "2023-11-14T22:13:20.500Z",
        "tags": '["a","é"]',
        "n": 12,
        "gone": None,
    }


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[1]",
        "7",
        "{",
        '{"a": NaN}',
        '{"a": 1e400}',
        '{"a": 9223372036854775808}',
        '{"a": ' + "9" * 5000 + "}",
        '{"a": "\\ud800"}',
        '{"\\udc00": 1}',
        '{"a":' * 65 + "1" + "}" * 65,
        '{"a":' * 100_000,
        "[" * 100_000,
    ],
)
def test_what_is_no_json_object_that_a_record_can_hold(text: str) -> None:
    assert refused(text, format="json")


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 63), (1 << 63) - 1) | _TEXTS
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=10,
)  # fmt: skip


@given(st.dictionaries(_TEXTS, _VALUES))
def test_json_round_trip(value: dict[str, Any]) -> None:
    assert parse(json.dumps(value), format="json") == value


# --- types


@pytest.mark.parametrize(
    ("kind", "text", "wanted"),
    [
        ("int8", "-128", -128),
        ("int16", "+7", 7),
        ("int", "2147483647", 2147483647),
        ("long", "-9223372036854775808", -(1 << 63)),
        ("float", "0.1", 0.10000000149011612),
        ("double", "-1.5e-3", -0.0015),
        ("boolean", "Yes", True),
        ("boolean", "0", False),
        ("string", "007", "007"),
    ],
)
def test_types(kind: str, text: str, wanted: Any) -> None:
    assert parse(f"a={text}", format="logfmt", fields=f"a:{kind}") == {"a": wanted}


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("int8", "128"),
        ("int", "2147483648"),
        ("long", "9223372036854775808"),
        ("long", "9" * 6000),
        ("int", "1_000"),
        ("int", "٣"),
        ("int", "²"),
        ("int", "1.0"),
        ("int", "0x1f"),
        ("float", "1e39"),
        ("double", "1e400"),
        ("double", "nan"),
        ("double", "inf"),
        ("double", "1_0.0"),
        ("double", "1" * 2000),
        ("boolean", "maybe"),
        ("timestamp", "yesterday"),
    ],
)
def test_a_text_that_does_not_fit_its_type_names_the_field_but_not_itself(kind: str, text: str) -> None:
    reason = refused(f"secret={text}", format="logfmt", fields=f"secret:{kind}")
    assert "'secret'" in reason
    assert text not in reason


# --- every format


ALL = {
    "common": {},
    "combined": {},
    "syslog": {},
    "rfc3164": {},
    "rfc5424": {},
    "logfmt": {},
    "keyvalue": {},
    "csv": {"fields": "a:int,b"},
    "json": {},
    "grok": {"pattern": "%{COMBINEDAPACHELOG}"},
    "regex": {"pattern": r"(?<a>\w+)=(?<b>\d+)"},
}


@pytest.mark.parametrize("name", ALL)
@given(text=st.text() | st.text('<>1234567890 -[]="\\:/.TZJanabc,{}', max_size=80))
def test_any_text_is_parsed_or_refused(name: str, text: str) -> None:
    options = {"format": name, **ALL[name]}
    reason = ""
    try:
        found = parse(text, **options)
    except NotParsedError as error:
        found, reason = {}, error.reason
    assert bool(reason) or isinstance(found, dict)
    assert len(text) < 8 or text not in reason  # a short text may be a word of the reason

"""Grok: the standard patterns, captures and types, definitions of one's own, and what is refused."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectkit.errors import ConfigError
from connectkit.javaregex import compile_java
from connectkit.schema import Schema
from connectkit.transforms.parse.formats import make_reader
from connectkit.transforms.parse.grok import expand, field_name
from connectkit.transforms.parse.moments import Moments
from connectkit.transforms.parse.patterns import STANDARD, TIMESTAMP_FORMATS
from connectkit.transforms.parse.reading import NotParsedError, Reader
from connectkit.transforms.parse.transform import ParseConfig


def reader_of(pattern: str, **options: Any) -> Reader:
    raw = {"format": "grok", "pattern": pattern, **options}
    reader = make_reader(ParseConfig.parse(raw), Moments("text"))
    assert isinstance(reader, Reader)
    return reader


def grok(pattern: str, text: str, **options: Any) -> dict[str, Any]:
    reader = reader_of(pattern, **options)
    found = reader.read(text, 1_700_000_000_000)
    return {f.name: v for f, v in zip(reader.fields, found, strict=True) if v is not None}


def problem_of(**options: str) -> dict[str, list[str]]:
    with pytest.raises(ConfigError) as caught:
        ParseConfig.parse({"format": "grok", **options})
    return caught.value.problems


@pytest.mark.parametrize("name", STANDARD)
def test_every_standard_pattern_compiles(name: str) -> None:
    compile_java(expand(f"%{{{name}:x}}", {}).regex)


def test_formats_are_those_of_patterns() -> None:
    assert set(TIMESTAMP_FORMATS) <= set(STANDARD)


# Whole texts that a pattern takes, and texts it takes nothing or only a part of.
@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("USERNAME", ["a.b-c_9"], ["a b", ""]),
        ("EMAILADDRESS", ["o'hara+x@mail.example.org"], ["a@", "@b.c", "a..b@c.d"]),
        ("INT", ["-12", "+0"], ["1.5", "a"]),
        ("NUMBER", ["-1.5", "3", ".25"], ["1.2.3", "x"]),
        ("BASE16NUM", ["0xFF", "-ff"], ["0x", "g"]),
        ("POSINT", ["12"], ["0", "-1"]),
        ("NONNEGINT", ["0", "12"], ["-1"]),
        ("WORD", ["José", "a_1"], ["a-b", ""]),
        ("NOTSPACE", ["a-b:c"], ["a b"]),
        ("QS", ['"a \\" b"', "'x'", "`y`"], ['"a', "ab"]),
        ("UUID", ["123e4567-e89b-12d3-a456-426614174000"], ["123e4567e89b12d3a456426614174000"]),
        ("URN", ["urn:isbn:0-486-27557-4"], ["urn:"]),
        ("MAC", ["00:1A:2b:3c:4d:5e", "00-1A-2b-3c-4d-5e", "001A.2b3c.4d5e"], ["00:1A:2b:3c:4d"]),
        ("IPV4", ["192.0.2.255"], ["192.0.2.256", "1.2.3"]),
        ("HOSTNAME", ["a-1.example.org", "localhost"], ["-a", ""]),
        ("HOSTPORT", ["a.b:80", "10.0.0.1:8080"], ["a:0"]),
        ("UNIXPATH", ["/usr/lib/x.so.1", "/"], ["usr", "/a b"]),
        ("WINPATH", ["C:\\Temp\\a b.txt", "\\\\srv\\share"], ["C:", "/a"]),
        ("URI", ["https://u:p@h.example:8080/a/b?x=1&y=%20", "ftp://h"], ["h/a", "http:/x"]),
        ("URIPATHPARAM", ["/a?b=c", "/"], ["?b"]),
        ("MONTH", ["Jan", "december", "SEPT"], ["Janu", "x"]),
        ("DAY", ["Mon", "thursday"], ["Mo"]),
        ("TIME", ["23:59", "1:02:03.5"], ["24:00", "1:60"]),
        ("TIMESTAMP_ISO8601", ["2024-02-29T01:02:03,5Z", "2024-02-29 01:02:03+0100"], ["2024-2x"]),
        ("DATE", ["02/29/2024", "29.02.2024", "29-2-24"], ["2024"]),
        ("HTTPDATE", ["10/Oct/2000:13:55:36 -0700"], ["10/Oct/2000 13:55:36"]),
        ("SYSLOGTIMESTAMP", ["Oct  1 22:14:15"], ["Oct 22:14:15"]),
        ("DATESTAMP_RFC2822", ["Mon, 12 Feb 2024 10:00:00 +0100"], ["Mon 12 Feb 2024 10:00:00 +0100"]),
        ("LOGLEVEL", ["WARN", "error", "Information"], ["loud"]),
        ("JAVACLASS", ["org.acme.Main$Inner"], ["1a"]),
        ("TTY", ["/dev/pts/3", "/dev/tty1"], ["/dev/sda"]),
    ],
)  # fmt: skip
def test_what_the_names_stand_for(name: str, good: list[str], bad: list[str]) -> None:
    pattern = compile_java(f"{expand(f'%{{{name}}}', {}).regex}")
    for text in good:
        assert pattern.fullmatch(text), text
    for text in bad:
        assert not pattern.fullmatch(text), text


@given(st.ip_addresses(), st.sampled_from([str, lambda a: a.exploded, lambda a: str(a).upper()]))
def test_every_address_is_found_in_any_of_its_forms(address: Any, form: Any) -> None:
    text = form(address)
    assert grok("from %{IP:ip};", f"from {text};") == {"ip": text}


@given(st.text("0123456789abcf:.", max_size=40))
def test_what_is_no_address_is_not_taken_whole(text: str) -> None:
    def is_address() -> bool:
        try:
            ipaddress.ip_address(text)
        except ValueError:
            return False
        return True

    # A zero in front of an octet is refused by ipaddress, and written by some loggers.
    octets = text.rpartition(":")[2].split(".")
    padded = len(octets) == 4 and any(octet != str(int(octet or 0)) for octet in octets if octet.isdigit())
    matched = compile_java(expand("%{IP}", {}).regex).fullmatch(text) is not None
    assert matched == is_address() or padded


def test_lines_of_known_programs() -> None:
    line = '198.51.100.7 - bob [10/Oct/2000:13:55:36 -0700] "GET /a?b HTTP/1.1" 304 - "http://x/" "curl/8.5"'
    assert grok("%{COMBINEDAPACHELOG}", line, fields="response:int,timestamp:timestamp:CLF") == {
        "clientip": "198.51.100.7",
        "auth": "bob",
        "timestamp": "2000-10-10T20:55:36.000Z",
        "verb": "GET",
        "request": "/a?b",
        "httpversion": "1.1",
        "response": 304,
        "referrer": '"http://x/"',
        "agent": '"curl/8.5"',
    }
    line = "Mar 12 12:27:00 server3 named[32172]: lame server resolving 'example.org'"
    assert grok("%{SYSLOGLINE}", line) == {
        "timestamp": "Mar 12 12:27:00",
        "logsource": "server3",
        "program": "named",
        "pid": "32172",
        "message": "lame server resolving 'example.org'",
    }
    line = "[Sun Mar 10 10:11:12 2024] [error] [client 192.0.2.1] File does not exist: /x"
    found = grok("%{HTTPD_ERRORLOG}", line)
    assert (found["loglevel"], found["clientip"], found["message"]) == (
        "error", "192.0.2.1", "File does not exist: /x",
    )  # fmt: skip
    line = "[Sun Mar 10 10:11:12.123 2024] [core:error] [pid 99:tid 140] [client 192.0.2.1:80] AH00128: gone"
    found = grok("%{HTTPD24_ERRORLOG}", line)
    assert (found["module"], found["tid"], found["errorcode"], found["message"]) == (
        "core", "140", "AH00128", "gone",
    )  # fmt: skip
    line = "        at org.acme.Shop.order(Shop.java:42)"
    assert grok("%{JAVASTACKTRACEPART}", line) == {
        "class": "org.acme.Shop", "method": "order", "file": "Shop.java", "line": "42",
    }  # fmt: skip
    line = (
        "192.0.2.1:55420 [09/Dec/2023:12:59:46.633] http-in web/s1 0/0/1/26/27 200 301 - - ---- "
        '1/1/0/0/0 0/0 {a|b} "GET /x HTTP/1.1"'
    )
    found = grok("%{HAPROXYHTTP}", line)
    assert (found["server_name"], found["http_status_code"], found["http_request"]) == ("s1", "200", "/x")
    assert found["captured_request_headers"] == "a|b"


def test_captures_have_types_and_the_formats_of_their_patterns() -> None:
    reader = reader_of(
        "%{HTTPDATE:at:timestamp} %{INT:i:int} %{INT:l:long} %{NUMBER:d:double} %{NUMBER:f:float} "
        "%{WORD:b:boolean} %{WORD:s:string} %{DATA:u:timestamp:yyyy.MM.dd HH:mm}$"
    )
    schemas = {field.name: field.schema for field in reader.fields}
    assert schemas["i"] == Schema.OPTIONAL_INT32
    assert schemas["l"] == Schema.OPTIONAL_INT64
    assert schemas["d"] == Schema.OPTIONAL_FLOAT64
    assert schemas["f"] == Schema.OPTIONAL_FLOAT32
    assert schemas["b"] == Schema.OPTIONAL_BOOLEAN
    assert schemas["s"] == Schema.OPTIONAL_STRING
    found = reader.read("10/Oct/2000:13:55:36 -0700 1 2 3.5 0.1 true x 2024.02.29 10:11", None)
    assert found == [
        "2000-10-10T20:55:36.000Z", 1, 2, 3.5, 0.10000000149011612, True, "x", "2024-02-29T10:11:00.000Z",
    ]  # fmt: skip


def test_field_names() -> None:
    assert field_name("[http][status]") == "http.status"
    assert field_name("[a]b") == "[a]b"
    assert grok("%{INT:[http][status]} %{INT:@x-y.z}", "1 2") == {"http.status": "1", "@x-y.z": "2"}


def test_groups_of_ones_own_in_either_spelling() -> None:
    assert grok(r"(?<queue_id>[0-9A-F]{4}): (?P<rest>\w+)", "BEEF: x") == {"queue_id": "BEEF", "rest": "x"}


def test_a_field_captured_twice_has_what_took_part() -> None:
    pattern = "(?:%{IPV4:client}|%{HOSTNAME:client}) %{GREEDYDATA:rest}"
    assert grok(pattern, "10.0.0.1 x")["client"] == "10.0.0.1"
    assert grok(pattern, "a.example x")["client"] == "a.example"


def test_definitions_of_ones_own() -> None:
    options = {"define.ORDER": "[[:upper:]]{2}-%{INT:number:int}", "define.WORD": "[a-c]+"}
    assert grok("%{ORDER:order} %{WORD:w}", "xx AB-12 abcd", **options) == {
        "order": "AB-12",
        "number": 12,
        "w": "abc",
    }


def test_patterns_are_tried_in_order() -> None:
    options = {"pattern.10": "%{WORD:a} %{WORD:c}", "pattern.2": "%{INT:a} %{WORD:b}"}
    reader = reader_of("never %{INT:n:int}", **options)
    assert [field.name for field in reader.fields] == ["n", "a", "b", "c"]
    assert list(reader.read("1 x", None)) == [None, "1", "x", None]
    assert list(reader.read("y x", None)) == [None, "y", None, "x"]
    assert list(reader.read("never 7", None)) == [7, None, None, None]
    with pytest.raises(NotParsedError, match="no pattern"):
        reader.read("-", None)


def test_a_pattern_is_looked_for_anywhere() -> None:
    assert grok("took %{NUMBER:s:double}s", "request took 1.5s in all") == {"s": 1.5}
    with pytest.raises(NotParsedError):
        grok("^took %{NUMBER:s:double}s", "request took 1.5s in all")


def test_empty_captures() -> None:
    assert grok("a=%{DATA:a};b=%{DATA:b:int};", "a=;b=;") == {"a": ""}
    assert grok("a=%{DATA:a};b=%{DATA:b:int};", "a=;b=;", **{"empty.is.null": "true"}) == {}


@pytest.mark.parametrize(
    ("options", "key", "says"),
    [
        ({}, "pattern", "required"),
        ({"pattern": "%{NOSPACE:x}"}, "pattern", "did you mean 'NOTSPACE'"),
        ({"pattern": "%{WORD:x:integer}"}, "pattern", "no type"),
        ({"pattern": "%{WORD:x:int:yyyy}"}, "pattern", "only a timestamp"),
        ({"pattern": "%{WORD:x:timestamp:yyyb}"}, "pattern", "Illegal pattern character"),
        ({"pattern": "%{WORD}"}, "pattern", "captures nothing"),
        ({"pattern": "%{WORD:x} %{"}, "pattern", "does not go on"),
        ({"pattern": "%{WORD:x} ("}, "pattern", "regular expression"),
        ({"pattern": "%{WORD:x:int} %{WORD:x:long}"}, "pattern", "two types"),
        ({"pattern": "%{WORD:x:int}", "pattern.1": "%{WORD:x:long}"}, "pattern", "another type"),
        ({"pattern": "%{A:x}", "define.A": "%{B}", "define.B": "%{A}"}, "pattern", "leads back to itself"),
        ({"pattern": "%{A:x}", "define.A": "(a+)+"}, "pattern", "hours"),
        ({"pattern": "%{DATA:a}%{DATA:b}%{DATA:c}%{DATA:d}"}, "pattern", "side by side"),
        ({"pattern": "%{WORD:x}", "fields": "y:int"}, "fields", "no pattern captures"),
        ({"pattern": "%{WORD:x}", "fields": "x:nothing"}, "fields", "no type"),
        ({"pattern": "%{WORD:x}", "pattern.x": "y"}, "pattern.x", "number"),
        ({"pattern": "%{WORD:x}", "define.a b": "y"}, "define.a b", "letters"),
    ],
)
def test_what_is_wrong_with_a_configuration(options: dict[str, str], key: str, says: str) -> None:
    assert says in " ".join(problem_of(**options)[key])


def test_definitions_that_multiply_are_refused_before_they_are_long() -> None:
    bomb = {f"define.A{i}": f"%{{A{i + 1}}}" * 10 for i in range(20)}
    problems = problem_of(pattern="%{A0:x}", **bomb, **{"define.A20": "aaaaaaaaaa"})
    assert "longer than" in problems["pattern"][0]

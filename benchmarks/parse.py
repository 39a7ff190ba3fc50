"""Parse beside a hand-written loop of ``re.match`` to dict: records a second, ``python -m benchmarks.parse``.

The bare loop does the same work with the standard library alone: it matches the line with a regular
expression as it is usually written, converts the same numbers and the time, and makes a dict. Each figure
is the least CPU time of several runs in one process, so that ratios hold on a busy machine.
"""

from __future__ import annotations

import csv
import json
import re
import time
from calendar import timegm
from collections.abc import Callable
from typing import Any

from connectkit.fuse import Fused, Stage
from connectkit.record import SourceRecord
from connectkit.schema import Schema
from connectkit.transforms.parse.transform import Parse, ParseConfig

RECORDS = 2_000
REPEATS = 15
NOW_MS = 1_700_000_000_000

_COMBINED = re.compile(
    r"(?P<host>\S+) (?P<ident>\S+) (?P<user>\S+) \[(?P<time>[^\]]+)\] "
    r'"(?P<method>\S+) (?P<path>\S+) (?P<protocol>[^"]+)" (?P<status>\d{3}) (?P<bytes>\d+|-) '
    r'"(?P<referer>[^"]*)" "(?P<agent>[^"]*)"'
)
_GROK = re.compile(
    r"(?P<ts>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z) (?P<level>[A-Z]+) \[(?P<thread>[^\]]+)\] "
    r"(?P<logger>\S+) took (?P<took>\d+)ms (?P<message>.*)"
)
_SYSLOG = re.compile(
    r"<(?P<priority>\d+)>(?P<time>\w{3} [ \d]\d \d\d:\d\d:\d\d) (?P<host>\S+) (?P<app>[^:\[]+)"
    r"(?:\[(?P<procid>[^\]]*)\])?: (?P<message>.*)"
)
_PAIR = re.compile(r'([^\s=]+)=(?:"([^"]*)"|(\S*))')
_MONTHS = {m: i for i, m in enumerate("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(), 1)}


def combined_line(i: int) -> str:
    return (
        f"10.0.{i % 250}.{i % 199} - user{i % 50} "
        f"[10/Oct/2023:13:{i // 600 % 60:02d}:{i // 10 % 60:02d} +0200] "
        f'"GET /shop/items/{i}?page={i % 9} HTTP/1.1" 200 {i * 37 % 100_000} '
        f'"https://shop.example.com/start" "Mozilla/5.0 (X11; Linux x86_64; rv:{i % 30}.0) Gecko/20100101"'
    )


def bare_combined(line: str) -> dict[str, Any]:
    match = _COMBINED.match(line)
    if match is None:
        raise ValueError(line)
    found: dict[str, Any] = match.groupdict()
    found["status"] = int(found["status"])
    found["bytes"] = None if found["bytes"] == "-" else int(found["bytes"])
    t = found["time"]
    offset = (int(t[22:24]) * 60 + int(t[24:26])) * (-60 if t[21] == "-" else 60)
    day = (int(t[7:11]), _MONTHS[t[3:6]], int(t[:2]), int(t[12:14]), int(t[15:17]), int(t[18:20]))
    found["time"] = (timegm(day) - offset) * 1000
    return found


def bare_combined_texts(line: str) -> dict[str, Any]:
    match = _COMBINED.match(line)
    if match is None:
        raise ValueError(line)
    return match.groupdict()


def grok_line(i: int) -> str:
    return (
        f"2023-10-10T13:{i // 60 % 60:02d}:{i % 60:02d}.123Z INFO [worker-{i % 8}] shop.orders.Service "
        f"took {i % 900}ms order {i} of customer {i * 7} accepted"
    )


def bare_grok(line: str) -> dict[str, Any]:
    match = _GROK.match(line)
    if match is None:
        raise ValueError(line)
    found: dict[str, Any] = match.groupdict()
    found["took"] = int(found["took"])
    return found


def syslog_line(i: int) -> str:
    return (
        f"<{i % 190}>Oct 10 13:{i // 60 % 60:02d}:{i % 60:02d} web{i % 9} sshd[{i + 100}]: "
        "Accepted publickey for deploy from 10.0.0.7 port 50122 ssh2"
    )


def bare_syslog(line: str) -> dict[str, Any]:
    match = _SYSLOG.match(line)
    if match is None:
        raise ValueError(line)
    found: dict[str, Any] = match.groupdict()
    found["priority"] = priority = int(found["priority"])
    found["facility"], found["severity"] = priority >> 3, priority & 7
    t = found["time"]
    day = (2023, _MONTHS[t[:3]], int(t[4:6]), int(t[7:9]), int(t[10:12]), int(t[13:15]))
    found["time"] = timegm(day) * 1000
    return found


def logfmt_line(i: int) -> str:
    message = f'level=info msg="order {i} accepted"'
    return f"ts=2023-10-10T13:00:00Z {message} took={i % 900} host=web{i % 9} user=u{i}"


def bare_pairs(line: str) -> dict[str, Any]:
    return {key: quoted or plain for key, quoted, plain in _PAIR.findall(line)}


def csv_line(i: int) -> str:
    return f'{i},"item {i}, blue",{i * 3}.5,2023-10-10,web{i % 9}'


def bare_csv(line: str) -> dict[str, Any]:
    row: list[Any] = next(csv.reader([line]))
    row[0], row[2] = int(row[0]), float(row[2])
    return dict(zip(("id", "name", "price", "day", "host"), row))


def json_line(i: int) -> str:
    return json.dumps({"id": i, "name": f"item {i}", "price": i * 0.5, "tags": ["a", "b"], "ok": True})


CASES: list[tuple[str, dict[str, str], Callable[[int], str], Callable[[str], dict[str, Any]]]] = [
    ("combined", {"format": "combined"}, combined_line, bare_combined),
    ("combined, texts only by hand", {"format": "combined"}, combined_line, bare_combined_texts),
    ("grok", {
        "format": "grok",
        "pattern": r"%{TIMESTAMP_ISO8601:ts} %{LOGLEVEL:level} \[%{DATA:thread}\] %{NOTSPACE:logger} "
        "took %{INT:took:int}ms %{GREEDYDATA:message}",
    }, grok_line, bare_grok),
    ("regex", {
        "format": "regex", "pattern": _GROK.pattern, "fields": "took:int",
    }, grok_line, bare_grok),
    ("rfc3164", {"format": "rfc3164"}, syslog_line, bare_syslog),
    ("syslog", {"format": "syslog"}, syslog_line, bare_syslog),
    ("logfmt", {"format": "logfmt"}, logfmt_line, bare_pairs),
    ("keyvalue", {"format": "keyvalue"}, logfmt_line, bare_pairs),
    ("csv", {"format": "csv", "fields": "id:long,name,price:double,day,host"}, csv_line, bare_csv),
    ("json", {"format": "json"}, json_line, json.loads),
]  # fmt: skip


def best_us(call: Callable[[], object]) -> float:
    """The least time a record, in microseconds."""
    best = float("inf")
    for _ in range(REPEATS):
        start = time.thread_time_ns()
        call()
        best = min(best, time.thread_time_ns() - start)
    return best / RECORDS / 1000


def main() -> None:
    heads = ("bare re", 10), ("Parse", 10), ("a second", 12), ("ratio", 6), ("to a struct", 12), ("ratio", 6)
    print(" " * 30, *(head.rjust(width) for head, width in heads))
    for name, options, line_of, bare in CASES:
        lines = [line_of(i) for i in range(RECORDS)]
        bare_us = best_us(lambda lines=lines, bare=bare: [bare(line) for line in lines])  # type: ignore[misc]
        plain_us, typed_us = (_parse_us(options, lines, schema) for schema in (None, Schema.STRING))
        plain = f"{plain_us:7.2f} us {1e6 / plain_us:12,.0f} {plain_us / bare_us:6.2f}"
        typed = f"{typed_us:9.2f} us {typed_us / bare_us:6.2f}"
        print(f"{name:<30} {bare_us:7.2f} us {plain} {typed}")


def _parse_us(options: dict[str, str], lines: list[str], schema: Schema | None) -> float:
    run = Fused([Stage(Parse(ParseConfig.parse(options)))]).run_batch
    records = [SourceRecord({}, {}, "logs", schema, line, timestamp=NOW_MS) for line in lines]
    run(records[:10])
    return best_us(lambda: run(records))


if __name__ == "__main__":
    main()

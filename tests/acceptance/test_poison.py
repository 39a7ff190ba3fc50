"""Fourteen kinds of poison, one record in a hundred of ten thousand, under each error policy.

What a kind does by itself is asked of the converters and the chain, one record at a time; then the task must
do just that: none fails at the first and names it, all skips exactly these, and a queue gets exactly these.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from connectkit.api import TopicPartition
from connectkit.builder import SchemaBuilder
from connectkit.plugin import plugins
from connectkit.runner.chain import Chain
from connectkit.runner.decode import RecordDecoder
from connectkit.runner.encode import Converters
from connectkit.runner.log.api import OutRecord
from connectkit.runner.sink_task import SinkSettings
from connectkit.runner.status import State
from connectkit.runner.tolerance import ErrorPolicy
from connectkit.schema import Schema
from connectkit.struct import Struct
from tests.support.memory_log import MemoryMessage
from tests.support.rig import ScriptedSink, SinkRig

COUNT, ONE_IN = 10_000, 100
TP = TopicPartition("t", 0)
ORDER = SchemaBuilder.struct().name("order").field("id", Schema.INT64).field("name", Schema.STRING).build()
CHAIN = {"transforms": "a", "transforms.a.type": "InsertField$Value", "transforms.a.static.field": "src",
         "transforms.a.static.value": "x"}  # fmt: skip
REGISTRY = {"schema.registry.url": "mock://poison"}

MANY: list[tuple[str, bytes | None]] = [("h", b"1")] * 10_000
FATAL_AVRO = frozenset(
    ("empty", "two bytes", "wrong magic", "unknown id", "truncated", "overflow", "mismatch")
)
FATAL_JSON = frozenset(("two bytes", "bad UTF-8", "truncated", "NaN", "Infinity", "mismatch"))
"""What must be refused, whatever else is; bytes after a value are no matter to either, as in Java."""


def avro() -> tuple[Converters, Any, dict[str, OutRecord]]:
    """Converters, a maker of good records, and one poisonous record of each kind."""
    value = plugins.create("converter", "AvroConverter", REGISTRY, is_key=False)
    made = Converters(
        plugins.create("converter", "StringConverter", {}, is_key=True),
        value,
        plugins.create("header_converter", "SimpleHeaderConverter", {}),
    )

    def good(number: int) -> OutRecord:
        data = value.from_connect_data("t", ORDER, Struct.of(ORDER, [number, f"n{number}"]))
        return OutRecord("t", 0, b"k", data, None, None)

    sound = good(7).value or b""
    other = value.from_connect_data("other", Schema.STRING, "just text")
    kinds: dict[str, bytes | None] = {
        "empty": b"",
        "two bytes": b"\x00\x01",
        "wrong magic": b"\x05" + sound[1:],
        "unknown id": b"\x00\x7f\xff\xff\xff" + sound[5:],
        "truncated": sound[:-2],
        "trailing": sound + b"xx",
        "bad UTF-8": sound[:-1] + b"\xff",
        "overflow": sound[:5] + b"\xff" * 10 + b"\x01" + sound[6:],
        "mismatch": other,
        "tombstone": None,
    }
    records = {name: OutRecord("t", 0, b"k", data, None, None) for name, data in kinds.items()}
    records["null key"] = OutRecord("t", 0, None, sound, None, None)
    records["headers"] = OutRecord("t", 0, b"k", sound, None, MANY)
    return made, good, records


def plain_json() -> tuple[Converters, Any, dict[str, OutRecord]]:
    made = Converters(
        plugins.create("converter", "StringConverter", {}, is_key=True),
        plugins.create("converter", "JsonConverter", {"schemas.enable": "false"}, is_key=False),
        plugins.create("header_converter", "SimpleHeaderConverter", {}),
    )

    def good(number: int) -> OutRecord:
        return OutRecord("t", 0, b"k", json.dumps({"id": number}).encode(), None, None)

    kinds: dict[str, bytes | None] = {
        "empty": b"",
        "two bytes": b"{]",
        "truncated": b'{"id": 1',
        "trailing": b'{"id": 1} x',
        "bad UTF-8": b'{"id": "\xff"}',
        "overflow": b'{"id": 123456789012345678901234567890}',
        "NaN": b'{"id": NaN}',
        "Infinity": b'{"id": -Infinity}',
        "duplicate keys": b'{"id": 1, "id": 2}',
        "mismatch": b'"just text"',
        "tombstone": None,
    }
    records = {name: OutRecord("t", 0, b"k", data, None, None) for name, data in kinds.items()}
    records["null key"] = OutRecord("t", 0, None, b"{}", None, None)
    records["headers"] = OutRecord("t", 0, b"k", b"{}", None, MANY)
    return made, good, records


def fails(record: OutRecord, made: Converters, chain: Chain) -> bool:
    """Whether the record by itself is refused by converters or chain."""
    try:
        [decoded] = RecordDecoder(made).decode([MemoryMessage(TP, 0, record)], {})
        chain.apply(decoded)
    except Exception:  # noqa: BLE001 - whatever it is
        return True
    return False


class Case:
    """A topic with poison in it, and a task that reads it."""

    def __init__(self, which: str, policy: ErrorPolicy, *, dead_letters: bool) -> None:
        self.made, good, kinds = avro() if which == "avro" else plain_json()
        chain = Chain.build(CHAIN, plugins)
        self.refused = {name for name, record in kinds.items() if fails(record, self.made, chain)}
        self.task = ScriptedSink()
        self.rig = SinkRig(
            self.task, chain=chain, policy=policy, dead_letters=dead_letters, made=self.made,
            settings=SinkSettings(topics=["t"], max_poll_records=500),
        )  # fmt: skip
        names = list(kinds)
        self.poison: Mapping[int, str] = {}
        self.rig.log.create("t")
        for number in range(COUNT):
            name = names[number // ONE_IN % len(names)] if number % ONE_IN == ONE_IN // 2 else None
            self.rig.log.append(good(number) if name is None else kinds[name])
            if name in self.refused:
                self.poison = {**self.poison, number: name or ""}
        self.offsets: list[int] = []
        self.task.on_put = lambda records: self.offsets.extend(r.original_kafka_offset for r in records)

    def run(self) -> SinkRig:
        return self.rig.run()


@pytest.mark.parametrize(("which", "fatal"), [("avro", FATAL_AVRO), ("json", FATAL_JSON)])
def test_all_with_a_queue(which: str, fatal: frozenset[str]) -> None:
    case = Case(which, ErrorPolicy(tolerate_all=True), dead_letters=True)
    assert fatal <= case.refused
    rig = case.run()
    assert rig.states[-1] is State.UNASSIGNED
    letters = rig.log.data[TopicPartition("dlq", 0)]
    headers = [dict(letter.headers or ()) for letter in letters]
    assert [int(each["__connect.errors.offset"] or b"") for each in headers] == list(case.poison)
    originals = [rig.log.data[TP][number] for number in case.poison]
    assert [(r.key, r.value) for r in letters] == [(r.key, r.value) for r in originals]
    assert all((each["__connect.errors.stage"] or b"").isupper() for each in headers)
    assert case.offsets == [n for n in range(COUNT) if n not in case.poison]
    assert rig.committed() == COUNT
    errors, count = rig.counters.errors, len(case.poison)
    assert rig.counters.read.total == COUNT == rig.counters.sent.total + errors.total_records_skipped
    assert errors.total_record_failures == errors.total_record_errors == errors.total_records_skipped == count
    assert errors.deadletterqueue_produce_requests == count
    assert errors.deadletterqueue_produce_failures == 0
    assert errors.total_retries == 0


@pytest.mark.parametrize("which", ["avro", "json"])
def test_all_without_a_queue(which: str) -> None:
    case = Case(which, ErrorPolicy(tolerate_all=True), dead_letters=False)
    rig = case.run()
    assert case.offsets == [n for n in range(COUNT) if n not in case.poison]
    assert rig.committed() == COUNT
    assert rig.counters.errors.total_records_skipped == len(case.poison)
    assert rig.counters.errors.deadletterqueue_produce_requests == 0


@pytest.mark.parametrize("which", ["avro", "json"])
def test_none_names_the_first(which: str) -> None:
    case = Case(which, ErrorPolicy(), dead_letters=False)
    rig = case.run()
    first = min(case.poison)
    assert rig.states[-1] is State.FAILED
    assert f"t-0@{first}" in str(rig.worker_task.error)
    assert "converting the value" in str(rig.worker_task.error).lower()
    assert rig.committed() is None or (rig.committed() or 0) <= first
    assert all(offset < first for offset in case.offsets)
    assert "just text" not in (rig.trace or "")


@pytest.mark.parametrize("name", sorted(FATAL_AVRO))
def test_each_kind_by_itself_is_named_with_its_place(name: str) -> None:
    made, good, kinds = avro()
    rig = SinkRig(ScriptedSink(), chain=Chain.build(CHAIN, plugins), made=made)
    rig.log.create("t")
    for record in (good(0), good(1), kinds[name]):
        rig.log.append(record)
    rig.run()
    assert rig.states[-1] is State.FAILED
    told = str(rig.worker_task.error)
    assert "t-0@2" in told
    assert "errors.tolerance=all" in told

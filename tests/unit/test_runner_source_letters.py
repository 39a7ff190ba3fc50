"""Dead letters of a source: what they hold, and that offsets wait for them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from connectkit.api import TopicPartition
from connectkit.builder import SchemaBuilder
from connectkit.errors import ConnectError, DataError, FatalTaskError, RetriableError
from connectkit.headers import Headers
from connectkit.record import SourceRecord
from connectkit.runner.plain_json import plain, plain_text
from connectkit.runner.status import State
from connectkit.runner.tolerance import ErrorPolicy
from connectkit.schema import Schema
from connectkit.struct import Struct
from tests.support.rig import PlainConverter, ScriptedSource, SourceRig, record
from tests.unit.test_runner_one_to_many import Refuse, Times, chain
from tests.unit.test_runner_source_task import Listening

ALL = ErrorPolicy(tolerate_all=True)


def run(*batches: Any, **more: Any) -> SourceRig:
    rig = SourceRig(ScriptedSource([*batches]), policy=ALL, dead_letters=True, **more)
    return rig.run()


def letters(rig: SourceRig) -> list[tuple[bytes | None, bytes | None, Mapping[str, str]]]:
    found = rig.log.data.get(TopicPartition("dlq", 0), [])
    return [(r.key, r.value, {n: (v or b"").decode() for n, v in r.headers or []}) for r in found]


def test_a_record_that_a_transform_refuses_is_written_as_it_was_polled() -> None:
    rig = run([record(1), record(2), record(3)], chain=chain(Refuse(2)))
    assert rig.log.values("t") == [b"1", b"3"]
    [(key, value, headers)] = letters(rig)
    assert (key, value) == (None, b"2")
    assert headers["__connect.errors.topic"] == "t"
    assert headers["__connect.errors.stage"] == "TRANSFORMATION"
    assert headers["__connect.errors.class.name"].endswith(".Refuse")
    assert json.loads(headers["__connect.errors.source.partition"]) == {"part": "a"}
    assert json.loads(headers["__connect.errors.source.offset"]) == {"at": 2}
    assert headers["__connect.errors.connector.name"] == "orders"
    assert "__connect.errors.value.form" not in headers
    assert rig.stored() == 3
    assert rig.counters.errors.total_records_skipped == 1
    assert rig.counters.errors.deadletterqueue_produce_requests == 1


def test_what_no_converter_takes_is_json_and_says_so() -> None:
    rig = run([record(1), record(2)], value=PlainConverter(poison=[2]))
    [(_, value, headers)] = letters(rig)
    assert value == b"2"
    assert headers["__connect.errors.stage"] == "VALUE_CONVERTER"
    assert headers["__connect.errors.value.form"] == "json"
    assert "__connect.errors.key.form" not in headers


def test_headers_and_time_of_the_record_are_kept_and_come_first() -> None:
    made = SourceRecord(
        {"part": "a"},
        {"at": 1},
        "t",
        None,
        7,
        timestamp=99,
        headers=Headers().add("trace", "x", Schema.STRING),
    )
    rig = run([made], chain=chain(Refuse(7)))
    [letter] = rig.log.data[TopicPartition("dlq", 0)]
    assert (letter.headers or [])[0] == ("trace", b"x")
    assert letter.timestamp == 99


def test_a_record_that_the_log_refuses_is_the_letter_that_was_refused() -> None:
    rig = SourceRig(
        ScriptedSource([[record(1), record(2), record(3)]]),
        policy=ALL,
        dead_letters=True,
        chain=chain(Times(10)),
    )
    rig.producer.failures[b"20"] = DataError("too large")
    rig.run()
    [(_, value, headers)] = letters(rig)
    assert value == b"20"
    assert headers["__connect.errors.stage"] == "KAFKA_PRODUCE"
    assert headers["__connect.errors.topic"] == "t"
    assert json.loads(headers["__connect.errors.source.offset"]) == {"at": 2}
    assert rig.stored() == 3


def test_a_batch_that_the_log_does_not_even_take() -> None:
    rig = SourceRig(ScriptedSource([[record(1), record(2)]]), policy=ALL, dead_letters=True)
    rig.producer.send_errors = [DataError("no"), DataError("no"), None, DataError("no")]
    rig.run()
    assert rig.log.values("t") == [b"1"]
    assert [value for _, value, _ in letters(rig)] == [b"2"]


def test_offsets_wait_until_the_letter_is_acknowledged() -> None:
    rig = SourceRig(ScriptedSource([[record(1), record(2), record(3)]]), policy=ALL, dead_letters=True,
                    chain=chain(Refuse(2)))  # fmt: skip
    rig.log.producers[-1].held = True
    rig.run()
    assert rig.log.values("t") == [b"1", b"3"]
    assert rig.stored() is None
    assert rig.states[-1] is State.UNASSIGNED


def test_a_letter_that_is_refused_fails_the_task_and_stores_nothing() -> None:
    task = ScriptedSource([[record(1), record(2), record(3)]])
    rig = SourceRig(task, policy=ALL, dead_letters=True, chain=chain(Refuse(2)))
    rig.log.producers[-1].failures[b"2"] = DataError("too large")
    rig.run()
    assert rig.stored() is None
    assert isinstance(rig.worker_task.error, FatalTaskError)
    assert "dlq" in str(rig.worker_task.error)


def test_without_tolerance_the_letter_is_written_and_the_task_fails() -> None:
    rig = SourceRig(ScriptedSource([[record(1), record(2)]]), dead_letters=True, chain=chain(Refuse(2)))
    rig.run()
    assert rig.states[-1] is State.FAILED
    assert [value for _, value, _ in letters(rig)] == [b"2"]
    assert rig.stored() == 1


def test_commit_record_hears_of_the_dropped() -> None:
    task = Listening([[record(1), record(2)], None])
    SourceRig(task, policy=ALL, dead_letters=True, chain=chain(Refuse(2))).run()
    assert len([call for call in task.calls if call.startswith("record")]) == 2


def test_a_converter_that_waited_for_its_registry_is_not_asked_again() -> None:
    value = PlainConverter()
    calls = []

    def busy(*arguments: Any) -> bytes:
        calls.append(1)
        raise RetriableError("registry")

    value.from_connect_data = busy  # type: ignore[method-assign, assignment]
    rig = SourceRig(ScriptedSource([[record(1)]]), policy=ALL, dead_letters=True, value=value)
    rig.run()
    assert len(calls) == 2  # the fast way and the explaining one
    [(_, written, headers)] = letters(rig)
    assert written == b"1"
    assert headers["__connect.errors.value.form"] == "json"


@pytest.mark.parametrize("error", [ConnectError("x"), ValueError("a value that no header may hold")])
def test_no_header_holds_a_value(error: Exception) -> None:
    class Raise:
        def apply(self, each: Any) -> Any:
            raise error

        def close(self) -> None: ...

    rig = run([record(1)], chain=chain(Raise()))
    [(_, _, headers)] = letters(rig)
    assert "a value" not in str(headers)


def test_plain_json_takes_everything() -> None:
    inner = SchemaBuilder.struct().field("f", Schema.FLOAT32).field("b", Schema.BYTES).build()
    struct = Struct.of(inner, [0.1, b"\x00"])
    assert plain(struct) == {"f": 0.1, "b": "AA=="}
    assert plain({"n": float("nan"), 1: [Decimal("1.20")]}) == {"n": "nan", "1": ["1.20"]}
    deep: Any = []
    for _ in range(10_000):
        deep = [deep]
    assert "nested too deep" in plain_text(deep)

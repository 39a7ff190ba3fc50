"""A put that fails: the guilty records are found or named, and the others are written, in order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectkit.api import TopicPartition
from connectkit.errors import BatchError, ConfigError, DataError, FatalTaskError, RetriableError
from connectkit.record import SinkRecord
from connectkit.runner.sink_task import SinkSettings
from connectkit.runner.status import State
from connectkit.runner.tolerance import ErrorPolicy
from tests.support.rig import ScriptedSink, SinkRig
from tests.unit.test_runner_source_task import Chained

ALL = ErrorPolicy(tolerate_all=True)
BISECTS = SinkSettings(topics=["t"], bisects=True)


class Store(ScriptedSink):
    """All or nothing: a batch with a bad value is refused; what is written is kept by place."""

    def __init__(self, bad: Callable[[Any], bool], error: Exception | None = None) -> None:
        super().__init__()
        self.bad = bad
        self.error = error or ValueError("a value that no log may show")
        self.stored: list[Any] = []
        self.order: dict[int | None, list[int]] = {}

    def put(self, records: list[SinkRecord]) -> None:
        super().put(records)
        if any(self.bad(record.value) for record in records):
            raise self.error
        for record in records:
            self.stored.append(record.value)
            self.order.setdefault(record.original_kafka_partition, []).append(record.original_kafka_offset)


def run(task: ScriptedSink, *values: Any, **more: Any) -> SinkRig:
    more = {"policy": ALL, "settings": BISECTS, "dead_letters": True, **more}
    return SinkRig(task, **more).fill(*values).run()


def test_a_batch_is_halved_down_to_the_guilty_records() -> None:
    task = Store(lambda value: value in (3, 77))
    rig = run(task, *range(100))
    assert task.stored == [n for n in range(100) if n not in (3, 77)]
    assert rig.log.values("dlq") == [b"3", b"77"]
    assert rig.committed() == 100
    assert rig.states[-1] is State.UNASSIGNED
    assert len(task.puts) < 40
    errors = rig.counters.errors
    assert (errors.total_record_failures, errors.total_record_errors, errors.total_records_skipped) == (
        2,
        2,
        2,
    )
    assert errors.deadletterqueue_produce_requests == 2
    assert rig.counters.read.total == rig.counters.sent.total + errors.total_records_skipped


def test_the_dead_letter_names_stage_class_and_place_and_no_value() -> None:
    rig = run(Store(lambda value: value == 1), 0, 1, 2)
    [letter] = rig.log.data[TopicPartition("dlq", 0)]
    headers = {name: (value or b"").decode() for name, value in letter.headers or []}
    assert headers["__connect.errors.stage"] == "TASK_PUT"
    assert headers["__connect.errors.offset"] == "1"
    assert headers["__connect.errors.class.name"] == "tests.unit.test_runner_put.Store"
    assert headers["__connect.errors.exception.class.name"] == "ValueError"
    assert "a value" not in str(headers)


@given(st.sets(st.integers(0, 59)), st.integers(1, 60))
def test_whatever_is_bad_the_rest_is_written_once_and_in_order(bad: set[int], size: int) -> None:
    task = Store(lambda value: value in bad)
    settings = SinkSettings(topics=["t"], bisects=True, max_poll_records=size)
    rig = SinkRig(task, policy=ALL, settings=settings, dead_letters=True, idle=60)
    rig.fill(*range(30)).fill(*range(30, 60), partition=1).run()
    assert sorted(task.stored) == sorted(set(range(60)) - bad)
    assert all(offsets == sorted(set(offsets)) for offsets in task.order.values())
    assert sorted(int(value or b"") for value in rig.log.values("dlq")) == sorted(bad)
    assert (rig.committed(0), rig.committed(1)) == (30, 30)


def test_without_leave_the_task_fails_and_the_option_is_named() -> None:
    task = Store(lambda value: value == 1)
    rig = run(task, 0, 1, settings=SinkSettings(topics=["t"]))
    assert rig.states[-1] is State.FAILED
    assert rig.committed() is None
    assert "put.bisect" in str(rig.worker_task.error)


def test_without_tolerance_nothing_is_put_twice() -> None:
    task = Store(lambda value: value == 1)
    rig = run(task, 0, 1, policy=ErrorPolicy())
    assert rig.states[-1] is State.FAILED
    assert task.puts == [[0, 1]]
    assert "put.bisect" not in str(rig.worker_task.error)


@pytest.mark.parametrize("error", [FatalTaskError("no disk"), ConfigError("no such table")])
def test_an_error_that_no_other_batch_would_escape_is_not_looked_into(error: Exception) -> None:
    task = Store(lambda value: True, error)
    rig = run(task, 0, 1)
    assert rig.states[-1] is State.FAILED
    assert task.puts == [[0, 1]]


def test_an_empty_put_that_fails_blames_nobody() -> None:
    task = ScriptedSink()

    def fail(records: list[SinkRecord]) -> None:
        if not records:
            raise ValueError("no")

    task.on_put = fail
    settings = SinkSettings(topics=["t"], bisects=True, flush_interval_s=1.0)
    rig = SinkRig(task, policy=ALL, settings=settings, idle=30).fill().run()
    assert rig.states[-1] is State.FAILED


def test_a_passing_fault_in_the_middle_goes_on_where_it_was() -> None:
    busy = [RetriableError("busy"), RetriableError("busy")]
    task = Store(lambda value: value == 5)

    def sometimes(records: list[SinkRecord]) -> None:
        if 2 < len(records) < 5 and busy:
            raise busy.pop()

    task.on_put = sometimes
    rig = run(task, *range(8), idle=20)
    assert task.stored == [0, 1, 2, 3, 4, 6, 7]
    assert rig.log.values("dlq") == [b"5"]
    assert rig.committed() == 8


def test_what_a_message_became_is_one_dead_letter() -> None:
    task = Store(lambda value: value in (20, 200))
    chain = Chained(lambda each: [each.new_record(value=each.value * n) for n in (1, 10, 100)])
    rig = run(task, 1, 2, 3, chain=chain)
    assert rig.log.values("dlq") == [b"2"]
    assert task.stored == [1, 10, 100, 2, 3, 30, 300]


def test_without_a_queue_the_guilty_records_are_counted() -> None:
    task = Store(lambda value: value == 1)
    rig = run(task, 0, 1, 2, dead_letters=False)
    assert task.stored == [0, 2]
    assert rig.counters.errors.total_records_skipped == 1
    assert rig.committed() == 3


# --- tasks that name them ----------------------------------------------------------------------------


class Naming(ScriptedSink):
    """Says which records it could not write."""

    def __init__(self, failures: Mapping[Any, Exception], *, written: bool) -> None:
        super().__init__()
        self.failures = dict(failures)
        self.written_others = written
        self.stored: list[Any] = []

    def put(self, records: list[SinkRecord]) -> None:
        super().put(records)
        found = {n: self.failures[r.value] for n, r in enumerate(records) if r.value in self.failures}
        for error in found.values():
            if isinstance(error, RetriableError):
                self.failures = {v: e for v, e in self.failures.items() if e is not error}
        if not found or self.written_others:
            self.stored += [r.value for n, r in enumerate(records) if n not in found]
        if found:
            raise BatchError("some failed", found, written=self.written_others)


@pytest.mark.parametrize("written", [True, False])
def test_named_records_are_dropped_without_a_search(written: bool) -> None:
    task = Naming({2: DataError("too long"), 5: ValueError("secret")}, written=written)
    rig = run(task, *range(8), settings=SinkSettings(topics=["t"]))
    assert task.stored == [0, 1, 3, 4, 6, 7]
    assert rig.log.values("dlq") == [b"2", b"5"]
    assert [len(put) for put in task.puts] == ([8] if written else [8, 6])
    assert rig.committed() == 8
    assert rig.counters.sent.total == 6


def test_a_named_passing_fault_is_put_again_alone() -> None:
    task = Naming({2: RetriableError("locked", wait_s=0.1)}, written=True)
    rig = run(task, *range(4), idle=20)
    assert task.stored == [0, 1, 3, 2]
    assert [put for put in task.puts if put] == [[0, 1, 2, 3], [2]]
    assert rig.committed() == 4


def test_without_tolerance_the_named_record_stands_in_the_error() -> None:
    task = Naming({2: DataError("too long")}, written=False)
    rig = run(task, *range(4), policy=ErrorPolicy())
    assert rig.states[-1] is State.FAILED
    assert "t-0@2" in str(rig.worker_task.error)
    assert rig.log.values("dlq") == [b"2"]
    assert rig.committed() is None


@pytest.mark.parametrize("failures", [{}, {9: ValueError("x")}, {-1: ValueError("x")}])
def test_naming_nobody_fails_the_task(failures: dict[int, Exception]) -> None:
    task = ScriptedSink(errors=[BatchError("hm", failures)])
    assert run(task, 1, 2).states[-1] is State.FAILED


def test_a_final_error_among_those_named_ends_the_task() -> None:
    task = Naming({1: FatalTaskError("the table is gone")}, written=True)
    rig = run(task, 0, 1)
    assert rig.states[-1] is State.FAILED
    assert rig.committed() is None

"""The circuit breaker: a row of failures stops the flow, nothing of it is lost, and it goes on by itself."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectkit.api import TopicPartition
from connectkit.config import Config
from connectkit.edit import EditTransform
from connectkit.errors import BatchError, ConversionError, DataError, RetriableError
from connectkit.record import SinkRecord
from connectkit.runner.breaker import Breaker, BreakerPolicy
from connectkit.runner.sink_task import SinkSettings
from connectkit.runner.status import State
from connectkit.runner.tolerance import ErrorPolicy
from tests.support.rig import PlainConverter, ScriptedSink, ScriptedSource, SinkRig, SourceRig, record
from tests.unit.test_runner_one_to_many import chain
from tests.unit.test_runner_source_task import Chained

ALL = ErrorPolicy(tolerate_all=True)
FIVE = BreakerPolicy(failures=5, wait_s=1.0, wait_max_s=4.0)
T0 = TopicPartition("t", 0)


class Outage(ScriptedSink):
    """A system that is down until told otherwise."""

    def __init__(self, error: Exception | None = None) -> None:
        super().__init__()
        self.is_down = True
        self.error = error or RuntimeError("disk full")
        self.bad: set[Any] = set()
        self.stored: list[Any] = []

    def put(self, records: list[SinkRecord]) -> None:
        super().put(records)
        if records and self.is_down:
            raise self.error
        if any(each.value in self.bad for each in records):
            raise ValueError("bad")
        self.stored += [each.value for each in records]

    def up(self) -> None:
        self.is_down = False


def rig_of(task: ScriptedSink, *, idle: int = 200, **more: Any) -> SinkRig:
    settings = more.pop("settings", SinkSettings(topics=["t"], bisects=True))
    return SinkRig(task, policy=ALL, settings=settings, dead_letters=True, breaker=FIVE, idle=idle, **more)


def wait(count: int) -> list[Any]:
    return [lambda: None] * count


@pytest.mark.parametrize("size", [1, 3, 500])
def test_an_outage_loses_nothing_and_drains_nothing(size: int) -> None:
    task = Outage()
    settings = SinkSettings(topics=["t"], bisects=True, max_poll_records=size)
    rig = rig_of(task, settings=settings).fill(*range(50))
    notes: list[str | None] = []
    rig.at_empty = [
        *wait(20),
        lambda: notes.append(rig.worker_task.note),
        task.up,
    ]
    rig.run()
    assert task.stored == list(range(50))
    assert rig.log.values("dlq") == []
    assert rig.committed() == 50
    assert rig.states == [State.RUNNING, State.UNASSIGNED]
    assert notes[0] is not None
    assert "circuit breaker" in notes[0]
    assert "RuntimeError" in notes[0]
    assert rig.worker_task.note is None
    assert rig.counters.errors.total_records_skipped == 0
    assert len(task.puts) < 90


def test_while_it_is_open_nothing_is_put_and_the_waits_grow() -> None:
    task = Outage()
    rig = rig_of(task, idle=250).fill(*range(20))
    at: list[float] = []
    put = task.put

    def noted(records: list[SinkRecord]) -> None:
        at.append(round(rig.log.now_s - 1000, 1))
        put(records)

    task.put = noted  # type: ignore[method-assign]  # notes the time
    rig.run()
    tries = sorted(set(at))
    assert tries[0] == 0
    waits = [round(later - earlier) for earlier, later in itertools.pairwise(tries)]
    assert waits[:4] == [1, 2, 4, 4]
    assert len(task.puts[-1]) == 1
    assert rig.committed() is None
    assert rig.log.values("dlq") == []


def test_errors_that_say_the_system_is_away_open_it_at_once() -> None:
    task = Outage(ConnectionRefusedError(111, "refused"))
    rig = rig_of(task).fill(*range(20))
    rig.at_empty = [*wait(5), task.up]
    rig.run()
    assert task.stored == list(range(20))
    assert len([put for put in task.puts if len(put) > 1]) < 5
    assert rig.log.values("dlq") == []


def test_a_record_whose_system_is_up_still_counts_as_bad() -> None:
    task = Outage()
    task.up()
    task.bad = {3, 4, 5, 6, 11}
    rig = rig_of(task).fill(*range(20)).run()
    assert task.stored == [n for n in range(20) if n not in task.bad]
    assert rig.log.values("dlq") == [b"3", b"4", b"5", b"6", b"11"]


def test_what_failed_before_a_commit_is_in_the_queue_and_no_more_than_the_row() -> None:
    """A trickle: each commit settles what failed so far, since offsets go past it."""
    task = Outage()
    settings = SinkSettings(topics=["t"], bisects=True, flush_interval_s=0.1, max_poll_records=1)
    rig = rig_of(task, settings=settings)
    rig.fill(0)

    def come(number: int) -> Callable[[], None]:
        return lambda: rig.more(number)

    rig.at_empty = [*map(come, range(1, 9)), *wait(30), task.up]
    rig.run()
    letters = [int(value or b"") for value in rig.log.values("dlq")]
    assert len(letters) < 5
    assert sorted(letters + task.stored) == list(range(9))
    assert rig.committed() == 9


def test_poison_of_a_batch_that_goes_back_is_reported_once() -> None:
    task = Outage()
    rig = rig_of(task, value=PlainConverter(poison=[2, 30])).fill(*range(40))
    rig.at_empty = [*wait(30), task.up]
    rig.run()
    assert task.stored == [n for n in range(40) if n not in (2, 30)]
    assert rig.log.values("dlq") == [b"2", b"30"]
    assert rig.counters.errors.total_record_errors == 2


def test_data_errors_do_not_open_it_unless_asked_for() -> None:
    task = ScriptedSink()
    rig = rig_of(task, value=PlainConverter(poison=range(5, 30))).fill(*range(40)).run()
    assert task.written == [*range(5), *range(30, 40)]
    assert len(rig.log.values("dlq")) == 25

    task = ScriptedSink()
    every = BreakerPolicy(failures=5, counts_data_errors=True)
    rig = SinkRig(
        task, policy=ALL, breaker=every, value=PlainConverter(poison=range(5, 30)), dead_letters=True, idle=50
    )
    rig.fill(*range(40)).run()
    assert task.written == [*range(5)]
    assert rig.log.values("dlq") == []
    assert rig.committed() == 5
    assert "circuit breaker" in (rig.worker_task.note or "")


class LookUp(EditTransform[Config]):
    """Asks a service, which is down for values from 3 on until told otherwise."""

    def __init__(self) -> None:
        super().__init__(Config())
        self.fails: Callable[[], bool] = lambda: True

    def edit(self, draft: Any) -> None:
        def look(value: Any) -> Any:
            if value >= 3 and self.fails():
                raise OSError(111, "refused")
            return value

        draft.value.put(None, draft.call(look, draft.value.whole()))


def test_a_transform_whose_service_is_down_opens_it() -> None:
    service = LookUp()

    def up() -> None:
        service.fails = lambda: False

    task = ScriptedSink()
    rig = rig_of(task, chain=chain(service)).fill(*range(12))
    rig.at_empty = [*wait(15), up]
    rig.run()
    assert task.written == list(range(12))
    assert rig.log.values("dlq") == []
    assert rig.committed() == 12


def test_a_probe_that_is_filtered_is_followed_by_the_next() -> None:
    task = Outage()
    rig = rig_of(task, chain=Chained(lambda each: each if each.value > 2 else None)).fill(*range(12))
    rig.at_empty = [*wait(15), task.up]
    rig.run()
    assert task.stored == list(range(3, 12))
    assert rig.committed() == 12


def test_records_that_the_task_names_count() -> None:
    task = ScriptedSink()
    down = [True]

    def put(records: list[SinkRecord]) -> None:
        if records and down:
            raise BatchError("all", {n: OSError(28, "No space left") for n in range(len(records))})

    task.on_put = put
    rig = rig_of(task, settings=SinkSettings(topics=["t"])).fill(*range(20))
    rig.at_empty = [*wait(15), down.clear]
    rig.run()
    assert rig.log.values("dlq") == []
    assert rig.committed() == 20
    assert task.puts[-1] != []


@pytest.mark.parametrize("swallows", [True, False])
def test_a_task_that_reports_everything_is_stopped_after_a_few(swallows: bool) -> None:
    task = ScriptedSink()
    down = [True]
    stored: list[Any] = []

    def put(records: list[SinkRecord]) -> None:
        reporter = task.context.errant_record_reporter
        assert reporter is not None
        for each in records:
            if not down:
                stored.append(each.value)
                continue
            try:
                answer: Future[None] = reporter.report(each, OSError(28, "No space left"))
                assert answer is not None
            except RetriableError:
                if not swallows:
                    raise
                return

    task.on_put = put
    rig = rig_of(task).fill(*range(50))
    rig.at_empty = [*wait(30), down.clear]
    rig.run()
    letters = [int(value or b"") for value in rig.log.values("dlq")]
    assert len(letters) <= 5
    assert sorted(letters + stored) == list(range(50))
    assert rig.committed() == 50


def test_a_rebalance_while_it_is_open() -> None:
    task = Outage()
    rig = rig_of(task, idle=100).fill(*range(10)).fill(*range(10, 20), partition=1)
    rig.at_empty = [
        *wait(4),
        lambda: rig.consumer.rebalances.append(lambda told: rig.consumer.take(told, [T0])),
        *wait(4),
        lambda: rig.consumer.rebalances.append(lambda told: rig.consumer.give(told, [T0])),
        task.up,
    ]
    rig.run()
    assert sorted(task.stored) == list(range(20))
    assert (rig.committed(0), rig.committed(1)) == (10, 10)
    assert rig.log.values("dlq") == []


def test_a_pause_while_it_is_open_puts_nothing() -> None:
    task = Outage()
    rig = rig_of(task, idle=100).fill(*range(10))
    seen: list[int] = []
    rig.at_empty = [
        *wait(3), rig.control.pause, *wait(40), task.up, *wait(40),
        lambda: seen.append(len(task.stored)), rig.control.resume,
    ]  # fmt: skip
    rig.run()
    assert seen == [0]
    assert task.stored == list(range(10))


def test_off_means_off() -> None:
    task = Outage()
    settings = SinkSettings(topics=["t"], bisects=True)
    rig = SinkRig(task, policy=ALL, settings=settings, dead_letters=True).fill(*range(300)).run()
    assert len(rig.log.values("dlq")) == 300


# --- sources -----------------------------------------------------------------------------------------


def test_a_source_goes_back_to_where_the_row_began() -> None:
    service = LookUp()
    left = [True] * 12
    service.fails = lambda: bool(left) and left.pop()
    batch = [record(n) for n in range(10)]
    task = ScriptedSource([batch])
    rig = SourceRig(
        task,
        chain=chain(service),
        policy=ALL,
        breaker=BreakerPolicy(failures=5, wait_s=0.01, wait_max_s=0.01),
    )
    rig.run()
    assert rig.log.values("t") == [str(n).encode() for n in range(10)]
    assert rig.stored() == 9
    assert rig.counters.errors.total_records_skipped == 0


# --- the breaker by itself ---------------------------------------------------------------------------


def test_it_counts_two_rows() -> None:
    breaker = Breaker(BreakerPolicy(failures=3), lambda: 0.0)
    fault = RuntimeError()
    assert breaker.failed(fault, writing=True) is not None
    assert breaker.failed(fault, writing=True) is not None
    breaker.passed(writing=False)
    assert not breaker.is_open
    breaker.failed(fault, writing=True)
    assert breaker.is_open


def test_data_errors_neither_count_nor_end_a_row() -> None:
    breaker = Breaker(BreakerPolicy(failures=2), lambda: 0.0)
    breaker.failed(RuntimeError(), writing=True)
    assert breaker.failed(DataError("x"), writing=True) is None
    assert breaker.failed(ConversionError("x"), writing=True) is None
    breaker.failed(RuntimeError(), writing=True)
    assert breaker.is_open


@given(st.integers(1, 9), st.lists(st.booleans()))
def test_it_opens_exactly_at_the_limit(limit: int, outcomes: list[bool]) -> None:
    breaker = Breaker(BreakerPolicy(failures=limit), lambda: 0.0)
    row = 0
    for good in outcomes:
        if good:
            breaker.passed(writing=True)
            row = 0
        else:
            breaker.failed(RuntimeError(), writing=True)
            row += 1
        assert breaker.is_open == (row >= limit)
        if breaker.is_open:
            return


@pytest.mark.parametrize("error", [ValueError("x"), KeyError("x"), TypeError("x"), ZeroDivisionError()])
def test_what_is_the_records_fault_depends_on_who_looks_at_it(error: Exception) -> None:
    """A function that cannot parse a value says nothing of any system; a database driver may."""
    breaker = Breaker(BreakerPolicy(failures=2), lambda: 0.0)
    assert breaker.failed(error, writing=False) is None
    assert breaker.failed(error, writing=True) is not None


def test_half_open_decides_by_one_record_then_by_more() -> None:
    now = [0.0]
    breaker = Breaker(BreakerPolicy(failures=3, wait_s=1.0, wait_max_s=3.0), lambda: now[0])
    breaker.open(writing=True)
    assert breaker.until == 1.0
    for allowed, wait_s in ((1, 2.0), (2, 3.0), (3, 3.0), (3, 3.0)):
        breaker.probe()
        for _ in range(allowed):
            assert breaker.probing
            breaker.failed(RuntimeError(), writing=True)
        assert breaker.is_open
        assert breaker.until == wait_s
    breaker.probe()
    breaker.passed(writing=False)
    assert breaker.probing
    breaker.passed(writing=True)
    assert not breaker.probing
    assert not breaker.stirred
    breaker.open(writing=True)
    assert breaker.until == 1.0


def test_bad_records_where_it_tries_do_not_keep_it_open() -> None:
    task = Outage(ConnectionResetError(104, "reset"))
    task.bad = {0, 1, 2}
    rig = rig_of(task).fill(*range(12))
    rig.at_empty = [*wait(5), task.up]
    rig.run()
    assert task.stored == list(range(3, 12))
    assert rig.log.values("dlq") == [b"0", b"1", b"2"]
    assert rig.committed() == 12

"""The error policy: retries with back-off, what is tolerated, what is counted and told."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pytest

from connectkit.api import TopicPartition
from connectkit.errors import ConversionError, DataError, FatalTaskError, FencedError, RetriableError
from connectkit.runner.control import Control, TaskId
from connectkit.runner.counters import ErrorCounters
from connectkit.runner.failing import Culprit, Stage, Subject
from connectkit.runner.reporters import LogReporter
from connectkit.runner.tolerance import SKIPPED, ErrorPolicy, StoppedRetryingError, Tolerance, describe

SUBJECT = Subject("t-3@117", None, (TopicPartition("t", 3), 117))
CULPRIT = Culprit("JsonConverter", "some.JsonConverter")


class Clock(Control):
    """A control whose sleep moves a clock."""

    __slots__ = ("now_s", "slept")

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> bool:
        self.slept.append(round(seconds, 6))
        self.now_s += seconds
        return self.stopping


def made(policy: ErrorPolicy, **more: Any) -> tuple[Tolerance, Clock]:
    clock = Clock()
    tolerance = Tolerance(
        policy, ErrorCounters(), clock, clock=lambda: clock.now_s, wall_clock=lambda: 5.0, **more
    )
    return tolerance, clock


def failing(*errors: Exception) -> Callable[[], str]:
    left = list(errors)

    def call() -> str:
        if left:
            raise left.pop(0)
        return "done"

    return call


def always(error: Exception) -> Callable[[], str]:
    def call() -> str:
        raise error

    return call


def run(tolerance: Tolerance, call: Callable[[], Any]) -> Any:
    made = tolerance.run(Stage.VALUE_CONVERTER, CULPRIT, SUBJECT, call)
    tolerance.batch_done()
    return made


def test_a_result_passes_and_counts_nothing() -> None:
    tolerance, _ = made(ErrorPolicy())
    assert run(tolerance, lambda: None) is None
    assert set(tolerance.counters.metrics().values()) == {0}


def test_none_fails_the_task_with_place_and_stage() -> None:
    tolerance, _ = made(ErrorPolicy())
    with pytest.raises(FatalTaskError, match=r"t-3@117.*Not a number \(at \$\.id\)") as caught:
        run(tolerance, always(ConversionError("Not a number", path="$.id")))
    assert "JsonConverter" in str(caught.value)
    assert "errors.tolerance=all" in str(caught.value)
    assert tolerance.counters.total_record_failures == tolerance.counters.total_record_errors == 1
    assert tolerance.counters.total_records_skipped == 0
    assert tolerance.counters.last_error_timestamp == 5000


def test_all_skips_and_counts() -> None:
    tolerance, _ = made(ErrorPolicy(tolerate_all=True))
    assert run(tolerance, always(KeyError("x"))) is SKIPPED
    assert tolerance.counters.total_records_skipped == 1


@pytest.mark.parametrize("error", [FencedError("newer"), FatalTaskError("no")])
def test_what_is_not_the_records_fault_is_never_tolerated(error: Exception) -> None:
    tolerance, _ = made(ErrorPolicy(tolerate_all=True))
    with pytest.raises(type(error)):
        run(tolerance, always(error))


def test_waits_double_and_end_with_the_timeout() -> None:
    tolerance, clock = made(ErrorPolicy(tolerate_all=True, retry_timeout_s=6.0))
    assert run(tolerance, always(RetriableError("busy"))) is SKIPPED
    assert clock.slept == [0.3, 0.6, 1.2, 2.4, 1.5]
    assert tolerance.counters.total_record_failures == 6
    assert tolerance.counters.total_retries == 5
    assert tolerance.counters.total_record_errors == tolerance.counters.total_records_skipped == 1


def test_waits_beyond_the_longest_are_random_below_it() -> None:
    tolerance, clock = made(ErrorPolicy(retry_timeout_s=None, retry_delay_max_s=1.0), random=lambda: 0.25)
    assert run(tolerance, failing(*[RetriableError("busy")] * 4)) == "done"
    assert clock.slept == [0.3, 0.6, 0.25, 0.25]
    assert tolerance.counters.total_record_errors == 0


def test_a_retry_that_succeeds_is_no_error() -> None:
    tolerance, _ = made(ErrorPolicy(retry_timeout_s=10.0))
    assert run(tolerance, failing(RetriableError("busy"))) == "done"
    assert tolerance.counters.total_record_failures == 1
    assert tolerance.counters.total_record_errors == 0


def test_without_retries_and_tolerance_a_retriable_error_is_not_lost_in_silence() -> None:
    tolerance, _ = made(ErrorPolicy())
    with pytest.raises(FatalTaskError, match="busy"):
        run(tolerance, always(RetriableError("busy")))


def test_only_our_retriable_errors_are_retried() -> None:
    tolerance, clock = made(ErrorPolicy(retry_timeout_s=None, tolerate_all=True))
    assert run(tolerance, always(TimeoutError("x"))) is SKIPPED
    assert clock.slept == []


def test_a_stop_ends_retries_without_dropping_the_record() -> None:
    tolerance, clock = made(ErrorPolicy(retry_timeout_s=None, tolerate_all=True))
    clock.stopping = True
    with pytest.raises(StoppedRetryingError):
        run(tolerance, always(RetriableError("busy")))
    assert tolerance.counters.total_records_skipped == 0


class Noting:
    """A reporter that remembers."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []

    def report(self, stage: Stage, plugin: str, error: Exception, subject: Subject) -> Future[None]:
        self.seen.append((stage.name, subject.where))
        future: Future[None] = Future()
        future.set_result(None)
        return future


@pytest.mark.parametrize("tolerate_all", [True, False])
def test_reporters_hear_of_every_failed_record_also_of_the_last_one(tolerate_all: bool) -> None:
    noting = Noting()
    tolerance, _ = made(ErrorPolicy(tolerate_all=tolerate_all), reporters=[noting])
    try:
        run(tolerance, always(DataError("bad")))
    except FatalTaskError:
        assert not tolerate_all
    assert noting.seen == [("VALUE_CONVERTER", "t-3@117")]
    assert len(tolerance.take_reports()) == (1 if tolerate_all else 0)
    assert tolerance.take_reports() == []


@pytest.mark.parametrize("include", [True, False])
def test_the_log_names_the_place_if_asked_and_never_a_value(
    include: bool, caplog: pytest.LogCaptureFixture
) -> None:
    counters = ErrorCounters()
    reporter = LogReporter(TaskId("orders", 0), counters, include_places=include)
    with caplog.at_level(logging.ERROR):
        reporter.report(
            Stage.TRANSFORMATION, "transform 'cast' (Cast$Value)", ValueError("4111-1111"), SUBJECT
        )
    assert "orders-0" in caplog.text
    assert "TRANSFORMATION" in caplog.text
    assert ("{topic='t', partition=3, offset=117}" in caplog.text) is include
    assert "4111" not in caplog.text
    assert counters.total_errors_logged == 1


def test_words_for_an_error_hold_no_foreign_message() -> None:
    assert describe(ValueError("4111-1111")) == "ValueError"
    assert describe(ModuleNotFoundError("No module named 'psycopg'")) == "No module named 'psycopg'"
    assert describe(OSError(28, "No space left on device", "/data/x")) == "No space left on device: /data/x"
    assert describe(ConversionError("Bad", path="$.a")) == "Bad (at $.a)"
    assert describe(ConversionError("Bad at $.a", path="$.a")) == "Bad at $.a"

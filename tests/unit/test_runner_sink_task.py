"""The sink task's loop on a scripted log: put, redelivery, commits, pauses, rebalances, dead letters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from connectkit.api import TopicPartition
from connectkit.errors import ConnectError, DataError, FatalTaskError, RetriableError
from connectkit.record import SinkRecord
from connectkit.runner.sink_task import SinkSettings
from connectkit.runner.status import State
from connectkit.runner.tolerance import ErrorPolicy
from tests.support.rig import PlainConverter, ScriptedSink, SinkRig
from tests.unit.test_runner_source_task import Chained

ALL = ErrorPolicy(tolerate_all=True)
T0, T1 = TopicPartition("t", 0), TopicPartition("t", 1)


def test_puts_in_order_and_commits_when_closing() -> None:
    task = ScriptedSink()
    rig = SinkRig(task).fill(1, 2, 3).run()
    assert task.written == [1, 2, 3]
    assert rig.committed() == 3
    assert task.calls == ["start", "open t-0", "flush", "close t-0", "stop"]
    assert rig.states == [State.RUNNING, State.UNASSIGNED]
    assert rig.counters.read.total == rig.counters.sent.total == 3
    assert rig.consumer.closed


def test_put_is_called_with_an_empty_list_after_an_empty_poll() -> None:
    task = ScriptedSink()
    rig = SinkRig(task, idle=2000, settings=SinkSettings(topics=["t"], flush_interval_s=1.0)).fill()

    def stop_later(records: list[SinkRecord]) -> None:
        if len(task.puts) == 2:
            rig.control.stop()

    task.on_put = stop_later
    rig.run()
    assert task.puts == [[], []]


def test_commits_at_the_interval_with_flush_before() -> None:
    task = ScriptedSink()
    rig = SinkRig(task, idle=15, settings=SinkSettings(topics=["t"], flush_interval_s=1.0)).fill(1).run()
    assert rig.consumer.calls.count("commit") == 1  # closing finds nothing new
    assert task.calls.count("flush") == 2
    assert rig.counters.completions.total == 1
    assert rig.counters.skips.total == 1


def test_a_requested_commit_does_not_wait_for_the_interval() -> None:
    task = ScriptedSink()
    rig = SinkRig(task, idle=3).fill(1)
    task.on_put = lambda records: task.context.request_commit()
    rig.run()
    assert rig.counters.sequence >= 2
    assert rig.committed() == 1


def test_what_pre_commit_holds_back_is_not_committed() -> None:
    task = ScriptedSink()
    task.held_back = {T0: 2, TopicPartition("other", 0): 9}
    rig = SinkRig(task).fill(1, 2, 3).run()
    assert rig.committed() == 2


def test_an_offset_beyond_what_was_put_is_ignored() -> None:
    task = ScriptedSink()
    task.held_back = {T0: 99}
    rig = SinkRig(task).fill(1, 2).run()
    assert rig.committed() is None


def test_an_empty_answer_of_pre_commit_commits_nothing() -> None:
    task = ScriptedSink()
    task.held_back = {}
    rig = SinkRig(task).fill(1).run()
    assert rig.committed() is None
    assert rig.states[-1] is State.UNASSIGNED


def test_a_failed_flush_goes_back_to_the_committed_offsets() -> None:
    task = ScriptedSink()
    task.flush_errors = [OSError(28, "No space left on device")]
    rig = SinkRig(task, idle=40, settings=SinkSettings(topics=["t"], flush_interval_s=1.0)).fill(1, 2).run()
    assert task.written == [1, 2, 1, 2]
    assert rig.committed() == 2
    assert rig.counters.commits.failed.total == 1


def test_a_failed_flush_while_closing_commits_nothing() -> None:
    task = ScriptedSink()
    task.flush_errors = [ValueError("no")]
    rig = SinkRig(task).fill(1).run()
    assert rig.committed() is None
    assert "close t-0" in task.calls


def test_a_retriable_put_is_given_the_same_records_and_nothing_new() -> None:
    task = ScriptedSink(errors=[RetriableError("busy"), RetriableError("busy")])
    settings = SinkSettings(topics=["t"], flush_interval_s=1.0)
    rig = SinkRig(task, idle=40, settings=settings).fill(1, 2)
    rig.log.create("t", 2)
    rig.run()
    assert [values for values in task.puts if values] == [[1, 2], [1, 2], [1, 2]]
    assert "pause" in rig.consumer.calls
    assert "resume" in rig.consumer.calls
    assert rig.committed() == 2


def test_a_wait_given_by_the_error_or_the_task_shortens_the_next_poll() -> None:
    task = ScriptedSink(errors=[RetriableError("busy", wait_s=0.2)])
    rig = SinkRig(task, idle=10).fill(1)
    began = rig.log.now_s
    at: list[float] = []
    task.on_put = lambda records: at.append(rig.log.now_s) if records else None
    rig.run()
    assert at[0] - began < 1.0


def test_offsets_of_a_held_batch_are_not_committed() -> None:
    task = ScriptedSink(errors=[RetriableError("busy")] * 50)
    rig = SinkRig(task, idle=25, settings=SinkSettings(topics=["t"], flush_interval_s=1.0)).fill(1, 2).run()
    assert rig.committed() is None


def test_any_other_error_of_put_fails_the_task_and_names_the_place() -> None:
    task = ScriptedSink(errors=[KeyError("a value of a record")])
    rig = SinkRig(task).fill(1, 2).run()
    assert rig.states[-1] is State.FAILED
    assert rig.committed() is None
    assert rig.trace is not None
    assert "t-0@0" in rig.trace
    assert "a value of a record" not in rig.trace
    assert task.calls[-1] == "stop"


def test_what_was_put_before_a_failure_is_committed() -> None:
    task = ScriptedSink()
    rig = SinkRig(task, idle=50, settings=SinkSettings(topics=["t"], max_poll_records=1)).fill(1, 2)

    def fail_second(records: list[SinkRecord]) -> None:
        if records and records[0].value == 2:
            raise ValueError("no")

    task.on_put = fail_second
    rig.run()
    assert rig.committed() == 1


def test_poison_fails_the_task_and_names_the_offset() -> None:
    task = ScriptedSink()
    rig = SinkRig(task, value=PlainConverter(poison=[2])).fill(1, 2, 3).run()
    assert rig.states[-1] is State.FAILED
    assert rig.trace is not None
    assert "t-0@1" in rig.trace
    assert task.written == []
    assert rig.committed() is None


def test_tolerated_poison_is_passed_and_counted() -> None:
    task = ScriptedSink()
    rig = SinkRig(task, value=PlainConverter(poison=[2]), policy=ALL).fill(1, 2, 3).run()
    assert task.written == [1, 3]
    assert rig.committed() == 3
    assert rig.counters.errors.total_records_skipped == 1
    assert rig.counters.errors.total_record_failures == 1


def test_a_dropped_last_record_is_passed_too() -> None:
    task = ScriptedSink()
    rig = SinkRig(task, value=PlainConverter(poison=[3]), policy=ALL).fill(1, 2, 3).run()
    assert rig.committed() == 3


def test_filtered_records_are_passed() -> None:
    task = ScriptedSink()
    rig = SinkRig(task, chain=Chained(lambda each: None if each.value > 1 else each)).fill(1, 2).run()
    assert task.written == [1]
    assert rig.committed() == 2


def test_offsets_are_the_originals_whatever_a_transform_does() -> None:
    task = ScriptedSink()
    rig = SinkRig(task, chain=Chained(lambda each: each.new_record(topic="elsewhere", kafka_partition=7)))
    rig.fill(1, 2)
    seen: list[Any] = []
    task.on_put = lambda records: seen.extend(
        (r.topic, r.original_topic, r.original_kafka_offset) for r in records
    )
    rig.run()
    assert seen == [("elsewhere", "t", 0), ("elsewhere", "t", 1)]
    assert rig.committed() == 2


def test_retries_of_a_converter_are_made_on_the_spot() -> None:
    task = ScriptedSink()
    value = PlainConverter(errors=[RetriableError("registry"), RetriableError("registry")])
    rig = SinkRig(task, value=value, policy=ErrorPolicy(retry_timeout_s=None))
    rig.tolerance._control = _Instant()  # type: ignore[assignment]
    rig.fill(1).run()
    assert task.written == [1]
    assert rig.counters.errors.total_retries == 1  # the first failure only ended the fast way


class _Instant:
    """A control whose sleep takes no time."""

    stopping = False

    def sleep(self, seconds: float) -> bool:
        return False


def test_pausing_pauses_partitions_and_still_polls_and_puts() -> None:
    task = ScriptedSink()
    rig = SinkRig(task, idle=60, settings=SinkSettings(topics=["t"], flush_interval_s=1.0)).fill(1)
    rig.at_empty = [rig.control.pause, lambda: rig.more(2), *[lambda: None] * 25, rig.control.resume]
    rig.run()
    assert task.written == [1, 2]
    assert [] in task.puts
    assert State.PAUSED in rig.states
    assert rig.states[-2:] == [State.RUNNING, State.UNASSIGNED]


def test_the_tasks_own_pauses_survive_a_resume() -> None:
    task = ScriptedSink()
    rig = SinkRig(task, idle=3).fill(1, partition=1)
    task.open = lambda partitions: task.context.pause(T1)  # type: ignore[method-assign]
    rig.at_empty = [rig.control.pause, rig.control.resume]
    rig.run()
    assert task.written == []
    assert T1 in rig.consumer.paused


def test_pausing_a_foreign_partition_is_refused() -> None:
    task = ScriptedSink()
    rig = SinkRig(task).fill(1)
    task.on_put = lambda records: task.context.pause(TopicPartition("x", 0))
    rig.run()
    assert rig.states[-1] is State.FAILED


def test_a_task_may_go_back_to_an_offset() -> None:
    task = ScriptedSink()
    rig = SinkRig(task, idle=3).fill(1, 2)
    asked: list[int] = []

    def again(records: list[SinkRecord]) -> None:
        if records and not asked:
            asked.append(1)
            task.context.offset({T0: 1})
            task.context.request_commit()
            task.context.timeout(100)

    task.on_put = again
    rig.run()
    assert task.written == [1, 2, 2]
    assert rig.committed() == 2


def rebalance(change: Callable[[SinkRig], None]) -> SinkRig:
    task = ScriptedSink()
    rig = SinkRig(task, idle=4).fill(1).fill(10, partition=1)
    rig.at_empty = [lambda: change(rig)]
    return rig.run()


def test_revoked_partitions_are_committed_and_closed() -> None:
    rig = rebalance(lambda r: r.consumer.rebalances.append(lambda told: r.consumer.take(told, [T0])))
    assert rig.committed(0) == 1
    assert "close t-0" in rig.task.calls
    assert rig.task.calls.count("close t-1") == 1  # at the end
    assert rig.committed(1) == 1


def test_lost_partitions_are_closed_and_not_committed() -> None:
    rig = rebalance(
        lambda r: r.consumer.rebalances.append(lambda told: r.consumer.take(told, [T0], lost=True))
    )
    assert rig.committed(0) is None
    assert "close t-0" in rig.task.calls


def test_an_error_in_open_fails_the_task_after_the_poll() -> None:
    task = ScriptedSink()

    def bad(partitions: Any) -> None:
        raise ValueError("no")

    task.open = bad  # type: ignore[method-assign]
    rig = SinkRig(task).fill(1).run()
    assert rig.states[-1] is State.FAILED
    assert task.written == []


def test_a_held_batch_loses_the_records_of_a_revoked_partition() -> None:
    task = ScriptedSink(errors=[RetriableError("busy", wait_s=0.1)])
    rig = SinkRig(task, idle=8).fill(1).fill(10, partition=1)
    rig.at_empty = [
        lambda: rig.consumer.rebalances.append(lambda told: rig.consumer.take(told, [T0])),
    ]
    rig.run()
    puts = [values for values in task.puts if values]
    assert puts[0] == [1, 10]
    assert puts[-1] == [10]
    assert rig.committed(0) is None
    assert rig.committed(1) == 1


def test_a_failed_commit_is_counted_and_the_task_goes_on() -> None:
    task = ScriptedSink()
    rig = SinkRig(task, idle=30, settings=SinkSettings(topics=["t"], flush_interval_s=1.0)).fill(1)
    rig.consumer.commit_error = ConnectError("coordinator gone")
    rig.run()
    assert rig.states[-1] is State.UNASSIGNED
    assert rig.counters.commits.failed.total >= 2


def test_a_commit_without_an_answer_times_out_and_its_late_answer_is_ignored() -> None:
    task = ScriptedSink()
    settings = SinkSettings(topics=["t"], flush_interval_s=1.0, flush_timeout_s=2.0)
    rig = SinkRig(task, idle=60, settings=settings).fill(1)
    rig.consumer.hold_answers = True

    def release() -> None:
        rig.consumer.hold_answers = False

    rig.at_empty = [*[lambda: None] * 45, release]
    rig.run()
    assert rig.counters.commits.failed.total >= 1


def test_an_abandoned_task_commits_nothing() -> None:
    task = ScriptedSink()
    rig = SinkRig(task).fill(1)
    rig.at_empty = [rig.control.cancel]
    rig.run()
    assert rig.committed() is None
    assert rig.states == [State.RUNNING]
    assert "stop" in task.calls


def test_poison_goes_to_the_dead_letter_queue_with_its_reason() -> None:
    task = ScriptedSink()
    rig = SinkRig(task, value=PlainConverter(poison=[2]), policy=ALL, dead_letters=True).fill(1, 2, 3).run()
    assert rig.log.values("dlq") == [b"2"]
    [letter] = rig.log.data[TopicPartition("dlq", 0)]
    headers = dict(letter.headers or [])
    assert headers["__connect.errors.topic"] == b"t"
    assert headers["__connect.errors.offset"] == b"1"
    assert headers["__connect.errors.stage"] == b"VALUE_CONVERTER"
    assert headers["__connect.errors.task.id"] == b"0"
    assert headers["__connect.errors.class.name"] == b"tests.support.rig.PlainConverter"
    assert headers["__connect.errors.exception.class.name"] == b"connectkit.errors.ConversionError"
    assert rig.committed() == 3
    assert rig.counters.errors.deadletterqueue_produce_requests == 1


def test_offsets_wait_for_their_dead_letters() -> None:
    task = ScriptedSink()
    rig = SinkRig(task, value=PlainConverter(poison=[2]), policy=ALL, dead_letters=True).fill(1, 2, 3)
    rig.log.producers[-1].failures[b"2"] = DataError("too large")
    rig.run()
    assert rig.committed() is None
    assert isinstance(rig.worker_task.error, FatalTaskError)
    assert "dlq" in str(rig.worker_task.error)
    assert "close t-0" in task.calls


def test_without_tolerance_poison_is_still_reported() -> None:
    task = ScriptedSink()
    rig = SinkRig(task, value=PlainConverter(poison=[2]), dead_letters=True).fill(1, 2).run()
    assert rig.states[-1] is State.FAILED
    assert rig.log.values("dlq") == [b"2"]


def test_a_task_reports_errant_records() -> None:
    task = ScriptedSink()
    rig = SinkRig(task, policy=ALL, dead_letters=True).fill(1, 2, 3)

    def report(records: list[SinkRecord]) -> None:
        reporter = task.context.errant_record_reporter
        assert reporter is not None
        for each in records:
            if each.value == 2:
                reporter.report(each.new_record(value="changed"), ValueError("cannot write"))

    task.on_put = report
    rig.run()
    assert rig.log.values("dlq") == [b"2"]
    assert rig.committed() == 3
    assert rig.counters.errors.total_record_failures == 1
    assert rig.counters.errors.total_records_skipped == 0


def test_a_report_without_tolerance_fails_the_task_even_if_swallowed() -> None:
    task = ScriptedSink()
    rig = SinkRig(task, dead_letters=True).fill(1)

    def report(records: list[SinkRecord]) -> None:
        reporter = task.context.errant_record_reporter
        for each in records:
            assert reporter is not None
            with pytest.raises(FatalTaskError):
                reporter.report(each, ValueError("cannot write"))

    task.on_put = report
    rig.run()
    assert rig.states[-1] is State.FAILED
    assert rig.committed() is None


def test_there_is_no_reporter_without_a_queue_or_a_log() -> None:
    task = ScriptedSink()
    rig = SinkRig(task).fill(1)
    seen: list[Any] = []
    task.on_put = lambda records: seen.append(task.context.errant_record_reporter)
    rig.run()
    assert seen[0] is None


def test_draining_publishes_the_positions_once_all_is_put() -> None:
    task = ScriptedSink()
    rig = SinkRig(task, idle=3).fill(1, 2)
    rig.control.drain()
    rig.run()
    assert rig.worker_task.read_to == {T0: 2} or rig.worker_task.read_to == {}

"""Corners where records could be lost: outages, give-backs and stops that meet each other."""

from __future__ import annotations

import itertools
import threading
from concurrent.futures import Future

import pytest

from connectkit.api import TopicPartition
from connectkit.errors import DataError, RetriableError
from connectkit.record import SinkRecord
from connectkit.runner.control import Control
from connectkit.runner.failing import Culprit, Stage, Subject
from connectkit.runner.outlet import SourceTimes
from connectkit.runner.sink_task import SinkSettings
from connectkit.runner.status import State
from connectkit.runner.tolerance import ErrorPolicy, Tolerance
from tests.support.rig import PlainConverter, ScriptedSink, ScriptedSource, SinkRig, SourceRig, record

ALL = ErrorPolicy(tolerate_all=True)
T0 = TopicPartition("t", 0)
EVERY_SECOND = SinkSettings(topics=["t"], flush_interval_s=1.0)


# --- sources -----------------------------------------------------------------------------------------


def test_an_outage_is_never_skipped_whatever_is_tolerated() -> None:
    rig = SourceRig(ScriptedSource([[record(1), record(2), record(3)]]), policy=ALL)
    rig.producer.failures[b"2"] = RetriableError("no answer in delivery.timeout.ms")
    rig.run()
    assert rig.states[-1] in (State.FAILED, State.UNASSIGNED)
    assert isinstance(rig.worker_task.error, Exception)
    assert rig.stored() == 1


def test_a_record_too_large_is_skipped_where_that_is_tolerated() -> None:
    rig = SourceRig(ScriptedSource([[record(1), record(2), record(3)]]), policy=ALL)
    rig.producer.failures[b"2"] = DataError("too large")
    rig.run()
    assert rig.worker_task.error is None
    assert rig.stored() == 3


def test_a_converter_that_cannot_now_is_retried_by_policy_alone() -> None:
    value = PlainConverter(errors=[RetriableError("the registry is away")] * 3)
    policy = ErrorPolicy(retry_timeout_s=60.0, retry_delay_max_s=0.0)
    rig = SourceRig(ScriptedSource([[record(1), record(2)]]), value=value, policy=policy).run()
    assert rig.log.values("t") == [b"1", b"2"]
    assert rig.counters.errors.total_retries == 2  # the first time was the whole batch's


def test_a_converter_that_cannot_now_fails_the_task_without_retries() -> None:
    value = PlainConverter(errors=[RetriableError("the registry is away")] * 2)
    rig = SourceRig(ScriptedSource([[record(1)], [record(2)]]), value=value).run()
    assert rig.states[-1] is State.FAILED
    assert rig.log.values("t") == []
    assert rig.stored() is None


def test_nothing_is_sent_by_a_task_that_was_abandoned_while_it_polled() -> None:
    task = ScriptedSource([[record(1)]])
    rig = SourceRig(task)
    polled = task.poll

    def late() -> object:
        batch = polled()
        rig.control.cancel()
        return batch

    task.poll = late  # type: ignore[method-assign,assignment]  # as a plugin that hangs for a while
    rig.run()
    assert rig.producer.sent == []


def test_fencing_closes_the_producer() -> None:
    rig = SourceRig(ScriptedSource([]))
    closed = threading.Event()
    rig.producer.close = lambda timeout_s: closed.set()  # type: ignore[method-assign]  # to be seen
    rig.worker_task.fence()
    assert closed.wait(10)


def test_acknowledgements_come_in_while_paused() -> None:
    rig = SourceRig(ScriptedSource([]))
    rig.worker_task._initialized = True
    rig.worker_task._held = [record(1)]
    assert rig.worker_task._send(rig.worker_task._held)
    assert rig.worker_task.outlet.in_flight == 1
    rig.control.pause()

    def poll(timeout_s: float = 0.0) -> None:
        rig.producer.acknowledge()
        rig.control.resume()

    rig.producer.poll = poll  # type: ignore[method-assign]  # resumed by then
    rig.worker_task._pause()
    assert rig.worker_task.outlet.in_flight == 0
    assert rig.worker_task.commit_offsets()
    assert rig.stored() == 1


def test_offsets_are_stored_even_if_the_last_flush_fails() -> None:
    rig = SourceRig(ScriptedSource([[record(1)], [record(2)]]))

    def fail(timeout_s: float) -> int:
        raise RuntimeError("the client library has died")

    rig.producer.flush = fail  # type: ignore[method-assign]  # as a fatal error of the client
    rig.worker_task.begin()
    rig.worker_task._send([record(1)])
    rig.producer.poll()
    rig.worker_task._send([record(2)])
    with pytest.raises(RuntimeError):
        rig.worker_task.outlet.finish(good=True)
    assert rig.stored() == 1


# --- sinks -------------------------------------------------------------------------------------------


def test_a_held_batch_does_not_carry_the_offset_past_what_a_failed_flush_gave_back() -> None:
    task = ScriptedSink()
    settings = SinkSettings(topics=["t"], flush_interval_s=1.0, max_poll_records=1)
    rig = SinkRig(task, idle=30, settings=settings).fill(1, 2)
    durable: list[object] = []
    pending: list[object] = []

    def put(records: list[SinkRecord]) -> None:
        if records and records[0].value == 2 and not task.calls.count("flush"):
            raise RetriableError("busy")  # held, while the flush of 1 fails
        pending.extend(r.value for r in records)

    def flush(offsets: object) -> None:
        task.calls.append("flush")
        if task.calls.count("flush") == 1:
            pending.clear()
            raise OSError("the system is down")
        durable.extend(pending)
        pending.clear()

    task.on_put = put
    task.flush = flush  # type: ignore[method-assign]  # with a memory
    rig.run()
    assert rig.committed() == 2
    assert durable == [1, 2]


def test_a_task_that_goes_back_is_not_given_the_held_batch_first() -> None:
    task = ScriptedSink()
    rig = SinkRig(task, idle=30, settings=EVERY_SECOND).fill(1, 2, 3)
    seen: list[list[object]] = []

    def put(records: list[SinkRecord]) -> None:
        if records:
            seen.append([r.value for r in records])
        if len(seen) == 1 and records:
            task.context.offset({T0: 1})
            raise RetriableError("from the second one again")

    task.on_put = put
    rig.run()
    assert seen == [[1, 2, 3], [2, 3]]
    assert rig.committed() == 3


def test_a_late_answer_does_not_undo_the_commit_of_a_rebalance() -> None:
    task = ScriptedSink()
    rig = SinkRig(task, idle=60, settings=EVERY_SECOND).fill(1)
    consumer = rig.consumer
    consumer.hold_answers = True

    def rebalance() -> None:
        rig.more(2)
        consumer.rebalances.append(lambda told: consumer.take(told, [T0]))
        consumer.rebalances.append(lambda told: consumer.give(told, [T0]))

    def answer() -> None:
        consumer.hold_answers = False

    remembered: list[int] = []
    rig.at_empty = [lambda: None] * 14 + [rebalance] + [lambda: None] * 3 + [answer]
    rig.at_empty += [lambda: remembered.append(rig.worker_task._offsets.committed[T0])] * 3
    rig.run()
    assert task.written == [1, 2]
    assert rig.committed() == 2
    assert min(remembered) == 1, "where the partition was taken up again, or later"


def test_a_log_that_cannot_be_read_just_now_is_read_again() -> None:
    task = ScriptedSink()
    rig = SinkRig(task).fill(1)
    consume = rig.consumer.consume
    errors = [RetriableError("locked", wait_s=0.0)] * 2

    def flaky(max_records: int, timeout_s: float) -> object:
        if errors:
            raise errors.pop()
        return consume(max_records, timeout_s)

    rig.consumer.consume = flaky  # type: ignore[method-assign,assignment]  # fails twice
    rig.run()
    assert task.written == [1]
    assert rig.committed() == 1


def test_offsets_wait_for_dead_letters_that_an_outage_delays() -> None:
    task = ScriptedSink()
    rig = SinkRig(
        task, value=PlainConverter(poison=[2]), policy=ALL, dead_letters=True, idle=60, settings=EVERY_SECOND
    ).fill(1, 2, 3)
    producer = rig.log.producers[-1]
    producer.held = True
    seen: list[int | None] = []

    def heal() -> None:
        seen.append(rig.committed())
        producer.held = False

    rig.at_empty = [lambda: None] * 25 + [heal]
    rig.run()
    assert seen == [None]
    assert rig.committed() == 3
    assert rig.log.values("dlq") == [b"2"]
    assert rig.states[-1] is State.UNASSIGNED


def test_reports_that_were_acknowledged_are_not_kept_until_the_commit() -> None:
    class Acknowledging:
        def report(self, stage: Stage, plugin: str, error: Exception, subject: Subject) -> Future[None]:
            done: Future[None] = Future()
            done.set_result(None)
            return done

    def poison() -> None:
        raise DataError("poison")

    rig = SinkRig(ScriptedSink())
    tolerance = Tolerance(ALL, rig.counters.errors, Control(), reporters=[Acknowledging()])
    most = 0
    for number in range(5_000):
        tolerance.run(Stage.VALUE_CONVERTER, Culprit("x", "x"), Subject(f"t-0@{number}", None), poison)
        tolerance.batch_done()
        most = max(most, len(tolerance._reports))
    assert most <= 1_000


# --- stopping ----------------------------------------------------------------------------------------


def test_every_step_of_ending_leaves_time_for_the_next() -> None:
    now = [100.0]
    control = Control(clock=lambda: now[0])
    assert control.share_s(30.0) == 30.0
    control.stop(4.0)
    assert control.share_s(30.0) == 3.0
    assert control.share_s(1.0) == 1.0
    now[0] += 3.0
    assert control.share_s(30.0) == 0.75
    now[0] += 3.0
    assert control.share_s(30.0) == 0.0


def test_waits_grow_while_the_task_cannot_write_and_start_small_again() -> None:
    task = ScriptedSink(errors=[RetriableError("busy")] * 4)
    rig = SinkRig(task, idle=200).fill(1)
    at: list[float] = []
    put = task.put

    def noted(records: list[SinkRecord]) -> None:
        if records:
            at.append(rig.log.now_s)
        put(records)

    task.put = noted  # type: ignore[method-assign]  # notes the time
    rig.run()
    waits = [round(later - earlier, 3) for earlier, later in itertools.pairwise(at)]
    assert waits == [0.1, 0.2, 0.4, 0.8]
    assert rig.committed() == 1


def test_waits_grow_while_a_source_cannot_be_read() -> None:
    rig = SourceRig(ScriptedSource([RetriableError("busy")] * 4 + [[record(1)]] + [RetriableError("busy")]))
    waits: list[float] = []
    rig.worker_task._times = SourceTimes(retry_s=0.1)
    rig.worker_task.sleep = lambda seconds: bool(waits.append(seconds))  # type: ignore[method-assign,func-returns-value]  # no time passes
    rig.run()
    assert waits == pytest.approx([0.1, 0.2, 0.4, 0.8, 0.1])
    assert rig.stored() == 1

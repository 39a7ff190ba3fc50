"""Exactly-once delivery on a scripted log: transactions, failures, fencing, outcomes nobody knows."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectkit.errors import ConversionError, DataError, FatalTaskError, FencedError, RetriableError
from connectkit.record import Checkpoint, SourceRecord
from connectkit.runner.configs.connector import Boundary
from connectkit.runner.configs.topics import creation_groups
from connectkit.runner.creation import TopicCreator
from connectkit.runner.status import State
from connectkit.runner.tolerance import ErrorPolicy
from tests.support.eos_rig import OFFSETS, Counting, EosRig, context_of
from tests.support.memory_log import MemoryLog, MemoryProducer
from tests.support.rig import TASK, PlainConverter, record

ALL = ErrorPolicy(tolerate_all=True)
UNKNOWN = RetriableError("no answer")


# --- transactions at each poll ---------------------------------------------------------------------


def test_each_poll_is_a_transaction_with_its_offsets() -> None:
    rig = EosRig(5).run()
    assert rig.numbers == [1, 2, 3, 4, 5]
    assert rig.stored() == 5
    assert rig.states == [State.RUNNING, State.UNASSIGNED]
    assert rig.ends == ["commit"] * 3
    assert rig.counters.written.total == 5
    assert rig.counters.active == 0
    metrics = rig.counters.metrics(rig.log.clock())
    assert [metrics[f"transaction-size-{what}"] for what in ("min", "avg", "max")] == [1, 5 / 3, 2]


def test_the_task_hears_of_its_records_after_the_commit_and_in_order() -> None:
    rig = EosRig(4)
    seen: list[int] = []

    def on_batch(task: Counting, batch: list[SourceRecord]) -> list[SourceRecord]:
        seen.append(len(rig.numbers))
        return batch

    rig.on_batch = on_batch
    rig.run()
    assert rig.calls == ["start", "1", "2", "commit", "3", "4", "commit", "commit", "commit", "stop"]
    assert seen == [0, 2]


def test_there_is_no_empty_transaction() -> None:
    rig = EosRig(0).run()
    assert rig.ends == []
    assert rig.log.values(OFFSETS) == []
    assert rig.calls == ["start", "commit", "commit", "stop"]


def test_it_goes_on_after_the_stored_offset() -> None:
    rig = EosRig(3).run()
    again = EosRig(6, log=rig.log).run()
    assert again.numbers == [1, 2, 3, 4, 5, 6]


def test_a_transaction_without_records_moves_an_offset() -> None:
    rig = EosRig(2)
    rig.on_batch = lambda task, batch: [
        Checkpoint({"part": "a"}, {"at": 2}),
        Checkpoint({"part": "b"}, {"at": 7}),
    ]
    rig.run()
    assert rig.numbers == []
    assert (rig.stored("a"), rig.stored("b")) == (2, 7)
    assert rig.ends == ["commit"]
    assert rig.counters.polled.total == 0


def test_a_checkpoint_between_records_is_part_of_their_transaction() -> None:
    rig = EosRig(2)
    rig.on_batch = lambda task, batch: [batch[0], Checkpoint({"part": "a"}, {"at": 50}), batch[1]]
    rig.run()
    assert rig.numbers == [1, 2]
    assert rig.stored() == 2
    assert len(rig.log.values(OFFSETS)) == 1


def test_dropped_records_are_told_of_after_the_commit_and_move_no_offset() -> None:
    rig = EosRig(4, value=PlainConverter(poison=[2, 4]), policy=ALL).run()
    assert rig.numbers == [1, 3]
    assert rig.stored() == 3
    assert rig.calls[1:6] == ["1", "2 dropped", "commit", "3", "4 dropped"]


def test_topics_are_created_before_the_transaction() -> None:
    def creator(log: MemoryLog) -> TopicCreator:
        options = {"topic.creation.default.partitions": "1", "topic.creation.default.replication.factor": "1"}
        return TopicCreator(log.admin(), creation_groups(options)[0])

    rig = EosRig(2, creator=creator)
    began: list[bool] = []

    def on_producer(producer: MemoryProducer) -> None:
        real = producer.begin_transaction

        def begin() -> None:
            began.append("t" in rig.log.configs)
            real()

        producer.begin_transaction = begin  # type: ignore[method-assign]  # looked at

    rig.on_producer = on_producer
    rig.run()
    assert began == [True]


def test_a_record_for_the_topic_of_its_offsets_fails_the_task() -> None:
    rig = EosRig(2)
    rig.on_batch = lambda task, batch: [record(1, topic=OFFSETS)]
    rig.run()
    assert rig.states[-1] is State.FAILED
    assert OFFSETS in (rig.trace or "")
    assert rig.ends == []


# --- failures --------------------------------------------------------------------------------------


def test_nothing_of_a_failed_task_is_seen() -> None:
    rig = EosRig(4, boundary=Boundary.INTERVAL)

    def on_batch(task: Counting, batch: list[SourceRecord]) -> list[SourceRecord]:
        if batch[0].value == 3:
            raise KeyError("broken")
        return batch

    rig.on_batch = on_batch
    rig.run()
    assert rig.states[-1] is State.FAILED
    assert rig.numbers == []
    assert rig.stored() is None
    assert rig.ends == ["abort"]
    assert rig.calls == ["start", "stop"]


def test_a_poisonous_record_fails_the_task_and_nothing_of_its_batch_is_seen() -> None:
    rig = EosRig(6, value=PlainConverter(poison=[4])).run()
    assert rig.states[-1] is State.FAILED
    assert rig.numbers == [1, 2]
    assert rig.stored() == 2


@pytest.mark.parametrize("policy", [ErrorPolicy(), ALL])
def test_what_cannot_be_written_fails_the_task_whatever_is_tolerated(policy: ErrorPolicy) -> None:
    rig = EosRig(4, policy=policy)
    rig.on_producer = lambda producer: producer.failures.update({b"3": DataError("too large")})
    rig.run()
    assert rig.states[-1] is State.FAILED
    assert '{"part":"a"} {"at":3}' in (rig.trace or "")
    assert rig.numbers == [1, 2]
    assert rig.ends == ["commit", "abort"]
    assert rig.worker_task.lives == 1


def test_offsets_that_cannot_be_written_fail_the_task() -> None:
    rig = EosRig(2)
    rig.on_producer = lambda producer: producer.failures.update({b'{"at":2}': FatalTaskError("not allowed")})
    rig.run()
    assert rig.states[-1] is State.FAILED
    assert OFFSETS in (rig.trace or "")
    assert rig.numbers == []


@pytest.mark.parametrize("part", ["partition", "offset"])
def test_places_that_cannot_be_stored_fail_the_task(part: str) -> None:
    rig = EosRig(2)
    bad = {"at": object()}
    partition, offset = (bad, {"at": 1}) if part == "partition" else ({"part": "a"}, bad)
    rig.on_batch = lambda task, batch: [SourceRecord(partition, offset, "t", None, 1)]
    rig.run()
    assert rig.states[-1] is State.FAILED
    assert "can never be stored" in (rig.trace or "")


def test_a_send_that_may_work_later_goes_on_in_the_same_transaction() -> None:
    rig = EosRig(4)
    rig.on_producer = lambda producer: producer.send_errors.extend([UNKNOWN, UNKNOWN])
    rig.run()
    assert rig.numbers == [1, 2, 3, 4]
    assert rig.worker_task.lives == 1
    assert rig.ends == ["commit", "commit"]


# --- outcomes nobody knows -------------------------------------------------------------------------


@pytest.mark.parametrize("made", [False, True], ids=["not committed", "committed"])
@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_commit_without_an_answer_leads_to_a_new_life(at: int, made: bool) -> None:
    """Whether the transaction was committed or not: nothing is lost, and nothing comes twice."""
    rig = EosRig(6)

    def on_producer(producer: MemoryProducer) -> None:
        if len(rig.own) == 1:
            producer.end_errors.extend([*[None] * at, UNKNOWN])
            producer.commits_though_it_fails = made

    rig.on_producer = on_producer
    rig.run()
    assert rig.numbers == [1, 2, 3, 4, 5, 6]
    assert rig.stored() == 6
    assert rig.worker_task.lives == 2
    assert len(rig.own) == 2
    assert rig.own[0].closed
    assert rig.states == [State.RUNNING, State.UNASSIGNED]
    assert rig.calls.count("start") == rig.calls.count("stop") == 2
    assert rig.counters.active == 0


def test_records_without_an_acknowledgement_lead_to_a_new_life() -> None:
    rig = EosRig(4)

    def on_producer(producer: MemoryProducer) -> None:
        if len(rig.own) == 1:
            producer.failures[b"3"] = RetriableError("timed out")

    rig.on_producer = on_producer
    rig.run()
    assert rig.numbers == [1, 2, 3, 4]
    assert rig.worker_task.lives == 2
    assert rig.own[0].ends == ["commit"]


def test_an_abort_without_an_answer_leads_to_a_new_life() -> None:
    rig = EosRig(4, boundary=Boundary.CONNECTOR)

    def on_batch(task: Counting, batch: list[SourceRecord]) -> list[SourceRecord]:
        (context_of(task).abort_transaction if batch[0].value == 1 else context_of(task).commit_transaction)()
        return batch

    def on_producer(producer: MemoryProducer) -> None:
        if len(rig.own) == 1:
            producer.end_errors.append(UNKNOWN)

    rig.on_batch, rig.on_producer = on_batch, on_producer
    rig.run()
    assert rig.numbers == [3, 4]
    assert [producer.ends for producer in rig.own] == [["abort"], ["abort", "commit", "commit"]]


def test_a_new_life_waits_until_it_can_begin() -> None:
    rig = EosRig(2)
    rig.log.init_errors = [UNKNOWN, UNKNOWN, UNKNOWN]
    rig.run()
    assert rig.numbers == [1, 2]
    assert rig.fenced == 4
    assert rig.calls.count("start") == 1


def test_a_denied_begin_fails_the_task() -> None:
    rig = EosRig(2)
    rig.log.init_errors = [FatalTaskError("not authorized for the transactional id")]
    rig.run()
    assert rig.states == [State.FAILED]
    assert "not authorized" in (rig.trace or "")


@pytest.mark.parametrize("step", ["commit_transaction", "flush"])
def test_a_task_stopped_after_an_unknown_outcome_does_not_use_its_producer_again(step: str) -> None:
    rig = EosRig(4)

    def on_producer(producer: MemoryProducer) -> None:
        def stop(timeout_s: float) -> int:
            rig.control.stop()
            raise UNKNOWN

        setattr(producer, step, stop)

    rig.on_producer = on_producer
    rig.run()
    assert rig.states[-1] is State.UNASSIGNED
    assert rig.ends == []
    assert len(rig.own) == 1
    assert rig.calls == ["start", "stop"]
    assert EosRig(4, log=rig.log).run().numbers == [1, 2, 3, 4]


def test_the_last_commit_without_an_answer_is_left_to_the_next_start() -> None:
    rig = EosRig(2, boundary=Boundary.INTERVAL, interval_s=1000)
    rig.on_producer = lambda producer: producer.end_errors.append(UNKNOWN)
    rig.run()
    assert rig.states[-1] is State.UNASSIGNED
    assert rig.numbers == []
    again = EosRig(2, log=rig.log).run()
    assert again.numbers == [1, 2]


def test_the_wait_between_lives_grows_until_something_comes_through() -> None:
    rig = EosRig(6)
    waits: list[int] = []

    def on_producer(producer: MemoryProducer) -> None:
        waits.append(rig.worker_task._retries)
        if len(rig.own) in (1, 2, 3, 4):
            producer.end_errors.append(UNKNOWN)
        elif len(rig.own) == 5:
            producer.end_errors.extend([None, UNKNOWN])

    rig.on_producer = on_producer
    rig.run()
    assert rig.numbers == [1, 2, 3, 4, 5, 6]
    assert waits == [0, 1, 2, 3, 4, 1]
    assert rig.counters.errors.last_error is not None
    assert "no answer" in rig.counters.errors.last_error
    assert rig.worker_task.note is None


class Letters:
    """A dead letter queue that acknowledges when a test says so."""

    topic = "dlq"
    waiting = 0

    def __init__(self, answers: list[bool]) -> None:
        self.answers = answers

    def wait(self, futures: Sequence[Future[None]], timeout_s: float) -> list[Future[None]]:
        return [] if not self.answers or self.answers.pop(0) else [Future()]

    def check(self) -> None: ...
    def serve(self) -> None: ...
    def close(self, timeout_s: float) -> None: ...


def test_nothing_is_committed_before_the_dead_letters_are_acknowledged() -> None:
    rig = EosRig(4, value=PlainConverter(poison=[2]), policy=ALL)
    rig.worker_task.tolerance.letters = Letters([False])
    rig.run()
    assert rig.numbers == [1, 3, 4]
    assert rig.worker_task.lives == 2
    assert rig.own[0].ends == []


# --- fencing ---------------------------------------------------------------------------------------


def test_a_newer_task_of_the_same_name_ends_this_one() -> None:
    rig = EosRig(6)
    other = EosRig(6, log=rig.log)

    def on_batch(task: Counting, batch: list[SourceRecord]) -> list[SourceRecord]:
        if batch[0].value == 3:
            other.run()
        return batch

    rig.on_batch = on_batch
    rig.run()
    assert rig.states[-1] is State.FAILED
    assert "lost its transactional id" in (rig.trace or "")
    assert rig.worker_task.lives == 1
    assert isinstance(rig.worker_task.error, FencedError)
    assert rig.numbers == [1, 2, 3, 4, 5, 6]


def test_an_abandoned_task_commits_nothing() -> None:
    rig = EosRig(4)

    def on_batch(task: Counting, batch: list[SourceRecord]) -> list[SourceRecord]:
        if batch[0].value == 3:
            rig.control.cancel()
        return batch

    rig.on_batch = on_batch
    rig.run()
    assert rig.numbers == [1, 2]
    assert rig.stored() == 2


def test_a_task_abandoned_while_it_waits_for_acknowledgements_commits_nothing() -> None:
    rig = EosRig(2)

    def on_producer(producer: MemoryProducer) -> None:
        def flush(timeout_s: float) -> int:
            rig.control.cancel()
            return 0

        producer.flush = flush  # type: ignore[method-assign]  # as a broker that answers late

    rig.on_producer = on_producer
    rig.run()
    assert rig.numbers == []
    assert rig.ends == ["abort"]


def test_transforms_begin_anew_with_a_new_life() -> None:
    from connectkit.runner.chain import Chain

    made: list[Chain] = []

    def chain() -> Chain:
        made.append(Chain())
        return made[-1]

    rig = EosRig(2, chain=chain)

    def on_producer(producer: MemoryProducer) -> None:
        if len(rig.own) == 1:
            producer.end_errors.append(UNKNOWN)

    rig.on_producer = on_producer
    rig.run()
    assert len(made) == 2


def test_a_conversion_error_on_the_way_is_not_an_unknown_outcome() -> None:
    rig = EosRig(4, value=PlainConverter(errors=[ConversionError("odd")]), policy=ALL).run()
    assert rig.numbers == [1, 2, 3, 4]
    assert rig.worker_task.lives == 1
    assert rig.worker_task.id == TASK


# --- any faults in any order -----------------------------------------------------------------------

FAULT = st.none() | st.just(UNKNOWN)
PLAN = st.fixed_dictionaries(
    {
        "ends": st.lists(FAULT, max_size=6),
        "committed": st.booleans(),
        "sends": st.lists(FAULT, max_size=4),
        "unacknowledged": st.none() | st.integers(1, 12),
        "inits": st.integers(0, 2),
    }
)


@given(
    plans=st.lists(PLAN, max_size=5),
    boundary=st.sampled_from(Boundary),
    interval_s=st.integers(0, 10),
    checkpoints=st.booleans(),
    dropped=st.sets(st.integers(1, 12), max_size=3),
)
def test_each_record_is_seen_once_whatever_goes_wrong(
    plans: list[dict[str, Any]], boundary: Boundary, interval_s: int, checkpoints: bool, dropped: set[int]
) -> None:
    rig = EosRig(
        12, boundary=boundary, interval_s=interval_s, value=PlainConverter(poison=list(dropped)), policy=ALL
    )

    def on_producer(producer: MemoryProducer) -> None:
        if plans:
            plan = plans.pop()
            producer.end_errors = list(plan["ends"])
            producer.commits_though_it_fails = plan["committed"]
            producer.send_errors = list(plan["sends"])
            producer.failures = {b"%d" % (plan["unacknowledged"] or 0): UNKNOWN}
            rig.log.init_errors = [UNKNOWN] * plan["inits"]

    def on_batch(task: Counting, batch: list[SourceRecord]) -> Sequence[SourceRecord | Checkpoint]:
        rig.log.advance(3)
        context = task.context.transaction_context
        if context is not None and batch[-1].value % 4 == 0:
            context.commit_transaction(batch[-1])
        at = batch[0].value
        return [Checkpoint({"part": "b"}, {"at": at}), *batch] if checkpoints else batch

    rig.on_producer, rig.on_batch = on_producer, on_batch
    rig.run()
    # The last commit of a stop may stay without an answer: then the next start goes on from there.
    again = EosRig(
        12, boundary=Boundary.POLL, value=PlainConverter(poison=list(dropped)), policy=ALL, log=rig.log
    )
    again.run()
    assert rig.states[-1] is State.UNASSIGNED
    assert again.numbers == [number for number in range(1, 13) if number not in dropped]

"""Batches of a sink: gathered over polls, put at a size or after a time, and never committed unput."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectkit.api import TopicPartition
from connectkit.errors import ConnectError, DataError, FatalTaskError, RetriableError
from connectkit.record import SinkRecord
from connectkit.runner.gather import BatchBounds, Gather
from connectkit.runner.log.api import OutRecord
from connectkit.runner.sink_task import SinkSettings
from connectkit.runner.source_task import MOST_LETTERS
from connectkit.runner.status import State
from connectkit.runner.tolerance import ErrorPolicy
from tests.support.memory_log import MemoryMessage
from tests.support.rig import PlainConverter, ScriptedSink, SinkRig

T0 = TopicPartition("t", 0)


def settings(**more: Any) -> SinkSettings:
    poll = more.pop("max_poll_records", 3)
    interval = more.pop("flush_interval_s", 60.0)
    return SinkSettings(
        topics=["t"], max_poll_records=poll, flush_interval_s=interval, batch=BatchBounds(**more)
    )


def sizes(task: ScriptedSink) -> list[int]:
    return [len(put) for put in task.puts if put]


def test_a_number_of_records_is_put_however_many_a_poll_brings() -> None:
    task = ScriptedSink()
    rig = SinkRig(task, settings=settings(records=10, linger_s=5.0), idle=100).fill(*range(47)).run()
    assert sizes(task) == [10, 10, 10, 10, 7]
    assert task.written == list(range(47))
    assert rig.committed() == 47


def test_records_wait_no_longer_than_the_linger() -> None:
    task = ScriptedSink()
    rig = SinkRig(task, settings=settings(records=100, linger_s=2.0), idle=60)
    at: list[float] = []
    task.on_put = lambda records: at.append(round(rig.log.now_s - 1000, 1)) if records else None
    rig.fill(1)
    rig.at_empty = [*[lambda: None] * 9, lambda: rig.more(2)]
    rig.run()
    assert at == [2.0]
    assert sizes(task) == [2]


def test_a_number_of_bytes_is_not_gone_beyond() -> None:
    task = ScriptedSink()
    rig = SinkRig(task, settings=settings(size_bytes=10, linger_s=1.0, max_poll_records=7), idle=100)
    rig.fill(1000, 1001, 1002, 1003, 10**30, 1004, 1005).run()
    assert [put for put in task.puts if put] == [[1000, 1001], [1002, 1003], [10**30], [1004, 1005]]
    assert rig.committed() == 7


@given(
    st.lists(st.integers(0, 20), max_size=40),
    st.integers(1, 9),
    st.one_of(st.none(), st.integers(1, 7)),
    st.integers(1, 60),
)
def test_nothing_is_lost_or_turned_round(
    lengths: list[int], poll: int, records: int | None, size: int
) -> None:
    bounds = BatchBounds(records=records, size_bytes=size, linger_s=1.0)
    gather = Gather(bounds)
    messages = [
        MemoryMessage(T0, n, OutRecord("t", 0, None, b"x" * k, None, None)) for n, k in enumerate(lengths)
    ]
    taken: list[int] = []
    left = list(messages)
    while left or len(gather):
        count = min(poll, gather.room)
        gather.add(left[:count], 0.0)
        left = left[count:]
        while gather.is_due(0.0) or (not left and len(gather)):
            batch = gather.take(0.0)
            assert batch
            assert records is None or len(batch) <= records
            assert len(batch) == 1 or sum(len(m.value() or b"") for m in batch) <= size
            taken += [m.offset() for m in batch]
    assert taken == list(range(len(lengths)))


def test_only_what_was_put_is_committed() -> None:
    task = ScriptedSink()
    rig = SinkRig(task, settings=settings(records=4, linger_s=1000.0, flush_interval_s=1.0), idle=30)
    rig.fill(*range(6)).run()
    assert sizes(task) == [4]
    assert rig.committed() == 4
    assert rig.states[-1] is State.UNASSIGNED


def test_a_drain_puts_what_is_there() -> None:
    task = ScriptedSink()
    rig = SinkRig(task, settings=settings(records=100, linger_s=1000.0), idle=5).fill(*range(6))
    rig.control.drain()
    rig.run()
    assert task.written == list(range(6))
    assert rig.committed() == 6


def test_a_pause_lets_go_of_what_is_gathered_and_reads_it_again() -> None:
    task = ScriptedSink()
    rig = SinkRig(task, settings=settings(records=10, linger_s=3.0), idle=200).fill(*range(6))
    seen: list[Any] = []
    rig.at_empty = [
        rig.control.pause,
        *[lambda: None] * 60,
        lambda: seen.append((list(task.written), rig.consumer.positions[T0])),
        rig.control.resume,
    ]
    rig.run()
    assert seen == [([], 0)]
    assert task.written == list(range(6))


def test_a_rebalance_lets_go_of_the_partitions_that_are_gone() -> None:
    task = ScriptedSink()
    rig = SinkRig(task, settings=settings(records=10, linger_s=3.0), idle=100).fill(1).fill(10, partition=1)
    rig.at_empty = [lambda: rig.consumer.rebalances.append(lambda told: rig.consumer.take(told, [T0]))]
    rig.run()
    assert task.written == [10]
    assert (rig.committed(0), rig.committed(1)) == (None, 1)


def test_a_batch_that_is_put_again_is_not_added_to() -> None:
    task = ScriptedSink(errors=[RetriableError("busy", wait_s=0.1)] * 3)
    rig = SinkRig(task, settings=settings(records=4, linger_s=1.0), idle=100).fill(*range(10)).run()
    assert [put for put in task.puts if put] == [[0, 1, 2, 3]] * 4 + [[4, 5, 6, 7], [8, 9]]
    assert rig.committed() == 10


def test_a_flush_that_fails_drops_what_is_gathered_too() -> None:
    task = ScriptedSink()
    task.flush_errors = [OSError(28, "No space left on device")]
    rig = SinkRig(task, settings=settings(records=4, linger_s=2.0, flush_interval_s=1.0), idle=100)
    rig.fill(*range(6)).run()
    assert task.written == [0, 1, 2, 3, *range(6)]
    assert rig.committed() == 6


def test_an_empty_poll_with_nothing_gathered_is_put() -> None:
    task = ScriptedSink()
    rig = SinkRig(task, settings=settings(records=4, linger_s=2.0, flush_interval_s=1.0), idle=100).fill()
    task.on_put = lambda records: rig.control.stop()
    rig.run()
    assert task.puts == [[]]


# --- dead letters that are not taken ------------------------------------------------------------------


def test_nothing_is_read_while_dead_letters_pile_up() -> None:
    count = 3 * MOST_LETTERS
    task = ScriptedSink()
    rig = SinkRig(
        task,
        value=PlainConverter(poison=range(count)),
        policy=ErrorPolicy(tolerate_all=True),
        settings=SinkSettings(topics=["t"], max_poll_records=100),
        dead_letters=True,
        idle=100,
    ).fill(*range(count))
    producer = rig.log.producers[-1]
    producer.held = True
    seen: list[Any] = []

    def release() -> None:
        producer.held = False

    assert rig.letters is not None
    letters = rig.letters
    rig.at_empty = [
        *[lambda: None] * 30,
        lambda: seen.append((letters.waiting, rig.worker_task.note)),
        release,
    ]
    rig.run()
    waiting, note = seen[0]
    assert MOST_LETTERS < waiting <= MOST_LETTERS + 100
    assert "dead letters" in note
    assert rig.worker_task.note is None
    assert rig.committed() == count
    assert len(rig.log.values("dlq")) == count


@pytest.mark.parametrize(
    "reason",
    [
        DataError("writing to topic dlq failed: the record is larger than max.request.size"),
        FatalTaskError("writing to topic dlq was denied (TOPIC_AUTHORIZATION_FAILED)"),
        FatalTaskError("writing to topic dlq failed: the topic or partition does not exist"),
    ],
    ids=["too large", "no right", "no topic"],
)
@pytest.mark.parametrize("at_once", [True, False])
def test_a_refused_dead_letter_ends_the_task_before_the_next_commit(
    reason: ConnectError, at_once: bool
) -> None:
    task = ScriptedSink()
    rig = SinkRig(
        task,
        value=PlainConverter(poison=[2]),
        policy=ErrorPolicy(tolerate_all=True),
        settings=SinkSettings(topics=["t"], max_poll_records=1),
        dead_letters=True,
        idle=50,
    ).fill(1, 2, 3)
    if at_once:
        rig.log.producers[-1].send_errors = [reason]
    else:
        rig.log.producers[-1].failures[b"2"] = reason
    rig.run()
    assert rig.states[-1] is State.FAILED
    assert rig.log.now_s < 1010
    assert rig.committed() in (None, 1)
    assert str(reason) in str(rig.worker_task.error)
    assert rig.counters.errors.deadletterqueue_produce_failures == 1


def test_put_with_records_stays_a_list_of_the_task() -> None:
    """The list is the task's: what it does to it changes nothing of ours."""
    task = ScriptedSink()

    def spoil(records: list[SinkRecord]) -> None:
        records.clear()

    task.on_put = spoil
    rig = SinkRig(task, settings=settings(records=2, linger_s=1.0), idle=30).fill(1, 2, 3).run()
    assert rig.counters.sent.total == 3

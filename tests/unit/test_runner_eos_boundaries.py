"""Where the transactions of an exactly-once task end: at an interval, by its own word, in a pause."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from connectkit.record import Checkpoint, SourceRecord
from connectkit.runner.configs.connector import Boundary
from connectkit.runner.status import State
from connectkit.runner.tolerance import ErrorPolicy
from tests.support.eos_rig import OFFSETS, Counting, EosRig, context_of
from tests.support.memory_log import MemoryProducer
from tests.support.rig import PlainConverter

ALL = ErrorPolicy(tolerate_all=True)


# --- an interval, the task's own word --------------------------------------------------------------


def test_an_interval_holds_several_polls() -> None:
    rig = EosRig(8, boundary=Boundary.INTERVAL, interval_s=10)

    def on_batch(task: Counting, batch: list[SourceRecord]) -> list[SourceRecord]:
        rig.log.advance(4)
        return batch

    rig.on_batch = on_batch
    rig.run()
    assert rig.numbers == list(range(1, 9))
    assert rig.ends == ["commit", "commit"]
    assert rig.calls == ["start", *"123456", "commit", *"78", "commit", "stop"]


def test_the_task_ends_transactions_with_a_batch() -> None:
    rig = EosRig(6, boundary=Boundary.CONNECTOR)

    def on_batch(task: Counting, batch: list[SourceRecord]) -> list[SourceRecord]:
        if batch[0].value == 3:
            context_of(task).commit_transaction()
        return batch

    rig.on_batch = on_batch
    rig.run()
    assert rig.numbers == [1, 2, 3, 4]
    assert rig.stored() == 4
    assert rig.ends == ["commit", "abort"]  # 5 and 6 were open when the task was stopped


def test_the_task_ends_transactions_within_a_batch() -> None:
    rig = EosRig(6, boundary=Boundary.CONNECTOR)
    Counting.size, size = 6, Counting.size

    def on_batch(task: Counting, batch: list[SourceRecord]) -> list[SourceRecord]:
        context_of(task).commit_transaction(batch[1])
        context_of(task).abort_transaction(batch[3])
        context_of(task).commit_transaction(batch[5])
        return batch

    rig.on_batch = on_batch
    try:
        rig.run()
    finally:
        Counting.size = size
    assert rig.numbers == [1, 2, 5, 6]
    assert rig.ends == ["commit", "abort", "commit", "commit"]
    assert rig.calls == [
        "start", "1", "2", "commit", "3 dropped", "4 dropped", "commit", "5", "6", "commit", "stop",
    ]  # fmt: skip
    assert rig.stored() == 6


def test_an_abort_drops_the_records_and_moves_their_offsets() -> None:
    rig = EosRig(4, boundary=Boundary.CONNECTOR)

    def on_batch(task: Counting, batch: list[SourceRecord]) -> list[SourceRecord]:
        (context_of(task).abort_transaction if batch[0].value == 1 else context_of(task).commit_transaction)()
        return batch

    rig.on_batch = on_batch
    rig.run()
    assert rig.numbers == [3, 4]
    assert rig.ends == ["abort", "commit", "commit"]
    assert rig.log.values(OFFSETS) == [b'{"at":2}', b'{"at":4}']
    assert rig.counters.written.total == 2
    assert rig.counters.active == 0


def test_an_abort_comes_after_the_brokers_have_heard_of_the_transaction() -> None:
    rig = EosRig(2, boundary=Boundary.CONNECTOR)
    under_way: list[int] = []

    def on_batch(task: Counting, batch: list[SourceRecord]) -> list[SourceRecord]:
        context_of(task).abort_transaction()
        return batch

    def on_producer(producer: MemoryProducer) -> None:
        abort = producer.abort_transaction

        def aborting(timeout_s: float) -> None:
            under_way.append(len(producer.waiting))
            abort(timeout_s)

        producer.abort_transaction = aborting  # type: ignore[method-assign]  # a spy

    rig.on_batch, rig.on_producer = on_batch, on_producer
    rig.run()
    assert rig.ends == ["abort", "commit"]
    assert under_way == [0]


def test_an_abort_of_nothing_is_only_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    rig = EosRig(2, boundary=Boundary.CONNECTOR)

    def on_batch(task: Counting, batch: list[SourceRecord]) -> list[SourceRecord]:
        context_of(task).abort_transaction()
        return []

    rig.on_batch = on_batch
    rig.run()
    assert rig.states[-1] is State.UNASSIGNED
    assert "none is open" in caplog.text


def test_a_boundary_at_a_dropped_record_counts() -> None:
    rig = EosRig(2, boundary=Boundary.CONNECTOR, value=PlainConverter(poison=[2]), policy=ALL)

    def on_batch(task: Counting, batch: list[SourceRecord]) -> list[SourceRecord]:
        context_of(task).commit_transaction(batch[1])
        return batch

    rig.on_batch = on_batch
    rig.run()
    assert rig.numbers == [1]
    assert rig.ends == ["commit"]


@pytest.mark.parametrize("which", ["batch", "record"])
def test_commit_and_abort_of_the_same_fail_the_task(which: str) -> None:
    rig = EosRig(2, boundary=Boundary.CONNECTOR)

    def on_batch(task: Counting, batch: list[SourceRecord]) -> list[SourceRecord]:
        asked = batch[:1] if which == "record" else []
        context_of(task).commit_transaction(*asked)
        context_of(task).abort_transaction(*asked)
        return batch

    rig.on_batch = on_batch
    rig.run()
    assert rig.states[-1] is State.FAILED
    assert f"one {which} both" in (rig.trace or "")
    assert rig.numbers == []


def test_an_equal_record_is_not_the_record() -> None:
    rig = EosRig(2, boundary=Boundary.CONNECTOR)

    def on_batch(task: Counting, batch: list[SourceRecord]) -> list[SourceRecord]:
        context_of(task).commit_transaction(batch[1].new_record())
        return batch

    rig.on_batch = on_batch
    rig.run()
    assert rig.numbers == []


def test_only_a_task_with_boundaries_of_its_own_has_a_say() -> None:
    rig = EosRig(2)
    seen: list[Any] = []

    def on_batch(task: Counting, batch: list[SourceRecord]) -> list[SourceRecord]:
        seen.append(task.context.transaction_context)
        return batch

    rig.on_batch = on_batch
    rig.run()
    assert seen == [None]


# --- pausing ---------------------------------------------------------------------------------------


def pause_after_first(rig: EosRig) -> None:
    """Pause at the first batch, and resume as soon as the task has said that it is paused."""

    def on_batch(task: Counting, batch: list[SourceRecord]) -> list[SourceRecord]:
        if State.PAUSED not in rig.states:
            rig.control.pause()
        return batch

    def wait() -> bool:
        rig.calls.append("paused")
        rig.control.resume()
        return rig.control.stopping

    rig.on_batch = on_batch
    rig.worker_task.control = _Waits(rig.control, wait)  # type: ignore[assignment]  # a control, but for one call


class _Waits:
    """A control whose wait for the end of a pause is a test's."""

    def __init__(self, control: Any, wait: Any) -> None:
        self._control = control
        self.wait_while_paused = wait

    def __getattr__(self, name: str) -> Any:
        return getattr(self._control, name)


def test_pausing_ends_an_interval() -> None:
    rig = EosRig(4, boundary=Boundary.INTERVAL, interval_s=1000)
    pause_after_first(rig)
    rig.run()
    assert rig.calls == ["start", "1", "2", "commit", "paused", "3", "4", "commit", "stop"]


def test_pausing_aborts_what_only_the_task_could_end_and_reads_it_again() -> None:
    rig = EosRig(4, boundary=Boundary.CONNECTOR)
    pause_after_first(rig)
    inner = rig.on_batch

    def on_batch(task: Counting, batch: list[SourceRecord]) -> Sequence[SourceRecord | Checkpoint] | None:
        if batch[-1].value == 4:
            context_of(task).commit_transaction()
        return inner(task, batch)

    rig.on_batch = on_batch
    rig.run()
    assert rig.numbers == [1, 2, 3, 4]
    assert rig.worker_task.lives == 2
    assert rig.ends == ["abort", "commit"]

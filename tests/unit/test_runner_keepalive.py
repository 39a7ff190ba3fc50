"""The thread that polls for a busy task: when it does, what it hands over, and how it ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from connectkit.api import TopicPartition
from connectkit.errors import FatalTaskError, RetriableError
from connectkit.runner.control import Control, TaskId
from connectkit.runner.keepalive import KeepAlive, SharedConsumer
from connectkit.runner.log.api import OutRecord
from connectkit.runner.rebalance import Rebalance
from tests.support.memory_log import MemoryMessage

TP = TopicPartition("t", 0)
INTERVAL_S = 0.03


class Task:
    """A busy task that notes what it is told, and on which thread."""

    id = TaskId("orders", 0)

    def __init__(self) -> None:
        self.control = Control()
        self.assignment = frozenset((TP,))
        self.told: list[tuple[str, int]] = []
        self.errors: list[BaseException] = []
        self.step: Callable[[], None] = lambda: None

    def resume_readable(self) -> None:
        self.note("resume")

    def rebalance_failed(self, error: BaseException) -> None:
        self.errors.append(error)

    def assigned(self, partitions: Sequence[TopicPartition]) -> None:
        self.note("assigned")

    def revoked(self, partitions: Sequence[TopicPartition]) -> None:
        self.note("revoked")
        self.step()

    def lost(self, partitions: Sequence[TopicPartition]) -> None:
        self.note("lost")

    def note(self, what: str) -> None:
        self.told.append((what, threading.get_ident()))


class Client:
    """A consumer whose polls do what a test says; it knows the thread of each call."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, int]] = []
        self.polled = threading.Event()
        self.on_consume: Callable[[], list[Any]] = list

    def pause(self, partitions: Any) -> None:
        self.calls.append(("pause", threading.get_ident()))

    def seek(self, partition: TopicPartition, offset: int) -> None:
        self.calls.append((f"seek {offset}", threading.get_ident()))

    def position(self, partition: TopicPartition) -> int:
        self.calls.append(("position", threading.get_ident()))
        return 7

    def lag(self) -> int | None:
        raise RetriableError("not now")

    def consume(self, most: int, timeout_s: float) -> list[Any]:
        self.calls.append(("consume", threading.get_ident()))
        try:
            return self.on_consume()
        finally:
            self.polled.set()

    @property
    def named(self) -> list[str]:
        return [name for name, _ in self.calls]


class Rig:
    def __init__(self) -> None:
        self.task, self.client = Task(), Client()
        consumer: Any = self.client
        self.now_s = 0.0
        self.keep = KeepAlive(self.task, consumer, max_poll_interval_s=INTERVAL_S, clock=lambda: self.now_s)
        self.shared = SharedConsumer(consumer, self.keep)
        self.listener = Rebalance(self.task, self.keep)

    def busy(self) -> None:
        """A put has begun, and lasts."""
        self.keep.begin()
        self.now_s += 1.0

    def once(self, step: Callable[[], list[Any]]) -> None:
        """Do this in the first poll only."""
        steps = [step]
        self.client.on_consume = lambda: steps.pop()() if steps else []

    def polled(self) -> None:
        assert self.client.polled.wait(10)
        self.client.polled.clear()


@pytest.fixture
def rig() -> Iterator[Rig]:
    made = Rig()
    yield made
    made.task.control.cancel()
    made.keep.close()


def revoking(rig: Rig) -> list[Any]:
    rig.listener.on_revoked([TP])
    return []


def test_a_quick_put_is_left_alone(rig: Rig) -> None:
    rig.keep.begin()
    rig.keep.rest()
    rig.keep.settle()
    time.sleep(INTERVAL_S * 2)
    assert rig.client.calls == []
    assert rig.task.told == []


def test_a_slow_one_has_its_consumer_polled_with_its_partitions_paused(rig: Rig) -> None:
    rig.busy()
    rig.polled()
    rig.keep.rest()
    count = len(rig.client.calls)
    rig.keep.settle()
    assert rig.client.named[:2] == ["pause", "consume"]
    assert [name for name, _ in rig.task.told] == ["resume"]
    time.sleep(INTERVAL_S * 2)
    assert len(rig.client.calls) == count


def test_a_record_that_slips_through_is_read_again(rig: Rig) -> None:
    rig.once(lambda: [MemoryMessage(TP, 41, OutRecord("t", 0, None, None, None, None))])
    rig.busy()
    rig.polled()
    rig.keep.rest()
    assert "seek 41" in rig.client.named


def test_a_rebalance_waits_for_the_task_and_is_its_own(rig: Rig) -> None:
    rig.once(lambda: revoking(rig))
    positions: list[int] = []
    rig.task.step = lambda: positions.append(rig.shared.position(TP))
    rig.busy()
    deadline = time.monotonic() + 10
    while not rig.keep._is_inside:
        assert time.monotonic() < deadline
        time.sleep(0.001)
    assert rig.task.told == []
    assert rig.shared.position(TP) == 7  # the task may ask while it is waited for
    rig.keep.rest()
    rig.keep.settle()
    here = threading.get_ident()
    assert ("revoked", here) in rig.task.told
    assert positions == [7]
    asked = [thread for name, thread in rig.client.calls if name == "position"]
    assert len(asked) == 2
    assert here not in asked  # a client answers only the thread inside its callback
    rig.polled()


def test_errors_of_the_client_come_out_where_it_was_asked(rig: Rig) -> None:
    with pytest.raises(RetriableError):
        rig.shared.lag()
    rig.once(lambda: revoking(rig))
    raised: list[BaseException] = []

    def ask() -> None:
        try:
            rig.shared.lag()
        except RetriableError as exc:
            raised.append(exc)

    rig.task.step = ask
    rig.busy()
    deadline = time.monotonic() + 10
    while not rig.keep._is_inside:
        assert time.monotonic() < deadline
        time.sleep(0.001)
    rig.keep.rest()
    rig.keep.settle()
    assert len(raised) == 1


def test_a_task_that_was_given_up_holds_up_no_rebalance(rig: Rig) -> None:
    rig.once(lambda: revoking(rig))
    rig.busy()
    deadline = time.monotonic() + 10
    while not rig.keep._is_inside:
        assert time.monotonic() < deadline
        time.sleep(0.001)
    rig.task.control.cancel()
    rig.polled()
    assert rig.task.told == []


def test_errors_of_a_poll_wait_for_the_tasks_own(rig: Rig) -> None:
    def fail() -> list[Any]:
        raise FatalTaskError("denied")

    rig.once(fail)
    rig.busy()
    rig.polled()
    rig.polled()  # it goes on
    rig.keep.rest()
    assert [str(error) for error in rig.task.errors] == ["denied"]


def test_a_passing_fault_of_a_poll_is_only_logged(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> list[Any]:
        raise RetriableError("no answer")

    rig.once(fail)
    rig.busy()
    rig.polled()
    rig.polled()
    rig.keep.rest()
    assert rig.task.errors == []
    assert "no answer" in caplog.text


def test_it_ends_with_the_task(rig: Rig) -> None:
    rig.busy()
    rig.polled()
    rig.keep.close()
    thread = rig.keep._thread
    assert thread is not None
    thread.join(10)
    assert not thread.is_alive()

"""Whatever fails and however batches fall: each record is written once, in order, or is one dead letter."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from connectkit.api import TopicPartition
from connectkit.errors import BatchError, DataError, RetriableError
from connectkit.record import SinkRecord
from connectkit.runner.breaker import BreakerPolicy
from connectkit.runner.gather import BatchBounds
from connectkit.runner.log.api import RebalanceListener
from connectkit.runner.sink_task import SinkSettings
from connectkit.runner.status import State
from connectkit.runner.tolerance import ErrorPolicy
from tests.support.rig import PlainConverter, ScriptedSink, SinkRig

COUNT = 40
LIMIT = 6
T = [TopicPartition("t", n) for n in (0, 1)]


class World(ScriptedSink):
    """A system with bad records and faults that come by a script, one entry for each ``put``."""

    def __init__(self, bad: set[int], script: list[str], style: str) -> None:
        super().__init__()
        self.bad = bad
        self.script = list(script)
        self.style = style
        self.stored: list[tuple[int, int, Any]] = []

    def put(self, records: list[SinkRecord]) -> None:
        super().put(records)
        fault = self.script.pop(0) if records and self.script else ""
        if fault == "busy":
            raise RetriableError("busy", wait_s=0.1)
        if fault == "down":
            raise RuntimeError("disk full")
        if fault == "away":
            raise ConnectionResetError
        bad = {n: DataError("bad") for n, record in enumerate(records) if record.value in self.bad}
        if bad and self.style == "raises":
            raise ValueError("bad")
        if bad and self.style == "rolls back":
            raise BatchError("bad", bad, written=False)
        self._store([record for n, record in enumerate(records) if n not in bad])
        if bad:
            raise BatchError("bad", bad)

    def _store(self, records: list[SinkRecord]) -> None:
        self.stored += [(r.original_kafka_partition or 0, r.original_kafka_offset, r.value) for r in records]


FAULTS = st.lists(st.sampled_from(["", "", "busy", "down", "down", "away"]), max_size=60)


CASES: dict[str, Any] = {
    "poison": st.sets(st.integers(0, COUNT - 1), max_size=30),
    "bad": st.sets(st.integers(0, COUNT - 1), max_size=5),
    "script": FAULTS,
    "style": st.sampled_from(["raises", "rolls back", "writes the rest"]),
    "poll": st.integers(1, 50),
    "bounds": st.one_of(
        st.none(),
        st.builds(
            BatchBounds, records=st.integers(1, 40), size_bytes=st.integers(1, 200), linger_s=st.just(0.3)
        ),
    ),
    "flush_s": st.sampled_from([0.05, 1.0, 60.0]),
}


def run(
    poison: set[int],
    bad: set[int],
    script: list[str],
    style: str,
    poll: int,
    bounds: BatchBounds | None,
    flush_s: float,
    events: Callable[[SinkRig], list[Callable[[], None]]],
) -> tuple[SinkRig, World]:
    """A task and its world, with events at its idle moments, run until all is done."""
    task = World(bad - poison, script, style)
    rig = SinkRig(
        task,
        value=PlainConverter(poison=sorted(poison)),
        policy=ErrorPolicy(tolerate_all=True),
        breaker=BreakerPolicy(failures=LIMIT, wait_s=0.2, wait_max_s=0.5),
        settings=SinkSettings(
            topics=["t"], bisects=True, max_poll_records=poll, batch=bounds, flush_interval_s=flush_s
        ),
        dead_letters=True,
        idle=400,
    )
    for number in range(COUNT):
        rig.fill(number, partition=number % 2)
    rig.at_empty = events(rig)
    rig.run()
    assert rig.states[-1] is State.UNASSIGNED
    return rig, task


@settings(max_examples=60)
@given(pauses=st.lists(st.booleans(), max_size=20), case=st.fixed_dictionaries(CASES))
def test_each_record_is_written_once_or_is_one_dead_letter(pauses: list[bool], case: dict[str, Any]) -> None:
    def events(rig: SinkRig) -> list[Callable[[], None]]:
        return [*(rig.control.pause if each else rig.control.resume for each in pauses), rig.control.resume]

    rig, task = run(**case, events=events)
    poison, script = case["poison"], case["script"]
    letters = [int(value or b"") for value in rig.log.values("dlq")]
    stored = [value for _, _, value in task.stored]
    assert poison | task.bad <= set(letters)
    assert len(letters) == len(set(letters))
    assert sorted([*stored, *letters]) == list(range(COUNT))
    for partition in (0, 1):
        offsets = [offset for at, offset, _ in task.stored if at == partition]
        assert offsets == sorted(offsets)
        assert rig.committed(partition) == COUNT // 2
    # A fault that takes a record alone, and then no more, cannot be told from a bad record.
    assert len(set(letters) - poison - task.bad) <= script.count("down")
    errors = rig.counters.errors
    assert errors.total_records_skipped == errors.total_record_errors == len(letters)
    assert errors.deadletterqueue_produce_requests == len(letters)


@settings(max_examples=60)
@given(
    moves=st.lists(st.sampled_from(["take", "lose", "wait"]), max_size=8), case=st.fixed_dictionaries(CASES)
)
def test_nothing_is_lost_when_partitions_move(moves: list[str], case: dict[str, Any]) -> None:
    def events(rig: SinkRig) -> list[Callable[[], None]]:
        def move(how: str) -> None:
            def away(told: RebalanceListener) -> None:
                rig.consumer.take(told, [T[0]], lost=how == "lose")

            if how != "wait":
                rig.consumer.rebalances += [away, lambda told: rig.consumer.give(told, [T[0]])]

        return [partial(move, how) for how in moves]

    rig, task = run(**case, events=events)
    letters = {int(value or b"") for value in rig.log.values("dlq")}
    stored = {value for _, _, value in task.stored}
    assert stored | letters == set(range(COUNT))
    assert case["poison"] | task.bad <= letters
    assert not stored & (case["poison"] | task.bad)
    assert (rig.committed(0), rig.committed(1)) == (COUNT // 2, COUNT // 2)
    # One that was given up in a fault may come again, and be written, after what came after it.
    firsts = dict.fromkeys((at, offset) for at, offset, value in task.stored if value not in letters)
    for partition in (0, 1):
        offsets = [offset for at, offset in firsts if at == partition]
        assert offsets == sorted(offsets)

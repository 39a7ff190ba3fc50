"""A record that became several: its offset waits for all of them, and it fails once, as a whole."""

from __future__ import annotations

from typing import Any

import pytest

from connectkit.api import TopicPartition
from connectkit.config import Config
from connectkit.edit import EditTransform
from connectkit.errors import DataError, FatalTaskError
from connectkit.fuse import Stage
from connectkit.record import ConnectRecord, SinkRecord, SourceRecord
from connectkit.runner.chain import Chain, Step
from connectkit.runner.status import State
from connectkit.runner.tolerance import ErrorPolicy
from tests.support.rig import PlainConverter, ScriptedSink, SinkRig, SourceRig, record
from tests.unit.test_runner_source_task import Listening

ALL = ErrorPolicy(tolerate_all=True)


class Times:
    """A plain transform: a record for each of the factors, made from a number."""

    def __init__(self, *factors: int) -> None:
        self.factors = factors

    def apply(self, each: ConnectRecord) -> list[ConnectRecord]:
        return [each.new_record(value=each.value * factor) for factor in self.factors]

    def close(self) -> None: ...


class Refuse(EditTransform[Config]):
    """A fused transform that some values do not pass."""

    def __init__(self, *values: int) -> None:
        super().__init__(Config())
        self.values = values

    def edit(self, draft: Any) -> None:
        def look(value: Any) -> Any:
            if value in self.values:
                raise DataError("This value is refused")
            return value

        draft.value.put(None, draft.call(look, draft.value.whole()))


def chain(*transforms: Any) -> Chain:
    return Chain(
        [
            Step(f"s{n}", type(each).__name__, None, Stage(each, label=f"transform 's{n}'", number=n))
            for n, each in enumerate(transforms)
        ]
    )


def source(numbers: list[int], made: Chain, *, parts: str = "a", **more: Any) -> tuple[SourceRig, Listening]:
    batch = [record(number, part=parts[n % len(parts)]) for n, number in enumerate(numbers)]
    task = Listening([batch, None])
    return SourceRig(task, chain=made, **more), task


def told(task: Listening) -> list[str]:
    return [call for call in task.calls if call.startswith("record")]


@pytest.mark.parametrize("parts", ["a", "ab"])
def test_children_go_through_the_steps_after_and_between(parts: str) -> None:
    rig, task = source([1, 2], chain(Refuse(), Times(1, 10), Refuse(), Times(1, 100)), parts=parts)
    rig.run()
    assert rig.log.values("t") == [b"1", b"100", b"10", b"1000", b"2", b"200", b"20", b"2000"]
    assert rig.stored(parts[-1]) == 2
    assert told(task) == ["record 1@3", "record 2@7"]
    assert rig.counters.active == 0


@pytest.mark.parametrize("parts", ["a", "ab"])
def test_nothing_is_stored_while_one_child_is_unacknowledged(parts: str) -> None:
    rig, _ = source([1, 2], chain(Times(1, 10)), parts=parts)
    rig.producer.held = True
    rig.run()
    assert rig.stored(parts[-1]) is None


@pytest.mark.parametrize("parts", ["a", "ab"])
def test_a_child_that_a_later_step_refuses_takes_its_siblings_along(parts: str) -> None:
    rig, task = source([1, 2, 3], chain(Times(1, 10, 100), Refuse(20, 200)), parts=parts, policy=ALL)
    rig.run()
    assert rig.log.values("t") == [b"1", b"10", b"100", b"3", b"30", b"300"]
    assert rig.stored("a") == 3
    assert rig.counters.errors.total_record_failures == 1
    assert rig.counters.errors.total_records_skipped == 1
    assert sorted(told(task)) == ["record 1@2", "record 2@None", "record 3@5"]


def test_without_tolerance_the_offset_stays_before_the_record() -> None:
    rig, _ = source([1, 2, 3], chain(Times(1, 10), Refuse(20)))
    rig.run()
    assert rig.states[-1] is State.FAILED
    assert rig.log.values("t") == [b"1", b"10"]
    assert rig.stored() == 1
    assert rig.trace is not None
    assert "transform 's1'" in rig.trace


def test_a_child_that_cannot_be_converted_takes_its_siblings_along() -> None:
    rig, _ = source([1, 2, 3], chain(Times(1, 10)), value=PlainConverter(poison=[20]), policy=ALL)
    rig.run()
    assert rig.log.values("t") == [b"1", b"10", b"3", b"30"]
    assert rig.stored() == 3
    assert rig.counters.errors.total_records_skipped == 1


@pytest.mark.parametrize("parts", ["a", "ab"])
def test_children_that_the_log_refuses_are_one_failed_record(parts: str) -> None:
    rig, task = source([1, 2, 3], chain(Times(1, 10, 100)), parts=parts, policy=ALL)
    rig.producer.failures = dict.fromkeys([b"20", b"200"], DataError("too large"))
    rig.run()
    assert rig.log.values("t") == [b"1", b"10", b"100", b"2", b"3", b"30", b"300"]
    assert rig.counters.errors.total_record_failures == 1
    assert rig.counters.errors.total_records_skipped == 1
    assert told(task).count("record 2@None") == 1
    assert len(told(task)) == 3
    assert rig.counters.written.total == 7
    assert (rig.stored("a"), rig.stored(parts[-1])) == (3, 3 if parts == "a" else 2)


@pytest.mark.parametrize("parts", ["a", "ab"])
def test_an_untolerated_child_keeps_the_offset_before_its_record(parts: str) -> None:
    rig, _ = source([1, 2, 3], chain(Times(1, 10)), parts=parts)
    rig.producer.failures = {b"20": DataError("too large")}
    rig.run()
    assert rig.states[-1] is State.FAILED
    assert rig.stored("a") == (1 if parts == "a" else 3)
    assert rig.stored("b") is None


def test_a_fatal_child_counts_although_its_sibling_was_tolerated() -> None:
    rig, _ = source([1, 2], chain(Times(1, 10)), policy=ALL)
    rig.producer.failures = {b"2": DataError("too large"), b"20": FatalTaskError("not authorized")}
    rig.run()
    assert rig.states[-1] is State.FAILED
    assert rig.stored() == 1


def test_children_are_sent_together_where_the_log_refuses_a_batch() -> None:
    rig, _ = source([1, 2], chain(Times(1, 10)), policy=ALL)
    # The batch, its replay, then record 1 with all that was made of it, is refused.
    rig.producer.send_errors = [DataError("large"), DataError("large"), DataError("large")]
    rig.run()
    assert [[each[3] for each in batch] for batch in rig.producer.sent] == [[b"2", b"20"]]
    assert rig.counters.errors.total_records_skipped == 1
    assert rig.stored() == 2


def test_an_offset_waits_for_both_children_of_a_batch_sent_in_pieces() -> None:
    rig, _ = source([1], chain(Times(1, 10)), policy=ALL)
    rig.producer.send_errors = [DataError("large"), DataError("large")]
    rig.producer.held = True
    rig.run()
    assert [len(batch) for batch in rig.producer.sent] == [2]
    assert rig.stored() is None


def test_a_record_of_which_nothing_is_made_is_passed() -> None:
    rig, task = source([1, 2], chain(Times()))
    rig.run()
    assert rig.log.values("t") == []
    assert told(task) == ["record 1@None", "record 2@None"]
    assert rig.counters.active == 0


# --- sinks


def test_a_sink_is_given_all_at_once_and_then_the_offset_is_safe() -> None:
    task = ScriptedSink()
    rig = SinkRig(task, chain=chain(Times(1, 10))).fill(1, 2)
    seen: list[Any] = []
    task.on_put = lambda records: seen.extend((r.value, r.original_kafka_offset) for r in records)
    rig.run()
    assert seen == [(1, 0), (10, 0), (2, 1), (20, 1)]
    assert rig.committed() == 2


def test_an_untolerated_child_keeps_the_consumers_offset() -> None:
    task = ScriptedSink()
    rig = SinkRig(task, chain=chain(Times(1, 10), Refuse(20))).fill(1, 2).run()
    assert rig.states[-1] is State.FAILED
    assert task.written == []
    assert rig.committed() is None


def test_the_dead_letter_queue_gets_the_original_once() -> None:
    task = ScriptedSink()
    rig = SinkRig(task, chain=chain(Times(1, 10, 100), Refuse(20, 200)), policy=ALL, dead_letters=True)
    rig.fill(1, 2, 3).run()
    assert rig.log.values("dlq") == [b"2"]
    assert task.written == [1, 10, 100, 3, 30, 300]
    assert rig.committed() == 3
    [letter] = rig.log.data[TopicPartition("dlq", 0)]
    assert (dict(letter.headers or [])["__connect.errors.class.name"] or b"").endswith(b".Refuse")


def test_reports_of_several_children_are_one_dead_letter_and_one_future() -> None:
    task = ScriptedSink()
    rig = SinkRig(task, chain=chain(Times(1, 10)), policy=ALL, dead_letters=True).fill(1, 2)
    futures: list[Any] = []

    def report(records: list[SinkRecord]) -> None:
        reporter = task.context.errant_record_reporter
        assert reporter is not None
        futures.extend(reporter.report(each, ValueError("no")) for each in records if each.value % 2 == 0)

    task.on_put = report
    rig.run()
    assert rig.log.values("dlq") == [b"1", b"2"]  # 10; then 2 and 20
    assert futures[1] is futures[2]
    assert all(future.done() and future.exception() is None for future in futures)
    assert rig.committed() == 2


def test_a_report_that_fails_the_task_raises_for_every_child() -> None:
    task = ScriptedSink()
    rig = SinkRig(task, chain=chain(Times(1, 10)), dead_letters=True).fill(1)

    def report(records: list[SinkRecord]) -> None:
        reporter = task.context.errant_record_reporter
        assert reporter is not None
        for each in records:
            with pytest.raises(FatalTaskError):
                reporter.report(each, ValueError("no"))

    task.on_put = report
    rig.run()
    assert rig.states[-1] is State.FAILED
    assert rig.committed() is None


def test_lost_partitions_cancel_the_reports_of_their_records() -> None:
    task = ScriptedSink()
    rig = SinkRig(task, chain=chain(Times(1, 10)), policy=ALL, dead_letters=True).fill(1)
    rig.log.producers[-1].held = True
    futures: list[Any] = []

    def report(records: list[SinkRecord]) -> None:
        reporter = task.context.errant_record_reporter
        assert reporter is not None
        futures.extend(reporter.report(each, ValueError("no")) for each in records)

    task.on_put = report
    tp = TopicPartition("t", 0)
    rig.at_empty = [
        lambda: rig.consumer.rebalances.append(lambda told: rig.consumer.take(told, [tp], lost=True))
    ]
    rig.run()
    assert len(set(map(id, futures))) == 1
    assert futures[0].cancelled()


def test_source_records_keep_their_place_in_every_child() -> None:
    [made] = [Times(1, 2).apply(record(3))]
    assert all(isinstance(each, SourceRecord) and each.source_offset == {"at": 3} for each in made)

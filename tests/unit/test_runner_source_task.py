"""The source task's loop on a scripted log: order of calls, offsets, failures, pauses."""

from __future__ import annotations

from typing import Any

import pytest

from connectkit.api import RecordMetadata
from connectkit.errors import DataError, FatalTaskError, FencedError, RetriableError
from connectkit.record import SourceRecord
from connectkit.runner.chain import Chain
from connectkit.runner.configs.topics import creation_groups
from connectkit.runner.creation import TopicCreator
from connectkit.runner.offsets import MemoryOffsets
from connectkit.runner.status import State
from connectkit.runner.tolerance import ErrorPolicy
from tests.support.rig import PlainConverter, ScriptedSource, SourceRig, record

ALL = ErrorPolicy(tolerate_all=True)


def batch(*numbers: int, part: str = "a") -> list[SourceRecord]:
    return [record(number, part=part) for number in numbers]


class Listening(ScriptedSource):
    """Also hears of each record."""

    def commit_record(self, record: SourceRecord, metadata: RecordMetadata | None) -> None:
        offset = None if metadata is None else metadata.offset
        self.calls.append(f"record {record.value}@{offset}")


def test_delivers_in_order_and_stores_the_last_offset() -> None:
    rig = SourceRig(ScriptedSource([batch(1, 2), None, batch(3)])).run()
    assert rig.log.values("t") == [b"1", b"2", b"3"]
    assert rig.stored() == 3
    assert rig.states == [State.RUNNING, State.UNASSIGNED]
    assert isinstance(rig.task, ScriptedSource)
    assert rig.task.calls == ["start", "commit", "stop"]
    assert rig.counters.polled.total == rig.counters.written.total == 3
    assert rig.counters.active == 0
    assert rig.producer.closed


def test_an_empty_list_is_a_batch_of_none() -> None:
    rig = SourceRig(ScriptedSource([[], batch(1)])).run()
    assert rig.stored() == 1


def test_commit_is_called_though_nothing_is_to_be_stored() -> None:
    rig = SourceRig(ScriptedSource([])).run()
    assert isinstance(rig.task, ScriptedSource)
    assert rig.task.calls == ["start", "commit", "stop"]


def test_commit_is_not_called_before_the_start_nor_after_the_stop() -> None:
    class Slow(ScriptedSource):
        def start(self) -> None:
            rig.worker_task.commit_offsets()
            super().start()

        def stop(self) -> None:
            rig.worker_task.commit_offsets()
            super().stop()

    rig = SourceRig(Slow([batch(1)]))
    rig.run()
    assert isinstance(rig.task, Slow)
    assert rig.task.calls == ["start", "commit", "stop"]


def test_unacknowledged_records_are_not_stored() -> None:
    rig = SourceRig(ScriptedSource([batch(1, 2)]))
    rig.producer.held = True
    rig.run()
    assert rig.stored() is None


def test_a_stuck_source_partition_holds_back_only_itself() -> None:
    rig = SourceRig(ScriptedSource([[record(1, part="a"), record(1, part="b"), record(2, part="a")], None]))
    rig.producer.failures[b"2"] = DataError("too large")
    rig.run()
    assert rig.states[-1] is State.FAILED
    assert (rig.stored("a"), rig.stored("b")) == (1, 1)


def test_records_before_a_failed_one_in_a_batch_are_stored() -> None:
    rig = SourceRig(ScriptedSource([batch(1, 2), batch(3, 4, 5, 6), None]))
    rig.producer.failures[b"5"] = DataError("too large")
    rig.run()
    assert rig.states[-1] is State.FAILED
    assert rig.stored() == 4


def test_a_failed_first_record_leaves_the_offset_of_the_batch_before() -> None:
    rig = SourceRig(ScriptedSource([batch(1, 2), batch(3, 4), None]))
    rig.producer.failures[b"3"] = DataError("too large")
    rig.run()
    assert rig.stored() == 2


def test_a_tolerated_produce_failure_is_skipped_and_counted() -> None:
    rig = SourceRig(Listening([batch(1, 2, 3)]), policy=ALL)
    rig.producer.failures[b"2"] = DataError("too large")
    rig.run()
    assert rig.states[-1] is State.UNASSIGNED
    assert rig.stored() == 3
    assert rig.counters.errors.total_records_skipped == 1
    assert isinstance(rig.task, Listening)
    assert "record 2@None" in rig.task.calls
    assert "record 3@1" in rig.task.calls


def test_authorization_fails_the_task_even_if_all_is_tolerated() -> None:
    rig = SourceRig(ScriptedSource([batch(1), None]), policy=ALL)
    rig.producer.failures[b"1"] = FatalTaskError("Not authorized to write to topic t")
    rig.run()
    assert rig.states[-1] is State.FAILED
    assert rig.stored() is None


def test_a_fenced_producer_ends_the_task() -> None:
    rig = SourceRig(ScriptedSource([batch(1), None]), policy=ALL)
    rig.producer.send_errors = [FencedError("a newer producer exists")]
    rig.run()
    assert rig.states[-1] is State.FAILED
    assert rig.producer.sent == []


def test_a_retriable_send_keeps_the_batch() -> None:
    rig = SourceRig(ScriptedSource([batch(1, 2), batch(3)]))
    rig.producer.send_errors = [RetriableError("queue full"), RetriableError("queue full")]
    rig.run()
    assert rig.log.values("t") == [b"1", b"2", b"3"]
    assert rig.stored() == 3


def test_a_retriable_poll_is_polled_again() -> None:
    rig = SourceRig(ScriptedSource([RetriableError("not now", wait_s=0.0), batch(1)])).run()
    assert rig.stored() == 1


def test_any_other_error_of_poll_fails_the_task_after_a_last_commit() -> None:
    rig = SourceRig(ScriptedSource([batch(1), KeyError("secret value")])).run()
    assert rig.states[-1] is State.FAILED
    assert rig.stored() == 1
    assert rig.trace is not None
    assert "KeyError" in rig.trace
    assert "secret value" not in rig.trace
    assert isinstance(rig.task, ScriptedSource)
    assert rig.task.calls[-1] == "stop"


def test_poison_stops_the_task_but_what_came_before_is_delivered() -> None:
    rig = SourceRig(ScriptedSource([batch(1, 2, 3)]), value=PlainConverter(poison=[2])).run()
    assert rig.log.values("t") == [b"1"]
    assert rig.stored() == 1
    assert rig.states[-1] is State.FAILED
    assert rig.trace is not None
    assert 'at {"part":"a"} {"at":2}' in rig.trace


def test_tolerated_poison_is_skipped_and_its_offset_passed_by_the_next() -> None:
    rig = SourceRig(Listening([batch(1, 2, 3)]), value=PlainConverter(poison=[2]), policy=ALL).run()
    assert rig.log.values("t") == [b"1", b"3"]
    assert rig.stored() == 3
    assert rig.counters.errors.total_record_failures == 1
    assert isinstance(rig.task, Listening)
    assert "record 2@None" in rig.task.calls


def test_the_offset_of_a_dropped_last_record_is_not_stored() -> None:
    rig = SourceRig(ScriptedSource([batch(1, 2)]), value=PlainConverter(poison=[2]), policy=ALL).run()
    assert rig.stored() == 1


def test_a_batch_of_nothing_but_poison_goes_on() -> None:
    rig = SourceRig(
        ScriptedSource([batch(1, 2), batch(3)]), value=PlainConverter(poison=[1, 2]), policy=ALL
    ).run()
    assert rig.log.values("t") == [b"3"]
    assert rig.counters.active == 0


def test_a_record_the_log_never_takes_is_found_in_its_batch() -> None:
    class Picky(SourceRig):
        pass

    rig = Picky(ScriptedSource([batch(1, 2, 3)]), policy=ALL)
    # The batch, its replay, record 1, then record 2 alone is refused.
    rig.producer.send_errors = [DataError("large"), DataError("large"), None, DataError("large")]
    rig.run()
    assert rig.log.values("t") == [b"1", b"3"]
    assert rig.stored() == 3
    assert rig.counters.errors.total_records_skipped == 1


class Chained(Chain):
    """A chain that is a function."""

    def __init__(self, change: Any) -> None:
        super().__init__()
        self.steps = (None,)  # type: ignore[assignment]
        self.change = change

    def apply_batch(self, records: Any) -> Any:
        return [self.change(record) for record in records]

    def apply_steps(self, record: Any, on_step: Any) -> Any:
        return self.change(record)

    def close(self) -> None:
        pass


def drop_even(each: SourceRecord) -> SourceRecord | None:
    return None if each.value % 2 == 0 else each


def test_filtered_records_are_told_and_their_offsets_not_tracked() -> None:
    rig = SourceRig(Listening([batch(1, 2, 3, 4)]), chain=Chained(drop_even)).run()
    assert rig.log.values("t") == [b"1", b"3"]
    assert rig.stored() == 3
    assert isinstance(rig.task, Listening)
    assert sorted(c for c in rig.task.calls if c.startswith("record")) == [
        "record 1@0",
        "record 2@None",
        "record 3@1",
        "record 4@None",
    ]
    assert rig.counters.errors.total_records_skipped == 0


def double(each: SourceRecord) -> list[SourceRecord]:
    return [each, each.new_record(value=each.value * 100)]


@pytest.mark.parametrize("parts", [("a", "a"), ("a", "b")])
def test_a_record_that_became_several_counts_once_all_arrived(parts: tuple[str, str]) -> None:
    source = Listening([[record(1, part=parts[0]), record(2, part=parts[1])]])
    rig = SourceRig(source, chain=Chained(double)).run()
    assert rig.log.values("t") == [b"1", b"100", b"2", b"200"]
    assert rig.stored(parts[1]) == 2
    assert [c for c in source.calls if c.startswith("record")] == ["record 1@1", "record 2@3"]


@pytest.mark.parametrize("parts", [("a", "a"), ("a", "b")])
@pytest.mark.parametrize("refused", [b"2", b"200"])
def test_a_record_that_became_several_is_not_stored_unless_all_arrived(
    parts: tuple[str, str], refused: bytes
) -> None:
    source = Listening([[record(1, part=parts[0]), record(2, part=parts[1])], None])
    rig = SourceRig(source, chain=Chained(double))
    rig.producer.failures[refused] = DataError("too large")
    rig.run()
    assert rig.states[-1] is State.FAILED
    assert rig.stored(parts[0]) == 1
    assert parts[0] == parts[1] or rig.stored(parts[1]) is None


def test_a_transform_changes_neither_offset_nor_what_the_task_is_told() -> None:
    def other(each: SourceRecord) -> SourceRecord:
        made = each.new_record(value="changed", topic="u")
        made.source_offset = {"at": 99}
        return made

    source = Listening([batch(1)])
    rig = SourceRig(source, chain=Chained(other)).run()
    assert rig.log.values("u") == [b'"changed"']
    assert rig.stored() == 1
    assert "record 1@0" in source.calls


def test_commit_record_and_commit_errors_are_the_tasks_own() -> None:
    class Bad(ScriptedSource):
        def commit_record(self, record: SourceRecord, metadata: RecordMetadata | None) -> None:
            raise ValueError("bad")

        def commit(self) -> None:
            raise ValueError("bad")

    rig = SourceRig(Bad([batch(1)])).run()
    assert rig.states[-1] is State.UNASSIGNED
    assert rig.stored() == 1


def test_paused_before_start_waits_with_starting() -> None:
    rig = SourceRig(ScriptedSource([]))
    rig.control.pause()
    rig.control.stopping = True
    rig.run()
    assert isinstance(rig.task, ScriptedSource)
    assert "start" not in rig.task.calls


def test_a_task_that_cannot_start_has_failed_and_is_stopped() -> None:
    class Bad(ScriptedSource):
        def start(self) -> None:
            raise OSError(2, "No such file", "/data/in.csv")

    rig = SourceRig(Bad([])).run()
    assert rig.states == [State.FAILED]
    assert rig.trace is not None
    assert "/data/in.csv" in rig.trace
    assert isinstance(rig.task, Bad)
    assert rig.task.calls == ["stop"]


class BrokenStore(MemoryOffsets):
    """Fails as told."""

    def __init__(self, errors: list[Exception]) -> None:
        super().__init__()
        self.errors = errors

    def write(self, connector: str, offsets: Any) -> None:
        if self.errors:
            raise self.errors.pop(0)
        super().write(connector, offsets)


def test_offsets_that_could_not_be_stored_are_kept_for_the_next_commit() -> None:
    store = BrokenStore([RetriableError("busy")])
    source = ScriptedSource([batch(1), None, None])
    rig = SourceRig(source, store=store)
    polled = source.poll

    def poll() -> list[SourceRecord] | None:
        found = polled()
        if found is None and source.batches == [] and not rig.control.stopping:
            assert not rig.worker_task.commit_offsets()
        return found

    source.poll = poll  # type: ignore[method-assign]
    rig.run()
    assert store.read("orders", ['{"part":"a"}']) == {'{"part":"a"}': {"at": 1}}
    assert rig.states[-1] is State.UNASSIGNED


def test_a_store_that_cannot_write_fails_the_task() -> None:
    rig = SourceRig(ScriptedSource([batch(1)]), store=BrokenStore([FatalTaskError("disk full")]))
    rig.run()
    assert isinstance(rig.worker_task.error, FatalTaskError)


def test_an_abandoned_task_commits_nothing() -> None:
    source = ScriptedSource([batch(1)])
    rig = SourceRig(source)
    source.at_end = rig.control.cancel
    rig.run()
    assert rig.stored() is None
    assert source.calls == ["start", "stop"]
    assert rig.states == [State.RUNNING]


GROUPS, _ = creation_groups(
    {"topic.creation.default.partitions": "3", "topic.creation.default.replication.factor": "1"}
)


def creator(log: Any) -> TopicCreator:
    return TopicCreator(log.admin(), GROUPS)


def test_topics_are_created_before_the_first_record() -> None:
    rig = SourceRig(ScriptedSource([batch(1)]), creator=creator).run()
    assert rig.log.admin().describe_topic("t").partitions == 3
    assert rig.stored() == 1


def test_a_topic_that_cannot_be_created_fails_the_task_and_names_it() -> None:
    def refusing(log: Any) -> TopicCreator:
        admin = log.admin()
        admin.error = FatalTaskError("not authorized")
        return TopicCreator(admin, GROUPS)

    rig = SourceRig(ScriptedSource([batch(1)]), creator=refusing).run()
    assert rig.states[-1] is State.FAILED
    assert rig.trace is not None
    assert "Topic t could not be created" in rig.trace


def test_stored_offsets_can_be_read_back_in_any_order_of_keys() -> None:
    store = MemoryOffsets()
    seen: list[Any] = []

    class Reading(ScriptedSource):
        def start(self) -> None:
            reader = self.context.offset_reader
            seen.append(reader.offset({"b": 1, "a": "x"}))
            seen.append(reader.offset({"a": "y"}))

    record_ = SourceRecord({"a": "x", "b": 1}, {"at": 5}, "t", None, 1)
    SourceRig(ScriptedSource([[record_]]), store=store).run()
    SourceRig(Reading([]), store=store).run()
    assert seen == [{"at": 5}, None]


def test_headers_and_timestamps_go_along() -> None:
    from connectkit.headers import Headers

    headers = Headers()
    headers.add("trace", "abc", None)
    made = SourceRecord({"p": 1}, {"at": 1}, "t", None, 1, timestamp=123, headers=headers)
    rig = SourceRig(ScriptedSource([[made, record(2)]])).run()
    sent = rig.producer.sent[0]
    assert tuple(sent[0]) == ("t", None, None, b"1", 123, [("trace", b"abc")])
    assert tuple(sent[1]) == ("t", None, None, b"2", None, None)


def test_finished_is_caught_up_when_acknowledged() -> None:
    class Ending(ScriptedSource):
        def poll(self) -> list[SourceRecord] | None:
            self.context.finished()
            return super().poll()

    rig = SourceRig(Ending([batch(1)])).run()
    assert rig.worker_task.caught_up

"""Stages run together: plain code among edits, several records, changing schemas, and whose error it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectkit.api import Transform
from connectkit.builder import SchemaBuilder
from connectkit.config import Config
from connectkit.errors import ConnectError, DataError, FatalTaskError, RetriableError
from connectkit.fuse import Fused, Stage, StepError
from connectkit.plugin import plugins
from connectkit.record import SinkRecord
from connectkit.schema import Schema
from tests.support.transforms import sink_record, struct_of


class Code(Transform[Config]):
    """Plain code: a function of the record."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        super().__init__(Config())
        self._function = function

    def apply(self, record: Any) -> Any:
        return self._function(record)


class Holds:
    """A predicate that is plain code."""

    def __init__(self, function: Callable[[Any], bool]) -> None:
        self.test = function


def edit(name: str, **config: str) -> Any:
    return plugins.create("transform", name, {key.replace("_", "."): value for key, value in config.items()})


def fused(*transforms: Any) -> Fused:
    stages = [
        each if isinstance(each, Stage) else Stage(each, label=f"transform 't{number}'", number=number)
        for number, each in enumerate(transforms)
    ]
    return Fused(stages)


def insert(name: str) -> Any:
    return edit("InsertField$Value", static_field=name, static_value="x")


def values(result: Any) -> Any:
    if isinstance(result, list):
        return [values(each) for each in result]
    return None if result is None else result.value


def three_ways(stages: Fused, record: SinkRecord) -> list[Any]:
    """The record singly three times, then as batches of two."""
    singly = [values(stages.run(record)) for _ in range(3)]
    batches = [values(each) for _ in range(3) for each in stages.run_batch([record, record])]
    return singly + batches


def test_each_of_several_records_goes_through_the_steps_that_follow() -> None:
    def split(record: Any) -> list[Any]:
        return [record.new_record(value={"n": n}) for n in range(record.value["n"])]

    drop_one = Stage(edit("Filter"), Holds(lambda record: record.value["n"] == 1), number=2)
    stages = fused(insert("before"), Code(split), drop_one, insert("after"))
    expected = [{"n": 0, "after": "x"}, {"n": 2, "after": "x"}]
    assert three_ways(stages, sink_record({"n": 3})) == [expected] * 9
    assert three_ways(stages, sink_record({"n": 0})) == [[]] * 9


def test_several_may_become_several_again() -> None:
    twice = Code(lambda record: [record, record])
    assert three_ways(fused(twice, insert("a"), twice), sink_record({})) == [[{"a": "x"}] * 4] * 9


def test_a_plain_predicate_is_asked_once_a_record() -> None:
    asked: list[Any] = []

    def even(record: Any) -> bool:
        asked.append(record)
        return bool(record.value["n"] % 2 == 0)

    stages = fused(insert("a"), Stage(insert("b"), Holds(even), negate=True, number=1), insert("c"))
    assert three_ways(stages, sink_record({"n": 1})) == [{"n": 1, "a": "x", "b": "x", "c": "x"}] * 9
    assert three_ways(stages, sink_record({"n": 2})) == [{"n": 2, "a": "x", "c": "x"}] * 9
    assert len(asked) == 18


@pytest.mark.parametrize("made", ["text", 5, [1], ("a",)])
def test_what_is_no_record_is_refused(made: Any) -> None:
    stages = fused(insert("a"), Code(lambda record: made))
    with pytest.raises(FatalTaskError, match=r"transform 't1'.*must return a record"):
        stages.run(sink_record({}))


def raising(error: Exception) -> Code:
    def fail(record: Any) -> Any:
        raise error

    return Code(fail)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (DataError("bad", path="$.a"), StepError),
        (RetriableError("later", wait_s=3.0), RetriableError),
        (FatalTaskError("end"), FatalTaskError),
        (ConnectError("other"), ConnectError),
        (ValueError("secret"), StepError),
    ],
)
def test_an_error_is_of_its_kind_and_names_the_step(error: Exception, kind: type[Exception]) -> None:
    stages = fused(insert("a"), raising(error), insert("b"))
    for _ in range(3):
        with pytest.raises(kind, match=r"^transform 't1'") as caught:
            stages.run(sink_record({}))
        assert type(caught.value) is kind
        assert caught.value.step == 1  # type: ignore[attr-defined]  # every located error has it
        assert caught.value.__cause__ is error
        assert "secret" not in str(caught.value)
        if isinstance(caught.value, RetriableError):
            assert caught.value.wait_s == 3.0


def test_the_step_of_an_edit_that_fails_is_found_in_the_middle() -> None:
    stages = fused(insert("a"), edit("Cast$Value", spec="n:int8"), insert("b"))
    good, bad = sink_record({"n": "1"}), sink_record({"n": "x"})
    for _ in range(3):
        assert values(stages.run(good))["b"] == "x"
        with pytest.raises(StepError, match=r"^transform 't1' at \$\.n: ") as caught:
            stages.run(bad)
        assert (caught.value.step, caught.value.path) == (1, "$.n")
        with pytest.raises(StepError, match=r"^transform 't1' at \$\.n: "):
            stages.run_batch([good, good, bad, good])


def test_a_plain_step_that_a_predicate_skipped_is_not_blamed() -> None:
    tombstones = plugins.create("predicate", "RecordIsTombstone", {})
    skipped = Stage(Code(lambda record: [record]), tombstones, label="transform 'skipped'", number=0)
    stages = fused(skipped, edit("Cast$Value", spec="n:int8"))
    for run in (stages.run, lambda record: stages.run_batch([record])):
        with pytest.raises(StepError, match=r"^transform 't1' at \$\.n: ") as caught:
            run(sink_record({"n": "x"}))
        assert caught.value.step == 1


def test_an_error_that_only_happens_once_is_still_told() -> None:
    calls: list[int] = []

    def once(record: Any) -> Any:
        calls.append(1)
        if len(calls) == 1:
            raise DataError("the first time")
        return record

    with pytest.raises(StepError, match="the first time"):
        fused(insert("a"), Code(once)).run(sink_record({}))
    assert len(calls) == 1


SCHEMAS = [
    struct_of(a=(Schema.INT32, 1)),
    struct_of(a=(Schema.STRING, "x"), b=(Schema.OPTIONAL_STRING, None)),
    (None, {"a": 1}),
    (None, None),
    (Schema.STRING, "text"),
    (SchemaBuilder.struct().field("a", Schema.INT32).optional().build(), None),
]


@given(st.lists(st.lists(st.sampled_from(SCHEMAS), max_size=6), max_size=6))
def test_a_batch_is_what_its_records_are_singly_whatever_schemas_take_turns(
    batches: list[list[tuple[Schema | None, Any]]],
) -> None:
    stages = fused(
        insert("x"),
        edit("ReplaceField$Value", renames="a:c"),
        edit("RegexRouter", regex=".*", replacement="t"),
    )

    def singly(record: SinkRecord) -> Any:
        try:
            for stage in stages.stages:
                record = stage.apply(record)
        except DataError:
            return DataError
        return record

    for batch in batches:
        records = [sink_record(value, schema) for schema, value in batch]
        expected = [singly(record) for record in records]
        good = expected.index(DataError) if DataError in expected else len(expected)
        assert stages.run_batch(records[:good]) == expected[:good]
        if good < len(expected):
            with pytest.raises(DataError):
                stages.run_batch(records)


def test_a_subclass_of_a_record_stays_one() -> None:
    class Own(SinkRecord):
        __slots__ = ("extra",)
        extra: str

        def _copy(self) -> Own:
            made = Own("t", 0, None, None, None, self.value, 5)
            made.extra = self.extra
            return made

    record = Own("t", 0, None, None, None, {}, 5)
    record.extra = "kept"
    stages = fused(insert("a"))
    for made in [*(stages.run(record) for _ in range(3)), *stages.run_batch([record, record])]:
        assert type(made) is Own
        assert made.extra == "kept"
        assert made.value == {"a": "x"}


def test_originals_are_kept_through_a_chain_that_routes() -> None:
    stages = fused(insert("a"), edit("RegexRouter", regex=".*", replacement="other"), insert("b"))
    for made in [*(stages.run(sink_record({})) for _ in range(3)), *stages.run_batch([sink_record({})] * 2)]:
        assert (made.topic, made.original_topic, made.original_kafka_offset) == ("other", "orders", 42)

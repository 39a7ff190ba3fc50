"""Edits that split, fail, drop or hand over: the fused chain does what the steps do one by one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectkit.builder import SchemaBuilder
from connectkit.config import Config, option
from connectkit.draft import Draft
from connectkit.edit import EditTransform
from connectkit.errors import DataError
from connectkit.fuse import Fused, Stage
from connectkit.program import Const
from connectkit.record import SinkRecord
from connectkit.schema import Schema
from connectkit.struct import Struct

ROW = SchemaBuilder.struct().field("n", Schema.INT64).field("inner", Schema.OPTIONAL_STRING).build()
NEST = SchemaBuilder.struct().field("row", SchemaBuilder.of(ROW).optional().build()).build()


class StepConfig(Config):
    """Which bit of the number decides, and what becomes of each half."""

    bit: int = option(0, doc="The bit.")
    then: str = option("add", doc="What becomes of numbers that have it: add, drop, fail, hand or twice.")


class Step(EditTransform[StepConfig]):
    """Splits by a bit of ``n``."""

    reads = frozenset(("value",))

    def edit(self, draft: Draft) -> None:
        slots = draft.value.read("stepping", with_defaults=False)
        bit = 1 << self.config.bit
        yes, no = draft.split(draft.call(lambda n: bool(n & bit), slots[0]))
        then = self.config.then
        if then == "drop":
            yes.drop()
        elif then == "fail":
            yes.fail(DataError("this bit is not wanted"))
        elif then == "hand":
            yes.hand_over(lambda record: record.new_record(topic=record.topic + "h"))
        elif then == "twice":
            yes.hand_over(lambda record: [record, record.new_record(topic=record.topic + "2")])
        else:
            builder = SchemaBuilder.of(yes.value.require_struct("stepping"))
            name = f"f{self.config.bit}.{len(slots)}"
            yes.value.write(builder.field(name, Schema.STRING).build(), [*slots, Const("x")])
        no.topic = no.call(lambda topic: topic + "n", no.topic)


def step(bit: int, then: str = "add") -> Step:
    return Step(StepConfig(bit=bit, then=then))


def record(number: int) -> SinkRecord:
    return SinkRecord("t", 0, None, None, ROW, Struct.of(ROW, [number, None]), 0)


def one_by_one(steps: list[Step], given_: SinkRecord) -> Any:
    """The outcome of the steps, each by itself."""
    found: list[Any] = [given_]
    for each in steps:
        made: list[Any] = []
        for item in found:
            got: Any = each.apply(item)
            made += got if isinstance(got, list) else [] if got is None else [got]
        found = made
    return found


def as_list(outcome: Any) -> list[Any]:
    return outcome if isinstance(outcome, list) else [] if outcome is None else [outcome]


PLANS = st.lists(
    st.tuples(st.integers(0, 3), st.sampled_from(["add", "drop", "hand", "twice"])), min_size=1, max_size=9
)


@given(PLANS, st.lists(st.integers(0, 15), min_size=1, max_size=4))
def test_a_chain_of_splits_is_the_steps_one_by_one(plans: Any, numbers: list[int]) -> None:
    steps = [step(*plan) for plan in plans]
    fused = Fused([Stage(each, number=number) for number, each in enumerate(steps)])
    for number in numbers * 3:
        given_ = record(number)
        assert as_list(fused.run(given_)) == one_by_one(steps, given_)
        assert given_ == record(number)
    assert [as_list(each) for each in fused.run_batch([record(n) for n in numbers])] == [
        one_by_one(steps, record(n)) for n in numbers
    ]


def test_long_chains_of_splits_stay_small() -> None:
    steps = [step(number % 4, "hand" if number % 5 == 4 else "add") for number in range(40)]
    fused = Fused([Stage(each, number=number) for number, each in enumerate(steps)])
    for number in range(16):
        for _ in range(3):
            assert as_list(fused.run(record(number))) == one_by_one(steps, record(number))


def test_one_half_fails_with_the_place_of_the_step() -> None:
    fused = Fused([Stage(step(0), number=0), Stage(step(1, "fail"), number=1, label="step two")])
    for _ in range(3):
        assert as_list(fused.run(record(1)))
        with pytest.raises(DataError, match=r"step two.*not wanted") as raised:
            fused.run(record(3))
        assert raised.value.step == 1  # type: ignore[attr-defined]  # the mark of a located error


def test_inference_follows_both_halves() -> None:
    found = Fused([Stage(step(0))]).infer(SinkRecord, None, ROW).schemas
    assert found is not None
    assert {len(schema.fields) for _, schema in found if schema is not None} == {2, 3}
    dropping = Fused([Stage(step(0, "drop"))]).infer(SinkRecord, None, ROW).schemas
    assert dropping == {(None, ROW)}
    handing = Fused([Stage(step(0, "hand"))]).infer(SinkRecord, None, ROW)
    assert handing.schemas is None
    assert handing.why


class Take(EditTransform[Config]):
    """Replaces the value by the struct in ``row``."""

    reads = frozenset(("value",))

    def edit(self, draft: Draft) -> None:
        schema = draft.value.require_struct("taking")
        slots = draft.value.read("taking", with_defaults=False)
        there, gone = draft.split(slots[0])
        gone.drop()
        there.value.take(schema.fields[0].schema, slots[0])


def test_a_struct_is_taken_as_it_is_and_its_fields_can_be_edited() -> None:
    inner = Struct.of(NEST.fields[0].schema, [5, "x"])
    given_ = SinkRecord("t", 0, None, None, NEST, Struct.of(NEST, [inner]), 0)
    alone = Fused([Stage(Take(Config()))])
    both = Fused([Stage(Take(Config())), Stage(step(0), number=1)])
    for _ in range(3):
        assert alone.run(given_).value is inner
        assert both.run(given_).value.values == [5, "x", "x"]
        assert inner.values == [5, "x"]
        empty = SinkRecord("t", 0, None, None, NEST, Struct.of(NEST, [None]), 0)
        assert both.run(empty) is None

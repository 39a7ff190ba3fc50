"""Who is held responsible for the end of a process, and what follows."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from connectkit.runner.crashes import (
    CAREFUL_RECORDS,
    MARGIN,
    WAITS_S,
    Care,
    Crash,
    Doing,
    Place,
    Verdict,
    judge,
    verdict,
    wait_s,
)


def at(offset: int, partition: int = 3, topic: str = "t") -> Place:
    return Place(topic, partition, offset)


def batch(task: str, first: int, last: int, *, thread: int = 0, call: str = "convert") -> Doing:
    return Doing(task, call, thread, at(first), at(last), last - first + 1)


def one(task: str, offset: int, *, thread: int = 0, call: str = "put") -> Doing:
    return batch(task, offset, offset, thread=thread, call=call)


def test_a_fault_is_held_against_the_task_whose_thread_it_hit() -> None:
    slots = [batch("a", 0, 9, thread=1), batch("b", 0, 9, thread=2), Doing("c", "", 3)]
    found = judge({}, slots, fault=True, thread_id=2)
    assert set(found) == {"b"}
    assert found["b"].proven
    assert verdict(found["b"]) is Verdict.CAREFUL


def test_the_second_death_at_the_record_parks_the_task() -> None:
    first = judge({}, [batch("a", 110, 119, thread=1)], fault=True, thread_id=1)
    second = judge(first, [one("a", 117, thread=1)], fault=True, thread_id=1)
    assert verdict(second["a"]) is Verdict.PARK
    assert (second["a"].deaths, second["a"].where) == (2, "at t-3@117")


def test_a_record_outside_of_the_batch_that_died_is_another_one() -> None:
    first = judge({}, [batch("a", 110, 119, thread=1)], fault=True, thread_id=1)
    for offset in (109, 120):
        second = judge(first, [one("a", offset, thread=1)], fault=True, thread_id=1)
        assert second["a"].deaths == 1
    other = judge(first, [Doing("a", "put", 1, at(115, 4), at(115, 4), 1)], fault=True, thread_id=1)
    assert other["a"].deaths == 2  # the batch may have held that partition too


def test_without_a_trace_all_that_had_records_in_hand_are_suspects_and_none_is_parked_at_once() -> None:
    slots = [one("a", 5), Doing("b", "poll", 2), Doing("c", "", 3)]
    found: dict[str, Crash] = {}
    verdicts = []
    for _ in range(11):
        found = judge(found, slots, fault=False, thread_id=None)
        assert set(found) == {"a"}
        verdicts.append(verdict(found["a"]))
    assert verdicts == [Verdict.CAREFUL] * 2 + [Verdict.WAIT] * 7 + [Verdict.PARK] * 2
    assert [wait_s(Crash(n, "put", False, at(5), at(5), 1)) for n in range(3, 10)] == list(WAITS_S)


@given(st.lists(st.integers(0, 1_000), min_size=1, max_size=60, unique=True))
def test_a_process_that_is_killed_at_different_places_parks_and_delays_nobody(offsets: list[int]) -> None:
    found: dict[str, Crash] = {}
    for offset in offsets:
        found = judge(found, [one("a", offset)], fault=False, thread_id=None)
        assert verdict(found["a"]) is Verdict.CAREFUL


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(2, 50)), min_size=1, max_size=40))
def test_deaths_in_batches_never_park(batches: list[tuple[int, int]]) -> None:
    found: dict[str, Crash] = {}
    for first, count in batches:
        found = judge(found, [batch("a", first, first + count - 1, thread=1)], fault=True, thread_id=1)
        assert verdict(found["a"]) is Verdict.CAREFUL


def test_two_faults_in_one_call_park_a_source() -> None:
    slots = [Doing("a", "poll", 1), Doing("b", "poll", 2)]
    found = judge({}, slots, fault=True, thread_id=1)
    assert verdict(found["a"]) is Verdict.CAREFUL
    found = judge(found, slots, fault=True, thread_id=1)
    assert set(found) == {"a"}
    assert verdict(found["a"]) is Verdict.PARK
    assert found["a"].where == "in poll"
    found = judge({}, slots, fault=True, thread_id=1)
    assert judge(found, [Doing("a", "start", 1)], fault=True, thread_id=1)["a"].deaths == 1


def test_a_fault_of_another_thread_proves_something_only_if_one_task_can_be_meant() -> None:
    alone = judge({}, [one("a", 5), Doing("b", "poll", 2)], fault=True, thread_id=99)
    assert (set(alone), alone["a"].proven) == ({"a"}, True)
    several = judge({}, [one("a", 5), one("b", 6)], fault=True, thread_id=99)
    assert {crash.proven for crash in several.values()} == {False}
    assert judge({}, [Doing("a", "poll", 1)], fault=True, thread_id=99) == {}


def test_what_is_held_against_others_stays() -> None:
    before = {"z": Crash(2, "put", True, at(1), at(1), 1)}
    assert judge(before, [one("a", 5)], fault=False, thread_id=None)["z"] == before["z"]


@given(
    st.builds(
        Crash,
        st.integers(1, 9),
        st.sampled_from(["put", "poll", "convert"]),
        st.booleans(),
        st.none() | st.builds(Place, st.text(), st.integers(0, 99), st.integers(0)),
        st.none() | st.builds(Place, st.text(), st.integers(0, 99), st.integers(0)),
        st.integers(0, 500),
    )
)
def test_a_crash_survives_its_json(crash: Crash) -> None:
    assert Crash.from_json(crash.to_json()) == crash


def taken_alone(crash: Crash, offsets: list[int], *, batch: int = 500) -> list[int]:
    """Which of these records are taken one at a time, when batches may be so large."""
    care, alone, rest = Care(crash), [], list(offsets)
    while rest:
        count = 1 if care.careful else min(batch, len(rest))
        if count == 1:
            alone.append(rest[0])
        care.step(at(rest[count - 1]), count)
        rest = rest[count:]
    return alone


def test_care_is_taken_around_the_batch_that_died_and_not_long_before_or_after() -> None:
    crash = Crash(1, "put", False, at(50_000), at(50_499), 500)
    alone = taken_alone(crash, list(range(100_000)))
    assert set(range(50_000, 50_500)) <= set(alone)
    assert len(alone) < 500 + 2 * MARGIN + 2
    assert max(alone) < 51_000


def test_care_ends_where_there_are_gaps_and_where_the_partition_is_another_tasks_now() -> None:
    crash = Crash(1, "put", False, at(100), at(200), 3)
    assert max(taken_alone(crash, [90, 100, 150, 200, 210, 220, 230, 240])) <= 240
    care = Care(crash)
    for offset in range(2 * MARGIN):
        care.step(Place("other", 0, offset), 1)
    assert not care.watching


def test_a_proven_crash_that_was_not_found_is_looked_for_in_all_that_was_in_hand() -> None:
    crash = Crash(2, "put", True, at(0), at(9), 10)
    assert len(taken_alone(crash, list(range(2 * CAREFUL_RECORDS)))) > CAREFUL_RECORDS


def test_no_care_is_taken_for_what_has_no_place() -> None:
    assert not Care(None).careful
    assert not Care(Crash(1, "poll", True)).careful
    assert not Care(Crash(2, "put", True, at(5), at(5), 1)).careful

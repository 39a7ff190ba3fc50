"""The judge of the fault rig is told stories: good ones pass, and each kind of lie is found in its count."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from tests.faults.rig.backends import Found
from tests.faults.rig.ids import encoded, identify, payload
from tests.faults.rig.judge import judge_sink, judge_source
from tests.faults.rig.schedule import SINK_POINTS, kills
from tests.faults.rig.verdict import Verdict

COUNT = 20


def fresh_verdict() -> Verdict:
    return Verdict(experiment="F", backend="none", seed=0, fresh=True)


def sink_story(*, writes: list[tuple[int, int]], deaths: Sequence[tuple[int, int]] = ()) -> Verdict:
    """A partition was fed; ``writes``: first and last offset; ``deaths``: after which write, committed."""
    events: list[dict[str, Any]] = [{"event": "note", "kind": "fed", "ranges": [(0, 0, COUNT - 1)]}]
    for number, (first, last) in enumerate(writes):
        records = [[0, at, 0, at, True] for at in range(first, last + 1)]
        events.append({"event": "write", "records": records})
        for after, committed in deaths:
            if after == number:
                events.append({"event": "note", "kind": "death", "committed": {"0": committed}})
    verdict = fresh_verdict()
    judge_sink(events, verdict, partitions=1)
    verdict.settle(least=1)
    return verdict


def test_a_sink_that_wrote_all_once_is_good() -> None:
    verdict = sink_story(writes=[(0, 9), (10, 19)])
    assert verdict.good, verdict.why
    assert (verdict.records, verdict.least_per_task) == (COUNT, COUNT)


def test_what_was_not_written_is_lost() -> None:
    assert sink_story(writes=[(0, 9), (11, 19)]).lost == 1


def test_a_duplicate_after_the_committed_offset_is_explained_by_a_kill() -> None:
    verdict = sink_story(writes=[(0, 9), (5, 19)], deaths=[(0, 5)])
    assert verdict.good, verdict.why
    assert verdict.duplicates == 5


@pytest.mark.parametrize(
    ("deaths", "unexplained"), [([], 5), ([(0, 8)], 3), ([(1, 5)], 0)], ids=["no kill", "committed", "later"]
)
def test_a_duplicate_that_no_kill_explains_is_bad(deaths: list[tuple[int, int]], unexplained: int) -> None:
    verdict = sink_story(writes=[(0, 9), (5, 19)], deaths=deaths)
    assert verdict.unexplained == unexplained
    assert verdict.good == (unexplained == 0)


def test_one_kill_explains_one_repetition_and_no_more() -> None:
    assert sink_story(writes=[(0, 9), (5, 9), (5, 19)], deaths=[(0, 5)]).unexplained == 5


def test_an_offset_that_is_committed_too_early_is_found_even_if_the_record_came_later() -> None:
    verdict = sink_story(writes=[(0, 9), (10, 19)], deaths=[(0, 12)])
    assert (verdict.lost, verdict.early) == (0, 2)
    assert not verdict.good


def test_disorder_is_seen_among_first_sightings() -> None:
    assert sink_story(writes=[(10, 19), (0, 9)]).inversions == 10


def source_story(found: list[Found], *, stored: int | None = None, issued: int = COUNT) -> Verdict:
    events: list[dict[str, Any]] = [{"event": "polled", "task": 0, "start": 0, "count": issued}]
    if stored is not None:
        events.append({"event": "note", "kind": "death", "committed": {"0": stored}})
    events.append({"event": "hold", "issued": [issued]})
    verdict = fresh_verdict()
    judge_source(events, found, verdict)
    verdict.settle(least=1)
    return verdict


def topic(*seqs: int) -> list[Found]:
    return [Found(0, at, encoded(0, seq)) for at, seq in enumerate(seqs)]


def test_a_source_that_wrote_all_once_is_good() -> None:
    assert source_story(topic(*range(COUNT))).good


def test_a_source_is_judged_by_the_offset_stored_when_it_died() -> None:
    again = topic(*range(12), *range(8, COUNT))
    assert source_story(again, stored=8).good
    assert source_story(again, stored=10).unexplained == 2
    assert source_story(again).unexplained == 4


@pytest.mark.parametrize(
    ("found", "count"),
    [
        (topic(*range(1, COUNT)), "lost"),
        (topic(1, 0, *range(2, COUNT)), "inversions"),
        ([*topic(*range(COUNT)), Found(0, COUNT, b'{"task": 0')], "foreign"),
        ([*topic(*range(COUNT)), Found(0, COUNT, encoded(0, COUNT))], "foreign"),
        ([*topic(*range(COUNT))[:-1], Found(0, COUNT, encoded(0, COUNT - 1)[:-3] + b'x"}')], "altered"),
    ],
)
def test_each_kind_of_lie_has_its_count(found: list[Found], count: str) -> None:
    verdict = source_story(found)
    assert getattr(verdict, count) == 1
    assert not verdict.good


def test_a_run_that_did_too_little_is_void() -> None:
    verdict = fresh_verdict()
    judge_source([{"event": "hold", "issued": [COUNT]}], topic(*range(COUNT)), verdict)
    verdict.settle()
    assert verdict.why == ["void: only 20 records of a task came through, 1000 are needed"]


@pytest.mark.parametrize("broken", ["exit_code", "fresh", "recovery_s"])
def test_a_verdict_needs_a_good_end(broken: str) -> None:
    verdict = source_story(topic(*range(COUNT)))
    verdict.why.clear()
    setattr(verdict, broken, {"exit_code": 4, "fresh": False, "recovery_s": 66.0}[broken])
    verdict.settle(least=1)
    assert len(verdict.why) == 1
    assert json.loads(verdict.line())["good"] is False


@pytest.mark.parametrize("size", [0, 10, 500])
def test_a_payload_follows_from_its_id(size: int) -> None:
    assert identify(payload(3, 77, size)) == (3, 77, size != 10)
    assert identify(encoded(3, 77, size)) == (3, 77, size != 10)
    assert identify({**payload(3, 77, size), "more": 1}) == (3, 77, False)
    assert identify({**payload(3, 77, size), "seq": 78}) == (3, 78, False)


@pytest.mark.parametrize(
    "value", [None, b"", b"\xff", 7, [], {}, {"task": 1}, {"task": True, "seq": 1, "text": ""}]
)
def test_what_is_none_of_the_rigs_is_foreign(value: object) -> None:
    assert identify(value) is None


def test_a_seed_gives_the_same_schedule() -> None:
    assert kills(7, 30, SINK_POINTS) == kills(7, 30, SINK_POINTS)
    assert kills(7, 30, SINK_POINTS) != kills(8, 30, SINK_POINTS)
    made = kills(7, 30, SINK_POINTS)
    assert {kill.point for kill in made} == set(SINK_POINTS)
    assert [kill.hurried for kill in made] == [False] * 23 + [True] * 7

"""Counts what became of the records of a run, from what the oracle noted and what was read back.

Pure functions over data. A duplicate is explained by a kill if the record's place lay at or beyond the
offset that was committed when the worker died, and before the farthest that this life, or one before it,
had got; as often as there were such kills, and no more.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.faults.rig.backends import Found
from tests.faults.rig.ids import identify
from tests.faults.rig.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Death:
    """What was committed when a worker died, and how far it had got: by task or by partition."""

    committed: Mapping[int, int]
    reached: Mapping[int, int]

    def explains(self, group: int, place: int) -> bool:
        return self.committed.get(group, 0) <= place < self.reached.get(group, 0)


def read_events(file: Path) -> list[dict[str, Any]]:
    """What the oracle has noted, in order."""
    return [json.loads(line) for line in file.read_bytes().splitlines()]


def by_number(mapping: Mapping[str, int]) -> dict[int, int]:
    """JSON has no integers for keys."""
    return {int(key): value for key, value in mapping.items()}


# --- sinks ---------------------------------------------------------------------------------------


@dataclass(slots=True)
class _SinkStory:
    fed: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    writes: list[tuple[int, int, int, int, bool]] = field(default_factory=list)
    deaths: list[Death] = field(default_factory=list)
    early: int = 0


def judge_sink(
    events: Iterable[Mapping[str, Any]],
    verdict: Verdict,
    *,
    partitions: int,
    excused: Collection[tuple[int, int]] = (),
) -> None:
    """Fill in the counts of a sink's run: what was fed, written, and committed at each death.

    ``excused``: ids that must not be written.
    """
    story = _sink_story(events, excused)
    verdict.records = sum(map(len, story.fed.values()))
    seen: dict[int, set[int]] = defaultdict(set)
    times: Counter[tuple[int, int]] = Counter()
    newest: dict[int, int] = {}
    sightings: Counter[tuple[int, int]] = Counter()
    for partition, offset, owner, seq, whole in story.writes:
        if owner != partition or seq not in story.fed[partition] or (partition, seq) in excused:
            verdict.foreign += 1
            continue
        verdict.altered += not whole
        times[partition, offset] += 1
        sightings[partition, seq] += 1
        if seq not in seen[partition]:
            seen[partition].add(seq)
            if offset < newest.get(partition, -1):
                verdict.inversions += 1
            newest[partition] = max(offset, newest.get(partition, -1))
    due = {(partition, seq) for partition, fed in story.fed.items() for seq in fed - seen[partition]}
    verdict.lost = len(due.difference(excused))
    verdict.duplicates = sum(count - 1 for count in sightings.values())
    verdict.unexplained = _unexplained(times, story.deaths)
    verdict.early = story.early
    verdict.least_per_task = min(len(seen[partition]) for partition in range(partitions))


def _sink_story(events: Iterable[Mapping[str, Any]], excused: Collection[tuple[int, int]]) -> _SinkStory:
    story = _SinkStory()
    reached: dict[int, int] = {}
    written: dict[int, set[int]] = defaultdict(set)
    for event in events:
        if event["event"] == "write":
            for partition, offset, owner, seq, whole in event["records"]:
                story.writes.append((partition, offset, owner, seq, whole))
                written[partition].add(offset)
                reached[partition] = max(reached.get(partition, 0), offset + 1)
        elif event["event"] == "note" and event["kind"] == "fed":
            for partition, first, last in event["ranges"]:
                story.fed[partition].update(range(first, last + 1))
        elif event["event"] == "note" and event["kind"] == "death":
            committed = by_number(event["committed"])
            # Who thaws goes on with what it had in hand, until it hears that it was given up.
            held = reached if event.get("thaws") else dict(reached)
            story.deaths.append(Death(committed, held))
            # The rig feeds each partition in order and once, so a record's offset is its seq.
            story.early += sum(
                offset not in written[partition] and (partition, offset) not in excused
                for partition, at in committed.items()
                for offset in range(at)
            )
    return story


def _unexplained(times: Mapping[tuple[int, int], int], deaths: Sequence[Death]) -> int:
    excess = 0
    for (group, place), count in times.items():
        if count > 1:
            excess += max(count - 1 - sum(death.explains(group, place) for death in deaths), 0)
    return excess


# --- sources -------------------------------------------------------------------------------------


def judge_source(
    events: Iterable[Mapping[str, Any]],
    found: Sequence[Found],
    verdict: Verdict,
    *,
    excused: Collection[tuple[int, int]] = (),
) -> None:
    """Fill in the counts of a source's run: what was issued, what its topic holds, what was stored.

    ``excused``: ids that the experiment makes the log refuse.
    """
    issued: list[int] = []
    deaths: list[Death] = []
    polled: dict[int, int] = {}
    for event in events:
        if event["event"] in ("hold", "fresh"):
            issued = event["issued"]
        elif event["event"] == "polled":
            task = event["task"]
            polled[task] = max(polled.get(task, 0), event["start"] + event["count"])
        elif event["event"] == "note" and event["kind"] == "death":
            deaths.append(Death(by_number(event["committed"]), dict(polled)))
    times: Counter[tuple[int, int]] = Counter()
    newest: dict[int, int] = {}
    for record in found:
        known = identify(record.value)
        if known is None or known[0] >= len(issued) or known[1] >= issued[known[0]]:
            verdict.foreign += 1
            continue
        task, seq, whole = known
        verdict.altered += not whole
        verdict.foreign += record.partition != task
        times[task, seq] += 1
        if times[task, seq] == 1:
            verdict.inversions += seq < newest.get(task, -1)
            newest[task] = max(seq, newest.get(task, -1))
    seen = Counter(task for task, _ in times)
    verdict.records = sum(issued)
    due = ((task, seq) for task, count in enumerate(issued) for seq in range(count))
    verdict.lost = sum(each not in times for each in due if each not in excused)
    verdict.duplicates = sum(count - 1 for count in times.values())
    verdict.unexplained = _unexplained(times, deaths)
    verdict.least_per_task = min((seen[task] for task in range(len(issued))), default=0)

"""Judges a death of the process: which task it was, and whether it may try again.

Rules (reliability 2.5, rule 2), on what the journal's slots say at the moment of death:

- A fatal signal hit a thread: its task is the suspect, whatever it was doing. Without one (``kill -9``, an
  ``_exit``, the kernel's out-of-memory killer) every task that had records in hand is.
- A suspect takes its records one at a time, so that a second death names the record.
- Two deaths at one record, or in one call, park the task if a signal proves that it was its own doing.
  Without proof it waits from the third on, longer each time, before it is parked for good: another may have
  killed the process at the same point by chance.

Pure functions; the journal reads and keeps.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

RECORD_CALLS = frozenset(("convert", "put"))
"""Calls that have records in hand, at a place in the log."""

MARGIN = 1_000
"""Records before the batch that died from which on care begins: more than a batch mostly has."""
CAREFUL_RECORDS = 10_000
"""Taken one at a time at most."""
WAIT_AT = 3
"""At so many deaths at one record a task begins to wait, where nothing proves its guilt."""
WAITS_S = (5.0, 15.0, 30.0, 30.0, 30.0, 30.0, 30.0)
"""How long it waits, from then on; after that it is parked. Short, as whoever kills a worker again and again
may hit one record by chance, and the task must be back soon after."""


@dataclass(frozen=True, slots=True)
class Place:
    """A record in the log."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}-{self.partition}@{self.offset}"


@dataclass(frozen=True, slots=True)
class Doing:
    """What a task was doing when its process ended."""

    task: str
    call: str
    thread_id: int
    first: Place | None = None
    last: Place | None = None
    count: int = 0


@dataclass(frozen=True, slots=True)
class Crash:
    """What is held against a task."""

    deaths: int
    call: str
    proven: bool
    first: Place | None = None
    last: Place | None = None
    count: int = 0
    alone: bool = False
    """What died was a process of the task's own."""

    @property
    def exact(self) -> bool:
        """Whether it is known which record it was, or that it was none."""
        return self.call not in RECORD_CALLS or self.count == 1

    @property
    def where(self) -> str:
        if self.call not in RECORD_CALLS or self.first is None:
            return f"in {self.call}"
        return f"at {self.first}" if self.count == 1 else f"in the {self.count} records from {self.first}"

    def to_json(self) -> dict[str, Any]:
        places = {
            name: [place.topic, place.partition, place.offset]
            for name, place in (("first", self.first), ("last", self.last))
            if place is not None
        }
        return {
            "deaths": self.deaths,
            "call": self.call,
            "proven": self.proven,
            "count": self.count,
            "alone": self.alone,
            **places,
        }

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Crash:
        """Raises ``ValueError``, ``KeyError`` or ``TypeError`` if this is not what ``to_json`` made."""

        def place(name: str) -> Place | None:
            if name not in found:
                return None
            topic, partition, offset = found[name]
            return Place(str(topic), int(partition), int(offset))

        return cls(
            int(found["deaths"]),
            str(found["call"]),
            bool(found["proven"]),
            place("first"),
            place("last"),
            int(found["count"]),
            bool(found.get("alone", False)),
        )


class Care:
    """How long a task takes its records one at a time, after a batch of it has ended the process.

    From a little before the batch until it is past it; only where a crash is proven and yet not found, until
    so many records have passed as may have been in hand.
    """

    __slots__ = ("_crash", "_within", "careful", "watching")

    def __init__(self, crash: Crash | None) -> None:
        self._crash = crash
        self.watching = (
            crash is not None
            and crash.call in RECORD_CALLS
            and crash.first is not None
            and verdict(crash) is not Verdict.PARK
        )
        """Whether the batch is still to come."""
        self.careful = self.watching
        self._within = 0

    def step(self, last: Place, count: int) -> None:
        """So many records are taken, up to this one."""
        crash = self._crash
        if not self.watching or crash is None or crash.first is None or crash.last is None:
            return
        if self.careful:
            self._within += count
        begins, ends = crash.first, crash.last
        if (last.topic, last.partition) == (begins.topic, begins.partition):
            # Far before it, batches may be whole: they do not reach it.
            self.careful = last.offset + max(MARGIN, 2 * crash.count) >= begins.offset
            if not self.careful:
                self._within = 0
        past = (last.topic, last.partition) == (ends.topic, ends.partition) and last.offset > ends.offset
        lost = crash.proven and not crash.exact and crash.deaths > 1  # it was not where it was looked for
        limit = CAREFUL_RECORDS if lost else 2 * crash.count + MARGIN
        if (past and not lost and self._within > crash.count) or self._within > limit:
            self.watching = self.careful = False


class Verdict(Enum):
    """What becomes of a task that a crash is held against."""

    CAREFUL = "careful"
    WAIT = "wait"
    PARK = "park"


def verdict(crash: Crash) -> Verdict:
    """Run on with care, wait first, or stay parked."""
    if not crash.exact or crash.deaths < (2 if crash.proven else WAIT_AT):
        return Verdict.CAREFUL
    if crash.proven or crash.deaths >= WAIT_AT + len(WAITS_S):
        return Verdict.PARK
    return Verdict.WAIT


def wait_s(crash: Crash) -> float:
    """How long a task with the verdict ``WAIT`` waits."""
    return WAITS_S[crash.deaths - WAIT_AT]


def judge(
    before: Mapping[str, Crash], doing: Iterable[Doing], *, fault: bool, thread_id: int | None
) -> dict[str, Crash]:
    """What is held against whom after one more death; by task.

    ``fault``: a fatal signal hit the process, at this thread if that is known.
    """
    slots = list(doing)
    hit = [each for each in slots if each.call and each.thread_id == thread_id] if fault else []
    in_hand = [each for each in slots if each.call in RECORD_CALLS]
    suspects = hit or in_hand
    # A signal at a thread that is no task's proves something only if there is just one who can be meant.
    proven = bool(hit) or (fault and len(in_hand) == 1)
    found = dict(before)
    for each in suspects:
        old = found.get(each.task)
        again = old is not None and _same(old, each)
        found[each.task] = Crash(
            (old.deaths if old is not None and again else 0) + 1,
            each.call,
            proven and (old is None or not again or old.proven or not old.exact),
            each.first,
            each.last,
            each.count,
        )
    return found


def _same(old: Crash, new: Doing) -> bool:
    """Whether this is the death of before once more."""
    if old.call not in RECORD_CALLS or new.call not in RECORD_CALLS:
        return old.call == new.call
    if old.exact:
        return old.first == new.first
    return new.count > 1 or _within(old, new)


def _within(old: Crash, new: Doing) -> bool:
    """Whether one record may be of the batch that died before."""
    at, first, last = new.first, old.first, old.last
    if at is None or first is None or last is None:
        return False
    bounds = [
        each.offset for each in (first, last) if (each.topic, each.partition) == (at.topic, at.partition)
    ]
    if not bounds:
        return True  # the batch held other partitions as well, or ended in one
    if len(bounds) == 2 and first.topic == last.topic and first.partition == last.partition:
        return bounds[0] <= at.offset <= bounds[1]
    return (
        at.offset >= bounds[0]
        if (first.topic, first.partition) == (at.topic, at.partition)
        else (at.offset <= bounds[0])
    )

"""Failed records that are not reported yet, because they may have to be tried again.

The records that a batch drops are dead letters only once the rest of the batch is through: if it has to go
back, they are read again with it and must not be in the queue twice. Those of a row of failures wait until
the row ends (one success, or the next commit), so that a system that was down leaves none behind.

Not thread-safe: its owner locks.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import NamedTuple

from connectkit.api import TopicPartition
from connectkit.runner.failing import Culprit, Stage, Subject

KEPT = 1_000
"""Failed records of earlier batches that are waited with, at most."""


class Failed(NamedTuple):
    """A record that was dropped."""

    stage: Stage
    culprit: Culprit
    error: Exception
    subject: Subject
    serial: int | None
    """Its row of failures, if it counts in one."""


class Withheld:
    """Those of the batch at hand, and those of batches before it."""

    __slots__ = ("batch", "earlier")

    def __init__(self) -> None:
        self.batch: list[Failed] = []
        self.earlier: list[Failed] = []

    def batch_done(self, counts: Callable[[Failed], bool]) -> list[Failed]:
        """The batch is through: those to report, which are all but what a running row has seen."""
        self.earlier += self.batch
        self.batch = []
        if len(self.earlier) > KEPT:
            return self.settle()
        return self._split(starts(filter(counts, self.earlier)))

    def settle(self) -> list[Failed]:
        """All those of batches that are through."""
        taken, self.earlier = self.earlier, []
        return taken

    def withdraw(self, back: Mapping[TopicPartition, int]) -> list[Failed]:
        """Forget what is read again, from these offsets on; those before are to be reported."""
        self.earlier += self.batch
        self.batch = []
        settled = self._split(back)
        self.earlier = []
        return settled

    def forget(self, partitions: Collection[TopicPartition]) -> None:
        """What stands in these partitions is read again, here or elsewhere."""
        for kept in (self.batch, self.earlier):
            kept[:] = [f for f in kept if f.subject.place is None or f.subject.place[0] not in partitions]

    def _split(self, back: Mapping[TopicPartition, int]) -> list[Failed]:
        """Keep what stands at or after these offsets; return the others."""
        kept: list[Failed] = []
        others: list[Failed] = []
        for failed in self.earlier:
            place = failed.subject.place
            stays = place is not None and place[0] in back and place[1] >= back[place[0]]
            (kept if stays else others).append(failed)
        self.earlier = kept
        return others


def starts(row: Iterable[Failed]) -> dict[TopicPartition, int]:
    """The first offset of each partition among these."""
    found: dict[TopicPartition, int] = {}
    for failed in row:
        if failed.subject.place is not None:
            tp, offset = failed.subject.place
            found[tp] = min(found.get(tp, offset), offset)
    return found

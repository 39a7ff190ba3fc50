"""What a source's task brings under the harness, for sources whose offsets all come with records."""

from __future__ import annotations

from connectkit.record import SourceRecord
from connectkit.testing import SourceHarness


def polled(task: SourceHarness) -> list[SourceRecord]:
    """The records of one poll."""
    return [each for each in task.poll() if isinstance(each, SourceRecord)]


def drained(task: SourceHarness) -> list[SourceRecord]:
    """Everything there is until two polls bring nothing, delivered: its offsets are stored."""
    found = task.drain(most=1_000_000, idle_polls=2)
    task.commit(found)
    return [each for each in found if isinstance(each, SourceRecord)]

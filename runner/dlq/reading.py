"""Reads dead letter queues without a consumer group: to their ends, or only their last records."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing

from connectkit.api import TopicPartition
from connectkit.runner.dlq.letters import Letter, letter
from connectkit.runner.log.api import Admin, Log
from connectkit.runner.log.reading import bounds_of, read_between

LOOKED_AT = 20
"""Records at the end of each partition that tell whether a topic is a dead letter queue."""


def ends_of(admin: Admin, topic: str) -> tuple[dict[TopicPartition, int], dict[TopicPartition, int]]:
    """First and end offsets of each partition; ``NotFoundError`` with what was probably meant."""
    return bounds_of(admin, topic, hint="connectkit dlq list shows those that hold dead letters")


def read(
    log: Log,
    settings: Mapping[str, str],
    starts: Mapping[TopicPartition, int],
    ends: Mapping[TopicPartition, int],
) -> Iterator[list[Letter]]:
    """What stands between these offsets, in batches; ends where nothing comes for a while."""
    settings = {**settings, "isolation.level": "read_committed"}
    with closing(read_between(log, settings, starts, ends)) as batches:
        for messages in batches:
            yield [letter(each) for each in messages]


def find_queues(log: Log, settings: Mapping[str, str], admin: Admin) -> list[str]:
    """The topics whose last records have the headers of dead letters."""
    places = [
        TopicPartition(name, number)
        for name, info in admin.topics().items()
        if not name.startswith("__")
        for number in range(info.partitions)
    ]
    ends = admin.offsets(places)
    begins = admin.offsets(places, end=False)
    starts = {tp: max(ends[tp] - LOOKED_AT, begins.get(tp, 0)) for tp in ends}
    found: set[str] = set()
    for batch in read(log, settings, starts, ends):
        found.update(each.message.topic() for each in batch if each.about)
    return sorted(found)


def count_of(begins: Mapping[TopicPartition, int], ends: Mapping[TopicPartition, int]) -> int:
    """How many offsets there are between."""
    return sum(max(ends[tp] - begins.get(tp, 0), 0) for tp in ends)

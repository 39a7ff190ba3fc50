"""Reads dead letter queues without a consumer group: to their ends, or only their last records."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping

from connectkit.api import TopicPartition
from connectkit.errors import NotFoundError
from connectkit.runner.dlq.letters import Letter, letter
from connectkit.runner.log.api import Admin, Log
from connectkit.suggest import did_you_mean

LOOKED_AT = 20
"""Records at the end of each partition that tell whether a topic is a dead letter queue."""
_BATCH = 500
_WAIT_S = 0.5
_QUIET = 4
"""Empty reads in a row after which the rest of a partition is taken for marks of transactions."""


def ends_of(admin: Admin, topic: str) -> tuple[dict[TopicPartition, int], dict[TopicPartition, int]]:
    """First and end offsets of each partition; ``NotFoundError`` with what was probably meant."""
    known = admin.topics()
    if topic not in known:
        raise NotFoundError(
            f"There is no topic '{topic}'{did_you_mean(topic, known)}; connectkit dlq list shows those that "
            "hold dead letters"
        )
    places = [TopicPartition(topic, number) for number in range(known[topic].partitions)]
    return admin.offsets(places, end=False), admin.offsets(places)


def read(
    log: Log,
    settings: Mapping[str, str],
    starts: Mapping[TopicPartition, int],
    ends: Mapping[TopicPartition, int],
) -> Iterator[list[Letter]]:
    """What stands between these offsets, in batches; ends where nothing comes for a while."""
    wanted = {tp: at for tp, at in starts.items() if at < ends[tp]}
    if not wanted:
        return
    consumer = log.consumer(
        {
            **settings,
            "group.id": f"connectkit-dlq-{uuid.uuid4()}",  # clients want one; nothing is committed to it
            "enable.auto.commit": "false",
            "auto.offset.reset": "earliest",
            "isolation.level": "read_committed",
        }
    )
    try:
        consumer.assign(wanted)
        quiet = 0
        while quiet < _QUIET and any(consumer.position(tp) < ends[tp] for tp in wanted):
            messages = consumer.consume(_BATCH, _WAIT_S)
            quiet = 0 if messages else quiet + 1
            found = [
                letter(m) for m in messages if m.offset() < ends[TopicPartition(m.topic(), m.partition())]
            ]
            if found:
                yield found
    finally:
        consumer.close()


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

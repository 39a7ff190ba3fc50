"""Reads what stands in a topic from here to there, without a group: for people who look at it."""

from __future__ import annotations

import uuid
from collections.abc import Generator, Mapping

from connectkit.api import TopicPartition
from connectkit.errors import NotFoundError
from connectkit.runner.log.api import Admin, Log, Message
from connectkit.suggest import did_you_mean

_BATCH = 500
_READ_S = 0.5


def bounds_of(
    admin: Admin, topic: str, *, hint: str = ""
) -> tuple[dict[TopicPartition, int], dict[TopicPartition, int]]:
    """First and end offsets of each partition; ``NotFoundError`` with what was probably meant.

    ``hint``: what shows the topics there are.
    """
    known = admin.topics()
    if topic not in known:
        shown = f"; {hint}" if hint else ""
        raise NotFoundError(f"There is no topic '{topic}'{shown}{did_you_mean(topic, known)}")
    places = [TopicPartition(topic, number) for number in range(known[topic].partitions)]
    return admin.offsets(places, end=False), admin.offsets(places)


def read_between(
    log: Log,
    settings: Mapping[str, str],
    starts: Mapping[TopicPartition, int],
    ends: Mapping[TopicPartition, int] | None,
    *,
    most: int | None = None,
    quiet_s: float = 10.0,
) -> Generator[list[Message]]:
    """What stands between these offsets, ``most`` records at most, in batches; nothing is committed.

    ``settings`` are those of a client. It also ends where nothing comes for ``quiet_s``: what is left then
    may be the marks of transactions, which nobody is shown. Without ``ends`` it goes on as records arrive,
    until it is closed. Close it (``contextlib.closing``) before the log.
    """
    wanted = {tp: at for tp, at in starts.items() if ends is None or at < ends[tp]}
    if not wanted:
        return
    consumer = log.consumer(
        {
            **settings,
            "group.id": f"connectkit-looks-{uuid.uuid4()}",  # clients want one; nothing is committed to it
            "enable.auto.commit": "false",
            "auto.offset.reset": "earliest",
        }
    )
    try:
        consumer.assign(wanted)
        left = most
        quiet = 0.0
        while left is None or left > 0:
            if ends is not None and (
                quiet >= quiet_s or all(consumer.position(tp) >= ends[tp] for tp in wanted)
            ):
                return
            messages = consumer.consume(_BATCH if left is None else min(left, _BATCH), _READ_S)
            quiet = 0.0 if messages else quiet + _READ_S
            found: list[Message] = [
                each
                for each in messages
                if ends is None or each.offset() < ends[TopicPartition(each.topic(), each.partition())]
            ]
            if found:
                yield found
            if left is not None:
                left -= len(found)
    finally:
        consumer.close()

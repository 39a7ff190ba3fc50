"""``connectkit sniff``: what the bytes of a topic look like, and which converter reads them."""

from __future__ import annotations

import argparse
import sys
import uuid
from collections.abc import Mapping, Sequence
from importlib.metadata import entry_points
from itertools import islice
from typing import Any

from connectkit.api import TopicPartition
from connectkit.errors import NotFoundError
from connectkit.runner.cli.topics import _client, _open, _settings
from connectkit.runner.log.api import Message
from connectkit.runner.log.opening import EMBEDDED
from connectkit.runner.registry_url import URL
from connectkit.suggest import did_you_mean

SNIFFERS = "connectkit.sniffers"
"""Entry points of functions of samples and options: what they look like, a converter, which they are."""


def sniff(parsed: argparse.Namespace) -> int:
    """Print what was found; 2 if there is something that no converter is known for."""
    settings = _settings(parsed)
    messages = _first(parsed.topic, settings, parsed.count)
    if not messages:
        print(f"{parsed.topic}: there are no records to look at")
        return 0
    print(f"{parsed.topic}: {len(messages)} record{'s' if len(messages) > 1 else ''} looked at")
    options = _registry(parsed, settings)
    is_known = True
    for side, samples in (
        ("key", [message.key() for message in messages]),
        ("value", [message.value() for message in messages]),
    ):
        for what, converter, numbers in _look(samples, options):
            first = messages[numbers[0]]
            place = f"{first.topic()}-{first.partition()}@{first.offset()}"
            reads = f" -> {converter}" if converter else ""
            print(f"  {side:<5} {len(numbers):>5} x  {what}{reads}  (first at {place})")
            is_known = is_known and converter is not None
    return 0 if is_known else 2


def _look(
    samples: Sequence[bytes | None], options: Mapping[str, str]
) -> list[tuple[str, str | None, list[int]]]:
    found: list[tuple[str, str | None, list[int]]] = []
    for point in entry_points(group=SNIFFERS):
        found += point.load()(samples, options)
    return found


def _registry(parsed: argparse.Namespace, settings: Mapping[str, str]) -> dict[str, str]:
    """The options of a converter that say where schemas are."""
    for which in ("value", "key"):
        prefix = f"{which}.converter."
        found = {key[len(prefix) :]: value for key, value in settings.items() if key.startswith(prefix)}
        if URL in found:
            break
    else:
        found = {}
    if parsed.registry:
        found[URL] = parsed.registry
    if URL not in found and settings["bootstrap.servers"].startswith(EMBEDDED):
        found[URL] = settings["bootstrap.servers"]
    return found


def _first(topic: str, settings: Mapping[str, str], count: int) -> list[Message]:
    """The first records of all partitions, read without a group."""
    log = _open(settings)
    try:
        admin = log.admin(_client(settings))
        try:
            known = admin.topics()
            if topic not in known:
                raise NotFoundError(
                    f"There is no topic {topic} in {settings['bootstrap.servers']}"
                    f"{did_you_mean(topic, known)}; connectkit topics list shows them"
                )
            places = [TopicPartition(topic, number) for number in range(known[topic].partitions)]
            ends, begins = admin.offsets(places), admin.offsets(places, end=False)
        finally:
            admin.close()
        client: dict[str, Any] = {**_client(settings), "group.id": f"connectkit-sniff-{uuid.uuid4()}"}
        consumer = log.consumer({**client, "enable.auto.commit": "false", "auto.offset.reset": "earliest"})
        found: list[Message] = []
        try:
            consumer.assign(begins)
            at = dict(begins)
            while len(found) < count and any(at[place] < ends[place] for place in places):
                found += islice(consumer.consume(min(500, count), 0.5), count - len(found))
                at = {place: consumer.position(place) for place in places}
        finally:
            consumer.close()
    finally:
        log.close()
    sys.stdout.flush()
    return found

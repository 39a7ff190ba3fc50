"""``connectkit sniff``: what the bytes of a topic look like, and which converter reads them."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from contextlib import closing
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from connectkit.runner.cli.arguments import count, which_log

if TYPE_CHECKING:
    from connectkit.runner.log.api import Message

DESCRIPTION = """\
Say what the bytes of a topic look like, and which converter reads them.

The first records are read, without a consumer group. What each key and each value begins with tells most
of it: JSON, text, a number, compressed data, or the id of a schema in a registry, which is asked for it.
"""

SNIFFERS = "connectkit.sniffers"
"""Entry points of functions of samples and options: what they look like, a converter, which they are."""


def add(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the command to the parser's."""
    parser = commands.add_parser(
        "sniff",
        parents=[which_log(common)],
        help="say which converter reads a topic",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("topic", metavar="TOPIC", help="the topic to look at")
    parser.add_argument(
        "-n", dest="count", metavar="N", type=count, default=100, help="how many records (default: 100)"
    )
    parser.add_argument(
        "--registry", metavar="URL", help="a schema registry (default: the worker's, or the log's own)"
    )
    parser.set_defaults(run=sniff)


def sniff(parsed: argparse.Namespace) -> int:
    """Print what was found; 2 if there is something that no converter is known for."""
    from connectkit.runner.cli.log_access import log_settings

    settings = log_settings(parsed)
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
    from connectkit.runner.log.opening import EMBEDDED
    from connectkit.runner.registry_url import URL

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


def _first(topic: str, settings: Mapping[str, str], most: int) -> list[Message]:
    """The first records of all partitions, read without a group."""
    from connectkit.runner.cli.log_access import client_of, open_log_of
    from connectkit.runner.log.reading import bounds_of, read_between

    log = open_log_of(settings)
    try:
        admin = log.admin(client_of(settings))
        try:
            begins, ends = bounds_of(admin, topic, hint="connectkit topics list shows them")
        finally:
            admin.close()
        with closing(read_between(log, client_of(settings), begins, ends, most=most)) as batches:
            return [message for messages in batches for message in messages]
    finally:
        log.close()

"""``connectkit topics``: list topics, and read records through a converter."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Any

from connectkit.errors import ConnectError
from connectkit.runner.cli.arguments import count, which_log

if TYPE_CHECKING:
    from connectkit.runner.log.api import Message

DESCRIPTION = """\
Look at the topics of a broker or of an embedded log.

examples:
  connectkit topics list
  connectkit topics read orders --limit 10
  connectkit topics read orders --bootstrap-servers localhost:9092 --follow
  connectkit topics read orders --converter StringConverter
"""


def add(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the command to the parser's."""
    parser = commands.add_parser(
        "topics",
        help="list and read topics",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    where = which_log(common)
    lists = actions.add_parser(
        "list",
        parents=[where],
        help="names, partitions and record counts",
        description="Print the name of each topic, how many partitions it has and how many records it holds.",
    )
    lists.set_defaults(run=list_topics)
    reads = actions.add_parser(
        "read",
        parents=[where],
        help="print records as JSON lines",
        description="Print the records of a topic, one JSON object a line: place, key, value, headers.",
    )
    reads.add_argument("topic", metavar="TOPIC", help="the topic to read, from its beginning")
    reads.add_argument("--limit", type=count, metavar="N", help="stop after N records")
    reads.add_argument("--follow", "-f", action="store_true", help="go on as records arrive, until Ctrl-C")
    reads.add_argument("--latest", action="store_true", help="begin at the end instead of the beginning")
    reads.add_argument(
        "--isolation-level",
        choices=["read_uncommitted", "read_committed"],
        default="read_uncommitted",
        help="whether records of transactions that are open or were aborted are left out (read_committed) or "
        "not (read_uncommitted, the default)",
    )
    reads.add_argument(
        "--converter", metavar="NAME", help="converter of values (default: the worker's, or JsonConverter)"
    )
    reads.add_argument("--key-converter", metavar="NAME", help="converter of keys (default: like values)")
    reads.add_argument(
        "--option",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="an option of the value converter, such as schemas.enable=false; may be repeated",
    )
    reads.add_argument("--values", action="store_true", help="print only the values")
    reads.set_defaults(run=read_topic)


def list_topics(parsed: argparse.Namespace) -> int:
    """Names, partitions and how many records there are to read."""
    from connectkit.api import TopicPartition
    from connectkit.runner.cli.log_access import client_of, log_settings, open_log_of

    settings = log_settings(parsed)
    log = open_log_of(settings)
    admin = log.admin(client_of(settings))
    try:
        topics = admin.topics()
        if not topics:
            print(f"There are no topics in {settings['bootstrap.servers']}.")
            return 0
        width = max(map(len, topics))
        for name, info in sorted(topics.items()):
            places = [TopicPartition(name, number) for number in range(info.partitions)]
            ends, begins = admin.offsets(places), admin.offsets(places, end=False)
            count = sum(ends[place] - begins.get(place, 0) for place in ends)
            print(
                f"{name:<{width}}  {info.partitions:>3} partition{'s' if info.partitions != 1 else ' '}  "
                f"{count:>12,}"
            )
    finally:
        admin.close()
        log.close()
    return 0


def read_topic(parsed: argparse.Namespace) -> int:
    """Print records; 2 if one could not be decoded."""
    from connectkit.runner.cli.log_access import client_of, log_settings, open_log_of
    from connectkit.runner.log.reading import bounds_of, read_between

    settings = log_settings(parsed)
    reader = _Reader(parsed, settings)
    log = open_log_of(settings)
    try:
        admin = log.admin(client_of(settings))
        try:
            begins, ends = bounds_of(admin, parsed.topic, hint="connectkit topics list shows them")
        finally:
            admin.close()
        starts = ends if parsed.latest else begins
        consumer = {**client_of(settings), "isolation.level": parsed.isolation_level}
        reading = read_between(log, consumer, starts, None if parsed.follow else ends, most=parsed.limit)
        with closing(reading) as batches:
            for messages in batches:
                for message in messages:
                    reader.show(message)
                sys.stdout.flush()
    finally:
        log.close()
    return 2 if reader.failed else 0


class _Reader:
    """Decodes messages and prints them."""

    def __init__(self, parsed: argparse.Namespace, settings: Mapping[str, str]) -> None:
        from connectkit.runner.cli.log_access import make_converter, option_pair
        from connectkit.runner.plain_json import plain_text

        self._text = plain_text
        options = dict(option_pair(text) for text in parsed.option)
        self._values_only = parsed.values
        self._topic = parsed.topic
        self._value = make_converter(parsed.converter, "value", settings, options)
        self._key = make_converter(parsed.key_converter or parsed.converter, "key", settings, options)
        self.failed = 0

    def show(self, message: Message) -> None:
        """One JSON line; a record that does not decode is told and the next one is read."""
        place = f"{message.topic()}-{message.partition()}@{message.offset()}"
        try:
            key = self._key.to_connect_data(self._topic, message.key()).value
            value = self._value.to_connect_data(self._topic, message.value()).value
        except ConnectError as exc:
            self.failed += 1
            sys.stderr.write(f"{place}: {exc}\n")
            return
        if self._values_only:
            print(self._text(value))
            return
        line: dict[str, Any] = {"partition": message.partition(), "offset": message.offset()}
        kind, timestamp = message.timestamp()
        if kind > 0:
            line["timestamp"] = timestamp
        line["key"] = key
        line["value"] = value
        headers = message.headers()
        if headers:
            line["headers"] = [
                [name, None if raw is None else raw.decode(errors="replace")] for name, raw in headers
            ]
        print(self._text(line))

"""``connectkit dlq list | show | replay``: dead letters by cause, decoded, and back where they were."""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connectkit.errors import ConfigError
from connectkit.runner.cli.arguments import which_log

if TYPE_CHECKING:
    from connectkit.runner.dlq.letters import Cause, Filter, Group, Letter
    from connectkit.runner.log.api import OutRecord

DESCRIPTION = """\
Look at dead letter queues, and write their records back to where they came from.

It goes by Kafka Connect's headers (__connect.errors.*), so that the queues of a Java cluster work as well.
A sink writes them if errors.deadletterqueue.context.headers.enable=true; without them records can still be
shown, and replayed with --to.
"""

EXAMPLES = """\
examples:
  connectkit dlq list                                       all queues, and what is in them by cause
  connectkit dlq show orders-dlq --stage VALUE_CONVERTER --limit 3
  connectkit dlq replay orders-dlq --error ConversionError --dry-run
  connectkit dlq replay orders-dlq --edit mend.properties   through transforms on the way
"""

REPLAY = """\
Write dead letters back to the topics that they came from, as they were: key, value, timestamp, headers.

Where a replay stands is committed with its records, so that a run that was stopped is gone on with by the
next one, and nothing is written twice. Another choice of letters is another replay; --name makes it one of
your own. Letters that come while it runs are left for the next run. Each record carries how often it was
replayed, and after --max-replays it stays in the queue. The queue itself is never changed.

--edit FILE is a connector's configuration of which transforms, predicates and converters are used.

Exit codes: 0 all that were meant were replayed, 2 some were left in the queue, 1 wrong usage.
"""


def add(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the command to the parser's."""
    form = argparse.RawDescriptionHelpFormatter
    parser = commands.add_parser(
        "dlq", help="look at dead letters and replay them", description=DESCRIPTION, epilog=EXAMPLES,
        formatter_class=form,
    )  # fmt: skip
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    where = which_log(common)
    which = _filters()

    lists = actions.add_parser(
        "list", parents=[where, which], help="what is in the queues, by cause", formatter_class=form,
        description="List the topics that hold dead letters, and what is in each, by cause.",
    )  # fmt: skip
    lists.add_argument(
        "topics", nargs="*", metavar="TOPIC", help="default: all whose records have the headers"
    )
    lists.add_argument("--json", action="store_true", help="print JSON, an object for each group")
    lists.set_defaults(run=list_letters)

    shows = actions.add_parser(
        "show", parents=[where, which], help="print dead letters, decoded", formatter_class=form,
        description="Print dead letters: why they are here, their headers, key and value.",
    )  # fmt: skip
    shows.add_argument("topic", metavar="TOPIC", help="the dead letter queue")
    shows.add_argument("--limit", type=int, default=20, metavar="N", help="at most so many (default 20)")
    shows.add_argument("--converter", metavar="NAME", help="of values (default: what their bytes look like)")
    shows.add_argument("--key-converter", metavar="NAME", help="of keys (default: likewise)")
    shows.add_argument("--option", action="append", default=[], metavar="KEY=VALUE", help="of the converters")
    shows.add_argument("--no-values", action="store_true", help="leave out keys, values and headers")
    shows.add_argument("--trace", action="store_true", help="print where in the code it failed, too")
    shows.add_argument("--json", action="store_true", help="print JSON, an object for each letter")
    shows.set_defaults(run=show_letters)

    replays = actions.add_parser(
        "replay", parents=[where, which], help="write dead letters back", formatter_class=form,
        description=REPLAY,
    )  # fmt: skip
    replays.add_argument("topic", metavar="TOPIC", help="the dead letter queue")
    replays.add_argument("--to", metavar="TOPIC", help="write all of them here")
    replays.add_argument("--edit", type=Path, metavar="FILE", help="transforms to send them through")
    replays.add_argument("--name", metavar="NAME", help="of the replay (default: made of the choice)")
    replays.add_argument("--limit", type=int, metavar="N", help="at most so many in this run")
    replays.add_argument("--max-replays", type=int, default=3, metavar="N", help="of one record (default 3)")
    replays.add_argument("--from-start", action="store_true", help="forget where this replay stood")
    replays.add_argument(
        "--json-as-is", action="store_true", help="write what is JSON for want of a converter"
    )
    replays.add_argument("--at-least-once", action="store_true", help="use no transactions")
    replays.add_argument("--dry-run", action="store_true", help="only say what would be written")
    replays.set_defaults(run=replay_letters)


def _filters() -> argparse.ArgumentParser:
    which = argparse.ArgumentParser(add_help=False)
    group = which.add_argument_group("which letters")
    group.add_argument("--connector", metavar="NAME", help="who gave the record up")
    group.add_argument("--stage", metavar="STAGE", help="such as VALUE_CONVERTER, TRANSFORMATION, TASK_PUT")
    group.add_argument("--class", dest="plugin", metavar="TEXT", help="a part of the plugin's class")
    group.add_argument("--error", metavar="TEXT", help="a part of the exception's class")
    group.add_argument("--from-topic", metavar="TOPIC", help="where the record came from")
    group.add_argument(
        "--origin", action="append", default=[], metavar="TOPIC-N@OFFSET", help="the very record, as shown"
    )
    group.add_argument("--partition", type=int, metavar="N", help="of the queue")
    group.add_argument("--offset", metavar="N or N-M", help="in the queue")
    group.add_argument("--since", metavar="TIME", help="ISO 8601 or milliseconds; the record's timestamp")
    group.add_argument("--until", metavar="TIME", help="before this time")
    return which


def _filter(parsed: argparse.Namespace) -> Filter:
    from connectkit.runner.dlq.letters import Filter

    first, last = _range(parsed.offset)
    return Filter(
        connector=parsed.connector,
        stage=parsed.stage,
        plugin=parsed.plugin,
        error=parsed.error,
        topic=parsed.from_topic,
        partition=parsed.partition,
        first=first,
        last=last,
        since_ms=_time(parsed.since, "--since"),
        until_ms=_time(parsed.until, "--until"),
        origins=frozenset(parsed.origin),
    )


def _range(text: str | None) -> tuple[int | None, int | None]:
    if text is None:
        return None, None
    first, sign, last = text.partition("-")
    try:
        return (int(first) if first else None), (int(last) if last else None if sign else int(first))
    except ValueError as exc:
        raise ConfigError(f"--offset {text} is neither a number nor a range such as 10-20.") from exc


def _time(text: str | None, option: str) -> int | None:
    if text is None:
        return None
    if text.isdecimal():
        return int(text)
    try:
        found = datetime.fromisoformat(text)
    except ValueError as exc:
        raise ConfigError(
            f"{option} {text} is no time; write 2026-11-21T17:00:00Z, or milliseconds since 1970."
        ) from exc
    if found.tzinfo is None:
        found = found.astimezone()
    return int(found.timestamp() * 1000)


# --- list --------------------------------------------------------------------------------------------


def list_letters(parsed: argparse.Namespace) -> int:
    """Print groups of letters, the largest first."""
    from connectkit.runner.cli.log_access import client_of, log_settings, open_log_of
    from connectkit.runner.dlq.letters import Group
    from connectkit.runner.dlq.reading import ends_of, find_queues, read

    only = _filter(parsed)
    settings = log_settings(parsed)
    client = client_of(settings)
    log = open_log_of(settings)
    try:
        admin = log.admin(client)
        try:
            topics = parsed.topics or find_queues(log, client, admin)
            bounds = {topic: ends_of(admin, topic) for topic in topics}
        finally:
            admin.close()
        if not topics:
            print(
                f"No topic in {settings['bootstrap.servers']} holds dead letters with Kafka Connect's "
                "headers (errors.deadletterqueue.context.headers.enable=true); name one to look at it all "
                "the same."
            )
        for topic, (begins, ends) in bounds.items():
            groups: dict[Cause, Group] = {}
            for batch in read(log, client, begins, ends):
                for each in filter(only.takes, batch):
                    groups.setdefault(each.cause, Group()).add(each)
            _print_groups(topic, groups, as_json=parsed.json)
    finally:
        log.close()
    return 0


def _print_groups(topic: str, groups: Mapping[Cause, Group], *, as_json: bool) -> None:
    largest_first = sorted(groups.items(), key=lambda each: -each[1].count)
    if as_json:
        for cause, group in largest_first:
            print(
                json.dumps(
                    {
                        "queue": topic, **cause._asdict(), "count": group.count, "first": group.first,
                        "last": group.last, "oldest_ms": group.oldest_ms, "newest_ms": group.newest_ms,
                        "message": group.message, "most_replays": group.most_replays,
                    }
                )
            )  # fmt: skip
        return
    total = sum(group.count for group in groups.values())
    print(f"{topic}: {total:,} dead letter{'' if total == 1 else 's'}")
    for cause, group in largest_first:
        if cause.stage == cause.error == "?":
            print(f"  {group.count:>7,} x  without the headers that say why  ({group.first})")
            continue
        print(f"  {group.count:>7,} x  {cause.stage} in {_short(cause.plugin)}: {_short(cause.error)}")
        print(f"             connector {cause.connector}, topic {cause.topic}{_when(group)}")
        if group.message:
            print(f"             {_one_line(group.message)}")
        replayed = f", replayed up to {group.most_replays} times" if group.most_replays else ""
        print(f"             first {group.first}, last {group.last}{replayed}")


def _when(group: Group) -> str:
    if group.oldest_ms is None or group.newest_ms is None:
        return ""
    return f", records of {_iso(group.oldest_ms)} to {_iso(group.newest_ms)}"


def _iso(ms: int) -> str:
    try:
        return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):
        return str(ms)


def _short(class_name: str) -> str:
    return class_name.rpartition(".")[2] or class_name


def _one_line(text: str, most: int = 300) -> str:
    line = "".join(each if each.isprintable() else " " for each in text)
    return line if len(line) <= most else line[:most] + "…"


# --- show --------------------------------------------------------------------------------------------


def show_letters(parsed: argparse.Namespace) -> int:
    """Print letters; 2 if a key or value could not be decoded."""
    from itertools import islice

    from connectkit.runner.cli.dlq_show import Shower
    from connectkit.runner.cli.log_access import client_of, log_settings, open_log_of
    from connectkit.runner.dlq.reading import ends_of, read

    only = _filter(parsed)
    settings = log_settings(parsed)
    client = client_of(settings)
    log = open_log_of(settings)
    try:
        admin = log.admin(client)
        try:
            begins, ends = ends_of(admin, parsed.topic)
        finally:
            admin.close()
        shower = Shower(parsed, settings)
        meant = (each for batch in read(log, client, begins, ends) for each in batch if only.takes(each))
        for each in islice(meant, parsed.limit):
            shower.show(each)
        shower.close()
    finally:
        log.close()
    sys.stdout.flush()
    return 2 if shower.failed else 0


# --- replay ------------------------------------------------------------------------------------------


def replay_letters(parsed: argparse.Namespace) -> int:
    """Replay and say what became of each; 2 if letters that were meant stay where they are."""
    from connectkit.plugin import plugins
    from connectkit.runner.cli.log_access import client_of, log_settings, open_log_of
    from connectkit.runner.dlq.edit import read_edit
    from connectkit.runner.dlq.replay import GROUP, Plan, Replay

    only = _filter(parsed)
    settings = log_settings(parsed)
    if parsed.limit is not None and parsed.limit < 1:
        raise ConfigError("--limit must be at least 1.")
    plan = Plan(
        topic=parsed.topic,
        name=parsed.name or _name_of(parsed),
        to=parsed.to,
        only=only,
        limit=parsed.limit,
        max_replays=parsed.max_replays,
        from_start=parsed.from_start,
        dry_run=parsed.dry_run,
        transactional=not parsed.at_least_once,
        json_as_is=parsed.json_as_is or parsed.edit is not None,
    )
    edit = read_edit(parsed.edit, settings, plugins) if parsed.edit is not None else None
    log = open_log_of(settings)
    try:
        report = Replay(log, client_of(settings), plan, edit=edit, show=_shown(parsed)).run()
    finally:
        log.close()
        if edit is not None:
            edit.close()
    verb = "would be replayed" if plan.dry_run else "replayed"
    for topic, count in sorted(report.replayed.items()):
        print(f"{count:,} {verb} to {topic}")
    if not report.replayed:
        print(f"Nothing {'to replay' if plan.dry_run else 'replayed'}.")
    for reason, count in report.left.most_common():
        print(f"{count:,} left in {plan.topic}: {reason}; the first is {report.first_left[reason]}")
    if not plan.dry_run:
        print(f"The next run goes on from here (consumer group {GROUP}{plan.name}; --from-start forgets it).")
    sys.stdout.flush()
    return 2 if report.left else 0


def _shown(parsed: argparse.Namespace) -> Callable[[Letter, list[OutRecord]], None]:
    def show(letter: Letter, records: list[OutRecord]) -> None:
        if parsed.dry_run:
            topics = ", ".join(dict.fromkeys(record.topic for record in records))
            print(f"{letter.where} -> {topics}  ({letter.cause.stage} {_short(letter.cause.error)})")

    return show


def _name_of(parsed: argparse.Namespace) -> str:
    """The queue, and a digest of what makes this replay another one."""
    edit = None if parsed.edit is None else parsed.edit.read_bytes().hex() if parsed.edit.is_file() else ""
    choice = [
        parsed.to, edit, parsed.connector, parsed.stage, parsed.plugin, parsed.error, parsed.from_topic,
        sorted(parsed.origin), parsed.partition, parsed.offset, parsed.since, parsed.until,
    ]  # fmt: skip
    if not any(each not in (None, []) for each in choice):
        return str(parsed.topic)
    return f"{parsed.topic}-{hashlib.sha256(json.dumps(choice).encode()).hexdigest()[:8]}"

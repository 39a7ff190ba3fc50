"""The parser of the command line and what each command calls."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import entry_points
from pathlib import Path

from connectkit._version import __version__
from connectkit.errors import ConfigError, ConnectError
from connectkit.runner.cli import apply, connectors, dlq, migrate, new, token

DESCRIPTION = """\
connectkit moves data between Apache Kafka and other systems: Kafka Connect for Python.

A first look, without a broker:
  connectkit quickstart            make a small example in ./connectkit-quickstart and run it

Running connectors:
  connectkit standalone worker.properties orders.properties
  connectkit standalone orders.json          no worker file: a log in ./connectkit-data, JSON

Before that, what its transforms make of some records:
  connectkit preview orders.json --from sample.jsonl
"""

STANDALONE = """\
Run connectors in this process.

The first file is the worker's (Java properties, as for Kafka's connect-standalone); the others are
connectors, as properties or JSON. Without a worker file the worker keeps its topics in
./connectkit-data (an embedded log, no broker) and its records are JSON.

Ctrl-C stops it gracefully: tasks commit what they have done. A second Ctrl-C stops it at once.
Exit codes: 1 wrong usage, 2 the worker could not start, 3 a connector could not be created,
4 a task failed or did not stop in time.
"""

STANDALONE_EXAMPLES = """\
examples:
  connectkit standalone worker.properties file-source.properties file-sink.properties
  connectkit standalone csv-source.json csv-sink.json --until-done
"""

VALIDATE = """\
Check configuration files without running them, and print every problem with its key.

Misspelt options, classes and aliases are named with what was probably meant; placeholders such as
${file:/path:key} are checked for their form and never resolved.
Exit codes: 0 nothing wrong (there may be warnings), 2 problems, 1 wrong usage.
"""

PREVIEW = """\
Show what a connector's transforms make of real records, without running it.

Each record is shown before the transforms, after each step (the fields that were added, removed or changed,
types included), and as it comes out; a record that is dropped says which predicate or condition dropped it,
and an error stands where it happened. Nothing is written and no offset is committed.

Where the records come from:
  a source connector   its own task, which starts from the beginning and stores no offset; --from FILE
                       has it read that file, if it reads files
  a sink connector     its topic in the worker's log, read without a consumer group; --from TOPIC
                       names another one
  both                 --from FILE.jsonl (a JSON value a line, or an object with "value" and perhaps
                       "key", "headers", "topic", "partition", "timestamp") or FILE.csv
"""

PREVIEW_EXAMPLES = """\
examples:
  connectkit preview orders-sink.json                        the first 20 records of its topic
  connectkit preview orders-sink.json --from sample.jsonl -n 3
  connectkit preview csv-source.json --from new-orders.csv
  connectkit preview orders-sink.json --worker worker.properties --json | jq '.steps'

Exit codes: 0 every record went through or was dropped, 2 something failed, 1 wrong usage.
"""

SNIFF = """\
Say what the bytes of a topic look like, and which converter reads them.

The first records are read, without a consumer group. What each key and each value begins with tells most
of it: JSON, text, a number, compressed data, or the id of a schema in a registry, which is asked for it.
"""

CHECK_SCHEMA = """\
Say what a new schema would do before anybody writes with it; nothing is registered.

The schema is compared with the earlier ones of the connector's subject, at the subject's compatibility
level, and followed through the connector's transforms: which fields would come, go or change behind them.

  a sink connector     the schema is the one that its topic's records will have
  a source connector   the schema is the one that the connector will send, before its transforms; what
                       comes out of them is compared with what is registered
"""

CHECK_SCHEMA_EXAMPLES = """\
examples:
  connectkit check-schema --config orders-sink.json --new order.avsc
  connectkit check-schema --config orders-sink.json --new order.avsc --topic orders-eu
  connectkit check-schema --config orders-sink.json --new order-key.avsc --key

Exit codes: 0 it may be used, 2 it may not or something failed, 1 wrong usage.
"""

TOPICS = """\
Look at the topics of a broker or of an embedded log.

examples:
  connectkit topics list
  connectkit topics read orders --limit 10
  connectkit topics read orders --bootstrap-servers localhost:9092 --follow
  connectkit topics read orders --converter StringConverter
"""


COMMANDS = "connectkit.commands"
"""The entry points of commands that come with plugins."""


def build_parser(*, with_installed: bool = True) -> argparse.ArgumentParser:
    """The whole command line, with help texts that teach; ``with_installed``: plugins' commands, too."""
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="connectkit", description=DESCRIPTION, formatter_class=form)
    parser.add_argument("--version", "-V", action="version", version=f"connectkit {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--debug", action="store_true", help="show tracebacks and debug messages")
    plugged = argparse.ArgumentParser(add_help=False, parents=[common])
    plugged.add_argument(
        "--plugins",
        dest="plugin_files",
        metavar="FILE",
        action="append",
        type=Path,
        default=[],
        help="a Python file with plugins that are not installed, for work on this machine; may be repeated",
    )

    run_it = commands.add_parser(
        "standalone",
        parents=[plugged],
        help="run connectors in this process",
        description=STANDALONE,
        epilog=STANDALONE_EXAMPLES,
        formatter_class=form,
    )
    run_it.add_argument("files", nargs="*", metavar="FILE", help="worker.properties, then connectors")
    run_it.add_argument(
        "--until-done",
        action="store_true",
        help="end when every source has read everything and every sink has written it; a source that "
        "follows a file (FileStreamSource, CsvSource with mode=tail) never has",
    )
    run_it.add_argument("--no-live", action="store_true", help="no live lines on a terminal")
    run_it.add_argument(
        "--log-level",
        default="info",
        choices=["debug", "info", "warning", "error"],
        help="least important messages to show (default: info)",
    )
    run_it.add_argument(
        "--log-format",
        default="text",
        choices=["text", "json"],
        help="a line of text or a JSON object for each message (default: text)",
    )
    run_it.set_defaults(run=_standalone)

    check = commands.add_parser(
        "validate",
        parents=[plugged],
        help="check configuration files",
        description=VALIDATE,
        formatter_class=form,
    )
    check.add_argument("files", nargs="+", metavar="FILE", type=Path, help="a worker's or connectors' files")
    check.set_defaults(run=_validate)

    shows = commands.add_parser(
        "preview",
        parents=[plugged],
        help="show what a connector's transforms make of records",
        description=PREVIEW,
        epilog=PREVIEW_EXAMPLES,
        formatter_class=form,
    )
    shows.add_argument("connector", metavar="CONNECTOR", type=Path, help="a connector's file")
    shows.add_argument(
        "--from", dest="source", metavar="FILE|TOPIC", help="where the records come from (see above)"
    )
    shows.add_argument(
        "-n", dest="count", metavar="N", type=_count, default=20, help="how many records (default: 20)"
    )
    shows.add_argument(
        "--worker", metavar="FILE", type=Path, help="a worker's file: its log, converters and providers"
    )
    shows.add_argument(
        "--bootstrap-servers",
        metavar="ADDRESS",
        help="host:port of a broker, or embedded:DIR (default: the worker's, or embedded:./connectkit-data)",
    )
    shows.add_argument(
        "--wait",
        metavar="SECONDS",
        type=float,
        default=10.0,
        help="how long a source's task may take for its first record (default: 10)",
    )
    shows.add_argument("--json", action="store_true", help="everything as one JSON object")
    shows.set_defaults(run=_preview)

    listing = commands.add_parser(
        "plugins",
        parents=[plugged],
        help="list what is installed, or explain one plugin",
        description="List the installed connectors, converters, transforms …, or explain one of them.",
        epilog="examples:\n  connectkit plugins\n  connectkit plugins CsvSource\n",
        formatter_class=form,
    )
    listing.add_argument("name", nargs="?", metavar="NAME", help="a plugin, by any of its names")
    listing.set_defaults(run=_plugins)

    topics = commands.add_parser(
        "topics", help="list and read topics", description=TOPICS, formatter_class=form
    )
    actions = topics.add_subparsers(dest="action", metavar="ACTION", required=True)
    where = argparse.ArgumentParser(add_help=False, parents=[common])
    where.add_argument(
        "--bootstrap-servers",
        metavar="ADDRESS",
        help="host:port of a broker, or embedded:DIR (default: embedded:./connectkit-data)",
    )
    where.add_argument(
        "--worker", metavar="FILE", type=Path, help="take addresses and security from this file"
    )
    lists = actions.add_parser(
        "list",
        parents=[where],
        help="names, partitions and record counts",
        description="Print the name of each topic, how many partitions it has and how many records it holds.",
    )
    lists.set_defaults(run=_topics_list)
    reads = actions.add_parser(
        "read",
        parents=[where],
        help="print records as JSON lines",
        description="Print the records of a topic, one JSON object a line: place, key, value, headers.",
    )
    reads.add_argument("topic", metavar="TOPIC", help="the topic to read, from its beginning")
    reads.add_argument("--limit", type=_count, metavar="N", help="stop after N records")
    reads.add_argument("--follow", "-f", action="store_true", help="go on as records arrive, until Ctrl-C")
    reads.add_argument("--latest", action="store_true", help="begin at the end instead of the beginning")
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
    reads.set_defaults(run=_topics_read)

    sniffs = commands.add_parser(
        "sniff",
        parents=[where],
        help="say which converter reads a topic",
        description=SNIFF,
        formatter_class=form,
    )
    sniffs.add_argument("topic", metavar="TOPIC", help="the topic to look at")
    sniffs.add_argument(
        "-n", dest="count", metavar="N", type=_count, default=100, help="how many records (default: 100)"
    )
    sniffs.add_argument(
        "--registry", metavar="URL", help="a schema registry (default: the worker's, or the log's own)"
    )
    sniffs.set_defaults(run=_sniff)

    checks = commands.add_parser(
        "check-schema",
        parents=[common],
        help="say what a new schema would do",
        description=CHECK_SCHEMA,
        epilog=CHECK_SCHEMA_EXAMPLES,
        formatter_class=form,
    )
    checks.add_argument("--config", required=True, metavar="CONNECTOR", type=Path, help="a connector's file")
    checks.add_argument("--new", required=True, metavar="FILE", type=Path, help="the new schema")
    checks.add_argument("--topic", help="the topic (default: the connector's first)")
    checks.add_argument("--key", action="store_true", help="the schema is that of keys")
    checks.add_argument("--worker", metavar="FILE", type=Path, help="a worker's file: its converters")
    checks.set_defaults(run=_check_schema)

    quick = commands.add_parser(
        "quickstart",
        parents=[common],
        help="make a small example and run it",
        description="Make a folder with a data file and two connectors, run them, and say what happened.",
    )
    quick.add_argument(
        "folder",
        nargs="?",
        default="connectkit-quickstart",
        type=Path,
        metavar="FOLDER",
        help="where to make it; what is there already goes on where it stopped",
    )
    quick.set_defaults(run=_quickstart)
    token.add(commands, common)
    dlq.add(commands, common)
    new.add(commands, common)
    connectors.add(commands, common)
    apply.add(commands, common)
    migrate.add(commands, common)
    if with_installed:
        _add_installed(commands)
    return parser


def _add_installed(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Commands that come with plugins; one that cannot be loaded is told, and the others work."""
    for point in sorted(entry_points(group=COMMANDS), key=lambda each: each.name):
        try:
            point.load()(commands)
        except Exception as error:  # noqa: BLE001 - it is somebody else's code
            sys.stderr.write(
                f"warning: the command '{point.name}' cannot be loaded ({type(error).__name__}); is "
                f"{point.value.partition(':')[0]} installed completely?\n"
            )


def _count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError("must not be negative")
    return number


_OWN = frozenset(
    "standalone validate preview plugins topics quickstart sniff check-schema token dlq new connectors apply"
    " migrate".split()
)
"""Commands that are here without looking for what is installed, which takes time."""


def run(arguments: Sequence[str]) -> int:
    """Parse and run; usage mistakes end with 1."""
    parser = build_parser(with_installed=not arguments or arguments[0] not in _OWN)
    if not arguments:
        parser.print_help(sys.stderr)
        return 1
    try:
        parsed = parser.parse_args(list(arguments))
    except SystemExit as exc:
        return 1 if exc.code else 0
    command: Callable[[argparse.Namespace], int] = parsed.run
    try:
        if getattr(parsed, "plugin_files", None):
            from connectkit.plugin import plugins
            from connectkit.runner.local_plugins import load_plugins

            load_plugins(parsed.plugin_files, plugins)
        return command(parsed)
    except ConnectError as exc:
        return _complain(exc, debug=parsed.debug)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader of a pipe has seen enough
        sys.stderr.close()
        return 0


def _complain(error: ConnectError, *, debug: bool) -> int:
    if debug:
        from traceback import format_exception

        from connectkit.secret import GIVEN

        sys.stderr.write(GIVEN.hidden_in("".join(format_exception(error))))
        return 2
    if isinstance(error, ConfigError) and error.problems:
        for key, found in error.problems.items():
            for sentence in found:
                sys.stderr.write(f"{key}: {sentence}\n")
    else:
        sys.stderr.write(f"connectkit: {error}\n")
    return 2


def _standalone(parsed: argparse.Namespace) -> int:
    from connectkit.runner.observe import set_up_logging
    from connectkit.runner.standalone import Options, is_connector_file
    from connectkit.runner.standalone import run as run_worker

    files = list(parsed.files)
    if not files:
        sys.stderr.write(
            "connectkit standalone needs a file: a worker's, or at least one connector's; see connectkit "
            "standalone --help\n"
        )
        return 1
    worker: Path | None = None
    if not files[0]:
        files = files[1:]  # as in Kafka: an empty first argument means that there is no worker file
    elif not is_connector_file(Path(files[0])):
        worker = Path(files.pop(0))
    handler = set_up_logging(
        level="debug" if parsed.debug else parsed.log_level, as_json=parsed.log_format == "json"
    )
    return run_worker(
        Options(
            worker_file=worker,
            connector_files=[Path(file) for file in files],
            until_done=parsed.until_done,
            live=not parsed.no_live,
        ),
        handler,
    )


def _validate(parsed: argparse.Namespace) -> int:
    from connectkit.runner.cli.checking import validate_files

    return validate_files(parsed.files)


def _preview(parsed: argparse.Namespace) -> int:
    from connectkit.runner.cli.preview import preview

    return preview(parsed)


def _plugins(parsed: argparse.Namespace) -> int:
    from connectkit.runner.cli.listing import explain_plugin, list_plugins

    return list_plugins() if parsed.name is None else explain_plugin(parsed.name)


def _sniff(parsed: argparse.Namespace) -> int:
    from connectkit.runner.cli.sniff import sniff

    return sniff(parsed)


def _check_schema(parsed: argparse.Namespace) -> int:
    from connectkit.runner.cli.check_schema import check_schema

    return check_schema(parsed)


def _topics_list(parsed: argparse.Namespace) -> int:
    from connectkit.runner.cli.topics import list_topics

    return list_topics(parsed)


def _topics_read(parsed: argparse.Namespace) -> int:
    from connectkit.runner.cli.topics import read_topic

    return read_topic(parsed)


def _quickstart(parsed: argparse.Namespace) -> int:
    from connectkit.runner.cli.quickstart import quickstart

    return quickstart(parsed.folder)

"""The list of commands; what each takes and does stands in its own module."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import entry_points

from connectkit._version import __version__
from connectkit.errors import ConfigError, ConnectError
from connectkit.runner.cli import (
    apply,
    check_schema,
    connectors,
    dlq,
    migrate,
    new,
    plugins,
    preview,
    quickstart,
    sniff,
    standalone,
    token,
    topics,
    validate,
)
from connectkit.runner.cli.terminal import take_every_character

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

EPILOG = "connectkit COMMAND --help explains a command, with examples."

OWN = {
    "quickstart": quickstart.add,
    "standalone": standalone.add,
    "validate": validate.add,
    "preview": preview.add,
    "plugins": plugins.add,
    "new": new.add,
    "topics": topics.add,
    "sniff": sniff.add,
    "check-schema": check_schema.add,
    "dlq": dlq.add,
    "connectors": connectors.add,
    "apply": apply.add,
    "migrate": migrate.add,
    "token": token.add,
}
"""Commands that are here without looking for what is installed, which takes time."""

INSTALLED = "connectkit.commands"
"""The entry points of commands that come with plugins."""


def build_parser(*, with_installed: bool = True) -> argparse.ArgumentParser:
    """The whole command line, with help texts that teach; ``with_installed``: plugins' commands, too."""
    parser = argparse.ArgumentParser(
        prog="connectkit", description=DESCRIPTION, epilog=EPILOG, formatter_class=_help
    )
    parser.add_argument("--version", "-V", action="version", version=f"connectkit {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--debug", action="store_true", help="show tracebacks and debug messages")
    for add in OWN.values():
        add(commands, common)
    if with_installed:
        _add_installed(commands)
    return parser


def _help(prog: str) -> argparse.HelpFormatter:
    made = argparse.RawDescriptionHelpFormatter(prog)
    made._action_max_length = 2 + max(map(len, OWN)) + 2  # argparse forgets that commands are indented twice
    return made


def _add_installed(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Commands that come with plugins; one that cannot be loaded is told, and the others work."""
    for point in sorted(entry_points(group=INSTALLED), key=lambda each: each.name):
        try:
            point.load()(commands)
        except Exception as error:  # noqa: BLE001 - it is somebody else's code
            sys.stderr.write(
                f"warning: the command '{point.name}' cannot be loaded ({type(error).__name__}); is "
                f"{point.value.partition(':')[0]} installed completely?\n"
            )


def run(arguments: Sequence[str]) -> int:
    """Parse and run; usage mistakes end with 1."""
    take_every_character(sys.stdout)
    parser = build_parser(with_installed=not arguments or arguments[0] not in OWN)
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
            from connectkit.plugin import plugins as registry
            from connectkit.runner.local_plugins import load_plugins

            load_plugins(parsed.plugin_files, registry)
        return command(parsed)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader of a pipe has seen enough
        sys.stderr.close()
        return 0
    except Exception as exc:  # noqa: BLE001 - one sentence is what a person can use; --debug has it all
        return _complain(exc, debug=parsed.debug)


def _complain(error: Exception, *, debug: bool) -> int:
    if debug:
        from traceback import format_exception

        from connectkit.secret import GIVEN

        sys.stderr.write(GIVEN.hidden_in("".join(format_exception(error))))
        return 2
    if isinstance(error, ConfigError) and error.problems:
        for key, found in error.problems.items():
            for sentence in found:
                sys.stderr.write(f"{key}: {sentence}\n")
    elif isinstance(error, ConnectError):
        sys.stderr.write(f"connectkit: {error}\n")
    elif isinstance(error, OSError) and error.strerror:
        place = f" {error.filename}" if error.filename is not None else ""
        sys.stderr.write(f"connectkit:{place} cannot be used: {error.strerror}\n")
    else:
        name = type(error).__name__
        sys.stderr.write(f"connectkit: an error that should not be: {name}; --debug shows where\n")
    return 2

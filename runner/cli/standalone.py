"""``connectkit standalone``: connectors in this process, from their files."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from connectkit.runner.cli.arguments import plugin_files

DESCRIPTION = """\
Run connectors in this process.

The first file is the worker's (Java properties, as for Kafka's connect-standalone); the others are
connectors, as properties or JSON. Without a worker file the worker keeps its topics in
./connectkit-data (an embedded log, no broker) and its records are JSON.

Ctrl-C stops it gracefully: tasks commit what they have done. A second Ctrl-C stops it at once.
Exit codes: 1 wrong usage, 2 the worker could not start, 3 a connector could not be created,
4 a task failed or did not stop in time.
"""

EXAMPLES = """\
examples:
  connectkit standalone worker.properties file-source.properties file-sink.properties
  connectkit standalone csv-source.json csv-sink.json --until-done
"""


def add(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the command to the parser's."""
    parser = commands.add_parser(
        "standalone",
        parents=[plugin_files(common)],
        help="run connectors in this process",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("files", nargs="*", metavar="FILE", help="worker.properties, then connectors")
    parser.add_argument(
        "--until-done",
        action="store_true",
        help="end when every source has read everything and every sink has written it; a source that "
        "follows a file (FileStreamSource, CsvSource with mode=tail) never has",
    )
    parser.add_argument("--no-live", action="store_true", help="no live lines on a terminal")
    parser.add_argument(
        "--log-level",
        default="info",
        choices=["debug", "info", "warning", "error"],
        help="least important messages to show (default: info)",
    )
    parser.add_argument(
        "--log-format",
        default="text",
        choices=["text", "json"],
        help="a line of text or a JSON object for each message (default: text)",
    )
    parser.set_defaults(run=standalone)


def standalone(parsed: argparse.Namespace) -> int:
    """Run them; the exit code is that of the worker."""
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

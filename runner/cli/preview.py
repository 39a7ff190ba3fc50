"""``connectkit preview``: what a connector's transforms make of records; writes and commits nothing."""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connectkit.errors import NotFoundError
from connectkit.runner.cli.arguments import count, plugin_files

if TYPE_CHECKING:
    from connectkit.runner.log.api import Log
    from connectkit.runner.preview import Shown
    from connectkit.runner.preview_open import OpenPreview

DESCRIPTION = """\
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

EXAMPLES = """\
examples:
  connectkit preview orders-sink.json                        the first 20 records of its topic
  connectkit preview orders-sink.json --from sample.jsonl -n 3
  connectkit preview csv-source.json --from new-orders.csv
  connectkit preview orders-sink.json --worker worker.properties --json | jq '.steps'

Exit codes: 0 every record went through or was dropped, 2 something failed, 1 wrong usage.
"""


def add(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the command to the parser's."""
    parser = commands.add_parser(
        "preview",
        parents=[plugin_files(common)],
        help="show what a connector's transforms make of records",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("connector", metavar="CONNECTOR", type=Path, help="a connector's file")
    parser.add_argument(
        "--from", dest="source", metavar="FILE|TOPIC", help="where the records come from (see above)"
    )
    parser.add_argument(
        "-n", dest="count", metavar="N", type=count, default=20, help="how many records (default: 20)"
    )
    parser.add_argument(
        "--worker", metavar="FILE", type=Path, help="a worker's file: its log, converters and providers"
    )
    parser.add_argument(
        "--bootstrap-servers",
        metavar="ADDRESS",
        help="host:port of a broker, or embedded:DIR (default: the worker's, or embedded:./connectkit-data)",
    )
    parser.add_argument(
        "--wait",
        metavar="SECONDS",
        type=float,
        default=10.0,
        help="how long a source's task may take for its first record (default: 10)",
    )
    parser.add_argument("--json", action="store_true", help="everything as one JSON object")
    parser.set_defaults(run=preview)


def preview(parsed: argparse.Namespace) -> int:
    """Print the preview; 2 if a record failed somewhere."""
    from connectkit.plugin import plugins
    from connectkit.runner.configs.files import read_connector_file, read_worker_file
    from connectkit.runner.configs.worker import WorkerConfig
    from connectkit.runner.log.opening import EMBEDDED, open_log
    from connectkit.runner.preview_open import OpenPreview, Request
    from connectkit.runner.standalone import default_worker
    from connectkit.runner.variables import make_resolver

    file = read_connector_file(parsed.connector)
    raw = default_worker() if parsed.worker is None else dict(read_worker_file(parsed.worker).config)
    if parsed.bootstrap_servers:
        raw["bootstrap.servers"] = parsed.bootstrap_servers
    resolver = make_resolver(raw, plugins)
    try:
        settings = resolver.resolve(raw).config
        worker = WorkerConfig.parse(settings, known=lambda key: True)
        if worker.plugins_allow is not None:
            plugins.allow(worker.plugins_allow)

        def open_it() -> Log:
            embedded = worker.bootstrap.startswith(EMBEDDED)
            folder = Path(worker.bootstrap.removeprefix(EMBEDDED))
            if embedded and not folder.is_dir():
                raise NotFoundError(
                    f"There is no embedded log in {folder}; run a worker first, name another with "
                    "--bootstrap-servers, or preview a file of records with --from FILE"
                )
            return open_log(worker.bootstrap, settings if embedded else None)

        request = Request(config=file.config, source=parsed.source, count=parsed.count, wait_s=parsed.wait)
        opened = OpenPreview(request, worker, registry=plugins, resolver=resolver, open_log=open_it)
        with closing(opened):
            return _show(opened, parsed.json)
    finally:
        resolver.close()


def _show(opened: OpenPreview, is_json: bool) -> int:
    from connectkit.runner.cli.preview_text import Painter
    from connectkit.runner.cli.terminal import wants_colours
    from connectkit.runner.preview_json import as_json

    for key, sentences in opened.warnings.items():
        for sentence in sentences:
            sys.stderr.write(f"warning: {key}: {sentence}\n")
    painter = Painter(colours=wants_colours(sys.stdout))
    if not is_json:
        print(f"{opened.name}: {opened.kind} connector, reading {opened.reads}; nothing is written\n")
    kept: list[Shown] = []
    number = passed = failed = 0
    for shown in opened.preview.run(opened.samples):
        number += 1
        passed += len(shown.results)
        failed += bool(shown.errors or any(step.error for step in shown.steps))
        if is_json:
            kept.append(shown)
            continue
        for line in painter.record(number, shown):
            print(line)
        sys.stdout.flush()
    if is_json:
        print(
            json.dumps(as_json(kept, opened.preview.sums, about=opened.about()), ensure_ascii=False, indent=2)
        )
    else:
        for line in painter.summary(number, passed, opened.preview.sums):
            print(line)
        if number == 0:
            print("There was nothing to read.")
    return 2 if failed else 0

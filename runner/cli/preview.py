"""``connectkit preview``: what a connector's transforms make of records; writes and commits nothing."""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import closing
from pathlib import Path

from connectkit.errors import NotFoundError
from connectkit.plugin import plugins
from connectkit.runner.cli.preview_text import Painter, wants_colours
from connectkit.runner.configs.files import read_connector_file, read_worker_file
from connectkit.runner.configs.worker import WorkerConfig
from connectkit.runner.log.api import Log
from connectkit.runner.log.opening import EMBEDDED, open_log
from connectkit.runner.preview import Shown
from connectkit.runner.preview_json import as_json
from connectkit.runner.preview_open import OpenPreview, Request
from connectkit.runner.standalone import default_worker
from connectkit.runner.variables import make_resolver


def preview(parsed: argparse.Namespace) -> int:
    """Print the preview; 2 if a record failed somewhere."""
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
    for key, sentences in opened.warnings.items():
        for sentence in sentences:
            sys.stderr.write(f"warning: {key}: {sentence}\n")
    painter = Painter(colours=wants_colours(sys.stdout))
    if not is_json:
        print(f"{opened.name}: {opened.kind} connector, reading {opened.reads}; nothing is written\n")
    kept: list[Shown] = []
    count = passed = failed = 0
    for shown in opened.preview.run(opened.samples):
        count += 1
        passed += len(shown.results)
        failed += bool(shown.errors or any(step.error for step in shown.steps))
        if is_json:
            kept.append(shown)
            continue
        for line in painter.record(count, shown):
            print(line)
        sys.stdout.flush()
    if is_json:
        print(
            json.dumps(as_json(kept, opened.preview.sums, about=opened.about()), ensure_ascii=False, indent=2)
        )
    else:
        for line in painter.summary(count, passed, opened.preview.sums):
            print(line)
        if count == 0:
            print("There was nothing to read.")
    return 2 if failed else 0

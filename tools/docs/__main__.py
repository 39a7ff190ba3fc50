"""Write the reference pages, or say which of those in the tree are stale."""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from tools.docs import cli, clients, errors, plugins, rest, worker
from tools.layout import ROOT

REFERENCE = ROOT / "docs" / "reference"
PAGES: Mapping[str, Callable[[], str]] = {
    "plugins.md": plugins.overview,
    "transforms.md": plugins.transforms,
    "converters.md": plugins.converters,
    "connectors.md": plugins.connectors,
    "config-providers.md": plugins.config_providers,
    "worker.md": worker.worker_page,
    "rest.md": rest.rest_page,
    "cli.md": cli.cli_page,
    "errors.md": errors.error_page,
    "client-properties.md": clients.client_page,
}
SHOWN_LINES = 20


def main(argv: list[str] | None = None, *, folder: Path = REFERENCE) -> int:
    """Exit status: 0 when written, or with ``--check`` when nothing differs."""
    parser = argparse.ArgumentParser(prog="python -m tools.docs", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a page is stale")
    arguments = parser.parse_args(argv)
    made = {name: make() for name, make in PAGES.items()}
    if arguments.check:
        return check(made, folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in made.items():
        (folder / name).write_text(text)
    for path in sorted(set(folder.glob("*.md")) - {folder / name for name in made}):
        path.unlink()
    print(f"docs: {len(made)} pages in {folder.relative_to(ROOT) if folder.is_relative_to(ROOT) else folder}")
    return 0


def check(made: Mapping[str, str], folder: Path) -> int:
    """Name every page that is missing, stale or not of ours."""
    found = {path.name: path.read_text() for path in folder.glob("*.md")}
    stale = 0
    for name in sorted(made.keys() | found.keys()):
        if made.get(name) == found.get(name):
            continue
        stale += 1
        print(f"docs/reference/{name} is stale; run `make docs` and commit what it writes", file=sys.stderr)
        lines = difflib.unified_diff(
            found.get(name, "").splitlines(),
            made.get(name, "").splitlines(),
            "in the tree",
            "from the code",
            lineterm="",
            n=1,
        )
        for number, line in enumerate(lines):
            if number == SHOWN_LINES:
                print("  ...", file=sys.stderr)
                break
            print(f"  {line}", file=sys.stderr)
    if not stale:
        print(f"docs: {len(made)} pages of docs/reference are what the code says")
    return int(bool(stale))


if __name__ == "__main__":
    raise SystemExit(main())

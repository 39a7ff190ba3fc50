"""``connectkit new``: a plugin's project, with its laws, that passes its own tests as it is made."""

from __future__ import annotations

import argparse
import keyword
import re
import sys
from pathlib import Path
from string import Template
from typing import Any

from connectkit._version import __version__
from connectkit.errors import ConflictError, ConnectError
from connectkit.runner.cli.new_files import FILES, PLUGINS, TESTS

DESCRIPTION = """\
Make the project of a new plugin in a folder of its name: a working example with a typed configuration, an
entry point, the laws that every such plugin keeps as its tests, and a workflow that runs them.

examples:
  connectkit new converter form
  connectkit new source "line reader"
  cd form && python -m pip install -e '.[test]' && python -m pytest
"""

_TAKEN = sys.stdlib_module_names | {
    "connectkit", "hypothesis", "pytest", "tests", "option", "urlencode", "parse_qsl",
}  # fmt: skip
"""What the plugin, its tests or Python itself import, under their names."""

GROUPS = {"source": "sources", "sink": "sinks", "transform": "transforms", "converter": "converters"}


def add(commands: Any, common: argparse.ArgumentParser) -> None:
    """The command's part of the parser."""
    made = commands.add_parser(
        "new",
        parents=[common],
        help="make the project of a new plugin",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("kind", choices=sorted(GROUPS), help="what it will be")
    made.add_argument("name", metavar="NAME", help="its name: letters, digits, spaces, - and _")
    made.add_argument(
        "--in", dest="folder", metavar="DIR", type=Path, default=Path(), help="where (default: here)"
    )
    made.set_defaults(run=run)


def run(parsed: argparse.Namespace) -> int:
    """Write the project; ``ConflictError`` if the folder exists, and nothing is touched."""
    folder = new_project(parsed.kind, parsed.name, parsed.folder)
    print(f"Made {folder}. Next:")
    print(f"  cd {folder}")
    print("  python -m pip install -e '.[test]'")
    print("  python -m pytest")
    return 0


def new_project(kind: str, name: str, where: Path) -> Path:
    """Write the files of a plugin of that kind; returns the folder."""
    words = re.findall(r"[A-Za-z0-9]+", name)
    module = "_".join(words).lower()
    good = re.fullmatch(r"[A-Za-z0-9 _-]{1,60}", name) and module.isidentifier()
    if not good or keyword.iskeyword(module):
        raise ConnectError(
            f"No module can be named after '{name[:60]}'; begin with a letter, and use few letters, "
            "digits and spaces"
        )
    if module in _TAKEN:
        raise ConnectError(
            f"A module named '{module}' would hide another one that the plugin needs; choose another "
            f"name, such as '{module} {kind}'"
        )
    project = module.replace("_", "-")
    folder = where / project
    if folder.exists():
        raise ConflictError(f"{folder} exists already; choose another name, or remove it")
    given = {
        "kind": kind,
        "group": GROUPS[kind],
        "module": module,
        "project": project,
        "title": " ".join(words),
        "Class": "".join(word[:1].upper() + word[1:] for word in words),
        "version": __version__,
    }
    files = {
        **FILES,
        "src/$module.py": PLUGINS[kind],
        "tests/test_$module.py": TESTS[kind],
    }
    for path, text in files.items():
        target = folder / Template(path).substitute(given)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(Template(text).substitute(given), encoding="utf-8")
    return folder

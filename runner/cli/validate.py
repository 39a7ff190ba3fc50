"""``connectkit validate``: every problem of the given files, each with its key, and an exit code."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connectkit.errors import ConfigError
from connectkit.runner.cli.arguments import plugin_files

if TYPE_CHECKING:
    from connectkit.runner.configs.files import ConfigFile
    from connectkit.runner.configs.worker import WorkerConfig

DESCRIPTION = """\
Check configuration files without running them, and print every problem with its key.

Misspelt options, classes and aliases are named with what was probably meant; placeholders such as
${file:/path:key} are checked for their form and never resolved.
Exit codes: 0 nothing wrong (there may be warnings), 2 problems, 1 wrong usage.
"""


def add(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the command to the parser's."""
    parser = commands.add_parser(
        "validate",
        parents=[plugin_files(common)],
        help="check configuration files",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("files", nargs="+", metavar="FILE", type=Path, help="a worker's or connectors' files")
    parser.set_defaults(run=validate)


def validate(parsed: argparse.Namespace) -> int:
    """Check each file; a worker's file among them decides what connectors may do. 0 or 2."""
    from connectkit.plugin import plugins
    from connectkit.runner.configs.files import read_connector_file
    from connectkit.runner.standalone import is_connector_file
    from connectkit.runner.validation import validate_connector, validate_worker

    paths: list[Path] = parsed.files
    clean = True
    worker: WorkerConfig | None = None
    names: dict[str, Path] = {}
    for path in sorted(paths, key=is_connector_file):  # workers' files first, else in the order given
        try:
            if is_connector_file(path):
                file = read_connector_file(path)
                report = validate_connector(file.config, worker, plugins)
                if file.name in names:
                    report.error("name", f"is '{file.name}' in {names[file.name]} too; names must differ")
                names[file.name] = path
            else:
                file = _read(path)
                report = validate_worker(file.config, plugins)
                if not report.errors:
                    worker = _known(file.config)
        except ConfigError as exc:
            _show(path, "error", exc.problems or {"": [str(exc)]})
            clean = False
            continue
        for sentence in file.warnings:
            print(f"{path}: warning: {sentence}")
        _show(path, "error", report.errors)
        _show(path, "warning", report.warnings)
        clean = clean and not report.errors
        if not report.errors:
            count = sum(map(len, report.warnings.values())) + len(file.warnings)
            print(f"{path}: ok" + (f", with {count} warning{'s' if count != 1 else ''}" if count else ""))
    sys.stdout.flush()
    return 0 if clean else 2


def _read(path: Path) -> ConfigFile:
    """A worker's file."""
    from connectkit.runner.configs.files import read_worker_file

    found = read_worker_file(path)
    if "name" in found.config and "bootstrap.servers" not in found.config:
        raise ConfigError(
            problems={
                "connector.class": [
                    "is missing: a connector's file has it, a worker's file has bootstrap.servers"
                ]
            }
        )
    return found


def _known(config: Mapping[str, str | None]) -> WorkerConfig:
    """A checked worker's options; those whose variables do not parse as they stand have their defaults.

    Nothing is resolved here, since what a check prints must not depend on secrets.
    """
    from connectkit.runner.configs.worker import WorkerConfig
    from connectkit.runner.variables import has_variables

    try:
        return WorkerConfig.parse(config, known=lambda key: True)
    except ConfigError as exc:
        unknown = {key for key in exc.problems if has_variables(config.get(key))}
        if not unknown:
            raise
    left = {key: value for key, value in config.items() if key not in unknown}
    return WorkerConfig.parse(left, known=lambda key: True)


def _show(path: Path, kind: str, found: Mapping[str, Sequence[str]]) -> None:
    for key, sentences in found.items():
        for sentence in sentences:
            place = f"{key}: " if key else ""
            print(f"{path}: {kind}: {place}{sentence}")

"""``connectkit apply``: make a worker's connectors what files say, after showing the difference."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connectkit.errors import ConfigError, ConnectError
from connectkit.runner.cli import remote
from connectkit.runner.cli.remote import complain, open_client, print_json, say

if TYPE_CHECKING:
    from connectkit.runner.client.http import RestClient
    from connectkit.runner.client.plans import Plan, Planner
    from connectkit.runner.client.states import Wanted
    from connectkit.runner.config_changes import Change
    from connectkit.runner.configs.files import ConfigFile

DESCRIPTION = f"""\
Make a worker's connectors what files say: create those that are not there, change those that differ.

A folder's *.properties and *.json are read, those of its sub-folders too. Everything is compared and
validated by the worker first and shown; if one file is wrong, nothing is changed at all. What no file holds
is left alone, unless --prune says whose it is.

The worker is the one of --url, or of {remote.URL} ({remote.DEFAULT} if neither is given): connectkit's,
or a Java cluster's. A token comes from --token-file, {remote.TOKEN_FILE}, {remote.TOKEN} or --token.

Exit codes: 0 everything is as the files say (with --plan: already), 3 with --plan: there is something to
change, 2 something is wrong or failed, 1 wrong usage.
"""

EXAMPLES = """\
examples:
  connectkit apply -f connectors/ --plan          what would change; 3 if anything
  connectkit apply -f connectors/ --wait          change it, until everything runs
  connectkit apply -f connectors/ --prune orders- --plan
  connectkit apply -f connectors/ --offline       only look for mistakes, without a worker
"""

WAIT_S = 60.0
CHANGES_EXIT_CODE = 3
_SUFFIXES = (".properties", ".json")
_SIGNS = {"create": "+", "change": "~", "delete": "-", "none": "=", "refuse": "!"}
_WORDS = {
    "create": "to create",
    "change": "to change",
    "delete": "to delete",
    "none": "as it should be",
    "refuse": "is wrong",
}
_PAST = {"create": "created", "change": "changed", "delete": "deleted", "none": "put once more"}


def add(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the command to the parser's."""
    parser = commands.add_parser(
        "apply",
        parents=[common, remote.where_parser()],
        help="make a worker's connectors what files say",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "-f", "--file", dest="files", metavar="FILE|DIR", action="append", type=Path, required=True,
        help="a connector's file, or a folder of them; may be repeated",
    )  # fmt: skip
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--plan", action="store_true", help="show what would change, and change nothing")
    what.add_argument("--offline", action="store_true", help="ask no worker, only look for mistakes")
    parser.add_argument(
        "--prune", metavar="PREFIX", action="append", default=[],
        help="delete running connectors whose names begin so and that no file holds ('*': any name)",
    )  # fmt: skip
    parser.add_argument("--force", action="store_true", help="put also what has not changed")
    parser.add_argument(
        "--wait", metavar="SECONDS", nargs="?", type=float, const=WAIT_S,
        help=f"until what was changed runs ({WAIT_S:g} s at most, if nothing else is said)",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print the plans as JSON")
    parser.set_defaults(run=apply_files)


def apply_files(parsed: argparse.Namespace) -> int:
    """Show the plans, and carry them out."""
    from connectkit.plugin import plugins
    from connectkit.runner.client.plans import Planner, check_here, check_names
    from connectkit.runner.client.secrets import Curtain

    prune = list(getattr(parsed, "prune", ()))
    if any(not prefix for prefix in prune):
        raise ConfigError("--prune needs the beginning of names, or '*' for any name.")
    files = list(read_files(parsed.files))
    check_names(files)
    if getattr(parsed, "offline", False):
        curtain = Curtain(None, plugins)
        for file in files:
            curtain.shown(file.config)
        return _show_plans([check_here(file, plugins) for file in files], parsed.json, offline=True)
    client = open_client(parsed)
    planner = Planner(client, plugins)
    plans = [planner.plan(file) for file in files]
    if prune:
        prefixes = ["" if prefix == "*" else prefix for prefix in prune]
        plans += planner.surplus((file.name for file in files), prefixes)
    if getattr(parsed, "plan", False):
        return _show_plans(plans, parsed.json)
    if any(plan.errors for plan in plans):
        code = _show_plans(plans, parsed.json)
        complain("connectkit: nothing was changed, as not everything is right")
        return code
    if not parsed.json:
        _show_plans(plans, False)
    return _carry_out(planner, client, plans, parsed)


def read_files(paths: Sequence[Path]) -> Iterator[ConfigFile]:
    """The connectors of files and folders; a worker's file among them is passed over with a warning."""
    from connectkit.runner.configs.files import read_config_file, read_connector_file

    found = False
    for path in paths:
        for file in sorted(_inside(path)) if path.is_dir() else [path]:
            if path.is_dir():
                config = read_config_file(file).config
                if "connector.class" not in config and "bootstrap.servers" in config:
                    complain(f"warning: {file} is a worker's file and is passed over")
                    continue
            read = read_connector_file(file)
            for sentence in read.warnings:
                complain(f"warning: {sentence}")
            found = True
            yield read
    if not found:
        raise ConfigError("There is no connector's file (*.properties or *.json) in what was named.")


def _inside(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.suffix in _SUFFIXES and path.is_file() and not hidden:
            yield path


def _carry_out(
    planner: Planner, client: RestClient, plans: Sequence[Plan], parsed: argparse.Namespace
) -> int:
    """Creations and changes first, deletions last; one that fails keeps no other from being done."""
    from connectkit.runner.client.states import wait_for

    force = getattr(parsed, "force", False)
    chosen = [plan for plan in plans if plan.action in ("create", "change", "delete")]
    if force:
        for plan in plans:
            if plan.action == "none":
                plan.action = "change"
                chosen.append(plan)
    for plan in chosen:
        try:
            planner.apply(plan)
            plan.done = True
        except ConnectError as exc:
            plan.failure = str(exc)
    for plan in chosen:
        if parsed.wait is None or not plan.done:
            continue
        try:
            if (wanted := _wanted(client, plan)) is not None:
                wait_for(client, plan.name, wanted, timeout_s=parsed.wait)
        except ConnectError as exc:
            plan.failure = str(exc)
    failed = [plan for plan in chosen if plan.failure is not None]
    if parsed.json:
        print_json([plan.as_json() for plan in plans])
    else:
        for plan in chosen:
            if plan.failure is None:
                say(f"{plan.name}: {_PAST[plan.action]}")
    for plan in failed:
        complain(f"{plan.name}: {plan.failure}")
    sys.stdout.flush()
    return 2 if failed else 0


def _wanted(client: RestClient, plan: Plan) -> Wanted | None:
    """The state to wait for: one that was paused or stopped stays so."""
    from connectkit.runner.client.looking import status_of

    if plan.action == "delete":
        return "gone"
    if plan.action == "create":
        state = "RUNNING" if plan.file is None else plan.file.initial_state
    else:
        state = status_of(client, plan.name)["connector"].get("state")
    wanted: Mapping[str, Wanted | None] = {"PAUSED": "PAUSED", "STOPPED": "STOPPED"}
    return wanted.get(state, "RUNNING")


def _show_plans(plans: Sequence[Plan], as_json: bool, *, offline: bool = False) -> int:
    """Print the plans; the exit code of a plan."""
    if as_json:
        print_json([plan.as_json() for plan in plans])
    else:
        for plan in plans:
            _show(plan, offline)
        if not offline:
            counts = [
                f"{number} {_WORDS[action]}"
                for action in ("create", "change", "delete", "refuse", "none")
                if (number := sum(plan.action == action for plan in plans))
            ]
            say(", ".join(counts) or "nothing to do")
    sys.stdout.flush()
    if any(plan.errors for plan in plans):
        return 2
    return CHANGES_EXIT_CODE if any(plan.action not in ("none", "refuse") for plan in plans) else 0


def _show(plan: Plan, offline: bool) -> None:
    said = "ok" if offline and plan.action == "none" else _WORDS[plan.action]
    where = "" if plan.file is None else f" ({plan.file.path})"
    say(f"{_SIGNS[plan.action]} {plan.name}{where}: {said}")
    for change in plan.changes:
        say(f"    {_line(change)}")
    for sentence in plan.effects:
        say(f"    {sentence}")
    for kind, found in (("error", plan.errors), ("warning", plan.warnings)):
        for key, sentences in found.items():
            for sentence in sentences:
                say(f"    {kind}: {f'{key}: ' if key else ''}{sentence}")


def _line(change: Change) -> str:
    """One option that differs, as in a diff."""
    if change.how == "added":
        return f"+ {change.key} = {_text(change.new)}"
    if change.how == "removed":
        return f"- {change.key} (was {_text(change.old)})"
    if change.how == "unknown":
        return f"? {change.key}: the worker does not show it, so nobody can say whether it differs"
    return f"~ {change.key}: {_text(change.old)} → {_text(change.new)}"


def _text(value: str | None) -> str:
    return "null" if value is None else value

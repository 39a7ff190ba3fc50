"""``connectkit connectors …``: look at, make and steer the connectors of a running worker or cluster."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connectkit.errors import ConfigError, ConnectError
from connectkit.runner.cli import remote
from connectkit.runner.cli.remote import complain, open_client, print_json, print_table, say

if TYPE_CHECKING:
    from connectkit.runner.client.http import RestClient
    from connectkit.runner.client.states import Wanted

DESCRIPTION = f"""\
Look at, make and steer the connectors of a running worker or cluster.

{remote.REACHING}
"""

EXAMPLES = """\
examples:
  connectkit connectors list
  connectkit connectors create orders.json --wait
  connectkit connectors status orders
  connectkit connectors restart orders --only-failed --wait 120
  connectkit connectors offsets orders --set offsets.json
  connectkit connectors logs orders --follow
  connectkit connectors list --url https://connect:8083 --token-file ~/.connect-token --json
"""

WAIT_S = 60.0


def add(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the command to the parser's."""
    form = argparse.RawDescriptionHelpFormatter
    parser = commands.add_parser(
        "connectors",
        help="steer the connectors of a running worker",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=form,
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    where = remote.where_parser()
    as_json = argparse.ArgumentParser(add_help=False)
    as_json.add_argument("--json", action="store_true", help="print JSON")

    def action(
        name: str, help_: str, run: Callable[[argparse.Namespace], int], *, wait: str = "", names: str = ""
    ) -> argparse.ArgumentParser:
        made: argparse.ArgumentParser = actions.add_parser(
            name, parents=[common, where, as_json], help=help_, description=f"{help_.capitalize()}."
        )
        if names:
            made.add_argument("names", metavar="NAME", nargs=names, help="a connector")
        if wait:
            made.add_argument(
                "--wait",
                metavar="SECONDS",
                nargs="?",
                type=float,
                const=WAIT_S,
                help=f"until {wait} ({WAIT_S:g} s at most, if nothing else is said)",
            )
        made.set_defaults(run=run)
        return made

    action("list", "list the connectors with their states", _list)
    action("show", "show configurations, without their secrets", _show, names="+")
    makes = action("create", "create a connector that is not there yet", _create, wait="its tasks run")
    makes.add_argument("file", metavar="FILE", type=Path, help="the connector, as properties or JSON")
    applies = action("apply", "create connectors or change them, as their files say", _apply, wait="they run")
    applies.add_argument("files", metavar="FILE|DIR", nargs="+", type=Path, help="connectors' files")
    action("status", "show what connectors and tasks are doing", _status, names="*")
    action("pause", "let tasks rest, and keep them", _pause, wait="they rest", names="+")
    action("resume", "go on after pause or stop", _resume, wait="they run", names="+")
    action("stop", "end the tasks, and keep the connector", _stop, wait="there are none", names="+")
    again = action("restart", "restart connectors, or tasks", _restart, wait="they run", names="+")
    again.add_argument("--only-failed", action="store_true", help="only what has failed, tasks included")
    again.add_argument("--connector-only", action="store_true", help="not its tasks")
    again.add_argument("--task", type=int, metavar="N", help="only this task")
    offsets = action("offsets", "show where connectors go on, or say where", _offsets)
    offsets.add_argument("name", metavar="NAME", help="a connector, stopped if its offsets are to change")
    change = offsets.add_mutually_exclusive_group()
    change.add_argument("--set", metavar="FILE", type=Path, help="the offsets, as this command prints them")
    change.add_argument("--reset", action="store_true", help="forget them all")
    action("delete", "delete connectors; their offsets stay", _delete, wait="they are gone", names="+")
    logs = action("logs", "show a connector's last log lines", _logs)
    logs.add_argument("name", metavar="NAME", help="a connector")
    logs.add_argument("-n", dest="count", metavar="N", type=int, default=100, help="how many (default: 100)")
    logs.add_argument("--follow", "-f", action="store_true", help="go on as lines come, until Ctrl-C")
    logs.add_argument("--task", type=int, metavar="N", help="only those of this task")
    logs.add_argument(
        "--level", choices=["debug", "info", "warn", "error"], default="debug", help="the least to show"
    )


def _list(parsed: argparse.Namespace) -> int:
    from connectkit.runner.client.looking import listed

    client = open_client(parsed)
    found = listed(client)
    if parsed.json:
        print_json([each.as_json() for each in found])
        return 0
    rows: list[list[Any]] = []
    for each in found:
        row = [each.name, each.type, each.health, f"{each.running}/{each.tasks}"]
        rows.append([*row, each.rate_per_s, each.lag] if client.is_ours else row)
    heads = ["NAME", "TYPE", "STATE", "TASKS RUNNING"]
    print_table([*heads, "RECORDS/S", "LAG"] if client.is_ours else heads, rows)
    return 0


def _show(parsed: argparse.Namespace) -> int:
    from connectkit.plugin import plugins
    from connectkit.runner.client.http import connector_path
    from connectkit.runner.client.secrets import Curtain

    client = open_client(parsed)
    curtain = Curtain(client, plugins)
    shown = []
    for name in parsed.names:
        found = client.get(connector_path(name), wanted=dict)
        shown.append({**found, "config": curtain.shown(found.get("config") or {})})
    if parsed.json:
        print_json(shown if len(shown) > 1 else shown[0])
        return 0
    for found in shown:
        say(f"{found['name']}: a {found.get('type')} connector, tasks: {len(found.get('tasks') or ())}")
        remote.print_config(found["config"])
    return 0


def _create(parsed: argparse.Namespace) -> int:
    from connectkit.plugin import plugins
    from connectkit.runner.client.secrets import Curtain
    from connectkit.runner.configs.files import read_connector_file

    file = read_connector_file(parsed.file)
    for sentence in file.warnings:
        complain(f"warning: {sentence}")
    client = open_client(parsed)
    curtain = Curtain(client, plugins)
    curtain.shown(file.config)
    body: dict[str, Any] = {"name": file.name, "config": file.config}
    if file.initial_state != "RUNNING":
        body["initial_state"] = file.initial_state
    made = client.ask("POST", "/connectors", body=body)
    wanted: dict[str, Wanted] = {"RUNNING": "RUNNING", "PAUSED": "PAUSED", "STOPPED": "STOPPED"}
    _wait(client, file.name, wanted[file.initial_state], parsed.wait)
    if parsed.json:
        print_json({**made, "config": curtain.shown(made.get("config") or {})})
    else:
        say(f"{file.name}: created")
    return 0


def _apply(parsed: argparse.Namespace) -> int:
    from connectkit.runner.cli.apply import apply_files

    return apply_files(parsed)


def _status(parsed: argparse.Namespace) -> int:
    from connectkit.plugin import plugins
    from connectkit.runner.client.http import connector_path
    from connectkit.runner.client.looking import status_of
    from connectkit.runner.client.secrets import Curtain

    client = open_client(parsed)
    curtain = Curtain(client, plugins)
    found = []
    for name in parsed.names or sorted(client.get("/connectors", wanted=list)):
        status = status_of(client, name)
        if any("trace" in each for each in (status["connector"], *status["tasks"])):
            curtain.shown(
                client.get(connector_path(name, "config"), wanted=dict)
            )  # a trace may quote its secrets
        found.append(status)
    if parsed.json:
        print_json(found if len(found) != 1 or not parsed.names else found[0])
    else:
        for status in found:
            _print_status(status)
    broken = [each for each in found if each["health"] in ("FAILED", "STALLED")]
    return 2 if broken else 0


def _print_status(status: Mapping[str, Any]) -> None:
    from connectkit.runner.client.states import first_line

    more = [
        f"{remote.cell(float(status['rate_per_s']))} records/s"
        if status.get("rate_per_s") is not None
        else "",
        f"lag {remote.cell(status['lag'])}" if status.get("lag") is not None else "",
    ]
    say(", ".join([f"{status['name']}: {status['type']}, {status['health']}", *filter(None, more)]))
    connector = status["connector"]
    if connector.get("trace"):
        say(f"  the connector {connector['state']}: {first_line(connector['trace'])}")
    for task in status["tasks"]:
        parts = [f"  task {task['id']} {task['state']}"]
        if task.get("worker_id"):
            parts.append(f"on {task['worker_id']}")
        if task.get("lag") is not None:
            parts.append(f"lag {remote.cell(task['lag'])}")
        if task.get("last_record_age_s") is not None:
            parts.append(f"last record {task['last_record_age_s']:.0f} s ago")
        if task.get("restarts"):
            parts.append(f"{task['restarts']} restarts")
        if task.get("next_restart_s") is not None:
            parts.append(f"next restart in {task['next_restart_s']:.0f} s")
        say(", ".join(parts))
        if task.get("trace"):
            say(f"    {first_line(task['trace'])}")
        elif task.get("last_error"):
            say(f"    last error: {task['last_error']}")
        if task.get("note"):
            say(f"    {task['note']}")


def _pause(parsed: argparse.Namespace) -> int:
    return _each(parsed, "pause", "PAUSED", "paused")


def _resume(parsed: argparse.Namespace) -> int:
    return _each(parsed, "resume", "RUNNING", "resumed")


def _stop(parsed: argparse.Namespace) -> int:
    return _each(parsed, "stop", "STOPPED", "stopped")


def _delete(parsed: argparse.Namespace) -> int:
    return _each(parsed, "", "gone", "deleted")


def _each(parsed: argparse.Namespace, verb: str, wanted: Wanted, done: str) -> int:
    from connectkit.runner.client.http import connector_path

    def change(client: RestClient, name: str) -> None:
        if verb:
            client.ask("PUT", connector_path(name, verb))
        else:
            client.ask("DELETE", connector_path(name))

    return _on_all(parsed, change, wanted, done)


def _restart(parsed: argparse.Namespace) -> int:
    from connectkit.runner.client.http import connector_path

    if parsed.task is not None and (parsed.only_failed or parsed.connector_only):
        raise ConfigError("--task restarts this task and nothing else: leave the other choice out.")
    if parsed.only_failed and parsed.connector_only:
        query = {"includeTasks": "false", "onlyFailed": "true"}
    else:
        query = {
            "includeTasks": str(not parsed.connector_only).lower(),
            "onlyFailed": str(parsed.only_failed).lower(),
        }

    def change(client: RestClient, name: str) -> None:
        if parsed.task is not None:
            client.ask("POST", connector_path(name, "tasks", str(parsed.task), "restart"))
        else:
            client.ask("POST", connector_path(name, "restart"), query=query)

    return _on_all(parsed, change, "RUNNING", "restarted")


def _on_all(
    parsed: argparse.Namespace, change: Callable[[RestClient, str], None], wanted: Wanted, done: str
) -> int:
    """Change each connector; the others are done even if one fails."""
    client = open_client(parsed)
    results: list[dict[str, Any]] = []
    for name in parsed.names:
        try:
            change(client, name)
            _wait(client, name, wanted, parsed.wait)
        except ConnectError as exc:
            results.append({"name": name, "done": False, "error": str(exc)})
            if not parsed.json:
                complain(f"{name}: {exc}")
        else:
            results.append({"name": name, "done": True})
            if not parsed.json:
                say(f"{name}: {done}")
    if parsed.json:
        print_json(results)
    return 0 if all(each["done"] for each in results) else 2


def _wait(client: RestClient, name: str, wanted: Wanted, seconds: float | None) -> None:
    from connectkit.runner.client.states import wait_for

    if seconds is not None:
        wait_for(client, name, wanted, timeout_s=seconds)


def _offsets(parsed: argparse.Namespace) -> int:
    from connectkit.runner.client.http import connector_path

    client = open_client(parsed)
    path = connector_path(parsed.name, "offsets")
    if parsed.reset or parsed.set is not None:
        body = None if parsed.set is None else _read_offsets(parsed.set)
        answer = client.ask("DELETE" if body is None else "PATCH", path, body=body)
        if parsed.json:
            print_json(answer)
        else:
            say(f"{parsed.name}: {(answer or {}).get('message')}")
        return 0
    found = client.get(path, wanted=dict)
    if parsed.json:
        print_json(found)
        return 0
    for each in found.get("offsets") or ():
        say(f"{_compact(each.get('partition'))}  {_compact(each.get('offset'))}")
    if not found.get("offsets"):
        say(f"{parsed.name} has no offsets yet")
    return 0


def _read_offsets(path: Path) -> Any:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as exc:
        raise ConfigError(f"{path} cannot be read.") from exc
    except ValueError as exc:
        raise ConfigError(f'{path} is not JSON; it must be {{"offsets": […]}}.') from exc
    if isinstance(found, list):
        found = {"offsets": found}
    if not isinstance(found, dict) or not isinstance(found.get("offsets"), list):
        raise ConfigError(f'{path} must hold {{"offsets": [{{"partition": {{…}}, "offset": {{…}}}}]}}.')
    return found


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _logs(parsed: argparse.Namespace) -> int:
    import time

    from connectkit.runner.client.looking import new_lines

    client = open_client(parsed)
    if not client.is_ours:
        raise ConnectError(
            f"{client.url} is no worker of connectkit, and Kafka Connect does not give out its log over REST."
        )
    last: list[Any] = []
    count = min(max(parsed.count, 1), 1000)
    while True:
        found = _log_lines(client, parsed, count)
        for line in new_lines(last, found):
            if parsed.json:
                say(json.dumps(line, ensure_ascii=False))
            else:
                task = "" if line.get("task") is None else f"task {line['task']}: "
                say(f"{line['time']} {line['level']:<7} {task}{line['message']}")
                for each in line.get("trace") or ():
                    say(f"    {each}")
        if not parsed.follow:
            if not found:
                complain(f"{parsed.name} has logged nothing of this level yet")
            return 0
        last, count = found, 1000
        time.sleep(1.0)


def _log_lines(client: RestClient, parsed: argparse.Namespace, count: int) -> list[Any]:
    from urllib.parse import quote

    query = {"tail": str(count), "level": parsed.level}
    if parsed.task is not None:
        query["task"] = str(parsed.task)
    answer = client.get(f"/connectkit/connectors/{quote(parsed.name, safe='')}/logs", query, wanted=dict)
    return list(answer.get("lines") or ())

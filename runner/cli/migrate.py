"""``connectkit migrate check URL``: what of a running cluster's connectors would run here."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from connectkit.runner.cli import remote
from connectkit.runner.cli.remote import open_client, print_json, say

if TYPE_CHECKING:
    from connectkit.runner.client.http import RestClient
    from connectkit.runner.client.migration import Checked, Options

DESCRIPTION = """\
Read the connectors of a running Kafka Connect cluster, and say of each, of its converters, transforms and
predicates, and of every option:

  supported    it runs here under the same configuration
  equivalent   a plugin of another name does it; the configuration must be changed
  lossy        it runs, but something of it is not taken over
  missing      nothing that is installed here does it

Nothing is changed. Exit codes: 0 all is supported, 3 something else, 2 the cluster could not be read,
1 wrong usage.
"""

EXAMPLES = """\
examples:
  connectkit migrate check http://connect:8083
  connectkit migrate check http://connect:8083 orders customers --all
  connectkit migrate check https://connect:8083 --user admin --token-file pw --json
"""


def add(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the command to the parser's."""
    parser = commands.add_parser(
        "migrate",
        help="say what of a Java cluster would run here",
        description="Move connectors of a Java cluster here.",
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    check = actions.add_parser(
        "check",
        parents=[common, remote.where_parser(with_url=False)],
        help="say what is supported, equivalent, lossy or missing",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    check.add_argument("cluster", metavar="URL", help="the REST interface of any of its workers")
    check.add_argument("names", metavar="NAME", nargs="*", help="only these connectors")
    check.add_argument("--all", action="store_true", help="list also every option that is supported")
    check.add_argument("--json", action="store_true", help="print everything as JSON")
    check.set_defaults(run=migrate_check)


def migrate_check(parsed: argparse.Namespace) -> int:
    """Print the verdicts; 3 if something is not supported."""
    from connectkit.runner.client.migration import counts

    client = open_client(parsed, url=parsed.cluster)
    names = parsed.names or sorted(client.get("/connectors", wanted=list))
    checked = [_check(client, name) for name in names]
    number = counts(checked)
    if parsed.json:
        print_json(
            {
                "url": client.url,
                "version": client.version,
                "connectors": [each.as_json() for each in checked],
                "summary": number,
            }
        )
    else:
        say(f"{client.url} is Kafka Connect {client.version} with {_some(len(names), 'connector')}")
        for each in checked:
            _print(each, parsed.all)
        said = [f"{count} {verdict}" for verdict, count in number.items() if count]
        say(f"\n{_some(len(checked), 'connector')}: {', '.join(said) or 'nothing to move'}".lstrip("\n"))
    sys.stdout.flush()
    return 0 if number["supported"] == len(checked) else 3


def _check(client: RestClient, name: str) -> Checked:
    from connectkit.plugin import plugins
    from connectkit.runner.client.http import AnsweredError, connector_path
    from connectkit.runner.client.migration import check_connector
    from connectkit.runner.client.secrets import Curtain

    info: Mapping[str, Any] = client.get(connector_path(name), wanted=dict)
    config = info.get("config") or {}
    Curtain(client, plugins).shown(config)  # no sentence may quote what is secret in it
    try:
        offsets = client.get(connector_path(name, "offsets"), wanted=dict).get("offsets")
    except AnsweredError:  # Kafka before 3.5, or no brokers to ask
        offsets = None
    kind = str(info.get("type") or "unknown")
    return check_connector(
        name, kind, config, plugins, options_of(client), has_offsets=bool(offsets) or kind == "sink"
    )


def options_of(client: RestClient) -> Options:
    """Asks the cluster for the options of its plugins, each once."""
    from connectkit.runner.client.secrets import definitions

    known: dict[str, frozenset[str] | None] = {}

    def ask(plugin: str) -> frozenset[str] | None:
        if plugin not in known:
            found = definitions(client, plugin)
            known[plugin] = frozenset(str(each.get("name")) for each in found) if found else None
        return known[plugin]

    return ask


def _print(checked: Checked, everything: bool) -> None:
    say(f"{checked.name} ({checked.type}): {checked.verdict}")
    shown: Sequence[Any] = [
        each
        for each in checked.findings
        if everything or each.verdict != "supported" or each.kind not in ("option", "offsets")
    ]
    for each in shown:
        what = each.key if each.kind == "option" else f"{each.key} = {each.name}"
        what = "offsets" if each.kind == "offsets" else what
        say(f"    {each.verdict:<10}  {what}: {each.sentence}")
    if left := len(checked.findings) - len(shown):
        say(f"    supported   {left} more")
    for sentence in checked.notes:
        say(f"    note: {sentence}")


def _some(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"

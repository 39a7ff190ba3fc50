"""What the commands that talk to a worker share: whom they ask, as whom, tables, and JSON."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connectkit.errors import ConfigError
from connectkit.runner.cli.terminal import printable

if TYPE_CHECKING:
    from connectkit.runner.client.http import RestClient

URL = "CONNECTKIT_URL"
TOKEN = "CONNECTKIT_TOKEN"  # noqa: S105 - the name of a variable
TOKEN_FILE = "CONNECTKIT_TOKEN_FILE"  # noqa: S105 - the name of a variable
DEFAULT = "http://127.0.0.1:8083"

REACHING = f"""\
The worker is the one of --url, or of {URL} ({DEFAULT} if neither is given): connectkit's,
or a Java cluster's. A token comes from --token-file, {TOKEN_FILE}, {TOKEN} or --token (which other
users of this machine can see); with --user it is sent as that user's password.
Exit codes: 0 done, 2 something failed, 1 wrong usage."""


def where_parser(*, with_url: bool = True) -> argparse.ArgumentParser:
    """The options that say which worker is asked (unless an argument does), and as whom."""
    parser = argparse.ArgumentParser(add_help=False)
    where = parser.add_argument_group("the worker")
    if with_url:
        where.add_argument("--url", metavar="URL", help=f"the worker's REST interface (default: {DEFAULT})")
    where.add_argument("--token-file", metavar="FILE", type=Path, help="a file that holds the token")
    where.add_argument("--token", metavar="TOKEN", help="the token itself")
    where.add_argument("--user", metavar="NAME", help="send the token as this user's password")
    where.add_argument("--ca", metavar="FILE", type=Path, help="the authority of the worker's certificate")
    where.add_argument("--cert", metavar="FILE", type=Path, help="your certificate, with its key")
    where.add_argument("--key", metavar="FILE", type=Path, help="the key, if it is in a file of its own")
    where.add_argument(
        "--retry",
        metavar="SECONDS",
        type=float,
        default=60.0,
        help="ask again for so long while a cluster is rebalancing (default: 60)",
    )
    return parser


def open_client(parsed: argparse.Namespace, *, url: str | None = None) -> RestClient:
    """The client that the options describe; ``ConfigError`` for a token's file that is none."""
    from connectkit.runner.client.http import Access, RestClient
    from connectkit.secret import Secret

    token = _token(parsed)
    access = Access(
        url=url or parsed.url or os.environ.get(URL) or DEFAULT,
        token=None if token is None else Secret(token),
        user=parsed.user,
        ca=parsed.ca,
        certificate=parsed.cert,
        key=parsed.key,
    )
    client = RestClient(access, retry_s=parsed.retry)
    if client.warning is not None:
        sys.stderr.write(f"warning: {client.warning}\n")
    return client


def _token(parsed: argparse.Namespace) -> str | None:
    if parsed.token:
        return str(parsed.token).strip()
    given = parsed.token_file or os.environ.get(TOKEN_FILE)
    if given:
        try:
            text = Path(given).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as exc:
            raise ConfigError(f"The token's file {given} cannot be read.") from exc
        if not text:
            raise ConfigError(f"The token's file {given} is empty.")
        return text
    return (os.environ.get(TOKEN) or "").strip() or None


def print_json(value: Any) -> None:
    """One JSON value, for programs."""
    from connectkit.secret import GIVEN

    print(GIVEN.hidden_in(json.dumps(value, ensure_ascii=False, indent=2)))


def print_table(heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Columns as wide as what is in them; None is a dash."""
    texts = [[cell(each) for each in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(heads, *texts)]
    for row in [list(heads), *texts]:
        say("  ".join(f"{text:<{width}}" for text, width in zip(row, widths)))


def say(text: str) -> None:
    """One line; what came from elsewhere moves no cursor and shows no secret that is known."""
    from connectkit.secret import GIVEN

    print(printable(GIVEN.hidden_in(text)).rstrip())


def complain(text: str) -> None:
    """One line of an error."""
    from connectkit.secret import GIVEN

    for line in GIVEN.hidden_in(text).splitlines():
        sys.stderr.write(f"{printable(line)}\n")


def cell(value: Any) -> str:
    """A value as it stands in a table."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.1f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def print_config(config: Mapping[str, str | None], *, indent: str = "  ") -> None:
    """A configuration, a key a line, in the keys' order."""
    width = max(map(len, config), default=0)
    for key in sorted(config):
        value = config[key]
        say(f"{indent}{key:<{width}}  {'(null)' if value is None else value}")

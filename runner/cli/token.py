"""``connectkit token``: make a token for the REST interface, and the lines for the worker's file."""

from __future__ import annotations

import argparse
import re
import sys
from typing import Any

from connectkit.errors import ConfigError

DESCRIPTION = """\
Make a token that lets somebody use a worker's REST interface.

The token is printed once and kept nowhere; the worker's file gets only its hash. A client sends it as
'Authorization: Bearer TOKEN', or as the password of NAME where it knows no other way.
"""

EXAMPLES = """\
examples:
  connectkit token grafana                                 may look at everything
  connectkit token ci --role admin:orders- --role read     may change connectors named orders-…
  printf %s "$TOKEN" | connectkit token ci --stdin         only the hash of one that exists

Several principals: list them all in rest.principals, with commas between.
"""

LEAST_CHARS = 20


def add(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the command to the parser's."""
    parser = commands.add_parser(
        "token",
        parents=[common],
        help="make a token for the REST interface",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", metavar="NAME", help="who will use it: letters, digits, '-' and '_'")
    parser.add_argument(
        "--role",
        action="append",
        metavar="ROLE[:PREFIX]",
        help="read, operate or admin, for all connectors or those whose names begin so (default: read)",
    )
    parser.add_argument("--stdin", action="store_true", help="read a token that exists, and print its hash")
    parser.set_defaults(run=token)


def token(parsed: argparse.Namespace) -> int:
    """Print the token, and the lines for the worker's file that hold its hash."""
    from secrets import token_urlsafe

    from connectkit.runner.rest.security_principals import PREFIX, read_principals, token_hash

    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", parsed.name):
        raise ConfigError("A name holds 1 to 64 letters, digits, '-' and '_'.")
    if parsed.stdin:
        made = sys.stdin.read().strip()
        if len(made) < LEAST_CHARS:
            raise ConfigError(f"A token needs {LEAST_CHARS} characters at least: make one without --stdin.")
    else:
        made = token_urlsafe(32)
    key = f"{PREFIX}{parsed.name}"
    lines = {
        "rest.principals": parsed.name,
        f"{key}.roles": ", ".join(parsed.role or ["read"]),
        f"{key}.token.hash": token_hash(made),
    }
    read_principals(lines)  # says what is wrong with the roles
    if not parsed.stdin:
        print(f"# The token of {parsed.name}, which is shown only here:\n#   {made}\n#")
    print("# For the worker's file:")
    for name, value in lines.items():
        print(f"{name}={value}")
    return 0

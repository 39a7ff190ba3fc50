"""The values of REST's options in a worker's file: listeners, and rules for headers of answers.

Source: spec runtime 3.2. Only texts are looked at here; sockets are opened by
:mod:`connectkit.runner.rest.listeners`. Immutable.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from connectkit.suggest import shortened

DEFAULT_LISTENER: Final = "http://127.0.0.1:8083"
_PATTERN: Final = re.compile(r"(.*)://\[?([0-9a-zA-Z\-%._:]*)\]?:(-?[0-9]+)/?")
_ACTIONS: Final = ("set", "add", "setdate", "adddate")


@dataclass(frozen=True, slots=True)
class Listener:
    """One address; an empty host is every interface, port 0 any port that is free."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether nobody but this machine can reach it."""
        return self.host == "localhost" or self.host == "::1" or self.host.startswith("127.")


def parse_listener(text: str) -> Listener:
    """A listener's URL; ``ValueError`` says what is wrong with it."""
    found = _PATTERN.fullmatch(text.strip())
    if found is None:
        raise ValueError(
            f"must be of addresses such as http://127.0.0.1:8083, and '{shortened(text)}' is none"
        )
    scheme, host, port = found[1].lower(), found[2], int(found[3])
    if scheme not in ("http", "https"):
        raise ValueError(f"must begin with http:// or https://, and '{shortened(text)}' does not")
    if not 0 <= port < 65536:
        raise ValueError(f"must have ports from 0 to 65535, and '{shortened(text)}' has another")
    return Listener(scheme, host, port)


def are_listeners(items: Sequence[str]) -> str | None:
    """The check of ``listeners`` and ``admin.listeners``."""
    for each in items:
        try:
            parse_listener(each)
        except ValueError as exc:
            return str(exc)
    return None


@dataclass(frozen=True, slots=True)
class Rule:
    """One header to put on every answer; dates are moved by ``value`` milliseconds from now."""

    action: str
    name: str
    value: str


def header_rules(text: str) -> list[Rule]:
    """The rules of ``response.http.headers.config``; ``ValueError`` with the first that is none."""
    return [
        _rule(each.strip())
        for row in csv.reader([text], skipinitialspace=True)
        for each in row
        if each.strip()
    ]


def _rule(text: str) -> Rule:
    action, _, rest = text.partition(" ")
    name, colon, value = rest.strip().partition(":")
    name, value = name.strip(), value.strip()
    if action.lower() not in _ACTIONS:
        raise ValueError(f"must begin with set, add, setDate or addDate, and '{shortened(text)}' does not")
    if not colon or ":" in value or not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name):
        raise ValueError(f"must be of rules 'action name:value', and '{shortened(text)}' is none")
    if any(ord(char) < 32 or ord(char) == 127 for char in value):
        raise ValueError(f"has a control character in '{shortened(name)}'")
    if "date" in action.lower() and not re.fullmatch(r"-?\d{1,15}", value):
        raise ValueError(f"must have a number of milliseconds after the name of '{shortened(text)}'")
    return Rule(action.lower(), name, value)


def is_header_rules(text: str) -> str | None:
    """The check of ``response.http.headers.config``."""
    try:
        header_rules(text)
    except ValueError as exc:
        return str(exc)
    return None

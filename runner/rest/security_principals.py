"""Who may do what: principals, their roles, and the connectors that a role is for.

A role is ``read`` (look), ``operate`` (pause, resume, stop, restart as well) or ``admin`` (everything),
for all connectors or for those whose names begin with a prefix. What no single connector is meant by
(log levels) needs a role that has no prefix; what only looks needs any role. Tokens are kept as SHA-256
hashes, which is enough for the long random ones that ``connectkit token`` makes. Immutable.
Source: spec reliability 3.3.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Final

from connectkit.errors import ConfigError
from connectkit.kinds import split_list
from connectkit.suggest import did_you_mean, shortened

PREFIX: Final = "rest.principals."
TOKEN_HASH, COMMON_NAME, ROLES = "token.hash", "certificate.cn", "roles"
_HASH: Final = re.compile(r"sha256:[0-9a-f]{64}")
_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Role(IntEnum):
    """What a principal may do; a higher one may do what a lower one may."""

    READ = 1
    OPERATE = 2
    ADMIN = 3


@dataclass(frozen=True, slots=True)
class Grant:
    """A role for the connectors whose names begin with ``prefix``; with none, for everything."""

    role: Role
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody who was recognized, or anybody where nobody is asked."""

    name: str
    grants: tuple[Grant, ...]

    def may(self, role: Role, connector: str | None) -> bool:
        """Whether this role is granted for a connector; None: for what belongs to no single one."""
        if connector is None:
            return any(
                grant.role >= role and (role is Role.READ or not grant.prefix) for grant in self.grants
            )
        return any(grant.role >= role and connector.startswith(grant.prefix) for grant in self.grants)

    def may_some(self, role: Role) -> bool:
        """Whether this role is granted for any connector at all."""
        return any(grant.role >= role for grant in self.grants)

    @property
    def sees_all(self) -> bool:
        """Whether every connector may be looked at."""
        return any(not grant.prefix for grant in self.grants)

    def visible(self, connectors: Iterable[str]) -> list[str]:
        """Those of the connectors that may be looked at."""
        return [name for name in connectors if self.may(Role.READ, name)]


PRINCIPAL: Final = "connectkit.principal"
"""Where the scope of a request that was let through holds its :class:`Principal`."""
ANYBODY: Final = Principal("anonymous", (Grant(Role.ADMIN),))
"""Who acts where no authentication is set."""


@dataclass(frozen=True, slots=True)
class Principals:
    """All principals of a worker. None at all: nobody is asked who they are."""

    by_hash: Mapping[str, Principal] = field(default_factory=dict)
    by_common_name: Mapping[str, Principal] = field(default_factory=dict)
    any_certificate: bool = False
    """Whoever has a certificate that the TLS layer accepted may do everything (as in Kafka Connect)."""

    @property
    def required(self) -> bool:
        """Whether a request has to say whose it is."""
        return bool(self.by_hash or self.by_common_name or self.any_certificate)

    def recognize(self, authorization: str | None, common_name: str | None) -> Principal | None:
        """Who sends a request with this header and this client certificate; None if nobody that is known."""
        if authorization is not None:
            name, token = _credentials(authorization)
            found = None if token is None else self._by_token(token)
            return found if found is None or name in (None, "", found.name) else None
        if common_name is None:
            return None
        found = self.by_common_name.get(common_name)
        if found is None and self.any_certificate:
            return Principal(shortened(common_name), ANYBODY.grants)
        return found

    def _by_token(self, token: str) -> Principal | None:
        presented = token_hash(token)
        found = None
        for known, principal in self.by_hash.items():  # all of them, so that time tells nothing
            if hmac.compare_digest(known, presented):
                found = principal
        return found


def token_hash(token: str) -> str:
    """The form in which a worker's file holds a token."""
    return "sha256:" + hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _credentials(authorization: str) -> tuple[str | None, str | None]:
    """User name (if the scheme has one) and token of an ``Authorization`` header."""
    scheme, _, rest = authorization.strip().partition(" ")
    if scheme.lower() == "bearer":
        return None, rest.strip()
    if scheme.lower() == "basic":
        try:
            decoded = base64.b64decode(rest.strip(), validate=True).decode()
        except (binascii.Error, ValueError):
            return None, None
        name, colon, token = decoded.partition(":")
        return (name, token) if colon else (None, None)
    return None, None


def read_principals(
    worker: Mapping[str, Any], *, certificates: bool = False, required: bool = False
) -> Principals:
    """The principals that a worker's file declares; ``ConfigError`` with all mistakes.

    ``certificates``: TLS asks clients for theirs; if it is ``required`` and no principal is declared, any
    that TLS accepts will do.
    """
    names = [name for name in split_list(str(worker.get("rest.principals") or "")) if name]
    problems: dict[str, list[str]] = {}
    by_hash: dict[str, Principal] = {}
    by_common_name: dict[str, Principal] = {}
    for name in dict.fromkeys(names):
        if not _NAME.fullmatch(name):
            problems.setdefault("rest.principals", []).append(
                f"has the name '{shortened(name)}', and names hold letters, digits, '-' and '_' only"
            )
            continue
        key = f"{PREFIX}{name}."
        principal = Principal(name, _grants(worker.get(key + ROLES), key + ROLES, problems))
        hashes = split_list(str(worker.get(key + TOKEN_HASH) or ""))
        common_names = split_list(str(worker.get(key + COMMON_NAME) or ""))
        for each in filter(None, hashes):
            if not _HASH.fullmatch(each):
                problems[key + TOKEN_HASH] = [
                    "must be sha256: and 64 hexadecimal digits, as 'connectkit token' prints it"
                ]
            elif by_hash.setdefault(each, principal) is not principal:
                problems[key + TOKEN_HASH] = ["is another principal's as well"]
        for each in filter(None, common_names):
            if by_common_name.setdefault(each, principal) is not principal:
                problems[key + COMMON_NAME] = ["is another principal's as well"]
        if not (any(hashes) or any(common_names)):
            problems[f"{key}{TOKEN_HASH}"] = [f"is missing, and so is {key}{COMMON_NAME}; one is needed"]
        if any(common_names) and not certificates:
            problems[key + COMMON_NAME] = [
                "has no effect without ssl.client.auth=required (or requested) and an https listener"
            ]
    _find_strays(worker, names, problems)
    if problems:
        raise ConfigError(problems=problems)
    return Principals(by_hash, by_common_name, any_certificate=required and not names)


def _grants(text: Any, key: str, problems: dict[str, list[str]]) -> tuple[Grant, ...]:
    roles = {role.name.lower(): role for role in Role}
    made = []
    for each in filter(None, split_list(str(text or ""))):
        name, _, prefix = each.partition(":")
        if name.lower() not in roles:
            problems.setdefault(key, []).append(
                f"has '{shortened(name)}', and roles are read, operate and admin{did_you_mean(name, roles)}"
            )
        else:
            made.append(Grant(roles[name.lower()], prefix.removesuffix("*")))
    if not made and key not in problems:
        problems[key] = ["is missing: read, operate or admin, each perhaps with :PREFIX of connectors' names"]
    return tuple(made)


def _find_strays(worker: Mapping[str, Any], names: Sequence[str], problems: dict[str, list[str]]) -> None:
    """Keys under the prefix that nobody reads: a misspelt one could leave a door open."""
    parts = (TOKEN_HASH, COMMON_NAME, ROLES)
    for key in worker:
        if not key.startswith(PREFIX):
            continue
        name, _, part = key.removeprefix(PREFIX).partition(".")
        if name not in names:
            problems[key] = [
                f"is about a principal that rest.principals does not name{did_you_mean(name, names)}"
            ]
        elif part not in parts:
            problems[key] = [f"is no option of a principal{did_you_mean(part, parts)}"]

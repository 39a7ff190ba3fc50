"""What a worker's file says about who may use its REST interface, and how much of it.

The interface listens on loopback only, unless clients have to say who they are (tokens, certificates) or
the file says ``rest.allow.unauthenticated=true``. Immutable. Source: spec reliability 3.3.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from connectkit.errors import ConfigError
from connectkit.runner.configs.worker import WorkerConfig
from connectkit.runner.rest.security_principals import Principals, read_principals

LOOPBACK_NAMES: Final = frozenset(("localhost", "ip6-localhost", "localhost.localdomain"))
WRITE_BURST_S: Final = 100.0
"""Writes that were not made in this time may be made at once: who deploys many connectors is no flood."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SecuritySettings:
    """All that the middlewares and the protocol go by; the defaults are the worker's."""

    principals: Principals = field(default_factory=Principals)
    allow_unauthenticated: bool = False
    allowed_hosts: frozenset[str] = frozenset()
    """Names (lower-case) that a ``Host`` header may hold beside loopback and addresses; ``*``: any."""
    allow_origins: str = ""
    """``access.control.allow.origin``: whose pages may change something from elsewhere."""
    max_body_bytes: int = 1024 * 1024
    max_header_bytes: int = 16 * 1024
    max_connections: int = 100
    header_timeout_s: float = 10.0
    body_timeout_s: float = 30.0
    keep_alive_s: float = 75.0
    writes_per_s: float = 10.0
    """Changes a second over a longer time; 0: as many as may come."""

    @classmethod
    def from_raw(cls, raw: Mapping[str, Any]) -> SecuritySettings:
        """Only who may use it, of a worker's file that may have other mistakes."""
        unauthenticated = str(raw.get("rest.allow.unauthenticated") or "").strip().lower() == "true"
        return cls(principals=_principals(raw), allow_unauthenticated=unauthenticated)

    @classmethod
    def of(cls, config: WorkerConfig) -> SecuritySettings:
        """The settings of a worker's configuration; ``ConfigError`` with all that is wrong with them."""
        values = config.originals
        hosts = {*config.rest_allowed_hosts, str(values.get("rest.advertised.host.name") or "")} - {""}
        return cls(
            principals=_principals(values),
            allow_unauthenticated=config.rest_allow_unauthenticated,
            allowed_hosts=frozenset(host.strip().lower() for host in hosts),
            allow_origins=str(values.get("access.control.allow.origin") or ""),
            max_body_bytes=config.rest_max_body_bytes,
            max_header_bytes=config.rest_max_header_bytes,
            max_connections=config.rest_max_connections,
            header_timeout_s=config.rest_header_timeout_ms / 1000,
            body_timeout_s=config.rest_body_timeout_ms / 1000,
            writes_per_s=config.rest_writes_per_second,
        )

    @property
    def authentication(self) -> str:
        """How clients say who they are, in a word."""
        found = self.principals
        ways = ["tokens"] if found.by_hash else []
        if found.by_common_name or found.any_certificate:
            ways.append("certificates")
        return " and ".join(ways) or "none"

    def check_listeners(self, hosts: Iterable[str]) -> list[str]:
        """Sentences to log about listening on these hosts ("" for all interfaces).

        ``ConfigError`` if that would open the worker to a network without asking anybody who they are.
        """
        far = [host for host in hosts if not is_loopback(host)]
        if not far or self.principals.required:
            return []
        shown = ", ".join(host or "all interfaces" for host in far)
        if not self.allow_unauthenticated:
            found = (
                f"would let anybody who reaches {shown} control this worker: declare who may do what in "
                "rest.principals, listen on 127.0.0.1, or say rest.allow.unauthenticated=true"
            )
            raise ConfigError(problems={"listeners": [found]})
        sentence = (
            f"The REST interface listens on {shown} and asks nobody who they are "
            "(rest.allow.unauthenticated=true): whoever reaches it controls this worker"
        )
        return [sentence]


def _principals(values: Mapping[str, Any]) -> Principals:
    keys = ("ssl.client.auth", "listeners.https.ssl.client.auth", "admin.listeners.https.ssl.client.auth")
    asked = {str(values.get(key) or "").strip().lower() for key in keys}
    return read_principals(
        values, certificates=bool(asked & {"required", "requested"}), required="required" in asked
    )


def is_loopback(host: str) -> bool:
    """Whether a listener on this host can be reached from this machine only."""
    name = host.strip().strip("[]").lower()
    if name in LOOPBACK_NAMES or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name.partition("%")[0]).is_loopback
    except ValueError:
        return False

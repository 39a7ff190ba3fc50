"""Where REST listens and what it calls itself.

Source: spec runtime 3.2. Beyond Kafka, the default is the loopback interface, and ``listeners=`` turns
REST off. Sockets are opened before anything else is started, so that a port that is taken is known early.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from connectkit.errors import ConfigError
from connectkit.runner.configs.rest import DEFAULT_LISTENER, Listener, parse_listener

if TYPE_CHECKING:
    from connectkit.runner.configs.worker import WorkerConfig


@dataclass(slots=True)
class Bound:
    """A listener with its socket."""

    listener: Listener
    socket: socket.socket
    port: int
    """The port that is really used."""

    @property
    def url(self) -> str:
        """How to reach it from this machine."""
        host = self.listener.host
        if host in ("", "0.0.0.0", "::"):  # noqa: S104 - this is a comparison
            host = "localhost"
        return str(Listener(self.listener.scheme, host, self.port))


def main_listeners(config: WorkerConfig) -> list[Listener]:
    """The listeners of Connect's interface; none if it is off."""
    texts = config.listeners if config.listeners is not None else [DEFAULT_LISTENER]
    return [parse_listener(each) for each in texts if each]


def admin_listeners(config: WorkerConfig) -> list[Listener] | None:
    """The listeners of ``/admin`` alone; None if it is on the main ones, empty if it is off."""
    if config.admin_listeners is None:
        return None
    return [parse_listener(each) for each in config.admin_listeners if each]


def bind(listener: Listener, *, backlog: int = 128) -> Bound:
    """Open the socket; ``ConfigError`` if the address cannot be had."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            listener.host or None, listener.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        made = socket.socket(family, kind, protocol)
    except OSError as exc:
        raise ConfigError(problems={"listeners": [_not_bound(listener, exc)]}) from exc
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
        made.listen(backlog)
    except OSError as exc:
        made.close()
        raise ConfigError(problems={"listeners": [_not_bound(listener, exc)]}) from exc
    made.setblocking(False)
    return Bound(listener, made, int(made.getsockname()[1]))


def _not_bound(listener: Listener, error: OSError) -> str:
    return f"nothing can listen on {listener} ({error.strerror}): choose another port, or none (listeners=)"


def advertised_url(config: WorkerConfig, bound: Sequence[Bound]) -> str:
    """The URL under which other workers would reach this one; it ends with a slash."""
    listed = ",".join(config.listeners or [DEFAULT_LISTENER])
    scheme = (config.rest_advertised_listener or "").lower()
    if not scheme:
        scheme = "http" if "http://" in listed.lower() or "https://" not in listed.lower() else "https"
    matching = next((each for each in bound if each.listener.scheme == scheme), None)
    host = config.rest_advertised_host_name or (matching.listener.host if matching else "")
    if host in ("", "0.0.0.0", "::"):  # noqa: S104 - this is a comparison
        host = socket.getfqdn()
    port = config.rest_advertised_port or (matching.port if matching else 0)
    return f"{Listener(scheme, host, port)}/"

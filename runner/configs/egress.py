"""Which addresses a connector may have its converters call: registries, token endpoints.

If the worker's file names registries (in ``registry.urls``, or for its own converters), connectors may name
only their hosts, so that nobody has the worker ask around in its network; if it names none, any host but
those that only a machine itself should ask (link-local addresses, where clouds hand out credentials).
Redirects are not followed by the clients. Pure functions. Source: spec reliability S4.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from connectkit.kinds import split_list
from connectkit.runner.configs.connector import CONVERTERS
from connectkit.suggest import shortened

if TYPE_CHECKING:
    from connectkit.runner.configs.worker import WorkerConfig

OPTION: Final = "registry.urls"
_PREFIXES: Final = tuple(f"{which}." for which in CONVERTERS)
_METADATA_NAMES: Final = frozenset(("metadata", "metadata.google.internal", "instance-data"))


def allowed_hosts(worker: WorkerConfig) -> frozenset[str] | None:
    """The hosts that the worker's file names; None if it names none."""
    own = [text for _, text in _urls(worker.originals)]
    hosts = {host for text in (*worker.registry_urls, *own) if (host := _host(text)) is not None}
    return frozenset(hosts) or None


def url_problems(raw: Mapping[str, Any], worker: WorkerConfig | None) -> Iterator[tuple[str, str]]:
    """Key and sentence for each address in a connector's converter options that may not be called."""
    if worker is not None and any(each.strip() == "*" for each in worker.registry_urls):
        return
    allowed = None if worker is None else allowed_hosts(worker)
    for key, text in _urls(raw):
        host = _host(text)
        if host is not None and (sentence := _problem(host, allowed)) is not None:
            yield key, sentence


def _urls(raw: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The addresses that stand in converter options, each with its key."""
    for key, value in raw.items():
        if isinstance(value, str) and key.endswith(".url") and key.startswith(_PREFIXES):
            for text in split_list(value):
                yield key, text.strip()


def _host(text: str) -> str | None:
    """The host of an http address; None for what is none, which the converter itself judges."""
    try:
        found = urlsplit(text)
        return found.hostname if found.scheme.lower() in ("http", "https") else None
    except ValueError:
        return None


def _problem(host: str, allowed: Collection[str] | None) -> str | None:
    if allowed is not None:
        if host in allowed:
            return None
        return f"names the host '{shortened(host)}', which the worker's file does not: list it in {OPTION}"
    if host in _METADATA_NAMES or _is_link_local(host):
        return f"names '{shortened(host)}', which only this machine itself should ask: list it in {OPTION}"
    return None


def _is_link_local(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_link_local or address == ipaddress.ip_address("fd00:ec2::254")

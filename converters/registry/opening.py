"""The registry that a converter's configuration names.

Converters of one configuration share a registry in memory (``mock://scope``), as Confluent's do; each
has its own client over HTTP. Source: spec registry 1, 6.1.
"""

from __future__ import annotations

import threading
from pathlib import Path

from connectkit.converters.registry.client import RegistryClient
from connectkit.converters.registry.config import RegistryConfig
from connectkit.converters.registry.embedded.registry import EmbeddedRegistry
from connectkit.converters.registry.port import Registry
from connectkit.converters.registry.settings import client_settings

MOCK = "mock://"
EMBEDDED = "embedded:"

_mocks: dict[str, EmbeddedRegistry] = {}
_mocks_lock = threading.Lock()


def open_registry(config: RegistryConfig) -> RegistryClient:
    """A client of the registry; nothing is sent yet. ``ConfigError`` for settings that cannot be met."""
    ttl = config.latest_cache_ttl_sec
    return RegistryClient(
        bare_registry(config),
        size=config.max_schemas_per_subject,
        latest_ttl_s=None if ttl < 0 else float(ttl),
    )


def bare_registry(config: RegistryConfig) -> Registry:
    """The registry itself, which keeps no answers."""
    first = config.schema_registry_url[0]
    if first.startswith(MOCK):
        return mock_registry(first.removeprefix(MOCK))
    if first.startswith(EMBEDDED):
        return EmbeddedRegistry(Path(first.removeprefix(EMBEDDED)))
    from connectkit.converters.registry.http import HttpRegistry  # its libraries are an extra

    return HttpRegistry(client_settings(config))


def mock_registry(scope: str) -> EmbeddedRegistry:
    """The registry in memory that everybody in this process calls by that name."""
    with _mocks_lock:
        found = _mocks.get(scope)
        if found is None:
            found = _mocks[scope] = _SharedRegistry()
        return found


def forget_mock_registry(scope: str) -> None:
    """Begin anew under that name."""
    with _mocks_lock:
        _mocks.pop(scope, None)


class _SharedRegistry(EmbeddedRegistry):
    """One that no converter closes for the others."""

    def close(self) -> None:
        return None

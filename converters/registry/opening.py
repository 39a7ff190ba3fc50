"""The registry that a converter's configuration names.

Converters of one configuration share a registry in memory (``mock://scope``), as Confluent's do; each
has its own client over HTTP. Source: spec registry 1, 6.1.
"""

from __future__ import annotations

import threading
from pathlib import Path

from connectkit.converters.registry.client import Keep, RegistryClient
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
    return RegistryClient(bare_registry(config), keep=keep_of(config))


def keep_of(config: RegistryConfig) -> Keep:
    """What the configuration says of keeping answers."""
    return Keep(
        schemas=config.max_schemas_per_subject,
        latest=config.latest_cache_size,
        latest_ttl_s=_ttl_s(config.latest_cache_ttl_sec),
        subjects=config.subject_name_strategy_cache_size,
        subjects_ttl_s=_ttl_s(config.subject_name_strategy_cache_expiry_secs),
        missing=config.missing_cache_size,
        missing_ttl_s={
            "id": config.missing_id_cache_ttl_sec,
            "guid": config.missing_id_cache_ttl_sec,
            "version": config.missing_version_cache_ttl_sec,
            "lookup": config.missing_schema_cache_ttl_sec,
        },
    )


def _ttl_s(seconds: int) -> float | None:
    return None if seconds < 0 else float(seconds)


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

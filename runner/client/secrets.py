"""Hides the secrets of configurations that a client reads: a Java worker shows all of them.

Hidden are options that a plugin declares as secret (installed here, or asked of the worker), others by the
words of their names, and the user part of URLs. What was hidden is also taken out of every message that is
printed later, as a plugin's own error may quote it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectkit.plugin import Registry
from connectkit.runner.client.http import AnsweredError, RestClient, plugin_path
from connectkit.runner.hiding import hide_from_logs, shown_config

Config = Mapping[str, str | None]


class Curtain:
    """Shows configurations of one worker without their secrets."""

    def __init__(self, client: RestClient | None, registry: Registry) -> None:
        self._client = client
        self._registry = registry
        self._declared: dict[str, frozenset[str]] = {}

    def shown(self, config: Config) -> dict[str, str | None]:
        """The configuration as it may be shown; from now on no message shows what is hidden in it."""
        declared = self._passwords(config.get("connector.class") or "")
        hide_from_logs(config, self._registry, more=declared)
        return shown_config(config, self._registry, more=declared)

    def _passwords(self, plugin: str) -> frozenset[str]:
        """The options of type PASSWORD that the worker's plugin has, asked for once."""
        if not plugin or self._client is None or self._client.is_ours:
            return frozenset()
        if plugin not in self._declared:
            self._declared[plugin] = passwords_of(definitions(self._client, plugin))
        return self._declared[plugin]


def definitions(client: RestClient, plugin: str) -> list[Mapping[str, Any]]:
    """The options of a worker's plugin; none if it does not tell (Kafka before 3.2)."""
    try:
        found = client.get(plugin_path(plugin, "config"))
    except AnsweredError:
        return []
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def passwords_of(found: list[Mapping[str, Any]]) -> frozenset[str]:
    """The names of those of type PASSWORD."""
    return frozenset(str(each.get("name")) for each in found if each.get("type") == "PASSWORD")

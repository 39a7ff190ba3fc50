"""``bootstrap.servers=embedded:DIR``: a durable log in one folder, for one machine, without a broker."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from connectkit.runner.log.embedded.admin import EmbeddedAdmin
from connectkit.runner.log.embedded.catalog import LogSettings
from connectkit.runner.log.embedded.clock import Clock, SystemClock
from connectkit.runner.log.embedded.consumer import EmbeddedConsumer
from connectkit.runner.log.embedded.producer import EmbeddedProducer
from connectkit.runner.log.embedded.store import Store

__all__ = ["EmbeddedLog"]


class EmbeddedLog:
    """The log in ``folder``, created if there is none. Raises ``ConfigError`` if it cannot be one.

    ``config`` may hold the broker settings ``auto.create.topics.enable``, ``num.partitions`` and
    ``log.retention.check.interval.ms``; other keys are left alone. Client settings that only mean
    something on a network (addresses, security, buffers, acknowledgements) are ignored by its clients.
    """

    def __init__(
        self, folder: str | Path, config: Mapping[str, str] | None = None, *, clock: Clock | None = None
    ) -> None:
        self._settings = LogSettings.parse(config or {})
        self._store = Store(Path(folder), clock or SystemClock())

    def producer(self, config: Mapping[str, str]) -> EmbeddedProducer:
        return EmbeddedProducer(self._store, config, self._settings)

    def consumer(self, config: Mapping[str, str]) -> EmbeddedConsumer:
        return EmbeddedConsumer(self._store, config, self._settings)

    def admin(self, config: Mapping[str, str] | None = None) -> EmbeddedAdmin:
        return EmbeddedAdmin(self._store, self._settings)

    def close(self) -> None:
        """Nothing to let go: the clients have the connections."""

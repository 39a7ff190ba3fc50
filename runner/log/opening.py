"""Opens the log that ``bootstrap.servers`` names; librdkafka is loaded only when a broker is meant."""

from __future__ import annotations

from collections.abc import Mapping

from connectkit.errors import ConfigError
from connectkit.runner.log.api import Log

EMBEDDED = "embedded:"


def open_log(bootstrap_servers: str, config: Mapping[str, str] | None = None) -> Log:
    """The log at ``embedded:DIR`` or at a list of brokers.

    ``config`` are settings for all its clients, by Java client property names (``security.protocol`` …);
    for the embedded log the broker settings of ``EmbeddedLog``. A Kafka log connects lazily: an address
    that nobody answers shows in the first call of a client.
    """
    text = bootstrap_servers.strip()
    if text.startswith(EMBEDDED):
        folder = text.removeprefix(EMBEDDED)
        if not folder:
            raise ConfigError(
                problems={"bootstrap.servers": ["embedded: needs a folder, such as embedded:./data"]}
            )
        from connectkit.runner.log.embedded import EmbeddedLog

        return EmbeddedLog(folder, config)
    if not text:
        raise ConfigError(
            problems={
                "bootstrap.servers": ["names no broker; give host:port, or embedded:DIR for a local log"]
            }
        )
    from connectkit.runner.log.kafka import KafkaLog

    return KafkaLog(text, config)

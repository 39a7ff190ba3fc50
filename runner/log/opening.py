"""Opens the log that ``bootstrap.servers`` names; librdkafka is loaded only when a broker is meant."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec

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
    if problem := missing_library(text):
        raise ConfigError(problems={"bootstrap.servers": [problem]})
    from connectkit.runner.log.kafka import KafkaLog

    return KafkaLog(text, config)


def missing_library(bootstrap_servers: str) -> str | None:
    """What is to be installed before the log there can be opened; nothing is imported to find out."""
    if bootstrap_servers.strip().startswith(EMBEDDED) or find_spec("confluent_kafka") is not None:
        return None
    return "names brokers, which needs the extra 'kafka' of kafka-connectkit, which is not installed"

"""Makes confluent-kafka's clients: settings, logs, and the errors that concern a whole client."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any, TypeVar

from confluent_kafka import KafkaError, KafkaException

from connectkit.errors import ConfigError, ConnectError
from connectkit.runner.log.kafka.faults import DENIED, Reach, refused_property, translate_error
from connectkit.runner.log.kafka.logs import RateLimitedLogger
from connectkit.runner.log.kafka.properties import PROPERTIES
from connectkit.runner.log.kafka.translate import Translated

_Handle = TypeVar("_Handle")
_REVERSE = {entry.target: entry.name for entry in PROPERTIES if entry.target} | {
    # librdkafka speaks of some properties by an older name
    "request.required.acks": "acks",
    "message.timeout.ms": "delivery.timeout.ms",
    "message.send.max.retries": "retries",
    "queue.buffering.max.ms": "linger.ms",
    "queue.buffering.max.kbytes": "buffer.memory",
    "compression.codec": "compression.type",
    "max.in.flight": "max.in.flight.requests.per.connection",
    "sasl.mechanisms": "sasl.mechanism",
    "fetch.message.max.bytes": "max.partition.fetch.bytes",
    "metadata.broker.list": "bootstrap.servers",
}


class Watch:
    """Listens to the errors of one client; a denial of access is kept and raised by the next call."""

    def __init__(self, bootstrap_servers: str) -> None:
        self.reach = Reach(bootstrap_servers)
        self.logger = RateLimitedLogger(time.monotonic)
        self._denied: ConnectError | None = None

    def on_error(self, error: KafkaError) -> None:
        """The ``error_cb``: librdkafka goes on trying, so most errors are only logged."""
        self.reach.note(error)
        code = error.code()
        if code in DENIED or error.fatal():
            self._denied = translate_error(
                error, f"talking to Kafka at {self.reach.bootstrap_servers}", self.reach
            )
            self.logger.log(logging.ERROR, "%s", self._denied)
        elif code == KafkaError._ALL_BROKERS_DOWN:
            self.logger.log(logging.WARNING, "%s; trying on", self.reach.sentence())

    def check(self) -> None:
        """Raise what a callback has found. Access denied once may be granted later: it is raised once."""
        if self._denied is not None:
            denied, self._denied = self._denied, None
            raise denied


def make(
    factory: Callable[[dict[str, Any]], _Handle], translated: Translated, watch: Watch, **extra: Any
) -> _Handle:
    """A confluent-kafka client; what it refuses is a ``ConfigError`` under the Java name."""
    settings: dict[str, Any] = {
        **translated.settings,
        "logger": watch.logger,
        "error_cb": watch.on_error,
        **extra,
    }
    try:
        return factory(settings)
    except KafkaException as exc:
        key, why = refused_property(exc, _REVERSE)
        raise (ConfigError(why) if key is None else ConfigError(problems={key: [why]})) from exc
    except (TypeError, ValueError) as exc:
        raise ConfigError("librdkafka refuses the configuration of the client") from exc

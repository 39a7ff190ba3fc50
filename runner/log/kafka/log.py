"""Opens producers, consumers and admin clients on a Kafka cluster."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from connectkit.runner.log.kafka.admin import KafkaAdmin
from connectkit.runner.log.kafka.consumer import KafkaConsumer
from connectkit.runner.log.kafka.handles import Watch
from connectkit.runner.log.kafka.producer import KafkaProducer
from connectkit.runner.log.kafka.translate import translate


class KafkaLog:
    """The cluster at ``bootstrap_servers``. ``config`` goes to all clients; each client's own wins.

    Nothing connects before a client is made, and clients connect in the background.
    """

    def __init__(self, bootstrap_servers: str, config: Mapping[str, str] | None = None) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._config = dict(config or {})

    def producer(self, config: Mapping[str, str]) -> KafkaProducer:
        translated = translate("p", self._bootstrap_servers, {**self._config, **config})
        return KafkaProducer(translated, Watch(self._bootstrap_servers))

    def consumer(self, config: Mapping[str, str]) -> KafkaConsumer:
        translated = translate("c", self._bootstrap_servers, {**self._config, **config})
        group = translated.settings.get("group.id") or None
        if group is None:  # librdkafka insists on a group; without one nothing may be committed
            translated.settings["group.id"] = f"connectkit-none-{uuid.uuid4()}"
            translated.settings["enable.auto.commit"] = "false"
        return KafkaConsumer(translated, Watch(self._bootstrap_servers), group=group)

    def admin(self, config: Mapping[str, str] | None = None) -> KafkaAdmin:
        translated = translate("a", self._bootstrap_servers, {**self._config, **(config or {})})
        return KafkaAdmin(translated, Watch(self._bootstrap_servers))

    def close(self) -> None:
        """Nothing to let go: the clients have the connections."""

"""The client settings of each task, derived from worker and connector as Kafka Connect does.

Lowest to highest: what the runtime sets, the worker's ``producer.*`` ``consumer.*`` ``admin.*``, the
connector's ``producer.override.*`` ``consumer.override.*`` ``admin.override.*`` (which ones a connector may
use is :mod:`connectkit.runner.configs.overrides`). Producers and consumers inherit only
``bootstrap.servers`` un-prefixed; admin clients inherit the un-prefixed connection settings of the worker.
Immutable.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectkit.runner.configs.connector import ConnectorConfig
from connectkit.runner.configs.worker import WorkerConfig
from connectkit.runner.control import TaskId

_CONNECTION = frozenset(
    {
        "client.dns.lookup", "client.id", "connections.max.idle.ms", "default.api.timeout.ms",
        "metadata.max.age.ms", "receive.buffer.bytes", "reconnect.backoff.max.ms", "reconnect.backoff.ms",
        "request.timeout.ms", "retries", "retry.backoff.max.ms", "retry.backoff.ms", "security.protocol",
        "send.buffer.bytes", "socket.connection.setup.timeout.max.ms", "socket.connection.setup.timeout.ms",
    }
)  # fmt: skip
"""What an admin client inherits from the worker's file, with all of ``ssl.*`` and ``sasl.*``."""


class ClientConfigs:
    """Derives the settings of the clients of one worker."""

    def __init__(self, worker: WorkerConfig) -> None:
        self._worker = worker

    def producer(
        self, task: TaskId, connector: ConnectorConfig, *, client_id: str = "connector-producer"
    ) -> dict[str, str]:
        """A source task's producer, or with another ``client_id`` a dead letter queue's."""
        return {
            "bootstrap.servers": self._worker.bootstrap,
            "max.block.ms": str(2**63 - 1),
            "enable.idempotence": "false",
            "acks": "all",
            "max.in.flight.requests.per.connection": "1",
            "delivery.timeout.ms": str(2**31 - 1),
            "client.id": f"{client_id}-{task}",
            **_texts(self._worker.client("producer")),
            **_texts(connector.overrides("producer")),
        }

    def consumer(self, task: TaskId, connector: ConnectorConfig) -> dict[str, str]:
        """A sink task's consumer."""
        return {
            "bootstrap.servers": self._worker.bootstrap,
            "group.id": sink_group(task.connector),
            "enable.auto.commit": "false",
            "auto.offset.reset": "earliest",
            "client.id": f"connector-consumer-{task}",
            **_texts(self._worker.client("consumer")),
            **_texts(connector.overrides("consumer")),
        }

    def admin(
        self, connector: ConnectorConfig | None = None, *, client_id: str = "connector-adminclient"
    ) -> dict[str, str]:
        """An admin client of the worker, or of a connector."""
        originals = self._worker.originals
        return {
            "client.id": client_id,
            **_texts(
                {k: v for k, v in originals.items() if k in _CONNECTION or k.startswith(("sasl.", "ssl."))}
            ),
            "bootstrap.servers": self._worker.bootstrap,
            **_texts(self._worker.client("admin")),
            **_texts({} if connector is None else connector.overrides("admin")),
        }


def sink_group(connector: str) -> str:
    """The consumer group of a sink connector."""
    return f"connect-{connector}"


def _texts(config: Mapping[str, Any]) -> dict[str, str]:
    """Without nulls: a null leaves the client's own default."""
    return {key: str(value) for key, value in config.items() if value is not None}

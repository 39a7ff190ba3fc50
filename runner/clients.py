"""The client settings of each task, derived from worker and connector as Kafka Connect does.

Lowest to highest: what the runtime sets, the worker's ``producer.*`` ``consumer.*`` ``admin.*``, the
connector's ``producer.override.*`` ``consumer.override.*`` ``admin.override.*`` (which ones a connector may
use is :mod:`connectkit.runner.configs.overrides`). Producers and consumers inherit only
``bootstrap.servers`` un-prefixed; admin clients inherit the un-prefixed connection settings of the worker.
Immutable.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from connectkit.runner.configs.connector import Boundary, ConnectorConfig, SourceConnectorConfig
from connectkit.runner.configs.offsets import DEFAULT_GROUP
from connectkit.runner.configs.worker import WorkerConfig
from connectkit.runner.control import TaskId

log = logging.getLogger(__name__)

TRANSACTION_MS = 60_000
"""How long a transaction may stay open, where nothing else is said: Kafka's default."""
BROKERS_LONGEST_MS = 900_000
"""More than this a broker refuses, by its own default (``transaction.max.timeout.ms``)."""

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
        """A source task's producer, or with another ``client_id`` a dead letter queue's.

        Idempotent unless ``acks`` and the like speak against it, as any of Java's producers but Connect's:
        librdkafka keeps the order of records through the loss of a leader only then.
        """
        return {
            "bootstrap.servers": self._worker.bootstrap,
            "max.block.ms": str(2**63 - 1),
            "acks": "all",
            "max.in.flight.requests.per.connection": "1",
            "delivery.timeout.ms": str(2**31 - 1),
            "client.id": f"{client_id}-{task}",
            **_texts(self._worker.client("producer")),
            **_texts(connector.overrides("producer")),
        }

    def transactional_producer(self, task: TaskId, connector: SourceConnectorConfig) -> dict[str, str]:
        """The producer of a source task that delivers exactly once (KIP-618)."""
        made = self.producer(task, connector)
        for key in ("enable.idempotence", "transactional.id"):
            if key in self._worker.client("producer") or key in connector.overrides("producer"):
                log.warning(
                    "Connector %s delivers exactly once, so its producer setting %s has no effect",
                    task.connector,
                    key,
                )
        made["enable.idempotence"] = "true"
        made["transactional.id"] = self._worker.transactional_id(*task)
        if connector.transaction_boundary is Boundary.INTERVAL:
            # A transaction that stays open for the interval must outlast it.
            interval_ms = connector.transaction_boundary_interval_ms
            if interval_ms is None:
                interval_ms = self._worker.offset_flush_interval_ms
            longest_ms = min(interval_ms + TRANSACTION_MS, BROKERS_LONGEST_MS)
            made.setdefault("transaction.timeout.ms", str(max(longest_ms, TRANSACTION_MS)))
        return made

    def fencing_producer(self, task: TaskId) -> dict[str, str]:
        """A producer that takes over the transactional id of a task, and sends nothing."""
        return {
            **self._connection(),
            **_texts(self._worker.client("producer")),
            "client.id": f"connector-fencing-{task}",
            "enable.idempotence": "true",
            "transactional.id": self._worker.transactional_id(*task),
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
        return {
            "client.id": client_id,
            **self._connection(),
            **_texts(self._worker.client("admin")),
            **_texts({} if connector is None else connector.overrides("admin")),
        }

    # --- offset topics: as internal clients, or with a topic of its own as the connector's (KIP-618) ---

    def offset_producer(self, connector: ConnectorConfig | None = None) -> dict[str, str]:
        """Writes source offsets."""
        return {
            **self._offsets("producer", connector),
            "acks": "all",
            "enable.idempotence": "false",
            "max.in.flight.requests.per.connection": "1",
            "delivery.timeout.ms": str(2**31 - 1),
        }

    def offset_consumer(self, connector: ConnectorConfig | None = None) -> dict[str, str]:
        """Reads source offsets; with exactly-once delivery, those of transactions that were committed."""
        made = {
            "isolation.level": "read_committed",
            **self._offsets("consumer", connector),
            "enable.auto.commit": "false",
            "auto.offset.reset": "earliest",
            # It is asked now and then only; what comes in between must not pile up.
            "queued.max.messages.kbytes": "1024",
        }
        if self._worker.exactly_once:
            made["isolation.level"] = "read_committed"
        made.pop("group.id", None)
        return made

    def offset_admin(self, connector: ConnectorConfig | None = None) -> dict[str, str]:
        """Creates offset topics."""
        return self.admin(connector, client_id=f"{self._worker.group_id or DEFAULT_GROUP}-shared-admin")

    def _offsets(self, kind: str, connector: ConnectorConfig | None) -> dict[str, str]:
        client_id = f"{self._worker.group_id or DEFAULT_GROUP}-offsets"
        if connector is None:
            return {**self._connection(), "client.id": client_id}
        return {
            "bootstrap.servers": self._worker.bootstrap,
            "client.id": client_id,
            **_texts(self._worker.client(kind)),
            **_texts(connector.overrides(kind)),
        }

    def _connection(self) -> dict[str, str]:
        """What internal clients inherit of the worker's file without a prefix."""
        originals = self._worker.originals
        return {
            **_texts(
                {k: v for k, v in originals.items() if k in _CONNECTION or k.startswith(("sasl.", "ssl."))}
            ),
            "bootstrap.servers": self._worker.bootstrap,
        }


def sink_group(connector: str) -> str:
    """The consumer group of a sink connector."""
    return f"connect-{connector}"


def _texts(config: Mapping[str, Any]) -> dict[str, str]:
    """Without nulls: a null leaves the client's own default."""
    return {key: str(value) for key, value in config.items() if value is not None}

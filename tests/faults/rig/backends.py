"""The logs that the rig works on, seen from outside the worker: feed a topic, read it, read a group.

On Kafka and on librdkafka's mock the rig uses confluent-kafka directly, so that it does not judge the
worker's log by the worker's log. The embedded log has one implementation, and its own tests.
"""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from confluent_kafka import Consumer, KafkaException, Producer
from confluent_kafka import TopicPartition as KafkaPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from connectkit.api import TopicPartition
from connectkit.runner.log.api import OutRecord
from connectkit.runner.log.opening import open_log

READ_DEADLINE_S = 60.0
_OLDEST = -2
_MOST = 5000
_MOST_BYTES = 200_000_000


class Found(NamedTuple):
    """A record that the rig reads."""

    partition: int
    offset: int
    value: bytes | None


class Tail(Protocol):
    """Reads a topic from its beginning, on and on."""

    def more(self, timeout_s: float = 0.2) -> list[Found]:
        """What has come since, or a good part of it; waits at most so long."""
        ...

    def close(self) -> None: ...


class Backend(ABC):
    """A log under a run. One thread, but ``feed`` may have its own."""

    name: str
    transactions = True
    commits_in_rebalance = True

    @property
    @abstractmethod
    def bootstrap(self) -> str:
        """What the worker is given."""

    def worker_settings(self) -> dict[str, str]:
        """What its worker needs beyond the address."""
        return {}

    @abstractmethod
    def create_topic(self, topic: str, partitions: int, most_bytes: int) -> None:
        """``most_bytes``: the largest batch that it takes, where the log has such a limit."""

    @abstractmethod
    def feed(self, topic: str, records: Sequence[tuple[int, bytes]], timeout_s: float) -> list[int]:
        """Append ``(partition, value)``, each once; returns the indexes of what was acknowledged."""

    @abstractmethod
    def tail(self, topic: str, partitions: int, *, committed: bool) -> Tail: ...

    @abstractmethod
    def group_offsets(self, group: str, topic: str, partitions: int) -> dict[int, int]:
        """The committed offsets of a group, by partition; 0 where there is none."""

    @abstractmethod
    def close(self) -> None:
        """Let go of everything."""


# --- embedded ------------------------------------------------------------------------------------


class EmbeddedBackend(Backend):
    """A log in a folder."""

    name = "embedded"

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "log"
        self._folder.mkdir(mode=0o700, parents=True)
        self._log = open_log(self.bootstrap)
        self._producer = self._log.producer({"max.request.size": str(_MOST_BYTES)})

    @property
    def bootstrap(self) -> str:
        return f"embedded:{self._folder}"

    def worker_settings(self) -> dict[str, str]:
        return {"consumer.session.timeout.ms": "1000", "consumer.heartbeat.interval.ms": "200"}

    def create_topic(self, topic: str, partitions: int, most_bytes: int) -> None:
        admin = self._log.admin()
        admin.create_topic(topic, partitions=partitions, config={"max.message.bytes": str(most_bytes)})
        admin.close()

    def feed(self, topic: str, records: Sequence[tuple[int, bytes]], timeout_s: float) -> list[int]:
        failed: list[int] = []
        batch = [OutRecord(topic, partition, None, value, None, None) for partition, value in records]
        self._producer.send(batch, lambda failures: failed.extend(index for index, _ in failures))
        self._producer.flush(timeout_s)
        return [index for index in range(len(batch)) if index not in failed]

    def tail(self, topic: str, partitions: int, *, committed: bool) -> Tail:
        isolation = "read_committed" if committed else "read_uncommitted"
        consumer = self._log.consumer({"isolation.level": isolation})
        consumer.assign({TopicPartition(topic, number): _OLDEST for number in range(partitions)})
        return _EmbeddedTail(consumer)

    def group_offsets(self, group: str, topic: str, partitions: int) -> dict[int, int]:
        admin = self._log.admin()
        found = admin.group_offsets(group)
        admin.close()
        return {number: found.get(TopicPartition(topic, number), 0) for number in range(partitions)}

    def close(self) -> None:
        self._producer.close(1.0)
        self._log.close()


class _EmbeddedTail:
    def __init__(self, consumer: Any) -> None:
        self._consumer = consumer

    def more(self, timeout_s: float = 0.2) -> list[Found]:
        messages = self._consumer.consume(_MOST, timeout_s)
        return [Found(each.partition(), each.offset(), each.value()) for each in messages]

    def close(self) -> None:
        self._consumer.close()


# --- Kafka's protocol ----------------------------------------------------------------------------


class KafkaBackend(Backend):
    """Brokers at an address; ``closing`` ends them, if they are the rig's own."""

    name = "kafka"

    def __init__(
        self, bootstrap: str, closing: Callable[[], None] | None = None, *, replicas: int = 1
    ) -> None:
        self._bootstrap = bootstrap
        self._closing = closing
        self._replicas = replicas
        self._settings: dict[str, Any] = {"bootstrap.servers": bootstrap, "log_level": 0}
        self._feeder: Any = None
        self._feeding = threading.Lock()

    @property
    def bootstrap(self) -> str:
        return self._bootstrap

    def worker_settings(self) -> dict[str, str]:
        return {"consumer.session.timeout.ms": "3000", "consumer.heartbeat.interval.ms": "300"}

    def create_topic(self, topic: str, partitions: int, most_bytes: int) -> None:
        admin = AdminClient(self._settings)
        new = NewTopic(
            topic,
            num_partitions=partitions,
            replication_factor=self._replicas,
            config={"max.message.bytes": str(most_bytes)},
        )
        for future in admin.create_topics([new], operation_timeout=30, request_timeout=30).values():
            future.result(40)

    def feed(self, topic: str, records: Sequence[tuple[int, bytes]], timeout_s: float) -> list[int]:
        with self._feeding:
            if self._feeder is None:
                self._feeder = Producer(
                    {
                        **self._settings,
                        "enable.idempotence": True,
                        "delivery.timeout.ms": 600_000,
                        "message.max.bytes": _MOST_BYTES,
                    }
                )
            done: list[int] = []

            def landed(index: int) -> Callable[[Any, Any], None]:
                return lambda error, message: None if error else done.append(index)

            for index, (partition, value) in enumerate(records):
                while True:
                    try:
                        self._feeder.produce(topic, value, partition=partition, on_delivery=landed(index))
                        break
                    except BufferError:
                        self._feeder.poll(0.1)
            self._feeder.flush(timeout_s)
            return done

    def tail(self, topic: str, partitions: int, *, committed: bool) -> Tail:
        consumer = Consumer(
            {
                **self._settings,
                "group.id": f"rig-reader-{time.monotonic_ns()}",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "isolation.level": "read_committed" if committed else "read_uncommitted",
                "fetch.wait.max.ms": 100,
                "fetch.max.bytes": _MOST_BYTES,
                "receive.message.max.bytes": 2 * _MOST_BYTES,
            }
        )
        consumer.assign([KafkaPartition(topic, number, _OLDEST) for number in range(partitions)])
        return _KafkaTail(consumer)

    def group_offsets(self, group: str, topic: str, partitions: int) -> dict[int, int]:
        consumer = Consumer({**self._settings, "group.id": group, "enable.auto.commit": False})
        try:
            wanted = [KafkaPartition(topic, number) for number in range(partitions)]
            deadline_s = time.monotonic() + READ_DEADLINE_S
            while True:
                try:
                    found = consumer.committed(wanted, timeout=10)
                    return {each.partition: max(each.offset, 0) for each in found}
                except KafkaException:
                    if time.monotonic() > deadline_s:
                        raise
        finally:
            consumer.close()

    def close(self) -> None:
        if self._feeder is not None:
            self._feeder.flush(1)
        if self._closing is not None:
            self._closing()


class _KafkaTail:
    def __init__(self, consumer: Any) -> None:
        self._consumer = consumer

    def more(self, timeout_s: float = 0.2) -> list[Found]:
        return [
            Found(each.partition(), each.offset(), each.value())
            for each in self._consumer.consume(_MOST, timeout_s)
            if each.error() is None
        ]

    def close(self) -> None:
        self._consumer.close()

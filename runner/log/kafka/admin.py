"""Administers the topics and groups of a Kafka cluster."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from typing import Any

from confluent_kafka import Consumer as _Consumer
from confluent_kafka import (
    ConsumerGroupTopicPartitions,
    KafkaError,
    KafkaException,
    TopicCollection,
)
from confluent_kafka import TopicPartition as _TopicPartition
from confluent_kafka import admin as _typed_admin

from connectkit.api import TopicPartition
from connectkit.errors import FatalTaskError, NotFoundError, RetriableError
from connectkit.runner.log.api import TopicInfo
from connectkit.runner.log.kafka.faults import LEADER_MOVED, PASSING, kafka_error, translate_admin
from connectkit.runner.log.kafka.handles import Watch, make
from connectkit.runner.log.kafka.translate import Translated
from connectkit.runner.log.topics import INTERNAL_TOPICS

_admin: Any = _typed_admin  # its names are not exported for type checkers
_RETRY_WAIT_S = 0.1
_FIRST_LOOK_S = 3.0
_GRACE_S = 5.0
"""Beyond its own time-out a request is waited for this much longer, so that its error is the one shown."""


class KafkaAdmin:
    """Thread-safe."""

    def __init__(self, translated: Translated, watch: Watch) -> None:
        self._translated = translated
        self._watch = watch
        self._timeout_s = translated.api_timeout_ms / 1000
        self._lock = threading.Lock()
        self._handle: Any = make(_admin.AdminClient, translated, watch)

    def _client(self) -> Any:
        handle = self._handle
        if handle is None:
            raise FatalTaskError("the admin client is closed")
        handle.poll(0)
        return handle

    def _ask(self, what: str, step: Callable[[Any], Any]) -> Any:
        """Call and wait; what passes by itself (a coordinator that moves) is tried again, as in Java."""
        deadline_s = time.monotonic() + self._timeout_s
        while True:
            try:
                answer = step(self._client())
                if isinstance(answer, dict):
                    (answer,) = answer.values()
                return answer.result(self._timeout_s + _GRACE_S) if isinstance(answer, Future) else answer
            except KafkaException as exc:
                self._client()  # hear why connections failed
                error = kafka_error(exc)
                moved = error.code() in LEADER_MOVED
                if not (moved or error.code() in PASSING) or time.monotonic() > deadline_s:
                    raise translate_admin(error, what, self._watch.reach) from exc
                if moved:
                    self._look_again()
            except TimeoutError as exc:
                raise RetriableError(f"{what} failed: {self._watch.reach.sentence()}") from exc
            time.sleep(_RETRY_WAIT_S)

    def _look_again(self) -> None:
        """Who leads what may have changed; librdkafka would ask the same broker again for minutes."""
        with contextlib.suppress(KafkaException):  # told by the next attempt
            self._client().list_topics(timeout=self._timeout_s)

    def _metadata(self, kafka: Any) -> Any:
        """What the cluster holds. The first try is short, so that it is soon told why nobody answers."""
        first_s = min(_FIRST_LOOK_S, self._timeout_s)
        try:
            return kafka.list_topics(timeout=first_s)
        except KafkaException:
            self._client()  # hear why
            if self._timeout_s <= first_s:
                raise
            return kafka.list_topics(timeout=self._timeout_s - first_s)

    def cluster_id(self) -> str:
        metadata = self._ask("reading the cluster's id", self._metadata)
        return str(metadata.cluster_id)

    def topics(self) -> dict[str, TopicInfo]:
        metadata = self._ask("listing topics", self._metadata)
        return {
            name: TopicInfo(name=name, partitions=len(topic.partitions))
            for name, topic in sorted(metadata.topics.items())
            if name not in INTERNAL_TOPICS
        }

    def describe_topic(self, name: str) -> TopicInfo:
        what = f"describing topic {name}"
        described = self._ask(
            what,
            lambda kafka: kafka.describe_topics(TopicCollection([name]), request_timeout=self._timeout_s),
        )
        resource = _admin.ConfigResource(_admin.ResourceType.TOPIC, name)
        entries = self._ask(
            what, lambda kafka: kafka.describe_configs([resource], request_timeout=self._timeout_s)
        )
        config = {key: entry.value for key, entry in entries.items() if entry.value is not None}
        return TopicInfo(name=name, partitions=len(described.partitions), config=config)

    def create_topic(
        self,
        name: str,
        *,
        partitions: int = 1,
        replication: int = -1,
        config: Mapping[str, str] | None = None,
    ) -> bool:
        topic = _admin.NewTopic(
            name,
            num_partitions=partitions,
            replication_factor=replication,
            config={str(key): str(value) for key, value in (config or {}).items()},
        )
        try:
            self._ask_raw(
                f"creating topic {name}",
                lambda kafka: kafka.create_topics(
                    [topic], operation_timeout=self._timeout_s, request_timeout=self._timeout_s
                ),
            )
        except _AlreadyThereError:
            return False
        return True

    def _ask_raw(self, what: str, step: Callable[[Any], Any]) -> None:
        def tell_existing(kafka: Any) -> Any:
            (future,) = step(kafka).values()
            try:
                return future.result(self._timeout_s + _GRACE_S)
            except KafkaException as exc:
                if kafka_error(exc).code() == KafkaError.TOPIC_ALREADY_EXISTS:
                    raise _AlreadyThereError from exc
                raise

        self._ask(what, tell_existing)

    def delete_topic(self, name: str) -> None:
        self._ask(
            f"deleting topic {name}",
            lambda kafka: kafka.delete_topics(
                [name], operation_timeout=self._timeout_s, request_timeout=self._timeout_s
            ),
        )

    def offsets(self, partitions: Iterable[TopicPartition], *, end: bool = True) -> dict[TopicPartition, int]:
        wanted = [TopicPartition(*where) for where in partitions]
        if not wanted:
            return {}
        spec = _admin.OffsetSpec.latest() if end else _admin.OffsetSpec.earliest()
        request = {_TopicPartition(w.topic, w.partition): spec for w in wanted}

        def ask(kafka: Any) -> list[tuple[Any, Any]]:
            asked = kafka.list_offsets(request, request_timeout=self._timeout_s)
            found = [(where, future.result(self._timeout_s + _GRACE_S)) for where, future in asked.items()]
            if any(end.offset < 0 for _, end in found):
                # What librdkafka answers, without any error, where a connection broke before the answer.
                raise KafkaException(KafkaError(KafkaError._RETRY))
            return found

        what = f"reading the ends of {_shown(wanted)}"
        try:
            found = self._ask(what, ask)
        except NotFoundError as exc:
            # librdkafka says the same of a partition whose leader is not known just now.
            known = self.topics()
            if all(w.topic in known and w.partition < known[w.topic].partitions for w in wanted):
                raise RetriableError(f"{what} failed for now: a partition has no leader") from exc
            raise
        return {TopicPartition(where.topic, where.partition): int(end.offset) for where, end in found}

    def group_offsets(self, group: str) -> dict[TopicPartition, int]:
        """Committed offsets on topics that exist; those of a transaction that is just ending are waited for.

        Asked through a consumer that joins nothing, for every partition there is: librdkafka's own admin
        call for this takes the whole process down when the group's coordinator has moved (its
        ``rd_kafka_handle_OffsetFetch`` uses the consumer group that an admin client does not have).
        """
        what = f"reading the offsets of group {group}"
        metadata = self._ask("listing topics", self._metadata)
        every = [
            _TopicPartition(name, number)
            for name, topic in sorted(metadata.topics.items())
            for number in sorted(topic.partitions)
        ]
        if not every:
            return {}
        extra = {"group.id": group, "enable.auto.commit": "false", "isolation.level": "read_committed"}
        consumer: Any = make(_Consumer, self._translated, self._watch, **extra)
        try:
            found = self._ask(what, lambda _: consumer.committed(every, timeout=self._timeout_s))
        finally:
            consumer.close()
        offsets = {}
        for partition in found:
            if partition.error is not None:
                raise translate_admin(partition.error, what, self._watch.reach)
            if partition.offset >= 0:
                offsets[TopicPartition(partition.topic, partition.partition)] = int(partition.offset)
        return offsets

    def set_group_offsets(self, group: str, offsets: Mapping[TopicPartition, int | None]) -> None:
        """Set, or with None remove. Removing one of several means deleting the group and setting the rest.

        librdkafka's Python binding cannot delete single offsets, so that step is not atomic: if it
        fails in between, the group has lost its offsets and the call must be repeated.
        """
        what = f"setting the offsets of group {group}"
        kept = {where: at for where, at in offsets.items() if at is not None}
        with self._lock:
            if len(kept) < len(offsets):
                present = self.group_offsets(group)
                removed = offsets.keys() - kept.keys()
                if not removed & present.keys():
                    removed = set()
                if removed:
                    kept = {**{w: at for w, at in present.items() if w not in removed}, **kept}
                    self._ask(
                        what,
                        lambda kafka: kafka.delete_consumer_groups([group], request_timeout=self._timeout_s),
                    )
            if kept:
                wanted = [_TopicPartition(w.topic, w.partition, at) for w, at in kept.items()]
                result = self._ask(
                    what,
                    lambda kafka: kafka.alter_consumer_group_offsets(
                        [ConsumerGroupTopicPartitions(group, wanted)], request_timeout=self._timeout_s
                    ),
                )
                for partition in result.topic_partitions:
                    if partition.error is not None:
                        raise translate_admin(partition.error, what, self._watch.reach)

    def close(self) -> None:
        self._handle = None


def _shown(partitions: list[TopicPartition]) -> str:
    first = f"{partitions[0].topic}-{partitions[0].partition}"
    return first if len(partitions) == 1 else f"{first} and {len(partitions) - 1} more partitions"


class _AlreadyThereError(Exception):
    """The topic that was to be created exists."""

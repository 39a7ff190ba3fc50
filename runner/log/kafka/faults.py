"""Names librdkafka's errors by recovery; the sentence says where and what would help, never a value.

Codes are those of the Kafka protocol; negative ones are librdkafka's own.
"""

from __future__ import annotations

import re
from typing import Any

from confluent_kafka import KafkaError, KafkaException

from connectkit.errors import (
    ConflictError,
    ConnectError,
    DataError,
    FatalTaskError,
    FencedError,
    NotFoundError,
    RetriableError,
)

_FENCED = frozenset(
    {
        KafkaError._FENCED,
        KafkaError.PRODUCER_FENCED,
        KafkaError.INVALID_PRODUCER_EPOCH,
        KafkaError.FENCED_INSTANCE_ID,
    }
)
DENIED = frozenset(
    {
        KafkaError._AUTHENTICATION,
        KafkaError._SSL,
        KafkaError.SASL_AUTHENTICATION_FAILED,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
        KafkaError.UNSUPPORTED_SASL_MECHANISM,
    }
)
TOO_LARGE = frozenset({KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.RECORD_LIST_TOO_LARGE})
UNKNOWN_TOPIC = frozenset(
    {KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC, KafkaError.UNKNOWN_TOPIC_ID}
)
UNREACHABLE = frozenset(
    {
        KafkaError._TRANSPORT,
        KafkaError._ALL_BROKERS_DOWN,
        KafkaError._RESOLVE,
        KafkaError._TIMED_OUT,
        KafkaError._MSG_TIMED_OUT,
        KafkaError._TIMED_OUT_QUEUE,
        KafkaError.NETWORK_EXCEPTION,
        KafkaError.BROKER_NOT_AVAILABLE,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.REQUEST_TIMED_OUT,
    }
)
_PURGED = frozenset({KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT})
_REBALANCED = frozenset(
    {
        KafkaError.ILLEGAL_GENERATION,
        KafkaError.UNKNOWN_MEMBER_ID,
        KafkaError.REBALANCE_IN_PROGRESS,
        KafkaError._ASSIGNMENT_LOST,
        KafkaError.STALE_MEMBER_EPOCH,
    }
)
PASSING = frozenset(
    {
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.NOT_COORDINATOR,
        KafkaError.NOT_ENOUGH_REPLICAS,
        KafkaError.NOT_ENOUGH_REPLICAS_AFTER_APPEND,
        KafkaError.CONCURRENT_TRANSACTIONS,
        KafkaError.KAFKA_STORAGE_ERROR,
        KafkaError.NOT_CONTROLLER,
        KafkaError.THROTTLING_QUOTA_EXCEEDED,
        KafkaError._WAIT_COORD,
        KafkaError._RETRY,
        KafkaError.OFFSET_NOT_AVAILABLE,  # of a leader that has just been chosen
    }
)
LEADER_MOVED = frozenset(
    {
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.FENCED_LEADER_EPOCH,
        KafkaError.UNKNOWN_LEADER_EPOCH,
    }
)
_REASON = re.compile(r"failed: ([^(\n]{1,120})")
_PROPERTY = re.compile(r'property "?([a-z_][a-z0-9._]+)"?')


class Reach:
    """What is known about reaching the cluster, for the sentences about it. One per client."""

    __slots__ = ("_reason", "bootstrap_servers")

    def __init__(self, bootstrap_servers: str) -> None:
        self.bootstrap_servers = bootstrap_servers
        self._reason = ""

    def note(self, error: KafkaError) -> None:
        """Remember why a connection failed, as the operating system put it."""
        found = _REASON.search(error.str())
        if found and error.code() in (KafkaError._TRANSPORT, KafkaError._RESOLVE):
            self._reason = found.group(1).strip()

    def sentence(self) -> str:
        """Where it was tried, why it failed if known, and what to check."""
        why = f" ({self._reason})" if self._reason else ""
        return (
            f"no answer from Kafka at {self.bootstrap_servers}{why}; "
            "check bootstrap.servers, security.protocol and that the brokers run"
        )


def kafka_error(exc: BaseException) -> KafkaError:
    """The ``KafkaError`` that a ``KafkaException`` carries."""
    error = exc.args[0] if exc.args else None
    return error if isinstance(error, KafkaError) else KafkaError(KafkaError._FAIL)


def translate_error(error: Any, what: str, reach: Reach) -> ConnectError:
    """The error named by recovery for "``what`` failed", such as "writing to topic t"."""
    code = error.code()
    name = error.name()
    if code in _FENCED:
        return FencedError(f"{what} failed: a newer client with the same identity has taken over ({name})")
    if code in DENIED:
        return FatalTaskError(f"{what} was denied ({name}); check the credentials and ACLs of this client")
    if code in TOO_LARGE:
        return DataError(
            f"{what} failed: the record is larger than max.request.size of the producer or "
            f"max.message.bytes of the topic ({name}); raise both, or make the record smaller"
        )
    if code in UNKNOWN_TOPIC:
        return FatalTaskError(
            f"{what} failed: the topic or partition does not exist ({name}); create it first"
        )
    if code == KafkaError._UNKNOWN_PARTITION:
        return DataError(f"{what} failed: the record names a partition that the topic does not have ({name})")
    if code in (KafkaError.INVALID_TIMESTAMP, KafkaError.INVALID_RECORD):
        return DataError(
            f"{what} failed: the broker refuses the record ({name}); a compacted topic needs keys, "
            "and timestamps must be near the broker's clock"
        )
    if code in (KafkaError.TOPIC_EXCEPTION, KafkaError._INVALID_ARG) and "topic" in what:
        return DataError(f"{what} failed: the name of the topic is not valid ({name})")
    if code in _PURGED:
        return RetriableError(f"{what} failed: the producer was closed before it was done ({name})")
    if code in _REBALANCED:
        return RetriableError(
            f"{what} failed: the group is rebalancing, its partitions may have moved ({name})"
        )
    if code in UNREACHABLE:
        return RetriableError(f"{what} failed: {reach.sentence()} ({name})")
    if error.fatal():
        return FatalTaskError(f"{what} failed for good ({name}); restart the task")
    if error.txn_requires_abort():
        return RetriableError(f"{what} failed: the transaction must be aborted and tried again ({name})")
    if error.retriable() or code in PASSING or code in LEADER_MOVED:
        return RetriableError(f"{what} failed for now ({name})")
    return FatalTaskError(f"{what} failed ({name}: {_plain(error.str())})")


def translate_admin(error: Any, what: str, reach: Reach) -> ConnectError:
    """As ``translate_error``, where a missing thing is ``NotFoundError`` and a busy one ``ConflictError``."""
    code = error.code()
    if code in UNKNOWN_TOPIC or code in (KafkaError.GROUP_ID_NOT_FOUND, KafkaError._NOENT):
        return NotFoundError(f"{what} failed: it does not exist in the Kafka cluster ({error.name()})")
    if code in (
        KafkaError.NON_EMPTY_GROUP,
        KafkaError.UNKNOWN_MEMBER_ID,
        KafkaError.GROUP_SUBSCRIBED_TO_TOPIC,
    ):
        return ConflictError(f"{what} failed: the group has members; stop them first ({error.name()})")
    return translate_error(error, what, reach)


def refused_property(exc: KafkaException, reverse: dict[str, str]) -> tuple[str | None, str]:
    """The Java name of the property that librdkafka refused when a client was made, and why."""
    text = kafka_error(exc).str()
    found = _PROPERTY.search(text)
    if found is None:
        found = re.search(r"`([a-z][a-z0-9._]+)`.*", text)
        if found is not None:  # about two properties, such as "`a` must be >= `b`": no value is in it
            key = found.group(1)
            return reverse.get(key, key), f"is not accepted by librdkafka: {_plain(found.group())}"
        return None, f"librdkafka refuses the configuration ({kafka_error(exc).name()})"
    key = found.group(1)
    return reverse.get(key, key), "has a value that librdkafka does not accept"


def _plain(text: str) -> str:
    """One line of printable characters, at most 200."""
    return "".join(c if c.isprintable() else " " for c in text)[:200]

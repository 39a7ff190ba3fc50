"""Records: a key and a value with schemas, on their way between a topic and another system.

Records are values: nobody changes a record after it is made; :meth:`ConnectRecord.new_record` makes
another one. They have no ``__setattr__`` guard only because they are made a million times a second.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from connectkit.headers import Headers
from connectkit.schema import Schema, same_value

NO_TIMESTAMP_TYPE, CREATE_TIME, LOG_APPEND_TIME = -1, 0, 1
"""Timestamp types, numbered as Kafka's ``TimestampType``."""
TIMESTAMP_TYPE_NAMES = {-1: "NoTimestampType", 0: "CreateTime", 1: "LogAppendTime"}

SchemaPair = tuple[Schema | None, Schema | None]
"""The schemas of a record's key and value."""

_KEEP: Any = object()


class ConnectRecord:
    """What source and sink records share. ``timestamp`` is milliseconds since the epoch or None."""

    __slots__ = (
        "_headers", "kafka_partition", "key", "key_schema", "timestamp", "topic", "value", "value_schema",
    )  # fmt: skip

    topic: str | None
    kafka_partition: int | None
    key_schema: Schema | None
    key: Any
    value_schema: Schema | None
    value: Any
    timestamp: int | None
    _headers: Headers | None

    @property
    def headers(self) -> Headers:
        """The headers; an empty collection where there are none."""
        found = self._headers
        if found is None:
            found = self._headers = Headers()
        return found

    def new_record(
        self,
        *,
        topic: str | None = _KEEP,
        kafka_partition: int | None = _KEEP,
        key_schema: Schema | None = _KEEP,
        key: Any = _KEEP,
        value_schema: Schema | None = _KEEP,
        value: Any = _KEEP,
        timestamp: int | None = _KEEP,
        headers: Headers | None = _KEEP,
    ) -> Self:
        """This record with the given parts replaced; without ``headers`` it gets a copy of them."""
        made = self._copy()
        if topic is not _KEEP:
            made.topic = topic
        if kafka_partition is not _KEEP:
            made.kafka_partition = kafka_partition
        if key_schema is not _KEEP:
            made.key_schema = key_schema
        if key is not _KEEP:
            made.key = key
        if value_schema is not _KEEP:
            made.value_schema = value_schema
        if value is not _KEEP:
            made.value = value
        if timestamp is not _KEEP:
            made.timestamp = timestamp
        if headers is not _KEEP:
            made._headers = headers
        elif made._headers is not None:
            made._headers = made._headers.duplicate()
        return made

    def _copy(self) -> Self:
        """A record with the same parts, the headers shared."""
        raise TypeError(f"{type(self).__name__} is neither a SourceRecord nor a SinkRecord")

    def _parts(self) -> list[Any]:
        return [
            self.topic, self.kafka_partition, self.key_schema, self.key, self.value_schema, self.value,
            self.timestamp, self.headers,
        ]  # fmt: skip

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        assert isinstance(other, ConnectRecord)
        return same_value(self._parts(), other._parts())

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        """Coordinates and schemas only: values of records do not belong into logs."""
        return (
            f"<{type(self).__name__} topic={self.topic!r} partition={self.kafka_partition}"
            f" key_schema={self.key_schema} value_schema={self.value_schema} timestamp={self.timestamp}>"
        )


class SourceRecord(ConnectRecord):
    """A record read from another system, with the place to go on from: ``source_offset``."""

    __slots__ = ("source_offset", "source_partition")

    def __init__(
        self,
        source_partition: Mapping[str, Any] | None,
        source_offset: Mapping[str, Any] | None,
        topic: str | None,
        value_schema: Schema | None = None,
        value: Any = None,
        *,
        key_schema: Schema | None = None,
        key: Any = None,
        kafka_partition: int | None = None,
        timestamp: int | None = None,
        headers: Headers | None = None,
    ) -> None:
        self.source_partition = source_partition
        self.source_offset = source_offset
        self.topic = topic
        self.value_schema = value_schema
        self.value = value
        self.key_schema = key_schema
        self.key = key
        self.kafka_partition = kafka_partition
        self.timestamp = timestamp
        self._headers = headers

    def _copy(self) -> SourceRecord:
        made = SourceRecord.__new__(SourceRecord)
        made.source_partition = self.source_partition
        made.source_offset = self.source_offset
        made.topic = self.topic
        made.kafka_partition = self.kafka_partition
        made.key_schema = self.key_schema
        made.key = self.key
        made.value_schema = self.value_schema
        made.value = self.value
        made.timestamp = self.timestamp
        made._headers = self._headers
        return made

    def _parts(self) -> list[Any]:
        return [*super()._parts(), self.source_partition, self.source_offset]


class Checkpoint:
    """A place in a source partition that has been reached without a record to show for it.

    A source task may return it among its records: the offset is stored once all before it in its source
    partition has arrived, or been dropped; with exactly-once delivery, inside the transaction.
    """

    __slots__ = ("source_offset", "source_partition")

    def __init__(
        self, source_partition: Mapping[str, Any] | None, source_offset: Mapping[str, Any] | None
    ) -> None:
        self.source_partition = source_partition
        self.source_offset = source_offset

    def __repr__(self) -> str:
        return f"Checkpoint({self.source_partition!r}, {self.source_offset!r})"


class SinkRecord(ConnectRecord):
    """A record read from a topic. The originals are its coordinates before any transform (KIP-793)."""

    __slots__ = ("_origin", "kafka_offset", "timestamp_type")

    def __init__(
        self,
        topic: str | None,
        kafka_partition: int,
        key_schema: Schema | None,
        key: Any,
        value_schema: Schema | None,
        value: Any,
        kafka_offset: int,
        timestamp: int | None = None,
        timestamp_type: int = NO_TIMESTAMP_TYPE,
        headers: Headers | None = None,
        origin: tuple[str | None, int, int] | None = None,
    ) -> None:
        self.topic = topic
        self.kafka_partition = kafka_partition
        self.key_schema = key_schema
        self.key = key
        self.value_schema = value_schema
        self.value = value
        self.kafka_offset = kafka_offset
        self.timestamp = timestamp
        self.timestamp_type = timestamp_type
        self._headers = headers
        self._origin = origin

    @property
    def original_topic(self) -> str | None:
        return self.topic if self._origin is None else self._origin[0]

    @property
    def original_kafka_partition(self) -> int | None:
        return self.kafka_partition if self._origin is None else self._origin[1]

    @property
    def original_kafka_offset(self) -> int:
        return self.kafka_offset if self._origin is None else self._origin[2]

    def _copy(self) -> SinkRecord:
        made = SinkRecord.__new__(SinkRecord)
        made.topic = self.topic
        made.kafka_partition = self.kafka_partition
        made.key_schema = self.key_schema
        made.key = self.key
        made.value_schema = self.value_schema
        made.value = self.value
        made.kafka_offset = self.kafka_offset
        made.timestamp = self.timestamp
        made.timestamp_type = self.timestamp_type
        made._headers = self._headers
        # A copy may be given other coordinates, so from here on the originals are kept apart.
        origin = self._origin
        made._origin = (self.topic, self.kafka_partition, self.kafka_offset) if origin is None else origin  # type: ignore[assignment]
        return made

    def _parts(self) -> list[Any]:
        return [
            *super()._parts(), self.kafka_offset, self.timestamp_type, self.original_topic,
            self.original_kafka_partition, self.original_kafka_offset,
        ]  # fmt: skip

"""Source records to what the log takes: header, key and value converters, in Connect's order.

``encode`` is the fast way for a batch: no bookkeeping, one cached look-up where topic or schemas change,
any exception ends it. ``encode_one`` is the explaining way for one record of a batch that failed: each
converter runs under the error policy, and an error names its stage.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, cast

from connectkit.api import Converter, Encoder, HeaderConverter, RawHeaders
from connectkit.errors import DataError, FatalTaskError
from connectkit.headers import Headers
from connectkit.record import SourceRecord
from connectkit.runner.failing import Stage, Subject, culprit
from connectkit.runner.log.api import OutRecord
from connectkit.runner.tolerance import SKIPPED, Tolerance
from connectkit.schema import Schema


class Converters(NamedTuple):
    """The three converters of a task; they belong to its thread."""

    key: Converter[Any]
    value: Converter[Any]
    header: HeaderConverter[Any]

    def close(self) -> None:
        for converter in self:
            converter.close()


_CACHED = 1_000
"""Encoders kept, by topic and schemas; a source that makes up schemas must not fill the memory."""

_NONE: Any = object()


class RecordEncoder:
    """Encodes the records of one task."""

    def __init__(self, converters: Converters) -> None:
        self._converters = converters
        # By topic and the identity of both schemas, which the entry keeps alive.
        self._encoders: dict[
            tuple[str, int, int], tuple[Schema | None, Schema | None, Encoder | None, Encoder | None]
        ] = {}

    def encode(self, records: Sequence[SourceRecord], topics: dict[str, None]) -> list[OutRecord]:
        """Encode a batch; the topics it goes to are added to ``topics``."""
        out: list[Any] = []
        append = out.append
        topic = key_schema = value_schema = _NONE
        encode_key: Encoder | None = None
        encode_value: Encoder | None = None
        for record in records:
            schema = record.value_schema
            if (
                schema is not value_schema
                or record.key_schema is not key_schema
                or (record.topic is not topic and record.topic != topic)
            ):
                topic, key_schema, value_schema = record.topic, record.key_schema, schema
                encode_key, encode_value = self._lookup(topic, key_schema, value_schema)
                topics[record.topic] = None  # type: ignore[index]  # the look-up refuses None
            headers = record._headers
            timestamp = record.timestamp
            if headers is not None or timestamp is not None or encode_key is None or encode_value is None:
                append(self._encode_rare(record, encode_key, encode_value))
            else:
                # Plain tuples: making a named one costs more than encoding, and logs read by position.
                append(
                    (
                        topic, record.kafka_partition, encode_key(record.key), encode_value(record.value),
                        None, None,
                    )
                )  # fmt: skip
        return cast("list[OutRecord]", out)

    def _encode_rare(
        self, record: SourceRecord, encode_key: Encoder | None, encode_value: Encoder | None
    ) -> OutRecord:
        """A record with headers or a timestamp, or whose converters look at headers."""
        topic = record.topic
        assert topic is not None
        headers = self._headers(topic, record._headers)
        if encode_key is not None:
            key = encode_key(record.key)
        else:
            key = self._converters.key.from_connect_data(topic, record.key_schema, record.key, headers)
        if encode_value is not None:
            value = encode_value(record.value)
        else:
            value = self._converters.value.from_connect_data(
                topic, record.value_schema, record.value, headers
            )
        return OutRecord(topic, record.kafka_partition, key, value, _timestamp(record), headers or None)

    def _headers(self, topic: str, headers: Headers | None) -> RawHeaders:
        if headers is None:
            return []
        convert = self._converters.header.from_connect_header
        return [(h.key, convert(topic, h.key, h.schema, h.value)) for h in headers]

    def _lookup(
        self, topic: str | None, key_schema: Schema | None, value_schema: Schema | None
    ) -> tuple[Encoder | None, Encoder | None]:
        if topic is None:
            raise FatalTaskError(
                "A source record has no topic; the connector or a transform must give it one"
            )
        cache_key = (topic, id(key_schema), id(value_schema))
        found = self._encoders.get(cache_key)
        if found is None:
            if len(self._encoders) >= _CACHED:
                self._encoders.clear()
            found = self._encoders[cache_key] = (
                key_schema,
                value_schema,
                self._converters.key.encoder(topic, key_schema),
                self._converters.value.encoder(topic, value_schema),
            )
        return found[2], found[3]

    def encode_one(self, record: SourceRecord, tolerance: Tolerance, subject: Subject) -> OutRecord | None:
        """Encode one record under the error policy; None if it was dropped."""
        topic = _checked_topic(record, subject.where)
        key, value, header = self._converters

        def run(stage: Stage, plugin: object, call: Callable[[], Any]) -> Any:
            return tolerance.run(stage, culprit(plugin), subject, call)

        headers: Any = run(Stage.HEADER_CONVERTER, header, lambda: self._headers(topic, record._headers))
        if headers is SKIPPED:
            return None
        raw_key = run(
            Stage.KEY_CONVERTER,
            key,
            lambda: _as_bytes(key.from_connect_data(topic, record.key_schema, record.key, headers)),
        )
        if raw_key is SKIPPED:
            return None
        raw_value = run(
            Stage.VALUE_CONVERTER,
            value,
            lambda: _as_bytes(value.from_connect_data(topic, record.value_schema, record.value, headers)),
        )
        if raw_value is SKIPPED:
            return None
        return OutRecord(
            topic,
            record.kafka_partition,
            raw_key,
            raw_value,
            _timestamp(record),
            headers or None,
        )


def _as_bytes(made: object) -> bytes | None:
    """What a converter made, if it is what a log takes."""
    if made is None or type(made) is bytes:
        return made
    if isinstance(made, bytes | bytearray | memoryview):
        return bytes(made)
    raise DataError(
        f"The converter returned a value of class {type(made).__name__}; it must be bytes or None"
    )


def _checked_topic(record: SourceRecord, where: str) -> str:
    """The topic; a ``FatalTaskError`` names what of topic, partition and timestamp no log could take."""
    if record.topic is None:
        raise FatalTaskError(f"{where} has no topic; the connector or a transform must give it one")
    for what, value, wanted in (
        ("topic", record.topic, str),
        ("partition", record.kafka_partition, int),
        ("timestamp", record.timestamp, int),
    ):
        if value is not None and not isinstance(value, wanted):
            raise FatalTaskError(
                f"{where} has a {what} of class {type(value).__name__}; it must be of class {wanted.__name__}"
            )
    return record.topic


def _timestamp(record: SourceRecord) -> int | None:
    timestamp = record.timestamp
    if timestamp is None or timestamp == -1:
        return None
    if timestamp < 0:
        raise FatalTaskError(
            f"A source record for topic {record.topic} has a negative timestamp; it must be milliseconds "
            "since 1970, or absent"
        )
    return timestamp

"""Dead letters of a source: the record as polled, in the form nearest to what it would have been.

Kafka Connect has none. If the log refused the record, the letter is what was refused. Before that, key and
value are written by the connector's converters, under the name of the dead letter topic, so that no other
subject of a schema registry sees them; what a converter does not take is JSON text, and a header says so. The
place in the source stands in headers.

Threads: the task's own, as its converters.
"""

from __future__ import annotations

import logging
from typing import Any

from connectkit.api import Converter
from connectkit.errors import DataError, RetriableError
from connectkit.record import SourceRecord
from connectkit.runner.control import TaskId
from connectkit.runner.counters import ErrorCounters
from connectkit.runner.dlq import context
from connectkit.runner.encode import Converters
from connectkit.runner.failing import Stage, Subject
from connectkit.runner.log.api import OutRecord, Producer
from connectkit.runner.offset_key import dump
from connectkit.runner.plain_json import plain_text
from connectkit.runner.reporters import DeadLetters
from connectkit.schema import Schema

log = logging.getLogger(__name__)


class SourceLetters(DeadLetters):
    """``errors.deadletterqueue.*`` of a source task."""

    def __init__(
        self,
        topic: str,
        task_id: TaskId,
        producer: Producer,
        counters: ErrorCounters,
        *,
        converters: Converters,
        context_headers: bool,
    ) -> None:
        super().__init__(topic, task_id, producer, counters, context_headers=context_headers)
        self._converters = converters

    def letter(self, stage: Stage, plugin: str, error: Exception, subject: Subject) -> OutRecord:
        record: SourceRecord = subject.original
        forms: dict[str, str] = {}
        topic, partition = record.topic, record.kafka_partition
        if subject.produced is not None:
            topic, partition, key, value, timestamp, made = subject.produced
            headers: context.Headers = list(made or ())
        else:
            headers = self._headers(record)
            # A converter that waits for its registry has waited long enough.
            stuck = isinstance(error, RetriableError)
            key, forms[context.KEY_FORM] = self._encoded(
                self._converters.key, record.key_schema, record.key, headers,
                is_stuck=stuck and stage is Stage.KEY_CONVERTER,
            )  # fmt: skip
            value, forms[context.VALUE_FORM] = self._encoded(
                self._converters.value, record.value_schema, record.value, headers,
                is_stuck=stuck and stage is Stage.VALUE_CONVERTER,
            )  # fmt: skip
            timestamp = record.timestamp
        if self._context_headers:
            where = {
                context.TOPIC: topic,
                context.PARTITION: None if partition is None else str(partition),
                context.SOURCE_PARTITION: _dumped(record.source_partition),
                context.SOURCE_OFFSET: _dumped(record.source_offset),
                **{name: form for name, form in forms.items() if form},
            }
            told = {name: text for name, text in where.items() if text is not None}
            headers += context.as_headers(told | context.reason(self._task_id, stage, plugin, error))
        if timestamp is not None and timestamp < 0:
            timestamp = None
        return OutRecord(self.topic, None, key, value, timestamp, headers or None)

    def _encoded(
        self,
        converter: Converter[Any],
        schema: Schema | None,
        value: Any,
        headers: context.Headers,
        *,
        is_stuck: bool,
    ) -> tuple[bytes | None, str]:
        """The bytes, and the name of their form if it is not the converter's."""
        if not is_stuck:
            kept = headers[:]
            try:
                return converter.from_connect_data(self.topic, schema, value, headers), ""
            except Exception as exc:
                headers[:] = kept
                log.debug("A dead letter of task %s is written as JSON", self._task_id, exc_info=exc)
        return (None, "") if value is None else (plain_text(value).encode(), context.JSON_FORM)

    def _headers(self, record: SourceRecord) -> context.Headers:
        made: context.Headers = []
        convert = self._converters.header.from_connect_header
        for each in record.headers:
            try:
                made.append((each.key, convert(self.topic, each.key, each.schema, each.value)))
            except Exception:  # noqa: BLE001 - as with values
                made.append((each.key, plain_text(each.value).encode()))
        return made


def _dumped(place: Any) -> str | None:
    """A source partition or offset as JSON, if it can be."""
    if place is None:
        return None
    try:
        return dump(place, what="place")
    except DataError:
        return None

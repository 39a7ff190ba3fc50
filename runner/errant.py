"""Takes the records that a sink task cannot write (KIP-610) to the reporters of its error policy.

The dead letter is the message as it was consumed; it is found by the record's original coordinates among
the messages delivered last. A record that a task made up, or reports long after, is encoded again with
the task's converters. A message that a transform made several records of is one dead letter, however many
of them the task reports. Thread-safe: tasks may report from threads of their own.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Collection, Sequence
from concurrent.futures import Future
from typing import Any

from connectkit.api import RawHeaders, TopicPartition
from connectkit.errors import FatalTaskError
from connectkit.record import SinkRecord
from connectkit.runner.encode import Converters
from connectkit.runner.log.api import Message
from connectkit.runner.tolerance import Stage, Subject, Tolerance, succeeded

KEPT_MESSAGES = 10_000
"""How many delivered messages are remembered for reports that come late."""

_TIDY_EVERY = 1_000


class ErrantReporter:
    """The ``errant_record_reporter`` of one task."""

    def __init__(self, tolerance: Tolerance, converters: Converters) -> None:
        self._tolerance = tolerance
        self._converters = converters
        self._lock = threading.Lock()
        self._recent: deque[_Delivered] = deque()
        self._recent_count = 0
        self._pending: dict[TopicPartition, list[Future[None]]] = {}
        self._fatal: FatalTaskError | None = None

    def report(self, record: SinkRecord, error: Exception) -> Future[None]:
        tp = TopicPartition(record.original_topic or "", record.original_kafka_partition or 0)
        offset = record.original_kafka_offset
        place = (tp.topic, tp.partition, offset)
        message: Message | None = None
        delivered: _Delivered | None = None
        answer: Future[None] = Future()
        with self._lock:
            for batch in reversed(self._recent):
                message = batch.find(place)
                if message is not None:
                    delivered = batch
                    earlier = batch.answers.setdefault(place, answer)
                    if earlier is not answer:
                        return earlier
                    break
        subject = Subject(
            f"{tp.topic}-{tp.partition}@{offset}", message or _Rebuilt(record, self._converters)
        )
        try:
            futures = self._tolerance.drop(Stage.TASK_PUT, "SinkTask", error, subject, skipped=False)
        except BaseException as exc:
            if isinstance(exc, FatalTaskError):
                self._fatal = exc
            if delivered is not None:
                with self._lock:
                    delivered.answers.pop(place, None)  # the next report is to raise as well
            answer.set_exception(exc)
            raise
        with self._lock:
            pending = self._pending.setdefault(tp, [])
            pending += futures
            if len(pending) % _TIDY_EVERY == 0:
                pending[:] = [future for future in pending if not succeeded(future)]
        _settle_with(answer, futures)
        return answer

    # --- what the task's loop calls --------------------------------------------------------------

    def delivered(self, messages: Sequence[Message]) -> None:
        """These messages are about to be put."""
        with self._lock:
            self._recent.append(_Delivered(messages))
            self._recent_count += len(messages)
            while self._recent_count > KEPT_MESSAGES and len(self._recent) > 1:
                self._recent_count -= len(self._recent.popleft().messages)

    def check(self) -> None:
        """Raise what a report has raised, in case the task swallowed it."""
        if self._fatal is not None:
            raise self._fatal

    def take(self, partitions: Collection[TopicPartition]) -> list[Future[None]]:
        """The reports of these partitions that must be acknowledged before their offsets are committed."""
        with self._lock:
            return [future for tp in partitions for future in self._pending.pop(tp, ())]

    def forget(self, partitions: Collection[TopicPartition]) -> None:
        """These partitions were lost: nobody waits for their reports any more."""
        for future in self.take(partitions):
            future.cancel()


class _Delivered:
    """The messages of one ``put``, indexed when the first of them is reported."""

    __slots__ = ("_index", "answers", "messages")

    def __init__(self, messages: Sequence[Message]) -> None:
        self.messages = messages
        self.answers: dict[tuple[str, int, int], Future[None]] = {}
        """What the first report of a message was answered with."""
        self._index: dict[tuple[str, int, int], Message] | None = None

    def find(self, place: tuple[str, int, int]) -> Message | None:
        if self._index is None:
            self._index = {(m.topic(), m.partition(), m.offset()): m for m in self.messages}
        return self._index.get(place)


def _settle_with(answer: Future[None], futures: Sequence[Future[None]]) -> None:
    """End the future with the last of these, failing with the first error."""
    left = len(futures)
    if not left:
        answer.set_result(None)
        return
    lock = threading.Lock()

    def ended(future: Future[None]) -> None:
        nonlocal left
        with lock:
            left -= 1
            last = left == 0
        if last and any(f.cancelled() for f in futures):
            answer.cancel()
        elif last:
            failed = next((f.exception() for f in futures if f.exception() is not None), None)
            if failed is not None:
                answer.set_exception(failed)
            else:
                answer.set_result(None)

    for future in futures:
        future.add_done_callback(ended)


class _Rebuilt:
    """A message made again from a record (``Message``)."""

    def __init__(self, record: SinkRecord, converters: Converters) -> None:
        topic = record.topic or ""
        raw: RawHeaders = [
            (h.key, converters.header.from_connect_header(topic, h.key, h.schema, h.value))
            for h in record.headers
        ]
        self._key = converters.key.from_connect_data(topic, record.key_schema, record.key, raw)
        self._value = converters.value.from_connect_data(topic, record.value_schema, record.value, raw)
        self._headers = raw
        self._record = record

    def topic(self) -> str:
        return self._record.topic or ""

    def partition(self) -> int:
        return self._record.kafka_partition or 0

    def offset(self) -> int:
        return self._record.kafka_offset

    def key(self) -> bytes | None:
        return self._key

    def value(self) -> bytes | None:
        return self._value

    def timestamp(self) -> tuple[int, int]:
        timestamp: Any = self._record.timestamp
        return (0, -1) if timestamp is None else (self._record.timestamp_type + 1, timestamp)

    def headers(self) -> RawHeaders | None:
        return self._headers or None

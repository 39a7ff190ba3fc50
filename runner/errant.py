"""Takes the records that a sink task cannot write to the reporters of its error policy.

The task hands them over (KIP-610), or the worker has found them (:mod:`connectkit.runner.put`). The dead
letter is the message as it was consumed; it is found by the record's original coordinates among the messages
delivered last. A record that a task made up, or reports long after, is encoded again with the task's
converters. A message that a transform made several records of is one dead letter, however many of them are
reported. Thread-safe: tasks may report from threads of their own.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Collection, Sequence
from concurrent.futures import Future
from typing import Any

from connectkit.api import RawHeaders, SinkTask, TopicPartition
from connectkit.errors import ConnectError, FatalTaskError
from connectkit.record import SinkRecord
from connectkit.runner.encode import Converters
from connectkit.runner.failing import Stage, Subject, culprit
from connectkit.runner.log.api import Message
from connectkit.runner.tolerance import BreakerOpenError, Tolerance, breaker_open, succeeded

KEPT_MESSAGES = 10_000
"""How many messages that were put are remembered for reports that come late."""
KEPT_BYTES = 16 * 1024 * 1024
"""About how large they may be, beside those of the last batch."""
_SAMPLES = 16

_TIDY_EVERY = 1_000
_SINK_TASK = culprit(SinkTask)


class ErrantReporter:
    """The ``errant_record_reporter`` of one task."""

    def __init__(self, tolerance: Tolerance, converters: Converters) -> None:
        self._tolerance = tolerance
        self._converters = converters
        self._lock = threading.Lock()
        self._recent: deque[_Delivered] = deque()
        self._recent_count = 0
        self._recent_bytes = 0
        self._pending: dict[TopicPartition, list[Future[None]]] = {}
        self._fatal: ConnectError | None = None
        self._putting: Sequence[SinkRecord] = ()
        self._last: int | None = None  # the number of the message reported last in the put at hand

    def report(self, record: SinkRecord, error: Exception) -> Future[None]:
        if not isinstance(record, SinkRecord):
            raise FatalTaskError(
                f"The errant record reporter was given a value of class {type(record).__name__}; it takes a "
                "record that was put, and its error"
            )
        place = place_of(record)
        answer: Future[None] = Future()
        with self._lock:
            delivered, number, message = self._find(place)
            if delivered is not None:
                earlier = delivered.answers.setdefault(place, answer)
                if earlier is not answer:
                    return earlier
        try:
            subject = self._subject(record, place, message)
            if delivered is not None:
                self._count(number, error)
            futures = self._tolerance.drop(Stage.TASK_PUT, _SINK_TASK, error, subject, skipped=False)
        except BaseException as exc:
            if isinstance(exc, FatalTaskError | BreakerOpenError):
                self._fatal = exc
            if delivered is not None:
                with self._lock:
                    delivered.answers.pop(place, None)  # the next report is to raise as well
            answer.set_exception(exc)
            raise
        with self._lock:
            pending = self._pending.setdefault(place[0], [])
            pending += futures
            if len(pending) % _TIDY_EVERY == 0:
                pending[:] = [future for future in pending if not succeeded(future)]
        _settle_with(answer, futures)
        return answer

    def _find(self, place: Place) -> tuple[_Delivered | None, int, Message | None]:
        for batch in reversed(self._recent):
            found = batch.find(place)
            if found is not None:
                return batch, *found
        return None, -1, None

    def _subject(self, record: SinkRecord, place: Place, message: Message | None) -> Subject:
        (topic, partition), offset = place
        original = message if message is not None else _Rebuilt(record, self._converters)
        return Subject(f"{topic}-{partition}@{offset}", original, place)

    def _count(self, number: int, error: Exception) -> None:
        """Whether record after record is reported, and nothing is written."""
        breaker = self._tolerance.breaker
        if not breaker.enabled or not self._tolerance.policy.tolerate_all:
            return
        with self._lock:
            last = self._last
            if last is None:
                last = self._find(place_of(self._putting[0]))[1] - 1 if self._putting else number - 1
            if number > last + 1:
                breaker.passed(writing=True)  # the task has written those in between
            self._last = max(number, last)
            breaker.failed(error, writing=True)
            if breaker.is_open:
                raise breaker_open(error)

    def subject(self, record: SinkRecord) -> Subject:
        """What the error policy is told of a record: the message it was made of."""
        place = place_of(record)
        with self._lock:
            message = self._find(place)[2]
        return self._subject(record, place, message)

    def is_reported(self, record: SinkRecord) -> bool:
        """Whether the task has handed over the record, or another that was made of the same message."""
        place = place_of(record)
        with self._lock:
            delivered = self._find(place)[0]
            return delivered is not None and place in delivered.answers

    # --- what the task's loop calls --------------------------------------------------------------

    def delivered(self, messages: Sequence[Message]) -> None:
        """These messages are about to be put."""
        with self._lock:
            new = _Delivered(messages)
            recent = self._recent
            while recent and (
                self._recent_count > KEPT_MESSAGES or self._recent_bytes + new.size_bytes > KEPT_BYTES
            ):
                old = recent.popleft()
                self._recent_count -= len(old.messages)
                self._recent_bytes -= old.size_bytes
            recent.append(new)
            self._recent_count += len(messages)
            self._recent_bytes += new.size_bytes

    def put_begins(self, records: Sequence[SinkRecord]) -> None:
        """These are about to be put."""
        self._putting, self._last = records, None

    def put_ended(self, records: Sequence[SinkRecord]) -> None:
        """Raise what a report has raised, if the task swallowed it; note whether anything was written."""
        self._putting = ()  # kept any longer, the records would be in the way of the next ones' memory
        fatal, self._fatal = self._fatal, None
        if fatal is not None:
            raise fatal
        if self._tolerance.breaker.stirred and not all(map(self.is_reported, records)):
            self._tolerance.passed(writing=True)

    def put_goes_back(self) -> None:
        """What opened the breaker is known."""
        if isinstance(self._fatal, BreakerOpenError):
            self._fatal = None

    def take(self, partitions: Collection[TopicPartition]) -> list[Future[None]]:
        """The reports of these partitions that must be acknowledged before their offsets are committed."""
        with self._lock:
            return [future for tp in partitions for future in self._pending.pop(tp, ())]

    def forget(self, partitions: Collection[TopicPartition]) -> None:
        """These partitions were lost: nobody waits for their reports any more."""
        for future in self.take(partitions):
            future.cancel()


Place = tuple[TopicPartition, int]
"""Partition and offset."""


def place_of(record: SinkRecord) -> Place:
    """Where the message stands that a record was made of."""
    tp = TopicPartition(record.original_topic or "", record.original_kafka_partition or 0)
    return tp, record.original_kafka_offset


class _Delivered:
    """The messages of one ``put``, indexed when the first of them is reported."""

    __slots__ = ("_index", "answers", "messages", "size_bytes")

    def __init__(self, messages: Sequence[Message]) -> None:
        self.messages = messages
        step = max(len(messages) // _SAMPLES, 1)
        self.size_bytes = step * sum(len(message.value() or b"") for message in messages[::step])
        """About: the values of some of them, for all."""
        self.answers: dict[Place, Future[None]] = {}
        """What the first report of a message was answered with."""
        self._index: dict[Place, tuple[int, Message]] | None = None

    def find(self, place: Place) -> tuple[int, Message] | None:
        """The message at this place and its number."""
        if self._index is None:
            self._index = {
                (TopicPartition(m.topic(), m.partition()), m.offset()): (number, m)
                for number, m in enumerate(self.messages)
            }
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

"""The Kafka log's producer: whole batches into librdkafka, and word of each batch once it is settled.

Speed is decided by what a delivered record costs in Python. It costs nothing here: all records of a
batch share one *ticket* as their delivery callback, which librdkafka's binding calls for failures only
(``delivery.report.only.error``) and lets go of, record by record, as they are settled. When the last
one is, nobody holds the ticket any more and its ``__del__`` reports the batch. That rests on
CPython's reference counts, on which the binding's C code rests too.

A batch with a listener for each record (``on_each``) needs all reports; the first such batch makes the
producer drain and reopen in that mode, which costs about a sixth of the speed from then on. A
transactional producer is in that mode from the start, because it cannot be reopened in between.

Memory is decided by huge records, of which librdkafka has a copy until they are acknowledged: ours is let
go of at once, and the next batch with one waits for that.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from confluent_kafka import Consumer as _Consumer
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka import Producer as _Producer
from confluent_kafka import TopicPartition as _TopicPartition

from connectkit.api import TopicPartition
from connectkit.errors import ConnectError, DataError, FatalTaskError, RetriableError
from connectkit.runner.log.api import BatchDone, Delivery, OutRecord
from connectkit.runner.log.kafka.faults import kafka_error, translate_error
from connectkit.runner.log.kafka.handles import Watch, make
from connectkit.runner.log.kafka.translate import Translated

_log = logging.getLogger("connectkit.log.kafka")

_OnEach = Callable[[int, Delivery], None]
_FULL_WAIT_S = 0.05
_NO_OFFSET = -1
_CLOSING_STEPS = 5
_ANY_PARTITION = -1
_HUGE_BYTES = 4 * 1024 * 1024
_FEW = 64
"""A batch of more records is not looked through for huge ones: it would be too large whatever is done."""


class _Flight:
    """A batch under way, as columns: the caller may reuse its list and drop its records."""

    __slots__ = (
        "count",
        "failures",
        "headers",
        "huge",
        "keys",
        "on_done",
        "on_each",
        "partitions",
        "stamps",
        "topics",
        "unplaced",
        "values",
    )

    def __init__(
        self, batch: Sequence[OutRecord], on_done: BatchDone | None, on_each: _OnEach | None
    ) -> None:
        self.count = len(batch)
        if batch:
            self.topics, self.partitions, self.keys, self.values, self.stamps, self.headers = zip(*batch)
        self.huge = (
            0 < self.count <= _FEW and max(map(len, filter(None, self.values)), default=0) >= _HUGE_BYTES
        )
        """Whether a value is huge: then each record is told of by its place, and no value is kept."""
        self.on_done = on_done
        """None: ``send`` raised, so nothing of the batch is called back."""
        self.on_each = on_each
        self.failures: dict[int, ConnectError] = {}
        self.unplaced: list[tuple[Any, Any]] = []
        """Failures of which only the message is known, not its place in the batch."""


class _Ticket:
    """The delivery callback that the records of a batch share; its end is the end of the batch."""

    __slots__ = ("_flight", "_landed")

    def __init__(self, flight: _Flight, landed: deque[_Flight]) -> None:
        self._flight = flight
        self._landed = landed

    def __call__(self, error: Any, message: Any) -> None:
        if error is not None:
            self._flight.unplaced.append((error, message))

    def report(self, producer: KafkaProducer, index: int, error: Any, message: Any) -> None:
        """The delivery callback of one record whose place is known."""
        flight = self._flight
        if error is not None:
            flight.failures[index] = producer.failure(
                error, message.topic(), named=flight.partitions[index] is not None
            )
        elif flight.on_each is not None:
            _, stamp_ms = message.timestamp()
            flight.on_each(
                index, Delivery(message.topic(), message.partition(), message.offset(), stamp_ms, None)
            )

    def __del__(self) -> None:
        self._landed.append(self._flight)


class KafkaProducer:
    """Appends batches. One thread sends; ``close`` may come from another once that one is given up."""

    def __init__(self, translated: Translated, watch: Watch) -> None:
        self._translated = translated
        self._watch = watch
        self._transactional = "transactional.id" in translated.settings
        self._reports_all = self._transactional
        self._landed: deque[_Flight] = deque()
        self._unsettled = 0
        self._huge: _Flight | None = None
        """The batch with huge records that is under way."""
        self._buffer_bytes = int(translated.settings["queue.buffering.max.kbytes"]) * 1024
        self._closed = False
        self._epoch_zero_told = False
        self._handle: Any = self._open()

    def _open(self) -> Any:
        return make(
            _Producer, self._translated, self._watch, **{"delivery.report.only.error": not self._reports_all}
        )

    # --- sending --------------------------------------------------------------------------------

    def send(
        self,
        batch: Sequence[OutRecord],
        on_done: BatchDone,
        on_each: Callable[[int, Delivery], None] | None = None,
    ) -> None:
        if self._closed:
            raise FatalTaskError("the producer is closed")
        self._serve(0)  # what has been settled so far; not the batch at hand
        self._land()
        self._watch.check()
        if on_each is not None and not self._reports_all:
            self._report_all()
        flight = _Flight(batch, on_done, on_each)
        self._unsettled += flight.count
        if not batch:
            self._landed.append(flight)
            return
        try:
            self._enqueue(flight, _Ticket(flight, self._landed))
        except BaseException:
            flight.on_done = flight.on_each = None
            self._unsettled -= flight.count
            raise

    def _enqueue(self, flight: _Flight, ticket: _Ticket) -> None:
        topics, partitions, keys, values = flight.topics, flight.partitions, flight.keys, flight.values
        count = flight.count
        if flight.huge:
            while self._huge is not None and not self._closed:
                self._serve(_FULL_WAIT_S)
                self._land()
            self._huge = flight
            self._enqueue_each(flight, ticket)
            flight.values = ()
        elif flight.on_each is not None or flight.stamps.count(None) != count or any(flight.headers):
            self._enqueue_each(flight, ticket)
        elif partitions.count(None) == count and topics.count(topics[0]) == count:
            self._enqueue_alike(
                flight, ticket, topics[0], _ANY_PARTITION, _messages(keys, values), range(count)
            )
        else:
            groups: dict[tuple[str, int | None], list[int]] = {}
            for index, where in enumerate(zip(topics, partitions)):
                groups.setdefault(where, []).append(index)
            for (topic, number), indexes in groups.items():
                messages = _messages([keys[i] for i in indexes], [values[i] for i in indexes])
                wanted = _ANY_PARTITION if number is None else number
                self._enqueue_alike(flight, ticket, topic, wanted, messages, indexes)

    def _enqueue_alike(
        self,
        flight: _Flight,
        ticket: _Ticket,
        topic: str,
        number: int,
        messages: list[dict[str, Any]],
        indexes: Sequence[int],
    ) -> None:
        """Records of one topic that have only keys and values: one call for all."""
        deadline_s = None
        while True:
            try:
                accepted = self._handle.produce_batch(topic, messages, number, ticket)
            except KafkaException as exc:
                error = self.failure(kafka_error(exc), topic)
                flight.failures.update(dict.fromkeys(indexes, error))
                return
            if accepted == len(messages):
                return
            rest: list[int] = []
            for index, message in zip(indexes, messages):
                error = message.pop("_error", None)
                if error is None:
                    continue
                if error.code() == KafkaError._QUEUE_FULL:
                    too_large = self._beyond_buffer(topic, flight.keys[index], flight.values[index])
                    if too_large is None:
                        rest.append(index)
                    else:
                        flight.failures[index] = too_large
                else:
                    flight.failures[index] = self.failure(error, topic)
            if not rest:
                return
            if deadline_s is None or accepted:
                deadline_s = time.monotonic() + self._translated.max_block_ms / 1000
            if not self._wait_for_room(deadline_s):
                flight.failures.update(dict.fromkeys(rest, self._no_room()))
                return
            indexes = rest
            messages = _messages([flight.keys[i] for i in rest], [flight.values[i] for i in rest])

    def _enqueue_each(self, flight: _Flight, ticket: _Ticket) -> None:
        """Records with timestamps, headers or a listener: a call each."""
        produce = self._handle.produce
        placed = flight.on_each is not None or flight.huge
        rows = zip(
            flight.topics, flight.partitions, flight.keys, flight.values, flight.stamps, flight.headers
        )
        for index, (topic, number, key, value, stamp, headers) in enumerate(rows):
            if stamp is None:
                stamp = 0  # librdkafka's word for "now"
            elif stamp <= 0:
                if stamp < 0:
                    flight.failures[index] = DataError(
                        f"a record for topic {topic} has a timestamp before 1970, which Kafka does not allow"
                    )
                    continue
                stamp = self._epoch_zero(topic)
            callback = partial(ticket.report, self, index) if placed or headers else ticket
            wanted = _ANY_PARTITION if number is None else number
            try:
                produce(topic, value, key, wanted, callback, None, stamp, headers)
            except BufferError:
                too_large = self._beyond_buffer(topic, key, value)
                if too_large is not None:
                    flight.failures[index] = too_large
                elif not self._produce_later(
                    produce, topic, value, key, wanted, callback, None, stamp, headers
                ):
                    flight.failures.update(dict.fromkeys(range(index, flight.count), self._no_room()))
                    return
            except KafkaException as exc:
                flight.failures[index] = self.failure(kafka_error(exc), topic)

    def _produce_later(self, produce: Callable[..., None], *arguments: Any) -> bool:
        deadline_s = time.monotonic() + self._translated.max_block_ms / 1000
        while self._wait_for_room(deadline_s):
            try:
                produce(*arguments)
                return True
            except BufferError:
                continue
        return False

    def _wait_for_room(self, deadline_s: float) -> bool:
        if self._closed or time.monotonic() >= deadline_s:
            return False
        self._serve(_FULL_WAIT_S)
        self._land()
        return True

    def _no_room(self) -> ConnectError:
        if self._closed:
            return RetriableError("the record was not sent: the producer was closed")
        return RetriableError(
            f"the record was not sent: the producer's buffer stayed full for max.block.ms = "
            f"{self._translated.max_block_ms}; {self._watch.reach.sentence()}"
        )

    def _beyond_buffer(self, topic: str, key: bytes | None, value: bytes | None) -> DataError | None:
        """Why the buffer will never have room for that record, if so; as Java's producer refuses it."""
        size_bytes = len(key or b"") + len(value or b"")
        if size_bytes <= self._buffer_bytes:
            return None
        return DataError(
            f"writing to topic {topic} failed: a record of {size_bytes} bytes is larger than buffer.memory "
            "of the producer; raise it, or make the record smaller"
        )

    def _epoch_zero(self, topic: str) -> int:
        if not self._epoch_zero_told:
            self._epoch_zero_told = True
            _log.warning(
                "a record for topic %s has the timestamp 0, which librdkafka takes for the present; "
                "such records are written with timestamp 1 (one millisecond later)",
                topic,
            )
        return 1

    def _report_all(self) -> None:
        while self._unsettled:
            self._serve(_FULL_WAIT_S)
            self._land()
        self._land()
        self._reports_all = True
        self._handle = self._open()

    # --- word of what was sent ------------------------------------------------------------------

    def failure(self, error: Any, topic: str, *, named: bool = True) -> ConnectError:
        """The error of one record. ``named``: it says itself which partition it goes to."""
        if error.code() == KafkaError._UNKNOWN_PARTITION and not named:
            return RetriableError(
                f"writing to topic {topic} failed: the partition that was chosen for the record is gone "
                f"since the topic was made anew ({error.name()})"
            )
        return translate_error(error, f"writing to topic {topic}", self._watch.reach)

    def _land(self) -> None:
        landed = self._landed
        while landed:
            flight = landed.popleft()
            if flight is self._huge:
                self._huge = None
            if flight.on_done is None:  # send raised: nothing of the batch is called back
                continue
            self._unsettled -= flight.count
            failures = flight.failures
            if flight.unplaced:
                self._place(flight)
            if flight.on_each is not None:
                for index, error in failures.items():
                    flight.on_each(index, Delivery(flight.topics[index], -1, _NO_OFFSET, None, error))
            flight.on_done(sorted(failures.items()))

    def _place(self, flight: _Flight) -> None:
        """Find the places of failed records by their content; equal records are told of in order.

        Records that are equal in topic, partition, key, value and timestamp are interchangeable on the
        log, so naming the first of them is as true as naming any, and safest for offsets.
        """
        places: dict[tuple[str, bytes | None, bytes | None], deque[int]] = {}
        for index, content in enumerate(zip(flight.topics, flight.keys, flight.values)):
            if index not in flight.failures:
                places.setdefault(content, deque()).append(index)
        for error, message in flight.unplaced:
            topic = message.topic()
            candidates = places[topic, message.key(), message.value()]
            chosen = next((i for i in candidates if self._fits(flight, i, message)), candidates[0])
            candidates.remove(chosen)
            flight.failures[chosen] = self.failure(error, topic, named=flight.partitions[chosen] is not None)

    @staticmethod
    def _fits(flight: _Flight, index: int, message: Any) -> bool:
        partition, stamp = flight.partitions[index], flight.stamps[index]
        if partition is not None and partition != message.partition():
            return False
        return stamp is None or stamp == message.timestamp()[1]

    def poll(self, timeout_s: float = 0.0) -> None:
        if self._closed:
            return
        self._serve(0 if self._landed else timeout_s)
        self._land()
        self._watch.check()

    def flush(self, timeout_s: float) -> int:
        if not self._closed:
            self._flush(timeout_s)
            self._land()
        return self._unsettled

    def _serve(self, timeout_s: float) -> None:
        handle = self._handle
        if handle is None:  # closed by another thread
            return
        try:
            handle.poll(timeout_s)
        except (KafkaException, SystemError) as exc:  # a fatal error of the whole producer
            raise self._fatal(exc) from exc

    def _flush(self, timeout_s: float) -> None:
        try:
            self._handle.flush(timeout_s)
        except (KafkaException, SystemError) as exc:
            raise self._fatal(exc) from exc

    def _fatal(self, exc: BaseException) -> ConnectError:
        # Python wraps an error that comes while a delivery callback runs.
        while isinstance(exc, SystemError) and exc.__cause__ is not None:
            exc = exc.__cause__
        if not isinstance(exc, KafkaException):
            raise exc
        return translate_error(
            kafka_error(exc), f"writing to {self._watch.reach.bootstrap_servers}", self._watch.reach
        )

    # --- transactions ---------------------------------------------------------------------------

    def init_transactions(self, timeout_s: float) -> None:
        """Become the only producer of the transactional id; an earlier one is fenced.

        A ``RetriableError`` leaves it undecided: call again, or make a new producer.
        """
        self._transact("starting transactions", lambda: self._handle.init_transactions(timeout_s))

    def begin_transaction(self) -> None:
        self._transact("beginning a transaction", self._handle.begin_transaction)

    def commit_transaction(self, timeout_s: float) -> None:
        """Commit. After a ``RetriableError`` abort, and after a failed abort make a new producer."""
        deadline_s = time.monotonic() + timeout_s
        self._flush(timeout_s)
        self._land()
        left_s = max(1.0, deadline_s - time.monotonic())
        self._transact("committing a transaction", lambda: self._handle.commit_transaction(left_s))

    def abort_transaction(self, timeout_s: float) -> None:
        self._transact("aborting a transaction", lambda: self._handle.abort_transaction(timeout_s))
        self._serve(0)
        self._land()

    def send_offsets(self, offsets: Mapping[TopicPartition, int], group: str, timeout_s: float) -> None:
        if not offsets:
            return
        # Only a consumer can make the group's metadata; this one joins nothing and is gone at once.
        translated = self._translated.settings
        settings = {
            key: translated[key] for key in translated if key in _CONNECTION_KEYS or key.startswith(_SECURE)
        }
        consumer = _Consumer({**settings, "group.id": group, "enable.auto.commit": False})
        try:
            metadata = consumer.consumer_group_metadata()
        finally:
            consumer.close()
        positions = [_TopicPartition(w.topic, w.partition, at) for w, at in offsets.items()]
        self._transact(
            f"storing offsets of group {group}",
            lambda: self._handle.send_offsets_to_transaction(positions, metadata, timeout_s),
        )

    def _transact(self, what: str, step: Callable[[], None]) -> None:
        if not self._transactional:
            raise FatalTaskError("the producer has no transactional.id, so it cannot use transactions")
        if self._closed:
            raise FatalTaskError("the producer is closed")
        what = f"{what} of transactional id {self._translated.settings['transactional.id']}"
        try:
            step()
        except KafkaException as exc:
            error = kafka_error(exc)
            if error.code() == KafkaError._STATE:
                raise FatalTaskError(f"{what} is out of turn ({_order(error)})") from exc
            if error.code() == KafkaError.INVALID_TXN_STATE:
                # It was ended while the brokers still were at the one before, and had not heard of it.
                raise RetriableError(f"{what} failed: the brokers know of none ({error.name()})") from exc
            raise translate_error(error, what, self._watch.reach) from exc
        self._land()

    # --- the end --------------------------------------------------------------------------------

    def close(self, timeout_s: float) -> None:
        if self._closed:
            return
        deadline_s = time.monotonic() + timeout_s
        self._until_settled(lambda: self._handle.flush(max(0.0, deadline_s - time.monotonic())))
        self._closed = True
        self._land()
        if self._unsettled:
            self._handle.purge(in_queue=True, in_flight=True, blocking=True)
            self._until_settled(lambda: self._handle.poll(_FULL_WAIT_S))
            self._land()
        self._handle = None

    def _until_settled(self, step: Callable[[], object]) -> None:
        """Go on past fatal errors, which have been raised or logged before: the records are failed too."""
        for _ in range(_CLOSING_STEPS):
            try:
                step()
            except (KafkaException, SystemError):
                continue
            return


_CONNECTION_KEYS = frozenset({"bootstrap.servers", "security.protocol", "client.dns.lookup", "client.id"})
_SECURE = ("ssl.", "sasl.", "enable.ssl.", "enable.sasl.", "https.")


def _messages(keys: Sequence[bytes | None], values: Sequence[bytes | None]) -> list[dict[str, Any]]:
    if keys.count(None) == len(keys):
        return [{"value": value} for value in values]
    return [{"value": value, "key": key} for key, value in zip(keys, values)]


def _order(error: Any) -> str:
    return "".join(c if c.isprintable() else " " for c in error.str())[:120]

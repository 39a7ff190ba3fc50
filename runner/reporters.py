"""Who is told of a record that failed: the log, and the dead letter queue.

Source: KIP-298 (log, dead letter queue and its headers). The log names places, never values. Departures
from Kafka Connect: the headers of a dead letter hold no foreign exception message and only places of a
stack trace (both may carry values of the record), and offsets wait until the dead letter is acknowledged.

Threads: reports come from the task's thread and, for errant records, from threads of the task; a source's
commit thread waits for acknowledgements. One at a time uses the producer.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from concurrent.futures import Future

from connectkit.errors import ConflictError, ConnectError, FatalTaskError
from connectkit.runner.control import TaskId
from connectkit.runner.counters import ErrorCounters
from connectkit.runner.dlq import context
from connectkit.runner.failing import SOURCE, Stage, Subject
from connectkit.runner.log.api import Admin, Message, OutRecord, Producer
from connectkit.runner.tolerance import describe

log = logging.getLogger(__name__)


class LogReporter:
    """``errors.log.enable``: one line a failed record, with its place if ``include_places``."""

    def __init__(self, task_id: TaskId, counters: ErrorCounters, *, include_places: bool) -> None:
        self._task_id = task_id
        self._counters = counters
        self._include_places = include_places
        self._lock = threading.Lock()

    def report(self, stage: Stage, plugin: str, error: Exception, subject: Subject) -> None:
        log.error(
            "Error encountered in task %s. Executing stage '%s' with class '%s'%s: %s",
            self._task_id,
            stage.name,
            plugin,
            _place(subject) if self._include_places else "",
            describe(error),
        )
        with self._lock:
            self._counters.total_errors_logged += 1


def _place(subject: Subject) -> str:
    """In Kafka Connect's words, which log searches know; never more than where the record stands."""
    if subject.place is None or subject.place[0] == SOURCE:
        return f", where source record is = {{{subject.where}}}"
    (topic, partition), offset = subject.place
    return f", where consumed record is {{topic='{topic}', partition={partition}, offset={offset}}}"


class DeadLetters:
    """``errors.deadletterqueue.*`` of a sink: the message as it was consumed, with the reason in headers."""

    def __init__(
        self,
        topic: str,
        task_id: TaskId,
        producer: Producer,
        counters: ErrorCounters,
        *,
        context_headers: bool,
    ) -> None:
        self.topic = topic
        self._task_id = task_id
        self._producer = producer
        self._counters = counters
        self._context_headers = context_headers
        self._lock = threading.RLock()  # who is told of an acknowledgement may report the next one
        self._failure: ConnectError | None = None
        self.waiting = 0
        """Dead letters that were sent and not acknowledged yet."""

    def report(self, stage: Stage, plugin: str, error: Exception, subject: Subject) -> Future[None]:
        return self.send(self.letter(stage, plugin, error, subject))

    def letter(self, stage: Stage, plugin: str, error: Exception, subject: Subject) -> OutRecord:
        """What is written: of a sink, the message as it was consumed."""
        message: Message = subject.original
        headers = list(message.headers() or ())
        if self._context_headers:
            where = {
                context.TOPIC: message.topic(),
                context.PARTITION: str(message.partition()),
                context.OFFSET: str(message.offset()),
            }
            headers += context.as_headers(where | context.reason(self._task_id, stage, plugin, error))
        kind, timestamp = message.timestamp()
        return OutRecord(
            self.topic,
            None,
            message.key(),
            message.value(),
            timestamp if kind > 0 and timestamp >= 0 else None,
            headers or None,
        )

    def send(self, record: OutRecord) -> Future[None]:
        """Produce a dead letter; the future fails if it was not acknowledged."""
        future: Future[None] = Future()

        def done(failures: Sequence[tuple[int, ConnectError]]) -> None:
            self.waiting -= 1
            if failures:
                self._failed(failures[0][1])
            if not future.set_running_or_notify_cancel():
                return  # its partition was lost, and nobody waits for it any more
            if failures:
                future.set_exception(failures[0][1])
            else:
                future.set_result(None)

        with self._lock:
            self._counters.deadletterqueue_produce_requests += 1
            self.waiting += 1
            try:
                self._producer.send([record], done)
            except ConnectError as exc:
                self.waiting -= 1
                self._failed(exc)
                future.set_exception(exc)
        return future

    def _failed(self, error: ConnectError) -> None:
        self._counters.deadletterqueue_produce_failures += 1
        self._failure = self._failure or error
        log.error(
            "A dead letter of task %s could not be written to %s: %s",
            self._task_id,
            self.topic,
            describe(error),
        )

    def wait(self, futures: Sequence[Future[None]], timeout_s: float) -> list[Future[None]]:
        """Wait until these dead letters are acknowledged; returns those that are not yet. Task thread.

        ``FatalTaskError`` if one never will be.
        """
        if any(not future.done() for future in futures):
            with self._lock:
                self._producer.flush(timeout_s)
        left = []
        for future in futures:
            if not future.done():
                left.append(future)
                continue
            error = future.exception()
            if error is not None:
                raise self._fatal(error) from error
        if left:
            log.warning(
                "%d dead letters of task %s were not acknowledged by %s in %g s; offsets are not committed "
                "before they are",
                len(left),
                self._task_id,
                self.topic,
                timeout_s,
            )
        return left

    def _fatal(self, error: BaseException) -> FatalTaskError:
        return FatalTaskError(
            f"A dead letter of task {self._task_id} could not be written to {self.topic}: {describe(error)}; "
            "its offset is not committed"
        )

    def check(self) -> None:
        """``FatalTaskError`` if a dead letter was refused: better to stop than to read on."""
        if self._failure is not None:
            raise self._fatal(self._failure) from self._failure

    def serve(self) -> None:
        """Let acknowledgements come in, if there are any to come."""
        if self.waiting:
            with self._lock:
                self._producer.poll(0.0)

    def close(self, timeout_s: float) -> None:
        with self._lock:
            self._producer.close(timeout_s)


def create_dead_letter_topic(admin: Admin, topic: str, replication: int) -> None:
    """Create the topic with one partition if it is missing; ``FatalTaskError`` if that fails."""
    try:
        if topic not in admin.topics():
            admin.create_topic(topic, partitions=1, replication=replication)
    except ConflictError:
        return  # another task was faster
    except ConnectError as exc:
        raise FatalTaskError(
            f"The dead letter topic {topic} cannot be created: {describe(exc)}; create it by hand, or change "
            "errors.deadletterqueue.topic.replication.factor (3 by default)"
        ) from exc

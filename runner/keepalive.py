"""Keeps a sink task in its consumer group while its plugin takes long over a batch.

Source: ``max.poll.interval.ms`` (KIP-62) evicts a consumer whose thread is busy elsewhere for too long; with
Kafka Connect a slow ``put`` loses its partitions, writes its batch all the same and is given it again. Here
a thread beside the task's polls for it meanwhile, with all partitions paused. A rebalance that comes with
such a poll waits, inside the client's callback, until the task's thread is back and carries it out, so that
the plugin is never called by another thread. While it does, its calls of the consumer are made by the thread
inside the callback, because a client answers no other one then.

Threads: ``begin``, ``rest``, ``settle``, ``ask`` and ``close`` are the task's; ``hand_over`` is called inside
``consume`` on the thread here. Once the task rests, that thread is idle or waits in ``hand_over``.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import Future
from typing import Any, Protocol, TypeVar, cast

from connectkit.api import TopicPartition
from connectkit.errors import ConnectError, RetriableError
from connectkit.runner.control import Control, TaskId
from connectkit.runner.log.api import CommitDone, Consumer
from connectkit.runner.observe import log_context
from connectkit.runner.tolerance import describe

log = logging.getLogger(__name__)

T = TypeVar("T")

LONGEST_S = 10.0
"""A longer put than this has the consumer polled; a third of ``max.poll.interval.ms`` if that is shorter."""
_LOOK_S = 0.1
"""How often the end of the task is looked for while a rebalance waits for it."""


class AbandonedError(ConnectError):
    """The task was fenced while its plugin was called: another has taken its place."""


class Busy(Protocol):
    """The task."""

    @property
    def id(self) -> TaskId: ...
    @property
    def control(self) -> Control: ...
    @property
    def assignment(self) -> Collection[TopicPartition]: ...
    def resume_readable(self) -> None:
        """Resume all partitions that there is no other reason to pause."""

    def rebalance_failed(self, error: BaseException) -> None:
        """Remember an error until the next poll of the task."""


class KeepAlive:
    """The thread beside one sink task. It is started with the first batch that takes long."""

    def __init__(
        self, task: Busy, consumer: Consumer, *, max_poll_interval_s: float, clock: Callable[[], float]
    ) -> None:
        self._task = task
        self._consumer = consumer
        self._every_s = min(max_poll_interval_s / 3, LONGEST_S)
        self._clock = clock
        self._changed = threading.Condition()
        self._since: float | None = None  # when the task became busy
        self._is_polling = False
        self._is_inside = False  # of a rebalance callback, waiting for the task
        self._has_paused = False
        self._request: Callable[[], None] | None = None  # what the task's thread shall call
        self._question: Callable[[], Any] | None = None  # what the thread inside the callback shall call
        self._answer: Future[Any] = Future()
        self._closed = False
        self._lent = False  # to a fence, but not for polling
        self._asking = 0
        self._has_left = False
        self._thread: threading.Thread | None = None

    # --- the task's thread -----------------------------------------------------------------------

    def begin(self) -> None:
        """The task is busy from here on."""
        self._since = self._clock()
        if self._thread is None:
            name = f"keepalive-{self._task.id}"
            self._thread = threading.Thread(target=self._run, name=name, daemon=True)
            self._thread.start()

    def lend(self) -> None:
        """The task does not use the consumer until it rests, and nobody need poll for it."""
        self._lent = True

    def rest(self) -> None:
        """The task is back: from here on nobody else uses the consumer.

        ``AbandonedError``: the task was fenced meanwhile, and the consumer has left the group.
        """
        if self._since is None and not self._lent:
            return
        with self._changed:
            self._since, self._lent = None, False
            self._changed.wait_for(lambda: not self._is_polling or self._request is not None)
            if self._has_left:
                raise AbandonedError(f"Task {self._task.id} was abandoned while its plugin was called")

    def settle(self) -> None:
        """Carry out the rebalance that came meanwhile, and read on."""
        if not self._is_polling and not self._has_paused:
            return
        if self._has_paused:  # before partitions go: librdkafka gives them back as paused as they went
            self._has_paused = False
            self._task.resume_readable()
        while True:
            with self._changed:
                self._changed.wait_for(lambda: not self._is_polling or self._request is not None)
                request = self._request
                if request is None:
                    break
            request()  # errors are the listener's to note
            with self._changed:
                self._request = None
                self._changed.notify_all()
                # Either it goes on inside the client, or there is another one.
                self._changed.wait_for(lambda: not self._is_inside or self._request is not None)

    def ask(self, question: Callable[[], T]) -> T:
        """Call the consumer: here, or inside the callback if a rebalance waits there."""
        with self._changed:
            if self._has_left:
                raise AbandonedError(f"Task {self._task.id} was abandoned and reads nothing any more")
            if not self._is_inside:
                answer = None
                self._asking += 1
            else:
                self._question, self._answer = question, Future()
                answer = self._answer
                self._changed.notify_all()
                self._changed.wait_for(answer.done)
        if answer is not None:
            return cast("T", answer.result())
        try:
            return question()
        finally:
            with self._changed:
                self._asking -= 1
                self._changed.notify_all()

    def close(self) -> None:
        """Let the thread end; the task is at its end."""
        if not self._has_left:
            self.rest()
            self.settle()
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    # --- who fences the task ---------------------------------------------------------------------

    def leave(self, timeout_s: float) -> None:
        """The task was fenced: if its thread is stuck in its plugin, leave the group in its place.

        Else it leaves by itself, as soon as it sees that it was cancelled. Any thread.
        """
        with self._changed:
            free = self._changed.wait_for(
                lambda: self._closed or not (self._is_polling or self._asking), timeout_s
            )
            if not free or self._closed or (self._since is None and not self._lent):
                return
            self._is_polling = True
        try:
            self._consumer.close(timeout_s)
        except ConnectError as exc:
            log.warning("Fenced task %s has not left its group: %s", self._task.id, describe(exc))
        finally:
            with self._changed:
                self._is_polling, self._has_left = False, True
                self._changed.notify_all()

    @property
    def has_left(self) -> bool:
        """Whether a fence has left the group, so that the consumer must not be touched."""
        return self._has_left

    # --- the thread beside it --------------------------------------------------------------------

    def is_here(self) -> bool:
        """Whether the caller is the thread beside the task's."""
        return threading.current_thread() is self._thread

    def hand_over(self, call: Callable[[], None]) -> None:
        """Have the task's thread make this call as soon as it is back, and wait for it.

        A task that was given up makes it never: then its partitions go without it.
        """
        with self._changed:
            self._request, self._is_inside = call, True
            self._changed.notify_all()
            while self._request is not None:
                if self._question is not None:
                    self._reply(self._question)
                elif self._task.control.cancelled:
                    self._request = None
                else:
                    self._changed.wait(_LOOK_S)
            self._is_inside = False
            self._changed.notify_all()

    def _reply(self, question: Callable[[], Any]) -> None:
        self._question = None
        try:
            self._answer.set_result(question())
        except BaseException as exc:  # noqa: BLE001 - raised where it was asked
            self._answer.set_exception(exc)
        self._changed.notify_all()

    def _run(self) -> None:
        with log_context(f"[{self._task.id.connector}|task-{self._task.id.task}] "):
            while True:
                with self._changed:
                    self._changed.wait_for(lambda: self._closed, self._every_s / 2)
                    if self._closed or self._task.control.cancelled:
                        return
                    since = self._since
                    if since is None or self._clock() - since < self._every_s:
                        continue
                    self._is_polling = True
                try:
                    self._poll()
                except RetriableError as exc:
                    log.warning(
                        "The consumer of busy task %s could not poll: %s", self._task.id, describe(exc)
                    )
                except BaseException as exc:  # noqa: BLE001 - raised by the task's next poll
                    self._task.rebalance_failed(exc)
                finally:
                    with self._changed:
                        self._is_polling = False
                        self._changed.notify_all()

    def _poll(self) -> None:
        # Each time: partitions may have come since.
        self._has_paused = True
        self._consumer.pause(list(self._task.assignment))
        for message in self._consumer.consume(1, 0.0):
            # It was on its way when its partition was paused.
            self._consumer.seek(TopicPartition(message.topic(), message.partition()), message.offset())


class SharedConsumer:
    """The task's side of a consumer that another thread may be inside of (``Consumer``, without reading)."""

    def __init__(self, consumer: Consumer, keep_alive: KeepAlive) -> None:
        self._consumer = consumer
        self._ask = keep_alive.ask

    def pause(self, partitions: Iterable[TopicPartition]) -> None:
        self._ask(lambda: self._consumer.pause(partitions))

    def resume(self, partitions: Iterable[TopicPartition]) -> None:
        self._ask(lambda: self._consumer.resume(partitions))

    def seek(self, partition: TopicPartition, offset: int) -> None:
        self._ask(lambda: self._consumer.seek(partition, offset))

    def position(self, partition: TopicPartition) -> int:
        return self._ask(lambda: self._consumer.position(partition))

    def commit(
        self,
        offsets: Mapping[TopicPartition, int],
        on_done: CommitDone | None = None,
        *,
        timeout_s: float | None = None,
    ) -> None:
        self._ask(lambda: self._consumer.commit(offsets, on_done, timeout_s=timeout_s))

    def lag(self) -> int | None:
        return self._ask(self._consumer.lag)

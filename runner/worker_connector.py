"""One connector instance: its thread, its states, and the questions the worker asks of it.

Source: Kafka Connect's WorkerConnector. Everything of the plugin runs on the connector's own thread, one
call after the other; a connector that hangs delays nobody but who waits for it, and only for so long.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, InvalidStateError
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Any, TypeVar

from connectkit.api import Connector
from connectkit.errors import ConflictError, ConnectError, FatalTaskError
from connectkit.runner.control import Target
from connectkit.runner.observe import log_context
from connectkit.runner.status import State, StatusStore, trace_of
from connectkit.runner.tolerance import log_failure

log = logging.getLogger(__name__)

T = TypeVar("T")


class OvertakenError(ConflictError):
    """Another change of the connector came before it answered this one, and goes on from there."""


class ConnectorContext:
    """What a connector may ask of the worker. Thread-safe; refuses once the connector is closed."""

    def __init__(self, owner: WorkerConnector, reconfigure: Callable[[str], None]) -> None:
        self._owner = owner
        self._reconfigure = reconfigure

    def request_task_reconfiguration(self) -> None:
        self._owner.check_open()
        self._reconfigure(self._owner.name)

    def raise_error(self, error: Exception) -> None:
        self._owner.check_open()
        self._owner.fail(error)


class WorkerConnector:
    """Runs one connector. Its methods may be called by any thread; they answer through futures."""

    def __init__(
        self,
        name: str,
        make: Callable[[], Connector[Any]],
        status: StatusStore,
        reconfigure: Callable[[str], None],
        *,
        on_failed: Callable[[BaseException, float], None] = lambda error, ran_s: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self._make = make
        self._on_failed = on_failed
        self._clock = clock
        self._began = clock()
        self._status = status
        self._context = ConnectorContext(self, reconfigure)
        self._connector: Connector[Any] | None = None
        self._calls: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._open: set[Future[Any]] = set()  # what somebody may wait for
        self._refusing = False
        self._thread = threading.Thread(target=self._run, name=f"connector-thread-{name}", daemon=True)
        self._lock = threading.Lock()
        self._pending: Future[Target] | None = None
        self._started = False
        self._failure: BaseException | None = None
        self._muted = False
        self._closed = False
        self._ended = threading.Event()
        self._thread.start()

    # --- what the worker calls -------------------------------------------------------------------

    def move_to(self, target: Target) -> Future[Target]:
        """Go to this state; a request that still waits for its turn is pre-empted."""
        future: Future[Target] = Future()
        if not self._admit(future):
            return future
        with self._lock:
            waiting, self._pending = self._pending, future
        if waiting is not None and waiting.set_running_or_notify_cancel():
            waiting.set_exception(
                OvertakenError(
                    f"Connector {self.name} was asked for another state before it reached this one"
                )
            )
        self._calls.put(lambda: self._take_pending(future, target))
        return future

    def task_configs(self, max_tasks: int) -> Future[list[dict[str, str]]]:
        """Ask the connector for its task configurations."""
        return self._ask(lambda connector: _checked(self.name, connector.task_configs(max_tasks)))

    def shutdown(self) -> None:
        """Ask it to stop; ``wait`` tells whether it has. Nothing more can be asked of it."""
        with self._lock:
            self._refusing = True
        self._calls.put(self._shut_down)
        self._calls.put(None)

    def wait(self, timeout_s: float) -> bool:
        return self._ended.wait(max(timeout_s, 0.0))

    def abandon(self) -> None:
        """It did not stop in time: whatever it says from here on is not heard."""
        log.error("Connector %s did not stop in time and was abandoned", self.name)
        self._tell(State.UNASSIGNED)
        self._muted = self._closed = True
        with self._lock:
            waiting = list(self._open)
        for future in waiting:
            _settle(future, error=self._gone())

    def fail(self, error: BaseException) -> None:
        """Note a failure; the first one is kept."""
        if self._failure is None:
            self._failure = error
            log_failure(log, error, "Connector %s failed", self.name)
        self._tell(State.FAILED, trace_of(self._failure))
        if self._failure is error and not self._muted:
            self._on_failed(error, self._clock() - self._began)

    def check_open(self) -> None:
        if self._closed:
            raise ConnectError(f"Connector {self.name} has been stopped; its context can no longer be used")

    def _admit(self, future: Future[Any]) -> bool:
        """Whether a question can still be answered; one that cannot fails at once."""
        with self._lock:
            if not self._refusing:
                self._open.add(future)
                future.add_done_callback(self._open.discard)
                return True
        _settle(future, error=self._gone())
        return False

    def _gone(self) -> OvertakenError:
        return OvertakenError(f"Connector {self.name} was stopped before it answered; look at it again")

    # --- its thread ------------------------------------------------------------------------------

    def _run(self) -> None:
        with log_context(f"[{self.name}|worker] "):
            while (call := self._calls.get()) is not None:
                call()
            self._ended.set()

    def _ask(self, question: Callable[[Connector[Any]], T]) -> Future[T]:
        future: Future[T] = Future()
        if not self._admit(future):
            return future

        def answer() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                found = question(self._ready())
            except BaseException as exc:  # noqa: BLE001 - a plugin may raise anything; the asker is told
                _settle(future, error=self._told(exc))
            else:
                _settle(future, found)

        self._calls.put(answer)
        return future

    def _told(self, error: BaseException) -> Exception:
        """The error as whoever waits is told it, whose thread a plugin's ``SystemExit`` must not end."""
        if isinstance(error, Exception):
            return error
        told = FatalTaskError(f"Connector {self.name} raised {type(error).__name__}")
        told.__cause__ = error
        return told

    def _ready(self) -> Connector[Any]:
        if self._connector is None:
            connector = self._make()
            connector.initialize(self._context)
            self._connector = connector
        return self._connector

    def _take_pending(self, future: Future[Target], target: Target) -> None:
        with self._lock:
            if self._pending is not future:
                return
            self._pending = None
        if not future.set_running_or_notify_cancel():
            return
        try:
            self._move(target)
        except BaseException as exc:  # noqa: BLE001 - a plugin may raise anything; the asker is told
            _settle(future, error=self._told(exc))
        else:
            _settle(future, target)

    def _move(self, target: Target) -> None:
        if self._failure is not None and target is not Target.STOPPED:
            raise ConnectError(f"Connector {self.name} has failed and must be restarted") from self._failure
        if target is Target.STARTED:
            if not self._started:
                try:
                    self._ready().start()
                except BaseException as exc:
                    self.fail(exc)
                    raise
                self._started = True
            self._tell(State.RUNNING)
            return
        try:
            if self._started:
                self._started = False
                self._ready().stop()
        except BaseException as exc:
            if target is Target.PAUSED:
                self.fail(exc)
                raise
            log.warning("Connector %s failed while it was stopped", self.name, exc_info=exc)
        self._tell(State.PAUSED if target is Target.PAUSED else State.STOPPED)

    def _shut_down(self) -> None:
        try:
            if self._started and self._connector is not None:
                self._started = False
                self._connector.stop()
        except BaseException:
            log.exception("Connector %s failed while it was stopped", self.name)
        self._closed = True
        self._tell(State.UNASSIGNED)

    def _tell(self, state: State, trace: str | None = None) -> None:
        if not self._muted:
            self._status.set_connector(self.name, state, trace)


def _settle(future: Future[Any], result: object = None, *, error: BaseException | None = None) -> None:
    """Answer, unless the connector was abandoned meanwhile and the asker has been told so."""
    try:
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)
    except InvalidStateError:
        log.debug("An answer came too late to be heard")


def _checked(connector: str, made: object) -> list[dict[str, str]]:
    """The task configurations that a connector has made; a ``FatalTaskError`` says what else it returned."""
    if isinstance(made, Iterable) and not isinstance(made, str | bytes | Mapping):
        configs = list(made)
        odd = [type(each).__name__ for each in configs if not isinstance(each, Mapping)]
        if not odd:
            if all(isinstance(key, str) for config in configs for key in config):
                return [dict(config) for config in configs]
            what = "a configuration whose keys are not all str"
        else:
            what = f"a list with an element of class {odd[0]}"
    else:
        what = f"a value of class {type(made).__name__}"
    raise FatalTaskError(
        f"task_configs of connector {connector} returned {what}; it must return a list of dicts"
    )


def answer(future: Future[T], timeout_s: float, what: str) -> T:
    """The future's result; a ``FatalTaskError`` says what was not answered in time."""
    try:
        return future.result(timeout_s)
    except FutureTimeoutError:
        future.cancel()
        raise FatalTaskError(f"{what} was not done within {timeout_s:g} s") from None


def check_task_count(
    connector: str, configs: Sequence[Mapping[str, str]], tasks_max: int, *, enforce: bool
) -> None:
    """``tasks.max.enforce`` (KIP-1004): more configurations than asked for fail the connector."""
    if len(configs) <= tasks_max:
        return
    sentence = (
        f"Connector {connector} made {len(configs)} task configurations where tasks.max allows {tasks_max}; "
        "raise tasks.max, or set tasks.max.enforce=false"
    )
    if enforce:
        raise FatalTaskError(sentence)
    log.warning("%s", sentence)

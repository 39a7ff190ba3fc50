"""Threads that carry out requests: a plugin that hangs holds up neither others nor the end.

A thread is started when none is idle, up to a limit, and ends when it was idle for a while. One that is
given up on, as it does not come back, counts no more: another may take its place. They are daemons:
``concurrent.futures`` would have the process wait for them when it ends.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Final

from connectkit.errors import ConnectError

IDLE_S: Final = 10.0
"""How long a thread waits for something to do before it ends."""
MAX_LOST: Final = 500
"""For so many threads that do not come back there are others."""


class Pool:
    """Runs functions on at most ``threads`` threads. Thread-safe."""

    def __init__(self, name: str, threads: int) -> None:
        self._name = name
        self._limit = threads
        self._ready = threading.Condition()
        self._tasks: deque[tuple[Future[Any], Callable[[], Any]]] = deque()
        self._alive = 0
        self._idle = 0
        self._lost = 0

    def submit(self, function: Callable[[], Any]) -> Future[Any]:
        """Run it as soon as there is a thread; a future that is cancelled before is not run."""
        made: Future[Any] = Future()
        with self._ready:
            self._tasks.append((made, function))
            if len(self._tasks) > self._idle and self._alive < self._limit:
                self._begin()
            else:
                self._ready.notify()
        return made

    def give_up(self, future: Future[Any]) -> bool:
        """Nobody waits for this any more: True if it will never begin, else its thread makes room."""
        if future.cancel():
            return True
        with self._ready:
            if future.done() or self._lost >= MAX_LOST:
                return False
            self._lost += 1
            self._limit += 1
            if self._tasks and self._alive < self._limit:
                self._begin()
        future.add_done_callback(self._found_again)
        return False

    def _found_again(self, future: Future[Any]) -> None:
        with self._ready:
            self._lost -= 1
            self._limit -= 1

    def _begin(self) -> None:
        self._alive += 1
        threading.Thread(target=self._work, name=self._name, daemon=True).start()

    def _next(self) -> tuple[Future[Any], Callable[[], Any]] | None:
        with self._ready:
            self._idle += 1
            found = self._ready.wait_for(lambda: self._tasks, IDLE_S)
            self._idle -= 1
            if not found:
                self._alive -= 1
                return None
            return self._tasks.popleft()

    def _work(self) -> None:
        while (task := self._next()) is not None:
            made, function = task
            if made.set_running_or_notify_cancel():
                try:
                    made.set_result(function())
                except Exception as exc:  # noqa: BLE001 - it is the caller's
                    made.set_exception(exc)
                except BaseException as exc:  # noqa: BLE001 - it must not end the caller's event loop
                    told = ConnectError(f"A plugin raised {type(exc).__name__}")
                    told.__cause__ = exc
                    made.set_exception(told)
            del task, made, function  # an idle thread holds on to nothing

"""Threads for requests, so that a plugin that hangs holds up neither others nor the end.

A thread is started when none is idle, up to a limit, and ends when it was idle for a while. They are
daemons: ``concurrent.futures`` would have the process wait for them when it ends.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Final

IDLE_S: Final = 10.0
"""How long a thread waits for something to do before it ends."""


class Pool:
    """Runs functions on at most ``threads`` threads. Thread-safe."""

    def __init__(self, name: str, threads: int) -> None:
        self._name = name
        self._limit = threads
        self._ready = threading.Condition()
        self._tasks: deque[tuple[Future[Any], Callable[[], Any]]] = deque()
        self._alive = 0
        self._idle = 0

    def submit(self, function: Callable[[], Any]) -> Future[Any]:
        """Run it as soon as there is a thread; a future that is cancelled before is not run."""
        made: Future[Any] = Future()
        with self._ready:
            self._tasks.append((made, function))
            if len(self._tasks) > self._idle and self._alive < self._limit:
                self._alive += 1
                threading.Thread(target=self._work, name=self._name, daemon=True).start()
            else:
                self._ready.notify()
        return made

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
                except BaseException as exc:  # noqa: BLE001 - it is the caller's
                    made.set_exception(exc)
            del task, made, function  # an idle thread holds on to nothing

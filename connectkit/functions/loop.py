"""An event loop of its own for each task that is written with ``async``; cancellation is real.

The loop runs in a thread beside the task's. Stopping a task cancels what its coroutine awaits, so that a
connection that hangs does not hold the worker.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from connectkit.errors import RetriableError

T = TypeVar("T")

STOP_S = 5.0
"""How long a coroutine that was cancelled may take to end."""


class TaskLoop:
    """A loop in a thread of its own. Methods are called by the task's thread; ``cancel`` by any."""

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._running: set[concurrent.futures.Future[Any]] = set()
        self._patience_s = STOP_S
        self._thread = threading.Thread(target=self._run, name=f"loop-{name}", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def run(self, coroutine: Coroutine[Any, Any, T], stopping: Callable[[], bool]) -> T:
        """Its result. ``RetriableError`` if the task was stopped first: the coroutine has been cancelled."""
        future = self.begin(coroutine)
        while True:
            try:
                return future.result(timeout=0.1)
            except concurrent.futures.CancelledError as exc:
                raise RetriableError("The task stops while it waits for a coroutine") from exc
            except TimeoutError:
                if future.done():  # it was the coroutine's own
                    raise
                if stopping():
                    self.cancel(future)
                    raise RetriableError("The task stops while it waits for a coroutine") from None

    def begin(self, coroutine: Coroutine[Any, Any, T]) -> concurrent.futures.Future[T]:
        """Start a coroutine on the loop."""
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        self._running.add(future)
        future.add_done_callback(self._running.discard)
        return future

    def cancel(self, future: concurrent.futures.Future[Any]) -> None:
        """Cancel and wait until it has ended, but not longer than a few seconds."""
        future.cancel()
        with contextlib.suppress(Exception, concurrent.futures.CancelledError):
            self.settle()

    def settle(self) -> None:
        """Let cancellations arrive."""
        patience_s, self._patience_s = self._patience_s, 0.1  # who has not ended once is not waited for again
        asyncio.run_coroutine_threadsafe(_others_end(patience_s), self._loop).result(patience_s + 0.5)
        self._patience_s = STOP_S

    def close(self) -> None:
        """Cancel everything and end the thread."""
        if self._loop.is_closed():
            return
        for future in list(self._running):
            future.cancel()
        with contextlib.suppress(Exception):
            self.settle()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(STOP_S)
        if not self._thread.is_alive():
            self._loop.close()


async def _others_end(patience_s: float) -> None:
    """Wait for what has been cancelled on this loop; ``TimeoutError`` if it does not end."""
    waiting = [
        task for task in asyncio.all_tasks() if task is not asyncio.current_task() and task.cancelling()
    ]
    if waiting:
        _, left = await asyncio.wait(waiting, timeout=patience_s)
        if left:
            raise TimeoutError

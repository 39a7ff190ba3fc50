"""Runs a call of librdkafka that has no time-out of its own on a thread that can be left behind."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Any


class Aside:
    """One call on a daemon thread, begun at once. The call must be one that any thread may make."""

    def __init__(self, call: Callable[[], Any], name: str) -> None:
        self._future: Future[Any] = Future()
        threading.Thread(target=self._run, args=(call,), name=f"kafka-{name}", daemon=True).start()

    def _run(self, call: Callable[[], Any]) -> None:
        try:
            self._future.set_result(call())
        except BaseException as exc:  # noqa: BLE001 - raised again by result
            self._future.set_exception(exc)

    def wait(self, timeout_s: float | None) -> bool:
        """Whether the call has ended within that time."""
        try:
            self._future.exception(timeout_s)
        except FutureTimeoutError:
            return False
        return True

    def result(self) -> Any:
        """What the call returned, or raises what it raised; waits for its end."""
        return self._future.result()

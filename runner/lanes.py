"""Turns by name: a connector is changed once at a time, different ones side by side.

``Turns`` makes callers wait for one another if they mean the same connector. ``Lanes`` carries out jobs
nobody waits for (a connector's request for new tasks, the restart of a failed task): in order for each
connector, on a thread that lives as long as there are jobs, so that a plugin that hangs delays only its own.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager

from connectkit.errors import ConflictError, ConnectError, RetriableError

log = logging.getLogger(__name__)


class _Turn:
    """The lock of one name, and how many threads hold it or wait for it."""

    __slots__ = ("lock", "users")

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.users = 0


class Turns:
    """Locks by connector name. A thread that has its turn may take it again."""

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._changed = threading.Condition()
        self._turns: dict[str, _Turn] = {}

    @contextmanager
    def of(self, name: str) -> Iterator[None]:
        """Be the only one that changes this connector; ``ConflictError`` if another change takes too long."""
        with self._changed:
            turn = self._turns.setdefault(name, _Turn())
            turn.users += 1
        try:
            if not turn.lock.acquire(timeout=self._patience_s):
                raise ConflictError(
                    f"Connector {name} is being changed by another request, which has not ended within "
                    f"{self._patience_s:g} s; try again later"
                )
            try:
                yield
            finally:
                turn.lock.release()
        finally:
            with self._changed:
                turn.users -= 1
                if not turn.users:
                    del self._turns[name]
                    self._changed.notify_all()

    def quiet(self, within_s: float) -> bool:
        """Wait until nothing is being changed; whether it came to that in time."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._turns, within_s)


class Lanes:
    """Runs jobs in the background: those of one name one after the other. Thread-safe."""

    def __init__(self, thread_name: str) -> None:
        self._thread_name = thread_name
        self._lock = threading.Lock()
        self._jobs: dict[str, deque[tuple[Hashable, Callable[[], None]]]] = {}
        self._stopped = False

    def submit(self, name: str, kind: Hashable, job: Callable[[], None]) -> None:
        """Run this when the name's earlier jobs are done; one of the same kind that still waits is enough.

        A job may raise: it is logged. After ``stop`` nothing is begun.
        """
        with self._lock:
            if self._stopped:
                return
            waiting = self._jobs.get(name)
            if waiting is not None:
                if all(kind != other for other, _ in waiting):
                    waiting.append((kind, job))
                return
            self._jobs[name] = deque([(kind, job)])
        thread = threading.Thread(
            target=self._run, args=(name,), name=f"{self._thread_name}-{name}", daemon=True
        )
        try:
            thread.start()
        except RuntimeError as exc:  # no more threads: what was asked for is not done, and said
            with self._lock:
                del self._jobs[name]
            log.error("A change of connector %s could not be begun: %s", name, exc)  # noqa: TRY400 - a sentence

    def busy(self) -> bool:
        """Whether anything is being done, or waits to be."""
        with self._lock:
            return bool(self._jobs)

    def stop(self) -> None:
        with self._lock:
            self._stopped = True

    def _run(self, name: str) -> None:
        while True:
            with self._lock:
                jobs = self._jobs[name]
                if not jobs or self._stopped:
                    del self._jobs[name]
                    return
                _, job = jobs.popleft()
            try:
                job()
            except ConnectError as exc:
                log.error("Connector %s could not be changed: %s", name, exc)  # noqa: TRY400 - a sentence
            except Exception:
                log.exception("Connector %s could not be changed", name)


def begin_thread(thread: threading.Thread, what: str) -> None:
    """Start a thread; ``RetriableError`` if the system has none to give."""
    try:
        thread.start()
    except RuntimeError as exc:
        raise RetriableError(
            f"{what}, as no thread could be started; raise the limit of threads, or run fewer tasks"
        ) from exc

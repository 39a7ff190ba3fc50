"""Keeps earlier tasks of a connector out before its new ones begin (KIP-618).

Each task fences its own predecessor by taking over its transactional id. But a new set of tasks may share
the work out differently: a zombie of *any* earlier task could still commit what a new one reads again. So
before the first task of a new set begins, all ids of the set before are taken over, once. How many there
were is kept beside the offsets, so that it survives the process.

Threads: any; tasks that begin at the same time wait for one round.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable

from connectkit.runner.log.api import Producer
from connectkit.runner.offset_topic import OffsetTopic

log = logging.getLogger(__name__)

FENCE_S = 30.0
"""How long taking over one id may take."""


class Fencing:
    """One worker's rounds. ``make_producer`` makes a producer with the id of this connector and task."""

    def __init__(self, store: OffsetTopic, make_producer: Callable[[str, int], Producer]) -> None:
        self._store = store
        self._make_producer = make_producer
        self._lock = threading.Lock()
        self._due: dict[str, tuple[int, threading.Lock]] = {}

    def expect(self, connector: str, tasks: int) -> None:
        """A new set of so many tasks is about to begin."""
        with self._lock:
            self._due[connector] = tasks, threading.Lock()

    def before_task(self, connector: str) -> None:
        """The round of the connector's set of tasks, if it has not been made; whoever comes later waits.

        ``RetriableError`` if it could not be made now; ``FatalTaskError`` where it is not allowed.
        """
        with self._lock:
            due = self._due.get(connector)
        if due is None:
            return
        tasks, turn = due
        with turn:
            with self._lock:
                if self._due.get(connector) is not due:
                    return  # it was made while we waited
            before = self._store.task_count(connector)
            if before is not None and not (before == tasks == 1):
                self.fence(connector, range(before))
            if before != tasks:
                self._store.note_task_count(connector, tasks)
            with self._lock:
                if self._due.get(connector) is due:
                    del self._due[connector]

    def fence_all(self, connector: str) -> None:
        """Take over all ids of the connector: before an operator changes its offsets."""
        self.fence(connector, range(self._store.task_count(connector) or 0))

    def fence(self, connector: str, tasks: Iterable[int]) -> None:
        """Take over the ids of these tasks."""
        for task in tasks:
            producer = self._make_producer(connector, task)
            try:
                producer.init_transactions(FENCE_S)
            finally:
                producer.close(0.0)
        log.debug("The earlier tasks of connector %s are fenced", connector)

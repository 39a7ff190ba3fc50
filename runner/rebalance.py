"""Hands a group's changes to a sink task, and keeps what goes wrong there out of the client library.

The task raises it after the poll that the change came in; as an error of the log it would count as passing.
Threads: the task's own, inside ``consume`` and ``close``; a change that comes while the task is busy is
handed over to it (:mod:`connectkit.runner.keepalive`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from connectkit.api import TopicPartition
from connectkit.runner.keepalive import KeepAlive


class Assignee(Protocol):
    """The task whose partitions change."""

    def assigned(self, partitions: Sequence[TopicPartition]) -> None: ...
    def revoked(self, partitions: Sequence[TopicPartition]) -> None: ...
    def lost(self, partitions: Sequence[TopicPartition]) -> None: ...
    def rebalance_failed(self, error: BaseException) -> None: ...


class Rebalance:
    """The log's ``RebalanceListener`` for one task."""

    def __init__(self, task: Assignee, keep_alive: KeepAlive) -> None:
        self._task = task
        self._keep_alive = keep_alive

    def on_assigned(self, partitions: Sequence[TopicPartition]) -> None:
        self._guard(self._task.assigned, partitions)

    def on_revoked(self, partitions: Sequence[TopicPartition]) -> None:
        self._guard(self._task.revoked, partitions)

    def on_lost(self, partitions: Sequence[TopicPartition]) -> None:
        self._guard(self._task.lost, partitions)

    def _guard(
        self, call: Callable[[Sequence[TopicPartition]], None], partitions: Sequence[TopicPartition]
    ) -> None:
        if self._keep_alive.is_here():
            self._keep_alive.hand_over(lambda: self._guarded(call, partitions))
        else:
            self._guarded(call, partitions)

    def _guarded(
        self, call: Callable[[Sequence[TopicPartition]], None], partitions: Sequence[TopicPartition]
    ) -> None:
        try:
            call(partitions)
        except BaseException as exc:  # noqa: BLE001 - raised by the poll that this is inside of
            self._task.rebalance_failed(exc)

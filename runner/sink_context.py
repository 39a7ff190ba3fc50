"""What a sink task may ask of the worker (``SinkTaskContext``).

Requests are remembered and carried out by the task's loop. Threads: the task's own, but ``stopping``,
``sleep`` and ``request_commit`` may be used by threads of the task too.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

from connectkit.api import ErrantRecordReporter, TopicPartition
from connectkit.errors import ConnectError, FatalTaskError
from connectkit.runner.control import Control, TaskId


class Owner(Protocol):
    """The task whose context this is."""

    @property
    def id(self) -> TaskId: ...
    @property
    def control(self) -> Control: ...
    @property
    def assignment(self) -> frozenset[TopicPartition]: ...
    def pause_partitions(self, partitions: Collection[TopicPartition]) -> None: ...
    def resume_partitions(self, partitions: Collection[TopicPartition]) -> None: ...


class SinkContext:
    """One sink task's requests."""

    def __init__(
        self, owner: Owner, configs: Mapping[str, str], reporter: ErrantRecordReporter | None
    ) -> None:
        self._owner = owner
        self.configs = configs
        self.errant_record_reporter = reporter
        self.commit_requested = False
        self.timeout_ms = -1
        """The longest the next poll may take; -1 after that."""
        self.paused: set[TopicPartition] = set()
        """What the task itself has paused."""
        self._offsets: dict[TopicPartition, int] = {}

    @property
    def assignment(self) -> frozenset[TopicPartition]:
        return self._owner.assignment

    @property
    def stopping(self) -> bool:
        return self._owner.control.stopping

    def sleep(self, seconds: float) -> bool:
        return self._owner.control.sleep(seconds)

    def offset(self, offsets: Mapping[TopicPartition, int]) -> None:
        for tp, offset in offsets.items():
            if not isinstance(offset, int) or offset < 0:
                raise FatalTaskError(
                    f"Task {self._owner.id} asked for what is no offset; offsets are whole numbers from 0 on"
                )
            self._offsets[TopicPartition(*tp)] = offset

    def take_offsets(self) -> dict[TopicPartition, int]:
        """The offsets asked for since the last call."""
        if not self._offsets:
            return {}
        taken, self._offsets = self._offsets, {}
        return taken

    def timeout(self, timeout_ms: int) -> None:
        if not isinstance(timeout_ms, int | float):
            raise FatalTaskError(
                f"Task {self._owner.id} asked for a timeout of class {type(timeout_ms).__name__}; it must be "
                "a number of milliseconds"
            )
        self.timeout_ms = timeout_ms

    def pause(self, *partitions: TopicPartition) -> None:
        wanted = self._own(partitions, "pause")
        self.paused.update(wanted)
        self._owner.pause_partitions(wanted)

    def resume(self, *partitions: TopicPartition) -> None:
        wanted = self._own(partitions, "resume")
        self.paused.difference_update(wanted)
        self._owner.resume_partitions(wanted)

    def _own(self, partitions: Collection[TopicPartition], what: str) -> list[TopicPartition]:
        wanted = [TopicPartition(*tp) for tp in partitions]
        for tp in wanted:
            if tp not in self._owner.assignment:
                raise ConnectError(
                    f"Task {self._owner.id} cannot {what} {tp.topic}-{tp.partition}: the partition is not "
                    "assigned to it"
                )
        return wanted

    def keep_paused(self, assigned: Collection[TopicPartition]) -> None:
        """After a rebalance: forget the pauses of partitions that are gone."""
        self.paused.intersection_update(assigned)

    def request_commit(self) -> None:
        self.commit_requested = True

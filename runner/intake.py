"""Messages to sink records: converters, then the chain, by the batch or, if that fails, one by one.

In the second way each record is under the error policy. Threads: the task's own.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from connectkit.api import TopicPartition
from connectkit.errors import FencedError
from connectkit.record import SinkRecord
from connectkit.runner.chain import Chain
from connectkit.runner.decode import RecordDecoder, subject_of
from connectkit.runner.encode import Converters
from connectkit.runner.errant import place_of
from connectkit.runner.fan import run_all, run_one
from connectkit.runner.log.api import Message
from connectkit.runner.tolerance import BreakerOpenError, Tolerance

log = logging.getLogger(__name__)


class Taken:
    """What became of a batch of messages."""

    __slots__ = ("back", "offsets", "opened", "records")

    def __init__(self) -> None:
        self.records: list[SinkRecord] = []
        self.offsets: dict[TopicPartition, int] = {}
        """Where to go on once the records are put."""
        self.opened: BreakerOpenError | None = None
        """A row of failures has opened the circuit breaker: ``records`` stand before it."""
        self.back: dict[TopicPartition, int] | None = None
        """Where to go back to then."""


class Intake:
    """One task's converters and chain."""

    def __init__(self, chain: Chain, converters: Converters, tolerance: Tolerance) -> None:
        self._chain = chain
        self._decoder = RecordDecoder(converters)
        self._tolerance = tolerance

    def take(self, messages: Sequence[Message]) -> Taken:
        """``FatalTaskError`` for a record that fails and is not tolerated."""
        taken = Taken()
        try:
            taken.records = run_all(self._chain, self._decoder.decode(messages, taken.offsets))[0]
            self._tolerance.passed(writing=False)
        except FencedError:
            raise
        except Exception as exc:
            log.debug("A batch is replayed record by record", exc_info=exc)
            taken.offsets.clear()
            self._chain.rewind()
            self._take_each(messages, taken)
        return taken

    def _take_each(self, messages: Sequence[Message], taken: Taken) -> None:
        tolerance = self._tolerance
        for number, message in enumerate(messages):
            subject = subject_of(message)
            try:
                record = self._decoder.decode_one(message, tolerance, subject)
                made = () if record is None else run_one(self._chain, record, tolerance, subject)
            except BreakerOpenError as exc:
                taken.opened = exc
                self._cut_short(messages[number:], taken)
                return
            if made:
                tolerance.passed(writing=False)
                taken.records += made
            taken.offsets[TopicPartition(message.topic(), message.partition())] = message.offset() + 1

    def _cut_short(self, rest: Sequence[Message], taken: Taken) -> None:
        """Keep what stands before the row of failures."""
        back = self._tolerance.rewind_to()
        for message in rest:
            back.setdefault(TopicPartition(message.topic(), message.partition()), message.offset())
        for tp in taken.offsets.keys() & back.keys():
            taken.offsets[tp] = min(taken.offsets[tp], back[tp])

        def is_before(record: SinkRecord) -> bool:
            tp, offset = place_of(record)
            return tp not in back or offset < back[tp]

        taken.records = [record for record in taken.records if is_before(record)]
        taken.back = back

"""RateLimit: drops what comes too fast."""

from __future__ import annotations

import math
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping

from connectkit.api import R, Transform
from connectkit.checks import at_least
from connectkit.config import HIGH, LOW, option
from connectkit.record import ConnectRecord, SchemaPair, SinkRecord
from connectkit.schema import Schema
from connectkit.transforms.grouping import Grouping, GroupingConfig

KEPT_PLACES = 100_000
"""Places of sink records whose fate is remembered, for when they are read again."""

Place = tuple[str | None, int | None, int]


class RateLimitConfig(GroupingConfig):
    """How many records may pass in which time."""

    rate: float = option(
        doc="How many records a second may pass, in each group and task; 0.1 is one in ten seconds.",
        importance=HIGH,
    )
    burst: int | None = option(
        None,
        doc="How many may pass at once after a pause.",
        check=at_least(1),
        default_doc="as many as in a second, at least 1",
    )
    max_groups: int = option(
        10_000,
        doc="How many groups are remembered. Beyond, the one seen last longest ago is forgotten, and begins "
        "anew when it comes again.",
        check=at_least(1),
        importance=LOW,
    )

    def problems(self) -> Mapping[str, str]:
        if not 0 < self.rate < math.inf:
            return {"rate": "must be more than 0"}
        return super().problems()


class RateLimit(Transform[RateLimitConfig]):
    """Drop the records that exceed a number a second, in all or in each group; tombstones pass uncounted.

    There is no waiting: inside a transform it would hold up the stop of the task and, in sinks, cost it its
    place in the consumer group. What counts is the time at which records come here, not their own. What
    passed once passes again, uncounted, when its batch is run again after an error, and when a sink goes
    back to committed offsets. ``clock`` gives seconds.
    """

    alias: str | None = None

    def __init__(self, config: RateLimitConfig, *, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(config)
        self._clock = clock
        self._grouping = Grouping(config, lambda: self.alias or "RateLimit")
        self._interval_s = 1 / config.rate
        burst = config.burst or max(1, math.floor(config.rate))
        self._slack_s = (burst - 1) * self._interval_s
        # For each group the time at which it will have made up for all that passed (the generic cell
        # rate algorithm): one number says what a bucket of tokens says.
        self._even_at: OrderedDict[str | None, float] = OrderedDict()
        self._before: deque[tuple[str | None, float | None]] = deque(maxlen=KEPT_PLACES)
        self._passed: OrderedDict[tuple[Place, int], None] = OrderedDict()
        self._last: Place | None = None
        self._number = 0

    def apply(self, record: R) -> R | None:
        if record.value is None:
            return record
        group = self._grouping.of(record)
        if not isinstance(record, SinkRecord):
            return record if self._admits(group, refundable=True) else None
        place = self._place(record)
        if place not in self._passed:
            if not self._admits(group, refundable=False):
                return None
            self._passed[place] = None
            if len(self._passed) > KEPT_PLACES:
                self._passed.popitem(last=False)
        return record

    def why_dropped(self, record: ConnectRecord) -> str:
        """What a preview says of a record that did not pass."""
        return f"more than {self.config.rate:g} a second" + (
            f" by {self.config.by}" if self.config.by else ""
        )

    def output_schemas(self, key_schema: Schema | None, value_schema: Schema | None) -> set[SchemaPair]:
        return {(key_schema, value_schema)}

    def _place(self, record: SinkRecord) -> tuple[Place, int]:
        """The record's coordinates, and its number among those that were made of the same one."""
        place = (record.original_topic, record.original_kafka_partition, record.original_kafka_offset)
        self._number = self._number + 1 if place == self._last else 0
        self._last = place
        return place, self._number

    def _admits(self, group: str | None, *, refundable: bool) -> bool:
        now = self._clock()
        known = self._even_at.get(group)
        even_at = now if known is None or known < now else known
        # A hair's breadth of tolerance: sums of intervals are not exact.
        if even_at - now > self._slack_s + 1e-9 * (1 + self._slack_s):
            self._even_at.move_to_end(group)
            return False
        if refundable:  # what is known by its place is not counted again anyway
            self._before.append((group, known))
        self._even_at[group] = even_at + self._interval_s
        self._even_at.move_to_end(group)
        while len(self._even_at) > self.config.max_groups:
            self._even_at.popitem(last=False)
        return True

    def mark(self) -> None:
        self._before.clear()
        self._last = None

    def rewind(self) -> None:
        for group, known in reversed(self._before):
            if known is None:
                self._even_at.pop(group, None)
            else:
                self._even_at[group] = known
        self.mark()

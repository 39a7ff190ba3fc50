"""Sample: lets a share of the records through."""

from __future__ import annotations

import random
from hashlib import blake2b

from connectkit.api import R, Transform
from connectkit.checks import between
from connectkit.config import HIGH, option
from connectkit.record import ConnectRecord, SchemaPair
from connectkit.schema import Schema
from connectkit.transforms.grouping import Grouping, GroupingConfig

_SPAN = 1 << 64


class SampleConfig(GroupingConfig):
    """How large the share is, and what is decided together."""

    rate: float = option(
        doc="The share of the records that pass: 0.01 is one in a hundred.",
        check=between(0.0, 1.0),
        importance=HIGH,
    )
    seed: int | None = option(
        None,
        doc="With 'by', another number makes another choice of groups. Without, a number makes the choice of "
        "a task the same in every run.",
    )


class Sample(Transform[SampleConfig]):
    """Let a share of the records pass and drop the others.

    With ``by``, whole groups pass or do not, the same ones in every task and after every restart; a
    group that passes at some rate passes at every higher one. Without, and for records that have a null
    there, each record is decided by chance. A tombstone passes, unless it has a group of its own
    (``by=key``): dropping it could leave what it was to delete. ``chance`` replaces the random numbers.
    """

    alias: str | None = None

    def __init__(self, config: SampleConfig, *, chance: random.Random | None = None) -> None:
        super().__init__(config)
        self._chance = chance or random.Random(config.seed)
        self._grouping = Grouping(config, lambda: self.alias or "Sample")
        self._salt = b"" if config.seed is None else str(config.seed).encode()[-16:]
        self._below = int(config.rate * _SPAN)
        self._marked = self._chance.getstate()

    def apply(self, record: R) -> R | None:
        group = self._grouping.of(record)
        if group is not None:
            return record if self._number(group) < self._below else None
        if record.value is None or self._chance.random() < self.config.rate:
            return record
        return None

    def mark(self) -> None:
        self._marked = self._chance.getstate()

    def rewind(self) -> None:
        """A batch that is replayed is decided as it was."""
        self._chance.setstate(self._marked)

    def why_dropped(self, record: ConnectRecord) -> str:
        """What a preview says of a record that did not pass."""
        what = "it" if self._grouping.of(record) is None else f"its group by {self.config.by}"
        return f"{what} is not in the sample of {self.config.rate:g}"

    def output_schemas(self, key_schema: Schema | None, value_schema: Schema | None) -> set[SchemaPair]:
        return {(key_schema, value_schema)}

    def _number(self, group: str) -> int:
        """Where in the span of all numbers a group stands: the same everywhere, as if by chance."""
        data = group.encode("utf-8", "surrogatepass")
        return int.from_bytes(blake2b(data, digest_size=8, salt=self._salt).digest(), "big")

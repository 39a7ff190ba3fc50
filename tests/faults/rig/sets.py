"""The sets of experiments that ``make faults`` and ``make faults-kafka`` run."""

from __future__ import annotations

from typing import NamedTuple


class Item(NamedTuple):
    """An experiment on a log."""

    name: str
    log: str
    kills: int = 30


SETS: dict[str, list[Item]] = {
    "quick": [
        Item("F1", "embedded"),
        Item("F2", "embedded"),
        Item("F4", "embedded"),
        Item("F1", "mock", 10),
        Item("F2", "mock", 30),
        Item("F4", "mock"),
    ],
    "kafka": [
        Item("F1", "kafka"),
        Item("F2", "kafka"),
        Item("F4", "kafka"),
    ],
}

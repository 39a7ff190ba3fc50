"""The sets of experiments that ``make faults`` and ``make faults-kafka`` run."""

from __future__ import annotations

from typing import NamedTuple


class Item(NamedTuple):
    """An experiment on a log."""

    name: str
    log: str
    kills: int = 30


SETS: dict[str, list[Item]] = {
    "quick": [  # some seven minutes on two cores, without Java
        Item("F1", "memory", 300),
        Item("F2", "memory", 300),
        Item("F1", "embedded"),
        Item("F2", "embedded"),
        Item("F3", "embedded"),
        Item("F4", "embedded"),
        Item("F12", "embedded", 5),
        Item("F16", "embedded"),
        Item("F17", "embedded"),
        Item("F18", "embedded"),
        Item("F26", "embedded"),
        Item("F2", "mock"),
        Item("F4", "mock"),
        Item("F7", "mock"),
    ],
    "kafka": [  # some thirteen minutes; F6 has three brokers of its own, F8 one behind a proxy
        Item("F1", "kafka"),
        Item("F2", "kafka"),
        Item("F3", "kafka"),
        Item("F4", "kafka"),
        Item("F6", "kafka"),
        Item("F8", "kafka"),
    ],
    "long": [  # by hand, or nightly
        Item("F1", "kafka", 100),
        Item("F2", "kafka", 100),
        Item("F3", "kafka", 100),
        Item("F1", "mock"),
        Item("F5", "embedded"),
        Item("F5", "kafka"),
        Item("F6", "mock"),
        Item("F10", "mock"),
        Item("F12", "kafka"),
        Item("F15", "kafka"),
        Item("F16", "kafka"),
        Item("F21", "embedded"),
        Item("F21", "kafka"),
    ],
}

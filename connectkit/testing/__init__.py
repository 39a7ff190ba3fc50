"""What plugin authors test with: strategies, laws, harnesses. Needs pytest and Hypothesis.

The extra ``kafka-connectkit[testing]`` brings both. Names are imported when they are first used, and
nothing of the worker imports this package.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from connectkit.testing import strategies as strategies
    from connectkit.testing.code import code_of as code_of
    from connectkit.testing.laws.base import BrokenLawError as BrokenLawError
    from connectkit.testing.laws.connector import ConnectorLaws as ConnectorLaws
    from connectkit.testing.laws.converter import ConverterLaws as ConverterLaws
    from connectkit.testing.laws.predicate import PredicateLaws as PredicateLaws
    from connectkit.testing.laws.sink import SinkLaws as SinkLaws
    from connectkit.testing.laws.source import SourceLaws as SourceLaws
    from connectkit.testing.laws.transform import TransformLaws as TransformLaws
    from connectkit.testing.tasks import Reported as Reported
    from connectkit.testing.tasks import SinkHarness as SinkHarness
    from connectkit.testing.tasks import SourceHarness as SourceHarness
    from connectkit.testing.tasks import StoredOffsets as StoredOffsets
    from connectkit.testing.tasks import VirtualClock as VirtualClock
    from connectkit.testing.tasks import sink_record as sink_record

_HOMES = {
    "connectkit.testing.code": ("code_of",),
    "connectkit.testing.laws.base": ("BrokenLawError",),
    "connectkit.testing.laws.connector": ("ConnectorLaws",),
    "connectkit.testing.laws.converter": ("ConverterLaws",),
    "connectkit.testing.laws.predicate": ("PredicateLaws",),
    "connectkit.testing.laws.sink": ("SinkLaws",),
    "connectkit.testing.laws.source": ("SourceLaws",),
    "connectkit.testing.laws.transform": ("TransformLaws",),
    "connectkit.testing.tasks": (
        "Reported", "SinkHarness", "SourceHarness", "StoredOffsets", "VirtualClock", "sink_record",
    ),
}  # fmt: skip
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "BrokenLawError", "ConnectorLaws", "ConverterLaws", "PredicateLaws", "Reported", "SinkHarness",
    "SinkLaws", "SourceHarness", "SourceLaws", "StoredOffsets", "TransformLaws", "VirtualClock", "code_of",
    "sink_record", "strategies",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name == "strategies":
        return import_module("connectkit.testing.strategies")
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'connectkit.testing' has no attribute {name!r}")
    found = getattr(import_module(home), name)
    globals()[name] = found
    return found

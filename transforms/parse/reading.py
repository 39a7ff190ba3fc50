"""What every format gives the transform: the fields it finds, and a function that finds them.

A ``Reader`` is made once from the configuration. Its ``read(text, reference_ms)`` returns one value a
field, in their order; ``reference_ms`` is the moment (milliseconds since the epoch) that a time without a
year is near to, or None for the clock. Text that is not of the format raises ``NotParsedError``, whose
reason never holds any of the text. Pure functions, save for caches of bounded size.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from connectkit.schema import Schema

Read = Callable[[str, int | None], Sequence[Any]]
ReadOpen = Callable[[str, int | None], dict[str, Any]]


class NotParsedError(Exception):
    """A text is not of the format; ``reason`` completes "it …" and holds nothing of the text."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class ResultField:
    """A field that a format finds; its schema is optional, as any text may lack it."""

    name: str
    schema: Schema


@dataclass(frozen=True, slots=True)
class Reader:
    """A format whose fields are known beforehand."""

    fields: tuple[ResultField, ...]
    read: Read


@dataclass(frozen=True, slots=True)
class OpenReader:
    """A format whose fields are in the text; ``schema`` is that of the map, None: values of any kind."""

    schema: Schema | None
    read: ReadOpen

"""Split: one record for each piece of a text."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from connectkit.api import R, Transform
from connectkit.checks import non_empty_string
from connectkit.checks import regex as is_regex
from connectkit.config import HIGH, option
from connectkit.errors import DataError, LimitError
from connectkit.record import ConnectRecord, SchemaPair
from connectkit.schema import Schema, Type
from connectkit.transforms.base import class_name
from connectkit.transforms.boundedregex import Bounded, TooLongError, bounded
from connectkit.transforms.multiply import Multiplier, MultiplyConfig

_LINE_END = re.compile(r"\r\n|\n|\r")


class SplitConfig(MultiplyConfig):
    """Which text to take apart, where it is cut, and what the records made of it hold."""

    separator: str | None = option(
        None,
        doc="The text that stands between the pieces. With neither this nor a regex, the pieces are lines, "
        "and the line end after the last is none between two.",
        check=non_empty_string,
        importance=HIGH,
        trim=False,
    )
    regex: str | None = option(
        None,
        doc="A regular expression (Java's syntax) for what stands between the pieces, or for what a new "
        "piece begins with, as in (?=\\d{4}-\\d\\d-\\d\\d).",
        check=[non_empty_string, is_regex],
        importance=HIGH,
        trim=False,
    )
    trim: bool = option(False, doc="Whether white space around each piece is removed.")
    empty_pieces: Literal["drop", "keep"] = option(
        "drop", doc="What becomes of pieces with nothing in them, as between two separators side by side."
    )

    def problems(self) -> Mapping[str, str | Sequence[str]]:
        found = dict(super().problems())
        if self.separator is not None and self.regex is not None:
            found["regex"] = "cannot be had together with separator; leave one of them out"
        return found


class Split(Transform[SplitConfig]):
    """Make one record of each piece, such as each line, of a text; tombstones pass as they are."""

    alias: str | None = None

    def __init__(self, config: SplitConfig) -> None:
        super().__init__(config)
        self._cut = cutter(config)
        self._multiplier = Multiplier(
            config, schema_of=piece_schema, pieces_of=self._pieces, label=lambda: f"{self.alias or 'Split'}"
        )

    def apply(self, record: R) -> R | list[R]:
        return self._multiplier.apply(record)

    def why_dropped(self, record: ConnectRecord) -> str:
        """What a preview says of a record of which nothing was made."""
        return f"there is nothing in {self.config.path or 'the value'}"

    def output_schemas(self, key_schema: Schema | None, value_schema: Schema | None) -> set[SchemaPair]:
        return self._multiplier.output_schemas(key_schema, value_schema)

    def _pieces(self, value: Any) -> list[str]:
        if not isinstance(value, str):
            raise DataError(
                f"Only a text can be split, and this is of class {class_name(value)}; "
                "a cast or a converter for text would make it one"
            )
        pieces = self._cut(value)
        if self.config.trim:
            pieces = [piece.strip() for piece in pieces]
        return pieces if self.config.empty_pieces == "keep" else [piece for piece in pieces if piece]


def piece_schema(schema: Schema) -> Schema:
    """The schema of a text's pieces: a string without the name and parameters of the whole."""
    if schema.type is not Type.STRING:
        raise DataError(
            f"Only a string can be split, and this is of type {schema.type.value}; "
            "a cast or a converter for text would make it one"
        )
    return Schema.STRING


def cutter(config: SplitConfig) -> Callable[[str], list[str]]:
    """What cuts a text."""
    separator = config.separator
    if separator is not None:
        return lambda text: text.split(separator)
    if config.regex is not None:
        pattern = bounded(config.regex)
        return lambda text: _cut(pattern, text)

    def lines(text: str) -> list[str]:
        found = _LINE_END.split(text)
        if not found[-1]:
            found.pop()
        return found

    return lines


def _cut(pattern: Bounded, text: str) -> list[str]:
    """The texts between the matches; one of nothing cuts where it stands, except at the ends of a piece."""
    pieces: list[str] = []
    start = 0
    try:
        for match in pattern.find_all(text):
            if match.end() > start and match.start() < len(text):
                pieces.append(text[start : match.start()])
                start = match.end()
    except TooLongError as error:
        raise LimitError(
            f"A text of {len(text)} characters is too long for this regex, whose time grows with a power of "
            f"the length: up to {error.most_chars} can be split by it; an expression that repeats nothing at "
            "its beginning (with trim=true, if that was for blanks) takes any length"
        ) from error
    pieces.append(text[start:])
    return pieces

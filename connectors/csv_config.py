"""The options of CsvSource, and what can be said about them without a file."""

from __future__ import annotations

import codecs
from collections.abc import Mapping, Sequence
from datetime import tzinfo
from typing import Literal

from connectkit.checks import at_least, no_duplicates, no_empty_items, non_empty_string
from connectkit.config import HIGH, LOW, Config, option
from connectkit.connectors.csv_columns import Column, parse_columns
from connectkit.connectors.csv_rows import Dialect
from connectkit.connectors.csv_types import zone_of

_NAMED_CHARACTERS = {"\\t": "\t", "tab": "\t", "space": " "}


def character_of(text: str) -> str:
    """The character an option means: itself, or one that has a name."""
    return _NAMED_CHARACTERS.get(text, text)


def one_character(value: str) -> str | None:
    """A single character that can stand between or around fields."""
    found = character_of(value)
    if len(found) != 1:
        return "must be one character (tab for a tabulator)"
    return "must not be a line end or NUL" if found in "\r\n\0" else None


def one_character_or_none(value: str) -> str | None:
    """The same, or empty for none."""
    return one_character(value) if value else None


def text_encoding(value: str) -> str | None:
    """The name of a codec between text and bytes."""
    try:
        "".encode(value)
    except (LookupError, ValueError):
        return "must be a text encoding that Python knows, such as utf-8, cp1252 or utf-16"
    return None


def _columns(value: str) -> str | None:
    try:
        parse_columns(value)
    except ValueError as error:
        return str(error)
    return None


def _zone(value: str) -> str | None:
    try:
        zone_of(value)
    except ValueError:
        return "must be UTC or a time zone's name such as Europe/Berlin"
    return None


class CsvSourceConfig(Config):
    """Which files are read, how their text becomes typed values, and where the records go."""

    file: str = option(
        doc="What to read: a file, a folder (all files in it that end in .csv), or a pattern such as "
        "data/2024-*.csv. Each file is a source partition of its own.",
        check=non_empty_string,
        importance=HIGH,
    )
    topic: str = option(doc="The topic the rows go to.", check=non_empty_string, importance=HIGH)
    mode: Literal["tail", "once"] = option(
        "tail",
        doc="tail waits for more rows and never sends a last line without a line end; once sends "
        "everything that is there, such a line too, and is then finished.",
        importance=HIGH,
    )
    columns: str | None = option(
        None,
        doc="Types of columns, as name:type,name:type… with the types int8 int16 int32 int64 float32 float64 "
        "boolean string bytes (Base64) decimal(precision,scale) date time timestamp; the last three may "
        'have a format (day:date:%d.%m.%Y, at:timestamp:epoch_ms), and "not null" may follow. Columns '
        "that are not named here are inferred; without a header row this also gives the names.",
        check=_columns,
        importance=HIGH,
    )
    infer_rows: int = option(
        1000,
        doc="How many rows at the start of a file decide the types of columns that are not declared; 0 "
        "means all there are. The result is kept with the offset and holds for the whole file.",
        check=at_least(0),
    )
    header: Literal["true", "false", "skip"] = option(
        "true",
        doc="Whether the first row names the columns; skip passes over it and takes the names from columns.",
    )
    delimiter: str = option(
        ",", doc="What stands between fields: a character, or tab.", check=one_character, trim=False
    )
    quote: str = option(
        '"',
        doc="What stands around fields that hold a delimiter, a quote (doubled) or a line end; may be empty.",
        check=one_character_or_none,
        trim=False,
    )
    escape: str = option(
        "",
        doc="What takes the meaning from the character behind it; empty: nothing.",
        check=one_character_or_none,
        trim=False,
    )
    encoding: str = option(
        "utf-8", doc="The encoding of the text. A byte order mark is understood.", check=text_encoding
    )
    encoding_errors: Literal["strict", "replace"] = option(
        "strict",
        doc="What happens to bytes that are not in the encoding: strict makes theirs a bad row, replace puts "
        "U+FFFD in their place.",
    )
    empty_is_null: bool = option(
        True, doc="Whether an empty field of a string column is null; in other columns it always is."
    )
    null_values: list[str] = option(
        [], doc="Texts that mean null, such as NA or \\N, besides the empty field."
    )
    timezone: str = option(
        "UTC", doc="The time zone of timestamps that do not name one.", check=_zone, importance=LOW
    )
    on_bad_row: Literal["fail", "skip"] = option(
        "fail",
        doc="What happens to a row that does not fit its columns: fail stops the task before it, skip leaves "
        "it out and logs where it is.",
    )
    key_fields: list[str] = option(
        [],
        doc="Columns that make up the record's key, a struct; none: no key.",
        check=[no_empty_items, no_duplicates],
    )
    timestamp_field: str | None = option(
        None,
        doc="The column (timestamp, date, or int64 of milliseconds) that is the record's time.",
        check=non_empty_string,
    )
    schema_name: str | None = option(
        None, doc="The name of the value's schema; the key's has _key at its end.", check=non_empty_string
    )
    batch_size: int = option(
        2000,
        doc="The largest number of records to give the worker at once.",
        check=at_least(1),
        importance=LOW,
    )
    poll_interval_ms: int = option(
        1000,
        doc="How long to wait before looking for more rows or files.",
        check=at_least(1),
        importance=LOW,
    )
    max_row_bytes: int = option(
        1 << 20,
        doc="The largest row, in bytes; it bounds what an open quote can swallow.",
        check=at_least(16),
        importance=LOW,
    )

    def problems(self) -> Mapping[str, str | Sequence[str]]:
        found: dict[str, str] = {}
        marks = {"delimiter": self.delimiter, "quote": self.quote, "escape": self.escape}
        used = [character_of(mark) for mark in marks.values() if mark]
        if len(set(used)) < len(used):
            found["delimiter"] = "must differ from quote and escape, and they from each other"
        wide = "\n".encode(self.encoding)[-1:] != b"\n" or len("\n".encode(self.encoding)) > 1
        if self.encoding_errors == "replace" and wide and codecs.lookup(self.encoding).name != "utf-8-sig":
            found["encoding.errors"] = (
                f"must be strict with {self.encoding}, whose characters are several bytes"
            )
        return found

    def declared(self) -> list[Column]:
        """The columns that are declared."""
        return parse_columns(self.columns) if self.columns else []

    def dialect(self) -> Dialect:
        """How the bytes are read."""
        return Dialect(
            delimiter=character_of(self.delimiter),
            quote=character_of(self.quote) or None,
            escape=character_of(self.escape) or None,
            encoding=self.encoding,
            replace_invalid=self.encoding_errors == "replace",
            max_row_bytes=self.max_row_bytes,
        )

    def zone(self) -> tzinfo:
        return zone_of(self.timezone)

    def nulls(self, *, strings: bool) -> frozenset[str]:
        """The texts that mean null in a column of strings, or of anything else."""
        empty = ("",) if self.empty_is_null or not strings else ()
        return frozenset((*self.null_values, *empty))


class CsvSourceTaskConfig(CsvSourceConfig):
    """What one of several tasks gets: every ``task.count``-th file is its own."""

    task_index: int = option(0, doc="The number of this task.", check=at_least(0), importance=LOW)
    task_count: int = option(1, doc="How many tasks share the files.", check=at_least(1), importance=LOW)

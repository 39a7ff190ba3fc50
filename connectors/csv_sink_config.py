"""The options of CsvSink."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from connectkit.checks import at_least, no_duplicates, no_empty_items, non_empty_string
from connectkit.config import HIGH, Config, option
from connectkit.connectors.csv_config import character_of, one_character, one_character_or_none, text_encoding
from connectkit.connectors.csv_output import SEQ

_PLACES = ("topic", "partition", "seq")
_QUOTING = {
    "minimal": csv.QUOTE_MINIMAL,
    "all": csv.QUOTE_ALL,
    "nonnumeric": csv.QUOTE_NONNUMERIC,
    "none": csv.QUOTE_NONE,
}


def _path(value: str) -> str | None:
    unknown = next((name for name in re.findall(r"\{([^{}]*)\}", value) if name not in _PLACES), None)
    if unknown is not None:
        return f"must hold no other places than {', '.join('{' + name + '}' for name in _PLACES)}"
    if not os.path.basename(value):
        return "must end with the name of a file"
    if SEQ in os.path.dirname(value) or value.count(SEQ) > 1:
        return "must have {seq} once at most, and in the name of the file"
    return None


class CsvSinkConfig(Config):
    """Which files are written, how values become text, and when a new file is begun."""

    file: str = option(
        doc="The file to write. {topic} and {partition} may stand in it, for a file each; {seq} is the "
        "number of the part, and is put before the ending where parts are asked for and it is missing.",
        check=[non_empty_string, _path],
        importance=HIGH,
    )
    columns: list[str] = option(
        [],
        doc="The fields to write, in this order; none: those of the first record. A field that a record does "
        "not have is null.",
        check=[no_empty_items, no_duplicates],
        importance=HIGH,
    )
    header: bool = option(True, doc="Whether each file begins with the names of the columns.")
    delimiter: str = option(
        ",", doc="What stands between fields: a character, or tab.", check=one_character, trim=False
    )
    quote: str = option('"', doc="What stands around fields that need it.", check=one_character, trim=False)
    escape: str = option(
        "",
        doc="What stands before a delimiter or quote where quoting does not serve; empty: nothing.",
        check=one_character_or_none,
        trim=False,
    )
    quoting: Literal["minimal", "all", "nonnumeric", "none"] = option(
        "minimal", doc="Which fields are quoted: those that need it, all, all but numbers, or none."
    )
    line_end: Literal["lf", "crlf"] = option("lf", doc="What ends a row.")
    encoding: str = option(
        "utf-8",
        doc="The encoding of the text; utf-8-sig and utf-16 begin with a byte order mark.",
        check=text_encoding,
    )
    null_text: str = option("", doc="What stands for null.", trim=False)
    nested: Literal["json", "fail"] = option(
        "json", doc="What arrays, maps and structs inside a value become: JSON, or an error for the record."
    )
    on_null_value: Literal["skip", "fail"] = option(
        "skip", doc="What happens to a record without a value (a tombstone): it is left out, or an error."
    )
    on_schema_change: Literal["fail", "new-file", "ignore"] = option(
        "fail",
        doc="What happens to a record whose fields are not the columns of the file: an error, a new part, or "
        "it is written as far as columns and fields agree. With columns, nothing is a change.",
    )
    existing_file: Literal["fail", "append"] = option(
        "fail", doc="What happens if the file is there already and this sink did not write it."
    )
    rotate_rows: int = option(0, doc="The most rows of a part; 0: no limit.", check=at_least(0))
    rotate_bytes: int = option(
        0, doc="The largest part, in bytes (a larger row has one of its own); 0: no limit.", check=at_least(0)
    )
    rotate_interval_ms: int = option(
        0, doc="How long a part is written to, from its first row on; 0: no limit.", check=at_least(0)
    )

    def problems(self) -> Mapping[str, str | Sequence[str]]:
        found: dict[str, str] = {}
        marks = [character_of(mark) for mark in (self.delimiter, self.quote, self.escape) if mark]
        if len(set(marks)) < len(marks):
            found["delimiter"] = "must differ from quote and escape, and they from each other"
        if any(character in self.null_text for character in "\r\n"):
            found["null.text"] = "must not hold a line end"
        return found

    def in_parts(self) -> bool:
        """Whether there may be more than one file for the same records."""
        limits = self.rotate_rows or self.rotate_bytes or self.rotate_interval_ms
        return bool(limits) or SEQ in self.file or self.on_schema_change == "new-file"

    def pattern(self) -> str:
        """The path, with ``{seq}`` where there are parts."""
        if not self.in_parts() or SEQ in self.file:
            return self.file
        stem, ending = os.path.splitext(self.file)
        return f"{stem}-{SEQ}{ending}"

    def writer_options(self) -> dict[str, Any]:
        """What ``csv.writer`` is to be told."""
        return {
            "delimiter": character_of(self.delimiter),
            "quotechar": character_of(self.quote),
            "escapechar": character_of(self.escape) or None,
            "quoting": _QUOTING[self.quoting],
            "lineterminator": "\n" if self.line_end == "lf" else "\r\n",
        }

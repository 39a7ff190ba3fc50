"""One line of CSV: its columns by their declared names and types.

A line has exactly the declared columns. Quotes are doubled inside quotes; a quoted column may hold line
ends. A column without text is null unless its type is string (``empty.is.null`` makes those null too).
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from typing import Any

from connectkit.transforms.parse.moments import Moments
from connectkit.transforms.parse.reading import NotParsedError, Reader, ResultField
from connectkit.transforms.parse.typed import TypedName, typed_field


def csv_reader(
    columns: Sequence[TypedName],
    moments: Moments,
    default_format: str,
    *,
    delimiter: str,
    quote: str | None,
    empty_is_null: bool,
) -> Reader:
    """The reader of lines with these columns; ``quote`` None: quotes are characters like any other."""
    made = [typed_field(each, moments, default_format) for each in columns]
    width = len(columns)
    converted = [(i, c) for i, (_, c) in enumerate(made) if c is not None]
    dialect = _dialect(delimiter, quote)
    wrong_width = f"has not the {width} columns that are declared"

    def read(text: str, reference_ms: int | None) -> Sequence[Any]:
        plain = (quote is None or quote not in text) and "\n" not in text and "\r" not in text
        values: list[Any] = [*text.split(delimiter)] if plain else _row(text, dialect)
        if len(values) != width:
            raise NotParsedError(wrong_width)
        for place, convert in converted:
            value = values[place]
            values[place] = convert(value, reference_ms) if value else None
        if empty_is_null and "" in values:
            values = [None if value == "" else value for value in values]
        return values

    return Reader(tuple(ResultField(c.name, schema) for c, (schema, _) in zip(columns, made)), read)


def _dialect(delimiter: str, quote: str | None) -> csv.Dialect:
    class Line(csv.Dialect):
        lineterminator = "\n"
        doublequote = True
        strict = True

    Line.delimiter = delimiter
    Line.quotechar = quote
    Line.quoting = csv.QUOTE_NONE if quote is None else csv.QUOTE_MINIMAL
    return Line()


def _row(text: str, dialect: csv.Dialect) -> list[Any]:
    """The columns of the one row that the text must be."""
    try:
        rows = list(csv.reader((text,), dialect))
    except csv.Error as exc:
        raise NotParsedError("is no line of CSV") from exc
    if len(rows) != 1:
        raise NotParsedError("is no line of CSV")
    return rows[0]

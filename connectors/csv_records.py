"""From rows of text to records: a schema once a file, values a column at a time.

A batch of rows is turned into columns, each column converted in one go, and turned back. Only when that
fails are texts looked at one by one, to find which rows do not fit. Used by one thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from connectkit.builder import SchemaBuilder
from connectkit.connectors.csv_columns import Column, columns_text
from connectkit.connectors.csv_config import CsvSourceConfig
from connectkit.connectors.csv_rows import BadRow, Rows
from connectkit.connectors.csv_types import MISFITS
from connectkit.errors import ConnectError
from connectkit.instant import millis_of
from connectkit.record import SourceRecord
from connectkit.schema import Schema
from connectkit.struct import Struct
from connectkit.suggest import did_you_mean

FILENAME, POSITION, LINE, COLUMNS = "filename", "position", "line", "columns"
_TIME_KINDS = ("timestamp", "date", "int64")


@dataclass(frozen=True, slots=True)
class Misfit:
    """A row that does not become a record: where it stands among the rows, its line, and why."""

    index: int
    line: int
    reason: str


class RecordMaker:
    """Makes the records of one file, whose columns are known."""

    def __init__(
        self, config: CsvSourceConfig, path: str, columns: Sequence[Column], *, inferred: bool
    ) -> None:
        self.columns = list(columns)
        self.columns_text = columns_text(columns)
        self._path = path
        self._config = config
        self._partition = {FILENAME: path}
        self._inferred = inferred
        self.schema = self._struct(self.columns, config.schema_name)
        zone = config.zone()
        self._convert = [column.convert(zone) for column in self.columns]
        self._nulls = [config.nulls(strings=column.kind == "string") for column in self.columns]
        self._key_at = [self._index(name, "key.fields") for name in config.key_fields]
        self._key_schema: Schema | None = None
        if self._key_at:
            name = None if config.schema_name is None else f"{config.schema_name}_key"
            self._key_schema = self._struct([self.columns[i] for i in self._key_at], name)
        self._time_at: int | None = None
        if config.timestamp_field is not None:
            self._time_at = self._index(config.timestamp_field, "timestamp.field")
            kind = self.columns[self._time_at].kind
            if kind not in _TIME_KINDS:
                raise ConnectError(
                    f"Column {config.timestamp_field} of {path} is {kind} and cannot be timestamp.field; "
                    f"declare it in columns as one of {', '.join(_TIME_KINDS)}."
                )

    @staticmethod
    def _struct(columns: Sequence[Column], name: str | None) -> Schema:
        builder = SchemaBuilder.struct()
        if name is not None:
            builder.name(name)
        for column in columns:
            builder.field(column.name, column.schema())
        return builder.build()

    def _index(self, name: str, option: str) -> int:
        names = [column.name for column in self.columns]
        if name not in names:
            hint = did_you_mean(name, names) or f"; it has {', '.join(names)}"
            raise ConnectError(f"{self._path} has no column {name}, which {option} names{hint}")
        return names.index(name)

    def make(self, found: Rows) -> tuple[list[SourceRecord], list[Misfit]]:
        """The records of the rows that fit, in order, and the rows that do not."""
        misfits: dict[int, str] = {}
        rows, places = found.rows, range(len(found.rows))
        width = len(self.columns)
        if set(map(len, rows)) != {width}:
            for i, row in enumerate(rows):
                if isinstance(row, BadRow):
                    misfits[i] = row.reason
                elif len(row) != width:
                    misfits[i] = f"has {len(row)} columns where {width} are expected"
            kept = [i for i in places if i not in misfits]
            columns: Sequence[Sequence[Any]] = self._columns([rows[i] for i in kept], kept, misfits)
        else:
            kept = places  # type: ignore[assignment]  # a range serves as well
            columns = self._columns(rows, kept, misfits)
        if misfits:
            good = [n for n, i in enumerate(kept) if i not in misfits]
            columns = [[column[n] for n in good] for column in columns]
            places_left = [kept[n] for n in good]
            positions = [found.positions[i] for i in places_left]
            lines: Sequence[int] = [found.last_lines[i] for i in places_left]
        else:
            positions, lines = found.positions, found.last_lines
        return self._records(columns, positions, lines), [
            Misfit(i, found.first_lines[i], misfits[i]) for i in sorted(misfits)
        ]

    def _records(
        self, columns: Sequence[Sequence[Any]], positions: Sequence[int], lines: Sequence[int]
    ) -> list[SourceRecord]:
        if not positions:
            return []
        partition, topic, schema, shape = self._partition, self._config.topic, self.schema, self.columns_text
        struct = Struct.of
        if self._key_schema is None and self._time_at is None:
            return [
                SourceRecord(
                    partition,
                    {POSITION: position, LINE: line, COLUMNS: shape},
                    topic,
                    schema,
                    struct(schema, list(values)),
                )
                for position, line, values in zip(positions, lines, zip(*columns))
            ]
        key_schema, key_at, time_at = self._key_schema, self._key_at, self._time_at
        records = []
        for position, line, values in zip(positions, lines, zip(*columns)):
            at = None if time_at is None else values[time_at]
            records.append(
                SourceRecord(
                    partition,
                    {POSITION: position, LINE: line, COLUMNS: shape},
                    topic,
                    schema,
                    struct(schema, list(values)),
                    key_schema=key_schema,
                    key=None if key_schema is None else struct(key_schema, [values[i] for i in key_at]),
                    timestamp=at if at is None or isinstance(at, int) else millis_of(at),
                )
            )
        return records

    def _columns(
        self, rows: list[list[str]], places: Sequence[int], misfits: dict[int, str]
    ) -> list[Sequence[Any]]:
        """The values of the rows, by column; rows that do not fit are noted and have None there."""
        if not rows:
            return [[] for _ in self.columns]
        values: list[Sequence[Any]] = []
        for n, texts in enumerate(zip(*rows)):
            convert, nulls = self._convert[n], self._nulls[n]
            if any(null in texts for null in nulls):
                values.append(self._with_nulls(n, texts, places, misfits))
            elif convert is None:
                values.append(texts)
            else:
                try:
                    values.append(convert(texts))  # type: ignore[arg-type]  # a tuple serves as well
                except MISFITS:
                    values.append(self._with_nulls(n, texts, places, misfits))
        return values

    def _with_nulls(
        self, n: int, texts: Sequence[str], places: Sequence[int], misfits: dict[int, str]
    ) -> list[Any]:
        column, convert, nulls = self.columns[n], self._convert[n], self._nulls[n]
        present = [text for text in texts if text not in nulls]
        if column.optional or len(present) == len(texts):
            try:
                values = iter(present if convert is None else convert(present))
                return [None if text in nulls else next(values) for text in texts]
            except MISFITS:
                pass
        found: list[Any] = []
        for place, text in zip(places, texts):
            value = None
            if text in nulls:
                if not column.optional:
                    misfits.setdefault(place, f"has nothing in column {column.name}, which is not null")
            else:
                try:
                    value = text if convert is None else convert([text])[0]
                except MISFITS:
                    misfits.setdefault(place, self._reason(column))
            found.append(value)
        return found

    def _reason(self, column: Column) -> str:
        shape = f" of the format {column.pattern}" if column.pattern is not None else ""
        if not self._inferred or column.name in {each.name for each in self._config.declared()}:
            return f"has no {column.type_text}{shape} in column {column.name}"
        return (
            f"has no {column.type_text} in column {column.name}, as the first rows have"
            f"; declare it with columns={column.name}:string"
        )

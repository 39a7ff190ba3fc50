"""The columns of an output, and how the values of records with one schema become its rows.

A shape is made once for a schema and a set of columns, and works on whole batches. Used by one thread.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

from connectkit.connectors.csv_sink_config import CsvSinkConfig
from connectkit.connectors.csv_text import ColumnText, column_text, value_text
from connectkit.errors import ConnectError, ConversionError, DataError, SchemaError
from connectkit.record import SinkRecord
from connectkit.schema import Schema, StructValue

_KEPT_SHAPES = 64


class Shape:
    """Turns values into rows of the output's ``columns``."""

    columns: list[str]

    def rows(self, values: list[Any]) -> list[Sequence[Any]]:
        """A row of texts, numbers and nulls a value; ``DataError`` for one that has no text."""
        raise NotImplementedError


class _StructShape(Shape):
    def __init__(self, schema: Schema, columns: list[str], *, nested: bool, null_text: str) -> None:
        self.columns = columns
        self._null = null_text or None
        fields = [schema.field(name) for name in columns]
        self._plan: list[tuple[int, ColumnText | None]] = [
            (-1, None) if field is None else (field.index, column_text(field.schema, nested=nested))
            for field in fields
        ]
        self._straight = [index for index, _ in self._plan] == list(range(len(schema.fields))) and all(
            convert is None for _, convert in self._plan
        )

    def rows(self, values: list[Any]) -> list[Sequence[Any]]:
        if self._straight and self._null is None:
            return [value.values for value in values]
        by_field = list(zip(*[value.values for value in values]))
        nothing = (None,) * len(values)
        columns: list[Sequence[Any]] = []
        for name, (index, convert) in zip(self.columns, self._plan):
            column: Sequence[Any] = nothing if index < 0 else by_field[index]
            if convert is not None:
                try:
                    column = convert(column)
                except DataError as error:
                    raise ConversionError(str(error), path=f"$.{name}") from error
            if self._null is not None and None in column:
                column = [self._null if value is None else value for value in column]
            columns.append(column)
        return list(zip(*columns))


class _MapShape(Shape):
    def __init__(self, columns: list[str], *, closed: bool, nested: bool, null_text: str) -> None:
        self.columns = columns
        self._known = frozenset(columns) if closed else None
        self._nested = nested
        self._null = null_text or None

    def rows(self, values: list[Any]) -> list[Sequence[Any]]:
        known = self._known
        if known is not None and not all(known.issuperset(value) for value in values):
            raise SchemaError("its value has other fields than the first of its batch")
        return [[self._text(value.get(name), name) for name in self.columns] for value in values]

    def _text(self, value: Any, name: str) -> Any:
        if value is None:
            return self._null
        try:
            return value_text(value, nested=self._nested)
        except DataError as error:
            raise ConversionError(str(error), path=f"$.{name}") from error


class Shaper:
    """Finds the shape of a run of records that have one schema."""

    def __init__(self, config: CsvSinkConfig) -> None:
        self._config = config
        self._shapes: OrderedDict[tuple[int, tuple[str, ...]], tuple[Schema, Shape]] = OrderedDict()

    def shape(self, record: SinkRecord, columns: list[str]) -> Shape:
        """For this record and those like it; ``columns`` are the output's so far, empty if none yet.

        ``DataError`` if such a record cannot be a row of that output.
        """
        value = record.value
        if isinstance(value, StructValue):
            return self._of_struct(value.schema, columns)
        if isinstance(value, Mapping):
            names = [name for name in value if isinstance(name, str)]
            if len(names) < len(value):
                raise SchemaError("its value is a map whose keys are not all texts")
            return _MapShape(
                self._columns(names, columns, missing_is_null=True),
                closed=not self._config.columns and self._config.on_schema_change != "ignore",
                nested=self._config.nested == "json",
                null_text=self._config.null_text,
            )
        raise SchemaError("its value is neither a struct nor a map; put it into a field with HoistField")

    def _of_struct(self, schema: Schema, columns: list[str]) -> Shape:
        key = (id(schema), tuple(columns))
        known = self._shapes.get(key)
        if known is not None:
            return known[1]
        names = [field.name for field in schema.fields]
        shape = _StructShape(
            schema,
            self._columns(names, columns, missing_is_null=False),
            nested=self._config.nested == "json",
            null_text=self._config.null_text,
        )
        self._shapes[key] = (schema, shape)
        if len(self._shapes) > _KEPT_SHAPES:
            self._shapes.popitem(last=False)
        return shape

    def _columns(self, names: list[str], columns: list[str], *, missing_is_null: bool) -> list[str]:
        """The columns that records with these fields are written to."""
        chosen = self._config.columns
        if chosen:
            if columns and columns != chosen and not self._config.in_parts():
                raise ConnectError(
                    f"{self._config.file} was begun with other columns than those named now; choose another."
                )
            if not set(chosen) & set(names):
                raise SchemaError("it has none of the fields that columns names")
            return chosen
        if not names:
            raise SchemaError("its value has no fields")
        if not columns:
            return names
        same = set(names) <= set(columns) if missing_is_null else set(names) == set(columns)
        if same or self._config.on_schema_change == "ignore":
            return columns
        if self._config.on_schema_change == "new-file":
            return names
        more, less = sorted(set(names) - set(columns)), sorted(set(columns) - set(names))
        changes = [f"{', '.join(more)} more"] if more else []
        changes += [f"{', '.join(less)} less"] if less else []
        raise SchemaError(
            f"its fields are not the columns of the file ({' and '.join(changes)}); set "
            "on.schema.change=new-file or ignore, or name the columns"
        )

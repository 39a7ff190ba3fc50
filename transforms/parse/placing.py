"""Where the result of parsing goes in a struct: beside its fields, into one, or in their place.

A :class:`Plan` is made once per schema. It says which columns a row has
(:mod:`connectkit.transforms.parse.outcome`), and puts the variables that hold them among the fields.
"""

from __future__ import annotations

from collections.abc import Sequence

from connectkit.builder import SchemaBuilder
from connectkit.errors import DataError
from connectkit.program import Var
from connectkit.schema import Schema, Type
from connectkit.transforms.base import optional_form
from connectkit.transforms.parse.options import ParseOptions
from connectkit.transforms.parse.outcome import Columns
from connectkit.transforms.parse.reading import OpenReader, Reader

Entries = dict[str, tuple[Schema, Var]]
"""The fields of a struct: for each its schema, and the variable that holds it."""


class Plan:
    """The columns of a row for one schema. ``source`` is the field that keeps the text, if one can.

    ``entries`` are the fields that stay; ``text_schema`` is that of the text, None where it is not known.
    """

    def __init__(
        self,
        config: ParseOptions,
        reader: Reader | OpenReader,
        entries: Entries,
        source: str | None,
        text_schema: Schema | None,
        *,
        replaces: bool,
    ) -> None:
        self._config = config
        self._entries = entries
        self._source = source
        nested = _nested(config, reader) if config.result_field is not None else None
        if nested is not None:
            results = {config.result_field or "": nested}
        else:
            assert isinstance(reader, Reader)  # others go into a field or take the place of all
            results = {config.prefix + field.name: field.schema for field in reader.fields}
        self._results = results
        self._text_schema = optional_form(
            entries[source][0] if source in entries else text_schema or Schema.OPTIONAL_STRING
        )
        text_at: int | None = None
        text_added = False
        if source is not None and config.on_failure in ("keep", "tag") and not config.keep_source:
            text_added = source not in results
            text_at = len(results) if text_added else list(results).index(source)
            if not text_added and results[source].type is not Type.STRING:
                raise DataError(
                    f"The field '{source}' of the result is no text, and would take the place of the text "
                    "that on.failure keeps; a prefix or keep.source=true would leave room for both"
                )
        columns = dict(results)
        if text_added and source is not None:
            columns[source] = self._text_schema
        tagged = config.on_failure == "tag"
        builder = SchemaBuilder.struct()
        for name, schema in columns.items():
            builder.field(name, schema)
        if tagged:
            builder.field(_other_than(columns), Schema.OPTIONAL_STRING)
        self.columns = Columns(
            schema=builder.build(),
            nested=nested,
            text_at=text_at,
            text_added=text_added,
            raw_text=self._text_schema.type is Type.BYTES,
            reason=tagged,
        )
        self.is_whole = replaces and not tagged and not config.keep_source
        """Whether the columns of a row are the fields of the result."""

    def placed(self, columns: Sequence[Var], text: Var) -> Entries:
        """The fields of the result, from the columns of a row and the text."""
        config, source = self._config, self._source
        made = dict(self._entries)
        if source is not None:
            if config.keep_source:
                made.setdefault(source, (self._text_schema, text))
            elif self.columns.text_added and self.columns.text_at is not None:
                made[source] = (self._text_schema, columns[self.columns.text_at])
            else:
                made.pop(source, None)
        for (name, schema), var in zip(self._results.items(), columns):
            if name in made and config.on_existing != "overwrite":
                if config.on_existing == "fail":
                    raise DataError(f"The record has a field '{name}' already", path=f"$.{name}")
                continue
            made[name] = (schema, var)
        if config.failure_field is not None:
            made[config.failure_field] = (Schema.OPTIONAL_STRING, columns[-1])
        return made


def _nested(config: ParseOptions, reader: Reader | OpenReader) -> Schema:
    """The schema of the result as one field."""
    if isinstance(reader, OpenReader):
        if reader.schema is None:
            raise DataError(
                f"The fields of {config.format} must be declared with the option fields where records have "
                "a schema"
            )
        return reader.schema
    builder = SchemaBuilder.struct().optional()
    if config.result_schema_name is not None:
        builder.name(config.result_schema_name)
    for field in reader.fields:
        builder.field(config.prefix + field.name, field.schema)
    return builder.build()


def _other_than(names: dict[str, Schema]) -> str:
    name = "failure"
    while name in names:
        name += "_"
    return name

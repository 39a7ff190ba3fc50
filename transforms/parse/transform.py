"""Parse: fields out of a text, by grok patterns, regular expressions or a log format."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from operator import itemgetter

from connectkit.builder import SchemaBuilder
from connectkit.draft import Draft, Kind, Side, SideName
from connectkit.edit import SideTransform
from connectkit.errors import DataError
from connectkit.headers import Headers
from connectkit.program import Unpack, Var
from connectkit.schema import LOGICAL_NAMES, Schema, Type
from connectkit.transforms.base import copy_of
from connectkit.transforms.parse.formats import make_reader, moments_for, reader_problem
from connectkit.transforms.parse.options import ParseOptions
from connectkit.transforms.parse.outcome import Texts, map_function, row_function, shown_text
from connectkit.transforms.parse.placing import Entries, Plan
from connectkit.transforms.parse.reading import OpenReader, Reader
from connectkit.transforms.paths import FieldPath, Found, NoSuchField

DEFAULT_SOURCE = "message"


def clock_ms() -> int:
    """The present moment, in milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


class ParseConfig(ParseOptions):
    """Where the text is, what it is like, and where its fields go."""

    def problems(self) -> Mapping[str, str | Sequence[str]]:
        return super().problems() or reader_problem(self)


class Parse(SideTransform[ParseConfig]):
    """Turn a text, such as a line of a log, into fields; a null key or value passes as it is."""

    purpose = "parsing"

    def __init__(
        self, config: ParseConfig, *, side: SideName = "value", now_ms: Callable[[], int] = clock_ms
    ) -> None:
        super().__init__(config, side=side)
        self._now_ms = now_ms
        self._path = None if config.field is None else FieldPath.of(config.field)
        if self._path is not None:
            self.reads |= self._path.reads
        self._readers: dict[str, Reader | OpenReader] = {}

    def _reader(self, *, has_schema: bool) -> Reader | OpenReader:
        form = self.config.timestamp_type
        if form == "auto":
            form = "timestamp" if has_schema else "millis"
        if form not in self._readers:
            self._readers[form] = make_reader(self.config, moments_for(self.config, form, self._now_ms))
        return self._readers[form]

    # --- where the text is

    def edit_side(self, draft: Draft, side: Side) -> None:
        if side.is_null:
            return
        found = self._source(draft, side)
        if found is None:
            return
        schema = found.schema
        if schema is not None and (
            schema.type not in (Type.STRING, Type.BYTES) or schema.name in LOGICAL_NAMES
        ):
            raise DataError(
                f"Only text can be parsed, not a value of type {schema.type.value}", path=self._where
            )
        replaces = self._path is None or self.config.result_to == "replace"
        if side.schema is not None or (replaces and self.config.result_schema == "struct"):
            self._edit_typed(draft, side, found, replaces=replaces)
        else:
            self._edit_map(draft, side, found.var, self._reader(has_schema=False), replaces=replaces)

    def _source(self, draft: Draft, side: Side) -> Found | None:
        """The text; None where the record's schema has no such field."""
        path = self._path
        if path is None:
            if side.kind in (Kind.STRUCT, Kind.MAP):
                raise DataError(
                    f"Parsing the whole {side.name} needs a text, and it has fields; name one with 'field'"
                )
            return Found(side.whole(), side.schema)
        try:
            if path.elsewhere is not None and side.kind is Kind.OTHER:
                return path.elsewhere.read(draft, purpose=self.purpose, gone=self.gone)
            return path.read(draft, side, self.purpose, gone=self.gone)
        except NoSuchField as error:
            self.missing(path.text, error.known, step=error.name, path=error.path)
            return None

    @property
    def _where(self) -> str:
        return "$" if self._path is None else self._path.where

    def _absent(self) -> None:
        """A record has nothing where the text should be."""
        self.missing(self.config.field or self.side, ())

    def _source_name(self) -> str:
        """The field that keeps the text where the result takes the place of all."""
        name = None if self._path is None else self._path.name
        return self.config.source_name or name or DEFAULT_SOURCE

    # --- values without a schema, and maps of texts

    def _edit_map(
        self,
        draft: Draft,
        side: Side,
        text: Var,
        reader: Reader | OpenReader,
        *,
        replaces: bool,
        schema: Schema | None = None,
    ) -> None:
        config = self.config
        texts = Texts(config, self._where)
        if replaces:
            function = map_function(
                reader, config, texts, self._absent, self._source_name(), only_texts=schema is not None
            )
            made = draft.call(function, text, draft.timestamp)
        else:
            side.require_map(self.purpose)
            source = None if self._path is None else self._path.name
            function = map_function(reader, config, texts, self._absent, source)
            made = draft.call(function, text, draft.timestamp, side.peek())
        if config.on_failure == "tag":
            reason = draft.call(itemgetter(1), made)
            made = draft.call(itemgetter(0), made)
            self._tag(draft, reason)
        if config.on_failure == "drop":
            draft, side = _without_failed(draft, side, made)
        side.put(schema, made, Kind.MAP if schema is None else Kind.OTHER)

    def _tag(self, draft: Draft, reason: Var) -> None:
        if self.config.failure_field is None:
            draft.headers = draft.call(partial(_tagged, self.config.failure_header), draft.headers, reason)

    # --- values with a schema

    def _edit_typed(self, draft: Draft, side: Side, found: Found, *, replaces: bool) -> None:
        reader = self._reader(has_schema=True)
        if isinstance(reader, OpenReader) and self.config.result_field is None:
            self._edit_open(draft, side, found, reader, replaces=replaces)
            return
        entries: Entries = {}
        builder = SchemaBuilder.struct()
        source: str | None = self._source_name()
        if not replaces:
            schema = side.require_struct(self.purpose)
            builder = copy_of(schema, fields=False)
            slots = side.read(self.purpose, with_defaults=True)
            entries = {field.name: (field.schema, slots[field.index]) for field in schema.fields}
            source = None if self._path is None or self._path.name not in entries else self._path.name
        if self.config.result_schema_name is not None and self.config.result_field is None:
            builder = SchemaBuilder.struct().name(self.config.result_schema_name)
        plan = Plan(self.config, reader, entries, source, found.schema, replaces=replaces)
        if plan.is_whole:
            for field in plan.columns.schema.fields:
                builder.field(field.name, field.schema)
            plan.columns.schema = builder.build()
        row = row_function(
            reader, plan.columns, Texts(self.config, self._where), self.config.on_failure, self._absent
        )
        made = draft.call(row, found.var, draft.timestamp)
        if self.config.on_failure == "drop":
            draft, side = _without_failed(draft, side, made)
        if plan.is_whole:
            side.take(plan.columns.schema, made)
            return
        columns = [draft.temp() for _ in plan.columns.schema.fields]
        draft.do(Unpack(columns, made))
        if plan.columns.reason:
            self._tag(draft, columns[-1])
        text = found.var
        if found.schema is None and self.config.keep_source:
            text = draft.call(shown_text, text, strict=True)
        placed = plan.placed(columns, text)
        for name, (schema, _) in placed.items():
            builder.field(name, schema)
        side.write(builder.build(), [var for _, var in placed.values()])

    def _edit_open(
        self, draft: Draft, side: Side, found: Found, reader: OpenReader, *, replaces: bool
    ) -> None:
        """Fields that are not declared: a map takes the place of the key or value."""
        if not replaces:
            raise DataError(
                f"The fields of {self.config.format} must be declared with the option fields to go beside "
                "those of a struct; result.to=field or replace would take them as a map"
            )
        self._edit_map(draft, side, found.var, reader, replaces=True, schema=reader.schema)


def _without_failed(draft: Draft, side: Side, made: Var) -> tuple[Draft, Side]:
    """What goes on where something was made; the other records are dropped."""
    parsed, failed = draft.split(draft.call(_is_something, made))
    failed.drop()
    return parsed, parsed.side(side.name)


def _is_something(made: object) -> bool:
    return made is not None


def _tagged(name: str, headers: Headers, reason: str | None) -> Headers:
    return headers if reason is None else headers.duplicate().add_string(name, reason)

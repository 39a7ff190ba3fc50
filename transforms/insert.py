"""InsertField: adds the record's coordinates, its timestamp or a fixed text as fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connectkit.config import MEDIUM, Config, option
from connectkit.draft import OFFSET, Draft, Side, SideName
from connectkit.edit import SideTransform
from connectkit.errors import DataError
from connectkit.instant import timestamp_from
from connectkit.logical import TIMESTAMP
from connectkit.program import NONE, Const, Var
from connectkit.record import SinkRecord
from connectkit.schema import Schema
from connectkit.transforms.base import copy_of, optional_form
from connectkit.transforms.pathinsert import insert_into, put_in_map
from connectkit.transforms.paths import FieldPath, path_problems, syntax_option

_SUFFIX = "With ! at its end the field is required; with ? or nothing it is optional."

_FIELDS = ("topic_field", "partition_field", "offset_field", "timestamp_field", "static_field")


class InsertFieldConfig(Config):
    """Which fields to insert; at least one."""

    topic_field: str | None = option(None, doc=f"Field for the topic. {_SUFFIX}", importance=MEDIUM)
    partition_field: str | None = option(None, doc=f"Field for the partition. {_SUFFIX}", importance=MEDIUM)
    offset_field: str | None = option(
        None, doc=f"Field for the offset; only for sink connectors. {_SUFFIX}", importance=MEDIUM
    )
    timestamp_field: str | None = option(
        None, doc=f"Field for the record's timestamp. {_SUFFIX}", importance=MEDIUM
    )
    static_field: str | None = option(None, doc=f"Field for a fixed text. {_SUFFIX}", importance=MEDIUM)
    static_value: str | None = option(
        None, doc="The fixed text, if a field is named for it.", importance=MEDIUM
    )
    replace_null_with_default: bool = option(
        True, doc="Whether unset fields are given their defaults while copying.", importance=MEDIUM
    )
    field_syntax_version: str = syntax_option()

    def problems(self) -> Mapping[str, str | Sequence[str]]:
        if all(getattr(self, name) is None for name in _FIELDS):
            return {"topic.field": "no field insertion is configured: name at least one field to insert"}
        if self.static_field is not None and self.static_value is None:
            return {"static.value": "is missing: it is the text for the field that static.field names"}
        found: dict[str, str] = {}
        for name in _FIELDS:
            text = getattr(self, name)
            key = name.replace("_", ".")
            if text is not None and self.field_syntax_version.upper() == "V2":
                text = text[:-1] if text[-1:] in ("?", "!") else text
                problems = path_problems(key, [text])
                if not problems and any(step.picks for step in FieldPath.of(text).steps):
                    problems = {key: "must not have brackets or stars: a field is inserted at one place"}
                found.update(problems)
        return found


@dataclass(frozen=True, slots=True)
class _Insertion:
    path: tuple[str, ...]
    optional: bool


def _insertion(text: str | None, version: str) -> _Insertion | None:
    if text is None:
        return None
    optional = not text.endswith("!")
    if text[-1:] in ("?", "!"):
        text = text[:-1]
    return _Insertion(tuple(step.name for step in FieldPath.of(text, version).steps), optional)


class InsertField(SideTransform[InsertFieldConfig]):
    """Add fields with the record's topic, partition, offset or timestamp, or with a fixed text."""

    java_names = ("org.apache.kafka.connect.transforms.InsertField",)
    nulls = "pass"
    purpose = "field insertion"

    def __init__(self, config: InsertFieldConfig, *, side: SideName = "value") -> None:
        super().__init__(config, side=side)
        version = config.field_syntax_version
        self._topic = _insertion(config.topic_field, version)
        self._partition = _insertion(config.partition_field, version)
        self._offset = _insertion(config.offset_field, version)
        self._timestamp = _insertion(config.timestamp_field, version)
        self._static = _insertion(config.static_field, version)

    def edit_side(self, draft: Draft, side: Side) -> None:
        if side.is_null:
            return
        if side.schema is None:
            self._edit_map(draft, side)
        else:
            self._edit_struct(draft, side)

    def _edit_map(self, draft: Draft, side: Side) -> None:
        side.require_map(self.purpose)
        if self._topic:
            _put(draft, side, self._topic, draft.topic)
        if self._partition:
            _put(draft, side, self._partition, draft.partition, unless_none=True)
        if self._offset:
            _put(draft, side, self._offset, self._offset_of(draft))
        if self._timestamp:
            _put(draft, side, self._timestamp, draft.timestamp, unless_none=True)
        if self._static:
            _put(draft, side, self._static, Const(self.config.static_value))

    def _edit_struct(self, draft: Draft, side: Side) -> None:
        slots = side.read(self.purpose, with_defaults=self.config.replace_null_with_default)
        schema = side.require_struct(self.purpose)
        names = [field.name for field in schema.fields]
        schemas = [field.schema for field in schema.fields]
        unchecked: list[int] = []

        def add(insertion: _Insertion, schema: Schema, var: Var) -> None:
            first, *rest = insertion.path
            leaf = optional_form(schema) if insertion.optional else schema
            if not rest:
                names.append(first)
                schemas.append(leaf)
                slots.append(var)
            elif first in names:
                at = names.index(first)
                schemas[at], put = insert_into(schemas[at], rest, leaf)
                slots[at] = draft.call(put, slots[at], var, where=f"$.{first}")
            else:
                made, put = insert_into(None, rest, leaf)
                names.append(first)
                schemas.append(made)
                slots.append(draft.call(put, NONE, var, where=f"$.{first}"))

        if self._topic:
            add(self._topic, Schema.STRING, draft.topic)
        if self._partition:
            # As in Connect, a partition or timestamp that is null is left unset even where it is required.
            unchecked.append(len(slots))
            add(self._partition, Schema.INT32, draft.partition)
        if self._offset:
            add(self._offset, Schema.INT64, self._offset_of(draft))
        if self._timestamp:
            unchecked.append(len(slots))
            add(self._timestamp, TIMESTAMP, draft.call(timestamp_from, draft.timestamp, strict=True))
        if self._static:
            add(self._static, Schema.STRING, Const(self.config.static_value))
        builder = copy_of(schema, fields=False)
        for name, field_schema in zip(names, schemas):
            builder.field(name, field_schema)
        side.write(builder.build(), slots, unchecked=unchecked)

    def _offset_of(self, draft: Draft) -> Var:
        if not issubclass(draft.record_class, SinkRecord):
            raise DataError(
                "Only records of a sink connector have an offset to insert; leave offset.field out"
            )
        return OFFSET


def _put(draft: Draft, side: Side, insertion: _Insertion, var: Var, *, unless_none: bool = False) -> None:
    """Set the entry, in nested maps if the path is longer."""
    first, *rest = insertion.path
    if rest:

        def put(parent: Any, value: Any) -> Any:
            return None if unless_none and value is None else put_in_map(parent, rest, value)

        var = draft.call(put, side.get_item(first), var, where=f"$.{first}")
    side.set_item(first, var, unless_none=unless_none)

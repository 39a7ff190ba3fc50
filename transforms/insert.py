"""InsertField: adds the record's coordinates, its timestamp or a fixed text as fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from connectkit.config import MEDIUM, Config, option
from connectkit.draft import OFFSET, Draft, Side, SideName
from connectkit.edit import SideTransform
from connectkit.errors import DataError
from connectkit.instant import timestamp_from
from connectkit.logical import TIMESTAMP
from connectkit.program import Const, Var
from connectkit.record import SinkRecord
from connectkit.schema import Schema
from connectkit.transforms.base import copy_of, optional_form

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

    def problems(self) -> Mapping[str, str | Sequence[str]]:
        if all(getattr(self, name) is None for name in _FIELDS):
            return {"topic.field": "no field insertion is configured: name at least one field to insert"}
        if self.static_field is not None and self.static_value is None:
            return {"static.value": "is missing: it is the text for the field that static.field names"}
        return {}


@dataclass(frozen=True, slots=True)
class _Insertion:
    name: str
    optional: bool


def _insertion(text: str | None) -> _Insertion | None:
    if text is None:
        return None
    if text[-1:] in ("?", "!"):
        return _Insertion(text[:-1], text[-1] == "?")
    return _Insertion(text, True)


class InsertField(SideTransform[InsertFieldConfig]):
    """Add fields with the record's topic, partition, offset or timestamp, or with a fixed text."""

    java_names = ("org.apache.kafka.connect.transforms.InsertField",)
    purpose = "field insertion"

    def __init__(self, config: InsertFieldConfig, *, side: SideName = "value") -> None:
        super().__init__(config, side=side)
        self._topic = _insertion(config.topic_field)
        self._partition = _insertion(config.partition_field)
        self._offset = _insertion(config.offset_field)
        self._timestamp = _insertion(config.timestamp_field)
        self._static = _insertion(config.static_field)

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
            side.set_item(self._topic.name, draft.topic)
        if self._partition:
            side.set_item(self._partition.name, draft.partition, unless_none=True)
        if self._offset:
            side.set_item(self._offset.name, self._offset_of(draft))
        if self._timestamp:
            side.set_item(self._timestamp.name, draft.timestamp, unless_none=True)
        if self._static:
            side.set_item(self._static.name, Const(self.config.static_value))

    def _edit_struct(self, draft: Draft, side: Side) -> None:
        slots = side.read(self.purpose, with_defaults=self.config.replace_null_with_default)
        builder = copy_of(side.require_struct(self.purpose))
        unchecked: list[int] = []

        def add(insertion: _Insertion, schema: Schema, var: Var) -> None:
            builder.field(insertion.name, optional_form(schema) if insertion.optional else schema)
            slots.append(var)

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
        side.write(builder.build(), slots, unchecked=unchecked)

    def _offset_of(self, draft: Draft) -> Var:
        if not issubclass(draft.record_class, SinkRecord):
            raise DataError(
                "Only records of a sink connector have an offset to insert; leave offset.field out"
            )
        return OFFSET

"""PartitionRouting: the partition of a change event is computed from fields of it.

Events with the same values in these fields go to the same partition, whatever their keys are. Which
fields there are, and how they are hashed, is decided once per schema. Source: Debezium's documentation
of the partition routing transform.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from connectkit.checks import at_least, no_empty_items, non_empty_list
from connectkit.config import HIGH, LOW, option
from connectkit.draft import Draft
from connectkit.edit import EditTransform, OnMissing, on_missing_option
from connectkit.schema import Field, Schema, Type
from connectkit.transforms.debezium.envelope import (
    AFTER,
    BEFORE,
    DELETE,
    MESSAGE,
    OP,
    TRUNCATE,
    envelope_of,
    is_envelope,
    typed_field,
)
from connectkit.transforms.debezium.hashes import hash_for, murmur_for, signed32
from connectkit.transforms.debezium.options import DebeziumConfig

CHANGE = "change"
"""Stands for ``after``, or ``before`` where the row is deleted."""
_MAX = (1 << 31) - 1


class HashFunction(enum.Enum):
    """How values are hashed."""

    JAVA = "java"
    MURMUR = "murmur"


class PartitionRoutingConfig(DebeziumConfig):
    """The fields, and how many partitions there are."""

    partition_payload_fields: list[str] = option(
        doc="Fields of the change event that decide, such as change.customer_id or source.table; change is "
        "the row after the change or, if it is deleted, before it. Fields that are not there do not count.",
        check=[non_empty_list, no_empty_items],
        importance=HIGH,
    )
    partition_topic_num: int = option(
        doc="How many partitions the topic has.", check=at_least(1), importance=HIGH
    )
    partition_hash_function: HashFunction = option(
        HashFunction.JAVA,
        doc="java: the hash codes of Java's classes; murmur: MurmurHash3.",
        importance=LOW,
    )
    on_missing: OnMissing | None = on_missing_option(
        "fields that the change event does not have do not count, with one warning"
    )

    def problems(self) -> Mapping[str, str | Sequence[str]]:
        for text in self.partition_payload_fields:
            if "" in _steps(text):
                return {"partition.payload.fields": "has a path with an empty step"}
        return {}


def _steps(text: str) -> list[str]:
    return [step.strip() for step in text.split(".")]


Read = Callable[[Any], Any]


class PartitionRouting(EditTransform[PartitionRoutingConfig]):
    """Choose the partition of change events by fields of theirs."""

    java_names = ("io.debezium.transforms.partitions.PartitionRouting",)
    reads = frozenset(("value",))
    purpose = "routing to a partition"

    def edit(self, draft: Draft) -> None:
        if draft.value.is_null or not is_envelope(draft.value.schema):
            return
        schema, slots = envelope_of(draft.value, self.purpose)
        op = typed_field(schema, OP, Type.STRING, "the change event")
        usual, deleted = self._hashes(schema, AFTER), self._hashes(schema, BEFORE)
        if usual or deleted:
            route = _router(usual, deleted, self.config.partition_topic_num)
            event = draft.value.whole()
            draft.partition = draft.call(route, draft.partition, event, slots[op.index])

    def _hashes(self, envelope: Schema, change: str) -> list[tuple[Read, Callable[[Any], int]]]:
        """For each field that there is, how to read and how to hash it."""
        make = murmur_for if self.config.partition_hash_function is HashFunction.MURMUR else hash_for
        found: list[tuple[Read, Callable[[Any], int]]] = []
        for text in self.config.partition_payload_fields:
            *way, last = _steps(text)
            fields = self._follow(text, envelope, [*(change if s == CHANGE else s for s in way), last])
            if fields is not None:
                found.append((_reader(fields), make(fields[-1].schema)))
        return found

    def _follow(self, text: str, schema: Schema, steps: Sequence[str]) -> list[Field] | None:
        """The fields on the way; None where there is none of a name."""
        fields: list[Field] = []
        for step in steps:
            known = schema.fields if schema.type is Type.STRUCT else ()
            field = schema.field(step) if known else None
            if field is None:
                self.missing(text, [each.name for each in known], step=step)
                return None
            fields.append(field)
            schema = field.schema
        return fields


def _reader(fields: Sequence[Field]) -> Read:
    """Reads along the fields: the default where the last one is unset, None where one before it is."""
    *way, last = [field.index for field in fields]
    default = fields[-1].schema.default

    def read(value: Any) -> Any:
        for index in way:
            value = value.values[index]
            if value is None:
                return None
        found = value.values[last]
        return default if found is None else found

    return read


def _router(
    usual: Sequence[tuple[Read, Callable[[Any], int]]],
    deleted: Sequence[tuple[Read, Callable[[Any], int]]],
    partitions: int,
) -> Callable[[int | None, Any, str | None], int | None]:
    def route(partition: int | None, event: Any, op: str | None) -> int | None:
        if op in (TRUNCATE, MESSAGE):
            return partition
        total, found = 0, False
        for read, code in deleted if op == DELETE else usual:
            value = read(event)
            if value is not None:
                found = True
                total += code(value)
        if not found:
            return partition
        code_ = signed32(total) & _MAX
        return 0 if code_ == _MAX else code_ % partitions

    return route

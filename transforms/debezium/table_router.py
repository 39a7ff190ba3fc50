"""ByLogicalTableRouter: change events of several tables (shards, partitions) go to one topic.

The topic is renamed by a regular expression, the schemas of key and value are named after the new one,
and the key gets a field with the table it comes from, so that keys of different tables stay different.
All but the rename depends on the topic, so a variant is compiled for each topic that matches. Source:
Debezium's documentation of the topic routing transform.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from connectkit.builder import SchemaBuilder
from connectkit.checks import non_empty_string
from connectkit.checks import regex as is_regex
from connectkit.config import LOW, Width, option
from connectkit.draft import Draft, Side
from connectkit.edit import BOTH, NEITHER, EditTransform
from connectkit.errors import DataError
from connectkit.javaregex import compile_java
from connectkit.javareplace import Replacement
from connectkit.program import NONE, Const, Var
from connectkit.schema import Field, Schema, Type
from connectkit.struct import Struct
from connectkit.transforms.debezium.envelope import AFTER, BEFORE, ENVELOPE_SUFFIX, envelope_of, is_envelope
from connectkit.transforms.debezium.names import NameAdjustment, adjusted
from connectkit.transforms.debezium.options import DebeziumConfig
from connectkit.transforms.debezium.variants import Variants

LEAST_KEPT_TOPICS = 256
"""Topics whose variants are kept even if the configuration asks for fewer: they are small."""


class TableRouterConfig(DebeziumConfig):
    """What to look for in topics, and what to put in its place there and into the key."""

    topic_regex: str = option(
        doc="A regular expression (Java's syntax) for the whole name of the topic; others are left alone.",
        check=[non_empty_string, is_regex],
        importance=LOW,
        trim=False,
        order=1,
        width=Width.LONG,
        display_name="Topic regex",
    )
    topic_replacement: str = option(
        doc="The new topic, with $1 or ${name} for groups.",
        check=non_empty_string,
        importance=LOW,
        trim=False,
        order=1,
        width=Width.LONG,
        display_name="Topic replacement",
    )
    key_enforce_uniqueness: bool = option(
        True,
        doc="Whether the key gets a field with the table that the event comes from.",
        importance=LOW,
        order=1,
        width=Width.SHORT,
        display_name="Add source topic name into key",
    )
    key_field_name: str = option(
        "__dbz__physicalTableIdentifier",
        doc="The name of that field.",
        check=non_empty_string,
        importance=LOW,
        trim=False,
    )
    key_field_regex: str | None = option(
        None,
        doc="A regular expression for the old topic, to make the field's value shorter; "
        "without one, or where it does not match, the value is the old topic.",
        check=is_regex,
        importance=LOW,
        trim=False,
        order=1,
        width=Width.LONG,
        display_name="Key field regex",
    )
    key_field_replacement: str | None = option(
        None,
        doc="The value, with $1 or ${name} for groups of key.field.regex.",
        importance=LOW,
        trim=False,
        order=1,
        width=Width.LONG,
        display_name="Key field replacement",
    )
    schema_name_adjustment_mode: NameAdjustment = option(
        NameAdjustment.NONE,
        doc="none: schemas are named after the topic as it is; avro: what Avro allows in no name becomes _; "
        "avro_unicode: it becomes _u and its number.",
        importance=LOW,
    )
    logical_table_cache_size: int = option(
        16,
        doc=f"How many topics are remembered; no fewer than {LEAST_KEPT_TOPICS} are.",
        importance=LOW,
        order=1,
        width=Width.LONG,
        display_name="Logical table cache size",
    )

    def problems(self) -> Mapping[str, str | Sequence[str]]:
        found: dict[str, str] = {}
        if self._key_regex and not (self.key_field_replacement or "").strip():
            found["key.field.replacement"] = "must not be empty where key.field.regex is given"
        for key, regex, replacement in (
            ("topic.replacement", self.topic_regex, self.topic_replacement),
            ("key.field.replacement", self._key_regex, self.key_field_replacement),
        ):
            if regex and replacement and key not in found:
                try:
                    Replacement(replacement, compile_java(regex))
                except ValueError as error:
                    found[key] = str(error)
        return found

    @property
    def _key_regex(self) -> str | None:
        return self.key_field_regex if (self.key_field_regex or "").strip() else None

    def topic_rename(self) -> Callable[[str], str | None]:
        """New topics by old ones; None where the expression does not match."""
        return _renamer(self.topic_regex, self.topic_replacement)

    def table_rename(self) -> Callable[[str], str | None]:
        """What the key says of the table, by topic; None where that is the topic itself."""
        regex = self._key_regex
        return _renamer(regex, self.key_field_replacement or "") if regex else lambda topic: None


def _renamer(regex: str, replacement: str) -> Callable[[str], str | None]:
    pattern: re.Pattern[str] = compile_java(regex)
    made = Replacement(replacement, pattern)
    # As in Java: the whole text must match, but the first match inside it is what is replaced.
    return lambda text: made.replace_first(text, pattern) if pattern.fullmatch(text) else None


class ByLogicalTableRouter(EditTransform[TableRouterConfig]):
    """Send change events of several tables to one topic, and keep their keys apart."""

    java_names = ("io.debezium.transforms.ByLogicalTableRouter",)
    purpose = "routing by logical table"

    def __init__(self, config: TableRouterConfig) -> None:
        self.reads = NEITHER
        self._rename = config.topic_rename()
        size = max(config.logical_table_cache_size, LEAST_KEPT_TOPICS)
        self._by_topic: Variants[str, _ToTopic | None] = Variants(self._variant, size=size)
        super().__init__(config)

    def edit(self, draft: Draft) -> None:
        draft.hand_over(self._route)

    def _route(self, record: Any) -> Any:
        topic = record.topic
        if topic is None:
            raise DataError("The record has no topic to route by")
        variant = self._by_topic[topic]
        return record if variant is None else variant.apply(record)

    def _variant(self, topic: str) -> _ToTopic | None:
        new = self._rename(topic)
        if new is None:
            return None
        if not new:
            self.warn_once(topic, "topic.replacement makes an empty topic of '%s', which is kept", topic)
            return None
        return _ToTopic(self.config, topic, new)


class TopicRouterConfig(TableRouterConfig):
    """The same options; one has another default, and one another name."""

    key_field_name: str = option(
        "__dbz__sourceIdentifier",
        doc="The name of that field.",
        check=non_empty_string,
        importance=LOW,
        trim=False,
    )
    logical_table_cache_size: int = option(
        16,
        doc=f"How many topics are remembered; no fewer than {LEAST_KEPT_TOPICS} are.",
        key="logical.destination.cache.size",
        importance=LOW,
    )


class ToLogicalTopicRouter(ByLogicalTableRouter):
    """Send change events of several sources to one topic: ByLogicalTableRouter under its newer name."""

    java_names = ("io.debezium.transforms.ToLogicalTopicRouter",)
    config_type = TopicRouterConfig


class _ToTopic(EditTransform[TableRouterConfig]):
    """The router for records of one topic."""

    reads = BOTH
    purpose = ByLogicalTableRouter.purpose

    def __init__(self, config: TableRouterConfig, old: str, new: str) -> None:
        super().__init__(config)
        self._new = new
        self._table = old if (found := config.table_rename()(old)) is None else found

    def _named(self, suffix: str) -> str:
        return adjusted(self._new + suffix, self.config.schema_name_adjustment_mode)

    def edit(self, draft: Draft) -> None:
        draft.topic = Const(self._new)
        self._edit_key(draft.key)
        if not draft.value.is_null and is_envelope(draft.value.schema):
            self._edit_event(draft)

    def _edit_key(self, key: Side) -> None:
        if key.is_null:
            key.put(None, NONE, key.kind)  # without a key there is no key schema either
            return
        slots = key.read(self.purpose, with_defaults=False)
        builder = _renamed(key.require_struct(self.purpose), self._named(".Key"))
        if self.config.key_enforce_uniqueness:
            builder.field(self.config.key_field_name, Schema.STRING)
            slots.append(Const(self._table))
        key.write(builder.build(), slots)

    def _edit_event(self, draft: Draft) -> None:
        schema, _ = envelope_of(draft.value, self.purpose)
        slots = draft.value.read(self.purpose, with_defaults=True)
        model = schema.field(BEFORE) or schema.field(AFTER)
        if model is None:
            raise DataError("A change event has neither a field 'before' nor a field 'after'")
        if model.schema.type is not Type.STRUCT:
            raise DataError(
                f"The row in '{model.name}' of a change event is no struct", path=f"$.{model.name}"
            )
        row = _renamed(model.schema, self._named(".Value")).build()
        builder = _renamed(schema, self._named(ENVELOPE_SUFFIX), fields=False)
        for field in schema.fields:
            if field.name in (BEFORE, AFTER):
                builder.field(field.name, row)
                slots[field.index] = self._row(draft, slots[field.index], field, row)
            else:
                builder.field(field.name, field.schema)
        draft.value.write(builder.build(), slots)

    def _row(self, draft: Draft, var: Var, field: Field, row: Schema) -> Var:
        return draft.call(_row_maker(field, row), var, where=f"$.{field.name}", strict=True)


def _renamed(schema: Schema, name: str, *, fields: bool = True) -> SchemaBuilder:
    """A builder with everything of a struct schema but its name and default."""
    builder = SchemaBuilder.struct().name(name).version(schema.version).doc(schema.doc)
    if schema.parameters:
        builder.parameters(schema.parameters)
    if schema.optional:
        builder.optional()
    if fields:
        for field in schema.fields:
            builder.field(field.name, field.schema)
    return builder


def _row_maker(field: Field, row: Schema) -> Callable[[Any], Struct]:
    """Copies rows of a field into the renamed schema; what that requires must be there."""
    if field.schema.type is not Type.STRUCT:
        return _no_row
    if [each.name for each in field.schema.fields] != [each.name for each in row.fields]:
        return _other_row
    required = [each for each in row.fields if not each.schema.optional]

    def copy(value: Any) -> Struct:
        values = value.values[:]
        for each in required:
            if values[each.index] is None:
                raise DataError(
                    f'Invalid value: null used for required field: "{each.name}", '
                    f"schema type: {each.schema.type}",
                    path=f"$.{field.name}.{each.name}",
                )
        return Struct.of(row, values)

    return copy


def _no_row(value: Any) -> Struct:
    raise DataError("The row of a change event is no struct")


def _other_row(value: Any) -> Struct:
    raise DataError("The rows before and after a change have different fields")

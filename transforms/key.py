"""ValueToKey: a new key out of fields of the value."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from connectkit.builder import SchemaBuilder
from connectkit.checks import no_duplicates, no_empty_items, non_empty_list
from connectkit.compile import PerSchemas
from connectkit.config import HIGH, MEDIUM, Config, option
from connectkit.draft import Draft, Kind, SideName
from connectkit.edit import EditTransform, OnMissing, on_missing_option
from connectkit.errors import DataError
from connectkit.program import Const, Var
from connectkit.schema import Schema
from connectkit.struct import Struct
from connectkit.transforms.paths import FieldPath, Found, NoSuchField, path_problems, syntax_option

_PURPOSE = "making a key of the value's fields"


class ValueToKeyConfig(Config):
    """Which fields make the key."""

    fields: list[str] = option(
        doc="Fields of the value to make the key of.",
        check=[non_empty_list, no_empty_items, no_duplicates],
        importance=HIGH,
    )
    replace_null_with_default: bool = option(
        True, doc="Whether an unset field is given its default.", importance=MEDIUM
    )
    field_syntax_version: str = syntax_option()

    on_missing: OnMissing | None = on_missing_option(
        "a struct without the field fails, a map without it gives null and a warning"
    )

    def problems(self) -> Mapping[str, str | Sequence[str]]:
        return path_problems("fields", self.fields, self.field_syntax_version)


class ValueToKey(EditTransform[ValueToKeyConfig]):
    """Replace the record key with a new key formed from a subset of fields in the record value."""

    java_names = ("org.apache.kafka.connect.transforms.ValueToKey",)
    nulls = "refuse"
    reads: frozenset[SideName] = frozenset(("value",))

    def __init__(self, config: ValueToKeyConfig) -> None:
        super().__init__(config)
        self._paths = [FieldPath.of(field, config.field_syntax_version) for field in config.fields]
        for path in self._paths:
            self.reads |= path.reads

    def edit(self, draft: Draft) -> None:
        value = draft.value
        if value.schema is None:
            value.require_map(_PURPOSE)
        else:
            value.require_struct(_PURPOSE)
        names: list[str] = []
        found: list[Found] = []
        for path in self._paths:
            try:
                each = path.read(
                    draft,
                    value,
                    _PURPOSE,
                    with_default=self.config.replace_null_with_default,
                    gone=self.gone,
                )
            except NoSuchField as error:
                self.missing(path.text, error.known, step=error.name, connect="fail", path=error.path)
                continue
            names.append(path.text)
            found.append(each)
        if value.schema is None:
            key = draft.call(lambda *values: dict(zip(names, values)), *[each.var for each in found])
            draft.key.put(None, key, Kind.MAP)
        elif len(schemas := [each.schema for each in found if each.schema is not None]) == len(found):
            builder = SchemaBuilder.struct()
            for name, schema in zip(names, schemas):
                builder.field(name, schema)
            draft.key.write(builder.build(), [each.var for each in found])
        else:
            key = draft.call(_composer(names), *[_pair(draft, each) for each in found])
            draft.key.put_dynamic(draft.call(_schema_of, key), key)


def _pair(draft: Draft, found: Found) -> Var:
    """A variable that holds schema and value."""
    schema = found.schema_var or Const(found.schema)
    return draft.call(lambda *pair: pair, schema, found.var)


def _composer(names: Sequence[str]) -> Callable[..., Struct]:
    """What makes the key of pairs of schema and value, for schemas that only the record knows."""

    def make(schemas: tuple[Schema, ...]) -> Schema:
        builder = SchemaBuilder.struct()
        for name, schema in zip(names, schemas):
            builder.field(name, schema)
        return builder.build()

    made = PerSchemas(make)

    def composed(*pairs: tuple[Schema | None, Any]) -> Struct:
        schemas = [_OF_NOTHING if schema is None else schema for schema, _ in pairs]
        struct = Struct(made[tuple(schemas)])
        for name, (own, value) in zip(names, pairs):
            if own is None and value is not None:
                raise DataError("A header without a schema cannot stand in a key with one", path=f"$.{name}")
            struct.put(name, value)
        return struct

    return composed


_OF_NOTHING = Schema.OPTIONAL_STRING
"""The schema of a header that is not there."""


def _schema_of(struct: Struct) -> Schema:
    return struct.schema

"""SetSchemaMetadata: another name or version for the schema of key or value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from connectkit.config import HIGH, MEDIUM, Config, option
from connectkit.draft import Draft, Kind, Side
from connectkit.edit import SideTransform
from connectkit.errors import DataError
from connectkit.logical import from_logical, to_logical
from connectkit.schema import (
    DATE_NAME,
    DECIMAL_NAME,
    LOGICAL_NAMES,
    TEMPORAL_NAMES,
    TIME_NAME,
    Schema,
    Type,
    intern,
)

_STORED_AS = dict.fromkeys(TEMPORAL_NAMES, Type.INT64) | {
    DECIMAL_NAME: Type.BYTES,
    DATE_NAME: Type.INT32,
    TIME_NAME: Type.INT32,
}


class SetSchemaMetadataConfig(Config):
    """The name, the version, or both."""

    schema_name: str | None = option(None, doc="Schema name to set.", importance=HIGH)
    schema_version: int | None = option(None, doc="Schema version to set.", importance=HIGH)
    replace_null_with_default: bool = option(
        True, doc="Whether unset fields are given their defaults while copying.", importance=MEDIUM
    )

    def problems(self) -> Mapping[str, str | Sequence[str]]:
        if self.schema_name is None and self.schema_version is None:
            return {"schema.name": "neither schema.name nor schema.version is given"}
        return {}


class SetSchemaMetadata(SideTransform[SetSchemaMetadataConfig]):
    """Set the schema name, version, or both, on the record's key or value schema."""

    java_names = ("org.apache.kafka.connect.transforms.SetSchemaMetadata",)
    nulls = "edit"
    purpose = "setting of schema metadata"

    def edit_side(self, draft: Draft, side: Side) -> None:
        schema = side.schema
        if schema is None:
            if side.is_null:
                return
            raise DataError(f"The {self.side} has no schema whose name or version could be set")
        made = self._renamed(schema)
        if side.kind is Kind.STRUCT:
            slots = side.read(self.purpose, with_defaults=self.config.replace_null_with_default)
            side.write(made, slots)
        elif side.is_null or schema.type is not Type.STRUCT:
            whole = side.whole()
            if made.name != schema.name and _is_logical(schema.type, made.name, schema.name):
                whole = draft.call(partial(_of_name, schema, made), whole, where="$", strict=True)
            side.put(made, whole, side.kind)
        else:
            side.require_struct(self.purpose)

    def _renamed(self, schema: Schema) -> Schema:
        name, version = self.config.schema_name, self.config.schema_version
        default = schema.default
        if name is not None and name != schema.name:
            # A struct may be called anything, as in Connect; what is no struct is not renamed there at all.
            if name in LOGICAL_NAMES and schema.type not in (_STORED_AS[name], Type.STRUCT):
                raise DataError(f"A {self.side} of type {schema.type.value} cannot be a {name}")
            if default is not None and _is_logical(schema.type, name, schema.name):
                bare = Schema(schema.type, name=name, parameters=schema.parameters)
                default = _of_name(schema, bare, default)
        return intern(
            Schema(
                schema.type,
                optional=schema.optional,
                default=default,
                name=schema.name if name is None else name,
                version=schema.version if version is None else version,
                doc=schema.doc,
                parameters=schema.parameters,
                fields=schema.fields if schema.type is Type.STRUCT else (),
                key_schema=schema.key_schema if schema.type is Type.MAP else None,
                value_schema=schema.value_schema if schema.type in (Type.MAP, Type.ARRAY) else None,
            )
        )


def _is_logical(kind: Type, *names: str | None) -> bool:
    return kind is not Type.STRUCT and not LOGICAL_NAMES.isdisjoint(names)


def _of_name(schema: Schema, renamed: Schema, value: Any) -> Any:
    """The value under the renamed schema: a name makes a logical type, and what stands for its values."""
    return to_logical(renamed, from_logical(schema, value))

"""SetSchemaMetadata: another name or version for the schema of key or value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from connectkit.config import HIGH, MEDIUM, Config, option
from connectkit.draft import Draft, Kind, Side
from connectkit.edit import SideTransform
from connectkit.errors import DataError
from connectkit.schema import Schema, Type, intern


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
            side.put(made, side.whole(), side.kind)
        else:
            side.require_struct(self.purpose)

    def _renamed(self, schema: Schema) -> Schema:
        name, version = self.config.schema_name, self.config.schema_version
        return intern(
            Schema(
                schema.type,
                optional=schema.optional,
                default=schema.default,
                name=schema.name if name is None else name,
                version=schema.version if version is None else version,
                doc=schema.doc,
                parameters=schema.parameters,
                fields=schema.fields if schema.type is Type.STRUCT else (),
                key_schema=schema.key_schema if schema.type is Type.MAP else None,
                value_schema=schema.value_schema if schema.type in (Type.MAP, Type.ARRAY) else None,
            )
        )

"""ExtractField and HoistField: a field becomes the whole, or the whole becomes a field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connectkit.builder import SchemaBuilder
from connectkit.config import MEDIUM, Config, option
from connectkit.draft import Draft, Kind, Side, SideName
from connectkit.edit import SideTransform
from connectkit.errors import DataError
from connectkit.program import NONE
from connectkit.schema import Schema, Type
from connectkit.suggest import did_you_mean
from connectkit.transforms.paths import FieldPath, syntax_option


class ExtractFieldConfig(Config):
    """Which field to extract."""

    field: str = option(doc="The field to extract.", importance=MEDIUM)
    replace_null_with_default: bool = option(
        True, doc="Whether an unset field is given its default.", importance=MEDIUM
    )
    field_syntax_version: str = syntax_option()

    def problems(self) -> Mapping[str, str | Sequence[str]]:
        try:
            FieldPath.of(self.field, self.field_syntax_version)
        except ValueError as error:
            return {"field": str(error)}
        return {}


class ExtractField(SideTransform[ExtractFieldConfig]):
    """Extract the specified field from a struct or a schemaless map; a null stays one."""

    java_names = ("org.apache.kafka.connect.transforms.ExtractField",)
    purpose = "extraction of a field"

    def __init__(self, config: ExtractFieldConfig, *, side: SideName = "value") -> None:
        super().__init__(config, side=side)
        self._path = FieldPath.of(config.field, config.field_syntax_version)

    def edit_side(self, draft: Draft, side: Side) -> None:
        if side.schema is None:
            self._from_map(draft, side)
        else:
            self._from_struct(draft, side, side.schema)

    def _from_map(self, draft: Draft, side: Side) -> None:
        if side.is_null:
            side.put(None, NONE, Kind.NULL)
            return
        side.require_map(self.purpose)
        if len(self._path.steps) == 1:
            side.put(None, side.get_item(self._path.steps[0], absent=self.missing_in_map))
        else:
            side.put(None, draft.call(self._path.read_map, side.whole()))

    def _from_struct(self, draft: Draft, side: Side, schema: Schema) -> None:
        if not side.is_null:
            side.require_struct(self.purpose)
        found = self._path.schema_in(schema)
        if found is None:
            known = [field.name for field in schema.fields] if schema.type is Type.STRUCT else []
            hint = did_you_mean(self._path.steps[0], known)
            raise DataError(f"There is no field '{self._path.text}' to extract{hint}", path=self._path.where)
        if side.is_null:
            side.put(found, NONE, Kind.NULL)
            return
        with_default = self.config.replace_null_with_default
        if len(self._path.steps) == 1:
            field = schema.field(self._path.steps[0])
            assert field is not None
            side.put(found, side.read(self.purpose, with_defaults=with_default)[field.index])
        else:
            read = self._path.reader(with_default=with_default)
            side.put(found, draft.call(read, side.whole(), where=self._path.where))


class HoistFieldConfig(Config):
    """The field to make."""

    field: str = option(doc="The one field of the struct or map that is made.", importance=MEDIUM)


class HoistField(SideTransform[HoistFieldConfig]):
    """Wrap the key or value as the one field of a struct or, without a schema, of a map."""

    java_names = ("org.apache.kafka.connect.transforms.HoistField",)
    purpose = "hoisting into a field"

    def edit_side(self, draft: Draft, side: Side) -> None:
        name = self.config.field
        whole = side.whole()
        if side.schema is None:

            def hoisted(value: Any) -> dict[str, Any]:
                return {name: value}

            side.put(None, draft.call(hoisted, whole), Kind.MAP)
        else:
            side.write(SchemaBuilder.struct().field(name, side.schema).build(), [whole])

"""ExtractField and HoistField: a field becomes the whole, or the whole becomes a field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connectkit.builder import SchemaBuilder
from connectkit.config import MEDIUM, Config, option
from connectkit.draft import Draft, Kind, Side, SideName
from connectkit.edit import OnMissing, SideTransform, on_missing_option
from connectkit.errors import DataError
from connectkit.program import NONE
from connectkit.schema import LOGICAL_NAMES
from connectkit.transforms.base import checker
from connectkit.transforms.paths import FieldPath, NoSuchField, path_problems, syntax_option


class ExtractFieldConfig(Config):
    """Which field to extract."""

    field: str = option(doc="The field to extract.", importance=MEDIUM)
    replace_null_with_default: bool = option(
        True, doc="Whether an unset field is given its default.", importance=MEDIUM
    )
    field_syntax_version: str = syntax_option(extension=False)

    on_missing: OnMissing | None = on_missing_option(
        "a struct without the field fails, a map without it gives null and a warning"
    )

    def problems(self) -> Mapping[str, str | Sequence[str]]:
        return path_problems("field", [self.field], self.field_syntax_version)


class ExtractField(SideTransform[ExtractFieldConfig]):
    """Extract the specified field from a struct or a schemaless map; a null stays one."""

    java_names = ("org.apache.kafka.connect.transforms.ExtractField",)
    nulls = "edit"
    purpose = "extraction of a field"

    def __init__(self, config: ExtractFieldConfig, *, side: SideName = "value") -> None:
        super().__init__(config, side=side)
        self._path = FieldPath.of(config.field, config.field_syntax_version)
        self.reads |= self._path.reads

    def edit_side(self, draft: Draft, side: Side) -> None:
        if side.schema is None and side.is_null:
            side.put(None, NONE, Kind.NULL)
            return
        if not side.is_null and side.schema is not None:
            side.require_struct(self.purpose)
        try:
            found = self._path.read(
                draft,
                side,
                self.purpose,
                with_default=self.config.replace_null_with_default,
                gone=self.gone,
            )
        except NoSuchField as error:
            self.missing(self._path.text, error.known, step=error.name, connect="fail", path=error.path)
            side.put(None, NONE, Kind.NULL)
            return
        if found.schema_var is not None:
            side.put_dynamic(found.schema_var, found.var)
        else:
            side.put(found.schema, found.var, Kind.NULL if found.var is NONE else Kind.UNKNOWN)


class HoistFieldConfig(Config):
    """The field to make."""

    field: str | None = option(doc="The one field of the struct or map that is made.", importance=MEDIUM)


class HoistField(SideTransform[HoistFieldConfig]):
    """Wrap the key or value as the one field of a struct or, without a schema, of a map."""

    java_names = ("org.apache.kafka.connect.transforms.HoistField",)
    nulls = "edit"
    purpose = "hoisting into a field"

    def edit_side(self, draft: Draft, side: Side) -> None:
        name = self.config.field
        whole = side.whole()
        if name is None and side.schema is not None:
            raise DataError("The field to hoist into has no name: 'field' is null in the configuration")
        if side.schema is None:

            def hoisted(value: Any) -> dict[str | None, Any]:
                return {name: value}

            side.put(None, draft.call(hoisted, whole), Kind.MAP)
        elif name is not None:
            if side.kind is Kind.STRUCT and side.schema.name not in LOGICAL_NAMES:
                _require_fields(draft, side, self.purpose)
            else:
                whole = draft.call(checker(side.schema, name), whole, where=f"$.{name}", strict=True)
            side.write(SchemaBuilder.struct().field(name, side.schema).build(), [whole])


def _require_fields(draft: Draft, side: Side, purpose: str) -> None:
    """Refuse a struct with a null in a field that neither may be null nor has a default."""
    slots = side.read(purpose, with_defaults=False)
    draft.require(
        [
            (var, field.name, field.schema.type)
            for field, var in zip(side.require_struct(purpose).fields, slots)
            if not field.schema.optional and field.schema.default is None
        ]
    )

"""ReplaceField: leaves fields out, keeps only some, or renames them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connectkit.checks import no_duplicates, no_empty_items
from connectkit.config import MEDIUM, Config, option
from connectkit.draft import Draft, Side, SideName
from connectkit.edit import OnMissing, SideTransform, on_missing_option
from connectkit.errors import DataError
from connectkit.program import Var
from connectkit.schema import Schema
from connectkit.suggest import shortened
from connectkit.transforms.base import checker, copy_of, java_hash_order, java_split
from connectkit.transforms.pathapply import edit_paths
from connectkit.transforms.pathedit import Removal, Renaming, What
from connectkit.transforms.pathkeep import keep_paths
from connectkit.transforms.paths import FieldPath, path_problems, syntax_option

_LIST_CHECKS = [no_empty_items, no_duplicates]


def _are_renames(value: Sequence[str]) -> str | None:
    try:
        parse_renames(value)
    except ValueError as error:
        return str(error)
    return None


class ReplaceFieldConfig(Config):
    """Which fields to keep, and what to call them."""

    exclude: list[str] = option(
        [], doc="Fields to leave out; goes before include.", check=_LIST_CHECKS, importance=MEDIUM
    )
    include: list[str] = option(
        [], doc="Fields to keep; if given, only these.", check=_LIST_CHECKS, importance=MEDIUM
    )
    renames: list[str] = option(
        [], doc="Fields to rename, as from1:to1,from2:to2.", check=_are_renames, importance=MEDIUM
    )
    replace_null_with_default: bool = option(
        True, doc="Whether unset fields are given their defaults while copying.", importance=MEDIUM
    )

    field_syntax_version: str = syntax_option()
    on_missing: OnMissing | None = on_missing_option("a warning")

    def problems(self) -> Mapping[str, str | Sequence[str]]:
        renames = parse_renames(self.renames)
        version = self.field_syntax_version
        found = {
            **path_problems("exclude", self.exclude, version),
            **path_problems("include", self.include, version),
            **path_problems("renames", [*renames, *renames.values()], version),
        }
        if not found and any(len(FieldPath.of(new, version).steps) != 1 for new in renames.values()):
            found["renames"] = (
                "moves a field to another place: behind the colon stands its new name alone, in backticks if "
                "that has dots"
            )
        return found


def parse_renames(renames: Sequence[str]) -> dict[str, str]:
    """New names by old ones; ``ValueError`` says what is wrong."""
    found: dict[str, str] = {}
    for each in renames:
        parts = java_split(each, ":")
        if len(parts) != 2:
            raise ValueError(f"has '{shortened(each)}', which is not of the form from:to")
        found[parts[0].strip()] = parts[1].strip()
    return found


class ReplaceField(SideTransform[ReplaceFieldConfig]):
    """Leave fields out, keep only some, or rename them."""

    java_names = ("org.apache.kafka.connect.transforms.ReplaceField",)
    nulls = "pass"
    purpose = "field replacement"

    def __init__(self, config: ReplaceFieldConfig, *, side: SideName = "value") -> None:
        super().__init__(config, side=side)
        version = config.field_syntax_version
        exclude = [FieldPath.of(text, version) for text in config.exclude]
        include = [FieldPath.of(text, version) for text in config.include]
        renames = {
            FieldPath.of(old, version): FieldPath.of(new, version).steps[0].name
            for old, new in parse_renames(config.renames).items()
        }
        self._nested = any(path.name is None for path in [*exclude, *include, *renames])
        self._kept = include
        self._edits: list[tuple[FieldPath, What]] = [
            *[(path, Removal()) for path in exclude],
            *[(path, Renaming(new)) for path, new in renames.items()],
        ]
        self._exclude = dict.fromkeys(path.name for path in exclude if path.name is not None)
        self._include = dict.fromkeys(path.name for path in include if path.name is not None)
        self._renames = {path.name: new for path, new in renames.items() if path.name is not None}
        self._origins = {self._renames[old]: old for old in java_hash_order(self._renames)}
        # Whether the renames can be made one after another: no name is given away and taken again.
        self._apart = len(self._origins) == len(self._renames) and not (
            self._origins.keys() & self._renames.keys()
        )
        self._named = [*self._exclude, *self._include, *self._renames]

    def _keeps(self, name: Any) -> bool:
        return name not in self._exclude and (not self._include or name in self._include)

    def edit_side(self, draft: Draft, side: Side) -> None:
        if side.is_null:
            return
        if self._nested:
            self._edit_nested(draft, side)
        elif side.schema is None:
            self._edit_map(side)
        else:
            self._edit_struct(draft, side)

    def _edit_nested(self, draft: Draft, side: Side) -> None:
        if self._kept:
            keep_paths(self, draft, side, self.purpose, self._kept)
        with_default = self.config.replace_null_with_default
        edit_paths(self, draft, side, self.purpose, self._edits, with_default=with_default)

    def _edit_map(self, side: Side) -> None:
        side.require_map(self.purpose)
        if self._include or not self._apart:
            for name in self._named:
                side.look_for(name, self.missing_in_map)
            side.remake_map(self._remade)
            return
        side.own_map()
        for name in self._exclude:
            side.drop_item(name, absent=self.missing_in_map)
        for old, new in self._renames.items():
            if old not in self._exclude:
                side.rename_item(old, new, absent=self.missing_in_map)

    def _remade(self, found: dict[Any, Any]) -> dict[Any, Any]:
        """The map with its kept entries in their order, renamed; a later one of the same name wins."""
        rename, include, exclude = self._renames.get, self._include, self._exclude
        if not include:
            if not exclude:
                return {rename(name, name): value for name, value in found.items()}
            return {rename(name, name): value for name, value in found.items() if name not in exclude}
        return {rename(name, name): value for name, value in found.items() if self._keeps(name)}

    def _edit_struct(self, draft: Draft, side: Side) -> None:
        slots = side.read(self.purpose, with_defaults=self.config.replace_null_with_default)
        schema = side.require_struct(self.purpose)
        self.tell_missing(self._named, schema)
        builder = copy_of(schema, fields=False)
        chosen: list[Var] = []
        for field in schema.fields:
            if not self._keeps(field.name):
                continue
            name = self._renames.get(field.name, field.name)
            builder.field(name, field.schema)
            source = self._source(schema, name)
            var = slots[source]
            if source != field.index:  # then its value need not be of this field's schema
                var = draft.call(checker(field.schema, name), var, where=f"$.{name}", strict=True)
            chosen.append(var)
        side.write(builder.build(), chosen)

    def _source(self, schema: Schema, name: str) -> int:
        """Where Connect reads an output field from: the field its name would have been renamed from."""
        origin = self._origins.get(name, name)
        found = schema.field(origin)
        if found is None:
            raise DataError(
                f"The field '{name}' is there already, and '{origin}', which is to be renamed to it, is not",
                path=f"$.{name}",
            )
        return found.index

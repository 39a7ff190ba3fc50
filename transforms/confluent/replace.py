"""Confluent's ReplaceField: as Kafka's, and it reaches fields of nested structs and maps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from connectkit.builder import SchemaBuilder
from connectkit.checks import no_duplicates, no_empty_items
from connectkit.config import MEDIUM, Config, option
from connectkit.draft import Draft, Side, SideName
from connectkit.edit import OnMissing, SideTransform, on_missing_option
from connectkit.schema import Schema, Type
from connectkit.struct import Struct
from connectkit.suggest import shortened
from connectkit.transforms.base import copy_of

_LIST_CHECKS = [no_empty_items, no_duplicates]
_Change = Callable[[Any], Any]


class ConfluentReplaceFieldConfig(Config):
    """Which fields to keep, and what to call them.

    A dot stands between a struct and a field in it.
    """

    exclude: list[str] = option(
        [],
        doc="Fields to leave out, such as id or address.zip; goes before include.",
        check=_LIST_CHECKS,
        importance=MEDIUM,
        aliases=["blacklist"],
    )
    include: list[str] = option(
        [],
        doc="Fields to keep; if given, only these, with all that is in them and with what they are in.",
        check=_LIST_CHECKS,
        importance=MEDIUM,
        aliases=["whitelist"],
    )
    renames: list[str] = option(
        [],
        doc="Fields to rename, as from1:to1,from2:to2. The first is a path by the names as they were, the "
        "second the field's new name where it stands: address.zip:code.",
        importance=MEDIUM,
    )
    replace_null_with_default: bool = option(
        True, doc="Whether unset fields are given their defaults while copying.", importance=MEDIUM
    )
    on_missing: OnMissing | None = on_missing_option("warn, and go on")

    def problems(self) -> Mapping[str, str | Sequence[str]]:
        try:
            _parse_renames(self.renames)
        except ValueError as error:
            return {"renames": str(error)}
        return {}


def _parse_renames(renames: Iterable[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for each in renames:
        old, _, new = (part.strip() for part in each.partition(":"))
        if not old or not new or ":" in new:
            raise ValueError(f"has '{shortened(each)}', which is not of the form from:to")
        if old in found:
            raise ValueError(f"renames '{shortened(old)}' twice")
        found[old] = new
    return found


class ConfluentReplaceField(SideTransform[ConfluentReplaceFieldConfig]):
    """Leave fields out, keep only some, or rename them, in nested structs and maps as well.

    A path is the names joined by dots, so ``a.b`` means the field ``b`` in ``a`` as well as a field that is
    itself called ``a.b``. Elements of arrays are left as they are.
    """

    java_names = ("io.confluent.connect.transforms.ReplaceField",)
    purpose = "field replacement"

    def __init__(self, config: ConfluentReplaceFieldConfig, *, side: SideName = "value") -> None:
        super().__init__(config, side=side)
        self._renames = _parse_renames(config.renames)
        self._exclude = frozenset(config.exclude)
        self._include = frozenset(config.include)
        self._named = [*config.exclude, *config.include, *self._renames]
        self._ways = _ways(self._named)
        """Paths that some configured path goes on below."""
        self._ways_to_included = _ways(config.include)

    def edit_side(self, draft: Draft, side: Side) -> None:
        if side.is_null:
            return
        if side.schema is not None:
            self._edit_struct(draft, side)
            return
        side.require_map(self.purpose)
        for name in self._named:
            if "." not in name:
                side.look_for(name, self.missing_in_map)
        side.remake_map(self._remade)

    def _fate(self, path: str, *, all_kept: bool) -> bool | None:
        """Whether the field is kept with all that is in it; None: only for what is kept in it."""
        if path in self._exclude:
            return False
        if all_kept or path in self._include:
            return True
        return None if path in self._ways_to_included else False

    # --- schemaless

    def _remade(self, found: Mapping[Any, Any], prefix: str = "", all_kept: bool | None = None) -> Any:
        if all_kept is None:
            all_kept = not self._include
        made: dict[Any, Any] = {}
        for key, value in found.items():
            path = f"{prefix}{key}"
            fate = self._fate(path, all_kept=all_kept)
            if fate is False:
                continue
            if path in self._ways and isinstance(value, Mapping):
                value = self._remade(value, f"{path}.", fate is True)
            elif fate is None and value is not None:
                continue  # what was to be kept in it cannot be there
            made[self._renames.get(path, key)] = value
        return made

    # --- structs

    def _edit_struct(self, draft: Draft, side: Side) -> None:
        schema = side.require_struct(self.purpose)
        slots = side.read(self.purpose, with_defaults=self.config.replace_null_with_default)
        seen: set[str] = set()
        builder = copy_of(schema, fields=False)
        made = []
        for index, change in self._plan(schema, builder, "", not self._include, seen):
            var = slots[index]
            made.append(var if change is None else draft.call(change, var, strict=True))
        for path in self._named:
            if path not in seen:
                self.missing(path, seen)
        side.write(builder.build(), made)

    def _plan(
        self, schema: Schema, builder: SchemaBuilder, prefix: str, all_kept: bool, seen: set[str]
    ) -> list[tuple[int, _Change | None]]:
        """Add what is kept to the builder; for each field: the old position, and the change."""
        kept: list[tuple[int, _Change | None]] = []
        for field in schema.fields:
            path = f"{prefix}{field.name}"
            seen.add(path)
            fate = self._fate(path, all_kept=all_kept)
            if fate is False:
                continue
            inner, change = field.schema, None
            if path in self._ways and inner.type is Type.STRUCT:
                inner, change = self._nested(inner, f"{path}.", fate is True, seen)
            elif path in self._ways and inner.type is Type.MAP:
                change = self._entries(f"{path}.", fate is True)
                seen.update(name for name in self._named if name.startswith(f"{path}."))
            elif fate is None:
                continue
            builder.field(self._renames.get(path, field.name), inner)
            kept.append((field.index, change))
        return kept

    def _nested(self, schema: Schema, prefix: str, all_kept: bool, seen: set[str]) -> tuple[Schema, _Change]:
        """The new schema of a nested struct, and what makes a struct of it."""
        builder = copy_of(schema, fields=False)
        plan = self._plan(schema, builder, prefix, all_kept, seen)
        defaults = [schema.fields[index].schema.default for index, _ in plan]
        if not self.config.replace_null_with_default:
            defaults = [None] * len(plan)
        if schema.optional:
            builder.optional()
        bare = builder.build()

        def change(struct: Any, made: Schema = bare) -> Struct:
            values = []
            for (index, inner), default in zip(plan, defaults, strict=True):
                value = struct.values[index]
                if value is None:
                    value = default
                values.append(value if inner is None or value is None else inner(value))
            return Struct.of(made, values)

        if schema.default is None:
            return bare, change
        final = bare.to_builder().default(change(schema.default)).build()
        return final, lambda struct: change(struct, final)

    def _entries(self, prefix: str, all_kept: bool) -> _Change:
        return lambda found: self._remade(found, prefix, all_kept)


def _ways(paths: Iterable[str]) -> frozenset[str]:
    """Every path that one of these goes on below."""
    return frozenset(path[:at] for path in paths for at, char in enumerate(path) if char == "." and at)

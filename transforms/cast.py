"""Cast: changes the type of fields, or of the whole key or value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from connectkit.builder import SchemaBuilder
from connectkit.config import HIGH, MEDIUM, Config, option
from connectkit.draft import Draft, Kind, Side, SideName
from connectkit.edit import OnMissing, SideTransform, on_missing_option
from connectkit.errors import DataError
from connectkit.program import Var
from connectkit.schema import Schema, Type
from connectkit.suggest import did_you_mean, shortened
from connectkit.transforms.base import copy_of, java_split
from connectkit.transforms.casting import TARGETS, Caster, caster, same, schemaless_caster
from connectkit.transforms.pathapply import edit_paths
from connectkit.transforms.pathedit import Change, What
from connectkit.transforms.paths import FieldPath, path_problems, syntax_option


def _is_spec(value: Sequence[str]) -> str | None:
    try:
        parse_spec(value)
    except ValueError as error:
        return str(error)
    return None


class CastConfig(Config):
    """What to cast to which type."""

    spec: list[str] = option(
        doc="Fields and the types to cast them to, as field1:type,field2:type; a type alone casts the whole "
        f"value. Types are {', '.join(TARGETS)}.",
        check=_is_spec,
        importance=HIGH,
    )
    replace_null_with_default: bool = option(
        True, doc="Whether unset fields are given their defaults while copying.", importance=MEDIUM
    )

    field_syntax_version: str = syntax_option()
    on_missing: OnMissing | None = on_missing_option(
        "a map is given the missing field as null, with a warning"
    )

    def problems(self) -> Mapping[str, str | Sequence[str]]:
        fields, _ = parse_spec(self.spec)
        return path_problems("spec", fields, self.field_syntax_version)


def parse_spec(spec: Sequence[str]) -> tuple[dict[str, Type], Type | None]:
    """The target types by field, and that of the whole value; ``ValueError`` says what is wrong."""
    if not spec:
        raise ValueError("must name at least one field to cast")
    fields: dict[str, Type] = {}
    whole: Type | None = None
    for each in spec:
        parts = java_split(each, ":")
        if len(parts) > 2:
            raise ValueError(f"has '{shortened(each)}', which is not of the form field:type")
        if len(parts) == 2:
            fields[parts[0].strip()] = _target(parts[1].strip())
        else:
            whole = _target(parts[0].strip() if parts else "")
    if whole is not None and len(spec) > 1:
        raise ValueError("names a type for the whole value, and then nothing else can be cast")
    return fields, whole


def _target(name: str) -> Type:
    found = TARGETS.get(name.lower())
    if found is None:
        hint = did_you_mean(name, TARGETS) or f"; types are {', '.join(TARGETS)}"
        raise ValueError(f"has '{shortened(name)}', which is no type that can be cast to{hint}")
    return found


class Cast(SideTransform[CastConfig]):
    """Give fields, or a whole key or value, another primitive type."""

    java_names = ("org.apache.kafka.connect.transforms.Cast",)
    nulls = "pass"
    purpose = "casting of fields"

    def __init__(self, config: CastConfig, *, side: SideName = "value") -> None:
        super().__init__(config, side=side)
        fields, self._whole = parse_spec(config.spec)
        paths = [(FieldPath.of(text, config.field_syntax_version), to) for text, to in fields.items()]
        self._fields = {path.name: target for path, target in paths if path.name is not None}
        self._paths: list[tuple[FieldPath, What]] = []
        if len(self._fields) < len(paths):
            self._paths = [(path, _change(target)) for path, target in paths]

    def edit_side(self, draft: Draft, side: Side) -> None:
        if side.is_null:
            return
        if self._whole is not None:
            self._cast_whole(draft, side, self._whole)
        elif self._paths:
            with_default = self.config.replace_null_with_default
            edit_paths(
                self, draft, side, self.purpose, self._paths, with_default=with_default, basics=_basics
            )
        elif side.schema is None:
            self._cast_map(draft, side)
        else:
            self._cast_struct(draft, side, side.schema)

    def _cast_whole(self, draft: Draft, side: Side, target: Type) -> None:
        schema = side.schema
        if schema is None:
            function = schemaless_caster(target)
            made = None
        else:
            function = caster(schema, target)
            builder = copy_of(schema, as_type=target)
            _restore(builder, schema, function)
            made = builder.build()
        side.put(made, _applied(draft, function, side.whole(), "$"), Kind.OTHER)

    def _cast_map(self, draft: Draft, side: Side) -> None:
        side.require_map(self.purpose)
        for name, target in self._fields.items():
            found = side.get_item(name, absent=self.missing_in_map)
            side.set_item(name, _applied(draft, schemaless_caster(target), found, f"$.{name}"))

    def _cast_struct(self, draft: Draft, side: Side, schema: Schema) -> None:
        if schema.type is not Type.STRUCT:
            side.require_struct(self.purpose)
        builder = _basics(schema)
        functions: dict[str, Caster] = {}
        for field in schema.fields:
            target = self._fields.get(field.name)
            if target is None:
                builder.field(field.name, field.schema)
                continue
            made, functions[field.name] = cast_schema(field.schema, target)
            builder.field(field.name, made)
        self.tell_missing(self._fields, schema)
        slots = side.read(self.purpose, with_defaults=self.config.replace_null_with_default)
        for i, field in enumerate(schema.fields):
            if field.name in functions:
                slots[i] = _applied(draft, functions[field.name], slots[i], f"$.{field.name}")
        side.write(builder.build(), slots)


def _basics(schema: Schema) -> SchemaBuilder:
    """What the new struct schema begins with."""
    if schema.default is not None:
        raise DataError("A struct schema with a default cannot be cast: the default cannot be")
    builder = copy_of(schema, fields=False)
    return builder.optional() if schema.optional else builder


def cast_schema(schema: Schema, target: Type) -> tuple[Schema, Caster]:
    """A field's schema after the cast (of its own it keeps whether it is optional, and its default)."""
    function = caster(schema, target)
    builder = SchemaBuilder(target)
    _restore(builder, schema, function)
    return builder.build(), function


def _change(target: Type) -> Change:
    """The cast at the end of a path."""

    def of(schema: Schema) -> tuple[Schema, Caster | None]:
        made, function = cast_schema(schema, target)
        return made, None if function is same else function

    return Change(of, schemaless_caster(target))


def _restore(builder: SchemaBuilder, schema: Schema, function: Caster) -> None:
    """Carry over whether the schema is optional, and its default, cast."""
    if schema.optional:
        builder.optional()
    if schema.default is not None:
        builder.default(function(schema.default))


def _applied(draft: Draft, function: Caster, var: Var, where: str) -> Var:
    return var if function is same else draft.call(function, var, where=where, strict=True)

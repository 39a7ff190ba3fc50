"""Flatten: fields of nested structs and maps become fields of the outermost one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from connectkit.builder import SchemaBuilder
from connectkit.config import MEDIUM, Config, option
from connectkit.draft import Draft, Side, SideName
from connectkit.edit import SideTransform
from connectkit.errors import DataError, LimitError
from connectkit.limits import DEFAULT_LIMITS
from connectkit.program import Var
from connectkit.schema import Schema, StructValue, Type
from connectkit.struct import Struct
from connectkit.transforms.base import class_name, copy_of


class FlattenConfig(Config):
    """How names are put together."""

    delimiter: str | None = option(
        ".", doc="What stands between the names of outer and inner fields.", importance=MEDIUM
    )


class Flatten(SideTransform[FlattenConfig]):
    """Flatten a nested data structure, generating names for each field by joining the names at each level."""

    java_names = ("org.apache.kafka.connect.transforms.Flatten",)
    nulls = "pass"
    purpose = "flattening"

    def __init__(self, config: FlattenConfig, *, side: SideName = "value") -> None:
        super().__init__(config, side=side)
        # Java's concatenation makes this of a null.
        self._delimiter = "null" if config.delimiter is None else config.delimiter

    def edit_side(self, draft: Draft, side: Side) -> None:
        if side.is_null:
            return
        if side.schema is None:
            side.require_map(self.purpose)
            side.remake_map(self._flat_map)
            return
        slots = side.read(self.purpose, with_defaults=True)
        schema = side.require_struct(self.purpose)
        work = _StructWork(draft, self._delimiter, copy_of(schema, fields=False))
        # A nested struct is read as it stands: its own default does not take its place.
        plain = side.read(self.purpose, with_defaults=False)
        for field in schema.fields:
            var = plain[field.index] if field.schema.type is Type.STRUCT else slots[field.index]
            work.add(
                "", field.name, field.schema, var, optional=schema.optional, outer_default=schema.default
            )
        side.write(work.builder.build(), work.slots, unchecked=work.nested)

    # --- schemaless

    def _flat_map(self, found: dict[Any, Any]) -> dict[Any, Any]:
        made: dict[Any, Any] = {}
        for key, value in found.items():
            if type(key) is not str:
                _check_key(key)
            kind = type(value)
            if kind in _PLAIN or (kind is int and -_BIG <= value < _BIG):
                made[key] = value
            elif kind is dict or isinstance(value, Mapping):
                self._flatten_into(made, self._prefix(key), value, 1)
            else:
                made[key] = _leaf(value, key)
        return made

    def _prefix(self, name: str | None) -> str:
        """What stands before the names inside a map of that name; nothing if it is empty, as in Connect."""
        return "" if name == "" else f"{'null' if name is None else name}{self._delimiter}"

    def _flatten_into(self, made: dict[Any, Any], prefix: str, found: Mapping[Any, Any], depth: int) -> None:
        if depth > DEFAULT_LIMITS.depth:
            raise LimitError("The value is nested too deeply to be flattened")
        for key, value in found.items():
            if type(key) is not str:
                _check_key(key)
            name = f"{prefix}{key}"
            kind = type(value)
            if kind in _PLAIN or (kind is int and -_BIG <= value < _BIG):
                made[name] = value
            elif kind is dict or isinstance(value, Mapping):
                self._flatten_into(made, self._prefix(name), value, depth + 1)
            else:
                made[name] = _leaf(value, name)


_PLAIN = frozenset((type(None), str, bool, float, bytes, list))
"""Classes whose values stay as they are."""


def _check_key(key: Any) -> None:
    if key is not None and not isinstance(key, str):
        raise DataError(
            f"Names can only be put together of texts, and a map has a key of class {class_name(key)}"
        )


def _leaf(value: Any, name: Any) -> Any:
    """The value, if records can hold it."""
    if isinstance(value, _LEAVES) and not _is_big(value):
        return value
    if isinstance(value, StructValue):
        raise DataError("A struct inside a map without a schema cannot be flattened", path=f"$.{name}")
    raise DataError(f"A value of class {class_name(value)} is none that records can hold", path=f"$.{name}")


def _is_big(value: Any) -> bool:
    """Whether it is an integer beyond 64 bits: to Connect another class, which records do not hold."""
    return isinstance(value, int) and not -_BIG <= value < _BIG


_BIG = 1 << 63
_LEAVES = (str, bool, int, float, bytes, bytearray, memoryview, list, tuple)


class _StructWork:
    """Collects the fields of the flat struct."""

    def __init__(self, draft: Draft, delimiter: str, builder: SchemaBuilder) -> None:
        self._draft = draft
        self._delimiter = delimiter
        self.builder = builder
        self.slots: list[Var] = []
        self.nested: list[int] = []
        """Slots that come out of nested structs: unset where the struct is null, whatever they require."""

    def add(
        self, prefix: str, name: str, schema: Schema, var: Var, *, optional: bool, outer_default: Any,
        struct: Var | None = None,
    ) -> None:  # fmt: skip
        """Add a field, or all fields of a nested struct. ``struct``: the one ``var`` is a slot of."""
        flat = f"{prefix}{self._delimiter}{name}" if struct is not None else name
        optional = optional or schema.optional
        default = schema.default
        if default is None and isinstance(outer_default, Struct):
            default = outer_default.get(name)
        if schema.type is Type.STRUCT:
            if len(flat) > 64 * 1024:
                raise DataError("A schema is nested too deeply to be flattened")
            for field in schema.fields:
                inner = self._inner(var, field.index, field.schema)
                self.add(
                    flat,
                    field.name,
                    field.schema,
                    inner,
                    optional=optional,
                    outer_default=default,
                    struct=var,
                )
        elif schema.type is Type.MAP:
            raise DataError("A map inside a struct cannot be flattened", path=f"$.{flat}")
        else:
            self.builder.field(flat, leaf_schema(schema, optional, default))
            if struct is not None:
                self.nested.append(len(self.slots))
            self.slots.append(var)

    def _inner(self, struct: Var, index: int, schema: Schema) -> Var:
        if schema.default is None or schema.type is Type.STRUCT:
            return self._draft.slot_of(struct, index)
        return self._draft.call(_reader(index, schema.default), struct, strict=True)


def _reader(index: int, default: Any) -> Callable[[Any], Any]:
    def read(struct: Any) -> Any:
        value = struct.values[index]
        return default if value is None else value

    return read


def leaf_schema(schema: Schema, optional: bool, default: Any) -> Schema:
    """A field's schema where it ends up: its basics, as optional as anything around it."""
    if schema.optional == optional and schema.default is default:
        return schema
    builder = copy_of(schema, fields=False)
    if schema.type is Type.ARRAY:
        builder = SchemaBuilder.array_of(schema.value_schema)
        builder.name(schema.name).version(schema.version).doc(schema.doc).parameters(schema.parameters or {})
    if optional:
        builder.optional()
    if default is not None:
        builder.default(default)
    return builder.build()

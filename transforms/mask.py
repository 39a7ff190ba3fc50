"""MaskField: puts a valid null value of the field's type, or a chosen replacement, in place of values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from connectkit.checks import no_duplicates, no_empty_items, non_empty_list, non_empty_string
from connectkit.config import HIGH, LOW, MEDIUM, Config, option
from connectkit.draft import Draft, Side, SideName
from connectkit.edit import OnMissing, SideTransform, on_missing_option
from connectkit.errors import DataError
from connectkit.float32 import round32
from connectkit.instant import EPOCH, Instant, date_from
from connectkit.program import Var
from connectkit.schema import DATE_NAME, INT_BITS, TEMPORAL_NAMES, TIME_NAME, Schema, Type
from connectkit.transforms.base import class_name
from connectkit.transforms.casting import decimal_to_int, parse_decimal, parse_integer
from connectkit.transforms.pathapply import edit_paths
from connectkit.transforms.pathedit import Change, What
from connectkit.transforms.paths import FieldPath, path_problems, syntax_option


class MaskFieldConfig(Config):
    """Which fields to mask, and with what."""

    fields: list[str] = option(
        doc="The fields to blank out.", check=[non_empty_list, no_empty_items, no_duplicates], importance=HIGH
    )
    replacement: str | None = option(
        None,
        doc="What stands in place of values of fields that are numbers or strings; without it, zero or an "
        "empty value of the field's type does.",
        check=non_empty_string,
        importance=LOW,
    )
    replace_null_with_default: bool = option(
        True, doc="Whether unset fields are given their defaults while copying.", importance=MEDIUM
    )
    field_syntax_version: str = syntax_option()
    on_missing: OnMissing | None = on_missing_option(
        "a warning (a map is given the missing field as null); choose fail where nothing may slip through"
    )

    def problems(self) -> Mapping[str, str | Sequence[str]]:
        return path_problems("fields", self.fields, self.field_syntax_version)


class MaskField(SideTransform[MaskFieldConfig]):
    """Blank fields out: with zero or an empty value of their type, or with a text of your choice."""

    java_names = ("org.apache.kafka.connect.transforms.MaskField",)
    nulls = "refuse"
    purpose = "masking of fields"

    def __init__(self, config: MaskFieldConfig, *, side: SideName = "value") -> None:
        super().__init__(config, side=side)
        paths = [FieldPath.of(text, config.field_syntax_version) for text in config.fields]
        self._names = [path.name for path in paths if path.name is not None]
        self._fields = frozenset(self._names)
        text = config.replacement
        self._mask: Callable[[Any], Any] = (
            nothing_like if text is None else lambda value: replaced(value, text)
        )
        self._paths: list[tuple[FieldPath, What]] = []
        if len(self._names) < len(paths):
            change = Change(lambda schema: (schema, self._mask_of(schema)), self._mask)
            self._paths = [(path, change) for path in paths]

    def edit_side(self, draft: Draft, side: Side) -> None:
        with_default = self.config.replace_null_with_default
        if self._paths:
            if side.schema is not None:
                side.require_struct(self.purpose)
            edit_paths(self, draft, side, self.purpose, self._paths, with_default=with_default, basics=None)
            return
        if side.schema is None:
            side.require_map(self.purpose)
            for name in self._names:
                found = side.get_item(name, absent=self.missing_in_map)
                side.set_item(name, draft.call(self._mask, found, where=f"$.{name}", strict=True))
            return
        slots = side.read(self.purpose, with_defaults=with_default)
        schema = side.require_struct(self.purpose)
        self.tell_missing(self._names, schema)
        for i, field in enumerate(schema.fields):
            if field.name in self._fields:
                slots[i] = self._masked(draft, field.name, field.schema, slots[i])
        side.write(schema, slots)

    def _masked(self, draft: Draft, name: str, schema: Schema, var: Var) -> Var:
        constant = self._constant(schema)
        if constant is not None:
            return draft.if_present(var, constant)
        return draft.call(self._mask_of(schema), var, where=f"$.{name}", strict=True)

    def _constant(self, schema: Schema) -> Any:
        try:
            return constant_mask(schema, self.config.replacement)
        except DataError:
            return None  # it is for the first value that is not null to say so

    def _mask_of(self, schema: Schema) -> Callable[[Any], Any]:
        """What makes the mask of a value, of that schema, that is not null."""
        constant = self._constant(schema)
        if constant is not None:
            return lambda value: constant
        text = self.config.replacement
        mask = self._mask
        if (
            text is not None
            and schema.name is None
            and (schema.type in INT_BITS or schema.type is Type.FLOAT32)
        ):
            mask = lambda value: typed_replacement(schema, text)  # noqa: E731 - one of several forms
        elif text is None and schema.name in TEMPORAL_NAMES:
            zero = {DATE_NAME: date_from(0), TIME_NAME: time(0)}.get(schema.name, EPOCH)
            mask = lambda value: zero  # noqa: E731
        return mask


def constant_mask(schema: Schema, replacement: str | None) -> Any:
    """The one immutable object that masks every value of a schema, or None if there is none."""
    if schema.name is not None:
        return None
    if replacement is None:
        if schema.type in INT_BITS:
            return 0
        return {
            Type.FLOAT32: 0.0, Type.FLOAT64: 0.0, Type.BOOLEAN: False, Type.STRING: "",
        }.get(schema.type)  # fmt: skip
    return typed_replacement(schema, replacement)


def typed_replacement(schema: Schema, replacement: str) -> Any:
    """The replacement as a number or string of that schema; None for other types."""
    bits = INT_BITS.get(schema.type)
    if bits is not None:
        return decimal_to_int(parse_decimal(replacement), bits)
    if schema.type is Type.FLOAT32:
        return round32(float(parse_decimal(replacement)))
    if schema.type is Type.FLOAT64:
        return float(parse_decimal(replacement))
    return replacement if schema.type is Type.STRING else None


def nothing_like(value: Any) -> Any:
    """A value of the same class that tells nothing: zero, false, empty, the epoch."""
    if isinstance(value, bool):
        return False
    if isinstance(value, int):
        return 0
    if isinstance(value, float):
        return 0.0
    if isinstance(value, str):
        return ""
    if isinstance(value, Decimal):
        return Decimal(0)
    if isinstance(value, list | tuple):
        return []
    if isinstance(value, dict):
        return {}
    if isinstance(value, datetime | Instant):
        return EPOCH
    if isinstance(value, date):
        return date_from(0)
    if isinstance(value, time):
        return time(0)
    raise DataError(f"A value of class {class_name(value)} cannot be masked")


_BIG = 1 << 63
"""Integers from here on are another class to Connect, BigInteger, and take whole numbers only."""


def replaced(value: Any, replacement: str) -> Any:
    """The replacement as the class of the value."""
    if isinstance(value, str):
        return replacement
    if isinstance(value, int) and not isinstance(value, bool):
        if not -_BIG <= value < _BIG:
            return parse_integer(replacement)
        return decimal_to_int(parse_decimal(replacement), 64)
    if isinstance(value, float):
        return float(parse_decimal(replacement))
    if isinstance(value, Decimal):
        return parse_decimal(replacement)
    raise DataError(
        f"A value of class {class_name(value)} cannot be masked with a replacement; leave the option out"
    )

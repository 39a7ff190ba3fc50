"""Aiven's Hash: a string gives way to its hash."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, Literal

from connectkit.config import HIGH, LOW, Config, option
from connectkit.draft import Draft, Kind, Side, SideName
from connectkit.edit import SideTransform
from connectkit.errors import DataError
from connectkit.schema import Schema, Type
from connectkit.suggest import did_you_mean, shortened
from connectkit.transforms.base import class_name


class HashConfig(Config):
    """What is hashed, and how."""

    field_name: str | None = option(
        None, doc="The field to hash; without one, the whole key or value is hashed.", importance=HIGH
    )
    skip_missing_or_null: bool = option(
        False,
        doc="Whether a record in which the string is missing or null passes as it is, instead of failing.",
        importance=LOW,
    )
    function: Literal["md5", "sha1", "sha256"] = option(doc="The hash function.", importance=HIGH)


class Hash(SideTransform[HashConfig]):
    """Replace a string by its hash in hexadecimal digits: a field, or the whole key or value.

    The hash is of the string in UTF-8. It is not keyed: whoever can guess the string can check the guess.
    """

    java_names = ("io.aiven.kafka.connect.transforms.Hash",)
    purpose = "hashing"

    def __init__(self, config: HashConfig, *, side: SideName = "value") -> None:
        super().__init__(config, side=side)
        self._hash = _hasher(config.function, skips_null=config.skip_missing_or_null)

    def edit_side(self, draft: Draft, side: Side) -> None:
        field = self.config.field_name
        if field:
            self._edit_field(draft, side, field)
            return
        if side.schema is not None:
            _require_string(side.schema, f"The {self.side}", "$")
        if side.is_null:
            if not self.config.skip_missing_or_null:
                raise DataError(f"The {self.side} to hash is null", path="$")
            return
        side.put(side.schema, draft.call(self._hash, side.whole(), where="$"), Kind.OTHER)

    def _edit_field(self, draft: Draft, side: Side, name: str) -> None:
        where = f"$.{name}"
        if side.schema is None:
            side.require_map(self.purpose)
            found = draft.call(self._hash, side.get_item(name), where=where)
            side.set_item(name, found, unless_none=True)
            return
        schema = side.require_struct(self.purpose)
        field = schema.field(name)
        if field is None:
            known = [each.name for each in schema.fields]
            if self.config.skip_missing_or_null:
                self.missing(name, known)
                return
            raise DataError(
                f"There is no field '{shortened(name)}' to hash{did_you_mean(name, known)}", path=where
            )
        _require_string(field.schema, "The field to hash", where)
        slots = side.read(self.purpose, with_defaults=False)
        slots[field.index] = draft.call(self._hash, slots[field.index], where=where)
        side.write(schema, slots, unchecked=[each.index for each in schema.fields])


def _require_string(schema: Schema, what: str, where: str) -> None:
    if schema.type is not Type.STRING:
        raise DataError(f"{what} is of type {schema.type.value}, not a string", path=where)


def _hasher(function: str, *, skips_null: bool) -> Callable[[Any], str | None]:
    make = getattr(hashlib, function)

    def hashed(value: Any) -> str | None:
        if isinstance(value, str):
            # Java encodes half of a surrogate pair as a question mark.
            digest: str = make(value.encode("utf-8", "replace"), usedforsecurity=False).hexdigest()
            return digest
        if value is not None:
            raise DataError(f"Only strings can be hashed, not a value of class {class_name(value)}")
        if skips_null:
            return None
        raise DataError("The string to hash is missing or null; skip.missing.or.null would let it pass")

    return hashed

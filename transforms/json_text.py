"""ToJson: a field, or the whole key or value, becomes its JSON text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, cast

from connectkit.api import Converter
from connectkit.builder import SchemaBuilder
from connectkit.checks import at_least, no_duplicates, no_empty_items
from connectkit.config import HIGH, LOW, MEDIUM, Config, option
from connectkit.draft import Draft, Kind, Side, SideName
from connectkit.edit import OnMissing, SideTransform, on_missing_option
from connectkit.errors import LimitError
from connectkit.limits import DEFAULT_LIMITS
from connectkit.plugin import plugins
from connectkit.schema import Schema, StructValue, Type
from connectkit.transforms.base import copy_of


class ToJsonConfig(Config):
    """What becomes JSON, and how it is written."""

    fields: list[str] = option(
        [],
        doc="The fields to write as JSON; without any, the whole key or value.",
        check=[no_empty_items, no_duplicates],
        importance=HIGH,
    )
    decimal_format: Literal["NUMERIC", "BASE64"] = option(
        "NUMERIC",
        doc="How decimals are written: as numbers, or as Connect's JSON has them, BASE64 of their bytes.",
        importance=MEDIUM,
    )
    replace_null_with_default: bool = option(
        True, doc="Whether unset fields are given their defaults.", importance=MEDIUM
    )
    max_bytes: int = option(
        DEFAULT_LIMITS.value_bytes,
        doc="The longest text to make, in bytes; a longer one is an error.",
        check=at_least(1),
        importance=LOW,
    )
    on_missing: OnMissing | None = on_missing_option("warn, and leave the record as it is")


class ToJson(SideTransform[ToJsonConfig]):
    """Replace fields, or the whole key or value, by their JSON text, a string.

    The text is what JsonConverter writes without schemas. A null stays null.
    """

    purpose = "writing JSON"

    def __init__(self, config: ToJsonConfig, *, side: SideName = "value") -> None:
        super().__init__(config, side=side)
        self._converter = cast(
            "Converter[Any]",
            plugins.create(
                "converter",
                "JsonConverter",
                {
                    "schemas.enable": "false",
                    "decimal.format": config.decimal_format,
                    "replace.null.with.default": str(config.replace_null_with_default).lower(),
                },
            ),
        )

    def edit_side(self, draft: Draft, side: Side) -> None:
        if side.is_null:
            return
        if not self.config.fields:
            text = draft.call(self._writer(side.schema), side.whole(), where="$", strict=True)
            side.put(None if side.schema is None else self._text_schema(side.schema), text, Kind.OTHER)
        elif side.schema is None:
            side.require_map(self.purpose)
            for name in self.config.fields:
                found = side.get_item(name, absent=self.missing_in_map)
                text = draft.call(self._writer(None), found, where=f"$.{name}", strict=True)
                side.set_item(name, text, unless_none=True)
        else:
            self._edit_struct(draft, side)

    def _edit_struct(self, draft: Draft, side: Side) -> None:
        schema = side.require_struct(self.purpose)
        self.tell_missing(self.config.fields, schema)
        slots = side.read(self.purpose, with_defaults=False)
        builder = copy_of(schema, fields=False)
        if schema.optional:
            builder.optional()
        for i, field in enumerate(schema.fields):
            if field.name not in self.config.fields:
                builder.field(field.name, field.schema)
                continue
            builder.field(field.name, self._text_schema(field.schema))
            if self.config.replace_null_with_default:
                slots[i] = draft.or_default(slots[i], field.schema.default)
            slots[i] = draft.call(self._writer(field.schema), slots[i], where=f"$.{field.name}", strict=True)
        side.write(builder.build(), slots)

    def _text_schema(self, schema: Schema) -> Schema:
        """A string schema, optional like the other, with its default as JSON."""
        builder = SchemaBuilder(Type.STRING).doc(schema.doc)
        if schema.optional:
            builder.optional()
        if schema.default is not None:
            builder.default(self._writer(schema)(schema.default))
        return builder.build()

    def _writer(self, schema: Schema | None) -> Callable[[Any], str | None]:
        encode = self._converter.encoder("", schema)
        assert encode is not None  # it has no use for headers
        most = self.config.max_bytes

        def write(value: Any) -> str | None:
            if isinstance(value, StructValue) and value.schema is not schema:
                # A default: its schema cannot itself have that default.
                own = self._converter.encoder("", value.schema)
                assert own is not None
                data = own(value)
            else:
                data = encode(value)
            if data is None:
                return None
            if len(data) > most:
                raise LimitError(f"The JSON text has {len(data)} bytes, more than max.bytes={most}")
            return data.decode("utf-8")

        return write

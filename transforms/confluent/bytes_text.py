"""Confluent's GzipDecompress, and BytesToString: bytes unpacked, and bytes read as text."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from connectkit.api import Converter
from connectkit.builder import SchemaBuilder
from connectkit.config import HIGH, Config, option
from connectkit.draft import Draft, Kind, Side, SideName
from connectkit.edit import OnMissing, SideTransform, on_missing_option
from connectkit.errors import ConfigError, DataError, LimitError
from connectkit.limits import DEFAULT_LIMITS, Limits
from connectkit.plugin import plugins
from connectkit.schema import Schema, Type
from connectkit.transforms.base import class_name, copy_of

_BYTES = bytes | bytearray | memoryview
_GZIP = 16 + zlib.MAX_WBITS
_MAGIC = b"\x1f\x8b"
_CHUNK_BYTES = 64 * 1024
_MAX_MEMBERS = 10_000
"""Members of one value; each costs a copy of what is left of its chunk."""


class GzipDecompressConfig(Config):
    """No options."""


class GzipDecompress(SideTransform[GzipDecompressConfig]):
    """Unpack a key or value that is gzip data; null stays null.

    At most ``Limits.value_bytes`` come out of one value, however little went in.
    """

    java_names = ("io.confluent.connect.transforms.GzipDecompress",)
    purpose = "decompression"

    def __init__(
        self, config: GzipDecompressConfig, *, side: SideName = "value", limits: Limits = DEFAULT_LIMITS
    ) -> None:
        super().__init__(config, side=side)
        self._limits = limits

    def edit_side(self, draft: Draft, side: Side) -> None:
        if side.is_null:
            return
        if side.schema is not None and side.schema.type is not Type.BYTES:
            raise DataError(f"Only bytes can be decompressed, and the {self.side} is of another type")
        limit = self._limits.value_bytes
        unpacked = draft.call(lambda data: gunzip(data, limit), side.whole(), where="$", strict=True)
        side.put(side.schema, unpacked, Kind.OTHER)


def gunzip(data: Any, limit: int) -> bytes:
    """What the gzip members hold, at most ``limit`` bytes; ``DataError`` if they are none."""
    if not isinstance(data, _BYTES):
        raise DataError(f"Only bytes can be decompressed, not a value of class {class_name(data)}")
    packed = memoryview(data)
    parts: list[bytes] = []
    at = size = members = 0
    while at < packed.nbytes or not members:
        members += 1
        if members > _MAX_MEMBERS:
            raise LimitError(f"The gzip data has more than {_MAX_MEMBERS} members")
        unpacker = zlib.decompressobj(_GZIP)
        while not unpacker.eof:
            if at >= packed.nbytes:
                raise DataError("The gzip data ends in the middle")
            chunk = packed[at : at + _CHUNK_BYTES]
            at += len(chunk)
            try:
                part = unpacker.decompress(chunk, limit - size + 1)
            except zlib.error as exc:
                raise DataError("The bytes are not gzip data, or they are damaged") from exc
            size += len(part)
            if size > limit:
                raise LimitError(f"The bytes decompress to more than {limit} bytes")
            parts.append(part)
        at -= len(unpacker.unused_data)
        if packed[at : at + 2] != _MAGIC:
            break  # what follows the last member is padding, as for Java's GZIPInputStream
    return b"".join(parts)


class BytesToStringConfig(Config):
    """Which bytes are text, and in which character set."""

    charset: str = option("UTF-8", doc="The character set of the bytes, by Java's name.", importance=HIGH)
    fields: list[str] = option(
        [], doc="The fields to convert; without any, the whole key or value is converted.", importance=HIGH
    )
    on_missing: OnMissing | None = on_missing_option("warn, and leave the record as it is")

    def problems(self) -> Mapping[str, str | Sequence[str]]:
        try:
            _text_converter(self.charset)
        except ConfigError as error:
            return {
                "charset": next((found for each in error.problems.values() for found in each), str(error))
            }
        return {}


def _text_converter(charset: str) -> Converter[Any]:
    """The worker's own converter for text: it knows Java's character sets and their ways."""
    return cast(
        "Converter[Any]", plugins.create("converter", "StringConverter", {"converter.encoding": charset})
    )


class BytesToString(SideTransform[BytesToStringConfig]):
    """Make strings of bytes: of fields, or of the whole key or value."""

    java_names = (
        "io.confluent.connect.transforms.BytesToString",
        "com.github.jcustenborder.kafka.connect.transform.common.BytesToString",
    )
    purpose = "conversion of bytes to strings"

    def __init__(self, config: BytesToStringConfig, *, side: SideName = "value") -> None:
        super().__init__(config, side=side)
        self._decode = _decoder(_text_converter(config.charset))

    def edit_side(self, draft: Draft, side: Side) -> None:
        if side.is_null:
            return
        if not self.config.fields:
            self._edit_whole(draft, side)
        elif side.schema is None:
            side.require_map(self.purpose)
            for name in self.config.fields:
                found = side.get_item(name, absent=self.missing_in_map)
                text = draft.call(self._decode, found, where=f"$.{name}", strict=True)
                side.set_item(name, text, unless_none=True)
        else:
            self._edit_struct(draft, side)

    def _edit_whole(self, draft: Draft, side: Side) -> None:
        schema = side.schema
        if schema is not None:
            if schema.type is not Type.BYTES:
                raise DataError(
                    f"The {self.side} is of type {schema.type.value}, not of bytes; name its fields"
                )
            schema = self._string_form(schema)
        side.put(schema, draft.call(self._decode, side.whole(), where="$", strict=True), Kind.OTHER)

    def _edit_struct(self, draft: Draft, side: Side) -> None:
        schema = side.require_struct(self.purpose)
        self.tell_missing(self.config.fields, schema)
        slots = side.read(self.purpose, with_defaults=False)
        builder = copy_of(schema, fields=False)
        for i, field in enumerate(schema.fields):
            if field.name not in self.config.fields:
                builder.field(field.name, field.schema)
                continue
            if field.schema.type is not Type.BYTES:
                raise DataError(
                    f"A field to convert is of type {field.schema.type.value}, not of bytes",
                    path=f"$.{field.name}",
                )
            builder.field(field.name, self._string_form(field.schema))
            slots[i] = draft.call(self._decode, slots[i], where=f"$.{field.name}", strict=True)
        if schema.optional:
            builder.optional()
        side.write(builder.build(), slots)

    def _string_form(self, schema: Schema) -> Schema:
        """A string schema, optional like the other, with its default read as text.

        The logical name does not go along: it would promise something about bytes.
        """
        builder = SchemaBuilder(Type.STRING).doc(schema.doc)
        if schema.optional:
            builder.optional()
        if schema.default is not None:
            builder.default(self._decode(schema.default))
        return builder.build()


def _decoder(converter: Converter[Any]) -> Callable[[Any], str]:
    def decode(data: Any) -> str:
        if not isinstance(data, _BYTES):
            raise DataError(f"Only bytes can become a string here, not a value of class {class_name(data)}")
        text: str = converter.to_connect_data("", bytes(data)).value
        return text

    return decode

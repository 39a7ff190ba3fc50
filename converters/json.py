"""JsonConverter: values as JSON, plain or in Connect's envelope of schema and payload.

Bytes are exactly those of ``org.apache.kafka.connect.json.JsonConverter`` (Kafka 4.3, Jackson 2.21), and so
is what it reads; the differences are that errors name a place, that a message may have at most
``Limits.value_bytes`` and a schema ``Limits.depth`` levels. Needs the library orjson (the extra ``json``).
Source: spec data 2.1; KIP-581, KIP-1054.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable
from typing import Any

from connectkit.api import Converter, Decoder, Encoder, HeaderConverter, RawHeaders
from connectkit.compile import PerSchema
from connectkit.config import HIGH, LOW, ConverterConfig, Width, option
from connectkit.converters import json_plain
from connectkit.converters.json_big import needs_exact
from connectkit.converters.json_parse import BadJsonError, parse
from connectkit.converters.json_path import Path
from connectkit.converters.json_reader import (
    ExactDecimalError,
    NotPlainError,
    TreeReader,
    ValueFunction,
    load_with_decimals,
)
from connectkit.converters.json_schemas import SchemaReader, SchemaWriter
from connectkit.converters.json_text import OPTIONS, as_jackson, dumps, fast_dumps, fast_loads, raw_only
from connectkit.converters.json_writer import TreeFunction, TreeWriter
from connectkit.converters.sniff import looks_like
from connectkit.errors import ConversionError, DataError, LimitError
from connectkit.limits import DEFAULT_LIMITS, Limits
from connectkit.schema import NULL, Schema, SchemaAndValue

_SAFE_BYTES = 1000
_PAYLOAD: Path = (None, ".payload")


class DecimalFormat(enum.Enum):
    """How a Decimal stands in JSON: Base64 of its unscaled bytes, or a number."""

    BASE64 = "BASE64"
    NUMERIC = "NUMERIC"


def _is_schema(text: str) -> str | None:
    try:
        SchemaReader(TreeReader(replace_null=True), size=1).read(text.encode("utf-8", "surrogatepass"))
    except BadJsonError as exc:
        return f"must be a schema in JSON: it {exc.reason}"
    except DataError as exc:
        return f"must be a schema in JSON: {exc}"
    return None


class JsonConfig(ConverterConfig):
    """What a JsonConverter can be told."""

    schemas_enable: bool = option(
        True,
        doc="Put the schema into every message, in an envelope with the members schema and payload. Off, a"
        " message is the value alone, and what is read has no schema.",
        importance=HIGH,
        group="Schemas",
        order=0,
        width=Width.MEDIUM,
        display_name="Enable Schemas",
    )
    schemas_cache_size: int = option(
        1000,
        doc="How many schemas are kept ready for each direction.",
        importance=HIGH,
        group="Schemas",
        order=1,
        width=Width.MEDIUM,
        display_name="Schema Cache Size",
    )
    schema_content: str | None = option(
        None,
        doc="A schema in JSON that all messages read have, so that they are payloads without an envelope."
        " Needs schemas.enable.",
        importance=HIGH,
        check=_is_schema,
        group="Schemas",
        order=2,
        width=Width.MEDIUM,
        display_name="Schema Content",
    )
    decimal_format: DecimalFormat = option(
        DecimalFormat.BASE64,
        doc="How decimals are written: BASE64 of their unscaled bytes, or NUMERIC. Both are read.",
        importance=LOW,
        group="Serialization",
        order=0,
        width=Width.MEDIUM,
        display_name="Decimal Format",
    )
    replace_null_with_default: bool = option(
        True,
        doc="Let a null take the default of its schema, where there is one.",
        importance=LOW,
        group="Serialization",
        order=1,
        width=Width.MEDIUM,
        display_name="Replace null with default",
    )


class JsonConverter(Converter[JsonConfig], HeaderConverter[JsonConfig]):
    """JSON, plain or in Connect's envelope of schema and payload, byte for byte as Java writes it.

    One thread at a time calls each encoder, and each decoder.
    """

    java_names = ("org.apache.kafka.connect.json.JsonConverter",)

    def __init__(self, config: JsonConfig, *, is_key: bool = False, limits: Limits = DEFAULT_LIMITS) -> None:
        super().__init__(config, is_key=is_key)
        size = max(config.schemas_cache_size, 1)
        self._limits = limits
        self._enveloped = config.schemas_enable
        self._tree_writer = TreeWriter(
            numeric=config.decimal_format is DecimalFormat.NUMERIC,
            replace_null=config.replace_null_with_default,
        )
        self._tree_reader = TreeReader(replace_null=config.replace_null_with_default)
        self._schema_writer = SchemaWriter(self._tree_writer, size=size)
        self._schema_reader = SchemaReader(self._tree_reader, size=size, limits=limits)
        self._encoders: PerSchema[Encoder] = PerSchema(self._encoder, size=size)
        # Compiling costs as much as reading a few hundred records: it waits for the second sighting.
        self._readers: PerSchema[_Reader] = PerSchema(
            lambda schema: _Reader(self._tree_reader, schema, compiled=True),
            size=size,
            first=lambda schema: _Reader(self._tree_reader, schema, compiled=False),
        )
        self._content: Schema | None = None
        if config.schema_content is not None and self._enveloped:
            self._content = self._schema_reader.read(config.schema_content.encode("utf-8", "surrogatepass"))
        self._decode = self._new_decoder()

    @property
    def content_schema(self) -> Schema | None:
        """The schema of ``schema.content``: the very object that is read with each message."""
        return self._content

    def from_connect_data(
        self, topic: str, schema: Schema | None, value: Any, headers: RawHeaders | None = None
    ) -> bytes | None:
        return self._encoders[schema](value)

    def to_connect_data(
        self, topic: str, data: bytes | None, headers: RawHeaders | None = None
    ) -> SchemaAndValue:
        return SchemaAndValue(*self._decode(data))

    def from_connect_header(self, topic: str, key: str, schema: Schema | None, value: Any) -> bytes | None:
        return self._encoders[schema](value)

    def to_connect_header(self, topic: str, key: str, data: bytes | None) -> SchemaAndValue:
        return SchemaAndValue(*self._decode(data))

    def encoder(self, topic: str, schema: Schema | None) -> Encoder:
        return self._encoders[schema]

    def decoder(self, topic: str) -> Decoder:
        return self._new_decoder()

    # --- writing ---

    def _encoder(self, schema: Schema | None) -> Encoder:
        if schema is None:
            return _enveloped if self._enveloped else json_plain.encode
        head = b'{"schema":' + self._schema_writer.text(schema) + b',"payload":' if self._enveloped else b""
        return _schema_encoder(self._tree_writer, schema, head)

    # --- reading ---

    def _new_decoder(self) -> Decoder:
        if not self._enveloped:
            return self._plain_decoder()
        if self._content is not None:
            return self._content_decoder(self._content)
        return self._envelope_decoder()

    def _plain_decoder(self) -> Decoder:
        most = self._limits.value_bytes

        def is_odd(data: bytes) -> bool:
            if len(data) > most:
                raise _too_large(len(data), most)
            return needs_exact(data)

        def exactly(data: bytes) -> Any:
            try:
                return json_plain.decode_exactly(data)
            except BadJsonError as exc:
                raise _not_json(exc, data) from exc

        return json_plain.reader(is_odd, exactly)

    def _content_decoder(self, schema: Schema) -> Decoder:
        reader = self._readers[schema]
        most = self._limits.value_bytes

        def decode(data: bytes | None) -> tuple[Schema | None, Any]:
            nonlocal reader
            if data is None:
                return NULL
            if len(data) > most:
                raise _too_large(len(data), most)
            if not reader.is_compiled:
                reader = self._readers[schema]
            try:
                return schema, reader.read(data)
            except NotPlainError:
                pass
            try:
                return schema, self._tree_reader.explain(schema, parse(data))
            except BadJsonError as exc:
                raise _not_json(exc, data) from exc

        return decode

    def _envelope_decoder(self) -> Decoder:
        """Messages that begin with the bytes of the last one share its schema, unread.

        Sound, because those bytes are ``{"schema":``, one complete value, ``,"payload":``; what follows
        must be one complete value (orjson refuses less and more) and a closing brace.
        """
        head, size = b"\x00", 1
        schema: Schema | None = None
        read: Callable[[bytes], Any] = _refuse_plain  # of documents that begin with a zero byte: UTF-16
        most = self._limits.value_bytes

        def decode(data: bytes | None) -> tuple[Schema | None, Any]:
            nonlocal head, size, schema, read
            if data is None:
                return NULL
            length = len(data)
            if length > _SAFE_BYTES:
                if length > most:
                    raise _too_large(length, most)
                if needs_exact(data):
                    return self._read_exactly(data)
            if data.startswith(head) and data[-1] == 0x7D:
                try:
                    return schema, read(data[size:-1])
                except NotPlainError:
                    return self._read_exactly(data)
            found = self._split(data)
            if found is None:
                return self._read_exactly(data)
            end, schema_text = found
            try:
                own = self._schema_reader.schema(schema_text)
                reader = self._readers[own] if own is not None else None
                own_read = _read_plain if reader is None else reader.read
                value = own_read(data[end:-1])
            except (NotPlainError, BadJsonError):
                return self._read_exactly(data)
            if reader is None or reader.is_compiled:
                head, size, schema, read = data[:end], end, own, own_read
            return own, value

        return decode

    def _split(self, data: bytes) -> tuple[int, bytes] | None:
        """Where the payload of an envelope begins, and its schema's text; None if it is not that simple."""
        opening = _OPENING.match(data)
        if opening is None or data[-1:] != b"}":
            return None
        for tried, middle in enumerate(_MIDDLE.finditer(data, opening.end())):
            text = data[opening.end() : middle.start()]
            try:
                fast_loads(text)
            except ValueError:  # the words stand inside the schema, in a text of its
                if tried == 8:
                    return None
                continue
            return middle.end(), text
        return None

    def _read_exactly(self, data: bytes) -> tuple[Schema | None, Any]:
        try:
            envelope = parse(data)
        except BadJsonError as exc:
            raise _not_json(exc, data) from exc
        if not isinstance(envelope, dict) or envelope.keys() != {"schema", "payload"}:
            raise ConversionError(
                "With schemas.enable, a JSON message must be an object with the members schema and payload"
                " and no others; for plain JSON set schemas.enable=false in the converter's configuration",
                path="$",
            )
        if envelope["schema"] is None:
            return None, json_plain.decode_exactly(data)["payload"]
        schema = self._schema_reader.from_node(envelope["schema"])
        assert schema is not None
        return schema, self._tree_reader.explain(schema, envelope["payload"], _PAYLOAD)


_OPENING = re.compile(rb'[ \t\r\n]*\{[ \t\r\n]*"schema"[ \t\r\n]*:[ \t\r\n]*')
_MIDDLE = re.compile(rb'[ \t\r\n]*,[ \t\r\n]*"payload"[ \t\r\n]*:')


def _enveloped(value: Any) -> bytes | None:
    payload = json_plain.encode(value)
    return None if payload is None else b"".join((b'{"schema":null,"payload":', payload, b"}"))


def _schema_encoder(writer: TreeWriter, schema: Schema, head: bytes) -> Encoder:
    """The first value goes the slow way; a schema that is used again is worth compiling."""
    tail = b"}" if head else b""
    calls = 0
    tree: TreeFunction

    def first(value: Any) -> Any:
        nonlocal calls, tree
        calls += 1
        if calls == 2:
            tree = writer.compiled(schema)
            return tree(value)
        return writer.explain(schema, value)

    tree = first

    def encode(value: Any) -> bytes:
        try:
            made: Any = tree(value)
        except (DataError, TypeError, OverflowError):  # again, for a message that names the place
            made = writer.explain(schema, value)
        try:
            out: bytes = fast_dumps(made, raw_only, OPTIONS)
        except TypeError:  # a lone surrogate, or more levels than orjson writes
            return head + dumps(made) + tail
        if 92 in out or not out.isascii():
            out = as_jackson(out)
        return b"".join((head, out, tail))  # in one step: each may be huge

    return encode


class _Reader:
    """Reads payloads of one schema, or raises ``NotPlainError`` where the law must judge."""

    __slots__ = ("_load", "_value", "is_compiled")

    def __init__(self, values: TreeReader, schema: Schema, *, compiled: bool) -> None:
        self._load: Callable[[bytes], Any] = fast_loads
        self._value: ValueFunction = values.compiled(schema) if compiled else _refuse_plain
        self.is_compiled = compiled

    def read(self, data: bytes) -> Any:
        try:
            return self._value(self._load(data))
        except ValueError:
            raise NotPlainError from None
        except ExactDecimalError:
            # A stream that has decimals as numbers will have more of them.
            self._load = load_with_decimals
            return self.read(data)


def _refuse_plain(_: bytes) -> Any:
    raise NotPlainError


_payload = json_plain.reader(needs_exact, _refuse_plain)


def _read_plain(data: bytes) -> Any:
    """A payload without a schema, if it is all of the text: the exact reader stops at a value's end."""
    return _payload(data)[1]


def _not_json(exc: BadJsonError, data: bytes) -> ConversionError:
    hint = looks_like(data)
    return ConversionError(
        f"The message is no JSON: it {exc.reason}, at byte {exc.at}{f'; {hint}' if hint else ''}", path="$"
    )


def _too_large(length: int, most: int) -> LimitError:
    return LimitError(f"The message has {length} bytes, more than the {most} that are read as JSON", path="$")

"""Which converter reads some bytes: the function behind ``connectkit sniff``.

What the bytes begin with tells most of it; for the id of a schema, the registry is asked. Guesses are
sentences without anything of the data.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from connectkit.converters.registry.wire import Frame, unframe
from connectkit.converters.sniff import looks_like
from connectkit.errors import ConnectError, ConversionError, NotFoundError

if TYPE_CHECKING:  # a registry is opened for a schema's id only
    from connectkit.converters.registry.port import Registered

Guess = tuple[str, str | None]
"""What it looks like, and the converter that reads it."""

_CONVERTERS: Final = {"AVRO": "AvroConverter", "PROTOBUF": "ProtobufConverter", "JSON": "JsonSchemaConverter"}
_NAMES: Final = {"AVRO": "Avro", "PROTOBUF": "Protobuf", "JSON": "JSON Schema"}
_WIDTHS: Final = {
    2: "ShortConverter",
    4: "IntegerConverter or FloatConverter",
    8: "LongConverter or DoubleConverter",
}
_MAX_PARSED_BYTES: Final = 1 << 20


def sniff(
    samples: Sequence[bytes | None], options: Mapping[str, str]
) -> list[tuple[str, str | None, list[int]]]:
    """Per kind of bytes what they are, which converter reads them, and the numbers of these samples.

    ``options`` are those of a converter of schemas; without ``schema.registry.url`` no registry is asked.
    """
    found: dict[Guess, list[int]] = {}
    schemas = _Schemas(options)
    try:
        for number, data in enumerate(samples):
            found.setdefault(guess(data, schemas.guess), []).append(number)
    finally:
        schemas.close()
    return [(what, converter, numbers) for (what, converter), numbers in found.items()]


def guess(data: bytes | None, of_schema: Callable[[Frame], Guess]) -> Guess:
    """What one key or value looks like."""
    if data is None:
        return "null", "any converter"
    if not data:
        return "empty", "StringConverter or ByteArrayConverter"
    is_number = len(data) in _WIDTHS and not _is_text(data)
    number = f"a number of {len(data)} bytes", _WIDTHS.get(len(data))
    try:
        schema = of_schema(unframe(data, indexed=False))
    except ConversionError:
        if is_number:
            return number
    else:  # eight bytes may be both, and the registry knows better
        return number if is_number and schema[1] is None else schema
    found = _json(data)
    if found is not None:
        return found
    looks = looks_like(data)
    if looks is not None and "StringConverter" not in looks:
        return looks, "ByteArrayConverter"
    if _is_text(data):
        return "text", "StringConverter"
    return "bytes of no form that is known", "ByteArrayConverter"


def _is_text(data: bytes) -> bool:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return False
    return all(each.isprintable() or each in "\t\r\n" for each in text)


def _json(data: bytes) -> Guess | None:
    if data.lstrip()[:1] not in (b"{", b"[", b'"') or len(data) > _MAX_PARSED_BYTES:
        return None
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if isinstance(found, dict) and found.keys() == {"schema", "payload"}:
        return "JSON with Connect's schema", "JsonConverter"
    return "JSON", "JsonConverter with schemas.enable=false"


class _Schemas:
    """The registry, asked once for each id."""

    def __init__(self, options: Mapping[str, str]) -> None:
        from connectkit.converters.registry.config import RegistryConfig
        from connectkit.converters.registry.opening import open_registry

        self._client = None
        if "schema.registry.url" in options:
            self._client = open_registry(RegistryConfig.parse(options, known=lambda key: True))

    def guess(self, frame: Frame) -> Guess:
        """What a message of a schema is."""
        named = f"id {frame.id}" if frame.guid is None else f"GUID {frame.guid}"
        start = f"begins with a schema's {'id' if frame.guid is None else 'GUID'} ({named})"
        if self._client is None:
            return f"{start}; which kind is told by --registry URL", None
        try:
            found = self._ask(frame)
        except NotFoundError:
            return f"{start} that the registry does not have", None
        except ConnectError as error:
            return f"{start}; {error}", None
        return f"{_NAMES[found.schema.kind]} with a schema registry, {named}", _CONVERTERS[found.schema.kind]

    def _ask(self, frame: Frame) -> Registered:
        assert self._client is not None
        if frame.guid is not None:
            return self._client.by_guid(frame.guid)
        return self._client.by_id(frame.id if frame.id is not None else -1)

    def close(self) -> None:
        if self._client is not None:
            self._client.close()

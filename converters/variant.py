"""Variants: values of any shape in binary, and as JSON.

A variant is a dictionary of names (``metadata``) and a value that refers to it. Source: the Parquet
format's *Variant Binary Encoding*; spec registry 1 (``org.apache.kafka.connect.data.Variant``). Pure
functions; what is read is bounded by its own size, so that parts that are referred to twice cannot make
more of it.
"""

from __future__ import annotations

import base64
import struct
import uuid
from datetime import UTC, date, datetime, timedelta
from decimal import Context, Decimal
from typing import Any, Final

from connectkit.errors import ConversionError, LimitError
from connectkit.limits import DEFAULT_LIMITS, Limits
from connectkit.schema import Field, Schema, Type
from connectkit.struct import Struct

VARIANT_NAME: Final = "org.apache.kafka.connect.data.Variant"
VARIANT: Final = Schema(
    Type.STRUCT,
    name=VARIANT_NAME,
    fields=[Field(name, i, Schema.BYTES) for i, name in enumerate(("metadata", "value"))],
)
_PRIMITIVE, _SHORT, _OBJECT, _ARRAY = range(4)
_NULL, _TRUE, _FALSE, _INT8, _INT16, _INT32, _INT64, _DOUBLE, _DECIMAL4, _DECIMAL8, _DECIMAL16 = range(11)
_STRING: Final = 16
_MAX_SHORT: Final = 63
_MAX_DIGITS: Final = 38
_INTS: Final = ((_INT8, 1), (_INT16, 2), (_INT32, 4), (_INT64, 8))
_DECIMALS: Final = ((_DECIMAL4, 4, 9), (_DECIMAL8, 8, 18), (_DECIMAL16, 16, _MAX_DIGITS))
_EXACT: Final = Context(prec=60)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_S: Final = 86_400


def is_variant(schema: Schema) -> bool:
    """Whether a struct schema is that of variants."""
    return schema.name == VARIANT_NAME and schema.type is Type.STRUCT and len(schema.fields) == 2


def to_struct(schema: Schema, tree: Any, *, limits: Limits = DEFAULT_LIMITS) -> Struct:
    """The variant of a tree of JSON: fractions are doubles, integers of any size are kept."""
    metadata, value = encoded(tree, limits=limits)
    return Struct.of(schema, [metadata if field.name == "metadata" else value for field in schema.fields])


def from_struct(value: Struct, *, limits: Limits = DEFAULT_LIMITS) -> Any:
    """The tree of JSON of a variant: moments, binary data and UUIDs are texts."""
    metadata, data = value["metadata"], value["value"]
    if not isinstance(metadata, bytes) or not isinstance(data, bytes):
        raise ConversionError("A variant needs both of its fields, metadata and value")
    return decoded(metadata, data, limits=limits)


# --- to binary


def encoded(tree: Any, *, limits: Limits = DEFAULT_LIMITS) -> tuple[bytes, bytes]:
    """Metadata and value."""
    names: dict[str, int] = {}
    value = _encoded(tree, names, limits.depth)
    texts = [name.encode("utf-8", "replace") for name in names]
    width = _width(max(sum(map(len, texts)), len(texts)))
    out = bytearray([1 | (width - 1) << 6])
    out += len(texts).to_bytes(width, "little")
    at = 0
    for text in texts:
        out += at.to_bytes(width, "little")
        at += len(text)
    out += at.to_bytes(width, "little") + b"".join(texts)
    return bytes(out), value


def _encoded(tree: Any, names: dict[str, int], depth: int) -> bytes:
    if depth < 0:
        raise LimitError("The value is nested too deeply for a variant")
    match tree:
        case None:
            return bytes([_NULL << 2])
        case bool():
            return bytes([(_TRUE if tree else _FALSE) << 2])
        case str():
            data = tree.encode("utf-8", "replace")
            if len(data) <= _MAX_SHORT:
                return bytes([len(data) << 2 | _SHORT]) + data
            return bytes([_STRING << 2]) + len(data).to_bytes(4, "little") + data
        case int():
            return _integer(tree)
        case float() | Decimal():
            return bytes([_DOUBLE << 2]) + struct.pack("<d", tree)
        case list():
            return _container(_ARRAY, [], [_encoded(each, names, depth - 1) for each in tree])
        case dict():
            parts = []
            for name, each in tree.items():  # a name is numbered before those inside its value
                number = names.setdefault(name, len(names))
                parts.append((name.encode("utf-8", "replace"), number, _encoded(each, names, depth - 1)))
            order = sorted(range(len(parts)), key=lambda i: parts[i][0])
            return _container(_OBJECT, [parts[i][1] for i in order], [each for *_, each in parts], order)
        case _:
            raise ConversionError(f"A variant has no form for a value of class {type(tree).__name__}")


def _integer(number: int) -> bytes:
    for code, width in _INTS:
        if -1 << 8 * width - 1 <= number < 1 << 8 * width - 1:
            return bytes([code << 2]) + number.to_bytes(width, "little", signed=True)
    if abs(number) >= 10**_MAX_DIGITS:
        raise ConversionError(f"An integer has more than the {_MAX_DIGITS} digits that a variant can hold")
    code, width, _ = _DECIMALS[2]
    return bytes([code << 2, 0]) + number.to_bytes(width, "little", signed=True)


def _container(kind: int, ids: list[int], inside: list[bytes], order: list[int] | None = None) -> bytes:
    """An array, or an object whose fields are named in order but stand as they came."""
    offsets = [0]
    for each in inside:
        offsets.append(offsets[-1] + len(each))
    width, large = _width(offsets[-1]), len(inside) > 0xFF
    id_width = _width(max(ids, default=0))
    if kind == _OBJECT:
        head = large << 6 | id_width - 1 << 4 | width - 1 << 2 | kind
    else:
        head = large << 4 | width - 1 << 2 | kind
    out = bytearray([head])
    out += len(inside).to_bytes(4 if large else 1, "little")
    for each_id in ids:
        out += each_id.to_bytes(id_width, "little")
    for i in order if order is not None else range(len(inside)):
        out += offsets[i].to_bytes(width, "little")
    out += offsets[-1].to_bytes(width, "little")
    return bytes(out) + b"".join(inside)


def _width(most: int) -> int:
    return max(1, (most.bit_length() + 7) // 8)


# --- from binary


def decoded(metadata: bytes, value: bytes, *, limits: Limits = DEFAULT_LIMITS) -> Any:
    """The tree."""
    try:
        return _Reader(metadata, value, limits).read(0, limits.depth)
    except (IndexError, struct.error, OverflowError, UnicodeDecodeError, ValueError) as exc:
        raise ConversionError("A variant's bytes are damaged") from exc


class _Reader:
    """Reads one variant. Every byte of it may be read once, and names may take as much as a message."""

    def __init__(self, metadata: bytes, value: bytes, limits: Limits) -> None:
        self._value = value
        self._left = len(value)
        self._names_left = limits.value_bytes
        self._metadata = metadata
        if not metadata or metadata[0] & 15 != 1:
            raise ConversionError("A variant's metadata are of a version that is not known")
        self._width = (metadata[0] >> 6) + 1
        self._count = self._int(metadata, 1, self._width)
        self._texts = 1 + (self._count + 2) * self._width
        self._names: dict[int, str] = {}

    def _int(self, data: bytes, at: int, width: int) -> int:
        found = data[at : at + width]
        if at < 0 or len(found) != width:
            raise IndexError
        return int.from_bytes(found, "little")

    def _name(self, number: int) -> str:
        found = self._names.get(number)
        if found is None:
            if number >= self._count:
                raise IndexError
            place = 1 + (number + 1) * self._width
            start, end = (self._int(self._metadata, place + i * self._width, self._width) for i in (0, 1))
            if not start <= end <= len(self._metadata) - self._texts:
                raise IndexError
            found = self._names[number] = self._metadata[self._texts + start : self._texts + end].decode()
        self._names_left -= len(found)
        if self._names_left < 0:
            raise LimitError("The names of a variant's fields take more than a message may")
        return found

    def _take(self, at: int, size: int) -> bytes:
        found = self._value[at : at + size]
        self._left -= size
        if at < 0 or len(found) != size or self._left < 0:
            raise IndexError
        return found

    def read(self, at: int, depth: int) -> Any:
        if depth < 0:
            raise LimitError("A variant is nested too deeply to be read")
        head = self._take(at, 1)[0]
        kind, rest = head & 3, head >> 2
        if kind == _SHORT:
            return self._take(at + 1, rest).decode()
        if kind == _PRIMITIVE:
            return self._primitive(rest, at + 1)
        width, large = (rest & 3) + 1, bool(rest >> (4 if kind == _OBJECT else 2) & 1)
        size = 4 if large else 1
        count = int.from_bytes(self._take(at + 1, size), "little")
        at += 1 + size
        ids: list[int] = []
        if kind == _OBJECT:
            ids = self._ints(at, (rest >> 2 & 3) + 1, count)
            at += count * ((rest >> 2 & 3) + 1)
        offsets = self._ints(at, width, count + 1)
        at += (count + 1) * width
        if kind == _ARRAY:
            return [self.read(at + each, depth - 1) for each in offsets[:-1]]
        return {
            self._name(number): self.read(at + each, depth - 1)
            for number, each in zip(ids, offsets, strict=False)
        }

    def _ints(self, at: int, width: int, count: int) -> list[int]:
        data = self._take(at, width * count)
        return [int.from_bytes(data[i : i + width], "little") for i in range(0, len(data), width)]

    def _primitive(self, code: int, at: int) -> Any:
        signed = {_INT8: 1, _INT16: 2, _INT32: 4, _INT64: 8}
        match code:
            case 0 | 1 | 2:
                return (None, True, False)[code]
            case _ if code in signed:
                return self._signed(at, signed[code])
            case 7:
                return struct.unpack("<d", self._take(at, 8))[0]
            case 14:
                return struct.unpack("<f", self._take(at, 4))[0]
            case 8 | 9 | 10:
                scale = self._take(at, 1)[0]
                if scale > _MAX_DIGITS:
                    raise IndexError
                return Decimal(self._signed(at + 1, (4, 8, 16)[code - 8])).scaleb(-scale, _EXACT)
            case 11:
                return (date(1970, 1, 1) + timedelta(days=self._signed(at, 4))).isoformat()
            case 12 | 13 | 18 | 19:
                nanos = self._signed(at, 8) * (1 if code > 13 else 1000)
                return _moment(nanos) + ("Z" if code in (12, 18) else "")
            case 15 | 16:
                size = int.from_bytes(self._take(at, 4), "little")
                data = self._take(at + 4, size)
                return data.decode() if code == _STRING else base64.b64encode(data).decode()
            case 17:
                return _time_of_day(self._signed(at, 8) * 1000)
            case 20:
                return str(uuid.UUID(bytes=self._take(at, 16)))
            case _:
                raise IndexError

    def _signed(self, at: int, width: int) -> int:
        return int.from_bytes(self._take(at, width), "little", signed=True)


def _moment(nanos: int) -> str:
    seconds, rest = divmod(nanos, 1_000_000_000)
    return (_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S").zfill(19) + _fraction(rest)


def _time_of_day(nanos: int) -> str:
    seconds, rest = divmod(nanos, 1_000_000_000)
    if not 0 <= seconds < _DAY_S:
        raise OverflowError
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}" + _fraction(rest)


def _fraction(nanos: int) -> str:
    """A second's fraction in three, six or nine digits, as Java writes it."""
    if nanos == 0:
        return ""
    if nanos % 1_000_000 == 0:
        return f".{nanos // 1_000_000:03}"
    return f".{nanos // 1000:06}" if nanos % 1000 == 0 else f".{nanos:09}"

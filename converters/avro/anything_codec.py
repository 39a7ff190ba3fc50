"""Values without a schema as Avro's ``Anything`` records, and back.

Source: spec registry 2.9. An integer without a schema is an INT64 here, so it is
written as a ``long``; maps are always written as entries. Pure functions.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct as Packer
from typing import Any, Final

from connectkit.compile import too_deep
from connectkit.converters import varint
from connectkit.errors import ConversionError
from connectkit.float32 import round32
from connectkit.limits import Limits

_FIELDS: Final = ("boolean", "bytes", "double", "float", "int", "long", "string", "array", "map")
_DOUBLE: Final = Packer("<d")
_FLOAT: Final = Packer("<f")
_NONE: Final = bytes(len(_FIELDS))


def _parts(name: str, data: bytes) -> bytes:
    at = _FIELDS.index(name)
    return bytes(at) + b"\2" + data + bytes(len(_FIELDS) - at - 1)


def write_anything(value: Any, prefix: bytes, limits: Limits) -> bytes:
    """The prefix and the value behind it; ``ConversionError`` for what has no form without a schema."""
    return prefix + _write(value, limits.depth, limits)


def _write(value: Any, depth: int, limits: Limits) -> bytes:
    if depth < 0:
        raise too_deep(limits.depth)
    match value:
        case None:
            return _NONE
        case bool():
            return _parts("boolean", b"\1" if value else b"\0")
        case int():
            return _write_int(value)
        case float():
            return _parts("double", _DOUBLE.pack(value))
        case str():
            data = value.encode("utf-8", "replace")
            return _parts("string", varint.write(len(data)) + data)
        case list() | tuple() | set() | frozenset():
            return _parts("array", _block([_write(each, depth - 1, limits) for each in value]))
        case dict():
            entries = [
                _write(key, depth - 1, limits) + _write(each, depth - 1, limits)
                for key, each in value.items()
            ]
            return _parts("map", _block(entries))
    raise ConversionError(
        f"A value of class {type(value).__name__} has no form in Avro without a schema; give it one"
    )


def _write_int(value: int) -> bytes:
    try:
        return _parts("long", varint.write(value))
    except OverflowError as exc:
        raise ConversionError("An integer of more than 64 bits has no form in Avro without a schema") from exc


def _block(items: list[bytes]) -> bytes:
    return b"".join((varint.write(len(items)), *items, b"\0")) if items else b"\0"


def read_anything(data: bytes, at: int, limits: Limits) -> tuple[Any, int]:
    """The value that begins there, and where it ends. ``IndexError`` where the data end too early."""
    return _Reader(data, limits).read(at, limits.depth)


class _Reader:
    def __init__(self, data: bytes, limits: Limits) -> None:
        self._data = data
        self._limits = limits
        self._readers: dict[str, Callable[[int, int], tuple[Any, int]]] = {
            "boolean": self._boolean,
            "bytes": self._bytes,
            "double": self._double,
            "float": self._float,
            "int": self._number,
            "long": self._number,
            "string": self._string,
            "array": self._array,
            "map": self._map,
        }

    def read(self, at: int, depth: int) -> tuple[Any, int]:
        if depth < 0:
            raise too_deep(self._limits.depth)
        found = None
        for name in _FIELDS:
            branch, at = varint.read(self._data, at)
            if branch not in (0, 1):
                raise ConversionError("The Avro data has a union branch that is not there")
            if branch:
                value, at = self._readers[name](at, depth)
                found = value if found is None else found
        return found, at

    def _boolean(self, at: int, depth: int) -> tuple[bool, int]:
        return self._data[at] == 1, at + 1

    def _span(self, at: int) -> tuple[int, int]:
        size, at = varint.read(self._data, at)
        if size < 0 or size > len(self._data) - at:
            raise IndexError
        return at, at + size

    def _bytes(self, at: int, depth: int) -> tuple[bytes, int]:
        start, end = self._span(at)
        return self._data[start:end], end

    def _string(self, at: int, depth: int) -> tuple[str, int]:
        start, end = self._span(at)
        return self._data[start:end].decode("utf-8", "replace"), end

    def _double(self, at: int, depth: int) -> tuple[float, int]:
        return self._packed(_DOUBLE, at)

    def _float(self, at: int, depth: int) -> tuple[float, int]:
        value, at = self._packed(_FLOAT, at)
        return round32(value), at

    def _packed(self, packer: Packer, at: int) -> tuple[float, int]:
        end = at + packer.size
        if end > len(self._data):
            raise IndexError
        return packer.unpack_from(self._data, at)[0], end

    def _number(self, at: int, depth: int) -> tuple[int, int]:
        return varint.read(self._data, at)

    def _array(self, at: int, depth: int) -> tuple[list[Any], int]:
        found: list[Any] = []
        count, at = self._count(at)
        while count:
            for _ in range(count):
                value, at = self.read(at, depth - 1)
                found.append(value)
            count, at = self._count(at)
        return found, at

    def _map(self, at: int, depth: int) -> tuple[dict[Any, Any], int]:
        found: dict[Any, Any] = {}
        count, at = self._count(at)
        while count:
            for _ in range(count):
                key, at = self.read(at, depth - 1)
                value, at = self.read(at, depth - 1)
                try:
                    found[key] = value
                except TypeError as exc:
                    raise ConversionError(
                        "The Avro data has a map whose key is itself a list or map"
                    ) from exc
            count, at = self._count(at)
        return found, at

    def _count(self, at: int) -> tuple[int, int]:
        count, at = varint.read(self._data, at)
        if count < 0:
            count = -count
            _, at = varint.read(self._data, at)
        if count * len(_FIELDS) > len(self._data) - at:  # no element is shorter than its nine branches
            raise IndexError
        return count, at

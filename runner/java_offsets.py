"""Reads the offset file of Kafka Connect's standalone worker, so that a team can move over.

That file is a ``java.util.HashMap<byte[], byte[]>`` in Java's object serialization (Java Object
Serialization Specification, chapter 6). Only that one shape is read: a map of byte arrays. No class is
ever looked up by name, and nothing but the map's bytes is made of what the file says.
"""

from __future__ import annotations

import json
import struct
from typing import Any

from connectkit.errors import ConfigError

JAVA_MAGIC = b"\xac\xed\x00\x05"

_NULL, _REFERENCE, _CLASS, _OBJECT, _STRING, _ARRAY = 0x70, 0x71, 0x72, 0x73, 0x74, 0x75
_BLOCK, _END = 0x77, 0x78
_FIRST_HANDLE = 0x7E0000


class _Stream:
    """The bytes, a place in them, and the handles given out so far."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.at = len(JAVA_MAGIC)
        self.handles: list[Any] = []

    def take(self, count: int) -> bytes:
        end = self.at + count
        if count < 0 or end > len(self.raw):
            raise ValueError("it ends too early")
        found = self.raw[self.at : end]
        self.at = end
        return found

    def number(self, form: str) -> int:
        return int(struct.unpack(form, self.take(struct.calcsize(form)))[0])

    def expect(self, tag: int) -> None:
        found = self.number(">B")
        if found != tag:
            raise ValueError(f"byte {self.at - 1} is {found:#04x} where {tag:#04x} belongs")

    def text(self) -> str:
        return self.take(self.number(">H")).decode()

    def reference(self) -> Any:
        index = self.number(">I") - _FIRST_HANDLE
        if not 0 <= index < len(self.handles):
            raise ValueError("it refers to an object that is not there")
        return self.handles[index]

    def class_description(self, wanted: str) -> None:
        """A class that must have this name; its fields are read over."""
        tag = self.number(">B")
        if tag == _REFERENCE:
            if self.reference() != wanted:
                raise ValueError("it holds objects of another class")
            return
        if tag != _CLASS:
            raise ValueError("a class description is missing")
        name = self.text()
        if name != wanted:
            raise ValueError(f"it holds an object of class {name[:80]}")
        self.take(9)  # serial version and flags
        self.handles.append(name)
        for _ in range(self.number(">H")):
            kind = self.take(1)
            self.text()
            if kind in b"L[":
                raise ValueError("it is a map with other fields than Java's")
        self.expect(_END)
        self.expect(_NULL)  # no super class

    def byte_array(self) -> bytes | None:
        tag = self.number(">B")
        if tag == _NULL:
            return None
        if tag == _REFERENCE:
            found = self.reference()
            if not isinstance(found, bytes):
                raise ValueError("it refers to something that is not bytes")
            return found
        if tag != _ARRAY:
            raise ValueError("it holds something else than byte arrays")
        self.class_description("[B")
        index = len(self.handles)
        self.handles.append(None)
        found = self.take(self.number(">i"))
        self.handles[index] = found
        return found

    def map(self) -> list[tuple[bytes | None, bytes | None]]:
        self.expect(_OBJECT)
        self.class_description("java.util.HashMap")
        self.handles.append("the map")
        self.take(8)  # load factor and threshold
        self.expect(_BLOCK)
        if self.number(">B") != 8:
            raise ValueError("it is not a HashMap as Java writes one")
        self.take(4)  # capacity
        size = self.number(">i")
        pairs = [(self.byte_array(), self.byte_array()) for _ in range(size)]
        self.expect(_END)
        return pairs


def read_java_offsets(raw: bytes, *, where: str) -> list[tuple[str, dict[str, Any], dict[str, Any] | None]]:
    """``(connector, partition, offset)`` of each entry; a ``ConfigError`` names the file if it is damaged."""
    try:
        pairs = _Stream(raw).map()
    except (ValueError, struct.error) as exc:
        raise ConfigError(
            f"The offset file {where} looks like the Java worker's but is damaged: {exc}; restore it from a "
            "backup, or move it away to start every source from its beginning"
        ) from exc
    made = []
    for number, (key, value) in enumerate(pairs):
        try:
            connector, partition = json.loads(key or b"")
            offset = None if value is None else json.loads(value)
            well_formed = isinstance(connector, str) and isinstance(partition, dict | None)
            if not (well_formed and isinstance(offset, dict | None)):
                raise ValueError("shape")
        except (ValueError, TypeError) as exc:
            raise ConfigError(
                f"Entry {number + 1} of the Java worker's offset file {where} is not the JSON that Kafka "
                "Connect writes; restore the file from a backup"
            ) from exc
        made.append((connector, partition or {}, offset))
    return made

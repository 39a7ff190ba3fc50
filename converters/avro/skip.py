"""What Avro data hold that a reader does not want: moved over, with every length checked.

Pure functions, and a class of one setting.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from connectkit.compile import too_deep
from connectkit.converters import varint
from connectkit.converters.avro.model import AvroSchema, parts_of
from connectkit.errors import ConversionError, LimitError
from connectkit.limits import Limits


def no_branch() -> ConversionError:
    """The error of data whose union has a branch that is not there."""
    return ConversionError(
        "The Avro data have a union branch that is not there: they are damaged, or not Avro"
    )


def checked_count(least: int, most: int) -> Callable[[int, int, int], None]:
    """A function that refuses a block of more items than the data can hold, or than the limit allows.

    ``least`` is the fewest bytes of an item, ``most`` the limit; it is called with the items that follow, the
    bytes that are left, and the items there are already.
    """

    def check(count: int, left: int, have: int) -> None:
        if count * least > left:
            raise IndexError
        if count + have > most:
            raise LimitError(
                f"The Avro data have an array or map of more than {most} items; "
                "if that is intended, raise the limit 'items'"
            )

    return check


class EmptyItems:
    """How many array elements that take no bytes one message may have.

    Nothing else bounds how many it claims. Reset for each message; used by one thread.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._left = most

    def reset(self) -> None:
        """Begin with a new message."""
        self._left = self._most

    def check(self, count: int, left: int, have: int) -> None:
        """Take as many as a block claims (see :func:`checked_count` for the arguments)."""
        self._left -= count
        if self._left < 0:
            raise LimitError(
                f"The Avro data have more than {self._most} array elements that take no bytes; "
                "if that is intended, raise the limit 'items'"
            )


def is_empty(schema: AvroSchema) -> bool:
    """Whether a value never takes a byte: null, and what is made of nothing else."""
    pending, seen = [schema], set[int]()
    while pending:
        found = pending.pop()
        if id(found) in seen:
            continue
        seen.add(id(found))
        if found.kind == "record":
            pending.extend(each.schema for each in found.fields)
        elif found.kind != "null" and not (found.kind == "fixed" and not found.size):
            return False
    return True


def holds_empty_items(schema: AvroSchema) -> bool:
    """Whether there is an array of such values in it."""
    pending, seen = [schema], set[int]()
    while pending:
        found = pending.pop()
        if id(found) in seen:
            continue
        seen.add(id(found))
        if found.kind == "array" and is_empty(found.items):
            return True
        pending.extend(parts_of(found))
    return False


def smallest(schema: AvroSchema) -> int:
    """The fewest bytes a value can have, looking one level deep."""
    match schema.kind:
        case "null":
            return 0
        case "record":
            return sum(0 if each.schema.kind in ("null", "record", "fixed") else 1 for each in schema.fields)
        case "fixed":
            return schema.size
        case "float":
            return 4
        case "double":
            return 8
        case _:
            return 1


def fewest_bytes(items: AvroSchema, *, keys: bool) -> int:
    """The fewest bytes of an item of an array, or of a map, with its key: none only if it never takes one."""
    return (smallest(items) + keys) or (0 if is_empty(items) else 1)


class Skipper:
    """Moves over values that the reader does not have."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits

    def skip(self, schema: AvroSchema, data: bytes, at: int, depth: int) -> int:
        """Where the value that begins there ends."""
        if depth > self._limits.depth:
            raise too_deep(self._limits.depth)
        match schema.kind:
            case "null":
                return at
            case "boolean":
                return at + 1
            case "int" | "long" | "enum":
                return varint.read(data, at)[1]
            case "float":
                return at + 4
            case "double":
                return at + 8
            case "fixed":
                return at + schema.size
            case "bytes" | "string":
                size, at = varint.read(data, at)
                if not 0 <= size <= len(data) - at:
                    raise IndexError
                return at + size
            case "union":
                branch, at = varint.read(data, at)
                if not 0 <= branch < len(schema.branches):
                    raise no_branch()
                return self.skip(schema.branches[branch], data, at, depth + 1)
            case "record":
                for field in schema.fields:
                    at = self.skip(field.schema, data, at, depth + 1)
                return at
            case "array" | "map":
                return self._skip_items(schema, data, at, depth)

    def _skip_items(self, schema: AvroSchema, data: bytes, at: int, depth: int) -> int:
        check = checked_count(smallest(schema.items), self._limits.items)
        while True:
            count, at = varint.read(data, at)
            if not count:
                return at
            if count < 0:
                size, at = varint.read(data, at)
                if not 0 <= size <= len(data) - at:
                    raise IndexError
                at += size
                continue
            check(count, len(data) - at, 0)
            if schema.kind == "array" and is_empty(schema.items):
                continue
            for _ in range(count):
                if schema.kind == "map":
                    at = self.skip(_KEY, data, at, depth)
                at = self.skip(schema.items, data, at, depth + 1)


_KEY: Final = AvroSchema("string")

"""JSON without schemas: any value to bytes and back, by orjson wherever it agrees with Java.

Each way has a quick check of what orjson made, complete by construction: whatever it does not know to be
the same is done again by the exact writer (:mod:`json_text`) or reader (:mod:`json_parse`). Source:
spec data 2.1: without a schema an integer is an INT64, a fraction a FLOAT64, and classes that Connect has
no type for are refused. Pure functions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from connectkit.converters import json_path
from connectkit.converters.json_parse import MISSING, parse
from connectkit.converters.json_path import Path
from connectkit.converters.json_text import (
    OPTIONS,
    as_jackson,
    dumps,
    fast_dumps,
    fast_loads,
    float_node,
    is_plain,
)
from connectkit.errors import ConversionError, LimitError

MAX_INT64: Final = (1 << 63) - 1
MAX_DEPTH: Final = 1000
Reader = Callable[[bytes | None], tuple[None, Any]]
_SAFE_BYTES: Final = 1000
"""Up to this size a document can break none of Jackson's limits."""


def encode(value: Any) -> bytes | None:
    """The value's text, for None a null message.

    ``ConversionError`` with a path if it holds what Connect has no type for.
    """
    try:
        out = fast_dumps(value, None, OPTIONS)
    except TypeError:  # includes whatever orjson refuses: other classes, keys, depth, large integers
        return dumps(tree(value))
    if type(value) is dict:
        for item in value.values():
            kind = type(item)
            if kind is str:
                continue
            if kind is int:
                if item <= MAX_INT64:
                    continue
            elif kind is float:
                if 0.001 <= item < 1e7 or -1e7 < item <= -0.001 or item == 0.0:
                    continue
            elif item is None or kind is bool or ((kind is dict or kind is list) and _writes_alike(item)):
                continue
            return _encode_slowly(value)
    elif value is None:
        return None
    elif not _writes_alike([value]):
        return dumps(tree(value))
    return out if 92 not in out and out.isascii() else as_jackson(out)


def _encode_slowly(value: dict[str, Any]) -> bytes:
    """The same where something is odd: mostly a float such as a time in seconds, which has an exponent."""
    made = {}
    for name, item in value.items():
        kind = type(item)
        if kind is float:
            item = float_node(item)
        elif not _writes_alike([item]):
            return dumps(tree(value))
        made[name] = item
    return dumps(made)


def _writes_alike(container: dict[str, Any] | list[Any]) -> bool:
    """Whether Jackson would write all of it as orjson did. What orjson has written has an end."""
    stack: list[Any] = [container]
    while stack:
        inside = stack.pop()
        for item in inside.values() if type(inside) is dict else inside:
            kind = type(item)
            if kind is str or item is None or kind is bool:
                continue
            if kind is int:
                if item <= MAX_INT64:
                    continue
            elif kind is float:
                if is_plain(item):
                    continue
            elif kind is dict or kind is list:
                stack.append(item)
                continue
            return False
    return True


_REFUSED = (
    "Without a schema, JSON has no form for the value of class {} at {}"
    "; give the record a schema, or convert the value before"
)


def tree(value: Any, *, path: Path = None) -> Any:
    """The tree that :func:`json_text.dumps` writes; every class is checked, no recursion."""
    root: list[Any] = [None]
    # Work to do: a value, where it is, and the list or dict and place that wait for its node.
    todo: list[tuple[Any, Path, int, Any, Any]] = [(value, path, 1, root, 0)]
    while todo:
        value, path, depth, target, place = todo.pop()
        if isinstance(value, str):
            target[place] = value if type(value) is str else str.__str__(value)
        elif value is None or isinstance(value, bool):
            target[place] = value
        elif isinstance(value, int):
            if not -MAX_INT64 - 1 <= value <= MAX_INT64:
                where = json_path.text(path)
                raise ConversionError(f"The integer at {where} needs more than 64 bits", path=where)
            target[place] = int(value)
        elif isinstance(value, float):
            target[place] = float_node(float(value))
        elif isinstance(value, bytes | bytearray | memoryview):
            target[place] = base64_text(value)
        elif isinstance(value, list | tuple | Mapping):
            if depth > MAX_DEPTH:
                raise LimitError(
                    f"The value is nested more than {MAX_DEPTH} levels deep, more than Connect reads as JSON"
                )
            if isinstance(value, Mapping):
                _open_map(value, path, depth + 1, target, place, todo)
            else:
                made: Any = [None] * len(value)
                target[place] = made
                for i, item in enumerate(value):
                    todo.append((item, json_path.item(path, i), depth + 1, made, i))
        else:
            where = json_path.text(path)
            raise ConversionError(_REFUSED.format(type(value).__name__, where), path=where)
    return root[0]


def _open_map(
    value: Mapping[Any, Any],
    path: Path,
    depth: int,
    target: Any,
    place: Any,
    todo: list[tuple[Any, Path, int, Any, Any]],
) -> None:
    """An object if every key is a string, else an array of pairs."""
    if all(isinstance(key, str) for key in value):
        made: dict[str, Any] = {}
        target[place] = made
        for key, item in value.items():
            name = key if type(key) is str else str.__str__(key)
            made[name] = None  # the order of members is that of the map
            todo.append((item, json_path.member(path, name), depth, made, name))
        return
    pairs: list[list[Any]] = [[None, None] for _ in value]
    target[place] = pairs
    for i, (key, item) in enumerate(value.items()):
        todo.append((key, json_path.entry(path, i, "key"), depth + 1, pairs[i], 0))
        todo.append((item, json_path.entry(path, i, "value"), depth + 1, pairs[i], 1))


def base64_text(value: bytes | bytearray | memoryview) -> str:
    """Bytes as JSON has them: Base64 with padding."""
    from binascii import b2a_base64

    return b2a_base64(value, newline=False).decode("ascii")


def reader(is_odd: Callable[[bytes], bool], exactly: Callable[[bytes], Any]) -> Reader:
    """A function from a document to no schema and its value.

    ``is_odd`` is asked about documents of more than 1,000 bytes (and may raise); ``exactly`` reads what
    orjson does not read as Jackson does.
    """
    loads = fast_loads

    def read(data: bytes | None) -> tuple[None, Any]:
        if data is None:
            return None, None
        if len(data) > _SAFE_BYTES and is_odd(data):
            return None, exactly(data)
        try:
            value = loads(data)
        except ValueError:
            return None, exactly(data)
        if type(value) is dict:
            for item in value.values():
                kind = type(item)
                if kind is str:
                    continue
                if kind is int:
                    if item <= 9223372036854775807:
                        continue
                elif kind is float:
                    # From 1e18 on it could have been an integer of more than 64 bits; and -0.0 is 0.0.
                    if 0.0 < item < 1e18 or -1e18 < item < 0.0 or str(item) == "0.0":
                        continue
                elif item is None or kind is bool or _reads_alike(item):
                    continue
                return None, exactly(data)
        elif not _reads_alike([value]):
            return None, exactly(data)
        return None, value

    return read


def _reads_alike(container: dict[str, Any] | list[Any]) -> bool:
    """Whether Jackson would have read all of it as orjson did."""
    stack: list[Any] = [container]
    while stack:
        inside = stack.pop()
        for item in inside.values() if type(inside) is dict else inside:
            kind = type(item)
            if kind is str or item is None or kind is bool:
                continue
            if kind is int:
                if item <= MAX_INT64:
                    continue
            elif kind is float:
                if 0.0 < item < 1e18 or -1e18 < item < 0.0 or str(item) == "0.0":
                    continue
            else:
                stack.append(item)
                continue
            return False
    return True


def decode_exactly(data: bytes) -> Any:
    """The value by our own reader, None if there is none; raises ``json_parse.BadJsonError``."""
    value = parse(data, integer=int64, fraction=float64)
    return None if value is MISSING else value


def int64(text: str) -> int:
    """An integer's low 64 bits, which is what Java keeps of a longer one."""
    return wrapped(int(text), 64)


def wrapped(number: int, bits: int) -> int:
    """The low bits of an integer as a signed one (Java's narrowing cast)."""
    half = 1 << (bits - 1)
    return ((number + half) & ((1 << bits) - 1)) - half


def float64(text: str) -> float:
    """A fraction as Java reads it: through a decimal, which has no minus zero."""
    number = float(text)
    return 0.0 if number == 0.0 and not Decimal(text) else number

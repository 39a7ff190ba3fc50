"""Source partitions and offsets as JSON: one canonical text for a partition, however it was ordered.

Kafka Connect compares the bytes of a key, so the order of a map's members decides whether an offset is
found again. Here the members are sorted before comparing, so keys that a Java worker wrote match.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from typing import Any

from connectkit.errors import DataError

_SURROGATE = re.compile("[\ud800-\udfff]")


def partition_key(partition: Mapping[str, Any] | None) -> str:
    """The canonical text of a source partition: compact JSON with sorted members."""
    return dump(partition or {}, what="source partition", sort=True)


def dump(value: Mapping[str, Any] | None, *, what: str, sort: bool = False) -> str:
    """Compact JSON of a partition or an offset: string keys and primitive values only."""
    if value is None:
        return "null"
    try:
        plain = {_name(k, what): _plain(v, k, what) for k, v in value.items()}
    except AttributeError:
        raise DataError(
            f"A {what} is a {type(value).__name__}; it must be a mapping with string keys and primitive "
            "values"
        ) from None
    return encodable(json.dumps(plain, sort_keys=sort, separators=(",", ":"), ensure_ascii=False))


def encodable(text: str) -> str:
    """JSON that UTF-8 can carry: half a pair of surrogates, as in the name of a Latin-1 file, is escaped."""
    return text if text.isascii() else _SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _name(key: Any, what: str) -> str:
    if type(key) is not str:
        raise DataError(f"A {what} has a key of type {type(key).__name__}; keys must be strings")
    return key


def _plain(value: Any, key: str, what: str) -> Any:
    if value is None or isinstance(value, str | int | float):  # bool is an int
        return value
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(value).decode()
    raise DataError(
        f"A {what} holds a {type(value).__name__} under {key!r}; only null, strings, numbers, booleans and "
        "bytes can be stored",
        path=f"$.{key}",
    )

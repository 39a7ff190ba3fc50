"""The compiled module, which need not be there; native.py loads it."""

from collections.abc import Callable
from typing import Any

from connectkit.converters.avro.plan import Node

VERSION: int

class Decoder:
    def __new__(
        cls,
        nodes: list[Node],
        struct: type,
        *,
        depth: int,
        items: int,
        empties: int,
        strict_end: bool,
        fallback: Callable[[bytes, int], Any],
    ) -> Decoder: ...
    def __call__(self, data: bytes, at: int, /) -> Any: ...

class Encoder:
    def __new__(
        cls,
        nodes: list[Node],
        struct: type,
        *,
        depth: int,
        items: int,
        empties: int,
        strict_end: bool,
        fallback: Callable[[Any, bytes], bytes],
    ) -> Encoder: ...
    def __call__(self, value: Any, prefix: bytes, /) -> bytes: ...

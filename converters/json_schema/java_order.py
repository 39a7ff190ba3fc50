"""The order of a JSON object that was made of a Java map, where it shows in a schema's text.

Most maps keep :func:`~connectkit.converters.javahash.hash_order`; org.json copies a map into one with room
for exactly its entries. Source: Java's ``HashMap``, checked against everit-json-schema 1.14.6 with org.json
20250107. Pure functions.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from connectkit.converters.javahash import hash_order, string_hash

_LOAD: Final = 0.75


def filled_order(keys: Collection[str]) -> list[str]:
    """The keys of a ``HashMap`` as another gives them that was made with room for as many entries."""
    size = 1
    while size < len(keys):
        size *= 2
    if len(keys) > int(size * _LOAD):
        size *= 2
    return sorted(hash_order(keys), key=lambda key: ((code := string_hash(key)) ^ code >> 16) & (size - 1))

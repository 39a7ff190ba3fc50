"""Kafka's default partitioner: the same key lands on the same partition as with the Java client.

Facts: ``org.apache.kafka.common.utils.Utils.murmur2`` and ``BuiltInPartitioner.partitionForKey``.
"""

from __future__ import annotations

from functools import lru_cache
from struct import unpack_from

_M = 0x5BD1E995
_SEED = 0x9747B28C
_MASK = 0xFFFFFFFF
_CACHED_KEY_BYTES = 64
"""Longer keys are hashed each time: a cache of them would cost more memory than it saves time."""


def murmur2(data: bytes) -> int:
    """Kafka's 32-bit murmur2 hash, as an unsigned number."""
    length = len(data)
    h = (_SEED ^ length) & _MASK
    words = length >> 2
    for k in unpack_from(f"<{words}I", data):
        k = k * _M & _MASK
        k = (k ^ (k >> 24)) * _M & _MASK
        h = h * _M & _MASK ^ k
    rest = length & 3
    if rest:
        h = (h ^ int.from_bytes(data[words << 2 :], "little")) * _M & _MASK
    h = (h ^ (h >> 13)) * _M & _MASK
    return h ^ (h >> 15)


_cached = lru_cache(maxsize=16_384)(murmur2)


def partition_for(key: bytes, partitions: int) -> int:
    """The partition of a keyed record among ``partitions``."""
    h = _cached(key) if len(key) <= _CACHED_KEY_BYTES else murmur2(key)
    return (h & 0x7FFFFFFF) % partitions

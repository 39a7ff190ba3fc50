"""Hash codes as Java computes them, and MurmurHash3 as Debezium uses it.

Whoever routes by them must meet the partition that a Java worker would choose, so these are exact:
``hashCode`` of the Java classes that Connect's values have there (documentation of ``java.lang`` and
``java.math``), and the 64-bit variant of MurmurHash3 for x64 with the seed 9001, of which the upper half
counts. Two differences: bytes are hashed by content (Java's array gives another number in each
process), and a struct, whose code in Java differs from process to process, is refused. Pure functions.
"""

from __future__ import annotations

import struct as packing
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from connectkit.errors import DataError
from connectkit.instant import millis_of
from connectkit.logical import from_logical, scale_of, unscaled
from connectkit.schema import DECIMAL_NAME, FINE_NAMES, TEMPORAL_NAMES, Schema, Type

Hash = Callable[[Any], int]
_MASK32 = (1 << 32) - 1
_MASK64 = (1 << 64) - 1
_SEED = 9001


def signed32(number: int) -> int:
    """The number as 32 bits with a sign hold it."""
    number &= _MASK32
    return number - (1 << 32) if number >> 31 else number


# --- java.lang.Object.hashCode ---------------------------------------------------------------------


def hash_for(schema: Schema) -> Hash:
    """The hash code of (non-null) values of a schema, by the classes they have in Java."""
    if schema.name == DECIMAL_NAME:
        return hash_decimal
    if schema.name in FINE_NAMES:
        return lambda value: hash_long(from_logical(schema, value))
    if schema.name in TEMPORAL_NAMES:
        return lambda value: hash_long(millis_of(value))
    if schema.type is Type.ARRAY:
        return _array_hash(schema.value_schema)
    if schema.type is Type.MAP:
        return _map_hash(schema.key_schema, schema.value_schema)
    found = _BY_TYPE.get(schema.type)
    if found is None:
        raise DataError("A struct has no hash code that would be the same in every process")
    return found


def hash_long(value: int) -> int:
    """``Long.hashCode``, and that of ``Date`` for its milliseconds."""
    return signed32(value ^ (value >> 32))


def hash_string(text: str) -> int:
    """``String.hashCode``."""
    data = text.encode("utf-16-be", "surrogatepass")
    return _polynomial(packing.unpack(f">{len(data) // 2}H", data), 0)


def hash_bytes(data: Any) -> int:
    """``Arrays.hashCode`` of a byte array."""
    found = bytes(data)
    return _polynomial(packing.unpack(f"{len(found)}b", found), 1)


def _polynomial(items: Sequence[int], start: int) -> int:
    code = start
    for item in items:
        code = (code * 31 + item) & _MASK32
    return signed32(code)


def hash_double(value: float) -> int:
    """``Double.hashCode``."""
    bits = 0x7FF8000000000000 if value != value else packing.unpack(">q", packing.pack(">d", value))[0]
    return hash_long(bits)


def hash_float(value: float) -> int:
    """``Float.hashCode``."""
    if value != value:
        return 0x7FC00000
    found: int = packing.unpack(">i", packing.pack(">f", value))[0]
    return found


def hash_decimal(value: Decimal) -> int:
    """``BigDecimal.hashCode``."""
    number = unscaled(value)
    code, rest = 0, abs(number)
    words: list[int] = []
    while rest:
        words.append(rest & _MASK32)
        rest >>= 32
    for word in reversed(words):
        code = (code * 31 + word) & _MASK32
    return signed32(31 * (-code if number < 0 else code) + scale_of(value))


_BY_TYPE: dict[Type, Hash] = {
    Type.INT8: int,
    Type.INT16: int,
    Type.INT32: int,
    Type.INT64: hash_long,
    Type.FLOAT32: hash_float,
    Type.FLOAT64: hash_double,
    Type.BOOLEAN: lambda value: 1231 if value else 1237,
    Type.STRING: hash_string,
    Type.BYTES: hash_bytes,
}


def _array_hash(items: Schema | None) -> Hash:
    of_item = _hash_or_null(items)
    return lambda value: _polynomial([of_item(item) for item in value], 1)


def _map_hash(keys: Schema | None, values: Schema | None) -> Hash:
    of_key, of_value = _hash_or_null(keys), _hash_or_null(values)
    return lambda value: signed32(sum(of_key(key) ^ of_value(item) for key, item in value.items()))


def _hash_or_null(schema: Schema | None) -> Hash:
    if schema is None:
        raise DataError("Values without a schema have no hash code")
    found = hash_for(schema)
    return lambda value: 0 if value is None else found(value)


# --- MurmurHash3 -----------------------------------------------------------------------------------


def murmur_for(schema: Schema) -> Hash:
    """MurmurHash3 of (non-null) values: of bytes and texts as they are, of others' hash codes."""
    if schema.name != DECIMAL_NAME and schema.type is Type.BYTES:
        return lambda value: murmur(bytes(value))
    if schema.type is Type.STRING:
        return lambda value: murmur(_utf8(value))
    code = hash_for(schema)
    return lambda value: murmur((code(value) & _MASK32).to_bytes(4, "little"))


def _utf8(text: str) -> bytes:
    # Halves of a pair that stand apart are joined; one without the other becomes a question mark.
    joined = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
    return joined.encode("utf-8", "replace")


def murmur(data: bytes) -> int:
    """The upper 32 bits of the 64-bit hash, with a sign."""
    h1, h2 = 0x9368E53C2F6AF274 ^ _SEED, 0x586DCD208F7CD3FD ^ _SEED
    c1, c2 = 0x87C37B91114253D5, 0x4CF5AD432745937F
    whole = len(data) & ~15
    blocks = [packing.unpack_from("<QQ", data, at) for at in range(0, whole, 16)]
    if whole < len(data):
        blocks.append(_tail(data[whole:]))
    for k1, k2 in blocks:
        k1 = _rotated(k1 * c1 & _MASK64, 23) * c2
        h1 = ((h1 ^ (k1 & _MASK64)) + h2) & _MASK64
        h2 = _rotated(h2, 41)
        k2 = _rotated(k2 * c2 & _MASK64, 23) * c1
        h2 = ((h2 ^ (k2 & _MASK64)) + h1) & _MASK64
        h1 = (h1 * 3 + 0x52DCE729) & _MASK64
        h2 = (h2 * 3 + 0x38495AB5) & _MASK64
        c1 = (c1 * 5 + 0x7B7D159C) & _MASK64
        c2 = (c2 * 5 + 0x6BCE6396) & _MASK64
    h2 ^= len(data)
    h1 = (h1 + h2) & _MASK64
    h2 = (h2 + h1) & _MASK64
    h1 = (_mixed(h1) + _mixed(h2)) & _MASK64
    return signed32(h1 >> 32)


def _tail(rest: bytes) -> tuple[int, int]:
    """The last bytes as two numbers; each byte is spread with its sign, as in Java."""
    words = [0, 0]
    for at, byte in enumerate(rest):
        words[at >> 3] ^= ((byte - 256 if byte > 127 else byte) << (at & 7) * 8) & _MASK64
    return words[0], words[1]


def _rotated(word: int, by: int) -> int:
    return (word << by | word >> 64 - by) & _MASK64


def _mixed(word: int) -> int:
    word ^= word >> 33
    word = word * 0xFF51AFD7ED558CCD & _MASK64
    word ^= word >> 33
    word = word * 0xC4CEB9FE1A85EC53 & _MASK64
    return word ^ word >> 33

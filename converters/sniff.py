"""What bytes that a converter cannot read look like, for the error's *what would help*."""

from __future__ import annotations

_COMPRESSED = "compression belongs to the producer's compression.type"
_STARTS: tuple[tuple[bytes, str], ...] = (
    (b"\x1f\x8b", f"it looks gzipped: {_COMPRESSED}"),
    (b"\x28\xb5\x2f\xfd", f"it looks compressed with zstd: {_COMPRESSED}"),
    (b"\x04\x22\x4d\x18", f"it looks compressed with lz4: {_COMPRESSED}"),
    (b"\x82SNAPPY\x00", f"it looks compressed with snappy: {_COMPRESSED}"),
    (b"Obj\x01", "it looks like an Avro container file, which is no message format"),
    (b"PK\x03\x04", "it looks like a zip archive"),
    (b"\xac\xed\x00\x05", "it looks like a serialized Java object; ByteArrayConverter passes it on as it is"),
    (b"Struct{", "it looks like a Struct printed as text; the producing side used StringConverter"),
    (b"<", "it looks like XML or HTML; StringConverter passes it on as it is"),
    (b"\xfe\xff", "it begins like UTF-16"),
    (b"\xff\xfe", "it begins like UTF-16"),
)  # fmt: skip


def looks_like(data: bytes) -> str | None:
    """A half sentence, or None where nothing is known. It holds nothing of the data."""
    if len(data) >= 5 and data[0] == 0:
        return (
            "it begins like a message of a schema registry (a zero byte and a schema id): use the Avro,"
            " Protobuf or JSON Schema converter that wrote it"
        )
    for start, words in _STARTS:
        if data.startswith(start):
            return words
    stripped = data.lstrip()
    if stripped.startswith((b"{'", b"['")):
        return "it looks like a Python dict printed as text, with single quotes"
    if stripped[:1].isalpha() and data.isascii():
        return "it looks like plain text: use StringConverter"
    return None

"""The GUID of a schema, which follows from the text and the references alone. Source: spec registry 5."""

from __future__ import annotations

import hashlib
import uuid

from connectkit.converters.registry.port import SchemaText


def guid_of(schema: SchemaText) -> str:
    """The GUID of a schema that has neither metadata nor rules; the text as the registry keeps it."""
    digest = hashlib.md5(schema.text.encode("utf-8", "surrogatepass"), usedforsecurity=False)
    for each in schema.references:
        digest.update(
            each.name.encode() + each.subject.encode() + each.version.to_bytes(4, "big", signed=True)
        )
    return str(uuid.UUID(bytes=digest.digest()))

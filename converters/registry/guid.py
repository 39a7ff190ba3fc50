"""The GUID of a schema, which follows from what it is made of. Source: spec registry 5.

With metadata or rules it is not the one of Confluent's registry, which follows from Java's texts of them.
"""

from __future__ import annotations

import hashlib
import json
import uuid

from connectkit.converters.registry.port import SchemaText


def guid_of(schema: SchemaText) -> str:
    """The GUID of a schema; the text as the registry keeps it."""
    digest = hashlib.md5(schema.text.encode("utf-8", "surrogatepass"), usedforsecurity=False)
    for each in schema.references:
        digest.update(
            each.name.encode() + each.subject.encode() + each.version.to_bytes(4, "big", signed=True)
        )
    if schema.metadata or schema.rule_set:
        digest.update(b"\1" + json.dumps([schema.metadata, schema.rule_set], sort_keys=True).encode())
    return str(uuid.UUID(bytes=digest.digest()))

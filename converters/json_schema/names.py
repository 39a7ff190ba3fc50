"""The names that JSON Schema and Connect have for each other's things.

Source: spec registry 4.2 (``io.confluent.connect.json.JsonSchemaData``). Constants and pure functions.
"""

from __future__ import annotations

from typing import Final

from connectkit.converters.variant import is_variant
from connectkit.schema import Field, Schema, Type

NAMESPACE: Final = "io.confluent.connect.json"

# Connect parameters and names that say something about JSON Schema.
ID: Final = f"{NAMESPACE}.Id"
ENUM: Final = f"{NAMESPACE}.Enum"
ONE_OF: Final = f"{NAMESPACE}.OneOf"
ONE_OF_FIELD: Final = f"{ONE_OF}.field."
ID_PREFIX: Final = "#id"
NULL_SYMBOL: Final = "<NULL>"

# The same in every format (generalized.sum.type.support).
SUM_ENUM: Final = "org.apache.kafka.connect.data.Enum"
SUM_UNION: Final = "org.apache.kafka.connect.data.Union"
SUM_UNION_NAME: Final = "connect_union_"
SUM_FIELD_NAME: Final = "connect_union_field_"

# Keywords that say something about Connect, in the order in which Java writes them.
CONNECT_INDEX: Final = "connect.index"
CONNECT_VERSION: Final = "connect.version"
CONNECT_TYPE: Final = "connect.type"
CONNECT_PARAMETERS: Final = "connect.parameters"
BYTES: Final = "bytes"
MAP: Final = "map"

REST: Final = "__connect_additional_properties__"
"""The field of the properties that a schema does not name (preserve.additional.properties)."""

KEY: Final = "key"
VALUE: Final = "value"


def is_union(schema: Schema) -> bool:
    """Whether a struct schema stands for a oneOf: at most one of its fields is set."""
    if schema.type is not Type.STRUCT:
        return False
    return schema.name == ONE_OF or SUM_UNION in (schema.parameters or ())


def is_rest(field: Field) -> bool:
    """Whether a struct's field holds what its schema does not name."""
    schema = field.schema
    if field.name != REST or schema.type is not Type.MAP or not is_map_of_texts(schema.key_schema):
        return False
    return schema.value_schema is not None and is_variant(schema.value_schema)


def is_map_of_texts(keys: Schema | None) -> bool:
    """Whether a map with such keys is an object, and not an array of entries."""
    return keys is not None and keys.type is Type.STRING and not keys.optional


def shown(text: str) -> str:
    """A name out of a schema as it may stand in an error: short, and in one line."""
    plain = text if text.isprintable() else text.encode("unicode_escape").decode("ascii")
    return plain if len(plain) <= 80 else f"{plain[:77]}..."

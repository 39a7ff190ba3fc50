"""What decides how Connect schemas and Protobuf schemas become each other, and the words both use.

Source: spec registry 3.1, 3.2 (``io.confluent.connect.protobuf.ProtobufData``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from connectkit.schema import DATE_NAME, DECIMAL_NAME, TIME_NAME, TIMESTAMP_NAME, Schema, Type

NAMESPACE: Final = "io.confluent.connect.protobuf"
TAG: Final = f"{NAMESPACE}.Tag"
TYPE: Final = f"{NAMESPACE}.Type"
ENUM: Final = f"{NAMESPACE}.Enum"
ENUM_PREFIX: Final = f"{ENUM}."
UNION_PREFIX: Final = f"{NAMESPACE}.Union."
WRAPPER: Final = f"{NAMESPACE}.Wrapper"
DEFAULT_NAME: Final = "ConnectDefault"
FIELD_META: Final = "(confluent.field_meta)"
CONNECT_TYPE: Final = "connect.type"
PRECISION: Final = "precision"
SCALE: Final = "scale"
CONNECT_PRECISION: Final = "connect.decimal.precision"

# The same in every format (generalized.sum.type.support).
SUM_ENUM: Final = "org.apache.kafka.connect.data.Enum"
SUM_UNION: Final = "org.apache.kafka.connect.data.Union"

DECIMAL_TYPE: Final = "confluent.type.Decimal"
DATE_TYPE: Final = "google.type.Date"
TIME_TYPE: Final = "google.type.TimeOfDay"
TIMESTAMP_TYPE: Final = "google.protobuf.Timestamp"
LOGICAL: Final = {
    DECIMAL_TYPE: DECIMAL_NAME, DATE_TYPE: DATE_NAME, TIME_TYPE: TIME_NAME, TIMESTAMP_TYPE: TIMESTAMP_NAME,
}  # fmt: skip
"""The messages that are values of logical types, and the names of these."""

VARIANT_TYPE: Final = "confluent.type.Variant"

WRAPPER_OF: Final = {
    Type.INT8: "Int32Value", Type.INT16: "Int32Value", Type.INT32: "Int32Value", Type.INT64: "Int64Value",
    Type.FLOAT32: "FloatValue", Type.FLOAT64: "DoubleValue", Type.BOOLEAN: "BoolValue",
    Type.STRING: "StringValue", Type.BYTES: "BytesValue",
}  # fmt: skip
_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,10}\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtoOptions:
    """The converter's options that decide about schemas and data."""

    enhanced: bool = False
    """Full names for messages, enums, oneofs and maps."""
    scrub: bool = False
    """Names that are none are changed."""
    int_enums: bool = False
    """Enums are numbers to Connect."""
    optional_for_nullables: bool = False
    """Optional fields have the word ``optional``, and only those with it are optional."""
    optional_for_proto2: bool = True
    """A field of proto2 that is unset is null, not its default."""
    wrapper_for_nullables: bool = False
    """Optional scalars are wrappers, and plain ones are required."""
    wrapper_for_raw: bool = True
    """A wrapper message is the value in it."""
    struct_for_nulls: bool = False
    """A message that is unset is one whose fields are unset."""
    index_unions: bool = True
    """The field of a oneof is named with the number of the oneof."""
    flatten_unions: bool = False
    """The members of a oneof are fields of the struct itself."""
    generalized: bool = False
    """Enums and unions are marked as in every format."""
    ignore_defaults: bool = False
    """A null is written as null where its field has a default."""


def parameter(schema: Schema, name: str) -> str | None:
    """A schema's parameter."""
    return None if schema.parameters is None else schema.parameters.get(name)


def is_union(schema: Schema, options: ProtoOptions) -> bool:
    """Whether a struct schema is a oneof."""
    if schema.type is not Type.STRUCT:
        return False
    if options.generalized and parameter(schema, SUM_UNION) is not None:
        return True
    return schema.name is not None and schema.name.startswith(UNION_PREFIX)


def enum_name(schema: Schema, options: ProtoOptions) -> str | None:
    """What names the enum that a schema of texts or numbers stands for."""
    if schema.type not in (Type.STRING, Type.INT32):
        return None
    return parameter(schema, SUM_ENUM if options.generalized else ENUM)


def enum_symbols(schema: Schema, options: ProtoOptions) -> dict[str, str]:
    """The symbols of such a schema with the texts of their numbers, in order."""
    prefix = f"{SUM_ENUM}." if options.generalized else ENUM_PREFIX
    return {
        name.removeprefix(prefix): number
        for name, number in (schema.parameters or {}).items()
        if name.startswith(prefix)
    }


def whole_number(text: str) -> int | None:
    """The integer of 32 bits that a text says, as Java reads one; None if it says none."""
    if _NUMBER.match(text) is None or not -(1 << 31) <= int(text) < 1 << 31:
        return None
    return int(text)

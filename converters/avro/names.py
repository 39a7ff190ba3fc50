"""The names that Avro and Connect have for each other's things, and how names are made to fit Avro.

Source: spec registry 2.2, 2.3 (``io.confluent.connect.avro.AvroData``). Pure functions and constants.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote_plus

NAMESPACE: Final = "io.confluent.connect.avro"
DEFAULT_NAME: Final = "ConnectDefault"
DEFAULT_PREFIX: Final = f"{NAMESPACE}.{DEFAULT_NAME}"
UNION: Final = f"{NAMESPACE}.Union"
MAP_ENTRY: Final = "MapEntry"
VARIANT_FULL: Final = "confluent.type.Variant"
MAP_ENTRY_FULL: Final = f"{NAMESPACE}.{MAP_ENTRY}"

# Connect parameters that say something about Avro.
ENUM: Final = f"{NAMESPACE}.Enum"
RECORD_DOC: Final = f"{NAMESPACE}.record.doc"
FIELD_DOC: Final = f"{NAMESPACE}.field.doc."
ENUM_DOC: Final = f"{NAMESPACE}.enum.doc."
ENUM_DEFAULT: Final = f"{NAMESPACE}.enum.default."
FIELD_DEFAULT: Final = f"{NAMESPACE}.field.default"
FIXED_SIZE: Final = "connect.fixed.size"
PRECISION: Final = "connect.decimal.precision"
PLAIN_RECORD_DOC: Final = "connect.record.doc"
PLAIN_ENUM_DOC: Final = "connect.enum.doc"

# The same in every format (generalized.sum.type.support).
SUM_ENUM: Final = "org.apache.kafka.connect.data.Enum"
SUM_UNION: Final = "org.apache.kafka.connect.data.Union"
SUM_UNION_NAME: Final = "connect_union_"
SUM_FIELD_NAME: Final = "connect_union_field_"

# Avro properties that say something about Connect.
CONNECT_NAME: Final = "connect.name"
CONNECT_DOC: Final = "connect.doc"
CONNECT_VERSION: Final = "connect.version"
CONNECT_DEFAULT: Final = "connect.default"
CONNECT_PARAMETERS: Final = "connect.parameters"
CONNECT_TYPE: Final = "connect.type"
INTERNAL_TYPE: Final = "connect.internal.type"

DEFAULT_PRECISION: Final = 64
_PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_OTHER: Final = re.compile(r"[^A-Za-z0-9_]")


def split_name(name: str) -> tuple[str, str]:
    """Namespace and simple name of a full name; dots at its end say nothing, as in Java."""
    space, _, simple = name.rstrip(".").rpartition(".")
    return space, simple


def scrub(name: str) -> str:
    """The name made to fit Avro: percent-encoded as in a URL, with underscores for what is left over."""
    if not name or _PLAIN.match(name):
        return name
    encoded = quote_plus(name, safe="*").replace("~", "%7E")
    if encoded[0].isdigit():
        encoded = f"x{encoded}"
    return _OTHER.sub("_", encoded)


def scrub_full(name: str) -> str:
    """The same for each part of a full name."""
    return ".".join(map(scrub, name.rstrip(".").split(".")))

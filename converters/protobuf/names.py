"""Names between Connect and Protobuf: of map entries, of unnamed types, and ones that are no names.

Source: spec registry 2.3, 3.3. Pure functions.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote_plus

ENTRY: Final = "Entry"
_WORDS: Final = re.compile(r"(?<!^)(?=[A-Z])")
_VALID: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")
_IDENTIFIER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


def entry_name(name: str) -> str:
    """The message that holds the entries of a map of that name."""
    if "_" in name:
        name = "".join(part[:1].upper() + part[1:].lower() for part in name.split("_"))
    return name + ENTRY


def map_name(entry: str) -> str:
    """The name of the map whose entries are in a message of that name."""
    if not entry.endswith(ENTRY):
        return entry
    return "_".join(_WORDS.split(entry.removesuffix(ENTRY))).lower()


def is_identifier(name: str) -> bool:
    """Whether Protobuf takes it for a name."""
    return _IDENTIFIER.match(name) is not None


def scrub(name: str) -> str:
    """The name if it is one that needs no change, else one made of it."""
    if not name or _VALID.match(name):
        return name
    encoded = quote_plus(name, safe="*-._", encoding="utf-8", errors="replace").replace("~", "%7E")
    if encoded[0] in "0123456789_":
        encoded = f"x{encoded}"
    return re.sub(r"[^A-Za-z0-9_]", "_", encoded)


def scrub_dotted(name: str) -> str:
    """The same for each part of a full name."""
    return ".".join(map(scrub, name.split(".")))

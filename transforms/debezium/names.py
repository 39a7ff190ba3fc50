"""Names of schemas as Avro allows them: ``schema.name.adjustment.mode``.

Avro's names are Latin letters, digits and underscores, parted by dots, and begin with no digit. Source:
the Avro specification, *Names*; Debezium's documentation of the option.
"""

from __future__ import annotations

import enum


class NameAdjustment(enum.Enum):
    """How names are made to suit Avro."""

    NONE = "none"
    AVRO = "avro"
    AVRO_UNICODE = "avro_unicode"


def _is_letter(char: str) -> bool:
    return char == "_" or (char.isascii() and char.isalpha())


def _is_inner(char: str) -> bool:
    return _is_letter(char) or char == "." or (char.isascii() and char.isdigit())


def adjusted(name: str, mode: NameAdjustment) -> str:
    """The name with what is not allowed replaced; a leading digit is kept behind an underscore."""
    if mode is NameAdjustment.NONE or not name:
        return name
    if mode is NameAdjustment.AVRO_UNICODE:
        # The underscore begins an escape, so it is itself escaped.
        return "".join(
            char if char != "_" and (_is_inner(char) if at else _is_letter(char)) else _escaped(char)
            for at, char in enumerate(name)
        )
    first = name[0] if _is_letter(name[0]) else _blank(name[0]) + (name[0] if name[0].isdecimal() else "")
    return first + "".join(char if _is_inner(char) else _blank(char) for char in name[1:])


def _units(char: str) -> list[int]:
    """The UTF-16 units of a character: Debezium replaces each of them."""
    data = char.encode("utf-16-be", "surrogatepass")
    return [data[at] << 8 | data[at + 1] for at in range(0, len(data), 2)]


def _blank(char: str) -> str:
    return "_" * len(_units(char))


def _escaped(char: str) -> str:
    """``_u`` and the hexadecimal number, which Debezium fills up only if it has one or two digits."""
    return "".join(f"_u{'00' if unit < 0x100 else ''}{unit:x}" for unit in _units(char))

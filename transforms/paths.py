"""Field paths (KIP-821): ``address.city``, with backticks around names that hold dots.

A path is parsed once; :meth:`FieldPath.reader` then makes the look-up for a struct schema, and
:meth:`FieldPath.read_map` looks into schemaless maps. Version V1 is one literal name.
Source: KIP-821; spec data 3.1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from connectkit.checks import one_of_any_case
from connectkit.config import HIGH, option
from connectkit.errors import DataError
from connectkit.schema import Schema, StructValue
from connectkit.transforms.base import class_name

SYNTAX_CHECK = one_of_any_case("V1", "V2")
SyntaxVersion = Literal["V1", "V2"]


def syntax_option() -> str:
    """The option ``field.syntax.version``."""
    found: str = option(
        "V1",
        doc="V1: fields are plain names. V2: fields are paths into nested fields, steps parted by dots, "
        "with backticks around a step that holds dots (KIP-821).",
        key="field.syntax.version",
        check=SYNTAX_CHECK,
        importance=HIGH,
    )
    return found


def parse_path(text: str) -> tuple[str, ...]:
    """The steps of a V2 path; ``ValueError`` says what is wrong with it."""
    if not text:
        raise ValueError("must name a field")
    steps: list[str] = []
    at = 0
    while True:
        step, at = _quoted_step(text, at) if text[at : at + 1] == "`" else _plain_step(text, at)
        steps.append(step)
        if at >= len(text):
            return tuple(steps)
        at += 1  # the dot; at the very end it begins an empty last step


def _plain_step(text: str, at: int) -> tuple[str, int]:
    end = text.find(".", at)
    end = len(text) if end < 0 else end
    return text[at:end], end


def _quoted_step(text: str, start: int) -> tuple[str, int]:
    """A step in backticks: it ends at one that a dot or the end of the text follows, unless escaped."""
    parts: list[str] = []
    at = begin = start + 1
    while (close := text.find("`", at)) >= 0:
        after = close + 1
        escaped = text[close - 1 : close] == "\\" and close - 1 >= begin
        if after >= len(text) and not escaped:
            return "".join(parts) + text[begin:close], after
        if text[after : after + 1] == ".":
            if not escaped:
                return "".join(parts) + text[begin:close], after
            parts.append(text[begin : close - 1] + "`")
            begin = after
        at = after
    raise ValueError(
        f"has a backtick at position {start} that is never closed; "
        "put a backslash before it to mean the character"
    )


class FieldPath:
    """Steps from a key or value down to a field. Immutable."""

    __slots__ = ("steps", "text")

    def __init__(self, text: str, steps: tuple[str, ...]) -> None:
        self.text = text
        self.steps = steps

    @classmethod
    def of(cls, text: str, version: str) -> FieldPath:
        """The path of a text as that version of the syntax reads it; ``ValueError`` if it cannot be."""
        return cls(text, parse_path(text) if version.upper() == "V2" else (text,))

    @property
    def where(self) -> str:
        """The path for messages."""
        return "$." + ".".join(self.steps)

    def schema_in(self, schema: Schema) -> Schema | None:
        """The schema of the field, or None if there is none; a step into what is no struct raises."""
        found: Schema | None = schema
        for step in self.steps:
            if found is None:
                return None
            field = found.field(step)
            found = None if field is None else field.schema
        return found

    def reader(self, *, with_default: bool) -> Callable[[Any], Any]:
        """A look-up in structs (not null): None where a step is missing or null on the way.

        On the way, defaults stand in for what is unset; at the end they do ``with_default``.
        """
        *way, last = self.steps

        def read(value: Any) -> Any:
            for step in way:
                value = _child(value, step, with_default=True)
                if value is None:
                    return None
            return _child(value, last, with_default=with_default)

        return read

    def read_map(self, value: Any) -> Any:
        """The entry of nested maps: None where a step is missing or null on the way."""
        *way, last = self.steps
        for number, step in enumerate(way, 1):
            value = value.get(step)
            if value is None:
                return None
            if not isinstance(value, dict):
                raise DataError(
                    f"The path goes on below a value of class {class_name(value)}, which is no map",
                    path="$." + ".".join(way[:number]),
                )
        return value.get(last)


def _child(value: Any, step: str, *, with_default: bool) -> Any:
    if not isinstance(value, StructValue):
        raise DataError(f"The path goes on below a value of class {class_name(value)}, which is no struct")
    field = value.schema.field(step)
    if field is None:
        return None
    found = value.values[field.index]
    return field.schema.default if found is None and with_default else found

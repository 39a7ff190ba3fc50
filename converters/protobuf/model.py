"""A ``.proto`` file as it is written: names unresolved, everything in the order of the text.

Made by :mod:`parse`, :mod:`from_descriptor` and :mod:`to_proto`; printed by :mod:`printer`; given meaning by
:mod:`linked`. Source: the Protocol Buffers language specification (proto2, proto3).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

Label = Literal["", "optional", "required", "repeated"]

SCALARS: Final = frozenset(
    "double float int32 int64 uint32 uint64 sint32 sint64 fixed32 fixed64 sfixed32 sfixed64 bool string "
    "bytes".split()
)
MAX_TAG: Final = (1 << 29) - 1
"""The largest number of a field; also what ``max`` stands for."""


class Text(str):
    """A string constant of an option, without its quotes."""

    __slots__ = ()


class Word(str):
    """An identifier or a number of an option, as it is written."""

    __slots__ = ()


Constant = Text | Word | dict[str, "Constant"] | list["Constant"]


@dataclass(slots=True)
class Option:
    """``name = value``; extensions keep their parentheses: ``(confluent.field_meta)``."""

    name: str
    value: Constant


@dataclass(slots=True)
class Field:
    """One field. ``type`` is as written; of a map it is the values', and ``key_type`` the keys'."""

    name: str
    type: str
    tag: int
    label: Label = ""
    key_type: str | None = None
    default: Text | Word | None = None
    json_name: str | None = None
    options: list[Option] = field(default_factory=list)

    def all_options(self) -> list[Option]:
        """The options with the two that have places of their own, as they are printed."""
        found = list(self.options)
        if self.default is not None:
            found.append(Option("default", self.default))
        if self.json_name is not None:
            found.append(Option("json_name", Text(self.json_name)))
        return found


@dataclass(slots=True)
class Group:
    """A group of proto2: kept for the text, unknown to Connect."""

    name: str
    tag: int
    label: Label
    fields: list[Field] = field(default_factory=list)


@dataclass(slots=True)
class OneOf:
    """Fields of which one is set."""

    name: str
    fields: list[Field] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    options: list[Option] = field(default_factory=list)


Range = tuple[int, int]
"""First and last number; a single one twice."""


@dataclass(slots=True)
class Extensions:
    """Numbers that other files may use."""

    ranges: list[Range]
    options: list[Option] = field(default_factory=list)


@dataclass(slots=True)
class EnumValue:
    """One constant of an enum."""

    name: str
    number: int
    options: list[Option] = field(default_factory=list)


@dataclass(slots=True)
class Enum:
    """An enum; the items of ``reserved`` are one statement each."""

    name: str
    values: list[EnumValue] = field(default_factory=list)
    options: list[Option] = field(default_factory=list)
    reserved: list[list[Range | str]] = field(default_factory=list)


@dataclass(slots=True)
class Extend:
    """Fields added to a message of another file; kept for the text, unknown to Connect."""

    name: str
    fields: list[Field] = field(default_factory=list)


@dataclass(slots=True)
class Message:
    """A message with what is declared inside of it. ``fields`` are those of no oneof."""

    name: str
    fields: list[Field] = field(default_factory=list)
    oneofs: list[OneOf] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    enums: list[Enum] = field(default_factory=list)
    options: list[Option] = field(default_factory=list)
    reserved: list[list[Range | str]] = field(default_factory=list)
    extensions: list[Extensions] = field(default_factory=list)
    extends: list[Extend] = field(default_factory=list)

    @property
    def is_map_entry(self) -> bool:
        """Whether it is marked as the entry of a map."""
        return any(each.name == "map_entry" and each.value == "true" for each in self.options)


@dataclass(slots=True)
class Rpc:
    """One call of a service."""

    name: str
    request: str
    response: str
    streams_request: bool = False
    streams_response: bool = False
    options: list[Option] = field(default_factory=list)


@dataclass(slots=True)
class Service:
    """A service; kept for the text."""

    name: str
    rpcs: list[Rpc] = field(default_factory=list)
    options: list[Option] = field(default_factory=list)


@dataclass(slots=True)
class ProtoFile:
    """One file. ``syntax`` is None where the text says none, which means proto2."""

    syntax: Literal["proto2", "proto3"] | None = None
    package: str | None = None
    imports: list[str] = field(default_factory=list)
    public_imports: list[str] = field(default_factory=list)
    options: list[Option] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    enums: list[Enum] = field(default_factory=list)
    extends: list[Extend] = field(default_factory=list)
    services: list[Service] = field(default_factory=list)

    @property
    def is_proto3(self) -> bool:
        return self.syntax == "proto3"

    def all_imports(self) -> list[str]:
        """The files it imports, the public ones last."""
        return [*self.imports, *self.public_imports]

    def qualified(self, name: str) -> str:
        """A name of the file's own with the package in front."""
        return f"{self.package}.{name}" if self.package else name

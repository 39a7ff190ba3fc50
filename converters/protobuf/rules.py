"""What a schema registry has to know of Protobuf: canonical text, and which schemas read which.

Source: spec registry 7; Confluent's names of differences, of which those are problems that change how
bytes are read. Pure functions.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from connectkit.converters.protobuf.linked import FieldType, LinkedFile, MessageType, link
from connectkit.converters.protobuf.model import Message, ProtoFile
from connectkit.converters.protobuf.normalize import normalize
from connectkit.converters.protobuf.printer import to_text
from connectkit.converters.protobuf.texts import UNNAMED, read_text, with_references
from connectkit.converters.registry.port import Problem

_KINDS: Final = {
    **dict.fromkeys(("int32", "int64", "uint32", "uint64", "bool", "enum"), "number"),
    **dict.fromkeys(("sint32", "sint64"), "signed"),
    **dict.fromkeys(("string", "bytes"), "text"),
    **dict.fromkeys(("fixed32", "sfixed32"), "fixed32"),
    **dict.fromkeys(("fixed64", "sfixed64"), "fixed64"),
}
"""Scalars that are read as each other."""


def canonical(text: str, references: Sequence[str]) -> str:
    """The text as the registry prints it; a type that is not defined is refused."""
    return _canonical(text, references) if references else _canonical_alone(text)


@lru_cache(maxsize=32)  # who registers a text looks it up next, and each is parsed twice
def _canonical_alone(text: str) -> str:
    """The same of a text without references: these are equal where only their names differ."""
    return _canonical(text, ())


def _canonical(text: str, references: Sequence[str]) -> str:
    file, imports = with_references(text, references)
    link(file, imports)
    return to_text(read_text(text))


def normalized(text: str, references: Sequence[str]) -> str:
    """The text that schemas of the same meaning share."""
    file, imports = with_references(text, references)
    link(file, imports)
    made = normalize(file, imports)
    made.imports = [each for each in made.imports if not each.startswith(UNNAMED)]
    return to_text(made)


def problems(
    reader: str, reader_references: Sequence[str], writer: str, writer_references: Sequence[str]
) -> list[Problem]:
    """What keeps the reader from reading the writer's data; empty if nothing does."""
    new, old = _linked(reader, reader_references), _linked(writer, writer_references)
    check = _Check()
    if (new.file.package or "") != (old.file.package or ""):
        check.say("PACKAGE_CHANGED", "#/", "the package of the new schema is another")
    check.messages(new.messages, old.messages, "#/")
    check.required(new.file, new, old)
    return check.found


def _linked(text: str, references: Sequence[str]) -> LinkedFile:
    return link(*with_references(text, references))


class _Check:
    """Compares what was with what is, message by message."""

    def __init__(self) -> None:
        self.found: list[Problem] = []

    def say(self, kind: str, at: str, what: str) -> None:
        self.found.append(Problem(kind, f"At path '{at[:200]}', {what}"))

    def messages(self, new: list[MessageType], old: list[MessageType], at: str) -> None:
        by_name = {each.name: each for each in new}
        for each in old:
            place = f"{at}{each.name}"
            found = by_name.get(each.name)
            if found is None:
                self.say("MESSAGE_REMOVED", place, "the new schema lacks a message of the old one")
                continue
            self._fields(found, each, place)
            self.messages(found.messages, each.messages, f"{place}/")

    def _fields(self, new: MessageType, old: MessageType, at: str) -> None:
        now = {each.number: each for each in new.fields}
        before = {each.number: each for each in old.fields}
        self._oneofs(new, before, now, old, at)
        for number, was in before.items():
            found = now.get(number)
            if found is not None:
                self._field(found, was, f"{at}/{number}")

    def _oneofs(
        self,
        new: MessageType,
        before: dict[int, FieldType],
        now: dict[int, FieldType],
        old: MessageType,
        at: str,
    ) -> None:
        kept = {each.name for each in old.oneofs}
        for oneof in new.oneofs:
            moved = [
                each
                for each in oneof.fields
                if (was := before.get(each.number)) is not None and was.oneof is None
            ]
            place = f"{at}/{oneof.name}"
            if moved and oneof.name in kept:
                self.say("FIELD_MOVED_TO_EXISTING_ONEOF", place, "a field moved into a oneof that was there")
            elif len(moved) > 1:
                self.say("MULTIPLE_FIELDS_MOVED_TO_ONEOF", place, "several fields moved into a new oneof")
        names = {each.name for each in new.oneofs}
        for oneof in old.oneofs:
            if oneof.name in names and any(each.number not in now for each in oneof.fields):
                self.say("ONEOF_FIELD_REMOVED", f"{at}/{oneof.name}", "a field of a oneof was removed")

    def _field(self, new: FieldType, old: FieldType, at: str) -> None:
        if (new.message is None) != (old.message is None) or _is_map(new) != _is_map(old):
            self.say("FIELD_KIND_CHANGED", at, "the kind of a field changed")
        elif new.message is not None and old.message is not None:
            if _is_map(new):
                for mine, theirs in zip(new.message.fields, old.message.fields, strict=True):
                    self._field(mine, theirs, f"{at}/{mine.name}")
            elif new.message.full_name != old.message.full_name:
                self.say("FIELD_NAMED_TYPE_CHANGED", at, "a field is of another message type")
        elif _KINDS.get(new.kind, new.kind) != _KINDS.get(old.kind, old.kind):
            self.say(
                "FIELD_SCALAR_KIND_CHANGED", at, f"a field was of type {old.kind} and is now of {new.kind}"
            )
        elif new.repeated != old.repeated and _KINDS.get(new.kind) != "text":
            self.say("FIELD_NUMERIC_LABEL_CHANGED", at, "a field of numbers is repeated in one schema only")

    def required(self, file: ProtoFile, new: LinkedFile, old: LinkedFile) -> None:
        """Required fields that come or go: who does not know them fails."""
        mine, theirs = _required(file), _required(old.file)
        for name in sorted(mine ^ theirs):
            message = name.rpartition(".")[0]
            if message in new.types and message in old.types:
                came = name in mine
                self.say(
                    "REQUIRED_FIELD_ADDED" if came else "REQUIRED_FIELD_REMOVED",
                    f"#/{name}",
                    f"a required field was {'added' if came else 'removed'}",
                )


def _is_map(field: FieldType) -> bool:
    return field.repeated and field.message is not None and field.message.is_entry


def _required(file: ProtoFile) -> set[str]:
    """The full names of messages, each with the number of a required field behind it."""
    found: set[str] = set()
    pending: list[tuple[str, Message]] = [(file.qualified(each.name), each) for each in file.messages]
    while pending:
        name, message = pending.pop()
        found.update(f"{name}.{each.tag}" for each in message.fields if each.label == "required")
        pending += [(f"{name}.{inner.name}", inner) for inner in message.messages]
    return found

"""Files whose names are resolved: messages, fields and enums that know each other.

This is what schemas and codecs are made of. Linking checks what Java's descriptors check: that types are
there, that names and numbers are unique. Source: the Protocol Buffers language guide, *Packages and name
resolution*; spec registry 3.6. Pure functions.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from connectkit.converters.protobuf.known import known_file
from connectkit.converters.protobuf.model import (
    MAX_TAG,
    SCALARS,
    Enum,
    Field,
    Label,
    Message,
    OneOf,
    ProtoFile,
    Text,
    Word,
)
from connectkit.converters.protobuf.names import entry_name, is_identifier
from connectkit.errors import LimitError, SchemaError
from connectkit.limits import DEFAULT_LIMITS

_SHOWN_CHARS: Final = 80
_MAX_FILES: Final = 1000


@dataclass(slots=True, eq=False)
class EnumType:
    """An enum. ``is_closed``: numbers without a constant are unknown fields, as proto2 has it."""

    name: str
    full_name: str
    symbols: dict[str, int]
    numbers: dict[int, str]
    first: int
    is_closed: bool


@dataclass(slots=True, eq=False)
class FieldType:
    """One field. ``kind`` is a scalar's name, ``enum`` or ``message``."""

    name: str
    number: int
    kind: str
    repeated: bool
    optional: bool
    """Whether the word ``optional`` stands there."""
    required: bool
    """Whether the word ``required`` does, which a message is none without."""
    proto3: bool
    packed: bool
    params: dict[str, str]
    """What ``(confluent.field_meta)`` says."""
    message: MessageType | None = None
    enum: EnumType | None = None
    oneof: OneOfType | None = None
    default: Text | Word | None = None

    @property
    def has_presence(self) -> bool:
        """Whether unset and zero differ on the wire."""
        return not self.repeated and (
            self.optional or not self.proto3 or self.kind == "message" or self.oneof is not None
        )


@dataclass(slots=True, eq=False)
class OneOfType:
    """Fields of which one is set; ``index`` counts the message's oneofs."""

    name: str
    full_name: str
    index: int
    fields: list[FieldType] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class MessageType:
    """A message. ``fields`` has those of oneofs too."""

    name: str
    full_name: str
    proto3: bool
    fields: list[FieldType] = field(default_factory=list)
    oneofs: list[OneOfType] = field(default_factory=list)
    messages: list[MessageType] = field(default_factory=list)
    by_name: dict[str, FieldType] = field(default_factory=dict)

    @property
    def is_entry(self) -> bool:
        """Whether repeated fields of it are maps: its name and two fields decide, no option does."""
        if not self.name.endswith("Entry") or len(self.fields) != 2 or self.oneofs:
            return False
        first, second = self.fields
        return first.name == "key" and second.name == "value" and not (first.repeated or second.repeated)


@dataclass(slots=True, eq=False)
class LinkedFile:
    """A file with its messages, by full name those of the files it sees too."""

    file: ProtoFile
    messages: list[MessageType]
    types: Mapping[str, MessageType | EnumType]

    def at(self, indexes: tuple[int, ...]) -> MessageType:
        """The message at a path of message indexes."""
        messages, found = self.messages, None
        for index in indexes:
            if not 0 <= index < len(messages):
                found = None
                break
            found = messages[index]
            messages = found.messages
        if found is None:
            raise SchemaError(
                f"The message says that its type is number {'.'.join(map(str, indexes))[:_SHOWN_CHARS]} "
                "of its schema, which has none there"
            )
        return found

    def indexes(self, full_name: str) -> tuple[int, ...]:
        """The path to a message; that to the first if it is not there, as Confluent's serializer has it."""
        pending: list[tuple[tuple[int, ...], MessageType]] = [
            ((i,), each) for i, each in enumerate(self.messages)
        ]
        while pending:
            path, message = pending.pop()
            if message.full_name == full_name:
                return path
            pending.extend(((*path, i), each) for i, each in enumerate(message.messages))
        return (0,)

    @property
    def first_name(self) -> str:
        """The full name of the first message, else of the first enum: subjects are named after it."""
        for name in (each.name for kind in (self.file.messages, self.file.enums) for each in kind):
            return self.file.qualified(name)
        raise SchemaError("The Protobuf schema declares no message and no enum")


def link(file: ProtoFile, imports: Mapping[str, ProtoFile] | None = None) -> LinkedFile:
    """The file with its names resolved. ``imports`` are files by path, beside the known ones.

    An import that is missing matters only if a type of it is used. ``SchemaError`` says what is wrong.
    """
    return _Linker(imports or {}).link(file)


class _Linker:
    def __init__(self, imports: Mapping[str, ProtoFile]) -> None:
        self._imports = imports
        self._linked: dict[str, LinkedFile | None] = {}

    def link(self, file: ProtoFile) -> LinkedFile:
        order = self._order(file)
        for path in order:
            self._linked[path] = _File(self._of(path), self._linked).link()
        return _File(file, self._linked).link()

    def _of(self, path: str) -> ProtoFile:
        found = self._imports.get(path) or known_file(path)
        assert found is not None
        return found

    def _order(self, file: ProtoFile) -> list[str]:
        """All files that one imports, those that others need first."""
        found: dict[str, None] = {}
        under_way: set[str] = set()
        pending = [(path, False) for path in reversed(file.all_imports())]
        while pending:
            path, is_done = pending.pop()
            if is_done:
                found[path] = None
                under_way.discard(path)
                continue
            if path in found:
                continue
            if path in under_way:
                raise SchemaError(f"The Protobuf schema's import {path[:_SHOWN_CHARS]} imports itself")
            imported = self._imports.get(path) or known_file(path)
            if imported is None:
                continue
            if len(found) + len(under_way) > _MAX_FILES:
                raise LimitError(f"The Protobuf schema imports more than {_MAX_FILES} files")
            under_way.add(path)
            pending.append((path, True))
            pending.extend((each, False) for each in reversed(imported.all_imports()) if each not in found)
        return list(found)


class _File:
    """Links one file, whose imports are linked."""

    def __init__(self, file: ProtoFile, linked: Mapping[str, LinkedFile | None]) -> None:
        self._file = file
        self._own: dict[str, MessageType | EnumType] = {}
        self._types: dict[str, MessageType | EnumType] = {}
        self._todo: list[tuple[Field, FieldType, MessageType]] = []
        for path in file.all_imports():
            found = linked.get(path)
            if found is not None:
                self._types.update(_visible(found, linked))
        self._packages: set[str] = set()

    def link(self) -> LinkedFile:
        file = self._file
        scope = f"{file.package}." if file.package else ""
        names: set[str] = set()
        messages = [self._message(each, scope, names, 0) for each in file.messages]
        for enum in file.enums:
            self._enum(enum, scope, names)
        self._types.update(self._own)
        self._packages = packages_of(self._types)
        for source, target, owner in self._todo:
            self._resolve(source, target, owner)
        return LinkedFile(file, messages, self._types)

    # --- declarations

    def _message(self, source: Message, scope: str, names: set[str], depth: int) -> MessageType:
        if depth > DEFAULT_LIMITS.depth:
            raise LimitError("The Protobuf schema's messages are nested too deep; limit 'depth'")
        _claim(names, source.name, scope)
        made = MessageType(source.name, scope + source.name, self._file.is_proto3)
        self._own[made.full_name] = made
        inside = f"{made.full_name}."
        own: set[str] = set()
        numbers: set[int] = set()
        for field_ in source.fields:
            self._field(field_, made, None, own, numbers)
        for i, oneof in enumerate(source.oneofs):
            self._oneof(oneof, i, made, own, numbers)
        made.messages += [self._message(each, inside, own, depth + 1) for each in source.messages]
        for enum in source.enums:
            self._enum(enum, inside, own)
        return made

    def _oneof(self, source: OneOf, index: int, owner: MessageType, own: set[str], numbers: set[int]) -> None:
        _claim(own, source.name, f"{owner.full_name}.")
        if not source.fields:
            raise SchemaError(f"The Protobuf oneof {_shown(owner.full_name, source.name)} has no fields")
        made = OneOfType(source.name, f"{owner.full_name}.{source.name}", index)
        for each in source.fields:
            made.fields.append(self._field(each, owner, made, own, numbers))
        owner.oneofs.append(made)

    def _field(
        self, source: Field, owner: MessageType, oneof: OneOfType | None, own: set[str], numbers: set[int]
    ) -> FieldType:
        _claim(own, source.name, f"{owner.full_name}.")
        shown = _shown(owner.full_name, source.name)
        if source.tag <= 0:
            raise SchemaError(f"The Protobuf field {shown} has number {source.tag}; numbers begin with 1")
        if source.tag in numbers:
            raise SchemaError(f"The Protobuf field {shown} has number {source.tag}, which another has too")
        numbers.add(source.tag)
        is_map = source.key_type is not None
        made = FieldType(
            source.name,
            source.tag,
            source.type,
            repeated=is_map or source.label == "repeated",
            optional=source.label == "optional",
            required=source.label == "required",
            proto3=self._file.is_proto3,
            packed=_is_packed(source, proto3=self._file.is_proto3),
            params=field_params(source),
            oneof=oneof,
            default=source.default,
        )
        owner.fields.append(made)
        owner.by_name[made.name] = made
        if is_map:
            made.kind, made.message = "message", self._map_entry(source, owner, own)
        else:
            self._todo.append((source, made, owner))
        return made

    def _map_entry(self, source: Field, owner: MessageType, own: set[str]) -> MessageType:
        name = entry_name(source.name)
        _claim(own, name, f"{owner.full_name}.")
        assert source.key_type is not None
        entry = MessageType(name, f"{owner.full_name}.{name}", self._file.is_proto3)
        inside: set[str] = set()
        numbers: set[int] = set()
        label: Label = "" if self._file.is_proto3 else "optional"
        self._field(Field("key", source.key_type, 1, label), entry, None, inside, numbers)
        self._field(Field("value", source.type, 2, label), entry, None, inside, numbers)
        return entry

    def _enum(self, source: Enum, scope: str, names: set[str]) -> None:
        _claim(names, source.name, scope)
        full_name = scope + source.name
        if not source.values:
            raise SchemaError(f"The Protobuf enum {full_name[:_SHOWN_CHARS]} has no constants")
        symbols: dict[str, int] = {}
        numbers: dict[int, str] = {}
        for each in source.values:
            _claim(names, each.name, scope)
            symbols[each.name] = each.number
            numbers.setdefault(each.number, each.name)
        self._own[full_name] = EnumType(
            source.name,
            full_name,
            symbols,
            numbers,
            source.values[0].number,
            is_closed=not self._file.is_proto3,
        )

    # --- types

    def _resolve(self, source: Field, target: FieldType, owner: MessageType) -> None:
        if source.type in SCALARS:
            return
        found = self._find(source.type, owner.full_name)
        if found is None:
            raise SchemaError(
                f"The Protobuf field {_shown(owner.full_name, source.name)} is of type "
                f"{source.type[:_SHOWN_CHARS]}, which is not defined; is an import or a reference missing?"
            )
        if isinstance(found, EnumType):
            target.kind, target.enum = "enum", found
        else:
            target.kind, target.message, target.packed = "message", found, False

    def _find(self, name: str, scope: str) -> MessageType | EnumType | None:
        found = resolve_name(name, scope, self._types, self._packages)
        return None if found is None else self._types[found]


def resolve_name(name: str, scope: str, types: Container[str], packages: Container[str]) -> str | None:
    """The full name of a type used within a scope: in the innermost that has the name's first part."""
    if name.startswith("."):
        return name[1:] if name[1:] in types else None
    first = name.partition(".")[0]
    while True:
        begin = f"{scope}.{first}" if scope else first
        if begin in types or begin in packages:
            full = f"{scope}.{name}" if scope else name
            if full in types:
                return full
            return None  # as in other implementations, which do not look further out either
        if not scope:
            return None
        scope = scope.rpartition(".")[0]


def packages_of(names: Iterable[str]) -> set[str]:
    """All beginnings of these names, up to a dot."""
    found: set[str] = set()
    for name in names:
        parts = name.split(".")
        found.update(".".join(parts[:i]) for i in range(1, len(parts)))
    return found


def _visible(
    file: LinkedFile, linked: Mapping[str, LinkedFile | None]
) -> Iterator[tuple[str, MessageType | EnumType]]:
    """The types that an import of the file makes known: its own, and those it imports publicly."""
    pending, seen = [file], set[int]()
    while pending:
        each = pending.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        own = _own_types(each)
        yield from own.items()
        pending += [found for path in each.file.public_imports if (found := linked.get(path)) is not None]


def _own_types(linked: LinkedFile) -> dict[str, MessageType | EnumType]:
    return {name: linked.types[name] for name in declared_names(linked.file)}


def declared_names(file: ProtoFile) -> list[str]:
    """The full names of all messages and enums that a file declares."""
    found = [file.qualified(each.name) for each in file.enums]
    pending = [(file.qualified(each.name), each) for each in file.messages]
    while pending:
        name, message = pending.pop()
        found.append(name)
        found += [f"{name}.{inner.name}" for inner in message.enums]
        pending += [(f"{name}.{inner.name}", inner) for inner in message.messages]
    return found


def field_params(source: Field) -> dict[str, str]:
    """The parameters that ``(confluent.field_meta)`` gives a field."""
    found: dict[str, str] = {}
    for option in source.options:
        if option.name == "(confluent.field_meta)" and isinstance(option.value, dict):
            params = option.value.get("params")
            for each in params if isinstance(params, list) else [params]:
                if isinstance(each, dict) and isinstance(each.get("key"), Text):
                    found[str(each["key"])] = str(each.get("value", ""))
        elif option.name == "(confluent.field_meta).params" and isinstance(option.value, dict):
            found[str(option.value.get("key", ""))] = str(option.value.get("value", ""))
    return found


def _is_packed(source: Field, *, proto3: bool) -> bool:
    if source.label != "repeated" or source.type in ("string", "bytes"):
        return False
    said = next((each.value for each in source.options if each.name == "packed"), None)
    return proto3 if said is None else said == "true"


def _claim(names: set[str], name: str, scope: str) -> None:
    if not is_identifier(name):
        raise SchemaError(
            f"A Protobuf name in {scope[:_SHOWN_CHARS] or 'the schema'} is no identifier; "
            "scrub.invalid.names=true changes names that are none"
        )
    if name in names:
        raise SchemaError(f"The Protobuf name {(scope + name)[:_SHOWN_CHARS]} is defined twice")
    names.add(name)


def _shown(owner: str, name: str) -> str:
    return f"{owner}.{name}"[:_SHOWN_CHARS]


def check_numbers(message: MessageType) -> None:
    """Refuse numbers that no message on the wire can have."""
    for each in message.fields:
        if each.number > MAX_TAG:
            raise SchemaError(
                f"The Protobuf field {_shown(message.full_name, each.name)} has number {each.number}; "
                f"the largest there is on the wire is {MAX_TAG}"
            )

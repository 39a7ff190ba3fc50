"""The form that files of the same meaning share: names in full, and in order what has no order.

The order of messages stays, since messages on the wire count them. Source: spec registry 3.4 (Confluent's
``normalize.schemas``). Pure functions; the file that is given is not changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from connectkit.converters.protobuf.known import known_file
from connectkit.converters.protobuf.linked import declared_names, packages_of, resolve_name
from connectkit.converters.protobuf.model import (
    SCALARS,
    Constant,
    Enum,
    Extend,
    Field,
    Message,
    OneOf,
    Option,
    ProtoFile,
    Range,
)
from connectkit.errors import SchemaError


def normalize(file: ProtoFile, imports: Mapping[str, ProtoFile] | None = None) -> ProtoFile:
    """The file in that form; ``SchemaError`` if a field's type is not defined."""
    return _Normalizer(file, imports or {}).file()


class _Normalizer:
    def __init__(self, file: ProtoFile, imports: Mapping[str, ProtoFile]) -> None:
        self._file = file
        self._types = set(declared_names(file))
        pending, seen = file.all_imports(), set[str]()
        while pending:
            path = pending.pop()
            imported = imports.get(path) or known_file(path)
            if imported is None or path in seen:
                continue
            seen.add(path)
            self._types.update(declared_names(imported))
            pending += imported.public_imports
        self._packages = packages_of(self._types)

    def file(self) -> ProtoFile:
        file = self._file
        scope = file.package or ""
        return replace(
            file,
            syntax=file.syntax if file.is_proto3 else None,
            imports=sorted(file.imports),
            public_imports=sorted(file.public_imports),
            options=_options(file.options),
            messages=[self._message(each, scope) for each in file.messages],
            enums=[_enum(each) for each in file.enums],
            extends=[self._extend(each, scope) for each in file.extends],
        )

    def _message(self, message: Message, scope: str) -> Message:
        inside = f"{scope}.{message.name}" if scope else message.name
        entries = {each.name: each for each in message.messages if each.is_map_entry}
        return replace(
            message,
            fields=self._fields([_unfolded(each, entries) for each in message.fields], inside),
            oneofs=sorted(
                (self._oneof(each, inside) for each in message.oneofs),
                key=lambda each: each.fields[0].tag if each.fields else 0,
            ),
            groups=sorted(
                (replace(each, fields=self._fields(each.fields, inside)) for each in message.groups),
                key=lambda each: each.tag,
            ),
            messages=[self._message(each, inside) for each in message.messages if not each.is_map_entry],
            enums=[_enum(each) for each in message.enums],
            options=_options(message.options),
            reserved=_reserved(message.reserved),
            extensions=sorted(
                (replace(each, ranges=sorted(each.ranges)) for each in message.extensions),
                key=lambda each: each.ranges,
            ),
            extends=[self._extend(each, inside) for each in message.extends],
        )

    def _oneof(self, oneof: OneOf, scope: str) -> OneOf:
        return replace(oneof, fields=self._fields(oneof.fields, scope), options=_options(oneof.options))

    def _extend(self, extend: Extend, scope: str) -> Extend:
        return replace(extend, fields=self._fields(extend.fields, scope))

    def _fields(self, fields: list[Field], scope: str) -> list[Field]:
        return sorted(
            (
                replace(each, type=self._type(each.type, scope), options=_options(_said(each)), default=None)
                for each in fields
            ),
            key=lambda each: each.tag,
        )

    def _type(self, name: str, scope: str) -> str:
        if name in SCALARS:
            return name
        found = resolve_name(name, scope, self._types, self._packages)
        if found is None:
            raise SchemaError(
                f"The Protobuf type {name[:80]} is not defined; is an import or a reference missing?"
            )
        return f".{found}"


def _unfolded(field: Field, entries: Mapping[str, Message]) -> Field:
    """A field of marked entries as the map that it is."""
    entry = entries.get(field.type.rpartition(".")[2])
    if entry is None or field.label != "repeated" or len(entry.fields) != 2:
        return field
    key, value = entry.fields
    return replace(field, label="", key_type=key.type, type=value.type)


def _enum(enum: Enum) -> Enum:
    return replace(
        enum,
        values=sorted(
            (replace(each, options=_options(each.options)) for each in enum.values),
            key=lambda each: (each.number, each.name),
        ),
        options=_options(enum.options),
        reserved=_reserved(enum.reserved),
    )


def _reserved(statements: list[list[Range | str]]) -> list[list[Range | str]]:
    items = [each for statement in statements for each in statement]
    numbers: list[Range | str] = sorted(each for each in items if not isinstance(each, str))
    return [[each] for each in numbers + sorted(each for each in items if isinstance(each, str))]


def _said(field: Field) -> list[Option]:
    """A field's options with its default, which has no place of its own among them."""
    return field.options if field.default is None else [*field.options, Option("default", field.default)]


def _options(options: list[Option]) -> list[Option]:
    return sorted(
        (replace(each, value=_constant(each.value)) for each in options), key=lambda each: each.name
    )


def _constant(value: Constant) -> Constant:
    if isinstance(value, dict):
        return {name: _constant(value[name]) for name in sorted(value)}
    if isinstance(value, list):
        items = [_constant(each) for each in value]
        return items[0] if len(items) == 1 else items
    return value

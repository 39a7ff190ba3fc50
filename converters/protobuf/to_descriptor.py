"""A file as a ``FileDescriptorProto``: a schema for programs that cannot parse its text.

Options that are extensions (all but ``confluent.Meta``), groups, extensions and services are left out.
Source: spec registry 7 (``format=serialized``), 10.1; descriptor.proto of Protocol Buffers. Pure functions.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from connectkit.converters.protobuf.linked import FieldType, MessageType, link
from connectkit.converters.protobuf.meta import FIELD, MESSAGE, write_meta
from connectkit.converters.protobuf.model import Enum, Field, Message, Option, ProtoFile
from connectkit.converters.protobuf.texts import read_text, with_references

if TYPE_CHECKING:
    from google.protobuf import descriptor_pb2

_KINDS: Final = {
    "double": 1, "float": 2, "int64": 3, "uint64": 4, "int32": 5, "fixed64": 6, "fixed32": 7, "bool": 8,
    "string": 9, "message": 11, "bytes": 12, "uint32": 13, "enum": 14, "sfixed32": 15, "sfixed64": 16,
    "sint32": 17, "sint64": 18,
}  # fmt: skip
_OPTIONAL, _REQUIRED, _REPEATED = 1, 2, 3
_FLAGS: Final = ("java_multiple_files", "cc_enable_arenas")
_TEXTS: Final = (
    "java_package",
    "java_outer_classname",
    "go_package",
    "objc_class_prefix",
    "csharp_namespace",
)


def serialized(text: str, references: Sequence[str]) -> str:
    """A registered text as the base64 of its descriptor; ``SchemaError`` if it is none."""
    file, imports = with_references(text, references)
    made = to_descriptor(file, imports, imported=read_text(text).all_imports())
    return base64.b64encode(made.SerializeToString(deterministic=True)).decode()


def to_descriptor(
    file: ProtoFile, imports: Mapping[str, ProtoFile], *, imported: Sequence[str]
) -> descriptor_pb2.FileDescriptorProto:
    """The file's descriptor, with ``imported`` as the paths that it says it imports."""
    from google.protobuf import descriptor_pb2

    linked = link(file, imports)
    made = descriptor_pb2.FileDescriptorProto(
        name="default", package=file.package or "", dependency=imported, syntax=file.syntax or "proto2"
    )
    public = set(file.public_imports)
    made.public_dependency.extend(i for i, path in enumerate(imported) if path in public)
    for name in _TEXTS:
        said = _said(file.options, name)
        if said is not None:
            setattr(made.options, name, said)
    for name in _FLAGS:
        if _said(file.options, name) == "true":
            setattr(made.options, name, True)
    for source, message in zip(file.messages, linked.messages, strict=True):
        _message(made.message_type.add(), source, message)
    for enum in file.enums:
        _enum(made.enum_type.add(), enum)
    return made


def _message(proto: descriptor_pb2.DescriptorProto, source: Message, message: MessageType) -> None:
    proto.name = source.name
    if source.is_map_entry:
        proto.options.map_entry = True
    write_meta(proto.options, source.options, MESSAGE)
    for oneof in source.oneofs:
        proto.oneof_decl.add(name=oneof.name)
    synthetic: list[descriptor_pb2.FieldDescriptorProto] = []
    inside = [(each, None) for each in source.fields] + [
        (each, i) for i, oneof in enumerate(source.oneofs) for each in oneof.fields
    ]
    for field, index in sorted(inside, key=lambda pair: pair[0].tag):
        made = proto.field.add()
        _field(made, field, message.by_name[field.name])
        if index is not None:
            made.oneof_index = index
        elif field.label == "optional" and message.proto3:
            made.proto3_optional = True
            synthetic.append(made)
        if field.key_type is not None:
            _map_entry(proto.nested_type.add(), field, message.by_name[field.name])
    for made in synthetic:  # the library wants these behind the others
        made.oneof_index = len(proto.oneof_decl)
        proto.oneof_decl.add(name=f"_{made.name}")
    for inner_source, inner in zip(source.messages, message.messages, strict=True):
        _message(proto.nested_type.add(), inner_source, inner)
    for enum in source.enums:
        _enum(proto.enum_type.add(), enum)


def _map_entry(proto: descriptor_pb2.DescriptorProto, field: Field, kind: FieldType) -> None:
    assert kind.message is not None
    proto.name = kind.message.name
    proto.options.map_entry = True
    for each in kind.message.fields:
        _field(proto.field.add(), Field(each.name, each.kind, each.number), each)


def _field(proto: descriptor_pb2.FieldDescriptorProto, source: Field, field: FieldType) -> None:
    proto.name, proto.number = source.name, source.tag
    number = _KINDS[field.kind]
    proto.type = number  # type: ignore[assignment]  # the stubs' enum is no int
    if field.repeated:
        proto.label = _REPEATED  # type: ignore[assignment]
    else:
        required = source.label == "required"
        proto.label = _REQUIRED if required else _OPTIONAL  # type: ignore[assignment]
    kind = field.message or field.enum
    if kind is not None:
        proto.type_name = f".{kind.full_name}"
    if source.json_name is not None:
        proto.json_name = source.json_name
    if source.default is not None:
        proto.default_value = str(source.default)
    packed = _said(source.options, "packed")
    if packed is not None:
        proto.options.packed = packed == "true"
    if _said(source.options, "deprecated") == "true":
        proto.options.deprecated = True
    write_meta(proto.options, source.options, FIELD)


def _enum(proto: descriptor_pb2.EnumDescriptorProto, enum: Enum) -> None:
    proto.name = enum.name
    for each in enum.values:
        proto.value.add(name=each.name, number=each.number)
    if _said(enum.options, "allow_alias") == "true":
        proto.options.allow_alias = True


def _said(options: Sequence[Option], name: str) -> str | None:
    return next((each.value for each in options if each.name == name and isinstance(each.value, str)), None)

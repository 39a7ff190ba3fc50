"""A ``FileDescriptorProto`` as a :class:`ProtoFile`.

The well-known files come with the protobuf library in this form only, and a schema may be registered as
its base64. Options that a text would have are not all told: those that change data are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from connectkit.converters.protobuf.model import (
    Constant,
    Enum,
    EnumValue,
    Field,
    Label,
    Message,
    OneOf,
    Option,
    ProtoFile,
    Text,
    Word,
)
from connectkit.errors import LimitError
from connectkit.limits import DEFAULT_LIMITS

if TYPE_CHECKING:
    from google.protobuf import descriptor_pb2

_SCALARS: Final = {
    1: "double", 2: "float", 3: "int64", 4: "uint64", 5: "int32", 6: "fixed64", 7: "fixed32", 8: "bool",
    9: "string", 12: "bytes", 13: "uint32", 15: "sfixed32", 16: "sfixed64", 17: "sint32", 18: "sint64",
}  # fmt: skip
_LABELS: Final[dict[int, Label]] = {1: "optional", 2: "required", 3: "repeated"}
_GROUP: Final = 10
_QUOTED: Final = (9, 12)


def from_descriptor(proto: descriptor_pb2.FileDescriptorProto) -> ProtoFile:
    """The file that the descriptor describes."""
    file = ProtoFile("proto3" if proto.syntax == "proto3" else "proto2", proto.package or None)
    public = set(proto.public_dependency)
    for i, path in enumerate(proto.dependency):
        (file.public_imports if i in public else file.imports).append(path)
    for descriptor, value in proto.options.ListFields():
        if not descriptor.is_extension and descriptor.name != "uninterpreted_option":
            file.options.append(Option(descriptor.name, _constant(value)))
    file.messages = [_message(each, file, 0) for each in proto.message_type]
    file.enums = [_enum(each) for each in proto.enum_type]
    return file


def _message(proto: descriptor_pb2.DescriptorProto, file: ProtoFile, depth: int) -> Message:
    if depth > DEFAULT_LIMITS.depth:
        raise LimitError("The Protobuf schema's messages are nested too deep; limit 'depth'")
    message = Message(proto.name)
    oneofs = [OneOf(each.name) for each in proto.oneof_decl]
    real: set[int] = set()
    for each in proto.field:
        if each.type == _GROUP:
            continue
        field = _field(each, file)
        if each.HasField("oneof_index") and not each.proto3_optional and each.oneof_index < len(oneofs):
            real.add(each.oneof_index)
            field.label = ""
            oneofs[each.oneof_index].fields.append(field)
        else:
            message.fields.append(field)
    message.oneofs = [each for i, each in enumerate(oneofs) if i in real]
    message.messages = [_message(each, file, depth + 1) for each in proto.nested_type]
    message.enums = [_enum(each) for each in proto.enum_type]
    _add_meta(message.options, proto, "message")
    if proto.options.map_entry:
        message.options.append(Option("map_entry", Word("true")))
    ranges = [(each.start, each.end - 1) for each in proto.reserved_range]
    message.reserved = [[*ranges]] if ranges else []
    if proto.reserved_name:
        message.reserved.append([*proto.reserved_name])
    return message


def _field(proto: descriptor_pb2.FieldDescriptorProto, file: ProtoFile) -> Field:
    label = _LABELS.get(proto.label, "")
    if file.is_proto3 and label == "optional" and not proto.proto3_optional:
        label = ""
    field = Field(proto.name, _SCALARS.get(proto.type) or proto.type_name, proto.number, label)
    if proto.HasField("default_value"):
        field.default = (Text if proto.type in _QUOTED else Word)(proto.default_value)
    if proto.options.HasField("packed"):
        field.options.append(Option("packed", _constant(proto.options.packed)))
    if proto.options.deprecated:
        field.options.append(Option("deprecated", Word("true")))
    _add_meta(field.options, proto, "field")
    return field


def _add_meta(options: list[Option], proto: Any, kind: str) -> None:
    """What Confluent's extension says of a field or a message."""
    if not proto.HasField("options"):
        return
    from connectkit.converters.protobuf import meta  # it is made of files that are made here

    found = meta.read_meta(proto.options, meta.FIELD if kind == "field" else meta.MESSAGE)
    if found is not None:
        options.append(found)


def _enum(proto: descriptor_pb2.EnumDescriptorProto) -> Enum:
    enum = Enum(proto.name, [EnumValue(each.name, each.number) for each in proto.value])
    if proto.options.allow_alias:
        enum.options.append(Option("allow_alias", Word("true")))
    return enum


def _constant(value: object) -> Constant:
    if isinstance(value, str):
        return Text(value)
    return Word(str(value).lower() if isinstance(value, bool) else str(value))

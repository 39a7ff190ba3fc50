"""The protobuf library's class for a message, by which bytes are read and written.

The class is made for the wire alone: fields are called by their numbers (``f7``, oneofs ``o0``), enums are
plain integers, every single field knows whether it is set, and what the message reaches stands in one
file of its own. So names and options of a schema cannot clash with the library's rules, and zeros, defaults
and symbols are decided here. Source: spec registry 10.3; the Protocol Buffers *Encoding* page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from connectkit.converters.protobuf.known import MISSING
from connectkit.converters.protobuf.linked import FieldType, MessageType, check_numbers
from connectkit.errors import ConfigError, LimitError, SchemaError

if TYPE_CHECKING:
    from google.protobuf import descriptor_pb2

_KINDS: Final = {
    "double": 1, "float": 2, "int64": 3, "uint64": 4, "int32": 5, "fixed64": 6, "fixed32": 7, "bool": 8,
    "string": 9, "message": 11, "bytes": 12, "uint32": 13, "enum": 5, "sfixed32": 15, "sfixed64": 16,
    "sint32": 17, "sint64": 18,
}  # fmt: skip
_OPTIONAL, _REPEATED = 1, 3
_EXPANDED: Final = 2
_UNCHECKED: Final = 3
_REQUIRED: Final = 3
_MAX_MESSAGES: Final = 10_000


def message_class(message: MessageType) -> Any:
    """The class. ``SchemaError`` if the library cannot have such a message."""
    try:
        from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
    except ImportError as error:
        raise ConfigError(MISSING) from error
    file = descriptor_pb2.FileDescriptorProto(
        name="wire.proto", syntax="editions", edition=descriptor_pb2.EDITION_2023
    )
    names: dict[int, str] = {id(message): "m0"}
    pending = [message]
    while pending:
        each = pending.pop()
        check_numbers(each)
        for inner in _add(file.message_type.add(name=names[id(each)]), each, names):
            if len(names) > _MAX_MESSAGES:
                raise LimitError(f"The Protobuf message consists of more than {_MAX_MESSAGES} types")
            pending.append(inner)
    try:
        pool = descriptor_pool.DescriptorPool()
        pool.Add(file)
        return message_factory.GetMessageClass(pool.FindMessageTypeByName("m0"))
    except (TypeError, KeyError, ValueError) as error:
        raise SchemaError(
            f"The Protobuf message {message.full_name[:80]} has field numbers that Protobuf does not allow"
        ) from error


def _add(
    proto: descriptor_pb2.DescriptorProto, message: MessageType, names: dict[int, str]
) -> list[MessageType]:
    """Describe a message; returns those in it that were not met before."""
    new: list[MessageType] = []
    for oneof in message.oneofs:
        proto.oneof_decl.add(name=f"o{oneof.index}")
    for field in message.fields:
        made = proto.field.add(
            name=f"f{field.number}",
            number=field.number,
            type=_KINDS[field.kind],
            label=_REPEATED if field.repeated else _OPTIONAL,
        )
        if field.oneof is not None:
            made.oneof_index = field.oneof.index
        if field.message is not None:
            name = names.get(id(field.message))
            if name is None:
                name = names[id(field.message)] = f"m{len(names)}"
                new.append(field.message)
            made.type_name = f".{name}"
        _encoding(made, field)
    return new


def has_required(message: MessageType) -> bool:
    """Whether fields of a message, or of messages in it, are required."""
    seen = {id(message)}
    pending = [message]
    while pending:
        for field in pending.pop().fields:
            if field.required:
                return True
            if field.message is not None and id(field.message) not in seen:
                seen.add(id(field.message))
                pending.append(field.message)
    return False


def _encoding(made: Any, field: FieldType) -> None:
    if field.required:
        made.options.features.field_presence = _REQUIRED
    if field.repeated and not field.packed and field.kind not in ("message", "string", "bytes"):
        made.options.features.repeated_field_encoding = _EXPANDED
    if field.kind == "string" and not field.proto3:
        made.options.features.utf8_validation = _UNCHECKED

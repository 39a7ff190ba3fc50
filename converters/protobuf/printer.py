"""The text of a ``.proto`` file as Confluent's registry keeps it: one text for one file.

Source: spec registry 3.4; the layout of Square's wire-schema as Confluent's client prints it. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from connectkit.converters.protobuf.model import (
    MAX_TAG,
    Constant,
    Enum,
    Extend,
    Extensions,
    Field,
    Group,
    Message,
    OneOf,
    Option,
    ProtoFile,
    Range,
    Rpc,
    Service,
    Text,
)

_ESCAPES: Final = str.maketrans(
    {
        "\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v",
        "\\": "\\\\", "'": "\\'", '"': '\\"',
    }
)  # fmt: skip


def to_text(file: ProtoFile) -> str:
    """The text. Each blank line inside of a body carries the indentation of the body around it."""
    out: list[str] = []
    if file.syntax is not None:
        out.append(f'syntax = "{file.syntax}";\n')
    if file.package is not None:
        out.append(f"package {file.package};\n")
    sections = [
        [f'import "{each}";\n' for each in file.imports]
        + [f'import public "{each}";\n' for each in file.public_imports],
        [f"option {_option(each)};\n" for each in file.options],
        [*map(_message, file.messages), *map(_enum, file.enums)],
        [_extend(each) for each in file.extends],
        [_service(each) for each in file.services],
    ]
    for section in sections:
        if section:
            out += ["\n", *section]
    return "".join(out)


def _indented(text: str) -> str:
    return "".join(f"  {line}\n" for line in text.removesuffix("\n").split("\n"))


def _body(head: str, sections: Iterable[list[str]]) -> str:
    """A block of sections, a blank line between each two."""
    found = [_indented("".join(section)) for section in sections if section]
    inside = "\n".join(found)
    return f"{head} {{\n{inside}}}\n" if found else f"{head} {{}}\n"


def _message(message: Message) -> str:
    return _body(
        f"message {message.name}",
        [
            [_reserved(each) for each in message.reserved],
            [f"option {_option(each)};\n" for each in message.options],
            [_field(each) for each in message.fields],
            [_oneof(each) for each in message.oneofs],
            [_group(each) for each in message.groups],
            [_extensions(each) for each in message.extensions],
            [_extend(each) for each in message.extends],
            [*map(_message, message.messages), *map(_enum, message.enums)],
        ],
    )


def _field(field: Field) -> str:
    label = f"{field.label} " if field.label else ""
    kind = field.type if field.key_type is None else f"map<{field.key_type}, {field.type}>"
    return f"{label}{kind} {field.name} = {field.tag}{_bracketed(field.all_options())};\n"


def _oneof(oneof: OneOf) -> str:
    return _body(
        f"oneof {oneof.name}",
        [
            [f"option {_option(each)};\n" for each in oneof.options],
            [_field(each) for each in oneof.fields],
            [_group(each) for each in oneof.groups],
        ],
    )


def _group(group: Group) -> str:
    label = f"{group.label} " if group.label else ""
    body = _indented("".join(map(_field, group.fields))) if group.fields else ""
    return f"{label}group {group.name} = {group.tag} {{\n{body}}}\n"


def _enum(enum: Enum) -> str:
    lines = [_reserved(each) for each in enum.reserved]
    lines += [f"option {_option(each)};\n" for each in enum.options]
    lines += [f"{each.name} = {each.number}{_bracketed(each.options)};\n" for each in enum.values]
    body = _indented("".join(lines)) if lines else ""
    return f"enum {enum.name} {{\n{body}}}\n"


def _extend(extend: Extend) -> str:
    body = _indented("".join(map(_field, extend.fields))) if extend.fields else ""
    return f"extend {extend.name} {{\n{body}}}\n"


def _extensions(extensions: Extensions) -> str:
    return f"extensions {', '.join(map(_range, extensions.ranges))}{_bracketed(extensions.options)};\n"


def _reserved(items: list[Range | str]) -> str:
    shown = [f'"{each}"' if isinstance(each, str) else _range(each) for each in items]
    return f"reserved {', '.join(shown)};\n"


def _range(found: Range) -> str:
    first, last = found
    if first == last:
        return str(first)
    return f"{first} to {'max' if last == MAX_TAG else last}"


def _service(service: Service) -> str:
    sections = [
        [f"option {_option(each)};\n" for each in service.options],
        [_rpc(each) for each in service.rpcs],
    ]
    return _body(f"service {service.name}", sections)


def _rpc(rpc: Rpc) -> str:
    request = f"{'stream ' if rpc.streams_request else ''}{rpc.request}"
    response = f"{'stream ' if rpc.streams_response else ''}{rpc.response}"
    head = f"rpc {rpc.name} ({request}) returns ({response})"
    if not rpc.options:
        return f"{head};\n"
    body = _indented("".join(f"option {_option(each)};\n" for each in rpc.options))
    return f"{head} {{\n{body}}};\n"


# --- options


def _bracketed(options: list[Option]) -> str:
    if not options:
        return ""
    if len(options) == 1:
        return f" [{_option(options[0])}]"
    items = ",\n".join(map(_option, options))
    return f" [\n{_indented(items)}]"


def _option(option: Option) -> str:
    return f"{option.name} = {_constant(option.value)}"


def _constant(value: Constant) -> str:
    if isinstance(value, Text):
        return f'"{value.translate(_ESCAPES)}"'
    if isinstance(value, dict):
        items = ",\n".join(f"{name}: {_constant(each)}" for name, each in value.items())
        return f"{{\n{_indented(items) if items else ''}}}"
    if isinstance(value, list):
        items = ",\n".join(map(_constant, value))
        return f"[\n{_indented(items) if items else ''}]"
    return str(value)

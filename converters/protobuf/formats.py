"""The form in which a made file is registered (``schema.format``).

Source: spec registry 3.1. Pure functions.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from connectkit.converters.protobuf.model import Field, Message, Option, ProtoFile
from connectkit.converters.protobuf.printer import to_text
from connectkit.converters.protobuf.to_descriptor import serialized

Form = Literal["default", "ignore_extensions", "serialized"]


def registered_text(file: ProtoFile, form: Form) -> str:
    """The file's text, that without options of others, or the base64 of its descriptor."""
    if form == "serialized":
        return serialized(to_text(file), [])
    if form == "ignore_extensions":
        file = replace(
            file, options=_own(file.options), messages=[_plain(each) for each in file.messages], extends=[]
        )
    return to_text(file)


def _own(options: list[Option]) -> list[Option]:
    return [each for each in options if not each.name.startswith("(")]


def _fields(fields: list[Field]) -> list[Field]:
    return [replace(each, options=_own(each.options)) for each in fields]


def _plain(message: Message) -> Message:
    return replace(
        message,
        options=_own(message.options),
        fields=_fields(message.fields),
        oneofs=[
            replace(each, options=_own(each.options), fields=_fields(each.fields)) for each in message.oneofs
        ],
        messages=[_plain(each) for each in message.messages],
        extends=[],
    )

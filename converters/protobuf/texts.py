"""Registered texts as files, with those that they refer to.

A text is that of a ``.proto`` file, or the base64 of a ``FileDescriptorProto``, as Confluent's registry
has both. Source: spec registry 3.8. Pure functions.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from connectkit.converters.protobuf.from_descriptor import from_descriptor
from connectkit.converters.protobuf.known import known_file
from connectkit.converters.protobuf.model import ProtoFile
from connectkit.converters.protobuf.parse import parse
from connectkit.converters.registry.port import ReferredText
from connectkit.errors import SchemaError
from connectkit.limits import DEFAULT_LIMITS, Limits


def read_text(text: str, *, limits: Limits = DEFAULT_LIMITS) -> ProtoFile:
    """The file of a registered text; ``SchemaError`` says where it is none."""
    try:
        return parse(text, limits=limits)
    except SchemaError as error:
        found = _serialized(text)
        if found is None:
            raise error
        return found


def _serialized(text: str) -> ProtoFile | None:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    if not data:
        return None
    try:
        from google.protobuf import descriptor_pb2, message
    except ImportError:
        return None
    try:
        return from_descriptor(descriptor_pb2.FileDescriptorProto.FromString(data))
    except (message.DecodeError, ValueError):
        return None


UNNAMED: Final = "reference:"
"""What the path of a referred text begins with if nobody says by which path it is imported."""


def with_references(text: str, references: Sequence[str]) -> tuple[ProtoFile, Mapping[str, ProtoFile]]:
    """A file, and the files that these texts are by the paths that imports say.

    Files of texts without a path (see :class:`ReferredText`) are seen by the file and by those behind them.
    """
    imports: dict[str, ProtoFile] = {}
    for i, each in enumerate(references):
        file = _seeing(read_text(each), imports)
        names = each.names if isinstance(each, ReferredText) else ()
        for name in names or (f"{UNNAMED}{i}",):
            imports[name] = file
    return _seeing(read_text(text), imports), imports


def _seeing(file: ProtoFile, imports: Mapping[str, ProtoFile]) -> ProtoFile:
    unnamed = [path for path in imports if path.startswith(UNNAMED)]
    return replace(file, imports=[*file.imports, *unnamed]) if unnamed else file


def behind_alias(file: ProtoFile, imports: Mapping[str, ProtoFile]) -> ProtoFile:
    """The file that an empty file with one public import stands for; else the file itself."""
    seen: set[str] = set()
    while not (file.messages or file.enums or file.imports or file.extends or file.services):
        if len(file.public_imports) != 1 or file.public_imports[0] in seen:
            break
        path = file.public_imports[0]
        seen.add(path)
        found = imports.get(path) or known_file(path)
        if found is None:
            break
        file = found
    return file

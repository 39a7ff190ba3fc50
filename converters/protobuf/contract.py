"""Protobuf messages as the rules of data contracts see them, walked as confluent-kafka walks them.

The classes are made of the schema with its own names and options, since rules say names and tags; the
converter's own reading and writing have classes of numbers only. Source: spec registry 6.5, 10.3.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from connectkit.converters.protobuf.known import known_file
from connectkit.converters.protobuf.model import ProtoFile
from connectkit.converters.protobuf.texts import with_references
from connectkit.converters.protobuf.to_descriptor import to_descriptor
from connectkit.errors import ConfigError, SchemaError

_MAX_FILES = 1000


class ProtobufNative:
    """The values of one message; see :class:`~connectkit.converters.registry.rules.stages.Native`."""

    tags = None  # each field has its own beside it

    def __init__(self, text: str, references: Sequence[str], message: str) -> None:
        try:
            from confluent_kafka.schema_registry.common.protobuf import transform, validate_message
            from google.protobuf import json_format
            from google.protobuf.descriptor_pool import DescriptorPool
            from google.protobuf.message_factory import GetMessageClass
        except ImportError as exc:
            raise ConfigError(
                "Rules of Protobuf schemas need the extra 'rules' of kafka-connectkit, which is not installed"
            ) from exc
        file, imports = with_references(text, references)
        self._pool = DescriptorPool()
        try:
            self._add("default", file, dict(imports), [])
            self._descriptor: Any = self._pool.FindMessageTypeByName(message)
        except (TypeError, KeyError) as exc:
            raise SchemaError(
                f"The Protobuf message {message[:80]} is not one that rules can be executed on"
            ) from exc
        self._class: Any = GetMessageClass(self._descriptor)
        self._json: Any = json_format
        self._transform: Any = transform
        self._validate: Any = validate_message

    def _add(self, path: str, file: ProtoFile, imports: dict[str, ProtoFile], above: list[str]) -> None:
        """Add a file to the pool, those that it imports first."""
        if path in above or len(above) > _MAX_FILES:
            raise SchemaError("The Protobuf file imports itself")
        for each in file.all_imports():
            if self._has(each):
                continue
            found = imports.get(each) or known_file(each)
            if found is not None:
                self._add(each, found, imports, [*above, path])
        made = to_descriptor(file, imports, imported=[each for each in file.all_imports() if self._has(each)])
        made.name = path
        self._pool.Add(made)

    def _has(self, path: str) -> bool:
        try:
            self._pool.FindFileByName(path)
        except KeyError:
            return False
        return True

    def read(self, payload: bytes) -> Any:
        return self._class.FromString(payload)

    def write(self, value: Any) -> bytes:
        data: bytes = value.SerializePartialToString(deterministic=True)
        return data

    def walk(self, context: Any, function: Any, value: Any) -> Any:
        return self._transform(context, self._descriptor, value, function)

    def plain(self, value: Any) -> Any:
        return self._json.MessageToDict(
            value,
            always_print_fields_with_no_presence=True,
            preserving_proto_field_name=True,
            descriptor_pool=self._pool,
        )

    def from_plain(self, value: Any) -> Any:
        return self._json.ParseDict(value, self._class(), descriptor_pool=self._pool)

    def violations(self, executor: Any, value: Any) -> list[Any]:
        found: list[Any] = self._validate(executor, self._descriptor, value)
        return found

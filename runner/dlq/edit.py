"""Mends dead letters on their way back: a chain of transforms, read from a file as a connector has it.

The file holds ``transforms``, ``predicates`` and their options, and may name the converters that read and
write keys and values (``key.converter``, ``value.converter`` with options, else the worker's). Used by one
thread.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from connectkit.api import Converter, RawHeaders
from connectkit.errors import ConfigError
from connectkit.plugin import Registry
from connectkit.record import SourceRecord
from connectkit.runner.chain import Chain
from connectkit.runner.configs.files import read_config_file
from connectkit.runner.dlq import context
from connectkit.runner.dlq.letters import Letter
from connectkit.runner.log.api import OutRecord
from connectkit.runner.registry_url import with_registry
from connectkit.runner.variables import make_resolver


class Edit:
    """The chain of one replay."""

    def __init__(self, config: Mapping[str, Any], defaults: Mapping[str, str], registry: Registry) -> None:
        if not config.get("transforms"):
            raise ConfigError(
                problems={
                    "transforms": ["is required in the file of --edit: it lists the transforms to apply"]
                }
            )
        self._chain = Chain.build(config, registry)
        bootstrap = defaults["bootstrap.servers"]
        self._key = _converter("key", {**defaults, **config}, bootstrap, registry)
        self._value = _converter("value", {**defaults, **config}, bootstrap, registry)
        self._header = registry.create("header_converter", "SimpleHeaderConverter", {})

    def apply(self, letter: Letter, topic: str) -> list[OutRecord]:
        """What is to be written in its place; none if the chain drops it. Any error of a plugin comes out."""
        message = letter.message
        own = context.without(message.headers())
        key = self._key.to_connect_data(topic, message.key(), own)
        value = self._value.to_connect_data(topic, message.value(), own)
        record = SourceRecord(
            None, None, topic, value.schema, value.value, key_schema=key.schema, key=key.value,
            timestamp=letter.timestamp_ms,
        )  # fmt: skip
        for name, data in own:
            made = self._header.to_connect_header(topic, name, data)
            record.headers.add(name, made.value, made.schema)
        result = self._chain.apply(record)
        if result is None:
            return []
        return [self._encoded(each) for each in (result if type(result) is list else [result])]

    def _encoded(self, record: SourceRecord) -> OutRecord:
        topic = record.topic or ""
        headers: RawHeaders = [
            (h.key, self._header.from_connect_header(topic, h.key, h.schema, h.value)) for h in record.headers
        ]
        key = self._key.from_connect_data(topic, record.key_schema, record.key, headers)
        value = self._value.from_connect_data(topic, record.value_schema, record.value, headers)
        return OutRecord(topic, record.kafka_partition, key, value, record.timestamp, headers)

    def close(self) -> None:
        for each in (self._chain, self._key, self._value, self._header):
            each.close()


def read_edit(path: Path, defaults: Mapping[str, str], registry: Registry) -> Edit:
    """The chain that a file of properties or JSON describes."""
    raw = read_config_file(path).config
    return Edit(make_resolver(raw, registry).resolve(raw).config, defaults, registry)


def _converter(which: str, config: Mapping[str, Any], bootstrap: str, registry: Registry) -> Converter[Any]:
    prefix = f"{which}.converter"
    name = config.get(prefix)
    if not name:
        raise ConfigError(
            problems={prefix: [f"is required, to edit records: the converter of their {which}s"]}
        )
    options = {key[len(prefix) + 1 :]: value for key, value in config.items() if key.startswith(f"{prefix}.")}
    options = dict(with_registry(options, registry.find("converter", name).cls.config_type, bootstrap))
    made: Converter[Any] = registry.create("converter", name, options, where=prefix, is_key=which == "key")
    return made

"""``connectkit topics``: list topics, and read records through a converter."""

from __future__ import annotations

import argparse
import sys
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from connectkit.api import Converter, TopicPartition
from connectkit.errors import ConfigError, ConnectError, NotFoundError
from connectkit.plugin import plugins
from connectkit.runner.log.api import Log, Message
from connectkit.runner.log.opening import EMBEDDED, open_log
from connectkit.runner.plain_json import plain_text
from connectkit.runner.registry_url import with_registry
from connectkit.runner.standalone import DEFAULT_FOLDER, JSON_CONVERTER

_CONNECTION = ("security.protocol", "ssl.", "sasl.")


def _settings(parsed: argparse.Namespace) -> dict[str, str]:
    """The worker's settings if its file is given, with the address of the command line before it."""
    settings: dict[str, str] = {}
    if parsed.worker is not None:
        from connectkit.runner.configs.files import read_worker_file
        from connectkit.runner.variables import make_resolver

        raw = read_worker_file(parsed.worker).config
        resolved = make_resolver(raw, plugins).resolve(raw).config
        settings = {key: str(value) for key, value in resolved.items() if value is not None}
    if parsed.bootstrap_servers:
        settings["bootstrap.servers"] = parsed.bootstrap_servers
    settings.setdefault("bootstrap.servers", f"{EMBEDDED}{DEFAULT_FOLDER}")
    return settings


def _open(settings: Mapping[str, str]) -> Log:
    address = settings["bootstrap.servers"]
    if address.startswith(EMBEDDED) and not Path(address.removeprefix(EMBEDDED)).is_dir():
        raise NotFoundError(
            f"There is no embedded log in {address.removeprefix(EMBEDDED)}; run a worker first, or name "
            "another with --bootstrap-servers embedded:DIR or host:port"
        )
    return open_log(address)


def _client(settings: Mapping[str, str]) -> dict[str, str]:
    found = {key: value for key, value in settings.items() if key.startswith(_CONNECTION)}
    return {"bootstrap.servers": settings["bootstrap.servers"], **found}


def list_topics(parsed: argparse.Namespace) -> int:
    """Names, partitions and how many records there are to read."""
    settings = _settings(parsed)
    log = _open(settings)
    admin = log.admin(_client(settings))
    try:
        topics = admin.topics()
        if not topics:
            print(f"There are no topics in {settings['bootstrap.servers']}.")
            return 0
        width = max(map(len, topics))
        for name, info in sorted(topics.items()):
            places = [TopicPartition(name, number) for number in range(info.partitions)]
            ends, begins = admin.offsets(places), admin.offsets(places, end=False)
            count = sum(ends[place] - begins.get(place, 0) for place in ends)
            print(
                f"{name:<{width}}  {info.partitions:>3} partition{'s' if info.partitions != 1 else ' '}  "
                f"{count:>12,}"
            )
    finally:
        admin.close()
        log.close()
    return 0


class _Reader:
    """Decodes messages and prints them."""

    def __init__(self, parsed: argparse.Namespace, settings: Mapping[str, str]) -> None:
        options = dict(_pair(text) for text in parsed.option)
        self._values_only = parsed.values
        self._topic = parsed.topic
        self._value = _converter(parsed.converter, "value", settings, options)
        self._key = _converter(parsed.key_converter or parsed.converter, "key", settings, options)
        self.failed = 0

    def show(self, message: Message) -> None:
        """One JSON line; a record that does not decode is told and the next one is read."""
        place = f"{message.topic()}-{message.partition()}@{message.offset()}"
        try:
            key = self._key.to_connect_data(self._topic, message.key()).value
            value = self._value.to_connect_data(self._topic, message.value()).value
        except ConnectError as exc:
            self.failed += 1
            sys.stderr.write(f"{place}: {exc}\n")
            return
        if self._values_only:
            print(plain_text(value))
            return
        line: dict[str, Any] = {"partition": message.partition(), "offset": message.offset()}
        kind, timestamp = message.timestamp()
        if kind > 0:
            line["timestamp"] = timestamp
        line["key"] = key
        line["value"] = value
        headers = message.headers()
        if headers:
            line["headers"] = [
                [name, None if raw is None else raw.decode(errors="replace")] for name, raw in headers
            ]
        print(plain_text(line))


def _converter(
    name: str | None, which: str, settings: Mapping[str, str], options: Mapping[str, Any]
) -> Converter[Any]:
    if name is None and f"{which}.converter" in settings:
        name = settings[f"{which}.converter"]
        prefix = f"{which}.converter."
        options = {
            **{key[len(prefix) :]: value for key, value in settings.items() if key.startswith(prefix)},
            **options,
        }
    name = name or JSON_CONVERTER
    config_type = plugins.find("converter", name).cls.config_type
    options = with_registry(options, config_type, settings["bootstrap.servers"])
    made: Converter[Any] = plugins.create(
        "converter", name, options, where=f"{which}.converter", is_key=which == "key"
    )
    return made


def _pair(text: str) -> tuple[str, str]:
    key, sign, value = text.partition("=")
    if not sign:
        raise ConfigError(f"--option {text} has no '='; write --option key=value")
    return key.strip(), value.strip()


def read_topic(parsed: argparse.Namespace) -> int:
    """Print records; 2 if one could not be decoded."""
    settings = _settings(parsed)
    reader = _Reader(parsed, settings)
    log = _open(settings)
    admin = log.admin(_client(settings))
    try:
        known = admin.topics()
        if parsed.topic not in known:
            from connectkit.suggest import did_you_mean

            raise NotFoundError(
                f"There is no topic {parsed.topic} in {settings['bootstrap.servers']}"
                f"{did_you_mean(parsed.topic, known)}; connectkit topics list shows them"
            )
        places = [TopicPartition(parsed.topic, number) for number in range(known[parsed.topic].partitions)]
        ends = admin.offsets(places)
        begins = ends if parsed.latest else admin.offsets(places, end=False)
    finally:
        admin.close()
    consumer = log.consumer(
        {
            **_client(settings),
            "group.id": f"connectkit-topics-{uuid.uuid4()}",
            "enable.auto.commit": "false",
            "auto.offset.reset": "earliest",
        }
    )
    left = parsed.limit
    try:
        consumer.assign(begins)
        at = dict(begins)
        while (left is None or left > 0) and (parsed.follow or any(at[p] < ends[p] for p in places)):
            messages = consumer.consume(500 if left is None else min(left, 500), 0.5)
            for message in messages:
                reader.show(message)
            if left is not None:
                left -= len(messages)
            at = {place: consumer.position(place) for place in places}
            sys.stdout.flush()
    finally:
        consumer.close()
        log.close()
    return 2 if reader.failed else 0

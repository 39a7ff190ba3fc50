"""Prints dead letters for ``connectkit dlq show``, by the converters their bytes look like."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from importlib.metadata import entry_points
from typing import Any

from connectkit.api import Converter
from connectkit.errors import ConnectError
from connectkit.plugin import plugins
from connectkit.runner.cli.dlq import _iso, _one_line
from connectkit.runner.cli.log_access import make_converter, option_pair
from connectkit.runner.cli.sniff import SNIFFERS
from connectkit.runner.dlq import context
from connectkit.runner.dlq.letters import Letter
from connectkit.runner.plain_json import plain, plain_text
from connectkit.runner.registry_url import URL, with_registry

_BYTES = "ByteArrayConverter"


class Shower:
    """Decodes letters and prints them. Used by one thread."""

    def __init__(self, parsed: argparse.Namespace, settings: Mapping[str, str]) -> None:
        self._parsed = parsed
        self._settings = settings
        self._options = dict(option_pair(text) for text in parsed.option)
        self._made: dict[tuple[str, str], Converter[Any]] = {}
        self._sniffers = [point.load() for point in entry_points(group=SNIFFERS)]
        self.failed = 0

    def show(self, letter: Letter) -> None:
        if self._parsed.json:
            print(plain_text(self._as_json(letter)))
        else:
            print("\n".join(self._lines(letter)))

    def _lines(self, letter: Letter) -> list[str]:
        about, cause = letter.about, letter.cause
        stamp = letter.timestamp_ms
        lines = [f"{letter.where}  from {letter.origin}" + (f"  of {_iso(stamp)}" if stamp else "")]
        if about:
            lines.append(
                f"  failed   {cause.stage} in {cause.plugin}, connector {cause.connector}, "
                f"task {about.get(context.TASK, '?')}"
            )
            lines.append(f"  error    {cause.error}: {_one_line(about.get(context.MESSAGE, ''))}")
        if letter.replays:
            lines.append(f"  replays  {letter.replays}")
        if not self._parsed.no_values:
            headers = context.without(letter.message.headers())
            lines += [
                f"  header   {name} = {_text(value)}" for name, value in headers if name != context.REPLAYS
            ]
            lines.append(f"  key      {self._told('key', letter.message.key(), letter)}")
            lines.append(f"  value    {self._told('value', letter.message.value(), letter)}")
        if self._parsed.trace and context.TRACE in about:
            lines += [f"    {line}" for line in about[context.TRACE].splitlines()]
        return lines

    def _as_json(self, letter: Letter) -> dict[str, Any]:
        found: dict[str, Any] = {
            "queue": letter.message.topic(),
            "partition": letter.message.partition(),
            "offset": letter.message.offset(),
            "timestamp_ms": letter.timestamp_ms,
            "replays": letter.replays,
            "error": {k: v for k, v in letter.about.items() if self._parsed.trace or k != context.TRACE},
        }
        if not self._parsed.no_values:
            headers = context.without(letter.message.headers())
            found["headers"] = [[name, _text(value)] for name, value in headers]
            for which, data in (("key", letter.message.key()), ("value", letter.message.value())):
                value, problem = self._decoded(which, data, letter)
                found[which] = plain(value)
                if problem:
                    found[f"{which}_problem"] = problem
        return found

    def _told(self, which: str, data: bytes | None, letter: Letter) -> str:
        value, problem = self._decoded(which, data, letter)
        return f"({problem}) {_text(data)}" if problem else plain_text(value)

    def _decoded(self, which: str, data: bytes | None, letter: Letter) -> tuple[Any, str]:
        """The value, and why it could not be decoded."""
        if data is None:
            return None, ""
        try:
            converter = self._converter(which, data)
            topic = letter.about.get(context.TOPIC, letter.message.topic())
            found = converter.to_connect_data(topic, data, list(letter.message.headers() or ())).value
        except ConnectError as exc:
            self.failed += 1
            return data, _one_line(str(exc))
        return (_text(found) if isinstance(found, bytes) else found), ""

    def _converter(self, which: str, data: bytes) -> Converter[Any]:
        parsed = self._parsed
        named = parsed.converter if which == "value" else parsed.key_converter or parsed.converter
        name = sniffed = named or self._sniffed(data)
        if (which, sniffed) not in self._made:
            if named is not None:
                made = make_converter(named, which, self._settings, self._options)
            else:
                name, _, setting = name.partition(" with ")
                config_type = plugins.find("converter", name).cls.config_type
                known = config_type.definition().by_name
                options = {k: v for k, v in self._registry().items() if k in known} | self._options
                if setting:
                    options = dict([option_pair(setting)]) | options
                options = dict(with_registry(options, config_type, self._settings["bootstrap.servers"]))
                made = plugins.create("converter", name, options, is_key=which == "key")
            self._made[which, sniffed] = made
        return self._made[which, sniffed]

    def _sniffed(self, data: bytes) -> str:
        """The converter that these bytes look like, perhaps ``with`` an option, or the one that takes all."""
        options = self._registry()
        if URL not in options and self._settings["bootstrap.servers"].startswith("embedded:"):
            options = {**options, URL: self._settings["bootstrap.servers"]}
        for sniff in self._sniffers:
            found: Sequence[tuple[str, str | None, list[int]]] = sniff([data], options)
            for _, name, _ in found:
                if name is not None and " or " not in name:
                    return name
        return _BYTES

    def _registry(self) -> dict[str, str]:
        """Where schemas are, if the worker's converters or the options say so."""
        found: dict[str, str] = {}
        for which in ("key", "value"):
            prefix = f"{which}.converter."
            found |= {
                key[len(prefix) :]: value
                for key, value in self._settings.items()
                if key.startswith(f"{prefix}schema.registry.")
            }
        return found | {k: v for k, v in self._options.items() if k.startswith("schema.registry.")}

    def close(self) -> None:
        for each in self._made.values():
            each.close()


def _text(data: bytes | None) -> str | None:
    """Bytes for a person: text if they are, else hexadecimal."""
    if data is None:
        return None
    try:
        text = bytes(data).decode()
    except UnicodeDecodeError:
        return bytes(data[:200]).hex(" ")
    return text if all(each.isprintable() or each in "\n\t" for each in text) else bytes(data[:200]).hex(" ")

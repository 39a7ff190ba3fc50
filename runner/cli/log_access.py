"""What the commands that read topics share: the log that is meant, clients of it, and converters."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from connectkit.api import Converter
from connectkit.errors import ConfigError, NotFoundError
from connectkit.plugin import plugins
from connectkit.runner.configs.files import read_worker_file
from connectkit.runner.log.api import Log
from connectkit.runner.log.opening import EMBEDDED, open_log
from connectkit.runner.registry_url import with_registry
from connectkit.runner.standalone import DEFAULT_FOLDER, JSON_CONVERTER
from connectkit.runner.variables import make_resolver

_CONNECTION = ("security.protocol", "ssl.", "sasl.")
_PATIENCE_MS = "20000"
"""Somebody waits for the answer: less than a client's minute."""


def log_settings(parsed: argparse.Namespace) -> dict[str, str]:
    """The worker's settings if its file is given, with the address of the command line before it."""
    settings: dict[str, str] = {}
    if parsed.worker is not None:
        raw = read_worker_file(parsed.worker).config
        resolved = make_resolver(raw, plugins).resolve(raw).config
        settings = {key: str(value) for key, value in resolved.items() if value is not None}
    if parsed.bootstrap_servers:
        settings["bootstrap.servers"] = parsed.bootstrap_servers
    settings.setdefault("bootstrap.servers", f"{EMBEDDED}{DEFAULT_FOLDER}")
    return settings


def open_log_of(settings: Mapping[str, str]) -> Log:
    """The log that the settings name; ``NotFoundError`` for an embedded one that nobody has made."""
    address = settings["bootstrap.servers"]
    if address.startswith(EMBEDDED) and not Path(address.removeprefix(EMBEDDED)).is_dir():
        raise NotFoundError(
            f"There is no embedded log in {address.removeprefix(EMBEDDED)}; run a worker first, or name "
            "another with --bootstrap-servers embedded:DIR or host:port"
        )
    return open_log(address)


def client_of(settings: Mapping[str, str]) -> dict[str, str]:
    """Of these settings, what every client of the log needs."""
    found = {key: value for key, value in settings.items() if key.startswith(_CONNECTION)}
    return {
        "bootstrap.servers": settings["bootstrap.servers"],
        "default.api.timeout.ms": _PATIENCE_MS,
        **found,
    }


def make_converter(
    name: str | None, which: str, settings: Mapping[str, str], options: Mapping[str, Any]
) -> Converter[Any]:
    """The converter of keys or values (``which``) by its name, else the worker's, else JSON."""
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


def option_pair(text: str) -> tuple[str, str]:
    """What ``--option KEY=VALUE`` says."""
    key, sign, value = text.partition("=")
    if not sign:
        raise ConfigError(f"--option {text} has no '='; write --option key=value")
    return key.strip(), value.strip()

"""Reads configuration files: a worker's properties, and a connector's properties or JSON.

A connector's file is told by what is in it, not by its name (spec runtime 2.1): a JSON object of texts,
a JSON object ``{"name", "config", "initial_state"}`` as REST takes it, or Java properties. Every mistake
is a ``ConfigError`` of one sentence with the file and, where there is one, the line. A key that stands
twice is refused in JSON; in properties the last one counts, as in Java, and there is a warning.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from connectkit.errors import ConfigError
from connectkit.properties import describe_duplicates, load_bytes
from connectkit.suggest import shortened

MAX_BYTES = 4 * 1024 * 1024
STATES = ("RUNNING", "PAUSED", "STOPPED")


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """What a file says. Texts are as they stand there, variables unresolved."""

    path: Path
    config: dict[str, str | None]
    warnings: list[str] = field(default_factory=list)
    """Whole sentences."""
    initial_state: str = "RUNNING"

    @property
    def name(self) -> str:
        """The connector's name (a worker's file has none)."""
        return self.config.get("name") or ""


def read_worker_file(path: str | os.PathLike[str]) -> ConfigFile:
    """A worker's file, which is Java properties."""
    path = Path(path)
    data = _read(path)
    if data.lstrip()[:1] == b"{":
        raise ConfigError(f"{path} holds JSON, but a worker's file is properties (key=value lines).")
    return _properties(path, data)


def read_connector_file(path: str | os.PathLike[str]) -> ConfigFile:
    """A connector's file; it must have a ``name``."""
    path = Path(path)
    found = read_config_file(path)
    if not (found.config.get("name") or "").strip():
        raise ConfigError(
            f'{path} has no name: a connector\'s file needs a line name=… (or a "name" in JSON).'
        )
    return found


def read_config_file(path: Path) -> ConfigFile:
    """A connector's file or a part of one: properties or JSON, whatever it is named."""
    data = _read(path)
    found = _json(path, data) if data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[") else None
    return found or _properties(path, data)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError as exc:
        raise ConfigError(f"{path} does not exist.") from exc
    except IsADirectoryError as exc:
        raise ConfigError(f"{path} is a folder, and a configuration file is wanted.") from exc
    except (OSError, ValueError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "its name is not one of a file"
        raise ConfigError(f"{path} cannot be read: {reason}.") from exc
    if len(data) > MAX_BYTES:
        raise ConfigError(f"{path} is larger than {MAX_BYTES // 1024**2} MiB: this is no configuration file.")
    if not data.strip():
        raise ConfigError(f"{path} is empty.")
    return data


def _properties(path: Path, data: bytes) -> ConfigFile:
    found = load_bytes(data, where=str(path))
    if not found.values:
        raise ConfigError(f"{path} has nothing but comments.")
    warnings = [f"{path}: {sentence}." for sentence in describe_duplicates(found)]
    return ConfigFile(path, dict(found.values), warnings)


def _json(path: Path, data: bytes) -> ConfigFile:
    try:
        parsed = json.loads(
            data.decode("utf-8-sig"),
            object_pairs_hook=lambda pairs: _unique(path, pairs),
            parse_int=str,
            parse_float=str,
            parse_constant=lambda text: _no_constant(path, text),
        )
    except UnicodeDecodeError as exc:
        line = data.count(b"\n", 0, exc.start) + 1
        raise ConfigError(f"{path} has a byte in line {line} that is not UTF-8: save it as UTF-8.") from exc
    except json.JSONDecodeError as exc:
        raise ConfigError(
            f"{path} is not valid JSON in line {exc.lineno}, column {exc.colno}: {exc.msg}."
        ) from exc
    except RecursionError as exc:
        raise ConfigError(f"{path} is nested too deeply for a configuration.") from exc
    if not isinstance(parsed, dict):
        raise ConfigError(f"{path} holds a JSON list, but a connector is an object of keys and texts.")
    return _request(path, parsed) if isinstance(parsed.get("config"), dict) else _flat(path, parsed)


def _flat(path: Path, parsed: Mapping[str, Any]) -> ConfigFile:
    return ConfigFile(path, _texts(path, parsed))


def _request(path: Path, parsed: Mapping[str, Any]) -> ConfigFile:
    """The form that REST takes: name, config and initial_state."""
    name = parsed.get("name")
    if not isinstance(name, str) or not name.strip():
        raise ConfigError(f'{path} has a "config" but no "name" beside it.')
    config = _texts(path, parsed["config"])
    inner = config.setdefault("name", name)
    if inner != name:
        raise ConfigError(
            f"{path} names the connector '{shortened(name)}', but '{shortened(str(inner))}' within its"
            f" config: leave one of them out."
        )
    state = parsed.get("initial_state")
    state = "RUNNING" if state is None else str(state).upper()
    if state not in STATES:
        raise ConfigError(f'{path} has an "initial_state" that is not one of {", ".join(STATES)}.')
    unknown = [key for key in parsed if key not in ("name", "config", "initial_state")]
    warnings = [f"{path}: {shortened(key)} has no effect beside name and config." for key in unknown]
    return ConfigFile(path, config, warnings, state)


def _texts(path: Path, parsed: Mapping[str, Any]) -> dict[str, str | None]:
    texts: dict[str, str | None] = {}
    for key, value in parsed.items():
        if isinstance(value, bool):
            texts[key] = "true" if value else "false"
        elif value is None or isinstance(value, str):
            texts[key] = value
        else:
            kind = "an object" if isinstance(value, dict) else "a list"
            raise ConfigError(
                f"{path} gives {kind} for {shortened(key)}, but every option is a text: write lists with"
                f' commas ("a,b"), and options of options with dots ("transforms.x.type").'
            )
    return texts


def _unique(path: Path, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ConfigError(f"{path} has the key {shortened(key)} twice: take one of them out.")
        found[key] = value
    return found


def _no_constant(path: Path, text: str) -> str:
    raise ConfigError(f"{path} holds {text}, which is not JSON.")

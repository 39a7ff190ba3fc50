"""The built-in config providers: values from files, directories and the environment, as allow-listed.

Unlike Kafka's, none of them reads anything that the worker's file does not allow: ``file`` and
``directory`` need ``param.allowed.paths``, ``env`` needs ``param.allowlist.pattern``. A file is read only
if it is, all links followed, a regular file below an allowed path and at most 1 MiB; it is opened from
there folder by folder without following a link, so that nothing can be swapped in between, and without
waiting, so that a pipe cannot hold the worker up. Messages name the place, never what is in it.
Source: runtime 1.8, reliability S3. Thread-safe: they hold no state but their configuration.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final

from connectkit.api import ConfigData, ConfigProvider
from connectkit.checks import non_empty_list
from connectkit.config import HIGH, Config, option
from connectkit.errors import ConfigError
from connectkit.properties import load_bytes
from connectkit.suggest import shortened

MAX_BYTES: Final = 1024 * 1024
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY


def _absolute_paths(paths: list[str]) -> str | None:
    for path in paths:
        if not os.path.isabs(path):
            return "must hold absolute paths only"
        if "\0" in path or not Path(path).exists():
            return f"must hold existing paths only, and '{shortened(path)}' does not exist"
    return None


class PathsConfig(Config):
    """What the providers that read files are told."""

    allowed_paths: list[str] = option(
        doc="The folders (or files) that may be read, all that is below them included; absolute paths.",
        check=(non_empty_list, _absolute_paths),
        importance=HIGH,
    )


class EnvConfig(Config):
    """What the provider of environment variables is told."""

    allowlist_pattern: re.Pattern[str] = option(
        doc="Only variables whose whole name this regular expression matches may be read.",
        importance=HIGH,
    )


class FileConfigProvider(ConfigProvider[PathsConfig]):
    """``${file:/path/to.properties:key}``: a key of a Java properties file."""

    java_names = ("org.apache.kafka.common.config.provider.FileConfigProvider",)

    def get(self, path: str, keys: Collection[str]) -> ConfigData:
        where = f"'{shortened(path)}'"
        data = read_allowed(path, self.config.allowed_paths)
        if data is None:
            raise ConfigError(f"{where} does not exist")
        values = load_bytes(data, where=where).values
        return ConfigData({key: values[key] for key in keys if key in values})


class DirectoryConfigProvider(ConfigProvider[PathsConfig]):
    """``${directory:/path:name}``: the whole content of the file ``name`` in a folder, as UTF-8."""

    java_names = ("org.apache.kafka.common.config.provider.DirectoryConfigProvider",)

    def get(self, path: str, keys: Collection[str]) -> ConfigData:
        found: dict[str, str] = {}
        for key in keys:
            if not key or "/" in key or key in (".", ".."):
                raise ConfigError(f"'{shortened(key)}' is not the name of a file in '{shortened(path)}'")
            data = read_allowed(f"{path}/{key}", self.config.allowed_paths)
            if data is None:
                continue
            try:
                found[key] = data.decode("utf-8")
            except UnicodeDecodeError as exc:
                raise ConfigError(f"'{shortened(key)}' in '{shortened(path)}' is not UTF-8") from exc
        return ConfigData(found)


class EnvVarConfigProvider(ConfigProvider[EnvConfig]):
    """``${env:NAME}``: an environment variable, as it was when the worker started."""

    java_names = ("org.apache.kafka.common.config.provider.EnvVarConfigProvider",)

    def __init__(self, config: EnvConfig, *, environ: Mapping[str, str] | None = None) -> None:
        super().__init__(config)
        self._environ = dict(os.environ if environ is None else environ)

    def get(self, path: str, keys: Collection[str]) -> ConfigData:
        if path:
            raise ConfigError("environment variables have no path: write ${env:NAME}")
        for key in keys:
            if not self.config.allowlist_pattern.fullmatch(key):
                raise ConfigError(f"the variable '{shortened(key)}' is not one that allowlist.pattern allows")
        return ConfigData({key: self._environ[key] for key in keys if key in self._environ})


def read_allowed(path: str, allowed: Collection[str]) -> bytes | None:
    """The content of a file below one of the allowed paths; None if there is no such file.

    ``ConfigError`` if the path leads elsewhere, is no regular file, cannot be read or is over 1 MiB.
    """
    shown = f"'{shortened(path)}'"
    if not path or "\0" in path or not os.path.isabs(path):
        raise ConfigError(f"{shown} is not an absolute path")
    roots = [Path(root) for root in allowed]
    if not any(_below(Path(os.path.normpath(path)), root) for root in roots):
        raise ConfigError(f"{shown} is not below any of allowed.paths")
    try:
        real = Path(os.path.realpath(path, strict=True))
        root = next((r for each in roots if _below(real, r := each.resolve())), None)
        if root is None:
            raise ConfigError(f"{shown} leads by a link to a place that is not below any of allowed.paths")
        return _read_below(root, real, shown)
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise ConfigError(f"{shown} cannot be read: {exc.strerror}") from exc


def _below(path: Path, root: Path) -> bool:
    return path == root or root in path.parents


def _read_below(root: Path, real: Path, shown: str) -> bytes:
    """Open folder by folder from the root, following no link, and read a bounded regular file."""
    if real == root:
        fd = os.open(real, _FILE)
    else:
        fd = os.open(root, _FOLDER)
        for number, part in enumerate(parts := real.relative_to(root).parts, 1):
            try:
                inner = os.open(part, _FILE if number == len(parts) else _FOLDER, dir_fd=fd)
            finally:
                os.close(fd)
            fd = inner
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise ConfigError(f"{shown} is not a regular file")
        with os.fdopen(fd, "rb", closefd=False) as file:
            data = file.read(MAX_BYTES + 1)
    finally:
        os.close(fd)
    if len(data) > MAX_BYTES:
        raise ConfigError(f"{shown} is larger than {MAX_BYTES // 1024} KiB")
    return data

"""A folder that keeps a standalone worker's connectors from start to start (``state.dir``).

One file a connector, JSON that a person can read: its configuration as it was given (placeholders
unresolved), where it came from, and whether it shall run. Files are for their owner only and replaced as a
whole, so one is either the old or the new. Kafka's standalone worker forgets what REST created.

A connector that a file on the command line names has that file's configuration; of it only the target
state is kept. A file here that cannot be read is told of and left as it is: the others are restored.

A folder has one worker at a time: a second one would run all its connectors once more, and write each
record twice. The lock goes with the process, however that ends.
Threads: the herder calls in the connector's turn; two connectors never share a file.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import logging
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from connectkit.errors import ConfigError, ConnectError
from connectkit.runner.configs.worker import WorkerConfig
from connectkit.runner.control import Target
from connectkit.runner.log.opening import EMBEDDED
from connectkit.runner.offset_file import replace

log = logging.getLogger(__name__)

FORMAT: Final = "connectkit-connector"
VERSION: Final = 1
_NAME_CHARS: Final = 80


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of one connector."""

    name: str
    config: Mapping[str, str | None]
    target: Target
    from_file: bool
    """It was named on the command line, and is forgotten when that no longer names it."""


class StateFolder:
    """The connectors that are kept in a folder."""

    def __init__(self, path: Path) -> None:
        """Make the folder if need be; ``ConfigError`` if it cannot be made, or is open to others."""
        self._path = path
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            found = path.stat()
        except OSError as exc:
            raise _wrong(f"names the folder {path}, which cannot be made ({exc.strerror})") from exc
        if not stat.S_ISDIR(found.st_mode):
            raise _wrong(f"names {path}, which is no folder")
        if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH) or found.st_uid not in (os.geteuid(), 0):
            raise _wrong(
                f"names the folder {path}, in which others may write: who can do that could add connectors;"
                " chmod 700 it, or name another"
            )
        self._lock_file: int | None = None

    def take(self) -> None:
        """Keep other workers out until ``release``; ``ConfigError`` if one has it already."""
        path = self._path / "lock"
        try:
            self._lock_file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            self.release()
            owner = ""
            with contextlib.suppress(OSError):
                owner = path.read_text("ascii", "replace").strip()
            raise _wrong(
                f"names the folder {self._path}, which another worker"
                f"{f' (process {owner})' if owner.isdecimal() else ''} has: both would run its connectors;"
                " stop that one, or give this one an offset.storage.file.filename or a state.dir of its own"
            ) from exc
        except OSError:
            return  # some file systems have no locks; what cannot be written shows when a connector is kept
        with contextlib.suppress(OSError):
            os.ftruncate(self._lock_file, 0)
            os.pwrite(self._lock_file, str(os.getpid()).encode(), 0)

    def release(self) -> None:
        """Let another worker have the folder; harmless when repeated."""
        if self._lock_file is not None:
            os.close(self._lock_file)
            self._lock_file = None

    def load(self) -> list[Kept]:
        """All that are kept, by name."""
        found = []
        for path in sorted(self._path.glob("*.json")):
            try:
                found.append(_parsed(path.read_bytes()))
            except (OSError, ValueError, RecursionError) as exc:
                reason = exc.strerror if isinstance(exc, OSError) else "it is damaged, or of another version"
                log.error("The connector kept in %s is not restored: %s", path, reason)  # noqa: TRY400
        for stale in self._path.glob(".*.tmp"):  # of a writer that was killed
            if stale.name.split(".")[-2] != str(os.getpid()):  # not of one that is just writing
                stale.unlink(missing_ok=True)
        return sorted(found, key=lambda kept: kept.name)

    def keep(self, kept: Kept) -> None:
        """Write one; ``ConnectError`` if that fails, and what was kept before still is."""
        content = {
            "format": FORMAT,
            "version": VERSION,
            "name": kept.name,
            "target": kept.target.value,
            "from_file": kept.from_file,
            "config": dict(kept.config),
        }
        data = json.dumps(content, indent=2).encode() + b"\n"
        try:
            replace(self._file(kept.name), data)
        except OSError as exc:
            raise ConnectError(
                f"Connector {kept.name} cannot be kept in {self._path} ({exc.strerror}), so nothing was"
                " changed; free space there or mend its rights"
            ) from exc

    def forget(self, name: str) -> None:
        """Take one away."""
        try:
            self._file(name).unlink(missing_ok=True)
        except OSError as exc:
            raise ConnectError(
                f"Connector {name} cannot be taken out of {self._path} ({exc.strerror}), so nothing was"
                " changed"
            ) from exc

    def _file(self, name: str) -> Path:
        """Readable as far as it goes, and different for different names."""
        mark = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:12]
        shown = quote(name, safe="", errors="replace").replace(".", "%2E")[:_NAME_CHARS]
        return self._path / f"{shown}-{mark}.json"


def open_state(config: WorkerConfig) -> StateFolder | None:
    """The folder that the worker's configuration says; None if there is none."""
    if config.state_dir is not None:
        return StateFolder(Path(config.state_dir)) if config.state_dir else None
    if config.offset_storage_file_filename is not None:
        return StateFolder(Path(f"{config.offset_storage_file_filename}.connectors"))
    if config.bootstrap.startswith(EMBEDDED):
        return StateFolder(Path(config.bootstrap.removeprefix(EMBEDDED)) / "connectors")
    log.warning("Connectors created over REST are gone with the process: name a folder for them in state.dir")
    return None


def _parsed(data: bytes) -> Kept:
    found: Any = json.loads(data)
    if not isinstance(found, dict) or (found.get("format"), found.get("version")) != (FORMAT, VERSION):
        raise ValueError("no connector of this version")
    name, config = found.get("name"), found.get("config")
    if not isinstance(name, str) or not isinstance(config, dict):
        raise ValueError("no name or no config")  # noqa: TRY004 - the file is damaged
    if not all(value is None or isinstance(value, str) for value in config.values()):
        raise ValueError("a config of other things than texts")
    return Kept(name, config, Target(found.get("target")), found.get("from_file") is True)


def _wrong(sentence: str) -> ConfigError:
    return ConfigError(problems={"state.dir": [sentence]})

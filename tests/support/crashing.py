"""A converter and a source that end their process; a worker script that knows them.

Which record does it, and how, comes from the environment, so that both are the same in every life.
"""

from __future__ import annotations

import ctypes
import os
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from connectkit import SchemaAndValue
from connectkit.api import Converter, RawHeaders, SourceConnector, SourceTask
from connectkit.config import Config, option
from connectkit.plugin import plugins
from connectkit.record import SourceRecord
from connectkit.schema import Schema

SCRIPT = """
from connectkit.runner.cli import main
from tests.support import crashing, plugins
crashing.register()
plugins.register()
raise SystemExit(main())
"""


def crash(how: str) -> None:
    """End the process, here and now."""
    if how == "abort":
        os.abort()
    if how == "overflow":
        overflow()
    if how == "wait":
        print("there", flush=True)
        Path("there").touch()
        threading.Event().wait()
    if how == "self":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "hold":
        hold_interpreter(3_600)
    if how == "exit":
        os._exit(9)
    os.kill(os.getpid(), signal.SIGKILL)


def overflow() -> None:
    """Overflow the stack of this thread, in C: no version of Python counts how deep these calls go."""
    deep: Iterator[int] = iter((1,))
    for _ in range(1_000_000):
        deep = map(abs, deep)
    next(deep)


def hold_interpreter(seconds: float) -> None:
    """Sleep without giving other threads a turn, as a regular expression of the wrong sort does."""
    ctypes.PyDLL(None).usleep(int(seconds * 1_000_000))  # calls of a PyDLL keep the lock


class CrashConfig(Config):
    """What ends the process, and how."""

    poison: str = option("poison", doc="The value that does.")
    how: str = option("abort", doc="abort, exit or kill.")
    topic: str = option("t", doc="Where a source writes.")


class CrashConverter(Converter[CrashConfig]):
    """Text, except for the poison."""

    def from_connect_data(
        self, topic: str, schema: Schema | None, value: Any, headers: RawHeaders | None = None
    ) -> bytes | None:
        return None if value is None else str(value).encode()

    def to_connect_data(
        self, topic: str, data: bytes | None, headers: RawHeaders | None = None
    ) -> SchemaAndValue:
        text = None if data is None else data.decode()
        if text == self.config.poison:
            crash(self.config.how)
        return SchemaAndValue(Schema.OPTIONAL_STRING, text)


class CrashTask(SourceTask[CrashConfig]):
    """Ends the process in its first poll."""

    def start(self) -> None:
        """Nothing."""

    def poll(self) -> list[SourceRecord] | None:
        crash(self.config.how)
        return None

    def stop(self) -> None:
        """Nothing."""


class CrashSource(SourceConnector[CrashConfig]):
    """One task."""

    task_class = CrashTask

    def task_configs(self, max_tasks: int) -> Sequence[Mapping[str, str]]:
        return [{key: str(value) for key, value in self.config.originals.items()}]


def register() -> None:
    plugins.register("converter", "CrashConverter", CrashConverter)
    plugins.register("source", "CrashSource", CrashSource)

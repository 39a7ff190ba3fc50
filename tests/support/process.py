"""A standalone worker as a process of its own, for tests: files, start, wait, stop."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ClassVar

COMMAND = "from connectkit.runner.cli import main; raise SystemExit(main())"
DEADLINE_S = 90.0


def until(reached: Callable[[], object], what: str) -> None:
    """Wait for something that another process brings about."""
    end = time.monotonic() + DEADLINE_S
    while not reached():
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not happen within {DEADLINE_S:g} s")
        time.sleep(0.02)


class WorkerProcess:
    """Writes the files of a worker in a folder and runs it there."""

    _running: ClassVar[list[subprocess.Popen[str]]] = []

    def __init__(self, folder: Path, bootstrap: str, **options: str) -> None:
        self.folder = folder
        self.offsets = folder / "offsets.json"
        self.err = ""
        self._process: subprocess.Popen[str] | None = None
        settings = {
            "bootstrap.servers": bootstrap,
            "key.converter": "JsonConverter",
            "value.converter": "JsonConverter",
            "offset.storage.file.filename": str(self.offsets),
            "offset.flush.interval.ms": "200",
            "admin.default.api.timeout.ms": "20000",
            "listeners": "",  # several run at a time; a test of REST names its own
            **{key.replace("_", "."): value for key, value in options.items()},
        }
        text = "".join(f"{key}={value}\n" for key, value in settings.items())
        (folder / "worker.properties").write_text(text)
        self.files = ["worker.properties"]

    def connector(self, config: Mapping[str, str]) -> WorkerProcess:
        name = f"{config['name']}.json"
        (self.folder / name).write_text(json.dumps(config))
        self.files.append(name)
        return self

    def start(self, *flags: str, script: str = COMMAND) -> WorkerProcess:
        with (self.folder / "err.log").open("w") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-c", script, "standalone", *self.files, "--no-live", *flags],
                cwd=self.folder,
                env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
                stdout=subprocess.DEVNULL,
                stderr=log,
                text=True,
            )
        self._running.append(self._process)
        return self

    @classmethod
    def kill_all(cls) -> None:
        """What a failed test has left running."""
        while cls._running:
            process = cls._running.pop()
            if process.poll() is None:
                process.kill()
            process.wait()

    def wait(self) -> int:
        """The exit code; ``err`` is what the worker logged."""
        assert self._process is not None
        try:
            code = self._process.wait(DEADLINE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise AssertionError(f"the worker did not end; it logged:\n{self.log()}") from None
        self.err = self.log()
        return code

    def log(self) -> str:
        return (self.folder / "err.log").read_text()

    def run(self, *flags: str) -> int:
        return self.start(*flags).wait()

    def signal(self, number: int = signal.SIGTERM) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        self.signal()
        return self.wait()

    def ready(self) -> WorkerProcess:
        """Wait until the connectors are created."""
        until(lambda: "The worker is ready" in self.log() or self._ended(), "the start of the worker")
        return self

    def _ended(self) -> bool:
        return self._process is not None and self._process.poll() is not None

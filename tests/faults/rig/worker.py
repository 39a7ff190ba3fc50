"""The worker under test: ``connectkit standalone`` as its own process, which the rig kills or stops.

The rig's connectors reach it through the entry points of a distribution written into the run's folder;
a planted bug, if there is one, through a ``sitecustomize`` in another folder. Nothing in the worker knows
of the rig.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tools.layout import ROOT

STOP_TIMEOUT_S = 40.0
START_TIMEOUT_S = 60.0

_ENTRY_POINTS = """[connectkit.sources]
VerifiableSource = tests.faults.rig.connectors:VerifiableSource
[connectkit.sinks]
VerifiableSink = tests.faults.rig.connectors:VerifiableSink
"""
_METADATA = "Metadata-Version: 2.1\nName: connectkit-fault-rig\nVersion: 1\n"
_SITECUSTOMIZE = "from tests.faults.rig.planted import plant\n\nplant({name!r})\n"


class Worker:
    """One worker's files, and the process that runs now. One thread."""

    def __init__(
        self,
        folder: Path,
        settings: Mapping[str, str],
        connectors: Sequence[Mapping[str, str]],
        *,
        planted: str | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self.log_file = folder / "worker.log"
        self.lives = 0
        self._process: subprocess.Popen[bytes] | None = None
        own = {
            "key.converter": "JsonConverter",
            "key.converter.schemas.enable": "false",
            "value.converter": "JsonConverter",
            "value.converter.schemas.enable": "false",
            "offset.storage.file.filename": str(folder / "offsets.json"),
            "offset.flush.interval.ms": "200",
            "task.shutdown.graceful.timeout.ms": "20000",
            "listeners": "",
            **settings,
        }
        self.offsets = Path(own["offset.storage.file.filename"])
        self._files = [_write(folder / "worker.properties", own)]
        self._files += [folder / f"{each['name']}.properties" for each in connectors]
        self.configure(*connectors)
        path = [self._distribution(), str(ROOT)]
        if planted is not None:
            path.insert(0, self._planted(planted))
        self._environment = {
            **os.environ,
            **(environment or {}),
            "PYTHONPATH": os.pathsep.join(path),
        }

    def configure(self, *connectors: Mapping[str, str]) -> None:
        """Write the connectors' files again, for the next life."""
        for each in connectors:
            _write(self.folder / f"{each['name']}.properties", each)

    def _distribution(self) -> str:
        home = self.folder / "plugins"
        info = home / "connectkit_fault_rig-1.dist-info"
        info.mkdir(parents=True, exist_ok=True)
        (info / "METADATA").write_text(_METADATA)
        (info / "entry_points.txt").write_text(_ENTRY_POINTS)
        return str(home)

    def _planted(self, name: str) -> str:
        home = self.folder / "planted"
        home.mkdir(exist_ok=True)
        (home / "sitecustomize.py").write_text(_SITECUSTOMIZE.format(name=name))
        return str(home)

    # --- life and death ------------------------------------------------------------------------

    def start(self) -> None:
        """Begin another life; returns at once."""
        assert not self.alive, "a worker runs already"
        self.lives += 1
        with self.log_file.open("ab") as log:
            log.write(b"--- life %d\n" % self.lives)
            log.flush()
            self._process = subprocess.Popen(
                [sys.executable, "-m", "connectkit", "standalone", *map(str, self._files), "--no-live"],
                cwd=self.folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def wait(self, timeout_s: float) -> int | None:
        """The exit code (negative: the signal), or None if it still lives."""
        assert self._process is not None
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        """SIGKILL, and wait for the end."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self) -> tuple[int | None, float]:
        """SIGTERM: the exit code, None if it had to be killed, and how long it took."""
        began_s = time.monotonic()
        if self.alive:
            self.signal(signal.SIGTERM)
        code = self.wait(STOP_TIMEOUT_S)
        if code is None:
            self.kill()
        return code, time.monotonic() - began_s

    # --- what it says --------------------------------------------------------------------------

    def log(self) -> str:
        """All that it has logged, in all lives."""
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def failures(self) -> list[str]:
        """The sentences with which tasks have failed."""
        return re.findall(r"Task \S+ failed(?:: (.*))?$", self.log(), re.MULTILINE)

    def healing_s(self) -> float:
        """How long from now until this life starts again what the crash journal or healing holds back."""
        life = self.log().rpartition("--- life ")[2]
        found = re.findall(r"^(\S+ [\d:]+),(\d+) \w+ +.* is restarted in ([\d.]+) s", life, re.MULTILINE)
        now_s = time.time()
        due = [
            time.mktime(time.strptime(at, "%Y-%m-%d %H:%M:%S")) + int(ms) / 1000 + float(wait_s) - now_s
            for at, ms, wait_s in found
        ]
        return max([*due, 0.0])

    def stored(self) -> dict[int, int]:
        """The source offsets in the worker's file, by task: where each goes on after a crash."""
        if not self.offsets.exists():
            return {}
        entries = json.loads(self.offsets.read_bytes())["offsets"]
        return {entry["partition"]["task"]: entry["offset"]["seq"] for entry in entries}

    def rss_bytes(self) -> int:
        """The memory of the process, now."""
        try:
            pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        except (OSError, IndexError):
            return 0
        return pages * os.sysconf("SC_PAGE_SIZE")

    def peak_bytes(self) -> int:
        """The most memory that the process has had."""
        try:
            status = Path(f"/proc/{self.pid}/status").read_text()
        except OSError:
            return 0
        return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def _write(path: Path, settings: Mapping[str, str]) -> Path:
    path.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
    return path

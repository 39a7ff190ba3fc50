"""REST of whole processes: ready to answer, idle, a thousand connectors listed, a change that takes effect.

The Java worker runs the same beside ours where it can be had (java, mvn and a broker); its figures are from
the same machine and the same minutes, so ratios hold where seconds do not.
"""

from __future__ import annotations

import http.client
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import psutil

from benchmarks import peer
from tests import kafka_server

CONNECTORS = 1_000
LISTINGS = 11
CHANGES = 5
STARTS = 3
FILE = "org.apache.kafka.connect.file.FileStream"
STRING = "org.apache.kafka.connect.storage.StringConverter"


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured of one worker."""

    ready_s: float
    cpu_s: float
    idle_mb: float
    listed_ms: float
    changed_s: float


def main() -> None:
    """Print ours with the bounds, and the Java worker's with the ratios."""
    with tempfile.TemporaryDirectory() as folder:
        ours = _measure(Path(folder), lambda place: _ours(place, f"embedded:{place}/log"))
        print(f"ready to answer        {ours.ready_s:.2f} s wall (bound 1.0), {ours.cpu_s:.2f} s CPU (0.6)")
        print(f"idle with REST         {ours.idle_mb:.0f} MB resident (bound 80)")
        print(
            f"{CONNECTORS:,} connectors       {ours.listed_ms:.0f} ms to list with expand=status (bound 100)"
        )
        print(f"a changed config       {ours.changed_s:.2f} s until the task has it (bound 1.0)")
    if (word := peer.missing()) is not None:
        print(word)
        return
    with tempfile.TemporaryDirectory() as folder:
        try:
            with kafka_server.shared_kafka(Path(folder) / "broker") as bootstrap:
                java = _measure(Path(folder), lambda place: _java(place, bootstrap))
        except kafka_server.UnavailableError as reason:
            print(f"the Java worker is left out: {reason}")
            return
    for what, mine, theirs, unit in (
        ("ready, wall", ours.ready_s, java.ready_s, "s"),
        ("ready, CPU", ours.cpu_s, java.cpu_s, "s"),
        ("idle", ours.idle_mb, java.idle_mb, "MB"),
        ("listing", ours.listed_ms, java.listed_ms, "ms"),
        ("a changed config", ours.changed_s, java.changed_s, "s"),
    ):
        print(f"the Java worker, {what:<17} {theirs:.2f} {unit}, {theirs / mine:.1f}x ours")


def _measure(folder: Path, command: Callable[[Path], Sequence[str]]) -> Figures:
    starts = []
    idle_mb = changed_s = listed_ms = 0.0
    for number in range(STARTS):
        place = folder / f"start-{number}"
        place.mkdir()
        with _Worker(command(place), _port(place)) as worker:
            starts.append((worker.ready_s, worker.cpu_s))
            if number < STARTS - 1:
                continue
            time.sleep(2)
            idle_mb = worker.process.memory_info().rss / 1e6
            changed_s = _changed(worker, place)
            listed_ms = _listed(worker)
    ready_s, cpu_s = (statistics.median(values) for values in zip(*starts, strict=True))
    return Figures(ready_s, cpu_s, idle_mb, listed_ms, changed_s)


def _listed(worker: _Worker) -> float:
    """Milliseconds to list many connectors that do not run."""
    for number in range(CONNECTORS):
        config = {"connector.class": f"{FILE}SourceConnector", "file": "/nowhere", "topic": "t"}
        body = {"name": f"c{number}", "config": config, "initial_state": "STOPPED"}
        worker.ask("POST", "/connectors", body, expected=201)
    times = []
    for _ in range(LISTINGS):
        began = time.perf_counter()
        found = worker.ask("GET", "/connectors?expand=status")
        times.append((time.perf_counter() - began) * 1000)
        if len(found) < CONNECTORS:
            raise SystemExit(f"only {len(found)} connectors are listed")
    return statistics.median(times)


def _changed(worker: _Worker, place: Path) -> float:
    """Seconds from a PUT until the task writes where the new configuration says."""
    source = place / "in.txt"
    source.write_text("")
    topic = f"changed-{kafka_server.new_identity().lower()[:8]}"
    config = {"connector.class": f"{FILE}SourceConnector", "file": str(source), "topic": topic}
    worker.ask("PUT", "/connectors/source/config", config, expected=201)
    sink = {"connector.class": f"{FILE}SinkConnector", "topics": topic, "file": str(place / "out-0.txt")}
    worker.ask("PUT", "/connectors/sink/config", sink, expected=201)
    times = []
    with source.open("a") as lines:
        for number in range(CHANGES):
            old = place / f"out-{number}.txt"
            lines.write(f"{number}\n")
            lines.flush()
            _until(partial(_has_lines, old))
            sink["file"] = str(place / f"out-{number + 1}.txt")
            began = time.perf_counter()
            worker.ask("PUT", "/connectors/sink/config", sink)
            new = Path(sink["file"])
            _until(new.exists)  # the new task opens its file when it starts
            times.append(time.perf_counter() - began)
    worker.ask("DELETE", "/connectors/sink", expected=204)
    worker.ask("DELETE", "/connectors/source", expected=204)
    return statistics.median(times)


def _has_lines(path: Path) -> bool:
    return path.exists() and path.stat().st_size > 0


def _until(reached: Callable[[], object]) -> None:
    began = time.perf_counter()
    while not reached():
        if time.perf_counter() - began > 60:
            raise SystemExit("the worker did not do it within 60 s")
        time.sleep(0.002)


class _Worker:
    """A process that serves REST, from its start until it is left."""

    def __init__(self, command: Sequence[str], port: int) -> None:
        self._port = port
        began = time.perf_counter()
        self._popen = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.process = psutil.Process(self._popen.pid)
        while not self._answers():
            if self._popen.poll() is not None or time.perf_counter() - began > 60:
                raise SystemExit("the worker does not answer")
            time.sleep(0.002)
        self.ready_s = time.perf_counter() - began
        times = self.process.cpu_times()
        self.cpu_s = times.user + times.system
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
        with suppress(OSError, http.client.HTTPException):
            connection.request("GET", "/health")
            return connection.getresponse().status == 200
        return False

    def ask(self, method: str, path: str, body: object = None, *, expected: int = 200) -> Any:
        headers = {} if body is None else {"Content-Type": "application/json"}
        self._connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = self._connection.getresponse()
        data = answer.read()
        if answer.status != expected:
            raise SystemExit(f"{method} {path} was answered {answer.status}: {data[:300]!r}")
        return json.loads(data) if data else None

    def __enter__(self) -> _Worker:
        return self

    def __exit__(self, *exc: object) -> None:
        self._popen.terminate()
        try:
            self._popen.wait(60)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait()


def _port(place: Path) -> int:
    return int((place / "port").read_text())


def _properties(place: Path, bootstrap: str, **more: str) -> Path:
    port = kafka_server.free_port()
    (place / "port").write_text(str(port))
    settings = {
        "bootstrap.servers": bootstrap,
        "key.converter": STRING,
        "value.converter": STRING,
        "offset.storage.file.filename": str(place / "offsets"),
        "listeners": f"http://127.0.0.1:{port}",
        **{key.replace("_", "."): value for key, value in more.items()},
    }
    path = place / "worker.properties"
    path.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
    return path


def _ours(place: Path, bootstrap: str) -> list[str]:
    worker = _properties(place, bootstrap, rest_writes_per_second="0")
    return [sys.executable, "-m", "connectkit", "standalone", str(worker)]


def _java(place: Path, bootstrap: str) -> list[str]:
    jars, plugins = peer.prepare()
    worker = _properties(place, bootstrap, plugin_path=str(plugins))
    return peer.command(jars, worker, place / "none.properties")[:-1]

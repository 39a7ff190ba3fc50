"""Records a second through one task: a bare loop, our worker and the Java worker, same broker, same run.

The clock of a source runs from its first poll until the topic holds the last record, looked up by a
process that takes no part; the clock of a sink from its first record to its last. Rounds go through
all runners in turn, and the medians are compared, because shared machines drift. Avro schemas are in the
embedded registry, served over HTTP to every runner; what it is asked in a run is counted.
"""

from __future__ import annotations

import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from benchmarks import peer
from benchmarks.workload import FORMATS, RECORDS, RUNNERS, connector_config
from tests.support.registry_server import Served, served

TIMEOUT_S = 300


@dataclass(frozen=True)
class Run:
    """One run's figures; memory is the largest resident size seen, in MB."""

    rate: float
    peak_mb: float
    cpu_s: float
    requests: int = 0
    """What the registry was asked."""


@dataclass(frozen=True)
class Case:
    """What is run."""

    data_format: str
    transforms: bool

    @property
    def label(self) -> str:
        return f"{self.data_format}+3smt" if self.transforms else self.data_format


class Bench:
    """Runs the runners against one broker and one registry."""

    def __init__(self, bootstrap: str, registry: Served, folder: Path) -> None:
        self.bootstrap = bootstrap
        self.registry = registry
        self.folder = folder
        self._watcher = Consumer({"bootstrap.servers": bootstrap, "group.id": "bench-watch"})

    def run(self, runner: str, side: str, topic: str, case: Case) -> Run:
        """One run; the topic of a source must be new, that of a sink must hold the records."""
        before = len(self.registry.requests)
        done = self._measured(runner, side, topic, self._command(runner, side, topic, case))
        return replace(done, requests=len(self.registry.requests) - before)

    def _measured(self, runner: str, side: str, topic: str, command: list[str]) -> Run:
        out = self.folder / f"{runner}-{side}-{time.time_ns()}.out"
        with self._started(command, out) as process:
            watched = psutil.Process(process.pid)
            began, peak, cpu, deadline = 0.0, 0, 0.0, time.time() + TIMEOUT_S
            while time.time() < deadline:
                time.sleep(0.02)
                printed = out.read_text(errors="replace")
                if process.poll() is None:
                    peak = max(peak, watched.memory_info().rss)
                    times = watched.cpu_times()
                    cpu = times.user + times.system
                if side == "source":
                    if not began and (found := re.search(r"BENCH start ([\d.]+)", printed)):
                        began = float(found[1])
                    if began and self._end(topic) >= RECORDS:
                        return Run(RECORDS / (time.time() - began), peak / 1e6, cpu)
                elif found := re.search(r"BENCH sink (\d+) ([\d.]+)", printed):
                    return Run(int(found[1]) / float(found[2]), peak / 1e6, cpu)
                if process.poll() not in (None, 0) or " ERROR " in printed:
                    break  # a worker does not end because its task failed
        raise SystemExit(f"{runner} {side} did not finish; its output ends:\n{out.read_text()[-3000:]}")

    def create(self, topic: str) -> None:
        """Make the topic beforehand, so that no runner waits for it."""
        admin = AdminClient({"bootstrap.servers": self.bootstrap})
        admin.create_topics([NewTopic(topic, 1, 1)])[topic].result()

    def _end(self, topic: str) -> int:
        return int(self._watcher.get_watermark_offsets(TopicPartition(topic, 0), timeout=10)[1])

    def _command(self, runner: str, side: str, topic: str, case: Case) -> list[str]:
        url = self.registry.url
        if runner == "bare":
            edit = ["transforms"] if case.transforms else []
            bare = [sys.executable, "-m", "benchmarks.bare", side, case.data_format]
            return [*bare, self.bootstrap, topic, url, *edit]
        place = Path(tempfile.mkdtemp(dir=self.folder))
        settings = {
            "bootstrap.servers": self.bootstrap,
            "key.converter": "org.apache.kafka.connect.storage.StringConverter",
            "value.converter": "org.apache.kafka.connect.storage.StringConverter",
            "offset.storage.file.filename": str(place / "offsets"),
            "offset.flush.interval.ms": "10000",
        }
        if runner == "java":
            path = ",".join(map(str, peer.plugin_path(case.data_format)))
            settings |= {"listeners": "http://127.0.0.1:18083", "plugin.path": path}
        worker, connector = place / "worker.properties", place / "connector.json"
        worker.write_text("".join(f"{k}={v}\n" for k, v in settings.items()))
        config = connector_config(side, case.data_format, topic, url, transforms=case.transforms)
        connector.write_text(json.dumps({"name": config["name"], "config": config}))
        if runner == "java":
            return peer.command(peer.prepare()[0], worker, connector)
        return [sys.executable, "-m", "benchmarks.ours", "standalone", str(worker), str(connector)]

    @contextmanager
    def _started(self, command: list[str], out: Path) -> Iterator[subprocess.Popen[bytes]]:
        with out.open("wb") as sink:
            process = subprocess.Popen(command, stdout=sink, stderr=subprocess.STDOUT)
            try:
                yield process
            finally:
                process.terminate()
                try:
                    process.wait(30)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


def main(
    bootstrap: str,
    rounds: int = 3,
    runners: tuple[str, ...] = RUNNERS,
    formats: tuple[str, ...] = FORMATS,
) -> None:
    """Print records a second and the ratios to the bare loop and to the Java worker."""
    print(f"{RECORDS:,} records of five fields, one task; medians of {rounds} rounds")
    with tempfile.TemporaryDirectory() as folder, served() as registry:
        bench = Bench(bootstrap, registry, Path(folder))
        for data_format in formats:
            present = runners
            if "java" in runners and (word := peer.missing(data_format)) is not None:
                print(word)
                present = tuple(r for r in runners if r != "java")
            for transforms in (False, True):
                _compare(bench, Case(data_format, transforms), present, rounds)


def _compare(bench: Bench, case: Case, runners: tuple[str, ...], rounds: int) -> None:
    runs: dict[tuple[str, str], list[Run]] = {}
    for turn in range(rounds):
        for runner in runners:
            topic = f"bench-{case.label.replace('+', '-')}-{runner}-{turn}-{int(time.time())}"
            bench.create(topic)
            for side in ("source", "sink"):
                runs.setdefault((side, runner), []).append(bench.run(runner, side, topic, case))
    for side in ("source", "sink"):
        _report(f"{side} {case.label}", {r: runs[side, r] for r in runners})


def _report(title: str, runs: dict[str, list[Run]]) -> None:
    rates = {runner: statistics.median(run.rate for run in done) for runner, done in runs.items()}
    for runner, done in runs.items():
        spread = f"{min(r.rate for r in done):,.0f}–{max(r.rate for r in done):,.0f}"
        memory = max(r.peak_mb for r in done)
        cpu = statistics.median(r.cpu_s for r in done)
        rate = f"{rates[runner]:>10,.0f}/s  ({spread})"
        asked = max(r.requests for r in done)
        registry = f"  asked the registry {asked} times" if asked else ""
        print(f"{title:18} {runner:5} {rate}  {memory:6.0f} MB  {cpu:5.1f} CPU s{registry}")
    for other in ("bare", "java"):
        if other in rates and "ours" in rates:
            print(f"{title:18} ours/{other} = {rates['ours'] / rates[other]:.2f}", flush=True)

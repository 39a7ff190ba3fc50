"""Records a second through one task: a bare loop, our worker and the Java worker, same broker, same run.

The clock of a source runs from its first poll until the topic holds the last record, looked up by a
process that takes no part; the clock of a sink from its first record to its last. Rounds go through
all runners in turn, and the medians are compared, because shared machines drift.
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
from dataclasses import dataclass
from pathlib import Path

import psutil
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from benchmarks import peer
from benchmarks.workload import RECORDS, connector_config

TIMEOUT_S = 300
RUNNERS = ("bare", "ours", "java")


@dataclass(frozen=True)
class Run:
    """One run's figures; memory is the largest resident size seen, in MB."""

    rate: float
    peak_mb: float
    cpu_s: float


class Bench:
    """Runs the runners against one broker."""

    def __init__(self, bootstrap: str, folder: Path) -> None:
        self.bootstrap = bootstrap
        self.folder = folder
        self._watcher = Consumer({"bootstrap.servers": bootstrap, "group.id": "bench-watch"})
        java = peer.prepare() if peer.missing() is None else (None, None)
        self._jars: Path | None = java[0]
        self._plugins: Path | None = java[1]

    def run(self, runner: str, side: str, topic: str, *, transforms: bool) -> Run:
        """One run; the topic of a source must be new, that of a sink must hold the records."""
        out = self.folder / f"{runner}-{side}-{time.time_ns()}.out"
        with self._started(self._command(runner, side, topic, transforms=transforms), out) as process:
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
                if process.poll() not in (None, 0):
                    break
        raise SystemExit(f"{runner} {side} did not finish; its output ends:\n{out.read_text()[-3000:]}")

    def create(self, topic: str) -> None:
        """Make the topic beforehand, so that no runner waits for it."""
        admin = AdminClient({"bootstrap.servers": self.bootstrap})
        admin.create_topics([NewTopic(topic, 1, 1)])[topic].result()

    def _end(self, topic: str) -> int:
        return int(self._watcher.get_watermark_offsets(TopicPartition(topic, 0), timeout=10)[1])

    def _command(self, runner: str, side: str, topic: str, *, transforms: bool) -> list[str]:
        if runner == "bare":
            edit = ["transforms"] if transforms else []
            return [sys.executable, "-m", "benchmarks.bare", side, self.bootstrap, topic, *edit]
        place = Path(tempfile.mkdtemp(dir=self.folder))
        settings = {
            "bootstrap.servers": self.bootstrap,
            "key.converter": "org.apache.kafka.connect.storage.StringConverter",
            "value.converter": "org.apache.kafka.connect.storage.StringConverter",
            "offset.storage.file.filename": str(place / "offsets"),
            "offset.flush.interval.ms": "10000",
        }
        if runner == "java":
            settings |= {"listeners": "http://127.0.0.1:18083", "plugin.path": str(self._plugins)}
        worker, connector = place / "worker.properties", place / "connector.json"
        worker.write_text("".join(f"{k}={v}\n" for k, v in settings.items()))
        config = connector_config(side, topic, transforms=transforms)
        connector.write_text(json.dumps({"name": config["name"], "config": config}))
        if runner == "java":
            assert self._jars is not None
            return peer.command(self._jars, worker, connector)
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


def main(bootstrap: str, rounds: int = 3, runners: tuple[str, ...] = RUNNERS) -> None:
    """Print records a second and the ratios to the bare loop and to the Java worker."""
    if (word := peer.missing()) is not None:
        print(word)
        runners = tuple(r for r in runners if r != "java")
    print(f"{RECORDS:,} records of five fields, JSON, one task; medians of {rounds} rounds")
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(bootstrap, Path(folder))
        for transforms in (False, True):
            label = "json+3smt" if transforms else "json"
            runs: dict[tuple[str, str], list[Run]] = {}
            for turn in range(rounds):
                for runner in runners:
                    topic = f"bench-{label.replace('+', '-')}-{runner}-{turn}-{int(time.time())}"
                    bench.create(topic)
                    for side in ("source", "sink"):
                        done = bench.run(runner, side, topic, transforms=transforms)
                        runs.setdefault((side, runner), []).append(done)
            for side in ("source", "sink"):
                _report(f"{side} {label}", {r: runs[side, r] for r in runners})


def _report(title: str, runs: dict[str, list[Run]]) -> None:
    rates = {runner: statistics.median(run.rate for run in done) for runner, done in runs.items()}
    for runner, done in runs.items():
        spread = f"{min(r.rate for r in done):,.0f}–{max(r.rate for r in done):,.0f}"
        memory = max(r.peak_mb for r in done)
        cpu = statistics.median(r.cpu_s for r in done)
        rate = f"{rates[runner]:>10,.0f}/s  ({spread})"
        print(f"{title:18} {runner:5} {rate}  {memory:6.0f} MB  {cpu:5.1f} CPU s")
    for other in ("bare", "java"):
        if other in rates and "ours" in rates:
            print(f"{title:18} ours/{other} = {rates['ours'] / rates[other]:.2f}", flush=True)

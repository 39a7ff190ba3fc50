"""Exactly-once sources beside at-least-once ones, in one run, on either log.

``BENCH_BOOTSTRAP`` names the brokers; without it only the embedded log is measured. Rounds go through all
ways in turn and medians are compared. A source counts as done when all it sent is acknowledged, or committed.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
import uuid
from pathlib import Path

from benchmarks.plugins import BenchSource, BenchSourceTask
from connectkit.plugin import plugins
from connectkit.record import SourceRecord
from connectkit.runner.configs.worker import WorkerConfig
from connectkit.runner.herder import Herder
from connectkit.runner.log.opening import open_log
from connectkit.runner.offset_stores import open_store
from connectkit.runner.source_task import WorkerSourceTask
from connectkit.runner.variables import make_resolver
from connectkit.runner.worker import Worker

RECORDS = int(os.environ.get("BENCH_RECORDS", "200000"))
ROUNDS = 3
ONCE = {"exactly.once.source.support": "enabled"}
INTERVAL = {"transaction.boundary": "interval", "transaction.boundary.interval.ms": "1000"}
WAYS: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "at least once": ({}, {}),
    "exactly once, 2,000 a poll": (ONCE, {}),
    "exactly once, 200 a poll": (ONCE, {"batch": "200"}),
    "exactly once, 200 a poll, interval 1 s": (ONCE, {"batch": "200", **INTERVAL}),
}


class FinishingTask(BenchSourceTask):
    """Says when it has emitted everything."""

    def poll(self) -> list[SourceRecord] | None:
        found = super().poll()
        if found is None:
            self.context.finished()
        return found


class FinishingSource(BenchSource):
    task_class = FinishingTask


def rate(bootstrap: str, folder: Path, worker_options: dict[str, str], options: dict[str, str]) -> float:
    """Records a second of one run."""
    name = f"bench-{uuid.uuid4().hex[:8]}"
    raw: dict[str, str] = {
        "bootstrap.servers": bootstrap,
        "key.converter": "StringConverter",
        "value.converter": "JsonConverter",
        "value.converter.schemas.enable": "false",
        "offset.storage.topic": f"{name}-offsets",
        "offset.storage.replication.factor": "1",
        "offset.storage.partitions": "3",
        "listeners": "",
        **worker_options,
    }
    registry = plugins.clone()
    registry.register("source", "FinishingSource", FinishingSource)
    config = WorkerConfig.parse(raw, known=lambda key: True)
    log = open_log(bootstrap, {})
    worker = Worker(
        config,
        log=log,
        store=open_store(config, log),
        registry=registry,
        resolver=make_resolver(dict(raw), registry),
    )
    herder = Herder(worker)
    herder.start()
    connector: dict[str, str | None] = {
        "name": name,
        "connector.class": "FinishingSource",
        "topic": name,
        "records": str(RECORDS),
        "batch": "2000",
        **options,
    }
    admin = worker.admin()
    admin.create_topic(name)
    admin.close()
    herder.put(connector)
    (task,) = herder.tasks()
    assert isinstance(task, WorkerSourceTask)
    began = 0.0
    while not (task.failed or task.caught_up):
        time.sleep(0.002)
        if not began and task.counters.polled.total:
            began = time.monotonic()
    took_s = time.monotonic() - began
    failed = task.error
    herder.stop()
    if failed is not None:
        raise failed
    return RECORDS / took_s


def main() -> None:
    """Print the medians, and their ratio to at least once."""
    with tempfile.TemporaryDirectory() as folder:
        places = {"embedded": f"embedded:{folder}/log"}
        if given := os.environ.get("BENCH_BOOTSTRAP"):
            places["kafka"] = given
        (Path(folder) / "log").mkdir()
        for place, bootstrap in places.items():
            rates: dict[str, list[float]] = {way: [] for way in WAYS}
            for _ in range(ROUNDS):
                for way, (worker, options) in WAYS.items():
                    rates[way].append(rate(bootstrap, Path(folder), worker, options))
            plain = statistics.median(rates["at least once"])
            for way, found in rates.items():
                median = statistics.median(found)
                print(f"{place:9} {way:40} {median:>10,.0f}/s  = {median / plain:.2f}", flush=True)


if __name__ == "__main__":
    main()

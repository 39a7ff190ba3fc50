"""A herder on an embedded log, and connectors that wait at a gate until the test opens it."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

from connectkit.api import SinkConnector, SinkTask, SourceConnector, SourceTask
from connectkit.config import Config, option
from connectkit.plugin import Registry, plugins
from connectkit.record import SinkRecord, SourceRecord
from connectkit.runner.configs.worker import WorkerConfig
from connectkit.runner.herder import Herder
from connectkit.runner.log.opening import open_log
from connectkit.runner.offset_file import OffsetFile
from connectkit.runner.variables import make_resolver
from connectkit.runner.worker import Worker
from tests.support.plugins import TroubleSink, TroubleSource


class Gate:
    """Where a plugin waits: ``reached`` is set when it does, and it goes on when ``open`` is."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.open = threading.Event()

    def pass_through(self) -> None:
        self.reached.set()
        self.open.wait(60)


class GateConfig(Config):
    """Which call waits."""

    where: str = option("", doc="The call that waits at the gate.")
    topic: str = option("gate", doc="Where to.")
    topics: str = option("", doc="Of a sink.")


class Gated:
    """What all plugins here share."""

    config: GateConfig
    gates: ClassVar[dict[str, Gate]] = {}

    def stop_here(self, where: str) -> None:
        if self.config.where == where and where in Gated.gates:
            Gated.gates[where].pass_through()


class GateSourceTask(Gated, SourceTask[GateConfig]):
    """Emits one number after the other."""

    def __init__(self, config: GateConfig) -> None:
        super().__init__(config)
        self.stop_here("task.init")

    def start(self) -> None:
        self.stop_here("task.start")
        self.next = 0

    def poll(self) -> list[SourceRecord] | None:
        self.stop_here("poll")
        self.context.sleep(0.01)
        self.next += 1
        return [SourceRecord({"p": "0"}, {"n": self.next}, self.config.topic, None, {"n": self.next})]

    def commit(self) -> None:
        self.stop_here("commit")

    def stop(self) -> None:
        self.stop_here("task.stop")


def own_config(connector: SourceConnector[Any] | SinkConnector[Any]) -> dict[str, str]:
    return {key: str(value) for key, value in connector.config.originals.items()}


class GateSource(Gated, SourceConnector[GateConfig]):
    """One task."""

    task_class = GateSourceTask

    def __init__(self, config: GateConfig) -> None:
        super().__init__(config)
        self.stop_here("init")

    def start(self) -> None:
        self.stop_here("start")

    def task_configs(self, max_tasks: int) -> Sequence[Mapping[str, str]]:
        self.stop_here("task_configs")
        return [own_config(self)] * max_tasks

    def stop(self) -> None:
        self.stop_here("stop")


class GateSinkTask(Gated, SinkTask[GateConfig]):
    """Takes what comes."""

    def start(self) -> None:
        self.stop_here("task.start")

    def put(self, records: list[SinkRecord]) -> None:
        if records:
            self.stop_here("put")

    def flush(self, offsets: Mapping[Any, int]) -> None:
        self.stop_here("flush")

    def stop(self) -> None:
        self.stop_here("task.stop")


class GateSink(Gated, SinkConnector[GateConfig]):
    """One task."""

    task_class = GateSinkTask

    def task_configs(self, max_tasks: int) -> Sequence[Mapping[str, str]]:
        return [own_config(self)] * max_tasks


def gate_registry() -> Registry:
    registry = plugins.clone()
    registry.register("source", "TroubleSource", TroubleSource)
    registry.register("sink", "TroubleSink", TroubleSink)
    registry.register("source", "GateSource", GateSource)
    registry.register("sink", "GateSink", GateSink)
    return registry


@contextmanager
def gate(where: str) -> Iterator[Gate]:
    """While inside, plugins that are configured so wait there; afterwards they all go on."""
    made = Gated.gates[where] = Gate()
    try:
        yield made
    finally:
        del Gated.gates[where]
        made.open.set()


@contextmanager
def running_herder(
    folder: Path, registry: Registry | None = None, *, bootstrap: str | None = None, **options: str
) -> Iterator[Herder]:
    """A started herder with its log (or on a broker) and its offsets in this folder; stopped at the end."""
    (folder / "log").mkdir(exist_ok=True)
    raw = {
        "bootstrap.servers": bootstrap or f"embedded:{folder / 'log'}",
        "key.converter": "JsonConverter",
        "value.converter": "JsonConverter",
        "offset.storage.file.filename": str(folder / "offsets"),
        "offset.flush.interval.ms": "50",
        "task.shutdown.graceful.timeout.ms": "1000",
        **{key.replace("_", "."): value for key, value in options.items()},
    }
    registry = registry or gate_registry()
    config = WorkerConfig.parse(raw, known=lambda key: True)
    worker = Worker(
        config,
        log=open_log(config.bootstrap, {}),
        store=OffsetFile(folder / "offsets"),
        registry=registry,
        resolver=make_resolver(raw, registry),
    )
    herder = Herder(worker)
    herder.start()
    try:
        yield herder
    finally:
        herder.stop()

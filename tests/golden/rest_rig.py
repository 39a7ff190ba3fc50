"""A standalone worker in this process for the transcripts of REST: no sockets, a log in memory.

The worker's properties and loggers are those that ``FORMAT.md`` says the recordings were made with.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any
from unittest.mock import patch

from connectkit.plugin import Registry, plugins
from connectkit.runner.configs.worker import WorkerConfig
from connectkit.runner.herder import Herder
from connectkit.runner.offsets import MemoryOffsets
from connectkit.runner.rest.app import make_app
from connectkit.runner.rest.loggers import Loggers
from connectkit.runner.rest.service import Service
from connectkit.runner.variables import make_resolver
from connectkit.runner.worker import Worker
from tests.support.asgi import Reply, ask
from tests.support.memory_log import MemoryLog
from tests.support.rest_probe import register_probes

HOST = "golden:1"
BASE = f"http://{HOST}"
_WORKER = {
    "bootstrap.servers": "embedded:unused",
    "key.converter": "org.apache.kafka.connect.json.JsonConverter",
    "value.converter": "org.apache.kafka.connect.json.JsonConverter",
    "offset.storage.file.filename": "unused",
    "rest.advertised.host.name": "connect",
    "rest.advertised.port": "8083",
    "task.shutdown.graceful.timeout.ms": "3000",
    # The recordings are of a worker whose connectors may override anything.
    "connector.client.config.override.policy": "All",
    # Kafka's way: what REST creates is gone with the process.
    "state.dir": "",
}
_ENVIRONMENT = {"GOLDEN_TOPIC": "resolved", "GOLDEN_N": "3", "GOLDEN_CLASS": "FileStreamSource"}
_LOGGERS = {"golden.a": "WARN", "golden.a.b": "ERROR", "golden.ab": "DEBUG"}


@cache
def registry() -> Registry:
    """The installed plugins and the transcripts' own."""
    return register_probes(plugins.clone())


class Rig:
    """A running worker and its REST."""

    def __init__(self, properties: Mapping[str, str]) -> None:
        own = {key: value for key, value in properties.items() if not key.startswith("golden.")}
        raw = {**_WORKER, **own}
        if "config.providers.env.class" in raw:
            raw["config.providers.env.param.allowlist.pattern"] = "GOLDEN_.*"
        config = WorkerConfig.parse(raw, known=lambda key: True)
        worker = Worker(
            config,
            log=MemoryLog(),
            store=MemoryOffsets(),
            registry=registry(),
            resolver=make_resolver(raw, registry()),
            worker_id="connect:8083",
        )
        self.herder = Herder(worker)
        self.herder.start()
        worker.cluster_id = "golden-cluster"
        manager = logging.Manager(logging.RootLogger(logging.INFO))
        for name, level in _LOGGERS.items():
            manager.getLogger(name).setLevel(level)
        loggers = Loggers(manager)
        service = Service(self.herder, config, registry(), loggers)
        service.ready = properties.get("golden.ready") != "false"
        self._app = make_app(service, admin_apart=config.admin_listeners is not None)

    def ask(self, request: Mapping[str, Any], body: bytes) -> Reply:
        """Send a request of a transcript."""
        headers = {"Host": HOST, **request.get("headers", {})}
        return ask(self._app, request["method"], request["path"], headers=headers, body=body)

    def stop(self) -> None:
        self.herder.stop()


@contextmanager
def rig(properties: Mapping[str, str] | None) -> Iterator[Rig]:
    """A worker for as long as it is needed."""
    with patch.dict(os.environ, _ENVIRONMENT):
        made = Rig(properties or {})
        try:
            yield made
        finally:
            made.stop()

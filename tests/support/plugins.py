"""Connectors that misbehave on purpose; ``python -c SCRIPT standalone …`` runs a worker that knows them."""

from __future__ import annotations

import sys
import threading
from collections.abc import Mapping, Sequence

from connectkit.api import SinkConnector, SinkTask, SourceConnector, SourceTask
from connectkit.config import Config, option
from connectkit.errors import RetriableError
from connectkit.plugin import plugins
from connectkit.record import SinkRecord, SourceRecord

SCRIPT = """
from connectkit.runner.cli import main
from tests.support.plugins import register
register()
raise SystemExit(main())
"""


class TroubleConfig(Config):
    """What goes wrong, and where."""

    topic: str = option("trouble", doc="Where to.")
    where: str = option("", doc="The call that hangs or fails.")
    how: str = option("hang", doc="hang or fail.")
    count: int = option(0, doc="Task configurations to make; 0 for as many as allowed.")
    topics: str = option("", doc="Of a sink.")


class _Trouble:
    config: TroubleConfig

    def trouble(self, where: str) -> None:
        if self.config.where == where:
            if self.config.how == "hang":
                threading.Event().wait()
            if self.config.how == "retry":
                raise RetriableError("not now", wait_s=0.05)
            raise ValueError("a value that no log may show")


class TroubleSourceTask(_Trouble, SourceTask[TroubleConfig]):
    """Emits numbers."""

    def start(self) -> None:
        self.trouble("start")
        found = self.context.offset_reader.offset({"source": "numbers"})
        self.next = 0 if found is None else found["next"]

    def poll(self) -> list[SourceRecord] | None:
        self.trouble("poll")
        self.context.sleep(0.02)
        self.next += 1
        return [
            SourceRecord(
                {"source": "numbers"}, {"next": self.next}, self.config.topic, None, {"n": self.next - 1}
            )
        ]

    def stop(self) -> None:
        self.trouble("stop")


class TroubleSource(SourceConnector[TroubleConfig]):
    """One task."""

    task_class = TroubleSourceTask

    def start(self) -> None:
        if self.config.where == "connector.start":
            raise ValueError("a value that no log may show")
        self.hang("connector.start.hangs")

    def hang(self, where: str) -> None:
        if self.config.where == where:
            print("the connector hangs", file=sys.stderr, flush=True)
            threading.Event().wait()

    def task_configs(self, max_tasks: int) -> Sequence[Mapping[str, str]]:
        self.hang("connector.task_configs")
        own = {key: str(value) for key, value in self.config.originals.items()}
        return [own] * (self.config.count or max_tasks)

    def stop(self) -> None:
        if self.config.where == "connector.stop":
            threading.Event().wait()


class TroubleSinkTask(_Trouble, SinkTask[TroubleConfig]):
    """Takes what comes."""

    def start(self) -> None:
        self.trouble("start")

    def put(self, records: list[SinkRecord]) -> None:
        if records:
            self.trouble("put")

    def stop(self) -> None:
        self.trouble("stop")


class TroubleSink(SinkConnector[TroubleConfig]):
    """One task."""

    task_class = TroubleSinkTask

    def task_configs(self, max_tasks: int) -> Sequence[Mapping[str, str]]:
        return [{key: str(value) for key, value in self.config.originals.items()}] * max_tasks


def register() -> None:
    plugins.register("source", "TroubleSource", TroubleSource)
    plugins.register("sink", "TroubleSink", TroubleSink)

"""A whole worker on an embedded log, in the test's own process.

Its topics, offsets and connectors live in a folder and outlive it, so that a test can restart or kill the
worker and look at what remains. Waiting has a deadline and looks again often; a test never sleeps.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from connectkit.api import Converter, TopicPartition
from connectkit.plugin import PluginKind, Registry, plugins
from connectkit.plugin_base import Plugin
from connectkit.runner.control import Target, TaskId
from connectkit.runner.herder import Herder
from connectkit.runner.log.api import Message, OutRecord
from connectkit.runner.serving import Serving
from connectkit.runner.standalone import Options, open_herder
from connectkit.runner.status import ConnectorStatus, State, failed

TIMEOUT_S = 20.0
"""How long anything is waited for, where nothing else is said."""


class ConnectHarness:
    """One worker, in a folder. ``with`` starts and stops it.

    ``worker`` are options of the worker's file; by default records are JSON without schemas and there is
    no REST (``listeners``). ``extra`` are plugins that are not installed, as ``{(kind, name): class}``.
    Used by one thread.
    """

    def __init__(
        self,
        folder: Path,
        worker: Mapping[str, str] | None = None,
        *,
        extra: Mapping[tuple[PluginKind, str], type[Plugin[Any]]] | None = None,
    ) -> None:
        self.folder = folder
        self._options = {
            "bootstrap.servers": f"embedded:{folder / 'log'}",
            "key.converter": "JsonConverter",
            "key.converter.schemas.enable": "false",
            "value.converter": "JsonConverter",
            "value.converter.schemas.enable": "false",
            "offset.storage.file.filename": str(folder / "offsets.json"),
            "offset.flush.interval.ms": "1000",
            "listeners": "",
            **(worker or {}),
        }
        self._registry: Registry = plugins.clone()
        for (kind, name), cls in (extra or {}).items():
            self._registry.register(kind, name, cls)
        self._herder: Herder | None = None
        self._serving: Serving | None = None

    # --- the worker ------------------------------------------------------------------------------

    @property
    def herder(self) -> Herder:
        """The worker's herder, for what this class does not offer."""
        assert self._herder is not None, "the worker has not been started"
        return self._herder

    def start(self) -> Self:
        """Start it, with the connectors that it had."""
        self.folder.mkdir(parents=True, exist_ok=True)
        file = self.folder / "worker.properties"
        file.write_text("".join(f"{key}={value}\n" for key, value in self._options.items()), encoding="utf-8")
        self._herder, self._serving = open_herder(Options(worker_file=file), registry=self._registry)
        for kept in self._herder.kept():
            self._herder.restore(kept)
        if self._serving is not None:
            self._serving.ready()
        return self

    def stop(self) -> None:
        """A clean end: tasks commit what they have done."""
        herder, self._herder = self._herder, None
        if self._serving is not None:
            self._serving.stop()
            self._serving = None
        if herder is not None:
            herder.stop()

    def restart(self) -> Self:
        """Stop it cleanly and start it again."""
        self.stop()
        return self.start()

    def kill(self) -> Self:
        """As if the process had died, and start it again: nothing more is committed or sent."""
        herder = self.herder
        for task in herder.tasks():
            task.abandon()
        self.stop()
        return self.start()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.stop()

    # --- connectors ------------------------------------------------------------------------------

    def create(self, name: str, config: Mapping[str, str]) -> None:
        """Create a connector, or change the one of that name."""
        self.herder.put({"name": name, **config}, replace=name in self.herder.connectors())

    def delete(self, name: str) -> None:
        self.herder.delete(name)

    def pause(self, name: str) -> None:
        self.herder.set_target(name, Target.PAUSED)

    def resume(self, name: str) -> None:
        self.herder.set_target(name, Target.STARTED)

    def status(self, name: str) -> ConnectorStatus:
        return self.herder.status(name)

    def restart_task(self, name: str, number: int = 0) -> None:
        self.herder.restart_task(TaskId(name, number))

    # --- records ---------------------------------------------------------------------------------

    def produce(self, topic: str, *values: Any, key: Any = None, partition: int | None = None) -> None:
        """Append values to a topic through the worker's own converters; bytes go as they are."""
        producer = self.herder.worker.log.producer({})
        unsettled: list[Any] = []
        try:
            batch = [
                OutRecord(
                    topic,
                    partition,
                    self._bytes("key", topic, key),
                    self._bytes("value", topic, v),
                    None,
                    None,
                )
                for v in values
            ]
            producer.send(batch, unsettled.extend)
            left = producer.flush(TIMEOUT_S)
        finally:
            producer.close(TIMEOUT_S)
        assert not left, f"{left} records were not acknowledged by {topic}"
        assert not unsettled, f"records were refused: {unsettled}"

    def messages(
        self, topic: str, count: int | None = None, *, timeout_s: float = TIMEOUT_S
    ) -> list[Message]:
        """The messages of a topic from its beginning: all there are now, or once there are ``count``."""
        found: list[Message] = []

        def enough() -> bool:
            found[:] = self._read(topic)
            return count is None or len(found) >= count

        self.wait_for(enough, f"{count} messages in {topic}", timeout_s=timeout_s)
        return found

    def values(self, topic: str, count: int | None = None, *, timeout_s: float = TIMEOUT_S) -> list[Any]:
        """The same, read with the worker's value converter."""
        converter = self._converter("value")
        found = self.messages(topic, count, timeout_s=timeout_s)
        return [converter.to_connect_data(topic, message.value()).value for message in found]

    def committed(self, name: str) -> dict[TopicPartition, int]:
        """The offsets that a sink connector has committed."""
        admin = self.herder.worker.admin()
        try:
            return admin.group_offsets(f"connect-{name}")
        finally:
            admin.close()

    # --- waiting ---------------------------------------------------------------------------------

    def wait_for(self, reached: Callable[[], bool], what: str, *, timeout_s: float = TIMEOUT_S) -> None:
        """Wait until it is so; ``AssertionError`` says what was waited for, and which tasks have failed."""
        until = time.monotonic() + timeout_s
        while not reached():
            if time.monotonic() > until:
                raise AssertionError(f"After {timeout_s:g} s there was still not: {what}{self._failures()}")
            time.sleep(0.01)

    def wait_state(self, name: str, state: State = State.RUNNING, *, timeout_s: float = TIMEOUT_S) -> None:
        """Wait until the connector and all of its tasks are in that state."""

        def reached() -> bool:
            seen = self.status(name)
            return seen.connector.state is state and all(t.state is state for t in seen.tasks.values())

        self.wait_for(reached, f"{name} {state.value}", timeout_s=timeout_s)

    def wait_failed(self, name: str, *, timeout_s: float = TIMEOUT_S) -> str:
        """Wait until the connector or one of its tasks has failed; returns the trace."""
        self.wait_for(lambda: bool(failed(self.status(name))), f"{name} FAILED", timeout_s=timeout_s)
        seen = self.status(name)
        traces: Sequence[str | None] = [seen.connector.trace, *(t.trace for t in seen.tasks.values())]
        return next((trace for trace in traces if trace), "")

    def wait_written(self, name: str, topic: str, *, timeout_s: float = TIMEOUT_S) -> None:
        """Wait until a sink has committed everything that is in a topic now."""
        admin = self.herder.worker.admin()
        try:
            count = admin.describe_topic(topic).partitions
            ends = admin.offsets([TopicPartition(topic, number) for number in range(count)])
        finally:
            admin.close()

        def reached() -> bool:
            committed = self.committed(name)
            return all(end == 0 or committed.get(tp, 0) >= end for tp, end in ends.items())

        self.wait_for(reached, f"{topic} written by {name}", timeout_s=timeout_s)

    # --- inside ----------------------------------------------------------------------------------

    def _read(self, topic: str) -> list[Message]:
        log = self.herder.worker.log
        admin = log.admin()
        try:
            if topic not in admin.topics():
                return []
            places = [TopicPartition(topic, n) for n in range(admin.describe_topic(topic).partitions)]
            begins, ends = admin.offsets(places, end=False), admin.offsets(places)
        finally:
            admin.close()
        consumer = log.consumer({"isolation.level": "read_committed"})
        found: list[Message] = []
        try:
            consumer.assign(begins)
            until = time.monotonic() + TIMEOUT_S
            while any(consumer.position(tp) < end for tp, end in ends.items()) and time.monotonic() < until:
                found += consumer.consume(1000, 0.05)
        finally:
            consumer.close()
        return found

    def _converter(self, which: str) -> Converter[Any]:
        name, options = self.herder.worker.config.converter(which)
        made: Converter[Any] = self._registry.create("converter", name, options, is_key=which == "key")
        return made

    def _bytes(self, which: str, topic: str, value: Any) -> bytes | None:
        if value is None or isinstance(value, bytes):
            return value
        return self._converter(which).from_connect_data(topic, None, value)

    def _failures(self) -> str:
        told = []
        for name in self.herder.connectors() if self._herder is not None else ():
            seen = self.status(name)
            traces = [seen.connector.trace, *(task.trace for task in seen.tasks.values())]
            told += [f"{name}: {trace.splitlines()[0]}" for trace in traces if trace]
        return f"; failed: {'; '.join(told)}" if told else ""

"""A worker with REST in this process: on an embedded log in a folder, on a port that is free."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from connectkit.runner.herder import Herder
from connectkit.runner.standalone import Options, open_herder


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    data: bytes

    def json(self) -> Any:
        return json.loads(self.data)


@dataclass(frozen=True, slots=True)
class RestWorker:
    """One that runs."""

    herder: Herder
    url: str
    folder: Path

    @property
    def address(self) -> tuple[str, int]:
        found = urlsplit(self.url)
        assert found.hostname is not None
        assert found.port is not None
        return found.hostname, found.port

    def ask(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        json_body: Any = None,
        timeout_s: float = 30.0,
    ) -> Reply:
        """One request on a connection of its own."""
        given = dict(headers or {})
        if json_body is not None:
            body = json.dumps(json_body).encode()
            given.setdefault("Content-Type", "application/json")
        connection = http.client.HTTPConnection(*self.address, timeout=timeout_s)
        try:
            connection.request(method, path, body, given)
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return Reply(answer.status, found, answer.read())
        finally:
            connection.close()


@contextmanager
def rest_worker(folder: Path, **options: str) -> Iterator[RestWorker]:
    """Starts it; ``options`` are the worker file's, with ``_`` for ``.`` in their names."""
    settings = {
        "bootstrap.servers": f"embedded:{folder / 'log'}",
        "key.converter": "org.apache.kafka.connect.json.JsonConverter",
        "value.converter": "org.apache.kafka.connect.json.JsonConverter",
        "offset.storage.file.filename": str(folder / "offsets.json"),
        "listeners": "http://127.0.0.1:0",
        "task.shutdown.graceful.timeout.ms": "1000",
        "rest.writes.per.second": "0",
        **{name.replace("_", "."): value for name, value in options.items()},
    }
    file = folder / "worker.properties"
    file.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
    herder, serving = open_herder(Options(worker_file=file))
    assert serving is not None
    try:
        serving.ready()
        yield RestWorker(herder, serving.urls[0], folder)
    finally:
        herder.stop()
        serving.stop()


def wait_until(holds: Callable[[], bool], *, seconds: float = 20.0) -> None:
    """Wait for what must come soon; fail if it does not."""
    import threading
    import time

    until = time.monotonic() + seconds
    pause = threading.Event()
    while not holds():
        assert time.monotonic() < until, "it did not come"
        pause.wait(0.02)

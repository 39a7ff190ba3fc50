"""A Kafka Connect worker (Java) as far as a client sees it: its REST shapes, plugins as recorded from it.

Distributed mode: a new connector has no tasks at first, secrets are shown, a rebalance answers 409. Options
of plugins come from the recorded answers; whatever else a connector says is taken.
"""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

RECORDED = Path(__file__).parents[1] / "golden" / "data" / "plugins.jsonl.gz"
VERSION = "4.3.0"
WORKER = "10.0.0.7:8083"
_FILES = "org.apache.kafka.connect.file"

Answer = tuple[int, Any]


@dataclass
class JavaCluster:
    """What the cluster holds, and what was asked of it. Changed by a test's thread only between requests."""

    url: str = ""
    connectors: dict[str, dict[str, str]] = field(default_factory=dict)
    states: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    """Traces of failed tasks 0 by connector."""
    definitions: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """Options of plugins beside the recorded ones."""
    invalid: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    """By connector class: errors by key that validating finds."""
    first: list[Answer] = field(default_factory=list)
    """Answered to the next requests, whatever they ask."""
    asked: list[tuple[str, str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    offsets: dict[str, list[Any]] = field(default_factory=dict)

    def answer(self, method: str, target: str, body: Any) -> Answer:
        self.asked.append((method, target, body))
        if self.first:
            return self.first.pop(0)
        parts = [unquote(part) for part in urlsplit(target).path.split("/")[1:]]
        if parts == [""]:
            return 200, {"version": VERSION, "commit": "a9ce3221537b8653", "kafka_cluster_id": "golden"}
        if parts[0] == "connector-plugins":
            return self._plugins(method, target, parts, body)
        if parts[0] == "connectors":
            return self._connectors(method, target, parts, body)
        return 404, {"error_code": 404, "message": "HTTP 404 Not Found"}

    def _plugins(self, method: str, target: str, parts: list[str], body: Any) -> Answer:
        if method == "PUT":
            found = self.invalid.get(body.get("connector.class", ""), {})
            configs = [
                {"definition": None, "value": {"name": key, "value": body.get(key), "errors": said}}
                for key, said in {**{key: [] for key in body}, **found}.items()
            ]
            return 200, {"name": parts[1], "error_count": len(found), "groups": [], "configs": configs}
        if len(parts) == 3 and parts[1] in self.definitions:
            return 200, self.definitions[parts[1]]
        response = recorded().get(target.replace("%24", "$"))
        if response is None:
            return 404, {"error_code": 404, "message": f"Unknown plugin {parts[-2]}."}
        return response["status"], response["body"]

    def _connectors(self, method: str, target: str, parts: list[str], body: Any) -> Answer:
        if len(parts) == 1:
            if method == "POST":
                name = body["name"]
                if name in self.connectors:
                    return 409, {"error_code": 409, "message": f"Connector {name} already exists"}
                self._put(name, {**body["config"], "name": name}, body.get("initial_state", "RUNNING"))
                return 201, self._info(name)
            names = list(self.connectors)
            if "expand=status" in target:
                return 200, {name: {"status": self._status(name)} for name in names}
            return 200, names
        name, rest = parts[1], parts[2:]
        if method == "PUT" and rest == ["config"]:
            made = name not in self.connectors
            self._put(name, {**body, "name": name}, self.states.get(name, "RUNNING"))
            return 201 if made else 200, self._info(name)
        if name not in self.connectors:
            return 404, {"error_code": 404, "message": f"Connector {name} not found"}
        return self._of_one(method, name, rest, body)

    def _of_one(self, method: str, name: str, rest: list[str], body: Any) -> Answer:
        states = {"pause": "PAUSED", "resume": "RUNNING", "stop": "STOPPED"}
        if method == "PUT" and rest and rest[0] in states:
            self.states[name] = states[rest[0]]
            return (204 if rest[0] == "stop" else 202), None
        if method == "DELETE" and not rest:
            del self.connectors[name]
            return 204, None
        if method == "POST" and rest[-1:] == ["restart"]:
            self.failed.pop(name, None)
            return 204, None
        if rest == ["offsets"]:
            if method == "GET":
                return 200, {"offsets": self.offsets.get(name, [])}
            self.offsets[name] = [] if method == "DELETE" else body["offsets"]
            return 200, {"message": "The offsets for this connector have been altered successfully"}
        if rest == ["status"]:
            return 200, self._status(name)
        if rest == ["config"]:
            return 200, self.connectors[name]
        return (200, self._info(name)) if not rest else (404, {"error_code": 404, "message": "no"})

    def _put(self, name: str, config: dict[str, str], state: str) -> None:
        self.connectors[name] = {key: str(value) for key, value in config.items()}
        self.states[name] = state

    def _info(self, name: str) -> dict[str, Any]:
        return {"name": name, "config": self.connectors[name], "tasks": [], "type": self._type(name)}

    def _type(self, name: str) -> str:
        return "sink" if "Sink" in self.connectors[name].get("connector.class", "") else "source"

    def _status(self, name: str) -> dict[str, Any]:
        state = self.states.get(name, "RUNNING")
        tasks: list[dict[str, Any]] = []
        if state != "STOPPED":
            tasks = [{"id": 0, "state": state, "worker_id": WORKER, "version": VERSION}]
        if name in self.failed and tasks:
            tasks[0] |= {"state": "FAILED", "trace": self.failed[name]}
        return {
            "name": name,
            "connector": {"state": state, "worker_id": WORKER, "version": VERSION},
            "tasks": tasks,
            "type": self._type(name),
        }


_CACHE: dict[str, Any] = {}


def recorded() -> dict[str, Any]:
    """What the Java worker said of its plugins, by path."""
    if not _CACHE:
        for line in gzip.decompress(RECORDED.read_bytes()).decode().splitlines():
            each = json.loads(line)
            if "path" in each and "response" in each:
                _CACHE[each["path"]] = each["response"]
    return _CACHE


@contextmanager
def java_cluster() -> Iterator[JavaCluster]:
    """One that listens on a port that is free."""
    cluster = JavaCluster()

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            data = self.rfile.read(length)
            cluster.headers.append(dict(self.headers.items()))
            status, found = cluster.answer(self.command, self.path, json.loads(data) if data else None)
            text = b"" if found is None else found if isinstance(found, bytes) else json.dumps(found).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_PUT = do_POST = do_DELETE = do_PATCH = _serve  # noqa: N815 - http.server's names

        def log_request(self, code: Any = "-", size: Any = "-") -> None:
            """Nothing on stderr."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    cluster.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield cluster
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def file_sink(**more: str) -> dict[str, str]:
    """A connector of Kafka's own."""
    return {"connector.class": f"{_FILES}.FileStreamSinkConnector", "topics": "t", "file": "o.txt", **more}

"""Calls an ASGI application without a server: one request in, one answer out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    data: bytes

    def json(self) -> Any:
        return json.loads(self.data)


def ask(
    app: Any,
    method: str,
    path: str,
    *,
    headers: Mapping[str, str] | Sequence[tuple[str, str]] = (),
    body: bytes | Sequence[bytes] = b"",
    state: Mapping[str, Any] | None = None,
    json_body: Any = None,
) -> Reply:
    """Send one request; ``body`` may come in parts."""
    chunks = [body] if isinstance(body, bytes) else list(body)
    given = list(headers.items() if isinstance(headers, Mapping) else headers)
    if json_body is not None:
        chunks = [json.dumps(json_body).encode()]
        given.append(("content-type", "application/json"))
    if not any(name.lower() == "host" for name, _ in given):
        given.append(("host", "localhost:8083"))
    total = sum(map(len, chunks))
    if total and not any(name.lower() in ("content-length", "transfer-encoding") for name, _ in given):
        given.append(("content-length", str(total)))
    target, _, query = path.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(target),
        "raw_path": target.encode("ascii"),
        "query_string": query.encode("ascii"),
        "root_path": "",
        "headers": [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in given],
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 8083),
        "state": dict(state or {}),
    }
    sent: list[Mapping[str, Any]] = []

    async def run() -> None:
        waiting = list(chunks)

        async def receive() -> Mapping[str, Any]:
            if waiting:
                chunk = waiting.pop(0)
                return {"type": "http.request", "body": chunk, "more_body": bool(waiting)}
            await asyncio.sleep(3600)
            raise AssertionError("nothing more comes")

        async def send(message: Mapping[str, Any]) -> None:
            sent.append(message)

        await app(scope, receive, send)

    asyncio.run(run())
    start = sent[0]
    found = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in start["headers"]}
    return Reply(start["status"], found, b"".join(each.get("body", b"") for each in sent[1:]))

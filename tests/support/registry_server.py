"""The embedded registry behind a real socket, counting what it is asked; and servers that misbehave."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from connectkit.converters.registry.embedded.asgi import application
from connectkit.converters.registry.embedded.registry import EmbeddedRegistry


@dataclass
class Served:
    url: str
    registry: EmbeddedRegistry
    requests: list[str] = field(default_factory=list)


class _Counting:
    def __init__(self, app: ASGIApp, requests: list[str]) -> None:
        self._app = app
        self._requests = requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            self._requests.append(f"{scope['method']} {scope['raw_path'].decode()}")
        await self._app(scope, receive, send)


@contextmanager
def served(registry: EmbeddedRegistry | None = None) -> Iterator[Served]:
    """A registry over HTTP; its requests in the order they came."""
    own = registry or EmbeddedRegistry()
    # Named TCP, since asyncio sends at once on such only; otherwise each answer waits for 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    found = Served(f"http://127.0.0.1:{listener.getsockname()[1]}", own)
    app = _Counting(application(own), found.requests)
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", access_log=False, lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield found
    finally:
        server.should_exit = True
        thread.join()
        listener.close()
        own.close()


Behaviour = Callable[[socket.socket, bytes], None]
"""What a bad server does with a connection on which a request came."""


@contextmanager
def misbehaving(behave: Behaviour) -> Iterator[tuple[str, list[bytes]]]:
    """A server that answers each connection's first request by ``behave`` and closes it."""
    listener = socket.create_server(("127.0.0.1", 0))
    requests: list[bytes] = []
    open_: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def handle(connection: socket.socket) -> None:
        with connection:
            try:
                request = _read(connection)
                requests.append(request)
                behave(connection, request)
            except OSError:
                pass  # the client has gone, or the test is over

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            open_.append(connection)
            thread = threading.Thread(target=handle, args=(connection,))
            threads.append(thread)
            thread.start()

    accepting = threading.Thread(target=accept)
    accepting.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", requests
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        accepting.join()
        for connection in open_:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        for thread in threads:
            thread.join()


def _read(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        got = connection.recv(65536)
        if not got:
            raise OSError("closed")
        data += got
    head, _, body = data.partition(b"\r\n\r\n")
    size = next(
        (
            int(line.split(b":")[1])
            for line in head.lower().split(b"\r\n")
            if line.startswith(b"content-length:")
        ),
        0,
    )
    while len(body) < size:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def answer(status: int, body: bytes, *headers: str) -> Behaviour:
    """A whole answer."""
    lines = [f"HTTP/1.1 {status} Said", f"Content-Length: {len(body)}", "Connection: close", *headers]
    data = "\r\n".join(lines).encode() + b"\r\n\r\n" + body
    return lambda connection, request: connection.sendall(data)

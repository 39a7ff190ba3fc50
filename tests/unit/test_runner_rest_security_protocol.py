"""Connections that say nothing, or little by little, or too much, are closed; others are not disturbed."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
import uvicorn

from connectkit.runner.rest.security_protocol import guarded
from connectkit.runner.rest.security_settings import SecuritySettings

QUICK = SecuritySettings(
    header_timeout_s=0.3, body_timeout_s=0.3, keep_alive_s=30.0, max_header_bytes=2048, max_connections=4
)


@contextmanager
def serving(app: Any, settings: SecuritySettings) -> Iterator[int]:
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        app, http=guarded(settings), ws="none", lifespan="off", log_config=None, access_log=False,
        h11_max_incomplete_event_size=settings.max_header_bytes,
    )  # fmt: skip
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: server.run(sockets=[listener]), daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        server.force_exit = True
        thread.join(10)
        listener.close()


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Reads the body and says how long it was; ``/hold`` takes its time, ``/much`` says more."""
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
    if scope["path"] == "/hold":
        await asyncio.sleep(1.0)
    body = b"x" * 3_000_000 if scope["path"] == "/much" else str(size).encode()
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": 200, "headers": [length]})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with serving(echo, QUICK) as found:
        yield found


def opened(port: int, data: bytes = b"") -> socket.socket:
    made = socket.create_connection(("127.0.0.1", port), timeout=10)
    made.sendall(data)
    return made


def everything(connection: socket.socket) -> bytes:
    """What comes until the server closes; it hangs (and times out) if the server does not."""
    found = b""
    try:
        while data := connection.recv(65536):
            found += data
    except ConnectionResetError:
        pass
    connection.close()
    return found


def asks(connection: socket.socket) -> bytes:
    """The body of the answer to one good request."""
    connection.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc")
    found = b""
    while not found.partition(b"\r\n\r\n")[2]:
        data = connection.recv(65536)
        assert data, found
        found += data
    return found.partition(b"\r\n\r\n")[2]


def test_requests_are_answered_one_after_the_other(port: int) -> None:
    with opened(port) as connection:
        for _ in range(3):
            assert asks(connection) == b"3"


def test_a_connection_that_says_nothing_is_closed(port: int) -> None:
    assert everything(opened(port)) == b""


@pytest.mark.parametrize("start", [b"G", b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nHost: localhost\r\nX: y"])
def test_half_a_head_is_told_and_closed(port: int, start: bytes) -> None:
    found = everything(opened(port, start))
    assert found.startswith(b"HTTP/1.1 408 ")
    assert json.loads(found.partition(b"\r\n\r\n")[2])["error_code"] == 408


def test_half_a_head_after_an_answer_is_closed_too(port: int) -> None:
    connection = opened(port)
    assert asks(connection) == b"3"
    connection.sendall(b"GET / HT")
    assert everything(connection).startswith(b"HTTP/1.1 408 ")


def test_a_body_that_drips_does_not_hold_the_connection() -> None:
    with serving(echo, SecuritySettings(body_timeout_s=0.2)) as port:
        connection = opened(port, b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\na")
        assert everything(connection) == b""


def test_a_body_nobody_reads_does_not_hold_the_connection() -> None:
    async def deaf(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    with serving(deaf, SecuritySettings(body_timeout_s=0.2)) as port:
        connection = opened(port, b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\na")
        assert everything(connection).startswith(b"HTTP/1.1 200 ")


def test_a_head_that_is_too_large_is_told(port: int) -> None:
    found = everything(opened(port, b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"y" * 1_000_000))
    assert found.startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"GET /\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"GE\x00T / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: \x00\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
def test_what_is_no_http_gets_a_sentence(port: int, data: bytes) -> None:
    found = everything(opened(port, data))
    assert found.startswith((b"HTTP/1.1 4", b"HTTP/1.1 501"))
    assert json.loads(found.partition(b"\r\n\r\n")[2])["message"]
    assert len(found) < 1024


def test_nonsense_is_not_logged(port: int, caplog: pytest.LogCaptureFixture) -> None:
    upgrade = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade, close\r\nUpgrade: websocket\r\n\r\n"
    caplog.set_level(logging.DEBUG, "connectkit.runner.rest.security_protocol.failures")
    assert everything(opened(port, upgrade)).startswith(b"HTTP/1.1 200 ")
    everything(opened(port, b"nonsense\r\n\r\n"))
    assert [record for record in caplog.records if record.levelno > logging.DEBUG] == []


def test_an_answer_that_nobody_reads_is_given_up() -> None:
    settings = SecuritySettings(body_timeout_s=0.2)
    with serving(echo, settings) as port, socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(10)
        connection.connect(("127.0.0.1", port))
        connection.sendall(b"GET /much HTTP/1.1\r\nHost: localhost\r\n\r\n" * 8)
        # Sending fails once the other side has gone away, without anything being read here.
        gone = threading.Event()

        def watch() -> None:
            try:
                while True:
                    connection.sendall(b" ")
                    gone.wait(0.05)
            except OSError:
                gone.set()

        watching = threading.Thread(target=watch, daemon=True)
        watching.start()
        watching.join(8)
        assert gone.is_set()


def test_those_that_wait_make_room_for_those_that_ask() -> None:
    settings = SecuritySettings(max_connections=4, header_timeout_s=30)
    with serving(echo, settings) as port, ExitStack() as stack:
        silent = [stack.enter_context(opened(port, b"G")) for _ in range(60)]
        assert asks(stack.enter_context(opened(port))) == b"3"
        assert sum(map(is_closed, silent)) >= 60 - 4 * 4


def is_closed(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        return connection.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True


def test_many_that_ask_at_once_are_all_answered() -> None:
    settings = SecuritySettings(max_connections=20)
    with serving(echo, settings) as port:
        busy = [
            opened(port, b"GET /hold HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n") for _ in range(60)
        ]
        assert all(everything(each).startswith(b"HTTP/1.1 200") for each in busy)

"""Talks to the oracle: one connection, one request at a time. Used by tasks of workers and by the rig."""

from __future__ import annotations

import json
import socket
import threading
from typing import Any


class Asking:
    """A connection to the oracle on a port of this machine. Thread-safe."""

    def __init__(self, port: int, *, timeout_s: float = 30.0) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=timeout_s)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._lines = self._socket.makefile("rb")
        self._lock = threading.Lock()

    def __call__(self, do: str, **request: Any) -> dict[str, Any]:
        with self._lock:
            self._socket.sendall(json.dumps({"do": do, **request}).encode() + b"\n")
            line = self._lines.readline()
        if not line:
            raise ConnectionError(f"the oracle has gone away, asked to {do}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        self._lines.close()
        self._socket.close()

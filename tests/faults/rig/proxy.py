"""A proxy on the loopback that breaks connections: cut, silent, one way only, refused.

Linux's ``netem`` is not everywhere; what a client sees is the same. Threads: two a connection, one that
accepts; the switches may be thrown by any other.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from enum import Enum

_STEP_S = 0.02
_CHUNK_BYTES = 65_536


class Way(Enum):
    """What gets through."""

    OPEN = "open"
    SILENT = "silent"
    """Connections stand, and nothing arrives."""
    REQUESTS = "requests"
    """What the client says arrives, and no answer does."""
    REFUSED = "refused"
    """Connections are closed as soon as they are made."""


class Proxy:
    """Takes connections on ``port`` and passes them on to ``target``, both of the loopback."""

    def __init__(self, port: int, target: int) -> None:
        self.way = Way.OPEN
        self._target = target
        self._closed = False
        self._lock = threading.Lock()
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        self._listener = socket.create_server(("127.0.0.1", port), backlog=128)
        threading.Thread(target=self._accept, name="proxy", daemon=True).start()

    def cut(self) -> None:
        """Break all connections there are."""
        with self._lock:
            pairs = list(self._pairs)
        for pair in pairs:
            _shut(*pair)

    def close(self) -> None:
        self._closed = True
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        while not self._closed:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self.way is Way.REFUSED:
                client.close()
                continue
            try:
                server = socket.create_connection(("127.0.0.1", self._target), timeout=5)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            pair = (client, server)
            with self._lock:
                self._pairs.add(pair)
            for source, sink, through in (
                (client, server, (Way.OPEN, Way.REQUESTS, Way.REFUSED)),
                (server, client, (Way.OPEN, Way.REFUSED)),
            ):
                arguments = (source, sink, through, pair)
                threading.Thread(target=self._pass_on, args=arguments, name="proxied", daemon=True).start()

    def _pass_on(
        self,
        source: socket.socket,
        sink: socket.socket,
        through: tuple[Way, ...],
        pair: tuple[socket.socket, socket.socket],
    ) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(_CHUNK_BYTES):
                while self.way not in through and not self._closed:
                    time.sleep(_STEP_S)
                sink.sendall(data)
        _shut(*pair)
        with self._lock:
            self._pairs.discard(pair)


def _shut(*ends: socket.socket) -> None:
    for end in ends:
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)

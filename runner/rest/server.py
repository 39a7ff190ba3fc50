"""Serves REST: sockets opened early, one thread with an event loop, uvicorn on each socket.

``RestServer`` is opened before the worker is made (its port is part of the worker's id) and begins to
answer at ``start``. Requests that come in between wait in the socket.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from connectkit.runner.rest.listeners import (
    Bound,
    admin_listeners,
    advertised_url,
    bind,
    main_listeners,
)
from connectkit.runner.rest.security_settings import SecuritySettings
from connectkit.runner.rest.tls import server_context

try:
    import uvicorn

    from connectkit.runner.rest.security_protocol import guarded
except ModuleNotFoundError as exc:
    raise ModuleNotFoundError(
        "REST needs starlette and uvicorn, of the extra 'runner' of kafka-connectkit"
    ) from exc

if TYPE_CHECKING:
    import ssl

    from starlette.types import ASGIApp

    from connectkit.runner.configs.worker import WorkerConfig

log = logging.getLogger(__name__)

STOP_S: Final = 5
"""How long requests under way may take once the server stops."""


class RestServer:
    """The sockets of one worker's REST, and the thread that answers on them."""

    def __init__(self, config: WorkerConfig, settings: SecuritySettings | None = None) -> None:
        """Open the sockets; ``ConfigError`` if an address cannot be had or the TLS options are wrong."""
        self._config = config
        self._settings = settings or SecuritySettings()
        self.main: list[Bound] = []
        self.admin: list[Bound] | None = None
        """The sockets of ``/admin`` alone; None if it is served on the main ones."""
        self._servers: list[uvicorn.Server] = []
        self._thread: threading.Thread | None = None
        raw = config.originals
        try:
            self.main = [bind(each) for each in main_listeners(config)]
            apart = admin_listeners(config)
            if apart is not None:
                self.admin = []
                for each in apart:
                    self.admin.append(bind(each))
            self._contexts = {
                "main": _context(self.main, raw, "listeners.https."),
                "admin": _context(self.admin or [], raw, "admin.listeners.https."),
            }
        except BaseException:
            self.close_sockets()
            raise

    @property
    def advertised(self) -> str:
        """The worker's URL, as other workers would be told."""
        return advertised_url(self._config, self.main)

    @property
    def worker_id(self) -> str:
        """Host and port of the advertised URL."""
        return self.advertised.partition("://")[2].removesuffix("/")

    def start(self, app: ASGIApp, admin: ASGIApp | None = None) -> None:
        """Answer with ``app``, on the admin listeners (if there are any) with ``admin``."""
        for bound in self.main:
            self._add(app, bound, self._contexts["main"])
        for bound in self.admin or ():
            self._add(admin or app, bound, self._contexts["admin"])
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), name="rest", daemon=True)
        self._thread.start()
        ready.wait(10)
        for bound in [*self.main, *(self.admin or ())]:
            log.info("REST answers on %s", bound.url)

    def stop(self) -> None:
        """Answer what is under way, within ``STOP_S``, and close."""
        for server in self._servers:
            server.should_exit = True
        if self._thread is not None:
            self._thread.join(STOP_S + 2)
        self.close_sockets()

    def close_sockets(self) -> None:
        for bound in [*self.main, *(self.admin or ())]:
            bound.socket.close()

    def _add(self, app: ASGIApp, bound: Bound, context: ssl.SSLContext | None) -> None:
        config = uvicorn.Config(
            app,
            http=guarded(self._settings),
            ws="none",
            lifespan="off",
            loop="asyncio",
            interface="asgi3",
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=STOP_S,
            h11_max_incomplete_event_size=self._settings.max_header_bytes,
        )
        config.load()
        config.ssl = context if bound.listener.scheme == "https" else None
        self._servers.append(uvicorn.Server(config))

    def _run(self, ready: threading.Event) -> None:
        sockets = [bound.socket for bound in [*self.main, *(self.admin or ())]]
        try:
            with asyncio.Runner(loop_factory=lambda: _Loop(self._settings.header_timeout_s)) as runner:
                runner.run(_serve(self._servers, sockets, ready))
        except Exception:
            log.exception("REST ended by a failure")
        finally:
            ready.set()


async def _serve(
    servers: Sequence[uvicorn.Server], sockets: Sequence[socket.socket], ready: threading.Event
) -> None:
    running = [
        asyncio.ensure_future(server.serve(sockets=[each]))
        for server, each in zip(servers, sockets, strict=True)
    ]
    while running and not all(server.started or server.should_exit for server in servers):
        await asyncio.sleep(0.002)
    ready.set()
    await asyncio.gather(*running)
    for server in servers:  # TLS waits for a last word that may never come
        for connection in list(server.server_state.connections):
            connection.transport.abort()
    await asyncio.sleep(0.01)  # connections that were just closed let go of their sockets


class _Loop(asyncio.SelectorEventLoop):
    """An event loop whose servers give a TLS handshake no more time than a request's head has."""

    def __init__(self, handshake_s: float) -> None:
        super().__init__()
        self._handshake_s = handshake_s

    async def create_server(self, *args: Any, **kwargs: Any) -> asyncio.Server:
        if kwargs.get("ssl") is not None:
            kwargs.setdefault("ssl_handshake_timeout", self._handshake_s)
        return await super().create_server(*args, **kwargs)


def _context(bound: Sequence[Bound], raw: Mapping[str, Any], prefix: str) -> ssl.SSLContext | None:
    if any(each.listener.scheme == "https" for each in bound):
        return server_context(raw, prefix)
    return None

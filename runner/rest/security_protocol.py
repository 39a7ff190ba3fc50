"""uvicorn's HTTP/1.1 with deadlines: nobody holds a connection by saying nothing, or slowly.

A head has ``header_timeout_s`` from its first byte (a new connection's: from the start), a body
``body_timeout_s`` and a moment more than the application gives it, and an answer that nobody reads as long.
Beyond ``max_connections`` those that wait longest for a request are closed, and beyond four times as many
that are all busy, the new one. What is no HTTP gets one JSON sentence. The client's certificate, which TLS
has verified, is handed on in ``scope["state"]``. Runs in the server's event loop.
Source: spec reliability 3.2, S1.
"""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any, Final, Literal

import h11
from uvicorn.protocols.http.h11_impl import STATUS_PHRASES, H11Protocol

from connectkit.runner.rest.security_settings import SecuritySettings

log = logging.getLogger(__name__)
_failures = logging.getLogger(f"{__name__}.failures")
# That somebody sent no HTTP is no news, and could fill a disk: not even when all levels are lowered at once.
_failures.addFilter(lambda record: record.levelno >= logging.ERROR)

GRACE_S: Final = 2.0
"""What a body gets beyond the application's own deadline, so that its answer is the one that is sent."""
LINGER_S: Final = 1.0
"""How long what a refused client still sends is read and forgotten, so that it gets to read why."""
CROWD: Final = 4
"""So many times the usual number of connections are kept while all are busy."""

_Phase = Literal["head", "body"]


def guarded(settings: SecuritySettings) -> type[H11Protocol]:
    """The protocol with these limits."""
    return type("GuardedProtocol", (_Guarded,), {"settings": settings})


class _Guarded(H11Protocol):
    settings = SecuritySettings()

    _phase: _Phase | None = None
    _deadline: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None
    _waits_since = 0.0
    _lingers = False

    # --- what asyncio calls ----------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn
        super().connection_made(transport)
        self.logger = _failures
        self.timeout_keep_alive = self.settings.keep_alive_s  # type: ignore[assignment]  # seconds, to a timer
        channel = transport.get_extra_info("ssl_object")
        if channel is not None:
            self.app_state = {**self.app_state, "client_certificate": channel.getpeercert()}
        self._waits_since = self.loop.time()
        self._arm("head")
        self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        self._arm(None)
        self._reads_again()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._lingers:
            return
        if self._phase is None and self._is_waiting():
            self._arm("head")
        super().data_received(data)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unread = self.loop.call_later(self.settings.body_timeout_s, self.transport.abort)

    def resume_writing(self) -> None:
        self._reads_again()
        super().resume_writing()

    def _reads_again(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _should_upgrade(self) -> bool:
        """There are no other protocols; who asks for one is answered in this."""
        return False

    # --- deadlines -------------------------------------------------------------------------------

    def handle_events(self) -> None:
        super().handle_events()
        if self._lingers or self.transport.is_closing():
            return
        state = self.conn.their_state
        if state is h11.SEND_BODY:
            if self._phase != "body":
                self._arm("body")
        elif state is h11.IDLE:
            # Idle between two requests is the keep-alive timer's; a head that has begun is ours.
            self._arm("head" if self._phase == "head" or self.conn.trailing_data[0] else None)
        else:
            self._arm(None)

    def on_response_complete(self) -> None:
        self._waits_since = self.loop.time()
        super().on_response_complete()

    def _arm(self, phase: _Phase | None) -> None:
        if phase == self._phase and self._deadline is not None:
            return
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        self._phase = phase
        if phase == "head":
            self._deadline = self.loop.call_later(self.settings.header_timeout_s, self._too_late)
        elif phase == "body":
            self._deadline = self.loop.call_later(self.settings.body_timeout_s + GRACE_S, self._too_late)

    def _too_late(self) -> None:
        self._deadline = None
        if self.transport.is_closing():
            return
        if self._phase == "head" and self._is_waiting():
            if self.conn.trailing_data[0]:
                self._refuse(408, f"The request did not arrive within {self.settings.header_timeout_s:g} s")
            else:
                self.transport.close()
        else:
            self.transport.abort()

    # --- room ------------------------------------------------------------------------------------

    def _is_waiting(self) -> bool:
        """Whether no request of this connection is being answered."""
        return self.cycle is None or self.cycle.response_complete

    def _make_room(self) -> None:
        limit = self.settings.max_connections
        if len(self.connections) <= limit:
            return
        others = [each for each in self.connections if isinstance(each, _Guarded) and each is not self]
        waiting = [each for each in others if each._is_waiting() and not each.transport.is_closing()]
        oldest = min(waiting, key=lambda each: each._waits_since, default=None)
        full = len(self.connections) > CROWD * limit
        if oldest is not None and (full or self.loop.time() - oldest._waits_since > 1.0):
            oldest.transport.abort()
            self.connections.discard(oldest)
        elif full:
            self.transport.abort()

    # --- what is no HTTP -------------------------------------------------------------------------

    def send_400_response(self, msg: str) -> None:
        if len(self.conn.trailing_data[0]) > self.settings.max_header_bytes:
            self._refuse(
                431, f"The request's line and headers are larger than {self.settings.max_header_bytes} bytes"
            )
        else:
            self._refuse(400, "This is no HTTP/1.1 request")

    def _refuse(self, status: int, message: str) -> None:
        """A last answer; whatever the client still sends is forgotten."""
        self._arm(None)
        self._unset_keepalive_if_required()
        log.debug("A request was refused: %s", message)
        body = json.dumps({"error_code": status, "message": message}).encode()
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
        ]
        reason = STATUS_PHRASES.get(status, b"")
        events: list[Any] = [
            h11.Response(status_code=status, headers=headers, reason=reason),
            h11.Data(data=body),
            h11.EndOfMessage(),
        ]
        try:
            data = b"".join(self.conn.send(event) or b"" for event in events)
        except h11.LocalProtocolError:  # an answer is already under way
            self.transport.abort()
            return
        self._lingers = True
        if self.cycle is not None:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.transport.write(data)
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.transport.resume_reading()
        self.loop.call_later(LINGER_S, self.transport.close)

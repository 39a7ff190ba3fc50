"""Stands before the REST application: who asks, may they, and may the request be looked at.

``secured(app, settings)`` is a plain ASGI application around another. In this order: that its
body has one length (400), ``Host`` (421), changes that a page of another site makes a browser send (403), who
it is (401), how large the body is and how long it takes (413, 408), whether they may (403), and the turn of a
change (429).
What passes finds its principal in ``scope[PRINCIPAL]``. Lists of connectors are narrowed to what the
principal may see, and every change leaves an audit line. Runs in the server's event loop.
Source: spec reliability 3.3.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

from connectkit.runner.rest.answers import RestError, error_answer
from connectkit.runner.rest.routes import reply
from connectkit.runner.rest.security_audit import Audit
from connectkit.runner.rest.security_pace import Pace
from connectkit.runner.rest.security_principals import ANYBODY, PRINCIPAL, Principal
from connectkit.runner.rest.security_requests import (
    check_framing,
    check_host,
    check_origin,
    header,
    read_body,
)
from connectkit.runner.rest.security_rules import SAFE_METHODS, Need, allowed, need_of, path_parts
from connectkit.runner.rest.security_settings import WRITE_BURST_S, SecuritySettings

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_CHALLENGES: Final = {"WWW-Authenticate": 'Bearer realm="connectkit", Basic realm="connectkit"'}


def secured(
    app: ASGIApp,
    settings: SecuritySettings,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> ASGIApp:
    """The application behind these settings."""
    return _Secured(app, settings, clock, sleep)


class _Secured:
    def __init__(
        self,
        app: ASGIApp,
        settings: SecuritySettings,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._app = app
        self._settings = settings
        self._clock = clock
        self._sleep = sleep
        self._audit = Audit(clock)
        self._pace = Pace(settings.writes_per_s, burst_s=WRITE_BURST_S)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        began = self._clock()
        sending = _Sending(send)
        who: Principal | None = None
        parts = path_parts(scope.get("raw_path") or scope["path"])
        need = need_of(scope["method"], parts)
        try:
            check_framing(scope)
            check_host(scope, self._settings)
            if scope["method"] not in SAFE_METHODS:
                check_origin(scope, self._settings)
            who = self._recognize(scope, need)
            body = await self._body(scope, receive)
            if body is None:
                return
            if not allowed(who, need, body):
                raise RestError(
                    403, f"{who.name} may not do this; rest.principals of the worker's file says so"
                )
            if need.changes and (wait_s := self._pace.wait_s(self._clock())) > 0:
                await self._sleep(wait_s)
        except RestError as exc:
            self._audit.refused(scope, None if who is None else who.name, exc.status, str(exc))
            await reply(error_answer(exc.status, str(exc), exc.headers), scope, sending)
            return
        inner = {**scope, PRINCIPAL: who}
        if parts == ["connectors"] and scope["method"] in ("GET", "HEAD") and not who.sees_all:
            sending = _Narrowed(sending, who)
        await self._app(inner, _replayed(body, receive), sending)
        if need.changes:
            self._audit.changed(scope, who.name, sending.status, self._clock() - began)

    def _recognize(self, scope: Scope, need: Need) -> Principal:
        principals = self._settings.principals
        if not principals.required:
            return ANYBODY
        given = header(scope, b"authorization")
        found = principals.recognize(given, _common_name(scope))
        if found is not None:
            return found
        if need.role is None:
            return Principal("anonymous", ())
        why = "The credentials are not known here" if given else "This worker wants to know who asks"
        raise RestError(401, f"{why}: send a token as 'Authorization: Bearer …'", headers=_CHALLENGES)

    async def _body(self, scope: Scope, receive: Receive) -> bytes | None:
        if scope["method"] in SAFE_METHODS:
            return b""
        encoding = header(scope, b"content-encoding")
        if encoding is not None and encoding.strip().lower() not in ("", "identity"):
            raise RestError(415, "Bodies are taken as they are, without Content-Encoding")
        return await read_body(scope, receive, self._settings)


def _common_name(scope: Scope) -> str | None:
    """The name in the client's certificate, verified by TLS, which the protocol has put into the state."""
    certificate = (scope.get("state") or {}).get("client_certificate") or {}
    for part in certificate.get("subject", ()):
        for key, value in part:
            if key == "commonName":
                return str(value)
    return None


def _replayed(body: bytes, receive: Receive) -> Receive:
    """The body that was read, once more."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


class _Sending:
    """Sends on, and remembers the status."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = [*message.get("headers", []), (b"x-content-type-options", b"nosniff")]
            message = {**message, "headers": headers}
        await self._send(message)


class _Narrowed(_Sending):
    """Leaves out of a list of connectors those that the principal may not see."""

    def __init__(self, send: _Sending, who: Principal) -> None:
        super().__init__(send)
        self._who = who
        self._start: Message | None = None
        self._data = bytearray()

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status, self._start = message["status"], message
            return
        self._data += message.get("body", b"")
        if message.get("more_body", False) or self._start is None:
            return
        data = bytes(self._data)
        headers = list(self._start["headers"])
        if self.status == 200 and data:
            data = _visible(json.loads(data), self._who)
            headers = [each for each in headers if each[0].lower() != b"content-length"]
            headers.append((b"content-length", str(len(data)).encode()))
        await self._send({**self._start, "headers": headers})
        await self._send({"type": "http.response.body", "body": data})


def _visible(found: Any, who: Principal) -> bytes:
    names = set(who.visible(found))
    kept: Any = (
        {name: found[name] for name in found if name in names}
        if isinstance(found, dict)
        else [name for name in found if name in names]
    )
    return json.dumps(kept, ensure_ascii=False, separators=(",", ":")).encode()

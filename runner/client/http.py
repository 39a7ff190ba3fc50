"""Asks a worker's REST interface and answers with JSON, or one sentence that says what went wrong.

Speaks to Kafka Connect (Java) and to connectkit. A 409 that comes of a rebalance, a 429 and a 503 are asked
again with growing pauses until ``retry_s`` is used up; nothing else is. No redirect is followed and no proxy
asked, so that the token goes to the host that was named and to nobody else. No message holds the token.
One thread at a time. Source: Kafka Connect's REST interface.
"""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, unquote, urlencode, urlsplit

from connectkit.errors import ConfigError, ConnectError
from connectkit.secret import GIVEN, Secret

DEFAULT_URL: Final = "http://127.0.0.1:8083"
TIMEOUT_S: Final = 100.0
"""A little more than the 90 s after which a worker answers that a request took too long."""
MAX_ANSWER_BYTES: Final = 64 * 1024 * 1024
MAX_MESSAGE_CHARS: Final = 10_000
OURS: Final = "-connectkit-"
"""Stands in the version that a worker of ours gives."""
_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
_FIRST_PAUSE_S: Final = 0.25
_LONGEST_PAUSE_S: Final = 5.0


class AnsweredError(ConnectError):
    """The worker's answer was an error; ``status`` is its code, the message what the worker said."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Where a worker is and who asks it."""

    url: str = DEFAULT_URL
    token: Secret | None = None
    user: str | None = None
    """With it the token is sent as this user's password."""
    ca: Path | None = None
    certificate: Path | None = None
    """A PEM file with the client's certificate, and its key if ``key`` names no other file."""
    key: Path | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What a worker answered, whatever the status."""

    status: int
    data: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    def json(self) -> Any:
        """The body; None if there is none."""
        if not self.data.strip():
            return None
        return json.loads(self.data)

    @property
    def message(self) -> str:
        """What an error's body says, or the status alone."""
        try:
            found = self.json()
        except ValueError:
            found = None
        text = found.get("message") if isinstance(found, dict) else None
        return text if isinstance(text, str) and text else f"HTTP status {self.status}"


class RestClient:
    """One worker's REST interface."""

    def __init__(
        self,
        access: Access,
        *,
        retry_s: float = 60.0,
        timeout_s: float = TIMEOUT_S,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """``ConfigError`` if the URL or a certificate's file cannot be used."""
        try:
            parts = urlsplit(access.url)
            port = parts.port
        except ValueError as exc:
            raise ConfigError("The URL of the worker is none: its port is not a number.") from exc
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ConfigError("The URL of the worker must be http://HOST:PORT or https://HOST:PORT.")
        self._host, self._port = parts.hostname, port or (443 if parts.scheme == "https" else 80)
        self._base = parts.path.rstrip("/")
        named = f"[{self._host}]" if ":" in self._host else self._host
        self.url = f"{parts.scheme}://{named}:{self._port}{self._base}"
        """Where it is, without user and password."""
        self._headers = {"Accept": "application/json", "User-Agent": "connectkit"}
        if (authorization := _authorization(access, parts.username, parts.password)) is not None:
            self._headers["Authorization"] = authorization
        self._context = _context(access) if parts.scheme == "https" else None
        self._retry_s, self._timeout_s = retry_s, timeout_s
        self._clock, self._sleep = clock, sleep
        self._version: str | None = None

    @property
    def warning(self) -> str | None:
        """A sentence if credentials go over the network in the open."""
        if "Authorization" in self._headers and self._context is None and self._host not in _LOOPBACK:
            return f"the credentials go to {self.url} unencrypted; use https"
        return None

    @property
    def version(self) -> str:
        """The version that the worker gives itself."""
        if self._version is None:
            self._version = str(self.get("/", wanted=dict).get("version", ""))
        return self._version

    @property
    def is_ours(self) -> bool:
        """Whether it is connectkit's, so that ``/connectkit/…`` is there."""
        return OURS in self.version

    def get(
        self,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        wanted: type | tuple[type, ...] = (dict, list),
    ) -> Any:
        """What a GET answers, parsed and of the wanted type; ``AnsweredError`` for an error."""
        found = self.ask("GET", path, query=query)
        if not isinstance(found, wanted):
            raise ConnectError(
                f"{self.url} answers GET {path} otherwise than Kafka Connect does; is it a worker's URL?"
            )
        return found

    def own(self, path: str, query: Mapping[str, str] | None = None) -> Any:
        """What an endpoint of connectkit answers; None if this worker has none or does not let us."""
        if not self.is_ours:
            return None
        try:
            return self.get(path, query, wanted=dict)
        except AnsweredError as exc:
            if exc.status in (403, 404, 405):
                return None
            raise

    def ask(self, method: str, path: str, *, query: Mapping[str, str] | None = None, body: Any = None) -> Any:
        """One request, again while the worker is rebalancing; its answer parsed."""
        reply = self.reply(method, path, query=query, body=body)
        if reply.status >= 300:
            raise AnsweredError(reply.status, _readable(reply.message))
        try:
            return reply.json()
        except ValueError as exc:
            raise ConnectError(
                f"{self.url} answered {method} {path} with something that is not JSON; is it a worker's URL?"
            ) from exc

    def reply(
        self, method: str, path: str, *, query: Mapping[str, str] | None = None, body: Any = None
    ) -> Reply:
        """One request, again while the worker is rebalancing; its answer whatever the status."""
        target = f"{self._base}{path}" + (f"?{urlencode(query)}" if query else "")
        data = None if body is None else json.dumps(body).encode()
        until_s, pause_s = self._clock() + self._retry_s, _FIRST_PAUSE_S
        while True:
            reply = self._once(method, target, data)
            if not _may_pass(method, path, reply) or self._clock() + pause_s > until_s:
                return reply
            self._sleep(_pause_of(reply, pause_s))
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)

    def _once(self, method: str, target: str, data: bytes | None) -> Reply:
        headers = dict(self._headers)
        if data is not None:
            headers["Content-Type"] = "application/json"
        connection = self._connect()
        try:
            connection.request(method, target, data, headers)
            answer = connection.getresponse()
            found = answer.read(MAX_ANSWER_BYTES + 1)
            if len(found) > MAX_ANSWER_BYTES:
                raise ConnectError(f"The answer of {self.url} is longer than {MAX_ANSWER_BYTES >> 20} MiB.")
            return Reply(answer.status, found, {k.lower(): v for k, v in answer.getheaders()})
        except ssl.SSLError as exc:
            raise ConnectError(
                f"{self.url} and this client do not agree on TLS ({_reason(exc)}); --ca names the authority"
                f" that signed the worker's certificate, --cert your own certificate."
            ) from exc
        except TimeoutError as exc:
            raise ConnectError(f"{self.url} did not answer within {self._timeout_s:g} s.") from exc
        except http.client.HTTPException as exc:
            raise ConnectError(f"{self.url} does not answer as an HTTP server does; is it https?") from exc
        except OSError as exc:
            raise ConnectError(
                f"{self.url} cannot be reached ({exc.strerror or type(exc).__name__}); does the worker run,"
                f" and is --url right?"
            ) from exc
        finally:
            connection.close()

    def _connect(self) -> http.client.HTTPConnection:
        if self._context is None:
            return http.client.HTTPConnection(self._host, self._port, timeout=self._timeout_s)
        return http.client.HTTPSConnection(
            self._host, self._port, timeout=self._timeout_s, context=self._context
        )


def _readable(message: str) -> str:
    """What a worker said, line by line, without secrets and without what moves a cursor."""
    lines = GIVEN.hidden_in(message[:MAX_MESSAGE_CHARS]).splitlines()
    return "\n".join(
        "".join(ch if ch.isprintable() else ch.encode("unicode_escape").decode() for ch in line)
        for line in lines
    )


def connector_path(name: str, *rest: str) -> str:
    """The path of a connector, or of something of it, with the name's special characters encoded."""
    return "/".join(["/connectors", quote(name, safe=""), *rest])


def plugin_path(name: str, *rest: str) -> str:
    """The path of a plugin."""
    return "/".join(["/connector-plugins", quote(name, safe="$"), *rest])


def _authorization(access: Access, user: str | None, password: str | None) -> str | None:
    if access.token is not None:
        token = access.token.reveal()
        if not token.isascii() or any(ch.isspace() or not ch.isprintable() for ch in token):
            raise ConfigError("The token holds a character that none has: is it really the token's file?")
        GIVEN.add(token)
        if access.user is None:
            return f"Bearer {token}"
        user, password = access.user, token
    elif access.user is not None and password is None:
        raise ConfigError("A user without a password is nobody: give the password as the token.")
    if user is None:
        return None
    user, password = unquote(user), unquote(password or "") if access.token is None else password or ""
    if password:
        GIVEN.add(password)
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def _context(access: Access) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=None if access.ca is None else str(access.ca))
    except OSError as exc:
        raise ConfigError(f"{access.ca} is no PEM file with the certificate of an authority.") from exc
    if access.certificate is not None:
        try:
            context.load_cert_chain(access.certificate, access.key)
        except OSError as exc:
            raise ConfigError(
                f"{access.certificate} is no PEM file with a certificate and its key (--key names another"
                f" file for the key)."
            ) from exc
    return context


def _reason(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    return (error.reason or "the handshake failed").replace("_", " ").lower()


def _may_pass(method: str, path: str, reply: Reply) -> bool:
    """Whether the same request may be answered otherwise in a moment."""
    if reply.status == 409:
        return not (method == "POST" and path == "/connectors" and "already exists" in reply.message)
    return reply.status in (429, 503)


def _pause_of(reply: Reply, pause_s: float) -> float:
    asked = reply.headers.get("retry-after", "")
    return max(pause_s, min(float(asked), 30.0)) if asked.isdigit() else pause_s

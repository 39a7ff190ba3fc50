"""Tokens of an OAuth server for a registry's session, each used until shortly before its end.

Source: RFC 6749 4.4 (client credentials); spec registry 6.1 (``bearer.auth.*``, OAUTHBEARER). The server is
asked through a session of the same limits as the registry's: no redirects, no proxies of the environment,
bounded answers. Thread-safe: one thread asks, the others wait for its answer.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator

import httpx2 as httpx

from connectkit.converters.registry.settings import OAuth
from connectkit.errors import FatalTaskError, RetriableError

_DEFAULT_LIFE_S = 300.0


class OAuthTokens(httpx.Auth):
    """Puts a token into each request. ``session`` is asked for tokens; it is the caller's to close."""

    def __init__(
        self, settings: OAuth, session: httpx.Client, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings = settings
        self._session = session
        self._clock = clock
        self._lock = threading.Lock()
        self._token = ""
        self._until_s = 0.0

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = f"Bearer {self._fresh()}"
        yield request

    def _fresh(self) -> str:
        with self._lock:
            if self._clock() >= self._until_s:
                self._token, life_s = self._ask()
                # A token that lives shorter than the buffer is used for half of its life.
                self._until_s = self._clock() + max(life_s - self._settings.buffer_s, life_s / 2)
            return self._token

    def _ask(self) -> tuple[str, float]:
        settings = self._settings
        form = {"grant_type": "client_credentials"}
        if settings.scope:
            form["scope"] = settings.scope
        try:
            answer = self._session.post(
                settings.url, data=form, auth=(settings.client_id, settings.client_secret)
            )
            body = answer.json() if answer.status_code == 200 else None
        except httpx.HTTPError as exc:
            raise RetriableError(
                f"The OAuth server cannot be reached ({type(exc).__name__}); check "
                "bearer.auth.issuer.endpoint.url"
            ) from exc
        except ValueError as exc:
            raise RetriableError("The OAuth server's answer is no JSON") from exc
        if answer.status_code in (408, 429) or answer.status_code >= 500:
            raise RetriableError(f"The OAuth server answered {answer.status_code}")
        if body is None:
            raise FatalTaskError(
                f"The OAuth server answered {answer.status_code}; check bearer.auth.issuer.endpoint.url, "
                "bearer.auth.client.id, bearer.auth.client.secret and bearer.auth.scope"
            )
        token = body.get("access_token") if isinstance(body, dict) else None
        if not isinstance(token, str) or not token.isascii() or not token.isprintable():
            raise FatalTaskError("The OAuth server's answer has no access_token")
        life = body.get("expires_in")
        return token, float(life) if isinstance(life, int | float) and life > 0 else _DEFAULT_LIFE_S

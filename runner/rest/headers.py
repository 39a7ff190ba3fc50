"""Headers that the worker's configuration adds to answers: CORS, and ``response.http.headers.config``.

Source: spec runtime 3.2; rules are ``action name:value`` with the actions ``set``, ``add``, ``setDate``
and ``addDate``, a rule with a comma in double quotes. CORS answers for one list of origins.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from email.utils import formatdate
from typing import TYPE_CHECKING, Final

from connectkit.runner.configs.rest import Rule

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_DEFAULT_METHODS: Final = "GET,POST,HEAD"
_Headers = list[tuple[bytes, bytes]]


def _apply(rule: Rule, headers: _Headers, now_s: float) -> None:
    name, value = rule.name.lower().encode("latin-1"), rule.value
    if rule.action.endswith("date"):
        value = formatdate(now_s + int(value) / 1000, usegmt=True)
    if rule.action.startswith("set"):
        headers[:] = [each for each in headers if each[0] != name]
    headers.append((name, value.encode("latin-1", "replace")))


class ResponseHeaders:
    """Puts the rules' headers on every answer."""

    def __init__(
        self, app: ASGIApp, rules: Sequence[Rule], *, clock: Callable[[], float] = time.time
    ) -> None:
        self._app = app
        self._rules = rules
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message["headers"])
                for rule in self._rules:
                    _apply(rule, headers, self._clock())
                message = {**message, "headers": headers}
            await send(message)

        await self._app(scope, receive, sent)


class Cors:
    """Lets pages of the listed origins (``*``: any; a ``*`` stands for any text) read answers."""

    def __init__(self, app: ASGIApp, origins: str, methods: str) -> None:
        self._app = app
        listed = [each.strip() for each in origins.split(",") if each.strip()]
        self._origin = re.compile("|".join(re.escape(each).replace(r"\*", ".*") for each in listed))
        named = [each.strip() for each in (methods.strip() or _DEFAULT_METHODS).split(",") if each.strip()]
        self._methods = ", ".join(named)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        asked = dict(scope["headers"])
        origin = asked.get(b"origin", b"").decode("latin-1")
        added: _Headers = [(b"vary", b"Origin")]
        if origin and self._origin.fullmatch(origin):
            added.append((b"access-control-allow-origin", origin.encode("latin-1")))
            if scope["method"] == "OPTIONS" and b"access-control-request-method" in asked:
                added.append((b"access-control-allow-methods", self._methods.encode("latin-1")))

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*added, *message["headers"]]}
            await send(message)

        await self._app(scope, receive, sent)

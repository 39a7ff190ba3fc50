"""Tokens for a registry: got once, renewed before their end, by an OAuth server that may misbehave."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2 as httpx
import pytest

from connectkit.converters.registry.config import RegistryConfig
from connectkit.converters.registry.http import HttpRegistry
from connectkit.converters.registry.oauth import OAuthTokens
from connectkit.converters.registry.settings import OAuth, client_settings
from connectkit.errors import FatalTaskError, RetriableError
from tests.support.registry_server import answer, misbehaving

SETTINGS = OAuth("https://issuer/token", "me", "CANARY", "all", buffer_s=60.0)


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def tokens(reply: Callable[[httpx.Request], httpx.Response], clock: Clock | None = None) -> OAuthTokens:
    session = httpx.Client(transport=httpx.MockTransport(reply))
    return OAuthTokens(SETTINGS, session, clock=clock or Clock())


def authorization(made: OAuthTokens) -> str:
    request = httpx.Request("GET", "http://registry")
    return str(next(made.auth_flow(request)).headers["Authorization"])


def numbered(life_s: Any) -> tuple[Callable[[httpx.Request], httpx.Response], list[httpx.Request]]:
    asked: list[httpx.Request] = []

    def reply(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, json={"access_token": f"t{len(asked)}", "expires_in": life_s})

    return reply, asked


def test_a_token_is_used_until_shortly_before_its_end() -> None:
    reply, asked = numbered(600)
    clock = Clock()
    made = tokens(reply, clock)
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: authorization(made), range(40))) == {"Bearer t1"}
    clock.now_s = 539
    assert authorization(made) == "Bearer t1"
    clock.now_s = 540
    assert authorization(made) == "Bearer t2"
    form = dict(each.split("=") for each in asked[0].content.decode().split("&"))
    assert form == {"grant_type": "client_credentials", "scope": "all"}
    assert base64.b64decode(asked[0].headers["Authorization"].split()[1]) == b"me:CANARY"


@pytest.mark.parametrize(("life_s", "used_s"), [(10, 5), ("soon", 240), (-1, 240)])
def test_a_short_life_or_none_is_no_storm_of_requests(life_s: Any, used_s: float) -> None:
    reply, asked = numbered(life_s)
    clock = Clock()
    made = tokens(reply, clock)
    authorization(made)
    clock.now_s = used_s - 1
    authorization(made)
    assert len(asked) == 1
    clock.now_s = used_s
    authorization(made)
    assert len(asked) == 2


@pytest.mark.parametrize(
    ("status", "body", "error", "words"),
    [
        (401, "{}", FatalTaskError, "client.secret"),
        (302, "", FatalTaskError, "302"),
        (503, "", RetriableError, "503"),
        (200, "<html>", RetriableError, "no JSON"),
        (200, "[]", FatalTaskError, "no access_token"),
        (200, json.dumps({"access_token": "a\r\nEvil: 1"}), FatalTaskError, "no access_token"),
    ],
)
def test_other_answers(status: int, body: str, error: type[Exception], words: str) -> None:
    made = tokens(lambda request: httpx.Response(status, text=body, headers={"Location": "http://evil/"}))
    with pytest.raises(error, match=words) as caught:
        authorization(made)
    assert "CANARY" not in str(caught.value)


def test_a_registry_gets_the_token_and_a_server_that_is_down_is_one_to_wait_for() -> None:
    token = answer(200, b'{"access_token": "abc", "expires_in": 600}')
    with misbehaving(token) as (issuer, _), misbehaving(answer(200, b"[]")) as (url, requests):
        raw = {
            "schema.registry.url": url, "bearer.auth.credentials.source": "OAUTHBEARER",
            "bearer.auth.issuer.endpoint.url": f"{issuer}/token", "bearer.auth.client.id": "me",
            "bearer.auth.client.secret": "CANARY", "bearer.auth.logical.cluster": "lsrc-1",
            "max.retries": "0",
        }  # fmt: skip
        made = HttpRegistry(client_settings(RegistryConfig.parse(raw)))
        assert made.subjects() == []
        made.close()
        assert b"Authorization: Bearer abc" in requests[0]
        assert b"target-sr-cluster: lsrc-1" in requests[0]
    lost = HttpRegistry(
        client_settings(RegistryConfig.parse({**raw, "schema.registry.url": "http://127.0.0.1:1"}))
    )
    with pytest.raises(RetriableError, match="OAuth server cannot be reached"):
        lost.subjects()
    lost.close()

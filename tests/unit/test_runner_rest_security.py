"""Who may use REST, what a request must be, and what is written down about it."""

from __future__ import annotations

import base64
import json
import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectkit.errors import ConfigError
from connectkit.runner.rest.answers import RestError
from connectkit.runner.rest.security import secured
from connectkit.runner.rest.security_pace import MAX_WAIT_S, Pace
from connectkit.runner.rest.security_principals import (
    ANYBODY,
    PRINCIPAL,
    Principals,
    Role,
    read_principals,
    token_hash,
)
from connectkit.runner.rest.security_requests import host_name, origin_allowed
from connectkit.runner.rest.security_rules import need_of, path_parts
from connectkit.runner.rest.security_settings import SecuritySettings, is_loopback
from tests.support.asgi import ask

TOKENS = {name: f"token-of-{name}-0123456789" for name in ("reader", "operator", "admin", "orders")}
WORKER = {
    "rest.principals": "reader, operator, admin, orders, tls",
    "rest.principals.reader.roles": "read",
    "rest.principals.operator.roles": "operate",
    "rest.principals.admin.roles": "admin",
    "rest.principals.orders.roles": "read:shared-, admin:orders-*",
    "rest.principals.tls.roles": "operate:orders-",
    "rest.principals.tls.certificate.cn": "ops.example.com",
    **{f"rest.principals.{name}.token.hash": token_hash(token) for name, token in TOKENS.items()},
}
PRINCIPALS = read_principals(WORKER, certificates=True)
BODY = {"name": "orders-1", "config": {"connector.class": "X"}}


class App:
    """Remembers what reached it."""

    def __init__(self, answer: Any = None) -> None:
        self.answer = answer
        self.seen: list[tuple[str, str, bytes, Any]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        message = await receive()
        self.seen.append((scope["method"], scope["path"], message["body"], scope[PRINCIPAL]))
        data = json.dumps(self.answer).encode()
        headers = [(b"content-length", str(len(data)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": data})


def bearer(name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {TOKENS[name]}"}


def status(who: str | None, method: str, path: str, body: Any = None) -> int:
    app = secured(App(), SecuritySettings(principals=PRINCIPALS))
    return ask(app, method, path, headers=bearer(who) if who else {}, json_body=body).status


# --- who


def test_without_principals_nobody_is_asked() -> None:
    app = App()
    assert ask(secured(app, SecuritySettings()), "DELETE", "/connectors/x").status == 200
    assert app.seen[0][3] is ANYBODY


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer wrong"},
        {"Authorization": f"Basic {TOKENS['admin']}"},
        {"Authorization": "Basic !!!"},
        {"Authorization": "Digest x"},
        {"Authorization": "Bearer " + token_hash(TOKENS["admin"])},
        {"Authorization": "Basic " + base64.b64encode(f"reader:{TOKENS['admin']}".encode()).decode()},
    ],
)
def test_unknown_credentials_are_refused(headers: dict[str, str]) -> None:
    app = App()
    found = ask(secured(app, SecuritySettings(principals=PRINCIPALS)), "GET", "/connectors", headers=headers)
    assert found.status == 401
    assert "Bearer" in found.headers["www-authenticate"]
    assert found.json()["error_code"] == 401
    assert app.seen == []


def test_a_token_may_come_as_the_password_of_its_principal() -> None:
    basic = base64.b64encode(f"operator:{TOKENS['operator']}".encode()).decode()
    app = secured(App(), SecuritySettings(principals=PRINCIPALS))
    assert ask(app, "PUT", "/connectors/x/pause", headers={"Authorization": f"basic {basic}"}).status == 200


def test_the_health_and_the_page_are_open() -> None:
    assert status(None, "GET", "/health") == 200
    assert status(None, "GET", "/ui") == 200
    assert status(None, "OPTIONS", "/connectors") == 200
    assert status(None, "POST", "/health") == 401


def test_a_certificate_names_a_principal() -> None:
    subject = ((("countryName", "DE"),), (("commonName", "ops.example.com"),))
    app = secured(App(), SecuritySettings(principals=PRINCIPALS))
    known, unknown = (
        {"client_certificate": {"subject": part}} for part in (subject, ((("commonName", "other"),),))
    )
    assert ask(app, "PUT", "/connectors/orders-1/pause", state=known).status == 200
    assert ask(app, "PUT", "/connectors/shared-1/pause", state=known).status == 403
    assert ask(app, "PUT", "/connectors/orders-1/pause", state=unknown).status == 401
    assert ask(app, "PUT", "/connectors/orders-1/pause", state={"client_certificate": {}}).status == 401


def test_without_principals_any_accepted_certificate_will_do() -> None:
    app = secured(App(), SecuritySettings(principals=read_principals({}, certificates=True, required=True)))
    assert ask(app, "GET", "/connectors").status == 401
    state = {"client_certificate": {"subject": ((("commonName", "any"),),)}}
    assert ask(app, "DELETE", "/connectors/x", state=state).status == 200


# --- what they may


CASES = [
    ("GET", "/", "reader"),
    ("GET", "/connectors/x/status", "reader"),
    ("GET", "/connectors/x/config", "reader"),
    ("GET", "/metrics", "reader"),
    ("GET", "/admin/loggers", "reader"),
    ("GET", "/connectkit/connectors/x/status", "reader"),
    ("GET", "/connectkit/connectors", "reader"),
    ("PUT", "/connectors/x/pause", "operator"),
    ("PUT", "/connectors/x/resume", "operator"),
    ("PUT", "/connectors/x/stop", "operator"),
    ("POST", "/connectors/x/restart", "operator"),
    ("POST", "/connectors/x/tasks/0/restart", "operator"),
    ("PUT", "/connectors/x/topics/reset", "operator"),
    ("POST", "/connectors", "admin"),
    ("PUT", "/connectors/x/config", "admin"),
    ("PATCH", "/connectors/x/config", "admin"),
    ("DELETE", "/connectors/x", "admin"),
    ("PATCH", "/connectors/x/offsets", "admin"),
    ("DELETE", "/connectors/x/offsets", "admin"),
    ("POST", "/connectors/x/tasks", "admin"),
    ("PUT", "/connectors/x/fence", "admin"),
    ("PUT", "/admin/loggers/root", "admin"),
    ("PUT", "/connector-plugins/x/config/validate", "admin"),
    ("POST", "/connectkit/preview", "admin"),
    ("POST", "/connectkit/connectors/x/plan", "admin"),
    ("POST", "/whatever/comes/next", "admin"),
    ("BREW", "/connectors/x", "admin"),
]


@pytest.mark.parametrize(("method", "path", "least"), CASES)
def test_each_request_needs_its_role(method: str, path: str, least: str) -> None:
    ladder = ["reader", "operator", "admin"]
    body = BODY if method in ("POST", "PUT", "PATCH") else None
    for name in ladder:
        expected = 200 if ladder.index(name) >= ladder.index(least) else 403
        assert status(name, method, path, body) == expected, name
    assert status(None, method, path, body) == 401


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/connectors/orders-1", 200),
        ("GET", "/connectors/shared-1", 200),
        ("GET", "/connectors/other", 403),
        ("GET", "/connectors/Orders-1", 403),
        ("GET", "/connectors/%6frders-1/status", 200),
        ("DELETE", "/connectors/orders-1", 200),
        ("DELETE", "/connectors/orders-1/", 200),
        ("DELETE", "/connectors/shared-1", 403),
        ("PUT", "/connectors/orders/pause", 403),
        ("PUT", "/connectors/orders-1%2F..%2Fother/config", 200),  # one name, which has slashes in it
        ("PUT", "/admin/loggers/root", 403),
        ("GET", "/admin/loggers", 200),
        ("GET", "/connector-plugins", 200),
    ],
)
def test_a_prefix_limits_a_role(method: str, path: str, expected: int) -> None:
    assert status("orders", method, path) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"name": "orders-2", "config": {}}, 200),
        ({"name": " orders-2 ", "config": {"name": "orders-2"}}, 200),
        ({"name": "other", "config": {}}, 403),
        ({"name": "\u00a0orders-2", "config": {}}, 403),
        ({"name": "orders-2", "config": {"name": "other"}}, 403),
        ({"config": {"name": "other"}}, 403),
        ({"config": {}}, 403),
        ({"name": 7}, 403),
        ([], 403),
        ("orders-", 403),
    ],
)
def test_a_prefix_limits_the_names_in_bodies(body: Any, expected: int) -> None:
    for path in ("/connectors", "/connectkit/preview"):
        assert status("orders", "POST", path, body) == expected


def test_a_body_that_one_parser_reads_and_another_does_not_opens_nothing() -> None:
    app = App()
    body = b'{"name": "other", "config": {"x": ' + b"1" * 5000 + b"}}"
    found = ask(secured(app, SecuritySettings(principals=PRINCIPALS)), "POST", "/connectors",
                headers={**bearer("orders"), "content-type": "application/json"}, body=body)  # fmt: skip
    assert found.status == 403
    assert app.seen == []


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (["orders-1", "other", "shared-2"], ["orders-1", "shared-2"]),
        ({"other": {"status": 1}, "orders-1": {"status": 2}}, {"orders-1": {"status": 2}}),
        ([], []),
    ],
)
def test_lists_hold_only_what_may_be_seen(answer: Any, expected: Any) -> None:
    app = secured(App(answer), SecuritySettings(principals=PRINCIPALS))
    found = ask(app, "GET", "/connectors?expand=status", headers=bearer("orders"))
    assert found.json() == expected
    assert found.headers["content-length"] == str(len(found.data))
    assert ask(app, "GET", "/connectors/", headers=bearer("admin")).json() == answer


@given(st.lists(st.text(max_size=8), max_size=6), st.sampled_from(["GET", "PUT", "POST", "PATCH", "DELETE"]))
def test_no_path_changes_anything_without_a_role(parts: list[str], method: str) -> None:
    need = need_of(method, parts)
    if method != "GET":
        assert need.role is not None
        assert need.role >= Role.OPERATE
    elif parts[:1] not in (["health"], ["ui"]):
        assert need.role is not None


def test_paths_are_split_before_they_are_decoded() -> None:
    assert path_parts(b"/connectors/a%2Fb/config/?x=/y") == ["connectors", "a/b", "config"]
    assert path_parts(b"/") == []
    assert need_of("GET", path_parts(b"/")).role is Role.READ


# --- the worker's file


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"rest.principals.reader.roles": "reed"}, "rest.principals.reader.roles"),
        ({"rest.principals.reader.roles": ""}, "rest.principals.reader.roles"),
        ({"rest.principals.reader.token.hash": "plain-token"}, "rest.principals.reader.token.hash"),
        ({"rest.principals.reader.token.hash": ""}, "rest.principals.reader.token.hash"),
        (
            {"rest.principals.reader.token.hash": token_hash(TOKENS["admin"])},
            "rest.principals.admin.token.hash",
        ),
        ({"rest.principals.reader.token.hahs": "x"}, "rest.principals.reader.token.hahs"),
        ({"rest.principals.raeder.roles": "read"}, "rest.principals.raeder.roles"),
        ({"rest.principals": "a b"}, "rest.principals"),
    ],
)
def test_mistakes_in_principals_are_told_by_key(change: dict[str, str], key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_principals({**WORKER, **change}, certificates=True)
    assert key in caught.value.problems
    assert "plain-token" not in str(caught.value)


def test_certificates_that_are_only_requested_are_no_authentication() -> None:
    assert not read_principals({}, certificates=True).required
    assert read_principals({}, certificates=True, required=True).required


def test_certificates_need_tls() -> None:
    with pytest.raises(ConfigError, match=r"ssl\.client\.auth"):
        read_principals(WORKER)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.9.1", "::1", "[::1]", "LOCALHOST"])
def test_loopback(host: str) -> None:
    assert is_loopback(host)
    assert SecuritySettings().check_listeners([host]) == []


@pytest.mark.parametrize("host", ["", "0.0.0.0", "::", "10.0.0.1", "example.com", "127.0.0.1.example.com"])
def test_other_addresses_need_authentication_or_a_word(host: str) -> None:
    assert not is_loopback(host)
    with pytest.raises(ConfigError, match=r"rest\.allow\.unauthenticated"):
        SecuritySettings().check_listeners([host])
    (warning,) = SecuritySettings(allow_unauthenticated=True).check_listeners([host])
    assert "controls this worker" in warning
    assert SecuritySettings(principals=PRINCIPALS).check_listeners([host]) == []


# --- requests


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost:8083", 200),
        ("LocalHost.", 200),
        ("127.0.0.1:9", 200),
        ("[::1]:8083", 200),
        ("[::1]", 200),
        ("[::1]evil.example", 421),
        ("[::1]:80:evil.example", 421),
        ("10.1.2.3", 200),
        ("connect.example.com:8083", 200),
        ("evil.example", 421),
        ("localhost.evil.example", 421),
        ("", 421),
        ("connect.example.com.evil.example", 421),
        ("evil.example\\@localhost", 421),
    ],
)
def test_only_our_own_names_are_answered_for(host: str, expected: int) -> None:
    app = secured(App(), SecuritySettings(allowed_hosts=frozenset({"connect.example.com"})))
    found = ask(app, "GET", "/", headers={"Host": host})
    assert found.status == expected
    anywhere = secured(App(), SecuritySettings(allowed_hosts=frozenset("*")))
    assert ask(anywhere, "GET", "/", headers={"Host": host}).status == 200


def test_a_body_of_two_lengths_is_refused() -> None:
    """A proxy that goes by the other one would take what follows for a request of its own."""
    lengths = [("Host", "localhost"), ("Content-Length", "2"), ("Transfer-Encoding", "chunked")]
    found = ask(secured(App(), SecuritySettings()), "POST", "/connectors", headers=lengths, body=b"{}")
    assert (found.status, found.headers["connection"]) == (400, "close")


def test_two_hosts_are_refused() -> None:
    found = ask(
        secured(App(), SecuritySettings()), "GET", "/", headers=[("Host", "localhost"), ("Host", "x")]
    )
    assert found.status == 400


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, 200),
        ({"Origin": "http://localhost:8083"}, 200),
        ({"Origin": "http://localhost:3000"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://[broken"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
    ],
)
def test_pages_of_other_sites_change_nothing(headers: dict[str, str], expected: int) -> None:
    app = secured(App(), SecuritySettings())
    assert ask(app, "POST", "/connectors/x/restart", headers=headers).status == expected
    assert ask(app, "GET", "/connectors", headers=headers).status == 200


def test_pages_that_the_file_allows_do() -> None:
    app = secured(App(), SecuritySettings(allow_origins="https://ui.example, https://*.example.org"))
    for origin, expected in (
        ("https://ui.example", 200),
        ("https://a.example.org", 200),
        ("https://ui.example.evil", 403),
        ("http://ui.example", 403),
    ):
        assert ask(app, "POST", "/connectors/x/restart", headers={"Origin": origin}).status == expected
    assert origin_allowed("https://anything", "*")
    assert not origin_allowed("https://anything", "")


def test_no_answer_lets_other_sites_read_it() -> None:
    app = secured(App(), SecuritySettings())
    found = ask(app, "OPTIONS", "/connectors", headers={"Origin": "https://evil.example",
                "Access-Control-Request-Method": "PUT"})  # fmt: skip
    assert not [name for name in found.headers if name.startswith("access-control")]


@pytest.mark.parametrize("parts", [1, 3])
def test_bodies_are_bounded(parts: int) -> None:
    app = App()
    small = secured(app, SecuritySettings(max_body_bytes=3000))
    size = 3000 // parts
    assert ask(small, "POST", "/connectors", body=[b"x" * size] * parts).status == 200
    assert app.seen[-1][2] == b"x" * (size * parts)
    found = ask(small, "POST", "/connectors", body=[b"x" * (size + 1)] * parts)
    assert found.status == 413
    assert found.headers["connection"] == "close"
    assert len(app.seen) == 1


def test_who_waits_for_a_word_before_sending_hears_at_once() -> None:
    app = secured(App(), SecuritySettings())
    found = ask(app, "POST", "/connectors", headers={"Content-Length": "99999999", "Expect": "100-continue"})
    assert found.status == 413


def test_a_body_that_never_ends_is_given_up() -> None:
    app = secured(App(), SecuritySettings(body_timeout_s=0.01))
    found = ask(app, "POST", "/connectors", body=[], headers={"Content-Length": "10"})
    assert found.status == 408


def test_encoded_bodies_are_refused() -> None:
    app = secured(App(), SecuritySettings())
    assert (
        ask(app, "PUT", "/connectors/x/config", headers={"Content-Encoding": "gzip"}, body=b"x").status == 415
    )


def test_websockets_are_closed() -> None:
    import asyncio

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        raise AssertionError("nothing is read")

    async def run() -> None:
        await secured(App(), SecuritySettings())({"type": "websocket"}, receive, send)

    asyncio.run(run())
    assert sent == [{"type": "websocket.close", "code": 1008}]


# --- the pace of changes


def test_changes_that_come_one_by_one_are_never_refused() -> None:
    pace, now = Pace(10), 0.0
    for _ in range(2000):
        now += pace.wait_s(now)
    assert now == pytest.approx((2000 - 101) / 10, abs=0.2)


def test_a_flood_is_refused_and_told_when_to_come_again() -> None:
    pace = Pace(10)
    waits = []
    with pytest.raises(RestError) as caught:
        while True:
            waits.append(pace.wait_s(0.0))
    assert caught.value.status == 429
    assert int(caught.value.headers["Retry-After"]) >= MAX_WAIT_S
    assert sum(wait == 0 for wait in waits) == 101
    assert max(waits) <= MAX_WAIT_S
    assert pace.wait_s(60.0) == 0.0


def test_no_rate_is_no_limit() -> None:
    pace = Pace(0)
    assert {pace.wait_s(0.0) for _ in range(1000)} == {0.0}


# --- what is written down


def test_every_change_leaves_one_line_without_values(caplog: pytest.LogCaptureFixture) -> None:
    app = secured(App(), SecuritySettings(principals=PRINCIPALS), clock=lambda: 1.0)
    with caplog.at_level(logging.INFO, "connectkit.audit"):
        ask(app, "PUT", "/connectors/a%0d%0ab%1b[31m/config?secret=QUERY", headers=bearer("admin"),
            json_body={"password": "CANARY"})  # fmt: skip
        ask(app, "GET", "/connectors", headers=bearer("admin"))
        ask(app, "DELETE", "/connectors/" + "n" * 5000, headers=bearer("reader"))
    first, second = (record.getMessage() for record in caplog.records)
    assert first == (
        "admin from 127.0.0.1: PUT /connectors/a%0d%0ab%1b[31m/config was answered 200 after 0 ms"
    )
    assert second.startswith("reader from 127.0.0.1: DELETE /connectors/nnn")
    assert len(second) < 400
    assert not any(word in first + second for word in ("CANARY", "QUERY", TOKENS["admin"]))


def test_refusals_do_not_flood_the_log(caplog: pytest.LogCaptureFixture) -> None:
    now = [5.0]
    app = secured(App(), SecuritySettings(principals=PRINCIPALS), clock=lambda: now[0])
    with caplog.at_level(logging.INFO, "connectkit.audit"):
        for _ in range(500):
            ask(app, "GET", "/connectors")
        assert len(caplog.records) == 10
        now[0] = 6.0
        ask(app, "GET", "/connectors")
    assert caplog.records[10].getMessage() == "490 more requests were refused"


@given(st.text(max_size=40))
def test_host_names_never_raise(text: str) -> None:
    assert host_name(text) == host_name(text).strip()


def test_equal_tokens_only() -> None:
    principals = Principals({token_hash("a" * 40): ANYBODY})
    assert principals.recognize("Bearer " + "a" * 40, None) is ANYBODY
    for token in ("a" * 39, "a" * 41, "é" * 40, "\udc80"):
        assert principals.recognize(f"Bearer {token}", None) is None

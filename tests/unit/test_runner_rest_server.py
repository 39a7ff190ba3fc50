"""Listeners, TLS, headers, loggers and threads of REST, without a worker."""

from __future__ import annotations

import functools
import gc
import logging
import operator
import ssl
import subprocess
import threading
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import requests

from connectkit.errors import ConfigError, NotFoundError
from connectkit.runner.configs.rest import Rule, header_rules, is_header_rules, parse_listener
from connectkit.runner.configs.worker import WorkerConfig
from connectkit.runner.rest.answers import Answer
from connectkit.runner.rest.headers import Cors, ResponseHeaders
from connectkit.runner.rest.loggers import Loggers
from connectkit.runner.rest.pool import Pool
from connectkit.runner.rest.routes import reply
from connectkit.runner.rest.server import RestServer
from connectkit.runner.rest.tls import server_context
from connectkit.runner.serving import open_serving
from tests.support.asgi import ask

WORKER = {
    "bootstrap.servers": "kafka:9092",
    "key.converter": "JsonConverter",
    "value.converter": "JsonConverter",
    "offset.storage.file.filename": "unused",
}


def config(**options: str) -> WorkerConfig:
    given = {key.replace("_", "."): value for key, value in options.items()}
    return WorkerConfig.parse({**WORKER, **given}, known=lambda key: True)


async def hello(scope: Any, receive: Any, send: Any) -> None:
    await reply(Answer({"hello": scope["path"]}), scope, send)


# --- listeners ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://127.0.0.1:8083", ("http", "127.0.0.1", 8083)),
        ("HTTP://:8083", ("http", "", 8083)),
        ("https://[::1]:0", ("https", "::1", 0)),
        (" http://a-b.c:1 ", ("http", "a-b.c", 1)),
    ],
)
def test_listeners(text: str, expected: tuple[str, str, int]) -> None:
    found = parse_listener(text)
    assert (found.scheme, found.host, found.port) == expected


@pytest.mark.parametrize(
    "text", ["", "http://x", "ftp://x:1", "http://x:70000", "http://x:-1", "x:1", "http:/x:1"]
)
def test_what_is_no_listener(text: str) -> None:
    with pytest.raises(ValueError, match="must"):
        parse_listener(text)
    if text:
        with pytest.raises(ConfigError, match="listeners"):
            config(listeners=text)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, "127.0.0.1:{port}"),
        ({"rest_advertised_host_name": "here"}, "here:{port}"),
        ({"rest_advertised_host_name": "here", "rest_advertised_port": "1"}, "here:1"),
    ],
)
def test_what_the_worker_is_called(options: dict[str, str], expected: str) -> None:
    server = RestServer(config(listeners="http://127.0.0.1:0", **options))
    try:
        assert server.worker_id == expected.format(port=server.main[0].port)
        assert server.advertised == f"http://{server.worker_id}/"
    finally:
        server.stop()


@pytest.fixture
def taken() -> Iterator[int]:
    server = RestServer(config(listeners="http://127.0.0.1:0"))
    yield server.main[0].port
    server.stop()


def test_a_port_that_is_taken_is_an_error_where_it_was_asked_for(taken: int) -> None:
    with pytest.raises(ConfigError, match=str(taken)):
        open_serving(config(listeners=f"http://127.0.0.1:{taken}"), by_default=True)


def test_and_a_warning_where_it_is_the_default(
    taken: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("connectkit.runner.rest.listeners.DEFAULT_LISTENER", f"http://127.0.0.1:{taken}")
    assert open_serving(config(), by_default=True) is None
    assert "without REST" in caplog.text


def test_where_there_is_no_rest() -> None:
    assert open_serving(config(), by_default=False) is None
    assert open_serving(config(listeners=""), by_default=True) is None


def test_admin_listeners_of_their_own() -> None:
    server = RestServer(config(listeners="http://127.0.0.1:0", admin_listeners="http://127.0.0.1:0"))

    async def admin(scope: Any, receive: Any, send: Any) -> None:
        await reply(Answer({"admin": scope["path"]}), scope, send)

    server.start(hello, admin)
    try:
        assert server.admin is not None
        assert requests.get(f"{server.main[0].url}/x", timeout=10).json() == {"hello": "/x"}
        assert requests.get(f"{server.admin[0].url}/x", timeout=10).json() == {"admin": "/x"}
    finally:
        server.stop()
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{server.main[0].url}/x", timeout=10)


# --- TLS ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate for localhost, in one file each and together."""
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-keyout", "key.pem", "-out", "cert.pem", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip
    both = (folder / "key.pem").read_text() + (folder / "cert.pem").read_text()
    (folder / "both.pem").write_text(both)
    return folder


def served(options: Mapping[str, str], pem: Path, **client: Any) -> Any:
    raw = {key.replace("_", "."): value for key, value in options.items()}
    server = RestServer(
        WorkerConfig.parse({**WORKER, "listeners": "https://127.0.0.1:0", **raw}, known=lambda key: True)
    )
    server.start(hello)
    try:
        return requests.get(f"{server.main[0].url}/x", verify=str(pem / "cert.pem"), timeout=10, **client)
    finally:
        server.stop()
        with warnings.catch_warnings():
            # asyncio leaves TLS connections that the loop's end finds half closed to the collector
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()


def test_https_by_a_file(pem: Path) -> None:
    assert served({"ssl_keystore_location": str(pem / "both.pem")}, pem).json() == {"hello": "/x"}


def test_https_by_texts_and_the_listeners_own_options(pem: Path) -> None:
    options = {
        "listeners.https.ssl.keystore.key": (pem / "key.pem").read_text(),
        "listeners.https.ssl.keystore.certificate.chain": (pem / "cert.pem").read_text(),
        "ssl.keystore.location": "/of/the/clients",
    }
    assert served(options, pem).json() == {"hello": "/x"}


def test_https_by_pkcs12(pem: Path) -> None:
    pytest.importorskip("cryptography")
    subprocess.run(
        ["openssl", "pkcs12", "-export", "-inkey", "key.pem", "-in", "cert.pem", "-out", "both.p12",
         "-passout", "pass:word"],
        cwd=pem, check=True, capture_output=True,
    )  # fmt: skip
    options = {"ssl_keystore_location": str(pem / "both.p12"), "ssl_keystore_password": "word"}
    assert served(options, pem).status_code == 200
    with pytest.raises(ConfigError, match="password"):
        server_context({"ssl.keystore.location": str(pem / "both.p12"), "ssl.keystore.password": "other"})


def test_clients_must_show_a_certificate(pem: Path) -> None:
    options = {
        "ssl_keystore_location": str(pem / "both.pem"),
        "ssl_truststore_location": str(pem / "cert.pem"),
        "ssl_client_auth": "required",
    }
    with pytest.raises(requests.RequestException):
        served(options, pem)
    assert served(options, pem, cert=(str(pem / "cert.pem"), str(pem / "key.pem"))).status_code == 200


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ({}, "ssl.keystore.location"),
        ({"ssl.keystore.location": "/not/there"}, "ssl.keystore.location"),
        ({"ssl.keystore.location": "CERT"}, "ssl.keystore.location"),
        ({"ssl.keystore.location": "JKS"}, "ssl.keystore.location"),
        ({"ssl.keystore.location": "BOTH", "ssl.client.auth": "required"}, "ssl.truststore.location"),
        ({"ssl.keystore.location": "BOTH", "ssl.client.auth": "perhaps"}, "ssl.client.auth"),
        ({"ssl.keystore.location": "BOTH", "ssl.enabled.protocols": "SSLv3"}, "ssl.enabled.protocols"),
        ({"ssl.keystore.location": "BOTH", "ssl.cipher.suites": "none"}, "ssl.cipher.suites"),
        (
            {
                "ssl.keystore.location": "BOTH",
                "ssl.client.auth": "requested",
                "ssl.truststore.certificates": "nothing",
            },
            "ssl.truststore.certificates",
        ),
    ],
)
def test_tls_options_that_cannot_be(pem: Path, options: dict[str, str], key: str) -> None:
    (pem / "store.jks").write_bytes(b"\xfe\xed\xfe\xed\x00\x00")
    files = {"CERT": "cert.pem", "BOTH": "both.pem", "JKS": "store.jks"}
    raw = {name: str(pem / files[value]) if value in files else value for name, value in options.items()}
    with pytest.raises(ConfigError) as caught:
        server_context(raw)
    assert set(caught.value.problems) == {key}


def test_old_versions_of_tls_are_not_spoken(pem: Path) -> None:
    made = server_context({"ssl.keystore.location": str(pem / "both.pem")})
    assert made.minimum_version is ssl.TLSVersion.TLSv1_2
    made = server_context(
        {"ssl.keystore.location": str(pem / "both.pem"), "ssl.enabled.protocols": "TLSv1.3"}
    )
    assert made.minimum_version is ssl.TLSVersion.TLSv1_3


# --- headers -----------------------------------------------------------------------------------------


def test_header_rules() -> None:
    text = 'add X-One: 1, SET X-Two:b, "add Cache-Control: no-cache, no-store", setDate Expires: 1000'
    assert header_rules(text) == [
        Rule("add", "X-One", "1"),
        Rule("set", "X-Two", "b"),
        Rule("add", "Cache-Control", "no-cache, no-store"),
        Rule("setdate", "Expires", "1000"),
    ]
    app = ResponseHeaders(hello, header_rules(text), clock=lambda: 0.0)
    headers = ask(app, "GET", "/").headers
    assert (headers["x-one"], headers["cache-control"]) == ("1", "no-cache, no-store")
    assert headers["expires"] == "Thu, 01 Jan 1970 00:00:01 GMT"


@pytest.mark.parametrize(
    "text", ["x", "add", "add x", "drop X: y", "add X: a:b", "add a b: c", "setDate X: y"]
)
def test_what_are_no_header_rules(text: str) -> None:
    assert is_header_rules(text) is not None
    with pytest.raises(ConfigError, match=r"response\.http"):
        config(response_http_headers_config=text)


@pytest.mark.parametrize(
    ("origins", "origin", "allowed"),
    [
        ("http://a", "http://a", True),
        ("http://a,http://b", "http://b", True),
        ("http://a", "http://a.evil", False),
        ("http://*.a", "http://x.a", True),
        ("http://x.a", "http://xya", False),
        ("*", "http://any", True),
    ],
)
def test_cors(origins: str, origin: str, allowed: bool) -> None:
    found = ask(Cors(hello, origins, "GET, PUT"), "GET", "/", headers={"Origin": origin}).headers
    assert found.get("access-control-allow-origin") == (origin if allowed else None)
    assert found["vary"] == "Origin"
    preflight = {"Origin": origin, "Access-Control-Request-Method": "PUT"}
    found = ask(Cors(hello, origins, "GET, PUT"), "OPTIONS", "/", headers=preflight).headers
    assert found.get("access-control-allow-methods") == ("GET, PUT" if allowed else None)


# --- loggers -----------------------------------------------------------------------------------------


@pytest.fixture
def manager() -> logging.Manager:
    made = logging.Manager(logging.RootLogger(logging.WARNING))
    for name in ("a", "a.b", "ab", "z"):
        made.getLogger(name)
    made.getLogger("a.b").setLevel(logging.ERROR)
    return made


def test_loggers_inherit_what_was_set(manager: logging.Manager) -> None:
    loggers = Loggers(manager, clock=lambda: 12.5)
    assert {name: level.level for name, level in loggers.all().items()} == {"a.b": "ERROR", "root": "WARN"}
    assert loggers.one("z").level == "WARN"
    assert loggers.set("a", "debug") == ["a", "a.b", "ab"]
    assert loggers.set("a", "DEBUG") == []
    assert (loggers.one("a.b").level, loggers.one("a.b").last_modified) == ("DEBUG", 12500)
    assert manager.getLogger("a.b").isEnabledFor(logging.DEBUG)
    assert not manager.getLogger("z").isEnabledFor(logging.DEBUG)
    assert loggers.set("ROOT", "OFF") == ["a", "a.b", "ab", "root", "z"]
    assert not manager.getLogger("a.b").isEnabledFor(logging.CRITICAL)
    assert loggers.set("new.one", "TRACE") == ["new.one"]
    assert loggers.one("new.one").level == "TRACE"


def test_loggers_that_are_not(manager: logging.Manager) -> None:
    with pytest.raises(NotFoundError):
        Loggers(manager).one("nope")
    with pytest.raises(NotFoundError):
        Loggers(manager).set("a", "warning")


# --- threads -----------------------------------------------------------------------------------------


def test_a_pool_runs_beside_what_hangs() -> None:
    pool = Pool("test", 2)
    hang = threading.Event()
    stuck = pool.submit(hang.wait)
    assert [pool.submit(functools.partial(operator.mul, n, 2)).result(10) for n in range(20)] == [
        n * 2 for n in range(20)
    ]
    second = pool.submit(hang.wait)
    waiting = pool.submit(lambda: "late")
    assert not waiting.done()
    assert waiting.cancel()
    hang.set()
    assert stuck.result(10)
    assert second.result(10)


def test_a_pool_hands_over_errors() -> None:
    with pytest.raises(ZeroDivisionError):
        Pool("test", 1).submit(lambda: 1 // 0).result(10)

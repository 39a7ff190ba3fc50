"""A registry that is down, slow, lying or somebody else: bounded time, and the error that says what to do."""

from __future__ import annotations

import gzip
import json
import socket
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from connectkit.converters.registry.config import RegistryConfig
from connectkit.converters.registry.http import HttpRegistry
from connectkit.converters.registry.port import SchemaText
from connectkit.converters.registry.session import MAX_ANSWER_BYTES
from connectkit.converters.registry.settings import client_settings
from connectkit.errors import (
    ConfigError,
    ConflictError,
    ConnectError,
    DataError,
    FatalTaskError,
    NotFoundError,
    RetriableError,
    SchemaError,
)
from tests.support.registry_server import Behaviour, answer, misbehaving

TEXT = SchemaText('"int"')
GOOD = json.dumps({"schema": '"int"'}).encode()


def opened(url: str, **options: str) -> HttpRegistry:
    raw = {key.replace("_", "."): value for key, value in options.items()}
    quick = {"max.retries": "0", "http.read.timeout.ms": "20000"}
    return HttpRegistry(client_settings(RegistryConfig.parse({"schema.registry.url": url, **quick, **raw})))


def outcome(
    behave: Behaviour, ask: Callable[[HttpRegistry], Any] = lambda r: r.by_id(1), **options: str
) -> Any:
    """What a question comes to with a server that behaves so: an answer or an error."""
    with misbehaving(behave) as (url, _), closing(opened(url, **options)) as registry:
        try:
            return ask(registry)
        except ConnectError as error:
            return error


def refused(status: int, code: object = None, message: str = "no") -> Behaviour:
    return answer(status, json.dumps({"error_code": code or status, "message": message}).encode())


@pytest.mark.parametrize(
    ("status", "code", "error", "words"),
    [
        (400, None, DataError, "400"),
        (401, 40101, FatalTaskError, "user.info"),
        (403, 40301, FatalTaskError, "rights"),
        (404, 40401, NotFoundError, "40401"),
        (404, 40403, NotFoundError, "40403"),
        (404, 404, FatalTaskError, "path"),
        (405, None, DataError, "405"),
        (409, 40901, ConflictError, "compatible"),
        (409, 409, ConflictError, "compatible"),
        (422, 42201, SchemaError, "take"),
        (408, None, RetriableError, "408"),
        (429, None, RetriableError, "429"),
        (500, 50001, RetriableError, "50001"),
        (502, None, RetriableError, "502"),
        (503, None, RetriableError, "503"),
        (504, None, RetriableError, "504"),
    ],
)
def test_each_status_is_the_error_that_says_what_to_do(
    status: int, code: int | None, error: type[Exception], words: str
) -> None:
    found = outcome(refused(status, code, "schema canary"))
    assert type(found) is error
    assert words in str(found)
    assert "canary" not in str(found), "the registry's own words may hold a schema"


def test_a_conflict_says_of_which_sort() -> None:
    message = "x details: [{errorType:'NAME_MISMATCH', description:'canary'}, {errorType: 'TYPE_MISMATCH'}]"
    found = outcome(refused(409, 40901, message), lambda r: r.register("s", TEXT))
    assert type(found) is ConflictError
    assert "(NAME_MISMATCH, TYPE_MISMATCH)" in str(found)
    assert "canary" not in str(found)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(status: int) -> None:
    with misbehaving(answer(200, GOOD)) as (elsewhere, asked):
        found = outcome(answer(status, b"", f"Location: {elsewhere}/schemas/ids/1"))
    assert type(found) is FatalTaskError
    assert "redirect" in str(found)
    assert asked == []


BODIES = [
    b"", b"<html>portal</html>", b"[]", b"[1]", b"null", b"1", b'"x"', b"{", b"\xff\xfe", b"{}",
    b'{"schema": 5}', b'{"schema": null}', b'{"schema": "x", "references": 5}',
    b'{"schema": "x", "references": [{"a": 1}]}', b"[" * 100_000, b'{"id": "1", "schema": {}}',
]  # fmt: skip
WAYS: dict[str, Callable[[HttpRegistry], Any]] = {
    "id": lambda r: r.by_id(1),
    "version": lambda r: r.version("s"),
    "register": lambda r: r.register("s", TEXT),
    "lookup": lambda r: r.lookup("s", TEXT),
    "metadata": lambda r: r.with_metadata("s", {"a": "b"}),
    "subjects": lambda r: r.subjects(),
    "guid": lambda r: r.by_guid("g"),
    "associated": lambda r: r.associated_subjects("-", "t", "key"),
    "versions": lambda r: r.versions("s"),
    "level": lambda r: r.level("s"),
}


@pytest.mark.parametrize("way", WAYS)
def test_an_answer_that_is_none_is_an_error_of_ours(way: str) -> None:
    body = b""
    with misbehaving(lambda c, r: answer(200, body)(c, r)) as (url, _), closing(opened(url)) as registry:
        for body in BODIES:
            try:
                found = WAYS[way](registry)
            except (RetriableError, DataError):
                continue
            assert isinstance(found, list), body
            assert all(isinstance(each, str) for each in found)


@pytest.mark.parametrize("wrong", [-5, 2**31, "7", 1.5, True, None, [1]])
def test_an_id_that_is_none(wrong: object) -> None:
    body = json.dumps({"id": wrong, "version": 1, "subject": "s", "schema": '"int"'}).encode()
    assert isinstance(outcome(answer(200, body), lambda r: r.register("s", TEXT)), RetriableError)


def test_a_kind_that_nobody_knows() -> None:
    body = json.dumps({"schema": "struct X {}", "schemaType": "THRIFT"}).encode()
    assert isinstance(outcome(answer(200, body)), DataError)


def test_a_registry_that_is_not_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with (
        closing(opened(f"http://127.0.0.1:{port}")) as registry,
        pytest.raises(RetriableError, match="reached"),
    ):
        registry.by_id(1)


def test_the_next_address_is_tried() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with (
        misbehaving(refused(503)) as (bad, _),
        misbehaving(answer(200, GOOD)) as (good, asked),
        closing(opened(f"http://127.0.0.1:{port},{bad},{good}")) as registry,
    ):
        assert registry.by_id(1).schema == TEXT
    assert len(asked) == 1


def silent(connection: socket.socket, request: bytes) -> None:
    while connection.recv(100):
        pass


def dripping(connection: socket.socket, request: bytes) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    for _ in range(2000):
        connection.sendall(b" ")
        time.sleep(0.01)


def half(connection: socket.socket, request: bytes) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")


def nonsense(connection: socket.socket, request: bytes) -> None:
    connection.sendall(b"220 smtp.example.com ESMTP\r\n")


@pytest.mark.parametrize("behave", [silent, dripping, half, nonsense])
def test_a_slow_or_broken_answer_ends_in_time(behave: Behaviour) -> None:
    assert isinstance(outcome(behave, http_read_timeout_ms="300"), RetriableError)


def endless(connection: socket.socket, request: bytes) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
    while True:
        connection.sendall(b" " * 65536)


def test_a_large_answer_is_not_read_to_its_end() -> None:
    found = outcome(endless)
    assert isinstance(found, RetriableError)
    assert f"{MAX_ANSWER_BYTES:,}" in str(found)


def test_compression_is_not_asked_for_and_is_refused() -> None:
    bomb = gzip.compress(b" " * (64 << 20))
    with (
        misbehaving(answer(200, bomb, "Content-Encoding: gzip")) as (url, asked),
        closing(opened(url)) as registry,
        pytest.raises(RetriableError, match="compressed"),
    ):
        registry.by_id(1)
    assert b"accept-encoding: identity" in asked[0].lower()


def test_retries_are_as_many_as_configured() -> None:
    with (
        misbehaving(refused(503)) as (url, asked),
        closing(opened(url, max_retries="2", retries_wait_ms="1")) as registry,
        pytest.raises(RetriableError),
    ):
        registry.by_id(1)
    assert len(asked) == 3


def test_headers_and_credentials_are_sent() -> None:
    options = {
        "basic.auth.credentials.source": "USER_INFO",
        "basic.auth.user.info": "me:secret",
        "request.header.X-Tenant": "shop",
    }
    with misbehaving(answer(200, GOOD)) as (url, asked), closing(opened(url, **options)) as registry:
        registry.by_id(1)
    assert b"\r\nauthorization: basic bwu6c2vjcmv0\r\n" in asked[0].lower()
    assert b"\r\nx-tenant: shop\r\n" in asked[0].lower()


def test_nothing_is_kept_by_the_client_below() -> None:
    with misbehaving(answer(200, GOOD)) as (url, asked), closing(opened(url)) as registry:
        for _ in range(3):
            registry.by_id(1)
    assert len(asked) == 3


def test_a_registry_without_associations_has_none() -> None:
    for status in (404, 405):
        assert outcome(refused(status), lambda r: r.associated_subjects("-", "t", "key")) == []
    assert isinstance(outcome(refused(500), lambda r: r.associated_subjects("-", "t", "key")), RetriableError)


def test_files_that_are_not_there() -> None:
    with pytest.raises(ConfigError, match="PEM"):
        opened("https://127.0.0.1:1", **{"schema.registry.ssl.truststore.location": "/nowhere/ca.pem"})

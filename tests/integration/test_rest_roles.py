"""Every route of the worker asks who somebody is, and those that only look may change nothing."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator

import pytest

from connectkit.plugin import plugins
from connectkit.runner.rest.security_principals import token_hash
from tests.support.plugins import TroubleSource
from tests.support.rest_worker import RestWorker, rest_worker, wait_until

TOKENS = {name: f"the-token-of-{name}-0123456789" for name in ("admin", "reader", "orders")}
ROLES = {"admin": "admin", "reader": "read", "orders": "admin:orders-"}
OPEN = {("get", "/health")}
VALUES = {"connector": "others", "task": "0", "plugin": "TroubleSource", "logger": "connectkit"}


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RestWorker]:
    plugins.register("source", "TroubleSource", TroubleSource)
    options = {"rest_principals": ",".join(TOKENS)}
    for name, token in TOKENS.items():
        options[f"rest_principals_{name}_token_hash"] = token_hash(token)
        options[f"rest_principals_{name}_roles"] = ROLES[name]
    with rest_worker(tmp_path_factory.mktemp("roles"), **options) as found:
        body = {"connector.class": "TroubleSource", "topic": "t"}
        for connector in ("others", "orders-1"):
            path = f"/connectors/{connector}/config"
            assert found.ask("PUT", path, headers=bearer("admin"), json_body=body).status == 201
        yield found


def bearer(name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {TOKENS[name]}"}


def routes(worker: RestWorker) -> list[tuple[str, str]]:
    """Method and path of every operation."""
    document = worker.ask("GET", "/openapi.json", headers=bearer("admin")).json()
    found = [(method, path) for path, each in document["paths"].items() for method in each]
    assert len(found) > 30
    return found


def filled(path: str) -> str:
    return re.sub(r"{(\w+)}", lambda found: VALUES[found[1]], path)


def test_no_route_answers_somebody_unknown(worker: RestWorker) -> None:
    for method, path in routes(worker):
        for headers in ({}, {"Authorization": "Bearer wrong"}):
            found = worker.ask(method.upper(), filled(path), headers=headers)
            assert (found.status == 401) is ((method, path) not in OPEN), (method, path, found)


def test_who_only_looks_changes_nothing(worker: RestWorker) -> None:
    before = worker.herder.connectors()
    for method, path in routes(worker):
        found = worker.ask(method.upper(), filled(path), headers=bearer("reader"), json_body={})
        if method == "get":
            assert found.status in (200, 404), (path, found)
        else:
            assert found.status == 403, (method, path, found)
    assert worker.herder.connectors() == before


def test_a_prefix_keeps_connectors_apart(worker: RestWorker) -> None:
    for method, path in routes(worker):
        found = worker.ask(method.upper(), filled(path), headers=bearer("orders"), json_body={})
        if "{connector}" in path or (method != "get" and "validate" not in path):
            assert found.status == 403, (method, path, found)
    assert worker.herder.connectors() == ["orders-1", "others"]
    assert worker.ask("GET", "/connectors", headers=bearer("orders")).json() == ["orders-1"]
    expanded = worker.ask("GET", "/connectors?expand=info&expand=status", headers=bearer("orders")).json()
    assert list(expanded) == ["orders-1"]
    assert list(worker.ask("GET", "/connectkit/connectors", headers=bearer("orders")).json()) == ["orders-1"]
    made = {"name": "orders-2", "config": {"connector.class": "TroubleSource"}}
    assert worker.ask("POST", "/connectors", headers=bearer("orders"), json_body=made).status == 201
    assert worker.ask("DELETE", "/connectors/orders-2", headers=bearer("orders")).status == 204


def test_changes_are_written_down(worker: RestWorker, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "connectkit.audit"):
        worker.ask("PUT", "/connectors/orders-1/pause", headers=bearer("orders"))
        worker.ask("GET", "/connectors", headers=bearer("orders"))

        def is_refusal_told() -> bool:
            worker.ask("PUT", "/connectors/others/pause", headers=bearer("orders"))
            return "was refused with 403" in caplog.text

        wait_until(is_refusal_told)  # of the many that came before, only ten a second are told
    lines = [record.getMessage() for record in caplog.records if record.name == "connectkit.audit"]
    assert re.fullmatch(
        r"orders from 127\.0\.0\.1: PUT /connectors/orders-1/pause was answered 202 after \d+ ms", lines[0]
    )
    assert TOKENS["orders"] not in str(lines)

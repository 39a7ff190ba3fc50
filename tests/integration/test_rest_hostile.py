"""Whatever is sent to REST gets an answer below 500, of at most 1 KiB, and the data goes on flowing (S1)."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectkit.plugin import plugins
from connectkit.runner.control import TaskId
from connectkit.runner.status import State
from tests.support.plugins import TroubleSource
from tests.support.rest_worker import Reply, RestWorker, rest_worker, wait_until

JSON = {"Content-Type": "application/json"}
FLOWING = {"connector.class": "TroubleSource", "name": "flowing", "topic": "numbers"}


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RestWorker]:
    """One with a connector that runs all the while; it must be as well at the end as at the start."""
    plugins.register("source", "TroubleSource", TroubleSource)
    with rest_worker(tmp_path_factory.mktemp("hostile")) as found:
        made = found.ask("PUT", "/connectors/flowing/config", json_body=FLOWING)
        assert made.status == 201
        wait_until(lambda: polled(found) > 0)
        yield found
        before = polled(found)
        wait_until(lambda: polled(found) > before)
        status = found.herder.status("flowing")
        assert status.connector.state is State.RUNNING
        assert status.tasks[TaskId("flowing", 0)].state is State.RUNNING


def polled(worker: RestWorker) -> float:
    return sum(
        task.counters.polled.total  # type: ignore[attr-defined]  # a source's
        for task in worker.herder.tasks()
        if task.id.connector == "flowing"
    )


def check(found: Reply) -> None:
    assert 100 < found.status < 500, found
    if found.status >= 400:
        assert len(found.data) <= 1024, found
        if found.data:
            body = found.json()
            assert body["error_code"] == found.status
            assert isinstance(body["message"], str)
            assert "Traceback" not in body["message"]


@dataclass(frozen=True)
class Case:
    """A request that nobody should send, and what it may get."""

    method: str
    path: str
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=lambda: JSON)
    expected: tuple[int, ...] = (400,)


def config(**changes: Any) -> bytes:
    return json.dumps({**FLOWING, "name": "hostile", **changes}).encode()


CREATE = ("POST", "/connectors")
CONFIG = ("PUT", "/connectors/hostile/config")
DEEP = b'{"name": "hostile", "config": ' + b'{"a":' * 5000 + b"1" + b"}" * 5001
CASES = {
    "no body": Case(*CREATE),
    "empty body": Case(*CREATE, b""),
    "blank body": Case(*CREATE, b"  \n "),
    "not JSON": Case(*CREATE, b"name=hostile"),
    "half a JSON": Case(*CREATE, b'{"name": "hostile", "config": {'),
    "text behind it": Case(*CREATE, b'{"name": "hostile", "config": {}} x'),
    "two values": Case(*CREATE, b"{}{}"),
    "null": Case(*CREATE, b"null"),
    "a list": Case(*CREATE, b"[]"),
    "a number": Case(*CREATE, b"7"),
    "no config": Case(*CREATE, b'{"name": "hostile"}'),
    "null config": Case(*CREATE, b'{"name": "hostile", "config": null}'),
    "config is a list": Case(*CREATE, b'{"name": "hostile", "config": ["a"]}'),
    "config is a text": Case(*CREATE, b'{"name": "hostile", "config": "a"}'),
    "no name": Case(*CREATE, b'{"config": {"connector.class": "TroubleSource"}}'),
    "empty name": Case(*CREATE, b'{"name": "", "config": {"connector.class": "TroubleSource"}}'),
    "name is a number in the config": Case(*CREATE, b'{"name": "7", "config": {"name": 8}}'),
    "names differ": Case(*CREATE, b'{"name": "a", "config": {"name": "b"}}'),
    "name is an object": Case(*CREATE, b'{"name": {}, "config": {}}'),
    "unknown member": Case(*CREATE, b'{"name": "hostile", "config": {}, "force": true}'),
    "duplicate member": Case(*CREATE, b'{"name": "hostile", "name": "b", "config": {}}'),
    "duplicate option": Case(*CREATE, b'{"name": "hostile", "config": {"a": "1", "a": "2"}}'),
    "NaN": Case(*CREATE, b'{"name": "hostile", "config": {"a": NaN}}'),
    "Infinity": Case(*CREATE, b'{"name": "hostile", "config": {"a": -Infinity}}'),
    "deep": Case(*CREATE, DEEP),
    "very deep": Case(*CREATE, b"[" * 200_000),
    "nested value": Case(*CONFIG, config(topic={"a": "b"})),
    "list value": Case(*CONFIG, config(topic=["a"])),
    "unknown class": Case(*CONFIG, config(**{"connector.class": "NoSuchConnector"})),
    "class is null": Case(*CONFIG, config(**{"connector.class": None})),
    "class is a number": Case(*CONFIG, config(**{"connector.class": 5})),
    "class is a module": Case(*CONFIG, config(**{"connector.class": "os.system"})),
    "class is a transform": Case(*CONFIG, config(**{"connector.class": "InsertField"})),
    "tasks.max is no number": Case(*CONFIG, config(**{"tasks.max": "many"})),
    "tasks.max is negative": Case(*CONFIG, config(**{"tasks.max": -1})),
    "tasks.max is huge": Case(*CONFIG, config(**{"tasks.max": 10**400})),
    "unknown transform": Case(*CONFIG, config(transforms="a", **{"transforms.a.type": "x"})),
    "invalid UTF-8": Case(*CONFIG, b'{"name": "\xff\xfe"}'),
    "UTF-16": Case(*CONFIG, config().decode().encode("utf-16"), expected=(201, 400)),
    "a lone surrogate": Case(*CONFIG, b'{"name": "hostile", "connector.class": "\\ud800"}'),
    "unknown state": Case(
        *CREATE, json.dumps({"name": "hostile", "config": {}, "initial_state": "DANCING"}).encode()
    ),
    "state is a list": Case(*CREATE, b'{"name": "hostile", "config": {}, "initial_state": []}'),
    "initial offsets are text": Case(*CREATE, b'{"name": "hostile", "config": {}, "initial_offsets": "x"}'),
    "1 MiB and more": Case(*CREATE, b'"' + b"x" * (1024 * 1024) + b'"', expected=(413,)),
    "64 MiB": Case(*CREATE, b"x" * (64 * 1024 * 1024), expected=(413,)),
    "a form": Case(*CREATE, b"a=b", {"Content-Type": "application/x-www-form-urlencoded"}, (415,)),
    "text/plain": Case(*CREATE, config(), {"Content-Type": "text/plain"}, (415,)),
    "multipart": Case(*CREATE, config(), {"Content-Type": "multipart/form-data; boundary=x"}, (415,)),
    "no content type": Case(*CREATE, config(), {}, (415,)),
    "a broken content type": Case(*CREATE, config(), {"Content-Type": "json"}, (400, 415)),
    "gzip": Case(*CREATE, b"\x1f\x8b\x08", {**JSON, "Content-Encoding": "gzip"}, (415,)),
    "Accept without JSON": Case("GET", "/connectors", None, {"Accept": "text/html"}, (406,)),
    "an unknown method": Case("BREW", "/connectors", None, {}, (405,)),
    "TRACE": Case("TRACE", "/connectors", None, {}, (405,)),
    "an unknown path": Case("GET", "/wp-admin.php", None, {}, (404,)),
    "dots": Case("GET", "/connectors/../../etc/passwd", None, {}, (400, 404)),
    "encoded dots": Case("GET", "/connectors/%2e%2e/config", None, {}, (400, 404)),
    "an encoded slash": Case("GET", "/connectors/a%2Fb/config", None, {}, (400, 404)),
    "an encoded NUL": Case("GET", "/connectors/a%00b/config", None, {}, (400, 404)),
    "encoded CR and LF": Case("GET", "/connectors/a%0d%0aX:%20y/config", None, {}, (400, 404)),
    "half an escape": Case("GET", "/connectors/a%2/config", None, {}, (400, 404)),
    "no UTF-8 in the path": Case("GET", "/connectors/%ff%fe/config", None, {}, (400, 404)),
    "an empty name": Case("GET", "/connectors//config", None, {}, (400, 404)),
    "a name of 10k": Case("GET", "/connectors/" + "n" * 10_000, None, {}, (404,)),
    "restart of nobody": Case("POST", "/connectors/nobody/restart", None, {}, (404,)),
    "stop of nobody": Case("PUT", "/connectors/nobody/stop", None, {}, (404,)),
    "task -1": Case("POST", "/connectors/flowing/tasks/-1/restart", None, {}, (404,)),
    "task 7": Case("POST", "/connectors/flowing/tasks/7/restart", None, {}, (404,)),
    "task x": Case("GET", "/connectors/flowing/tasks/x/status", None, {}, (404,)),
    "task 2**80": Case("GET", f"/connectors/flowing/tasks/{2**80}/status", None, {}, (404,)),
    "task with 5,000 digits": Case("GET", f"/connectors/flowing/tasks/{'9' * 5000}/status", None, {}, (404,)),
    "offsets while it runs": Case("DELETE", "/connectors/flowing/offsets"),
    "no offsets": Case("PATCH", "/connectors/flowing/offsets", b"{}"),
    "offsets are null": Case("PATCH", "/connectors/flowing/offsets", b'{"offsets": null}'),
    "offsets are empty": Case("PATCH", "/connectors/flowing/offsets", b'{"offsets": []}'),
    "offset alone": Case("PATCH", "/connectors/flowing/offsets", b'{"offsets": [{"offset": {}}]}'),
    "partition is a number": Case(
        "PATCH", "/connectors/flowing/offsets", b'{"offsets": [{"partition": 5, "offset": {"a": 1}}]}'
    ),
    "validate of another class": Case(
        "PUT", "/connector-plugins/FileStreamSink/config/validate", config()
    ),
    "validate of nothing": Case("PUT", "/connector-plugins/TroubleSource/config/validate", b"{}"),
    "validate of an unknown class": Case(
        "PUT", "/connector-plugins/Nope/config/validate", b'{"connector.class": "Nope"}', expected=(400, 404)
    ),
    "config of an unknown plugin": Case("GET", "/connector-plugins/os.system/config", None, {}, (404,)),
    "an unknown level": Case("PUT", "/admin/loggers/root", b'{"level": "LOUD"}', expected=(400, 404)),
    "no level": Case("PUT", "/admin/loggers/root", b"{}"),
    "the level is a list": Case("PUT", "/admin/loggers/root", b'{"level": []}'),
    "internal task configs": Case("POST", "/connectors/flowing/tasks", b"[]", expected=(400, 403, 404, 405)),
    "internal fence": Case("PUT", "/connectors/flowing/fence", None, {}, (400, 403, 404, 405)),
    "a forged signature": Case(
        "PUT", "/connectors/flowing/fence", b"[]",
        {**JSON, "X-Connect-Authorization": "AAAA", "X-Connect-Request-Signature-Algorithm": "HmacSHA256"},
        (400, 403, 404, 405),
    ),
    "endless parameters": Case("GET", "/connectors?" + "&".join(["expand=info"] * 500), None, {}, (400,)),
    "a foreign host": Case("GET", "/connectors", None, {"Host": "rebound.example"}, (421,)),
    "a foreign page": Case("POST", "/connectors/flowing/restart", None, {"Origin": "http://x"}, (403,)),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_bad_input_has_an_answer(worker: RestWorker, name: str) -> None:
    case = CASES[name]
    found = worker.ask(case.method, case.path, body=case.body, headers=case.headers)
    check(found)
    assert found.status in case.expected, found
    if name != "UTF-16":
        assert worker.herder.connectors() == ["flowing"]
    else:
        worker.ask("DELETE", "/connectors/hostile")


def test_there_are_more_than_forty_of_them() -> None:
    assert len(CASES) >= 40


@pytest.mark.parametrize(
    "name", ["n" * 10_000, "a b", "ä/ö", "x%y", "a\tb", "..", "\u202eevil", "a\r\nb", "a\x00b", "'; --", "🎈"]
)
def test_strange_names_can_be_made_and_seen_or_are_refused(worker: RestWorker, name: str) -> None:
    made = worker.ask("POST", "/connectors", json_body={"name": name, "config": {**FLOWING, "name": name}})
    check(made)
    if made.status != 201:
        assert made.status == 400
        return
    assert "\n" not in made.headers["location"]
    path = "/connectors/" + quote(name, safe="")
    for method, rest in (("GET", "/status"), ("PUT", "/pause"), ("DELETE", "")):
        check(worker.ask(method, path + rest))
    if name in worker.herder.connectors():  # one whose path cannot be spelt, as in Kafka
        worker.herder.delete(name)


TEXTS = st.text(max_size=30)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
BODIES = st.one_of(
    st.binary(max_size=60),
    VALUES.map(lambda value: json.dumps(value).encode()),
    st.fixed_dictionaries(
        {"name": VALUES, "config": st.dictionaries(TEXTS, VALUES, max_size=4) | VALUES},
        optional={"initial_state": VALUES, "initial_offsets": VALUES, "offsets": VALUES},
    ).map(lambda value: json.dumps(value).encode()),
    st.lists(st.fixed_dictionaries({"partition": VALUES, "offset": VALUES}), max_size=3).map(
        lambda value: json.dumps({"offsets": value}).encode()
    ),
)
PATHS = st.sampled_from(
    [
        "/connectors", "/connectors/{}", "/connectors/{}/config", "/connectors/{}/offsets",
        "/connectors/{}/restart", "/connectors/{}/stop", "/connectors/{}/topics/reset",
        "/connectors/{}/tasks/{}/restart", "/connectors/{}/tasks/{}/status", "/connectors/{}/pause",
        "/connectors/{}/topics", "/connector-plugins/{}/config/validate", "/connector-plugins/{}/config",
        "/admin/loggers/{}", "/{}", "/connectkit/connectors/{}/{}", "/connectkit/preview", "/metrics",
    ]
)  # fmt: skip


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"]),
    path=PATHS,
    parts=st.lists(TEXTS, min_size=2, max_size=2),
    body=st.none() | BODIES,
    kind=st.sampled_from(["application/json", "application/json; charset=utf-8", "text/plain", ""]),
)
def test_nothing_brings_a_500(
    worker: RestWorker, method: str, path: str, parts: list[str], body: bytes | None, kind: str
) -> None:
    target = path.format(*(quote(part.encode("utf-8", "surrogatepass"), safe="") for part in parts))
    check(worker.ask(method, target, body=body, headers={"Content-Type": kind} if kind else {}))
    assert "flowing" in worker.herder.connectors()


def test_two_hundred_changes_at_once(worker: RestWorker) -> None:
    found: list[Reply] = []

    def change(number: int) -> None:
        found.append(
            worker.ask(
                "PUT", "/connectors/churned/config",
                json_body={**FLOWING, "name": "churned", "topic": f"t{number}"}, timeout_s=120,
            )
        )  # fmt: skip

    threads = [threading.Thread(target=change, args=(number,)) for number in range(200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert len(found) == 200
    for each in found:
        check(each)
    assert {each.status for each in found} <= {200, 201, 409, 429}
    assert sum(each.status == 201 for each in found) == 1
    wait_until(lambda: len([t for t in worker.herder.tasks() if t.id.connector == "churned"]) == 1)
    worker.ask("DELETE", "/connectors/churned")


def test_five_hundred_sockets_that_say_half_a_word(worker: RestWorker) -> None:
    open_ones = []
    try:
        for _ in range(500):
            try:
                made = socket.create_connection(worker.address, timeout=5)
                made.sendall(b"GET / HTTP/1.1\r\nHost: loc")
            except OSError:
                continue
            open_ones.append(made)
        assert worker.ask("GET", "/connectors").status == 200
        assert worker.ask("PUT", "/connectors/flowing/resume").status == 202
    finally:
        for made in open_ones:
            made.close()

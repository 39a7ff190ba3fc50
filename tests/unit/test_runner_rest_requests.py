"""How REST takes requests: bodies, media types, methods, paths, queries; and the shape of every error."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectkit.runner.rest.answers import MAX_MESSAGE_BYTES, Answer, shortened
from connectkit.runner.rest.calls import as_config, parse_json, plain
from connectkit.runner.rest.routes import accepts
from tests.golden.rest_rig import Rig, rig
from tests.support.asgi import Reply

PROBE = {"connector.class": "RestProbeSource"}
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def worker() -> Iterator[Rig]:
    with rig({}) as made:
        yield made


def send(worker: Rig, method: str, path: str, body: Any = None, **headers: str) -> Reply:
    data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    if body is not None and "Content-Type" not in given:
        given |= JSON
    return worker.ask({"method": method, "path": path, "headers": given}, data)


def refused(reply: Reply, status: int) -> str:
    """The sentence of an error, whose form is checked."""
    assert reply.status == status, reply.data
    assert reply.headers["content-type"] == "application/json"
    body = reply.json()
    assert set(body) == {"error_code", "message"}
    assert body["error_code"] == status
    assert 0 < len(body["message"].encode()) <= MAX_MESSAGE_BYTES
    message: str = body["message"]
    return message


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "no body"),
        (b" \n", "no body"),
        (b"{", "line 1, column 2"),
        (b'{"name":"x"} x', "line 1, column 14"),
        (b"\xff\xfe", "not"),
        (b'{"name": "x", "config": NaN}', "NaN"),
        (b"null", "null"),
        (b"[]", "a list"),
        (b"5", "a number"),
        (b'"x"', "a text"),
        (b"true", "a boolean"),
        (b"{}", "config"),
        (b'{"config": null}', "config"),
        (b'{"name": "x", "config": []}', "a list"),
        (b'{"name": [], "config": {}}', "a list"),
        (b'{"name": "x", "config": {"a": {}}}', "'a'"),
        (b'{"name": "x", "config": {"a": [1]}}', "a list"),
        (b'{"name": "x", "confg": {}}', "did you mean 'config'"),
        (b'{"name": "x", "config": {}, "initial_state": "PAUSD"}', "PAUSED"),
        (b'{"name": "x", "config": {}, "initial_state": 1}', "RUNNING"),
        (b'{"name": "x", "config": {"name": "y"}}', "'y'"),
        (b'{"name": "x", "config": {}}', "connector"),
        (b'{"name": "x", "config": {"connector.class": "RestProbeSourc"}}', "did you mean 'RestProbeSource'"),
        (b'{"name": "x", "config": {"connector.class": null}}', "connector.class"),
        (b'{"name": "x", "config": {"connector.class": "RestProbeSource", "note": null}}', "note"),
        (b"[" * 100_000, "nested"),
        (b'{"a":' * 80 + b"1" + b"}" * 80, "deep"),
    ],
)
def test_a_create_that_cannot_be_is_refused_in_a_sentence(worker: Rig, body: bytes, said: str) -> None:
    assert said in refused(send(worker, "POST", "/connectors", body), 400)
    assert send(worker, "GET", "/connectors").json() == []


def test_numbers_and_booleans_become_texts(worker: Rig) -> None:
    body = (
        b'{"name": 7, "config": {"connector.class": "RestProbeSource", "note": true, "x": 1.50, "y": 1e400}}'
    )
    reply = send(worker, "POST", "/connectors", body)
    assert reply.status == 201
    config = reply.json()["config"]
    assert (config["note"], config["x"], config["y"], config["name"]) == ("true", "1.50", "1e400", "7")
    assert send(worker, "DELETE", "/connectors/7").status == 204


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("application/jsonx", 415),
        ("nonsense", 400),
        ("", 400),
        ("APPLICATION/JSON ; charset=utf-8", 404),
    ],
)
def test_bodies_are_json(worker: Rig, content_type: str, status: int) -> None:
    refused(send(worker, "PATCH", "/connectors/nobody/config", {"a": "b"}, Content_Type=content_type), status)
    refused(send(worker, "PUT", "/connectors/nobody/pause", b"x", Content_Type=content_type), status)


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("application/json", 200),
        ("text/html, */*;q=0.1", 200),
        ("application/*", 200),
        ("text/html", 406),
        ("application/json;q=0", 200),  # as in Java
        ("application/xml, text/plain", 406),
    ],
)
def test_answers_are_json(worker: Rig, accept: str, status: int) -> None:
    assert send(worker, "GET", "/connectors", Accept=accept).status == status
    assert send(worker, "OPTIONS", "/connectors", Accept=accept).status == 200


def test_any_json_is_no_type_of_a_body(worker: Rig) -> None:
    refused(send(worker, "PATCH", "/connectors/nobody/config", {}, Content_Type="application/*"), 415)
    refused(send(worker, "PUT", "/connectors/nobody/pause", Content_Type="application/*"), 404)
    refused(send(worker, "GET", "/connectors", Content_Type="nonsense"), 400)
    assert send(worker, "GET", "/connectors", Content_Type="text/plain").status == 200
    refused(send(worker, "GET", "/connectors", b"x", Content_Type="text/plain"), 415)


def test_a_refusal_says_what_would_help(worker: Rig) -> None:
    """Behind the words of Java, which some scripts look for."""
    form = send(worker, "POST", "/connectors", b"{}", Content_Type="application/x-www-form-urlencoded")
    accept = send(worker, "GET", "/connectors", Accept="text/html")
    for reply, status, words, help_ in (
        (form, 415, "Unsupported Media Type", "Content-Type: application/json"),
        (accept, 406, "Not Acceptable", "application/json"),
        (send(worker, "DELETE", "/connectors"), 405, "Method Not Allowed", "GET, HEAD, OPTIONS, POST"),
        (send(worker, "GET", "/connector"), 404, "Not Found", "/openapi.json"),
        (send(worker, "GET", "/connectors/c/tasks/x/status"), 404, "Not Found", "number"),
    ):
        said = refused(reply, status)
        assert said.startswith(f"HTTP {status} {words}: ")
        assert help_ in said


def test_methods(worker: Rig) -> None:
    reply = send(worker, "PUT", "/connectors", {})
    refused(reply, 405)
    assert reply.headers["allow"] == "GET, HEAD, OPTIONS, POST"
    refused(send(worker, "BREW", "/connectors"), 405)
    head = send(worker, "HEAD", "/connectors")
    assert (head.status, head.data, head.headers["content-length"]) == (200, b"", "2")
    refused(send(worker, "OPTIONS", "/nope"), 404)


@pytest.mark.parametrize(
    "path",
    [
        "/connectors//x",
        "/connectors/../x",
        "/connectors/%00",
        "/connectors/%2e%2E",
        "/connectors/%zz",
        "/connectors/%ff",
        "/connectors/%c3%28/config",
        "//",
    ],
)
def test_paths_that_could_be_misread_are_refused(worker: Rig, path: str) -> None:
    refused(send(worker, "GET", path), 400)


def test_names_in_paths_are_decoded(worker: Rig) -> None:
    name = "ä b+c;d=é&f?g#h"
    reply = send(worker, "POST", "/connectors", {"name": name, "config": PROBE})
    assert reply.status == 201
    assert reply.headers["location"].endswith("/connectors/%C3%A4%20b+c;d=%C3%A9&f%3Fg%23h")
    path = reply.headers["location"].partition("golden:1")[2]
    assert send(worker, "GET", path).json()["name"] == name
    assert send(worker, "GET", f"{path}/").json()["name"] == name
    assert send(worker, "DELETE", path).status == 204


def test_names_with_a_slash_can_be_reached(worker: Rig) -> None:
    reply = send(worker, "POST", "/connectors", {"name": "a/b%2Fc", "config": PROBE})
    assert reply.headers["location"].endswith("/connectors/a/b%252Fc")
    assert send(worker, "GET", "/connectors/a%2Fb%252Fc").json()["name"] == "a/b%2Fc"
    assert send(worker, "GET", "/connectors/a%2Fb%252Fc/status").status == 200
    assert send(worker, "DELETE", "/connectors/a%2Fb%252Fc").status == 204


def test_tasks_in_paths_are_numbers(worker: Rig) -> None:
    for task in ("x", "1.0", "99999999999", "1e3", "%20", "%D9%A3"):
        path = f"/connectors/c/tasks/{task}/status"
        refused(send(worker, "GET", path), 404)


def test_expand(worker: Rig) -> None:
    send(worker, "POST", "/connectors", {"name": "e", "config": PROBE})
    assert send(worker, "GET", "/connectors?expand=").json() == {"e": {}}
    assert send(worker, "GET", "/connectors?expand=bogus").json() == {"e": {}}
    both = send(worker, "GET", "/connectors?expand=status&expand=info").json()["e"]
    assert both["info"] == send(worker, "GET", "/connectors/e").json()
    assert set(both["status"]) == {"name", "connector", "tasks", "type"}
    assert send(worker, "GET", "/connectors").json() == ["e"]
    send(worker, "DELETE", "/connectors/e")


def test_a_patch_takes_out_and_sets(worker: Rig) -> None:
    send(worker, "POST", "/connectors", {"name": "p", "config": {**PROBE, "note": "a"}})
    reply = send(worker, "PATCH", "/connectors/p/config", {"note": None, "gone": None, "n": 5})
    assert reply.json()["config"] == {**PROBE, "name": "p", "n": "5"}
    refused(send(worker, "PATCH", "/connectors/p/config", {"connector.class": None}), 400)
    refused(send(worker, "PATCH", "/connectors/p/config", {"name": "q"}), 400)
    assert send(worker, "GET", "/connectors/p/config").json() == {**PROBE, "name": "p", "n": "5"}
    send(worker, "DELETE", "/connectors/p")


def test_a_refused_offset_is_the_requests_mistake(worker: Rig) -> None:
    offsets = {"offsets": [{"partition": {"a": 1}, "offset": {"b": 2}}]}
    for answer, status in (("true", 200), ("false", 200), ("unsupported", 400), ("boom", 400)):
        config = {**PROBE, "alter.offsets": answer}
        send(worker, "POST", "/connectors", {"name": answer, "config": config, "initial_state": "STOPPED"})
        reply = send(worker, "PATCH", f"/connectors/{answer}/offsets", offsets)
        assert reply.status == status
        assert send(worker, "DELETE", f"/connectors/{answer}/offsets").status == status
        send(worker, "DELETE", f"/connectors/{answer}")


def test_offsets_may_go_with_their_connector(worker: Rig) -> None:
    body = {"name": "g", "config": PROBE, "initial_offsets": [{"partition": {"a": 1}, "offset": {"b": 2}}]}
    assert send(worker, "POST", "/connectors", body).status == 201
    assert send(worker, "DELETE", "/connectors/g").status == 204
    send(worker, "POST", "/connectors", {"name": "g", "config": PROBE})
    assert send(worker, "GET", "/connectors/g/offsets").json() == {"offsets": body["initial_offsets"]}
    assert send(worker, "DELETE", "/connectors/g?resetOffsets=true").status == 204
    send(worker, "POST", "/connectors", {"name": "g", "config": PROBE})
    assert send(worker, "GET", "/connectors/g/offsets").json() == {"offsets": []}
    send(worker, "DELETE", "/connectors/g")
    refused(send(worker, "DELETE", "/connectors/g?resetOffsets=true"), 404)


def test_topics_are_not_kept_if_the_worker_says_so() -> None:
    with rig({"topic.tracking.enable": "false"}) as worker:
        refused(send(worker, "GET", "/connectors/x/topics"), 403)
        refused(send(worker, "PUT", "/connectors/x/topics/reset"), 403)


def test_admin_may_be_served_elsewhere_or_nowhere() -> None:
    for listeners in ("", "http://127.0.0.1:0"):
        with rig({"admin.listeners": listeners}) as worker:
            refused(send(worker, "GET", "/admin/loggers"), 404)
            assert "/admin/loggers" not in send(worker, "GET", "/openapi.json").json()["paths"]


@pytest.mark.parametrize(
    "offsets",
    [
        {"offsets": [{"partition": {"kafka_topic": "t"}, "offset": None}]},
        {"offsets": [{"partition": {"kafka_topic": 5, "kafka_partition": 0}, "offset": None}]},
        {"offsets": [{"partition": {"kafka_topic": "t", "kafka_partition": -1}, "offset": None}]},
        {"offsets": [{"partition": {"kafka_topic": "t", "kafka_partition": "x"}, "offset": None}]},
        {"offsets": [{"partition": {"kafka_topic": "t", "kafka_partition": 0}, "offset": {}}]},
        {
            "offsets": [
                {"partition": {"kafka_topic": "t", "kafka_partition": 0}, "offset": {"kafka_offset": True}}
            ]
        },
        {"offsets": [{"partition": None, "offset": None}]},
        {"offsets": [None]},
        {"offsets": [{"partition": {}, "offset": {}, "more": 1}]},
        {"offsets": {}},
        {},
    ],
)
def test_offsets_that_are_none_of_a_sink(worker: Rig, offsets: Any) -> None:
    body = {
        "name": "s",
        "config": {"connector.class": "RestProbeSink", "topics": "t"},
        "initial_state": "STOPPED",
    }
    send(worker, "POST", "/connectors", body)
    refused(send(worker, "PATCH", "/connectors/s/offsets", offsets), 400)
    send(worker, "DELETE", "/connectors/s")


def test_offsets_of_a_sink_may_be_texts(worker: Rig) -> None:
    body = {
        "name": "s",
        "config": {"connector.class": "RestProbeSink", "topics": "t"},
        "initial_state": "STOPPED",
    }
    send(worker, "POST", "/connectors", body)
    offset = {"partition": {"kafka_topic": "t", "kafka_partition": "0"}, "offset": {"kafka_offset": " 12 "}}
    assert send(worker, "PATCH", "/connectors/s/offsets", {"offsets": [offset]}).status == 200
    assert send(worker, "GET", "/connectors/s/offsets").json() == {
        "offsets": [{"partition": {"kafka_topic": "t", "kafka_partition": 0}, "offset": {"kafka_offset": 12}}]
    }
    assert send(worker, "DELETE", "/connectors/s/offsets").status == 200
    assert send(worker, "GET", "/connectors/s/offsets").json() == {"offsets": []}
    send(worker, "DELETE", "/connectors/s")


def test_the_document_describes_every_operation(worker: Rig) -> None:
    found = send(worker, "GET", "/openapi.json").json()
    assert found["openapi"].startswith("3.1")
    ids = [each["operationId"] for path in found["paths"].values() for each in path.values()]
    assert len(set(ids)) == len(ids) >= 30
    for path, methods in found["paths"].items():
        reply = send(worker, "OPTIONS", path.replace("{connector}", "x").replace("{task}", "0"))
        allowed = {method.strip().lower() for method in reply.headers["allow"].split(",")}
        assert set(methods) <= allowed
        for each in methods.values():
            assert each["summary"].endswith(".")
            assert {"400", "404", "500"} <= set(each["responses"])


def test_validate_warns_of_what_has_no_effect(worker: Rig) -> None:
    path = "/connector-plugins/RestProbeSource/config/validate"
    config = {**PROBE, "name": "v", "fail.att": "x", "errors.tolerence": "all"}
    body = send(worker, "PUT", path, config).json()
    assert body["error_count"] == 0
    assert set(body["warnings"]) == {"fail.att", "errors.tolerence"}
    assert "did you mean 'fail.at'" in body["warnings"]["fail.att"][0]
    assert "warnings" not in send(worker, "PUT", path, {**PROBE, "name": "v"}).json()


def test_validate_shows_no_secret_and_resolves_nothing(worker: Rig) -> None:
    path = "/connector-plugins/RestProbeRich/config/validate"
    config = {
        "connector.class": "RestProbeRich",
        "name": "v",
        "r.string": "${env:HOME}",
        "r.password": "hunter2",
        "producer.override.sasl.jaas.config": "hunter2",
    }
    reply = send(worker, "PUT", path, config)
    assert b"hunter2" not in reply.data
    values = {each["value"]["name"]: each["value"]["value"] for each in reply.json()["configs"]}
    assert values["r.string"] == "${env:HOME}"
    assert values["r.password"] == "[hidden]"


def test_validate_lists_options_of_our_own_where_they_are_used(worker: Rig) -> None:
    path = "/connector-plugins/FileStreamSource/config/validate"
    config = {
        "connector.class": "FileStreamSource",
        "name": "v",
        "topic": "t",
        "transforms": "m",
        "transforms.m.type": "MaskField$Value",
        "transforms.m.fields": "a",
    }

    def names(config: dict[str, str]) -> list[str]:
        body = send(worker, "PUT", path, config).json()
        return [each["value"]["name"] for each in body["configs"] if each["definition"]]

    assert "transforms.m.on.missing" not in names(config)
    assert "transforms.m.on.missing" in names({**config, "transforms.m.on.missing": "fail"})


@settings(max_examples=60, deadline=None)
@given(body=st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["name", "config", "connector.class", "offsets", "level", "x"]), inner, max_size=4
    ),
    max_leaves=8,
))  # fmt: skip
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/connectors"),
        ("PUT", "/connectors/never/config"),
        ("PATCH", "/connectors/never/config"),
        ("PATCH", "/connectors/never/offsets"),
        ("PUT", "/connector-plugins/FileStreamSource/config/validate"),
        ("PUT", "/admin/loggers/golden.fuzz"),
    ],
)
def test_no_body_is_an_error_of_ours(worker: Rig, method: str, path: str, body: Any) -> None:
    reply = send(worker, method, path, json.dumps(body).encode("utf-8", "surrogatepass"))
    assert reply.status < 500, (body, reply.data)


def test_numbers_keep_their_text() -> None:
    found = parse_json(b'{"a": 1.0, "b": 100000000000000000000000, "c": [-0]}')
    assert as_config({"a": found["a"], "b": found["b"]}, "x") == {"a": "1.0", "b": "1" + "0" * 23}
    assert plain(found) == {"a": 1.0, "b": 10**23, "c": [0]}


@given(st.text())
def test_messages_are_cut_between_characters(text: str) -> None:
    cut = shortened(text * 50)
    assert len(cut.encode()) <= MAX_MESSAGE_BYTES


def test_a_text_that_is_no_unicode_is_answered_with_question_marks() -> None:
    assert Answer({"a": "\ud800"}).encoded() == b'{"a":"?"}'


@pytest.mark.parametrize(
    ("value", "accepted"), [([], True), ([""], True), (["*"], True), (["image/*"], False)]
)
def test_accept(value: list[str], accepted: bool) -> None:
    assert accepts(value) is accepted

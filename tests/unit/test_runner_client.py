"""The client of REST: what it sends, what it asks again, what it never shows."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectkit.errors import ConfigError, ConnectError
from connectkit.plugin import Registry, plugins
from connectkit.runner.client.http import Access, AnsweredError, Reply, RestClient
from connectkit.runner.client.looking import listed, new_lines
from connectkit.runner.client.plans import Planner, differences, is_mask
from connectkit.runner.client.secrets import Curtain
from connectkit.runner.client.states import SETTLE_S, STEADY_S, WaitError, reached, wait_for
from connectkit.runner.configs.files import ConfigFile
from connectkit.secret import HIDDEN, Secret
from tests.support.java_rest import JavaCluster, file_sink, java_cluster


@pytest.fixture
def cluster() -> Iterator[JavaCluster]:
    with java_cluster() as made:
        yield made


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.slept: list[float] = []

    def clock(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now_s += seconds


def client_of(cluster: JavaCluster, time: Time | None = None, **more: Any) -> RestClient:
    time = time or Time()
    return RestClient(Access(url=cluster.url, **more), clock=time.clock, sleep=time.sleep)


REBALANCE = (
    409,
    {"error_code": 409, "message": "Cannot complete request because of a conflicting operation"},
)


def test_a_rebalance_is_waited_for_with_growing_pauses(cluster: JavaCluster) -> None:
    cluster.first = [REBALANCE] * 4
    time = Time()
    assert client_of(cluster, time).get("/connectors") == []
    assert time.slept == [0.25, 0.5, 1.0, 2.0]


def test_a_rebalance_that_does_not_end_is_told(cluster: JavaCluster) -> None:
    cluster.first = [REBALANCE] * 1000
    time = Time()
    with pytest.raises(AnsweredError, match="conflicting operation") as caught:
        client_of(cluster, time).get("/connectors")
    assert caught.value.status == 409
    assert 50 < time.now_s <= 60


def test_a_connector_that_exists_is_no_rebalance(cluster: JavaCluster) -> None:
    cluster.connectors["a"] = file_sink(name="a")
    time = Time()
    with pytest.raises(AnsweredError, match="already exists"):
        client_of(cluster, time).ask("POST", "/connectors", body={"name": "a", "config": file_sink()})
    assert time.slept == []


def test_an_error_is_not_asked_again(cluster: JavaCluster) -> None:
    cluster.first = [(500, {"error_code": 500, "message": "Request timed out"})]
    with pytest.raises(AnsweredError, match="Request timed out"):
        client_of(cluster).get("/connectors")
    assert len(cluster.asked) == 1


def test_what_a_worker_says_moves_no_cursor(cluster: JavaCluster) -> None:
    cluster.first = [(400, {"message": "two\nlines \x1b[2J" + "wide " * 20_000})]
    with pytest.raises(AnsweredError) as caught:
        client_of(cluster).get("/connectors")
    assert str(caught.value).startswith("two\nlines \\x1b[2Jwide")
    assert len(str(caught.value)) < 20_000


@pytest.mark.parametrize("found", [None, 7, [], "text"])
def test_what_is_no_worker_is_told(cluster: JavaCluster, found: Any) -> None:
    cluster.first = [(200, found)]
    with pytest.raises(ConnectError, match=r"otherwise than Kafka Connect does; is it a worker's URL\?"):
        assert client_of(cluster).version


@pytest.mark.parametrize("body", [b"<html>", {"message": 7}, [], b""])
def test_an_error_without_a_sentence_has_its_status(cluster: JavaCluster, body: Any) -> None:
    cluster.first = [(502, body)]
    with pytest.raises(AnsweredError, match="HTTP status 502"):
        client_of(cluster).get("/connectors")


def test_a_redirect_is_not_followed(cluster: JavaCluster) -> None:
    cluster.first = [(302, b"")]
    with pytest.raises(AnsweredError, match="302"):
        client_of(cluster, token=Secret("t" * 30)).get("/")
    assert len(cluster.asked) == 1


def test_an_answer_that_is_not_json_is_told(cluster: JavaCluster) -> None:
    cluster.first = [(200, b"<html>hello")]
    with pytest.raises(ConnectError, match="not JSON"):
        client_of(cluster).get("/")


@pytest.mark.parametrize(
    ("more", "sent"),
    [
        ({"token": Secret("abcdefghij")}, "Bearer abcdefghij"),
        (
            {"token": Secret("abcdefghij"), "user": "ci"},
            "Basic " + base64.b64encode(b"ci:abcdefghij").decode(),
        ),
        ({}, None),
    ],
)
def test_credentials(cluster: JavaCluster, more: dict[str, Any], sent: str | None) -> None:
    client_of(cluster, **more).get("/connectors")
    assert cluster.headers[0].get("Authorization") == sent


def test_credentials_of_the_url_are_used_and_not_shown(cluster: JavaCluster) -> None:
    url = cluster.url.replace("://", "://me:pass%20word1@")
    client = RestClient(Access(url=url))
    client.get("/connectors")
    assert client.url == cluster.url
    assert cluster.headers[0]["Authorization"] == "Basic " + base64.b64encode(b"me:pass word1").decode()


def test_credentials_in_the_open_are_warned_of() -> None:
    token = Secret("abcdefghij")
    assert RestClient(Access(url="http://127.0.0.1:1", token=token)).warning is None
    assert RestClient(Access(url="https://connect:1", token=token)).warning is None
    assert "unencrypted" in (RestClient(Access(url="http://connect:1", token=token)).warning or "")
    assert RestClient(Access(url="http://connect:1")).warning is None


@pytest.mark.parametrize(
    "url", ["connect:8083", "ftp://x", "http://", "http://x:port", "http://x?a=b", "//x"]
)
def test_a_url_that_is_none(url: str) -> None:
    with pytest.raises(ConfigError, match="URL"):
        RestClient(Access(url=url))


def test_a_token_with_a_line_break_is_refused_and_not_shown() -> None:
    with pytest.raises(ConfigError) as caught:
        RestClient(Access(token=Secret("first\nsecond")))
    assert "first" not in str(caught.value)


def test_nobody_listens() -> None:
    with pytest.raises(ConnectError, match=r"http://127\.0\.0\.1:1 cannot be reached"):
        RestClient(Access(url="http://127.0.0.1:1")).get("/")


def test_tls_where_there_is_none(cluster: JavaCluster) -> None:
    with pytest.raises(ConnectError, match="TLS"):
        RestClient(Access(url=cluster.url.replace("http:", "https:"))).get("/")


def test_an_authority_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing")
    with pytest.raises(ConfigError, match=r"ca\.pem"):
        RestClient(Access(url="https://x", ca=tmp_path / "ca.pem"))
    with pytest.raises(ConfigError, match=r"me\.pem"):
        RestClient(Access(url="https://x", certificate=tmp_path / "me.pem"))
    assert ssl.create_default_context() is not None


def test_a_java_worker_is_not_ours_and_has_no_endpoints_of_ours(cluster: JavaCluster) -> None:
    client = client_of(cluster)
    assert not client.is_ours
    assert client.own("/connectkit/workers") is None
    assert [path for _, path, _ in cluster.asked] == ["/"]


def test_a_reply_without_a_body() -> None:
    assert Reply(204, b" ").json() is None


# --- states


@pytest.mark.parametrize(
    ("connector", "tasks", "wanted", "holds"),
    [
        ("RUNNING", ["RUNNING"], "RUNNING", True),
        ("RUNNING", [], "RUNNING", False),
        ("RUNNING", ["RUNNING", "FAILED"], "RUNNING", False),
        ("PAUSED", ["RUNNING"], "PAUSED", False),
        ("PAUSED", ["PAUSED"], "PAUSED", True),
        ("PAUSED", [], "PAUSED", True),
        ("STOPPED", [], "STOPPED", True),
        ("STOPPED", ["RUNNING"], "STOPPED", False),
    ],
)
def test_reached(connector: str, tasks: list[str], wanted: Any, holds: bool) -> None:
    status = {"connector": {"state": connector}, "tasks": [{"state": state} for state in tasks]}
    assert reached(status, wanted) is holds


def test_waiting_for_what_is_there(cluster: JavaCluster) -> None:
    cluster.connectors["a"] = file_sink(name="a")
    time = Time()
    wait_for(client_of(cluster), "a", "RUNNING", timeout_s=5, clock=time.clock, sleep=time.sleep)
    assert STEADY_S <= time.now_s < STEADY_S + 1  # a Java cluster may show the state from before
    cluster.states["a"] = "PAUSED"
    time.now_s = 0
    wait_for(client_of(cluster), "a", "PAUSED", timeout_s=5, clock=time.clock, sleep=time.sleep)
    assert time.now_s == 0
    wait_for(client_of(cluster), "b", "gone", timeout_s=5, clock=time.clock, sleep=time.sleep)


def test_a_failure_ends_the_waiting_when_it_has_lasted(cluster: JavaCluster) -> None:
    cluster.connectors["a"] = file_sink(name="a")
    cluster.failed["a"] = "org.apache.kafka.connect.errors.ConnectException: no such host\n\tat x"
    time = Time()
    with pytest.raises(WaitError, match=r"a has failed: task 0: org\.apache.*no such host$"):
        wait_for(client_of(cluster), "a", "RUNNING", timeout_s=60, clock=time.clock, sleep=time.sleep)
    assert SETTLE_S <= time.now_s < SETTLE_S + 1


def test_what_never_comes_is_told(cluster: JavaCluster) -> None:
    cluster.connectors["a"] = file_sink(name="a")
    time = Time()
    with pytest.raises(WaitError, match="a is not STOPPED after 3 s; it is RUNNING, task 0 RUNNING"):
        wait_for(client_of(cluster), "a", "STOPPED", timeout_s=3, clock=time.clock, sleep=time.sleep)
    with pytest.raises(WaitError, match="not known to the worker"):
        wait_for(client_of(cluster), "b", "RUNNING", timeout_s=3, clock=time.clock, sleep=time.sleep)


# --- what is looked at


def test_a_cluster_that_knows_no_expand_is_listed(cluster: JavaCluster) -> None:
    cluster.connectors = {"b": file_sink(name="b"), "a": file_sink(name="a")}
    cluster.states["b"] = "PAUSED"
    client = client_of(cluster)
    found = listed(client)
    cluster.first = [(200, ["b", "a"])]
    assert listed(client) == found
    assert [(each.name, each.health, each.running, each.tasks) for each in found] == [
        ("a", "RUNNING", 1, 1),
        ("b", "PAUSED", 0, 1),
    ]


@pytest.mark.parametrize(
    ("last", "found", "new"),
    [
        ("", "abc", "abc"),
        ("abc", "abc", ""),
        ("bc", "abcde", "de"),
        ("abc", "bcd", "d"),
        ("abc", "xyz", "xyz"),
        ("aa", "aaa", ""),
        ("abc", "", ""),
    ],
)
def test_new_lines(last: str, found: str, new: str) -> None:
    assert "".join(new_lines(list(last), list(found))) == new


@given(
    st.lists(st.integers(0, 3), max_size=30),
    st.integers(0, 30),
    st.integers(1, 30),
    st.integers(1, 30),
)
def test_a_followed_log_misses_nothing_and_repeats_nothing(
    kinds: list[int], seen: int, before: int, now: int
) -> None:
    """Whatever the windows are, as long as they meet; lines differ by their times."""
    log = [(at, kind) for at, kind in enumerate(kinds)]
    seen = min(seen, len(log))
    last, found = log[max(seen - before, 0) : seen], log[max(len(log) - now, 0) :]
    assert list(new_lines(last, found)) == (log[max(seen, len(log) - now) :] if last else found)


# --- secrets


def test_secrets_that_a_java_worker_shows_are_hidden(cluster: JavaCluster) -> None:
    cluster.definitions["com.example.JdbcSource"] = [
        {"name": each, "type": "PASSWORD"} for each in ("db.pin", "db.key.phrase")
    ]
    config = {
        "connector.class": "com.example.JdbcSource",
        "db.pin": "12345678",
        "db.key.phrase": "a-secret-beside-${file:/etc/x:key}",
        "db.password": "hunter22hunter22",
        "db.url": "jdbc://me:hunter33hunter@host/x",
        "api.secret": "${file:/etc/x:key}",
    }
    shown = Curtain(client_of(cluster), plugins).shown(config)
    assert shown["db.pin"] == shown["db.key.phrase"] == shown["db.password"] == HIDDEN
    assert "hunter33" not in (shown["db.url"] or "")
    assert shown["api.secret"] == "${file:/etc/x:key}"


def test_a_secret_that_an_error_quotes_is_hidden(cluster: JavaCluster) -> None:
    client = client_of(cluster)
    Curtain(client, plugins).shown({"connector.class": "x", "db.password": "correct-horse-battery"})
    cluster.first = [(400, {"message": "login with correct-horse-battery failed"})]
    with pytest.raises(AnsweredError, match=r"login with \[hidden\] failed"):
        client.get("/connectors")


# --- plans


@pytest.mark.parametrize(
    ("value", "mask"),
    [(HIDDEN, True), ("****", True), ("**", False), (None, False), ("", False), ("a*", False)],
)
def test_masks(value: str | None, mask: bool) -> None:
    assert is_mask(value) is mask


def test_differences_of_masked_values_are_unknown() -> None:
    old = {"a": "1", "b": "****", "c": "x", "same": "s"}
    new = {"a": "2", "b": "secret", "d": "y", "same": "s"}
    shown = {**new, "b": HIDDEN}
    found = {each.key: each.how for each in differences(old, new, old, shown)}
    assert found == {"a": "changed", "b": "unknown", "c": "removed", "d": "added"}


def file_of(config: dict[str, str], state: str = "RUNNING") -> ConfigFile:
    return ConfigFile(Path("x.json"), dict(config), [], state)


CONFIGS = st.dictionaries(st.sampled_from("abcdef"), st.sampled_from(["1", "2", "****", HIDDEN]))


@given(CONFIGS, CONFIGS)
def test_differences_tell_exactly_what_differs(old: dict[str, str], new: dict[str, str]) -> None:
    found = {each.key: each for each in differences(old, new, old, new)}
    assert set(found) == {key for key in {*old, *new} if old.get(key) != new.get(key)}
    for key, each in found.items():
        assert (each.how == "added") == (key not in old)
        assert (each.how == "removed") == (key not in new)
        assert (each.how == "unknown") == (key in old and key in new and is_mask(old[key]))


def test_a_plan_against_a_java_cluster(cluster: JavaCluster) -> None:
    cluster.connectors["a"] = file_sink(name="a", **{"db.password": "old-password-1"})
    planner = Planner(client_of(cluster), plugins)
    same = planner.plan(file_of(cluster.connectors["a"]))
    assert (same.action, list(same.changes)) == ("none", [])
    changed = planner.plan(file_of({**cluster.connectors["a"], "db.password": "new-password-1"}))
    assert changed.action == "change"
    assert [each.as_json() for each in changed.changes] == [
        {"key": "db.password", "change": "changed", "old": HIDDEN, "new": HIDDEN}
    ]
    made = planner.plan(file_of(file_sink(name="b")))
    assert made.action == "create"
    assert {method for method, _, _ in cluster.asked} == {"GET", "PUT"}
    assert all(path.endswith("/validate") for method, path, _ in cluster.asked if method == "PUT")


# The version, the plugin's options (for its secrets), and that no connector is so named.
ASKED_FIRST: list[Any] = [(200, {"version": "3.0"}), (200, []), (404, {})]


def test_what_the_cluster_finds_wrong_is_refused(cluster: JavaCluster) -> None:
    config = file_sink(name="a")
    cluster.invalid[config["connector.class"]] = {"file": ["must be absolute"]}
    plan = Planner(client_of(cluster), plugins).plan(file_of(config))
    assert (plan.action, plan.errors) == ("refuse", {"file": ["must be absolute"]})
    cluster.invalid.clear()
    cluster.first = [*ASKED_FIRST, (500, {"message": "Failed to find any class"})]
    plan = Planner(client_of(cluster), plugins).plan(file_of(config))
    assert plan.errors == {"connector.class": ["Failed to find any class"]}


def test_who_may_not_validate_gets_our_own_check(cluster: JavaCluster) -> None:
    refused = (403, {"error_code": 403, "message": "no"})
    cluster.first = [*ASKED_FIRST, refused]
    wrong = {**file_sink(name="a"), "tasks.max": "many"}
    assert "tasks.max" in Planner(client_of(cluster), plugins).plan(file_of(wrong)).errors
    cluster.first = [*ASKED_FIRST, refused]
    unknown = Planner(client_of(cluster), Registry(entry_points=list)).plan(file_of(wrong))
    assert not unknown.errors
    assert "not installed here" in unknown.warnings["connector.class"][0]


def test_applying_puts_whole_configurations(cluster: JavaCluster) -> None:
    planner = Planner(client_of(cluster), plugins)
    for state in ("RUNNING", "PAUSED"):
        file = file_of(file_sink(name=state.lower()), state)
        planner.apply(planner.plan(file))
    assert cluster.states == {"running": "RUNNING", "paused": "PAUSED"}
    methods = [(method, path) for method, path, _ in cluster.asked if not path.endswith("/validate")]
    assert ("PUT", "/connectors/running/config") in methods
    assert ("POST", "/connectors") in methods
    [gone] = planner.surplus(["running"], ["pa"])
    planner.apply(gone)
    planner.apply(gone)  # somebody else was faster
    assert list(cluster.connectors) == ["running"]
    assert planner.surplus(["running"], ["pa"]) == []

"""``connectkit connectors`` and ``connectkit apply`` against our worker, and against a cluster as Java's."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from connectkit.runner.cli import main
from connectkit.runner.rest.security_principals import token_hash
from tests.support.java_rest import JavaCluster, file_sink, java_cluster
from tests.support.rest_worker import RestWorker, rest_worker, wait_until

TOKEN = "0123456789abcdef0123456789abcdef"
Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CONNECTKIT_URL", "CONNECTKIT_TOKEN", "CONNECTKIT_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RestWorker]:
    with rest_worker(tmp_path) as made:
        monkeypatch.setenv("CONNECTKIT_URL", made.url)
        yield made


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[JavaCluster]:
    with java_cluster() as made:
        monkeypatch.setenv("CONNECTKIT_URL", made.url)
        yield made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two connectors' files in both forms, one of them in a sub-folder, and files that are none."""
    made = tmp_path / "connectors"
    (made / "sinks").mkdir(parents=True)
    (tmp_path / "in.txt").write_text("one\ntwo\n")
    (made / "lines.properties").write_text(
        f"name=lines\nconnector.class=FileStreamSource\nfile={tmp_path / 'in.txt'}\ntopic=t\n"
    )
    sink = file_sink(file=str(tmp_path / "out.txt"))
    (made / "sinks" / "out.json").write_text(json.dumps({"name": "out", "config": sink}))
    (made / "worker.properties").write_text("bootstrap.servers=a:1\n")
    (made / ".hidden.json").write_text("{")
    (made / "README.md").write_text("no connector")
    return made


def said(capsys: Capture, *arguments: str, code: int = 0) -> str:
    """What a command prints, given the exit code that is expected."""
    found = main([*arguments])
    captured = capsys.readouterr()
    assert found == code, captured.err + captured.out
    return captured.out + captured.err


def test_a_connector_s_life(worker: RestWorker, folder: Path, tmp_path: Path, capsys: Capture) -> None:
    def connectors(*arguments: str, code: int = 0) -> str:
        return said(capsys, "connectors", *arguments, code=code)

    assert connectors("create", str(folder / "lines.properties"), "--wait") == "lines: created\n"
    assert "already exists" in connectors("create", str(folder / "lines.properties"), code=2)
    table = connectors("list").splitlines()
    assert table[0].split() == ["NAME", "TYPE", "STATE", "TASKS", "RUNNING", "RECORDS/S", "LAG"]
    assert table[1].split()[:4] == ["lines", "source", "RUNNING", "1/1"]
    [listed] = json.loads(connectors("list", "--json"))
    assert (listed["name"], listed["running"]) == ("lines", 1)
    assert "FileStreamSource" in connectors("show", "lines")
    assert json.loads(connectors("show", "lines", "--json"))["config"]["topic"] == "t"
    assert "task 0 RUNNING" in connectors("status", "lines")
    assert json.loads(connectors("status", "lines", "--json"))["tasks"][0]["stalled"] is False
    for verb, done, state in (
        ("pause", "paused", "PAUSED"),
        ("resume", "resumed", "RUNNING"),
        ("restart", "restarted", "RUNNING"),
    ):
        assert connectors(verb, "lines", "--wait") == f"lines: {done}\n"
        assert f"lines: source, {state}" in connectors("status", "lines")
    wait_until(lambda: '"position": 8' in connectors("offsets", "lines"))
    assert connectors("stop", "lines", "--wait") == "lines: stopped\n"
    offsets = tmp_path / "offsets.set"
    found = json.loads(connectors("offsets", "lines", "--json"))
    assert [each["offset"] for each in found["offsets"]] == [{"position": 8}]
    found["offsets"][0]["offset"]["position"] = 4
    offsets.write_text(json.dumps(found))
    assert "successfully" in connectors("offsets", "lines", "--set", str(offsets))
    assert '{"position": 4}' in connectors("offsets", "lines")
    assert "successfully" in connectors("offsets", "lines", "--reset")
    assert connectors("offsets", "lines") == "lines has no offsets yet\n"
    connectors("logs", "lines", "-n", "5", "--level", "info")
    assert connectors("delete", "lines", "--wait") == "lines: deleted\n"
    assert "lines" not in connectors("list")


def test_one_that_fails_keeps_no_other(worker: RestWorker, folder: Path, capsys: Capture) -> None:
    said(capsys, "apply", "-f", str(folder), "--wait")
    text = said(capsys, "connectors", "pause", "nope", "lines", "--wait", code=2)
    assert "lines: paused" in text
    assert "nope: " in text
    found = json.loads(said(capsys, "connectors", "pause", "nope", "lines", "--json", code=2))
    assert [each["done"] for each in found] == [False, True]


def test_a_failed_task_is_told_and_restarted(worker: RestWorker, tmp_path: Path, capsys: Capture) -> None:
    file = tmp_path / "c.json"
    config = {"name": "c", **file_sink(file=str(tmp_path / "none" / "o"))}
    file.write_text(json.dumps(config))
    said(capsys, "connectors", "create", str(file))
    wait_until(lambda: main(["connectors", "status", "c"]) == 2)
    capsys.readouterr()
    text = said(capsys, "connectors", "status", "c", code=2)
    assert "c: sink, FAILED" in text
    assert "task 0 FAILED" in text
    assert "c has failed: task 0: " in said(capsys, "connectors", "restart", "c", "--wait", "30", code=2)
    (tmp_path / "none").mkdir()
    said(capsys, "connectors", "restart", "c", "--only-failed", "--wait")
    said(capsys, "connectors", "restart", "c", "--task", "0", "--wait")
    said(capsys, "connectors", "restart", "c", "--task", "0", "--only-failed", code=2)


@pytest.mark.parametrize("kind", ["ours", "java"])
def test_apply_is_idempotent(
    kind: str, request: pytest.FixtureRequest, folder: Path, tmp_path: Path, capsys: Capture
) -> None:
    request.getfixturevalue("worker" if kind == "ours" else "cluster")
    plan = said(capsys, "apply", "-f", str(folder), "--plan", code=3)
    assert "+ lines" in plan
    assert "2 to create" in plan
    assert "is a worker's file and is passed over" in plan
    assert "lines" not in said(capsys, "connectors", "list")
    assert "lines: created" in said(capsys, "apply", "-f", str(folder), "--wait")
    assert "2 as it should be" in said(capsys, "apply", "-f", str(folder), "--plan")
    out = said(capsys, "apply", "-f", str(folder), "--wait")
    assert "created" not in out
    assert "changed" not in out
    file = folder / "sinks" / "out.json"
    file.write_text(file.read_text().replace('"topics"', '"tasks.max": "2", "topics"'))
    plan = said(capsys, "apply", "-f", str(folder), "--plan", code=3)
    assert "+ tasks.max = 2" in plan
    assert "1 to change, 1 as it should be" in plan
    [lines, _] = sorted(
        json.loads(said(capsys, "apply", "-f", str(folder), "--json").partition("\nwarning")[0]),
        key=lambda each: str(each["name"]),
    )
    assert (lines["action"], lines["done"]) == ("none", False)
    assert json.loads(said(capsys, "connectors", "show", "out", "--json"))["config"]["tasks.max"] == "2"
    assert "put once more" not in said(capsys, "apply", "-f", str(folder / "lines.properties"))
    assert "lines: changed" in said(capsys, "apply", "-f", str(folder / "lines.properties"), "--force")
    file.unlink()
    assert "2 as it" not in said(capsys, "apply", "-f", str(folder), "--plan")
    assert "- out: to delete" in said(capsys, "apply", "-f", str(folder), "--prune", "o", "--plan", code=3)
    assert "out: deleted" in said(capsys, "apply", "-f", str(folder), "--prune", "*", "--wait")
    assert [each["name"] for each in json.loads(said(capsys, "connectors", "list", "--json"))] == ["lines"]


@pytest.mark.parametrize("kind", ["ours", "java"])
def test_nothing_is_changed_if_one_file_is_wrong(
    kind: str, request: pytest.FixtureRequest, folder: Path, capsys: Capture
) -> None:
    made = request.getfixturevalue("worker" if kind == "ours" else "cluster")
    config = file_sink(**{"tasks.max": "many"})
    (folder / "wrong.json").write_text(json.dumps({"name": "wrong", "config": config}))
    if kind == "java":
        made.invalid[config["connector.class"]] = {"tasks.max": ["Not a number"]}
    for arguments in (["--plan"], [], ["--prune", "*"]):
        text = said(capsys, "apply", "-f", str(folder), *arguments, code=2)
        assert "! wrong" in text
        assert "error: tasks.max: " in text
    assert json.loads(said(capsys, "connectors", "list", "--json")) == []


def test_offline_needs_no_worker(folder: Path, capsys: Capture) -> None:
    assert "ok" in said(capsys, "apply", "-f", str(folder), "--offline")
    (folder / "wrong.json").write_text('{"name": "wrong", "connector.class": "FileStreamSorce"}')
    text = said(capsys, "apply", "-f", str(folder), "--offline", code=2)
    assert "did you mean" in text


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ({"a.json": '{"name": "x"}', "b.properties": "name=x\n"}, "both name the connector 'x'"),
        ({"a.json": "{"}, "not valid JSON"),
        ({"a.txt": ""}, "no connector's file"),
    ],
)
def test_folders_that_are_wrong(
    files: dict[str, str], sentence: str, tmp_path: Path, capsys: Capture
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert sentence in said(capsys, "apply", "-f", str(tmp_path), "--offline", code=2)


def test_paused_connectors_stay_so(worker: RestWorker, folder: Path, capsys: Capture) -> None:
    (folder / "late.json").write_text(
        json.dumps({"name": "late", "config": file_sink(file="x"), "initial_state": "PAUSED"})
    )
    said(capsys, "apply", "-f", str(folder), "--wait")
    assert "late: sink, PAUSED" in said(capsys, "connectors", "status", "late")
    said(capsys, "apply", "-f", str(folder), "--force", "--wait")
    assert "late: sink, PAUSED" in said(capsys, "connectors", "status", "late")


def test_secrets_are_compared_and_never_shown(worker: RestWorker, tmp_path: Path, capsys: Capture) -> None:
    file = tmp_path / "c.json"

    def write(password: str) -> None:
        config = file_sink(file=str(tmp_path / "x"), **{"note.password": password})
        file.write_text(json.dumps({"name": "c", **config}))

    write("first-password-1")
    first = said(capsys, "apply", "-f", str(file))
    write("second-password-2")
    plan = said(capsys, "apply", "-f", str(file), "--plan", code=3)
    assert "~ note.password: [hidden] → [hidden]" in plan
    shown = said(capsys, "connectors", "show", "c", "--json") + said(
        capsys, "apply", "-f", str(file), "--json"
    )
    assert "-password-" not in first + plan + shown


def test_a_java_cluster_s_connectors(cluster: JavaCluster, tmp_path: Path, capsys: Capture) -> None:
    cluster.connectors["a"] = file_sink(name="a", **{"db.password": "hunter22hunter22"})
    cluster.failed["a"] = "java.lang.RuntimeException: hunter22hunter22 \x1b[31m was wrong\n\tat x.y"
    table = said(capsys, "connectors", "list").splitlines()
    assert table[0].split() == ["NAME", "TYPE", "STATE", "TASKS", "RUNNING"]
    assert table[1].split() == ["a", "sink", "FAILED", "0/1"]
    text = said(capsys, "connectors", "status", code=2)
    assert "java.lang.RuntimeException: [hidden] \\x1b[31m was wrong" in text
    shown = said(capsys, "connectors", "show", "a")
    assert "hunter22" not in text + shown + said(capsys, "connectors", "status", "--json", code=2)
    assert "does not give out its log" in said(capsys, "connectors", "logs", "a", code=2)
    said(capsys, "connectors", "restart", "a", "--wait")
    assert ("POST", "/connectors/a/restart?includeTasks=true&onlyFailed=false", None) in cluster.asked
    said(capsys, "connectors", "pause", "a", "--wait")
    said(capsys, "connectors", "stop", "a", "--wait")
    cluster.offsets["a"] = [
        {"partition": {"kafka_topic": "t", "kafka_partition": 0}, "offset": {"kafka_offset": 3}}
    ]
    assert '{"kafka_offset": 3}' in said(capsys, "connectors", "offsets", "a")
    said(capsys, "connectors", "delete", "a", "--wait")
    assert cluster.connectors == {}


def test_a_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    options: dict[str, Any] = {
        "rest_principals": "ci",
        "rest_principals_ci_roles": "admin",
        "rest_principals_ci_token_hash": token_hash(TOKEN),
    }
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    with rest_worker(tmp_path, **options) as worker:
        ask: Callable[..., str] = lambda *more, code=0: said(  # noqa: E731 - one line for four uses
            capsys, "connectors", "list", "--url", worker.url, *more, code=code
        )
        assert "wants to know who asks" in ask(code=2)
        assert "not known here" in ask("--token", "x" * 32, code=2)
        for more in (["--token", TOKEN], ["--token-file", str(file)], ["--token", TOKEN, "--user", "ci"]):
            assert ask(*more).startswith("NAME")
        monkeypatch.setenv("CONNECTKIT_TOKEN", TOKEN)
        assert ask().startswith("NAME")
        monkeypatch.setenv("CONNECTKIT_TOKEN_FILE", str(tmp_path / "none"))
        assert "cannot be read" in ask(code=2)


def test_a_name_with_every_character(worker: RestWorker, tmp_path: Path, capsys: Capture) -> None:
    name = "a/b c%2F?ü"
    file = tmp_path / "c.json"
    file.write_text(json.dumps({"name": name, **file_sink(file=str(tmp_path / "x"))}))
    said(capsys, "apply", "-f", str(file), "--wait")
    assert name in said(capsys, "connectors", "status", name)
    said(capsys, "connectors", "delete", name, "--wait")

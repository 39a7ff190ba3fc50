"""The REST interface of a worker process, by an ordinary HTTP client, on the embedded log and on Kafka."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import requests

from tests.golden.areas.rest import Scenario
from tests.golden.runner import DATA, read
from tests.support.asgi import Reply
from tests.support.process import WorkerProcess, until
from tests.support.rest_probe import SCRIPT

PROBE = {"connector.class": "RestProbeSource"}
OPTIONS = {
    "listeners": "http://127.0.0.1:0",
    "rest_advertised_host_name": "connect",
    "rest_advertised_port": "8083",
    "rest_writes_per_second": "0",
    "task_shutdown_graceful_timeout_ms": "3000",
}


def start(worker: WorkerProcess) -> str:
    """Start, and where REST answers."""
    worker.start(script=SCRIPT).ready()
    found = re.search(r"REST answers on (http://\S+)", worker.log())
    assert found, worker.log()
    return found[1]


def status(url: str, name: str) -> Any:
    return requests.get(f"{url}/connectors/{name}/status", timeout=10).json()


def states(url: str, name: str) -> list[str]:
    found = status(url, name)
    return [found["connector"]["state"], *(task["state"] for task in found["tasks"])]


def test_the_recorded_transcripts(tmp_path: Path, bootstrap: str) -> None:
    """Statuses, headers and bodies of every scenario that needs no properties of its own."""
    url = start(WorkerProcess(tmp_path, bootstrap, **OPTIONS, state_dir=""))
    session = requests.Session()

    def ask(request: Mapping[str, Any], body: bytes) -> Reply:
        answer = session.request(
            request["method"],
            url + request["path"],
            headers=request.get("headers"),
            data=body or None,
            timeout=60,
        )
        headers = {name.lower(): value for name, value in answer.headers.items()}
        return Reply(answer.status_code, headers, answer.content)

    failures = []
    cases = [case for case in read(DATA / "rest.jsonl.gz") if not case.get("worker")]
    for case in cases:
        if "loggers" in case["id"]:
            continue  # the recorded loggers are not those of this process
        difference = Scenario(case, ask, base=url).run()
        if difference is not None and not difference.startswith("rest:"):
            failures.append(f"{case['id']}: {difference}")
    assert not failures, "\n".join(failures)
    assert len(cases) > 40


def test_connectors_survive_a_restart(tmp_path: Path, bootstrap: str) -> None:
    """Those that REST created, and whether they were paused or stopped; a listed one is its file's."""
    listed = {"name": "listed", **PROBE, "note": "of the file"}
    worker = WorkerProcess(tmp_path, bootstrap, **OPTIONS).connector(listed)
    url = start(worker)
    for name in ("runs", "pauses", "stops", "goes"):
        body = {"name": name, "config": {**PROBE, "note": "${file:/x:y}"}}
        assert requests.post(f"{url}/connectors", json=body, timeout=60).status_code == 201
    assert requests.put(f"{url}/connectors/pauses/pause", timeout=60).status_code == 202
    assert requests.put(f"{url}/connectors/stops/stop", timeout=60).status_code == 204
    assert requests.delete(f"{url}/connectors/goes", timeout=60).status_code == 204
    changed = {**PROBE, "note": "of REST"}
    assert requests.put(f"{url}/connectors/listed/config", json=changed, timeout=60).status_code == 200
    until(lambda: states(url, "pauses")[0] == "PAUSED", "the pause")
    assert worker.stop() == 0, worker.err

    url = start(worker)
    assert sorted(requests.get(f"{url}/connectors", timeout=10).json()) == [
        "listed",
        "pauses",
        "runs",
        "stops",
    ]
    until(lambda: states(url, "runs") == ["RUNNING", "RUNNING"], "the restored connector")
    until(lambda: states(url, "pauses") == ["PAUSED"], "the restored pause")
    until(lambda: states(url, "stops") == ["STOPPED"], "the restored stop")
    configs = {
        name: requests.get(f"{url}/connectors/{name}/config", timeout=10).json()
        for name in ("runs", "listed")
    }
    assert configs == {
        "runs": {**PROBE, "note": "${file:/x:y}", "name": "runs"},
        "listed": listed,
    }
    assert requests.put(f"{url}/connectors/pauses/resume", timeout=60).status_code == 202
    until(lambda: states(url, "pauses") == ["RUNNING", "RUNNING"], "the tasks of one that was created paused")
    assert worker.stop() == 0, worker.err
    assert {path.stat().st_mode & 0o777 for path in tmp_path.glob("offsets.json.connectors/*")} == {0o600}


def test_offsets_are_read_and_moved(tmp_path: Path, bootstrap: str, unique: Any) -> None:
    """A source's and a sink's, through files: what is moved back is read again."""
    topic = unique("offsets")
    source = {"connector.class": "FileStreamSource", "file": str(tmp_path / "in.txt"), "topic": topic}
    sink = {"connector.class": "FileStreamSink", "file": str(tmp_path / "out.txt"), "topics": topic}
    (tmp_path / "in.txt").write_text("one\ntwo\nthree\n")
    worker = WorkerProcess(tmp_path, bootstrap, **OPTIONS)
    url = start(worker)

    def lines() -> list[str]:
        path = tmp_path / "out.txt"
        return path.read_text().splitlines() if path.exists() else []

    assert requests.put(f"{url}/connectors/{topic}-in/config", json=source, timeout=60).status_code == 201
    assert requests.put(f"{url}/connectors/{topic}-out/config", json=sink, timeout=60).status_code == 201
    until(lambda: len(lines()) == 3, "the lines")
    used = {
        name: requests.get(f"{url}/connectors/{topic}-{name}/topics", timeout=10).json()
        for name in ("in", "out")
    }
    assert used == {name: {f"{topic}-{name}": {"topics": [topic]}} for name in ("in", "out")}
    for name in ("in", "out"):
        assert requests.put(f"{url}/connectors/{topic}-{name}/stop", timeout=60).status_code == 204

    offsets = f"{url}/connectors/{topic}-out/offsets"
    found = requests.get(offsets, timeout=60).json()["offsets"]
    assert found == [
        {"partition": {"kafka_topic": topic, "kafka_partition": 0}, "offset": {"kafka_offset": 3}}
    ]
    found[0]["offset"]["kafka_offset"] = 1
    answer = requests.patch(offsets, json={"offsets": found}, timeout=60)
    assert (answer.status_code, answer.json()["message"]) == (
        200,
        "The offsets for this connector have been altered successfully",
    )
    assert requests.get(offsets, timeout=60).json()["offsets"] == found
    assert requests.put(f"{url}/connectors/{topic}-out/resume", timeout=60).status_code == 202
    until(lambda: len(lines()) == 5, "the lines that are read again")

    offsets = f"{url}/connectors/{topic}-in/offsets"
    found = requests.get(offsets, timeout=60).json()["offsets"]
    assert [each["offset"] for each in found] == [{"position": 14}]
    found[0]["offset"]["position"] = "far"
    assert requests.patch(offsets, json={"offsets": found}, timeout=60).status_code == 400
    assert requests.delete(offsets, timeout=60).status_code == 200
    assert requests.get(offsets, timeout=60).json() == {"offsets": []}
    assert requests.put(f"{url}/connectors/{topic}-in/resume", timeout=60).status_code == 202
    until(lambda: len(lines()) == 8, "all lines again")
    assert lines() == ["one", "two", "three", "two", "three", "one", "two", "three"]
    assert worker.stop() == 0, worker.err


def test_initial_offsets(tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("one\ntwo\n")
    worker = WorkerProcess(tmp_path, f"embedded:{tmp_path / 'log'}", **OPTIONS)
    url = start(worker)
    path = str(tmp_path / "in.txt")
    config = {"connector.class": "FileStreamSource", "file": path, "topic": "t"}
    body: dict[str, Any] = {
        "name": "late",
        "config": config,
        "initial_state": "stopped",
        "initial_offsets": [{"partition": {"filename": path}, "offset": {"position": 4}}],
    }
    answer = requests.post(f"{url}/connectors", json=body, timeout=60)
    assert answer.status_code == 201, answer.text
    assert answer.json()["offsets_status"].endswith("successfully")
    found = requests.get(f"{url}/connectors/late/offsets", timeout=10).json()
    assert found == {"offsets": body["initial_offsets"]}
    body = {**body, "name": "wrong", "initial_offsets": [{"partition": {"filename": path}, "offset": {}}]}
    answer = requests.post(f"{url}/connectors", json=body, timeout=60)
    assert answer.status_code == 400, answer.text
    assert requests.get(f"{url}/connectors", timeout=10).json() == ["late"]
    assert worker.stop() == 0, worker.err


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    """Asked for, it keeps the worker from starting."""
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    url = start(WorkerProcess(first, f"embedded:{first / 'log'}", **OPTIONS))
    worker = WorkerProcess(second, f"embedded:{second / 'log'}", **{**OPTIONS, "listeners": url})
    assert worker.run() == 2
    assert url.removeprefix("http://") in worker.err
    assert "Traceback" not in worker.err

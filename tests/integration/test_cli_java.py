"""The client against a real Java worker: a folder is applied, looked at, steered and checked for moving."""

from __future__ import annotations

import json
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectkit.runner.cli import main
from tests.kafka_server import UnavailableError, free_port, jars_of

pytestmark = pytest.mark.kafka
START_S = 60.0
Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def java_url(kafka_bootstrap: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Java worker without connectors."""
    try:
        jars = jars_of("connect", "connect-runtime", "connect-file", "connect-transforms")
    except (UnavailableError, OSError, subprocess.SubprocessError) as reason:
        pytest.skip(f"no Java worker: {reason}")
    folder = tmp_path_factory.mktemp("java-worker")
    url = f"http://127.0.0.1:{free_port()}"
    worker = {
        "bootstrap.servers": kafka_bootstrap,
        "key.converter": "org.apache.kafka.connect.storage.StringConverter",
        "value.converter": "org.apache.kafka.connect.storage.StringConverter",
        "offset.storage.file.filename": str(folder / "offsets"),
        "offset.flush.interval.ms": "500",
        "plugin.discovery": "only_scan",
        "listeners": url,
    }
    file = folder / "worker.properties"
    file.write_text("".join(f"{key}={value}\n" for key, value in worker.items()))
    java = ["java", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", f"{jars}/*"]
    log = folder / "worker.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [*java, "org.apache.kafka.connect.cli.ConnectStandalone", str(file)],
            stdout=out,
            stderr=subprocess.STDOUT,
            cwd=folder,
        )
    try:
        _wait_until_it_answers(url, process, log)
        yield url
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_it_answers(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline_s = time.monotonic() + START_S
    while True:
        try:
            with urllib.request.urlopen(f"{url}/connectors", timeout=5):
                return
        except OSError:
            told = log.read_text(errors="replace")[-2000:]
            assert process.poll() is None, told
            assert time.monotonic() < deadline_s, told
            time.sleep(0.1)


def test_a_folder_on_a_java_worker(java_url: str, tmp_path: Path, capsys: Capture) -> None:
    def said(*arguments: str, code: int = 0) -> str:
        found = main([*arguments, "--url", java_url])
        captured = capsys.readouterr()
        assert found == code, captured.err + captured.out
        return captured.out + captured.err

    folder = tmp_path / "connectors"
    folder.mkdir()
    (tmp_path / "in.txt").write_text("one\ntwo\n")
    topic = f"cli-java-{time.time_ns()}"
    files = "org.apache.kafka.connect.file.FileStream"
    source = {"connector.class": f"{files}SourceConnector", "file": str(tmp_path / "in.txt"), "topic": topic}
    (folder / "lines.properties").write_text(
        "name=lines\n" + "".join(f"{key}={value}\n" for key, value in source.items())
    )
    sink = {
        "connector.class": f"{files}SinkConnector", "file": str(tmp_path / "out.txt"), "topics": topic,
        "consumer.override.auto.offset.reset": "earliest", "db.password": "hunter22hunter22",
    }  # fmt: skip
    (folder / "out.json").write_text(json.dumps({"name": "out", "config": sink}))

    assert "2 to create" in said("apply", "-f", str(folder), "--plan", code=3)
    assert "out: created" in said("apply", "-f", str(folder), "--wait")
    assert "2 as it should be" in said("apply", "-f", str(folder), "--plan")
    assert [line.split()[:4] for line in said("connectors", "list").splitlines()[1:]] == [
        ["lines", "source", "RUNNING", "1/1"],
        ["out", "sink", "RUNNING", "1/1"],
    ]
    (folder / "out.json").write_text(json.dumps({"name": "out", "config": {**sink, "tasks.max": "nine"}}))
    assert "Invalid value nine" in said("apply", "-f", str(folder), code=2)
    (folder / "out.json").write_text(json.dumps({"name": "out", "config": {**sink, "tasks.max": "2"}}))
    assert "out: changed" in said("apply", "-f", str(folder), "--wait")
    assert "hunter22" not in said("connectors", "show", "out") + said("connectors", "show", "out", "--json")
    said("connectors", "pause", "out", "--wait")
    said("connectors", "resume", "out", "--wait")
    said("connectors", "restart", "out", "--wait")
    deadline_s = time.monotonic() + 30
    while "position" not in (offsets := said("connectors", "offsets", "lines")):
        assert time.monotonic() < deadline_s, offsets
        time.sleep(0.1)
    said("connectors", "stop", "lines", "--wait")
    kept = tmp_path / "offsets.json"
    kept.write_text(said("connectors", "offsets", "lines", "--json"))
    assert "successfully" in said("connectors", "offsets", "lines", "--reset")
    assert "successfully" in said("connectors", "offsets", "lines", "--set", str(kept))
    assert json.loads(said("connectors", "offsets", "lines", "--json")) == json.loads(kept.read_text())

    assert main(["migrate", "check", java_url]) == 0
    checked = capsys.readouterr().out
    assert "2 connectors: 2 supported" in checked
    assert "hunter22" not in checked

    assert "out: deleted" in said("apply", "-f", str(folder / "lines.properties"), "--prune", "o", "--wait")
    said("connectors", "delete", "lines", "--wait")
    assert "lines" not in said("connectors", "list")

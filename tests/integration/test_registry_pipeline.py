"""A CSV file to a topic as Avro and back to a CSV file: schemas register themselves, and can be refused."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from connectkit.converters.registry.embedded.registry import EmbeddedRegistry
from tests.support.registry_server import served

ROOT = Path(__file__).parents[2]
ROWS = "id,amount,day\n1,19.99,2026-03-01\n2,5.00,2026-03-02\n"
COLUMNS = "id:int64 not null,amount:decimal(9,2),day:date"
NAMES = ["AvroConverter", "ProtobufConverter", "JsonSchemaConverter"]


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = "import sys; from connectkit.runner.cli import main; sys.exit(main())"
    return subprocess.run(
        [sys.executable, "-c", command, *arguments],
        cwd=folder, env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


def connectors(folder: Path, converter: str, columns: str = COLUMNS, **more: str) -> None:
    both = {"key.converter": converter, "value.converter": converter}
    for side in ("key", "value"):
        both |= {f"{side}.converter.{key.replace('_', '.')}": value for key, value in more.items()}
    source = {
        "name": "in", "connector.class": "CsvSource", "file": "in.csv", "topic": "orders", "mode": "once",
        "columns": columns, "key.fields": "id", **both,
    }  # fmt: skip
    sink = {"name": "out", "connector.class": "CsvSink", "file": "out.csv", "topics": "orders", **both}
    (folder / "in.csv").write_text(ROWS)
    (folder / "in.json").write_text(json.dumps(source))
    (folder / "out.json").write_text(json.dumps(sink))


@pytest.mark.parametrize("converter", NAMES)
def test_schemas_register_themselves_beside_an_embedded_log(tmp_path: Path, converter: str) -> None:
    connectors(tmp_path, converter)
    done = run(tmp_path, "standalone", "in.json", "out.json", "--until-done")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out.csv").read_text() == ROWS
    assert [line.split()[0] for line in run(tmp_path, "registry", "subjects").stdout.splitlines()] == [
        "orders-key",
        "orders-value",
    ]
    said = run(tmp_path, "sniff", "orders")
    assert said.returncode == 0
    assert said.stdout.count(f"-> {converter} ") == 2


@pytest.mark.parametrize("converter", NAMES)
def test_over_http_each_schema_is_asked_for_a_few_times(tmp_path: Path, converter: str) -> None:
    registry = EmbeddedRegistry()
    with served(registry) as server:
        connectors(tmp_path, converter, schema_registry_url=server.url)
        rows = "id,amount,day\n" + "".join(f"{n},{n}.00,2026-03-02\n" for n in range(2000))
        (tmp_path / "in.csv").write_text(rows)
        done = run(tmp_path, "standalone", "in.json", "out.json", "--until-done")
        assert done.returncode == 0, done.stderr
        assert registry.subjects() == ["orders-key", "orders-value"]
    assert (tmp_path / "out.csv").read_text() == rows
    assert len(server.requests) <= 12, server.requests


def test_a_schema_that_may_not_follow_stops_the_source(tmp_path: Path) -> None:
    connectors(tmp_path, "AvroConverter")
    assert run(tmp_path, "standalone", "in.json", "out.json", "--until-done").returncode == 0
    connectors(tmp_path, "AvroConverter", columns="id:int64 not null,amount:decimal(9,2),day:string")
    (tmp_path / "again.json").write_text(
        (tmp_path / "in.json").read_text().replace('"in"', '"again"').replace("in.csv", "more.csv")
    )
    (tmp_path / "more.csv").write_text(ROWS)
    done = run(tmp_path, "standalone", "again.json", "--until-done")
    assert done.returncode == 4
    assert "not compatible with subject 'orders-value' (level BACKWARD)" in done.stderr
    assert "19.99" not in done.stderr

"""``--log-format json``: every line that a worker says is a JSON object that tells whom it is about."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path


def test_every_line_is_an_object(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("a,b\n1,2\n")
    source = {"connector.class": "CsvSource", "files": "in.csv", "input.path": ".", "topic": "rows"}
    sink = {"connector.class": "NoSuchSink", "topics": "rows"}
    for name, config in (("from", source), ("to", sink)):
        (tmp_path / f"{name}.json").write_text(json.dumps({"name": name, "config": config}))
    done = subprocess.run(
        [
            sys.executable, "-m", "connectkit", "standalone", "to.json", "from.json", "--until-done",
            "--log-format", "json", "--log-level", "debug",
        ],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 3
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert lines
    assert {"time", "level", "message", "logger"} <= set(lines[0])
    assert any(line["level"] == "ERROR" and "NoSuchSink" in line["message"] for line in lines)

"""The count of Kafka tests fails a run that was to have some, and lets every other run be."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tools.layout import ROOT

PASSES = "import pytest\n\n@pytest.mark.kafka\ndef test_broker():\n    pass\n"
SKIPS = "import pytest\n\n@pytest.mark.kafka\ndef test_broker():\n    pytest.skip('no java')\n"
SKIPS_IN_FIXTURE = (
    "import pytest\n\n@pytest.fixture\ndef broker():\n    pytest.skip('no java')\n\n"
    "@pytest.mark.kafka\ndef test_broker(broker):\n    pass\n"
)
LOADED = ("-p", "xdist.plugin", "-p", "tests.repo.kafka_ran", "-p", "no:cacheprovider")
OTHERS = "def test_else():\n    pass\n"


@pytest.mark.parametrize(
    ("workers", "source", "required", "status", "says"),
    [
        ("2", PASSES, "1", 0, "Kafka tests: 1 ran, 0 skipped"),
        ("0", SKIPS, "", 0, "Kafka tests: 0 ran, 1 skipped"),
        ("0", SKIPS, "1", 1, "CONNECTKIT_REQUIRE_KAFKA=1 allows no skips"),
        ("2", SKIPS_IN_FIXTURE, "1", 1, "Kafka tests: 0 ran, 1 skipped; CONNECTKIT_REQUIRE_KAFKA=1"),
        ("0", OTHERS, "1", 1, "Kafka tests: 0 ran, 0 skipped; CONNECTKIT_REQUIRE_KAFKA=1"),
        ("0", OTHERS, "0", 0, "1 passed"),
    ],
    ids=["passes", "skips", "skips-required", "fixture-skips-required", "none-required", "none"],
)
def test_verdict(tmp_path: Path, workers: str, source: str, required: str, status: int, says: str) -> None:
    (tmp_path / "test_one.py").write_text(source)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = kafka: needs a broker\n")
    env = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
    env |= {"CONNECTKIT_REQUIRE_KAFKA": required, "PYTHONPATH": str(ROOT)}
    env |= {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # only what is loaded by name: it starts sooner
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *LOADED, "-n", workers],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status, done.stdout + done.stderr
    assert says in done.stdout

"""Generated requests of every operation bring no 500; ``python -m tests.fuzz.rest`` sends many more."""

from __future__ import annotations

from pathlib import Path

from connectkit.plugin import plugins
from tests.fuzz.rest import fuzz, wrong_with
from tests.support.plugins import TroubleSink, TroubleSource
from tests.support.rest_worker import rest_worker


def test_generated_requests_bring_no_500(tmp_path: Path) -> None:
    plugins.register("source", "TroubleSource", TroubleSource)
    plugins.register("sink", "TroubleSink", TroubleSink)
    with rest_worker(tmp_path) as worker:
        outcome = fuzz(worker, 150, 20)
    assert outcome.wrong == []
    assert outcome.requests >= 150
    assert outcome.statuses[400] > 20
    assert sum(count for status, count in outcome.statuses.items() if status < 300) > 20


def test_what_counts_as_wrong() -> None:
    assert wrong_with(500, b"") == "status 500"
    assert wrong_with(404, b"<html>") == "an error of another form"
    assert wrong_with(400, b'{"error_code":' + b"1" * 1024) == "an error of 1038 bytes"
    assert wrong_with(400, b'{"error_code":400}') is None
    assert wrong_with(200, b"x" * 5000) is None

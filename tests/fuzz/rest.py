"""Sends generated requests to a worker, after its own OpenAPI document, and says which answers were wrong.

    python -m tests.fuzz.rest --requests 20000

Schemathesis makes valid and invalid requests of every operation; names of connectors and plugins that exist
are put among those that it invents. Wrong is a status of 500 or more, an error of more than 1 KiB, or one
that is not Connect's JSON. The seed is printed. Exit codes: 0 nothing was wrong, 1 something was.
"""

from __future__ import annotations

import argparse
import collections
import random
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode

from connectkit.plugin import plugins
from tests.support.plugins import TroubleSink, TroubleSource
from tests.support.rest_worker import RestWorker, rest_worker

NAMES = ["flowing", "other", "third"]
CONFIGS = [
    {"connector.class": "TroubleSource", "topic": "numbers"},
    {"connector.class": "TroubleSink", "topics": "numbers"},
    {"connector.class": "TroubleSource", "where": "poll", "how": "fail"},
]


@dataclass(slots=True)
class Outcome:
    """What a run saw."""

    requests: int = 0
    statuses: collections.Counter[int] = field(default_factory=collections.Counter)
    wrong: list[str] = field(default_factory=list)


KNOWN = {
    "connector": NAMES,
    "plugin": ["TroubleSource", "InsertField", "JsonConverter"],
    "task": ["0", "1"],
    "logger": ["connectkit.fuzz", "root"],
}


def made_meaningful(case: Any, luck: random.Random) -> None:
    """Put names and configurations that mean something into about half of what was invented."""
    for name, known in KNOWN.items():
        if name in (case.path_parameters or {}) and luck.random() < 0.6:
            case.path_parameters[name] = luck.choice(known)
    if isinstance(case.body, dict) and luck.random() < 0.5:
        config = dict(luck.choice(CONFIGS))
        if case.path.endswith(("/config", "/plan")):
            case.body = {**case.body, **config} if luck.random() < 0.5 else config
        elif "config" in case.body:
            case.body["config"] = config


def fuzz(worker: RestWorker, wanted: int, number: int) -> Outcome:
    """About this many requests, spread over the operations."""
    for name in NAMES:
        worker.ask("PUT", f"/connectors/{name}/config", json_body=CONFIGS[0])
    document = worker.ask("GET", "/openapi.json").json()
    results: list[Any] = list(schemathesis.openapi.from_dict(document).get_all_operations())
    operations = [each.ok() for each in results]
    outcome = Outcome()
    session = requests.Session()
    modes = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
    each = max(wanted // (len(operations) * len(modes)), 1)
    for operation in operations:
        for mode in modes:
            _one(operation, mode, worker, session, outcome, each, number)
    # Where a request has no invalid form there are fewer; the rest goes to what has many.
    while outcome.requests < wanted:
        before = outcome.requests
        for operation in operations:
            number += 1
            left = wanted - outcome.requests
            if left > 0 and operation.body:
                _one(operation, modes[number % 2], worker, session, outcome, min(left, each), number)
        if outcome.requests == before:
            break
    return outcome


def _one(
    operation: Any,
    mode: GenerationMode,
    worker: RestWorker,
    session: requests.Session,
    outcome: Outcome,
    count: int,
    number: int,
) -> None:
    try:
        strategy = operation.as_strategy(generation_mode=mode)
    except Exception:  # noqa: BLE001 - nothing can be invalid about a request without parameters
        return

    @seed(number)
    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
        verbosity=Verbosity.quiet,
    )
    @given(case=strategy, luck=st.randoms())
    def send(case: Any, luck: random.Random) -> None:
        made_meaningful(case, luck)
        found = case.call(base_url=worker.url, session=session, timeout=60)
        outcome.requests += 1
        outcome.statuses[found.status_code] += 1
        sentence = wrong_with(found.status_code, found.content)
        if sentence and len(outcome.wrong) < 50:
            outcome.wrong.append(f"{case.method} {case.formatted_path}: {sentence}: {found.content[:300]!r}")

    try:
        send()
    except Exception as exc:
        # A strategy that cannot make anything invalid says so; whatever else is raised is a failure of ours.
        if type(exc).__name__ not in ("Unsatisfiable", "SkipTest", "Skipped"):
            raise


def wrong_with(status: int, data: bytes) -> str | None:
    """What is wrong with an answer, or None."""
    if status >= 500:
        return f"status {status}"
    if status >= 400 and len(data) > 1024:
        return f"an error of {len(data)} bytes"
    if status >= 400 and data and not data.startswith(b'{"error_code":'):
        return "an error of another form"
    return None


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    parsed = parser.parse_args(argv)
    plugins.register("source", "TroubleSource", TroubleSource)
    plugins.register("sink", "TroubleSink", TroubleSink)
    print(f"seed {parsed.seed}", flush=True)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, rest_worker(Path(folder)) as worker:
        outcome = fuzz(worker, parsed.requests, parsed.seed)
    print(f"{outcome.requests} requests in {time.monotonic() - began:.0f} s")
    print("  ".join(f"{status}: {count}" for status, count in sorted(outcome.statuses.items())))
    for each in outcome.wrong:
        print(f"WRONG {each}")
    print("nothing was wrong" if not outcome.wrong else f"{len(outcome.wrong)} answers were wrong")
    return 1 if outcome.wrong else 0


if __name__ == "__main__":
    sys.exit(main())

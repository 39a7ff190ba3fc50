"""The fault rig in its short profile, on every log; and told apart from a lie: planted bugs are caught."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from connectkit.api import SinkTask
from connectkit.runner.ledger import Ledger
from tests.faults.rig import memory
from tests.faults.rig.bench import Bench, SkippedError
from tests.faults.rig.experiments import EXPERIMENTS
from tests.faults.rig.faults import killing
from tests.faults.rig.mock import MockBackend
from tests.faults.rig.planted import plant
from tests.faults.rig.poison import RefusedRun, refusing
from tests.faults.rig.run import ExactlyOnceRun, Plan, Run, SinkRun, SourceRun
from tests.faults.rig.schedule import SINK_POINTS, SOURCE_POINTS, kills
from tools.layout import ROOT

pytestmark = pytest.mark.faults

SEED = 7


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Callable[[str], Bench]]:
    made: list[Bench] = []

    def open_bench(log: str) -> Bench:
        made.append(Bench(log, SEED, kills=4, folder=tmp_path, short=True))
        return made[-1]

    yield open_bench
    for each in made:
        each.close()


def assert_good(name: str, bench: Bench) -> None:
    experiment = EXPERIMENTS[name]
    assert experiment.run is not None
    try:
        verdicts = list(experiment.run(bench))
    except SkippedError as exc:
        pytest.skip(str(exc))
    assert verdicts
    for verdict in verdicts:
        assert verdict.good, verdict.line()


@pytest.mark.parametrize("name", ["F1", "F2", "F3", "F16"])
def test_on_the_embedded_log(name: str, bench: Callable[[str], Bench]) -> None:
    assert_good(name, bench("embedded"))


@pytest.mark.parametrize("name", ["F2", "F7"])
def test_on_the_mock_cluster(name: str, bench: Callable[[str], Bench]) -> None:
    assert_good(name, bench("mock"))


@pytest.mark.kafka
@pytest.mark.parametrize("name", ["F2", "F3"])
def test_on_kafka(name: str, bench: Callable[[str], Bench], kafka_bootstrap: str) -> None:
    used = bench("kafka")
    used.bootstrap = kafka_bootstrap
    assert_good(name, used)


@pytest.mark.parametrize("seed", range(5))
def test_tasks_that_die_at_any_step_in_memory(seed: int) -> None:
    for verdict in (memory.source_killed(seed, 30), memory.sink_killed(seed, 30)):
        assert verdict.good, verdict.line()
        assert verdict.kills == 30
    assert memory.source_killed(seed, 30).line() == memory.source_killed(seed, 30).line()


# --- told apart from a lie ---------------------------------------------------------------------------


def test_an_offset_stored_before_its_acknowledgement_is_caught_in_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Ledger, "enter", Ledger.enter)
    plant("stored-before-acknowledged")
    assert memory.source_killed(SEED, 30).lost > 0


def test_a_commit_before_the_flush_is_caught_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SinkTask, "pre_commit", SinkTask.pre_commit)
    plant("commit-before-flush")
    verdict = memory.sink_killed(SEED, 30)
    assert verdict.lost > 0
    assert verdict.early > 0


def lying(bench: Bench, bug: str) -> Plan:
    return dataclasses.replace(bench.plan(), planted=bug, recovery_s=4.0)


def test_a_worker_that_commits_before_the_flush_is_caught(bench: Callable[[str], Bench]) -> None:
    used = bench("embedded")
    faults = killing(kills(SEED, 2, SINK_POINTS, longest_quiet_s=0.3))
    verdict = used.run("F1", SinkRun, faults, lying(used, "commit-before-flush"))
    assert verdict.lost + verdict.early > 0
    assert not verdict.good


def test_a_worker_that_stores_offsets_before_the_acknowledgement_is_caught(
    bench: Callable[[str], Bench],
) -> None:
    used = bench("mock")
    try:
        mock = used.mock()
    except SkippedError as exc:
        pytest.skip(str(exc))

    def faults(run: Run, mock: MockBackend = mock) -> None:
        mock.tell("rtt", broker=-1, ms=400)  # acknowledgements are long in coming
        killing(kills(SEED, 2, ("commit",), longest_quiet_s=0.3))(run)
        mock.tell("rtt", broker=-1, ms=0)

    try:
        plan = lying(used, "stored-before-acknowledged")
        verdict = used.run("F2", SourceRun, faults, plan, backend=mock)
    finally:
        mock.close()
    assert verdict.lost > 0


def test_a_worker_that_swallows_the_errors_of_dead_letters_is_caught(bench: Callable[[str], Bench]) -> None:
    used = bench("embedded")
    plan = dataclasses.replace(lying(used, "dead-letter-error-swallowed"), tasks=1)
    verdict = used.run("F16", RefusedRun, lambda run: refusing(run, 4.0), plan)
    assert verdict.numbers["dead_letters_missing"] > 0
    assert verdict.lost > 0


def test_a_worker_that_sends_an_aborted_transaction_twice_is_caught(bench: Callable[[str], Bench]) -> None:
    used = bench("embedded")
    faults = killing(kills(SEED, 2, SOURCE_POINTS, longest_quiet_s=0.3))
    verdict = used.run("F3", ExactlyOnceRun, faults, lying(used, "aborted-sent-twice"))
    assert verdict.lost == 0
    assert verdict.duplicates > 0
    assert not verdict.good


# --- the list --------------------------------------------------------------------------------------


def test_every_experiment_is_made_by_the_rig_or_by_tests_that_are_there() -> None:
    for name, experiment in EXPERIMENTS.items():
        assert experiment.run is not None or experiment.covered_by, name
        for test in experiment.covered_by:
            path, _, function = test.partition("::")
            assert (ROOT / path).is_file(), f"{name}: {test}"
            assert not function or f"def {function}(" in (ROOT / path).read_text(), f"{name}: {test}"

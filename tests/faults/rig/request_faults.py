"""F7: brokers answer requests with errors. What passes is retried, what is denied fails, what is too large
is a matter of one record.
"""

from __future__ import annotations

import dataclasses
import random
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.faults.rig.bench import Bench
from tests.faults.rig.mock import FETCH, OFFSET_COMMIT, PRODUCE, MockBackend
from tests.faults.rig.run import Plan, Run, RunError, SinkRun, SourceRun
from tests.faults.rig.verdict import Verdict

NOT_LEADER, TIMED_OUT, TOO_LARGE, LOADING, NOT_COORDINATOR, NOT_ENOUGH, NO_TOPIC_RIGHT, UNKNOWN_ID = (
    6, 7, 10, 14, 16, 19, 29, 59,
)  # fmt: skip


def requests_fail(bench: Bench) -> Iterator[Verdict]:
    """Every kind of error in a run of its own, on a mock of its own."""
    plan = bench.plan()
    repeated = dataclasses.replace(plan, explained=False)
    idempotent = dataclasses.replace(repeated, settings={"producer.enable.idempotence": "true"})
    yield _on_mock(bench, SourceRun, repeated, _passing(bench, PRODUCE, (NOT_LEADER, TIMED_OUT, NOT_ENOUGH)))
    if not bench.short:
        alone = bench.alone()
        yield _on_mock(bench, SinkRun, alone, _passing(bench, FETCH, (NOT_LEADER, TIMED_OUT)))
        commits = (LOADING, NOT_COORDINATOR, TIMED_OUT)
        yield _on_mock(bench, SinkRun, alone, _passing(bench, OFFSET_COMMIT, commits))
        yield _on_mock(bench, SourceRun, idempotent, _passing(bench, PRODUCE, (UNKNOWN_ID,), bursts=2))
    yield _on_mock(bench, SourceRun, _tolerant(plan), _refused)
    refused = dataclasses.replace(repeated, ordered=False)
    yield _on_mock(bench, SourceRun, refused, _failing(TOO_LARGE, "larger than max.request.size"))
    yield _on_mock(bench, SourceRun, refused, _failing(NO_TOPIC_RIGHT, "was denied"))


Faults = Callable[[Run, MockBackend], None]


def _on_mock(bench: Bench, kind: type[Run], plan: Plan, faults: Faults) -> Verdict:
    mock = bench.mock()
    try:
        return bench.run("F7", kind, lambda run: faults(run, mock), plan, backend=mock)
    finally:
        mock.close()


def _passing(bench: Bench, api: int, codes: tuple[int, ...], *, bursts: int = 10) -> Faults:
    """Bursts of errors that pass by themselves, between answers that are fine."""
    rng = random.Random(bench.seed)

    def faults(run: Run, mock: MockBackend) -> None:
        for _ in range(2 if bench.short else bursts):
            mock.tell("errors", api=api, codes=[rng.choice((0, *codes)) for _ in range(rng.randint(1, 9))])
            run.goes_on("progress after errors")
            time.sleep(rng.uniform(0.0, 0.3))
        mock.tell("clear", api=api)
        run.verdict.numbers |= {"api": api, "codes": list(codes)}

    return faults


def _tolerant(plan: Plan) -> Plan:
    options = {"errors.tolerance": "all", "errors.log.enable": "true", "errors.log.include.messages": "true"}
    return dataclasses.replace(plan, options=options, explained=False)


def _refused(run: Run, mock: MockBackend) -> None:
    """Records that are too large are dropped where that is tolerated: each named in the log, no other."""
    for _ in range(3):
        mock.tell("errors", api=PRODUCE, codes=[0, TOO_LARGE, 0])
        run.goes_on("progress after a refusal")
    mock.tell("clear", api=PRODUCE)
    run.refused = lambda: logged_drops(run.worker.log_file)
    dropped = len(run.refused())
    run.verdict.numbers |= {"api": PRODUCE, "codes": [TOO_LARGE], "dropped": dropped}
    if not dropped:
        run.verdict.blame("no record was reported as dropped")


_DROPPED = re.compile(r'stage \'KAFKA_PRODUCE\'.*\{"task": ?(\d+)\} \{"seq": ?(\d+)\}')


def logged_drops(log: Path) -> set[tuple[int, int]]:
    """The ids of the records that ``errors.log.enable`` has named; an offset is where to go on after one."""
    found = _DROPPED.findall(log.read_text(errors="replace"))
    return {(int(task), int(seq) - 1) for task, seq in found}


def _failing(code: int, words: str) -> Faults:
    """The task fails, soon, and says why and of which topic; started again it goes on where it was."""

    def faults(run: Run, mock: MockBackend) -> None:
        run.expected.append(words)
        mock.tell("errors", api=PRODUCE, codes=[code] * 50)
        began_s = time.monotonic()
        run.wait_for(lambda: bool(run.worker.failures()), "the failure of a task", 20.0)
        took_s = time.monotonic() - began_s
        sentence = run.worker.failures()[0]
        if run.topic not in sentence or words not in sentence:
            run.verdict.blame(f"the failure does not say what was denied of {run.topic}: {sentence}")
        mock.tell("clear", api=PRODUCE)
        code_of_exit, _ = run.worker.stop()
        if code_of_exit != 4:
            raise RunError(f"a worker with a failed task ended with code {code_of_exit}")
        run.verdict.numbers |= {"api": PRODUCE, "codes": [code], "failed_after_s": round(took_s, 2)}

    return faults

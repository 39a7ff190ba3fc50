"""F1 to F5, F15: the worker is killed, stopped or frozen, or what it writes to goes away."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator

from tests.faults.rig import memory
from tests.faults.rig.bench import Bench, SkippedError
from tests.faults.rig.faults import bouncing, freezing, killing, superseding
from tests.faults.rig.run import ExactlyOnceRun, Run, SinkRun, SourceRun
from tests.faults.rig.schedule import SINK_POINTS, SOURCE_POINTS, kills
from tests.faults.rig.verdict import Verdict

GRACEFUL_S = 20.0


def sink_killed(bench: Bench) -> Iterator[Verdict]:
    """F1: SIGKILL inside put, flush and the commits of a sink that writes when it is flushed."""
    if bench.log == "memory":
        yield memory.sink_killed(bench.seed, bench.kills)
        return
    schedule = kills(bench.seed, bench.kills, SINK_POINTS, longest_quiet_s=_quiet_s(bench))
    plan = bench.plan()
    if bench.log == "mock" and not bench.short:  # its brokers are slow to serve what has piled up
        plan = dataclasses.replace(plan, rate_per_s=100.0)
    yield bench.run("F1", SinkRun, killing(schedule), plan)


def source_killed(bench: Bench) -> Iterator[Verdict]:
    """F2: SIGKILL between poll, produce, acknowledgement and the store of the offsets."""
    if bench.log == "memory":
        yield memory.source_killed(bench.seed, bench.kills)
        return
    schedule = kills(bench.seed, bench.kills, SOURCE_POINTS, longest_quiet_s=_quiet_s(bench))
    yield bench.run("F2", SourceRun, killing(schedule))


def exactly_once_killed(bench: Bench) -> Iterator[Verdict]:
    """F3: the same with exactly-once sources; whoever reads committed records sees each once."""
    if bench.log == "mock":
        raise SkippedError("the mock cluster has no transactions")
    schedule = kills(bench.seed, bench.kills, SOURCE_POINTS, longest_quiet_s=_quiet_s(bench))
    plan = dataclasses.replace(bench.plan(), duplicates=0)
    yield bench.run("F3", ExactlyOnceRun, killing(schedule), plan)


def bounced(bench: Bench) -> Iterator[Verdict]:
    """F4: SIGTERM; nothing is lost, nothing comes twice, each stop is in time and ends with code 0."""
    plan = bench.alone()
    rounds = 2 if bench.short else 6
    for kind in (SourceRun, SinkRun):
        yield bench.run("F4", kind, bouncing(rounds, bench.seed, graceful_s=GRACEFUL_S), plan)


def frozen(bench: Bench) -> Iterator[Verdict]:
    """F5: SIGSTOP for twice the session; the thawed worker commits nothing that is not its own.

    Exactly once: another worker takes over meanwhile, and the thawed one is fenced.
    """
    times, session_s = (1, 1.0) if bench.short else (3, 3.0)
    yield bench.run("F5", SinkRun, freezing(times, 2 * session_s + 0.5, bench.seed))
    yield bench.run("F5", SourceRun, freezing(times, 2 * session_s + 0.5, bench.seed))
    if bench.log == "kafka":  # who is frozen may hold the lock of an embedded log, and then nobody goes on
        plan = dataclasses.replace(bench.plan(), duplicates=0)
        yield bench.run("F5", ExactlyOnceRun, superseding(times, 2 * session_s + 0.5, bench.seed), plan)


def system_down(bench: Bench) -> Iterator[Verdict]:
    """F15: what the sink writes to refuses for a while; nothing is lost, memory stays flat."""
    down_s = bench.down_s or (3.0 if bench.short else 30.0)

    def faults(run: Run) -> None:
        before = run.worker.rss_bytes()
        run.ask("refuse", on=True)
        time.sleep(down_s)
        grown = run.worker.rss_bytes() - before
        run.ask("refuse", on=False)
        run.verdict.numbers |= {"down_s": down_s, "grown_bytes": grown, "rss_bytes": before}
        if grown > max(before // 10, 8 << 20):
            run.verdict.blame(f"the worker grew by {grown} bytes while its sink's system was down")

    options = {"direct": "true", "consumer.override.max.poll.interval.ms": "10000"}
    yield bench.run("F15", SinkRun, faults, dataclasses.replace(bench.alone(), options=options))


def _quiet_s(bench: Bench) -> float:
    return 0.3 if bench.short else 1.0

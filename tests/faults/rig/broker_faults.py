"""F6 and F10: brokers die one by one and all at once, and answer late; no task fails, nothing is lost."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator

from tests.faults.rig.bench import Bench
from tests.faults.rig.kafka_cluster import KafkaCluster
from tests.faults.rig.mock import MockBackend
from tests.faults.rig.run import ExactlyOnceRun, Run, SinkRun, SourceRun
from tests.faults.rig.verdict import Verdict

GROWTH_BYTES = 128 << 20
"""How much a worker may hold back while no broker answers: buffers, not everything."""


def brokers_die(bench: Bench) -> Iterator[Verdict]:
    """F6: one of three is killed, then each in turn, then all for a while."""
    # Whoever is told of a commit by a broker that dies may be given a record again.
    plan = dataclasses.replace(bench.plan(), explained=False)
    if bench.log == "mock":
        for kind in (SourceRun, SinkRun):
            mock = bench.mock()
            try:
                yield bench.run("F6", kind, _mock_faults(mock, bench), plan, backend=mock)
            finally:
                mock.close()
        return
    cluster = bench.kafka(3)
    backend = cluster.backend()
    # A transaction a poll, each on three brokers' disks: 250 records a second are too many on a busy machine.
    once = dataclasses.replace(plan, duplicates=0, rate_per_s=100.0)
    try:
        for kind, its_plan in ((SourceRun, plan), (SinkRun, plan), (ExactlyOnceRun, once)):
            yield bench.run("F6", kind, _kafka_faults(cluster, bench), its_plan, backend=backend)
    finally:
        backend.close()


def _times(bench: Bench) -> tuple[float, float]:
    """How long one broker, and how long all of them, are away."""
    return (1.0, 3.0) if bench.short else (3.0, 12.0)


def _mock_faults(mock: MockBackend, bench: Bench) -> Callable[[Run], None]:
    one_s, all_s = _times(bench)

    def away(run: Run, broker: int) -> None:
        mock.tell("down", broker=broker)
        other = broker % mock.brokers + 1
        for partition in range(run.plan.tasks):
            mock.tell("leader", topic=run.topic, partition=partition, broker=other)
        mock.tell("coordinator", group=f"connect-{run.name}", broker=other)
        time.sleep(one_s)
        mock.tell("up", broker=broker)

    def faults(run: Run) -> None:
        for broker in (1, 1, 2, 3):
            away(run, broker)
            run.goes_on("progress after a broker came back")
        _all_away(run, lambda: mock.tell("down", broker=-1), all_s, lambda: mock.tell("up", broker=-1))

    return faults


def _kafka_faults(cluster: KafkaCluster, bench: Bench) -> Callable[[Run], None]:
    one_s, all_s = _times(bench)

    def killed(number: int) -> None:
        cluster.brokers[number].kill()
        time.sleep(one_s)
        cluster.brokers[number].start()

    def restarted(number: int) -> None:
        cluster.brokers[number].stop()
        cluster.brokers[number].start()

    def kill_all() -> None:
        for broker in cluster.brokers:
            broker.kill()

    def start_all() -> None:
        for broker in cluster.brokers:
            broker.begin()
        for broker in cluster.brokers:
            broker.ready()

    def faults(run: Run) -> None:
        killed(0)
        run.goes_on("progress after a broker was killed")
        for number in range(1, len(cluster.brokers)):
            restarted(number)
            run.goes_on("progress after a broker was restarted")
        _all_away(run, kill_all, all_s, start_all)

    return faults


def _all_away(run: Run, off: Callable[[], None], for_s: float, on: Callable[[], None]) -> None:
    before = run.worker.rss_bytes()
    off()
    time.sleep(for_s)
    grown = run.worker.rss_bytes() - before
    on()
    run.verdict.numbers |= {"all_away_s": for_s, "grown_bytes": grown, "rss_bytes": before}
    if grown > GROWTH_BYTES:
        run.verdict.blame(f"the worker grew by {grown} bytes while no broker answered")


def slow_brokers(bench: Bench) -> Iterator[Verdict]:
    """F10: each answer takes 700 ms for a while; throughput falls, nothing fails, nothing moves."""
    slow_s = 3.0 if bench.short else 15.0
    for kind in (SourceRun, SinkRun):
        mock = bench.mock()

        def faults(run: Run, mock: MockBackend = mock) -> None:
            mock.tell("rtt", broker=-1, ms=700)
            time.sleep(slow_s)
            mock.tell("rtt", broker=-1, ms=0)
            run.verdict.numbers |= {"slow_s": slow_s}

        try:
            yield bench.run("F10", kind, faults, bench.alone(), backend=mock)
        finally:
            mock.close()

"""F21: records of megabytes. Below the limits they pass whole; above they are refused, and others are not."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator

from tests.faults.rig.bench import Bench
from tests.faults.rig.run import Plan, Run, SinkRun, SourceRun
from tests.faults.rig.verdict import Verdict

MIB = 1 << 20
OVERHEAD = 256
FLOOR_BYTES = 64 * MIB
"""What a worker needs whatever its records are: the interpreter, clients and their buffers."""


def huge_records(bench: Bench) -> Iterator[Verdict]:
    """A source and a sink of huge records each, and what the memory of the worker was at most."""
    sizes = (1,) if bench.short else (1, 10)
    for mib in sizes:
        size = mib * MIB
        limit = str(size + 64 * 1024)
        settings = {
            "producer.max.request.size": limit,
            "producer.buffer.memory": str(4 * size + 1024),
            "consumer.max.partition.fetch.bytes": limit,
            "consumer.fetch.max.bytes": limit,
            "consumer.max.poll.records": "1",
        }
        plan = Plan(
            tasks=1, rate_per_s=4.0, warm_up=5, size=size, settings=settings,
            options={"most": "1"}, explained=False,
        )  # fmt: skip
        yield bench.run("F21", SourceRun, _measured(size), plan)
        yield bench.run("F21", SinkRun, _measured(size), dataclasses.replace(plan, options={}))


def _measured(size: int) -> Callable[[Run], None]:
    def faults(run: Run) -> None:
        peak = run.worker.rss_bytes()
        until = time.monotonic() + 3.0
        while time.monotonic() < until:
            peak = max(peak, run.worker.rss_bytes())
            time.sleep(0.01)
        run.verdict.numbers |= {"record_bytes": size + OVERHEAD, "peak_bytes": peak}

    return faults

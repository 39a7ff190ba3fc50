"""F21: records of megabytes. Below the limits they pass whole; above, the task says so and others go on."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator

from tests.faults.rig.bench import Bench
from tests.faults.rig.run import Plan, Run, RunError, SinkRun, SourceRun
from tests.faults.rig.verdict import Verdict

MIB = 1 << 20
TIMES = 4
"""How much memory a record may take, in records, beyond what a worker takes with small ones."""
MOST_AS_JSON = 16 * MIB
"""What is larger is not read as JSON; it can be passed on as bytes."""
BYTES = {"value.converter": "org.apache.kafka.connect.converters.ByteArrayConverter"}


def huge_records(bench: Bench) -> Iterator[Verdict]:
    """A source and a sink for each size; the first are small, to know what a worker needs without."""
    sizes = (1,) if bench.short else (1, 10, 64)
    for kind in (SourceRun, SinkRun):
        verdict = bench.run("F21", kind, _measured(0, 0), _usual())
        small_bytes = verdict.numbers.get("peak_bytes", 0)
        yield verdict
        for mib in sizes:
            yield bench.run("F21", kind, _measured(mib * MIB, small_bytes), _plan(kind, mib * MIB))
    if not bench.short:
        beyond = dataclasses.replace(_plan(SinkRun, 20 * MIB), warm_up=0, rate_per_s=0.5, options={})
        yield bench.run("F21", SinkRun, _beyond_json, beyond)
    refused = dataclasses.replace(_plan(SourceRun, 2 * MIB, limit=MIB), warm_up=0)
    yield bench.run("F21", SourceRun, _too_large, refused)


def _usual() -> Plan:
    """Records of a few kilobytes at a usual pace, so that what the worker always keeps is there and full."""
    settings = {"producer.buffer.memory": str(MIB), "consumer.queued.max.messages.kbytes": "1024"}
    return Plan(tasks=1, rate_per_s=500.0, warm_up=2000, size=4000, settings=settings, explained=False)


def _plan(kind: type[Run], size: int, *, limit: int | None = None) -> Plan:
    most = str(limit or size + 64 * 1024)
    settings = {
        "producer.max.request.size": most,
        "producer.buffer.memory": str(2 * size + 64 * 1024),
        "consumer.max.partition.fetch.bytes": most,
        "consumer.fetch.max.bytes": most,
        "consumer.receive.message.max.bytes": str(size + 1024 * 1024),
        "consumer.max.poll.records": "1",
        "consumer.queued.max.messages.kbytes": str(size // 1024 + 64),
    }
    options = {"most": "1"} if kind is SourceRun else BYTES if size > MOST_AS_JSON else {}
    slow = size > MOST_AS_JSON  # the rig keeps what comes out of the worker
    return Plan(
        tasks=1,
        rate_per_s=0.3 if slow else 2.0,
        warm_up=2 if slow else 4,
        size=size,
        settings=settings,
        options=options,
        explained=False,
    )


def _measured(size: int, small_bytes: int) -> Callable[[Run], None]:
    def faults(run: Run) -> None:
        time.sleep(2.0)
        peak = run.worker.peak_bytes()
        run.verdict.numbers |= {"record_bytes": size, "peak_bytes": peak}
        if size and small_bytes:
            run.verdict.numbers["times"] = round((peak - small_bytes) / size, 1)
            if peak - small_bytes > TIMES * size:
                run.verdict.blame(f"records of {size} bytes took {peak - small_bytes} bytes of memory")

    return faults


def _beyond_json(run: Run) -> None:
    """What is larger than is read as JSON is refused before it is read; as bytes it passes."""
    words = "that are read as JSON"
    run.expected.append(words)
    run.wait_for(lambda: bool(run.worker.failures()), "the failure of a task", 30.0)
    code, _ = run.worker.stop()
    if code != 4:
        raise RunError(f"a worker with a failed task ended with code {code}")
    run.worker.configure({**run.connector(), **BYTES})
    run.worker.start()
    run.wait_for(lambda: run.least() >= 1, "a record that was too large", 30.0)


def _too_large(run: Run) -> None:
    """The task fails and says what helps; once that is done, the record passes."""
    run.expected.append("max.request.size")
    run.wait_for(lambda: bool(run.worker.failures()), "the failure of a task", 30.0)
    if "max.request.size" not in run.worker.failures()[0]:
        run.verdict.blame(f"the failure does not say what helps: {run.worker.failures()[0]}")
    code, _ = run.worker.stop()
    if code != 4:
        raise RunError(f"a worker with a failed task ended with code {code}")
    run.worker.configure(
        {**run.connector(), "producer.override.max.request.size": str(4 * MIB)},
    )
    run.worker.start()
    run.wait_for(lambda: run.least() >= 1, "a record that was too large", 30.0)

"""F17 and F26: the disk of the offset file is full, and memory is short."""

from __future__ import annotations

import contextlib
import dataclasses
import resource
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from tests.faults.rig.bench import Bench, SkippedError
from tests.faults.rig.run import Run, RunError, SinkRun, SourceRun
from tests.faults.rig.verdict import Verdict

DISK_KIB = 2048
ADDRESSES_BYTES = 512 << 20
RECORD_CHARACTERS = 20_000


def disk_full(bench: Bench) -> Iterator[Verdict]:
    """F17: the offset file is as it was, the task fails and names it; with space it goes on where it was."""
    disk = bench.new_folder("disk")
    disk.mkdir(parents=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK_KIB}k", "tmpfs", str(disk)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode:
        raise SkippedError(f"a small disk cannot be mounted here: {mounted.stderr.strip()}")
    offsets, filler = disk / "offsets.json", disk / "filler"

    def faults(run: Run) -> None:
        run.expected.append(str(offsets))
        _fill(filler)
        before = offsets.read_bytes()
        run.wait_for(lambda: bool(run.worker.failures()), "the failure of a task on a full disk", 30.0)
        sentence = run.worker.failures()[0]
        if str(offsets) not in sentence or "No space" not in sentence:
            run.verdict.blame(f"the failure does not name the file and the reason: {sentence}")
        if offsets.read_bytes() != before:
            run.verdict.blame("the offset file has changed though there was no space for it")
        code, _ = run.worker.stop()
        if code != 4:
            raise RunError(f"a worker with a failed task ended with code {code}")
        run.died()
        filler.unlink()

    try:
        settings = {"offset.storage.file.filename": str(offsets)}
        plan = dataclasses.replace(bench.plan(), settings=settings)
        yield bench.run("F17", SourceRun, faults, plan)
    finally:
        subprocess.run(["umount", str(disk)], capture_output=True, check=False)


def _fill(filler: Path) -> None:
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(b"\0" * 4096)


def memory_short(bench: Bench) -> Iterator[Verdict]:
    """F26: half a gibibyte of addresses, and ten times as much as usual at once; nothing breaks."""
    plan = dataclasses.replace(
        bench.plan(),
        rate_per_s=100.0,
        warm_up=200,
        size=RECORD_CHARACTERS,
        # Addresses that the C library sets aside for each thread are no memory, but count as such.
        environment={"MALLOC_ARENA_MAX": "2"},
    )
    burst = 300 if bench.short else 3000

    def faults(run: Run) -> None:
        resource.prlimit(run.worker.pid, resource.RLIMIT_AS, (ADDRESSES_BYTES, ADDRESSES_BYTES))
        run.ask("burst", count=burst)
        peak = 0
        until = time.monotonic() + (2.0 if bench.short else 8.0)
        while time.monotonic() < until:
            peak = max(peak, run.worker.rss_bytes())
            time.sleep(0.05)
        run.verdict.numbers |= {"burst_records": burst * run.plan.tasks, "peak_bytes": peak}

    for kind in (SourceRun, SinkRun):
        yield bench.run("F26", kind, faults, plan)
